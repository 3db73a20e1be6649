// Whole messages: what the constructors make, how messages are encoded, which messages are rejected with which text, and
// that no message affects another one. Specification: Message Format, Header Fields.
import { describe, expect, test } from 'vitest';
import {
  decodeHeader, decodeMessage, encodeMessage, errorReply, InvalidNameError, MarshalError, type Message, MessageFlag,
  methodCall, methodReturn, signal, variant,
} from '../../../src/wire/index.js';
import { extent } from '../../support/extent.js';
import { bytes, hex, marshalErrorOf, thrownBy, unmarshalErrorOf } from '../support.js';

const KEYS = [
  'type', 'flags', 'serial', 'byteOrder', 'path', 'interface', 'member', 'errorName', 'replySerial', 'destination',
  'sender', 'signature', 'unixFds', 'unknownFields', 'body',
];

/** A message without any optional part. */
const EMPTY = {
  flags: 0, serial: 0, byteOrder: 'little', path: undefined, interface: undefined, member: undefined,
  errorName: undefined, replySerial: undefined, destination: undefined, sender: undefined, signature: '', unixFds: 0,
  unknownFields: [], body: [],
} as const;

const CALL: Message = { ...methodCall({ path: '/a', member: 'B' }), serial: 1 };

/** A call with other parts, valid or not. */
const withParts = (parts: Readonly<Record<string, unknown>>): Message => ({ ...CALL, ...parts }) as Message;

describe('the constructors of messages', () => {
  const received = decodeMessage(encodeMessage({ ...CALL, sender: ':1.7', serial: 9 }));
  if (received.type !== 'method_call') throw new Error('no call');

  test('methodCall makes a METHOD_CALL', () => {
    const least = { path: '/a', member: 'B' };
    expect(methodCall(least)).toStrictEqual({ ...EMPTY, type: 'method_call', ...least });
    const most = { ...least, interface: 'a.b', destination: 'c.d', flags: 3 };
    const body = { signature: 'su', body: ['x', 1] } as const;
    expect(methodCall({ ...most, ...body })).toStrictEqual({ ...EMPTY, type: 'method_call', ...most, ...body });
  });

  test('methodReturn makes a METHOD_RETURN', () => {
    const expected = { ...EMPTY, type: 'method_return', replySerial: 9, destination: ':1.7' };
    expect(methodReturn(received)).toStrictEqual(expected);
    const body = { signature: 'y', body: [1] } as const;
    expect(methodReturn(received, body)).toStrictEqual({ ...expected, ...body });
    expect(methodReturn({ ...received, sender: undefined }).destination).toBeUndefined();
  });

  test('errorReply makes an ERROR', () => {
    const expected = { ...EMPTY, type: 'error', errorName: 'a.E', replySerial: 9, destination: ':1.7' };
    expect(errorReply(received, { errorName: 'a.E' })).toStrictEqual(expected);
    const text = { ...expected, signature: 's', body: ['why'] };
    expect(errorReply(received, { errorName: 'a.E', message: 'why' })).toStrictEqual(text);
    expect(errorReply(received, { errorName: 'a.E', message: '' }).body).toEqual(['']);
    expect(errorReply(received, { errorName: 'a.E', signature: 's', body: ['why'] })).toStrictEqual(text);
  });

  test('errorReply keeps a body without a signature, which is rejected on encoding', () => {
    const parts = { errorName: 'a.E', body: ['lost'] } as unknown as Parameters<typeof errorReply>[1];
    const error = marshalErrorOf(() => encodeMessage(errorReply(received, parts), { serial: 1 }));
    expect(error.code).toBe('VALUE_COUNT_MISMATCH');
  });

  test('signal makes a SIGNAL', () => {
    const parts = { path: '/a', interface: 'a.b', member: 'C' };
    expect(signal(parts)).toStrictEqual({ ...EMPTY, type: 'signal', ...parts });
    expect(signal({ ...parts, destination: ':1.2' }).destination).toBe(':1.2');
  });

  test('create every message with the same keys in the same order, like decodeMessage', () => {
    const messages = [
      methodCall({ member: 'B', path: '/a' }), methodReturn(received), errorReply(received, { errorName: 'a.E' }),
      signal({ member: 'B', interface: 'a.b', path: '/a' }), received,
      decodeMessage(encodeMessage(withParts({ type: 77, path: undefined, member: undefined }))),
    ];
    for (const message of messages) expect(Object.keys(message)).toEqual(KEYS);
    expect(Object.keys(decodeHeader(encodeMessage(CALL)))).toEqual(KEYS.filter((key) => key !== 'body'));
  });

  test('refuse unknown parts', () => {
    const smuggled = { serial: 5, replySerial: 6, type: 'signal', sender: ':1.1', unixFds: 2, errorName: 'a.b', x: 1 };
    for (const [key, value] of Object.entries(smuggled)) {
      const parts = { path: '/a', member: 'B', [key]: value };
      expect(() => methodCall(parts)).toThrow(`methodCall: unknown option "${key}"`);
    }
  });
});

