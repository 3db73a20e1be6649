// A pair of transports in one process: what arrives, when, in which order, and how each end learns of the other's end.
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { connectionOn } from '../../src/connection/connection.js';
import { memoryPair } from '../../src/transport/memory-pair.js';
import type { Transport } from '../../src/transport/transport.js';
import { MessageReader } from '../../src/wire/messages/framing.js';
import { type Message, methodReturn, signal } from '../../src/wire/messages/message.js';
import { MIB } from '../support/memory.js';

const GUID = '00112233445566778899aabbccddeeff';

const signalOf = (bytes: Uint8Array): Message =>
  signal({ path: '/', interface: 'a.B', member: 'C', signature: 'ay', body: [bytes] });

/** Starts one end; collects its messages and how it ended. */
function listenTo(transport: Transport) {
  const reader = new MessageReader();
  const messages: Message[] = [];
  const ends: unknown[] = [];
  let relieved = 0;
  transport.start({
    receive: (chunk) => messages.push(...reader.push(chunk)),
    relieved: () => relieved++,
    end: (cause) => ends.push(cause),
  });
  return { messages, ends, reliefs: () => relieved };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

describe('a pair in memory', () => {
  test('has on both ends the GUID of its option, or one random GUID', () => {
    expect(memoryPair({ guid: GUID.toUpperCase() }).map(({ guid }) => guid)).toEqual([GUID, GUID]);
    const [one, other] = memoryPair();
    expect(one.guid).toMatch(/^[0-9a-f]{32}$/);
    expect(other.guid).toBe(one.guid);
    expect(memoryPair()[0].guid).not.toBe(one.guid);
  });

  test.each<[options: object, message: string]>([
    [{ guid: 'x' }, 'memoryPair: "guid" must be a GUID, 32 hex digits, got string "x"'],
    [{ maxSendLength: 1 }, 'memoryPair: "maxSendLength" must be an integer from 16 to 134217728, got number 1'],
    [{ gid: GUID }, 'memoryPair: unknown option "gid"; did you mean "guid"?'],
  ])('with %j is refused', (options, message) => {
    expect(() => memoryPair(options)).toThrow(message);
  });

  test('delivers messages in order, in both directions, and never inside the call of the writer', async () => {
    const [one, other] = memoryPair();
    const [left, right] = [listenTo(one), listenTo(other)];
    for (let i = 0; i < 3; i++) one.write(signalOf(Uint8Array.of(i)), { serial: i + 1 });
    one.flush();
    expect(right.messages).toEqual([]);
    other.write(signalOf(Uint8Array.of(7)), { serial: 9 });
    await until(() => right.messages.length === 3 && left.messages.length === 1);
    expect(right.messages.map(({ serial, body }) => [serial, ...body])).toEqual([
      [1, Uint8Array.of(0)], [2, Uint8Array.of(1)], [3, Uint8Array.of(2)],
    ]);
    expect(left.messages[0]).toMatchObject({ serial: 9, body: [Uint8Array.of(7)] });
  });

  test('holds the messages that arrive before the other end starts', async () => {
    const [one, other] = memoryPair();
    listenTo(one);
    one.write(signalOf(Uint8Array.of(1)), { serial: 1 });
    await turn();
    const { messages } = listenTo(other);
    expect(messages).toEqual([]);
    await until(() => messages.length === 1);
  });

  test('delivers long messages unchanged, even if the writer uses its memory again', async () => {
    const [one, other] = memoryPair();
    listenTo(one);
    const { messages } = listenTo(other);
    for (let i = 0; i < 3; i++) {
      one.write(signalOf(new Uint8Array(2 * MIB).fill(i)), { serial: i + 1 });
      await one.drained();
    }
    await until(() => messages.length === 3);
    messages.forEach(({ body }, i) => {
      expect(Buffer.compare(body[0] as Uint8Array, new Uint8Array(2 * MIB).fill(i))).toBe(0);
    });
  });

  test('is congested if the other end does not read, and relieved when it does', async () => {
    const [one, other] = memoryPair();
    const { reliefs } = listenTo(one);
    for (let i = 0; i < 9; i++) one.write(signalOf(new Uint8Array(MIB)), { serial: i + 1 });
    for (let i = 0; i < 5; i++) await turn();
    expect(one.isCongested).toBe(true);
    expect(one.queuedBytes).toBeGreaterThan(8 * MIB);
    const { messages } = listenTo(other);
    await until(() => messages.length === 9);
    expect({ isCongested: one.isCongested, reliefs: reliefs(), queued: one.queuedBytes })
      .toEqual({ isCongested: false, reliefs: 1, queued: 0 });
  });

  test('delivers everything before it ends, and reports the end once on both sides', async () => {
    const [one, other] = memoryPair();
    const [left, right] = [listenTo(one), listenTo(other)];
    for (let i = 0; i < 4; i++) one.write(signalOf(new Uint8Array(MIB)), { serial: i + 1 });
    one.end();
    await until(() => left.ends.length > 0 && right.ends.length > 0);
    await turn();
    expect(right.messages).toHaveLength(4);
    expect(right.ends).toMatchObject([{ name: 'EndOfStreamError' }]);
    expect(left.ends).toHaveLength(1);
  });

  test('that is destroyed on one end ends the other, which drops what is queued', async () => {
    const [one, other] = memoryPair();
    const [left, right] = [listenTo(one), listenTo(other)];
    for (let i = 0; i < 4; i++) other.write(signalOf(new Uint8Array(MIB)), { serial: i + 1 });
    const drained = other.drained();
    const cause = new Error('enough');
    one.destroy(cause);
    await drained;
    await until(() => right.ends.length > 0);
    expect(left.ends).toEqual([cause]);
    expect(right.ends).toMatchObject([{ name: 'EndOfStreamError' }]);
    expect(other.queuedBytes).toBe(0);
  });

  test('that is destroyed on one end before the other starts reports the end to the other when it starts', async () => {
    const [one, other] = memoryPair();
    listenTo(one);
    one.destroy();
    for (let i = 0; i < 3; i++) await turn();
    const { ends } = listenTo(other);
    await until(() => ends.length > 0);
    expect(ends).toMatchObject([{ name: 'EndOfStreamError' }]);
  });

  test('carries connections: 100 calls, and an orderly close', async () => {
    const [one, other] = memoryPair();
    await using client = connectionOn(one);
    await using server = connectionOn(other);
    server.handleMethodCalls((call) => {
      server.send(methodReturn(call, { signature: 'u', body: [(call.body[0] as number) + 1] }));
    });
    const call = { path: '/', interface: 'a.B', member: 'Add', signature: 'u', replySignature: 'u' } as const;
    const results = await Promise.all(Array.from({ length: 100 }, (_, i) => client.call({ ...call, body: [i] })));
    expect(results.map(([value]) => value)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    await client.close();
    expect(await server.closed).toMatchObject({ cause: { name: 'EndOfStreamError' } });
  });
});
