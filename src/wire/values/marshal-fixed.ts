// Fixed types into bytes: one value, arrays of them, and arrays of structs of them, where every offset is known
// beforehand. It knows what fixed.ts knows of each type, and arrays. Specification: Marshalling Containers.
import { beginArray, checkArrayLength, checkDepth } from './containers.js';
import { within } from './fault.js';
import { fillFixedArray, FIXED_ARRAY, FIXED_CODEC, type FixedArray } from './fixed.js';
import { marshalFault, mismatch } from './mismatch.js';
import { HOST_IS_LITTLE_ENDIAN } from './reader.js';
import { FIXED_SIZE, type FixedType, fixedLayout, type StructType } from '../signature.js';
import type { Marshal } from './writer.js';

/** From this many elements on, a typed array over the writer's memory is quicker than writing one by one. */
const BULK_LENGTH = 16;

/** One value of a fixed type. */
export function compileFixed({ code }: FixedType): Marshal {
  const size = FIXED_SIZE[code];
  const { write } = FIXED_CODEC[code];
  return (writer, value) => {
    writer.align(size, size);
    write(writer, writer.offset, value);
    writer.offset += size;
  };
}

/**
 * Arrays of a fixed type: room for all at once, and one copy or one loop where the machine's memory looks like the
 * wire.
 */
export function compileFixedArray({ code }: FixedType): Marshal {
  const size = FIXED_SIZE[code];
  const { write } = FIXED_CODEC[code];
  const constructor = FIXED_ARRAY.get(code);
  return (writer, value) => {
    const isTyped = constructor !== undefined && value instanceof constructor;
    if (!isTyped && !Array.isArray(value)) {
      throw mismatch(constructor === undefined ? 'an array' : `an array or ${constructor.name}`, value);
    }
    const values = value as FixedArray | readonly unknown[]; // one of the two, checked right above
    const { length } = values;
    checkArrayLength(length * size);
    const lengthOffset = beginArray(writer, size);
    writer.reserve(length * size);
    const start = writer.offset;
    let i = 0;
    if (constructor !== undefined && (size === 1 || writer.littleEndian === HOST_IS_LITTLE_ENDIAN)) {
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

/** Arrays of structs whose fields all have one size: every offset is known beforehand. */
export function compileFixedStructArray(struct: StructType, fields: readonly FixedType[]): Marshal {
  const { offsets, size, stride, padding } = fixedLayout(fields);
  const codes = fields.map(({ code }) => code);
  const writes = codes.map((code) => FIXED_CODEC[code].write);
  return (writer, value, depth) => {
    if (!Array.isArray(value)) throw mismatch(`an array (a${struct.signature})`, value);
    const lengthOffset = beginArray(writer, 8);
    const { length } = value;
    const byteLength = length === 0 ? 0 : (length - 1) * stride + size;
    checkArrayLength(byteLength);
    if (length > 0) checkDepth(depth + 2);
    writer.reserve(byteLength);
    const { view, littleEndian } = writer;
    let { offset } = writer;
    if (padding.length > 0) writer.bytes.fill(0, offset, offset + byteLength);
    let i = 0;
    let k = -1;
    try {
      for (; i < length; i++, offset += stride) {
        const values: unknown = value[i];
        k = -1;
        checkFields(struct, values);
        for (k = 0; k < codes.length; k++) {
          const field = values[k];
          const position = offset + offsets[k]!;
          // The commonest types right here: passing a number on to a function may cost an allocation.
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

/** Holds a value to the number of fields that a struct has. */
export function checkFields({ fields, signature }: StructType, value: unknown): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) throw mismatch(`an array of ${fields.length} fields (${signature})`, value);
  if (value.length !== fields.length) {
    const problem = `${signature} has ${fields.length} fields, the value has ${value.length}`;
    throw marshalFault('VALUE_COUNT_MISMATCH', problem);
  }
}
