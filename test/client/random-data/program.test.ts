// The client program as a process, against the service program: one process for each kind of end, with its output and
// its exit code. Tests that do not disturb one another run at the same time. The other cases are in command-line.test.ts
// and failures.test.ts.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, type TestContext } from 'vitest';
import type { Bus } from '../../../src/connection/bus.js';
import { connectToBus } from '../../../src/connection/open-bus.js';
import { parseCommandLine } from '../../../src/client/random-data/command-line.js';
import { defineInterface } from '../../../src/interface/define.js';
import { RANDOM_DATA_PATH, RandomData } from '../../../src/random-data.js';
import { exportObject } from '../../../src/service/export-object.js';
import { builtProgram, launchClient, runClient, startService } from '../../support/built.js';
import { extent, heavyTest, some } from '../../support/extent.js';
import { type PrivateBus, startPrivateBus } from '../../support/private-bus.js';
import { describeWith, type Program, run } from '../../support/programs.js';
import { scratchDirectory } from '../../support/reaper.js';
import { deferred, until } from '../../support/waiting.js';

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

/** The number that the client has printed. */
function numberIn(stdout: string): string {
  const [, number] = /^Your random number is: (\d+)\n$/.exec(stdout) ?? [];
  return number ?? `nothing in ${stdout}`;
}

interface FakeHandlers {
  readonly quick?: () => string | Promise<string>;
  readonly slow?: () => string | Promise<string>;
}

