// Connections that are restored, against servers in this process that play a bus and decide when it ends: what is sent
// on the next connection and in what order, what waits, what fails, and what the program learns.
import { channel } from 'node:diagnostics_channel';
import { getEventListeners } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { queryObjects } from 'node:v8';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createProxy } from '../../src/client/proxy.js';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { Engine } from '../../src/connection/engine.js';
import { ConnectionClosedError } from '../../src/connection/errors.js';
import type { ConnectionChange, ConnectionRestored, Gap } from '../../src/connection/gap.js';
import { ownName } from '../../src/connection/own-name.js';
import type { ReconnectOptions } from '../../src/connection/reconnect-options.js';
import { WaitingCalls } from '../../src/connection/postponed-calls.js';
import { defineInterface } from '../../src/interface/define.js';
import type { CallContext } from '../../src/interface/definition.js';
import { exportObject } from '../../src/service/export-object.js';
import { StreamTransport } from '../../src/transport/stream-transport.js';
import { errorReply, type MethodCall, methodCall, methodReturn } from '../../src/wire/messages/message.js';
import { heavyTest, some } from '../support/extent.js';
import { variant } from '../../src/wire/variant.js';
import { until } from '../support/waiting.js';
import { type Answer, answerAsBus, FakePeer, type FakeServer, type FakeServerOptions, startFakeServer } from './fake-server.js';
import { queued } from './queued.js';
import { BUS, happened, owned, ownerChanged, refused, RULE, SERVICE } from './signals.js';

const NAME = 'com.example.Ours';
const Happening = defineInterface({ name: RULE.interface, signals: { Happened: { args: 'u' } } });
const METHOD = { path: '/', interface: 'com.example.I', member: 'Method' } as const;
const [PRIMARY_OWNER, IN_QUEUE, EXISTS] = [1, 2, 3];
const lost = expect.objectContaining({ name: 'ConnectionClosedError', code: 'CONNECTION_LOST' });

/** Gives names, and answers everything else as a bus does. */
const giving = (results: Readonly<Record<string, number>> = {}, otherwise: Answer = answerAsBus): Answer => (call, peer) => {
  switch (call.member) {
    case 'RequestName':
      return methodReturn(call, { signature: 'u', body: [results[call.body[0] as string] ?? PRIMARY_OWNER] });
    case 'ReleaseName':
      return methodReturn(call, { signature: 'u', body: [1] });
    case 'ListNames':
      return methodReturn(call, { signature: 'as', body: [[BUS]] });
    default:
      return otherwise(call, peer);
  }
};

interface Started {
  readonly server: FakeServer;
  readonly bus: Bus;
  /** The server's side of the first connection. */
  readonly peer: FakePeer;
  readonly changes: ConnectionChange[];
  readonly restored: () => ConnectionRestored[];
  /** Ends a connection, and resolves with the server's side of the next one when that is restored. */
  readonly restore: (peer: FakePeer) => Promise<FakePeer>;
  /** Resolves when the program has learned that the connection is lost. */
  readonly breakOf: (peer: FakePeer) => Promise<void>;
}

async function startBus(options: FakeServerOptions & { readonly reconnect?: ReconnectOptions } = {}): Promise<Started> {
  const { reconnect, ...serverOptions } = options;
  const server = await startFakeServer({ answer: giving(), ...serverOptions });
  const bus = await connectToBus(server.address, {
    reconnect: { initialDelay: 1, maxDelay: reconnect?.initialDelay ?? 4, ...reconnect },
  });
  onTestFinished(async () => {
    await bus.close({ timeout: 0 });
    await server[Symbol.asyncDispose]();
  });
  const peer = await server.peer();
  const changes: ConnectionChange[] = [];
  bus.watchConnection((change) => changes.push(change));
  const restored = (): ConnectionRestored[] => changes.filter((change) => change.state === 'connected');
  const breakOf = (broken: FakePeer): Promise<void> => new Promise((resolve) => {
    const stop = bus.watchConnection(() => {
      stop();
      resolve();
    });
    broken.socket.destroy();
  });
  let [count, restoredCount] = [0, 0];
  bus.watchConnection(({ state }) => {
    if (state === 'connected') restoredCount++;
  });
  const restore = async (broken: FakePeer): Promise<FakePeer> => {
    count++;
    broken.socket.destroy(); // unless the test has done that
    const next = await server.peer();
    await until(() => restoredCount >= count);
    return next;
  };
  return { server, bus, peer, changes, restored, restore, breakOf };
}

/** The calls that a server has got, each as its member and its arguments. */
const callsOf = (peer: FakePeer): unknown[][] =>
  peer.messages.filter(({ type }) => type === 'method_call').map(({ member, body }) => [member, ...body]);

const failureOf = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => 'resolved', (error: unknown) => error);

