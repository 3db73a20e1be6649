// ByteCache: which keys it keeps and finds. A key that is too long neither makes it larger nor changes other entries.
import { expect, test } from 'vitest';
import { ByteCache } from '../../../src/wire/values/byte-cache.js';

const keep = (cache: ByteCache<string>, text: string): void => {
  const bytes = Buffer.from(text);
  cache.keep(bytes, { start: 0, end: bytes.length }, text);
};

const find = (cache: ByteCache<string>, text: string): string | undefined => {
  const bytes = Buffer.from(text);
  return cache.find(bytes, 0, bytes.length);
};

test('a key is found at any offset, and only if all of its bytes are equal', () => {
  const cache = new ByteCache<string>({ slots: 1, maxLength: 8 });
  keep(cache, 'abcdefg');
  expect(cache.find(Buffer.from('..abcdefg.'), 2, 9)).toBe('abcdefg');
  for (const other of ['', 'a', 'abcdef', 'abcdefgh', 'Xbcdefg', 'abcXefg', 'abcdefX']) expect(find(cache, other)).toBe(undefined);
});

test('a key that is too long is not kept, and changes no other entry', () => {
  const cache = new ByteCache<string>({ slots: 16, maxLength: 4 });
  const short = Array.from({ length: 26 }, (_, i) => String.fromCharCode(97 + i).repeat(4));
  for (const text of short) keep(cache, text);
  const kept = short.filter((text) => find(cache, text) === text);
  expect(kept.length).toBeGreaterThan(3);
  for (let length = 5; length < 200; length++) {
    keep(cache, 'z'.repeat(length));
    expect(find(cache, 'z'.repeat(length))).toBe(undefined);
  }
  expect(short.filter((text) => find(cache, text) === text)).toEqual(kept);
});
