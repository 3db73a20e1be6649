// The program dbus-wire-bus as a bus of its own, started as test harnesses start dbus-daemon: what it prints where, its
// configuration files, and its end. The programs run at the same time. Reference: dbus-daemon(1).

import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { connectToBus } from '../../../src/index.js';
import { parseAddresses } from '../../../src/protocol/address.js';
import { builtProgram } from '../../support/built.js';
import { heavyTest, some } from '../../support/extent.js';
import { type Program, run, start } from '../../support/programs.js';
import { adopt, scratchDirectory } from '../../support/reaper.js';
import { until } from '../../support/waiting.js';

const BUS = builtProgram('bus');
const startBus = (...args: string[]): Promise<Program> => start(process.execPath, [BUS, ...args]);
const runBus = (...args: string[]) => run(process.execPath, [BUS, ...args]);
const socketOf = (address: string): string => parseAddresses(address)[0]?.keys.get('path') ?? '';

/** A configuration as test harnesses write it. */
function configuration(directory: string, more = ''): string {
  const file = join(directory, 'bus.conf');
  const services = join(directory, 'services');
  mkdirSync(services, { recursive: true });
  writeFileSync(file, `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
    "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
    <busconfig>
      <type>session</type>
      <keep_umask/>
      <listen>unix:path=${join(directory, 'one')}</listen>
      <listen>unix:path=${join(directory, 'two')}</listen>
      <servicedir>${services}</servicedir>
      <policy context="default">
        <allow send_destination="*" eavesdrop="true"/>
        <allow eavesdrop="true"/>
        <allow own="*"/>
      </policy>
      <limit name="max_names_per_connection">3</limit>
      ${more}
    </busconfig>`);
  return file;
}

describe.concurrent('a session bus', () => {
  test.each(some(['SIGTERM', 'SIGINT'] as const, 2))('prints its address and its process id, and ends with %s', async (signal) => {
    await using bus = await startBus('--session', '--nofork', '--print-address', '--print-pid');
    const [address] = await bus.line(/^unix:path=.*,guid=[0-9a-f]{32}$/);
    await bus.line(new RegExp(`^${bus.pid}$`));
    const socket = socketOf(address);
    await using client = await connectToBus(address);
    expect(existsSync(socket)).toBe(true);
    expect(await bus.stop(signal)).toMatchObject({ code: 0, signal: null, stderr: '' });
    await client.closed;
    expect(existsSync(dirname(socket))).toBe(false);
  });

  test('prints to other descriptors, and closes them', async () => {
    const child = spawn(process.execPath, [BUS, '--print-address', '3', '--print-pid=4'], {
      stdio: ['ignore', 'pipe', 'inherit', 'pipe', 'pipe'], detached: true,
    });
    adopt(child);
    const [, , , address, pid] = child.stdio as Readable[]; // the pipes
    expect(await text(address!)).toMatch(/^unix:path=.*\n$/); // up to the end of the pipe
    expect(await text(pid!)).toBe(`${child.pid}\n`);
    const output = text(child.stdout!);
    child.kill('SIGTERM');
    expect(await output).toBe('');
  });

  heavyTest('listens at the addresses of the command line', async () => {
    const directory = scratchDirectory();
    await using bus = await startBus(`--address=unix:path=${directory}/a;unix:dir=${directory}`, '--print-address');
    const [line] = await bus.line(/.*guid=.*/);
    const addresses = parseAddresses(line);
    expect(addresses.map(({ keys }) => keys.get('path'))).toEqual([
      join(directory, 'a'), expect.stringMatching(/\/dbus-\w+\/socket$/),
    ]);
  });
});

/** Makes Node and what it runs believe that the system is not Linux. */
const NOT_ON_LINUX = ['--import', 'data:text/javascript,Object.defineProperty(process,"platform",{value:"darwin"})'];

test.concurrent('except on Linux a socket in a directory that others can enter is reported', async () => {
  const directory = scratchDirectory();
  chmodSync(directory, 0o755);
  const address = `--address=unix:path=${directory}/a;unix:dir=${directory}`;
  await using bus = await start(process.execPath, [...NOT_ON_LINUX, BUS, address, '--print-address']);
  await bus.line(/guid=/);
  expect((await bus.stop()).stderr).toBe(
    `dbus-wire-bus: EXTERNAL is not offered at ${directory}/a, because others can reach it: its directory must have mode 700\n`,
  );
});

