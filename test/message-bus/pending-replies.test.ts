// Which replies a bus passes on: each call gets one, from its callee, or NoReply if the callee leaves.
// Specification: Message Types; the reference implementation for serials that are used twice.

import { beforeEach, expect, test, vi } from 'vitest';
import { PendingReplies } from '../../src/message-bus/pending-replies.js';
import { collectGarbage } from '../support/memory.js';
import { expectProportionalWork } from '../support/work.js';

const [caller, callee, other] = [{ name: 'caller' }, { name: 'callee' }, { name: 'other' }];
let replies: PendingReplies<{ readonly name: string }>;
let answers: [caller: string, serial: number, errorName: string][];
beforeEach(() => {
  answers = [];
  replies = new PendingReplies({
    maxPerCaller: 50_001,
    answer: ({ name }, serial, { errorName }) => answers.push([name, serial, errorName]),
  });
});

/** The answers since the last call of this function. */
const newAnswers = (): typeof answers => answers.splice(0);
const NO_REPLY = 'org.freedesktop.DBus.Error.NoReply';
const SERIAL_IN_USE = { errorName: 'org.freedesktop.DBus.Error.AccessDenied' };

test('a reply is accepted once, by its caller, callee and serial', () => {
  replies.expect(caller, callee, 7);
  expect(replies.take(caller, other, 7)).toBe(false);
  expect(replies.take(callee, caller, 7)).toBe(false);
  expect(replies.take(caller, callee, 8)).toBe(false);
  expect(replies.countOf(caller)).toBe(1);
  expect(replies.take(caller, callee, 7)).toBe(true);
  expect(replies.take(caller, callee, 7)).toBe(false);
  expect(replies.countOf(caller)).toBe(0);
});

test('a reply is admitted only if its call is open, and any other message always', () => {
  for (const type of ['method_return', 'error'] as const) {
    replies.expect(caller, callee, 7);
    expect(replies.admits({ type, replySerial: 8 }, callee, caller)).toBe(false);
    expect(replies.admits({ type, replySerial: 7 }, other, caller)).toBe(false);
    expect(replies.admits({ type, replySerial: 7 }, callee, caller)).toBe(true);
    expect(replies.admits({ type, replySerial: 7 }, callee, caller)).toBe(false);
  }
  replies.expect(caller, callee, 7);
  for (const type of ['method_call', 'signal'] as const) {
    expect(replies.admits({ type, replySerial: 7 }, callee, caller)).toBe(true);
  }
  expect(replies.countOf(caller)).toBe(1);
});

test('a serial can be pending at several callees, and at each of them once', () => {
  const third = { name: 'third' };
  for (const each of [callee, other, third]) expect(replies.expect(caller, each, 7)).toBe(undefined);
  for (const each of [callee, other, third]) expect(replies.expect(caller, each, 7)).toMatchObject(SERIAL_IN_USE);
  expect(replies.countOf(caller)).toBe(3);
  for (const each of [other, third, callee]) expect(replies.take(caller, each, 7)).toBe(true);
  expect(replies.countOf(caller)).toBe(0);
  expect(replies.expect(caller, callee, 7)).toBe(undefined);
});

test('calls that a callee has not answered are answered when it leaves, the newest first', () => {
  for (const serial of [5, 3, 9]) replies.expect(caller, callee, serial);
  replies.expect(caller, other, 4);
  replies.expect(other, callee, 3);
  replies.take(caller, callee, 3);
  replies.leave(callee);
  expect(newAnswers()).toEqual([['caller', 9, NO_REPLY], ['caller', 5, NO_REPLY], ['other', 3, NO_REPLY]]);
  expect(replies.countOf(caller)).toBe(1);
  replies.leave(callee);
  expect(newAnswers()).toEqual([]);
  expect(replies.take(caller, other, 4)).toBe(true);
});

test('a caller that leaves has no pending calls', () => {
  replies.expect(caller, callee, 1);
  replies.expect(caller, other, 1);
  replies.leave(caller);
  expect(replies.take(caller, callee, 1)).toBe(false);
  replies.leave(callee);
  replies.leave(other);
  expect(newAnswers()).toEqual([]);
});

/** Lets each function use a peer, which then leaves; returns the peers that are still in memory. */
async function keptAfterLeaving(uses: readonly ((gone: { readonly name: string }) => void)[]): Promise<unknown[]> {
  const peers = uses.map((use) => {
    const gone = { name: 'gone' };
    use(gone);
    replies.leave(gone);
    return new WeakRef(gone);
  });
  await new Promise(setImmediate); // the target of a new WeakRef is kept until then
  collectGarbage();
  return peers.map((gone) => gone.deref()).filter((gone) => gone !== undefined);
}

test('a caller that has left is not kept in memory while its callees stay', async () => {
  expect(await keptAfterLeaving([
    (gone) => replies.expect(gone, callee, 7),
    (gone) => { for (const each of [callee, other]) replies.expect(gone, each, 7); },
    (gone) => { if (replies.expect(gone, callee, 7) === undefined) replies.take(gone, callee, 7); },
  ])).toEqual([]);
});

