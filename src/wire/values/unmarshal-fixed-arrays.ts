// Unmarshals arrays of fixed-size types, and of structs of them, whose layout is known before any byte is read.
// numbers-and-booleans.ts knows the values, fixed-arrays.ts the typed arrays. Specification: Marshalling Containers.
// Tests: unmarshal.test.ts, nan.test.ts.
import { lengthMismatch, readArrayEnd } from './array-length-and-padding.js';
import { checkDepth } from './depth.js';
import { countValues } from './value-count.js';
import { Fault, paddingFault, within } from './fault.js';
import { swapBytes } from './byte-swap.js';
import { BULK_LENGTH, FIXED_ARRAY, HOST_IS_LITTLE_ENDIAN, listFixedArray } from './fixed-arrays.js';
import { FIXED_CODEC } from './numbers-and-booleans.js';
import type { Reader, Unmarshal } from './reader.js';
import {
  FIXED_SIZE, type FixedLayout, type FixedType, type FixedTypeCode, fixedLayout, oncePerCode,
} from '../signature.js';

/** Up to this many bytes, a loop is faster than the platform's copy. */
const SHORT_LENGTH = 64;

/** Shared: it is empty, hence immutable, and millions of separate ones in one message would take 50 times its bytes. */
const NO_BYTES = new Uint8Array(0);

function unmarshalBytes(reader: Reader): Uint8Array {
  const end = readArrayEnd(reader, 1);
  const { bytes, offset: start } = reader;
  reader.offset = end;
  if (end === start) return NO_BYTES;
  if (end - start > SHORT_LENGTH) return new Uint8Array(bytes.subarray(start, end)); // never a Buffer, unlike slice()
  const copy = new Uint8Array(end - start);
  for (let i = 0; i < copy.length; i++) copy[i] = bytes[start + i]!;
  return copy;
}

/** The reader of an array of a fixed-size type. */
export const compileUnmarshalFixedArray = oncePerCode((code): Unmarshal => {
  if (code === 'y') return unmarshalBytes;
  const size = FIXED_SIZE[code];
  const { read } = FIXED_CODEC[code];
  const constructor = FIXED_ARRAY.get(code);
  return (reader) => {
    const end = readArrayEnd(reader, size);
    const start = reader.offset;
    const length = (end - start) / size;
    if (!Number.isInteger(length)) throw lengthMismatch(reader, end);
    reader.offset = end;
    const { typedArrays } = reader.reading;
    if (constructor !== undefined && (typedArrays || length >= BULK_LENGTH)) {
      const bytes = reader.bytes.subarray(start, end);
      const isForeign = reader.littleEndian !== HOST_IS_LITTLE_ENDIAN;
      const { buffer, byteOffset } = typedArrays || isForeign ? new Uint8Array(bytes) : alignedBytes(bytes, size);
      if (isForeign) swapBytes(buffer, size);
      const elements = new constructor(buffer, byteOffset, length);
      return typedArrays ? elements : listFixedArray(elements);
    }
    const values: unknown[] = [];
    try {
      for (let offset = start; offset < end; offset += size) values.push(read(reader, offset));
    } catch (error) {
      throw within(error, values.length);
    }
    return values;
  };
});

/** The same bytes at an address that a typed array of this element size accepts: in place, or a copy. */
function alignedBytes(bytes: Uint8Array, elementSize: number): Uint8Array {
  return bytes.byteOffset % elementSize === 0 ? bytes : new Uint8Array(bytes);
}

/** Compiles the check of the padding in and after the struct at `offset`, in an array that ends at `end`. */
export function compileCheckPadding({ padding }: FixedLayout): (reader: Reader, offset: number, end: number) => void {
  return ({ bytes }, offset, end) => {
    let bits = 0;
    // No padding follows the last struct.
    for (let p = 0; p < padding.length && offset + padding[p]! < end; p++) bits |= bytes[offset + padding[p]!]!;
    if (bits !== 0) {
      const position = padding.find((inside) => bytes[offset + inside] !== 0)!; // one of them set a bit
      throw paddingFault(offset + position);
    }
  };
}

/** Compiles the reader of an array of structs whose fields all have a fixed size. */
export function compileUnmarshalFixedStructArray(fields: readonly FixedType[]): Unmarshal {
  const layout = fixedLayout(fields);
  const { offsets, size, stride } = layout;
  const codes = fields.map(({ code }) => code);
  const readNumbers = compileReadNumbers(codes, offsets);
  const reads = codes.map((code) => FIXED_CODEC[code].read);
  const checkPadding = compileCheckPadding(layout);
  return (reader, depth) => {
    const end = readArrayEnd(reader, 8);
    let { offset } = reader;
    if (offset === end) return [];
    const length = (end - offset - size) / stride + 1;
    if (!Number.isInteger(length) || length < 1) throw lengthMismatch(reader, end);
    checkDepth(depth + 2, reader);
    countValues(reader, length * (fields.length + 1));
    reader.offset = end;
    const { view, littleEndian } = reader;
    const structs = new Array<unknown>(length);
    let i = 0;
    try {
      for (; i < length; i++, offset += stride) {
        checkPadding(reader, offset, end);
        structs[i] = readNumbers === undefined
          ? reads.map((read, k) => read(reader, offset + offsets[k]!))
          : readNumbers(view, offset, littleEndian);
      }
    } catch (error) {
      const k = error instanceof Fault ? offsets.indexOf(error.offset - offset) : -1; // padding belongs to no field
      throw within(k < 0 ? error : within(error, k), i);
    }
    return structs;
  };
}

/** Reads the fields of the struct at `offset`. */
type ReadNumbers = (view: DataView, offset: number, littleEndian: boolean) => number[];

/**
 * Compiles the reader of a struct of two or three numbers, such as a point; undefined for other structs. An array
 * literal is created with room for numbers, so no number needs an allocation of its own.
 */
function compileReadNumbers(codes: readonly FixedTypeCode[], offsets: readonly number[]): ReadNumbers | undefined {
  if (!codes.every((code) => NUMBER_CODES.includes(code))) return undefined;
  const [a, b, c] = codes;
  const [p, q, r] = offsets;
  if (a === undefined || p === undefined || b === undefined || q === undefined || codes.length > 3) return undefined;
  if (c === undefined || r === undefined) {
    return (view, at, little) => [numberAt(view, a, at + p, little), numberAt(view, b, at + q, little)];
  }
  return (view, at, little) => [
    numberAt(view, a, at + p, little), numberAt(view, b, at + q, little), numberAt(view, c, at + r, little),
  ];
}

/** The types whose decoded values are of the JavaScript type number. */
const NUMBER_CODES = 'yqnuihd';

function numberAt(view: DataView, code: FixedTypeCode, position: number, littleEndian: boolean): number {
  switch (code) {
    case 'i': return view.getInt32(position, littleEndian);
    case 'u':
    case 'h': return view.getUint32(position, littleEndian);
    case 'd': return view.getFloat64(position, littleEndian);
    case 'q': return view.getUint16(position, littleEndian);
    case 'n': return view.getInt16(position, littleEndian);
    default: return view.getUint8(position);
  }
}
