// Defaults of calls on a connection and on a proxy: an option of a call wins, then the proxy, then the connection.
import { describe, expect, test } from 'vitest';
import { createProxy } from '../../src/client/proxy.js';
import { connectionOn } from '../../src/connection/connection.js';
import type { CallDefaults } from '../../src/connection/call-options.js';
import { connectToBus, defineInterface, openConnection } from '../../src/index.js';
import { StreamTransport } from '../../src/transport/stream-transport.js';
import { MessageFlag } from '../../src/wire/constants.js';
import { methodReturn } from '../../src/wire/messages/message.js';
import { type Answer, answerAsBus, GUID, startFakeServer } from './fake-server.js';

const I = defineInterface({
  name: 'com.example.I1', methods: { M: {}, Quiet: { noReply: true } }, properties: { P: { type: 'u', access: 'readwrite' } },
});
const CALL = { destination: 'com.example.Service', path: '/', interface: 'com.example.I1', member: 'M' } as const;
const TARGET = { destination: 'com.example.Service', path: '/' } as const;
const { NO_AUTO_START, ALLOW_INTERACTIVE_AUTHORIZATION } = MessageFlag;

/** A bus that answers nothing but Hello and, unless `isMute`, these calls. */
const answering = (isMute: boolean): Answer => (call, peer) => {
  if (call.member === 'M' || call.member === 'Set') return isMute ? undefined : methodReturn(call);
  if (call.member === 'Get') return isMute ? undefined : methodReturn(call, { signature: 'v', body: [{ signature: 'u', value: 1 }] });
  if (call.member === 'GetAll') return methodReturn(call, { signature: 'a{sv}', body: [{}] });
  return call.member === 'Hello' ? answerAsBus(call, peer) : undefined;
};

async function connect(callDefaults: CallDefaults | undefined, { isMute = false } = {}) {
  const server = await startFakeServer({ answer: answering(isMute) });
  const bus = await connectToBus(server.address, { callDefaults });
  const peer = await server.peer();
  const flags = (): number | undefined => peer.messages.at(-1)?.flags;
  const close = async (): Promise<void> => {
    await bus.close({ timeout: 0 });
    await server[Symbol.asyncDispose]();
  };
  return { bus, flags, [Symbol.asyncDispose]: close };
}

describe('flags', () => {
  const ALL: CallDefaults = { noAutoStart: true, allowInteractiveAuthorization: true };

  test('of the connection apply to its calls, unless a call has its own; undefined counts as left out', async () => {
    await using link = await connect(ALL);
    const rows = [
      [{}, NO_AUTO_START | ALLOW_INTERACTIVE_AUTHORIZATION],
      [{ noAutoStart: undefined }, NO_AUTO_START | ALLOW_INTERACTIVE_AUTHORIZATION],
      [{ noAutoStart: false }, ALLOW_INTERACTIVE_AUTHORIZATION],
      [{ noAutoStart: false, allowInteractiveAuthorization: false }, 0],
    ] as const;
    const proxy = createProxy(link.bus, I, TARGET);
    for (const [options, flags] of rows) {
      await link.bus.call({ ...CALL, ...options });
      expect(link.flags()).toBe(flags);
      await proxy.M(options);
      expect(link.flags()).toBe(flags);
      await proxy.$get('P', options);
      expect(link.flags()).toBe(flags);
      await proxy.$set('P', 1, options);
      expect(link.flags()).toBe(flags);
    }
    await link.bus.call({ ...CALL, noReply: true });
    await link.bus.call(CALL);
    await proxy.Quiet();
    await link.bus.call(CALL);
    expect(link.flags()).toBe(NO_AUTO_START | ALLOW_INTERACTIVE_AUTHORIZATION);
  });

  test('of a proxy override those of the connection, and those of a call override both', async () => {
    await using link = await connect(ALL);
    const proxy = createProxy(link.bus, I, { ...TARGET, noAutoStart: false, allowInteractiveAuthorization: undefined });
    await proxy.M();
    expect(link.flags()).toBe(ALLOW_INTERACTIVE_AUTHORIZATION);
    await proxy.$getAll({ noAutoStart: true });
    expect(link.flags()).toBe(NO_AUTO_START | ALLOW_INTERACTIVE_AUTHORIZATION);
    await proxy.M({ noAutoStart: true });
    expect(link.flags()).toBe(NO_AUTO_START | ALLOW_INTERACTIVE_AUTHORIZATION);
    await proxy.M({ allowInteractiveAuthorization: false });
    expect(link.flags()).toBe(0);
  });

  test('are 0 without defaults, even for a method without a reply that is called with one', async () => {
    await using link = await connect(undefined);
    await link.bus.call(CALL);
    expect(link.flags()).toBe(0);
    const proxy = createProxy(link.bus, I, TARGET);
    await proxy.Quiet();
    await proxy.M();
    expect(link.flags()).toBe(0);
  });
});

