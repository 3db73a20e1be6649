// Tests of the fuzzer itself: its reference reads messages of other implementations, a case is repeatable, and the
// comparison notices differences.

import { describe, expect, test } from 'vitest';
import { loadMessages } from '../support/fixtures.js';
import { runCase } from './cases.js';
import { loadCorpus } from './corpus.js';
import { generateMessage } from './generate.js';
import { mutate } from './mutate.js';
import { isSame } from './oracle.js';
import { Random } from './random.js';
import {
  referenceDecode, referenceFrames, referenceUnmarshal, Refused, type Span, swapBytes, typesOf,
} from './reference.js';

const fixtures = loadMessages();
const corpus = loadCorpus(new URL('../../', import.meta.url));

describe('the reference reader', () => {
  test.each(fixtures.map((fixture) => [fixture.name, fixture] as const))('reads %s', (_, fixture) => {
    const { expected, captured, twin } = fixture;
    expect(isSame(referenceDecode(captured.bytes), expected)).toBe(true);
    const byteOrder = expected.byteOrder === 'little' ? 'big' : 'little';
    const { unknownFields: _unordered, ...read } = referenceDecode(twin.bytes);
    const { unknownFields: _ordered, ...rest } = expected;
    expect(isSame(read, { ...rest, byteOrder })).toBe(true);
  });

  test('reports the kind of every byte, with which a message is converted to the other byte order', () => {
    for (const { expected, captured } of fixtures) {
      const spans: Span[] = [];
      referenceDecode(captured.bytes, spans);
      const offsets = spans.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i));
      const named = new Set(offsets);
      expect(named.size).toBe(captured.bytes.length);
      const byteOrder = expected.byteOrder === 'little' ? 'big' : 'little';
      const swapped = referenceDecode(swapBytes(captured.bytes, spans));
      expect(isSame(swapped, { ...expected, byteOrder })).toBe(true);
    }
  });

  test('refuses a message that is cut off at any byte', () => {
    const { bytes } = fixtures[0]!.captured; // there are fixtures
    for (let length = 0; length < bytes.length; length++) {
      const part = bytes.subarray(0, length);
      expect(() => referenceDecode(part)).toThrow(Refused);
      expect(referenceFrames(part)).toEqual({ frames: [], end: length === 0 ? 'whole' : 'partial' });
    }
    expect(referenceFrames(bytes)).toEqual({ frames: [bytes], end: 'whole' });
  });

  test.each([
    'a', '()', 'a{}', 'a{vs}', 'a{s}', 'a{sss}', '{ss}', '(', ')', 'a{ss', 'z', `${'a'.repeat(33)}y`, 'y'.repeat(256),
  ])('refuses the signature %s', (signature) => {
    expect(() => typesOf(signature)).toThrow(Refused);
  });

  test('reads values without a message', () => {
    expect(referenceUnmarshal('yu', Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0), true)).toEqual([1, 2]);
    expect(() => referenceUnmarshal('yu', Uint8Array.of(1, 1, 0, 0, 2, 0, 0, 0), true)).toThrow(Refused);
    expect(() => referenceUnmarshal('y', Uint8Array.of(1, 0), true)).toThrow(Refused);
  });
});

describe('the random numbers of a case', () => {
  test('depend on the seed and the number of the case', () => {
    const draw = (seed: number, caseNumber: number): number[] => {
      const random = new Random(seed, caseNumber);
      return Array.from({ length: 8 }, () => random.uint32());
    };
    expect(draw(1, 2)).toEqual(draw(1, 2));
    const all = [draw(1, 2), draw(2, 1), draw(1, 3), draw(0, 0), draw(2 ** 32 - 1, 0)].flat();
    expect(new Set(all).size).toBe(all.length);
  });

  test('repeat a case exactly', () => {
    const make = (): unknown[] => {
      const random = new Random(7, 11);
      return [generateMessage(random).value, mutate(random, corpus[3]!, corpus[4]!)]; // there are some hundreds
    };
    expect(make()).toEqual(make());
    expect(runCase(7, 11, corpus)).toEqual(runCase(7, 11, corpus));
  });
});

describe('the comparison of values', () => {
  test.each<[title: string, a: unknown, b: unknown]>([
    ['zero', 0, -0],
    ['a bigint', 1, 1n],
    ['lengths', [1], [1, 2]],
    ['bytes', Uint8Array.of(1), [1]],
    ['a Buffer', Uint8Array.of(1), Buffer.of(1)],
    ['other bytes', Uint8Array.of(1), Uint8Array.of(2)],
    ['the order of entries', new Map([['a', 1], ['b', 2]]), new Map([['b', 2], ['a', 1]])],
    ['values of entries', new Map([['a', [1]]]), new Map([['a', [2]]])],
    ['the order of keys', { a: 1, b: 2 }, { b: 2, a: 1 }],
    ['a key without a value', { a: undefined }, {}],
    ['null', null, {}],
  ])('distinguishes %s', (_, a, b) => {
    expect(isSame(a, b)).toBe(false);
    expect(isSame(b, a)).toBe(false);
  });

  test('accepts equal values', () => {
    const make = (): unknown =>
      ({ a: [NaN, -0, 1n, Uint8Array.of(1), new Map([['k', { signature: 'y', value: [] }]])] });
    expect(isSame(make(), make())).toBe(true);
  });
});

describe('mutated messages', () => {
  test('mostly differ from their originals, and often have a readable header', () => {
    const spans = (bytes: Uint8Array): number => {
      const found: Span[] = [];
      try {
        referenceDecode(bytes, found);
      } catch (error) {
        expect(error).toBeInstanceOf(Refused);
      }
      return found.length;
    };
    const results = Array.from({ length: 200 }, (_, caseNumber) => {
      const random = new Random(3, caseNumber);
      const original = random.pick(corpus);
      const mutated = mutate(random, original, random.pick(corpus));
      return { isChanged: Buffer.compare(original, mutated) !== 0, isFramed: spans(mutated) > 0 };
    });
    expect(results.filter(({ isChanged }) => isChanged).length).toBeGreaterThan(160);
    expect(results.filter(({ isFramed }) => isFramed).length).toBeGreaterThan(80);
  });
});
