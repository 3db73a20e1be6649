// The longest messages with the most values, random types of 60 MiB, at the default limits of a connection: a program
// with a heap of 1 GiB survives them, and its error names the limit. The suite of memory.test.ts, which has small limits
// and a small heap, runs here with a client and more messages; worst-messages.heavy.test.ts has the wire library.
import { expect, test } from 'vitest';
import { connect, type Socket } from 'node:net';
import { connectToBus } from '../../src/connection/open-bus.js';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { methodCall } from '../../src/wire/messages/message.js';
import { startFakeServer } from '../connection/fake-server.js';
import { rawMessage } from '../connection/raw-message.js';
import { startPrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { until } from '../support/waiting.js';
import { refusalsOf, rejectionsOf } from './attacks.js';
import { seededRandom } from './seeded.js';
import { startVictim } from './victim.js';
import { type Body, randomManyZeros, zerosOf } from './zeros.js';
import './memory.test.js';

const LENGTH = 60 * 2 ** 20;
const HEAP = { heap: 1024 };

/** Types that have been the worst, and random ones. */
function bodies(): Body[] {
  const random = seededRandom();
  const worst = ['a{sv}', 'ay', 'as', '(y)', '{uy}'].map((element) => zerosOf(element, LENGTH));
  return [...worst, ...Array.from({ length: 8 }, () => randomManyZeros(random, LENGTH))];
}

test('a service refuses a call with too many values in 60 MiB', async () => {
  const attacks = bodies();
  await using server = await startFakeServer();
  await using service = await startVictim('handler', { peer: server.address }, HEAP);
  const refusals = await refusalsOf(await server.peer(), attacks);
  for (const [i, refusal] of refusals.entries()) expect(refusal, attacks[i]?.signature).toMatch(/\(maxValues\)/);
  await service.survives();
}, 280_000);

test('a call rejects if its reply has too many values in 60 MiB', async () => {
  const attacks = bodies();
  await using server = await startFakeServer();
  await using client = await startVictim('client', { peer: server.address }, HEAP);
  const rejections = await rejectionsOf(client, await server.peer(), attacks);
  expect(rejections).toEqual(attacks.map(({ signature }) => [signature, 'TOO_MANY_VALUES']));
  await client.survives();
}, 280_000);

describeWith('dbus-daemon')('on a bus,', () => {
  test('callers with long calls in progress use a bounded share of the memory', async () => {
    const TARGET = { destination: 'com.example.Victim', path: '/victim', interface: 'com.example.Victim' } as const;
    await using daemon = await startPrivateBus();
    await using service = await startVictim('service', { bus: daemon.address }, HEAP);
    await using other = await connectToBus(daemon.address);
    const { bytes, signature } = zerosOf('a{sv}', 2 ** 20); // 25 MB of values
    const CALLS = 15;
    const attackers: Socket[] = [];
    for (let attacker = 1; attacker <= 3; attacker++) {
      const socket = connect(daemon.socketPath);
      attackers.push(socket);
      socket.resume();
      const uid = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
      const path = '/org/freedesktop/DBus';
      const hello = methodCall({ destination: 'org.freedesktop.DBus', path, member: 'Hello' });
      socket.write(`\0AUTH EXTERNAL ${uid}\r\nBEGIN\r\n`);
      socket.write(encodeMessage(hello, { serial: 1 }));
      for (let serial = 2; serial < 2 + CALLS; serial++) {
        socket.write(rawMessage({
          type: 1, serial, body: bytes,
          fields: [
            [1, 'o', TARGET.path], [2, 's', TARGET.interface], [3, 's', 'Keep'], [6, 's', TARGET.destination],
            [8, 'g', signature],
          ],
        }));
      }
      const echo = { ...TARGET, member: 'Echo', signature: 's', body: ['other'], timeout: 50_000 };
      expect(await other.call(echo)).toEqual(['other']);
    }
    const kept = async (): Promise<number> => (await service.ask<{ readonly kept: number }>('counts')).kept;
    await until(async () => await kept() >= 20, 'two shares are taken');
    for (const socket of attackers) socket.destroy();
    const { memory, closed } = await service.report();
    expect(closed).toBe(false);
    expect(memory).toBeLessThan(600 * 2 ** 20);
    await until(async () => (await service.report()).memory < 100 * 2 ** 20, 'the memory is given back');
    expect(await kept()).toBeLessThan(2 * CALLS);
    await service.survives();
  }, 280_000);
});
