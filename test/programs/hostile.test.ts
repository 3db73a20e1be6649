// Hostile callers of the service program: whatever they send, it replies to others, and its memory is bounded.

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, afterEach, expect, test } from 'vitest';
import { type Bus, connectToBus } from '../../src/connection/bus.js';
import type { DBusError } from '../../src/protocol/errors.js';
import { MAX_SLOW_JOBS, RANDOM_DATA_BUS_NAME, RANDOM_DATA_PATH, RandomData } from '../../src/random-data.js';
import { MessageFlag } from '../../src/wire/constants.js';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { methodCall, signal } from '../../src/wire/messages/message.js';
import { variant } from '../../src/wire/variant.js';
import { launchService } from '../support/built.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith, type Program } from '../support/programs.js';
import { scratchDirectory } from '../support/reaper.js';
import { until } from '../support/waiting.js';

const suite = describeWith('dbus-daemon');
const ERROR = 'org.freedesktop.DBus.Error';
const target = { destination: RANDOM_DATA_BUS_NAME, path: RANDOM_DATA_PATH, interface: RandomData.name };
const NO_REPLY = MessageFlag.NO_REPLY_EXPECTED;

let bus: PrivateBus;
let service: Program;
let memoryFile: string;
let caller: Bus;
let owner: string | undefined;
beforeAll(async () => {
  bus = await startPrivateBus();
  memoryFile = join(scratchDirectory(), 'memory');
  const script = fileURLToPath(new URL('report-memory.mjs', import.meta.url));
  const env = { NODE_OPTIONS: `--expose-gc --import=${script}`, REPORT_MEMORY_TO: memoryFile };
  service = await launchService(bus, ['--interval', '500'], { env });
  await service.line(/^ready /);
});
afterAll(async () => {
  const ended = await service.stop();
  expect(ended).toMatchObject({ code: 0, stderr: '' }); // not even a warning
  await bus.stop();
});
beforeEach(async () => {
  caller = await connectToBus(bus.address);
  owner ??= await caller.getNameOwner(RANDOM_DATA_BUS_NAME);
});
afterEach(async () => {
  // The same process still owns the name and replies to another caller.
  const other = await connectToBus(bus.address);
  expect(await other.getNameOwner(RANDOM_DATA_BUS_NAME)).toBe(owner);
  const quick = { ...target, member: 'quick', signature: 'i', body: [8], replySignature: 's' } as const;
  const [number] = await other.call({ ...quick, timeout: 15_000 });
  expect(Number(number)).toBeLessThan(256);
  await Promise.all([other.close(), caller.close()]);
});

const call = (parts: object): Promise<readonly unknown[]> => caller.call({ ...target, ...parts } as never);
const errorOf = (parts: object): Promise<string> =>
  call(parts).then(
    (body) => `no error but ${JSON.stringify(body)}`,
    (error: DBusError) => error.errorName ?? String(error),
  );

/** The memory that the service has in use after a garbage collection, in MiB. */
async function usedMemory(): Promise<number> {
  rmSync(memoryFile, { force: true });
  service.kill('SIGUSR2');
  await until(() => existsSync(memoryFile), 'the service reports its memory');
  return Number(readFileSync(memoryFile, 'utf8')) / 2 ** 20;
}