test('a callee that has left is not kept in memory while its callers stay', async () => {
  expect(await keptAfterLeaving([
    (gone) => replies.expect(caller, gone, 7),
    (gone) => { if (replies.expect(caller, gone, 8) === undefined) replies.take(caller, gone, 8); },
  ])).toEqual([]);
});

test('a caller that has called many others keeps a map for those with open calls, and for the last one', () => {
  const callees = Array.from({ length: 10 }, (_, index) => ({ name: `callee ${index}` }));
  for (const each of callees) {
    replies.expect(caller, each, 7);
    replies.take(caller, each, 7);
  }
  expect(replies.pairCount).toBe(1);
  for (const each of [callees[0]!, callees[9]!, other]) replies.expect(caller, each, 8); // there are ten
  replies.take(caller, other, 8);
  expect(replies.pairCount).toBe(3);
  replies.take(caller, callees[0]!, 8); // there are ten
  expect(replies.pairCount).toBe(2);
  for (const each of callees) replies.leave(each);
  expect([replies.pairCount, newAnswers()]).toEqual([0, [['caller', 8, NO_REPLY]]]);
});

test('a caller can call itself, and leave', () => {
  replies.expect(caller, caller, 1);
  replies.leave(caller);
  expect(newAnswers()).toEqual([]);
});

test('a call that is not answered in time gets NoReply, even if its serial is open at another callee too', () => {
  vi.useFakeTimers();
  try {
    let overdue = 0;
    const timed = new PendingReplies<{ readonly name: string }>({
      maxPerCaller: 10,
      timeout: 100,
      answer: ({ name }, serial, { errorName }) => answers.push([name, serial, errorName]),
    });
    timed.onExpired = () => overdue++;
    timed.expect(caller, callee, 7);
    timed.expect(caller, callee, 8);
    vi.advanceTimersByTime(60);
    timed.expect(caller, other, 7);
    timed.take(caller, callee, 8);
    expect(timed.deadlineCount).toBe(2);
    vi.advanceTimersByTime(50);
    expect(newAnswers()).toEqual([['caller', 7, NO_REPLY]]);
    expect(timed.countOf(caller)).toBe(1);
    expect(timed.expect(caller, callee, 7)).toBe(undefined);
    vi.advanceTimersByTime(60);
    expect(newAnswers()).toEqual([['caller', 7, NO_REPLY]]);
    expect(timed.take(caller, other, 7)).toBe(false);
    expect(timed.take(caller, callee, 7)).toBe(true);
    expect([timed.countOf(caller), timed.deadlineCount, overdue]).toEqual([0, 0, 2]);
  } finally {
    vi.useRealTimers();
  }
});

test('a call that is answered, or whose caller or callee has left, has no deadline any more', () => {
  const timed = new PendingReplies<object>({ maxPerCaller: 10, timeout: 60_000, answer: () => {} });
  for (let serial = 1; serial <= 3; serial++) timed.expect(caller, callee, serial);
  timed.expect(callee, other, 1);
  expect(timed.deadlineCount).toBe(4);
  timed.take(caller, callee, 2);
  expect(timed.deadlineCount).toBe(3);
  timed.leave(callee);
  expect(timed.deadlineCount).toBe(0);
});

test('a caller has no more open calls than its limit', () => {
  const few = new PendingReplies<object>({ maxPerCaller: 1, answer: () => {} });
  expect(few.expect(caller, callee, 1)).toBe(undefined);
  expect(few.expect(caller, callee, 2)).toMatchObject({ errorName: 'org.freedesktop.DBus.Error.LimitsExceeded' });
  expect(few.take(caller, callee, 1)).toBe(true);
  expect(few.expect(caller, callee, 2)).toBe(undefined);
});

test('a callee that leaves costs only its own calls, however many others its caller has', async () => {
  await expectProportionalWork(500, (count) => {
    const [caller, silent] = [{ name: 'caller' }, { name: 'silent' }];
    for (let serial = 1; serial <= count; serial++) replies.expect(caller, silent, serial);
    for (let serial = count + 1; serial <= 2 * count; serial++) {
      const callee = { name: `callee ${serial}` };
      replies.expect(caller, callee, serial);
      replies.leave(callee);
    }
    expect(newAnswers()).toEqual(Array.from({ length: count }, (_, index) => ['caller', count + 1 + index, NO_REPLY]));
    expect(replies.countOf(caller)).toBe(count);
    replies.leave(caller);
  });
});

test.each<[end: string, end: (caller: { readonly name: string }, callees: readonly { readonly name: string }[]) => void]>([
  ['its caller leaves', (caller) => replies.leave(caller)],
  ['its callees leave', (_, callees) => { for (const callee of callees) replies.leave(callee); }],
])('a serial that is open at many callees costs no more than many serials if %s', async (_, end) => {
  await expectProportionalWork(1_000, (count) => {
    const caller = { name: 'caller' };
    const callees = Array.from({ length: count }, (__, n) => ({ name: `callee ${n}` }));
    for (const callee of callees) replies.expect(caller, callee, 7);
    end(caller, callees);
    expect(replies.countOf(caller)).toBe(0);
    newAnswers();
    replies.leave(caller);
  });
});
