// Whole messages: what the constructors make, what is written for it, what is refused before a byte is written;
// and that no message changes what another one is. Specification: Message Format, Header Fields.
import { describe, expect, it } from 'vitest';
import {
  decodeHeader, decodeMessage, encodeMessage, errorReply, InvalidNameError, MarshalError, type Message, MessageFlag,
  methodCall, methodReturn, signal, variant,
} from '../../../src/wire/index.js';
import { bytes, hex, marshalErrorOf, thrownBy, unmarshalErrorOf } from '../support.js';

const KEYS = [
  'type', 'flags', 'serial', 'byteOrder', 'path', 'interface', 'member', 'errorName', 'replySerial', 'destination',
  'sender', 'signature', 'unixFds', 'unknownFields', 'body',
];

/** What a message has that says nothing. */
const EMPTY = {
  flags: 0, serial: 0, byteOrder: 'little', path: undefined, interface: undefined, member: undefined,
  errorName: undefined, replySerial: undefined, destination: undefined, sender: undefined, signature: '', unixFds: 0,
  unknownFields: [], body: [],
} as const;

const CALL: Message = { ...methodCall({ path: '/a', member: 'B' }), serial: 1 };

/** A message with anything at all in its parts, right or wrong. */
const withParts = (parts: Readonly<Record<string, unknown>>): Message => ({ ...CALL, ...parts }) as Message;

describe('a constructor', () => {
  const received = decodeMessage(encodeMessage({ ...CALL, sender: ':1.7', serial: 9 }));
  if (received.type !== 'method_call') throw new Error('no call');

  it('methodCall', () => {
    const least = { path: '/a', member: 'B' };
    expect(methodCall(least)).toStrictEqual({ ...EMPTY, type: 'method_call', ...least });
    const most = { ...least, interface: 'a.b', destination: 'c.d', flags: 3 };
    const body = { signature: 'su', body: ['x', 1] } as const;
    expect(methodCall({ ...most, ...body })).toStrictEqual({ ...EMPTY, type: 'method_call', ...most, ...body });
  });

  it('methodReturn', () => {
    const expected = { ...EMPTY, type: 'method_return', replySerial: 9, destination: ':1.7' };
    expect(methodReturn(received)).toStrictEqual(expected);
    const body = { signature: 'y', body: [1] } as const;
    expect(methodReturn(received, body)).toStrictEqual({ ...expected, ...body });
    expect(methodReturn({ ...received, sender: undefined }).destination).toBeUndefined();
  });

  it('errorReply', () => {
    const expected = { ...EMPTY, type: 'error', errorName: 'a.E', replySerial: 9, destination: ':1.7' };
    expect(errorReply(received, { errorName: 'a.E' })).toStrictEqual(expected);
    const text = { ...expected, signature: 's', body: ['why'] };
    expect(errorReply(received, { errorName: 'a.E', message: 'why' })).toStrictEqual(text);
    expect(errorReply(received, { errorName: 'a.E', message: '' }).body).toEqual(['']);
    expect(errorReply(received, { errorName: 'a.E', signature: 's', body: ['why'] })).toStrictEqual(text);
  });

  it('errorReply loses no body that was given without a signature', () => {
    const parts = { errorName: 'a.E', body: ['lost'] } as unknown as Parameters<typeof errorReply>[1];
    const error = marshalErrorOf(() => encodeMessage(errorReply(received, parts), { serial: 1 }));
    expect(error.code).toBe('VALUE_COUNT_MISMATCH');
  });

  it('signal', () => {
    const parts = { path: '/a', interface: 'a.b', member: 'C' };
    expect(signal(parts)).toStrictEqual({ ...EMPTY, type: 'signal', ...parts });
    expect(signal({ ...parts, destination: ':1.2' }).destination).toBe(':1.2');
  });

  it('gives every message the same keys in the same order, as decodeMessage does', () => {
    const messages = [
      methodCall({ member: 'B', path: '/a' }), methodReturn(received), errorReply(received, { errorName: 'a.E' }),
      signal({ member: 'B', interface: 'a.b', path: '/a' }), received,
      decodeMessage(encodeMessage(withParts({ type: 77, path: undefined, member: undefined }))),
    ];
    for (const message of messages) expect(Object.keys(message)).toEqual(KEYS);
    expect(Object.keys(decodeHeader(encodeMessage(CALL)))).toEqual(KEYS.filter((key) => key !== 'body'));
  });

  it('takes the parts that it is for, and no others', () => {
    const smuggled = { serial: 5, replySerial: 6, type: 'signal', sender: ':1.1', unixFds: 2, errorName: 'a.b', x: 1 };
    const message = methodCall({ path: '/a', member: 'B', ...smuggled } as Parameters<typeof methodCall>[0]);
    expect([message.type, message.serial, Object.keys(message)]).toEqual(['method_call', 0, KEYS]);
  });
});

