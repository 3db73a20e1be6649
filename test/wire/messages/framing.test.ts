// FrameReader and MessageReader: chunks that are cut anywhere, invalid messages among valid ones, impossible messages.
// Specification: Message Format.
import { describe, expect, test } from 'vitest';
import {
  decodeMessage, encodeMessage, FrameReader, type Message, MessageReader, methodCall, readEnvelope, signal,
  type UnmarshalErrorCode,
} from '../../../src/wire/index.js';
import { bytes, hex } from '../support.js';

function callOf(serial: number, text = 'x'): Uint8Array {
  return encodeMessage(methodCall({ path: '/a', member: 'B', signature: 's', body: [text] }), { serial }).slice();
}

const join = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));
const serialsOf = (messages: readonly Message[]): number[] => messages.map(({ serial }) => serial);

const GOOD = [callOf(1), callOf(2, 'y'.repeat(500)), callOf(3, '')];
/** Invalid, but of a known length: the NUL after a STRING is missing. */
const BROKEN_BODY = callOf(4);
BROKEN_BODY[BROKEN_BODY.length - 1] = 0x78;
/** Impossible: its first 16 bytes have an unknown protocol version. */
const BROKEN_FRAME = callOf(5);
BROKEN_FRAME[3] = 2;

function* cuts(stream: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < stream.length; at += size) yield stream.subarray(at, at + size);
}

