// A dict costs time in proportion to its bytes, whatever keys a peer chooses; see src/wire/values/key-collisions.ts.
// The tests assert which dicts are refused, and how many comparisons their keys cost, not the time that they take.
import { describe, expect, test } from 'vitest';
import { unmarshal, UnmarshalError } from '../../src/wire/index.js';
import { KEY_KIND, KeyCollisions } from '../../src/wire/values/key-collisions.js';
import { extent, heavyTest } from '../support/extent.js';
import { COLLIDING, dictOf } from './colliding-keys.js';

type Key = number | bigint | string;

const typeOf = (name: string): string => name[0]!; // the names are not empty
const read = (type: string, bytes: Uint8Array): unknown[] => unmarshal(`a{${type}y}` as string, bytes);

function refusalOf(run: () => unknown): UnmarshalError {
  try {
    run();
  } catch (error) {
    if (error instanceof UnmarshalError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('keys that are chosen to collide are refused:', () => {
  test.each(Object.entries(COLLIDING))('%s', (name, make) => {
    const keys = make(extent(1_000, 4_000));
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.length).toBeGreaterThanOrEqual(250);
    const error = refusalOf(() => read(typeOf(name), dictOf(typeOf(name), keys)));
    expect(error.code).toBe('DICT_KEYS_COLLIDE');
    expect(error.path).toMatch(/^body\[0\]\[["\d.e+-]+\]$/);
    expect(error.offset).toBeGreaterThan(8 * 64);
  });

  heavyTest('even among as many ordinary keys', () => {
    for (const [name, make] of Object.entries(COLLIDING)) {
      if (make(4000).length < 4000) continue; // too few values to hide them
      const others = Array.from({ length: 4000 }, (_, i) => (name === 's' ? `key ${i}` : ordinary(typeOf(name), i * 3)));
      const keys = make(4000).flatMap((key, i) => [key, others[i]!]);
      expect(refusalOf(() => read(typeOf(name), dictOf(typeOf(name), keys))).code, name).toBe('DICT_KEYS_COLLIDE');
    }
  });

  test('even if one of them is then repeated many times', () => {
    const [first = 0, ...others] = COLLIDING.i!(500);
    const keys = [first, ...others, ...Array<Key>(extent(20_000, 100_000)).fill(first)];
    expect(refusalOf(() => read('i', dictOf('i', keys))).code).toBe('DICT_KEYS_COLLIDE');
  });

  test('even if they are spread over many dicts of one message', () => {
    const one = dictOf('t', COLLIDING.t!(160)).subarray(8); // the entries alone, an 8-byte boundary before them
    const stride = 4 + one.length + 3; // the length word, the entries, the padding before the next length word
    const bytes = new Uint8Array(4 + 100 * stride - 3);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, bytes.length - 4, true);
    for (let at = 4; at < bytes.length; at += stride) {
      view.setUint32(at, one.length, true);
      bytes.set(one, at + 4);
    }
    expect(refusalOf(() => unmarshal('aa{ty}', bytes)).code).toBe('DICT_KEYS_COLLIDE');
  });
});

/** The i-th of ordinary keys: a value that fits every type of 32 bits. */
function ordinary(type: string, i: number): Key {
  return type === 'x' || type === 't' ? BigInt(i) : i;
}

const MIX = 2654435761;

/** Patterns of keys that programs have, as integers below 2^31; small types take what fits. */
const PATTERNS: Readonly<Record<string, (i: number) => number>> = {
  'in sequence': (i) => i,
  'backwards': (i) => 2 ** 31 - 1 - i,
  'random': (i) => Math.imul(i, MIX) >>> 1,
  'multiples of 3': (i) => i * 3,
  'multiples of 8': (i) => i * 8,
  'multiples of 1000': (i) => i * 1000,
  'multiples of 1024': (i) => i * 1024,
  'multiples of 65536': (i) => (i * 65_536) % 2 ** 31 + Math.floor(i / 2 ** 15),
  'hours as times of Unix': (i) => 1_500_000_000 + (i % 180_000) * 3600 % 600_000_000,
  'addresses of pages': (i) => (0x1000_0000 + i * 4096) % 2 ** 31,
  'combinations of bits': (i) => ((i & 0xff) << 23) | ((i >> 8) << 4),
};

/** Patterns of 64 bits. */
const LONG_PATTERNS: Readonly<Record<string, (i: number) => bigint>> = {
  'powers of two and their neighbors': (i) => (1n << BigInt(i % 63)) + BigInt(Math.floor(i / 63)),
  'multiples of 2^32': (i) => BigInt(i) << 32n,
  'multiples of 2^40': (i) => BigInt(i) << 40n,
  'pointers': (i) => 0x7f00_0000_0000n + BigInt(i) * 64n,
  'microseconds': (i) => 1_700_000_000_000_000n + BigInt(i) * 1_000_000n,
  'nanoseconds': (i) => 1_700_000_000_000_000_000n + BigInt(i) * 1_000_000_000n,
  'random': (i) => (BigInt(i) * 0x9e37_79b9_7f4a_7c15n) & (2n ** 63n - 1n),
};

const DOUBLE_PATTERNS: Readonly<Record<string, (i: number) => number>> = {
  'tenths': (i) => i / 10,
  'halves': (i) => i / 2,
  'fractions': (i) => 1 / (i + 1),
  'integers above 2^32': (i) => 2 ** 32 + i,
  'powers of two and multiples': (i) => 2 ** (i % 600) * (1 + Math.floor(i / 600)),
  'milliseconds': (i) => 1_700_000_000_000 + i * 1000,
  'negative': (i) => -i * 0.25,
};

const COUNT = extent(2_000, 20_000);
const distinct = (make: (i: number) => Key): Key[] => [...new Set(Array.from({ length: COUNT }, (_, i) => make(i)))];

/** The cost of the keys beyond the cheapest, per key: it is refused above 16 per byte of the message. */
function costOf(type: string, keys: readonly Key[]): number {
  const dict = new Map<unknown, unknown>();
  const collisions = new KeyCollisions(KEY_KIND[type]!, dict);
  let cost = 0;
  keys.forEach((key, i) => (cost += collisions.add(key, i + 1)));
  return cost / KEY_KIND[type]!.cost / keys.length;
}

describe('ordinary keys are accepted, with a few comparisons for each:', () => {
  test.each(Object.entries(PATTERNS))('%s', (_name, make) => {
    for (const type of ['i', 'u', 'x', 't', 'd', 's'] as const) {
      const keys = distinct((i) => (type === 's' ? `id ${make(i)}` : ordinary(type, make(i))));
      const [dict] = read(type, dictOf(type, keys));
      expect((dict as Map<unknown, unknown>).size).toBe(keys.length);
      if (type !== 's') expect(costOf(type, keys), type).toBeLessThan(2.5);
    }
  });

  test.each(Object.entries(LONG_PATTERNS))('%s of 64 bits', (_name, make) => {
    for (const type of ['x', 't'] as const) {
      const keys = distinct((i) => make(i));
      const [dict] = read(type, dictOf(type, keys));
      expect((dict as Map<unknown, unknown>).size).toBe(keys.length);
      expect(costOf(type, keys), type).toBeLessThan(2.5);
    }
  });

  test.each(Object.entries(DOUBLE_PATTERNS))('%s as DOUBLE', (_name, make) => {
    const keys = distinct(make);
    const [dict] = read('d', dictOf('d', keys));
    expect((dict as Map<unknown, unknown>).size).toBe(keys.length);
    expect(costOf('d', keys)).toBeLessThan(2.5);
  });

  heavyTest('every value of the 16-bit types', () => {
    for (const [type, from] of [['n', -(2 ** 15)], ['q', 0]] as const) {
      const [dict] = read(type, dictOf(type, Array.from({ length: 2 ** 16 }, (_, i) => from + i)));
      expect((dict as Map<unknown, unknown>).size).toBe(2 ** 16);
    }
  });

  test('decimal numbers as text: a sequence, days in Unix time, multiples of 128', () => {
    for (const make of [(i: number) => i, (i: number) => 86_400 * i, (i: number) => 128 * i]) {
      const keys = Array.from({ length: COUNT }, (_, i) => String(make(i)));
      expect((read('s', dictOf('s', keys))[0] as Map<unknown, unknown>).size).toBe(COUNT);
    }
  });

  test('one key, repeated', () => {
    const [dict] = read('i', dictOf('i', Array<Key>(COUNT).fill(7)));
    expect(dict).toEqual(new Map([[7, 7]]));
  });
});
