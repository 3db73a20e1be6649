// marshal: the wire form of every type, the JavaScript values that each type accepts, and the errors of those it does
// not accept, with code and path. The bytes are written by hand from the specification.
// Specification: Marshaling (Wire Format).
import { describe, expect, test } from 'vitest';
import {
  encodeMessage, marshal, MarshalError, type MarshalErrorCode, methodCall, SignatureError, unmarshal, variant,
} from '../../../src/wire/index.js';
import { bytes, hex, marshalAny, marshalErrorOf, thrownBy } from '../support.js';
import { WIRE_FORMS } from '../wire-forms.js';

describe('the wire form', () => {
  test.each(WIRE_FORMS.map((form, index) => [`${index}: ${form.signature}`, form] as const))('%s is written in both byte orders', (_, form) => {
    const { signature, values, little, big } = form;
    expect(hex(marshalAny(signature, values))).toBe(hex(bytes(little)));
    expect(hex(marshalAny(signature, values, 'little'))).toBe(hex(bytes(little)));
    expect(hex(marshalAny(signature, values, 'big'))).toBe(hex(bytes(big)));
  });

  test('every type has a case here', () => {
    const signatures = WIRE_FORMS.map(({ signature }) => signature);
    expect(signatures).toEqual(expect.arrayContaining([...'ybnqiuxtdhsogv']));
  });

  test('the bytes share no memory with the values', () => {
    const given = Uint8Array.of(1, 2, 3);
    const written = marshal('ay', [given]);
    given.fill(9);
    expect(hex(written)).toBe('03000000010203');
    expect(written.buffer.byteLength).toBe(written.length);
  });
});

describe('numbers', () => {
  test.each([
    ['x', -(2 ** 53) + 1, -(2n ** 53n) + 1n],
    ['x', 2 ** 53 - 1, 2n ** 53n - 1n],
    ['x', -1, -1n],
    ['t', 2 ** 53 - 1, 2n ** 53n - 1n],
    ['t', 0, 0n],
    ['t', -0, 0n],
  ])('%s accepts the safe integer %d like the bigint', (type, number, bigint) => {
    for (const signature of [type, `a${type}`, `(${type})`, `a(${type})`]) {
      const wrap = (value: unknown): unknown =>
        signature === type ? value : signature.startsWith('a(') ? [[value]] : [value];
      expect(hex(marshalAny(signature, [wrap(number)]))).toBe(hex(marshalAny(signature, [wrap(bigint)])));
    }
  });

  test.each([...'ynqiuh'])('%s writes −0 as 0', (type) => {
    const write = (zero: number): string[] => [
      hex(marshalAny(type, [zero])), hex(marshalAny(`a${type}`, [[zero]])), hex(marshalAny(`a(${type})`, [[[zero]]])),
      hex(marshalAny(`a${type}`, [Array<number>(20).fill(zero)])),
    ];
    expect(write(-0)).toEqual(write(0));
    expect(write(-0)[0]).toMatch(/^0+$/);
  });

  test('a DOUBLE keeps the sign of zero, alone and in containers', () => {
    const minusZero = '0000000000000080';
    expect(hex(marshal('d', [-0]))).toBe(minusZero);
    expect(hex(marshal('ad', [Array<number>(20).fill(-0)]))).toBe(`a000000000000000${minusZero.repeat(20)}`);
    expect(hex(marshal('ad', [new Float64Array(20).fill(-0)]))).toBe(`a000000000000000${minusZero.repeat(20)}`);
    expect(hex(marshal('a(d)', [[[-0]]]))).toBe(`0800000000000000${minusZero}`);
    expect(hex(marshal('v', [variant('d', -0)]))).toBe(`0164000000000000${minusZero}`);
  });
});

