// The programs of unixexec addresses: how they are started, what they can do wrong, and that they end with the stream.
import { ChildProcess, execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { openConnection } from '../../src/connection/connection.js';
import { formatAddress } from '../../src/protocol/address.js';
import { ConnectError, EndOfStreamError } from '../../src/transport/errors.js';
import { openTransport } from '../../src/transport/open.js';
import { programOf } from '../../src/transport/unixexec.js';
import { signal } from '../../src/wire/messages/message.js';
import { addressErrorOf, only } from '../protocol/addresses.js';
import { extent } from '../support/extent.js';
import { scratchDirectory } from '../support/reaper.js';
import { until } from '../support/waiting.js';

const GUID = '00112233445566778899aabbccddeeff';
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('the program of an address', () => {
  test.each([
    ['unixexec:path=ssh', { path: 'ssh', argv0: 'ssh', args: [] }],
    [
      'unixexec:path=ssh,argv1=-xT,argv2=host,argv3=systemd-stdio-bridge',
      { path: 'ssh', argv0: 'ssh', args: ['-xT', 'host', 'systemd-stdio-bridge'] },
    ],
    ['unixexec:argv2=b,argv1=a,path=/p,argv0=q', { path: '/p', argv0: 'q', args: ['a', 'b'] }],
    ['unixexec:path=/p,argv1=a,argv3=c', { path: '/p', argv0: '/p', args: ['a'] }],
    ['unixexec:path=/p,argv01=a,argv2=b', { path: '/p', argv0: '/p', args: [] }],
    ['unixexec:path=/p,argv1=%20,x=1', { path: '/p', argv0: '/p', args: [' '] }],
  ])('%s', (text, program) => {
    expect(programOf(only(text))).toEqual(program);
  });

  test('must be given', () => {
    expect(addressErrorOf(() => programOf(only('unixexec:argv1=a')))).toMatchObject({
      code: 'NOT_CONNECTABLE', problem: 'path is missing: a unixexec address must have the path or the name of a program',
    });
  });
});

const shell = (script: string, ...args: readonly string[]): string => {
  const keys: Record<string, string> = { path: 'sh', argv1: '-c', argv2: script, argv3: 'sh' };
  args.forEach((arg, index) => (keys[`argv${index + 4}`] = arg));
  return formatAddress({ transport: 'unixexec', keys });
};

/** Writes its process id into a file, and then does what a server does. */
function withPid(script: string): { address: string; pid: () => number; hasStarted: () => boolean } {
  const file = join(scratchDirectory(), 'pid');
  const read = (): string => readFileSync(file, 'latin1');
  return {
    address: shell(`echo $$ >"$1"; ${script}`, file),
    pid: () => Number(read()),
    hasStarted: () => existsSync(file) && read().endsWith('\n'),
  };
}

const SERVE = `read -r auth; printf 'OK ${GUID}\\r\\n'; read -r negotiate; printf 'AGREE_UNIX_FD\\r\\n'`;

async function reasonFor(address: string, options: object = {}): Promise<string> {
  const error: unknown = await openTransport(address, options).catch((reason: unknown) => reason);
  if (!(error instanceof ConnectError)) throw error;
  return error.message.replace(`cannot connect to ${address}: `, '');
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\sZ/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<void> {
  for (let i = 0; i < 1_000 && isRunning(pid); i++) await sleep(10);
  expect(isRunning(pid)).toBe(false);
}

// At the same time: many of these programs get a second to end.
describe.concurrent('a program', () => {
  test.each([
    ['that does not exist', 'unixexec:path=/nonexistent/program', 'spawn ENOENT (there is no such program)'],
    ['that cannot be executed', 'unixexec:path=/etc/passwd', 'spawn EACCES (permission denied)'],
    ['that ends at once', shell('exit 3'), 'the program "sh" has ended with exit code 3'],
    ['that ends with status 0', shell(':'), 'the program "sh" has ended with exit code 0'],
    [
      'that prints why it ends', shell('echo "Host key\\tchanged." >&2; exit 255'),
      'the program "sh" has ended with exit code 255; its last output was "Host key\\tchanged."',
    ],
    ['that ends by a signal', shell('kill -9 $$'), 'the program "sh" has ended by signal SIGKILL'],
    ['that reads and ends', shell('read -r auth; exit 4'), 'the program "sh" has ended with exit code 4'],
    ['that closes its input', shell('exec <&-; sleep 0.02; exit 5'), 'the program "sh" has ended with exit code 5'],
    ['that closes its output and ends', shell('exec >&-; sleep 0.02; exit 6'), 'the program "sh" has ended with exit code 6'],
    ...extent([], [[
      'that closes its output, and ends when it has to', shell(`trap 'exit 8' TERM; exec >&-; while :; do sleep 0.05; done`),
      'the program "sh" has ended with exit code 8',
    ]]),
    [
      'whose standard error remains open after its end', shell('sleep 3 >&2 <&- >&- & exec <&- >&-; exit 9'),
      'the program "sh" has ended with exit code 9',
    ],
    ['that closes its output', shell('exec >&-; exec sleep 600'), 'the peer closed the connection'],
    ['that prints no answer of D-Bus', shell('echo hello; exec sleep 600'), 'a line of the peer'],
  ])('%s fails the attempt, with a reason: %s', async (_, address, reason) => {
    const found = await reasonFor(address);
    if (reason.startsWith('a line')) expect(found).toMatch(/hello/);
    else expect(found).toBe(reason);
  });

  test('that ends at the same time as many others fails the attempt with its exit code', async () => {
    const codes = Array.from({ length: extent(8, 40) }, (_, index) => index);
    const scripts = ['read -r auth; exit $1', 'exit $1', 'exec <&-; exit $1', 'exec >&-; exit $1'];
    const reasons = await Promise.all(codes.map((code) => reasonFor(shell(scripts[code % scripts.length]!, String(code)))));
    expect(reasons).toEqual(codes.map((code) => `the program "sh" has ended with exit code ${code}`));
  });

  test('gets argv0 as its name', async () => {
    const address = formatAddress({
      transport: 'unixexec', keys: { path: '/bin/sh', argv0: 'my bridge', argv1: '-c', argv2: 'echo $0 >&2; exit 1' },
    });
    expect(await reasonFor(address)).toContain('its last output was "my bridge"');
  });

  test('that writes much to its standard error is read, and the last output is in the error', async () => {
    const script = 'i=0; while [ $i -lt 3000 ]; do echo "line $i of many more lines to come" >&2; i=$((i+1)); done; exit 1';
    const error: unknown = await openTransport(shell(script)).catch((reason: unknown) => reason);
    const [{ cause }] = (error as ConnectError).errors as [Error];
    expect(cause).toMatchObject({ name: 'ProgramEndedError', code: 'PROGRAM_ENDED', exitCode: 1, signal: undefined });
    expect((cause as { stderr: string }).stderr).toMatch(/line 2999 of many more lines to come\n$/);
    expect((cause as { stderr: string }).stderr.length).toBeLessThanOrEqual(1_000);
  });

  test.each([
    ['is silent', 'exec sleep 600'],
    ['is silent and ignores SIGTERM', 'trap "" TERM; while :; do sleep 0.05; done'],
    ['prints garbage', 'echo garbage; exec sleep 600'],
  ])('that %s is ended after the attempt has failed', async (_, script) => {
    const { address, pid, hasStarted } = withPid(script);
    // On a busy machine a program can take longer than the attempt to start.
    for (let connectTimeout = 100; !hasStarted(); connectTimeout *= 2) await reasonFor(address, { connectTimeout });
    await untilGone(pid());
  });

  test('is ended if the AbortSignal aborts', async () => {
    const { address, pid, hasStarted } = withPid('exec sleep 600');
    const reason = new Error('enough');
    const controller = new AbortController();
    const failure = expect(openTransport(address, { signal: controller.signal })).rejects.toBe(reason);
    await until(hasStarted);
    controller.abort(reason);
    await failure;
    await untilGone(pid());
  });

  test.each([['ends with its input', 'exec cat >/dev/null'], ['never ends by itself', 'exec sleep 600']])(
    'that %s has ended after the connection is closed', async (_, script) => {
      const { address, pid } = withPid(`${SERVE}; ${script}`);
      const connection = await openConnection(address);
      expect(isRunning(pid())).toBe(true);
      await connection.close();
      expect(isRunning(pid())).toBe(false);
    },
  );

  test('that ends later ends the connection, whose cause says how', async () => {
    const connection = await openConnection(shell(`${SERVE}; read -r begin; echo "lost the host" >&2; exit 255`));
    const { message, cause } = await connection.closed;
    expect(message).toBe(
      'the connection has ended: the program "sh" has ended with exit code 255; its last output was "lost the host"',
    );
    expect(cause).toMatchObject({ name: 'ProgramEndedError', exitCode: 255, stderr: 'lost the host\n' });
  });

  test('that closes its input, and ends when it has to, ends the connection with its exit code', async () => {
    const script = `trap 'exit 7' TERM; ${SERVE}; read -r begin; exec <&-; while :; do sleep 0.05; done`;
    const connection = await openConnection(shell(script));
    while (!connection.closedSignal.aborted) {
      connection.send(signal({ path: '/', interface: 'com.example.A', member: 'B' })); // until the pipe is closed
      await sleep(10);
    }
    expect((await connection.closed).cause).toMatchObject({ name: 'ProgramEndedError', exitCode: 7 });
  });

  test('that closes its output ends the connection, and is then ended itself', async () => {
    const { address, pid } = withPid(`${SERVE}; exec >&-; exec sleep 600`);
    const connection = await openConnection(address);
    expect((await connection.closed).cause).toBeInstanceOf(EndOfStreamError);
    expect(isRunning(pid())).toBe(false);
  });

  test('whose pipes cannot be created fails with the reason of the system', async () => {
    const script = `
      import { openSync } from 'node:fs';
      import { openConnection } from 'dbus-wire';
      const open = () => { try { for (;;) openSync('/dev/null'); } catch {} };
      open();
      const { message } = await openConnection('unixexec:path=cat').catch((error) => error);
      await new Promise((resolve) => setTimeout(resolve, 50));
      console.log(message);
    `;
    const command = `ulimit -n 100; exec "$0" --input-type=module -e "$1"`;
    const { stdout } = await promisify(execFile)('sh', ['-c', command, process.execPath, script], { cwd: ROOT });
    expect(stdout).toBe('cannot connect to unixexec:path=cat: spawn EMFILE\n');
  });
});

test('a program that this process may not end is left running, and the connection is closed', async () => {
  const { address, pid } = withPid(`${SERVE}; exec sleep 600`);
  const connection = await openConnection(address);
  const kill = vi.spyOn(ChildProcess.prototype, 'kill').mockImplementation(function (this: ChildProcess) {
    this.emit('error', new Error('kill EPERM')); // as for a program with the rights of another user
    return false;
  });
  await connection.close();
  kill.mockRestore();
  expect(isRunning(pid())).toBe(true);
  process.kill(pid(), 'SIGKILL');
});
