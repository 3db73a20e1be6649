// Our message bus and the fuzzer's messages: what the second implementation of the format refuses ends its sender, and
// nothing ends anybody else. Specification: Message Format. The bytes: test/fuzz/.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { NO_ACTIVATOR } from '../../src/message-bus/activator.js';
import type { BusCore } from '../../src/message-bus/bus-core.js';
import { type RunningMessageBus, startBusWith } from '../../src/message-bus/start.js';
import { encodeMessage } from '../../src/wire/index.js';
import { loadCorpus } from '../fuzz/corpus.js';
import { generateMessage } from '../fuzz/generate.js';
import { mutate } from '../fuzz/mutate.js';
import { Random } from '../fuzz/random.js';
import { Refused, referenceDecode, referenceFrames } from '../fuzz/reference.js';
import { extent } from '../support/extent.js';
import { RawClient } from '../support/raw-client.js';
import { seededRandom } from './seeded.js';

const CASES = extent(100, 500);
const corpus = loadCorpus(new URL('../../', import.meta.url));
const warnings: Error[] = [];
const keepWarning = (warning: Error): void => void warnings.push(warning);

let bus: RunningMessageBus;
let core: BusCore;
let witness: RawClient;
beforeAll(async () => {
  process.on('warning', keepWarning);
  bus = await startBusWith({}, {
    activator: (state) => {
      core = state;
      return NO_ACTIVATOR;
    },
  });
  witness = await RawClient.registered(bus.address);
});
afterAll(async () => {
  process.off('warning', keepWarning);
  await bus.close();
});

/** Random messages, and captured or random ones with a few things changed. */
function bytesOf(random: Random): Uint8Array {
  const original = random.chance(0.5)
    ? random.pick(corpus)
    : encodeMessage(generateMessage(random).input, { serial: 1 + random.below(1_000) }).slice();
  return random.chance(0.1) ? original : mutate(random, original, random.pick(corpus));
}

/** Whether the second implementation refuses the stream, or one of its messages. */
function isRefused(bytes: Uint8Array): boolean {
  const { frames, end } = referenceFrames(bytes);
  if (end === 'broken') return true;
  return frames.some((frame) => {
    try {
      referenceDecode(frame);
      return false;
    } catch (error) {
      if (error instanceof Refused) return true;
      throw error;
    }
  });
}

test('the message bus disconnects each sender of invalid bytes, and no other client', async () => {
  const seed = seededRandom().below(2 ** 31);
  let refused = 0;
  for (let caseNumber = 0; caseNumber < CASES; caseNumber++) {
    const bytes = bytesOf(new Random(seed, caseNumber));
    await using client = await RawClient.registered(bus.address);
    client.sendBytes(bytes);
    client.transport.flush();
    if (!isRefused(bytes)) continue;
    refused++;
    let timer: NodeJS.Timeout | undefined;
    const stays = new Promise((_, reject) => {
      const hex = Buffer.from(bytes).toString('hex');
      timer = setTimeout(() => reject(new Error(`case ${caseNumber} of seed ${seed} stays: ${hex}`)), 20_000);
    });
    await Promise.race([client.ended, stays]);
    clearTimeout(timer);
  }
  expect(refused).toBeGreaterThan(CASES / 10);
  await witness.sync();
  while (core.connected.size > 1) await witness.sync();
  const { delivery, names, clients, replies } = core;
  expect({ clients: clients.size, names: names.size, rules: delivery.rules.size, calls: replies.callerCount }).toEqual({
    clients: 1, names: 0, rules: 0, calls: 0,
  });
  expect(warnings).toEqual([]);
});
