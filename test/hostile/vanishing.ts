// Clients of a message bus that come, say Hello, own names, subscribe, call, emit, and vanish without good-bye: many at
// a time. What the bus has afterwards is what it had before. (Not in the specification.)

import { readdirSync } from 'node:fs';
import { encodeMessage, methodCall, type Variant } from '../../src/wire/index.js';
import type { Random } from '../fuzz/random.js';
import { builtProgram } from '../support/built.js';
import { extent } from '../support/extent.js';
import { MEMORY_PROBE, memoryInUseBy } from '../support/memory.js';
import { type Program, start } from '../support/programs.js';
import { BUS, callTo, RawClient, signalOf } from '../support/raw-client.js';
import { seededRandom } from './seeded.js';

const CROWD = extent(24, 200);

const requestOf = (member: string, signature: string, body: readonly unknown[], serial: number): Uint8Array =>
  encodeMessage(methodCall<string>({ ...BUS, member, signature, body }), { serial }).slice();

/** What a client does, in no order; nothing waits for the answers. */
const ACTS: readonly ((serial: number, any: number) => Uint8Array)[] = [
  (serial, any) => requestOf('RequestName', 'su', [`com.example.Name${any}`, any % 8], serial),
  (serial, any) => requestOf('ReleaseName', 's', [`com.example.Name${any}`], serial),
  (serial, any) => requestOf('AddMatch', 's', [`member='Changed',arg${any}='x'`], serial),
  (serial, any) => requestOf('AddMatch', 's', [`eavesdrop='true',path='/a${any}'`], serial),
  (serial) => requestOf('AddMatch', 's', ["sender='org.freedesktop.DBus'"], serial),
  (serial, any) => encodeMessage(callTo(`com.example.Name${any}`), { serial }).slice(),
  (serial) => encodeMessage(signalOf('Changed', { signature: 's', body: ['x'] }), { serial }).slice(),
];

async function visit(address: string, random: Random): Promise<void> {
  await using client = await RawClient.open(address);
  if (random.below(10) > 0) client.sendBytes(requestOf('Hello', '', [], 1));
  const count = random.below(20);
  for (let serial = 2; serial < 2 + count; serial++) {
    client.sendBytes(ACTS[random.below(ACTS.length)]!(serial, random.below(60)));
  }
  client.transport.flush();
  if (random.below(2) === 0) await new Promise((resolve) => setTimeout(resolve, random.below(20)));
  client.transport.destroy(); // what it has sent may not have left
}

/** Lets a crowd of clients come and go, until `isOver(visits)`; a client that has gone is followed by another. */
async function crowd(address: string, isOver: (visits: number) => boolean): Promise<number> {
  const random = seededRandom();
  let visits = 0;
  await Promise.all(Array.from({ length: CROWD }, async () => {
    while (!isOver(visits)) {
      visits++;
      await visit(address, random);
    }
  }));
  return visits;
}

/** What a bus has: the counts that it tells, its descriptors, and the memory in use. */
export interface Holdings {
  readonly counts: Readonly<Record<string, unknown>>;
  readonly descriptors: number;
  readonly memory: number;
}

async function holdingsOf(bus: Program, witness: RawClient): Promise<Holdings> {
  const where = { interface: 'org.freedesktop.DBus.Debug.Stats' };
  let counts: Readonly<Record<string, unknown>>;
  do { // the bus may not have seen all the ends yet
    const { body: [stats] } = await witness.ask('GetStats', '', [], where);
    const now = [...(stats as Map<string, Variant>)].map(([key, { value }]) => [key, value] as const);
    counts = Object.fromEntries(now.filter(([key]) => !key.startsWith('Peak') && key !== 'Serial'));
  } while (Number(counts.ActiveConnections) > 1 || Number(counts.IncompleteConnections) > 0);
  witness.clear();
  return { counts, descriptors: readdirSync(`/proc/${bus.pid}/fd`).length, memory: await memoryInUseBy(bus) };
}

/** What the program dbus-wire-bus has before and after a crowd; a first, small crowd has been there before. */
export async function beforeAndAfter(isOver: (visits: number) => boolean): Promise<{
  before: Holdings; after: Holdings; visits: number;
}> {
  const args = [builtProgram('bus'), '--session', '--nofork', '--print-address'];
  await using bus = await start(process.execPath, args, { env: MEMORY_PROBE });
  const [address = ''] = await bus.line(/^unix:path=.*/);
  await using witness = await RawClient.registered(address);
  await crowd(address, (visits) => visits >= 3 * CROWD);
  const before = await holdingsOf(bus, witness);
  const visits = await crowd(address, isOver);
  return { before, after: await holdingsOf(bus, witness), visits };
}