describe('everything that is wanted', () => {
  test('is requested from the next bus: Hello, rules, owners, names with flags, then waiting calls', async () => {
    const { bus, peer, restore, breakOf } = await startBus({ answer: giving({ 'com.example.Queued': IN_QUEUE }) });
    await bus.requestName(NAME, { allowReplacement: true });
    await bus.requestName('com.example.Queued', { doNotQueue: false, replaceExisting: true });
    const watch = bus.watchOwner(SERVICE, () => {});
    const below = bus.watchOwner('com.example.below.*', () => {});
    const subscriptions = [RULE, RULE, { ...RULE, sender: SERVICE }].map((rule) => bus.subscribe(rule));
    await Promise.all([watch, below, ...subscriptions].map(({ ready }) => ready));
    const first = peer.messages.length;
    await breakOf(peer);
    const waiting = bus.call({ ...METHOD, signature: 's', body: ['waits'] });
    waiting.catch(() => {});
    const next = await restore(peer);
    await next.call('Method');
    const change = "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged'";
    const at = ",path='/org/freedesktop/DBus'";
    expect(callsOf(next)).toEqual([
      ['Hello'],
      ['AddMatch', `${change}${at},arg0='${SERVICE}'`],
      ['AddMatch', expect.stringMatching(/arg0namespace='com.example.below'/)],
      ['AddMatch', "type='signal',interface='a.B',member='Happened'"],
      ['AddMatch', `type='signal',sender='${SERVICE}',interface='a.B',member='Happened'`],
      ['GetNameOwner', SERVICE],
      ['RequestName', NAME, 1 | 4],
      ['RequestName', 'com.example.Queued', 2],
      ['ListNames'],
      ['Method', 'waits'],
    ]);
    expect(first).toBe(callsOf(peer).length);
  });

  test('is not requested again if it was released before the connection was lost, or while it is lost', async () => {
    const { bus, peer, restore, breakOf } = await startBus();
    await Promise.all([bus.requestName(NAME), bus.requestName('com.example.Two'), bus.requestName('com.example.Three')]);
    const [early, late, kept] = ['A', 'B', 'C'].map((member) => bus.subscribe({ member }));
    const watch = bus.watchOwner(SERVICE, () => {});
    await Promise.all([early!.ready, late!.ready, kept!.ready, watch.ready]);
    await bus.releaseName(NAME);
    await early!.close();
    await breakOf(peer);
    expect(await bus.releaseName('com.example.Two')).toBe('released');
    expect(await bus.releaseName('com.example.Two')).toBe('not owner');
    await Promise.all([late!.close(), watch.close()]);
    const next = await restore(peer);
    expect(callsOf(next)).toEqual([['Hello'], ['AddMatch', "type='signal',member='C'"], ['RequestName', 'com.example.Three', 4]]);
  });

  test('can be new while the connection is lost, and is then ready when it is restored', async () => {
    const { bus, peer, restore, breakOf } = await startBus({ answer: giving({}, owned({ [SERVICE]: ':1.9' })) });
    await breakOf(peer);
    const seen: unknown[] = [];
    const subscription = bus.subscribe({ ...RULE, sender: SERVICE });
    const watch = bus.watchOwner(SERVICE, (owner) => seen.push(owner));
    const name = bus.requestName(NAME);
    const given = bus.subscribe({ member: 'GivenUp' });
    await given.close();
    await given.ready;
    const next = await restore(peer);
    await Promise.all([subscription.ready, watch.ready]);
    expect([await name, seen, subscription.gaps]).toEqual(['primary owner', [':1.9'], 0]);
    next.send(happened(1));
    expect((await subscription.next()).value.body).toEqual([1]);
    expect(next.calls('AddMatch')).toHaveLength(2);
  });

  test('does not include a name that is released while its request waits, but a later request for it', async () => {
    const { bus, peer, restore, breakOf } = await startBus();
    await breakOf(peer);
    const withdrawn = bus.requestName(NAME).catch((error: unknown) => error);
    expect(await bus.releaseName(NAME)).toBe('not owner');
    expect(await withdrawn).toMatchObject({ name: 'NameLostError', busName: NAME, owner: undefined });
    const closed = ownName(bus, 'com.example.Closed');
    await closed.close();
    const again = bus.requestName(NAME);
    const next = await restore(peer);
    expect(await again).toBe('primary owner');
    expect(callsOf(next)).toEqual([['Hello'], ['RequestName', NAME, 4]]);
  });

  test('is requested from the next bus even if its request was pending when the connection was lost', async () => {
    let isSilent = true;
    const answer: Answer = (call, peer) => (isSilent && call.member !== 'Hello' ? undefined : giving()(call, peer));
    const { bus, peer, restore } = await startBus({ answer });
    const subscription = bus.subscribe({ ...RULE, sender: SERVICE });
    const watch = bus.watchOwner('com.example.below.*', () => {});
    const name = bus.requestName(NAME);
    const release = bus.releaseName('com.example.Other');
    await peer.call('ReleaseName');
    isSilent = false;
    const next = await restore(peer);
    await Promise.all([subscription.ready, watch.ready]);
    expect(await Promise.all([name, release])).toEqual(['primary owner', 'not owner']);
    expect([next.calls('RequestName').length, next.calls('AddMatch').length]).toEqual([1, 3]);
  });

  test.each(some([0, 1, 2, 3, 4], 2))(
    'is requested once from the last bus if others end after %i of the requests', async (limit) => {
      let connections = 0;
      const counts = new Map<FakePeer, number>();
      const answer: Answer = (call, peer) => {
        if (call.member === 'Hello') connections++;
        const count = (counts.get(peer) ?? 0) + 1;
        counts.set(peer, count);
        if (connections > 1 && connections < 4 && count > limit) {
          peer.socket.destroy();
          return undefined;
        }
        return giving({}, owned({ [SERVICE]: ':1.9' }))(call, peer);
      };
      const { server, bus, peer, restored, breakOf } = await startBus({ answer });
      await bus.requestName(NAME);
      const owners: unknown[] = [];
      const watch = bus.watchOwner(SERVICE, (owner) => owners.push(owner));
      const subscription = bus.subscribe({ ...RULE, sender: SERVICE });
      await Promise.all([watch.ready, subscription.ready]);
      await breakOf(peer);
      const waiting = bus.call({ path: '/', member: 'Ping' });
      await until(() => restored().length === 1);
      await waiting;
      await server.peer();
      await server.peer();
      const last = await server.peer();
      expect(callsOf(last).map(([member]) => member)).toEqual(
        ['Hello', 'AddMatch', 'AddMatch', 'GetNameOwner', 'RequestName', 'Ping'].slice(0, 6),
      );
      expect(restored()).toMatchObject([{ attempts: 3, errors: [] }]);
      // Two buses end after they have answered who the owner is.
      const ended = limit === 4 ? [':1.9', undefined, ':1.9', undefined] : [];
      expect(owners).toEqual([':1.9', undefined, ...ended, ':1.9']);
      last.send(happened(1));
      expect((await subscription.next()).value.body).toEqual([1]);
    });
});

test('a short default timeout of calls does not apply to the requests that restore a connection', async () => {
  let isSlow = false;
  const answer: Answer = (call, peer) => {
    const reply = giving()(call, peer);
    if (!isSlow || call.member === 'Hello' || reply === undefined) return reply;
    setTimeout(() => peer.send(reply), 60);
    return undefined;
  };
  const server = await startFakeServer({ answer });
  await using bus = await connectToBus(server.address, { reconnect: { initialDelay: 1 }, callDefaults: { timeout: 20 } });
  onTestFinished(() => server[Symbol.asyncDispose]());
  await bus.requestName(NAME, { timeout: 5_000 });
  await bus.subscribe(RULE).ready;
  await bus.watchOwner('com.example.below.*', () => {}).ready;
  isSlow = true;
  const restored = new Promise<ConnectionChange>((resolve) => {
    bus.watchConnection((change) => (change.state === 'connected' || change.attempts > 0) && resolve(change));
  });
  (await server.peer()).socket.destroy();
  expect(await restored).toMatchObject({ state: 'connected', attempts: 1, errors: [] });
});

