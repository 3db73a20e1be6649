// unmarshal: the value of every type, what it shares and keeps, and which error is thrown at which byte.
// The bytes are written by hand from the specification; fixtures/invalid has hundreds of broken messages.
// Specification: Marshaling (Wire Format).
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { marshal, SignatureError, unmarshal, UnmarshalError, type UnmarshalErrorCode } from '../../../src/wire/index.js';
import { extent, some } from '../../support/extent.js';
import { bytes, marshalAny, thrownBy, unmarshalAny, unmarshalErrorOf } from '../support.js';
import { WIRE_FORMS } from '../wire-forms.js';

/** The same bytes at another address in memory, with other bytes around them. */
function elsewhere(value: Uint8Array, offset: number): Uint8Array {
  const memory = new Uint8Array(offset + value.length + 9).fill(0xff);
  memory.set(value, offset);
  return memory.subarray(offset, offset + value.length);
}

describe('values', () => {
  test.each(WIRE_FORMS.map((form, index) => [`${index}: ${form.signature}`, form] as const))('the value of %s is read', (_, form) => {
    const { signature, values, little, big } = form;
    for (const [byteOrder, digits] of [['little', little], ['big', big]] as const) {
      expect(unmarshalAny(signature, bytes(digits), byteOrder)).toStrictEqual(values);
      for (const offset of [1, 2, 4, 7]) {
        expect(unmarshalAny(signature, elsewhere(bytes(digits), offset), byteOrder)).toStrictEqual(values);
      }
      expect(unmarshalAny(signature, Buffer.from(bytes(digits)), byteOrder)).toStrictEqual(values);
    }
    expect(unmarshal(signature as string, bytes(little))).toStrictEqual(values);
  });

  test.each(WIRE_FORMS.map((form, index) => [`${index}: ${form.signature}`, form] as const))(
    '%s is refused if bytes are missing or left over',
    (_, { signature, little, big }) => {
      for (const [byteOrder, digits] of [['little', little], ['big', big]] as const) {
        const whole = bytes(digits);
        for (let length = 0; length < whole.length; length++) {
          const error = unmarshalErrorOf(() => unmarshalAny(signature, whole.subarray(0, length), byteOrder));
          expect(error.offset).toBeLessThanOrEqual(length);
        }
        const longer = Uint8Array.from([...whole, 0]);
        const error = unmarshalErrorOf(() => unmarshalAny(signature, longer, byteOrder));
        expect(error.code).toBe(signature === '' ? 'BODY_WITHOUT_SIGNATURE' : 'BODY_EXCESS');
        expect(error.offset).toBe(whole.length);
      }
    },
  );

  // Many bit patterns are NaN, so changing one may not change the value.
  const oneToOne = WIRE_FORMS.filter(({ values }) => !Number.isNaN(values[0]));
  test.each(oneToOne.map((form, index) => [`${index}: ${form.signature}`, form] as const))(
    '%s is refused, or another value, if a zero byte becomes 1',
    (_, { signature, values, little }) => {
      const whole = bytes(little);
      for (let at = 0; at < whole.length; at++) {
        if (whole[at] !== 0) continue;
        const changed = whole.slice();
        changed[at] = 1;
        // The byte may belong to a number, a length or padding; in no case may the change be ignored.
        let read: unknown[] | undefined;
        try {
          read = unmarshalAny(signature, changed);
        } catch (error) {
          expect(error).toBeInstanceOf(UnmarshalError);
        }
        if (read !== undefined) expect(read).not.toStrictEqual(values);
      }
    },
  );
});

describe('ay', () => {
  test('an ay is a plain Uint8Array with memory of its own, even if it is read from a Buffer', () => {
    for (const length of [0, 1, 7, 8, 100, 5000]) {
      const written = marshal('ay', [new Uint8Array(length).fill(7)]);
      for (const source of [written, Buffer.from(written), Buffer.concat([written])]) {
        const [read] = unmarshal('ay', source);
        expect(Object.getPrototypeOf(read)).toBe(Uint8Array.prototype);
        expect(read.length).toBe(length);
        source.fill(0xff);
        expect(read.every((byte) => byte === 7)).toBe(true);
        expect(read.buffer).not.toBe(source.buffer);
        expect(read.buffer.byteLength).toBeLessThan(length + 100);
      }
    }
  });

  test('an ay inside an array or a variant is a Uint8Array too', () => {
    const written = marshal('aay', [[[1], [2, 3]]]);
    const [read] = unmarshal('aay', Buffer.from(written));
    expect(read).toStrictEqual([Uint8Array.of(1), Uint8Array.of(2, 3)]);
    const [variant] = unmarshal('v', bytes('02 6179 00 02000000 01 02'));
    expect(variant).toStrictEqual({ signature: 'ay', value: Uint8Array.of(1, 2) });
  });
});

