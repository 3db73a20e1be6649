// Which replies a bus passes on: each call gets one, from its callee.
// Specification: Message Types; the reference implementation for serials that are used twice.

import { beforeEach, expect, test } from 'vitest';
import { PendingReplies } from '../../src/message-bus/pending-replies.js';

const [caller, callee, other] = [{ name: 'caller' }, { name: 'callee' }, { name: 'other' }];
let replies: PendingReplies<{ readonly name: string }>;
beforeEach(() => {
  replies = new PendingReplies();
});

test('a reply is taken once, by its caller, callee and serial', () => {
  replies.expect(caller, callee, 7);
  expect(replies.take(caller, other, 7)).toBe(false);
  expect(replies.take(callee, caller, 7)).toBe(false);
  expect(replies.take(caller, callee, 8)).toBe(false);
  expect(replies.countOf(caller)).toBe(1);
  expect(replies.take(caller, callee, 7)).toBe(true);
  expect(replies.take(caller, callee, 7)).toBe(false);
  expect(replies.countOf(caller)).toBe(0);
});

test('a serial can be pending at several callees, and at each of them once', () => {
  const third = { name: 'third' };
  for (const each of [callee, other, third]) expect(replies.expect(caller, each, 7)).toBe(true);
  for (const each of [callee, other, third]) expect(replies.expect(caller, each, 7)).toBe(false);
  expect(replies.countOf(caller)).toBe(3);
  for (const each of [other, third, callee]) expect(replies.take(caller, each, 7)).toBe(true);
  expect(replies.countOf(caller)).toBe(0);
  expect(replies.expect(caller, callee, 7)).toBe(true);
});

test('a callee that leaves orphans the calls that it has not answered, the newest first', () => {
  for (const serial of [5, 3, 9]) replies.expect(caller, callee, serial);
  replies.expect(caller, other, 4);
  replies.expect(other, callee, 3);
  replies.take(caller, callee, 3);
  expect(replies.forgetCallee(callee)).toEqual([
    { caller, serial: 9 }, { caller, serial: 5 }, { caller: other, serial: 3 },
  ]);
  expect(replies.countOf(caller)).toBe(1);
  expect(replies.forgetCallee(callee)).toEqual([]);
  expect(replies.take(caller, other, 4)).toBe(true);
});

test('a caller that leaves has no pending calls', () => {
  replies.expect(caller, callee, 1);
  replies.expect(caller, other, 1);
  replies.forgetCaller(caller);
  expect(replies.take(caller, callee, 1)).toBe(false);
  expect(replies.forgetCallee(callee)).toEqual([]);
  expect(replies.forgetCallee(other)).toEqual([]);
});

test('a caller can call itself, and leave', () => {
  replies.expect(caller, caller, 1);
  replies.forgetCaller(caller);
  expect(replies.forgetCallee(caller)).toEqual([]);
});

test('a callee that leaves costs only its own calls, however many others its caller has', () => {
  const replies = new PendingReplies<{ readonly name: string }>();
  const [caller, silent] = [{ name: 'caller' }, { name: 'silent' }];
  for (let serial = 1; serial <= 50_000; serial++) replies.expect(caller, silent, serial);
  // Two billion looks at an open call, if each callee that leaves looked at all.
  for (let i = 0; i < 40_000; i++) {
    const callee = { name: `callee ${i}` };
    replies.expect(caller, callee, 60_000 + i);
    expect(replies.forgetCallee(callee)).toEqual([{ caller, serial: 60_000 + i }]);
  }
  expect(replies.countOf(caller)).toBe(50_000);
});
