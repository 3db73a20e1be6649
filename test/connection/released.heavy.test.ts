// Memory after the end of a connection: it keeps nothing that the program has given it, and nothing of the library keeps
// the connection. Weak references show both after a garbage collection.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { introspect } from '../../src/client/introspect.js';
import { manageObjects } from '../../src/client/managed-objects.js';
import { createProxy } from '../../src/client/proxy.js';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { ownName } from '../../src/connection/own-name.js';
import { defineInterface } from '../../src/interface/define.js';
import { startMessageBus } from '../../src/message-bus/start.js';
import { exportObject } from '../../src/service/export-object.js';
import { exportObjectManager } from '../../src/service/export-object-manager.js';
import { exportSubtree } from '../../src/service/export-subtree.js';
import { collectGarbage } from '../support/memory.js';

const Player = defineInterface({
  name: 'com.example.Player1',
  methods: { Play: { in: 's', out: 's' }, Wait: {} },
  properties: { Volume: { type: 'd', access: 'readwrite' } },
  signals: { Ended: { args: 's' } },
});
const NAME = 'com.example.Player';
const target = { destination: NAME, path: '/com/example/player' };
const manager = { destination: NAME, path: '/com/example' };

let daemon: Awaited<ReturnType<typeof startMessageBus>>;
beforeAll(async () => {
  daemon = await startMessageBus();
  const service = await daemon.connect();
  exportObjectManager(service, manager.path);
  exportObject(service, target.path, Player.implement({
    methods: { Play: (title) => title, Wait: () => new Promise(() => {}) },
    properties: { Volume: { get: () => 0.5, set: () => {} } },
  }));
  await service.requestName(NAME);
});
afterAll(() => daemon.close());

/** Something of the program that a callback uses. */
class Token {
  readonly used: unknown[] = [];
}

/** A use of a connection whose callbacks use the token; its promise settles when the use has begun. */
type Row = readonly [name: string, use: (bus: Bus, token: Token, signal: AbortSignal) => unknown];

const play = { ...target, interface: Player.name, member: 'Wait' };
const ROWS: readonly Row[] = [
  ['a subscription', (bus, token) => bus.subscribe({ member: 'A' }, { onGap: () => token.used.push(1) }).ready],
  ['a subscription with a listener', (bus, token, signal) => bus.subscribe({ sender: NAME, member: 'A' }, () => token.used.push(1), { signal }).ready],
  ['a watch of an owner', (bus, token) => bus.watchOwner(NAME, () => token.used.push(1)).ready],
  ['a watch of a namespace', (bus, token) => bus.watchOwner('com.example.*', () => token.used.push(1)).ready],
  ['a watch of the connection', (bus, token) => bus.watchConnection(() => token.used.push(1))],
  ['a name that is owned', (bus, token, signal) => ownName(bus, 'com.example.Other', { lost: () => token.used.push(1), signal }).ready],
  ['a wait for an owner', (bus, token, signal) => void bus.waitForOwner('com.example.None', { signal }).catch(() => token.used.push(1))],
  ['a call that waits', (bus, token, signal) => void bus.call({ ...play, signal, timeout: Infinity }).catch(() => token.used.push(1))],
  ['a handler of calls', (bus, token) => bus.handleMethodCalls(() => void token.used.push(1))],
  ['a proxy', (bus, token) => createProxy(bus, Player, target).Play('a').then(() => token.used.push(1))],
  ['$signal', (bus, token, signal) => createProxy(bus, Player, target).$signal('Ended', { signal, onGap: () => token.used.push(1) }).ready],
  ['$signal with a listener', (bus, token, signal) => createProxy(bus, Player, target).$signal('Ended', () => token.used.push(1), { signal }).ready],
  ['$signals', (bus, token, signal) => createProxy(bus, Player, target).$signals({ signal, onGap: () => token.used.push(1) }).ready],
  ['$watch', (bus, token, signal) => createProxy(bus, Player, target).$watch('Volume', () => token.used.push(1), { signal }).ready],
  ['$cache', (bus, token, signal) => createProxy(bus, Player, target).$cache({ signal, changed: () => token.used.push(1) })],
  ['manageObjects', async (bus, token, signal) => {
    const objects = manageObjects(bus, manager, { player: Player }, { signal, added: ({ proxy }) => token.used.push(proxy) });
    await objects.ready;
    void objects[Symbol.asyncIterator]().next();
    await objects.objects.get(target.path)?.player?.Play('a');
  }],
  ['introspect', async (bus, token) => token.used.push(await introspect(bus, target))],
  ['an object', (bus, token) => exportObject(bus, '/a', Player.implement({
    methods: { Play: (title) => (token.used.push(1), title), Wait: () => {} }, properties: { Volume: { get: () => 1, set: () => {} } },
  }))],
  ['a subtree', (bus, token) => exportSubtree(bus, '/a/*', { children: () => (token.used.push(1), []), object: () => undefined })],
  ['a handler that runs', async (bus, token) => {
    const begun = pledge();
    exportObject(bus, '/a', Player.implement({
      methods: { Play: (title) => title, Wait: async (context) => (begun.resolve(undefined), await new Promise(() => token.used.push(context))) },
      properties: { Volume: { get: () => 1, set: () => {} } },
    }));
    const caller = await daemon.connect();
    void createProxy(caller, Player, { destination: bus.uniqueName, path: '/a' }).Wait().catch(() => {});
    await begun.promise;
    await caller.close();
  }],
];

function pledge() {
  let resolve!: (value: unknown) => void; // set by the promise
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Whether nothing holds the object of a reference any more. */
async function isCollected(reference: WeakRef<object>): Promise<boolean> {
  for (let round = 0; round < 20; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    if (reference.deref() === undefined) return true;
  }
  return false;
}

describe.each(ROWS)('%s', (_name, use) => {
  test.each([
    ['its connection', () => daemon.connect()],
    ['a connection that can be restored', () => connectToBus(daemon.address, { reconnect: true })],
  ])('is not held by %s after the end of the connection', async (_kind, connect) => {
    const bus = await connect();
    const { signal } = new AbortController();
    const begin = async (): Promise<WeakRef<Token>> => {
      const token = new Token();
      await use(bus, token, signal);
      return new WeakRef(token);
    };
    const reference = await begin();
    await bus.close({ timeout: 0 });
    expect(await isCollected(reference)).toBe(true);
    expect([bus.state, signal.aborted]).toEqual(['closed', false]); // both are held until here
  });

  test('does not hold its connection after the end of the connection', async () => {
    const { signal } = new AbortController();
    const begin = async (): Promise<WeakRef<Bus>> => {
      const bus = await daemon.connect();
      await use(bus, new Token(), signal);
      await bus.close({ timeout: 0 });
      return new WeakRef(bus);
    };
    expect(await isCollected(await begin())).toBe(true);
    expect(signal.aborted).toBe(false); // it is held until here
  });
});