describe('typed arrays', () => {
  const CASES = [
    ['y', Uint8Array, [0, 1, 255]],
    ['n', Int16Array, [-32768, 0, 32767]],
    ['q', Uint16Array, [0, 1, 65535]],
    ['i', Int32Array, [-(2 ** 31), 0, 2 ** 31 - 1]],
    ['u', Uint32Array, [0, 1, 2 ** 32 - 1]],
    ['h', Uint32Array, [0, 1, 2 ** 32 - 1]],
    ['x', BigInt64Array, [-(2n ** 63n), 0n, 2n ** 63n - 1n]],
    ['t', BigUint64Array, [0n, 1n, 2n ** 64n - 1n]],
    ['d', Float64Array, [-0, Infinity, 0.1]],
  ] as const;

  describe.each(CASES)('a%s as %o', (type, TypedArray, values) => {
    // Lengths below and above the one from which arrays are copied in bulk.
    test.each([0, 1, 3, 15, 16, 17, 64])('%d elements give the same bytes from an array, a typed array and a part of a larger one', (length) => {
      const list = Array.from({ length }, (_, i) => values[i % values.length]!);
      const larger = new TypedArray(length + 5) as Uint8Array; // one of the typed arrays
      larger.set(list as number[], 3);
      const typed = larger.slice(3, 3 + length);
      for (const byteOrder of ['little', 'big'] as const) {
        // Values before the array change the alignment of the elements in memory.
        for (const before of ['', 'y', 'yq', 'u', 'uu']) {
          const firsts = Array.from(before, () => 1);
          const expected = hex(marshalAny(`${before}a${type}`, [...firsts, list], byteOrder));
          for (const input of [typed, larger.subarray(3, 3 + length)]) {
            expect(hex(marshalAny(`${before}a${type}`, [...firsts, input], byteOrder))).toBe(expected);
          }
          expect(unmarshal(`${before}a${type}` as string, bytes(expected), { byteOrder }).at(-1)).toEqual(
            type === 'y' ? Uint8Array.from(list as number[]) : list,
          );
        }
      }
    });
  });

  test('ay accepts a Buffer, even one that is part of a pool', () => {
    expect(hex(marshal('ay', [Buffer.from('abc')]))).toBe('03000000616263');
    expect(hex(marshal('ay', [Buffer.from('xabcx').subarray(1, 4)]))).toBe('03000000616263');
  });

  test.each([
    ['ay', new Int8Array(1)],
    ['ay', new Uint8ClampedArray(1)],
    ['ay', new Uint16Array(1)],
    ['ay', new DataView(new ArrayBuffer(1))],
    ['ay', new ArrayBuffer(1)],
    ['an', new Uint16Array(1)],
    ['ai', new Uint32Array(1)],
    ['ad', new Float32Array(1)],
    ['ab', new Uint32Array(1)],
    ['ax', new BigUint64Array(1)],
    ['as', new Uint8Array(0)],
    ['a(y)', new Uint8Array(0)],
    ['(yy)', new Uint8Array(2)],
  ])('a typed array of another type is refused: %s', (signature, value) => {
    const error = marshalErrorOf(() => marshalAny(signature, [value]));
    expect([error.code, error.path]).toEqual(['VALUE_TYPE_MISMATCH', 'body[0]']);
    expect(error.message).toContain(value.constructor.name);
  });
});

