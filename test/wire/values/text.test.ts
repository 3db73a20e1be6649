// Text, written and read, with TextEncoder and TextDecoder and without them: a runtime may lack them, which may change
// nothing but the speed. Specification: String-like types.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { bytes, thrownBy } from '../support.js';

type Wire = typeof import('../../../src/wire/index.js');

/** A new instance of the wire layer that finds neither TextEncoder nor TextDecoder. */
async function loadWithoutCoders(): Promise<Wire> {
  vi.resetModules();
  vi.stubGlobal('TextEncoder', undefined);
  vi.stubGlobal('TextDecoder', undefined);
  const wire = await import('../../../src/wire/index.js');
  vi.unstubAllGlobals();
  return wire;
}

async function loadWithCoders(): Promise<Wire> {
  vi.resetModules();
  return await import('../../../src/wire/index.js');
}

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

function stringBody(utf8: Uint8Array): Uint8Array {
  const body = new Uint8Array(4 + utf8.length + 1);
  new DataView(body.buffer).setUint32(0, utf8.length, true);
  body.set(utf8, 4);
  return body;
}

describe.each([
  ['with TextEncoder and TextDecoder', loadWithCoders],
  ['without them', loadWithoutCoders],
] as const)('%s', (_, load) => {
  let wire: Wire;
  beforeAll(async () => {
    wire = await load();
  });
  afterAll(() => {
    vi.resetModules();
  });

  test('text is written as UTF-8 and read back', () => {
    for (const text of texts()) {
      const expected = stringBody(Buffer.from(text));
      expect(Buffer.compare(wire.marshal('s', [text]), expected)).toBe(0);
      expect(wire.unmarshal('s', expected)[0] === text).toBe(true);
    }
  });

  test('every code point is written as UTF-8 and read back', () => {
    for (let start = 1; start < 0x110000; start += 0x1000) {
      const points = Array.from({ length: 0x1000 }, (_value, i) => start + i);
      const isCharacter = (point: number): boolean => point < 0xd800 || (point > 0xdfff && point < 0x110000);
      const text = String.fromCodePoint(...points.filter(isCharacter));
      const written = wire.marshal('s', [text]);
      expect(Buffer.compare(written, stringBody(Buffer.from(text)))).toBe(0);
      expect(wire.unmarshal('s', written)[0] === text).toBe(true);
    }
  });

  test('every pair of bytes is accepted or refused as TextDecoder does', () => {
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    for (const padding of [0, 50]) {
      const utf8 = new Uint8Array(2 + padding).fill(0x78);
      const body = stringBody(utf8);
      for (let pair = 0; pair < 0x10000; pair++) {
        if (pair > 0x21ff && pair < 0x7e00) continue; // ASCII characters all behave alike
        utf8[0] = body[4] = pair >> 8;
        utf8[1] = body[5] = pair & 0xff;
        let expected: string | undefined;
        try {
          expected = strict.decode(utf8);
        } catch {
          expected = undefined;
        }
        if (expected?.includes('\0')) expected = undefined;
        let read: string | undefined;
        try {
          [read] = wire.unmarshal('s', body);
        } catch (error) {
          if (!(error instanceof wire.UnmarshalError)) throw error;
        }
        if (read !== expected) expect([pair.toString(16), read]).toEqual([pair.toString(16), expected]);
      }
    }
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

  test('a megabyte of text is written and read', () => {
    for (const text of ['x'.repeat(1e6), 'é'.repeat(5e5), '€'.repeat(3e5), '😀'.repeat(25e4), `${'x'.repeat(1e6)}é`]) {
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
