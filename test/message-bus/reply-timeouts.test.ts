// The limit on the time of replies: which calls expire, and which do not. Time is the test's.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ReplyTimeouts } from '../../src/message-bus/reply-timeouts.js';

const [caller, callee] = [{}, {}];
let expired: number[];
let timeouts: ReplyTimeouts<object>;
beforeEach(() => {
  vi.useFakeTimers();
  expired = [];
  timeouts = new ReplyTimeouts(100, (_caller, _callee, serial) => expired.push(serial));
});
afterEach(() => {
  vi.useRealTimers();
});

test('each call expires after its own time, in order', () => {
  timeouts.add(caller, callee, 1);
  vi.advanceTimersByTime(60);
  timeouts.add(caller, callee, 2);
  vi.advanceTimersByTime(60);
  expect(expired).toEqual([1]);
  vi.advanceTimersByTime(60);
  expect(expired).toEqual([1, 2]);
  timeouts.add(caller, callee, 3);
  vi.advanceTimersByTime(110);
  expect(expired).toEqual([1, 2, 3]);
});

test('a serial that is used again has only its new timeout', () => {
  timeouts.add(caller, callee, 1);
  vi.advanceTimersByTime(60);
  timeouts.add(caller, callee, 1);
  vi.advanceTimersByTime(60);
  expect(expired).toEqual([]);
  vi.advanceTimersByTime(60);
  expect(expired).toEqual([1]);
});
