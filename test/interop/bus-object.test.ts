// The bus itself as a foreign service: our definition of it agrees with its introspection data, and every member of the
// definition works. busctl and gdbus read what the bus knows about our connection.
// Specification: Message Bus Messages, Message Bus Properties.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  type Bus, connectToBus, createProxy, DBusDaemon, DBusError, ErrorName, Introspectable, MarshalError, type ParsedNode,
  parseIntrospection, Peer, Properties, variant, type Variant,
} from '../../src/index.js';
import { signal } from '../../src/wire/index.js';
import { isOnAnotherBus } from '../support/chosen-bus.js';
import { extent } from '../support/extent.js';
import { busctl, gdbusCall } from '../support/foreign.js';
import { REAL_BUSES } from '../support/private-broker.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';

const target = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus' } as const;
const NAME = 'com.example.Known1';
/** Our own bus cannot see the process at the other end of a socket. */
const SEES_NO_PROCESSES = isOnAnotherBus();
const ACTIVATABLE = 'com.example.Activatable1';

const driverOf = (connected: Bus) => createProxy(connected, DBusDaemon, target);

let daemon: PrivateBus;
let bus: Bus;
let driver: ReturnType<typeof driverOf>;

beforeAll(async () => {
  daemon = await startPrivateBus({ activatable: { [ACTIVATABLE]: '/bin/false' } });
});
afterAll(() => daemon?.stop());
beforeEach(async () => {
  bus = await connectToBus(daemon.address);
  driver = driverOf(bus);
});
afterEach(() => bus.close());

async function errorNameOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => 'no error', (reason: unknown) => reason);
  expect(error).toBeInstanceOf(DBusError);
  return (error as DBusError).errorName; // asserted
}

