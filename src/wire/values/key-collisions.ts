// Counts how many keys share a place in the table of a large dict, so that a peer cannot make that table slow.
// The Map of V8 finds numbers by a hash without a secret. A peer can choose keys that all share one bucket: each is
// then compared with all earlier ones, and 20,000 keys stop a process for seconds. This file computes the same hash,
// and counts. It is right for V8 11.3 to 13.6 (Node 20 to 24). It knows no bytes. (Not in the specification.)
// Tests: test/hostile/dict-keys.test.ts.
import type { UnmarshalErrorCode } from '../errors.js';
import { Fault } from './fault.js';

/** Dicts with fewer keys are not counted: they cannot cost more than a few comparisons per byte. */
export const WORTH_COUNTING = 64;

/** The hash of a key as V8 computes it; -1 for a key whose hash has a secret. */
type KeyHash = (key: unknown) => number;

/** How the keys of one type are counted. */
export interface KeyKind {
  readonly hash: KeyHash;
  /**
   * The cost of one comparison with a key of this type. Each byte of a message pays for a cost of 16: two numbers, one
   * bigint or sixteen texts. Texts are cheap because harmless ones with a pattern collide in old versions of V8.
   */
  readonly cost: number;
}

/* Hashes --------------------------------------------------------------------------------------------------------- */

/** V8 keeps these bits of a hash. */
const HASH_BITS = 0x3fffffff;

/** V8's hash of an integer of 32 bits. */
function hashOfInt32(key: number): number {
  let hash = ~key + (key << 15);
  hash ^= hash >>> 12;
  hash = (hash + (hash << 2)) | 0;
  hash ^= hash >>> 4;
  hash = Math.imul(hash, 2057);
  hash ^= hash >>> 16;
  return hash & HASH_BITS;
}

/** V8's hash of 64 bits, given and computed as two halves. */
function hashOfLong(high: number, low: number): number {
  // ~key + (key << 18)
  let sum = (~low >>> 0) + ((low << 18) >>> 0);
  let lo = sum | 0;
  let hi = (~high + ((high << 18) | (low >>> 14)) + (sum > 0xffff_ffff ? 1 : 0)) | 0;
  // ^= >>> 31
  lo ^= (hi << 1) | (lo >>> 31);
  hi ^= hi >>> 31;
  // *= 21
  sum = (lo >>> 0) * 21;
  hi = (Math.imul(hi, 21) + Math.floor(sum / 2 ** 32)) | 0;
  lo = sum | 0;
  // ^= >>> 11
  lo ^= (lo >>> 11) | (hi << 21);
  hi ^= hi >>> 11;
  // += << 6, which is *= 65
  sum = (lo >>> 0) * 65;
  hi = (Math.imul(hi, 65) + Math.floor(sum / 2 ** 32)) | 0;
  lo = sum | 0;
  // ^= >>> 22
  return (lo ^ ((lo >>> 22) | (hi << 10))) & HASH_BITS;
}

const words = new Uint32Array(2);
const double = new Float64Array(words.buffer);
const integer = new BigUint64Array(words.buffer);
integer[0] = 1n;
/** Index of the less significant word of 64 bits on this machine. */
const LOW = words[0] === 1 ? 0 : 1;

function hashOfNumber(key: unknown): number {
  const number = key as number; // a key of a type whose values are numbers
  if ((number | 0) === number) return hashOfInt32(number);
  double[0] = number;
  return hashOfLong(words[1 - LOW]!, words[LOW]!);
}

/** V8 takes the magnitude of a bigint, without its sign. */
function hashOfBigInt(key: unknown): number {
  const bits = key as bigint; // a key of a type whose values are bigints
  if (bits === 0n) return 0;
  integer[0] = bits < 0n ? -bits : bits;
  return hashOfLong(words[1 - LOW]!, words[LOW]!);
}

/** The most digits of an array index: a text that V8 before March 2026 looks up by its number. */
const MAX_INDEX_DIGITS = 10;

function hashOfText(key: unknown): number {
  const text = key as string; // a key of type STRING
  const { length } = text;
  if (length === 0 || length > MAX_INDEX_DIGITS) return -1;
  let number = 0;
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9 || (digit === 0 && i === 0 && length > 1)) return -1;
    number = number * 10 + digit;
  }
  return number % 2 ** 24;
}

const NUMBERS: KeyKind = { hash: hashOfNumber, cost: 8 };
const BIGINTS: KeyKind = { hash: hashOfBigInt, cost: 16 };

/** The types of keys that a peer can choose to collide, by their code. BYTE and BOOLEAN have too few values. */
export const KEY_KIND: Readonly<Partial<Record<string, KeyKind>>> = {
  n: NUMBERS, q: NUMBERS, i: NUMBERS, u: NUMBERS, h: NUMBERS, d: NUMBERS,
  x: BIGINTS, t: BIGINTS,
  s: { hash: hashOfText, cost: 1 },
};

/* Counting ------------------------------------------------------------------------------------------------------- */

/** The buckets of the table of one dict, and how many keys are in each. */
export class KeyCollisions {
  readonly #kind: KeyKind;
  /** The hash of each key so far, in the first `#counted` elements. */
  #hashes = new Uint32Array(WORTH_COUNTING * 2);
  #counted = 0;
  /** The number of keys in each bucket. There is one bucket for every two keys, rounded up to a power of two. */
  #buckets = new Uint32Array(WORTH_COUNTING / 2);
  #size = 0;

  /** @param dict the dict so far, from which the keys are taken */
  constructor(kind: KeyKind, dict: ReadonlyMap<unknown, unknown>) {
    this.#kind = kind;
    for (const key of dict.keys()) this.add(key, this.#size + 1);
  }

  /**
   * Takes the cost of a key out of the budget of its message. The key starts at `keyOffset`, and was put into the dict;
   * `size` is the number of keys after that.
   * @throws {Fault} `DICT_KEYS_COLLIDE` if the budget is spent
   */
  charge(budget: { passesLeft: number }, key: unknown, size: number, keyOffset: number): void {
    budget.passesLeft -= this.add(key, size);
    if (budget.passesLeft < 0) throw keysCollide(keyOffset);
  }

  /** Counts a key. Returns the highest possible cost: a comparison with every key in the same bucket. */
  add(key: unknown, size: number): number {
    const isNew = size > this.#size;
    this.#size = size;
    if (size > this.#buckets.length * 2) this.#grow();
    const hash = this.#kind.hash(key);
    if (hash < 0) return 0;
    const bucket = hash & (this.#buckets.length - 1);
    const passed = this.#buckets[bucket]!;
    if (isNew) {
      this.#buckets[bucket] = passed + 1;
      this.#hashes[this.#counted++] = hash;
    }
    return passed * this.#kind.cost;
  }

  #grow(): void {
    const { length } = this.#buckets;
    this.#buckets = new Uint32Array(length * 2);
    const hashes = new Uint32Array(length * 4);
    hashes.set(this.#hashes.subarray(0, this.#counted));
    this.#hashes = hashes;
    for (let i = 0; i < this.#counted; i++) this.#buckets[hashes[i]! & (length * 2 - 1)]!++;
  }
}

/** The fault of a dict whose keys share so many buckets that a peer must have chosen them. */
function keysCollide(keyOffset: number): Fault<UnmarshalErrorCode> {
  const problem = 'too many keys of the dict collide: they must not slow down the hash tables of JavaScript';
  return new Fault('DICT_KEYS_COLLIDE', problem, { offset: keyOffset });
}
