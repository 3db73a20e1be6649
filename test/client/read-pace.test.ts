// The pace of reads that a service asks for, on a clock of the test.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FREE_READS, ReadPace } from '../../src/client/read-pace.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** The pauses before this many reads, each wanted as soon as the one before has begun. */
function pauses(pace: ReadPace, count: number): number[] {
  return Array.from({ length: count }, () => {
    const pause = pace.next();
    vi.advanceTimersByTime(pause);
    return pause;
  });
}

test('the first reads begin at once, and later pauses grow up to a quarter of a second', () => {
  const free = Array.from({ length: FREE_READS }, () => 0);
  expect(pauses(new ReadPace(), FREE_READS + 8)).toEqual([...free, 10, 20, 40, 80, 160, 250, 250, 250]);
});

test('reads begin at once again after a second without a read, and not before', () => {
  const pace = new ReadPace();
  pauses(pace, FREE_READS + 10);
  vi.advanceTimersByTime(999);
  expect(pace.next()).toBe(250);
  vi.advanceTimersByTime(250 + 1_000);
  expect(pauses(pace, FREE_READS + 1)).toEqual([...Array.from({ length: FREE_READS }, () => 0), 10]);
});

test('a pause has its limit for a count of any size', () => {
  const pace = new ReadPace();
  expect(pauses(pace, 3_000).at(-1)).toBe(250);
});
