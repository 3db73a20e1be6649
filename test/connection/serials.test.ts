// The serials of messages: random ones, which cannot be guessed; increasing ones, as proxies that filter require, by steps
// that are not known in advance; and never one that a waiting call uses.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { fillFromKernel, increasingSerials, nextSerial, randomSerial, serialMaker } from '../../src/connection/serials.js';

const COUNT = 5_000;
const take = (make: () => number, count: number): number[] => Array.from({ length: count }, make);

test('random serials are integers from 1 to 2^31-1, spread over the whole range', () => {
  const serials = take(randomSerial, COUNT); // several pools of random bytes
  expect(serials.filter((serial) => !Number.isInteger(serial) || serial < 1 || serial > 2 ** 31 - 1)).toEqual([]);
  const high = serials.filter((serial) => serial >= 2 ** 30).length;
  expect(Math.abs(high - COUNT / 2)).toBeLessThan(COUNT / 10); // 14 standard deviations
  expect(new Set(serials).size).toBeGreaterThan(COUNT - 10); // two equal ones are expected in 170 runs
});

test('random bytes of the kernel come from a device only, and from one that has enough of them', () => {
  const memory = new Uint8Array(4_096);
  const isThere = process.platform !== 'win32';
  expect(fillFromKernel(memory)).toBe(isThere);
  expect(new Set(memory).size > 200).toBe(isThere); // of 256 different bytes
  expect(fillFromKernel(memory, '/no/such/file')).toBe(false);
  expect(fillFromKernel(memory, fileURLToPath(import.meta.url))).toBe(false);
  expect(fillFromKernel(memory, '/dev/null')).toBe(false);
});

test('serials are random unless the option serials asks for increasing ones', () => {
  const serials = take(serialMaker(), 100);
  expect(serials).not.toEqual([...serials].sort((a, b) => a - b));
  expect(serialMaker('random')).toBe(randomSerial);
  const increasing = take(serialMaker('increasing'), 100);
  expect(increasing).toEqual([...increasing].sort((a, b) => a - b));
});

test('random and increasing serials can use the same random bytes in turn', () => {
  const increasing = increasingSerials(0);
  const both = Array.from({ length: COUNT }, () => [increasing(), randomSerial(), randomSerial()] as const);
  expect(new Set(both.flatMap(([, one, other]) => [one, other])).size).toBeGreaterThan(2 * COUNT - 10);
  expect(Math.max(...both.map(([serial]) => serial))).toBe(both.at(-1)?.[0]);
});

test('increasing serials have steps from 1 to 16, all equally frequent', () => {
  const serials = take(increasingSerials(), COUNT); // several pools of random bytes
  const steps = serials.slice(1).map((serial, index) => serial - serials[index]!);
  expect(new Set(steps)).toEqual(new Set(Array.from({ length: 16 }, (_, index) => index + 1)));
  const large = steps.filter((step) => step > 8).length;
  expect(Math.abs(large - COUNT / 2)).toBeLessThan(COUNT / 10);
});

test('connections whose serials increase begin at different serials, all after the one of Hello', () => {
  const first = Array.from({ length: COUNT }, () => increasingSerials()());
  expect(first.filter((serial) => !Number.isInteger(serial) || serial < 2 || serial > 2 ** 28)).toEqual([]);
  const high = first.filter((serial) => serial >= 2 ** 27).length;
  expect(Math.abs(high - COUNT / 2)).toBeLessThan(COUNT / 10);
  expect(new Set(first).size).toBeGreaterThan(COUNT - 10); // 0.05 equal pairs are expected
});

test('increasing serials start again before they reach those that a filtering proxy uses', () => {
  const serials = take(increasingSerials(2 ** 32 - 2 ** 17 - 20), 30);
  expect(Math.max(...serials)).toBeLessThanOrEqual(2 ** 32 - 65_536);
  expect(serials.at(-1)).toBeLessThan(2 ** 29);
});

test('the serial of the next message is the next number that no pending call uses', () => {
  const numbers = [7, 8, 7, 9, 7];
  const next = (): number => numbers.shift()!; // there are enough
  const waiting = new Set([7, 8]);
  expect(nextSerial(waiting, next)).toBe(9);
  waiting.delete(7);
  expect(nextSerial(waiting, next)).toBe(7);
});
