// The longest messages with the most values, random types of 60 MiB, at the default limits of a connection: a program
// with a heap of 1 GiB survives them, and its error names the limit. memory.test.ts has small limits and a small heap;
// worst-messages.heavy.test.ts has the wire library.
import { expect, test } from 'vitest';
import { startFakeServer } from '../connection/fake-server.js';
import { refusalsOf, rejectionsOf } from './attacks.js';
import { seededRandom } from './seeded.js';
import { startVictim } from './victim.js';
import { type Body, randomManyZeros, zerosOf } from './zeros.js';

const LENGTH = 60 * 2 ** 20;
const HEAP = { heap: 1024 };

/** Types that have been the worst, and random ones. */
function bodies(): Body[] {
  const random = seededRandom();
  const worst = ['a{sv}', 'ay', 'as', '(y)', '{uy}'].map((element) => zerosOf(element, LENGTH));
  return [...worst, ...Array.from({ length: 8 }, () => randomManyZeros(random, LENGTH))];
}

test('a service answers that there are too many values in 60 MiB', async () => {
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
