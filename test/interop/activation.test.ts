// Services that a bus starts, called by the programs of others: the same configuration, service files and calls on
// dbus-daemon and on dbus-wire-bus, with the same results. The service is written with dbus-python.
// Specification: Message Bus Starting Services.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectToBus } from '../../src/connection/open-bus.js';
import { heavyTest, some } from '../support/extent.js';
import { busctlCall, dbusSendCall, gdbusCall, type Target } from '../support/foreign.js';
import { type DaemonProgram, type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith, PYTHON } from '../support/programs.js';
import { until } from '../support/waiting.js';

const SCRIPT = fileURLToPath(new URL('services/started.py', import.meta.url));
const NAME = 'com.example.Started';
const target = (destination: string): Target => ({ destination, path: '/', interface: 'com.example.Started1' });
const DRIVER = {
  destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus',
};
const DAEMONS = some<DaemonProgram>(['dbus-wire-bus', 'dbus-daemon'], 2);

for (const daemon of DAEMONS) describeWith('dbus-daemon', 'dbus-python', 'gdbus', 'busctl', 'dbus-send')(daemon, () => {
  let bus: PrivateBus;
  beforeAll(async () => {
    bus = await startPrivateBus({
      daemon,
      activatable: {
        [NAME]: `${PYTHON} ${SCRIPT} ${NAME}`,
        'com.example.Missing': '/nonexistent/program',
        'com.example.Exits': '/bin/sh -c "exit 3"',
        'com.example.Killed': "/bin/sh -c 'kill -9 $$'",
      },
    });
  });
  afterAll(() => bus.stop());

  test('starts a service for calls of gdbus: once for all callers, and again after it has ended', async () => {
    const pidOf = async (): Promise<string> => (await gdbusCall(bus, target(NAME), 'Pid')).stdout.trim();
    const pids = await Promise.all([pidOf(), pidOf(), pidOf()]);
    expect(pids[0]).toMatch(/^\(uint32 \d+,\)$/);
    expect(new Set(pids).size).toBe(1);
    await gdbusCall(bus, target(NAME), 'Quit');
    await using connection = await connectToBus(bus.address);
    await until(async () => (await connection.getNameOwner(NAME)) === undefined);
    expect(await pidOf()).not.toBe(pids[0]);
  });

  test('gives a service the address and the type of the bus in its environment', async () => {
    const variable = async (name: string): Promise<string> =>
      (await busctlCall(bus, target(NAME), 'Variable', ['s', name])).stdout.trim();
    expect(await variable('DBUS_STARTER_BUS_TYPE')).toBe('s "session"');
    const address = `s "${bus.address},guid=${bus.guid}"`;
    expect(await variable('DBUS_STARTER_ADDRESS')).toBe(address);
    expect(await variable('DBUS_SESSION_BUS_ADDRESS')).toBe(address);
  });

  test('replies to StartServiceByName of busctl whether it has started the service', async () => {
    await using connection = await connectToBus(bus.address);
    if ((await connection.getNameOwner(NAME)) !== undefined) await gdbusCall(bus, target(NAME), 'Quit');
    await until(async () => (await connection.getNameOwner(NAME)) === undefined);
    const start = () => busctlCall(bus, DRIVER, 'StartServiceByName', ['su', NAME, '0']);
    expect((await start()).stdout).toBe('u 1\n');
    expect((await start()).stdout).toBe('u 2\n');
  });

  test.each([
    ['com.example.Missing', 'Spawn.ExecFailed: Failed to execute program com.example.Missing: No such file or directory'],
    ['com.example.Exits', 'Spawn.ChildExited: Process com.example.Exits exited with status 3'],
    ['com.example.Killed', 'Spawn.ChildSignaled: Process com.example.Killed received signal 9'],
    ['com.example.None', 'ServiceUnknown: The name com.example.None was not provided by any .service files'],
  ])('replies to dbus-send with an error if it cannot start a service: %s', async (name, problem) => {
    const { code, stderr } = await dbusSendCall(bus, target(name), 'Pid');
    expect({ code, stderr }).toEqual({ code: 1, stderr: `Error org.freedesktop.DBus.Error.${problem}\n` });
  });

  heavyTest('replies with an error if a service does not own its name in time', async () => {
    const limits = { service_start_timeout: 100 };
    await using impatient = await startPrivateBus({ daemon, activatable: { [NAME]: '/bin/sleep 30' }, limits });
    const { code, stderr } = await dbusSendCall(impatient, target(NAME), 'Pid');
    const problem = `Failed to activate service '${NAME}': timed out (service_start_timeout=100ms)`;
    expect({ code, stderr }).toEqual({ code: 1, stderr: `Error org.freedesktop.DBus.Error.TimedOut: ${problem}\n` });
  });

  test('lists the services that it can start', async () => {
    const { stdout } = await busctlCall(bus, DRIVER, 'ListActivatableNames');
    for (const name of ['org.freedesktop.DBus', NAME, 'com.example.Missing']) expect(stdout).toContain(`"${name}"`);
  });
});
