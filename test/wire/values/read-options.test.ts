// What a receiver decides about values: how many it takes, and how arrays of numbers look. test/fuzz/oracle.ts holds
// both to the values that are read without these options.
import { describe, expect, test } from 'vitest';
import {
  ArgumentError, decodeBody, decodeHeader, decodeMessage, encodeMessage, marshal, type Message, MessageReader, methodCall,
  UnmarshalError, unmarshal, variant,
} from '../../../src/wire/index.js';

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

const messageOf = (signature: string, body: readonly unknown[]): Message =>
  ({ ...methodCall({ path: '/a', member: 'B' }), serial: 1, signature, body }) as Message; // marshaling checks the body

describe('the number of values', () => {
  const deep = { a: variant('v', variant('as', ['x', 'y'])) };
  test.each<[signature: string, body: readonly unknown[], count: number]>([
    ['', [], 0],
    ['y', [7], 1],
    ['ay', [new Uint8Array(100)], 1],
    ['ad', [[1, 2, 3]], 1],
    ['ab', [[true, false]], 1],
    ['as', [['a', 'b']], 3],
    ['aay', [[new Uint8Array(5), new Uint8Array(0)]], 3],
    ['aas', [[[], [], []]], 4],
    ['(ybs)', [[1, true, 'a']], 4],
    ['a(yy)', [[[1, 2], [3, 4]]], 7],
    ['a(ys)', [[[1, 'a']]], 4],
    ['v', [variant('y', 7)], 2],
    ['a{yy}', [new Map([[1, 2], [3, 4]])], 5],
    ['a{sv}', [deep], 7],
    ['av', [[variant('(yy)', [1, 2]), variant('ai', [1, 2])]], 7],
    ['ayay', [new Uint8Array(1), new Uint8Array(1)], 2],
  ])('of %s (%#) is counted', (signature, body, count) => {
    const bytes = encodeMessage(messageOf(signature, body)).slice();
    expect(decodeMessage(bytes, { maxValues: count })).toEqual(decodeMessage(bytes));
    if (count === 0) return;
    const error = thrownBy(() => decodeMessage(bytes, { maxValues: count - 1 }));
    expect(error).toMatchObject({ name: 'UnmarshalError', code: 'TOO_MANY_VALUES', fault: 'peer' });
    expect((error as UnmarshalError).message).toContain(`there must be at most ${count - 1} (maxValues)`);
    const values = bytes.subarray(bytes.length - new DataView(bytes.buffer).getUint32(4, true));
    const options = { maxValues: count - 1 };
    expect(thrownBy(() => unmarshal(signature, values, options))).toMatchObject({ code: 'TOO_MANY_VALUES' });
    expect(thrownBy(() => decodeBody(decodeHeader(bytes), bytes, options))).toMatchObject({ code: 'TOO_MANY_VALUES' });
  });

  test('in unknown header fields is counted separately', () => {
    const unknownFields = [1, 2, 3].map((value) => ({ code: 100, value: variant('y', value) }));
    const bytes = encodeMessage({ ...messageOf('yyyyyy', [1, 2, 3, 4, 5, 6]), unknownFields }).slice();
    expect(decodeMessage(bytes, { maxValues: 6 }).unknownFields).toHaveLength(3);
    expect(thrownBy(() => decodeHeader(bytes, { maxValues: 5 }))).toMatchObject({
      code: 'TOO_MANY_VALUES', path: 'header.100',
    });
    expect(thrownBy(() => decodeMessage(bytes, { maxValues: 5 }))).toMatchObject({ path: 'header.100' });
  });

  test('above the limit drops only that message of a stream', () => {
    const small = encodeMessage(messageOf('as', [['a']])).slice();
    const large = encodeMessage(messageOf('as', [['a', 'b', 'c']])).slice();
    const reader = new MessageReader({ maxValues: 3 });
    expect(reader.push(Buffer.concat([small, large, small]))).toHaveLength(2);
    expect(reader.invalid.map(({ error }) => error.code)).toEqual(['TOO_MANY_VALUES']);
    expect(reader.failure).toBeUndefined();
  });

  test('has a limit that can be any integer, 0 or more', () => {
    const bytes = encodeMessage(messageOf('', [])).slice();
    for (const maxValues of [0, 1, 2 ** 40, Number.MAX_SAFE_INTEGER, undefined]) {
      expect(decodeMessage(bytes, { maxValues }).body).toEqual([]);
    }
    for (const maxValues of [-1, 0.5, NaN, Infinity, '7' as unknown as number]) {
      expect(thrownBy(() => decodeMessage(bytes, { maxValues }))).toBeInstanceOf(ArgumentError);
      expect(thrownBy(() => new MessageReader({ maxValues }))).toBeInstanceOf(ArgumentError);
    }
  });
});

describe('typed arrays', () => {
  const VALUES = {
    an: new Int16Array([-1, 2, -32_768, 513, 7]), aq: new Uint16Array([1, 65_535]), ai: new Int32Array([-5, 2 ** 31 - 1]),
    au: new Uint32Array([1, 2 ** 32 - 1]), ax: new BigInt64Array([-1n, 2n ** 63n - 1n]),
    at: new BigUint64Array([1n, 2n ** 64n - 1n]), ad: new Float64Array([0.5, -0, NaN, Infinity]),
    ah: new Uint32Array([0, 1]),
  } as const;

  test.each(Object.entries(VALUES))('%s is one, in both byte orders and at any address', (signature, expected) => {
    for (const byteOrder of ['little', 'big'] as const) {
      const written = marshal(signature as string, [Array.from<number | bigint>(expected)], { byteOrder });
      for (const offset of [0, 1, 3, 4]) {
        const memory = new Uint8Array(offset + written.length);
        memory.set(written, offset);
        const [array] = unmarshal(signature as string, memory.subarray(offset), { byteOrder, typedArrays: true });
        expect(array).toEqual(expected);
        memory.fill(0xff);
        expect(array).toEqual(expected); // it shares no memory
      }
    }
  });

  test.each(Object.entries(VALUES))('%s can be empty, and is then a separate typed array', (signature, expected) => {
    const bytes = marshal(signature as string, [[]]);
    const [one] = unmarshal(signature as string, bytes, { typedArrays: true });
    const [other] = unmarshal(signature as string, bytes, { typedArrays: true });
    expect([one, one === other]).toEqual([expected.slice(0, 0), false]);
  });

  test('are used at any depth, and in variants', () => {
    const body = [new Map([['k', variant('(aiad)', [[1], [2]])]]), [[3n]]] as const;
    const bytes = encodeMessage(messageOf('a{sv}aax', body)).slice();
    const expected = [new Map([['k', variant('(aiad)', [new Int32Array([1]), new Float64Array([2])] as never)]]),
      [new BigInt64Array([3n])]];
    expect(decodeMessage(bytes, { typedArrays: true }).body).toEqual(expected);
    expect(decodeBody(decodeHeader(bytes), bytes, { typedArrays: true }).body).toEqual(expected);
    expect(new MessageReader({ typedArrays: true }).push(bytes)[0]?.body).toEqual(expected);
  });

  test('are not used for booleans, strings and structs', () => {
    const bytes = marshal('abasa(ii)ay', [[true], ['a'], [[1, 2]], [7]]);
    expect(unmarshal('abasa(ii)ay', bytes, { typedArrays: true })).toEqual([[true], ['a'], [[1, 2]], new Uint8Array([7])]);
  });
});
