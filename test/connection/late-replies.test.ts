// Which replies may be sent on a connection that was restored: those to calls that have come on it.
import { expect, test } from 'vitest';
import { LateReplies } from '../../src/connection/late-replies.js';
import { CallRefusal, type CallRunner, type MethodCallHeader } from '../../src/connection/call-router.js';
import { MessageFlag } from '../../src/wire/constants.js';
import { errorReply, methodCall, methodReturn, signal } from '../../src/wire/messages/message.js';

const runner: CallRunner = { run: () => {} };

const callOf = (sender: string, serial: number, flags = 0): MethodCallHeader =>
  ({ ...methodCall({ path: '/', member: 'A', flags }), sender, serial });

function arrived(calls: LateReplies, call: MethodCallHeader, decision: CallRunner | CallRefusal = runner): void {
  expect(calls.track({ route: () => decision }).route(call, 0)).toBe(decision);
}

test('a call can be answered once, with a result or an error', () => {
  const calls = new LateReplies();
  for (const reply of [methodReturn, (to: MethodCallHeader) => errorReply(to, { errorName: 'a.B' })]) {
    const call = callOf(':1.5', 7);
    arrived(calls, call);
    expect(calls.isLate(reply(call))).toBe(false);
    calls.noteSent(reply(call));
    expect(calls.isLate(reply(call))).toBe(true);
  }
});

test('a call cannot be answered after the connection has ended, or for another caller with its serial', () => {
  const calls = new LateReplies();
  const call = callOf(':1.5', 7);
  arrived(calls, call);
  expect(calls.isLate(methodReturn(callOf(':1.6', 7)))).toBe(true);
  expect(calls.isLate(methodReturn(callOf(':1.5', 8)))).toBe(true);
  calls.clear();
  expect(calls.isLate(methodReturn(call))).toBe(true);
});

test('a call that was refused, or expects no reply, is not kept', () => {
  const calls = new LateReplies();
  const [refused, silent] = [callOf(':1.5', 7), callOf(':1.5', 8, MessageFlag.NO_REPLY_EXPECTED)];
  arrived(calls, refused, new CallRefusal('a.B', 'no'));
  arrived(calls, silent);
  expect([calls.isLate(methodReturn(refused)), calls.isLate(methodReturn(silent))]).toEqual([true, true]);
});

test('signals and calls are never late replies', () => {
  const calls = new LateReplies();
  const others = [signal({ path: '/', interface: 'a.B', member: 'C' }), methodCall({ path: '/', member: 'A' })];
  expect(others.map((message) => calls.isLate(message))).toEqual([false, false]);
  expect(calls.isLate(undefined as never)).toBe(false);
});

test('calls that are never answered do not fill the memory: the oldest are removed', () => {
  const calls = new LateReplies();
  const router = calls.track({ route: () => runner });
  for (let serial = 1; serial <= 65_537; serial++) router.route(callOf(':1.5', serial), 0);
  const isLate = (serial: number): boolean => calls.isLate(methodReturn(callOf(':1.5', serial)));
  expect([isLate(1), isLate(2), isLate(65_537)]).toEqual([true, false, false]);
});

test('the end of a connection is reported to its router', () => {
  const reasons: unknown[] = [];
  const router = new LateReplies().track({ route: () => runner, handleBreak: (reason) => reasons.push(reason) });
  router.handleBreak?.('gone' as never);
  expect(reasons).toEqual(['gone']);
});
