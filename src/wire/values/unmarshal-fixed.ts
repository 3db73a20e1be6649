// Bytes into fixed types: one value, arrays of them, and arrays of structs of them, where every offset is known
// beforehand. It knows what fixed.ts knows of each type, and arrays. Specification: Marshalling Containers.
import { checkReadDepth, lengthMismatch, readArrayEnd } from './containers.js';
import type { UnmarshalErrorCode } from '../errors.js';
import { Fault, within } from './fault.js';
import { FIXED_ARRAY, FIXED_CODEC, holdsNaN, listExactly, listFixedArray } from './fixed.js';
import { HOST_IS_LITTLE_ENDIAN, type Reader, type Unmarshal } from './reader.js';
import { FIXED_SIZE, type FixedType, type FixedTypeCode, fixedLayout } from '../signature.js';

/** From this many elements on, a view of the array's memory is quicker than reading one by one. */
const BULK_LENGTH = 16;

/** Up to this many bytes, a loop is quicker than the platform's copy. */
const SHORT_LENGTH = 64;

/** One value of a fixed type. */
export function compileFixed({ code }: FixedType): Unmarshal {
  const size = FIXED_SIZE[code];
  const { read } = FIXED_CODEC[code];
  return (reader) => {
    reader.align(size, size);
    const value = read(reader, reader.offset);
    reader.offset += size;
    return value;
  };
}

/**
 * One for all: there is nothing in it to change, and millions of them in one message would cost 50 times their bytes.
 */
const NO_BYTES = new Uint8Array(0);

function unmarshalBytes(reader: Reader): Uint8Array {
  const end = readArrayEnd(reader, 1);
  const { bytes, offset: start } = reader;
  reader.offset = end;
  if (end === start) return NO_BYTES;
  if (end - start > SHORT_LENGTH) return new Uint8Array(bytes.subarray(start, end)); // no Buffer where that is one
  const copy = new Uint8Array(end - start);
  for (let i = 0; i < copy.length; i++) copy[i] = bytes[start + i]!;
  return copy;
}

/** Arrays of a fixed type. */
export function compileFixedArray({ code }: FixedType): Unmarshal {
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
    if (constructor !== undefined && length >= BULK_LENGTH && reader.littleEndian === HOST_IS_LITTLE_ENDIAN) {
      const { buffer, byteOffset } = alignedBytes(reader.bytes.subarray(start, end), size);
      return listFixedArray(new constructor(buffer, byteOffset, length));
    }
    const values: unknown[] = [];
    try {
      for (let offset = start; offset < end; offset += size) values.push(read(reader, offset));
    } catch (error) {
      throw within(error, values.length);
    }
    return code === 'd' && holdsNaN(values) ? listExactly(length, (i) => read(reader, start + i * size)) : values;
  };
}

/** The bytes on a boundary of the machine's memory: where they stand, or as a copy. */
function alignedBytes(bytes: Uint8Array, boundary: number): Uint8Array {
  return bytes.byteOffset % boundary === 0 ? bytes : new Uint8Array(bytes);
}

/** Arrays of structs whose fields all have one size: every offset is known beforehand. */
export function compileFixedStructArray(fields: readonly FixedType[]): Unmarshal {
  const { offsets, size, stride, padding } = fixedLayout(fields);
  const codes = fields.map(({ code }) => code);
  const readNumbers = compileNumbers(codes, offsets);
  const hasDoubles = codes.includes('d');
  const reads = codes.map((code) => FIXED_CODEC[code].read);
  const checkPadding = ({ bytes }: Reader, offset: number, end: number): void => {
    let bits = 0;
    // Behind the last struct there is none.
    for (let p = 0; p < padding.length && offset + padding[p]! < end; p++) bits |= bytes[offset + padding[p]!]!;
    if (bits !== 0) {
      const position = padding.find((inside) => bytes[offset + inside] !== 0)!; // bits has one of them
      throw new Fault<UnmarshalErrorCode>('PADDING_NOT_ZERO', 'padding is not zero', { offset: offset + position });
    }
  };
  return (reader, depth) => {
    const end = readArrayEnd(reader, 8);
    let { offset } = reader;
    if (offset === end) return [];
    const length = (end - offset - size) / stride + 1;
    if (!Number.isInteger(length) || length < 1) throw lengthMismatch(reader, end);
    checkReadDepth(reader, depth + 2);
    reader.offset = end;
    const { view, littleEndian } = reader;
    const structs = new Array<unknown>(length);
    let i = 0;
    try {
      for (; i < length; i++, offset += stride) {
        checkPadding(reader, offset, end);
        const values = readNumbers === undefined
          ? reads.map((read, k) => read(reader, offset + offsets[k]!))
          : readNumbers(view, offset, littleEndian);
        const isExact = !hasDoubles || !holdsNaN(values);
        const at = offset;
        structs[i] = isExact ? values : listExactly(codes.length, (k) => reads[k]!(reader, at + offsets[k]!));
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
 * What reads a struct of two or three numbers, such as a point or a triple. As a literal it is made for numbers at
 * once, and a number that is stored where it is read costs no allocation of its own. Other structs have no quick way.
 */
function compileNumbers(codes: readonly FixedTypeCode[], offsets: readonly number[]): ReadNumbers | undefined {
  if (!codes.every((code) => NUMBER_CODES.includes(code))) return undefined;
  const [a, b, c] = codes as [FixedTypeCode, FixedTypeCode, FixedTypeCode]; // as many as the length below says
  const [p, q, r] = offsets as [number, number, number];
  switch (codes.length) {
    case 2: return (view, at, little) => [numberAt(view, a, at + p, little), numberAt(view, b, at + q, little)];
    case 3: return (view, at, little) => [
      numberAt(view, a, at + p, little), numberAt(view, b, at + q, little), numberAt(view, c, at + r, little),
    ];
    default: return undefined;
  }
}

const NUMBER_CODES = 'yqnuid';

function numberAt(view: DataView, code: FixedTypeCode, position: number, littleEndian: boolean): number {
  switch (code) {
    case 'i': return view.getInt32(position, littleEndian);
    case 'u': return view.getUint32(position, littleEndian);
    case 'd': return view.getFloat64(position, littleEndian);
    case 'q': return view.getUint16(position, littleEndian);
    case 'n': return view.getInt16(position, littleEndian);
    default: return view.getUint8(position);
  }
}
