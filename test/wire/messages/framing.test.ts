// Streams cut into messages: however the chunks are cut, what a broken message does to those around it, what a reader
// keeps. Specification: Message Format.
import { describe, expect, it } from 'vitest';
import {
  decodeMessage, encodeMessage, FrameReader, type Message, MessageReader, methodCall, signal, UnmarshalError,
  type UnmarshalErrorCode,
} from '../../../src/wire/index.js';
import { bytes, hex, thrownBy, unmarshalErrorOf } from '../support.js';

function callOf(serial: number, text = 'x'): Uint8Array {
  return encodeMessage(methodCall({ path: '/a', member: 'B', signature: 's', body: [text] }), { serial }).slice();
}

const join = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));
const serialsOf = (messages: readonly Message[]): number[] => messages.map(({ serial }) => serial);

const GOOD = [callOf(1), callOf(2, 'y'.repeat(500)), callOf(3, '')];
/** The body of a string whose NUL is missing: framed well, broken inside. */
const BROKEN_BODY = callOf(4);
BROKEN_BODY[BROKEN_BODY.length - 1] = 0x78;
/** Refused from the first 16 bytes on. */
const BROKEN_FRAME = callOf(5);
BROKEN_FRAME[3] = 2;

function* cuts(stream: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < stream.length; at += size) yield stream.subarray(at, at + size);
}