describe('a call', () => {
  test('that is pending when the connection is lost rejects, and the error says that it was sent', async () => {
    const { bus, peer, breakOf } = await startBus();
    const failure = failureOf(bus.call(METHOD));
    await peer.call('Method');
    await breakOf(peer);
    expect(await failure).toEqual(lost);
    expect(await failure).toMatchObject({ wasSent: true, message: expect.stringContaining('no reply to com.example.I.Method') });
  });

  test('that is made while the connection is lost has the arguments of that moment', async () => {
    const { bus, peer, restore, breakOf } = await startBus({
      answer: giving({}, (call, by) => (
        call.member === 'Method' ? methodReturn(call, { signature: 'ay', body: [call.body[0] as Uint8Array] }) : answerAsBus(call, by))),
    });
    await breakOf(peer);
    const bytes = new Uint8Array([1, 2, 3]);
    const result = bus.call({ ...METHOD, signature: 'ay', body: [bytes], replySignature: 'ay' });
    const silent = bus.call({ ...METHOD, member: 'Silent', noReply: true });
    bytes.fill(9);
    expect(bus.queuedBytes).toBeGreaterThan(100);
    const next = await restore(peer);
    expect(await result).toEqual([new Uint8Array([1, 2, 3])]);
    expect(await silent).toEqual([]);
    expect((await next.call('Silent')).flags & 1).toBe(1);
    expect(bus.queuedBytes).toBe(0);
  });

  test('that has waited gets its error reply, and a method of a proxy its result', async () => {
    const { bus, peer, restore, breakOf } = await startBus({
      answer: giving({}, (call, by) => (
        call.member === 'Add' ? methodReturn(call, { signature: 'u', body: [3] })
        : call.member === 'Method' ? errorReply(call, { errorName: 'a.B', message: 'no' }) : answerAsBus(call, by))),
    });
    await breakOf(peer);
    const Adder = defineInterface({ name: 'com.example.Adder1', methods: { Add: { in: 'uu', out: 'u' } } });
    const sum = createProxy(bus, Adder, { destination: SERVICE, path: '/' }).Add(1, 2);
    const failure = failureOf(bus.call(METHOD));
    await restore(peer);
    expect([await sum, await failure]).toEqual([3, expect.objectContaining({ errorName: 'a.B', message: 'no' })]);
  });

  test('to the bus itself waits too', async () => {
    const { bus, peer, restore, breakOf } = await startBus({ answer: giving({}, owned({ [SERVICE]: ':1.9' })) });
    await breakOf(peer);
    const answers = [bus.listNames(), bus.getNameOwner(SERVICE), bus.waitForOwner(SERVICE)];
    await restore(peer);
    expect(await Promise.all(answers)).toEqual([[BUS], ':1.9', ':1.9']);
  });

  test('that waits rejects after its timeout or when its AbortSignal aborts, and is not sent', async () => {
    const { bus, peer, restore, breakOf } = await startBus({ reconnect: { initialDelay: 60, maxDelay: 60, jitter: 0 } });
    await breakOf(peer);
    const abort = new AbortController();
    const failures = [
      failureOf(bus.call({ ...METHOD, timeout: 10 })), failureOf(bus.call({ ...METHOD, signal: abort.signal })),
      failureOf(bus.call({ ...METHOD, signal: AbortSignal.abort('before') })),
    ];
    abort.abort('meanwhile');
    expect(await Promise.all(failures)).toEqual([
      expect.objectContaining({ name: 'CallTimeoutError', timeout: 10 }), 'meanwhile', 'before',
    ]);
    const next = await restore(peer);
    await bus.call({ path: '/', member: 'Ping' });
    expect(next.calls('Method')).toEqual([]);
  });

  test('that has waited has the rest of its timeout for the reply', async () => {
    const { bus, peer, restore, breakOf } = await startBus();
    await breakOf(peer);
    const failure = failureOf(bus.call({ ...METHOD, timeout: 200 }));
    const forever = failureOf(bus.call({ ...METHOD, timeout: Infinity }));
    const next = await restore(peer);
    await next.call('Method');
    expect(await failure).toMatchObject({ name: 'CallTimeoutError', timeout: 200 });
    await bus.close({ timeout: 0 });
    expect(await forever).toMatchObject({ code: 'CONNECTION_CLOSED' });
  });

  test.each<[what: string, options: object, error: object]>([
    ['a wrong argument', { ...METHOD, signature: 'u', body: ['x'] }, { name: 'MarshalError', interface: 'com.example.I' }],
    ['a wrong path', { ...METHOD, path: 'x' }, { name: 'InvalidNameError' }],
    ['a file descriptor', { ...METHOD, signature: 'h', body: [0] }, { code: 'UNIX_FD_NOT_SENDABLE' }],
    ['a wrong option', { ...METHOD, timeout: 'x' }, { code: 'OPTION_INVALID' }],
    ['a wrong signature of the reply', { ...METHOD, replySignature: '(' }, { name: 'SignatureError' }],
    ['a unique name', { ...METHOD, destination: ':1.5' }, { code: 'CONNECTION_LOST', wasSent: false }],
    [
      'a question to the bus about a unique name',
      { destination: BUS, path: '/', interface: BUS, member: 'GetConnectionUnixUser', signature: 's', body: [':1.5'] },
      { code: 'CONNECTION_LOST', wasSent: false },
    ],
  ])('with %s rejects at once while the connection is lost', async (_, options, error) => {
    const { bus, peer, breakOf } = await startBus({ reconnect: { initialDelay: 10_000 } });
    const before = 'destination' in options ? undefined : await failureOf(bus.call(options as never)) as Error;
    await breakOf(peer);
    const during = await failureOf(bus.call(options as never)) as Error;
    expect(during).toMatchObject(error);
    if (before !== undefined) expect(during.message).toBe(before.message);
  });

  test.each(['getNameOwner', 'nameHasOwner', 'listQueuedOwners', 'getConnectionCredentials', 'getConnectionUnixUser',
    'getConnectionUnixProcessId', 'startServiceByName', 'waitForOwner'] as const)(
    'of %s about a unique name is refused while the connection is lost, and the next bus is not asked', async (question) => {
      const { bus, peer, restore, breakOf } = await startBus({ answer: giving({}, owned({ ':1.9': ':1.9' })) });
      await breakOf(peer);
      const message = expect.stringContaining(':1.9 was a name on a connection that has ended') as string;
      await expect(bus[question](':1.9')).rejects.toMatchObject({ code: 'CONNECTION_LOST', message });
      const next = await restore(peer);
      await bus.call({ path: '/', member: 'Ping' });
      expect(callsOf(next).flat()).not.toContain(':1.9');
      expect(await bus.getNameOwner(':1.9')).toBe(':1.9'); // a name of the new bus now
    },
  );

  test('of getNameOwner about a well-known name waits for the next bus', async () => {
    const { bus, peer, restore, breakOf } = await startBus({ answer: giving({}, owned({ [SERVICE]: ':1.9' })) });
    await breakOf(peer);
    const owner = bus.getNameOwner(SERVICE);
    await restore(peer);
    expect(await owner).toBe(':1.9');
  });

  test('of requestName is repeated after each loss until it is answered, and rejects if it cannot wait', async () => {
    let connections = 0;
    const answer: Answer = (call, peer) => {
      if (call.member === 'Hello') connections++;
      if (call.member !== 'RequestName' || connections > 3) return giving()(call, peer);
      peer.socket.destroy();
      return undefined;
    };
    const { bus, peer } = await startBus({ answer, reconnect: { maxWaitingCalls: 1 } });
    expect(await bus.requestName(NAME)).toBe('primary owner');
    expect(connections).toBe(4);
    expect(peer.isClosed).toBe(true);

    const full = await startBus({ reconnect: { maxWaitingCalls: 0, initialDelay: 60_000 } });
    await full.breakOf(full.peer);
    await expect(full.bus.requestName(NAME)).rejects.toEqual(lost);
  });

  test('of requestName that is lost again before it is sent is made on the next connection', async () => {
    const { server, bus, peer, restored, breakOf } = await startBus();
    await breakOf(peer);
    const name = bus.requestName(NAME);
    const flush = vi.spyOn(StreamTransport.prototype, 'flush');
    onTestFinished(() => flush.mockRestore());
    const stop = bus.watchConnection(({ state }) => {
      if (state === 'connected') flush.mockImplementation(() => {}); // the request has no time to leave
      else if (restored().length === 1) flush.mockRestore();
    });
    const second = await server.peer();
    await until(() => restored().length === 1);
    second.socket.destroy();
    await until(() => restored().length === 2);
    stop();
    expect(await name).toBe('primary owner');
    expect(second.calls('RequestName')).toEqual([]);
  });

  test('above the limits rejects, and the calls before it still wait', async () => {
    const { bus, peer, restore, breakOf } = await startBus({ reconnect: { maxWaitingCalls: 3, maxWaitingBytes: 1_000 } });
    await breakOf(peer);
    const results = [1, 2].map(() => bus.call({ path: '/', member: 'Ping' }));
    const long = await failureOf(bus.call({ ...METHOD, signature: 'ay', body: [new Uint8Array(1_000)] }));
    results.push(bus.call({ path: '/', member: 'Ping' }));
    const fourth = await failureOf(bus.call(METHOD));
    expect([long, fourth]).toEqual([lost, lost]);
    expect([long, fourth].map((error) => (error as Error).message)).toEqual([
      'com.example.I.Method of / was not sent: the queue for the next connection would have more than 1000 bytes: it must not have more',
      'com.example.I.Method of / was not sent: the queue for the next connection has 3 calls: it must not have more',
    ]);
    await restore(peer);
    expect(await Promise.all(results)).toEqual([[], [], []]);
  });

  test('that is aborted while it waits leaves its place and its bytes to another one', async () => {
    const { bus, peer, restore, breakOf } = await startBus({ reconnect: { maxWaitingCalls: 1, maxWaitingBytes: 1_000 } });
    await breakOf(peer);
    const long = { path: '/', member: 'Ping', signature: 'ay', body: [new Uint8Array(800)] } as const;
    const abort = new AbortController();
    const first = bus.call({ ...long, signal: abort.signal });
    expect(bus.queuedBytes).toBeGreaterThan(800);
    abort.abort(new Error('stop'));
    await expect(first).rejects.toThrow('stop');
    expect(bus.queuedBytes).toBe(0);
    const second = bus.call(long);
    await restore(peer);
    expect(await second).toEqual([]);
  });
});