test.skipIf(process.platform !== 'linux')('on Linux a socket in any directory serves clients by EXTERNAL', { concurrent: true }, async () => {
  const directory = scratchDirectory();
  chmodSync(directory, 0o777);
  await using bus = await startBus(`--address=unix:path=${directory}/a`, '--print-address');
  await using client = await connectToBus((await bus.line(/.*guid=.*/))[0], { mechanisms: ['EXTERNAL'] });
  expect(client.uniqueName).toBe(':1.0');
  expect((await bus.stop()).stderr).toBe('');
});

describe.concurrent('a bus in the background', () => {
  test('is ready when the command ends, and has left the descriptors of the command', async () => {
    const ended = await runBus('--fork', '--session', '--print-address', '--print-pid');
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const [address = '', pid = ''] = ended.stdout.split('\n');
    await using client = await connectToBus(address);
    process.kill(Number(pid), 'SIGTERM');
    await client.closed;
    await until(() => !existsSync(dirname(socketOf(address))));
  });

  heavyTest('reports why it cannot be started', async () => {
    expect(await runBus('--fork', '--config-file=/nonexistent/bus.conf')).toMatchObject({
      code: 1, stderr: 'dbus-wire-bus: /nonexistent/bus.conf: there is no such file\n',
    });
  });
});

describe.concurrent('a configuration file', () => {
  test('sets addresses and limits, and its elements without effect are reported', async () => {
    const directory = scratchDirectory();
    await using bus = await startBus(`--config-file=${configuration(directory)}`, '--print-address');
    const [address] = await bus.line(/.*;.*/);
    await bus.line('dbus-wire-bus: no effect here: <keep_umask>', { stream: 'stderr' });
    for (const one of address.split(';')) {
      await using client = await connectToBus(one);
      for (const name of ['a.A', 'a.B']) await client.requestName(name);
      await expect(client.requestName('a.C')).rejects.toThrow('max_names_per_connection=3');
    }
    expect((await bus.stop()).code).toBe(0);
    expect(existsSync(join(directory, 'one'))).toBe(false);
  });

  test('is read again after SIGHUP and ReloadConfig, and has no effect if it is not valid', async () => {
    const directory = scratchDirectory();
    const file = configuration(directory);
    await using bus = await startBus(`--config-file=${file}`, '--print-address');
    const [address = ''] = (await bus.line(/.*;.*/))[0].split(';');
    await using client = await connectToBus(address);
    await using changes = client.subscribe({ member: 'ActivatableServicesChanged' });
    await changes.ready;
    writeFileSync(join(directory, 'services', 'a.Service.service'), '[D-BUS Service]\nName=a.Service\nExec=/bin/true\n');
    bus.kill('SIGHUP');
    await changes.next();
    expect(await client.listActivatableNames()).toEqual(['org.freedesktop.DBus', 'a.Service']);

    configuration(directory, '<policy context="default"><deny own="a.Forbidden"/></policy>');
    await client.call({ destination: 'org.freedesktop.DBus', path: '/', member: 'ReloadConfig' });
    await using later = await connectToBus(address);
    await expect(later.requestName('a.Forbidden')).rejects.toThrow('due to security policies');

    configuration(directory, '<nonsense/>');
    const problem = `${file}:15: unknown element <nonsense>`;
    await expect(client.call({ destination: 'org.freedesktop.DBus', path: '/', member: 'ReloadConfig' }))
      .rejects.toThrow(problem);
    bus.kill('SIGHUP');
    await bus.line(`dbus-wire-bus: the configuration is not changed: ${problem}`, { stream: 'stderr' });
    await client.listNames();
  });

  test('can lead to service files with mistakes, or for systemd, which are reported', async () => {
    const directory = scratchDirectory();
    const file = configuration(directory);
    const services = join(directory, 'services');
    writeFileSync(join(services, 'a.Broken.service'), '[D-BUS Service]\nName=a.Broken\n');
    writeFileSync(join(services, 'a.Unit.service'),
      '[D-BUS Service]\nName=a.Unit\nExec=/bin/false\nSystemdService=a.service\n');
    const own = `unix:path=${directory}/own`; // in place of those of the file
    await using bus = await startBus(`--config-file=${file}`, `--address=${own}`, '--print-address');
    const complaint = (text: string) => bus.line(`dbus-wire-bus: ${text}`, { stream: 'stderr' });
    await complaint(`${join(services, 'a.Broken.service')} is skipped: Exec is missing: [D-BUS Service] must have it`);
    const [address] = await bus.line(/^[^;]*guid=.*$/);
    expect(address.replace(/,guid=.*/, '')).toBe(own);
    await using client = await connectToBus(address);
    await expect(client.startServiceByName('a.Unit')).rejects.toThrow('Process a.Unit exited with status 1');
    await complaint('SystemdService of a.Unit has no effect here: its Exec is run');
  });

  heavyTest('can be a descriptor that the program inherits', async () => {
    const directory = scratchDirectory();
    const command = `exec "$0" "$1" --config-file=/proc/self/fd/5 --print-address 5<"$2"`;
    await using bus = await start('/bin/sh', ['-c', command, process.execPath, BUS, configuration(directory)]);
    const [address] = await bus.line(/^unix:path=[^;]*/);
    await using client = await connectToBus(address);
    await client.listNames();
  });

  test.each(some<[string, string, string]>([
    ['an unknown element', '<nonsense/>', ':15: unknown element <nonsense>'],
    ['an address of an unknown transport', '<listen>debug-pipe:name=a</listen>', 'cannot listen on transport "debug-pipe"'],
    ['an address that is in use', '<listen>unix:path=/</listen>', 'unix:path=/'],
  ], 3))('with %s is refused', async (_, more, problem) => {
    const file = configuration(scratchDirectory(), more);
    const { code, stdout, stderr } = await runBus(`--config-file=${file}`, '--print-address');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(problem);
  });
});

