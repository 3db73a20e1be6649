// Hostile callers of the service program: whatever they send, it replies to others. hostile.heavy.test.ts shows that
// its memory is bounded.

import { expect, test } from 'vitest';
import { connectToBus } from '../../src/connection/open-bus.js';
import { MAX_SLOW_JOBS_PER_CALLER, RandomData } from '../../src/random-data.js';
import { MessageFlag } from '../../src/wire/constants.js';
import { methodCall, signal } from '../../src/wire/messages/message.js';
import { variant } from '../../src/wire/variant.js';
import { extent } from '../support/extent.js';
import { describeWith } from '../support/programs.js';
import { until } from '../support/waiting.js';
import { type Attack, target, useAttackedService } from './attacked-service.js';

const ERROR = 'org.freedesktop.DBus.Error';
const NO_REPLY = MessageFlag.NO_REPLY_EXPECTED;

describeWith('dbus-daemon')('a hostile caller', () => {
  let bus: Attack['bus'];
  let caller: Attack['caller'];
  let call: Attack['call'];
  let errorOf: Attack['errorOf'];
  useAttackedService((attack) => {
    ({ bus, caller, call, errorOf } = attack);
  });

  test.each([
    'toString', 'constructor', '__proto__', 'emit', 'hasOwnProperty', 'valueOf', 'then', 'methods', 'implement', 'on',
  ])('gets UnknownMethod for %s, a member of every object', async (member) => {
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

  test('gets an error for deeply nested arguments', async () => {
    let value: unknown = variant('y', 1);
    for (let depth = 0; depth < 60; depth++) value = variant('v', value as never);
    expect(await errorOf({ member: 'quick', signature: 'v', body: [value] })).toBe(`${ERROR}.InvalidArgs`);
  });

  test('cannot affect the service with signals and unknown flags', async () => {
    for (let index = 0; index < 100; index++) {
      caller.send(signal({ ...target, member: 'slow_result', signature: 'ss', body: ['', ''] }));
      caller.send({ ...methodCall({ ...target, member: 'quick' }), flags: 0xf0 | NO_REPLY });
    }
    expect(await call({ member: 'quick' })).toHaveLength(1);
  });

  test('gets a reply to each of thousands of calls at once', async () => {
    const count = extent(2_000, 10_000);
    const quick = { member: 'quick', signature: 'i', body: [64] };
    const numbers = await Promise.all(Array.from({ length: count }, () => call(quick)));
    expect(new Set(numbers.flat()).size).toBe(count);
  });

  test('gets no reply to thousands of calls with NO_REPLY_EXPECTED', async () => {
    const before = caller.dropped.get('unexpected reply') ?? 0;
    for (let index = 0; index < extent(3_000, 20_000); index++) {
      caller.send(methodCall({ ...target, member: index % 2 === 0 ? 'quick' : 'nope', flags: NO_REPLY }));
    }
    await call({ member: 'quick' });
    expect(caller.dropped.get('unexpected reply') ?? 0).toBe(before);
  });

  test('can disconnect with calls in progress', async () => {
    for (let round = 0; round < extent(2, 5); round++) {
      const leaving = await connectToBus(bus.address);
      for (let index = 0; index < 200; index++) {
        leaving.send(methodCall({ ...target, member: 'quick', signature: 'i', body: [4096] }));
        leaving.send(methodCall({ ...target, member: 'slow', signature: 'i', body: [1] }));
      }
      await new Promise((resolve) => setImmediate(resolve));
      await leaving.close({ timeout: 0 });
    }
  });

  test('cannot start more slow jobs than one caller may have', async () => {
    // The jobs of the callers that disconnected end before a job of this caller does.
    const slow = { member: 'slow', signature: 'i', body: [1] };
    await until(async () => !(await errorOf(slow)).endsWith('LimitsExceeded'), 'a job starts');
    const [id] = await call(slow);
    const result = { member: 'slow_result', signature: 's', body: [id] };
    await until(async () => (await call(result))[0] !== '', 'the job ends');
    const outcomes = await Promise.all(
      Array.from({ length: 3 * MAX_SLOW_JOBS_PER_CALLER }, () => errorOf({ member: 'slow', signature: 'i', body: [3600] })),
    );
    const refused = outcomes.filter((outcome) => outcome === `${ERROR}.LimitsExceeded`).length;
    expect(refused).toBe(2 * MAX_SLOW_JOBS_PER_CALLER);
  });
});
