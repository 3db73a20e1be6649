// A message bus in this process: who can connect to it, what it knows of its clients, and its end.
// Specification: Message Bus Specification, Authentication Protocol.

import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type Bus, connectToBus, ConnectionClosedError, createProxy, DBusDaemon, defineInterface, ErrorName, exportObject,
} from '../../src/index.js';
import { DEFAULT_LIMITS, withDefaults } from '../../src/message-bus/limits.js';
import { startMessageBus } from '../../src/message-bus/start.js';
import { parseAddresses } from '../../src/protocol/address.js';
import { extent } from '../support/extent.js';
import { BUS, RawClient } from '../support/raw-client.js';

const Counter = defineInterface({
  name: 'com.example.Counter1',
  methods: { Add: { in: 'u', out: 'u' } },
  signals: { Added: { args: 'u' } },
});

const socketOf = (address: string): string => parseAddresses(address)[0]?.keys.get('path') ?? '';

describe('a message bus in this process', () => {
  test('connects a service and a client in this process', async () => {
    await using bus = await startMessageBus();
    await using service = await bus.connect();
    await using client = await bus.connect();
    let value = 0;
    const counter = Counter.implement({ methods: { Add: (step) => (value += step) } });
    exportObject(service, '/', counter);
    await service.requestName('com.example.Counter');
    const proxy = createProxy(client, Counter, { destination: 'com.example.Counter', path: '/' });
    await using added = proxy.$signal('Added');
    await added.ready;
    expect(await proxy.Add(5)).toBe(5);
    counter.emit('Added', 5);
    expect((await added.next()).value).toEqual([5]);
  });

  test('accepts clients of other processes on a socket that only this user can reach', async () => {
    await using bus = await startMessageBus();
    await using outside = await connectToBus(bus.address);
    await using inside = await bus.connect();
    expect(await inside.listNames()).toEqual(['org.freedesktop.DBus', outside.uniqueName, inside.uniqueName]);
    expect(outside.guid).toBe(inside.guid);
    expect(parseAddresses(bus.address)[0]?.guid).toBe(outside.guid);
  });

  test('ends its connections, and removes its socket and directory', async () => {
    const bus = await startMessageBus();
    const [inside, outside] = [await bus.connect(), await connectToBus(bus.address)];
    const socket = socketOf(bus.address);
    expect(existsSync(socket)).toBe(true);
    await Promise.all([bus.close(), bus.close()]);
    await Promise.all([inside.closed, outside.closed]);
    expect(existsSync(dirname(socket))).toBe(false);
    await expect(bus.connect()).rejects.toThrow(ConnectionClosedError);
    await expect(bus.connect()).rejects.toThrow('the message bus is closed');
  });

  test('reports the user of a client outside, and all credentials of one in this process', async () => {
    await using bus = await startMessageBus();
    await using inside = await bus.connect();
    await using outside = await connectToBus(bus.address);
    const driver = createProxy(inside, DBusDaemon, BUS);
    const uid = process.getuid?.() ?? 0;
    const credentials = await driver.GetConnectionCredentials(outside.uniqueName);
    expect([...credentials.keys()]).toEqual(['UnixUserID']);
    expect(credentials.get('UnixUserID')?.value).toBe(uid);
    expect(await driver.GetConnectionUnixUser(outside.uniqueName)).toBe(uid);
    await expect(driver.GetConnectionUnixProcessID(outside.uniqueName)).rejects.toMatchObject({
      errorName: ErrorName.UNIX_PROCESS_ID_UNKNOWN, message: `Could not determine PID for '${outside.uniqueName}'`,
    });
    for (const name of [inside.uniqueName, BUS.destination]) {
      expect(await driver.GetConnectionUnixProcessID(name)).toBe(process.pid);
      const all = await driver.GetConnectionCredentials(name);
      expect([...all.keys()]).toEqual(['ProcessID', 'UnixUserID', 'UnixGroupIDs']);
      expect(all.get('UnixGroupIDs')?.value).toContain(process.getgid?.());
    }
  });

  test('accepts anonymous clients only if ANONYMOUS is enabled, and they cannot watch others', async () => {
    await using bus = await startMessageBus({ address: 'tcp:host=127.0.0.1', mechanisms: ['ANONYMOUS'] });
    await using inside = await bus.connect();
    await using client = await RawClient.openAnonymous(bus.address);
    await client.hello();
    const denied = { errorName: ErrorName.ACCESS_DENIED };
    expect(await client.ask('AddMatch', 's', ["eavesdrop='true'"])).toMatchObject(denied);
    expect(await client.ask('UpdateActivationEnvironment', 'a{ss}', [{}])).toMatchObject(denied);
    const monitoring = { interface: 'org.freedesktop.DBus.Monitoring' };
    expect(await client.ask('BecomeMonitor', 'asu', [[], 0], monitoring)).toMatchObject(denied);
    const driver = createProxy(inside, DBusDaemon, BUS);
    await expect(driver.GetConnectionUnixUser(client.uniqueName)).rejects.toMatchObject({
      errorName: ErrorName.FAILED, message: `Could not determine UID for '${client.uniqueName}'`,
    });
    await expect(connectToBus(bus.address)).rejects.toThrow();
  });

  test('counts a rule for many arguments as several', async () => {
    await using bus = await startMessageBus({ limits: { maxMatchRulesPerConnection: 70 } });
    await using client = await RawClient.registered(bus.address);
    const add = (rule: string) => client.ask('AddMatch', 's', [rule]);
    const asking = (count: number) => Array.from({ length: count }, (_, n) => `arg${n}${n % 2 === 0 ? 'path' : ''}='x'`).join();
    const full = { errorName: ErrorName.LIMITS_EXCEEDED };
    for (const rule of [asking(64), asking(6)]) expect(await add(rule)).toMatchObject({ type: 'method_return' }); // 61 and 3
    expect(await add(asking(11))).toMatchObject(full); // 8
    for (let n = 0; n < 6; n++) expect(await add(asking(4))).toMatchObject({ type: 'method_return' });
    expect(await add('')).toMatchObject(full);
    expect(await client.ask('RemoveMatch', 's', [asking(6)])).toMatchObject({ type: 'method_return' });
    expect(await add(asking(5))).toMatchObject({ type: 'method_return' });
    expect(await add(asking(4))).toMatchObject({ type: 'method_return' });
    expect(await add('')).toMatchObject(full);
    const monitor = (rules: string[]) => (
      client.ask('BecomeMonitor', 'asu', [rules, 0], { interface: 'org.freedesktop.DBus.Monitoring' })
    );
    expect(await monitor([asking(64), asking(64)])).toMatchObject({ ...full, body: ['the rules count as 122: a connection must have at most 70'] });
    expect(await monitor([asking(64), ''])).toMatchObject({ type: 'method_return' });
  });

  test('refuses unknown options, and addresses on which it cannot listen', async () => {
    await expect(startMessageBus({ adress: 'x' } as never)).rejects.toThrow('did you mean "address"?');
    await expect(startMessageBus({ limits: { maxNames: 1 } as never })).rejects.toThrow('maxNamesPerConnection');
    await expect(startMessageBus({ limits: { maxMessageSize: 15 } })).rejects.toThrow('"maxMessageSize" must be');
    await expect(startMessageBus({ address: 'autolaunch:' })).rejects.toThrow('cannot listen on transport "autolaunch"');
  });

  test('a connection with options that are not valid is refused by name, and leaves no client on the bus', async () => {
    await using bus = await startMessageBus({ limits: { maxCompletedConnections: 1, maxIncompleteConnections: 1 } });
    for (const options of [{ reconnect: true }, { timeout: -1 }, 5]) {
      await expect(bus.connect(options as never)).rejects.toMatchObject({ name: 'ArgumentError', owner: 'connect' });
    }
    await using outside = await connectToBus(bus.address);
    expect(await outside.listNames()).toHaveLength(2);
  });

  test('a connection in this process can have typed arrays, with their types', async () => {
    await using bus = await startMessageBus();
    await using client = await bus.connect({ typedArrays: true });
    const typed: Bus<true> = client;
    expect(typed.typedArrays).toBe(true);
    const [ids] = await typed.call({
      ...BUS, interface: 'org.freedesktop.DBus', member: 'GetConnectionCredentials', signature: 's',
      body: [typed.uniqueName], replySignature: 'a{sv}',
    });
    expect(ids.get('UnixGroupIDs')?.value).toBeInstanceOf(Uint32Array);
  });

  test('accepts many clients that connect at once', async () => {
    const CLIENTS = extent(50, 200);
    await using bus = await startMessageBus();
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connectToBus(bus.address)));
    expect(new Set(clients.map(({ uniqueName }) => uniqueName)).size).toBe(CLIENTS);
    await Promise.all(clients.map((client) => client.close()));
  });

  test('closes a connection that sends a message longer than the limit', async () => {
    await using bus = await startMessageBus({ limits: { maxMessageSize: 1_000 } });
    await using client = await RawClient.registered(bus.address);
    const reply = await client.ask('NameHasOwner', 's', ['x'.repeat(500)]);
    expect(reply.body).toEqual([false]);
    client.ask('NameHasOwner', 's', ['x'.repeat(1_000)]).catch(() => {});
    await client.expectEnd();
  });
});

test('limits that are not given have the defaults of a session bus of the reference implementation', () => {
  expect(withDefaults({ maxNamesPerConnection: 7, maxMatchRulesPerConnection: undefined })).toEqual({
    ...DEFAULT_LIMITS, maxNamesPerConnection: 7,
  });
  expect(DEFAULT_LIMITS).toMatchObject({
    maxCompletedConnections: 100_000, maxConnectionsPerUser: 100_000, maxNamesPerConnection: 50_000,
    maxMatchRulesPerConnection: 50_000, maxRepliesPerConnection: 50_000, authTimeout: 240_000,
    serviceStartTimeout: 120_000,
  });
});
