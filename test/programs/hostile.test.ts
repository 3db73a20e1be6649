// Callers who mean harm, against the service program: whatever they send, it serves others, and its memory is bounded.

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, afterEach, expect, test } from 'vitest';
import { type Bus, connectToBus } from '../../src/connection/bus.js';
import type { DBusError } from '../../src/protocol/errors.js';
import { MAX_SLOW_JOBS, RANDOM_DATA_BUS_NAME, RANDOM_DATA_PATH, RandomData } from '../../src/random-data.js';
import { MessageFlag } from '../../src/wire/constants.js';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { methodCall, signal } from '../../src/wire/messages/message.js';
import { variant } from '../../src/wire/variant.js';
import { startService } from '../support/built.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith, type Program } from '../support/programs.js';

const suite = describeWith('dbus-daemon');
const ERROR = 'org.freedesktop.DBus.Error';
const target = { destination: RANDOM_DATA_BUS_NAME, path: RANDOM_DATA_PATH, interface: RandomData.name };
const NO_REPLY = MessageFlag.NO_REPLY_EXPECTED;

let bus: PrivateBus;
let service: Program;
let caller: Bus;
let owner: string | undefined;
beforeAll(async () => {
  bus = await startPrivateBus();
  service = await startService(bus, ['--interval', '500']);
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
  // The service that was there before is there, and answers another caller.
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

/** Resident memory of the service, in MiB. */
function residentMemory(): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${service.pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) / 1024;
}

suite('a caller', () => {
  test.each([
    'toString', 'constructor', '__proto__', 'emit', 'hasOwnProperty', 'valueOf', 'then', 'methods', 'implement', 'on',
  ])('of %s finds no such method', async (member) => {
    expect(await errorOf({ member })).toBe(`${ERROR}.UnknownMethod`);
    expect(await errorOf({ member, interface: undefined })).toBe(`${ERROR}.UnknownMethod`);
    expect(await errorOf({ member, interface: 'org.freedesktop.DBus.Peer' })).toBe(`${ERROR}.UnknownMethod`);
    expect(await errorOf({ member, interface: 'org.freedesktop.DBus.Properties' })).toBe(`${ERROR}.UnknownMethod`);
  });

  test('with wrong arguments, or none, is told so', async () => {
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

  test('of the standard interfaces with wrong arguments is told so', async () => {
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

  test('who knows nothing but the name is told what is there', async () => {
    expect(await errorOf({ path: '/', member: 'quick' })).toBe(`${ERROR}.UnknownInterface`);
    expect(await errorOf({ path: '/x', member: 'quick' })).toBe(`${ERROR}.UnknownObject`);
    expect(await errorOf({ interface: 'com.example.X', member: 'quick' })).toBe(`${ERROR}.UnknownInterface`);
    expect(await call({ path: '/x', interface: 'org.freedesktop.DBus.Peer', member: 'Ping' })).toEqual([]);
  });

  test('with 64 MiB of arguments is told that they are wrong', async () => {
    const body = [new Uint8Array(2 ** 26)];
    expect(await errorOf({ member: 'quick', signature: 'ay', body })).toBe(`${ERROR}.InvalidArgs`);
    const text = { signature: 's', body: ['x'.repeat(2 ** 24)] };
    expect(await errorOf({ member: 'slow_result', ...text })).toBe(`${ERROR}.InvalidArgs`);
    expect(await errorOf({ path: `/${'a'.repeat(2 ** 20)}`, member: 'quick' })).toBe(`${ERROR}.UnknownObject`);
  });

  test('with deep nesting is told that it is wrong', async () => {
    let value: unknown = variant('y', 1);
    for (let depth = 0; depth < 60; depth++) value = variant('v', value as never);
    expect(await errorOf({ member: 'quick', signature: 'v', body: [value] })).toBe(`${ERROR}.InvalidArgs`);
  });

  test('who sends signals, replies to nothing, and unknown flags is not heard', async () => {
    for (let index = 0; index < 100; index++) {
      caller.send(signal({ ...target, member: 'slow_result', signature: 'ss', body: ['', ''] }));
      caller.send({ ...methodCall({ ...target, member: 'quick' }), flags: 0xf0 | NO_REPLY });
    }
    expect(await call({ member: 'quick' })).toHaveLength(1);
  });

  test('who asks 10,000 times at once gets 10,000 answers', async () => {
    const quick = { member: 'quick', signature: 'i', body: [64] };
    const numbers = await Promise.all(Array.from({ length: 10_000 }, () => call(quick)));
    expect(new Set(numbers.flat()).size).toBe(10_000);
  });

  test('who asks for long numbers faster than they can be made waits, and costs no memory to speak of', async () => {
    const before = residentMemory();
    const numbers = await Promise.all(
      Array.from({ length: 1000 }, () => call({ member: 'quick', signature: 'i', body: [65_536], timeout: Infinity })),
    );
    expect(numbers.flat().every((number) => (number as string).length > 19_700)).toBe(true);
    expect(residentMemory() - before).toBeLessThan(100);
  });

  test('who wants no reply gets none, however often', async () => {
    const before = caller.connection.dropped.get('unexpected reply') ?? 0;
    for (let index = 0; index < 20_000; index++) {
      caller.send(methodCall({ ...target, member: index % 2 === 0 ? 'quick' : 'nope', flags: NO_REPLY }));
    }
    await call({ member: 'quick' });
    expect(caller.connection.dropped.get('unexpected reply') ?? 0).toBe(before);
  });

  test('who leaves in the middle of calls is not missed', async () => {
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

  test('who never reads the answers does not keep others from theirs', async () => {
    const before = residentMemory();
    const uid = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
    const hello = methodCall({ destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', member: 'Hello' });
    const ask = methodCall({ ...target, member: 'quick', signature: 'i', body: [65_536] });
    const deaf = connect(bus.socketPath);
    deaf.write(`\0AUTH EXTERNAL ${uid}\r\nBEGIN\r\n`);
    deaf.write(encodeMessage(hello, { serial: 1 }));
    for (let serial = 2; serial < 1000; serial++) deaf.write(encodeMessage(ask, { serial }));
    await new Promise((resolve) => deaf.write(encodeMessage(ask, { serial: 1000 }), resolve));
    expect(await call({ member: 'quick', signature: 'i', body: [8] })).toHaveLength(1);
    expect(residentMemory() - before).toBeLessThan(100);
    deaf.destroy();
  });

  test('who floods for a while leaves no memory behind', async () => {
    const flood = async (): Promise<void> => {
      const text = { signature: 's', body: ['x'.repeat(200)] };
      await Promise.all(Array.from({ length: 5000 }, (_, index) => errorOf({ member: `Nope${index}`, ...text })));
      for (let index = 0; index < 2000; index++) {
        await errorOf({ path: `/p${index}`, interface: `com.example.I${index}`, member: 'X' });
      }
    };
    await flood();
    const before = residentMemory();
    await flood();
    await flood();
    expect(residentMemory() - before).toBeLessThan(40);
  }, 60_000);

  test('who starts as many slow jobs as it can gets no more than there may be', async () => {
    await new Promise((resolve) => setTimeout(resolve, 800)); // the jobs of those who left end
    const outcomes = await Promise.all(
      Array.from({ length: 3 * MAX_SLOW_JOBS }, () => errorOf({ member: 'slow', signature: 'i', body: [40] })),
    );
    const refused = outcomes.filter((outcome) => outcome === `${ERROR}.LimitsExceeded`).length;
    expect(refused).toBe(2 * MAX_SLOW_JOBS);
  });
});