describe('dicts', () => {
  const written = 'a{su}';

  test('a Map is written in its order', () => {
    const map = new Map([['2', 1], ['1', 2], ['__proto__', 3]]);
    expect([...unmarshal('a{su}', marshal('a{su}', [map]))[0]]).toEqual([...map]);
  });

  test('plain objects, with or without a prototype, are accepted if the keys are text', () => {
    const object = { b: 1, a: 2, constructor: 3 };
    const bare = Object.assign(Object.create(null) as Record<string, number>, object);
    const map = new Map(Object.entries(object));
    expect(hex(marshal(written, [object]))).toBe(hex(marshal(written, [map])));
    expect(hex(marshal(written, [bare]))).toBe(hex(marshal(written, [map])));
    expect(hex(marshal('a{oy}', [{ '/a': 1 }]))).toBe(hex(marshal('a{oy}', [new Map([['/a', 1]])])));
    expect(hex(marshal('a{gy}', [{ 'a{sv}': 1 }]))).toBe(hex(marshal('a{gy}', [new Map([['a{sv}', 1]])])));
  });

  test('only the own enumerable string keys of an object are written', () => {
    const object: Record<PropertyKey, unknown> = JSON.parse('{ "__proto__": 1, "": 2, "hasOwnProperty": 3 }') as never;
    object[Symbol('s')] = 4;
    Object.defineProperty(object, 'hidden', { value: 5, enumerable: false });
    const [read] = unmarshal('a{su}', marshalAny('a{su}', [object]));
    expect([...read]).toEqual([['__proto__', 1], ['', 2], ['hasOwnProperty', 3]]);
  });

  test('an object is refused if the keys are numbers, and so is an instance of a class', () => {
    class Settings { a = 1; }
    for (const [signature, value] of [
      ['a{uu}', { 1: 1 }], [written, new Settings()], [written, [['a', 1]]], [written, new Set(['a'])],
      [written, new Date()], [written, new WeakMap()], [written, null], [written, 'a'],
      [written, Object.create({ a: 1 })],
    ] as const) {
      const error = marshalErrorOf(() => marshalAny(signature, [value]));
      expect([error.code, error.path]).toEqual(['VALUE_TYPE_MISMATCH', 'body[0]']);
    }
  });

  test('every basic type can be a key', () => {
    const keys: Readonly<Record<string, unknown>> = {
      y: 1, b: true, n: -1, q: 1, i: -1, u: 1, x: 1n, t: 1n, d: -1.5, h: 1, s: 'k', o: '/', g: 'u',
    };
    for (const [code, key] of Object.entries(keys)) {
      const map = new Map([[key, 7]]);
      expect(unmarshal(`a{${code}y}` as string, marshalAny(`a{${code}y}`, [map]))).toEqual([map]);
    }
  });
});

describe('text', () => {
  // From 48 characters on, other code writes the text; the bytes can be more than the characters.
  test.each([0, 1, 15, 16, 17, 45, 46, 47, 48, 49, 50, 100, 1000])('text of about %d characters is written as UTF-8', (length) => {
    for (const end of ['', 'a', 'é', '€', '😀', '\ufeff']) {
      for (const start of ['', '€', '😀']) {
        const text = (start + 'x'.repeat(length)).slice(0, length) + end;
        if (!text.isWellFormed()) continue;
        const utf8 = Buffer.from(text);
        const expected = Buffer.concat([Buffer.alloc(4), utf8, Buffer.alloc(1)]);
        expected.writeUInt32LE(utf8.length);
        expect(hex(marshal('s', [text]))).toBe(expected.toString('hex'));
        expect(unmarshal('s', marshal('s', [text]))).toEqual([text]);
      }
    }
  });

  test.each([0, 1, 46, 47, 48, 100])('NUL or a lone surrogate is refused after %d other characters', (length) => {
    const before = 'x'.repeat(length);
    for (const [bad, code] of [
      ['\0', 'STRING_CONTAINS_NUL'], ['\ud800', 'STRING_NOT_WELL_FORMED'], ['\udfff', 'STRING_NOT_WELL_FORMED'],
      ['\udc00\ud800', 'STRING_NOT_WELL_FORMED'], ['é\0', 'STRING_CONTAINS_NUL'],
    ] as const) {
      for (const text of [before + bad, bad + before, `${before}${bad}y`]) {
        const error = marshalErrorOf(() => marshal('us', [1, text]));
        expect([error.code, error.path]).toEqual([code, 'body[1]']);
      }
    }
  });

  test('text of 1 MB is written, ASCII or not', () => {
    for (const text of ['x'.repeat(1e6), '€'.repeat(3.4e5)]) {
      const written = marshal('s', [text]);
      expect(written.length).toBe(4 + Buffer.byteLength(text) + 1);
      expect(unmarshal('s', written)[0] === text).toBe(true);
    }
  });
});

/* Errors --------------------------------------------------------------------------------------------------------- */

type Refusal = readonly [signature: string, body: readonly unknown[], path: string];

const call = (parts: object): Uint8Array =>
  encodeMessage({ ...methodCall({ path: '/a', member: 'B' }), serial: 1, ...parts });

const nestedVariant = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = { signature: level === 0 ? 'y' : 'v', value };
  return value;
};

