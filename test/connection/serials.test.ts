// The random serials of messages: in range, different from each other more often than a counter that is guessed, and
// never one that a waiting call uses.

import { expect, test } from 'vitest';
import { nextSerial, randomSerial } from '../../src/connection/serials.js';

const COUNT = 5_000;

test('serials are integers from 1 to 2^31-1, spread over the whole range', () => {
  const serials = Array.from({ length: COUNT }, randomSerial); // several pools of random bytes
  expect(serials.filter((serial) => !Number.isInteger(serial) || serial < 1 || serial > 2 ** 31 - 1)).toEqual([]);
  const high = serials.filter((serial) => serial >= 2 ** 30).length;
  expect(Math.abs(high - COUNT / 2)).toBeLessThan(COUNT / 10); // 14 standard deviations
  expect(new Set(serials).size).toBeGreaterThan(COUNT - 10); // two equal ones are expected in 170 runs
});

test('the serial of the next message is the next number that no waiting call uses', () => {
  const numbers = [7, 8, 7, 9, 7];
  const next = (): number => numbers.shift()!; // there are enough
  const waiting = new Set([7, 8]);
  expect(nextSerial(waiting, next)).toBe(9);
  waiting.delete(7);
  expect(nextSerial(waiting, next)).toBe(7);
});
