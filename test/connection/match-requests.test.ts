// Match rules that are wanted of a bus: each is added once, however many subscriptions want it, and removed after the last
// of them, whatever ends these.
import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { Engine } from '../../src/connection/engine.js';
import { CallTimeoutError } from '../../src/connection/errors.js';
import { MatchRequests } from '../../src/connection/match-requests.js';
import type { Subscription } from '../../src/connection/subscription.js';
import { errorReply } from '../../src/wire/messages/message.js';
import { type Answer, answerAsBus, startBusLink } from './fake-server.js';
import { queued } from './queued.js';
import { BUS, deliver, happened, owned, RULE, ruleCalls, SERVICE } from './signals.js';

describe('match rules', () => {
  const TEXT = "type='signal',interface='a.B',member='Happened'";

  test('that are equal are added once, and removed with the last of them', async () => {
    await using link = await startBusLink();
    const { bus, peer } = link;
    const one = bus.subscribe(RULE);
    const two = bus.subscribe({ member: 'Happened', interface: 'a.B' });
    await Promise.all([one.ready, two.ready]);
    await deliver(link, happened(1));
    expect([(await one.next()).value.body, (await two.next()).value.body]).toEqual([[1], [1]]);
    await one.close();
    await one.close();
    await deliver(link, happened(2));
    expect([await queued(one), await queued(two)]).toEqual([[], [2]]);
    expect(ruleCalls(peer)).toEqual([['AddMatch', TEXT]]);
    await two.close();
    expect(ruleCalls(peer)).toEqual([['AddMatch', TEXT], ['RemoveMatch', TEXT]]);
    const three = bus.subscribe(RULE);
    await three.ready;
    expect(ruleCalls(peer)).toHaveLength(3);
  });

  test('are removed as often as they are added by many subscriptions, however these end', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    const { bus, peer } = link;
    for (let i = 0; i < 8; i++) {
      const abort = new AbortController();
      const rule = { ...RULE, sender: SERVICE };
      const subscriptions = [0, 1, 2].map(() => bus.subscribe(rule));
      const aborted = bus.subscribe(rule, { signal: abort.signal });
      if (i % 2 === 0) await Promise.all(subscriptions.map(({ ready }) => ready));
      const [first, second, third] = subscriptions as [Subscription, Subscription, Subscription];
      await first.close();
      await second.return();
      await third[Symbol.asyncDispose]();
      abort.abort();
      await expect(aborted.next()).rejects.toThrow();
      expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    }
    await bus.call({ path: '/', member: 'GetNameOwner', signature: 's', body: [SERVICE] });
    const counts = new Map<string, number>();
    for (const [member, text] of ruleCalls(peer) as [string, string][]) {
      counts.set(text, (counts.get(text) ?? 0) + (member === 'AddMatch' ? 1 : -1));
    }
    expect([...counts.values()]).toEqual([0, 0]);
  });

  test('that are released before the bus has replied are removed', async () => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe(RULE);
    await subscription.close();
    expect(ruleCalls(link.peer)).toEqual([['AddMatch', TEXT], ['RemoveMatch', TEXT]]);
    await subscription.ready;
  });

  test.each<[error: string]>([['MatchRuleNotFound'], ['MatchRuleInvalid']])(
    'that the bus does not find (%s) count as removed',
    async (error) => {
      const errorName = `${BUS}.Error.${error}`;
      const answer: Answer = (call, peer) =>
        call.member === 'RemoveMatch' ? errorReply(call, { errorName }) : answerAsBus(call, peer);
      await using link = await startBusLink({ answer });
      const subscription = link.bus.subscribe(RULE);
      await subscription.close();
      expect(link.peer.calls('RemoveMatch')).toHaveLength(1);
    },
  );

  test('that a bus would refuse are never sent, and no other call is sent for them', async () => {
    await using link = await startBusLink();
    const abort = new AbortController();
    for (const rule of [{ sender: SERVICE, path: 'bad' }, { sender: 'bad' }, { sender: SERVICE, args: { 64: 'x' } }]) {
      expect(() => link.bus.subscribe(rule, { signal: abort.signal })).toThrow();
    }
    expect(() => link.bus.watchOwner('bad', () => {})).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
    const reason = new Error('enough');
    expect(() => link.bus.subscribe(RULE, { signal: AbortSignal.abort(reason) })).toThrow(reason);
    await deliver(link);
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    expect(ruleCalls(link.peer)).toEqual([]);
  });
});

test('a request for a rule counts as released once, however often it is released', async () => {
  await using link = await startBusLink();
  const rules = new MatchRequests(link.core);
  const [one, two] = [rules.add(RULE), rules.add(RULE)];
  await one.release();
  await one.release();
  expect(link.peer.calls('RemoveMatch')).toEqual([]);
  await two.release();
  expect(link.peer.calls('RemoveMatch')).toHaveLength(1);
});

test('a rule whose request has timed out is removed, since the bus may add it later', async () => {
  const calls: string[] = [];
  const call = ({ member, noReply = false }: { readonly member: string; readonly noReply?: boolean }) => {
    calls.push(`${member} ${noReply}`);
    return member === 'AddMatch' ? Promise.reject(new CallTimeoutError('AddMatch', 25_000)) : Promise.resolve([]);
  };
  const engine = { call } as unknown as Engine; // it needs no more of an engine
  const rules = new MatchRequests({ open: engine, isRestorable: false, failure: undefined });
  const first = rules.add(RULE);
  await expect(first.ready).rejects.toThrow('no reply');
  await first.release();
  expect(calls).toEqual(['AddMatch false', 'RemoveMatch true']);
  await expect(rules.add(RULE).ready).rejects.toThrow('no reply');
  expect(calls.slice(2)).toEqual(['AddMatch false', 'RemoveMatch true']);
});