describe('the program is notified', () => {
  test('of the loss with its reason, of each failed attempt, and of the restored connection', async () => {
    const { server, bus, peer, changes, restored } = await startBus({ reconnect: { jitter: 0 } });
    server.pause();
    peer.socket.destroy();
    await until(() => changes.length > 2);
    await server.listen();
    await until(() => restored().length === 1);
    const last = changes.at(-1) as ConnectionRestored;
    expect(changes.slice(0, 3)).toMatchObject([
      { state: 'reconnecting', attempts: 0, delay: 1, error: { code: 'CONNECTION_LOST', cause: { code: 'END_OF_STREAM' } } },
      { state: 'reconnecting', attempts: 1, delay: 2, error: { code: 'CONNECT_FAILED' } },
      { state: 'reconnecting', attempts: 2, delay: 4, error: { code: 'CONNECT_FAILED' } },
    ]);
    expect(last).toEqual({
      state: 'connected', downtime: expect.any(Number), attempts: changes.length - 1, uniqueName: ':1.7',
      previousUniqueName: ':1.7', names: new Map(), errors: [],
    });
    expect([last.downtime >= 3, bus.state, bus.closedSignal.aborted]).toEqual([true, 'connected', false]);
  });

  test('of its new unique name, and has the former one until then', async () => {
    let count = 0;
    const answer: Answer = (call, peer) =>
      call.member === 'Hello' ? methodReturn(call, { signature: 's', body: [`:1.${++count}`] }) : giving()(call, peer);
    const { bus, peer, restore, restored, breakOf } = await startBus({ answer });
    expect(bus.uniqueName).toBe(':1.1');
    await breakOf(peer);
    expect(bus.uniqueName).toBe(':1.1');
    await restore(peer);
    expect([bus.uniqueName, restored()[0]]).toEqual([
      ':1.2', expect.objectContaining({ uniqueName: ':1.2', previousUniqueName: ':1.1' }),
    ]);
  });

  test('that a name belongs to another program now, and the name is not requested again', async () => {
    let result = PRIMARY_OWNER;
    const answer: Answer = (call, peer) => giving({ [NAME]: result })(call, peer);
    const { bus, peer, restore, restored } = await startBus({ answer });
    await bus.requestName(NAME);
    await bus.requestName('com.example.Two');
    result = EXISTS;
    const second = await restore(peer);
    expect(restored()[0]).toMatchObject({ errors: [{ name: 'NameRequestError', busName: NAME }] });
    expect(restored()[0]?.names).toEqual(new Map([[NAME, 'exists'], ['com.example.Two', 'primary owner']]));
    const third = await restore(second);
    expect(third.calls('RequestName').map(({ body }) => body[0])).toEqual(['com.example.Two']);
  });

  test('of rules that the next bus refuses: their subscriptions end, and a watch has no owner', async () => {
    let isFull = false;
    const answer: Answer = (call, peer) =>
      isFull && call.member === 'AddMatch' ? refused(call, peer) : giving({}, owned({ [SERVICE]: ':1.9' }))(call, peer);
    const { bus, peer, restore, restored } = await startBus({ answer });
    const subscription = bus.subscribe(RULE);
    const owners: unknown[] = [];
    const watch = bus.watchOwner(SERVICE, (owner) => owners.push(owner));
    await Promise.all([subscription.ready, watch.ready]);
    peer.send(happened(1));
    await bus.call({ path: '/', member: 'Ping' });
    isFull = true;
    await restore(peer);
    expect((await subscription.next()).value.body).toEqual([1]);
    await expect(subscription.next()).rejects.toMatchObject({ name: 'DBusError', message: 'too many' });
    expect(restored()[0]?.errors).toHaveLength(2);
    isFull = false;
    const again = bus.watchOwner(SERVICE, () => {});
    await again.ready;
    expect([owners.slice(0, 2), again.owner]).toEqual([[':1.9', undefined], ':1.9']);
  });

  test('by a warning that a name could not be restored if it has no listener', async () => {
    let result = PRIMARY_OWNER;
    const server = await startFakeServer({ answer: (call, peer) => giving({ [NAME]: result })(call, peer) });
    await using bus = await connectToBus(server.address, { reconnect: { initialDelay: 1 } });
    await bus.requestName(NAME);
    const warning = new Promise<Error>((resolve) => process.once('warning', resolve));
    result = EXISTS;
    (await server.peer()).socket.destroy();
    expect(await warning).toMatchObject({
      name: 'ReconnectWarning', message: `not restored on the new connection to the bus: ${NAME} is owned by another connection`,
    });
    await bus.close();
    await server[Symbol.asyncDispose]();
  });

  test('of nothing more after it has stopped listening', async () => {
    const { bus, peer, restore } = await startBus();
    const seen: unknown[] = [];
    const stop = bus.watchConnection((change) => seen.push(change));
    bus.watchConnection(() => stop());
    await restore(peer);
    expect(seen).toHaveLength(1);
    expect(() => bus.watchConnection('x' as never)).toThrow('the listener must be a function');
  });
});

