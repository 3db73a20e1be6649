// readdress: the header changes as requested, and nothing else does. The body keeps its bytes, valid or not.
// readdress.heavy.test.ts reaches the limits of length.
import { describe, expect, test } from 'vitest';
import {
  decodeHeader, decodeMessage, HeaderField, InvalidNameError, MarshalError, type Message, readdress, type Readdressing,
  UnmarshalError,
} from '../../../src/wire/index.js';
import { some } from '../../support/extent.js';
import { loadMessages } from '../../support/fixtures.js';

const writings = loadMessages().flatMap(({ name, expected, captured, twin }) => [
  { name, expected, bytes: captured.bytes },
  { name: `${name}, in the other byte order`, expected, bytes: twin.bytes },
]);

/** The bytes of the body, found without the code under test. */
function bodyOf(bytes: Uint8Array): Uint8Array {
  const isLittle = bytes[0] === 0x6c;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return bytes.subarray(bytes.length - view.getUint32(4, isLittle));
}

/** A message that is valid, without its byte order, in which the two encodings of a fixture differ; its body as bytes. */
function contentOf(bytes: Uint8Array): Omit<Message, 'byteOrder' | 'body'> & { readonly body: string } {
  const { byteOrder: _, body: __, ...header } = decodeMessage(bytes);
  return { ...header, body: Buffer.from(bodyOf(bytes)).toString('latin1') };
}

/** Every message in both byte orders; in `npm test` a third of these. */
const chosen = some(writings, 3);

const changes: readonly (readonly [what: string, readdressing: Readdressing])[] = [
  ['nothing', {}],
  ['the serial', { serial: 0xffff_ffff }],
  ['the flags', { flags: 0x81 }],
  ['the reply serial', { replySerial: 77 }],
  ['the sender', { sender: ':1.4711' }],
  ['the destination', { destination: 'com.example.Somewhere.Else' }],
  ['a shorter destination', { destination: 'a.b' }],
  ['all of them', { serial: 2, flags: 0, replySerial: 3, sender: ':9.9', destination: `com.${'x'.repeat(251)}` }],
];

test.each(changes)('readdress changes %s of captured messages, and nothing else', (_what, readdressing) => {
  for (const { name, bytes } of chosen) {
    const before = Uint8Array.from(bytes);
    const readdressed = readdress(bytes, readdressing);
    expect(Buffer.from(bytes).equals(before) && readdressed.buffer !== bytes.buffer, name).toBe(true);
    expect({ ...contentOf(readdressed), byteOrder: readdressed[0] }, name)
      .toEqual({ ...contentOf(bytes), ...readdressing, byteOrder: bytes[0] });
  }
});

