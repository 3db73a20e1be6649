// The sender that a bus writes: the same message as readdress() makes, whose headers are tested in readdress.test.ts.
// Specification: Header Fields (SENDER).

import { describe, expect, test } from 'vitest';
import { decodeHeader, decodeMessage, encodeMessage, type Message, methodReturn, readdress, signal, variant } from '../../src/wire/index.js';
import { senderField, stampSender } from '../../src/wire/messages/stamp-sender.js';

const base = signal({ path: '/a', interface: 'a.b', member: 'C', signature: 'sv', body: ['text', variant('y', 1)] });
const MESSAGES: readonly (readonly [string, Message])[] = [
  ['a signal', base],
  ['a reply', methodReturn({ serial: 7, sender: ':1.5' }, { signature: 'u', body: [9] })],
  ['a signal without a body', signal({ path: '/abc', interface: 'a.b', member: 'C' })],
  ['a message with a sender', { ...base, sender: ':1.99' }],
  ['a message with unknown fields', { ...base, unknownFields: [{ code: 99, value: variant('s', 'x') }] }],
];

describe.each(['little', 'big'] as const)('in %s-endian order', (byteOrder) => {
  test.each(MESSAGES)('%s gets the sender, and nothing else changes', (_, message) => {
    for (const name of [':1.0', ':1.123456', ':not.active.yet']) {
      const bytes = encodeMessage({ ...message, byteOrder }, { serial: 3 });
      const stamped = stampSender(decodeHeader(bytes), bytes, senderField(name));
      const expected = readdress(bytes, { sender: name, stripUnknownFields: true });
      expect(decodeMessage(stamped!)).toEqual(decodeMessage(expected));
      expect(stamped!.length).toBe(expected.length);
    }
  });
});

test('a message without room for its sender does not get it', () => {
  const bytes = new Uint8Array(2 ** 27);
  const header = decodeHeader(encodeMessage(base, { serial: 1 }));
  expect(stampSender(header, bytes, senderField(':1.0'))).toBeUndefined();
});