describe('a subscription', () => {
  test('continues, and reports the gap to its reader between the signals before and after it', async () => {
    const { bus, peer, restore } = await startBus();
    const seen: unknown[] = [];
    const subscription = bus.subscribe(RULE, { onGap: (gap) => seen.push(gap.attempts) });
    await subscription.ready;
    peer.send(happened(1), happened(2));
    await bus.call({ path: '/', member: 'Ping' });
    const next = await restore(peer);
    next.send(happened(3));
    await bus.call({ path: '/', member: 'Ping' });
    expect([seen, subscription.gaps]).toEqual([[], 1]);
    for (let i = 0; i < 3; i++) seen.push((await subscription.next()).value.body[0]);
    expect(seen).toEqual([1, 2, 1, 3]);
  });

  test('reports a gap at once to a reader that waits, otherwise only the last of several gaps', async () => {
    const { bus, peer, restore } = await startBus();
    const gaps: Gap[] = [];
    const [reading, late] = [1, 2].map(() => bus.subscribe(RULE, { onGap: (gap) => gaps.push(gap) }));
    await Promise.all([reading!.ready, late!.ready]);
    const waiting = reading!.next();
    const second = await restore(peer);
    expect(gaps).toHaveLength(1);
    const third = await restore(second);
    expect(gaps).toHaveLength(2);
    third.send(happened(1));
    expect([(await waiting).value.body, (await late!.next()).value.body]).toEqual([[1], [1]]);
    expect([gaps.length, late!.gaps]).toEqual([3, 2]);
  });

  test('of a proxy reports the gap too', async () => {
    const { bus, peer, restore } = await startBus({ answer: giving({}, owned({ [SERVICE]: ':1.9' })) });
    const gaps: Gap[] = [];
    const stream = createProxy(bus, Happening, { destination: SERVICE, path: '/' }).$signal('Happened', {
      onGap: (gap) => gaps.push(gap),
    });
    await stream.ready;
    const next = await restore(peer);
    next.send(happened(4));
    expect([(await stream.next()).value, stream.gaps, gaps.length]).toEqual([[4], 1, 1]);
  });

  test.each([
    ['for await', (bus: Bus, options: object) => bus.subscribe({ ...RULE, sender: ':1.9' }, options)],
    ['of a proxy', (bus: Bus, options: object) => (
      createProxy(bus, Happening, { destination: ':1.9', path: '/' }).$signal('Happened', options)
    )],
  ])('to a unique name ends with the connection, %s: another program can have the name on the next bus', async (_, begin) => {
    const { bus, peer, restore, breakOf } = await startBus({ answer: giving() });
    const gaps: Gap[] = [];
    const subscription = begin(bus, { onGap: (gap: Gap) => gaps.push(gap) });
    await subscription.ready;
    peer.send(happened(1, ':1.9'));
    await bus.call({ path: '/', member: 'Ping' });
    await breakOf(peer);
    await expect(begin(bus, {}).ready).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    const next = await restore(peer);
    next.send(happened(2, ':1.9'));
    await bus.call({ path: '/', member: 'Ping' });
    expect((await subscription.next()).done).toBe(false); // the signal from before the end
    await expect(subscription.next()).rejects.toMatchObject({
      code: 'CONNECTION_LOST', message: expect.stringContaining(':1.9 was a name on a connection that has ended') as string,
    });
    expect([gaps, callsOf(next).flat().join()]).toEqual([[], expect.not.stringContaining(':1.9')]);
    await using again = begin(bus, {}); // a name of the new bus now
    await again.ready;
    next.send(happened(3, ':1.9'));
    expect((await again.next()).done).toBe(false);
  });

  test('matches the owner on the new bus, and not a program with the former unique name of the owner', async () => {
    let owner = ':1.9';
    const answer: Answer = (call, peer) => giving({}, owned({ [SERVICE]: owner }))(call, peer);
    const { bus, peer, restore } = await startBus({ answer });
    const subscription = bus.subscribe({ ...RULE, sender: SERVICE });
    const changes: unknown[] = [];
    const watch = bus.watchOwner(SERVICE, (now, previous) => changes.push([now, previous]));
    await Promise.all([subscription.ready, watch.ready]);
    owner = ':1.20';
    const next = await restore(peer);
    next.send(happened(1, ':1.9'), happened(2, ':1.20'));
    await bus.call({ path: '/', member: 'Ping' });
    expect(await queued(subscription)).toEqual([2]);
    expect(changes).toEqual([[':1.9', undefined], [undefined, ':1.9'], [':1.20', undefined]]);
    const failure = bus.call({ ...METHOD, destination: SERVICE, timeout: 50 });
    const call = await next.call('Method');
    next.send(next.encode(methodReturn(call), { sender: ':1.9' })); // a former owner on the former bus
    await expect(failure).rejects.toMatchObject({ name: 'CallTimeoutError' });
  });

  test('to the owner of a unique name ends with the connection: another program can have the name on the next bus', async () => {
    const { bus, peer, restore, breakOf } = await startBus({ answer: giving({}, owned({ ':1.9': ':1.9' })) });
    const changes: unknown[] = [];
    const watch = bus.watchOwner(':1.9', (now, previous) => changes.push([now, previous]));
    await watch.ready;
    expect(changes).toEqual([[':1.9', undefined]]);
    await breakOf(peer);
    expect([watch.owner, changes]).toEqual([undefined, [[':1.9', undefined], [undefined, ':1.9']]]);
    const refused = bus.watchOwner(':1.9', () => changes.push('called'));
    await expect(refused.ready).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    const next = await restore(peer);
    next.send(ownerChanged(':1.9', '', ':1.9'));
    await bus.call({ path: '/', member: 'Ping' });
    expect([watch.owner, changes.length]).toEqual([undefined, 2]);
    expect(callsOf(next).flat().join()).not.toContain(':1.9');
    const again = bus.watchOwner(':1.9', () => changes.push('again'));
    await again.ready;
    await watch.close();
    expect([again.owner, changes.at(-1), changes.length]).toEqual([':1.9', 'again', 3]);
    expect(callsOf(next).map(([member]) => member)).not.toContain('RemoveMatch');
  });

  test('to the owner of a unique name that has not begun has no owner after the connection is lost', async () => {
    const answer: Answer = (call, from) => {
      if (call.member !== 'GetNameOwner') return giving()(call, from);
      from.socket.destroy();
      return undefined;
    };
    const { bus } = await startBus({ answer });
    const watch = bus.watchOwner(':1.9', () => expect.unreachable());
    await expect(watch.ready).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect(watch.owner).toBe(undefined);
  });

  test('to a namespace that the next bus does not list gets later changes, and the rest is restored', async () => {
    let isRefused = false;
    const { bus, peer, restore, restored } = await startBus({
      answer: (call, from) => (isRefused && call.member === 'ListNames' ? refused : giving())(call, from),
    });
    const watch = bus.watchOwner('com.example.below.*', () => {});
    await watch.ready;
    isRefused = true;
    const next = await restore(peer);
    expect(restored()[0]?.errors).toEqual([expect.objectContaining({ errorName: `${BUS}.Error.LimitsExceeded` })]);
    next.send(ownerChanged('com.example.below.A', '', ':1.30'));
    await bus.call({ path: '/', member: 'Ping' });
    expect([...watch.owners]).toEqual([['com.example.below.A', ':1.30']]);
  });

  test('to a namespace has no owners while the connection is lost, and then those of the new bus', async () => {
    let names: readonly string[] = ['com.example.below.A', 'com.example.below.B'];
    const answer: Answer = (call, peer) =>
      call.member === 'ListNames' ? methodReturn(call, { signature: 'as', body: [names] })
      : giving({}, owned({ 'com.example.below.A': ':1.9', 'com.example.below.B': ':1.9' }))(call, peer);
    const { bus, peer, restore, breakOf } = await startBus({ answer });
    const seen: unknown[] = [];
    const watch = bus.watchOwner('com.example.below.*', (owner, previous, name) => seen.push([name.slice(-1), owner, previous]));
    await watch.ready;
    await breakOf(peer);
    expect(watch.owners).toEqual(new Map());
    names = ['com.example.below.B'];
    const next = await restore(peer);
    next.send(ownerChanged('com.example.below.A', '', ':1.30'));
    await bus.call({ path: '/', member: 'Ping' });
    expect(seen).toEqual([
      ['A', ':1.9', undefined], ['B', ':1.9', undefined], ['A', undefined, ':1.9'], ['B', undefined, ':1.9'],
      ['B', ':1.9', undefined], ['A', ':1.30', undefined],
    ]);
  });
});

