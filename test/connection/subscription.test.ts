// Subscriptions and watched names against a server that plays a bus: what is asked of the bus, in what order its
// answers and signals count, and that whatever ends one leaves nothing behind.
import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { MatchRequests } from '../../src/connection/match-requests.js';
import { SignalQueue } from '../../src/connection/signal-queue.js';
import type { Subscription } from '../../src/connection/subscription.js';
import { errorReply, type Message, methodReturn, type Signal, signal } from '../../src/wire/messages/message.js';
import { expectProportionalWork } from '../support/work.js';
import { type Answer, answerAsBus, type FakePeer, startBusLink } from './fake-server.js';
import { queued } from './queued.js';
import { rawMessage } from './raw-message.js';
import { uncaughtException } from './uncaught.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const SERVICE = 'com.example.Service';
const BUS = 'org.freedesktop.DBus';
const RULE = { interface: 'a.B', member: 'Happened' } as const;
const refused: Answer = (call) => errorReply(call, { errorName: `${BUS}.Error.LimitsExceeded`, message: 'too many' });

/** A bus on which these names have these owners, as far as GetNameOwner is concerned; else as `otherwise` answers. */
const owned = (owners: Readonly<Record<string, string>>, otherwise: Answer = answerAsBus): Answer => (call, peer) => {
  const owner = call.member === 'GetNameOwner' ? owners[call.body[0] as string] : undefined;
  return owner === undefined ? otherwise(call, peer) : methodReturn(call, { signature: 's', body: [owner] });
};

const happened = (n: number, sender = ':1.9'): Signal => ({
  ...signal({ path: '/', ...RULE, signature: 'u', body: [n] }),
  sender,
});
const ownerChanged = (name: string, previous: string, owner: string, sender = BUS): Signal => ({
  ...signal({
    path: '/org/freedesktop/DBus', interface: BUS, member: 'NameOwnerChanged', signature: 'sss',
    body: [name, previous, owner],
  }),
  sender,
});

/** Sends signals, and waits until the client has seen them and the server what the client does about them. */
async function deliver(
  { bus, peer }: { bus: Awaited<ReturnType<typeof startBusLink>>['bus']; peer: FakePeer },
  ...parts: readonly (Message | Uint8Array)[]
): Promise<void> {
  peer.send(...parts);
  await bus.call({ path: '/', member: 'Ping' }); // the client has seen all signals before the reply
  await bus.call({ path: '/', member: 'Ping' }); // the server has seen what the client sent because of them
}

function ruleCalls(peer: FakePeer): unknown[] {
  const calls = peer.messages.filter(({ member }) => member === 'AddMatch' || member === 'RemoveMatch');
  return calls.map(({ member, body: [text] }) => [member, text]);
}