describe('a stream of valid messages', () => {
  test.each([1, 2, 3, 7, 8, 15, 16, 17, 31, 64, 100, 1000])('can arrive in chunks of %d bytes', (size) => {
    const stream = join(...GOOD, ...GOOD);
    const reader = new MessageReader();
    const frames = new FrameReader();
    const read: Message[] = [];
    const framed: Uint8Array[] = [];
    for (const chunk of cuts(stream, size)) {
      read.push(...reader.push(chunk));
      framed.push(...frames.push(chunk).map((frame) => frame.slice()));
    }
    expect(read).toEqual([...GOOD, ...GOOD].map((frame) => decodeMessage(frame)));
    expect(framed.map(hex)).toEqual([...GOOD, ...GOOD].map(hex));
    expect([reader.failure, frames.failure, reader.isInsideMessage, frames.isInsideMessage])
      .toEqual([undefined, undefined, false, false]);
  });

  const LONG = encodeMessage(methodCall({
    path: '/a', member: 'B', signature: 'ay', body: [Uint8Array.from({ length: 300_000 }, (_, i) => i % 251)],
  }), { serial: 9 }).slice();

  test.each([1000, 4095, 4096, 5000, 65_536, 140_000, 299_999])('can have long ones in chunks of %d bytes', (size) => {
    const stream = join(GOOD[0]!, LONG, GOOD[1]!, LONG);
    const wanted = [GOOD[0]!, LONG, GOOD[1]!, LONG].map(hex);
    for (const keepChunks of [false, true]) {
      const reader = new FrameReader({ keepChunks });
      const frames: Uint8Array[] = [];
      for (const part of cuts(stream, size)) {
        const chunk = Buffer.from(part);
        frames.push(...reader.push(chunk).map((frame) => frame.slice()));
        if (!keepChunks) chunk.fill(0xff); // what a socket does that reads into the same memory again
      }
      expect(frames.map(hex)).toEqual(wanted);
    }
  });

  test('keeps no chunk that is a small part of its memory', () => {
    const reader = new FrameReader({ keepChunks: true });
    const frames: Uint8Array[] = [];
    for (const part of cuts(LONG, 5000)) {
      const memory = new Uint8Array(3 * part.length);
      memory.set(part);
      frames.push(...reader.push(memory.subarray(0, part.length)));
      memory.fill(0xff); // which changes the message, if the memory is kept
    }
    expect(frames.map(hex)).toEqual([hex(LONG)]);
  });

  test('is divided into plain Uint8Arrays, whatever the chunks are', () => {
    const reader = new FrameReader();
    const stream = Buffer.concat(GOOD);
    const frames = [...reader.push(stream.subarray(0, 200)), ...reader.push(stream.subarray(200))];
    expect(frames.map(({ constructor }) => constructor)).toEqual([Uint8Array, Uint8Array, Uint8Array]);
  });

  test('can have thousands of messages in one chunk', () => {
    const stream = join(...Array.from({ length: 3_000 }, (_, i) => callOf(i + 1)));
    expect(serialsOf(new MessageReader().push(stream))).toEqual(Array.from({ length: 3_000 }, (_, i) => i + 1));
    expect(new FrameReader().push(stream)).toHaveLength(3_000);
  });

  test('can have empty chunks anywhere', () => {
    const reader = new MessageReader();
    const nothing = new Uint8Array(0);
    expect(reader.push(nothing)).toEqual([]);
    expect(reader.isInsideMessage).toBe(false);
    for (const chunk of cuts(GOOD[0]!, 5)) {
      const messages = reader.push(chunk);
      expect(reader.isInsideMessage).toBe(messages.length === 0);
      expect(reader.push(nothing)).toEqual([]);
      expect(reader.isInsideMessage).toBe(messages.length === 0);
    }
    expect(reader.failure).toBeUndefined();
  });

  test('can have messages of both byte orders', () => {
    const message = signal({ path: '/a', interface: 'a.b', member: 'C', signature: 'x', body: [-1n] });
    const orders = ['little', 'big', 'big', 'little'] as const;
    const stream = join(...orders.map((byteOrder, i) => encodeMessage(message, { serial: i + 1, byteOrder })));
    for (const size of [1, 20, 1000]) {
      const reader = new MessageReader();
      const read = [...cuts(stream, size)].flatMap((chunk) => reader.push(chunk));
      expect(read.map(({ byteOrder }) => byteOrder)).toEqual(orders);
      expect(read.every(({ body }) => body[0] === -1n)).toBe(true);
    }
  });

  test('delivers each message with its last byte', () => {
    const stream = join(...GOOD);
    const reader = new MessageReader();
    const ends = GOOD.map((_, i) => GOOD.slice(0, i + 1).reduce((length, part) => length + part.length, 0));
    for (let at = 0; at < stream.length; at++) {
      const messages = reader.push(stream.subarray(at, at + 1));
      expect(messages.length).toBe(ends.includes(at + 1) ? 1 : 0);
    }
  });

  test('does not use the memory of a chunk after the call', () => {
    const stream = join(...GOOD);
    for (const size of [1, 7, 40, 400]) {
      const reader = new MessageReader();
      const read: Message[] = [];
      const buffer = new Uint8Array(size);
      for (const chunk of cuts(stream, size)) {
        buffer.set(chunk);
        read.push(...reader.push(buffer.subarray(0, chunk.length)));
        buffer.fill(0xee);
      }
      expect(read).toEqual(GOOD.map((frame) => decodeMessage(frame)));
    }
  });

  test('can arrive in Buffers, and in parts of larger Buffers', () => {
    const pooled = Buffer.concat([Buffer.from('before'), ...GOOD, Buffer.from('after!')]);
    const part = pooled.subarray(6, pooled.length - 6);
    expect(new MessageReader().push(part)).toEqual(GOOD.map((frame) => decodeMessage(frame)));
    const reader = new MessageReader();
    expect([...cuts(part, 33)].flatMap((chunk) => reader.push(chunk))).toEqual(GOOD.map((frame) => decodeMessage(frame)));
  });
});

describe('the frames of a FrameReader', () => {
  test('are views of the chunk if it contains the whole message, otherwise of separate memory', () => {
    const stream = join(...GOOD);
    const reader = new FrameReader();
    const [first, second, third] = reader.push(stream);
    for (const frame of [first, second, third]) expect(frame!.buffer).toBe(stream.buffer);
    const half = stream.subarray(0, GOOD[0]!.length + 30);
    const [whole] = reader.push(half);
    expect(whole!.buffer).toBe(stream.buffer);
    const [cutOne, last] = reader.push(stream.subarray(half.length));
    expect(cutOne!.buffer).not.toBe(stream.buffer);
    expect(last!.buffer).toBe(stream.buffer);
    const copy = cutOne!.slice();
    for (const chunk of cuts(stream, 10)) reader.push(chunk);
    expect(hex(cutOne!)).toBe(hex(copy)); // later chunks did not overwrite it
  });

  test('are returned even if their messages are not valid', () => {
    const reader = new FrameReader();
    expect(reader.push(join(BROKEN_BODY, GOOD[0]!)).map(hex)).toEqual([BROKEN_BODY, GOOD[0]!].map(hex));
    expect(reader.failure).toBeUndefined();
  });
});

