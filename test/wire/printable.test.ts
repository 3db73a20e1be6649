// Text of peers as it is printed: characters that act on a terminal or a log are escaped.

import { describe, expect, test } from 'vitest';
import { printable, printableLines } from '../../src/wire/printable.js';

describe('printable text', () => {
  test.each([
    ['\x1b[31mred\x1b[0m', '\\x1b[31mred\\x1b[0m'],
    ['a\nb\r\tc', 'a\\nb\\r\\tc'],
    ['\0\x07\x08\x7f', '\\x00\\x07\\x08\\x7f'],
    ['\x80\x9b31m\x9d', '\\x80\\x9b31m\\x9d'],
    ['a\u202eb\u202c', 'a\\u202eb\\u202c'],
    ['\u2066\u2067\u2068\u2069\u200e\u200f\u061c', '\\u2066\\u2067\\u2068\\u2069\\u200e\\u200f\\u061c'],
    ['\u2028\u2029\x85', '\\u2028\\u2029\\x85'],
    ['\ud800a\udc00', '\\ud800a\\udc00'],
  ])('has escapes in %j', (text, escaped) => {
    expect(printable(text)).toBe(escaped);
  });

  test.each(['', 'plain', 'Grüße', '日本語', 'שלום', '👩‍🚀 \u{1f600}', 'C:\\new', '~\xa0\xad'])('is unchanged: %j', (text) => {
    expect(printable(text)).toBe(text);
  });

  test('has no control character, whatever the text', () => {
    const all = String.fromCharCode(...Array.from({ length: 0x10000 }, (_, code) => code));
    expect(printable(all)).not.toMatch(/[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
  });

  test('of several lines keeps its line feeds', () => {
    expect(printableLines('a\x1b\n  b\r\n')).toBe('a\\x1b\n  b\\r\n');
  });
});
