// The limits of 64 and 128 MiB, reached exactly and exceeded by one; and that memory stays flat over many messages that
// differ in signatures, names and keys. The suite of limits.test.ts runs here with more rounds.
// Specification: Marshalling Containers, Message Format.

import { describe, expect, test } from 'vitest';
import {
  decodeMessage, encodeMessage, FrameReader, MAX_ARRAY_LENGTH, MAX_MESSAGE_LENGTH, type Message, MessageReader,
  methodCall, variant,
} from '../../src/wire/index.js';
import { growthOf } from '../support/memory.js';
import { marshalAny, marshalErrorOf, unmarshalAny } from './support.js';
import './limits.test.js';

const CALL: Message = { ...methodCall({ path: '/a', member: 'B' }), serial: 1 };

const withParts = (parts: Readonly<Record<string, unknown>>): Message => ({ ...CALL, ...parts }) as Message;

/** An array of `length` zero bytes, with its length word. */
function zeros(length: number, alignment: number): Uint8Array {
  const written = new Uint8Array(Math.max(4, alignment) + length);
  new DataView(written.buffer).setUint32(0, length, true);
  return written;
}

describe('an array of 64 MiB', () => {
  const element = 'x'.repeat(MAX_ARRAY_LENGTH - 5);
  const shared = [1];
  type Make = () => unknown;
  // The greatest length of the array, 64 MiB if elements fill it exactly; the longest value; one with an element more.
  const CASES: readonly (readonly [signature: string, length: number, makeMost: Make, makeMore: Make])[] = [
    ['ay', 2 ** 26, () => new Uint8Array(2 ** 26), () => new Uint8Array(2 ** 26 + 1)],
    ['ad', 2 ** 26, () => new Float64Array(2 ** 23), () => new Float64Array(2 ** 23 + 1)],
    ['ai', 2 ** 26, () => new Int32Array(2 ** 24), () => new Array<number>(2 ** 24 + 1).fill(0)],
    ['a(y)', 2 ** 26 - 7, () => new Array(2 ** 23).fill(shared), () => new Array(2 ** 23 + 1).fill(shared)],
    ['as', 2 ** 26, () => [element], () => [`${element}x`]],
    ['a{sy}', 2 ** 26, () => ({ [element.slice(0, -1)]: 1 }), () => ({ [element]: 1 })],
  ];

  test.each(CASES)('the longest %s is written, and a longer one is refused', (signature, length, makeMost, makeMore) => {
    const written = marshalAny(signature, [makeMost()]);
    expect(new DataView(written.buffer).getUint32(0, true)).toBe(length);
    const error = marshalErrorOf(() => marshalAny(signature, [makeMore()]));
    expect([error.code, error.path]).toEqual(['ARRAY_TOO_LONG', 'body[0]']);
  });

  test.each([['ay', 1], ['ai', 4], ['ad', 8], ['ab', 4]])('the longest %s is read', (signature, size) => {
    const [read] = unmarshalAny(signature, zeros(MAX_ARRAY_LENGTH, size));
    expect(read).toHaveLength(MAX_ARRAY_LENGTH / size);
  });

  test('the longest path that the array of header fields can hold is written and read, a longer one is refused', () => {
    const path = `/${'a'.repeat(MAX_ARRAY_LENGTH)}`;
    const error = marshalErrorOf(() => encodeMessage(withParts({ path })));
    expect([error.code, error.path]).toEqual(['ARRAY_TOO_LONG', 'header']);
    const least = withParts({ type: 'signal', interface: 'a.b', member: 'B', path: '/a' });
    const most = `/a${'a'.repeat(MAX_ARRAY_LENGTH - (encodeMessage(least).length - 16))}`;
    const written = encodeMessage({ ...least, path: most } as Message);
    expect(decodeMessage(written).path === most).toBe(true);
  });
});

