// Arrays of fixed-size types in bulk: converts between plain arrays and typed arrays over the bytes of a message.
// It knows neither readers nor writers. Specification: Marshalling Basic Types.
// Tests: marshal.test.ts, unmarshal.test.ts.
import type { FixedTypeCode } from '../signature.js';

/** Whether this machine stores the least significant byte of a number first. */
export const HOST_IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** From this many elements on, one typed array is faster than reading or writing element by element. */
export const BULK_LENGTH = 16;

/** A typed array with the memory layout that array elements have on the wire, in the host's byte order. */
export type FixedArray =
  | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array | Float64Array;

/** Creates a typed array over memory; `byteOffset` must be a multiple of the element size. */
export type FixedArrayConstructor = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => FixedArray;

/** The typed array for each fixed-size type; BOOLEAN has none. */
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

// The loops below are repeated on purpose. V8 makes a loop over one kind of array several times as fast as a shared
// loop over all kinds, and four values per iteration are twice as fast as one. Types that are rarely sent in bulk have
// no loop of their own.

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
 * Copies the values of a plain array into `target` if all of them fit its type. Returns false if one does not fit, or
 * if the type has no fast check here; the caller then writes element by element.
 */
export function fillFixedArray(target: FixedArray, values: readonly unknown[]): boolean {
  // set() is the fastest copy, but it converts values that do not fit, so all values are checked first.
  const fits =
    target instanceof Float64Array ? areDoubles(values)
    : target instanceof Int32Array ? areInt32(values)
    : target instanceof Uint32Array ? areUint32(values)
    : false;
  if (!fits || values.length !== target.length) return false; // a getter among the elements may resize the array
  (target as Int32Array).set(values as readonly number[]); // all three constructors above take numbers
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

function listFloat64(source: Float64Array): number[] {
  const values = new Array<number>(source.length);
  for (let i = 0; i < source.length; i++) values[i] = source[i]!;
  return values;
}

function listOther(source: FixedArray): (number | bigint)[] {
  const values = new Array<number | bigint>(source.length); // Array.from() takes twice as long
  for (let i = 0; i < source.length; i++) values[i] = source[i]!;
  return values;
}

/** The elements of a typed array as a plain array. */
export function listFixedArray(source: FixedArray): (number | bigint)[] {
  if (source instanceof Float64Array) return listFloat64(source);
  if (source instanceof Int32Array) return listInt32(source);
  if (source instanceof Uint32Array) return listUint32(source);
  return listOther(source);
}
