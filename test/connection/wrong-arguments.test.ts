// Arguments of every kind for every function of connections and clients: each argument, and each option of it, is
// replaced by values that a program can pass by mistake. A function accepts the value, or its error is one of this
// library: with a code, a clear text, and the line of the caller in its stack.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import * as door from '../../src/index.js';
import { startMessageBus } from '../../src/message-bus/start.js';
import { extent } from '../support/extent.js';
import { scratchDirectory } from '../support/reaper.js';

const {
  attachDescriptors, becomeMonitor, busOver, connectionOver, connectToBus, createProxy, DBusError, DBusWireError,
  defineInterface, escapeAddressValue, escapePathElement, exportObject, formatAddress, formatMatchRule, introspect,
  listen, manageObjects, memoryPair, openConnection, ownName, parseAddresses, parseMatchRule, sessionBus,
  sessionBusAddress, starterBus, starterBusAddress, systemBus, systemBusAddress, takeDescriptors,
  unescapeAddressValue, unescapePathElement,
} = door;

const Player = defineInterface({
  name: 'com.example.Player1',
  methods: { Play: { in: 's', out: 's' }, Stop: {} },
  properties: { Volume: { type: 'd', access: 'readwrite' } },
  signals: { Ended: { args: 's' } },
});
const NAME = 'com.example.Player';
const target = { destination: NAME, path: '/com/example/player' };
const PLAY = { ...target, interface: Player.name, member: 'Play', signature: 's', body: ['a'], replySignature: 's' };

/** The error of getters and traps; it reaches the caller unchanged if the library has to read the value. */
const TRAPPED = new RangeError('of a getter');
const trap = (): never => {
  throw TRAPPED;
};

/** Values that are wrong for most arguments, by name. */
const VALUES: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  'a number': () => 5,
  'a bigint': () => 5n,
  'a symbol': () => Symbol('wrong'),
  'a text': () => 'wrong',
  'an array': () => [],
  'an array of a symbol': () => [Symbol('wrong')],
  'an object': () => ({}),
  'an object with an unknown key': () => ({ unknownKey: 1 }),
  'an object without prototype': () => Object.create(null) as unknown,
  'a function': () => () => {},
  'a map': () => new Map([['path', '/']]),
  bytes: () => new Uint8Array(2),
  'a promise': () => Promise.resolve({}),
  'an object of a class': () => new (class Wrong {})(),
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  'an object on a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return Object.create(proxy) as unknown;
  },
  'a proxy whose traps throw': () => new Proxy({}, {
    get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap, getOwnPropertyDescriptor: trap,
  }),
  'an object whose getters throw': () => Object.defineProperties({}, Object.fromEntries(
    ['path', 'type', 'signal', 'timeout', 'name', 'length', 'call', 'subscribe', 'aborted', 'then', 'transport', 'toString']
      .map((key) => [key, { enumerable: true, get: trap }]),
  )),
  'an object whose text cannot be made': () => ({ toString: trap, [Symbol.toPrimitive]: trap }),
};

type Loose = (...args: readonly never[]) => unknown;
type Bus = Awaited<ReturnType<typeof connectToBus>>;

let daemon: Awaited<ReturnType<typeof startMessageBus>>;
beforeAll(async () => {
  daemon = await startMessageBus();
  for (const name of ['SESSION_BUS', 'SYSTEM_BUS', 'STARTER']) vi.stubEnv(`DBUS_${name}_ADDRESS`, daemon.address);
  const service = await daemon.connect();
  exportObject(service, target.path, Player.implement({
    methods: { Play: (title) => title, Stop: () => {} },
    properties: { Volume: { get: () => 0.5, set: () => {} } },
  }));
  await service.requestName(NAME);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await daemon.close();
});

