// A transport on a stream of Node: when messages leave, what ends it, and the events that it reports.
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { StreamTransport } from '../../src/transport/stream-transport.js';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { type Message, signal } from '../../src/wire/messages/message.js';
import { variant } from '../../src/wire/variant.js';

const GUID = '00112233445566778899aabbccddeeff';

const text = (value: string): Message =>
  signal({ path: '/', interface: 'a.B', member: 'C', signature: 's', body: [value] });
const encoded = (...values: readonly string[]): number[] =>
  values.flatMap((value, index) => [...encodeMessage(text(value), { serial: index + 1 })]);

/** A stream whose other end takes a chunk only if `takes` says so. */
function startTransport(takes = (): boolean => true, rest = new Uint8Array(0)) {
  const written: number[][] = [];
  const events: unknown[] = [];
  let release: (() => void)[] = [];
  const stream = new Duplex({
    read: () => {},
    write: (chunk: Uint8Array, _encoding, done) => {
      written.push([...chunk]);
      if (takes()) done();
      else release.push(done);
    },
  });
  const transport = new StreamTransport(stream, { guid: GUID, rest });
  const releaseAll = (): void => release.splice(0).forEach((done) => done());
  const start = (): void => transport.start({
    receive: (chunk) => events.push([...chunk]),
    end: (cause) => events.push(cause),
  });
  return { transport, stream, written, events, start, releaseAll };
}

