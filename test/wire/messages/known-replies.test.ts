// Replies whose header fields are known from an earlier reply: they are read as if nothing were known.
import { describe, expect, test, vi } from 'vitest';
import { decodeHeader, decodeMessage } from '../../../src/wire/messages/decode.js';
import { encodeMessage } from '../../../src/wire/messages/encode.js';
import { errorReply, type Message, methodReturn } from '../../../src/wire/messages/message.js';

const CALL = { serial: 1, sender: ':1.42', flags: 0 };

const reply = (replySerial: number, sender = ':1.7'): Message => (
  { ...methodReturn({ ...CALL, serial: replySerial }, { signature: 's', body: ['text'] }), sender }
);

const failure = (replySerial: number): Message => (
  { ...errorReply({ ...CALL, serial: replySerial }, { errorName: 'com.example.Error', message: 'text' }), sender: ':1.7' }
);

/** The decoder of a process that has not read any message yet. */
async function freshDecoder(): Promise<typeof decodeHeader> {
  vi.resetModules();
  return (await import('../../../src/wire/messages/decode.js')).decodeHeader;
}

function outcomeOf(decode: typeof decodeHeader, bytes: Uint8Array): unknown {
  try {
    return decode(bytes);
  } catch (error) {
    const { code, offset, path, message } = error as Record<string, unknown>;
    return { code, offset, path, message };
  }
}

describe.each([['a METHOD_RETURN', reply], ['an ERROR', failure]])('%s', (_name, make) => {
  test('has its own serials, whether its header is known or not', () => {
    for (const replySerial of [1, 2, 2 ** 31, 2 ** 32 - 1]) {
      for (const byteOrder of ['little', 'big'] as const) { // big-endian headers are never known
        const bytes = encodeMessage(make(replySerial), { serial: replySerial - 1 || 9, byteOrder });
        expect(decodeMessage(bytes)).toStrictEqual({ ...make(replySerial), serial: replySerial - 1 || 9, byteOrder });
      }
    }
  });

  test('with any other byte in its header is read as by a decoder without a cache', async () => {
    const bytes = encodeMessage(make(0x01020304), { serial: 5 }).slice();
    const decodeFresh = await freshDecoder();
    const bodyOffset = bytes.length - new DataView(bytes.buffer).getUint32(4, true);
    for (let offset = 0; offset < bodyOffset; offset++) {
      for (const bit of [1, 0x20, 0x80]) {
        decodeHeader(bytes); // it is known again, whatever came in between
        const altered = bytes.slice();
        altered[offset]! ^= bit;
        expect(outcomeOf(decodeHeader, altered), `offset ${offset}`).toEqual(outcomeOf(decodeFresh, altered));
      }
    }
  });

  test('is refused if its serial is 0', () => {
    const bytes = encodeMessage(make(0x01020304), { serial: 5 }).slice();
    const { buffer } = bytes;
    const serialAt = bytes.findIndex((_, at) => at >= 16 && new DataView(buffer).getUint32(at, true) === 0x01020304);
    decodeHeader(bytes);
    bytes.fill(0, serialAt, serialAt + 4);
    expect(() => decodeHeader(bytes)).toThrow(expect.objectContaining({ code: 'REPLY_SERIAL_ZERO', offset: serialAt }));
  });
});

test('replies of many senders, in turn, keep their senders', () => {
  const senders = Array.from({ length: 50 }, (_, index) => `:1.${index}`);
  for (const round of [1, 2]) {
    for (const sender of senders) {
      expect(decodeHeader(encodeMessage(reply(round, sender), { serial: 5 }))).toMatchObject({ sender, replySerial: round });
    }
  }
});

test('a METHOD_RETURN with the fields of a known ERROR is read by the rules of its type', () => {
  const bytes = encodeMessage(failure(3), { serial: 5 }).slice();
  expect(decodeHeader(bytes)).toMatchObject({ type: 'error', errorName: 'com.example.Error' });
  bytes[1] = 2;
  expect(decodeHeader(bytes)).toMatchObject({ type: 'method_return', errorName: 'com.example.Error' });
  const returned = encodeMessage(reply(4), { serial: 5 }).slice();
  decodeHeader(returned);
  returned[1] = 3;
  expect(() => decodeHeader(returned)).toThrow(expect.objectContaining({ code: 'FIELD_MISSING' }));
});

test('a reply with unknown fields shares them with no other reply', () => {
  const fields = [{ code: 200, value: { signature: 's', value: 'text' } }];
  const bytes = encodeMessage({ ...reply(3), unknownFields: fields }, { serial: 5 }).slice();
  const { unknownFields } = decodeHeader(bytes);
  expect(unknownFields).toEqual(fields);
  expect(decodeHeader(bytes).unknownFields).not.toBe(unknownFields);
});