describe('a message that is not a call', () => {
  test('throws while the connection is lost', async () => {
    const { bus, peer, restore, breakOf } = await startBus();
    await breakOf(peer);
    expect(() => bus.send(happened(1))).toThrow(expect.objectContaining({ code: 'CONNECTION_LOST', wasSent: false }));
    expect(() => bus.send(methodCall(METHOD))).toThrow(expect.objectContaining({ code: 'CONNECTION_LOST' }));
    await bus.drained();
    const next = await restore(peer);
    bus.send(happened(2));
    expect((await next.received(({ type }) => type === 'signal')).body).toEqual([2]);
  });

  test('is dropped and counted if it is a signal of an exported object', async () => {
    const { bus, peer, restore, breakOf } = await startBus();
    const Lamp = defineInterface({ name: 'com.example.Lamp1', signals: { Changed: { args: 'u' } } });
    const lamp = Lamp.implement({});
    exportObject(bus, '/', lamp);
    await breakOf(peer);
    lamp.emit('Changed', 1);
    expect(bus.dropped.get('undeliverable')).toBe(1);
    const next = await restore(peer);
    lamp.emit('Changed', 2);
    expect((await next.received(({ type }) => type === 'signal')).body).toEqual([2]);
  });
});

describe('a handler that runs when the connection is lost', () => {
  const call = (serial: number): MethodCall => ({
    ...methodCall({ path: '/', interface: 'com.example.Slow1', member: 'Run', destination: ':1.7' }), sender: ':1.9', serial,
  });

  test('of an exported object is abandoned: its AbortSignal aborts, and its reply is not sent', async () => {
    const { bus, peer, restore } = await startBus({ answer: giving({}, owned({ ':1.9': ':1.9' })) });
    const signals: AbortSignal[] = [];
    const ends: (() => void)[] = [];
    const Slow = defineInterface({ name: 'com.example.Slow1', methods: { Run: { out: 'u' } } });
    exportObject(bus, '/', Slow.implement({
      methods: {
        Run: async ({ signal }) => {
          signals.push(signal);
          await new Promise<void>((resolve) => ends.push(resolve));
          return ends.length;
        },
      },
    }));
    peer.send(peer.encode(call(0), { sender: ':1.9', serial: 5 }));
    await until(() => signals.length === 1);
    const next = await restore(peer);
    expect([signals[0]?.aborted, signals[0]?.reason]).toEqual([true, lost]);
    next.send(next.encode(call(0), { sender: ':1.9', serial: 5 })); // another program, with the same name and serial
    await until(() => signals.length === 2);
    ends[0]?.();
    await sleep(5);
    expect(next.messages.filter(({ type }) => type === 'method_return')).toEqual([]);
    ends[1]?.();
    expect(await next.reply(5)).toMatchObject({ body: [2], destination: ':1.9' });
    expect(signals[1]?.aborted).toBe(false);
  });

  test('of method calls cannot reply on the next connection: its reply is dropped and counted', async () => {
    const { bus, peer, restore } = await startBus();
    const calls: MethodCall[] = [];
    bus.handleMethodCalls((arrived) => void calls.push(arrived));
    peer.send(peer.encode(call(0), { sender: ':1.9', serial: 5 }));
    await until(() => calls.length === 1);
    const next = await restore(peer);
    bus.send(methodReturn(calls[0]!, { signature: 's', body: ['late'] }));
    expect(bus.dropped.get('undeliverable')).toBe(1);
    next.send(next.encode(call(0), { sender: ':1.9', serial: 6 }));
    await until(() => calls.length === 2);
    bus.send(methodReturn(calls[1]!, { signature: 's', body: ['in time'] }));
    expect(await next.reply(6)).toMatchObject({ body: ['in time'] });
    expect(next.messages.filter(({ type }) => type === 'method_return')).toHaveLength(1);
  });
});

describe('the credentials of a caller', () => {
  const Who = defineInterface({ name: 'com.example.Who1', methods: { Are: {} } });
  const are = methodCall({ path: '/', interface: Who.name, member: 'Are', destination: ':1.7' });
  const CREDENTIALS = 'GetConnectionCredentials';
  const answerOf = (call: MethodCall, user: number) => (
    methodReturn(call, { signature: 'a{sv}', body: [{ UnixUserID: variant('u', user) }] })
  );

  /** A service whose calls end with the test; each bus answers questions by `credentials`. */
  const startWho = async (credentials: Answer) => {
    let buses = 0;
    const started = await startBus({
      answer: (call, peer) => {
        if (call.member === 'Hello') buses++;
        return call.member === CREDENTIALS ? credentials(call, peer) : giving()(call, peer);
      },
    });
    const contexts: CallContext[] = [];
    exportObject(started.bus, '/', Who.implement({
      methods: { Are: (context) => new Promise(() => contexts.push(context)) },
    }));
    const callBy = async (peer: FakePeer): Promise<CallContext> => {
      const count = contexts.length + 1;
      peer.send(peer.encode(are, { sender: ':1.9', serial: 5 }));
      await until(() => contexts.length === count);
      return contexts[count - 1]!;
    };
    const questions = (peer: FakePeer): unknown[] => callsOf(peer).filter(([member]) => member === CREDENTIALS);
    return { ...started, callBy, questions, buses: () => buses };
  };

  test('come from its own bus: the next bus is not asked about a name on the last one', async () => {
    const { peer, restore, callBy, questions, buses } = await startWho((call) => answerOf(call, buses()));
    const unasked = await callBy(peer);
    const asked = await callBy(peer);
    expect(await asked.credentials()).toMatchObject({ unixUserId: 1 });
    const next = await restore(peer);
    const other = await callBy(next); // another program, with the same name
    expect(await other.credentials()).toMatchObject({ unixUserId: 2 });
    expect(await asked.credentials()).toMatchObject({ unixUserId: 1 });
    expect(await unasked.credentials()).toBeUndefined();
    expect(questions(next)).toEqual([[CREDENTIALS, ':1.9']]);
  });

  test('are not asked of the next bus by a program that learns first that the connection is lost', async () => {
    const { peer, restore, callBy, questions } = await startWho((call) => answerOf(call, 1));
    const context = await callBy(peer);
    const answers: unknown[] = [];
    const ask = (): void => void context.credentials().then((answer) => answers.push(answer), () => answers.push('rejected'));
    const ends = channel('dbus-wire:disconnect');
    ends.subscribe(ask);
    onTestFinished(() => void ends.unsubscribe(ask));
    context.signal.addEventListener('abort', ask);
    const next = await restore(peer);
    await until(() => answers.length === 2);
    expect(answers).toEqual([undefined, undefined]);
    expect(questions(next)).toEqual([]);
  });

  test('reject if the bus ends before it answers, and stay so', async () => {
    const { peer, restore, callBy, questions } = await startWho(() => undefined);
    const context = await callBy(peer);
    const pending = failureOf(context.credentials());
    await until(() => questions(peer).length === 1);
    const next = await restore(peer);
    expect(await pending).toMatchObject({ name: 'ConnectionClosedError', code: 'CONNECTION_LOST' });
    expect(await failureOf(context.credentials())).toBe(await pending);
    expect(questions(next)).toEqual([]);
  });

  test('are undefined if the caller has left', async () => {
    const { peer, callBy } = await startWho((call) => errorReply(call, {
      errorName: 'org.freedesktop.DBus.Error.NameHasNoOwner', message: 'gone',
    }));
    expect(await (await callBy(peer)).credentials()).toBeUndefined();
  });
});