describe('a transport', () => {
  test('sends the messages of one turn in one write', async () => {
    const { transport, written } = startTransport();
    transport.write(text('one'), { serial: 1 });
    transport.write(text('two'), { serial: 2 });
    expect(written).toEqual([]);
    await turn();
    expect(written).toEqual([encoded('one', 'two')]);
  });

  test('sends in the same write the messages of the microtasks of a turn', async () => {
    const { transport, written } = startTransport();
    const add = (serial: number): void => transport.write(text(`${serial}`), { serial });
    add(1);
    void (async () => {
      for (let serial = 2; serial <= 10; serial++) {
        await undefined;
        add(serial);
      }
    })();
    await turn();
    expect(written).toEqual([encoded(...Array.from({ length: 10 }, (_, index) => `${index + 1}`))]);
  });

  test('sends long messages and short ones in order, in several pieces', async () => {
    const { transport, stream, written } = startTransport();
    const values = ['one', 'x'.repeat(60_000), 'y'.repeat(280_000), 'two']; // the third is longer than a piece, 256 KiB
    values.forEach((value, index) => transport.write(text(value), { serial: index + 1 }));
    transport.end();
    await new Promise((resolve) => stream.once('close', resolve));
    expect(written.length).toBeGreaterThan(1);
    const expected = values.map((value, index) => encodeMessage(text(value), { serial: index + 1 }).slice());
    expect(Buffer.compare(Buffer.concat(written.map((chunk) => Buffer.from(chunk))), Buffer.concat(expected))).toBe(0);
    expect(transport.queuedBytes).toBe(0);
  });

  test('refuses a message longer than maxSendLength, and sends the others', async () => {
    const written: number[] = [];
    const stream = new Duplex({
      read: () => {},
      write: (chunk: Uint8Array, _encoding, done) => {
        written.push(...chunk);
        done();
      },
    });
    const maxSendLength = encoded('12345678').length;
    const transport = new StreamTransport(stream, { guid: GUID, rest: new Uint8Array(0) }, { maxSendLength });
    transport.write(text('12345678'), { serial: 1 });
    const as = expect.stringContaining(`at most ${maxSendLength}, as the option maxSendLength says`) as unknown;
    const refused = expect.objectContaining({ name: 'MarshalError', code: 'MESSAGE_TOO_LONG', problem: as }) as unknown;
    expect(() => transport.write(text('123456789'), { serial: 2 })).toThrow(refused);
    const body = [new Array<string>(1_000).fill('text')];
    const many = signal<string>({ path: '/', interface: 'a.b', member: 'C', signature: 'as', body });
    const long = expect.stringContaining('at most that many, as the option maxSendLength says') as unknown;
    expect(() => transport.write(many, { serial: 3 })).toThrow(
      expect.objectContaining({ code: 'MESSAGE_TOO_LONG', problem: long }),
    );
    await turn();
    expect(written).toEqual(encoded('12345678'));
  });

  test('sends the queued messages at once on flush(), and no message twice', async () => {
    const { transport, written } = startTransport();
    transport.write(text('one'), { serial: 1 });
    transport.flush();
    transport.flush();
    expect(written).toEqual([encoded('one')]);
    await turn();
    expect(written).toHaveLength(1);
  });

  test('counts the bytes that wait to be sent', async () => {
    const { transport, releaseAll } = startTransport(() => false);
    const { length } = encoded('one');
    transport.write(text('one'), { serial: 1 });
    expect(transport.queuedBytes).toBe(length);
    transport.flush();
    transport.write(text('two'), { serial: 1 });
    expect(transport.queuedBytes).toBe(2 * length);
    releaseAll();
    expect(transport.queuedBytes).toBe(length);
  });

  test('does not change bytes that the stream has not yet written', async () => {
    const chunks: Uint8Array[] = [];
    const stream = new Duplex({ read: () => {}, write: (chunk: Uint8Array) => void chunks.push(chunk) });
    const transport = new StreamTransport(stream, { guid: GUID, rest: new Uint8Array(0) });
    transport.write(text('one'), { serial: 1 });
    transport.flush();
    for (let i = 0; i < 3; i++) {
      transport.write(text('two'), { serial: 1 });
      transport.flush();
    }
    expect([...chunks[0]!]).toEqual(encoded('one'));
  });

  test('delivers the bytes after the handshake first, and nothing before start() has returned', async () => {
    const { events, start, stream } = startTransport(undefined, Uint8Array.of(1, 2));
    stream.push(Uint8Array.of(3));
    await turn();
    start();
    expect(events).toEqual([]);
    await turn();
    expect(events.flat()).toEqual([1, 2, 3]);
  });

  test('ends with a cause if the peer ends its side', async () => {
    const { events, start, stream } = startTransport();
    start();
    stream.push(null);
    await new Promise((resolve) => stream.once('close', resolve));
    expect(events).toEqual([expect.objectContaining({ code: 'END_OF_STREAM', fault: 'link' })]);
  });

  test('ends with the error of the stream, even if it came before the start', async () => {
    const { events, start, stream } = startTransport();
    const error = new Error('reset');
    stream.destroy(error);
    await turn();
    start();
    expect(events).toEqual([]);
    await turn();
    expect(events).toEqual([error]);
  });

  test('ends with the first of several causes', async () => {
    const { events, start, transport, stream } = startTransport();
    start();
    const first = new Error('first');
    transport.destroy(first);
    transport.destroy(new Error('second'));
    await new Promise((resolve) => stream.once('close', resolve));
    expect(events).toEqual([first]);
  });

  test.concurrent('sends the queued messages before it ends, and then ends without a cause', async () => {
    const { events, start, transport, stream, written } = startTransport();
    start();
    transport.write(text('last'), { serial: 1 });
    transport.end();
    await new Promise((resolve) => stream.once('close', resolve)); // the peer never ends its side
    expect(written).toEqual([encoded('last')]);
    expect(events).toEqual([undefined]);
  });

  test.concurrent.each(['end', 'destroy'] as const)('sends no part of a message during which %s() is called', async (act) => {
    const { events, start, transport, stream, written } = startTransport();
    start();
    const value = { get key() { transport[act](); return variant('s', 'value'); } };
    const message = signal({ path: '/', interface: 'a.B', member: 'C', signature: 'a{sv}', body: [value] });
    transport.write(message, { serial: 1 });
    await new Promise((resolve) => stream.once('close', resolve));
    expect(written).toEqual([]);
    expect(events).toEqual([undefined]);
    expect(transport.queuedBytes).toBe(0);
  });
});
