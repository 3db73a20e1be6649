// Calls that wait for a reply: their serials, and that each settles once, by the first event of several.
import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PendingCalls } from '../../src/connection/pending-calls.js';
import { type CallOutcome, ListenedCall } from '../../src/connection/pending-call.js';
import { methodCall, type MethodReturn, methodReturn } from '../../src/wire/messages/message.js';
import { uncaughtException } from './uncaught.js';

const METHOD = methodCall({ path: '/', member: 'Method' });

const replyTo = (serial: number): MethodReturn => methodReturn({ ...METHOD, serial });

const pendingCalls = (makeSerial?: () => number): PendingCalls => new PendingCalls(() => true, makeSerial);

interface AddOptions {
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

/** Adds a call; its outcomes are collected. */
function add(calls: PendingCalls, serial: number, { timeout = 1_000, signal }: AddOptions = {}): CallOutcome[] {
  const outcomes: CallOutcome[] = [];
  calls.add(serial, new ListenedCall(METHOD, timeout, (outcome) => outcomes.push(outcome)), signal);
  return outcomes;
}

/** Gives a reply to its call; false if no call waits for it. */
function resolve(calls: PendingCalls, reply: MethodReturn): boolean {
  const call = calls.take(reply);
  call?.settle(reply, reply.body);
  return call !== undefined;
}

/** Fails a call; false if no call waits with this serial. */
function reject(calls: PendingCalls, serial: number, error: Error): boolean {
  const call = calls.take({ replySerial: serial, sender: undefined });
  call?.fail(() => error);
  return call !== undefined;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the serial of the next message', () => {
  test('is the next number that no pending call uses', () => {
    const numbers = [7, 8, 7, 9, 7];
    const calls = pendingCalls(() => numbers.shift()!);
    add(calls, 7);
    add(calls, 8);
    expect(calls.nextSerial()).toBe(9);
    resolve(calls, replyTo(7));
    expect(calls.nextSerial()).toBe(7);
  });
});

test('a serial in use cannot be used for a second call', () => {
  const calls = pendingCalls();
  const first = add(calls, 7);
  expect(() => add(calls, 7)).toThrow('serial 7 is in use');
  resolve(calls, replyTo(7));
  expect(first).toHaveLength(1);
});