describe('an impossible message', () => {
  const FRAMES: readonly (readonly [title: string, digits: string, code: UnmarshalErrorCode, offset: number])[] = [
    ['byte order', '6d 01 00 01 00000000 01000000 00000000', 'BYTE_ORDER_INVALID', 0],
    ['text of another protocol', '47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a', 'BYTE_ORDER_INVALID', 0],
    ['only zeros', '00'.repeat(16), 'BYTE_ORDER_INVALID', 0],
    ['type', '6c 00 00 01 00000000 01000000 00000000', 'MESSAGE_TYPE_INVALID', 1],
    ['version', '6c 01 00 02 00000000 01000000 00000000', 'VERSION_UNSUPPORTED', 3],
    ['serial', '6c 01 00 01 00000000 00000000 00000000', 'SERIAL_ZERO', 8],
    ['fields', '6c 01 00 01 00000000 01000000 01000004', 'FIELDS_TOO_LONG', 12],
    ['body', '6c 01 00 01 f1ffff07 01000000 00000000', 'MESSAGE_TOO_LONG', 4],
    ['body of 2^32−1', '42 01 00 01 ffffffff 00000001 00000000', 'MESSAGE_TOO_LONG', 4],
    ['fields and body together', '6c 01 00 01 f1ffff03 01000000 00000004', 'MESSAGE_TOO_LONG', 4],
  ];

  test.each(FRAMES)('is refused at its sixteenth byte: %s', (_, digits, code, offset) => {
    const start = bytes(digits);
    for (const reader of [new MessageReader(), new FrameReader()]) {
      expect(reader.push(start.subarray(0, 15))).toEqual([]);
      expect([reader.failure, reader.isInsideMessage]).toEqual([undefined, true]);
      expect(reader.push(start.subarray(15))).toEqual([]);
      expect(reader.failure).toMatchObject({ name: 'UnmarshalError', code, offset, path: '' });
      expect(reader.isInsideMessage).toBe(false);
    }
  });

  test('is longer than a message of exactly the greatest length, which is accepted', () => {
    for (const digits of ['6c 01 00 01 f0ffff07 01000000 00000000', '6c 01 00 01 00000000 01000000 00000004']) {
      const reader = new FrameReader();
      expect(reader.push(bytes(digits))).toEqual([]);
      expect([reader.failure, reader.isInsideMessage]).toEqual([undefined, true]);
    }
  });

  const stream = join(GOOD[0]!, GOOD[1]!, BROKEN_FRAME, GOOD[2]!);

  test('does not affect the messages before it in the same chunk', () => {
    const reader = new MessageReader();
    expect(serialsOf(reader.push(stream))).toEqual([1, 2]);
    expect(reader.failure?.code).toBe('VERSION_UNSUPPORTED');
    expect(reader.invalid).toEqual([]);
  });

  test('ends the stream: later calls return no messages, do not throw, and keep the failure', () => {
    for (const reader of [new MessageReader(), new FrameReader()]) {
      expect(reader.push(stream)).toHaveLength(2);
      const { failure } = reader;
      for (const chunk of [GOOD[0]!, new Uint8Array(0), BROKEN_FRAME, BROKEN_BODY, GOOD[2]!]) {
        expect(reader.push(chunk)).toEqual([]);
        expect(reader.failure).toBe(failure);
        expect(reader.isInsideMessage).toBe(false);
      }
    }
  });

  test('has the same effect wherever the chunks are divided', () => {
    for (let size = 1; size < stream.length; size += size < 40 ? 1 : 13) {
      const reader = new MessageReader();
      const read = [...cuts(stream, size)].flatMap((chunk) => reader.push(chunk));
      expect(serialsOf(read)).toEqual([1, 2]);
      expect(reader.failure).toMatchObject({ code: 'VERSION_UNSUPPORTED', offset: 3, path: '' });
    }
  });

  test('does not affect other readers', () => {
    const [one, other] = [new MessageReader(), new MessageReader()];
    other.push(GOOD[0]!.subarray(0, 20));
    one.push(stream);
    expect(serialsOf(other.push(GOOD[0]!.subarray(20)))).toEqual([1]);
    expect(serialsOf(new MessageReader().push(GOOD[1]!))).toEqual([2]);
  });
});

