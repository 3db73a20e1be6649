// Broken headers: how much of them readEnvelope() still finds. The bytes are written by hand.
// Specification: Message Format, Header Fields.
import { describe, expect, test } from 'vitest';
import { decodeBody, decodeHeader, decodeMessage, encodeMessage, methodCall } from '../../../src/wire/index.js';
import { readEnvelope } from '../../../src/wire/messages/broken-header.js';
import { loadMessages } from '../../support/fixtures.js';
import { bytes, unmarshalErrorOf } from '../support.js';

const PATH = '01 01 6f 00 02000000 2f61 00 0000000000';
const REPLY_SERIAL = '05 01 75 00 07000000';
const SENDER = '07 01 73 00 04000000 3a312e32 00 000000';
const BAD_MEMBER = '03 01 73 00 01000000 2d 00 000000000000';
/** An unknown field with a dict from STRING to VARIANT, which has one entry. */
const UNKNOWN = '2a 05 61 7b 73 76 7d 00 10000000 00000000 01000000 6b 00 01 75 00 000000 01000000';

/** A message with these header fields and no body. */
function messageOf(typeCode: string, ...fields: readonly string[]): Uint8Array {
  const written = bytes(fields.join(' '));
  const message = Buffer.alloc(16 + Math.ceil(written.length / 8) * 8);
  message.set(bytes(`6c ${typeCode} 01 01 00000000 09000000 00000000`));
  message.writeUInt32LE(written.length, 12);
  message.set(written, 16);
  return message;
}

describe('readEnvelope', () => {
  const nothing = { flags: 1, serial: 9, replySerial: undefined, sender: undefined };

  test.each([
    [
      'reads past a name that is not valid', ['02', BAD_MEMBER, REPLY_SERIAL, SENDER],
      { type: 'method_return', replySerial: 7, sender: ':1.2' },
    ],
    ['reads past an unknown field of any type', ['03', UNKNOWN, REPLY_SERIAL], { type: 'error', replySerial: 7 }],
    [
      'reads past a signature that is not valid', ['02', '08 01 67 00 01 7a 00 00', REPLY_SERIAL],
      { type: 'method_return', replySerial: 7 },
    ],
    [
      'keeps what comes before a field that cannot be read', ['02', REPLY_SERIAL, '2a 01 7a 00 00000000', SENDER],
      { type: 'method_return', replySerial: 7 },
    ],
    ['stops at padding that is not zero', ['02', PATH.replace(/00$/, '01'), REPLY_SERIAL], { type: 'method_return' }],
    [
      'stops at a text that is longer than the header', ['01', '07 01 73 00 ff000000 3a312e32 00 000000', REPLY_SERIAL],
      { type: 'method_call' },
    ],
    [
      'stops at a text that goes on after the header fields', ['01', '07 01 73 00 ff000000 3a312e32 33333333'],
      { type: 'method_call' },
    ],
    [
      'ignores a REPLY_SERIAL of another type', ['02', '05 01 69 00 07000000', SENDER],
      { type: 'method_return', sender: ':1.2' },
    ],
    ['ignores a SENDER of another type', ['01', SENDER.replace('73', '6f')], { type: 'method_call' }],
    [
      'ignores a SENDER that is not a valid bus name', ['01', '07 01 73 00 04000000 61620062 00 000000'],
      { type: 'method_call' },
    ],
    ['gives the code of an unknown message type', ['c8', REPLY_SERIAL], { type: 200, replySerial: 7 }],
  ] as const)('%s', (_, [typeCode, ...fields], expected) => {
    expect(readEnvelope(messageOf(typeCode, ...fields))).toEqual({ ...nothing, ...expected });
  });

  test('ignores a SENDER of a megabyte', () => {
    const sender = `07 01 73 00 00001000 ${'61'.repeat(2 ** 20)} 00`;
    expect(readEnvelope(messageOf('01', sender))).toEqual({ type: 'method_call', ...nothing });
  });

  test('reads from every captured message what decodeHeader reads', () => {
    for (const { name, captured, twin } of loadMessages()) {
      for (const frame of [captured.bytes, twin.bytes]) {
        const { type, flags, serial, replySerial, sender } = decodeHeader(frame);
        expect(readEnvelope(frame), name).toEqual({ type, flags, serial, replySerial, sender });
      }
    }
  });

  test('never fails on a header of which one byte is changed', () => {
    const wrong: string[] = [];
    for (const { name, captured: { bytes: frame } } of loadMessages().slice(0, 30)) {
      const { serial } = decodeHeader(frame);
      const broken = frame.slice();
      for (let i = 16; i < frame.length; i++) {
        broken[i] = frame[i]! ^ 0xff;
        if (readEnvelope(broken).serial !== serial) wrong.push(`${name}, byte ${i}`);
        broken[i] = frame[i]!;
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('decodeBody', () => {
  test('completes the header of every captured message', () => {
    for (const { name, captured, twin } of loadMessages()) {
      for (const frame of [captured.bytes, twin.bytes]) {
        const message = decodeBody(decodeHeader(frame), frame);
        expect(message, name).toEqual(decodeMessage(frame));
        expect(Object.keys(message), name).toEqual(Object.keys(decodeMessage(frame)));
      }
    }
  });

  test('reports a broken body as decodeMessage does, after the header was decoded', () => {
    const call = methodCall({ path: '/a', member: 'B', signature: 'sb', body: ['x', true] });
    const frame = encodeMessage(call, { serial: 3 });
    frame[frame.length - 4] = 2;
    const header = decodeHeader(frame);
    expect([header.serial, header.signature]).toEqual([3, 'sb']);
    expect(unmarshalErrorOf(() => decodeBody(header, frame))).toEqual(unmarshalErrorOf(() => decodeMessage(frame)));
  });

  test('reports a body without a signature', () => {
    const frame = bytes('6c 02 00 01 01000000 01000000 08000000 05 01 75 00 07000000 2a');
    const error = unmarshalErrorOf(() => decodeBody(decodeHeader(frame), frame));
    expect([error.code, error.offset, error.path]).toEqual(['BODY_WITHOUT_SIGNATURE', 24, 'body']);
  });
});
