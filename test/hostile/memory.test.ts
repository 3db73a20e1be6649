// Messages that are many values for their bytes: a receiver with a limit of values and a small heap survives them, and
// its error names the limit. The types are random ones whose values can be zeros, and variants inside each other.
// memory.heavy.test.ts has the longest messages and the default limits.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Random } from '../fuzz/random.js';
import { startFakeServer } from '../connection/fake-server.js';
import { extent, heavyTest } from '../support/extent.js';
import { scratchDirectory } from '../support/reaper.js';
import { until } from '../support/waiting.js';
import { callTaking, refusalsOf, rejectionsOf, signalWith } from './attacks.js';
import { seededRandom } from './seeded.js';
import { startVictim } from './victim.js';
import { type Body, deepVariants, randomManyZeros, zerosOf } from './zeros.js';

const MIB = 2 ** 20;
const MAX_VALUES = 10_000;
const OPTIONS = { connection: { maxValues: MAX_VALUES } };
const manyOf = (random: Random): Body[] => Array.from({ length: extent(3, 12) }, () => randomManyZeros(random, MIB));

test('a service refuses a call with more values than it allows', async () => {
  const bodies = manyOf(seededRandom());
  await using server = await startFakeServer();
  await using service = await startVictim('handler', { peer: server.address }, OPTIONS);
  const refusals = await refusalsOf(await server.peer(), bodies);
  for (const [i, refusal] of refusals.entries()) {
    expect(refusal, bodies[i]?.signature).toMatch(/more than 10000 values: there must be at most 10000 \(maxValues\)/);
  }
  await service.survives();
});

heavyTest('a call rejects if its reply has more values than the client allows', async () => {
  const bodies = manyOf(seededRandom());
  await using server = await startFakeServer();
  await using client = await startVictim('client', { peer: server.address }, OPTIONS);
  const rejections = await rejectionsOf(client, await server.peer(), bodies);
  expect(rejections).toEqual(bodies.map(({ signature }) => [signature, 'TOO_MANY_VALUES']));
  await client.survives();
});

heavyTest('the wire library rejects each message with more values than its options allow, and reads on', async () => {
  const bodies = manyOf(seededRandom());
  const file = join(scratchDirectory(), 'messages');
  writeFileSync(file, Buffer.concat(bodies.map((body, i) => callTaking(body, i + 1))));
  await using wire = await startVictim('wire');
  expect(await wire.ask('read', file, { maxValues: MAX_VALUES })).toEqual({
    messages: 0, invalid: bodies.map(() => 'TOO_MANY_VALUES'),
  });
  await wire.survives();
});

heavyTest('values inside more than 64 variants are refused, however many variants there are', async () => {
  await using server = await startFakeServer();
  await using service = await startVictim('handler', { peer: server.address });
  const bodies = [65, 66, 100, 1_000, 100_000, 2_000_000].map((depth) => deepVariants(depth));
  const refusals = await refusalsOf(await server.peer(), bodies);
  for (const refusal of refusals) expect(refusal).toMatch(/containers/);
  await service.survives();
});

heavyTest('a subscription that nobody reads keeps no more bytes than the limit of its queue', async () => {
  const COUNT = 400;
  const KEPT = 8;
  const body = zerosOf('a{sv}', 20_000);
  await using server = await startFakeServer();
  await using client = await startVictim('client', { peer: server.address });
  const peer = await server.peer();
  const options = { queueLimit: COUNT, queueBytes: (KEPT + 0.5) * (body.bytes.length + 100) }; // a header has about 100
  await client.ask('subscribe', { member: 'Happened' }, options);
  const { memory: before } = await client.report();
  for (let i = 0; i < COUNT; i++) peer.send(signalWith(body, i + 1));
  await until(async () => await client.ask<number>('droppedBy', 0) === COUNT - KEPT, 'all but a few are dropped');
  const { memory, dropped } = await client.report();
  expect(dropped).toEqual({ 'queue overflow': COUNT - KEPT });
  expect(memory - before).toBeLessThan((KEPT + 1) * 24 * body.bytes.length);
  expect(await client.ask('received', 0, KEPT)).toBe(KEPT);
  await client.survives();
});