describe('two messages', () => {
  test('cannot be changed through a part that was given to both', () => {
    const made = methodCall({ path: '/a', member: 'B' });
    const read = decodeMessage(encodeMessage(CALL));
    for (const shared of [made.body, made.unknownFields, read.unknownFields] as unknown[][]) {
      expect(() => shared.push(1)).toThrow(TypeError);
    }
    (read.body as unknown[]).push('mine');
    expect(methodCall({ path: '/a', member: 'B' })).toMatchObject({ body: [], unknownFields: [] });
    expect(decodeMessage(encodeMessage(CALL))).toMatchObject({ body: [], unknownFields: [] });
  });

  test('share no values, no header fields and no memory', () => {
    const bytesOf = (): Uint8Array => encodeMessage(withParts({
      signature: 'a{sv}ay', body: [{ k: variant('ai', [1]) }, [1, 2]],
      unknownFields: [{ code: 42, value: variant('s', 'x') }],
    }));
    const first = decodeMessage(bytesOf());
    const second = decodeMessage(bytesOf());
    expect(first).toEqual(second);
    expect(first.body[0]).not.toBe(second.body[0]);
    expect(first.body[1]).not.toBe(second.body[1]);
    expect(first.unknownFields).not.toBe(second.unknownFields);
    expect(first.unknownFields[0]).not.toBe(second.unknownFields[0]);
    const whole = bytesOf();
    const message = decodeMessage(whole);
    whole.fill(0);
    expect(message).toEqual(second);
  });

  test('do not overwrite each other’s bytes', () => {
    const kept = Array.from({ length: 300 }, (_, i) => {
      const message = withParts({ serial: i + 1, signature: 'us', body: [i, 'x'.repeat(i % 97)] });
      return [message, encodeMessage(message)] as const;
    });
    for (const [message, written] of kept) expect(decodeMessage(written)).toEqual(message);
    const [even, odd] = [0, 1].map((rest) => kept.filter((_, i) => i % 2 === rest));
    for (const [, written] of even!) written.fill(0xff);
    for (const [message, written] of odd!) expect(decodeMessage(written)).toEqual(message);
  });
});

