// What the real buses and ours answer about names, connections and themselves, and what we make of it.
// Specification: Message Bus Messages.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Bus, connectToBus } from '../../src/index.js';
import { builtProgram } from '../support/built.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { ALL_BUSES } from '../support/private-broker.js';
import { describeWith } from '../support/programs.js';

const NAME = 'com.example.Queried';
const NOBODY = 'com.example.Nobody';

/** The features of the buses on this machine that do not depend on their version. */
const FEATURES = { 'dbus-daemon': ['HeaderFiltering'], 'dbus-broker': [], 'our message bus': ['HeaderFiltering'] };

describe.each(ALL_BUSES)('$program', ({ program, required, startBus }) => {
  describeWith(...required)('as a bus with two connections', () => {
    let daemon: PrivateBus;
    let one: Bus;
    let two: Bus;

    beforeAll(async () => {
      daemon = await startBus();
    });
    afterAll(() => daemon?.stop());
    beforeEach(async () => {
      [one, two] = await Promise.all([connectToBus(daemon.address), connectToBus(daemon.address)]);
    });
    afterEach(async () => {
      await Promise.all([one.close(), two.close()]);
    });

    test('reports whether a name has an owner', async () => {
      await one.requestName(NAME);
      expect(await two.nameHasOwner(NAME)).toBe(true);
      expect(await two.nameHasOwner(one.uniqueName)).toBe(true);
      expect(await two.nameHasOwner('org.freedesktop.DBus')).toBe(true);
      expect(await two.nameHasOwner(NOBODY)).toBe(false);
      expect(await two.nameHasOwner(':1.999999')).toBe(false);
    });

    test('lists the queue of a name, the owner first; it is empty for a name without an owner', async () => {
      await one.requestName(NAME);
      await two.requestName(NAME, { doNotQueue: false });
      expect(await one.listQueuedOwners(NAME)).toEqual([one.uniqueName, two.uniqueName]);
      expect(await one.listQueuedOwners(NOBODY)).toEqual([]);
    });

    test('lists the names that it can start', async () => {
      expect(await one.listActivatableNames()).toContain('org.freedesktop.DBus');
    });

    test('reports the credentials of a connection by any of its names; without one they are undefined', async () => {
      // Our own bus cannot see the process at the other end of a socket.
      const processId = program === 'our message bus' ? undefined : process.pid;
      await one.requestName(NAME);
      for (const name of [NAME, one.uniqueName]) {
        const credentials = await two.getConnectionCredentials(name);
        expect(credentials?.unixUserId).toBe(process.getuid?.());
        expect(credentials?.processId).toBe(processId);
        const [inAll] = processId === undefined ? [] : [{ signature: 'u', value: processId }];
        expect(credentials?.all.get('ProcessID')).toEqual(inAll);
        expect(credentials?.unixGroupIds ?? [process.getgid?.()]).toContain(process.getgid?.());
      }
      expect(await two.getConnectionUnixUser(NAME)).toBe(process.getuid?.());
      expect(await two.getConnectionUnixProcessId(NAME)).toBe(processId);
      for (const name of [NOBODY, ':1.999999']) {
        expect(await two.getConnectionCredentials(name)).toBeUndefined();
        expect(await two.getConnectionUnixUser(name)).toBeUndefined();
        expect(await two.getConnectionUnixProcessId(name)).toBeUndefined();
      }
    });

    test('reports its id, its features and its interfaces', async () => {
      expect(await one.getId()).toMatch(/^[0-9a-f]{32}$/);
      expect(await one.getId()).toBe(await two.getId());
      expect(await one.listFeatures()).toEqual(expect.arrayContaining(FEATURES[program]));
      expect(await one.listInterfaces()).toContain('org.freedesktop.DBus.Monitoring');
    });

    test('cannot start a service for a name without a service file, even if the name has an owner', async () => {
      await one.requestName(NAME);
      const unknown = { errorName: 'org.freedesktop.DBus.Error.ServiceUnknown' };
      for (const name of [NAME, NOBODY]) await expect(two.startServiceByName(name)).rejects.toMatchObject(unknown);
    });
  });
});

describeWith('dbus-daemon')('a bus with a service file', () => {
  test('starts the service, and names it among those that it can start', async () => {
    const command = `${process.execPath} ${builtProgram('service')} --name ${NAME}`;
    await using daemon = await startPrivateBus({ activatable: { [NAME]: command } });
    await using bus = await connectToBus(daemon.address);
    expect(await bus.listActivatableNames()).toContain(NAME);
    expect(await bus.nameHasOwner(NAME)).toBe(false);
    expect(await bus.startServiceByName(NAME)).toBe('started');
    expect(await bus.startServiceByName(NAME)).toBe('already running');
  });
});
