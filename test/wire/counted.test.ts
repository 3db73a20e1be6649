// A number with its noun, singular or plural.
import { expect, test } from 'vitest';
import { counted } from '../../src/wire/counted.js';

test.each([
  [0, '0 bytes'], [1, '1 byte'], [2, '2 bytes'], [4_294_967_295, '4294967295 bytes'], [Number.POSITIVE_INFINITY, 'Infinity bytes'],
])('%s is followed by the noun in its form', (count, text) => {
  expect(counted(count, 'byte')).toBe(text);
});