describe('a reader', () => {
  it.each([1, 2, 3, 7, 8, 15, 16, 17, 31, 64, 100, 1000])('takes chunks of %d bytes', (size) => {
    const stream = join(...GOOD, ...GOOD);
    const reader = new MessageReader();
    const frames = new FrameReader();
    const read: Message[] = [];
    const framed: Uint8Array[] = [];
    for (const chunk of cuts(stream, size)) {
      read.push(...reader.push(chunk));
      framed.push(...frames.push(chunk).map((frame) => frame.slice()));
    }
    expect(read).toEqual([...GOOD, ...GOOD].map(decodeMessage));
    expect(framed.map(hex)).toEqual([...GOOD, ...GOOD].map(hex));
    expect([reader.failure, frames.failure, reader.isInsideMessage, frames.isInsideMessage])
      .toEqual([undefined, undefined, false, false]);
  });

  it('takes ten thousand messages in one chunk', () => {
    const stream = join(...Array.from({ length: 10_000 }, (_, i) => callOf(i + 1)));
    expect(serialsOf(new MessageReader().push(stream))).toEqual(Array.from({ length: 10_000 }, (_, i) => i + 1));
    expect(new FrameReader().push(stream)).toHaveLength(10_000);
  });

  it('takes chunks of no bytes anywhere', () => {
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

  it('reads both byte orders in one stream', () => {
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

  it('delivers a message with its last byte, not before and not later', () => {
    const stream = join(...GOOD);
    const reader = new MessageReader();
    const ends = GOOD.map((_, i) => GOOD.slice(0, i + 1).reduce((length, part) => length + part.length, 0));
    for (let at = 0; at < stream.length; at++) {
      const messages = reader.push(stream.subarray(at, at + 1));
      expect(messages.length).toBe(ends.includes(at + 1) ? 1 : 0);
    }
  });

  it('keeps no chunk: what a caller does with its memory afterwards is nobody\'s business', () => {
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
      expect(read).toEqual(GOOD.map(decodeMessage));
    }
  });

  it('takes Buffers, and parts of larger ones', () => {
    const pooled = Buffer.concat([Buffer.from('before'), ...GOOD, Buffer.from('behind')]);
    const part = pooled.subarray(6, pooled.length - 6);
    expect(new MessageReader().push(part)).toEqual(GOOD.map(decodeMessage));
    const reader = new MessageReader();
    expect([...cuts(part, 33)].flatMap((chunk) => reader.push(chunk))).toEqual(GOOD.map(decodeMessage));
  });
});

describe('frames', () => {
  it('are views: of the chunk where that holds a whole message, of memory of their own where not', () => {
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
    expect(hex(cutOne!)).toBe(hex(copy)); // not written over by what came after it
  });

  it('need not hold valid messages: only the first 16 bytes count', () => {
    const reader = new FrameReader();
    expect(reader.push(join(BROKEN_BODY, GOOD[0]!)).map(hex)).toEqual([BROKEN_BODY, GOOD[0]!].map(hex));
    expect(reader.failure).toBeUndefined();
  });
});

describe('a broken message', () => {
  const FRAMES: readonly (readonly [title: string, digits: string, code: UnmarshalErrorCode, offset: number])[] = [
    ['byte order', '6d 01 00 01 00000000 01000000 00000000', 'BYTE_ORDER_INVALID', 0],
    ['text, as of another protocol', '47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a', 'BYTE_ORDER_INVALID', 0],
    ['nothing but zeros', '00'.repeat(16), 'BYTE_ORDER_INVALID', 0],
    ['type', '6c 00 00 01 00000000 01000000 00000000', 'MESSAGE_TYPE_INVALID', 1],
    ['version', '6c 01 00 02 00000000 01000000 00000000', 'VERSION_UNSUPPORTED', 3],
    ['serial', '6c 01 00 01 00000000 00000000 00000000', 'SERIAL_ZERO', 8],
    ['fields', '6c 01 00 01 00000000 01000000 01000004', 'FIELDS_TOO_LONG', 12],
    ['body', '6c 01 00 01 f1ffff07 01000000 00000000', 'MESSAGE_TOO_LONG', 4],
    ['body of 2^32−1', '42 01 00 01 ffffffff 00000001 00000000', 'MESSAGE_TOO_LONG', 4],
    ['fields and body together', '6c 01 00 01 f1ffff03 01000000 00000004', 'MESSAGE_TOO_LONG', 4],
  ];

  it.each(FRAMES)('in its first 16 bytes is refused with the sixteenth: %s', (_, digits, code, offset) => {
    const start = bytes(digits);
    for (const reader of [new MessageReader(), new FrameReader()]) {
      expect(reader.push(start.subarray(0, 15))).toEqual([]);
      expect([reader.failure, reader.isInsideMessage]).toEqual([undefined, true]);
      const error = unmarshalErrorOf(() => reader.push(start.subarray(15)));
      expect([error.code, error.offset, error.path]).toEqual([code, offset, '']);
      expect(reader.failure).toBe(error);
    }
  });

  it('of the greatest possible lengths is waited for', () => {
    for (const digits of ['6c 01 00 01 f0ffff07 01000000 00000000', '6c 01 00 01 00000000 01000000 00000004']) {
      const reader = new FrameReader();
      expect(reader.push(bytes(digits))).toEqual([]);
      expect([reader.failure, reader.isInsideMessage]).toEqual([undefined, true]);
    }
  });

  describe.each([
    ['in its body', BROKEN_BODY, 'STRING_NOT_TERMINATED'],
    ['in its frame', BROKEN_FRAME, 'VERSION_UNSUPPORTED'],
  ] as const)('%s', (_, broken, code) => {
    const stream = join(GOOD[0]!, GOOD[1]!, broken, GOOD[2]!);

    it('does not take those with it that came before in the same chunk', () => {
      const reader = new MessageReader();
      expect(serialsOf(reader.push(stream))).toEqual([1, 2]);
      expect(reader.failure?.code).toBe(code);
    });

    it('is thrown at once where nothing came before it', () => {
      const reader = new MessageReader();
      const error = unmarshalErrorOf(() => reader.push(join(broken, GOOD[0]!)));
      expect([error.code, reader.failure]).toEqual([code, error]);
    });

    it('ends the stream: every later call throws the same error, good bytes or none', () => {
      const reader = new MessageReader();
      reader.push(stream);
      const { failure } = reader;
      for (const chunk of [GOOD[0]!, new Uint8Array(0), broken, GOOD[2]!]) {
        expect(thrownBy(() => reader.push(chunk))).toBe(failure);
        expect(reader.failure).toBe(failure);
      }
    });

    it('is found wherever the chunks are cut, and nothing behind it is delivered', () => {
      const expected = (() => {
        const reader = new MessageReader();
        reader.push(stream);
        return reader.failure!;
      })();
      for (let size = 1; size < stream.length; size += size < 40 ? 1 : 13) {
        const reader = new MessageReader();
        const read: Message[] = [];
        let thrown: unknown;
        for (const chunk of cuts(stream, size)) {
          try {
            read.push(...reader.push(chunk));
          } catch (error) {
            thrown ??= error;
            expect(error).toBe(thrown);
          }
        }
        expect(serialsOf(read)).toEqual([1, 2]);
        expect(reader.failure).toBeInstanceOf(UnmarshalError);
        if (thrown !== undefined) expect(thrown).toBe(reader.failure);
        expect([reader.failure?.code, reader.failure?.offset, reader.failure?.path])
          .toEqual([expected.code, expected.offset, expected.path]);
      }
    });

    it('leaves other readers alone', () => {
      const [one, other] = [new MessageReader(), new MessageReader()];
      other.push(GOOD[0]!.subarray(0, 20));
      one.push(stream);
      expect(serialsOf(other.push(GOOD[0]!.subarray(20)))).toEqual([1]);
      expect(serialsOf(new MessageReader().push(GOOD[1]!))).toEqual([2]);
    });
  });

  it('the first of several decides', () => {
    const reader = new MessageReader();
    expect(serialsOf(reader.push(join(GOOD[0]!, BROKEN_BODY, GOOD[1]!, BROKEN_FRAME)))).toEqual([1]);
    expect(reader.failure?.code).toBe('STRING_NOT_TERMINATED');
  });

  it('of the frame ends a FrameReader as well, which is not inside a message then', () => {
    const reader = new FrameReader();
    expect(reader.push(join(GOOD[0]!, BROKEN_BODY, BROKEN_FRAME, GOOD[1]!))).toHaveLength(2);
    const { failure } = reader;
    expect(failure?.code).toBe('VERSION_UNSUPPORTED');
    expect(reader.isInsideMessage).toBe(false);
    for (const chunk of [GOOD[0]!, new Uint8Array(0)]) expect(thrownBy(() => reader.push(chunk))).toBe(failure);
  });
});

describe('a stream that ends', () => {
  it('was cut wherever that is not behind a message', () => {
    const stream = join(GOOD[0]!, GOOD[1]!);
    for (let length = 0; length <= stream.length; length++) {
      const reader = new MessageReader();
      reader.push(stream.subarray(0, length));
      expect(reader.isInsideMessage).toBe(![0, GOOD[0]!.length, stream.length].includes(length));
    }
  });
});

describe('a limit of one\'s own', () => {
  const message = encodeMessage(signal({ path: '/a', interface: 'a.b', member: 'C', signature: 'ay', body: [[1, 2]] }), {
    serial: 1,
  });

  it.each([FrameReader, MessageReader])('takes a message of that length, and no longer one: %o', (Reader) => {
    expect(new Reader({ maxMessageLength: message.length }).push(message)).toHaveLength(1);
    const reader = new Reader({ maxMessageLength: message.length - 1 });
    expect(reader.push(message.subarray(0, 10))).toEqual([]);
    expect(() => reader.push(message.subarray(10, 16))).toThrow(expect.objectContaining({ code: 'MESSAGE_TOO_LONG' }));
  });
});
