// The bytes of messages that are not complete, and the values of unknown header fields, are limited. (Not in the
// specification.)

import { expect, test } from 'vitest';
import { IncompleteMessages, type Sender } from '../../src/message-bus/intake.js';
import { startBusWith } from '../../src/message-bus/start.js';
import { methodCall } from '../../src/wire/index.js';
import { BUS, RawClient } from '../support/raw-client.js';

const MIB = 2 ** 20;
const sender = (incomingBytes: number): Sender => ({ incomingBytes, peaks: { incomingBytes: 0 } });

test('the client with the most bytes is chosen if all clients together have too many', () => {
  const incomplete = new IncompleteMessages(10 * MIB);
  const [small, large, next] = [sender(2 * MIB), sender(6 * MIB), sender(3 * MIB)];
  expect(incomplete.note(small)).toBe(undefined);
  expect(incomplete.note(large)).toBe(undefined);
  expect(incomplete.note(next)).toBe(large);
  incomplete.forget(large);
  expect(incomplete.note(next)).toBe(undefined);
  expect(large.peaks.incomingBytes).toBe(6 * MIB);
});

test('bytes of handled messages do not count', () => {
  const incomplete = new IncompleteMessages(10 * MIB);
  const [first, second] = [sender(9 * MIB), sender(9 * MIB)];
  expect(incomplete.note(first)).toBe(undefined);
  first.incomingBytes = 0;
  expect(incomplete.note(second)).toBe(undefined);
  expect(incomplete.note(sender(MIB))).toBe(undefined); // so few are not looked at
});

test('GetConnectionStats reports the bytes of an incomplete message', async () => {
  const bus = await startBusWith({}, {});
  try {
    await using client = await RawClient.registered(bus.address);
    await using other = await RawClient.registered(bus.address);
    const start = new Uint8Array(70_000);
    start.set([0x6c, 1, 0, 1, 0, 0, 2, 0, 9, 0, 0, 0, 0, 0, 0, 0]); // announces 128 KiB
    client.sendBytes(start);
    client.transport.flush();
    let bytes = 0;
    while (bytes < start.length) {
      const where = { interface: 'org.freedesktop.DBus.Debug.Stats' };
      const { body } = await other.ask('GetConnectionStats', 's', [client.uniqueName], where);
      const stats = body[0] as Map<string, { readonly value: number }>;
      bytes = stats.get('IncomingBytes')!.value;
      expect(stats.get('PeakIncomingBytes')!.value).toBeGreaterThanOrEqual(bytes);
    }
    expect(bytes).toBe(start.length);
  } finally {
    await bus.close();
  }
});

test('a message whose unknown header fields have more than 65,536 values disconnects its sender', async () => {
  await using bus = await startBusWith({}, {});
  await using client = await RawClient.registered(bus.address);
  const call = (count: number) => ({
    ...methodCall({ ...BUS, member: 'GetId' }),
    unknownFields: [{ code: 200, value: { signature: 'aay', value: Array.from({ length: count }, () => []) } }],
  });
  const serial = client.send(call(65_000));
  expect(await client.find(({ replySerial }) => replySerial === serial)).toMatchObject({ type: 'method_return' });
  client.send(call(66_000));
  await client.ended;
});