describe('an invalid message', () => {
  /** The header lacks the MEMBER that a call must have. */
  const BROKEN_HEADER = bytes('6c 01 00 01 00000000 06000000 0b000000 01 01 6f 00 02000000 2f61 00 0000000000');
  const stream = join(GOOD[0]!, BROKEN_BODY, GOOD[1]!, BROKEN_HEADER, GOOD[2]!);

  test('is left out, and the messages around it are delivered', () => {
    const reader = new MessageReader();
    expect(serialsOf(reader.push(stream))).toEqual([1, 2, 3]);
    expect(reader.failure).toBeUndefined();
    expect(reader.invalid.map(({ error, frame }) => [error.code, hex(frame)])).toEqual([
      ['STRING_NOT_TERMINATED', hex(BROKEN_BODY)], ['FIELD_MISSING', hex(BROKEN_HEADER)],
    ]);
    expect(serialsOf(reader.push(GOOD[0]!))).toEqual([1]);
    expect(reader.invalid).toEqual([]);
  });

  test('is left out wherever the chunks are divided', () => {
    for (let size = 1; size < stream.length; size += size < 40 ? 1 : 13) {
      const reader = new MessageReader();
      const serials: number[] = [];
      const codes: string[] = [];
      for (const chunk of cuts(stream, size)) {
        serials.push(...serialsOf(reader.push(chunk)));
        codes.push(...reader.invalid.map(({ error }) => error.code));
      }
      expect(serials).toEqual([1, 2, 3]);
      expect(codes).toEqual(['STRING_NOT_TERMINATED', 'FIELD_MISSING']);
    }
  });

  test('can get a reply, because its envelope can be read', () => {
    const reader = new MessageReader();
    reader.push(join(BROKEN_BODY, BROKEN_HEADER));
    expect(reader.invalid.map(({ frame }) => readEnvelope(frame).serial)).toEqual([4, 6]);
  });

  test('is reported even if an impossible message follows in the same chunk', () => {
    const reader = new MessageReader();
    expect(serialsOf(reader.push(join(GOOD[0]!, BROKEN_BODY, GOOD[1]!, BROKEN_FRAME, GOOD[2]!)))).toEqual([1, 2]);
    expect(reader.invalid.map(({ error }) => error.code)).toEqual(['STRING_NOT_TERMINATED']);
    expect(reader.failure?.code).toBe('VERSION_UNSUPPORTED');
  });
});

describe('a stream that ends', () => {
  test('is incomplete unless it ends after a message', () => {
    const stream = join(GOOD[0]!, GOOD[1]!);
    for (let length = 0; length <= stream.length; length++) {
      const reader = new MessageReader();
      reader.push(stream.subarray(0, length));
      expect(reader.isInsideMessage).toBe(![0, GOOD[0]!.length, stream.length].includes(length));
    }
  });
});

describe('maxMessageLength', () => {
  const message = encodeMessage(signal({ path: '/a', interface: 'a.b', member: 'C', signature: 'ay', body: [[1, 2]] }), {
    serial: 1,
  });

  test.each([FrameReader, MessageReader])('accepts a message of exactly that length, and refuses a longer one: %o', (Reader) => {
    expect(new Reader({ maxMessageLength: message.length }).push(message)).toHaveLength(1);
    const reader = new Reader({ maxMessageLength: message.length - 1 });
    expect(reader.push(message.subarray(0, 10))).toEqual([]);
    expect(reader.push(message.subarray(10, 16))).toEqual([]);
    expect(reader.failure?.code).toBe('MESSAGE_TOO_LONG');
    expect(reader.failure?.message).toContain(`the message has ${message.length} bytes: it must have at most`);
    expect(reader.failure?.message).toContain('as the option maxMessageLength says');
  });

  test.each([FrameReader, MessageReader])('can be undefined: %o', (Reader) => {
    expect(new Reader({ maxMessageLength: undefined }).push(message)).toHaveLength(1);
  });
});
