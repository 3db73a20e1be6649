// Text of every code point and of every pair of bytes, with TextEncoder and TextDecoder and without them;
// and the suite of utf8.test.ts with longer text.
// Specification: String-like types.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import './utf8.test.js';
import { CODERS, stringBody, type Wire } from './coders.js';

describe.each(CODERS)('%s', (_, load) => {
  let wire: Wire;
  beforeAll(async () => {
    wire = await load();
  });
  afterAll(() => {
    vi.resetModules();
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
});