describe('the bytes of a message', () => {
  const PATH = '01 01 6f 00 02000000 2f61 00';
  const MEMBER = '03 01 73 00 01000000 42 00';

  test('are the fixed header, the header fields, padding to 8 bytes, the body', () => {
    expect(hex(encodeMessage(withParts({ flags: 2, serial: 0x01020304 })))).toBe(hex(bytes(
      `6c 01 02 01 00000000 04030201 1a000000 ${PATH} 0000000000 ${MEMBER} 000000000000`)));
    expect(hex(encodeMessage(withParts({ signature: 'y', body: [7] })))).toBe(hex(bytes(
      `6c 01 00 01 01000000 01000000 27000000 ${PATH} 0000000000 ${MEMBER} 000000000000 08 01 67 00 01 79 00 00 07`)));
  });

  test('are right for a METHOD_RETURN, an ERROR, a SIGNAL and an unknown type', () => {
    const reply = { ...EMPTY, serial: 1, replySerial: 0xfffffffe };
    expect(hex(encodeMessage({ ...reply, type: 'method_return' } as Message))).toBe(hex(bytes(
      '6c 02 00 01 00000000 01000000 08000000 05 01 75 00 feffffff')));
    expect(hex(encodeMessage({ ...reply, type: 'error', errorName: 'a.E' } as Message))).toBe(hex(bytes(
      '6c 03 00 01 00000000 01000000 18000000 04 01 73 00 03000000 612e45 00 00000000 05 01 75 00 feffffff')));
    expect(hex(encodeMessage({ ...EMPTY, serial: 1, type: 200 } as Message))).toBe(hex(bytes(
      '6c c8 00 01 00000000 01000000 00000000')));
    expect(hex(encodeMessage({ ...signal({ path: '/a', interface: 'a.b', member: 'B' }), serial: 1 }))).toBe(hex(bytes(
      `6c 04 00 01 00000000 01000000 2a000000 ${PATH} 0000000000 02 01 73 00 03000000 612e62 00 00000000 ${MEMBER}
       000000000000`)));
  });

  test('have all header fields in the order of their codes, also in big-endian order', () => {
    const message = withParts({
      interface: 'a.b', errorName: 'a.E', replySerial: 2, destination: ':1.2', sender: 'c.d', unixFds: 3,
      unknownFields: [{ code: 255, value: variant('y', 9) }, { code: 11, value: variant('q', 10) }], byteOrder: 'big',
    });
    expect(hex(encodeMessage(message))).toBe(hex(bytes(`
      42 01 00 01 00000000 00000001 0000007e
      01 01 6f 00 00000002 2f61 00 0000000000
      02 01 73 00 00000003 612e62 00 00000000
      03 01 73 00 00000001 42 00 000000000000
      04 01 73 00 00000003 612e45 00 00000000
      05 01 75 00 00000002
      06 01 73 00 00000004 3a312e32 00 000000
      07 01 73 00 00000003 632e64 00 00000000
      09 01 75 00 00000003
      ff 01 79 00 09 000000
      0b 01 71 00 000a 0000`)));
    expect(decodeMessage(encodeMessage(message))).toEqual(message);
  });
});

describe('the options of encodeMessage', () => {
  test('replace the serial and the byte order of the message, which is not changed', () => {
    const message = { ...CALL, serial: 5 };
    const written = encodeMessage(message, { serial: 0xffffffff, byteOrder: 'big' });
    expect(decodeMessage(written)).toEqual({ ...message, serial: 0xffffffff, byteOrder: 'big' });
    expect(message).toMatchObject({ serial: 5, byteOrder: 'little' });
    expect(decodeMessage(encodeMessage(message, { serial: undefined, byteOrder: undefined }))).toEqual(message);
    const big = { ...message, byteOrder: 'big' } as const;
    expect(decodeMessage(encodeMessage(big, {}))).toEqual(big);
    expect(decodeMessage(encodeMessage(big, { byteOrder: 'little' }))).toEqual(message);
  });

  test('must contain a serial if the serial of the message is 0', () => {
    const message = methodCall({ path: '/a', member: 'B' });
    const error = marshalErrorOf(() => encodeMessage(message));
    expect([error.code, error.path]).toEqual(['FIELD_INVALID', 'header.serial']);
    expect(decodeMessage(encodeMessage(message, { serial: 1 })).serial).toBe(1);
    expect(marshalErrorOf(() => encodeMessage(CALL, { serial: 0 })).path).toBe('header.serial');
  });
});