describe('the timeout', () => {
  test('of the connection applies to its calls, its methods and its proxies, but not to Hello', async () => {
    await using link = await connect({ timeout: 7 }, { isMute: true });
    const timeout = { name: 'CallTimeoutError', timeout: 7 };
    const proxy = createProxy(link.bus, I, TARGET);
    const hasty = createProxy(link.bus, I, { ...TARGET, timeout: 5 });
    await Promise.all([
      expect(link.bus.call(CALL)).rejects.toMatchObject(timeout),
      expect(link.bus.call({ ...CALL, timeout: undefined })).rejects.toMatchObject(timeout),
      expect(link.bus.listNames()).rejects.toMatchObject(timeout),
      expect(link.bus.nameHasOwner('a.b')).rejects.toMatchObject(timeout),
      expect(proxy.M()).rejects.toMatchObject(timeout),
      expect(proxy.M({ timeout: undefined })).rejects.toMatchObject(timeout),
      expect(proxy.$get('P')).rejects.toMatchObject(timeout),
      expect(link.bus.call({ ...CALL, timeout: 3 })).rejects.toMatchObject({ timeout: 3 }),
      expect(proxy.M({ timeout: 3 })).rejects.toMatchObject({ timeout: 3 }),
      expect(hasty.M()).rejects.toMatchObject({ timeout: 5 }),
      expect(hasty.$set('P', 1)).rejects.toMatchObject({ timeout: 5 }),
    ]);

    await using server = await startFakeServer({
      answer: (call, peer) => void setTimeout(() => peer.send(answerAsBus(call, peer)!), 50),
    });
    await using bus = await connectToBus(server.address, { callDefaults: { timeout: 0 } });
    expect(bus.uniqueName).toBe(':1.7');
  });

  test('can be a default of a connection without a bus', async () => {
    await using server = await startFakeServer({ answer: () => undefined });
    await using connection = await openConnection(server.address, { callDefaults: { timeout: 7 } });
    await expect(connection.call({ path: '/', member: 'M' })).rejects.toMatchObject({ timeout: 7 });
    connection.handleMethodCalls(() => {});
    const peer = await server.peer();
    await using other = connectionOn(new StreamTransport(peer.socket, { guid: GUID, rest: new Uint8Array() }), {
      callDefaults: { timeout: 6 },
    });
    await expect(other.call({ path: '/', member: 'M' })).rejects.toMatchObject({ timeout: 6 });
  });
});

test('defaults also apply to calls that wait until the connection is restored', async () => {
  await using server = await startFakeServer({ answer: answering(false) });
  await using bus = await connectToBus(server.address, {
    callDefaults: { timeout: 30_000, noAutoStart: true }, reconnect: { initialDelay: 50 },
  });
  const proxy = createProxy(bus, I, TARGET);
  const lost = new Promise<void>((resolve) => bus.watchConnection(() => resolve()));
  (await server.peer()).socket.destroy();
  await lost;
  await Promise.all([bus.call(CALL), proxy.M()]);
  const calls = (await server.peer()).messages.filter(({ member }) => member === 'M');
  expect(calls.map(({ flags }) => flags)).toEqual([NO_AUTO_START, NO_AUTO_START]);
});

test('defaults are copied when the connection begins', async () => {
  const callDefaults = { timeout: 5 };
  await using link = await connect(callDefaults, { isMute: true });
  callDefaults.timeout = 60_000;
  await expect(link.bus.call(CALL)).rejects.toMatchObject({ timeout: 5 });
});

test.each<[object, string]>([
  [{ callDefaults: { timout: 1 } }, 'callDefaults: unknown option "timout"; did you mean "timeout"?'],
  [{ callDefaults: { timeout: -1 } }, 'callDefaults: "timeout" must be a number of milliseconds'],
  [{ callDefaults: { noReply: true } }, 'callDefaults: unknown option "noReply"'],
  [{ callDefaults: { noAutoStart: 1 } }, 'callDefaults: "noAutoStart" must be true or false, got number 1'],
  [{ callDefaults: null }, 'callDefaults: the options must be an object, got null'],
  [{ callDefaults: 5 }, 'callDefaults: the options must be an object, got number 5'],
])('callDefaults %j are refused before anything is connected: %s', async (options, text) => {
  await using server = await startFakeServer();
  await expect(connectToBus(server.address, options)).rejects.toThrow(text);
  await expect(openConnection(server.address, options)).rejects.toThrow(text);
  expect(server.sockets).toEqual([]);
});
