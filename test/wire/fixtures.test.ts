// Every captured message is decoded, encoded, cut at each byte, joined with others, and swapped in its byte order; in
// `npm test` some of them are cut and joined.
// The bytes and the expected values are those of GLib, libdbus and sd-bus (fixtures/README.md).
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  checkBody, decodeHeader, decodeMessage, encodeMessage, type Message, MessageReader,
} from '../../src/wire/index.js';
import { extent, heavyTest, some } from '../support/extent.js';
import { completeTypes, loadHandshakes, loadMessages, type MessageFixture, type Writing } from '../support/fixtures.js';

const fixtures = loadMessages();
const handshakes = loadHandshakes();

const SIGNATURE = 8;
const UNIX_FDS = 9;
const KEYS = [
  'type', 'flags', 'serial', 'byteOrder', 'path', 'interface', 'member', 'errorName', 'replySerial', 'destination',
  'sender', 'signature', 'unixFds', 'unknownFields', 'body',
];

/** Converts maps to lists of entries, since the equality of maps ignores the order, which the sender determines. */
function ordered(value: unknown): unknown {
  if (value instanceof Map) return { entries: [...value].map(ordered) };
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, ordered(item)]));
}

function inOrder(message: Message, byteOrder: Message['byteOrder']): Message {
  return { ...message, byteOrder };
}

function otherOrder({ byteOrder }: Message): Message['byteOrder'] {
  return byteOrder === 'little' ? 'big' : 'little';
}

/** Known fields in the order of their codes, then unknown ones in their own order. */
function rank(code: number): number {
  return Math.min(code, UNIX_FDS + 1);
}

/** Whether a field has its default value, the empty signature or no descriptors. Our encoder leaves it out. */
function isIdle(code: number, message: Message): boolean {
  return (code === SIGNATURE && message.signature === '') || (code === UNIX_FDS && message.unixFds === 0);
}

function hasOurFieldOrder({ fields }: Writing, message: Message): boolean {
  return fields.every(([code], index) =>
    !isIdle(code, message) && rank(code) >= rank(fields[index - 1]?.[0] ?? 0));
}

/**
 * The same bytes with the header fields put into our encoder's order. A field starts on an 8-byte boundary, so it can
 * be moved as it is; the length of the field array changes with the padding between the fields.
 */
function withOurFieldOrder({ bytes, fields }: Writing, message: Message): Uint8Array {
  const header = [...bytes.subarray(0, 16)];
  const kept = fields.filter(([code]) => !isIdle(code, message)).sort(([a], [b]) => rank(a) - rank(b));
  for (const [, start, end] of kept) {
    while (header.length % 8 !== 0) header.push(0);
    header.push(...bytes.subarray(start, end));
  }
  const length = header.length - 16;
  while (header.length % 8 !== 0) header.push(0);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const bodyLength = view.getUint32(4, message.byteOrder === 'little');
  const result = Uint8Array.from([...header, ...bytes.subarray(bytes.length - bodyLength)]);
  new DataView(result.buffer).setUint32(12, length, message.byteOrder === 'little');
  return result;
}

/** Replaces every NaN by the same one, since a JavaScript engine may change the bits of a NaN. */
function withOneNaN(bytes: Uint8Array, { json }: MessageFixture): Uint8Array {
  const copy = bytes.slice();
  if (!/"[7f]ff[0-9a-f]{13} nan"/.test(JSON.stringify(json))) return copy;
  const view = new DataView(copy.buffer);
  const littleEndian = copy[0] === 0x6c;
  for (let at = 0; at + 8 <= copy.length; at += 8) {
    if (Number.isNaN(view.getFloat64(at, littleEndian))) view.setBigUint64(at, 0x7ff8n << 48n, littleEndian);
  }
  return copy;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').replace(/(.{64})/g, '$1\n');
}

function expectBytes(actual: Uint8Array, expected: Uint8Array, fixture: MessageFixture): void {
  expect(hex(withOneNaN(actual, fixture))).toBe(hex(withOneNaN(expected, fixture)));
}

function expectMessage(actual: Message, expected: Message): void {
  expect(ordered(actual)).toStrictEqual(ordered(expected));
}