describe('flags and unknown parts', () => {
  test('all 256 combinations of flags are kept', () => {
    for (let flags = 0; flags < 256; flags++) {
      expect(decodeMessage(encodeMessage({ ...CALL, flags })).flags).toBe(flags);
    }
    expect(Object.values(MessageFlag)).toEqual([1, 2, 4]);
  });

  test('messages of every unknown type are kept', () => {
    for (let type = 5; type < 256; type++) {
      const message = withParts({ type, signature: 's', body: ['x'] });
      expect(decodeMessage(encodeMessage(message))).toEqual(message);
    }
  });

  test('unknown fields are encoded as they were received: in order, with their types and repetitions', () => {
    const unknownFields = [
      { code: 200, value: variant('a{sv}', new Map([['k', variant('(ii)', [1, 2])]])) },
      { code: 11, value: variant('s', 'first') },
      { code: 10, value: variant('o', '/container') },
      { code: 11, value: variant('ay', new Uint8Array(3)) },
    ];
    for (const byteOrder of ['little', 'big'] as const) {
      const message = withParts({ unknownFields, byteOrder });
      const read = decodeMessage(encodeMessage(message));
      expect(read).toEqual(message);
      expect(hex(encodeMessage(read))).toBe(hex(encodeMessage(message)));
    }
  });

  test('field 10 is encoded only as libdbus accepts it: once, with type "o"', () => {
    const path = { code: 10, value: variant('o', '/a') };
    for (const unknownFields of [[{ code: 10, value: variant('s', '/a') }], [path, path]]) {
      const error = marshalErrorOf(() => encodeMessage(withParts({ unknownFields })));
      expect([error.code, error.path]).toEqual(['FIELD_INVALID', 'header.10']);
    }
  });

  test('field 10 is decoded only as libdbus accepts it', () => {
    // An object path twice: dbus_message_demarshal says "Header field appears twice".
    const twice = bytes(`6c 01 00 01 00000000 01000000 3b000000 01 01 6f 00 02000000 2f61 00 0000000000
      03 01 73 00 01000000 4d 00 000000000000 0a 01 6f 00 02000000 2f62 00 0000000000
      0a 01 6f 00 02000000 2f62 00 0000000000`);
    const error = unmarshalErrorOf(() => decodeMessage(twice));
    expect([error.code, error.offset]).toEqual(['FIELD_DUPLICATE', 64]);
    const text = bytes(`6c 01 00 01 00000000 01000000 2b000000 01 01 6f 00 02000000 2f61 00 0000000000
      03 01 73 00 01000000 4d 00 000000000000 0a 01 73 00 02000000 2f62 00 0000000000`);
    const mismatch = unmarshalErrorOf(() => decodeMessage(text));
    expect([mismatch.code, mismatch.offset, mismatch.path]).toEqual(['FIELD_TYPE_MISMATCH', 48, 'header.10']);
  });
});