describe('a message of 128 MiB', () => {
  const empty = encodeMessage(withParts({ signature: 'ayay', body: [[], []] })).length;
  const makeBody = (more: number): Uint8Array[] =>
    [new Uint8Array(MAX_ARRAY_LENGTH), new Uint8Array(MAX_MESSAGE_LENGTH - MAX_ARRAY_LENGTH - empty + more)];

  test('a message of exactly 128 MiB is written, read and extracted from a stream', () => {
    const message = withParts({ signature: 'ayay', body: makeBody(0) });
    const written = encodeMessage(message);
    expect(written.length).toBe(MAX_MESSAGE_LENGTH);
    const [first, second] = decodeMessage(written).body as Uint8Array[];
    expect([first?.length, second?.length]).toEqual((message.body as Uint8Array[]).map(({ length }) => length));
    const reader = new FrameReader();
    expect(reader.push(written.subarray(0, 1e8))).toEqual([]);
    expect(reader.push(written.subarray(1e8)).map(({ length }) => length)).toEqual([MAX_MESSAGE_LENGTH]);
  });

  test('a message that is one byte longer is refused', () => {
    const error = marshalErrorOf(() => encodeMessage(withParts({ signature: 'ayay', body: makeBody(1) })));
    expect([error.code, error.path]).toEqual(['MESSAGE_TOO_LONG', 'body']);
  });

  test('text that makes a message longer is refused', () => {
    for (const text of ['x'.repeat(MAX_MESSAGE_LENGTH), '€'.repeat(MAX_MESSAGE_LENGTH / 2)]) {
      for (const [signature, value] of [['s', text], ['v', variant('s', text)], ['(ys)', [1, text]]] as const) {
        const error = marshalErrorOf(() => encodeMessage(withParts({ signature, body: [value] })));
        expect(error.code).toBe('MESSAGE_TOO_LONG');
      }
    }
  });

  test('a path that makes a message longer is refused, even with other fields after it', () => {
    const path = `/${'a'.repeat(MAX_MESSAGE_LENGTH)}`;
    const error = marshalErrorOf(() => encodeMessage(withParts({ path, destination: 'a.b' })));
    expect(error.code).toMatch(/^(ARRAY|MESSAGE)_TOO_LONG$/);
  });
});

const base = (digits: string, number: number, length: number): string =>
  Array.from({ length }, (_, i) => digits.charAt(Math.floor(number / digits.length ** i) % digits.length)).join('');

describe('memory', () => {
  test('of a chunk with an invalid message is released with the next call', () => {
    const invalid = encodeMessage(withParts({ signature: 'b', body: [true] })).slice();
    invalid[invalid.length - 4] = 7;
    const growth = growthOf(() => {
      const reader = new MessageReader();
      reader.push(Buffer.concat([...Array<Uint8Array>(100_000).fill(invalid)]));
      expect(reader.invalid).toHaveLength(100_000);
      reader.push(new Uint8Array(0));
      return reader;
    });
    expect(growth).toBeLessThan(1);
  });

  test('memory is flat if every message has another signature', () => {
    const run = (from: number, to: number): void => {
      for (let i = from; i < to; i++) {
        const code = base('ybnqiuxtdsog', i, 6);
        const empty = { signature: `a{y(${code})}`, value: new Map() };
        const message = withParts({ signature: `a(${code})v`, body: [[], empty] });
        const read = decodeMessage(encodeMessage(message));
        if (read.signature !== message.signature) throw new Error(`${read.signature} for ${message.signature}`);
      }
    };
    run(0, 20_000); // fills the caches
    expect(growthOf(() => run(20_000, 100_000))).toBeLessThan(4);
  });

  test('the caches stay small if every signature has the greatest length', () => {
    const codes = 'ybnqiuxtdsog';
    const zero: Readonly<Record<string, unknown>> = { b: false, s: '', o: '/', g: '' };
    const growth = growthOf(() => {
      for (let i = 0; i < 2000; i++) {
        const fields = [...base(codes, i * 7919, 63)];
        const body = fields.map((code) => [[zero[code] ?? 0]]);
        decodeMessage(encodeMessage(withParts({ signature: fields.map((code) => `a(${code})`).join(''), body })));
      }
    });
    expect(growth).toBeLessThan(16);
  });

  test('memory is flat if every message has other names, keys and paths', () => {
    const run = (from: number, to: number): void => {
      for (let i = from; i < to; i++) {
        const name = `n${i}_${'x'.repeat(i % 50)}`;
        const message = withParts({
          path: `/${name}`, interface: `a.${name}`, member: name, destination: `b.${name}`, sender: `:1.${i}`,
          errorName: `e.${name}`, signature: 'a{sv}og', body: [{ [name]: variant('s', name) }, `/p/${name}`, ''],
        });
        const read = decodeMessage(encodeMessage(message));
        if (read.member !== name) throw new Error(`${read.member} for ${name}`);
      }
    };
    run(0, 10_000);
    expect(growthOf(() => run(10_000, 100_000))).toBeLessThan(4);
  });
});
