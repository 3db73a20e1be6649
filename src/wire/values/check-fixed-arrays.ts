// Checks arrays of fixed-size types in place, without making values: the counterpart of unmarshal-fixed-arrays.ts. It
// refuses the same bytes with the same errors. Specification: Marshalling Containers.
// Tests: test/wire/invalid.test.ts, test/fuzz/short.test.ts.
import { lengthMismatch, readArrayEnd } from './array-length-and-padding.js';
import { checkDepth } from './depth.js';
import { Fault, within } from './fault.js';
import { FIXED_CODEC } from './numbers-and-booleans.js';
import type { Check } from './reader.js';
import { FIXED_SIZE, type FixedType, fixedLayout, oncePerCode } from '../signature.js';
import { compileCheckPadding } from './unmarshal-fixed-arrays.js';

const { read: checkBoolean } = FIXED_CODEC.b;

/** The check of an array of a fixed-size type. */
export const compileCheckFixedArray = oncePerCode((code): Check => {
  const size = FIXED_SIZE[code];
  const isBoolean = code === 'b';
  return (reader) => {
    const end = readArrayEnd(reader, size);
    const start = reader.offset;
    if ((end - start) % size !== 0) throw lengthMismatch(reader, end);
    reader.offset = end;
    if (!isBoolean) return;
    let offset = start;
    try {
      for (; offset < end; offset += size) checkBoolean(reader, offset);
    } catch (error) {
      throw within(error, (offset - start) / size);
    }
  };
});

/** Compiles the check of an array of structs whose fields all have a fixed size. */
export function compileCheckFixedStructArray(fields: readonly FixedType[]): Check {
  const layout = fixedLayout(fields);
  const { offsets, size, stride } = layout;
  const checkPadding = compileCheckPadding(layout);
  const booleans = offsets.filter((_, k) => fields[k]!.code === 'b');
  const isAnyValid = booleans.length === 0 && layout.padding.length === 0;
  return (reader, depth) => {
    const end = readArrayEnd(reader, 8);
    let { offset } = reader;
    if (offset === end) return;
    const length = (end - offset - size) / stride + 1;
    if (!Number.isInteger(length) || length < 1) throw lengthMismatch(reader, end);
    checkDepth(depth + 2, reader);
    reader.offset = end;
    if (isAnyValid) return;
    let i = 0;
    try {
      for (; i < length; i++, offset += stride) {
        checkPadding(reader, offset, end);
        for (const inside of booleans) checkBoolean(reader, offset + inside);
      }
    } catch (error) {
      const k = error instanceof Fault ? offsets.indexOf(error.offset - offset) : -1; // padding belongs to no field
      throw within(k < 0 ? error : within(error, k), i);
    }
  };
}
