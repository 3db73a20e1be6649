// Hostile callers that flood the service program, or never read its replies: its memory is bounded. And the suite of
// hostile.test.ts with more calls.

import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { methodCall } from '../../src/wire/messages/message.js';
import { memoryInUseBy, MIB } from '../support/memory.js';
import { describeWith } from '../support/programs.js';
import { type Attack, target, useAttackedService } from './attacked-service.js';
import './hostile.test.js';

const ERROR = 'org.freedesktop.DBus.Error';

describeWith('dbus-daemon')('a hostile caller', () => {
  let bus: Attack['bus'];
  let service: Attack['service'];
  let call: Attack['call'];
  let errorOf: Attack['errorOf'];
  useAttackedService((attack) => {
    ({ bus, service, call, errorOf } = attack);
  });

  const usedMemory = async (): Promise<number> => await memoryInUseBy(service) / MIB;

  test('gets an error for 64 MiB of wrong arguments', async () => {
    const body = [new Uint8Array(2 ** 26)];
    expect(await errorOf({ member: 'quick', signature: 'ay', body })).toBe(`${ERROR}.InvalidArgs`);
    const text = { signature: 's', body: ['x'.repeat(2 ** 24)] };
    expect(await errorOf({ member: 'slow_result', ...text })).toBe(`${ERROR}.InvalidArgs`);
    expect(await errorOf({ path: `/${'a'.repeat(2 ** 20)}`, member: 'quick' })).toBe(`${ERROR}.UnknownObject`);
  });

  test('leaves little memory in use after 1,000 calls for long numbers at once', async () => {
    const before = await usedMemory();
    const numbers = await Promise.all(
      Array.from({ length: 1000 }, () => call({ member: 'quick', signature: 'i', body: [65_536], timeout: Infinity })),
    );
    expect(numbers.flat().every((number) => (number as string).length > 19_700)).toBe(true);
    expect(await usedMemory()).toBeLessThan(before + 64);
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
  });
});