describe('encodeMessage rejects', () => {
  test.each([
    ['method_call', ['path', 'member']],
    ['method_return', ['replySerial']],
    ['error', ['errorName', 'replySerial']],
    ['signal', ['path', 'interface', 'member']],
  ] as const)('a %s without a field that it must have', (type, required) => {
    const fields = { path: '/a', interface: 'a.b', member: 'B', errorName: 'a.E', replySerial: 1 };
    const names = {
      path: 'PATH', interface: 'INTERFACE', member: 'MEMBER', errorName: 'ERROR_NAME', replySerial: 'REPLY_SERIAL',
    };
    for (const key of Object.keys(fields) as (keyof typeof fields)[]) {
      const message = withParts({ type, ...fields, [key]: undefined });
      if (!(required as readonly string[]).includes(key)) {
        expect(decodeMessage(encodeMessage(message)).type).toBe(type);
        continue;
      }
      const error = marshalErrorOf(() => encodeMessage(message));
      expect([error.code, error.path]).toEqual(['FIELD_MISSING', `header.${names[key]}`]);
      expect(error.problem).toBe(`${names[key]} is missing: ${type === 'error' ? 'an' : 'a'} ${type} must have it`);
    }
  });

  const numbers = [-1, 0.5, NaN, Infinity, '1', 1n, null, {}, [], true, Symbol('s'), Object.create(null)];
  test.each([
    ['type', 'header.type', [0, 1, 4, 256, 'invalid', 'METHOD_CALL', '__proto__', 'toString', undefined, ...numbers]],
    ['flags', 'header.flags', [256, undefined, ...numbers]],
    ['serial', 'header.serial', [0, 2 ** 32, ...numbers.filter((value) => value !== null)]],
    ['replySerial', 'header.REPLY_SERIAL', [0, 2 ** 32, ...numbers]],
    ['unixFds', 'header.UNIX_FDS', [2 ** 32, undefined, ...numbers]],
  ] as const)('a value of %s that is not valid', (key, path, values) => {
    for (const value of values) {
      const error = marshalErrorOf(() => encodeMessage(withParts({ [key]: value })));
      expect([error.code, error.path]).toEqual(['FIELD_INVALID', path]);
    }
  });

  test('a reserved path or interface, and any path or interface that begins with it', () => {
    for (let round = 0; round < 2; round++) {
      for (const end of ['', '/x', 'X']) {
        const error = marshalErrorOf(() => encodeMessage(withParts({ path: `/org/freedesktop/DBus/Local${end}` })));
        expect([error.code, error.path]).toEqual(['FIELD_INVALID', 'header.PATH']);
      }
      for (const end of ['', '.x', 'X']) {
        const error = marshalErrorOf(() => encodeMessage(withParts({ interface: `org.freedesktop.DBus.Local${end}` })));
        expect([error.code, error.path]).toEqual(['FIELD_INVALID', 'header.INTERFACE']);
      }
    }
    encodeMessage(withParts({ path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' }));
  });

  test('an unknown field with the code of a known one, or without a valid code', () => {
    for (const code of [...Array(10).keys(), 256, -1, 10.5, NaN, '11', undefined, null, {}]) {
      const unknownFields = [{ code, value: variant('y', 1) }];
      const error = marshalErrorOf(() => encodeMessage(withParts({ unknownFields })));
      expect(error.code).toBe('FIELD_INVALID');
      expect(error.path).toMatch(/^header/);
    }
  });

  test('an unknown field whose value does not fit its type', () => {
    const cases = [
      [variant('ai', [1, '2' as unknown as number]), 'VALUE_TYPE_MISMATCH', 'header.42[1]'],
      [{ signature: 'z', value: 1 }, 'SIGNATURE_INVALID', 'header.42'],
      [undefined, 'VALUE_TYPE_MISMATCH', 'header.42'],
      [{ signature: 's', value: 'a\0' }, 'STRING_CONTAINS_NUL', 'header.42'],
    ] as const;
    for (const [value, code, path] of cases) {
      const error = marshalErrorOf(() => encodeMessage(withParts({ unknownFields: [{ code: 42, value }] })));
      expect([error.code, error.path]).toEqual([code, path]);
    }
  });

  test('a signature that is not valid, even the second time', () => {
    const wrong = ['z', 'a', '()', 'y'.repeat(256), 'y'.repeat(1000), '\ud800', '\0', 'y\0', 'é'];
    for (let round = 0; round < 3; round++) {
      for (const signature of wrong) {
        for (const body of [[], [1]]) {
          const error = marshalErrorOf(() => encodeMessage(withParts({ signature, body })));
          expect([error.code, error.path]).toEqual(['SIGNATURE_INVALID', 'body']);
        }
      }
    }
  });

  test.each([
    5, 256, 1n, null, undefined, {}, [], ['y'], true, false, Symbol('s'), Object.create(null), { length: 1 }, () => 'y',
    new String('y'),
  ].map((signature) => [typeof signature, signature]))('a signature of the wrong type: %s', (_, signature) => {
    for (const body of [[], [1]]) {
      expect(thrownBy(() => encodeMessage(withParts({ signature, body })))).toBeInstanceOf(MarshalError);
    }
  });

  test('a body that is not an array', () => {
    for (const body of [undefined, null, 5, {}, 'y', new Set([1])]) {
      expect(thrownBy(() => encodeMessage(withParts({ signature: 'y', body })))).toBeInstanceOf(MarshalError);
    }
  });

  test('a message without an effect on the next one', () => {
    const message = withParts({ signature: 'asy', body: [['a', 'b'], 7], interface: 'a.b' });
    const good = (): string => hex(encodeMessage(message));
    const expected = good();
    const bad: readonly Readonly<Record<string, unknown>>[] = [
      { path: 'x' }, { member: '' }, { interface: 'a' }, { sender: '' }, { destination: ':' }, { serial: -1 },
      { type: 0 }, { unixFds: 0.5 }, { signature: 'z' }, { unknownFields: [{ code: 300, value: variant('y', 1) }] },
      { signature: 'asy', body: [['a', 'b'], 256], interface: 'a.b' }, { signature: 'asy', body: [['a', 5], 7] },
    ];
    for (let round = 0; round < 3; round++) {
      for (const parts of bad) {
        const error = thrownBy(() => encodeMessage(withParts(parts)));
        expect(error instanceof MarshalError || error instanceof InvalidNameError).toBe(true);
        expect(good()).toBe(expected);
      }
    }
  });
});

describe('an error in a received header', () => {
  test('has the path of its field', () => {
    const error = unmarshalErrorOf(() => decodeMessage(bytes(
      '6c 02 00 01 00000000 01000000 12000000 05 01 75 00 01000000 03 01 73 00 01000000 2d 00 000000000000')));
    expect([error.code, error.offset, error.path]).toEqual(['MEMBER_INVALID', 28, 'header.MEMBER']);
    const unknown = unmarshalErrorOf(() => decodeMessage(bytes(
      '6c 02 00 01 00000000 01000000 10000000 05 01 75 00 01000000 2a 01 62 00 02000000')));
    expect([unknown.code, unknown.offset, unknown.path]).toEqual(['BOOLEAN_INVALID', 28, 'header.42']);
  });

  test('has no path of a field if it is in the padding after the last one', () => {
    const error = unmarshalErrorOf(() => decodeMessage(bytes(
      '6c 8e 00 01 04000000 01000000 0b000000 08 01 67 00 04 28796e29 00 00 0000000000 ae00a51e')));
    expect([error.code, error.path]).toEqual(['VALUE_TRUNCATED', 'header']);
  });
});

describe('the text of an error', () => {
  const CALL_HEADER = '6c 01 00 01 00000000 01000000';
  const PATH = '01 01 6f 00 02000000 2f61 00 0000000000';

  test.each([
    ['of a missing field', `${CALL_HEADER} 0b000000 ${PATH}`,
      'header.MEMBER: MEMBER is missing: a method_call must have it (at byte 16)'],
    ['of a field of another type', `${CALL_HEADER} 08000000 03 01 75 00 01000000`,
      'header.MEMBER: expected type "s", got "u" (at byte 17)'],
    ['of a field with several types', `${CALL_HEADER} 10000000 03 02 73 73 00 000000 01000000 42 00 0000`,
      'header.MEMBER: expected type "s", got "ss" (at byte 17)'],
    ['of an invalid name', `${CALL_HEADER} 0a000000 03 01 73 00 01000000 2d 00 000000000000`,
      'header.MEMBER: expected a valid member name, got "-" (at byte 20)'],
    ['of a repeated field', `${CALL_HEADER} 18000000 05 01 75 00 01000000 05 01 75 00 01000000 00000000 00000000`,
      'header.REPLY_SERIAL: the header field appears twice: it must appear at most once (at byte 24)'],
    ['of field 0', `${CALL_HEADER} 08000000 00 01 75 00 01000000`,
      'header.0: the code of a header field is 0: it must be 1 or greater (at byte 16)'],
    ['of reply serial 0', `${CALL_HEADER} 08000000 05 01 75 00 00000000`,
      'header.REPLY_SERIAL: the reply serial is 0: it must be 1 or greater (at byte 20)'],
    ['of a wrong first byte', '4c 01 00 01 00000000 01000000 00000000',
      'the first byte is 0x4c: it must be "l" or "B" (at byte 0)'],
    ['of an unknown version', '6c 01 00 02 00000000 01000000 00000000',
      'the protocol version is 2: it must be 1 (at byte 3)'],
    ['of serial 0', '6c 01 00 01 00000000 00000000 00000000', 'the serial is 0: it must be 1 or greater (at byte 8)'],
    ['of message type 0', '6c 00 00 01 00000000 01000000 00000000',
      'the message type is 0: it must be 1 to 255 (at byte 1)'],
    ['of a message that is too long', '6c 01 00 01 ffffffff 01000000 00000000',
      'the message has 4294967311 bytes: it must have at most 134217728 (at byte 4)'],
    ['of header fields that are too long', '6c 01 00 01 00000000 01000000 ffffffff',
      'the header fields have 4294967295 bytes: they must have at most 67108864 (at byte 12)'],
    ['of a few bytes', '6c 01', 'got 2 bytes: a message must have at least 16 (at byte 2)'],
    ['of missing bytes', '6c 01 00 01 08000000 01000000 00000000',
      'got 16 bytes: the message must have 24, as its header says (at byte 16)'],
  ])('%s says what was found, then what must be', (_, digits, text) => {
    expect(unmarshalErrorOf(() => decodeMessage(bytes(digits))).message).toBe(text);
  });

  test.each([
    [{ type: 'call' }, 'header.type: expected "method_call", "method_return", "error", "signal" or an integer from 5 to ' +
      '255, got string "call"'],
    [{ flags: 256 }, 'header.flags: expected an integer from 0 to 255, got number 256'],
    [{ serial: 0 }, 'header.serial: the message has no serial: { serial } must be given, an integer from 1 to 4294967295'],
    [{ serial: -1 }, 'header.serial: expected an integer from 1 to 4294967295, got number -1'],
    [{ type: 1 }, 'header.type: expected "method_call", "method_return", "error", "signal" or an integer from 5 to ' +
      '255, got number 1: the type must be given by its name, "method_call"'],
    [{ type: 'error', errorName: undefined }, 'header.ERROR_NAME: ERROR_NAME is missing: an error must have it'],
    [{ byteOrder: 'LITTLE' }, 'header.byteOrder: expected "little" or "big", got string "LITTLE"'],
    [{ unixFds: null }, 'header.UNIX_FDS: expected an integer from 0 to 4294967295, got null'],
    [{ unixFds: -1 }, 'header.UNIX_FDS: expected an integer from 0 to 4294967295, got number -1'],
    [{ unknownFields: 5 }, 'header: unknownFields must be an array, got number 5'],
    [{ unknownFields: [null] }, 'header: an unknown field must be { code, value }, got null'],
    [{ unknownFields: undefined }, 'header: unknownFields must be an array, got undefined'],
    [{ body: undefined }, 'body: expected an array as the body, got undefined'],
    [{ flags: undefined, signature: undefined }, 'header: flags, signature are undefined: a message must have ' +
      'every key, as methodCall(), methodReturn(), errorReply() and signal() make it'],
    [{ path: '/org/freedesktop/DBus/Local' }, 'header.PATH: "/org/freedesktop/DBus/Local" is reserved: a message must ' +
      'not carry a value that starts with "/org/freedesktop/DBus/Local"'],
    [{ unknownFields: [{ code: 10, value: variant('s', 'x') }] }, 'header.10: found 1 of type "s": header field 10 must ' +
      'appear at most once, with type "o"'],
    [{ signature: 5 }, 'header.SIGNATURE: expected a string, got number 5'],
  ])('of encodeMessage for %o says what was found, then what must be', (parts, text) => {
    expect(marshalErrorOf(() => encodeMessage(withParts(parts))).message).toBe(`B: ${text}`);
  });
});

describe('an earlier message', () => {
  const valid = encodeMessage(withParts({
    interface: 'com.example.Interface', destination: 'com.example.Name', signature: 'u', body: [7],
  })).slice();
  const fieldsLength = new DataView(valid.buffer).getUint32(12, true);

  test('does not make a message with a similar header valid', () => {
    for (let change = -8; change <= 8; change++) {
      if (change === 0) continue;
      const changed = valid.slice();
      const view = new DataView(changed.buffer);
      view.setUint32(12, fieldsLength + change, true);
      const bodyOffset = Math.ceil((16 + fieldsLength + change) / 8) * 8;
      view.setUint32(4, changed.length - bodyOffset, true);
      decodeMessage(valid);
      unmarshalErrorOf(() => decodeMessage(changed));
      unmarshalErrorOf(() => decodeHeader(changed));
      decodeMessage(valid);
    }
  });

  test('does not change the type, the byte order or the serial of a message with the same fields', () => {
    for (const [code, type, missing] of [
      [1, 'method_call', undefined], [2, 'method_return', 'REPLY_SERIAL'], [3, 'error', 'ERROR_NAME'],
      [4, 'signal', undefined], [5, 5, undefined],
    ] as const) {
      const changed = valid.slice();
      changed[1] = code;
      changed[8] = code + 10;
      const message = decodeMessage(valid);
      if (missing === undefined) {
        expect(decodeMessage(changed)).toEqual({ ...message, type, serial: code + 10 });
      } else {
        const error = unmarshalErrorOf(() => decodeMessage(changed));
        expect([error.code, error.path]).toEqual(['FIELD_MISSING', `header.${missing}`]);
      }
    }
    const swapped = valid.slice();
    swapped[0] = 0x42;
    expect(unmarshalErrorOf(() => decodeMessage(swapped)).code).toMatch(/^(FIELDS|MESSAGE)_TOO_LONG$/);
  });

  test('does not change the reply serial, the destination or the error name of a reply with similar fields', () => {
    for (let round = 0; round < 3; round++) {
      for (const destination of [':1.1', ':1.11', ':1.2', 'com.example.A', undefined]) {
        for (const replySerial of [undefined, 1, 0x0201_0403, 2 ** 32 - 1]) {
          for (const errorName of ['a.B', 'a.C', undefined]) {
            for (const signature of ['u', 'i']) {
              const type = replySerial === undefined ? 77 : errorName === undefined ? 'method_return' : 'error';
              const parts = { type, replySerial, destination, errorName, signature, body: [7] };
              const message = withParts({ ...parts, path: undefined, member: undefined });
              expect(decodeMessage(encodeMessage(message))).toEqual(message);
              const swapped = encodeMessage(message, { byteOrder: 'big' });
              expect(decodeMessage(swapped)).toEqual({ ...message, byteOrder: 'big' });
            }
          }
        }
      }
      for (const replySerial of [0, -1, 1.5, 2 ** 32]) {
        const reply = withParts({ type: 'method_return', replySerial, destination: ':1.1', signature: 'u', body: [7] });
        expect(marshalErrorOf(() => encodeMessage(reply)).path).toBe('header.REPLY_SERIAL');
      }
    }
  });

  test('does not change the names, paths and keys of a message with similar bytes', () => {
    const names = Array.from({ length: extent(600, 3000) }, (_, i) => `n${'abcdefgh'.charAt(i % 8).repeat(1 + (i % 60))}_${i}`);
    for (let round = 0; round < 2; round++) {
      for (const name of names) {
        const message = withParts({
          path: `/${name}`, member: name, interface: `a.${name}`, destination: `a.${name}`, sender: `:1.${name}`,
          signature: 'oa{sy}', body: [`/${name}/x`, new Map([[name, 1]])],
        });
        const read = decodeMessage(encodeMessage(message));
        const texts = [read.path, read.member, read.interface, read.destination, read.sender, read.body[0]];
        const isSame = texts.join() === [`/${name}`, name, `a.${name}`, `a.${name}`, `:1.${name}`, `/${name}/x`].join();
        // Comparing whole messages takes longer than reading them.
        if (!isSame || (read.body[1] as Map<string, number>).get(name) !== 1) expect(read).toEqual(message);
      }
    }
  });

  test('does not make an invalid name valid', () => {
    const good = encodeMessage(withParts({ interface: 'com.example.Abc' })).slice();
    const at = Buffer.from(good).indexOf('com.example.Abc');
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 15; i++) {
        const bad = good.slice();
        bad[at + i] = 0x2d; // "-"
        decodeMessage(good);
        expect(unmarshalErrorOf(() => decodeMessage(bad)).code).toBe('INTERFACE_INVALID');
      }
    }
  });
});
