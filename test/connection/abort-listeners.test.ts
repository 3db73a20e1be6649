// The AbortSignal of the program: every function that accepts one listens to it only while it has to. A listener that
// stays would keep the connection in memory with the AbortSignal, which can be that of the whole program.
import { getEventListeners } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { introspect } from '../../src/client/introspect.js';
import { manageObjects } from '../../src/client/managed-objects.js';
import { createProxy } from '../../src/client/proxy.js';
import type { Bus } from '../../src/connection/bus.js';
import { openConnection } from '../../src/connection/connection.js';
import { listen } from '../../src/connection/listen.js';
import { becomeMonitor } from '../../src/connection/monitor.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { busOver } from '../../src/connection/over-transport.js';
import { ownName } from '../../src/connection/own-name.js';
import { defineInterface } from '../../src/interface/define.js';
import { startMessageBus } from '../../src/message-bus/start.js';
import { exportObject } from '../../src/service/export-object.js';
import { exportObjectManager } from '../../src/service/export-object-manager.js';
import { memoryPair } from '../../src/transport/memory-pair.js';
import { scratchDirectory } from '../support/reaper.js';

const Player = defineInterface({
  name: 'com.example.Player1',
  methods: { Play: { in: 's', out: 's' } },
  properties: { Volume: { type: 'd', access: 'readwrite' } },
  signals: { Ended: { args: 's' }, Began: { args: 's' } },
});
const NAME = 'com.example.Player';
const target = { destination: NAME, path: '/com/example/player' };
const wrong = (value: unknown): never => value as never; // the compiler would not let it through

let daemon: Awaited<ReturnType<typeof startMessageBus>>;
let service: Bus;
let bus: Bus;
beforeAll(async () => {
  daemon = await startMessageBus();
  service = await daemon.connect();
  exportObjectManager(service, '/com/example');
  exportObject(service, target.path, Player.implement({
    methods: { Play: (title) => title },
    properties: { Volume: { get: () => 0.5, set: () => {} } },
  }));
  await service.requestName(NAME);
});
afterAll(() => daemon.close());
beforeEach(async () => {
  bus = await daemon.connect();
  onTestFinished(() => bus.close());
});

const path = (): string => `unix:path=${join(scratchDirectory(), 'socket')}`;
const proxy = () => createProxy(bus, Player, target);

interface Closable {
  readonly ready?: Promise<unknown>;
  close?(): Promise<unknown>;
  $close?(): Promise<unknown>;
}

/** Closes the result of a function. */
async function close(result: Closable): Promise<void> {
  await (result.$close?.() ?? result.close?.());
}

/**
 * A use of a function with a signal, a use that is refused, and whether its result lasts until it is closed, as a part
 * of the bus or as a connection of its own.
 */
type Row = readonly [
  name: string, use: (signal: AbortSignal) => unknown, refused: (signal: AbortSignal) => unknown,
  lasting?: 'bus' | 'own',
];

const unknown = (signal: AbortSignal): never => wrong({ signal, unknownOption: 1 });
const badRule = { args: { 64: '' } };