describe('readdress', () => {
  const find = (wanted: string): Uint8Array => writings.find(({ name }) => name === wanted)?.bytes ?? new Uint8Array();

  test('copies every byte if nothing changes', () => {
    for (const { name, bytes } of writings) expect(Buffer.from(readdress(bytes, {})).equals(bytes), name).toBe(true);
  });

  test('restores the original bytes if a change is reversed', () => {
    for (const { name, expected, bytes } of writings) {
      const { serial, flags, sender = null, destination = null } = expected;
      const away = readdress(bytes, { serial: 9, flags: 1, sender: ':1.99999', destination: 'a.b' });
      const back = readdress(away, { serial, flags, sender, destination });
      expect(Buffer.from(back).equals(bytes), name).toBe(true);
    }
  });

  test('removes a sender and a destination', () => {
    for (const { bytes } of chosen) {
      const { sender, destination, ...rest } = contentOf(readdress(bytes, { sender: null, destination: null }));
      const { sender: _, destination: __, ...expected } = contentOf(bytes);
      expect({ sender, destination, ...rest }).toEqual({ sender: undefined, destination: undefined, ...expected });
    }
  });

  test('removes unknown fields only on request', () => {
    for (const { bytes } of chosen) {
      const stripped = contentOf(readdress(bytes, { stripUnknownFields: true }));
      expect(stripped).toEqual({ ...contentOf(bytes), unknownFields: [] });
    }
    const many = find('fields-unknown-many');
    expect(decodeMessage(many).unknownFields.length).toBeGreaterThan(2);
    expect(decodeMessage(readdress(many, { serial: 5 })).unknownFields).toEqual(decodeMessage(many).unknownFields);
    expect(readdress(many, { stripUnknownFields: true }).length).toBeLessThan(many.length);
  });

  test('does not read the body', () => {
    const bytes = Uint8Array.from(find('rang-signal-glib'));
    bodyOf(bytes).fill(0xff);
    expect(() => decodeMessage(bytes)).toThrow(UnmarshalError);
    const readdressed = readdress(bytes, { sender: ':1.12345' });
    expect(decodeHeader(readdressed)).toEqual({ ...decodeHeader(bytes), sender: ':1.12345' });
    expect(bodyOf(readdressed)).toEqual(bodyOf(bytes));
  });

  test('copies a unique name that can be received but must not be sent', () => {
    const bytes = Uint8Array.from(find('hello-reply'));
    const at = Buffer.from(bytes).indexOf('org.freedesktop.DBus\0');
    expect(decodeHeader(bytes).sender).toBe('org.freedesktop.DBus');
    bytes.set(Buffer.from(':1'), at);
    for (let i = at + 2; i < at + 20; i++) bytes[i] = 0x61;
    expect(decodeHeader(bytes).sender).toBe(`:1${'a'.repeat(18)}`);
    expect(decodeHeader(readdress(bytes, { serial: 3 })).sender).toBe(`:1${'a'.repeat(18)}`);
  });

  test('accepts a part of a larger buffer', () => {
    const bytes = find('managed-objects-reply');
    const around = Buffer.alloc(bytes.length + 10, 0xaa);
    around.set(bytes, 5);
    const readdressed = readdress(around.subarray(5, 5 + bytes.length), { serial: 4 });
    expect(decodeMessage(readdressed)).toEqual({ ...decodeMessage(bytes), serial: 4 });
    expect(readdressed).toBeInstanceOf(Uint8Array);
  });

  test('rejects a broken header, and bytes that are not exactly one message', () => {
    const bytes = find('hello-call-glib');
    expect(() => readdress(bytes.subarray(0, 20), {})).toThrow(expect.objectContaining({ code: 'MESSAGE_TRUNCATED' }));
    expect(() => readdress(Uint8Array.from([...bytes, 0]), {})).toThrow(
      expect.objectContaining({ code: 'MESSAGE_EXCESS' }),
    );
    for (let i = 0; i < bytes.length; i++) {
      for (const value of [0, 1, 0x42, 0xff]) {
        const broken = Uint8Array.from(bytes);
        broken[i] = value;
        const attempt = (run: () => unknown): unknown => {
          try {
            run();
            return 'taken';
          } catch (error) {
            if (!(error instanceof UnmarshalError)) throw error;
            return error.code;
          }
        };
        const verdict = attempt(() => decodeHeader(broken));
        const ours = attempt(() => readdress(broken, { sender: ':1.1' }));
        if (ours !== verdict) expect.fail(`byte ${i} is ${value}: ${String(ours)} instead of ${String(verdict)}`);
      }
    }
  });

  test.each([
    [{ serial: 0 }, 'header.serial'],
    [{ serial: 2 ** 32 }, 'header.serial'],
    [{ serial: 1.5 }, 'header.serial'],
    [{ flags: 256 }, 'header.flags'],
    [{ flags: -1 }, 'header.flags'],
    [{ replySerial: 0 }, 'header.REPLY_SERIAL'],
    [{ replySerial: Number.NaN }, 'header.REPLY_SERIAL'],
  ])('rejects %j', (readdressing, path) => {
    const error = expect.objectContaining({ code: 'FIELD_INVALID', path });
    expect(() => readdress(find('ping-reply'), readdressing)).toThrow(MarshalError);
    expect(() => readdress(find('ping-reply'), readdressing)).toThrow(error);
  });

  test.each(['', 'nodots', ':1', 'a..b', 'ä.b', `a.${'b'.repeat(254)}`])('rejects the bus name %j', (name) => {
    expect(() => readdress(find('ping-reply'), { sender: name })).toThrow(InvalidNameError);
    expect(() => readdress(find('ping-reply'), { destination: name })).toThrow(InvalidNameError);
  });

  test('writes a new field after the existing ones', () => {
    const codes = (bytes: Uint8Array): unknown[] => {
      const at = Buffer.from(bytes);
      return [at.indexOf(Buffer.from([HeaderField.SENDER, 1, 0x73, 0])), at.indexOf(Buffer.from([3, 1, 0x73, 0]))];
    };
    const [sender, member] = codes(readdress(find('hello-call-libdbus'), { sender: ':1.1' }));
    expect(sender).toBeGreaterThan(member as number);
  });
});
