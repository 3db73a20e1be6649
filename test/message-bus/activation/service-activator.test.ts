// Services that a bus starts, with programs that really run: the environment that they get, what waits for them, and
// their end with the bus. Specification: Message Bus Starting Services.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Bus, createProxy, DBusDaemon, type DBusError } from '../../../src/index.js';
import { type RunningMessageBus, startMessageBus } from '../../../src/message-bus/start.js';
import { scratchDirectory } from '../../support/reaper.js';
import { until } from '../../support/waiting.js';

const NAME = 'com.example.Started1';
let directory: string;
let bus: RunningMessageBus;
let client: Bus;

function service(name: string, command: string): void {
  writeFileSync(join(directory, `${name}.service`), `[D-BUS Service]\nName=${name}\nExec=${command}\n`);
}

const driver = () => createProxy(client, DBusDaemon, { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus' });

beforeEach(async () => {
  directory = join(scratchDirectory(), 'services');
  mkdirSync(directory);
  bus = await startMessageBus({ serviceDirectories: [directory, '/nonexistent'], limits: { maxPendingServiceStarts: 2 } });
  client = await bus.connect();
});
afterEach(() => bus.close());

/** Reads the service files that were written since the start. */
const reload = () => client.call({ destination: 'org.freedesktop.DBus', path: '/', member: 'ReloadConfig' });

describe('a service that is started', () => {
  test('gets the environment of the bus, the added variables and the address', async () => {
    const out = join(directory, 'out');
    service(NAME, `/bin/sh -c "env > ${out}.new; mv ${out}.new ${out}; exit 3"`);
    await reload();
    await driver().UpdateActivationEnvironment({ ADDED: 'yes', DBUS_STARTER_BUS_TYPE: 'other' });
    await expect(driver().StartServiceByName(NAME, 0)).rejects.toMatchObject({
      errorName: 'org.freedesktop.DBus.Error.Spawn.ChildExited',
      message: `Process ${NAME} exited with status 3`,
    });
    const lines = readFileSync(out, 'utf8').split('\n');
    expect(lines).toEqual(expect.arrayContaining([
      'ADDED=yes', 'DBUS_STARTER_BUS_TYPE=session', `DBUS_STARTER_ADDRESS=${bus.address}`,
      `DBUS_SESSION_BUS_ADDRESS=${bus.address}`, `PATH=${process.env['PATH']}`,
    ]));
  });

  test('gets at most a mebibyte of added variables, and none of an update that exceeds it', async () => {
    const half = 'x'.repeat(2 ** 19 - 11); // with its name, and 10 bytes that each variable has
    const update = (variables: Record<string, string>) => driver().UpdateActivationEnvironment(variables);
    await update({ A: half });
    await update({ B: half });
    const error = { errorName: 'org.freedesktop.DBus.Error.LimitsExceeded' };
    await expect(update({ C: '' })).rejects.toMatchObject(error);
    await expect(update({ A: 'short', D: half })).rejects.toMatchObject(error);
    await update({ A: half });
    await update({ A: '' });
    await update({ C: 'x'.repeat(1_000) });
    await update({ B: '', C: '' });
    await expect(update({ B: '€'.repeat(2 ** 19) })).rejects.toMatchObject(error); // 1.5 MiB in UTF-8
    const many = Object.fromEntries(Array.from({ length: 80_000 }, (_, n) => [`V${n}`, '']));
    await expect(update(many)).rejects.toMatchObject(error);
  });

  test('is not disconnected by the messages that waited for it, however few bytes the bus keeps for a client', async () => {
    service(NAME, '/bin/sleep 60');
    await using small = await startMessageBus({ serviceDirectories: [directory], limits: { maxOutgoingBytes: 2 ** 16 } });
    await using caller = await small.connect();
    await using started = await small.connect();
    const body = [new Uint8Array(4_000)] as const;
    const calls = Array.from({ length: 40 }, () => (
      caller.call({ destination: NAME, path: '/', member: 'Take', signature: 'ay', body }).catch((error: unknown) => error)
    ));
    await caller.getId(); // the calls have arrived
    expect(await started.requestName(NAME)).toBe('primary owner');
    const names = (await Promise.all(calls)).map((error) => (error as DBusError).errorName.split('.').at(-1));
    expect([names.indexOf('LimitsExceeded'), new Set(names.slice(7))]).toEqual([7, new Set(['LimitsExceeded'])]);
    expect(started.state).toBe('connected');
  });

  test('ends with the bus if it still runs', async () => {
    const file = join(directory, 'pid');
    service(NAME, `/bin/sh -c "echo $$ > ${file}.new; mv ${file}.new ${file}; exec sleep 60"`);
    await reload();
    void driver().StartServiceByName(NAME, 0).catch(() => {});
    await until(() => {
      try {
        return readFileSync(file, 'utf8') !== '';
      } catch {
        return false;
      }
    });
    const pid = Number(readFileSync(file, 'utf8'));
    await bus.close();
    await until(() => !isRunning(pid));
  });
});

/** Whether a process runs; one that has ended and was not waited for does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('the names of the service files can be listed, and a change of them is announced', async () => {
  await using changes = client.subscribe({ member: 'ActivatableServicesChanged', sender: 'org.freedesktop.DBus' });
  await changes.ready;
  expect(await driver().ListActivatableNames()).toEqual(['org.freedesktop.DBus']);
  await reload();
  service(NAME, '/bin/true');
  await reload();
  expect((await changes.next()).value?.member).toBe('ActivatableServicesChanged');
  expect(await driver().ListActivatableNames()).toEqual(['org.freedesktop.DBus', NAME]);
});

test('a call to a name without a service file fails', async () => {
  await expect(client.call({ destination: 'com.example.None', path: '/', member: 'A' })).rejects.toMatchObject({
    errorName: 'org.freedesktop.DBus.Error.ServiceUnknown',
    message: 'The name com.example.None was not provided by any .service files',
  });
});

test('a call is refused if too many messages already wait for a service', async () => {
  service(NAME, '/bin/sleep 60');
  await reload();
  const calls = [1, 2, 3].map(() => client.call({ destination: NAME, path: '/', member: 'A' }));
  await expect(calls[2]).rejects.toMatchObject({
    errorName: 'org.freedesktop.DBus.Error.LimitsExceeded',
    message: `The maximum number of pending activations has been reached, activation of ${NAME} failed`,
  });
  await bus.close();
  expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
});