const wait = { timeout: 1_000, signal: new AbortController().signal };
const open = { connectTimeout: 1_000, signal: wait.signal, uid: undefined, mechanisms: undefined, maxSendLength: 1_000 };
const receive = { maxValues: 10_000, typedArrays: false, maxCalls: 5, serials: undefined, callDefaults: { timeout: 500 } };
const queue = { queueLimit: 5, queueBytes: 500, overflow: undefined, onGap: undefined, signal: wait.signal };
const filter = { args: { 0: 'a' }, argPaths: { 1: '/a' }, arg0Namespace: undefined, pathNamespace: undefined };
const rule = {
  type: 'signal', sender: NAME, interface: Player.name, member: 'Ended', path: target.path,
  destination: undefined, ...filter,
};
const flags = { noReply: undefined, noAutoStart: true, allowInteractiveAuthorization: false };
const follow = { signal: wait.signal, noAutoStart: true };
const proxyOf = (bus: Bus) => createProxy(bus, Player, target);
const socket = () => `unix:path=${join(scratchDirectory(), 'socket')}`;
/** A transport whose other end is gone soon. */
const transport = () => {
  const [one, other] = memoryPair();
  setTimeout(() => other.destroy(), 2);
  return one;
};
const nothing = () => {};

/** Of this many pairs of a value and a place, one is tested in `npm test`, and all in `npm run test:heavy`. */
const STEP = 17;

/** A function as it is called, and arguments that are right. */
type Row = readonly [name: string, bind: (bus: Bus) => Loose, args: (bus: Bus) => readonly unknown[]];

const asked = (name: string, ...before: readonly unknown[]): Row => [
  `bus.${name}`,
  (bus) => (...args) => (bus as unknown as Record<string, Loose>)[name]!.call(bus, ...args),
  () => [...before, wait],
];