test('the replies of a bus that ends before everything is restored are not used with the next one', async () => {
  const OTHER = 'com.example.below.Other';
  const uniqueNames = [':1.7', ':1.8', ':1.9'];
  let connections = 0;
  const answer: Answer = (call, peer) => {
    if (call.member === 'Hello') {
      const destination = uniqueNames[connections++]!;
      return { ...methodReturn(call, { signature: 's', body: [destination] }), destination };
    }
    if (connections === 2) {
      if (call.member !== 'RequestName') return giving()(call, peer);
      peer.send(ownerChanged(SERVICE, '', ':1.20'), ownerChanged(OTHER, '', ':1.21'));
      peer.socket.end();
      return undefined;
    }
    if (call.member === 'ListNames') return methodReturn(call, { signature: 'as', body: [[BUS, OTHER]] });
    return giving({}, owned({ [SERVICE]: ':1.30', [OTHER]: ':1.31' }))(call, peer);
  };
  const { server, bus, peer, breakOf, restored } = await startBus({ answer });
  const owners: unknown[] = [];
  const watch = bus.watchOwner(SERVICE, (owner) => owners.push(owner));
  const below = bus.watchOwner('com.example.below.*', () => {});
  await Promise.all([bus.requestName(NAME), watch.ready, below.ready]);
  await breakOf(peer);
  await until(() => restored().length === 1);
  expect([bus.uniqueName, watch.owner, below.owners.get(OTHER)]).toEqual([':1.9', ':1.30', ':1.31']);
  expect(owners).toEqual([':1.30', undefined, ':1.20', undefined, ':1.30']);
  expect(server.sockets).toHaveLength(3);
});