/** The values that `busctl` prints as `KEY=VALUE`. */
async function status(...words: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const { code, stdout, stderr } = await busctl(daemon, ['status', ...words]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return Object.fromEntries([...stdout.matchAll(/^(\w+)=(.*)$/gm)].map(([, key, value]) => [key, value]));
}

describeWith('dbus-daemon')('the bus', () => {
  if (!SEES_NO_PROCESSES) test('reports the credentials of our connection', async () => {
    const credentials = await driver.GetConnectionCredentials(bus.uniqueName);
    expect(credentials.get('UnixUserID')).toStrictEqual({ signature: 'u', value: process.getuid?.() });
    expect(credentials.get('ProcessID')).toStrictEqual({ signature: 'u', value: process.pid });
    expect(await driver.GetConnectionUnixUser(bus.uniqueName)).toBe(process.getuid?.());
    expect(await driver.GetConnectionUnixProcessID(bus.uniqueName)).toBe(process.pid);
    const itself = await driver.GetConnectionCredentials(target.destination);
    expect(itself.get('ProcessID')?.value).toBe(daemon.pid);
  });

  test('returns the same bus id to every connection', async () => {
    expect(bus.guid).toBe(daemon.guid);
    await using other = await connectToBus(daemon.address);
    expect(await driver.GetId()).toMatch(/^[0-9a-f]{32}$/); // of the bus, not of the address that the server listens on
    expect(await driverOf(other).GetId()).toBe(await driver.GetId());
  });

  test('requests, queues and releases names as our definition describes', async () => {
    await using other = await connectToBus(daemon.address);
    await using changes = driver.$signal('NameOwnerChanged');
    await using acquired = driver.$signal('NameAcquired');
    await Promise.all([changes.ready, acquired.ready]);
    expect(await driver.RequestName(NAME, 4)).toBe(1);
    expect(await driver.RequestName(NAME, 4)).toBe(4);
    expect(await driverOf(other).RequestName(NAME, 4)).toBe(3);
    expect(await driverOf(other).RequestName(NAME, 0)).toBe(2);
    expect(await driver.NameHasOwner(NAME)).toBe(true);
    expect(await driver.GetNameOwner(NAME)).toBe(bus.uniqueName);
    expect(await driver.ListQueuedOwners(NAME)).toEqual([bus.uniqueName, other.uniqueName]);
    const names = [target.destination, NAME, bus.uniqueName, other.uniqueName];
    expect(await driver.ListNames()).toEqual(expect.arrayContaining(names));
    expect(await driver.ReleaseName(NAME)).toBe(1);
    expect(await driver.GetNameOwner(NAME)).toBe(other.uniqueName);
    expect(await driver.ReleaseName(NAME)).toBe(3);
    expect(await driver.ReleaseName('com.example.Unknown1')).toBe(2);
    expect((await changes.next()).value).toEqual([NAME, '', bus.uniqueName]);
    expect((await changes.next()).value).toEqual([NAME, bus.uniqueName, other.uniqueName]);
    expect((await acquired.next()).value).toEqual([NAME]);
  });

  test('replies to every other method of our definition', async () => {
    const startable = isOnAnotherBus() ? [] : [ACTIVATABLE]; // our own bus has no service files here
    expect(await driver.ListActivatableNames()).toEqual(expect.arrayContaining([target.destination, ...startable]));
    await bus.requestName(ACTIVATABLE);
    for (const name of startable) expect(await driver.StartServiceByName(name, 0)).toBe(2); // it runs already
    expect(await driver.UpdateActivationEnvironment({ DBUS_WIRE_TEST: 'grüße' })).toBeUndefined();
    expect(await driver.AddMatch("type='signal',member='Never'")).toBeUndefined();
    expect(await driver.RemoveMatch("type='signal',member='Never'")).toBeUndefined();
    const all = await driver.$getAll();
    expect(all.Interfaces).toContain('org.freedesktop.DBus.Monitoring');
    expect(all.Features).toEqual(await driver.$get('Features'));
    const peer = createProxy(bus, Peer, target);
    expect(await peer.Ping()).toBeUndefined();
    expect(await peer.GetMachineId()).toMatch(/^[0-9a-f]{32}$/);
  });

  test('fails with the error names that we define', async () => {
    expect(await errorNameOf(driver.GetNameOwner('com.example.Unknown1'))).toBe(ErrorName.NAME_HAS_NO_OWNER);
    expect(await errorNameOf(driver.GetConnectionCredentials(':1.999999'))).toBe(ErrorName.NAME_HAS_NO_OWNER);
    expect(await errorNameOf(driver.StartServiceByName('com.example.Unknown1', 0))).toBe(ErrorName.SERVICE_UNKNOWN);
    const failure = isOnAnotherBus() ? ErrorName.SERVICE_UNKNOWN : ErrorName.SPAWN_CHILD_EXITED;
    expect(await errorNameOf(driver.StartServiceByName(ACTIVATABLE, 0))).toBe(failure);
    expect(await errorNameOf(driver.AddMatch('nonsense'))).toBe(ErrorName.MATCH_RULE_INVALID);
    expect(await errorNameOf(driver.RemoveMatch("member='Never'"))).toBe(ErrorName.MATCH_RULE_NOT_FOUND);
    expect(await errorNameOf(driver.RequestName(':1.5', 0))).toBe(ErrorName.INVALID_ARGS);
    expect(await errorNameOf(driver.RequestName(target.destination, 0))).toBe(ErrorName.INVALID_ARGS);
    expect(await errorNameOf(driver.Hello())).toBe(ErrorName.FAILED);
    const elsewhere = createProxy(bus, Properties, target).Get('com.example.Unknown1', 'P');
    expect(await errorNameOf(elsewhere)).toBe(ErrorName.UNKNOWN_INTERFACE);
    const call = { ...target, member: 'NoSuchMethod' };
    expect(await errorNameOf(bus.call(call))).toBe(ErrorName.UNKNOWN_METHOD);
    const foreign = { ...call, interface: 'com.example.Unknown1' };
    expect(await errorNameOf(bus.call(foreign))).toBe(ErrorName.UNKNOWN_INTERFACE);
    const wrong = { ...target, member: 'GetNameOwner', signature: 'ss', body: ['a.b', 'c'] } as const;
    expect(await errorNameOf(bus.call(wrong))).toBe(ErrorName.INVALID_ARGS);
  });

  test('returns introspection data that agrees with our definition', async () => {
    const described = parseIntrospection(await createProxy(bus, Introspectable, target).Introspect());
    const itself = described.interfaces.find(({ name }) => name === DBusDaemon.name);
    if (itself === undefined) throw new Error('the bus does not describe itself');
    for (const [name, method] of Object.entries(DBusDaemon.methods)) {
      expect([name, itself.methods[name]]).toMatchObject([name, { in: method.in, out: method.out }]);
    }
    for (const [name, { args }] of Object.entries(DBusDaemon.signals)) {
      expect([name, itself.signals[name]]).toMatchObject([name, { args }]);
    }
    for (const [name, { type, access, emitsChanged }] of Object.entries(DBusDaemon.properties)) {
      expect([name, itself.properties[name]]).toMatchObject([name, { type, access, emitsChanged }]);
    }
    const unknown = Object.keys(itself.methods).filter((name) => !(name in DBusDaemon.methods));
    expect(unknown).toEqual(['ReloadConfig']); // dbus-daemon's own, not the specification's
  });

  test('delivers the deepest value and the longest names that we can send', async () => {
    await using loop = bus.subscribe({ sender: bus.uniqueName, interface: NAME });
    await loop.ready;
    const send = (value: Variant): number =>
      bus.send(signal({ path: '/', interface: NAME, member: 'Deep', signature: 'v', body: [value] }));
    const DEPTH = 63; // the most containers inside one another that every bus accepts
    let value: Variant = variant('y', 1);
    for (let depth = 1; depth <= DEPTH; depth++) {
      send(value);
      expect((await loop.next()).value?.body).toStrictEqual([value]);
      value = { signature: 'v', value };
    }
    expect(() => send(value)).toThrow(MarshalError);
    const long = new Uint8Array(extent(2 ** 20, 2 ** 26)).fill(7, -1);
    bus.send(signal({ path: '/', interface: NAME, member: 'Long', signature: 'ay', body: [long] }));
    const [bytes] = (await loop.next()).value?.body ?? [];
    expect(Buffer.compare(bytes as Uint8Array, long)).toBe(0); // its type is that of the message sent
    const name = `${'n'.repeat(127)}.${'N'.repeat(127)}`;
    expect(await bus.requestName(name)).toBe('primary owner');
    const path = `/${'p'.repeat(10_000)}`;
    bus.send(signal({ path, interface: NAME, member: 'm'.repeat(255), destination: name }));
    expect((await loop.next()).value).toMatchObject({ path, member: 'm'.repeat(255), destination: name });
  });

  test('returns introspection data for each of its paths', async () => {
    const explore = async (path: string): Promise<readonly string[]> => {
      const node: ParsedNode = parseIntrospection(
        await createProxy(bus, Introspectable, { ...target, path }).Introspect(),
      );
      const below = node.children.map(({ name = '' }) => explore(`${path === '/' ? '' : path}/${name}`));
      return [path, ...(await Promise.all(below)).flat()];
    };
    expect(await explore('/')).toContain(target.path);
  });
});

describeWith('dbus-daemon', 'busctl')('busctl', () => {
  if (!SEES_NO_PROCESSES) test('finds the process of our connection by its unique and its well-known name', async () => {
    await bus.requestName(NAME);
    for (const name of [bus.uniqueName, NAME]) {
      const uid = String(process.getuid?.());
      expect(await status(name)).toMatchObject({ PID: String(process.pid), UID: uid, UniqueName: bus.uniqueName });
    }
  });

  if (!SEES_NO_PROCESSES) test('lists our connection and its names', async () => {
    await bus.requestName(NAME);
    const { code, stdout } = await busctl(daemon, ['list', '--no-legend', '--full']);
    expect(code).toBe(0);
    const rows = stdout.trimEnd().split('\n').map((line) => line.trim().split(/\s+/));
    const row = (name: string) => rows.find(([first]) => first === name);
    expect(row(bus.uniqueName)?.[1]).toBe(String(process.pid));
    expect(row(NAME)?.[1]).toBe(String(process.pid));
    expect(row(NAME)).toContain(bus.uniqueName);
    expect(row(ACTIVATABLE)).toContain('(activatable)');
  });

  test('gets a reply from a connection that exports nothing', async () => {
    const ended = await busctl(daemon, ['introspect', bus.uniqueName, '/']);
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('this connection exports no objects') });
  });
});

if (!SEES_NO_PROCESSES) describeWith('dbus-daemon', 'gdbus')('gdbus', () => {
  test('gets the credentials of our process from the bus', async () => {
    const where = { ...target, interface: DBusDaemon.name };
    const { stdout } = await gdbusCall(daemon, where, 'GetConnectionCredentials', [bus.uniqueName]);
    expect(stdout).toContain(`'ProcessID': <uint32 ${process.pid}>`);
    const credentials = await driver.GetConnectionCredentials(bus.uniqueName);
    for (const key of credentials.keys()) expect(stdout).toContain(`'${key}': <`);
    expect(stdout.match(/'\w+': </g)).toHaveLength(credentials.size);
  });
});

describeWith(...REAL_BUSES.flatMap(({ required }) => required))('a call without a destination', () => {
  test.each(REAL_BUSES)('is answered by the bus itself, with UnknownMethod: $program', async ({ startBus }) => {
    await using other = await startBus();
    await using caller = await connectToBus(other.address);
    const call = caller.call({ path: '/lamp', interface: 'com.example.Lamp1', member: 'On' });
    expect(await errorNameOf(call)).toBe(ErrorName.UNKNOWN_METHOD);
  });
});