describe('arrays of numbers', () => {
  const VALUES: Readonly<Record<string, readonly unknown[]>> = {
    b: [true, false, false], n: [-1, 2, -32768], q: [1, 65535, 0], i: [-1, 2, -(2 ** 31)], u: [1, 2 ** 32 - 1, 0],
    h: [0, 2 ** 32 - 1, 5], x: [-1n, 2n, -(2n ** 63n)], t: [1n, 2n ** 64n - 1n, 0n], d: [0.1, -0, Infinity],
  };

  // Long arrays are read in bulk, which needs aligned memory: both ways must give the same values.
  test.each(Object.keys(VALUES))('a%s is a plain array at any length and at any address', (code) => {
    const different: string[] = [];
    for (const length of extent([0, 1, 15, 16, 17, 100], [0, 1, 14, 15, 16, 17, 18, 100])) {
      const values = Array.from({ length }, (_, i) => VALUES[code]![i % 3]);
      for (const byteOrder of ['little', 'big'] as const) {
        for (const prefix of ['', 'y', 'yn', 'u']) {
          const written = marshalAny(`${prefix}a${code}`, [...Array.from(prefix, () => 1), values], byteOrder);
          for (let offset = 0; offset < 9; offset++) {
            const read = unmarshalAny(`${prefix}a${code}`, elsewhere(written, offset), byteOrder).at(-1);
            if (isDeepStrictEqual(read, values)) continue;
            different.push(`${length} values after "${prefix}", ${byteOrder}-endian, at address ${offset}`);
          }
        }
      }
    }
    expect(different).toEqual([]);
  });

  test('every boolean of a long array is checked', () => {
    const written = marshal('ab', [Array<boolean>(20).fill(true)]);
    written[4 + 17 * 4] = 2;
    const error = unmarshalErrorOf(() => unmarshal('ab', written));
    expect([error.code, error.offset, error.path]).toEqual(['BOOLEAN_INVALID', 4 + 17 * 4, 'body[0][17]']);
  });
});

describe('arrays of structs', () => {
  test('padding between fields and between structs must be zero', () => {
    const written = marshal('a(yu)', [[[1, 2], [3, 4], [5, 6]]]);
    const padding = [...written.keys()].filter((at) => at >= 8 && (at % 8 === 1 || at % 8 === 2 || at % 8 === 3));
    for (const at of padding) {
      const changed = written.slice();
      changed[at] = 0x80;
      const error = unmarshalErrorOf(() => unmarshal('a(yu)', changed));
      expect([error.code, error.offset]).toEqual(['PADDING_NOT_ZERO', at]);
    }
    const short = marshal('a(y)', [[[1], [2]]]);
    for (let at = 9; at < 16; at++) {
      const changed = short.slice();
      changed[at] = 1;
      const error = unmarshalErrorOf(() => unmarshal('a(y)', changed));
      expect([error.code, error.offset]).toEqual(['PADDING_NOT_ZERO', at]);
    }
  });

  test('an array of structs ends with the last struct, without padding after it', () => {
    for (const [signature, last] of [['a(y)', 1], ['a(yn)', 4], ['a(tq)', 10], ['a(ib)', 8]] as const) {
      const size = last;
      for (let length = 1; length <= size + 16; length++) {
        const written = new Uint8Array(8 + length);
        new DataView(written.buffer).setUint32(0, length, true);
        const stride = Math.ceil(size / 8) * 8;
        const isWhole = (length - size) % stride === 0 && length >= size;
        if (isWhole) {
          expect(unmarshalAny(signature, written)[0]).toHaveLength((length - size) / stride + 1);
        } else {
          const { code } = unmarshalErrorOf(() => unmarshalAny(signature, written));
          expect(code).toBe('ARRAY_LENGTH_MISMATCH');
        }
      }
    }
  });
});