/** A service under another name, in this process, with the given handlers. */
async function startFake({ onTestFinished }: TestContext, name: string, handlers: FakeHandlers = {}) {
  const connection = await connectToBus(bus.address);
  onTestFinished(() => connection.close({ timeout: 0 })); // some handlers never reply
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
  test.concurrent('prints a number of 16 bits', async () => {
    const { code, stdout, stderr } = await runClient(bus);
    expect([code, stderr]).toEqual([0, '']);
    expect(Number(numberIn(stdout))).toBeLessThan(65_536);
  });

  heavyTest('prints a number of 65,536 bits', async () => {
    const { code, stdout, stderr } = await runClient(bus, ['65536']);
    expect([code, stderr]).toEqual([0, '']);
    expect(BigInt(numberIn(stdout)) < 2n ** 65_536n).toBe(true);
  });

  test.concurrent('prints JSON with the number as text', async () => {
    const { code, stdout } = await runClient(bus, ['--json', '100']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\{"bits":100,"number":"\d+"\}\n$/);
  });

  heavyTest('rejects an argument that is not an integer before it looks for a bus', async () => {
    const env = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent' };
    const refused = { code: 1, stdout: 'input argument must be integer\n', stderr: '' };
    expect(await runClient(bus, ['x'], { env })).toMatchObject(refused);
  });

  test.concurrent('rejects a command line that is not valid', async () => {
    const stderr = `dbus-wire-client: Unknown option '--nope' (see --help)\n`;
    expect(await runClient(bus, ['--nope'])).toMatchObject({ code: 64, stdout: '', stderr });
  });

  heavyTest('prints its help text and its version', async () => {
    const help = { code: 0, stdout: parseCommandLine(['--help']), stderr: '' };
    expect(await runClient(bus, ['--help'])).toMatchObject(help);
    expect(await runClient(bus, ['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test.concurrent.each(some([
    [['-5'], `${ERROR}.InvalidArgs: the number of bits cannot be negative, got -5`],
    [['--json', '65537'], `${ERROR}.LimitsExceeded: at most 65536 bits can be asked for, got 65537`],
    [['3601', '--slow'], `${ERROR}.LimitsExceeded: at most 3600 bits can be asked for, got 3601`],
  ], 3))('with %j prints the error reply of the service', async (args, text) => {
    expect(await runClient(bus, args)).toMatchObject({ code: 4, stdout: '', stderr: `${text}\n` });
  });

  test.concurrent('prints the error of the bus if there is no service', async () => {
    const problem = 'The name com.example.None was not provided by any .service files';
    const stdout = `Failed to initialize D-Bus object: '${ERROR}.ServiceUnknown: ${problem}'\n`;
    for (const args of extent([['-s']], [['-s'], []])) {
      expect(await runClient(bus, ['--name', 'com.example.None', ...args])).toMatchObject({ code: 2, stdout, stderr: '' });
    }
  });

  heavyTest('prints the reason if it cannot connect to a bus', async () => {
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

  heavyTest('finds the system bus', async () => {
    const env = { DBUS_SYSTEM_BUS_ADDRESS: bus.address, DBUS_SESSION_BUS_ADDRESS: undefined };
    expect(await runClient(bus, ['--system', '8'], { env })).toMatchObject({ code: 0 });
  });

  heavyTest('writes all of its output into a pipe, and ends without an error if the reader ends first', async () => {
    const pipe = (command: string) => run('/bin/sh', ['-c', command], { env: bus.env });
    const client = `${process.execPath} ${builtProgram('client')}`;
    const counted = await pipe(`${client} 65536 | (sleep 0.2; wc -c)`);
    expect(Number(counted.stdout)).toBeGreaterThan(19_700);
    expect(await pipe(`${client} 65536 | true`)).toMatchObject({ code: 0, stderr: '' });
    expect(await pipe(`${client} --help | head -c 1`)).toMatchObject({ code: 0, stdout: 'U', stderr: '' });
  });
});

suite('waiting for a reply', () => {
  heavyTest('ends after the timeout', async (context) => {
    await startFake(context, 'com.example.Mute', { quick: () => new Promise(() => {}) });
    const ended = await runClient(bus, ['--name', 'com.example.Mute', '--timeout', '100']);
    expect(ended).toMatchObject({ code: 4, stdout: '' });
    expect(ended.stderr).toMatch(/^no reply to .* within 100 ms\n$/);
    const slow = await runClient(bus, ['--name', 'com.example.Mute', '--slow', '--timeout', '100']);
    expect(slow).toMatchObject({ code: 4, stdout: '', stderr: 'no result within the time given\n' });
  });

  heavyTest('ends if the service leaves the bus', async (context) => {
    const asked = deferred();
    const { connection } = await startFake(context, 'com.example.Dying', {
      quick: () => {
        asked.resolve();
        return new Promise(() => {});
      },
    });
    await using client = await launchClient(bus, ['--name', 'com.example.Dying']);
    await asked.promise;
    await connection.close({ timeout: 0 });
    const ended = await client.end();
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(/^the service left the bus: .+\n$/);
  });

  heavyTest('ends with an error if the reply has another type', async () => {
    const connection = await connectToBus(bus.address);
    onTestFinished(() => connection.close());
    const Odd = defineInterface({ name: RandomData.name, methods: { quick: { in: 'i', out: 'u' } } });
    exportObject(connection, RANDOM_DATA_PATH, Odd.implement({ methods: { quick: (bits) => bits } }));
    await connection.requestName('com.example.Odd');
    const ended = await runClient(bus, ['--name', 'com.example.Odd']);
    expect(ended).toMatchObject({ code: 4, stdout: '' });
    expect(ended.stderr).toContain('signature "u": it must have "s"');
  });

  test.concurrent('ends if the program is interrupted', async (context) => {
    for (const args of extent([[]], [[], ['--slow']])) {
      const asked = deferred();
      const ask = (): Promise<string> => {
        asked.resolve();
        return new Promise(() => {});
      };
      const { connection } = await startFake(context, 'com.example.Silent', { quick: ask, slow: ask });
      await using client = await launchClient(bus, ['--name', 'com.example.Silent', ...args]);
      await asked.promise;
      expect(await client.stop('SIGINT')).toMatchObject({ code: 130, stdout: '', stderr: '' });
      await connection.close({ timeout: 0 });
    }
  });

  heavyTest.each([[[]], [['--slow']]])('with %j ends on an interrupt while the bus does not reply', async (args) => {
    await using ownBus = await startPrivateBus();
    await using ownService = await startService(ownBus);
    process.kill(ownService.pid, 'SIGSTOP');
    await using client = await launchClient(ownBus, args);
    await untilConnected(ownBus, 2); // the service and the client
    process.kill(ownBus.pid, 'SIGSTOP');
    try {
      expect(await client.stop('SIGINT')).toMatchObject({ code: 130, stdout: '', stderr: '' });
    } finally {
      process.kill(ownBus.pid, 'SIGCONT');
    }
  });

  heavyTest('ends if the program is interrupted before it has a connection', async () => {
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

/** Waits until a number of connections are on the bus, and a moment longer, so that the last one has asked. */
async function untilConnected({ address }: PrivateBus, count: number): Promise<void> {
  await using connection = await connectToBus(address);
  await until(async () => {
    const names = await connection.listNames();
    return names.filter((name) => name.startsWith(':')).length > count; // more, because this function is connected too
  }, `${count} connections on the bus`);
  await new Promise((resolve) => setTimeout(resolve, 100));
}

suite('a slow number', () => {
  test.concurrent('is printed when it arrives, and nothing is written to standard error if that is not a terminal', async () => {
    const { code, stdout, stderr } = await runClient(bus, ['--slow', '4']);
    expect([code, stderr]).toEqual([0, '']);
    expect(Number(numberIn(stdout))).toBeLessThan(16);
  });

  heavyTest('goes to the client that requested it', async () => {
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

  test.concurrent('is read from its signal, even if that comes before the reply with its ID and among others', async (context) => {
    const { implementation } = await startFake(context, 'com.example.Hasty', {
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

  heavyTest('is not read from a signal of another program', async (context) => {
    const forger = await connectToBus(bus.address);
    onTestFinished(() => forger.close());
    const forgery = RandomData.implement({ methods: { quick: () => '', slow: () => '', slow_result: () => '' } });
    exportObject(forger, RANDOM_DATA_PATH, forgery);
    const { implementation } = await startFake(context, 'com.example.Real', {
      slow: () => {
        forgery.emit('slow_result', 'job', '666');
        void forger.listNames().then(() => implementation.emit('slow_result', 'job', '42')); // after the forged one
        return 'job';
      },
    });
    const ended = await runClient(bus, ['--name', 'com.example.Real', '--slow']);
    expect(ended).toMatchObject({ code: 0, stdout: 'Your random number is: 42\n' });
  });

  heavyTest('is printed even if the service ends directly after it', async (context) => {
    const { connection, implementation } = await startFake(context, 'com.example.Brief', {
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

  test.concurrent('is given up at once if the service leaves the bus', async (context) => {
    const closed = (fake: Bus) => fake.close();
    const released = (fake: Bus) => fake.releaseName('com.example.Leaving');
    for (const end of extent([closed], [closed, released])) {
      const asked = deferred();
      const { connection } = await startFake(context, 'com.example.Leaving', {
        slow: () => {
          asked.resolve();
          return 'job';
        },
      });
      await using client = await launchClient(bus, ['--name', 'com.example.Leaving', '--slow']);
      await asked.promise;
      await end(connection);
      const stderr = 'the service com.example.Leaving left the bus before the result came\n';
      expect(await client.end()).toMatchObject({ code: 2, stdout: '', stderr });
      await connection.close();
    }
  });

  heavyTest('is given up if the service is killed, or the bus ends', async () => {
    await using ownBus = await startPrivateBus();
    await using doomed = await startService(ownBus);
    await using first = await launchClient(ownBus, ['--slow', '100']);
    await using connection = await connectToBus(ownBus.address);
    const progress = connection.subscribe({ sender: 'com.larry-price.test', member: 'slow_progress' });
    await progress.next();
    doomed.kill('SIGKILL');
    const stderr = 'the service com.larry-price.test left the bus before the result came\n';
    expect(await first.end()).toMatchObject({ code: 2, stdout: '', stderr });

    await using another = await startService(ownBus);
    await using second = await launchClient(ownBus, ['--slow', '100']);
    await progress.next();
    await connection.close();
    await ownBus.stop();
    expect(await second.end()).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^[^\n]+\n$/) });
    expect(await another.end()).toMatchObject({ code: 3 });
  });
});

describeWith('dbus-daemon', 'python3')('on a terminal', () => {
  // A terminal made by Python: stdin and stderr of the client are the terminal, stdout is a pipe.
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

  test('the client shows the progress of a slow number, and removes it at the end', async () => {
    const { code, stdout, stderr } = await onTerminal(['-s', '4'], {});
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Your random number is: \d+\n$/);
    const drawn = stderr.replace(/\b0:\d\d\b/g, '0:00').split('\r\x1b[K'); // a busy machine takes seconds
    expect(drawn[0]).toBe('');
    expect(drawn[1]).toBe('waiting  0:00');
    for (const done of [1, 2, 3, 4]) {
      const bar = `[\x1b[32m${'#'.repeat(done * 10)}\x1b[0m${'-'.repeat(40 - done * 10)}]  ${done}/4 bits  0:00`;
      expect(drawn).toContain(bar);
    }
    expect(drawn.at(-1)).toBe('');
  });

  heavyTest('the client shows the progress without color if NO_COLOR is set', async () => {
    const { stderr } = await onTerminal(['-s', '2'], { NO_COLOR: '1' });
    expect(stderr).toContain('1/2 bits');
    expect(stderr.replaceAll('\r\x1b[K', '')).not.toContain('\x1b');
  });

  heavyTest('the client shows the elapsed time if the service sends no progress', async (context) => {
    const { implementation } = await startFake(context, 'com.example.Silent', {
      slow: () => {
        setTimeout(() => implementation.emit('slow_result', 'job', '7'), 1500);
        return 'job';
      },
    });
    const { code, stdout, stderr } = await onTerminal(['-s', '--name', 'com.example.Silent'], {});
    expect([code, stdout]).toEqual([0, 'Your random number is: 7\n']);
    expect(stderr.split('\r\x1b[K').filter((text) => text !== '')).toEqual(['waiting  0:00', 'waiting  0:01']);
  });

  heavyTest('the client shows no progress for a number that comes at once', async () => {
    expect(await onTerminal(['8'], {})).toMatchObject({ code: 0, stderr: '' });
  });
});