/** Errors of single values; message.test.ts and limits.test.ts have those of whole messages. */
const REFUSALS: Readonly<Record<MarshalErrorCode, readonly Refusal[]>> = {
  VALUE_TYPE_MISMATCH: [
    ['y', ['1'], 'body[0]'],
    ['y', [1n], 'body[0]'],
    ['y', [null], 'body[0]'],
    ['y', [undefined], 'body[0]'],
    ['y', [[1]], 'body[0]'],
    ['y', [true], 'body[0]'],
    ['y', [new Number(1)], 'body[0]'],
    ['i', [1n], 'body[0]'],
    ['u', ['1'], 'body[0]'],
    ['h', [{}], 'body[0]'],
    ['b', [1], 'body[0]'],
    ['b', [0], 'body[0]'],
    ['b', ['true'], 'body[0]'],
    ['b', [new Boolean(true)], 'body[0]'],
    ['b', [undefined], 'body[0]'],
    ['x', ['1'], 'body[0]'],
    ['x', [1.5], 'body[0]'],
    ['x', [NaN], 'body[0]'],
    ['x', [2 ** 53], 'body[0]'],
    ['x', [-(2 ** 53)], 'body[0]'],
    ['t', [Infinity], 'body[0]'],
    ['t', [2 ** 64], 'body[0]'],
    ['t', [Object(1n)], 'body[0]'],
    ['d', [1n], 'body[0]'],
    ['d', ['1.5'], 'body[0]'],
    ['d', [new Number(1)], 'body[0]'],
    ['s', [1], 'body[0]'],
    ['s', [null], 'body[0]'],
    ['s', [new String('a')], 'body[0]'],
    ['s', [Symbol('a')], 'body[0]'],
    ['s', [['a']], 'body[0]'],
    ['s', [Buffer.from('a')], 'body[0]'],
    ['o', [1], 'body[0]'],
    ['g', [[]], 'body[0]'],
    ['ay', ['abc'], 'body[0]'],
    ['ay', [{ length: 1, 0: 1 }], 'body[0]'],
    ['ay', [[1, 'x']], 'body[0][1]'],
    ['ai', [[...Array<number>(20).fill(0), '1']], 'body[0][20]'],
    ['ai', [[0, , 2]], 'body[0][1]'],
    ['as', [new Set(['a'])], 'body[0]'],
    ['as', ['ab'], 'body[0]'],
    ['as', [['a', 1]], 'body[0][1]'],
    ['as', [new Array<string>(2)], 'body[0][0]'],
    ['ab', [[true, 0]], 'body[0][1]'],
    ['aab', [[[true], [true, 1]]], 'body[0][1][1]'],
    ['(yy)', [{ 0: 1, 1: 2 }], 'body[0]'],
    ['(ys)', [[1, 2]], 'body[0][1]'],
    ['((y))', [[[null]]], 'body[0][0][0]'],
    ['a(ys)', [[[1, 'a'], [2, 3]]], 'body[0][1][1]'],
    ['a(yu)', [[[1, 2], [3, '4']]], 'body[0][1][1]'],
    ['a(yu)', [[[1, 2], 3]], 'body[0][1]'],
    ['a(yu)', [{}], 'body[0]'],
    ['a{su}', [{ k: 'v' }], 'body[0]["k"]'],
    ['a{su}', [new Map([['k', undefined]])], 'body[0]["k"]'],
    ['a{su}', [new Map<unknown, unknown>([[1, 1]])], 'body[0][1]'],
    ['a{su}', [new Map<unknown, unknown>([[{}, 1]])], 'body[0][?]'],
    ['a{su}', [new Map<unknown, unknown>([[Symbol('k'), 1]])], 'body[0][?]'],
    ['a{us}', [new Map<unknown, unknown>([['k', 's']])], 'body[0]["k"]'],
    ['a{xs}', [new Map<unknown, unknown>([[1n, 1]])], 'body[0][1]'],
    ['v', ['text'], 'body[0]'],
    ['v', [null], 'body[0]'],
    ['v', [{ signature: 's' }], 'body[0]'],
    ['v', [{ value: 's' }], 'body[0]'],
    ['v', [{ signature: 1, value: 1 }], 'body[0]'],
    ['v', [['s', 'text']], 'body[0]'],
    ['v', [{ signature: 's', value: 1 }], 'body[0]'],
    ['iia{sv}', [1, 2, { k: { signature: 'ai', value: [0, 1, 2, 'x'] } }], 'body[2]["k"][3]'],
    ['a{sa{sv}}', [{ 'a"b': { c: { signature: '(uu)', value: [1, null] } } }], 'body[0]["a\\"b"]["c"][1]'],
    ['yyv', [1, 2, { signature: 'v', value: { signature: 'as', value: [7] } }], 'body[2][0]'],
  ],
  VALUE_OUT_OF_RANGE: [
    ['y', [-1], 'body[0]'],
    ['y', [256], 'body[0]'],
    ['y', [0.5], 'body[0]'],
    ['y', [NaN], 'body[0]'],
    ['y', [Infinity], 'body[0]'],
    ['n', [-32769], 'body[0]'],
    ['n', [32768], 'body[0]'],
    ['q', [-1], 'body[0]'],
    ['q', [65536], 'body[0]'],
    ['i', [-2147483649], 'body[0]'],
    ['i', [2147483648], 'body[0]'],
    ['i', [2 ** 40], 'body[0]'],
    ['i', [1e300], 'body[0]'],
    ['u', [-1], 'body[0]'],
    ['u', [4294967296], 'body[0]'],
    ['u', [-0.5], 'body[0]'],
    ['h', [4294967296], 'body[0]'],
    ['x', [2n ** 63n], 'body[0]'],
    ['x', [-(2n ** 63n) - 1n], 'body[0]'],
    ['x', [2n ** 64n], 'body[0]'],
    ['t', [-1n], 'body[0]'],
    ['t', [-1], 'body[0]'],
    ['t', [2n ** 64n], 'body[0]'],
    ['ay', [[0, 256]], 'body[0][1]'],
    ['ay', [[...Array<number>(20).fill(0), -1]], 'body[0][20]'],
    ['ai', [[...Array<number>(20).fill(0), 2 ** 31]], 'body[0][20]'],
    ['au', [[...Array<number>(20).fill(0), -1, 0]], 'body[0][20]'],
    ['au', [[...Array<number>(20).fill(0), 0.5, 0, 0, 0]], 'body[0][20]'],
    ['an', [[...Array<number>(20).fill(0), 2 ** 15]], 'body[0][20]'],
    ['ax', [[...Array<bigint>(20).fill(0n), 2n ** 63n]], 'body[0][20]'],
    ['a(iu)', [[[1, 2], [3, -1]]], 'body[0][1][1]'],
    ['a(yn)', [[[1, 2], [256, 1]]], 'body[0][1][0]'],
    ['a{ys}', [new Map([[256, 's']])], 'body[0][256]'],
    ['uv', [1, { signature: 'n', value: 40000 }], 'body[1]'],
  ],
  VALUE_COUNT_MISMATCH: [
    ['', [1], 'body'],
    ['s', [], 'body'],
    ['s', ['a', 'b'], 'body'],
    ['(yy)', [[1]], 'body[0]'],
    ['(yy)', [[1, 2, 3]], 'body[0]'],
    ['(y)', [[]], 'body[0]'],
    ['a(yy)', [[[1, 2], []]], 'body[0][1]'],
    ['a(ys)', [[[1, 'a'], [1]]], 'body[0][1]'],
    ['v', [{ signature: '(yy)', value: [1] }], 'body[0]'],
  ],
  VALUE_TOO_DEEP: [
    ['v', [nestedVariant(65)], 'body[0]'],
    [`${'a'.repeat(32)}v`, [deepArray(32, nestedVariant(33))], `body[0]${'[0]'.repeat(32)}`],
  ],
  STRING_CONTAINS_NUL: [
    ['s', ['a\0'], 'body[0]'],
    ['as', [['', '\0']], 'body[0][1]'],
    ['a{sy}', [{ '\0': 1 }], 'body[0]["\\u0000"]'],
  ],
  STRING_NOT_WELL_FORMED: [
    ['s', ['\ud83d'], 'body[0]'],
    ['as', [['', '\ude00\ud83d']], 'body[0][1]'],
    ['a{sy}', [new Map([['\ud800', 1]])], 'body[0]["\\ud800"]'],
  ],
  OBJECT_PATH_INVALID: [
    ['o', [''], 'body[0]'],
    ['o', ['a'], 'body[0]'],
    ['o', ['/a/'], 'body[0]'],
    ['o', ['//'], 'body[0]'],
    ['o', ['/a-b'], 'body[0]'],
    ['o', ['/é'], 'body[0]'],
    ['o', ['/a\0'], 'body[0]'],
    ['ao', [['/', '/a b']], 'body[0][1]'],
    ['a{oy}', [{ x: 1 }], 'body[0]["x"]'],
  ],
  SIGNATURE_INVALID: [
    ['g', ['z'], 'body[0]'],
    ['g', ['a'], 'body[0]'],
    ['g', ['{ss}'], 'body[0]'],
    ['g', ['y'.repeat(256)], 'body[0]'],
    ['g', ['\0'], 'body[0]'],
    ['g', ['é'], 'body[0]'],
    ['ag', [['', '(']], 'body[0][1]'],
    ['v', [{ signature: '', value: 1 }], 'body[0]'],
    ['v', [{ signature: 'ss', value: ['a', 'b'] }], 'body[0]'],
    ['v', [{ signature: 'a', value: [] }], 'body[0]'],
    ['v', [{ signature: 'y\0', value: 1 }], 'body[0]'],
    ['a{sv}', [{ k: { signature: 'a{vs}', value: {} } }], 'body[0]["k"]'],
    ['z', [1], 'body'],
    ['a()', [[]], 'body'],
    [`${'y'.repeat(256)}`, [], 'body'],
    ['\ud800', [1], 'body'],
  ],
  ARRAY_TOO_LONG: [], // limits.test.ts
  MESSAGE_TOO_LONG: [], // limits.test.ts
  FIELD_MISSING: [], // message.test.ts
  FIELD_INVALID: [],
  UNIX_FD_NOT_SENDABLE: [], // see unix-fds.test.ts // message.test.ts
};

