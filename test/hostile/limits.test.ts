// The limits of what one message, and the messages for one slow reader, can take on a connection. Asserts counts, replies
// and bytes. test/hostile/worst-messages.heavy.test.ts shows that a small heap survives these limits.
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectToBus } from '../../src/connection/open-bus.js';
import { Connection, openConnection } from '../../src/connection/connection.js';
import type { ReceiveOptions } from '../../src/connection/receive-options.js';
import { methodCall, methodReturn, signal } from '../../src/wire/messages/message.js';
import { type FakePeer, startFakeServer } from '../connection/fake-server.js';
import { queued } from '../connection/queued.js';
import { rawMessage } from '../connection/raw-message.js';
import { heavyTest } from '../support/extent.js';
import { MIB } from '../support/memory.js';

async function linked(options: ReceiveOptions): Promise<{ readonly connection: Connection; readonly peer: FakePeer }> {
  const server = await startFakeServer();
  const connection = await openConnection(server.address, options);
  onTestFinished(async () => {
    await connection.close({ timeout: 0 });
    await server[Symbol.asyncDispose]();
  });
  return { connection, peer: await server.peer() };
}

/** A body of one array with this many empty strings. */
function emptyStrings(count: number): Uint8Array {
  const body = new Uint8Array(4 + (count === 0 ? 0 : 8 * count - 3));
  new DataView(body.buffer).setUint32(0, body.length - 4, true);
  return body;
}

const METHOD = { path: '/', interface: 'a.B', member: 'Method' } as const;
const AS = [8, 'g', 'as'] as const;
const FIELDS = [[1, 'o', '/'], [2, 's', 'a.B'], [3, 's', 'Method'], AS] as const;

/** An array counts as a value itself. */
const VALUES_OF_ARRAY = 1;

// The same code compares the option and the default: one kind of message is enough for the default in `npm test`.
describe.each<[limit: string, options: ReceiveOptions, most: number, testOfOtherKind: typeof test]>([
  ['its option', { maxValues: 100 }, 100, test],
  ['the default', {}, 2 ** 20, heavyTest],
])('a message with more values than %s', (_, options, most, testOfOtherKind) => {
  const fits = emptyStrings(most - VALUES_OF_ARRAY);
  const tooMany = emptyStrings(most);

  testOfOtherKind('is refused if it is a call: the error names the limit, and no handler runs', async () => {
    const { connection, peer } = await linked(options);
    const lengths: number[] = [];
    connection.handleMethodCalls((call) => {
      lengths.push((call.body[0] as string[]).length);
      connection.send(methodReturn(call));
    });
    peer.send(rawMessage({ type: 1, serial: 70, fields: FIELDS, body: tooMany }));
    const refusal = await peer.reply(70);
    expect(refusal).toMatchObject({ errorName: 'org.freedesktop.DBus.Error.InvalidArgs' });
    expect(refusal.body[0]).toContain(`at most ${most}`);
    peer.send(rawMessage({ type: 1, serial: 71, fields: FIELDS, body: fits }));
    expect(await peer.reply(71)).toMatchObject({ type: 'method_return' });
    expect([lengths, connection.dropped.get('invalid message')]).toEqual([[most - VALUES_OF_ARRAY], 1]);
  });

  test('rejects its call if it is a reply', async () => {
    const { connection, peer } = await linked(options);
    const failed = connection.call({ path: '/', member: 'Large' });
    const { serial } = await peer.call('Large');
    peer.send(rawMessage({ type: 2, fields: [[5, 'u', serial], AS], body: tooMany }));
    await expect(failed).rejects.toMatchObject({ code: 'TOO_MANY_VALUES' });
  });

  testOfOtherKind('is dropped if it is a signal, and counted once for any number of subscriptions', async () => {
    const { connection, peer } = await linked(options);
    const subscriptions = [connection.subscribe({}), connection.subscribe({ member: 'Method' })];
    peer.send(rawMessage({ type: 4, fields: FIELDS, body: tooMany }));
    peer.send(signal(METHOD));
    const [first] = await Promise.all(subscriptions.map((subscription) => subscription.next()));
    expect([first?.value.body, connection.dropped.get('invalid message')]).toEqual([[], 1]);
  });
});

test('a connection to a bus obeys its options maxValues and typedArrays', async () => {
  await using server = await startFakeServer();
  await using bus = await connectToBus(server.address, { maxValues: 3, typedArrays: true });
  const peer = await server.peer();
  const numbers = bus.call({ path: '/', member: 'Numbers' });
  peer.send(methodReturn(await peer.call('Numbers'), { signature: 'adai', body: [[0.5], [1, 2]] }));
  expect(await numbers).toEqual([Float64Array.of(0.5), Int32Array.of(1, 2)]);
  const texts = bus.call({ path: '/', member: 'Texts' });
  peer.send(methodReturn(await peer.call('Texts'), { signature: 'ssss', body: ['', '', '', ''] }));
  await expect(texts).rejects.toMatchObject({ code: 'TOO_MANY_VALUES' });
});

test('signals queued for a reader that does not read use at most 16 MiB', async () => {
  const COUNT = 18;
  const { connection, peer } = await linked({});
  const subscription = connection.subscribe({});
  const message = signal({ ...METHOD, signature: 'ay', body: [new Uint8Array(MIB)] });
  for (let i = 0; i < COUNT; i++) peer.send(message);
  peer.send(methodCall({ path: '/', member: 'Last' }));
  await peer.received(({ type }) => type === 'error'); // the answer to the last one
  const kept = 15; // each is a little longer than 1 MiB
  expect([subscription.dropped, connection.dropped.get('queue overflow')]).toEqual([COUNT - kept, COUNT - kept]);
  expect(await queued(subscription)).toHaveLength(kept);
});