describe('a connection that is being restored ends', () => {
  test('at once when it is closed, and waiting calls reject', async () => {
    const { server, bus, peer, breakOf, changes } = await startBus({ reconnect: { initialDelay: 60_000, jitter: 0 } });
    await breakOf(peer);
    const subscription = bus.subscribe(RULE);
    const watch = bus.watchOwner(SERVICE, () => {});
    const below = bus.watchOwner('com.example.below.*', () => {});
    const waiting = [
      bus.call(METHOD), bus.requestName(NAME), subscription.next(), subscription.ready, watch.ready, below.ready,
      bus.waitForOwner('com.example.Other'),
    ].map(failureOf);
    await expect(bus.close({ timeout: -1 })).rejects.toThrow('"timeout" must be');
    expect(bus.state).toBe('reconnecting');
    await bus.close();
    const closed = expect.objectContaining({ code: 'CONNECTION_CLOSED' });
    expect(await Promise.all(waiting)).toEqual(waiting.map(() => closed));
    expect([await bus.closed, bus.state, bus.closedSignal.aborted]).toEqual([closed, 'closed', true]);
    expect(await waiting[0]).toMatchObject({ wasSent: false });
    await expect(bus.call(METHOD)).rejects.toEqual(closed);
    expect(() => bus.send(happened(1))).toThrow(closed);
    expect(() => bus.subscribe(RULE).ready).not.toThrow();
    await bus.close();
    expect([server.sockets.length, changes.length]).toEqual([1, 1]);
  });

  test('and then refuses every request, as any connection that has ended does', async () => {
    const { bus, peer, breakOf } = await startBus({ reconnect: { initialDelay: 60_000 } });
    await breakOf(peer);
    await bus.close();
    const requests: Readonly<Record<string, () => Promise<unknown>>> = {
      call: () => bus.call(METHOD),
      getNameOwner: () => bus.getNameOwner(SERVICE),
      releaseName: () => bus.releaseName(NAME),
      requestName: () => bus.requestName(NAME),
      subscribe: () => bus.subscribe(RULE).ready,
      'subscribe with a listener': () => bus.subscribe({ ...RULE, sender: SERVICE }, () => {}).ready,
      waitForOwner: () => bus.waitForOwner(SERVICE),
      watchOwner: () => bus.watchOwner(SERVICE, () => {}).ready,
      'watchOwner of a prefix': () => bus.watchOwner('com.example.below.*', () => {}).ready,
      'watchOwner of a unique name': () => bus.watchOwner(':1.20', () => {}).ready,
    };
    const outcomes = Object.entries(requests).map(async ([name, request]) => {
      const failure = await failureOf(request());
      return [name, failure instanceof ConnectionClosedError ? failure.code : failure];
    });
    expect(await Promise.all(outcomes)).toEqual(Object.keys(requests).map((name) => [name, 'CONNECTION_CLOSED']));
  });

  test('at once when a listener closes it, without another attempt', async () => {
    const { bus, peer } = await startBus({ reconnect: { initialDelay: 60_000, jitter: 0 } });
    bus.watchConnection(() => void bus.close());
    const setting = vi.spyOn(globalThis, 'setTimeout');
    onTestFinished(() => setting.mockRestore());
    peer.socket.destroy();
    await bus.closed;
    await sleep(0);
    expect(setting.mock.calls.map(([, delay]) => delay)).not.toContain(60_000);
  });

  test.each<[at: string, options: FakeServerOptions]>([
    ['the handshake', { onSocket: (socket) => void socket.resume() }],
    ['Hello', { onBegin: (socket) => void socket.resume() }],
    ['a request for a rule', { answer: (call, peer) => (call.member === 'AddMatch' ? undefined : giving()(call, peer)) }],
  ])('when it is closed while the server is silent at %s', async (_, options) => {
    const { server, bus, peer } = await startBus();
    const subscription = bus.subscribe(RULE);
    await subscription.ready;
    await server[Symbol.asyncDispose]();
    const silent = await startFakeServer({ path: server.path, ...options });
    peer.socket.destroy();
    await until(() => silent.sockets.length === 1);
    await sleep(10);
    expect(bus.state).toBe('reconnecting');
    await bus.close();
    await until(() => silent.sockets[0]?.destroyed === true || silent.sockets[0]?.readableEnded === true);
    expect((await bus.closed).code).toBe('CONNECTION_CLOSED');
    await expect(subscription.next()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await silent[Symbol.asyncDispose]();
  });

  test('after the last attempt, with the reason of that attempt', async () => {
    const { server, bus, peer } = await startBus({ reconnect: { maxAttempts: 3 } });
    server.pause();
    const waiting = bus.closed;
    peer.socket.destroy();
    expect(await waiting).toMatchObject({
      code: 'CONNECTION_CLOSED', message: 'the connection has ended: it could not be restored in 3 attempts',
      cause: { code: 'CONNECT_FAILED' },
    });
  });

  test('after the same number of attempts if the server answers Hello and then closes the connection', async () => {
    let connections = 0;
    const answer: Answer = (call, peer) => {
      if (call.member === 'Hello' && ++connections > 1) setImmediate(() => peer.socket.end());
      return giving()(call, peer);
    };
    const { bus, peer } = await startBus({ answer, reconnect: { maxAttempts: 4 } });
    peer.socket.destroy();
    await bus.closed;
    expect(connections).toBe(5);
  });

  test('when the AbortSignal of reconnect aborts; an open connection continues until it is lost', async () => {
    const abort = new AbortController();
    const { bus, peer, breakOf } = await startBus({ reconnect: { signal: abort.signal, initialDelay: 60_000 } });
    await breakOf(peer);
    const reason = new Error('enough');
    abort.abort(reason);
    expect(await bus.closed).toMatchObject({ code: 'CONNECTION_CLOSED', cause: reason });

    const other = await startBus({ reconnect: { signal: AbortSignal.abort(reason) } });
    await other.bus.call({ path: '/', member: 'Ping' });
    other.peer.socket.destroy();
    expect(await other.bus.closed).toMatchObject({ code: 'CONNECTION_CLOSED', cause: { code: 'END_OF_STREAM' } });
  });

  test('when the AbortSignal of reconnect aborts while the server is silent at a request', async () => {
    const abort = new AbortController();
    let isSilent = false;
    const answer: Answer = (call, peer) => (isSilent && call.member === 'AddMatch' ? undefined : giving()(call, peer));
    const { server, bus, peer } = await startBus({ answer, reconnect: { signal: abort.signal } });
    await bus.subscribe(RULE).ready;
    isSilent = true;
    peer.socket.destroy();
    const next = await server.peer();
    await next.call('AddMatch');
    abort.abort();
    await bus.closed;
    await until(() => next.isClosed);
  });

  test('in an orderly way if it is closed after it was restored', async () => {
    const { bus, peer, restore } = await startBus();
    const next = await restore(peer);
    void bus.call({ ...METHOD, noReply: true });
    await bus.close();
    expect(next.calls('Method')).toHaveLength(1);
    expect((await bus.closed).cause).toBeUndefined();
  });
});

describe('an owned name', () => {
  test.each<[result: number | undefined, state: string, seen: unknown[]]>([
    [PRIMARY_OWNER, 'owner', ['acquired']],
    [IN_QUEUE, 'queued', ['queued']],
    [EXISTS, 'lost', [['lost', 'NameRequestError']]],
    [undefined, 'lost', [['lost', 'NameLostError']]],
  ])('for which the next bus replies %s is then %s', async (result, state, seen) => {
    let isBack = false;
    const answer: Answer = (call, peer) => {
      if (!isBack || call.member !== 'RequestName') return giving()(call, peer);
      return result === undefined ? refused(call, peer) : giving({ [NAME]: result })(call, peer);
    };
    const { bus, peer, restore, breakOf } = await startBus({ answer });
    const calls: unknown[] = [];
    const name = ownName(bus, NAME, {
      acquired: () => calls.push('acquired'),
      queued: () => calls.push('queued'),
      lost: (reason) => calls.push(['lost', reason.name]),
    });
    await name.ready;
    peer.send(ownerChanged(NAME, '', ':1.7'));
    await bus.call({ path: '/', member: 'Ping' });
    isBack = true;
    await breakOf(peer);
    expect([name.state, calls]).toEqual(['requesting', ['acquired']]);
    await restore(peer);
    await sleep(0);
    expect([name.state, calls]).toEqual([state, ['acquired', ...seen]]);
  });

  test('that was in the queue is requested again on the next connection, and is in the queue again', async () => {
    const { bus, peer, restore, breakOf } = await startBus({ answer: giving({ [NAME]: IN_QUEUE }) });
    const queues: unknown[] = [];
    const name = ownName(bus, NAME, { doNotQueue: false, queued: (owner) => queues.push(owner) });
    expect(await name.ready).toBe('queued');
    await breakOf(peer);
    expect(name.state).toBe('requesting');
    await restore(peer);
    expect([name.state, queues]).toEqual(['queued', [undefined, undefined]]);
  });

  test('can be requested or released while there is no connection', async () => {
    const { bus, peer, restore, breakOf } = await startBus();
    const released = ownName(bus, 'com.example.Released');
    await released.ready;
    await breakOf(peer);
    const name = ownName(bus, NAME);
    await released.close();
    const next = await restore(peer);
    expect(await name.ready).toBe('owner');
    expect(next.calls('RequestName').map(({ body }) => body[0])).toEqual([NAME]);
  });
});

heavyTest('a hundred restarts leave no timers, listeners, sockets or objects behind', async () => {
  const abort = new AbortController();
  const { server, bus, peer, restore, changes } = await startBus({
    answer: giving({}, owned({ [SERVICE]: ':1.9' })), reconnect: { signal: abort.signal },
  });
  await bus.requestName(NAME);
  const subscription = bus.subscribe({ ...RULE, sender: SERVICE }, { onGap: () => {} });
  const watch = bus.watchOwner('com.example.below.*', () => {});
  await Promise.all([subscription.ready, watch.ready]);
  const Lamp = defineInterface({ name: 'com.example.Lamp1', methods: { Get: { out: 'u' } } });
  exportObject(bus, '/', Lamp.implement({ methods: { Get: () => 1 } }));
  let current = peer;
  const restart = async (): Promise<void> => {
    const call = failureOf(bus.call(METHOD));
    current = await restore(current);
    await call;
    server.sockets.length = 1;
    changes.length = 0;
  };
  const state = (): unknown[] => [
    getEventListeners(abort.signal, 'abort').length, getEventListeners(bus.closedSignal, 'abort').length,
    process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length,
    readdirSync('/proc/self/fd').length,
    ...[Engine, StreamTransport, WaitingCalls, AbortController, Promise].map((each) => queryObjects(each)),
  ];
  for (let i = 0; i < 20; i++) await restart();
  await sleep(10);
  const before = state();
  for (let i = 0; i < 100; i++) await restart();
  await sleep(10);
  expect(state()).toEqual(before);
  expect([subscription.gaps, bus.state]).toEqual([120, 'connected']);
});

test.each<[reconnect: unknown, problem: string]>([
  ['yes', 'connectToBus: "reconnect" must be true, false, or the options of reconnecting, got string "yes"'],
  [{ initialDelay: -1 }, 'reconnect: "initialDelay" must be a number of milliseconds'],
  [{ initialDelay: Infinity }, '"initialDelay" must be a number of milliseconds, 0 or more, and less than Infinity, got number Infinity'],
  [{ maxDelay: NaN }, 'reconnect: "maxDelay" must be a number of milliseconds'],
  [{ jitter: 2 }, 'reconnect: "jitter" must be a number from 0 to 1, got number 2'],
  [{ maxAttempts: 1.5 }, 'reconnect: "maxAttempts" must be a whole number, 0 or more, or Infinity, got number 1.5'],
  [{ retries: 1 }, 'reconnect: unknown option "retries"'],
  [{ maxDelay: NaN }, 'reconnect: "maxDelay" must be'],
])('the option reconnect %j is refused before anything is opened', async (reconnect, problem) => {
  await expect(connectToBus('unix:path=/nowhere', { reconnect: reconnect as never })).rejects.toThrow(problem);
});

test('a connection to a bus without the option reconnect, or with false, ends when it is lost', async () => {
  for (const reconnect of [undefined, false]) {
    const server = await startFakeServer();
    const bus = await connectToBus(server.address, { reconnect });
    expect(bus.state).toBe('connected');
    (await server.peer()).socket.destroy();
    expect(await bus.closed).toMatchObject({ code: 'CONNECTION_CLOSED', cause: { code: 'END_OF_STREAM' } });
    expect(bus.state).toBe('closed');
    bus.watchConnection(() => {})();
    await server[Symbol.asyncDispose]();
  }
});