suite('a hostile caller', () => {
  test.each([
    'toString', 'constructor', '__proto__', 'emit', 'hasOwnProperty', 'valueOf', 'then', 'methods', 'implement', 'on',
  ])('gets UnknownMethod for %s, a member of ordinary objects', async (member) => {
    expect(await errorOf({ member })).toBe(`${ERROR}.UnknownMethod`);
    expect(await errorOf({ member, interface: undefined })).toBe(`${ERROR}.UnknownMethod`);
    expect(await errorOf({ member, interface: 'org.freedesktop.DBus.Peer' })).toBe(`${ERROR}.UnknownMethod`);
    expect(await errorOf({ member, interface: 'org.freedesktop.DBus.Properties' })).toBe(`${ERROR}.UnknownMethod`);
  });

  test('gets InvalidArgs for wrong or missing arguments', async () => {
    const wrong: readonly (readonly [string, readonly unknown[]])[] = [
      ['s', ['8']], ['u', [8]], ['ii', [1, 1]], ['v', [variant('i', 8)]], ['ai', [[]]], ['(i)', [[8]]], ['a{sv}', [{}]],
      ['ay', [[8]]],
    ];
    for (const [signature, body] of wrong) {
      expect(await errorOf({ member: 'quick', signature, body })).toBe(`${ERROR}.InvalidArgs`);
      expect(await errorOf({ member: 'slow', signature, body })).toBe(`${ERROR}.InvalidArgs`);
    }
    expect(await errorOf({ member: 'slow_result' })).toBe(`${ERROR}.InvalidArgs`);
    expect(await errorOf({ member: 'slow_result', signature: 'i', body: [1] })).toBe(`${ERROR}.InvalidArgs`);
    expect(await errorOf({ member: 'slow_result', signature: 's', body: ['__proto__'] })).toBe(`${ERROR}.InvalidArgs`);
  });

  test('gets an error for wrong arguments of the standard interfaces', async () => {
    const properties = 'org.freedesktop.DBus.Properties';
    for (const member of ['Get', 'Set', 'GetAll']) {
      expect(await errorOf({ interface: properties, member })).toBe(`${ERROR}.InvalidArgs`);
      const wrong = { signature: 'iiv', body: [1, 2, variant('s', '')] };
      expect(await errorOf({ interface: properties, member, ...wrong })).toBe(`${ERROR}.InvalidArgs`);
    }
    const set = { interface: properties, member: 'Set', signature: 'ssv' };
    for (const name of ['constructor', '__proto__', 'x', '']) {
      const value = variant('s', 'x');
      expect(await errorOf({ ...set, body: [RandomData.name, name, value] })).toBe(`${ERROR}.UnknownProperty`);
      expect(await errorOf({ ...set, body: ['__proto__', name, value] })).toBe(`${ERROR}.UnknownInterface`);
      expect(await errorOf({ ...set, body: ['', name, value] })).toBe(`${ERROR}.UnknownProperty`);
    }
    const introspectable = { interface: 'org.freedesktop.DBus.Introspectable', member: 'Introspect' };
    expect(await errorOf({ ...introspectable, signature: 's', body: ['x'] })).toBe(`${ERROR}.InvalidArgs`);
    expect(await errorOf({ ...introspectable, path: '/nowhere' })).toBe(`${ERROR}.UnknownObject`);
  });

  test('gets an error for an unknown path or interface', async () => {
    expect(await errorOf({ path: '/', member: 'quick' })).toBe(`${ERROR}.UnknownInterface`);
    expect(await errorOf({ path: '/x', member: 'quick' })).toBe(`${ERROR}.UnknownObject`);
    expect(await errorOf({ interface: 'com.example.X', member: 'quick' })).toBe(`${ERROR}.UnknownInterface`);
    expect(await call({ path: '/x', interface: 'org.freedesktop.DBus.Peer', member: 'Ping' })).toEqual([]);
  });

  test('gets an error for 64 MiB of wrong arguments', async () => {
    const body = [new Uint8Array(2 ** 26)];
    expect(await errorOf({ member: 'quick', signature: 'ay', body })).toBe(`${ERROR}.InvalidArgs`);
    const text = { signature: 's', body: ['x'.repeat(2 ** 24)] };
    expect(await errorOf({ member: 'slow_result', ...text })).toBe(`${ERROR}.InvalidArgs`);
    expect(await errorOf({ path: `/${'a'.repeat(2 ** 20)}`, member: 'quick' })).toBe(`${ERROR}.UnknownObject`);
  });

  test('gets an error for deeply nested arguments', async () => {
    let value: unknown = variant('y', 1);
    for (let depth = 0; depth < 60; depth++) value = variant('v', value as never);
    expect(await errorOf({ member: 'quick', signature: 'v', body: [value] })).toBe(`${ERROR}.InvalidArgs`);
  });

  test('changes nothing with signals to the service and unknown flags', async () => {
    for (let index = 0; index < 100; index++) {
      caller.send(signal({ ...target, member: 'slow_result', signature: 'ss', body: ['', ''] }));
      caller.send({ ...methodCall({ ...target, member: 'quick' }), flags: 0xf0 | NO_REPLY });
    }
    expect(await call({ member: 'quick' })).toHaveLength(1);
  });

  test('gets 10,000 replies to 10,000 calls at once', async () => {
    const quick = { member: 'quick', signature: 'i', body: [64] };
    const numbers = await Promise.all(Array.from({ length: 10_000 }, () => call(quick)));
    expect(new Set(numbers.flat()).size).toBe(10_000);
  });

  test('leaves little memory in use after 1,000 calls for long numbers at once', async () => {
    const before = await usedMemory();
    const numbers = await Promise.all(
      Array.from({ length: 1000 }, () => call({ member: 'quick', signature: 'i', body: [65_536], timeout: Infinity })),
    );
    expect(numbers.flat().every((number) => (number as string).length > 19_700)).toBe(true);
    expect(await usedMemory()).toBeLessThan(before + 64);
  });

  test('gets no reply to 20,000 calls that ask for none', async () => {
    const before = caller.connection.dropped.get('unexpected reply') ?? 0;
    for (let index = 0; index < 20_000; index++) {
      caller.send(methodCall({ ...target, member: index % 2 === 0 ? 'quick' : 'nope', flags: NO_REPLY }));
    }
    await call({ member: 'quick' });
    expect(caller.connection.dropped.get('unexpected reply') ?? 0).toBe(before);
  });

  test('may disconnect with calls in progress', async () => {
    for (let round = 0; round < 5; round++) {
      const leaving = await connectToBus(bus.address);
      for (let index = 0; index < 200; index++) {
        leaving.send(methodCall({ ...target, member: 'quick', signature: 'i', body: [4096] }));
        leaving.send(methodCall({ ...target, member: 'slow', signature: 'i', body: [1] }));
      }
      await new Promise((resolve) => setImmediate(resolve));
      await leaving.close({ timeout: 0 });
    }
  });

  test('that never reads its replies does not hold back the replies of others', async () => {
    const before = await usedMemory();
    const uid = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
    const hello = methodCall({ destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', member: 'Hello' });
    const ask = methodCall({ ...target, member: 'quick', signature: 'i', body: [65_536] });
    const deaf = connect(bus.socketPath);
    deaf.write(`\0AUTH EXTERNAL ${uid}\r\nBEGIN\r\n`);
    deaf.write(encodeMessage(hello, { serial: 1 }));
    for (let serial = 2; serial < 1000; serial++) deaf.write(encodeMessage(ask, { serial }));
    await new Promise((resolve) => deaf.write(encodeMessage(ask, { serial: 1000 }), resolve));
    expect(await call({ member: 'quick', signature: 'i', body: [8] })).toHaveLength(1);
    expect(await usedMemory()).toBeLessThan(before + 64);
    deaf.destroy();
  });

  test('leaves no memory in use after a flood of wrong calls', async () => {
    const flood = async (): Promise<void> => {
      const text = { signature: 's', body: ['x'.repeat(200)] };
      await Promise.all(Array.from({ length: 5000 }, (_, index) => errorOf({ member: `Nope${index}`, ...text })));
      for (let index = 0; index < 2000; index++) {
        await errorOf({ path: `/p${index}`, interface: `com.example.I${index}`, member: 'X' });
      }
    };
    await flood();
    const before = await usedMemory();
    await flood();
    await flood();
    expect(await usedMemory()).toBeLessThan(1.5 * before);
  }, 60_000);

  test('cannot start more slow jobs than may run', async () => {
    // The jobs of the callers that disconnected end before a job of this caller does.
    const slow = { member: 'slow', signature: 'i', body: [1] };
    await until(async () => !(await errorOf(slow)).endsWith('LimitsExceeded'), 'a job starts');
    const [id] = await call(slow);
    const result = { member: 'slow_result', signature: 's', body: [id] };
    await until(async () => (await call(result))[0] !== '', 'the job ends');
    const outcomes = await Promise.all(
      Array.from({ length: 3 * MAX_SLOW_JOBS }, () => errorOf({ member: 'slow', signature: 'i', body: [40] })),
    );
    const refused = outcomes.filter((outcome) => outcome === `${ERROR}.LimitsExceeded`).length;
    expect(refused).toBe(2 * MAX_SLOW_JOBS);
  });
});
