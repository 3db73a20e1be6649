// Messages that nobody wants cost about their bytes: their bodies do not become values. Random bodies that are many
// values for their bytes are sent to a service, to a client and to the wire library, each in a process of its own. The
// tests assert replies, counts, and that there is no garbage, which values would leave.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Random } from '../fuzz/random.js';
import { type FakePeer, startFakeServer } from '../connection/fake-server.js';
import { type RawField, rawMessage } from '../connection/raw-message.js';
import { extent, heavyTest, some } from '../support/extent.js';
import { scratchDirectory } from '../support/reaper.js';
import { seededRandom } from './seeded.js';
import { startVictim, type Victim } from './victim.js';
import { type Body, randomZeros, zerosOf } from './zeros.js';

const MEMBERS = extent(8, 24);
const LENGTH = 2 ** 18;

/** The most garbage collections that MEMBERS messages may cause. If they were decoded, 8 would cause over 6, 24 over 20. */
const FEW = extent(2, 6);

const call = (path: string, name: string, member: string): RawField[] =>
  [[1, 'o', path], [2, 's', name], [3, 's', member], [7, 's', ':1.9']];

/** Messages that nobody wants: their type, their header fields, and the error with which a service answers. */
const UNWANTED: Readonly<Record<string, readonly [type: number, fields: readonly RawField[], error?: string]>> = {
  'a call of an unknown object': [1, call('/nowhere', 'com.example.Victim', 'Echo'), 'UnknownObject'],
  'a call of an unknown interface': [1, call('/victim', 'com.example.Nothing', 'Echo'), 'UnknownInterface'],
  'a call of an unknown method': [1, call('/victim', 'com.example.Victim', 'Nothing'), 'UnknownMethod'],
  'a call with a wrong signature': [1, call('/victim', 'com.example.Victim', 'Echo'), 'InvalidArgs'],
  'a call of Get with a wrong signature':
    [1, call('/victim', 'org.freedesktop.DBus.Properties', 'Get'), 'InvalidArgs'],
  'a signal without a subscription': [4, call('/victim', 'com.example.Victim', 'Unasked')],
  'a signal to us without a subscription': [4, [...call('/x', 'com.example.Victim', 'Unasked'), [6, 's', ':1.7']]],
  'a reply': [2, [[5, 'u', 4_000_000_000], [7, 's', ':1.9']]],
  'an error': [3, [[4, 's', 'com.example.Error'], [5, 'u', 4_000_000_000], [7, 's', ':1.9']]],
  'a message of an unknown type': [77, []],
};

function unwanted(what: string, random: Random, serial: number, body: Body = randomZeros(random, LENGTH)): Buffer {
  const [type, fields] = UNWANTED[what]!; // one of its keys
  return rawMessage({ type, fields: [...fields, [8, 'g', body.signature]], body: body.bytes, serial });
}

/** Resolves when the program has answered a call of its Peer interface, which it does after all messages before. */
async function answered(peer: FakePeer, serial: number): Promise<void> {
  const fields: RawField[] = [[1, 'o', '/'], [2, 's', 'org.freedesktop.DBus.Peer'], [3, 's', 'Ping']];
  peer.send(rawMessage({ type: 1, fields, serial }));
  await peer.reply(serial);
}

describe('messages that nobody wants', () => {
  test.each(some(['service', 'client'] as const, 2))('leave no garbage in a %s', async (role) => {
    const random = seededRandom();
    await using server = await startFakeServer();
    await using victim = await startVictim(role, { peer: server.address });
    const peer = await server.peer();
    await answered(peer, 1);
    let serial = 1;
    let before = await victim.report();
    for (const [what, [type, , error]] of Object.entries(UNWANTED)) {
      const first = serial + 1;
      for (let i = 0; i < MEMBERS; i++) peer.send(unwanted(what, random, ++serial));
      await answered(peer, ++serial);
      const after = await victim.report();
      expect(after.collections - before.collections, what).toBeLessThanOrEqual(FEW);
      const count = (reason: string): number => (after.dropped[reason] ?? 0) - (before.dropped[reason] ?? 0);
      if (type === 2 || type === 3) expect(count('unexpected reply'), what).toBe(MEMBERS);
      if (type === 77) expect(count('unknown message type'), what).toBe(MEMBERS);
      before = after;
      if (type !== 1) continue;
      const replies = peer.messages.filter(({ replySerial = 0 }) => replySerial >= first && replySerial < serial);
      expect(replies, what).toHaveLength(MEMBERS);
      const name = `org.freedesktop.DBus.Error.${role === 'service' ? error : 'UnknownObject'}`;
      for (const reply of replies) expect(reply, what).toMatchObject({ type: 'error', errorName: name });
    }
    await victim.survives();
  });

  heavyTest('leave garbage if a subscription wants them, which shows that the test can see garbage', async () => {
    await using server = await startFakeServer();
    // Values of about 25 MiB for each message: room for several, since garbage is counted here, not survival.
    await using victim = await startVictim('client', { peer: server.address }, { heap: 256 });
    const peer = await server.peer();
    await victim.ask('subscribe', { member: 'Unasked' }, { queueLimit: 1 });
    const before = await victim.report();
    const random = seededRandom();
    const body = zerosOf('a{sv}', LENGTH);
    for (let i = 0; i < MEMBERS; i++) peer.send(unwanted('a signal without a subscription', random, i + 1, body));
    await answered(peer, MEMBERS + 1);
    expect((await victim.report()).collections - before.collections).toBeGreaterThan(2 * FEW);
    await victim.survives();
  });

  heavyTest('are checked by the wire library without garbage', async () => {
    const random = seededRandom();
    const directory = scratchDirectory();
    await using victim: Victim = await startVictim('wire');
    const before = await victim.report();
    for (let i = 0; i < MEMBERS; i++) {
      const file = join(directory, String(i));
      writeFileSync(file, unwanted('a reply', random, i + 1));
      expect(await victim.ask('check', file)).toBe('valid');
    }
    expect((await victim.report()).collections - before.collections).toBeLessThanOrEqual(FEW);
    await victim.survives();
  });
});
