// The serials of messages: each greater than the one before, as proxies that filter require, by steps that are not
// known in advance, and never one that a waiting call uses.

import { expect, test } from 'vitest';
import { nextSerial, Serials } from '../../src/connection/serials.js';

const COUNT = 5_000;
const take = (serials: Serials, count: number): number[] => Array.from({ length: count }, () => serials.next());

test('serials increase, by steps from 1 to 16 that are all as frequent', () => {
  const serials = take(new Serials(), COUNT); // several pools of random bytes
  const steps = serials.slice(1).map((serial, index) => serial - serials[index]!);
  expect(new Set(steps)).toEqual(new Set(Array.from({ length: 16 }, (_, index) => index + 1)));
  const large = steps.filter((step) => step > 8).length;
  expect(Math.abs(large - COUNT / 2)).toBeLessThan(COUNT / 10); // 14 standard deviations
});

test('connections begin at different serials, all after the one of Hello', () => {
  const first = Array.from({ length: COUNT }, () => new Serials().next());
  expect(first.filter((serial) => !Number.isInteger(serial) || serial < 2 || serial > 2 ** 28)).toEqual([]);
  const high = first.filter((serial) => serial >= 2 ** 27).length;
  expect(Math.abs(high - COUNT / 2)).toBeLessThan(COUNT / 10);
  expect(new Set(first).size).toBeGreaterThan(COUNT - 10); // 0.05 equal pairs are expected
});

test('serials begin again before they reach those that a proxy keeps for itself', () => {
  const serials = take(new Serials(2 ** 32 - 2 ** 17 - 20), 30);
  expect(Math.max(...serials)).toBeLessThanOrEqual(2 ** 32 - 65_536);
  expect(serials.at(-1)).toBeLessThan(2 ** 29);
});

test('the serial of the next message is the next number that no waiting call uses', () => {
  const numbers = [7, 8, 7, 9, 7];
  const next = (): number => numbers.shift()!; // there are enough
  const waiting = new Set([7, 8]);
  expect(nextSerial(waiting, next)).toBe(9);
  waiting.delete(7);
  expect(nextSerial(waiting, next)).toBe(7);
});
