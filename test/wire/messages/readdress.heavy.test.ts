// readdress at the limits of 64 MiB of header fields and of 128 MiB of message, and the suite of readdress.test.ts with
// every captured message.
// Specification: Message Format.

import { expect, test } from 'vitest';
import {
  encodeMessage, MAX_ARRAY_LENGTH, MAX_MESSAGE_LENGTH, type Message, methodCall, readdress, signal,
} from '../../../src/wire/index.js';
import './readdress.test.js';

test('readdress rejects a message that becomes too long', () => {
  const parts = { path: '/a', interface: 'a.b', member: 'C', signature: 'ayayay' };
  const lengthBeside = encodeMessage(signal({ ...parts, body: [[], [], []] }), { serial: 1 }).length;
  const rest = MAX_MESSAGE_LENGTH - lengthBeside - MAX_ARRAY_LENGTH;
  const fill = (length: number): Uint8Array => new Uint8Array(length);
  const body = [fill(MAX_ARRAY_LENGTH), fill(rest - 4), fill(4)];
  const bytes = encodeMessage(signal({ ...parts, body }), { serial: 1 });
  expect(bytes).toHaveLength(MAX_MESSAGE_LENGTH);
  expect(readdress(bytes, { serial: 2 })).toHaveLength(MAX_MESSAGE_LENGTH);
  expect(() => readdress(bytes, { sender: ':1.1' })).toThrow(expect.objectContaining({ code: 'MESSAGE_TOO_LONG' }));
});

test('readdress rejects header fields that become too long', () => {
  const value = new Uint8Array(MAX_ARRAY_LENGTH - 200);
  const call: Message = {
    ...methodCall({ path: '/a', member: 'B' }), unknownFields: [{ code: 99, value: { signature: 'ay', value } }],
  };
  const bytes = encodeMessage(call, { serial: 1 });
  expect(readdress(bytes, { sender: ':1.1' }).length).toBe(bytes.length + 16);
  const error = expect.objectContaining({ code: 'ARRAY_TOO_LONG' });
  expect(() => readdress(bytes, { sender: `:1.${'1'.repeat(200)}` })).toThrow(error);
  expect(readdress(bytes, { stripUnknownFields: true }).length).toBeLessThan(100);
});
