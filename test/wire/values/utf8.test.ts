// Text, written and read, with TextEncoder and TextDecoder and without them: a runtime may lack them, which may change
// nothing but the speed. utf8.heavy.test.ts has every code point. Specification: String-like types.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { extent } from '../../support/extent.js';
import { bytes, thrownBy } from '../support.js';
import { CODERS, stringBody, type Wire } from './coders.js';

const LENGTHS = [0, 1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 46, 47, 48, 49, 63, 64, 65, 200, 5000];
const CHARACTERS = ['a', '\x01', '\x7f', '\x80', 'é', '\u07ff', '\u0800', '€', '\ud7ff', '\ue000', '\ufeff', '\uffff'];
const PAIRS = ['😀', '\u{10000}', '\u{10ffff}'];

/** Texts whose numbers of bytes, characters and UTF-16 units differ, one of these numbers near each length. */
function* texts(): Generator<string> {
  for (const length of LENGTHS) {
    yield 'x'.repeat(length);
    for (const character of [...CHARACTERS, ...PAIRS]) {
      yield character + 'x'.repeat(length);
      yield 'x'.repeat(length) + character;
      yield 'x'.repeat(length >> 1) + character + 'x'.repeat(length >> 1);
      yield character.repeat(length);
    }
  }
}

const BAD_UTF8 = [
  '80', 'bf', 'c080', 'c1bf', 'c3', 'c341', 'c3c3', 'e0', 'e09fbf', 'e282', 'e28241', 'eda080', 'edbfbf', 'ee80',
  'efbb', 'f0', 'f09f98', 'f09f9841', 'f08fbfbf', 'f4908080', 'f5808080', 'f7bfbfbf', 'f888808080', 'fc8480808080',
  'fe', 'ff',
];

describe.each(CODERS)('%s', (_, load) => {
  let wire: Wire;
  beforeAll(async () => {
    wire = await load();
  });
  afterAll(() => {
    vi.resetModules();
  });

  test('text is written as UTF-8 and read back', () => {
    const wrong: string[] = [];
    for (const text of texts()) {
      const expected = stringBody(Buffer.from(text));
      if (Buffer.compare(wire.marshal('s', [text]), expected) !== 0) wrong.push(`written: ${text}`);
      if (wire.unmarshal('s', expected)[0] !== text) wrong.push(`read: ${text}`);
    }
    expect(wrong).toEqual([]);
  });

  test.each(BAD_UTF8)('%s is refused at its first byte, in short text and in long text', (digits) => {
    for (const before of [0, 1, 45, 46, 47, 48, 49, 300]) {
      for (const after of ['', 'x', 'x'.repeat(80)]) {
        const body = stringBody(Buffer.concat([Buffer.from('é'.repeat(before)), bytes(digits), Buffer.from(after)]));
        const error = thrownBy(() => wire.unmarshal('s', body));
        if (!(error instanceof wire.UnmarshalError)) throw error;
        expect([error.code, error.offset]).toEqual(['STRING_NOT_UTF8', 4 + 2 * before]);
      }
    }
  });

  test('NUL is refused at its offset, in short text and in long text', () => {
    for (const before of [0, 1, 47, 48, 300]) {
      for (const after of ['', 'x', 'é'.repeat(60)]) {
        const body = stringBody(Buffer.from(`${'é'.repeat(before)}\0${after}`));
        const error = thrownBy(() => wire.unmarshal('s', body));
        if (!(error instanceof wire.UnmarshalError)) throw error;
        expect([error.code, error.offset]).toEqual(['STRING_CONTAINS_NUL', 4 + 2 * before]);
      }
    }
  });

  test('a lone surrogate or a NUL is not written', () => {
    for (const length of [0, 1, 46, 47, 48, 300]) {
      for (const bad of ['\ud83d', '\ude00', '\ude00\ud83d', '\0']) {
        const code = bad === '\0' ? 'STRING_CONTAINS_NUL' : 'STRING_NOT_WELL_FORMED';
        for (const text of ['x'.repeat(length) + bad, bad + 'x'.repeat(length), 'é'.repeat(length) + bad]) {
          const error = thrownBy(() => wire.marshal('s', [text]));
          if (!(error instanceof wire.MarshalError)) throw error;
          expect(error.code).toBe(code);
        }
      }
    }
  });

  test('long text is written and read', () => {
    const LENGTH = extent(1e5, 1e6);
    const repeated = ['x', 'é', '€', '😀'].map((character) => character.repeat(LENGTH / Buffer.byteLength(character)));
    for (const text of [...repeated, `${'x'.repeat(LENGTH)}é`]) {
      const written = wire.marshal('s', [text]);
      expect(written.length).toBe(4 + Buffer.byteLength(text) + 1);
      expect(wire.unmarshal('s', written)[0] === text).toBe(true);
    }
  });

  test('text that was read does not change with the bytes it came from', () => {
    const message = wire.marshal('s', ['x'.repeat(100)]);
    const [text] = wire.unmarshal('s', message);
    message.fill(0x79);
    expect(text).toBe('x'.repeat(100));
  });
});
