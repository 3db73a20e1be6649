// Calls that await a reply: the numbers they get, and that each is settled once, whatever comes first.
import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CallTimeoutError } from '../../src/connection/errors.js';
import { type CallOutcome, PendingCalls, type PendingOptions } from '../../src/connection/pending.js';
import { methodCall, type MethodReturn, methodReturn } from '../../src/wire/messages/message.js';
import { uncaughtException } from './uncaught.js';

const MAX_SERIAL = 2 ** 32 - 1;

const options = (rest: Partial<PendingOptions> = {}): PendingOptions => ({
  timeout: 1_000,
  timeoutError: () => new CallTimeoutError('Method of /', 1_000),
  ...rest,
});

function replyTo(serial: number): MethodReturn {
  return methodReturn({ ...methodCall({ path: '/', member: 'Method' }), serial });
}

/** Adds a call; what it is settled with is collected. */
function add(calls: PendingCalls, serial: number, rest: Partial<PendingOptions> = {}): CallOutcome[] {
  const outcomes: CallOutcome[] = [];
  calls.add(serial, (outcome) => outcomes.push(outcome), options(rest));
  return outcomes;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('serials', () => {
  test.each<{ what: string; lastSerial?: number; pending: readonly number[]; expected: readonly number[] }>([
    { what: 'start at 1', pending: [], expected: [1, 2, 3] },
    { what: 'go on behind the last one', lastSerial: 41, pending: [], expected: [42, 43] },
    { what: 'pass over 0', lastSerial: MAX_SERIAL - 1, pending: [], expected: [MAX_SERIAL, 1, 2] },
    { what: 'pass over a pending one', lastSerial: 6, pending: [7, 8], expected: [9, 10] },
    { what: 'pass over a pending last one', lastSerial: MAX_SERIAL - 1, pending: [MAX_SERIAL], expected: [1, 2] },
    { what: 'pass over a pending first one', lastSerial: MAX_SERIAL, pending: [1, 2, 4], expected: [3, 5] },
  ])('$what', ({ lastSerial, pending, expected }) => {
    const calls = new PendingCalls(lastSerial === undefined ? {} : { lastSerial });
    for (const serial of pending) add(calls, serial);
    expect(expected.map(() => calls.nextSerial())).toEqual(expected);
  });

  test('are free again once settled', () => {
    const calls = new PendingCalls({ lastSerial: 6 });
    add(calls, 7);
    calls.resolve(replyTo(7));
    expect(calls.nextSerial()).toBe(7);
  });
});

test('a serial in use cannot be awaited a second time', () => {
  const calls = new PendingCalls();
  const first = add(calls, 7);
  expect(() => add(calls, 7)).toThrow('serial 7 is in use');
  calls.resolve(replyTo(7));
  expect(first).toHaveLength(1);
});

describe('a call', () => {
  const reason = new Error('enough');
  const controller = (): AbortController => new AbortController();

  test.each<{ what: string; act: (calls: PendingCalls, abort: AbortController) => void; expected: unknown }>([
    { what: 'its reply', act: (calls) => calls.resolve(replyTo(7)), expected: { reply: replyTo(7) } },
    { what: 'a failure', act: (calls) => calls.reject(7, reason), expected: { error: reason } },
    { what: 'the end of all', act: (calls) => calls.rejectAll(reason), expected: { error: reason } },
    { what: 'its signal', act: (_, abort) => abort.abort(reason), expected: { error: reason } },
    {
      what: 'its timeout',
      act: () => vi.advanceTimersByTime(1_000),
      expected: { error: expect.objectContaining({ code: 'CALL_TIMED_OUT', timeout: 1_000 }) },
    },
  ])('is settled by $what, once, and leaves nothing behind', ({ act, expected }) => {
    const calls = new PendingCalls();
    const abort = controller();
    const outcomes = add(calls, 7, { signal: abort.signal });
    expect([calls.size, vi.getTimerCount(), outcomes]).toEqual([1, 1, []]);
    act(calls, abort);
    expect(outcomes).toEqual([expected]);
    expect([calls.size, vi.getTimerCount(), getEventListeners(abort.signal, 'abort')]).toEqual([0, 0, []]);
    expect([calls.resolve(replyTo(7)), calls.reject(7, reason)]).toEqual([false, false]);
    calls.rejectAll(reason);
    abort.abort(reason);
    vi.advanceTimersByTime(100_000);
    expect(outcomes).toEqual([expected]);
  });

  test('waits for its own reply only', () => {
    const calls = new PendingCalls();
    const [seven, eight] = [add(calls, 7), add(calls, 8)];
    expect(calls.resolve(replyTo(9))).toBe(false);
    expect(calls.resolve(replyTo(8))).toBe(true);
    expect([seven, eight]).toEqual([[], [{ reply: replyTo(8) }]]);
  });

  test.each<[timeout: number, timers: number]>([
    [1, 1],
    [2 ** 31 - 1, 1],
    [2 ** 31, 0], // longer than Node's timers: one of them would fire at once
    [Number.MAX_VALUE, 0],
    [Infinity, 0],
  ])('that waits %d ms has %d timers', (timeout, timers) => {
    const calls = new PendingCalls();
    const outcomes = add(calls, 7, { timeout });
    expect(vi.getTimerCount()).toBe(timers);
    vi.advanceTimersByTime(timeout === 1 ? 1 : 1_000_000);
    expect(outcomes).toHaveLength(timeout === 1 ? 1 : 0);
  });

  test.each([0, -1, Number.NaN])('with a timeout of %d does not wait forever', (timeout) => {
    const outcomes = add(new PendingCalls(), 7, { timeout });
    vi.advanceTimersByTime(1);
    expect(outcomes).toHaveLength(1);
  });

  test('shares its signal with many others without a warning about leaks', async () => {
    vi.useRealTimers();
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const calls = new PendingCalls();
    const abort = controller();
    const all = Array.from({ length: 100 }, (_, serial) => add(calls, serial + 1, { signal: abort.signal }));
    await new Promise(setImmediate); // warnings are emitted on the next tick
    expect(warnings).toEqual([]);
    process.off('warning', onWarning);
    calls.resolve(replyTo(50));
    abort.abort(reason);
    expect(all.flat()).toHaveLength(100);
    expect(all.flat().filter((outcome) => 'reply' in outcome)).toHaveLength(1);
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
  });
});

test('rejectAll() does not settle a call that is added while it runs; the next one does', () => {
  const calls = new PendingCalls();
  const first = new Error('first');
  const late: CallOutcome[] = [];
  calls.add(1, () => calls.add(3, (outcome) => late.push(outcome), options()), options());
  const second = add(calls, 2);
  calls.rejectAll(first);
  expect([second, late, calls.size]).toEqual([[{ error: first }], [], 1]);
  calls.rejectAll(first);
  expect([late, calls.size]).toEqual([[{ error: first }], 0]);
});

test('one listener that throws does not keep the others waiting', async () => {
  vi.useRealTimers();
  const uncaught = uncaughtException();
  const calls = new PendingCalls();
  calls.add(1, () => { throw new Error('from settle'); }, options());
  const second = add(calls, 2);
  calls.rejectAll(new Error('over'));
  expect(second).toHaveLength(1);
  expect(await uncaught).toMatchObject({ message: 'from settle' });
});
