// Lines of the authentication protocol: their parts, hex, and cutting them out of a stream.
import { describe, expect, test } from 'vitest';
import {
  decodeHex, encodeHex, formatCommand, LineReader, MAX_LINE_LENGTH, MAX_LINES, parseCommand, quote, splitWords,
} from '../../src/auth/command.js';
import { isGuid } from '../../src/wire/uuid.js';
import { authErrorOf, bytes, chunksOf, text } from './support.js';

function readAll(reader: LineReader, chunk: Uint8Array): string[] {
  const lines: string[] = [];
  reader.push(chunk);
  for (let line = reader.next(); line !== undefined; line = reader.next()) lines.push(line);
  return lines;
}

describe('a line', () => {
  test.each([
    ['BEGIN', 'BEGIN', ''],
    ['DATA 00ff', 'DATA', '00ff'],
    ['DATA ', 'DATA', ''],
    ['AUTH EXTERNAL 30', 'AUTH', 'EXTERNAL 30'],
    ['AUTH   EXTERNAL  30  ', 'AUTH', 'EXTERNAL  30'],
    ['ERROR it is  so', 'ERROR', 'it is  so'],
    [' OK', '', 'OK'],
    ['', '', ''],
    ['OK\tx', 'OK\tx', ''],
  ])('%j has its name and its argument', (line, name, argument) => {
    expect(parseCommand(line)).toEqual({ name, argument });
  });

  test('is formatted without empty words', () => {
    expect(formatCommand('AUTH', 'EXTERNAL', '')).toBe('AUTH EXTERNAL\r\n');
    expect(formatCommand('REJECTED', ...['A', 'B'])).toBe('REJECTED A B\r\n');
    expect(splitWords('A  B ')).toEqual(['A', 'B']);
    expect(splitWords('')).toEqual([]);
  });

  test('is escaped and shortened in error texts', () => {
    expect(quote('a\x1b[31m"')).toBe('"a\\u001b[31m\\""');
    expect(quote('x'.repeat(500)).length).toBe(123);
  });
});

describe('hex', () => {
  test.each([
    ['', []],
    ['00', [0]],
    ['0aFf', [10, 255]],
    ['31303030', [0x31, 0x30, 0x30, 0x30]],
  ])('%j is decoded', (hex, expected) => {
    expect([...(decodeHex(hex) ?? [-1])]).toEqual(expected);
    expect(encodeHex(Uint8Array.from(expected))).toBe(hex.toLowerCase());
  });

  test.each(['0', '000', 'g0', '0x', ' 0', '0 ', '+1', '-1', '1.', 'é0', '00\n'])('%j is refused', (hex) => {
    expect(decodeHex(hex)).toBeUndefined();
  });

  test.each([
    ['00112233445566778899aabbccddeeff', true],
    ['00112233445566778899AABBCCDDEEFF', true],
    ['0011223344556677889900112233445', false],
    ['001122334455667788990011223344556', false],
    ['00112233-4455-6677-8899-aabbccddeeff', false],
    ['00112233445566778899aabbccddeefg', false],
    ['00112233445566778899aabbccddeeff\n', false],
    ['', false],
  ])('%j is a GUID: %j', (guid, expected) => {
    expect(isGuid(guid)).toBe(expected);
  });
});

describe('lines out of a stream', () => {
  const stream = bytes('REJECTED EXTERNAL\r\n\r\nOK x\r\n');

  test.each(Array.from({ length: stream.length }, (_, i) => i + 1))('are complete from chunks of %i bytes', (size) => {
    const reader = new LineReader();
    const lines = chunksOf(stream, size).flatMap((chunk) => readAll(reader, chunk));
    expect(lines).toEqual(['REJECTED EXTERNAL', '', 'OK x']);
  });

  test('leave the bytes after them unchanged', () => {
    const reader = new LineReader();
    reader.push(bytes('OK\r\nl\x01\x00\n\xff'));
    expect(reader.next()).toBe('OK');
    expect(text(reader.rest())).toBe('l\x01\x00\n\xff');
  });

  test.each([
    ['LINE_CONTAINS_NUL', 'OK \0'],
    ['LINE_CONTAINS_NUL', '\0'],
    ['LINE_NOT_ASCII', 'OK \x80'],
    ['LINE_NOT_ASCII', '\xff\r\n'],
    ['LINE_END_INVALID', 'OK\n'],
    ['LINE_END_INVALID', '\n'],
    ['LINE_END_INVALID', 'OK\rx'],
    ['LINE_END_INVALID', 'OK\r\r\n'],
    ['LINE_END_INVALID', 'OK\r\0'],
  ])('end with %s at the first byte that breaks the rule: %j', (code, line) => {
    for (const size of [1, line.length]) {
      const reader = new LineReader();
      const error = authErrorOf(() => chunksOf(bytes(line), size).map((chunk) => readAll(reader, chunk)));
      expect(error.code).toBe(code);
    }
  });

  test('can be as long as the limit, but not a byte longer', () => {
    const longest = 'x'.repeat(MAX_LINE_LENGTH);
    expect(readAll(new LineReader(), bytes(`${longest}\r\n`))).toEqual([longest]);
    const reader = new LineReader();
    expect(readAll(reader, bytes(longest))).toEqual([]);
    expect(authErrorOf(() => readAll(reader, bytes('x'))).code).toBe('LINE_TOO_LONG');
  });

  test('are bounded in number', () => {
    const reader = new LineReader();
    expect(readAll(reader, bytes('\r\n'.repeat(MAX_LINES)))).toHaveLength(MAX_LINES);
    expect(authErrorOf(() => readAll(reader, bytes('\r\n'))).code).toBe('TOO_MANY_LINES');
  });
});