function deepArray(levels: number, innermost: unknown): unknown {
  let value = innermost;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

const titled = (refusals: readonly Refusal[]): (readonly [string, Refusal])[] =>
  refusals.map((refusal, index) => [`${index}: ${refusal[0].slice(0, 30)} at ${refusal[2].slice(0, 40)}`, refusal]);

describe.each(Object.entries(REFUSALS).filter(([, refusals]) => refusals.length > 0))('%s', (code, refusals) => {
  test.each(titled(refusals))('is the error code for %s', (_, [signature, body, path]) => {
    for (const byteOrder of ['little', 'big'] as const) {
      const error = marshalErrorOf(() => marshalAny(signature, body, byteOrder));
      expect([error.code, error.path, error.signature]).toEqual([code, path, signature]);
      expect(error.message.startsWith(`${path}: `)).toBe(true);
      expect(error.name).toBe('MarshalError');
    }
    // The same in a message; the failed message has no effect on the next one.
    const before = hex(call({ signature: 'yas', body: [1, ['next']] }));
    const error = marshalErrorOf(() => call({ signature, body }));
    expect([error.code, error.path]).toEqual([code, path]);
    expect(hex(call({ signature: 'yas', body: [1, ['next']] }))).toBe(before);
  });
});

describe('an error', () => {
  test('an error about a signature has the SignatureError as its cause', () => {
    for (const [signature, body] of [['z', []], ['g', ['z']], ['v', [{ signature: 'z', value: 1 }]]] as const) {
      const { cause } = marshalErrorOf(() => marshalAny(signature, body));
      expect(cause).toBeInstanceOf(SignatureError);
      expect((cause as SignatureError).signature).toBe('z');
    }
  });

  test.each([
    ['y', 256, 'expected an integer from 0 to 255 (BYTE), got number 256'],
    ['y', '7', 'expected an integer number (BYTE), got string "7"'],
    ['h', -1, 'expected an integer from 0 to 2^32-1 (UNIX_FD, an index), got number -1'],
    ['x', 2n ** 63n, 'expected an integer from -2^63 to 2^63-1 (INT64), got bigint 9223372036854775808'],
    ['t', 0.5, 'expected a bigint, or a number that is a safe integer (UINT64), got number 0.5'],
    ['t', 2n ** 200n, 'expected an integer from 0 to 2^64-1 (UINT64), got a bigint of more than 128 bits'],
    ['b', [1, 2], 'expected true or false (BOOLEAN), got an array of 2'],
    ['s', new Date(0), 'expected a string (STRING), got an object of class Date'],
    ['s', 'a\0b', 'the text contains a NUL character: it must not contain any'],
    ['s', '\ud800', 'the text contains a lone surrogate: it must be well-formed'],
    ['o', 'a', 'expected an object path, got string "a"'],
    ['as', {}, 'expected an array (as), got an object of class Object'],
    ['ai', 'x', 'expected an array or Int32Array, got string "x"'],
    ['a{sv}', [], 'expected a Map or a plain object (a{sv}), got an array of 0'],
    ['(su)', ['x'], 'expected 2 fields, (su), got 1'],
    ['v', 5, 'expected a variant, { signature, value }, got number 5'],
  ])('the message for a wrong value of type %s says what must be and what was found', (signature, value, text) => {
    expect(marshalErrorOf(() => marshalAny(signature, [value])).message).toBe(`body[0]: ${text}`);
  });

  test('an error message stays short if key and value are long', () => {
    const key = 'k'.repeat(1e6);
    const { message, path } = marshalErrorOf(() => marshalAny('a{sy}', [{ [key]: 'v'.repeat(1e6) }]));
    expect(message.length).toBeLessThan(500);
    expect(path.length).toBeLessThan(200);
  });

  test('a body that is not an array, or a signature that is not a string, is a MarshalError', () => {
    const wrong = [
      ['s', undefined], ['s', null], ['s', 5], ['s', {}], ['s', 'a'],
      [undefined, []], [null, []], [5, []], [{}, ['a']], [Symbol('s'), []],
    ] as const;
    for (const [signature, body] of wrong) {
      expect(thrownBy(() => marshalAny(signature as string, body as unknown[]))).toBeInstanceOf(MarshalError);
    }
  });
});

describe('values that cannot be inspected', () => {
  const throws = (): never => {
    throw new RangeError('not to be seen');
  };
  const revoked = Proxy.revocable([], {});
  revoked.revoke();
  const STRANGE: readonly (readonly [title: string, value: unknown])[] = [
    ['null prototype', Object.create(null)],
    ['a constructor that throws', { get constructor() { return throws(); } }],
    ['a constructor whose name throws', { constructor: { get name() { return throws(); } } }],
    ['a constructor whose name is a symbol', { constructor: { name: Symbol('name') } }],
    ['a constructor whose name is not a string', { constructor: { name: { toString: throws } } }],
    ['a constructor that is undefined', { constructor: undefined }],
    ['a name of a megabyte', { constructor: { name: 'x'.repeat(1e6) } }],
    ['toString and valueOf that throw', { toString: throws, valueOf: throws }],
    ['toPrimitive that throws', { [Symbol.toPrimitive]: throws }],
    ['toJSON that throws', { toJSON: throws }],
    ['a function', Object.assign(() => 1, { toString: throws })],
    ['a class', class Secret {}],
    ['a symbol', Symbol('symbol')],
    ['a symbol without description', Symbol()],
    ['a proxy that hides its prototype', new Proxy({}, { getPrototypeOf: throws })],
    ['a proxy that hides its properties', new Proxy({}, { get: throws, has: throws, ownKeys: throws })],
    ['a revoked proxy', revoked.proxy],
    ['an array with a strange length', new Proxy([], { get: throws })],
  ];

  test.each(STRANGE)('%s is refused with a MarshalError for every basic type', (_, value) => {
    for (const signature of ['y', 'b', 'n', 'i', 'u', 'x', 't', 'd', 'h', 's', 'o', 'g']) {
      const error = marshalErrorOf(() => marshalAny(signature, [value]));
      expect([error.code, error.path]).toEqual(['VALUE_TYPE_MISMATCH', 'body[0]']);
      expect(error.message.length).toBeLessThan(500);
    }
  });

  test('a revoked proxy is refused with a MarshalError for every type, and as a body', () => {
    for (const signature of ['v', 'as', 'ay', 'au', 'a(yy)', 'a{sv}', 'a{us}', '(ss)', '(yy)', 'av', 'aas']) {
      const error = marshalErrorOf(() => marshalAny(signature, [revoked.proxy]));
      expect([error.code, error.path]).toEqual(['VALUE_TYPE_MISMATCH', 'body[0]']);
    }
    expect(marshalErrorOf(() => marshalAny('v', [{ signature: 'v', value: revoked.proxy }])).path).toBe('body[0]');
    expect(marshalErrorOf(() => marshalAny('s', revoked.proxy as never)).code).toBe('VALUE_TYPE_MISMATCH');
  });

  test.each(STRANGE)('%s is refused with a MarshalError as a key', (_, value) => {
    const error = marshalErrorOf(() => marshalAny('a{sy}', [new Map([[value, 1]])]));
    expect(error.code).toBe('VALUE_TYPE_MISMATCH');
    expect(error.path.length).toBeLessThan(200);
  });

  test.each(STRANGE)('%s is refused with a MarshalError as the signature of a variant', (_, value) => {
    const error = marshalErrorOf(() => marshalAny('v', [{ signature: value, value: 1 }]));
    expect(error.code).toBe('VALUE_TYPE_MISMATCH');
  });
});

describe('values with getters', () => {
  const good = (): string => hex(marshal('us', [7, 'after']));
  const expected = good();

  test('an error thrown by a getter reaches the caller, and the next message is not affected', () => {
    const own = new RangeError('own');
    const throwing = { get value(): never { throw own; }, signature: 's' };
    const at = (index: number): unknown[] => {
      const list: unknown[] = [1, 2, 3];
      Object.defineProperty(list, index, { get: () => { throw own; }, enumerable: true });
      return list;
    };
    const dict = { get k(): never { throw own; } };
    for (const [signature, value] of [
      ['v', throwing], ['av', [throwing]], ['a{sv}', { k: throwing }], ['a{su}', dict], ['ay', at(1)], ['ax', at(2)],
      ['(yyy)', at(0)], ['a(yyy)', [at(2)]], ['as', at(0)],
    ] as const) {
      expect(thrownBy(() => marshalAny(signature, [value]))).toBe(own);
      expect(thrownBy(() => call({ signature, body: [value] }))).toBe(own);
      expect(good()).toBe(expected);
    }
  });

  test('a getter can encode another message', () => {
    const inner = (): Uint8Array => call({ signature: 'ss', body: ['inner', 'x'.repeat(100)] });
    const innerHex = hex(inner());
    const nested: Uint8Array[] = [];
    const nesting = (): object => ({ signature: 's', get value() { nested.push(inner()); return 'outer'; } });
    const plain = hex(call({ signature: 'vav', body: [variant('s', 'outer'), [variant('s', 'outer')]] }));
    for (let round = 0; round < 3; round++) {
      const outer = call({ signature: 'vav', body: [nesting(), [nesting()]] });
      expect(hex(outer)).toBe(plain);
    }
    expect(nested.map(hex)).toEqual(Array.from({ length: 6 }, () => innerHex));
  });

  test('an array that a getter shrinks is refused', () => {
    const list: unknown[] = [1, 2, 3, 4];
    Object.defineProperty(list, 0, { get: () => { list.length = 2; return 1; }, configurable: true });
    const error = marshalErrorOf(() => marshalAny('an', [list]));
    expect([error.code, error.path]).toEqual(['VALUE_TYPE_MISMATCH', 'body[0][2]']);
  });

  test('an array that a getter extends is written with its original length', () => {
    const list: unknown[] = Array<number>(20).fill(0);
    Object.defineProperty(list, 5, { get: () => { list.push(0, 0, 0); return 1; }, configurable: true });
    expect(unmarshal('ai', marshalAny('ai', [list]))[0]).toHaveLength(20);
  });
});