/** Checks that the chunks yield the one message of the fixture. Fast, since it runs many thousand times. */
function expectFromChunks(chunks: Iterable<Uint8Array>, expected: unknown, where: string): void {
  const reader = new MessageReader();
  const messages = [...chunks].map((chunk) => reader.push(chunk));
  if (messages.slice(0, -1).some((early) => early.length > 0)) throw new Error(`a message before its end, ${where}`);
  const last = messages.at(-1) ?? [];
  if (last.length !== 1 || !isDeepStrictEqual(ordered(last[0]), expected)) {
    expect(last.map(ordered), where).toStrictEqual([expected]);
    throw new Error(`the two ways to compare disagree, ${where}`);
  }
}

function* singleBytes(bytes: Uint8Array): Generator<Uint8Array> {
  const chunk = new Uint8Array(1); // always the same one: a reader that keeps the chunk, not its bytes, fails
  for (const byte of bytes) {
    chunk[0] = byte;
    yield chunk;
  }
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const rows = fixtures.map((fixture, index) => {
  const next = fixtures[(index + 1) % fixtures.length] ?? fixture;
  return [fixture.name, fixture, next] as const;
});

/** How a message arrives does not depend on its content, so that some of the messages are enough in `npm test`. */
const arriving = new Set(some(fixtures, 4));

describe.each(rows)('message %s', (_, fixture, next) => {
  const { expected, captured, twin } = fixture;
  const testOfArrival = arriving.has(fixture) ? test : heavyTest;

  test('is decoded as by other implementations', () => {
    const message = decodeMessage(captured.bytes);
    expectMessage(message, expected);
    expect(Object.keys(message)).toStrictEqual(KEYS);
  });

  testOfArrival('is decoded at any offset in memory', () => {
    for (const offset of [1, 4, 7]) {
      const memory = new Uint8Array(offset + captured.bytes.length + 5).fill(0xff);
      memory.set(captured.bytes, offset);
      expectMessage(decodeMessage(memory.subarray(offset, offset + captured.bytes.length)), expected);
    }
  });

  test('has a body that passes the check without values', () => {
    for (const { bytes } of [captured, twin]) expect(checkBody(decodeHeader(bytes), bytes)).toBeUndefined();
  });

  test('is encoded to the captured bytes', () => {
    const bytes = encodeMessage(decodeMessage(captured.bytes), { serial: expected.serial });
    if (hasOurFieldOrder(captured, expected)) expectBytes(bytes, captured.bytes, fixture);
    expectBytes(bytes, withOurFieldOrder(captured, expected), fixture);
    expectMessage(decodeMessage(bytes), expected);
  });

  testOfArrival('is read from two chunks, wherever it is divided', () => {
    const { bytes } = captured;
    const wanted = ordered(expected);
    const step = extent(Math.ceil(bytes.length / 100), 1); // longer messages are cut at fewer places in `npm test`
    for (let cut = 0; cut < bytes.length; cut += step) {
      expectFromChunks([bytes.subarray(0, cut), bytes.subarray(cut)], wanted, `cut at byte ${cut}`);
    }
  });

  testOfArrival('is read byte by byte', () => {
    const reader = new MessageReader();
    const messages: Message[] = [];
    let read = 0;
    for (const chunk of singleBytes(captured.bytes)) {
      read++;
      for (const message of reader.push(chunk)) {
        expect(read).toBe(captured.bytes.length);
        messages.push(message);
      }
    }
    expect(messages.map(ordered)).toStrictEqual([ordered(expected)]);
  });

  testOfArrival('is read with others from one chunk', () => {
    const wanted = [expected, expected, next.expected].map(ordered);
    const bytes = concat(captured.bytes, captured.bytes, next.captured.bytes);
    expect(new MessageReader().push(bytes).map(ordered)).toStrictEqual(wanted);

    // the last one in two halves, so that the reader has to keep some of a chunk that also held whole messages
    const half = bytes.length - Math.ceil(next.captured.bytes.length / 2);
    const reader = new MessageReader();
    expect(reader.push(bytes.subarray(0, half)).map(ordered)).toStrictEqual(wanted.slice(0, 2));
    expect(reader.push(bytes.subarray(half)).map(ordered)).toStrictEqual(wanted.slice(2));
  });

  test('is the same message in the other byte order', () => {
    const byteOrder = otherOrder(expected);
    const bytes = encodeMessage(decodeMessage(captured.bytes), { serial: expected.serial, byteOrder });
    expect(bytes[0]).not.toBe(captured.bytes[0]);
    expectMessage(decodeMessage(bytes), inOrder(expected, byteOrder));
  });

  test('is the same message as its equivalent by GLib', () => {
    const byteOrder = otherOrder(expected);
    const message = decodeMessage(twin.bytes);
    const codes = twin.fields.map(([code]) => code);
    const unknownFields = [...expected.unknownFields].sort((a, b) => codes.indexOf(a.code) - codes.indexOf(b.code));
    expectMessage(message, { ...inOrder(expected, byteOrder), unknownFields });
    expectBytes(encodeMessage(message), withOurFieldOrder(twin, message), fixture);
  });
});

describe('the captured messages', () => {
  const bodies = fixtures.map(({ expected }) => expected);
  const signatures = bodies.map(({ signature }) => signature);
  const text = JSON.stringify(fixtures.map(({ json }) => json));

  test('are at least 100, of every type, in both byte orders and both directions', () => {
    expect(fixtures.length).toBeGreaterThanOrEqual(100);
    expect(new Set(fixtures.map(({ name }) => name)).size).toBe(fixtures.length);
    for (const type of ['method_call', 'method_return', 'error', 'signal'] as const) {
      expect(bodies.filter((message) => message.type === type).length, type).toBeGreaterThanOrEqual(10);
    }
    expect(bodies.map(({ type }) => type).filter((type) => typeof type === 'number').sort()).toStrictEqual([255, 5]);
    expect(bodies.filter(({ byteOrder }) => byteOrder === 'big').length).toBeGreaterThanOrEqual(20);
    const least = { 'to bus': 50, 'from bus': 50, 'to server': 1, 'from server': 1 };
    for (const [direction, count] of Object.entries(least)) {
      const found = fixtures.filter((fixture) => fixture.direction === direction);
      expect(found.length, direction).toBeGreaterThanOrEqual(count);
    }
  });

  test('come from every implementation, and each one without descriptors was decoded by two', () => {
    for (const maker of ['dbus-daemon', 'libdbus', 'dbus-python', 'GLib', 'sd-bus']) {
      expect(fixtures.filter(({ madeBy }) => madeBy.includes(maker)).length, maker).toBeGreaterThanOrEqual(10);
    }
    for (const { name, decodedBy, expected } of fixtures) {
      expect(decodedBy.map((program) => program.split(' ')[0]), name)
        .toStrictEqual(expected.unixFds > 0 ? ['GLib'] : ['GLib', 'libdbus']);
    }
  });

  test('contain every type code as a value, in an array and as a key of a dict', () => {
    const all = signatures.join('');
    for (const code of 'ybnqiuxtdsogh') {
      expect(all, code).toContain(`a${code}`);
      expect(signatures.some((signature) => completeTypes(signature).includes(code)), code).toBe(true);
      // a descriptor is no name for anything: no program here makes a dict with such keys
      if (code !== 'h') expect(all, code).toContain(`a{${code}`);
    }
    for (const container of ['a(', 'aa', 'a{', 'av', '(', 'v', 'aat', 'a(ii)', 'a{sv}', 'a{oa{sa{sv}}}']) {
      expect(all, container).toContain(container);
    }
    expect(text).toContain('{"signature":"v","value":{"signature":"v"');
  });

  test.each([
    ['least int64', '"-9223372036854775808"'],
    ['greatest uint64', '"18446744073709551615"'],
    ['least int16', '-32768'],
    ['least int32', '-2147483648'],
    ['greatest uint32', '4294967295'],
    ['minus zero', '"8000000000000000 -0.0"'],
    ['infinity', '"7ff0000000000000 inf"'],
    ['minus infinity', '"fff0000000000000 -inf"'],
    ['NaN', '"7ff8000000000000 nan"'],
    ['NaN with a payload', '"7ff8000000001234 nan"'],
    ['the least double', '"0000000000000001 5e-324"'],
    ['the empty string', '""'],
    ['an emoji', '🚀'],
    ['noncharacters', '\ufdd0 \ufffe \uffff \u{1fffe} \u{10ffff}'],
    ['a byte-order mark', '\ufeffbyte'],
    ['a key that is a property of objects', '"__proto__"'],
  ])('contain %s', (_, part) => {
    expect(text).toContain(part);
  });

  test('have the same order of header fields as our encoder in at least ten cases', () => {
    const exact = fixtures.filter(({ captured, expected }) => hasOurFieldOrder(captured, expected));
    expect(exact.length).toBeGreaterThanOrEqual(10);
    expect(fixtures.length - exact.length).toBeGreaterThanOrEqual(10);
  });

  test('contain unknown header fields of several codes', () => {
    const codes = fixtures.flatMap(({ expected }) => expected.unknownFields.map(({ code }) => code));
    expect(new Set(codes)).toStrictEqual(new Set([10, 11, 42, 64, 200, 255]));
  });
});

describe('the captured handshakes', () => {
  const streamOf = (fixture: (typeof handshakes)[number], side: string) => {
    const chunks = fixture.exchange.filter(({ from }) => from === side);
    return { lines: chunks.map(({ handshake }) => handshake).join(''), messages: chunks.map(({ message }) => message) };
  };

  test('are from libdbus, GLib and sd-bus, with EXTERNAL, DBUS_COOKIE_SHA1 and ANONYMOUS', () => {
    const text = JSON.stringify(handshakes.map(({ exchange }) => exchange));
    for (const mechanism of ['EXTERNAL', 'DBUS_COOKIE_SHA1', 'ANONYMOUS']) expect(text).toContain(`AUTH ${mechanism}`);
    const clients = new Set(handshakes.map(({ client }) => client.split(' ')[0]));
    expect(clients).toStrictEqual(new Set(['libdbus', 'GLib', 'sd-bus']));
    const servers = new Set(handshakes.map(({ server }) => server.split(' ')[0]));
    expect(servers).toStrictEqual(new Set(['dbus-daemon', 'GLib']));
  });

  describe.each(handshakes.map((fixture) => [fixture.name, fixture] as const))('%s', (_, fixture) => {
    const client = streamOf(fixture, 'client');
    const server = streamOf(fixture, 'server');

    test('starts with NUL and ends with BEGIN, and the server sends its GUID', () => {
      expect(client.lines).toMatch(/^\0AUTH[^\0]*\r\nBEGIN\r\n$/);
      expect(server.lines).toMatch(new RegExp(`(^|\r\n)OK ${fixture.guid}\r\n`));
      expect(fixture.guid).toMatch(/^[0-9a-f]{32}$/);
      const agreed = server.lines.endsWith('AGREE_UNIX_FD\r\n') && client.lines.includes('NEGOTIATE_UNIX_FD\r\n');
      expect(agreed).toBe(fixture.unixFds === 'agreed');
    });

    test('is followed by messages, and the server replies to the first one', () => {
      const [asked, answered] = [client, server].map(({ messages }) => {
        const reader = new MessageReader();
        return messages.flatMap((chunk) => reader.push(chunk));
      });
      expect(asked?.[0]).toMatchObject({ type: 'method_call', serial: 1 });
      expect(answered?.[0]).toMatchObject({ type: 'method_return', replySerial: 1 });
    });
  });

  const withCookies = handshakes.filter(({ cookies }) => cookies.length > 0);
  test.each(withCookies.map((fixture) => [fixture.name, fixture] as const))('%s proves its cookie', (_, fixture) => {
    const lines = fixture.exchange.map(({ handshake }) => handshake).join('').split('\r\n');
    const [challenge, response] = lines.filter((line) => line.startsWith('DATA '))
      .map((line) => Buffer.from(line.slice(5), 'hex').toString().split(' '));
    const [, id, serverText] = challenge ?? [];
    const [clientText, proof] = response ?? [];
    const cookie = fixture.cookies.map((line) => line.split(' ')).find(([known]) => known === id)?.[2];
    expect(createHash('sha1').update(`${serverText}:${clientText}:${cookie}`).digest('hex')).toBe(proof);
  });
});
