// The client program as a program, against the service program: what it prints, where, and its exit code.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Bus, connectToBus } from '../../../src/connection/bus.js';
import { defineInterface } from '../../../src/interface/define.js';
import { RANDOM_DATA_PATH, RandomData } from '../../../src/random-data.js';
import { exportObject } from '../../../src/service/export-object.js';
import { builtProgram, launchClient, runClient, startService } from '../../support/built.js';
import { type PrivateBus, startPrivateBus } from '../../support/private-bus.js';
import { describeWith, type Program, run } from '../../support/programs.js';
import { scratchDirectory } from '../../support/reaper.js';

const suite = describeWith('dbus-daemon');
const ERROR = 'org.freedesktop.DBus.Error';
const manifest = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
const { version } = JSON.parse(manifest) as { version: string };

let bus: PrivateBus;
let service: Program;
beforeAll(async () => {
  bus = await startPrivateBus();
  service = await startService(bus, ['--interval', '20']);
});
afterAll(async () => {
  await service.stop();
  await bus.stop();
});

/** A service under another name, in this process, that answers as it is told. */
async function startFake(name: string, handlers: { quick?: () => string | Promise<string>; slow?: () => string } = {}) {
  const connection = await connectToBus(bus.address);
  onTestFinished(() => connection.close({ timeout: 0 })); // some handlers never answer
  const implementation = RandomData.implement({
    methods: {
      quick: handlers.quick ?? (() => '1'),
      slow: handlers.slow ?? (() => 'job'),
      slow_result: () => '',
    },
  });
  exportObject(connection, RANDOM_DATA_PATH, implementation);
  await connection.requestName(name);
  return { connection, implementation };
}

