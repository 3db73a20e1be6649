// Our message bus and hostile clients: each broken message ends its sender and nobody else, and clients that connect,
// request everything and vanish leave no state. Which messages are broken was tried on the reference
// implementation (fixtures/invalid). Specification: Message Bus Specification, Message Format.

import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BusCore } from '../../src/message-bus/bus-core.js';
import { NO_ACTIVATOR } from '../../src/message-bus/activator.js';
import { type RunningMessageBus, startBusWith } from '../../src/message-bus/start.js';
import { encodeMessage, methodCall } from '../../src/wire/index.js';
import { extent, heavyTest, some } from '../support/extent.js';
import { BUS, callTo, RawClient, signalOf } from '../support/raw-client.js';
import { seededRandom } from './seeded.js';

interface Broken {
  readonly name: string;
  readonly hex: readonly (readonly [digits: string, note: string, repetitions?: number])[];
  readonly reference: string;
}

const FOLDER = new URL('../../fixtures/invalid/', import.meta.url);
const broken: readonly Broken[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.json') && file !== 'valid.json')
  .flatMap((file) => JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Broken[])
  .filter(({ reference }) => reference.startsWith('refuses'));

const bytesOf = ({ hex }: Broken): Uint8Array =>
  Uint8Array.from(Buffer.from(hex.map(([digits, , count = 1]) => digits.replaceAll(' ', '').repeat(count)).join(''), 'hex'));

let bus: RunningMessageBus;
let core: BusCore;
let witness: RawClient;
beforeAll(async () => {
  bus = await startBusWith({}, {
    activator: (state) => {
      core = state;
      return NO_ACTIVATOR;
    },
  });
  witness = await RawClient.registered(bus.address);
});
afterAll(() => bus.close());

test('a broken message disconnects its sender, and no other client', async () => {
  expect(broken.length).toBeGreaterThan(200);
  for (const entry of some(broken, 8)) {
    await using client = await RawClient.registered(bus.address);
    client.sendBytes(bytesOf(entry));
    client.sendBytes(new Uint8Array(200)); // some are refused only once they are complete
    await Promise.race([client.ended, client.sync().then(() => Promise.reject(new Error(entry.name)), () => {})]);
  }
  await witness.sync();
  expect(core.clients.size).toBe(1);
});

/** What a client may ask for; nothing waits for the answers. */
const REQUESTS = [
  encodeMessage(methodCall({ ...BUS, member: 'RequestName', signature: 'su', body: ['com.example.Name1', 3] }), { serial: 2 }),
  encodeMessage(methodCall({ ...BUS, member: 'AddMatch', signature: 's', body: ["arg0='x',path_namespace='/a'"] }), { serial: 3 }),
  encodeMessage(methodCall({ ...BUS, member: 'AddMatch', signature: 's', body: ["eavesdrop='true'"] }), { serial: 4 }),
  encodeMessage(signalOf('Changed', { signature: 's', body: ['x'] }), { serial: 5 }),
  encodeMessage(callTo('com.example.Name1', { signature: 'as', body: [['a']] }), { serial: 6 }),
  encodeMessage(methodCall({
    ...BUS, interface: 'org.freedesktop.DBus.Monitoring', member: 'BecomeMonitor', signature: 'asu', body: [[], 0],
  }), { serial: 7 }),
].map((bytes) => bytes.slice());

test('clients that connect, call and disconnect leave no state on the bus', async () => {
  const choices = seededRandom();
  const random = (below: number): number => choices.below(below);
  const visit = async (): Promise<void> => {
    await using client = await RawClient.open(bus.address);
    if (random(10) > 0) client.sendBytes(encodeMessage(methodCall({ ...BUS, member: 'Hello' }), { serial: 1 }).slice());
    for (let i = random(30); i > 0; i--) {
      const bytes = REQUESTS[random(REQUESTS.length)]!.slice();
      if (random(4) === 0) bytes[random(bytes.length)] = random(256);
      client.sendBytes(bytes);
    }
    client.transport.flush();
    if (random(2) === 0) await new Promise((resolve) => setImmediate(resolve));
  };
  for (let round = 0; round < extent(2, 20); round++) {
    await Promise.all(Array.from({ length: 50 }, visit));
    await witness.sync();
  }
  const watch = await witness.ask('AddMatch', 's', ["member='NameOwnerChanged'"]);
  expect(watch.type).toBe('method_return');
  while (core.connected.size > 1) await witness.find(({ member }) => member === 'NameOwnerChanged').then(() => witness.sync());
  const { delivery, names, clients, replies } = core;
  expect({
    clients: clients.size, names: names.size, rules: delivery.rules.size,
    eavesdroppers: delivery.eavesdroppers.size, monitors: delivery.monitors.size,
    calls: replies.callerCount,
  }).toEqual({ clients: 1, names: 0, rules: 1, eavesdroppers: 0, monitors: 0, calls: 0 });
});

test('an error does not repeat a name that is a megabyte long', async () => {
  await using client = await RawClient.registered(bus.address);
  const name = 'x'.repeat(1_000_000);
  for (const [member, signature, body] of [
    ['RequestName', 'su', [name, 0]], ['GetNameOwner', 's', [name]], ['AddMatch', 's', [name]],
    [`M${'x'.repeat(200)}`, '', []],
  ] as const) {
    const { type, body: [text] } = await client.ask(member, signature, body);
    expect(type).toBe('error');
    expect(String(text).length).toBeLessThan(1_100);
  }
});

heavyTest('the bus serves the other clients while one floods it', async () => {
  await using flood = await RawClient.registered(bus.address);
  await using other = await RawClient.registered(bus.address);
  const call = encodeMessage(methodCall({ ...BUS, member: 'ListNames' }), { serial: 9 }).slice();
  const COUNT = 50_000;
  for (let i = 0; i < COUNT; i++) flood.sendBytes(call);
  flood.transport.flush();
  for (let i = 0; i < 5; i++) await other.sync();
  expect(flood.log.length).toBeLessThan(COUNT); // the other was served before all of these
});