describe('dicts', () => {
  test('a dict is a Map in the order of the bytes', () => {
    const map = new Map([['b', 1], ['10', 2], ['2', 3], ['__proto__', 4], ['constructor', 5]]);
    const [read] = unmarshal('a{su}', marshal('a{su}', [map]));
    expect(Object.getPrototypeOf(read)).toBe(Map.prototype);
    expect([...read]).toEqual([...map]);
  });

  test('if a key is repeated, the last value wins and keeps the position of the first', () => {
    const digits = '1a000000 00000000 01 01 000000000000 02 02 000000000000 01 03 000000000000 03 04';
    expect([...unmarshal('a{yy}', bytes(digits))[0]]).toEqual([[1, 3], [2, 2], [3, 4]]);
  });

  test('keys that repeat and keys that are nearly the same are read correctly', () => {
    const keys = Array.from({ length: extent(2_000, 20_000) }, (_, i) => `key-${i.toString(36)}-${'x'.repeat(i % 50)}-end`);
    for (let round = 0; round < 2; round++) {
      const map = new Map(keys.map((key, i) => [key, i]));
      expect(unmarshal('a{su}', marshal('a{su}', [map]))[0]).toEqual(map);
    }
    const similar = Array.from({ length: 256 }, (_, i) => `name${String.fromCharCode(32 + (i % 90))}common${i}tail`);
    for (let round = 0; round < 3; round++) {
      for (const key of similar) {
        expect(unmarshal('a{sy}', marshal('a{sy}', [{ [key]: 1 }]))[0]).toEqual(new Map([[key, 1]]));
      }
    }
  });
});

describe('text', () => {
  test('every code point is read, alone and in long text', () => {
    const blocks = Array.from({ length: 0x440 }, (_, i) => i); // of 0x400 code points each
    // The first ones, and those at U+D7FF, U+E000, U+FFFF, U+10000 and U+10FFFF, in `npm test` too.
    for (const block of new Set([0, 1, 2, 3, 0x35, 0x37, 0x3f, 0x40, 0x43f, ...some(blocks, 16)])) {
      const start = 1 + 0x400 * block;
      const points = Array.from({ length: 0x400 }, (_, i) => start + i).filter((point) =>
        point < 0x110000 && (point < 0xd800 || point > 0xdfff));
      const text = String.fromCodePoint(...points);
      expect(unmarshal('s', marshal('s', [text]))[0] === text).toBe(true);
      for (const [i, point] of points.entries()) {
        if (i % 64 !== 0 && point > 0x900) continue; // above U+0900, every 64th code point alone is enough
        const short = String.fromCodePoint(point);
        const utf8 = Buffer.from(short);
        const digits = `0${utf8.length}000000${utf8.toString('hex')}00`;
        expect(unmarshal('s', bytes(digits))[0] === short).toBe(true);
      }
    }
  });

  const BAD: readonly (readonly [digits: string, code: UnmarshalErrorCode])[] = [
    ['00', 'STRING_CONTAINS_NUL'],
    ['80', 'STRING_NOT_UTF8'],
    ['bf', 'STRING_NOT_UTF8'],
    ['c080', 'STRING_NOT_UTF8'],
    ['c1bf', 'STRING_NOT_UTF8'],
    ['c3', 'STRING_NOT_UTF8'],
    ['c341', 'STRING_NOT_UTF8'],
    ['e09fbf', 'STRING_NOT_UTF8'],
    ['e282', 'STRING_NOT_UTF8'],
    ['e28241', 'STRING_NOT_UTF8'],
    ['eda080', 'STRING_NOT_UTF8'],
    ['edbfbf', 'STRING_NOT_UTF8'],
    ['f08fbfbf', 'STRING_NOT_UTF8'],
    ['f09f98', 'STRING_NOT_UTF8'],
    ['f4908080', 'STRING_NOT_UTF8'],
    ['f5808080', 'STRING_NOT_UTF8'],
    ['f888808080', 'STRING_NOT_UTF8'],
    ['fe', 'STRING_NOT_UTF8'],
    ['ff', 'STRING_NOT_UTF8'],
  ];

  // Text of up to 47 bytes and longer text are read by different code; the error must be the same.
  test.each(BAD)('text that contains %s is refused with %s at that byte', (digits, code) => {
    const bad = bytes(digits);
    for (const before of [0, 1, 15, 44, 46, 47, 48, 100, 500]) {
      for (const lead of ['x', 'é']) {
        const start = Buffer.from(lead.repeat(before));
        for (const after of ['', 'y', 'y'.repeat(60)]) {
          const body = Buffer.concat([Buffer.alloc(4), start, bad, Buffer.from(after), Buffer.alloc(1)]);
          body.writeUInt32LE(body.length - 5);
          const error = unmarshalErrorOf(() => unmarshal('s', body));
          expect([error.code, error.offset, error.path]).toEqual([code, 4 + start.length, 'body[0]']);
        }
      }
    }
  });
});

