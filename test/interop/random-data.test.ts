// The service program, called by gdbus (GLib), busctl (sd-bus) and dbus-send (libdbus), and seen by dbus-monitor.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { RANDOM_DATA_BUS_NAME, RANDOM_DATA_PATH, RandomData } from '../../src/random-data.js';
import { startService } from '../support/built.js';
import { some } from '../support/extent.js';
import { busctl, busctlCall, dbusMonitor, dbusSendCall, gdbus, gdbusCall, type Target } from '../support/foreign.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith, type Program } from '../support/programs.js';
import { until } from '../support/waiting.js';

const target: Target = { destination: RANDOM_DATA_BUS_NAME, path: RANDOM_DATA_PATH, interface: RandomData.name };
const standard = (name: string, path = RANDOM_DATA_PATH): Target =>
  ({ destination: RANDOM_DATA_BUS_NAME, path, interface: `org.freedesktop.DBus.${name}` });
const ERROR = 'org.freedesktop.DBus.Error';
const NEGATIVE = 'the number of bits cannot be negative, got -1';

let bus: PrivateBus;
let service: Program;
beforeAll(async () => {
  bus = await startPrivateBus();
  service = await startService(bus, ['--interval', '20']);
});
afterAll(async () => {
  expect(await service.stop()).toMatchObject({ code: 0, stderr: '' });
  await bus.stop();
});

describeWith('dbus-daemon', 'gdbus')('gdbus', () => {
  test('reads the introspection data of the whole interface', async () => {
    const args = ['--dest', target.destination, '--object-path', target.path];
    const { code, stdout } = await gdbus(bus, 'introspect', args);
    expect(code).toBe(0);
    const text = stdout.replace(/\s+/g, ' ');
    expect(text).toContain(
      'interface com.larry_price.test.RandomData { ' +
        'methods: quick(in i bits, out s number); slow(in i bits, out s id); slow_result(in s id, out s result); ' +
        'signals: slow_result(s id, s result); slow_progress(s id, u done, u total); properties: };',
    );
    for (const name of ['Peer', 'Introspectable', 'Properties']) {
      expect(text).toContain(`interface org.freedesktop.DBus.${name} {`);
    }
  });

  test('finds the object from the root', async () => {
    const args = ['--dest', target.destination, '--object-path', '/', '--recurse', '--only-properties'];
    const { code, stdout } = await gdbus(bus, 'introspect', args);
    expect(code).toBe(0);
    const nodes = [...stdout.matchAll(/node (\S+) /g)].map(([, path]) => path);
    expect(nodes).toEqual(['/', '/com', '/com/larry_price', '/com/larry_price/test', RANDOM_DATA_PATH]);
  });

  test('gets random numbers', async () => {
    expect(await gdbusCall(bus, target, 'quick', ['0'])).toMatchObject({ code: 0, stdout: "('0',)\n" });
    const { stdout } = await gdbusCall(bus, target, 'quick', ['100']);
    expect(stdout).toMatch(/^\('\d{1,31}',\)\n$/);
    expect((await gdbusCall(bus, target, 'quick')).stdout).toMatch(/^\('\d{1,3}',\)\n$/);
  });

  test('gets errors with their names', async () => {
    const errors = [
      [['-1'], `GDBus.Error:${ERROR}.InvalidArgs: ${NEGATIVE}`],
      [['65537'], `GDBus.Error:${ERROR}.LimitsExceeded: at most 65536 bits can be asked for, got 65537`],
    ] as const;
    for (const [args, text] of errors) {
      const ended = await gdbusCall(bus, target, 'quick', args);
      expect(ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(text) });
    }
    const unknown = await gdbusCall(bus, target, 'nope');
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining(`${ERROR}.UnknownMethod`) });
  });

  test('gets a slow number', async () => {
    const [, id] = /'([^']+)'/.exec((await gdbusCall(bus, target, 'slow', ['3'])).stdout) ?? [];
    const collect = () => gdbusCall(bus, target, 'slow_result', [id ?? '']);
    await until(async () => /^\('[0-7]',\)\n$/.test((await collect()).stdout));
    const problem = `${ERROR}.InvalidArgs: no slow job has this id`;
    expect(await collect()).toMatchObject({ code: 1, stderr: expect.stringContaining(problem) });
  });
});

