// A client that does not read costs its own connection and no other, however it is filled: by signals, by calls, or by
// the answers to its own calls. Reference: dbus-daemon(1), max_outgoing_bytes.

import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ProtocolViolation } from '../../src/message-bus/errors.js';
import { MessageBus } from '../../src/message-bus/message-bus.js';
import { ownProcess } from '../../src/message-bus/identity.js';
import { memoryPair } from '../../src/transport/memory-pair.js';
import type { Transport } from '../../src/transport/transport.js';
import { callTo, RawClient, signalOf } from '../support/raw-client.js';

const LIMIT = 100_000;
/** A body above what the streams of a pair hold, so that few messages fill the queue. */
const body = ['x'.repeat(20_000)];
let bus: MessageBus;

/** A transport whose peer has stopped reading: nothing that is written to it leaves. */
class StuckTransport implements Transport {
  readonly guid = '0'.repeat(32);
  readonly isCongested = false;
  queuedBytes = 0;
  cause: Error | undefined;
  end = (): void => {};
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** From then on nothing leaves. */
  isStuck = false;

  start(events: Parameters<Transport['start']>[0]): void {
    this.#transport.start(events);
  }

  write(message: Parameters<Transport['write']>[0], options: Parameters<Transport['write']>[1]): void {
    if (this.isStuck) this.queuedBytes += 200;
    else this.#transport.write(message, options);
  }

  writeBytes(message: Uint8Array): void {
    if (this.isStuck) this.queuedBytes += message.length;
    else this.#transport.writeBytes?.(message);
  }

  flush(): void {}

  drained(): Promise<void> {
    return Promise.resolve();
  }

  destroy(cause?: Error): void {
    this.cause ??= cause;
    this.#transport.destroy(cause);
  }
}

async function connect(): Promise<{ client: RawClient; ours: StuckTransport }> {
  const [end, theirs] = memoryPair();
  const ours = new StuckTransport(end);
  ours.end = () => end.end();
  bus.accept(ours, ownProcess());
  const client = new RawClient(theirs);
  await client.hello();
  return { client, ours };
}

beforeEach(() => {
  bus = new MessageBus({ limits: { maxOutgoingBytes: LIMIT } });
});
afterEach(() => bus.close());

const notReading: unknown = expect.objectContaining({ code: 'NOT_READING' } satisfies Partial<ProtocolViolation>);

test('a client that does not read is disconnected by broadcasts', async () => {
  const [slow, fast, sender] = [await connect(), await connect(), await connect()];
  for (const { client } of [slow, fast]) await client.ask('AddMatch', 's', ["member='Changed'"]);
  await fast.client.ask('AddMatch', 's', [`member='NameOwnerChanged',arg0='${slow.client.uniqueName}'`]);
  slow.ours.isStuck = true;
  for (let i = 0; i < 20; i++) sender.client.send(signalOf('Changed', { signature: 's', body }));
  await sender.client.sync();
  await fast.client.sync();
  const summary = fast.client.summary();
  expect(summary.filter((line) => line.startsWith('Changed'))).toHaveLength(20);
  expect(summary).toContain(`NameOwnerChanged("${slow.client.uniqueName}", "${slow.client.uniqueName}", "")`);
  expect(slow.ours.cause).toEqual(notReading);
  expect(slow.ours.queuedBytes).toBeLessThan(LIMIT + 2 * 20_200);
});

test('a client that does not read is disconnected by calls, whose callers get NoReply', async () => {
  const [slow, caller] = [await connect(), await connect()];
  slow.ours.isStuck = true;
  const serials = Array.from({ length: 10 }, () =>
    caller.client.send(callTo(slow.client.uniqueName, { signature: 's', body })));
  for (const serial of serials.slice(0, 6)) {
    expect(await caller.client.replyTo(serial)).toMatchObject({ errorName: 'org.freedesktop.DBus.Error.NoReply' });
  }
  expect(await caller.client.replyTo(serials[9]!)).toMatchObject({
    errorName: 'org.freedesktop.DBus.Error.ServiceUnknown',
  });
  expect(slow.ours.cause).toEqual(notReading);
});

test('a client that does not read is disconnected by the replies to its own calls', async () => {
  const slow = await connect();
  slow.ours.isStuck = true;
  for (let i = 0; i < 2_000; i++) void slow.client.ask('ListNames').catch(() => {});
  await slow.client.expectEnd();
  expect(slow.ours.cause).toEqual(notReading);
});

test('a monitor that does not read is disconnected', async () => {
  const [monitor, sender] = [await connect(), await connect()];
  const where = { interface: 'org.freedesktop.DBus.Monitoring' };
  await monitor.client.ask('BecomeMonitor', 'asu', [[], 0], where);
  monitor.ours.isStuck = true;
  for (let i = 0; i < 10; i++) sender.client.send(signalOf('Changed', { signature: 's', body }));
  await sender.client.sync();
  expect(monitor.ours.cause).toEqual(notReading);
});

test('one of many clients that do not read is disconnected when their queues together are too long', async () => {
  bus = new MessageBus(); // with the default limit for each
  const slow = await Promise.all(Array.from({ length: 8 }, connect));
  const sender = await connect();
  for (const [i, { ours }] of slow.entries()) {
    ours.isStuck = true;
    ours.queuedBytes = (60 + i) * 2 ** 20; // 508 MiB for all
  }
  const short = { signature: 's', body: ['x'] };
  for (const { client } of slow) sender.client.send(signalOf('Changed', { ...short, destination: client.uniqueName }));
  await sender.client.sync();
  expect(slow.map(({ ours }) => ours.cause)).toEqual(Array(8).fill(undefined));
  slow[0]!.ours.queuedBytes += 8 * 2 ** 20;
  sender.client.send(signalOf('Changed', { ...short, destination: slow[3]!.client.uniqueName }));
  await sender.client.sync();
  expect(slow.map(({ ours }) => ours.cause)).toEqual([notReading, ...Array<undefined>(7).fill(undefined)]);
});

test('one message longer than the limit reaches a client that reads', async () => {
  const [receiver, sender] = [await connect(), await connect()];
  const long = { signature: 's', body: ['x'.repeat(10 * LIMIT)], destination: receiver.client.uniqueName };
  sender.client.send(signalOf('Long', long));
  await receiver.client.find(({ member }) => member === 'Long');
});

test('a receiver whose transport has no writeBytes gets messages that are encoded again', async () => {
  const [end, theirs] = memoryPair();
  const { guid } = end;
  bus.accept({
    guid,
    get queuedBytes() {
      return end.queuedBytes;
    },
    get isCongested() {
      return end.isCongested;
    },
    start: (events) => end.start(events),
    write: (message, options) => end.write(message, options),
    flush: () => end.flush(),
    drained: () => end.drained(),
    end: () => end.end(),
    destroy: (cause) => end.destroy(cause),
  }, ownProcess());
  const receiver = new RawClient(theirs);
  await receiver.hello();
  const sender = await connect();
  const serial = sender.client.send(callTo(receiver.uniqueName, { signature: 's', body: ['text'] }));
  expect(await receiver.find(({ member }) => member === 'Do')).toMatchObject({
    serial, sender: sender.client.uniqueName, body: ['text'],
  });
});
