// `dbus-wire-bus run`: what the command finds, what it passes on, and that nothing is left of the bus.
// The commands run at the same time. Reference: dbus-run-session(1).

import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAddresses } from '../../../src/protocol/address.js';
import { builtProgram } from '../../support/built.js';
import { extent, heavyTest, some } from '../../support/extent.js';
import { describeWith, type ProgramOptions, PYTHON, run, start } from '../../support/programs.js';

const BUS = builtProgram('bus');
const BUS_NAME = 'org.freedesktop.DBus';
const runWith = (args: string[], options?: ProgramOptions) => run(process.execPath, [BUS, 'run', ...args], options);

test.concurrent('the command finds its own bus and no other, and the bus ends with it', async () => {
  const env = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/old', DBUS_SESSION_BUS_PID: '1', DBUS_STARTER_ADDRESS: 'unix:path=/old' };
  const print = 'echo $DBUS_SESSION_BUS_ADDRESS; echo $DBUS_SESSION_BUS_PID$DBUS_STARTER_ADDRESS';
  const { code, stdout, stderr } = await runWith(['--', '/bin/sh', '-c', print], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const [address = '', others] = stdout.split('\n');
  expect(others).toBe('');
  expect(existsSync(dirname(parseAddresses(address)[0]?.keys.get('path') ?? '/'))).toBe(false);
});

heavyTest('the programs of this package find the bus', async () => {
  const service = builtProgram('service');
  const client = builtProgram('client');
  const script = '"$0" "$1" & until "$0" "$2" 8 2>/dev/null; do sleep 0.1; done; kill $!; wait $!';
  const { code, stdout } = await runWith(['/bin/sh', '-c', script, process.execPath, service, client]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Your random number is: \d{1,3}$/m);
});

describeWith('gdbus', 'busctl', 'dbus-send', 'dbus-python')('the programs of others', () => {
  test.concurrent.each(some([
    ['gdbus', ['call', '--session', '-d', BUS_NAME, '-o', '/', '-m', `${BUS_NAME}.ListNames`]],
    ['busctl', ['--user', '--no-pager', 'list']],
    ['dbus-send', ['--session', '--print-reply', `--dest=${BUS_NAME}`, '/', `${BUS_NAME}.ListNames`]],
    [PYTHON, ['-c', 'import dbus; print(dbus.SessionBus().list_names())']],
  ], 4))('find the bus: %s', async (command, args) => {
    const { code, stdout, stderr } = await runWith(['--', command, ...args]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(BUS_NAME);
    expect(stdout).toContain(':1.0');
  });
});

describe.concurrent('the exit code', () => {
  const rows: readonly (readonly [title: string, args: string[], code: number])[] = [
    ['is 128 and the number of the signal that ended the command', ['/bin/sh', '-c', 'kill -9 $$'], 137],
    ['is 127 if there is no such command', ['/nonexistent'], 127],
    ['is 126 if the command cannot be executed', ['/etc/passwd'], 126],
    ['is that of the command', ['/bin/sh', '-c', 'exit 7'], 7],
    ['is 127 if the bus cannot be started', ['--config-file=/nonexistent', '/bin/true'], 127],
    ['is 64 if the usage is wrong', ['--nonsense', '/bin/true'], 64],
  ];
  test.each(extent(rows.slice(0, 3), rows))('%s', async (_, args, code) => {
    expect((await runWith(args)).code).toBe(code);
  });
});

test.concurrent.each(some(['SIGINT', 'SIGTERM', 'SIGHUP'] as const, 3))('%s goes to the command, which handles it', async (signal) => {
  const script = `trap 'echo trapped; exit 9' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`;
  await using program = await start(process.execPath, [BUS, 'run', '/bin/sh', '-c', script]);
  await program.line('ready');
  expect(await program.stop(signal)).toMatchObject({ code: 9, stdout: 'ready\ntrapped\n' });
});

test.concurrent('standard input goes to the command', async () => {
  const { stdout } = await run(process.execPath, [BUS, 'run', 'cat'], { input: 'hello' });
  expect(stdout).toBe('hello');
});
