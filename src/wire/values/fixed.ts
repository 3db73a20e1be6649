// The types of one size, one by one and in bulk: how a value of each is checked, written and read.
// It knows neither alignment nor room: its callers saw to both. Specification: Marshalling Basic Types.
import type { MarshalErrorCode, UnmarshalErrorCode } from '../errors.js';
import { Fault } from './fault.js';
import { mismatch } from './mismatch.js';
import type { Reader } from './reader.js';
import type { FixedTypeCode } from '../signature.js';
import type { Writer } from './writer.js';

/** One fixed type. */
export interface FixedCodec {
  /** Checks a value and writes it at `offset`; throws a {@link Fault}. */
  readonly write: (writer: Writer, offset: number, value: unknown) => void;
  /** Reads the value at `offset`; throws a {@link Fault}. */
  readonly read: (reader: Reader, offset: number) => unknown;
}

function outOfRange(type: string, range: string, value: unknown): Fault<MarshalErrorCode> {
  return new Fault('VALUE_OUT_OF_RANGE', `${type} takes an integer from ${range}, got ${String(value)}`);
}

function notAnInteger(type: string, range: string, value: unknown): Fault<MarshalErrorCode> {
  return typeof value === 'number' ? outOfRange(type, range, value) : mismatch(`an integer number (${type})`, value);
}

const byte: FixedCodec = {
  write: (writer, offset, value) => {
    if (typeof value !== 'number' || (value & 0xff) !== value) throw notAnInteger('BYTE', '0 to 255', value);
    writer.bytes[offset] = value;
  },
  read: (reader, offset) => reader.bytes[offset],
};

const boolean: FixedCodec = {
  write: (writer, offset, value) => {
    if (typeof value !== 'boolean') throw mismatch('true or false (BOOLEAN)', value);
    writer.view.setUint32(offset, value ? 1 : 0, writer.littleEndian);
  },
  read: (reader, offset) => {
    const bits = reader.uint32At(offset);
    if (bits > 1) throw booleanFault(bits, offset);
    return bits === 1;
  },
};

function booleanFault(bits: number, offset: number): Fault<UnmarshalErrorCode> {
  return new Fault('BOOLEAN_INVALID', `a BOOLEAN is 0 or 1, not ${bits}`, { offset });
}

const int16: FixedCodec = {
  write: (writer, offset, value) => {
    if (typeof value !== 'number' || (value << 16) >> 16 !== value) {
      throw notAnInteger('INT16', '-32768 to 32767', value);
    }
    writer.view.setInt16(offset, value, writer.littleEndian);
  },
  read: (reader, offset) => (reader.uint16At(offset) << 16) >> 16,
};

const uint16: FixedCodec = {
  write: (writer, offset, value) => {
    if (typeof value !== 'number' || (value & 0xffff) !== value) throw notAnInteger('UINT16', '0 to 65535', value);
    writer.view.setUint16(offset, value, writer.littleEndian);
  },
  read: (reader, offset) => reader.uint16At(offset),
};

const int32: FixedCodec = {
  write: (writer, offset, value) => {
    if (typeof value !== 'number' || (value | 0) !== value) throw notAnInteger('INT32', '-2^31 to 2^31-1', value);
    writer.view.setInt32(offset, value, writer.littleEndian);
  },
  read: (reader, offset) => reader.uint32At(offset) | 0,
};

const uint32Codec = (name: string): FixedCodec => ({
  write: (writer, offset, value) => {
    if (typeof value !== 'number' || value >>> 0 !== value) throw notAnInteger(name, '0 to 2^32-1', value);
    writer.view.setUint32(offset, value, writer.littleEndian);
  },
  read: (reader, offset) => reader.uint32At(offset),
});

/** An INT64 or UINT64 as bigint; BigInt's own `wrap` says whether it fits. */
function toBigInt(
  value: unknown,
  type: { name: string; range: string; wrap: (bits: number, value: bigint) => bigint },
): bigint {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) {
    throw mismatch(`a bigint, or a number that is a safe integer (${type.name})`, value);
  }
  const integer = BigInt(value as bigint | number); // checked right above
  if (type.wrap(64, integer) !== integer) throw outOfRange(type.name, type.range, integer);
  return integer;
}

const INT64 = { name: 'INT64', range: '-2^63 to 2^63-1', wrap: BigInt.asIntN };
const UINT64 = { name: 'UINT64', range: '0 to 2^64-1', wrap: BigInt.asUintN };

const int64: FixedCodec = {
  write: (writer, offset, value) => writer.view.setBigInt64(offset, toBigInt(value, INT64), writer.littleEndian),
  read: (reader, offset) => reader.view.getBigInt64(offset, reader.littleEndian),
};

const uint64: FixedCodec = {
  write: (writer, offset, value) => writer.view.setBigUint64(offset, toBigInt(value, UINT64), writer.littleEndian),
  read: (reader, offset) => reader.view.getBigUint64(offset, reader.littleEndian),
};

const double: FixedCodec = {
  write: (writer, offset, value) => {
    if (typeof value !== 'number') throw mismatch('a number (DOUBLE)', value);
    writer.view.setFloat64(offset, value, writer.littleEndian);
  },
  read: (reader, offset) => reader.view.getFloat64(offset, reader.littleEndian),
};