suite('the client program', () => {
  test('prints a number of 16 bits', async () => {
    const { code, stdout, stderr } = await runClient(bus);
    expect([code, stderr]).toEqual([0, '']);
    const [, number] = /^Your random number is: (\d+)\n$/.exec(stdout) ?? [];
    expect(Number(number)).toBeLessThan(65_536);
  });

  test.each([['0', 1n], ['1', 2n], ['+8', 256n], ['100', 2n ** 100n], ['65536', 2n ** 65_536n]])(
    'prints a number of %s bits',
    async (bits, limit) => {
      const { code, stdout, stderr } = await runClient(bus, [bits]);
      expect([code, stderr]).toEqual([0, '']);
      const [, number] = /^Your random number is: (\d+)\n$/.exec(stdout) ?? [];
      expect(BigInt(number ?? -1) < limit).toBe(true);
    },
  );

  test('prints JSON, large numbers as text', async () => {
    const { code, stdout } = await runClient(bus, ['--json', '100']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\{"bits":100,"number":"\d+"\}\n$/);
    const slow = await runClient(bus, ['--json', '-s', '4']);
    expect(JSON.parse(slow.stdout)).toEqual({ bits: 4, number: expect.stringMatching(/^\d+$/) });
  });

  test.each(['x', '1.5', '0x10', '', ' ', '1e3', '-1.5', '-x5'.slice(1)])('takes no %j for bits', async (text) => {
    const ended = await runClient(bus, [text]);
    expect(ended).toMatchObject({ code: 1, stdout: 'input argument must be integer\n', stderr: '' });
  });

  test.each(['2147483648', '-2147483649', '9'.repeat(100)])('takes no number as large as %s', async (text) => {
    const stdout = 'input argument must be integer from -2147483648 to 2147483647\n';
    expect(await runClient(bus, [text])).toMatchObject({ code: 1, stdout, stderr: '' });
  });

  test('looks at its argument before it looks for a bus', async () => {
    const env = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent' };
    expect(await runClient(bus, ['x'], { env })).toMatchObject({ code: 1, stdout: 'input argument must be integer\n' });
  });

  test.each([
    ['-5', `${ERROR}.InvalidArgs: the number of bits cannot be negative, got -5`],
    ['-2147483648', `${ERROR}.InvalidArgs: the number of bits cannot be negative, got -2147483648`],
    ['65537', `${ERROR}.LimitsExceeded: at most 65536 bits can be asked for, got 65537`],
    ['2147483647', `${ERROR}.LimitsExceeded: at most 65536 bits can be asked for, got 2147483647`],
  ])('tells the error of the service for %s', async (bits, text) => {
    const ended = { code: 4, stdout: '', stderr: `${text}\n` };
    expect(await runClient(bus, [bits])).toMatchObject(ended);
    expect(await runClient(bus, ['--', bits])).toMatchObject(ended);
    expect(await runClient(bus, ['--json', bits])).toMatchObject(ended);
  });

  test('tells the error of the service for a slow number', async () => {
    const stderr = `${ERROR}.LimitsExceeded: at most 3600 bits can be asked for, got 3601\n`;
    expect(await runClient(bus, ['3601', '--slow'])).toMatchObject({ code: 4, stdout: '', stderr });
  });

  test('says that no service is there, as the bus does', async () => {
    const problem = 'The name com.example.None was not provided by any .service files';
    const stdout = `Failed to initialize D-Bus object: '${ERROR}.ServiceUnknown: ${problem}'\n`;
    expect(await runClient(bus, ['--name', 'com.example.None'])).toMatchObject({ code: 2, stdout, stderr: '' });
    expect(await runClient(bus, ['--name', 'com.example.None', '-s'])).toMatchObject({ code: 2, stdout, stderr: '' });
  });

  test('says that no bus is there', async () => {
    const env = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent/bus' };
    const { code, stdout, stderr } = await runClient(bus, [], { env });
    expect([code, stderr]).toEqual([2, '']);
    expect(stdout.startsWith(`Failed to initialize D-Bus object: '${ERROR}.NoServer: `)).toBe(true);
    expect(stdout).toMatch(/^[^\n]*ENOENT[^\n]*'\n$/);
    const noBus = { DBUS_SESSION_BUS_ADDRESS: undefined, XDG_RUNTIME_DIR: undefined };
    const nowhere = await runClient(bus, [], { env: noBus });
    expect(nowhere).toMatchObject({ code: 2, stderr: '', stdout: expect.stringMatching(/NoServer: [^\n]+'\n$/) });
    const bad = await runClient(bus, ['--address', 'nonsense']);
    expect(bad).toMatchObject({ code: 2, stderr: '', stdout: expect.stringMatching(/BadAddress: [^\n]+'\n$/) });
  });

  test('finds the system bus', async () => {
    const env = { DBUS_SYSTEM_BUS_ADDRESS: bus.address, DBUS_SESSION_BUS_ADDRESS: undefined };
    expect(await runClient(bus, ['--system', '8'], { env })).toMatchObject({ code: 0 });
  });

  test.each([
    [['--nope'], `Unknown option '--nope'`],
    [['8', '9'], `Unexpected argument '9'`],
    [['8', '-9'], `Unexpected argument '-9'`],
    [['--timeout', '0'], `Option '--timeout' takes a number of milliseconds from 1 to 2147483647`],
    [['--timeout', 'soon'], `Option '--timeout' takes a number of milliseconds from 1 to 2147483647`],
    [['--timeout', '-5', '8'], `Option '--timeout' argument is ambiguous`],
    [['--slow=yes'], `Option '-s, --slow' does not take an argument`],
    [['--system', '--address', 'unix:path=/x'], `Options '--session', '--system' and '--address' exclude each other`],
    [['--name', 'nodots'], `Option '--name' takes a well-known bus name, not 'nodots'`],
  ])('does not take %j', async (args, problem) => {
    const stderr = `dbus-wire-client: ${problem} (see --help)\n`;
    expect(await runClient(bus, args)).toMatchObject({ code: 64, stdout: '', stderr });
  });

  test('explains itself', async () => {
    for (const option of ['--help', '-h']) {
      const help = await runClient(bus, [option]);
      expect(help).toMatchObject({ code: 0, stderr: '' });
      for (const name of ['session', 'system', 'address', 'name', 'slow', 'json', 'timeout', 'help', 'version']) {
        expect(help.stdout).toContain(`--${name}`);
      }
      for (const line of help.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    }
    expect(await runClient(bus, ['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('writes all of its output into a pipe, and does not mind who does not read it', async () => {
    const pipe = (command: string) => run('/bin/sh', ['-c', command], { env: bus.env });
    const client = `${process.execPath} ${builtProgram('client')}`;
    const counted = await pipe(`${client} 65536 | (sleep 0.2; wc -c)`);
    expect(Number(counted.stdout)).toBeGreaterThan(19_700);
    expect(await pipe(`${client} 65536 | true`)).toMatchObject({ code: 0, stderr: '' });
    expect(await pipe(`${client} --help | head -c 1`)).toMatchObject({ code: 0, stdout: 'U', stderr: '' });
  });
});

suite('waiting for an answer', () => {
  test('ends with the time that it is given', async () => {
    await startFake('com.example.Mute', { quick: () => new Promise(() => {}) });
    const ended = await runClient(bus, ['--name', 'com.example.Mute', '--timeout', '100']);
    expect(ended).toMatchObject({ code: 4, stdout: '' });
    expect(ended.stderr).toMatch(/^no reply to .* within 100 ms\n$/);
    const slow = await runClient(bus, ['--name', 'com.example.Mute', '--slow', '--timeout', '100']);
    expect(slow).toMatchObject({ code: 4, stdout: '', stderr: 'no result within the time given\n' });
  });

  test('ends when the service goes away', async () => {
    let asked!: () => void;
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    const { connection } = await startFake('com.example.Dying', {
      quick: () => {
        asked();
        return new Promise(() => {});
      },
    });
    await using client = await launchClient(bus, ['--name', 'com.example.Dying']);
    await isAsked;
    await connection.close({ timeout: 0 });
    const ended = await client.end();
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(/^the service went away: .+\n$/);
  });

  test('ends when the service answers something else', async () => {
    const connection = await connectToBus(bus.address);
    onTestFinished(() => connection.close());
    const Odd = defineInterface({ name: RandomData.name, methods: { quick: { in: 'i', out: 'u' } } });
    exportObject(connection, RANDOM_DATA_PATH, Odd.implement({ methods: { quick: (bits) => bits } }));
    await connection.requestName('com.example.Odd');
    const ended = await runClient(bus, ['--name', 'com.example.Odd']);
    expect(ended).toMatchObject({ code: 4, stdout: '' });
    expect(ended.stderr).toContain('signature "u", expected "s"');
  });

  test('ends when it is interrupted', async () => {
    await startFake('com.example.Mute', { quick: () => new Promise(() => {}) });
    for (const args of [[], ['--slow']]) {
      await using client = await launchClient(bus, ['--name', 'com.example.Mute', ...args]);
      await waitUntilConnected(bus, 2);
      expect(await client.stop('SIGINT')).toMatchObject({ code: 130, stdout: '', stderr: '' });
    }
  });

  test.each([[[]], [['--slow']]])('with %j ends when interrupted while the bus does not answer', async (args) => {
    await using ownBus = await startPrivateBus();
    await using ownService = await startService(ownBus);
    process.kill(ownService.pid, 'SIGSTOP');
    await using client = await launchClient(ownBus, args);
    await waitUntilConnected(ownBus, 1);
    process.kill(ownBus.pid, 'SIGSTOP');
    try {
      expect(await client.stop('SIGINT', 3000)).toMatchObject({ code: 130, stdout: '', stderr: '' });
    } finally {
      process.kill(ownBus.pid, 'SIGCONT');
    }
  });

  test('ends when it is interrupted before it has a connection', async () => {
    const socket = join(scratchDirectory(), 'mute');
    const server = createServer((connection) => connection.resume());
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    onTestFinished(() => void server.close());
    const connected = new Promise((resolve) => server.once('connection', resolve));
    await using client = await launchClient(bus, ['--address', `unix:path=${socket}`]);
    await connected;
    expect(await client.stop('SIGINT')).toMatchObject({ code: 130, stdout: '', stderr: '' });
  });
});

/** Waits until another connection than those of the tests is on the bus for a while: a client that has asked. */
async function waitUntilConnected({ address }: PrivateBus, own: number): Promise<void> {
  const connection = await connectToBus(address);
  try {
    const countConnections = async (): Promise<number> =>
      (await connection.listNames()).filter((name) => name.startsWith(':')).length;
    while ((await countConnections()) <= own + 1) await new Promise((resolve) => setTimeout(resolve, 20));
    await new Promise((resolve) => setTimeout(resolve, 100));
  } finally {
    await connection.close();
  }
}

suite('a slow number', () => {
  test('is waited for, without a word on what is no terminal', async () => {
    for (const option of ['--slow', '-s']) {
      const { code, stdout, stderr } = await runClient(bus, [option, '4']);
      expect([code, stderr]).toEqual([0, '']);
      const [, number] = /^Your random number is: (\d+)\n$/.exec(stdout) ?? [];
      expect(Number(number)).toBeLessThan(16);
    }
    const none = { code: 0, stdout: 'Your random number is: 0\n', stderr: '' };
    expect(await runClient(bus, ['-s', '0'])).toMatchObject(none);
  });

  test('is each client’s own', async () => {
    const connection = await connectToBus(bus.address);
    onTestFinished(() => connection.close());
    const results = connection.subscribe({ sender: 'com.larry-price.test', member: 'slow_result' });
    await results.ready;
    const clients = await Promise.all(Array.from({ length: 4 }, () => runClient(bus, ['-s', '40', '--json'])));
    const told = [];
    for (const _ of clients) told.push(((await results.next()).value as { body: unknown[] }).body[1]);
    const printed = clients.map(({ stdout }) => (JSON.parse(stdout) as { number: string }).number);
    expect(new Set(printed).size).toBe(4); // equal ones among four of 40 bits do not happen by chance
    expect(printed.sort()).toEqual(told.sort());
  });

  test('is not missed when it comes before the id, nor mistaken for another’s', async () => {
    const { implementation } = await startFake('com.example.Hasty', {
      slow: () => {
        implementation.emit('slow_result', 'other', '1');
        implementation.emit('slow_result', 'mine', '42');
        implementation.emit('slow_result', 'mine', '43');
        return 'mine';
      },
    });
    const ended = await runClient(bus, ['--name', 'com.example.Hasty', '--slow']);
    expect(ended).toMatchObject({ code: 0, stdout: 'Your random number is: 42\n', stderr: '' });
  });

  test('cannot be forged by others on the bus', async () => {
    const forger = await connectToBus(bus.address);
    onTestFinished(() => forger.close());
    const forgery = RandomData.implement({ methods: { quick: () => '', slow: () => '', slow_result: () => '' } });
    exportObject(forger, RANDOM_DATA_PATH, forgery);
    const { implementation } = await startFake('com.example.Real', {
      slow: () => {
        forgery.emit('slow_result', 'job', '666');
        void forger.listNames().then(() => implementation.emit('slow_result', 'job', '42')); // after the forged one
        return 'job';
      },
    });
    const ended = await runClient(bus, ['--name', 'com.example.Real', '--slow']);
    expect(ended).toMatchObject({ code: 0, stdout: 'Your random number is: 42\n' });
  });

  test('is taken even when the service ends right after it', async () => {
    const { connection, implementation } = await startFake('com.example.Brief', {
      slow: () => {
        setTimeout(() => {
          implementation.emit('slow_result', 'job', '42');
          void connection.close();
        }, 50);
        return 'job';
      },
    });
    const ended = await runClient(bus, ['--name', 'com.example.Brief', '--slow']);
    expect(ended).toMatchObject({ code: 0, stdout: 'Your random number is: 42\n', stderr: '' });
  });

  test('will not come from a service that has gone away, and that is said at once', async () => {
    for (const end of [(fake: Bus) => fake.close(), (fake: Bus) => fake.releaseName('com.example.Dying')]) {
      let asked!: () => void;
      const isAsked = new Promise<void>((resolve) => (asked = resolve));
      const { connection } = await startFake('com.example.Dying', {
        slow: () => {
          asked();
          return 'job';
        },
      });
      await using client = await launchClient(bus, ['--name', 'com.example.Dying', '--slow']);
      await isAsked;
      await end(connection);
      const stderr = 'the service com.example.Dying went away before the result came\n';
      expect(await client.end(5000)).toMatchObject({ code: 2, stdout: '', stderr });
      await connection.close();
    }
  });

  test('will not come from a service that is killed, nor over a bus that is gone', async () => {
    await using ownBus = await startPrivateBus();
    await using doomed = await startService(ownBus);
    await using first = await launchClient(ownBus, ['--slow', '100']);
    await using connection = await connectToBus(ownBus.address);
    const progress = connection.subscribe({ sender: 'com.larry-price.test', member: 'slow_progress' });
    await progress.next();
    doomed.kill('SIGKILL');
    const stderr = 'the service com.larry-price.test went away before the result came\n';
    expect(await first.end(5000)).toMatchObject({ code: 2, stdout: '', stderr });

    await using another = await startService(ownBus);
    await using second = await launchClient(ownBus, ['--slow', '100']);
    await progress.next();
    await connection.close();
    await ownBus.stop();
    expect(await second.end(5000)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^[^\n]+\n$/) });
    expect(await another.end()).toMatchObject({ code: 3 });
  });
});

describeWith('dbus-daemon', 'python3')('on a terminal', () => {
  // Python's own pty: stderr (and stdin) of the client are a terminal, stdout stays a pipe.
  const ON_TERMINAL = `
import os, pty, subprocess, sys
master, slave = pty.openpty()
child = subprocess.Popen(sys.argv[1:], stdin=slave, stderr=slave)
os.close(slave)
shown = b''
try:
    while chunk := os.read(master, 4096):
        shown += chunk
except OSError:
    pass
code = child.wait()
sys.stderr.buffer.write(shown)
sys.exit(code)
`;
  const onTerminal = (args: readonly string[], env: Readonly<Record<string, string | undefined>>) => {
    const command = [process.execPath, builtProgram('client'), ...args];
    const environment = { ...bus.env, TERM: 'xterm', NO_COLOR: undefined, ...env };
    return run('python3', ['-c', ON_TERMINAL, ...command], { env: environment });
  };

  test('shows how far a slow number is, and nothing of it afterwards', async () => {
    const { code, stdout, stderr } = await onTerminal(['-s', '4'], {});
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Your random number is: \d+\n$/);
    const drawn = stderr.split('\r\x1b[K');
    expect(drawn[0]).toBe('');
    expect(drawn[1]).toBe('waiting  0:00');
    for (const done of [1, 2, 3, 4]) {
      const bar = `[\x1b[32m${'#'.repeat(done * 10)}\x1b[0m${'-'.repeat(40 - done * 10)}]  ${done}/4 bits  0:00`;
      expect(drawn).toContain(bar);
    }
    expect(drawn.at(-1)).toBe('');
  });

  test('shows it without colour where NO_COLOR is set', async () => {
    const { stderr } = await onTerminal(['-s', '2'], { NO_COLOR: '1' });
    expect(stderr).toContain('1/2 bits');
    expect(stderr.replaceAll('\r\x1b[K', '')).not.toContain('\x1b');
  });

  test('shows the time that passes where the service tells no progress', async () => {
    const { implementation } = await startFake('com.example.Silent', {
      slow: () => {
        setTimeout(() => implementation.emit('slow_result', 'job', '7'), 1500);
        return 'job';
      },
    });
    const { code, stdout, stderr } = await onTerminal(['-s', '--name', 'com.example.Silent'], {});
    expect([code, stdout]).toEqual([0, 'Your random number is: 7\n']);
    expect(stderr.split('\r\x1b[K').filter((text) => text !== '')).toEqual(['waiting  0:00', 'waiting  0:01']);
  });

  test('shows nothing for a number that comes at once', async () => {
    expect(await onTerminal(['8'], {})).toMatchObject({ code: 0, stderr: '' });
  });
});