describe('doubles', () => {
  test('a DOUBLE keeps the sign of zero alone, in short and long arrays, in structs, in variants and in dicts', () => {
    const minusZero = '0000000000000080';
    const many = `a0000000 00000000 ${minusZero.repeat(20)}`;
    expect(unmarshal('d', bytes(minusZero))[0]).toBe(-0);
    expect(unmarshal('ad', bytes(`08000000 00000000 ${minusZero}`))[0][0]).toBe(-0);
    expect(unmarshal('ad', bytes(many))[0].every((value) => Object.is(value, -0))).toBe(true);
    expect(unmarshal('(d)', bytes(minusZero))[0][0]).toBe(-0);
    expect(unmarshal('a(d)', bytes(many))[0].flat().every((value) => Object.is(value, -0))).toBe(true);
    expect(unmarshal('v', bytes(`016400 0000000000 ${minusZero}`))[0].value).toBe(-0);
    expect(unmarshal('a{yd}', bytes(`10000000 00000000 01 00000000000000 ${minusZero}`))[0].get(1)).toBe(-0);
  });
});

describe('an error', () => {
  type Refusal = readonly [
    signature: string, digits: string, code: UnmarshalErrorCode, offset: number, path: string,
  ];
  const REFUSALS: readonly Refusal[] = [
    ['u', '000000', 'VALUE_TRUNCATED', 0, 'body[0]'],
    ['yu', '01 00 01 00 02000000', 'PADDING_NOT_ZERO', 2, 'body[1]'],
    ['yu', '01 00', 'VALUE_TRUNCATED', 1, 'body[1]'],
    ['b', '02000000', 'BOOLEAN_INVALID', 0, 'body[0]'],
    ['(yb)', '01 000000 00000001', 'BOOLEAN_INVALID', 4, 'body[0][1]'],
    ['s', '05000000 6161616161', 'STRING_LENGTH_OUT_OF_BOUNDS', 0, 'body[0]'],
    ['s', 'ffffffff 00', 'STRING_LENGTH_OUT_OF_BOUNDS', 0, 'body[0]'],
    ['s', '01000000 6161', 'STRING_NOT_TERMINATED', 5, 'body[0]'],
    ['o', '01000000 6100', 'OBJECT_PATH_INVALID', 0, 'body[0]'],
    ['o', '00000000 00', 'OBJECT_PATH_INVALID', 0, 'body[0]'],
    ['g', '017a00', 'SIGNATURE_UNKNOWN_TYPE_CODE', 1, 'body[0]'],
    ['g', '03797900', 'STRING_LENGTH_OUT_OF_BOUNDS', 0, 'body[0]'],
    ['v', '0000', 'VARIANT_SIGNATURE_EMPTY', 0, 'body[0]'],
    ['v', '02797900 01 01', 'SIGNATURE_NOT_SINGLE', 2, 'body[0]'],
    ['v', '0161 00', 'SIGNATURE_ARRAY_ELEMENT_MISSING', 1, 'body[0]'],
    ['av', '05000000 01 79 00 07 01', 'STRING_LENGTH_OUT_OF_BOUNDS', 8, 'body[0][1]'],
    ['ay', '05000000 01020304', 'ARRAY_LENGTH_OUT_OF_BOUNDS', 0, 'body[0]'],
    ['ay', '01000004', 'ARRAY_TOO_LONG', 0, 'body[0]'],
    ['au', '05000000 01000000 02', 'ARRAY_LENGTH_MISMATCH', 9, 'body[0]'],
    ['at', '00000000 00000001', 'PADDING_NOT_ZERO', 7, 'body[0]'],
    ['at', '00000000', 'VALUE_TRUNCATED', 4, 'body[0]'],
    ['as', '07000000 01000000 61 00 0000 02000000 6161 00', 'ARRAY_LENGTH_MISMATCH', 11, 'body[0]'],
    ['as', '0b000000 00000000 00 000000 01000000 61 00', 'ARRAY_LENGTH_MISMATCH', 15, 'body[0]'],
    ['a{sb}', '0c000000 00000000 01000000 6b 00 0000 02000000', 'BOOLEAN_INVALID', 16, 'body[0]["k"]'],
    ['a{sb}', '0c000000 00000000 01000000 ff 00 0000 01000000', 'STRING_NOT_UTF8', 12, 'body[0][0]'],
    ['ya{sv}', '05 000000 0b000000 01000000 6b 00 01 79 00 05 00', 'VALUE_TRUNCATED', 18, 'body[1][1]'],
  ];

  test.each(REFUSALS.map((refusal) => [`${refusal[2]} in ${refusal[0]}: ${refusal[1]}`, refusal] as const))(
    '%s is refused',
    (_, [signature, digits, code, offset, path]) => {
      const error = unmarshalErrorOf(() => unmarshalAny(signature, bytes(digits)));
      expect([error.code, error.offset, error.path]).toEqual([code, offset, path]);
      expect(error.name).toBe('UnmarshalError');
      expect(error.message.startsWith(`${path}: `)).toBe(true);
      expect(error.message.endsWith(`(at byte ${offset})`)).toBe(true);
    },
  );

  test.each([
    ['u', '0000', 'expected 4 more bytes, got 2'],
    ['yu', '01 00 01 00 02000000', 'found padding that is not zero: each of its bytes must be 0'],
    ['b', '02000000', 'expected 0 or 1 (BOOLEAN), got 2'],
    ['s', '05000000 6161', 'the text has 5 bytes and a NUL: it must fit into the 2 that are left'],
    ['s', '01000000 6162', 'found byte 98 after the text: it must be NUL'],
    ['s', '01000000 00 00', 'the text contains a NUL byte: it must not contain any'],
    ['s', '01000000 ff 00', 'the text has an invalid byte: it must be UTF-8'],
    ['o', '01000000 6100', 'the text is not an object path: it must be one'],
    ['g', '017a00', 'unknown type code "z": it must be one of ybnqiuxtdhsogva(){} (at offset 0 of signature "z")'],
    ['v', '0000', 'the signature of a variant is empty: it must have exactly one type'],
    ['v', '02797900 01 01', 'the signature of a variant has 2 types: it must have exactly one'],
    ['as', '02000000 0000', 'expected 4 more bytes, got 2'],
    ['ay', '05000000 01', 'the array has 5 bytes: it must fit into the 1 that are left'],
    ['ay', '01000004', 'the array has 67108865 bytes: it must have at most 67108864'],
    ['au', '05000000 01000000 02', 'the array ends inside an element: it must end at the end of one'],
    [
      'v', `${'017600'.repeat(64)}017900 07`,
      'the value is inside more than 64 containers: it must be inside at most 64',
    ],
  ])('the message of an error in %s (%s) says what was found: %s', (signature, digits, text) => {
    const { message, offset, path } = unmarshalErrorOf(() => unmarshalAny(signature, bytes(digits)));
    expect(message).toBe(`${path}: ${text} (at byte ${offset})`);
  });

  test.each([
    ['', '01', 'body: the body has 1 byte: without a signature it must be empty (at byte 0)'],
    ['y', '0102', 'body: found 1 byte after the last value of signature "y": there must be none (at byte 1)'],
  ])('bytes left over after the values of signature "%s" are counted', (signature, digits, text) => {
    expect(unmarshalErrorOf(() => unmarshalAny(signature, bytes(digits))).message).toBe(text);
  });

  test('a signature that is not valid is a SignatureError, because it comes from the caller', () => {
    for (const signature of ['z', 'a', '()', 'y'.repeat(256)]) {
      expect(thrownBy(() => unmarshalAny(signature, new Uint8Array(0)))).toBeInstanceOf(SignatureError);
    }
  });

  test('an error message stays short if the key in its path is long', () => {
    const written = marshal('a{sb}', [{ ['k'.repeat(100_000)]: true }]);
    written[written.length - 4] = 2;
    const error = unmarshalErrorOf(() => unmarshal('a{sb}', written));
    expect(error.code).toBe('BOOLEAN_INVALID');
    expect(error.message.length).toBeLessThan(300);
  });
});