/** Each fixed type by its code. */
export const FIXED_CODEC: Readonly<Record<FixedTypeCode, FixedCodec>> = {
  y: byte,
  b: boolean,
  n: int16,
  q: uint16,
  i: int32,
  u: uint32Codec('UINT32'),
  x: int64,
  t: uint64,
  d: double,
  h: uint32Codec('UNIX_FD, an index,'),
};

/* In bulk -------------------------------------------------------------------------------------------------------- */

/** A typed array whose memory is the wire form of an array's elements, but for the byte order. */
export type FixedArray =
  | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array | Float64Array;

/** Makes such an array of memory that stands on a boundary of its elements. */
export type FixedArrayConstructor = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => FixedArray;

/** The typed array of each fixed type that has one; BOOLEAN has none. */
export const FIXED_ARRAY: ReadonlyMap<FixedTypeCode, FixedArrayConstructor> = new Map<
  FixedTypeCode,
  FixedArrayConstructor
>([
  ['y', Uint8Array],
  ['n', Int16Array],
  ['q', Uint16Array],
  ['i', Int32Array],
  ['u', Uint32Array],
  ['h', Uint32Array],
  ['x', BigInt64Array],
  ['t', BigUint64Array],
  ['d', Float64Array],
]);

// The loops below look alike, and must: a loop that sees arrays of one kind only is several times as fast as one loop
// that sees them all, and four values a round are twice as fast as one. Types that are seldom sent in bulk go one by
// one.

const isInt32 = (value: unknown): boolean => typeof value === 'number' && (value | 0) === value;
const isUint32 = (value: unknown): boolean => typeof value === 'number' && value >>> 0 === value;
const isDouble = (value: unknown): boolean => typeof value === 'number';

function areInt32(values: readonly unknown[]): boolean {
  const { length } = values;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    if (!isInt32(values[i]) || !isInt32(values[i + 1]) || !isInt32(values[i + 2]) || !isInt32(values[i + 3])) {
      return false;
    }
  }
  for (; i < length; i++) if (!isInt32(values[i])) return false;
  return true;
}

function areUint32(values: readonly unknown[]): boolean {
  const { length } = values;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    if (!isUint32(values[i]) || !isUint32(values[i + 1]) || !isUint32(values[i + 2]) || !isUint32(values[i + 3])) {
      return false;
    }
  }
  for (; i < length; i++) if (!isUint32(values[i])) return false;
  return true;
}

function areDoubles(values: readonly unknown[]): boolean {
  const { length } = values;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    if (!isDouble(values[i]) || !isDouble(values[i + 1]) || !isDouble(values[i + 2]) || !isDouble(values[i + 3])) {
      return false;
    }
  }
  for (; i < length; i++) if (!isDouble(values[i])) return false;
  return true;
}

/**
 * Writes plain values into memory all at once; false where there is no quick way for their type, or one does not fit.
 * The platform's own set() is the quickest copy, but converts whatever it is given, so all are checked before.
 */
export function fillFixedArray(target: FixedArray, values: readonly unknown[]): boolean {
  const fits =
    target instanceof Float64Array ? areDoubles(values)
    : target instanceof Int32Array ? areInt32(values)
    : target instanceof Uint32Array ? areUint32(values)
    : false;
  if (!fits || values.length !== target.length) return false; // a getter among the values may have changed the array
  (target as Int32Array).set(values as readonly number[]); // numbers, whichever of the three it is
  return true;
}

function listInt32(source: Int32Array): number[] {
  const values = new Array<number>(source.length);
  for (let i = 0; i < source.length; i++) values[i] = source[i]!;
  return values;
}

function listUint32(source: Uint32Array): number[] {
  const values = new Array<number>(source.length);
  for (let i = 0; i < source.length; i++) values[i] = source[i]!;
  return values;
}

function listFloat64(source: Float64Array): unknown[] {
  const values = new Array<number>(source.length);
  let hasNaN = false;
  for (let i = 0; i < source.length; i++) {
    const value = source[i]!;
    if (value !== value) hasNaN = true;
    values[i] = value;
  }
  return hasNaN ? listExactly(source.length, (i) => source[i]) : values;
}

/** Whether one of the values is NaN. */
export function holdsNaN(values: readonly unknown[]): boolean {
  return values.some((value) => value !== value);
}

/**
 * Values in an array that keeps every bit of a NaN. V8 keeps numbers that stand together as plain doubles, among which
 * a NaN is no more than that; an array that was made for anything keeps each as it is.
 */
export function listExactly(length: number, at: (i: number) => unknown): unknown[] {
  const values = new Array<unknown>(length).fill(undefined);
  for (let i = 0; i < length; i++) values[i] = at(i);
  return values;
}

/** The elements as a plain array. */
export function listFixedArray(source: FixedArray): unknown[] {
  if (source instanceof Float64Array) return listFloat64(source);
  if (source instanceof Int32Array) return listInt32(source);
  if (source instanceof Uint32Array) return listUint32(source);
  return Array.from<number | bigint>(source);
}
