// BoundedCache: what it keeps, what it drops, and that neither the number nor the length of keys can grow it.
import { expect, test } from 'vitest';
import { BoundedCache } from '../../src/wire/bounded-cache.js';

/** A cache of the lengths of its keys, and the keys that it had to derive a value for, in order. */
function recordingCache(limit: { entries: number; characters: number }) {
  const derived: string[] = [];
  const cache = new BoundedCache<number>(limit);
  const get = (key: string): number => cache.get(key, (text) => {
    derived.push(text);
    return text.length;
  });
  return { cache, derived, get };
}

test('a value is derived once for each key', () => {
  const { derived, get } = recordingCache({ entries: 8, characters: 100 });
  expect([get('ab'), get('abc'), get('ab'), get('abc')]).toEqual([2, 3, 2, 3]);
  expect(derived).toEqual(['ab', 'abc']);
});

test('a key that is used often stays, whatever the number of other keys', () => {
  const { derived, get } = recordingCache({ entries: 8, characters: 1000 });
  get('hot');
  for (let i = 0; i < 1000; i++) {
    get(`cold ${i}`);
    get('hot');
  }
  expect(derived.filter((key) => key === 'hot')).toHaveLength(1);
});

test('asking whether a key is in the cache does not keep it longer', () => {
  const { cache, get } = recordingCache({ entries: 8, characters: 1000 });
  get('key');
  for (let i = 0; i < 8; i++) {
    get(`other ${i}`);
    cache.has('key');
  }
  expect(cache.has('key')).toBe(false);
});

test.each([
  ['short keys', 8, 1000, 1],
  ['long keys', 1000, 100, 20],
])('%s: the cache stays within both limits', (_, entries, characters, length) => {
  const { cache, get } = recordingCache({ entries, characters });
  const keys = Array.from({ length: 5000 }, (_, i) => String.fromCharCode(0x100 + i).repeat(length));
  for (const key of keys) get(key);
  const kept = keys.filter((key) => cache.has(key));
  expect(kept.length).toBeGreaterThan(0);
  expect(kept.length).toBeLessThanOrEqual(entries);
  expect(kept.join('').length).toBeLessThanOrEqual(characters);
});

test('a key that is too long is not cached, and removes no other key', () => {
  const { cache, get } = recordingCache({ entries: 8, characters: 100 });
  get('key');
  for (let i = 0; i < 20; i++) get(`${'x'.repeat(60)}${i}`);
  expect(cache.has('key')).toBe(true);
  expect(cache.has(`${'x'.repeat(60)}0`)).toBe(false);
});

test('a cache that was full keeps as many keys as before', () => {
  const { cache, get } = recordingCache({ entries: 1000, characters: 100 });
  const keys = Array.from({ length: 1000 }, (_, i) => `key number ${1000 + i}`.slice(-10));
  for (const key of keys) get(key);
  expect(keys.filter((key) => cache.has(key)).length).toBeGreaterThan(5);
});

test('nothing is cached if deriving the value throws', () => {
  const cache = new BoundedCache<number>({ entries: 8, characters: 100 });
  expect(() => cache.get('key', () => {
    throw new Error('not valid');
  })).toThrow('not valid');
  expect(cache.has('key')).toBe(false);
});
