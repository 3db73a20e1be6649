// The output of the two programs: nothing raw from a peer, numbers only as numbers, and one sentence on failure. The
// programs run at the same time.

import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import { connectToBus } from '../../src/connection/open-bus.js';
import { DBusError } from '../../src/protocol/errors.js';
import { RANDOM_DATA_PATH, RandomData } from '../../src/random-data.js';
import { describeFailure as describeClientFailure } from '../../src/client/random-data/failures.js';
import { exportObject } from '../../src/service/export-object.js';
import { describeFailure as describeServiceFailure } from '../../src/service/random-data/failures.js';
import { EXOTIC_ERRORS } from '../service/support.js';
import { builtProgram, runClient, startService } from '../support/built.js';
import { some } from '../support/extent.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith, run } from '../support/programs.js';

const RAW = /[\0-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/; // but the line feed
const NASTY = '\x1b]0;title\x07\n\x9b2J\u202eevil\u2066';

describe('an error', () => {
  test.each(EXOTIC_ERRORS)('can be reported by both programs if it is %s', (_, thrown) => {
    expect(describeClientFailure(thrown())).toMatchObject({ text: expect.any(String) });
    expect(describeServiceFailure(thrown())).toMatchObject({ text: expect.any(String) });
  });
});

describeWith('dbus-daemon')('a program', { concurrent: true }, () => {
  let bus: PrivateBus;
  beforeAll(async () => {
    bus = await startPrivateBus();
  });
  afterAll(() => bus.stop());

  /** A service under another name, in this process. */
  async function startFake({ onTestFinished }: TestContext, name: string, quick: () => string): Promise<void> {
    const connection = await connectToBus(bus.address);
    onTestFinished(() => connection.close({ timeout: 0 }));
    exportObject(connection, RANDOM_DATA_PATH, RandomData.implement({
      methods: { quick, slow: () => 'job', slow_result: () => '' },
    }));
    await connection.requestName(name);
  }

  test('prints the error of a peer with escapes', async (context) => {
    await startFake(context, 'com.example.Nasty', () => {
      throw new DBusError('com.example.Error.Nasty', NASTY);
    });
    const { code, stdout, stderr } = await runClient(bus, ['--name', 'com.example.Nasty']);
    expect([code, stdout]).toEqual([4, '']);
    expect(stderr).toBe('com.example.Error.Nasty: \\x1b]0;title\\x07\\n\\x9b2J\\u202eevil\\u2066\n');
    expect(stderr).not.toMatch(RAW);
  });

  test.for(some([[['--json']], [[]]], 2))('does not print an answer that is not a number: %j', async ([options = []], context) => {
    const name = `com.example.NoNumber${options.length}`;
    await startFake(context, name, () => `12${NASTY}`);
    const { code, stdout, stderr } = await runClient(bus, [...options, '--name', name]);
    expect([code, stdout]).toEqual([4, '']);
    expect(stderr).toMatch(/^the service answered "12.*": it must be a number in decimal digits\n$/);
    expect(stderr).not.toMatch(RAW);
  });

  test.each(some([
    ['client', []], ['client', ['--help']], ['client', ['--json']], ['service', []], ['service', ['--help']],
  ] as const, 3))('ends with exit code 74 and one sentence if its output cannot be written: %s %j', async (name, args) => {
    const isCall = name === 'client' && !args.some((arg) => arg === '--help');
    await using ownBus = await startPrivateBus();
    await using _ = isCall ? await startService(ownBus) : undefined;
    const command = `exec "$0" "$@" > /dev/full`;
    const { code, stderr } = await run('sh', ['-c', command, process.execPath, builtProgram(name), ...args], {
      env: ownBus.env,
    });
    expect(stderr).toMatch(new RegExp(`^dbus-wire-${name}: standard output cannot be written: .*ENOSPC.*\\n$`));
    expect(code).toBe(74);
  });

  test('keeps its exit code if standard error cannot be written', async () => {
    const command = `exec "$0" "$@" 2> /dev/full`;
    const { code } = await run('sh', ['-c', command, process.execPath, builtProgram('client'), '--nope'], {
      env: bus.env,
    });
    expect(code).toBe(64);
  });
});
