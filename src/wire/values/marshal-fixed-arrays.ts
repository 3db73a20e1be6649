// Marshals arrays of fixed-size types, and of structs of them, whose layout is known before any value is seen.
// numbers-and-booleans.ts knows the values, fixed-arrays.ts the typed arrays. Specification: Marshalling Containers.
// Tests: marshal.test.ts.
import { isIndexed, isInstance } from '../arguments.js';
import { counted } from '../counted.js';
import { beginArray, checkArrayLength } from './array-length-and-padding.js';
import { checkWrittenDepth } from './depth.js';
import { Fault, mismatch, within } from './fault.js';
import { BULK_LENGTH, fillFixedArray, FIXED_ARRAY, type FixedArray, HOST_IS_LITTLE_ENDIAN } from './fixed-arrays.js';
import { FIXED_CODEC } from './numbers-and-booleans.js';
import { FIXED_SIZE, type FixedType, fixedLayout, type StructType } from '../signature.js';
import type { Marshal } from './writer.js';

/** Compiles the writer of an array of a fixed-size type; in the host's byte order it copies all elements at once. */
export function compileMarshalFixedArray({ code }: FixedType): Marshal {
  const size = FIXED_SIZE[code];
  const { write } = FIXED_CODEC[code];
  const constructor = FIXED_ARRAY.get(code);
  return (writer, value, depth) => {
    const isTyped = constructor !== undefined && ArrayBuffer.isView(value) && isInstance(value, constructor);
    if (!isTyped && !isIndexed(value)) {
      throw mismatch(constructor === undefined ? 'an array' : `an array or ${constructor.name}`, value);
    }
    const values = value as FixedArray | readonly unknown[]; // checked by the condition above
    const { length } = values;
    checkArrayLength(length * size);
    const lengthOffset = beginArray(writer, size, depth);
    writer.reserve(length * size);
    const start = writer.offset;
    let i = 0;
    const isChecked = code === 'h' && !writer.allowsUnixFds; // one by one: the first is refused
    if (constructor !== undefined && !isChecked && (size === 1 || writer.littleEndian === HOST_IS_LITTLE_ENDIAN)) {
      if (isTyped) {
        const { buffer, byteOffset, byteLength } = value;
        writer.bytes.set(new Uint8Array(buffer, byteOffset, byteLength), start);
        i = length;
      } else if (start % size === 0 && length >= BULK_LENGTH) {
        const target = new constructor(writer.bytes.buffer, start, length);
        if (fillFixedArray(target, values as readonly unknown[])) i = length;
      }
    }
    try {
      for (; i < length; i++) write(writer, start + i * size, values[i]);
    } catch (error) {
      throw within(error, i);
    }
    writer.offset = start + length * size;
    writer.patchUint32(lengthOffset, length * size);
  };
}

/** Compiles the writer of an array of structs whose fields all have a fixed size. */
export function compileMarshalFixedStructArray(struct: StructType, fields: readonly FixedType[]): Marshal {
  const { offsets, size, stride, padding } = fixedLayout(fields);
  const codes = fields.map(({ code }) => code);
  const writes = codes.map((code) => FIXED_CODEC[code].write);
  return (writer, value, depth) => {
    if (!isIndexed(value)) throw mismatch(`an array (a${struct.signature})`, value);
    const lengthOffset = beginArray(writer, 8, depth);
    const { length } = value;
    const byteLength = length === 0 ? 0 : (length - 1) * stride + size;
    checkArrayLength(byteLength);
    if (length > 0) checkWrittenDepth(writer, depth + 2);
    writer.reserve(byteLength);
    const { view, littleEndian } = writer;
    let { offset } = writer;
    if (padding.length > 0) writer.bytes.fill(0, offset, offset + byteLength);
    let i = 0;
    let k = -1; // the field, or -1 while the struct itself is checked
    try {
      for (; i < length; i++, offset += stride) {
        const values: unknown = value[i];
        k = -1;
        checkFieldCount(struct, values);
        for (k = 0; k < codes.length; k++) {
          const field = values[k];
          const position = offset + offsets[k]!;
          // The most common types are written here: passing a number to a function may allocate it on the heap.
          if (typeof field === 'number') {
            const code = codes[k];
            if (code === 'i' && (field | 0) === field) {
              view.setInt32(position, field, littleEndian);
              continue;
            }
            if (code === 'u' && field >>> 0 === field) {
              view.setUint32(position, field, littleEndian);
              continue;
            }
            if (code === 'd') {
              view.setFloat64(position, field, littleEndian);
              continue;
            }
          }
          writes[k]!(writer, position, field);
        }
      }
    } catch (error) {
      throw within(k < 0 ? error : within(error, k), i);
    }
    writer.offset += byteLength;
    writer.patchUint32(lengthOffset, byteLength);
  };
}

/** Refuses a value that is not an array with one element for each field of a struct. */
export function checkFieldCount(struct: StructType, value: unknown): asserts value is readonly unknown[] {
  const { fields, signature } = struct;
  if (!isIndexed(value)) throw mismatch(`an array of ${counted(fields.length, 'field')}, ${signature}`, value);
  if (value.length !== fields.length) {
    const problem = `expected ${counted(fields.length, 'field')}, ${signature}, got ${value.length}`;
    throw new Fault('VALUE_COUNT_MISMATCH', problem);
  }
}
