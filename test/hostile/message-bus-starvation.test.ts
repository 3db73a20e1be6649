// One client of our message bus can starve nobody: while it floods the bus in any way, the others are served in turn,
// and each of its limits gives it an error of its own. Specification: Message Bus Specification.

import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NO_ACTIVATOR } from '../../src/message-bus/activator.js';
import type { BusCore } from '../../src/message-bus/bus-core.js';
import { type RunningMessageBus, startBusWith } from '../../src/message-bus/start.js';
import { parseAddresses } from '../../src/protocol/address.js';
import { encodeMessage, methodCall } from '../../src/wire/index.js';
import { extent, heavyTest, some } from '../support/extent.js';
import { BUS, callTo, RawClient, signalOf } from '../support/raw-client.js';

let bus: RunningMessageBus;
let core: BusCore;
beforeAll(async () => {
  bus = await startBusWith({ limits: { maxRepliesPerConnection: 500, maxMatchRulesPerConnection: 30_000 } }, {
    activator: (state) => {
      core = state;
      return NO_ACTIVATOR;
    },
  });
});
afterAll(() => bus.close());

const COUNT = extent(5_000, 20_000); // with fewer, the flood can be over before the others are served

const busCall = (member: string, signature: string, body: readonly unknown[], serial: number): Uint8Array =>
  encodeMessage(methodCall<string>({ ...BUS, member, signature, body }), { serial }).slice();

/** What a client sends again and again; `i` counts, and is at least 10. */
const FLOODS: Readonly<Record<string, (i: number, silent: string) => Uint8Array>> = {
  'calls to a service that does not answer': (i, silent) => encodeMessage(callTo(silent), { serial: i }).slice(),
  'calls of AddMatch': (i) => busCall('AddMatch', 's', [`arg${i % 64}='x${i}'`], i),
  'calls of AddMatch and RemoveMatch': (i) => busCall(i % 2 === 0 ? 'AddMatch' : 'RemoveMatch', 's', [`arg1='${i >> 1}'`], i),
  'calls of RequestName': (i) => busCall('RequestName', 'su', [`com.example.N${i}`, 0], i),
  'calls of RequestName and ReleaseName': (i) =>
    i % 2 === 0 ? busCall('RequestName', 'su', ['com.example.N', 0], i) : busCall('ReleaseName', 's', ['com.example.N'], i),
  'calls to nobody': (i) => encodeMessage(callTo('com.example.Nobody'), { serial: i }).slice(),
  'signals that nobody wants': (i) => encodeMessage(signalOf('Unwanted'), { serial: i }).slice(),
};

describe('while one client floods the bus with', () => {
  test.each(some(Object.keys(FLOODS), 6))('%s, the others are served', async (kind) => {
    await using silent = await RawClient.registered(bus.address);
    await using flood = await RawClient.registered(bus.address);
    await using service = await RawClient.registered(bus.address);
    await using other = await RawClient.registered(bus.address);
    await service.ask('AddMatch', 's', ["member='Wanted'"]);
    const marker = busCall('GetId', '', [], COUNT + 10);
    for (let i = 10; i < COUNT + 10; i++) flood.sendBytes(FLOODS[kind]!(i, silent.uniqueName));
    flood.sendBytes(marker);
    flood.transport.flush();
    other.send(signalOf('Wanted'));
    const serial = other.send(callTo(service.uniqueName));
    const call = await service.find(({ member }) => member === 'Do');
    expect(service.log.some(({ member }) => member === 'Wanted')).toBe(true);
    service.send({
      ...methodCall({ ...BUS, member: 'x' }), type: 'method_return', path: undefined, member: undefined,
      destination: call.sender, replySerial: call.serial, flags: 1,
    } as never); // a reply, made of its parts
    expect((await other.replyTo(serial)).type).toBe('method_return');
    const isFlooding = !flood.log.some(({ replySerial }) => replySerial === COUNT + 10);
    expect(isFlooding, 'the others were served before the flood was over').toBe(true);
    await flood.find(({ replySerial }) => replySerial === COUNT + 10); // the flood is served too
    if (kind === 'calls to a service that does not answer') {
      const refused = flood.log.filter(({ errorName }) => errorName === 'org.freedesktop.DBus.Error.LimitsExceeded');
      expect(refused.length).toBe(COUNT - 500);
    }
  });
});

heavyTest('30,000 rules of another client do not slow down the signals that they do not match', async () => {
  await using hoarder = await RawClient.registered(bus.address);
  for (let i = 0; i < 30_000; i++) {
    const rule = [`arg1='x${i}'`, `arg2path='/x/${i}/'`, `arg3='y',arg4='${i}'`][i % 3];
    hoarder.sendBytes(busCall('AddMatch', 's', [rule], i + 10));
  }
  await hoarder.sync();
  expect(core.delivery.rules.size).toBe(30_000);
  await using emitter = await RawClient.registered(bus.address);
  await using listener = await RawClient.registered(bus.address);
  await listener.ask('AddMatch', 's', ["member='Changed'"]);
  hoarder.clear();
  const signal = signalOf('Changed', { signature: 'sssss', body: ['a', 'b', '/c', 'y', 'e'] });
  for (let i = 0; i < 2_000; i++) emitter.send(signal); // 60 million comparisons, if each rule were looked at
  await emitter.sync();
  await listener.sync();
  expect(listener.log.filter(({ member }) => member === 'Changed').length).toBe(2_000);
  expect(hoarder.log).toEqual([]);
});

test('a client that does not read is disconnected, and no other client is', async () => {
  const LIMIT = 2 ** 20;
  const small = await startBusWith({ limits: { maxOutgoingBytes: LIMIT } }, {
    activator: (state) => {
      core = state;
      return NO_ACTIVATOR;
    },
  });
  try {
    await using reader = await RawClient.registered(small.address);
    await using emitter = await RawClient.registered(small.address);
    await reader.ask('AddMatch', 's', ["member='Long'"]);
    const slow = connect(parseAddresses(small.address)[0]?.keys.get('path') ?? '');
    slow.on('error', () => {});
    const uid = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
    slow.write(`\0AUTH EXTERNAL ${uid}\r\nBEGIN\r\n`); // it never reads
    slow.write(busCall('Hello', '', [], 1));
    slow.write(busCall('AddMatch', 's', ["member='Long'"], 2));
    while (core.delivery.rules.size < 2) await reader.sync();
    const { uniqueName, transport } = [...core.clients.values()].at(-1)!; // the last that has come
    const long = signalOf('Long', { signature: 'ay', body: [new Uint8Array(100_000)] });
    let most = 0;
    let count = 0;
    while (core.clientOf(uniqueName) !== undefined) {
      emitter.send(long);
      count++;
      await emitter.sync();
      most = Math.max(most, transport.queuedBytes);
      expect(count).toBeLessThan(200);
    }
    await reader.sync();
    expect(reader.log.filter(({ member }) => member === 'Long').length).toBe(count);
    expect(most).toBeLessThan(LIMIT + 200_000);
    expect(transport.queuedBytes).toBe(0);
    expect(core.clients.size).toBe(2);
    slow.destroy();
  } finally {
    await small.close();
  }
});
