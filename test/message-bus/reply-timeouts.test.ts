// The limit on the time of replies: which calls expire, and which do not. Time is the test's.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ReplyTimeouts } from '../../src/message-bus/reply-timeouts.js';

const [first, second, third] = [{ serial: 1 }, { serial: 2 }, { serial: 3 }];
let expired: number[];
let timeouts: ReplyTimeouts<{ readonly serial: number }>;
beforeEach(() => {
  vi.useFakeTimers();
  expired = [];
  timeouts = new ReplyTimeouts(100, (calls) => expired.push(...calls.map(({ serial }) => serial)));
});
afterEach(() => {
  vi.useRealTimers();
});

test('each call expires after its own time, in order', () => {
  timeouts.add(first);
  vi.advanceTimersByTime(60);
  timeouts.add(second);
  vi.advanceTimersByTime(60);
  expect(expired).toEqual([1]);
  vi.advanceTimersByTime(60);
  expect(expired).toEqual([1, 2]);
  timeouts.add(third);
  vi.advanceTimersByTime(110);
  expect(expired).toEqual([1, 2, 3]);
});

test('a call that is removed does not expire, and is not kept until its time has passed', () => {
  for (const call of [first, second, third]) timeouts.add(call);
  timeouts.delete(first);
  timeouts.delete(third);
  expect(timeouts.size).toBe(1);
  vi.advanceTimersByTime(110);
  expect(expired).toEqual([2]);
  expect(timeouts.size).toBe(0);
});

test('a timeout of the longest delay of a timer, or longer, means that calls have no deadline', () => {
  for (const timeout of [2 ** 31 - 1, Infinity]) {
    const unlimited = new ReplyTimeouts(timeout, () => {});
    unlimited.add(first);
    expect(unlimited.size).toBe(0);
  }
});