describe('rules', () => {
  const TEXT = "type='signal',interface='a.B',member='Happened'";

  test('that are equal are added once, and removed after the last of them', async () => {
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

  test('balance over 100 subscriptions with well-known senders, whichever way they end', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    const { bus, peer } = link;
    for (let i = 0; i < 25; i++) {
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

  test('that are given up before the bus has answered are removed', async () => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe(RULE);
    await subscription.close();
    expect(ruleCalls(link.peer)).toEqual([['AddMatch', TEXT], ['RemoveMatch', TEXT]]);
    await subscription.ready;
  });

  test.each<[error: string]>([['MatchRuleNotFound'], ['MatchRuleInvalid']])(
    'that the bus refuses to remove (%s) are gone all the same',
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

  test('that no bus would take are not asked for, and nothing else is', async () => {
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

test('a rule is given up once by each who has it, however often', async () => {
  await using link = await startBusLink();
  const rules = new MatchRequests(() => link.core.engine);
  const [one, two] = [rules.add(RULE), rules.add(RULE)];
  await one.release();
  await one.release();
  expect(link.peer.calls('RemoveMatch')).toEqual([]);
  await two.release();
  expect(link.peer.calls('RemoveMatch')).toHaveLength(1);
});

describe('a subscription that the bus refuses', () => {
  const answer: Answer = (call, peer) => (call.member === 'AddMatch' ? refused(call, peer) : answerAsBus(call, peer));
  const error = expect.objectContaining({ name: 'DBusError', errorName: `${BUS}.Error.LimitsExceeded` });

  test('says so to who waits and to who reads, and to nobody else', async () => {
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

  test('does not stand in the way of the next', async () => {
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

describe('a sender', () => {
  const rule = { ...RULE, sender: SERVICE };

  test('is whoever owns the name at the time', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    const subscription = link.bus.subscribe(rule);
    await subscription.ready;
    await deliver(
      link,
      happened(1), happened(2, ':1.66'), happened(3, BUS), { ...happened(4), sender: SERVICE },
      ownerChanged(SERVICE, ':1.9', ''), happened(5),
      ownerChanged(SERVICE, '', ':1.10'), happened(6, ':1.10'), happened(7),
      ownerChanged(SERVICE, ':1.10', ':1.66', ':1.66'), happened(8, ':1.66'), happened(9, ':1.10'),
      ownerChanged('com.example.Other', '', ':1.66'), happened(10, ':1.66'),
    );
    // The bus is believed when it says that the well-known name itself is the sender: no client can.
    expect(await queued(subscription)).toEqual([1, 4, 6, 9]);
  });

  test('that is a unique name is that connection', async () => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe({ ...RULE, sender: ':1.9' });
    await deliver(link, happened(1), happened(2, ':1.10'), happened(3));
    expect(await queued(subscription)).toEqual([1, 3]);
    expect(link.peer.calls('GetNameOwner')).toEqual([]);
  });

  test('that is the bus is the bus', async () => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe({ ...RULE, sender: BUS });
    await deliver(link, happened(1), happened(2, BUS));
    expect(await queued(subscription)).toEqual([2]);
    expect(link.peer.calls('GetNameOwner')).toEqual([]);
  });

  test('is anybody where none is named', async () => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe(RULE);
    await deliver(link, happened(1), happened(2, BUS), happened(3, ':1.10'));
    expect(await queued(subscription)).toEqual([1, 2, 3]);
  });

  test('has signals right behind the answers, in one chunk with them', async () => {
    const held: Message[] = [];
    const answer: Answer = (call, peer) => {
      const reply = owned({ [SERVICE]: ':1.9' })(call, peer);
      if (call.member === 'Hello' || reply === undefined) return reply;
      held.push(reply);
      if (held.length === 3) peer.send(...held, happened(1), happened(2, ':1.10'), happened(3));
      return undefined;
    };
    await using link = await startBusLink({ answer });
    const subscription = link.bus.subscribe(rule);
    expect((await subscription.next()).value.body).toEqual([1]);
    expect((await subscription.next()).value.body).toEqual([3]);
    expect(held.map(({ type }) => type)).toEqual(['method_return', 'method_return', 'method_return']);
  });

  test('changes while it is asked for: the change counts, the older answer does not', async () => {
    const answer: Answer = (call, peer) => {
      if (call.member === 'GetNameOwner') peer.send(ownerChanged(SERVICE, ':1.8', ':1.9'));
      return owned({ [SERVICE]: ':1.8' })(call, peer);
    };
    await using link = await startBusLink({ answer });
    const seen: unknown[] = [];
    const watch = link.bus.watchOwner(SERVICE, (owner, previous) => seen.push([owner, previous]));
    const subscription = link.bus.subscribe(rule);
    await Promise.all([watch.ready, subscription.ready]);
    await deliver(link, happened(1, ':1.8'), happened(2, ':1.9'));
    expect(await queued(subscription)).toEqual([2]);
    expect([watch.owner, seen]).toEqual([':1.9', [[':1.9', undefined]]]);
  });

  test('that the bus answers for with nonsense has no owner', async () => {
    const answer: Answer = (call, peer) =>
      call.member === 'GetNameOwner' ? methodReturn(call, { signature: 'u', body: [7] }) : answerAsBus(call, peer);
    await using link = await startBusLink({ answer });
    const watch = link.bus.watchOwner(SERVICE, () => {});
    await watch.ready;
    expect(watch.owner).toBeUndefined();
  });
});

describe('a queue', () => {
  test.each<[limit: number | undefined, sent: number, kept: number]>([
    [undefined, 1_030, 1_024],
    [3, 10, 3],
    [1, 2, 1],
    [0, 2, 0],
    [Infinity, 3_000, 3_000],
  ])('of at most %s signals keeps the newest and counts the others', async (queueLimit, sent, kept) => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe(RULE, { queueLimit });
    await subscription.ready;
    await deliver(link, ...Array.from({ length: sent }, (_, i) => happened(i)));
    expect(subscription.dropped).toBe(sent - kept);
    expect(link.bus.dropped.get('queue overflow') ?? 0).toBe(sent - kept);
    expect(await queued(subscription)).toEqual(Array.from({ length: kept }, (_, i) => sent - kept + i));
  });

  test('a queue of 100,000 signals is read in proportion to its length', async () => {
    const filled = (length: number): SignalQueue => {
      const queue = new SignalQueue({ limit: length, onDrop: () => expect.unreachable() });
      for (let n = 0; n < length; n++) queue.push(happened(n));
      queue.end();
      return queue;
    };
    const readAll = async (queue: SignalQueue): Promise<void> => {
      while ((await queue.next()).done !== true);
    };
    await expectProportionalWork(12_500, readAll, filled);
  });

  test('takes nothing after its end', async () => {
    const queue = new SignalQueue({ limit: 2, onDrop: () => expect.unreachable() });
    queue.push(happened(1));
    queue.end();
    for (const n of [2, 3, 4]) queue.push(happened(n));
    expect((await queue.next()).value.body).toEqual([1]);
    expect([await queue.next(), queue.dropped]).toEqual([{ value: undefined, done: true }, 0]);
  });

  test('gives those who wait what comes, in their order', async () => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe(RULE, { queueLimit: 0 });
    const nexts = [subscription.next(), subscription.next()];
    await deliver(link, happened(1), happened(2), happened(3));
    expect((await Promise.all(nexts)).map(({ value }) => value.body)).toEqual([[1], [2]]);
    expect(subscription.dropped).toBe(1);
  });
});

describe('an iteration', () => {
  test('that is left gives the rule up', async () => {
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

  test('ends with close(), whoever calls it', async () => {
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

  test('reads what is queued, then throws the reason of its signal, once', async () => {
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

  test('that is left after its signal has aborted waits for the bus as well', async () => {
    await using link = await startBusLink();
    const abort = new AbortController();
    const subscription = link.bus.subscribe(RULE, { signal: abort.signal });
    await subscription.ready;
    abort.abort();
    await subscription.close();
    expect(link.peer.calls('RemoveMatch')).toHaveLength(1);
    expect(await subscription.next()).toEqual({ value: undefined, done: true });
  });

  test('that waits when its signal aborts throws once', async () => {
    await using link = await startBusLink();
    const abort = new AbortController();
    const subscription = link.bus.subscribe(RULE, { signal: abort.signal });
    const next = subscription.next();
    abort.abort();
    await expect(next).rejects.toMatchObject({ name: 'AbortError' });
    expect(await subscription.next()).toEqual({ value: undefined, done: true });
  });

  test('throws when the connection dies, what was queued first; nothing is left on the signal', async () => {
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

  test('of a subscription on a connection that has ended throws', async () => {
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
  ['its signal', (_, abort) => abort.abort()],
])('a subscription that has ended by %s is not held by its bus', async (_, end) => {
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

describe('a watch', () => {
  test('tells the owner found and each change, in order and never at once', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    const seen: unknown[] = [];
    const first = link.bus.watchOwner(SERVICE, (owner, previous) => seen.push(['first', owner, previous]));
    expect([first.owner, seen]).toEqual([undefined, []]);
    await first.ready;
    const second = link.bus.watchOwner(SERVICE, (owner, previous) => seen.push(['second', owner, previous]));
    expect([second.owner, seen]).toEqual([':1.9', [['first', ':1.9', undefined]]]);
    await second.ready;
    await deliver(link, ownerChanged(SERVICE, ':1.9', ':1.10'), ownerChanged(SERVICE, ':1.10', ''));
    await first.close();
    await deliver(link, ownerChanged(SERVICE, '', ':1.11'));
    expect(seen).toEqual([
      ['first', ':1.9', undefined], ['second', ':1.9', undefined],
      ['first', ':1.10', ':1.9'], ['second', ':1.10', ':1.9'],
      ['first', undefined, ':1.10'], ['second', undefined, ':1.10'],
      ['second', ':1.11', undefined],
    ]);
    expect(ruleCalls(link.peer)).toHaveLength(1);
    await second.close();
    await second.close();
    expect(ruleCalls(link.peer)).toHaveLength(2);
  });

  test('begun while a change is told says it once', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    const seen: unknown[] = [];
    const first = link.bus.watchOwner(SERVICE, (owner) => {
      if (owner === ':1.10') link.bus.watchOwner(SERVICE, (later, previous) => seen.push([later, previous]));
    });
    await first.ready;
    await deliver(link, ownerChanged(SERVICE, ':1.9', ':1.10'), ownerChanged(SERVICE, ':1.10', ':1.11'));
    expect(seen.at(-1)).toEqual([':1.11', seen.length === 1 ? undefined : ':1.10']);
    expect(seen.length).toBeLessThan(3);
  });

  test('of a name that nobody owns is ready, and tells nothing', async () => {
    await using link = await startBusLink();
    const seen: unknown[] = [];
    await using watch = link.bus.watchOwner(SERVICE, (owner) => seen.push(owner));
    await watch.ready;
    await sleep(0);
    expect([watch.owner, seen]).toEqual([undefined, []]);
  });

  test('that the bus refuses does not stand in the way of the next', async () => {
    let refusals = 1;
    const once: Answer = (call, peer) =>
      call.member === 'AddMatch' && refusals-- > 0 ? refused(call, peer) : owned({ [SERVICE]: ':1.9' })(call, peer);
    await using link = await startBusLink({ answer: once });
    const first = link.bus.watchOwner(SERVICE, () => {});
    await expect(first.ready).rejects.toMatchObject({ name: 'DBusError' });
    const seen: unknown[] = [];
    const second = link.bus.watchOwner(SERVICE, (owner) => seen.push(owner));
    await second.ready;
    await first.close();
    await deliver(link, ownerChanged(SERVICE, ':1.9', ':1.10'));
    expect([seen, second.owner]).toEqual([[':1.9', ':1.10'], ':1.10']);
    expect(ruleCalls(link.peer)).toHaveLength(2);
  });

  test('whose owner cannot be asked gives its rule back', async () => {
    const answer: Answer = (call, peer) => {
      if (call.member !== 'GetNameOwner') return answerAsBus(call, peer);
      const fields = [[5, 'u', call.serial], [8, 'g', 's']] as const;
      peer.send(rawMessage({ type: 2, fields })); // without the text that it promises
      return undefined;
    };
    await using link = await startBusLink({ answer });
    const watch = link.bus.watchOwner(SERVICE, () => {});
    await expect(watch.ready).rejects.toMatchObject({ code: 'VALUE_TRUNCATED' });
    await deliver(link);
    expect(ruleCalls(link.peer)).toHaveLength(2);
  });

  test('that another closes while a change is told tells nothing more', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    const seen: unknown[] = [];
    const first = link.bus.watchOwner(SERVICE, (owner) => {
      if (owner === ':1.10') void second.close();
    });
    const second = link.bus.watchOwner(SERVICE, (owner) => seen.push(owner));
    await Promise.all([first.ready, second.ready]);
    await deliver(link, ownerChanged(SERVICE, ':1.9', ':1.10'));
    expect(seen).toEqual([':1.9']);
  });

  test('that is closed tells nothing more', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    const seen: unknown[] = [];
    const kept = link.bus.watchOwner(SERVICE, () => {});
    await kept.ready;
    const watch = link.bus.watchOwner(SERVICE, (owner) => seen.push(owner));
    await watch.close();
    await deliver(link, ownerChanged(SERVICE, ':1.9', ''));
    expect(seen).toEqual([]);
  });

  test('whose listener throws disturbs neither the others nor the signals', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    const uncaught = uncaughtException();
    const seen: unknown[] = [];
    const first = link.bus.watchOwner(SERVICE, () => {
      throw new Error('ours');
    });
    const second = link.bus.watchOwner(SERVICE, (owner) => seen.push(owner));
    const subscription = link.bus.subscribe({ ...RULE, sender: SERVICE });
    const changes = link.bus.subscribe({ interface: BUS, member: 'NameOwnerChanged' });
    await Promise.all([first.ready, second.ready, subscription.ready, changes.ready]);
    expect(await uncaught).toMatchObject({ message: 'ours' });
    const again = uncaughtException();
    await deliver(link, ownerChanged(SERVICE, ':1.9', ':1.10'), happened(1, ':1.10'));
    expect(await again).toMatchObject({ message: 'ours' });
    expect([seen, await queued(subscription), await queued(changes)]).toEqual([[':1.9', ':1.10'], [1], [SERVICE]]);
  });

  test('on a connection that ends or has ended rejects, and nothing else does', async () => {
    const answer: Answer = (call, peer) => (call.member === 'Hello' ? answerAsBus(call, peer) : undefined);
    await using link = await startBusLink({ answer });
    const watch = link.bus.watchOwner(SERVICE, () => {});
    link.peer.socket.destroy();
    await expect(watch.ready).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await watch.close();
    const late = link.bus.watchOwner(SERVICE, () => {});
    await expect(late.ready).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    link.bus.watchOwner(SERVICE, () => {}); // whose `ready` nobody looks at
    await sleep(5);
  });
});