describeWith('dbus-daemon', 'busctl')('busctl', () => {
  test('gets numbers and errors', async () => {
    expect(await busctlCall(bus, target, 'quick', ['i', '0'])).toMatchObject({ code: 0, stdout: 's "0"\n' });
    expect((await busctlCall(bus, target, 'quick')).stdout).toMatch(/^s "\d{1,3}"\n$/);
    const negative = await busctlCall(bus, target, 'quick', ['i', '-1']);
    expect(negative).toMatchObject({ code: 1, stderr: expect.stringContaining(NEGATIVE) });
    const wrong = await busctlCall(bus, target, 'quick', ['s', '8']);
    const mismatch = 'must have arguments of signature "i" (the last may be left out), got "s"';
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining(mismatch) });
    const long = await busctlCall(bus, target, 'quick', ['i', '65536']);
    expect(long.stdout.length).toBeGreaterThan(19_700);
  });

  test('reads the introspection data', async () => {
    const { code, stdout } = await busctl(bus, ['introspect', target.destination, target.path]);
    expect(code).toBe(0);
    const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/).slice(0, 4).join(' '));
    for (const row of [
      'com.larry_price.test.RandomData interface - -',
      '.quick method i s', '.slow method i s', '.slow_result method s s',
      '.slow_result signal ss -', '.slow_progress signal suu -', '.Ping method - -', '.GetMachineId method - s',
      '.Introspect method - s', '.Get method ss v', '.GetAll method s a{sv}', '.Set method ssv -',
      '.PropertiesChanged signal sa{sv}as -',
    ]) {
      expect(rows).toContain(row);
    }
  });

  test('shows the tree of objects', async () => {
    const { code, stdout } = await busctl(bus, ['tree', '--list', target.destination]);
    expect(code).toBe(0);
    expect(stdout.trim().split('\n').at(-1)).toBe(RANDOM_DATA_PATH);
  });

  test('gets errors for unknown properties', async () => {
    const where = [target.destination, target.path, target.interface, 'Nope'];
    const get = await busctl(bus, ['get-property', ...where]);
    const text = 'the interface com.larry_price.test.RandomData has no property Nope';
    expect(get).toMatchObject({ code: 1, stderr: expect.stringContaining(text) });
    const set = await busctl(bus, ['set-property', ...where, 's', 'x']);
    expect(set).toMatchObject({ code: 1, stderr: expect.stringContaining(text) });
    const all = await busctlCall(bus, standard('Properties'), 'GetAll', ['s', target.interface]);
    expect(all).toMatchObject({ code: 0, stdout: 'a{sv} 0\n' });
  });
});

describeWith('dbus-daemon', 'dbus-send')('dbus-send', () => {
  test('gets random numbers', async () => {
    const { code, stdout } = await dbusSendCall(bus, target, 'quick', ['int32:0']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^method return .*\n   string "0"\n$/);
    expect((await dbusSendCall(bus, target, 'quick')).stdout).toMatch(/\n   string "\d{1,3}"\n$/);
  });

  test.each(some<readonly [member: string, args: readonly string[], text: string]>([
    ['quick', ['int32:-1'], `${ERROR}.InvalidArgs: ${NEGATIVE}`],
    ['quick', ['uint32:1'],
      `${ERROR}.InvalidArgs: ${RandomData.name}.quick must have arguments of signature "i" (the last may be left out), got "u"`],
    ['slow_result', [],
      `${ERROR}.InvalidArgs: ${RandomData.name}.slow_result must have arguments of signature "s", got ""`],
    ['toString', [], `${ERROR}.UnknownMethod: the interface com.larry_price.test.RandomData has no method toString`],
  ], 3))('gets the errors of %s %j', async (member, args, text) => {
    expect(await dbusSendCall(bus, target, member, args)).toMatchObject({ code: 1, stderr: `Error ${text}\n` });
  });

  test('gets the errors of Properties', async () => {
    const get = (name: string, property: string) =>
      dbusSendCall(bus, standard('Properties'), 'Get', [`string:${name}`, `string:${property}`]);
    expect((await get(target.interface, 'X')).stderr).toContain(`${ERROR}.UnknownProperty`);
    expect((await get('com.example.X', 'X')).stderr).toContain(`${ERROR}.UnknownInterface`);
    expect((await get('', 'X')).stderr).toContain(`${ERROR}.UnknownProperty`);
    const nowhere = await dbusSendCall(bus, standard('Properties', '/nowhere'), 'GetAll', ['string:']);
    expect(nowhere.stderr).toContain(`${ERROR}.UnknownObject`);
    const none = await dbusSendCall(bus, standard('Properties'), 'Get');
    expect(none.stderr).toContain(`${ERROR}.InvalidArgs`);
  });

  test('reaches the Peer interface on any path', async () => {
    for (const path of some(['/nowhere', '/', '/com', RANDOM_DATA_PATH], 3)) {
      expect(await dbusSendCall(bus, standard('Peer', path), 'Ping')).toMatchObject({ code: 0, stderr: '' });
      const id = await dbusSendCall(bus, standard('Peer', path), 'GetMachineId');
      expect(id).toMatchObject({ code: 0, stdout: expect.stringMatching(/string "[0-9a-f]{32}"\n$/) });
    }
  });
});

describeWith('dbus-daemon', 'dbus-monitor', 'busctl')('dbus-monitor', () => {
  test('sees the progress and the result of a slow job', async () => {
    await using monitor = await dbusMonitor(bus, ["type='signal',interface='com.larry_price.test.RandomData'"]);
    const [, id] = /^s "(.+)"\n$/.exec((await busctlCall(bus, target, 'slow', ['i', '2'])).stdout) ?? [];
    const signal = `path=${RANDOM_DATA_PATH}; interface=com.larry_price.test.RandomData; member=`;
    for (const done of ['1', '2']) {
      await monitor.line(`${signal}slow_progress`);
      await monitor.line(`string "${id}"`);
      await monitor.line(new RegExp(`^ {3}uint32 ${done}$`));
      await monitor.line(/^ {3}uint32 2$/);
    }
    await monitor.line(`${signal}slow_result`);
    await monitor.line(`string "${id}"`);
    await monitor.line(/^ {3}string "[0-3]"$/);
  });
});