const ROWS: readonly Row[] = [
  ['escapeAddressValue', () => escapeAddressValue, () => ['a']],
  ['unescapeAddressValue', () => unescapeAddressValue, () => ['a']],
  ['formatAddress', () => formatAddress, () => [{ transport: 'unix', keys: new Map([['path', '/a']]), guid: undefined }]],
  ['parseAddresses', () => parseAddresses, () => ['unix:path=/a']],
  ['formatMatchRule', () => formatMatchRule, () => [rule]],
  ['parseMatchRule', () => parseMatchRule, () => [`type='signal'`]],
  ['escapePathElement', () => escapePathElement, () => ['a']],
  ['unescapePathElement', () => unescapePathElement, () => ['a']],
  ['new DBusError', () => (...args) => Reflect.construct(DBusError, args), () => ['com.example.Error', 'text', { signature: 's', body: ['a'] }]],
  ['memoryPair', () => memoryPair, () => [{ guid: undefined, maxSendLength: undefined }]],
  ['sessionBusAddress', () => sessionBusAddress, () => [{ DBUS_SESSION_BUS_ADDRESS: 'unix:path=/a' }]],
  ['systemBusAddress', () => systemBusAddress, () => [{ DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/a' }]],
  ['starterBusAddress', () => starterBusAddress, () => [{ DBUS_STARTER_ADDRESS: 'unix:path=/a', DBUS_STARTER_BUS_TYPE: 'session' }]],
  ['connectToBus', () => connectToBus, () => [daemon.address, { ...open, ...receive, reconnect: false }]],
  ['sessionBus', () => sessionBus, () => [{ ...open, ...receive }]],
  ['systemBus', () => systemBus, () => [{ ...open, ...receive }]],
  ['starterBus', () => starterBus, () => [{ ...open, ...receive }]],
  ['openConnection', () => openConnection, () => [daemon.address, { ...open, ...receive }]],
  ['connectionOver', () => connectionOver, () => [transport(), receive]],
  ['busOver', () => busOver, () => [transport(), { ...receive, signal: undefined, timeout: 5 }]],
  ['listen', () => listen, () => [socket(), {
    ...receive, authorize: () => true, handshakeTimeout: 5, maxHandshakes: 5, onConnection: nothing, maxConnections: 1,
    mechanisms: undefined, signal: undefined,
  }]],
  ['becomeMonitor', () => becomeMonitor, () => [[rule], { addresses: daemon.address, ...open, queueLimit: 5, queueBytes: 5, overflow: undefined }]],
  ['attachDescriptors', () => attachDescriptors, () => [{ type: 'signal' }, [1]]],
  ['takeDescriptors', () => takeDescriptors, () => [{}]],
  ['ownName', () => ownName, (bus) => [bus, 'com.example.Other', {
    ...wait, allowReplacement: true, replaceExisting: false, doNotQueue: true, acquired: nothing, queued: nothing,
    replaced: nothing, lost: nothing,
  }]],

  ['bus.call', (bus) => (...args) => bus.call(...args as [never]), () => [{ ...PLAY, ...wait, ...flags, descriptors: undefined }]],
  ['bus.send', (bus) => (...args) => bus.send(...args as [never]), () => [{ type: 'signal', path: '/', interface: 'a.B', member: 'C', signature: 's', body: ['a'], flags: 0, unknownFields: [], unixFds: 0, byteOrder: 'little', serial: 5, errorName: undefined, replySerial: undefined, destination: undefined, sender: undefined }]],
  ['bus.subscribe', (bus) => (...args) => bus.subscribe(...args as [never]), () => [rule, { ...queue, signature: 's' }]],
  ['bus.subscribe with a listener', (bus) => (...args) => bus.subscribe(...args as [never]), () => [rule, nothing, { signal: wait.signal, signature: 's', onGap: nothing }]],
  ['bus.handleMethodCalls', (bus) => (...args) => bus.handleMethodCalls(...args as [never]), () => [nothing]],
  ['bus.close', (bus) => (...args) => bus.close(...args as [never]), () => [{ timeout: 5 }]],
  ['bus.requestName', (bus) => (...args) => bus.requestName(...args as [never]), () => ['com.example.Other', { ...wait, allowReplacement: true, replaceExisting: true, doNotQueue: false }]],
  ['bus.releaseName', (bus) => (...args) => bus.releaseName(...args as [never]), () => ['com.example.Other', wait]],
  ['bus.watchOwner', (bus) => (...args) => bus.watchOwner(...args as [never, never]), () => [NAME, nothing]],
  ['bus.watchConnection', (bus) => (...args) => bus.watchConnection(...args as [never]), () => [nothing]],
  ...['getNameOwner', 'nameHasOwner', 'listQueuedOwners', 'startServiceByName', 'getConnectionCredentials',
    'getConnectionUnixUser', 'getConnectionUnixProcessId', 'waitForOwner'].map((name) => asked(name, NAME)),
  ...['listNames', 'listActivatableNames', 'getId', 'listFeatures', 'listInterfaces'].map((name) => asked(name)),

  ['createProxy', () => createProxy, (bus) => [bus, Player, { ...target, timeout: 5, noAutoStart: true, allowInteractiveAuthorization: false }]],
  ['proxy.Play', (bus) => proxyOf(bus).Play as Loose, () => ['a', { ...wait, ...flags, descriptors: undefined, onDescriptors: nothing }]],
  ['proxy.Stop', (bus) => proxyOf(bus).Stop as Loose, () => [{ ...wait, ...flags }]],
  ['$get', (bus) => proxyOf(bus).$get as Loose, () => ['Volume', { ...wait, noAutoStart: true }]],
  ['$set', (bus) => proxyOf(bus).$set as Loose, () => ['Volume', 1, { ...wait, ...flags, descriptors: undefined }]],
  ['$getAll', (bus) => proxyOf(bus).$getAll as Loose, () => [{ ...wait, noAutoStart: true, onDescriptors: undefined }]],
  ['$signal', (bus) => proxyOf(bus).$signal as Loose, () => ['Ended', { ...queue, ...filter }]],
  ['$signal with a listener', (bus) => proxyOf(bus).$signal as Loose, () => ['Ended', nothing, { signal: wait.signal, onGap: undefined, ...filter }]],
  ['$signals', (bus) => proxyOf(bus).$signals as Loose, () => [{ ...queue, ...filter }]],
  ['$signals of names', (bus) => proxyOf(bus).$signals as Loose, () => ['Ended', 'Ended', { ...queue, ...filter }]],
  ['$watch', (bus) => proxyOf(bus).$watch as Loose, () => ['Volume', follow]],
  ['$watch with a listener', (bus) => proxyOf(bus).$watch as Loose, () => ['Volume', nothing, follow]],
  ['$cache', (bus) => proxyOf(bus).$cache as Loose, () => [{ ...follow, changed: nothing }]],
  ['$get of a cached proxy', (bus) => async (...args) => {
    const cached = await proxyOf(bus).$cache();
    return (cached.$get as Loose)(...args);
  }, () => ['Volume', { ...wait, noAutoStart: true }]],
  ['manageObjects', () => manageObjects, (bus) => [bus, target, { player: Player }, {
    ...follow, added: nothing, changed: nothing, removed: nothing, maxObjects: 5, maxBytes: 500,
  }]],
  ['introspect', () => introspect, (bus) => [bus, target, { depth: 1, maxObjects: 5, signal: wait.signal }]],
  ['the function proxy of introspect', (bus) => async (...args) => {
    const object = await introspect(bus, target);
    return (object.proxy as Loose)(...args);
  }, () => [Player.name]],
  ['ownName, then close', (bus) => (...args) => ownName(bus as never, 'com.example.Other').close(...args as [never]), () => [wait]],
  ['listen, then close', () => async (...args) => {
    const server = await listen(socket());
    await server.close(...args as [never]).catch(async (error: unknown) => {
      await server.close();
      throw error;
    });
  }, () => [{ timeout: 5 }]],
  ['listen, then clientOf', () => async (...args) => {
    const server = await listen(socket());
    try {
      return server.clientOf(...args as [never]);
    } finally {
      await server.close();
    }
  }, (bus) => [bus]],
];

/** The arguments with one of them, or one key of one of them, replaced. */
function* replaced(args: readonly unknown[], make: () => unknown): Generator<[place: string, args: unknown[]]> {
  for (const [index, arg] of args.entries()) {
    yield [`argument ${index}`, args.with(index, make())];
    if (typeof arg !== 'object' || arg === null || arg === Player) continue;
    if (Object.getPrototypeOf(arg) !== Object.prototype) continue;
    for (const key of Object.keys(arg)) yield [`"${key}" of argument ${index}`, args.with(index, { ...arg, [key]: make() })];
  }
  yield ['one argument more', [...args, make()]];
}

/** Ends a result that would go on. */
async function end(result: unknown): Promise<void> {
  if (typeof result !== 'object' || result === null) return;
  const { ready, closed, close, $close, destroy } = result as Record<string, unknown>;
  if (ready instanceof Promise) ready.catch(nothing);
  if (closed instanceof Promise) closed.catch(nothing);
  for (const each of [close, $close, destroy]) {
    if (typeof each === 'function') await (each as Loose).call(result);
  }
}

/** What is wrong with an error of an argument; undefined if it is as it must be. */
function faultOf(error: unknown): string | undefined {
  if (error === TRAPPED) return undefined;
  if (!(error instanceof DBusWireError)) {
    const { name, message } = error as Error;
    return `${name}: ${message}`;
  }
  if (typeof error.code !== 'string') return `no code: ${error.message}`;
  if (error.fault === 'caller' && !/must|expected|cannot|found|did you mean/.test(error.message)) return `does not say what must be: ${error.message}`;
  if (error.fault === 'caller' && !error.stack?.includes('wrong-arguments.test.ts')) return `not at the caller: ${error.stack}`;
  return undefined;
}

test.each(ROWS)('%s with wrong arguments throws an error that says what must be', { timeout: 60_000 }, async (_name, bind, argsOf) => {
  const faults = new Set<string>();
  let bus = await daemon.connect();
  let pair = 0;
  for (const [kind, make] of Object.entries(VALUES)) {
    if (bus.state === 'closed') bus = await daemon.connect();
    for (const [place, args] of replaced(argsOf(bus), make)) {
      if (pair++ % extent(STEP, 1) !== 0) continue;
      try {
        const result = await bind(bus)(...args as never[]);
        await end(result);
      } catch (error) {
        const fault = faultOf(error);
        if (fault !== undefined) faults.add(`${kind} as ${place}: ${fault}`);
      }
      if (bus.state === 'closed') break;
    }
  }
  await bus.close();
  expect([...faults]).toEqual([]);
});