test.concurrent.each(some([['--nofork'], ['--fork']], 2))('a descriptor that cannot be written to is an error: %s', async (option) => {
  expect(await runBus(option, '--print-address=99')).toMatchObject({
    code: 74, stdout: '', stderr: 'dbus-wire-bus: descriptor 99 cannot be written to: EBADF: bad file descriptor, write\n',
  });
});

test.concurrent.each(some([['FOO'], ['ANONYMOUS']], 2))('a bus to which nobody can connect is refused: only %s', async (mechanism) => {
  const file = join(scratchDirectory(), 'bus.conf');
  writeFileSync(file, `<busconfig><listen>unix:tmpdir=/tmp</listen><auth>${mechanism}</auth></busconfig>`);
  expect(await runBus(`--config-file=${file}`, '--print-address')).toMatchObject({
    code: 1, stdout: '', stderr: expect.stringContaining('found no mechanism that can be offered'),
  });
});

// On Linux, Node's pipe for signals is one of these: a line in it ended the process with a segmentation fault.
heavyTest('a descriptor that Node has opened for itself is never written to', async () => {
  const descriptors = Array.from({ length: 12 }, (_, index) => index + 6);
  const ends = await Promise.all(descriptors.map((descriptor) => runBus(`--print-address=${descriptor}`)));
  for (const end of ends) {
    expect(end).toMatchObject({ code: 74, stdout: '', stderr: expect.stringMatching(/^dbus-wire-bus: descriptor \d+ .*\n$/) });
  }
});

test.concurrent('wrong usage has an exit code and one line of its own', async () => {
  expect(await runBus('--system')).toMatchObject({
    code: 64, stdout: '', stderr: expect.stringMatching(/^dbus-wire-bus: Option '--system' is refused: .* \(see --help\)\n$/),
  });
});

test.concurrent('--introspect prints the introspection data of the bus', async () => {
  const { code, stdout } = await runBus('--introspect');
  expect(code).toBe(0);
  for (const part of ['<node>', 'org.freedesktop.DBus"', 'org.freedesktop.DBus.Monitoring', 'RequestName']) {
    expect(stdout).toContain(part);
  }
});