describe('what messages share', () => {
  it('cannot be changed through one of them', () => {
    const made = methodCall({ path: '/a', member: 'B' });
    const read = decodeMessage(encodeMessage(CALL));
    for (const shared of [made.body, made.unknownFields, read.unknownFields] as unknown[][]) {
      expect(() => shared.push(1)).toThrow(TypeError);
    }
    (read.body as unknown[]).push('mine');
    expect(methodCall({ path: '/a', member: 'B' })).toMatchObject({ body: [], unknownFields: [] });
    expect(decodeMessage(encodeMessage(CALL))).toMatchObject({ body: [], unknownFields: [] });
  });

  it('is no value, no header field and no memory', () => {
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

  it('is not the bytes: each message keeps its own, however many come after it', () => {
    const kept = Array.from({ length: 2000 }, (_, i) => {
      const message = withParts({ serial: i + 1, signature: 'us', body: [i, 'x'.repeat(i % 97)] });
      return [message, encodeMessage(message)] as const;
    });
    for (const [message, written] of kept) expect(decodeMessage(written)).toEqual(message);
    const [even, odd] = [0, 1].map((rest) => kept.filter((_, i) => i % 2 === rest));
    for (const [, written] of even!) written.fill(0xff);
    for (const [message, written] of odd!) expect(decodeMessage(written)).toEqual(message);
  });
});

describe('the bytes', () => {
  const PATH = '01 01 6f 00 02000000 2f61 00';
  const MEMBER = '03 01 73 00 01000000 42 00';

  it('of a call are its fixed part, its fields, padding to 8, its body', () => {
    expect(hex(encodeMessage(withParts({ flags: 2, serial: 0x01020304 })))).toBe(hex(bytes(
      `6c 01 02 01 00000000 04030201 1a000000 ${PATH} 0000000000 ${MEMBER} 000000000000`)));
    expect(hex(encodeMessage(withParts({ signature: 'y', body: [7] })))).toBe(hex(bytes(
      `6c 01 00 01 01000000 01000000 27000000 ${PATH} 0000000000 ${MEMBER} 000000000000 08 01 67 00 01 79 00 00 07`)));
  });

  it('of a reply, an error, a signal and of a type that nobody knows', () => {
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

  it('have every field, in the order of the codes, and big-endian if that is asked for', () => {
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

describe('the options', () => {
  it('come before the message\'s own serial and byte order, and change nothing in it', () => {
    const message = { ...CALL, serial: 5 };
    const written = encodeMessage(message, { serial: 0xffffffff, byteOrder: 'big' });
    expect(decodeMessage(written)).toEqual({ ...message, serial: 0xffffffff, byteOrder: 'big' });
    expect(message).toMatchObject({ serial: 5, byteOrder: 'little' });
    expect(decodeMessage(encodeMessage(message, { serial: undefined, byteOrder: undefined }))).toEqual(message);
    const big = { ...message, byteOrder: 'big' } as const;
    expect(decodeMessage(encodeMessage(big, {}))).toEqual(big);
    expect(decodeMessage(encodeMessage(big, { byteOrder: 'little' }))).toEqual(message);
  });

  it('must give a serial where the message has none', () => {
    const message = methodCall({ path: '/a', member: 'B' });
    const error = marshalErrorOf(() => encodeMessage(message));
    expect([error.code, error.path]).toEqual(['FIELD_INVALID', 'header.serial']);
    expect(decodeMessage(encodeMessage(message, { serial: 1 })).serial).toBe(1);
    expect(marshalErrorOf(() => encodeMessage(CALL, { serial: 0 })).path).toBe('header.serial');
  });
});

describe('flags and unknown parts', () => {
  it('are kept, all 256 combinations of flags', () => {
    for (let flags = 0; flags < 256; flags++) {
      expect(decodeMessage(encodeMessage({ ...CALL, flags })).flags).toBe(flags);
    }
    expect(Object.values(MessageFlag)).toEqual([1, 2, 4]);
  });

  it('are kept in messages of every unknown type', () => {
    for (let type = 5; type < 256; type++) {
      const message = withParts({ type, signature: 's', body: ['x'] });
      expect(decodeMessage(encodeMessage(message))).toEqual(message);
    }
  });

  it('unknown fields are written again as they came: in their order, with their types, more than once', () => {
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

  it('field 10 is written only as libdbus takes it: an object path, once', () => {
    const path = { code: 10, value: variant('o', '/a') };
    for (const unknownFields of [[{ code: 10, value: variant('s', '/a') }], [path, path]]) {
      const error = marshalErrorOf(() => encodeMessage(withParts({ unknownFields })));
      expect([error.code, error.path]).toEqual(['FIELD_INVALID', 'header.10']);
    }
  });

  it('field 10 is read only as libdbus takes it', () => {
    // An object path twice: dbus_message_demarshal says "Header field appears twice".
    const twice = bytes(`6c 01 00 01 00000000 01000000 3b000000 01 01 6f 00 02000000 2f61 00 0000000000
      03 01 73 00 01000000 4d 00 000000000000 0a 01 6f 00 02000000 2f62 00 0000000000
      0a 01 6f 00 02000000 2f62 00 0000000000`);
    const error = unmarshalErrorOf(() => decodeMessage(twice));
    expect([error.code, error.offset]).toEqual(['FIELD_DUPLICATE', 64]);
  });
});

describe('a message is refused before a byte of it is written', () => {
  it.each([
    ['method_call', ['path', 'member']],
    ['method_return', ['replySerial']],
    ['error', ['errorName', 'replySerial']],
    ['signal', ['path', 'interface', 'member']],
  ] as const)('%s without what it requires', (type, required) => {
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
      expect(error.message).toContain(type);
    }
  });

  const numbers = [-1, 0.5, NaN, Infinity, '1', 1n, null, {}, [], true, Symbol('s'), Object.create(null)];
  it.each([
    ['type', 'header.type', [0, 1, 4, 256, 'invalid', 'METHOD_CALL', '__proto__', 'toString', undefined, ...numbers]],
    ['flags', 'header.flags', [256, undefined, ...numbers]],
    ['serial', 'header.serial', [0, 2 ** 32, ...numbers.filter((value) => value !== null)]],
    ['replySerial', 'header.REPLY_SERIAL', [0, 2 ** 32, ...numbers]],
    ['unixFds', 'header.UNIX_FDS', [2 ** 32, undefined, ...numbers]],
  ] as const)('%s that is none', (key, path, values) => {
    for (const value of values) {
      const error = marshalErrorOf(() => encodeMessage(withParts({ [key]: value })));
      expect([error.code, error.path]).toEqual(['FIELD_INVALID', path]);
    }
  });

  it('a reserved path or interface, and one that begins so', () => {
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

  it('an unknown field with the code of a known one, or with no code', () => {
    for (const code of [...Array(10).keys(), 256, -1, 10.5, NaN, '11', undefined, null, {}]) {
      const unknownFields = [{ code, value: variant('y', 1) }];
      const error = marshalErrorOf(() => encodeMessage(withParts({ unknownFields })));
      expect(error.code).toBe('FIELD_INVALID');
      expect(error.path).toMatch(/^header/);
    }
  });

  it('an unknown field whose value does not fit', () => {
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

  it('a signature that is none, each time', () => {
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

  it.each([
    5, 256, 1n, null, undefined, {}, [], ['y'], true, false, Symbol('s'), Object.create(null), { length: 1 }, () => 'y',
    new String('y'),
  ].map((signature) => [typeof signature, signature]))('a signature that is no text: %s', (_, signature) => {
    for (const body of [[], [1]]) {
      expect(thrownBy(() => encodeMessage(withParts({ signature, body })))).toBeInstanceOf(MarshalError);
    }
  });

  it('a body that is none', () => {
    for (const body of [undefined, null, 5, {}, 'y', new Set([1])]) {
      expect(thrownBy(() => encodeMessage(withParts({ signature: 'y', body })))).toBeInstanceOf(MarshalError);
    }
  });

  it('and the next one is not touched by it', () => {
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

describe('an error in a header', () => {
  it('names the field that it is in', () => {
    const error = unmarshalErrorOf(() => decodeMessage(bytes(
      '6c 02 00 01 00000000 01000000 12000000 05 01 75 00 01000000 03 01 73 00 01000000 2d 00 000000000000')));
    expect([error.code, error.offset, error.path]).toEqual(['MEMBER_INVALID', 28, 'header.MEMBER']);
    const unknown = unmarshalErrorOf(() => decodeMessage(bytes(
      '6c 02 00 01 00000000 01000000 10000000 05 01 75 00 01000000 2a 01 62 00 02000000')));
    expect([unknown.code, unknown.offset, unknown.path]).toEqual(['BOOLEAN_INVALID', 28, 'header.42']);
  });

  it('names none where none stands: behind the last field is padding, and behind that the body', () => {
    const error = unmarshalErrorOf(() => decodeMessage(bytes(
      '6c 8e 00 01 04000000 01000000 0b000000 08 01 67 00 04 28796e29 00 00 0000000000 ae00a51e')));
    expect([error.code, error.path]).toEqual(['VALUE_TRUNCATED', 'header']);
  });
});

describe('what was read before', () => {
  const valid = encodeMessage(withParts({
    interface: 'com.example.Interface', destination: 'com.example.Name', signature: 'u', body: [7],
  })).slice();
  const fieldsLength = new DataView(valid.buffer).getUint32(12, true);

  it('does not make a message valid whose header only looks like that of one', () => {
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

  it('does not give a message the type, the byte order or the serial of another', () => {
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

  it('does not make names, paths and keys of others out of similar bytes', () => {
    const names = Array.from({ length: 3000 }, (_, i) => `n${'abcdefgh'.charAt(i % 8).repeat(1 + (i % 60))}_${i}`);
    for (let round = 0; round < 2; round++) {
      for (const name of names) {
        const message = withParts({
          path: `/${name}`, member: name, interface: `a.${name}`, destination: `a.${name}`, sender: `:1.${name}`,
          signature: 'oa{sy}', body: [`/${name}/x`, new Map([[name, 1]])],
        });
        expect(decodeMessage(encodeMessage(message))).toEqual(message);
      }
    }
  });

  it('a broken name is refused again and again, and so is a broken one that resembles a good one', () => {
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
