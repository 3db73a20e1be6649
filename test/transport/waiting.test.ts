// The clock, timers without a limit, and many actions on one AbortSignal.
import { getEventListeners } from 'node:events';
import { expect, test, vi } from 'vitest';
import { monotonicTime, onAbort, startTimer } from '../../src/transport/waiting.js';

test('the clock counts milliseconds and their fractions', () => {
  vi.useFakeTimers({ toFake: ['hrtime'] });
  try {
    const start = monotonicTime();
    vi.advanceTimersByTime(12_345);
    expect(monotonicTime() - start).toBeCloseTo(12_345, 3);
  } finally {
    vi.useRealTimers();
  }
  const times = Array.from({ length: 1_000 }, monotonicTime);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(times.some((time) => !Number.isInteger(time))).toBe(true);
});

test('a timer of up to 2^31 - 1 milliseconds is set, a longer one is not', () => {
  const timer = startTimer(2 ** 31 - 1, () => {});
  expect(timer).toBeDefined();
  clearTimeout(timer);
  for (const delay of [2 ** 31, Number.MAX_VALUE, Infinity]) expect(startTimer(delay, () => {})).toBeUndefined();
});

test('an AbortSignal has one listener for all actions, and none after all are canceled', () => {
  const { signal } = new AbortController();
  const ends = [1, 2, 3].map(() => onAbort(signal, () => {}));
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  for (const end of ends) end();
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

test('an abort runs each action that was not canceled', () => {
  const controller = new AbortController();
  const [first, ended, last] = [vi.fn(), vi.fn(), vi.fn()];
  onAbort(controller.signal, first);
  onAbort(controller.signal, ended)();
  onAbort(controller.signal, last);
  controller.abort();
  expect([first, ended, last].map((action) => action.mock.calls.length)).toEqual([1, 0, 1]);
});

test('canceling an action a second time does not cancel a later one', () => {
  const controller = new AbortController();
  const end = onAbort(controller.signal, () => {});
  end();
  const action = vi.fn();
  onAbort(controller.signal, action);
  end(); // a second time: it does not end the other
  controller.abort();
  expect(action).toHaveBeenCalledOnce();
});

test('an action without an AbortSignal can be canceled', () => {
  expect(() => onAbort(undefined, () => {})()).not.toThrow();
});
