// The service program as a process: one process for each kind of end, with its output and its exit code. The tests run
// at the same time, each with a bus of its own. The other cases are in command-line.test.ts and failures.test.ts.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Bus } from '../../../src/connection/bus.js';
import { connectToBus } from '../../../src/connection/open-bus.js';
import { RANDOM_DATA_BUS_NAME, RANDOM_DATA_PATH, RandomData } from '../../../src/random-data.js';
import { parseCommandLine } from '../../../src/service/random-data/command-line.js';
import { builtProgram, launchService, runService, startService } from '../../support/built.js';
import { extent, heavyTest, some } from '../../support/extent.js';
import { type PrivateBus, startPrivateBus } from '../../support/private-bus.js';
import { describeWith, run } from '../../support/programs.js';
import { adopt } from '../../support/reaper.js';

const suite = describeWith('dbus-daemon');
const manifest = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
const { version } = JSON.parse(manifest) as { version: string };

const startBus = (): Promise<PrivateBus> => startPrivateBus({ policy: '<deny own="com.example.Denied"/>' });

async function withConnection<Result>(bus: PrivateBus, use: (connection: Bus) => Promise<Result>): Promise<Result> {
  const connection = await connectToBus(bus.address);
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

const quick = (connection: Bus, destination = RANDOM_DATA_BUS_NAME): Promise<[string]> => {
  const target = { destination, path: RANDOM_DATA_PATH, interface: RandomData.name, member: 'quick' };
  return connection.call({ ...target, signature: 'i', body: [8], replySignature: 's', noAutoStart: true });
};

suite('the service program', { concurrent: true }, () => {
  test('prints a line when it owns its name, and then replies', async () => {
    await using bus = await startBus();
    await using service = await launchService(bus);
    const [, uniqueName] = await service.line(/^ready com\.larry-price\.test (:1\.\d+)$/);
    await withConnection(bus, async (connection) => {
      expect(await connection.getNameOwner(RANDOM_DATA_BUS_NAME)).toBe(uniqueName);
      expect(Number((await quick(connection))[0])).toBeLessThan(256);
    });
    const stdout = `ready com.larry-price.test ${uniqueName}\n`;
    expect(await service.stop()).toMatchObject({ code: 0, stderr: '', stdout });
  });

  test('prints a line when it is interrupted, and ends', async () => {
    await using bus = await startBus();
    await using service = await startService(bus);
    const { code, stdout, stderr } = await service.stop('SIGINT');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^ready .*\nkeyboard interrupt received\n$/);
    await withConnection(bus, async (connection) => {
      expect(await connection.getNameOwner(RANDOM_DATA_BUS_NAME)).toBeUndefined();
    });
  });

  test.each(some(['SIGINT', 'SIGTERM'] as const, 2))('replies to all calls that it has accepted before %s', async (signal) => {
    await using bus = await startBus();
    await using service = await startService(bus);
    await withConnection(bus, async (connection) => {
      const calls = Array.from({ length: 500 }, () => quick(connection));
      await calls[0];
      service.kill(signal);
      // A call after the name is released is refused by the bus; no call may be left without a reply.
      const outcomes = await Promise.allSettled(calls);
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') continue;
        expect(outcome.reason).toMatchObject({ errorName: 'org.freedesktop.DBus.Error.NameHasNoOwner' });
      }
    });
    expect(await service.end()).toMatchObject({ code: 0, stderr: '' });
  });

  heavyTest('ends while slow jobs run', async () => {
    await using bus = await startBus();
    await using service = await startService(bus);
    await withConnection(bus, async (connection) => {
      const target = { destination: RANDOM_DATA_BUS_NAME, path: RANDOM_DATA_PATH, interface: RandomData.name };
      await connection.call({ ...target, member: 'slow', signature: 'i', body: [3600] });
    });
    expect(await service.stop()).toMatchObject({ code: 0, stderr: '' });
  });

  test('ends at once if it is interrupted twice', async () => {
    await using bus = await startBus();
    await using service = await startService(bus);
    process.kill(bus.pid, 'SIGSTOP'); // a bus that does not reply
    try {
      service.kill('SIGINT');
      await service.line('keyboard interrupt received');
      service.kill('SIGINT');
      expect(await service.end()).toMatchObject({ code: 130, stderr: '' });
    } finally {
      process.kill(bus.pid, 'SIGCONT');
    }
  });

  heavyTest('ends even if the bus has stopped replying', async () => {
    await using bus = await startBus();
    await using service = await startService(bus);
    process.kill(bus.pid, 'SIGSTOP');
    try {
      expect(await service.stop('SIGTERM', 15_000)).toMatchObject({ code: 0, stderr: '' });
    } finally {
      process.kill(bus.pid, 'SIGCONT');
    }
  });

  test('cannot run twice under one name', async () => {
    await using bus = await startBus();
    await using first = await startService(bus);
    expect(await runService(bus)).toMatchObject({ code: 1, stdout: 'service is already running\n', stderr: '' });
    await withConnection(bus, async (connection) => expect(await quick(connection)).toHaveLength(1));
    expect(await first.stop()).toMatchObject({ code: 0 });
  });

  heavyTest('takes over the name with --replace, and the former service ends with a message', async () => {
    await using bus = await startBus();
    await using first = await startService(bus);
    await using second = await launchService(bus, ['--replace']);
    const [, owner] = await second.line(/^ready com\.larry-price\.test (:1\.\d+)$/);
    const complaint = `dbus-wire-service: com.larry-price.test was taken over by ${owner}\n`;
    expect(await first.end()).toMatchObject({ code: 0, stderr: complaint });
    await withConnection(bus, async (connection) => {
      expect(await connection.getNameOwner(RANDOM_DATA_BUS_NAME)).toBe(owner);
      expect(await quick(connection)).toHaveLength(1);
    });
    expect(await second.stop()).toMatchObject({ code: 0, stderr: '' });
  });

  heavyTest('waits for its name with --queue, and again after it is replaced', async () => {
    await using bus = await startBus();
    await using first = await startService(bus);
    await using second = await launchService(bus, ['--queue']);
    await second.line('waiting for com.larry-price.test', { stream: 'stderr' });
    expect(second.stdout).toBe('');
    await first.stop();
    await second.line(/^ready com\.larry-price\.test :1\.\d+$/);
    await using third = await launchService(bus, ['--replace']);
    await third.line(/^ready /);
    await second.line('waiting for com.larry-price.test', { stream: 'stderr' });
    await third.stop();
    await second.line(/^ready /);
    expect(await second.stop()).toMatchObject({ code: 0 });
  });

  heavyTest('ends while it waits in the queue', async () => {
    await using bus = await startBus();
    await using first = await startService(bus);
    await using second = await launchService(bus, ['--queue']);
    await second.line('waiting', { stream: 'stderr' });
    expect(await second.stop()).toMatchObject({ code: 0, stdout: '' });
    await first.stop();
  });

  heavyTest('owns the name in --name on the bus in --address', async () => {
    await using bus = await startBus();
    const env = { DBUS_SESSION_BUS_ADDRESS: undefined };
    await using service = await launchService(bus, ['--name', 'com.example.Other', '--address', bus.address], { env });
    await service.line(/^ready com\.example\.Other :1\.\d+$/);
    await withConnection(bus, async (connection) => expect(await quick(connection, 'com.example.Other')).toHaveLength(1));
  });

  heavyTest('runs on the system bus with --system', async () => {
    await using bus = await startBus();
    const env = { DBUS_SYSTEM_BUS_ADDRESS: bus.address, DBUS_SESSION_BUS_ADDRESS: undefined };
    await using service = await launchService(bus, ['--system'], { env });
    await service.line(/^ready /);
  });

  heavyTest('draws the bits of slow jobs at the interval in --interval', async () => {
    await using bus = await startBus();
    await using service = await startService(bus, ['--interval', '5']);
    await withConnection(bus, async (connection) => {
      const target = { destination: RANDOM_DATA_BUS_NAME, path: RANDOM_DATA_PATH, interface: RandomData.name };
      const signals = connection.subscribe({ sender: RANDOM_DATA_BUS_NAME, interface: RandomData.name });
      await signals.ready;
      const [id] = await connection.call({ ...target, member: 'slow', signature: 'i', body: [3], replySignature: 's' });
      const seen = [];
      for await (const { member, body } of signals) {
        seen.push([member, ...body.slice(0, 2)]);
        if (member === 'slow_result') break;
      }
      const progress = [1, 2, 3].map((done) => ['slow_progress', id, done]);
      expect(seen).toEqual([...progress, ['slow_result', id, expect.stringMatching(/^[0-7]$/)]]);
    });
    await service.stop();
  });

  test.each(some(['SIGKILL', 'SIGTERM'] as const, 2))('ends if the bus is ended by %s', async (signal) => {
    await using bus = await startBus();
    await using service = await startService(bus);
    await bus.stop(signal);
    const { code, stderr } = await service.end();
    expect(code).toBe(3);
    expect(stderr).toMatch(/^dbus-wire-service: the bus has ended: .+\n$/);
  });

  test('ends if it finds no bus', async () => {
    await using bus = await startBus();
    const nowhere = { DBUS_SESSION_BUS_ADDRESS: undefined, XDG_RUNTIME_DIR: undefined };
    const missing = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent' };
    for (const env of extent([missing], [missing, nowhere])) {
      const { code, stdout, stderr } = await runService(bus, [], { env });
      expect([code, stdout]).toEqual([3, '']);
      expect(stderr).toMatch(/^dbus-wire-service: [^\n]+\n$/);
    }
  });

  test('prints an unexpected error', async () => {
    await using bus = await startBus();
    const { code, stdout, stderr } = await runService(bus, ['--name', 'com.example.Denied']);
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(/^Unexpected exception occurred: 'org\.freedesktop\.DBus\.Error\.AccessDenied: .+'\n$/);
  });

  test('rejects a command line that is not valid', async () => {
    await using bus = await startBus();
    const stderr = `dbus-wire-service: Unknown option '--nope' (see --help)\n`;
    expect(await runService(bus, ['--nope'])).toMatchObject({ code: 64, stdout: '', stderr });
  });

  heavyTest('prints its help text and its version', async () => {
    await using bus = await startBus();
    const help = { code: 0, stdout: parseCommandLine(['--help']), stderr: '' };
    expect(await runService(bus, ['--help'])).toMatchObject(help);
    expect(await runService(bus, ['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  heavyTest('ends without an error if the reader of its output has ended', async () => {
    await using bus = await startBus();
    const child = spawn(process.execPath, [builtProgram('service')], {
      detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...bus.env },
    });
    adopt(child);
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += chunk));
    await once(child.stdout, 'data');
    child.stdout.destroy();
    child.kill('SIGINT');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(stderr).toBe('');
  });

  heavyTest('starts with the line that lets a shell run it', async () => {
    expect(readFileSync(builtProgram('service'), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(readFileSync(builtProgram('client'), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(await run('/bin/sh', ['-c', `exec node ${builtProgram('service')} --version`])).toMatchObject({ code: 0 });
  });
});
