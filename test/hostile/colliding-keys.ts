// Keys that share one bucket in the table of V8's Map, made by running its hashes backwards from chosen hashes.
// They do not use the library's own hashes, which they test. (Thomas Wang's mixes, as V8 11.3 to 13.6 has them.)

const mask = (bits: number): bigint => (1n << BigInt(bits)) - 1n;

/** The inverse of an odd factor modulo 2^bits. */
function inverse(factor: bigint, bits: number): bigint {
  let result = 1n;
  for (let i = 0; i < 7; i++) result = (result * (2n - factor * result)) & mask(bits);
  return result & mask(bits);
}

/** Undoes `hash ^= hash >>> shift`. */
function unshift(hash: bigint, shift: number, bits: number): bigint {
  let result = hash;
  for (let done = shift; done < bits; done += shift) result = hash ^ (result >> BigInt(shift));
  return result & mask(bits);
}

/** Undoes `hash *= factor`. */
const divide = (hash: bigint, factor: bigint, bits: number): bigint => (hash * inverse(factor, bits)) & mask(bits);

/** The 64 bits that have this hash of 64 bits, of which V8 keeps the lowest 30. */
function bitsOfHash(hash: bigint): bigint {
  let bits = divide(unshift(hash, 22, 64), 65n, 64);
  bits = divide(unshift(bits, 11, 64), 21n, 64);
  return divide(unshift(bits, 31, 64) + 1n, mask(18), 64); // the first step is: bits * (2^18 - 1) - 1
}

/** The 32 bits that have this hash of 32 bits, of which V8 keeps the lowest 30. */
function wordOfHash(hash: bigint): bigint {
  let word = divide(unshift(hash, 16, 32), 2057n, 32);
  word = divide(unshift(word, 4, 32), 5n, 32);
  return divide(unshift(word, 12, 32) + 1n, mask(15), 32);
}

const view = new DataView(new ArrayBuffer(8));

function doubleOf(bits: bigint): number {
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

/** V8's hash of a double, forwards. */
function hashOfDouble(value: number): bigint {
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  let hash = (~bits + (bits << 18n)) & mask(64);
  hash ^= hash >> 31n;
  hash = (hash * 21n) & mask(64);
  hash ^= hash >> 11n;
  hash = (hash * 65n) & mask(64);
  return hash ^ (hash >> 22n);
}

/** V8's hash of an integer of 32 bits, forwards. */
function hashOfWord(value: number): bigint {
  const word = BigInt.asUintN(32, BigInt(value));
  let hash = (~word + (word << 15n)) & mask(32);
  hash ^= hash >> 12n;
  hash = (hash * 5n) & mask(32);
  hash ^= hash >> 4n;
  hash = (hash * 2057n) & mask(32);
  return hash ^ (hash >> 16n);
}

/** The first `count` integers from `from` on whose low `bits` bits of the hash are 0. */
function search(from: number, count: number, bits: number, hash: (value: number) => bigint): number[] {
  const found: number[] = [];
  for (let value = from; found.length < count; value++) if ((hash(value) & mask(bits)) === 0n) found.push(value);
  return found;
}

/** The first `count` integers whose hash is a multiple of 2^16, or whose 64-bit hash is a multiple of 2^20. */
const words = (count: number): bigint[] => Array.from({ length: count }, (_, i) => wordOfHash(BigInt(i) << 16n));
const longs = (count: number): bigint[] => Array.from({ length: count }, (_, i) => bitsOfHash(BigInt(i + 1) << 20n));

/**
 * Keys of each type that all are in bucket 0 of a table with up to 2^16 buckets; of a small type as many buckets as its
 * values allow. They are `count` at most.
 */
export const COLLIDING: Readonly<Record<string, (count: number) => readonly (number | bigint | string)[]>> = {
  n: (count) => search(-(2 ** 15), Math.min(count, 250), 7, hashOfWord),
  q: (count) => search(0, Math.min(count, 250), 7, hashOfWord),
  i: (count) => words(count).map((word) => Number(BigInt.asIntN(32, word))),
  u: (count) => words(count * 3).map(Number).filter((key) => key < 2 ** 31).slice(0, count),
  'u above 2^31': (count) => search(2 ** 31, Math.min(count, 300), 9, hashOfDouble), // each takes about 512 hashes
  x: (count) => longs(count * 3).filter((key) => key < 2n ** 63n).slice(0, count)
    .map((key, i) => (i % 2 === 0 ? key : -key)), // V8 leaves out the sign
  t: (count) => longs(count),
  d: (count) => longs(count * 2).map(doubleOf).filter((key) => !Number.isNaN(key)).slice(0, count),
  s: (count) => Array.from({ length: count }, (_, i) => String((i + 1) * 2 ** 16)),
};

const SIZE: Readonly<Record<string, number>> = { n: 2, q: 2, i: 4, u: 4, h: 4, x: 8, t: 8, d: 8 };

/** The bytes of an `a{Ky}` with these keys, in order, and the value 7 for each. K is the type of the keys. */
export function dictOf(type: string, keys: readonly (number | bigint | string)[]): Uint8Array {
  const bytes = new Uint8Array(8 + keys.length * 32);
  const out = new DataView(bytes.buffer);
  let end = 8;
  for (const key of keys) {
    const start = (end + 7) & ~7;
    end = start + (SIZE[type] ?? 0);
    if (type === 'n' || type === 'q') out.setUint16(start, Number(key), true);
    else if (type === 'd') out.setFloat64(start, Number(key), true);
    else if (SIZE[type] === 8) out.setBigUint64(start, BigInt.asUintN(64, BigInt(key)), true);
    else if (SIZE[type] === 4) out.setUint32(start, Number(key), true);
    else {
      const text = String(key);
      out.setUint32(start, text.length, true);
      for (let i = 0; i < text.length; i++) bytes[start + 4 + i] = text.charCodeAt(i);
      end = start + 4 + text.length + 1;
    }
    bytes[end++] = 7;
  }
  out.setUint32(0, end - 8, true);
  return bytes.subarray(0, end);
}
