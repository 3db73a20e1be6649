// Subscriptions and their readers: the ends of a subscription, what the reader then gets, and that nothing is left.
// Their rules, senders and queues: match-requests.test.ts, name-owners.test.ts, signal-queue.test.ts.
import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import type { Subscription } from '../../src/connection/subscription.js';
import { type Answer, answerAsBus, startBusLink } from './fake-server.js';
import { queued } from './queued.js';
import { BUS, deliver, happened, owned, ownerChanged, refused, RULE, ruleCalls, SERVICE } from './signals.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('a subscription that the bus refuses', () => {
  const answer: Answer = (call, peer) => (call.member === 'AddMatch' ? refused(call, peer) : answerAsBus(call, peer));
  const error = expect.objectContaining({ name: 'DBusError', errorName: `${BUS}.Error.LimitsExceeded` });

  test('rejects `ready` and the next read, and causes no unhandled rejection if neither is used', async () => {
    await using link = await startBusLink({ answer });
    const abort = new AbortController();
    const subscription = link.bus.subscribe(RULE, { signal: abort.signal });
    const read = async (): Promise<void> => {
      for await (const _ of subscription) expect.unreachable();
    };
    await expect(read()).rejects.toEqual(error);
    await expect(subscription.ready).rejects.toEqual(error);
    expect(await subscription.next()).toEqual({ value: undefined, done: true });
    await deliver(link);
    expect(ruleCalls(link.peer)).toHaveLength(1);
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
  });

  test('does not affect the next subscription', async () => {
    let refusals = 2; // the watch on the sender and the rule itself
    const once: Answer = (call, peer) =>
      call.member === 'AddMatch' && refusals-- > 0 ? refused(call, peer) : owned({ [SERVICE]: ':1.9' })(call, peer);
    await using link = await startBusLink({ answer: once });
    const rule = { ...RULE, sender: SERVICE };
    const first = link.bus.subscribe(rule);
    await expect(first.ready).rejects.toEqual(error);
    const second = link.bus.subscribe(rule);
    await second.ready;
    await first.close();
    await deliver(link, ownerChanged(SERVICE, ':1.9', ':1.10'), happened(1), happened(2, ':1.10'));
    expect(await queued(second)).toEqual([2]);
    await second.close();
    const rules = new Set(ruleCalls(link.peer).map((call) => (call as string[])[1]));
    expect(rules.size).toBe(2);
  });
});

describe('reading a subscription', () => {
  test('removes the rule when the loop ends early', async () => {
    await using link = await startBusLink();
    const abort = new AbortController();
    const subscription = link.bus.subscribe(RULE, { signal: abort.signal });
    await deliver(link, happened(1), happened(2), happened(3));
    for await (const { body } of subscription) {
      if (body[0] === 2) break;
    }
    expect(link.peer.calls('RemoveMatch')).toHaveLength(1);
    expect(await subscription.next()).toEqual({ value: undefined, done: true });
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
  });

  test('ends with close(), even if another function calls it', async () => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe(RULE);
    await subscription.ready;
    const seen: unknown[] = [];
    const loop = (async () => {
      for await (const { body } of subscription) seen.push(body[0]);
    })();
    await deliver(link, happened(1));
    await sleep(0);
    await subscription.close();
    await loop;
    expect(seen).toEqual([1]);
  });

  test('returns the queued signals, then throws the reason of its AbortSignal once', async () => {
    await using link = await startBusLink();
    const abort = new AbortController();
    const subscription = link.bus.subscribe(RULE, { signal: abort.signal });
    await subscription.ready;
    await deliver(link, happened(1));
    const reason = new Error('enough');
    abort.abort(reason);
    await deliver(link, happened(2));
    expect((await subscription.next()).value.body).toEqual([1]);
    await expect(subscription.next()).rejects.toBe(reason);
    expect(await subscription.next()).toEqual({ value: undefined, done: true });
    await link.peer.call('RemoveMatch');
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
  });

  test('waits for RemoveMatch when it is closed after its AbortSignal', async () => {
    await using link = await startBusLink();
    const abort = new AbortController();
    const subscription = link.bus.subscribe(RULE, { signal: abort.signal });
    await subscription.ready;
    abort.abort();
    await subscription.close();
    expect(link.peer.calls('RemoveMatch')).toHaveLength(1);
    expect(await subscription.next()).toEqual({ value: undefined, done: true });
  });

  test('throws once if its AbortSignal aborts while it waits', async () => {
    await using link = await startBusLink();
    const abort = new AbortController();
    const subscription = link.bus.subscribe(RULE, { signal: abort.signal });
    const next = subscription.next();
    abort.abort();
    await expect(next).rejects.toMatchObject({ name: 'AbortError' });
    expect(await subscription.next()).toEqual({ value: undefined, done: true });
  });

  test('returns the queued signals, then throws when the connection ends, and leaves no listener', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    const abort = new AbortController();
    const subscribe = (): Subscription => link.bus.subscribe({ ...RULE, sender: SERVICE }, { signal: abort.signal });
    const [reading, idle, never] = [subscribe(), subscribe(), subscribe()];
    await Promise.all([reading.ready, idle.ready]);
    await deliver(link, happened(1));
    await reading.next();
    const next = reading.next();
    link.peer.socket.destroy();
    const error = { code: 'CONNECTION_CLOSED', cause: { code: 'END_OF_STREAM' } };
    await expect(next).rejects.toMatchObject(error);
    expect((await idle.next()).value.body).toEqual([1]);
    await expect(idle.next()).rejects.toMatchObject(error);
    await never.close();
    expect(await never.next()).toEqual({ value: undefined, done: true });
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    await reading.close();
  });

  test('throws when this side closes the connection', async () => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe(RULE);
    const next = expect(subscription.next()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await link.bus.close();
    await next;
  });

  test('throws on a connection that has ended', async () => {
    await using link = await startBusLink();
    await link.bus.close();
    const abort = new AbortController();
    const subscription = link.bus.subscribe({ ...RULE, sender: SERVICE }, { signal: abort.signal });
    await expect(subscription.next()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await expect(subscription.ready).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await subscription.close();
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
  });
});

test.each<[what: string, end: (subscription: Subscription, abort: AbortController) => unknown]>([
  ['close()', (subscription) => subscription.close()],
  ['its AbortSignal', (_, abort) => abort.abort()],
])('a subscription that was ended by %s is not held by its bus', async (_, end) => {
  await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
  const run = async (): Promise<WeakRef<AbortSignal>> => {
    const abort = new AbortController();
    const subscription = link.bus.subscribe({ ...RULE, sender: SERVICE }, { signal: abort.signal });
    await subscription.ready;
    await end(subscription, abort);
    return new WeakRef(abort.signal);
  };
  const held = await run();
  await deliver(link, happened(1));
  for (let i = 0; i < 20 && held.deref() !== undefined; i++) {
    await sleep(5);
    collectGarbage();
  }
  expect(held.deref()).toBeUndefined();
});