const ROWS: readonly Row[] = [
  ['bus.call', (signal) => bus.call({ ...target, interface: Player.name, member: 'Play', signature: 's', body: ['a'], signal }),
    (signal) => bus.call({ ...target, interface: Player.name, member: 'Play', signature: 's', body: wrong([5]), signal })],
  ['bus.call, with a wrong path', (signal) => bus.call({ ...target, interface: Player.name, member: 'Play', signature: 's', body: ['a'], signal }),
    (signal) => bus.call({ path: 'bad', member: 'Play', signal })],
  ['bus.call, with a wrong signature of the reply', (signal) => bus.call({ ...target, interface: Player.name, member: 'Play', signature: 's', body: ['a'], signal }),
    (signal) => bus.call({ ...target, member: 'Play', replySignature: wrong('!'), signal })],
  ['bus.requestName', (signal) => bus.requestName('com.example.Other', { signal }), (signal) => bus.requestName('bad', { signal })],
  ['bus.requestName of a name that is taken', (signal) => bus.requestName('com.example.Other', { signal }), (signal) => bus.requestName(NAME, { signal })],
  ['bus.releaseName', (signal) => bus.releaseName('com.example.Other', { signal }), (signal) => bus.releaseName('bad', { signal })],
  ['bus.getNameOwner', (signal) => bus.getNameOwner(NAME, { signal }), (signal) => bus.getNameOwner('bad', { signal })],
  ['bus.getNameOwner of no owner', (signal) => bus.getNameOwner('com.example.None', { signal }), (signal) => bus.getNameOwner(NAME, unknown(signal))],
  ['bus.listNames', (signal) => bus.listNames({ signal }), (signal) => bus.listNames(unknown(signal))],
  ['bus.getConnectionCredentials', (signal) => bus.getConnectionCredentials(NAME, { signal }), (signal) => bus.getConnectionCredentials('bad', { signal })],
  ['bus.listFeatures', (signal) => bus.listFeatures({ signal }), (signal) => bus.listFeatures(unknown(signal))],
  ['bus.waitForOwner', (signal) => bus.waitForOwner(NAME, { signal }), (signal) => bus.waitForOwner('bad', { signal })],
  ['bus.waitForOwner with a timeout', (signal) => bus.waitForOwner(NAME, { signal }), (signal) => bus.waitForOwner('com.example.None', { signal, timeout: 1 })],
  ['bus.subscribe', (signal) => bus.subscribe({ member: 'A' }, { signal }), (signal) => bus.subscribe(badRule, { signal }), 'bus'],
  ['bus.subscribe, with a wrong signature', (signal) => bus.subscribe({ member: 'A' }, { signal }), (signal) => bus.subscribe({}, { signal, signature: '!' }), 'bus'],
  ['bus.subscribe with a listener', (signal) => bus.subscribe({ member: 'A' }, () => {}, { signal }), (signal) => bus.subscribe(badRule, () => {}, { signal }), 'bus'],
  ['ownName', (signal) => ownName(bus, 'com.example.Other', { signal }), (signal) => ownName(bus, 'bad', { signal }), 'bus'],
  ['ownName of a name that is taken', (signal) => ownName(bus, 'com.example.Other', { signal }), (signal) => ownName(bus, NAME, { signal }).ready, 'bus'],
  ['a method of a proxy', (signal) => proxy().Play('a', { signal }), (signal) => proxy().Play(wrong(5), { signal })],
  ['$get', (signal) => proxy().$get('Volume', { signal }), (signal) => proxy().$get(wrong('Volum'), { signal })],
  ['$set', (signal) => proxy().$set('Volume', 1, { signal }), (signal) => proxy().$set('Volume', wrong('loud'), { signal })],
  ['$getAll', (signal) => proxy().$getAll({ signal }), (signal) => proxy().$getAll(unknown(signal))],
  ['$signal', (signal) => proxy().$signal('Ended', { signal }), (signal) => proxy().$signal('Ended', { signal, pathNamespace: 'bad' }), 'bus'],
  ['$signal with a listener', (signal) => proxy().$signal('Ended', () => {}, { signal }), (signal) => proxy().$signal('Ended', () => {}, { signal, pathNamespace: 'bad' }), 'bus'],
  ['$signals', (signal) => proxy().$signals({ signal }), (signal) => proxy().$signals({ signal, pathNamespace: 'bad' }), 'bus'],
  ['$signals of names', (signal) => proxy().$signals('Ended', { signal }), (signal) => proxy().$signals('Ended', { signal, args: { 64: '' } }), 'bus'],
  ['$watch', (signal) => proxy().$watch('Volume', { signal }), (signal) => proxy().$watch(wrong('Volum'), { signal }), 'bus'],
  ['$watch with a listener', (signal) => proxy().$watch('Volume', () => {}, { signal }), (signal) => proxy().$watch('Volume', () => {}, unknown(signal)), 'bus'],
  ['$cache', (signal) => proxy().$cache({ signal }), (signal) => proxy().$cache(unknown(signal)), 'bus'],
  ['$cache of an object that does not exist', (signal) => proxy().$cache({ signal }), (signal) => createProxy(bus, Player, { ...target, path: '/none' }).$cache({ signal }), 'bus'],
  ['manageObjects', (signal) => manageObjects(bus, { ...target, path: '/com/example' }, { player: Player }, { signal }),
    (signal) => manageObjects(bus, { ...target, path: 'bad' }, { player: Player }, { signal }), 'bus'],
  ['manageObjects of an object that does not exist', (signal) => manageObjects(bus, { ...target, path: '/com/example' }, { player: Player }, { signal }),
    (signal) => manageObjects(bus, { ...target, path: '/none' }, { player: Player }, { signal }).ready, 'bus'],
  ['introspect', (signal) => introspect(bus, { ...target, path: '/' }, { depth: 4, signal }), (signal) => introspect(bus, { ...target, path: '/none/at/all' }, unknown(signal))],
  ['connectToBus', (signal) => connectToBus(daemon.address, { signal }), (signal) => connectToBus('unix:path=/nowhere', { signal }), 'own'],
  ['connectToBus with reconnect', (signal) => connectToBus(daemon.address, { reconnect: { signal } }), (signal) => connectToBus('unix:path=/nowhere', { reconnect: { signal } }), 'own'],
  ['openConnection', (signal) => openConnection(daemon.address, { signal }), (signal) => openConnection('unix:path=/nowhere', { signal }), 'own'],
  ['becomeMonitor', (signal) => becomeMonitor([], { addresses: daemon.address, signal }), (signal) => becomeMonitor([badRule], { addresses: daemon.address, signal }), 'own'],
  ['listen', (signal) => listen(path(), { signal }), (signal) => listen('unix:path=/nowhere/at/all/socket', { signal }), 'own'],
  ['listen at a transport that it does not have', (signal) => listen(path(), { signal }), (signal) => listen('launchd:env=A', { signal }), 'own'],
  ['busOver', async (signal) => {
    const bare = memoryPair();
    const opened = busOver(bare[0], { signal, timeout: 50 });
    bare[1].destroy();
    return opened.catch(() => undefined); // the other end is not a bus
  }, (signal) => busOver(memoryPair()[0], unknown(signal))],
];

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe.each(ROWS.map(([name, use, refused, lasting]) => ({ name, use, refused, lasting })))('$name', ({ use, refused, lasting }) => {
  test('does not listen to an AbortSignal after it was refused', async () => {
    const { signal } = new AbortController();
    await expect((async () => refused(signal))()).rejects.toThrow();
    expect(listeners(signal)).toBe(0);
  });

  test('listens to an AbortSignal once, and not after its end', async () => {
    const { signal } = new AbortController();
    for (let round = 0; round < 2; round++) {
      const result = await use(signal) as Closable; // as its row says
      if (lasting !== undefined) {
        expect(listeners(signal)).toBeLessThanOrEqual(1);
        await result.ready;
        await close(result);
      }
      expect(listeners(signal)).toBe(0);
    }
  });
});

const ON_BUS = ROWS.filter(([, , , lasting]) => lasting === 'bus').map(([name, use]) => ({ name, use }));

test.each(ON_BUS)('$name does not listen to an AbortSignal after the connection has ended', async ({ use }) => {
  const { signal } = new AbortController();
  const result = await use(signal) as Closable; // as its row says
  await result.ready;
  await bus.close();
  expect(listeners(signal)).toBe(0);
});

test('everything on a bus that has the same AbortSignal listens to it with one listener, until its end', async () => {
  const { signal } = new AbortController();
  const results: Closable[] = [];
  for (const { use } of ON_BUS) {
    results.push(await use(signal) as Closable); // as its row says
    expect(listeners(signal)).toBe(1);
  }
  await Promise.all(results.map(({ ready }) => ready));
  expect(listeners(signal)).toBe(1);
  for (const result of results) await close(result);
  expect(listeners(signal)).toBe(0);
});