describe('time', () => {
  test('each call expires at its own time, with one timer for all calls with the same timeout', () => {
    const calls = pendingCalls();
    const early = add(calls, 1);
    vi.advanceTimersByTime(400);
    const late = add(calls, 2);
    const short = add(calls, 3, { timeout: 100 });
    expect(vi.getTimerCount()).toBe(2);
    vi.advanceTimersByTime(100);
    expect(short).toEqual([]); // the sockets are read once more
    vi.advanceTimersToNextTimer();
    expect([early, late, short].map(({ length }) => length)).toEqual([0, 0, 1]);
    vi.advanceTimersByTime(500);
    expect([early, late].map(({ length }) => length)).toEqual([1, 0]);
    vi.advanceTimersByTime(399);
    expect(late).toEqual([]);
    vi.advanceTimersByTime(2);
    expect([late.length, vi.getTimerCount(), calls.size]).toEqual([1, 0, 0]);
  });

  test('a reply that comes while the sockets are read again settles its call', () => {
    const calls = pendingCalls();
    const [late, lost, later] = [add(calls, 1), add(calls, 2), add(calls, 3)];
    vi.advanceTimersByTime(1_000);
    resolve(calls, replyTo(1));
    const added = add(calls, 4);
    vi.advanceTimersToNextTimer();
    expect([late, lost, later].map(([outcome]) => 'reply' in outcome!)).toEqual([true, false, false]);
    expect([added.length, calls.size, vi.getTimerCount()]).toEqual([0, 1, 1]);
    vi.advanceTimersByTime(1_002);
    expect([added.length, calls.size, vi.getTimerCount()]).toEqual([1, 0, 0]);
  });

  test('no timer is left if all calls end while the sockets are read again', () => {
    const calls = pendingCalls();
    const outcomes = add(calls, 1);
    vi.advanceTimersByTime(1_000);
    calls.rejectAll(() => new Error('closed'));
    expect([outcomes.length, vi.getTimerCount()]).toEqual([1, 0]);
  });

  test('at most one timer is left after many calls with different timeouts are answered', () => {
    const calls = pendingCalls();
    for (let serial = 1; serial <= 100; serial++) add(calls, serial, { timeout: 1_000 + serial / 8 });
    for (let serial = 1; serial <= 100; serial++) resolve(calls, replyTo(serial));
    expect(vi.getTimerCount()).toBe(1);
    for (let serial = 1; serial <= 100; serial++) {
      add(calls, serial, { timeout: 1_000 + serial / 8 });
      resolve(calls, replyTo(serial));
    }
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(2_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('one call among many is settled without the others', () => {
    const calls = pendingCalls();
    const all = Array.from({ length: 5 }, (_, index) => add(calls, index + 1));
    for (const serial of [3, 1, 5]) resolve(calls, replyTo(serial));
    vi.advanceTimersByTime(1_001);
    expect(all.map(([outcome]) => 'reply' in outcome!)).toEqual([true, false, true, false, true]);
    expect(all.map(({ length }) => length)).toEqual([1, 1, 1, 1, 1]);
  });
});

describe('a call', () => {
  const reason = new Error('enough');
  const controller = (): AbortController => new AbortController();

  test.each<{ what: string; act: (calls: PendingCalls, abort: AbortController) => void; expected: unknown }>([
    { what: 'its reply', act: (calls) => resolve(calls, replyTo(7)), expected: { reply: replyTo(7) } },
    { what: 'a failure', act: (calls) => reject(calls, 7, reason), expected: { error: reason } },
    { what: 'rejectAll()', act: (calls) => calls.rejectAll(() => reason), expected: { error: reason } },
    { what: 'its AbortSignal', act: (_, abort) => abort.abort(reason), expected: { error: reason } },
    {
      what: 'its timeout',
      act: () => vi.advanceTimersByTime(1_001),
      expected: { error: expect.objectContaining({ code: 'CALL_TIMED_OUT', timeout: 1_000 }) },
    },
  ])('is settled once by $what, and leaves nothing behind', ({ act, expected }) => {
    const calls = pendingCalls();
    const abort = controller();
    const outcomes = add(calls, 7, { signal: abort.signal });
    expect([calls.size, vi.getTimerCount(), outcomes]).toEqual([1, 1, []]);
    act(calls, abort);
    expect(outcomes).toEqual([expected]);
    expect([calls.size, getEventListeners(abort.signal, 'abort')]).toEqual([0, []]);
    expect([resolve(calls, replyTo(7)), reject(calls, 7, reason)]).toEqual([false, false]);
    calls.rejectAll(() => reason);
    abort.abort(reason);
    vi.advanceTimersByTime(100_000);
    expect([outcomes, vi.getTimerCount()]).toEqual([[expected], 0]);
  });

  test('waits for its own reply only', () => {
    const calls = pendingCalls();
    const [seven, eight] = [add(calls, 7), add(calls, 8)];
    expect(resolve(calls, replyTo(9))).toBe(false);
    expect(resolve(calls, replyTo(8))).toBe(true);
    expect([seven, eight]).toEqual([[], [{ reply: replyTo(8) }]]);
  });

  test.each<[timeout: number, timers: number]>([
    [1, 1],
    [2 ** 31 - 1, 1],
    [2 ** 31, 0], // longer than Node's timers: one of them would fire at once
    [Number.MAX_VALUE, 0],
    [Infinity, 0],
  ])('with a timeout of %d ms has %d timers', (timeout, timers) => {
    const calls = pendingCalls();
    const outcomes = add(calls, 7, { timeout });
    expect(vi.getTimerCount()).toBe(timers);
    vi.advanceTimersByTime(timeout === 1 ? 2 : 1_000_000);
    expect(outcomes).toHaveLength(timeout === 1 ? 1 : 0);
  });

  test.each([0, -1, Number.NaN])('with a timeout of %d expires', (timeout) => {
    const outcomes = add(pendingCalls(), 7, { timeout });
    vi.advanceTimersByTime(1);
    expect(outcomes).toHaveLength(1);
  });

  test('shares its signal with many others without a warning about leaks', async () => {
    vi.useRealTimers();
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const calls = pendingCalls();
    const abort = controller();
    const all = Array.from({ length: 100 }, (_, serial) => add(calls, serial + 1, { signal: abort.signal }));
    await new Promise(setImmediate); // warnings are emitted on the next tick
    expect(warnings).toEqual([]);
    process.off('warning', onWarning);
    resolve(calls, replyTo(50));
    abort.abort(reason);
    expect(all.flat()).toHaveLength(100);
    expect(all.flat().filter((outcome) => 'reply' in outcome)).toHaveLength(1);
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
  });
});

test('rejectAll() does not settle a call that is added while it runs; the next rejectAll() does', () => {
  const calls = pendingCalls();
  const first = new Error('first');
  let late: CallOutcome[] = [];
  calls.add(1, new ListenedCall(METHOD, 1_000, () => void (late = add(calls, 3))), undefined);
  const second = add(calls, 2);
  calls.rejectAll(() => first);
  expect([second, late, calls.size]).toEqual([[{ error: first }], [], 1]);
  calls.rejectAll(() => first);
  expect([late, calls.size, vi.getTimerCount()]).toEqual([[{ error: first }], 0, 0]);
});

test('a listener that throws does not prevent the others from being called', async () => {
  vi.useRealTimers();
  const uncaught = uncaughtException();
  const calls = pendingCalls();
  calls.add(1, new ListenedCall(METHOD, 1_000, () => { throw new Error('from a listener'); }), undefined);
  const second = add(calls, 2);
  calls.rejectAll(() => new Error('over'));
  expect(second).toHaveLength(1);
  expect(await uncaught).toMatchObject({ message: 'from a listener' });
});
