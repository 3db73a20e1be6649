// dissect and formatDissection: every byte is explained once, the values of the fixtures are found at their offsets, the
// verdict is that of decodeMessage, and no bytes make either function throw, hang or return too much.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  decodeMessage, dissect, encodeMessage, formatDissection, type Part, signal, UnmarshalError, type UnmarshalErrorCode,
  type Variant,
} from '../../../src/wire/index.js';
import { extent, heavyTest, some } from '../../support/extent.js';
import { completeTypes, loadMessages } from '../../support/fixtures.js';

const fixtures = loadMessages();
const INVALID = new URL('../../../fixtures/invalid/', import.meta.url);

interface BrokenMessage {
  readonly name: string;
  readonly hex: readonly (readonly [digits: string, note: string, repetitions?: number])[];
  readonly code?: UnmarshalErrorCode;
}

const invalidFiles = readdirSync(INVALID).filter((file) => file.endsWith('.json'));
const handMade = invalidFiles.flatMap((file) =>
  (JSON.parse(readFileSync(new URL(file, INVALID), 'utf8')) as BrokenMessage[]).map((entry) => ({ file, ...entry })));

function bytesOf({ hex }: BrokenMessage): Uint8Array {
  const digits = hex.map(([piece, , repetitions = 1]) => piece.replaceAll(' ', '').repeat(repetitions)).join('');
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}

function verdictOn(bytes: Uint8Array): UnmarshalError | undefined {
  try {
    decodeMessage(bytes);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(UnmarshalError);
    return error as UnmarshalError; // asserted
  }
}

/** Checks what must hold for the dissection of any bytes. `context` identifies the bytes in a failure. */
function checkDissection(bytes: Uint8Array, context: string): readonly Part[] {
  const parts = dissect(bytes);
  let end = 0;
  for (const { kind, offset, length, description, error } of parts) {
    if (offset !== end) expect.fail(`${context}: ${description} at ${offset}, but the part before it ends at ${end}`);
    if (length === 0 !== (kind === 'error')) expect.fail(`${context}: ${description} of length ${length}`);
    if ((error !== undefined) !== (kind === 'error')) expect.fail(`${context}: ${description} and an error`);
    end += length;
  }
  expect(end, context).toBe(bytes.length);

  const verdict = verdictOn(bytes);
  const errors = parts.filter(({ kind }) => kind === 'error');
  expect(errors.map(({ error, offset }) => [error?.code, error?.offset, error?.path, offset]), context).toEqual(
    verdict === undefined ? [] : [[verdict.code, verdict.offset, verdict.path, verdict.offset]],
  );
  const unread = parts.filter(({ kind }) => kind === 'unread');
  if (verdict === undefined) expect(unread, context).toEqual([]);
  expect(formatDissection(bytes, parts).split('\n').length, context).toBeGreaterThan(parts.length);
  return parts;
}

type Leaf = readonly [path: string, value: unknown];

function keyed(path: string, key: unknown): string {
  return `${path}[${typeof key === 'string' ? JSON.stringify(key) : String(key)}]`;
}

/** The values of basic types inside a value, each with its path. An array of bytes counts as one value. */
function leavesOf(type: string, value: unknown, path: string): readonly Leaf[] {
  if (type === 'ay') return (value as Uint8Array).length === 0 ? [] : [[path, value]];
  if (type.startsWith('a{')) {
    const [key = '', entry = ''] = completeTypes(type.slice(2, -1));
    return [...(value as Map<unknown, unknown>)].flatMap(([k, v], i) => [
      ...leavesOf(key, k, `${path}[${i}]`), ...leavesOf(entry, v, keyed(path, k)),
    ]);
  }
  if (type.startsWith('a')) {
    const elements = value as readonly unknown[];
    const listed = 'bnqiuxtdh'.includes(type.charAt(1)) ? elements.slice(0, 64) : elements;
    return listed.flatMap((element, i) => leavesOf(type.slice(1), element, `${path}[${i}]`));
  }
  if (type.startsWith('(')) return fieldsOf(type.slice(1, -1), value as readonly unknown[], path);
  if (type === 'v') {
    const variant = value as Variant;
    return leavesOf(variant.signature, variant.value, path);
  }
  return [[path, value]];
}

function fieldsOf(signature: string, values: readonly unknown[], path: string): readonly Leaf[] {
  return completeTypes(signature).flatMap((type, i) => leavesOf(type, values[i], `${path}[${i}]`));
}

describe('the dissection of a captured message', () => {
  const writings = [
    ...fixtures.map((fixture) => ({ title: fixture.name, fixture, writing: fixture.captured })),
    ...some(fixtures, 4).map((fixture) => (
      { title: `${fixture.name}, in the other byte order`, fixture, writing: fixture.twin })),
  ];

  test.each(writings.map((row) => [row.title, row] as const))('%s', (title, { fixture: { expected }, writing }) => {
    const { bytes } = writing;
    const parts = checkDissection(bytes, title);
    const values = parts.filter(({ kind, path }) => kind === 'value' && path.startsWith('body'));
    const leaves = values.map(({ path, value }): Leaf => [path, value]);
    expect(leaves).toEqual(fieldsOf(expected.signature, expected.body, 'body'));

    const fields = parts.filter(({ kind }) => kind === 'field');
    expect(fields.map(({ value, offset }) => [value, offset])).toEqual(
      writing.fields.map(([code, start]) => [code, start]),
    );
    const fieldValue = (name: string): unknown =>
      parts.find(({ kind, path }) => kind === 'value' && path === `header.${name}`)?.value;
    expect(fieldValue('PATH')).toBe(expected.path);
    expect(fieldValue('INTERFACE')).toBe(expected.interface);
    expect(fieldValue('MEMBER')).toBe(expected.member);
    expect(fieldValue('ERROR_NAME')).toBe(expected.errorName);
    expect(fieldValue('REPLY_SERIAL')).toBe(expected.replySerial);
    expect(fieldValue('DESTINATION')).toBe(expected.destination);
    expect(fieldValue('SENDER')).toBe(expected.sender);
    expect(fieldValue('SIGNATURE') ?? '').toBe(expected.signature);
    expect(parts.find(({ description }) => description.startsWith('serial '))?.value).toBe(expected.serial);

    for (const { kind, offset, length } of parts) {
      if (kind === 'padding') expect([...bytes.subarray(offset, offset + length)]).toEqual(Array(length).fill(0));
    }
  });

  test('explains all bytes if the message is cut short', () => {
    for (const { name, captured: { bytes } } of some(fixtures, 8)) {
      const step = Math.ceil(bytes.length / extent(6, 20));
      for (let length = 0; length < bytes.length; length += step) {
        const parts = checkDissection(bytes.subarray(0, length), `${name}, ${length} bytes`);
        expect(parts.at(-1)).toMatchObject({ kind: 'error', offset: length, error: { code: 'MESSAGE_TRUNCATED' } });
        expect(parts.filter(({ kind }) => kind === 'unread')).toEqual([]);
      }
    }
  });

  test('explains the whole message if more bytes follow', () => {
    for (const { name, captured: { bytes } } of some(fixtures, 4)) {
      const parts = checkDissection(Uint8Array.from([...bytes, 0x6c, 0x01]), name);
      const [whole, after] = [dissect(bytes), parts.slice(-2)];
      expect(parts.slice(0, -2)).toEqual(whole);
      expect(after).toMatchObject([
        { kind: 'error', error: { code: 'MESSAGE_EXCESS' } }, { kind: 'unread', offset: bytes.length, length: 2 },
      ]);
    }
  });
});

/** Errors that can have invalid bytes before them. */
const MAY_HAVE_INVALID_BYTES_BEFORE: readonly (UnmarshalErrorCode | undefined)[] = ['MESSAGE_TRUNCATED', 'MESSAGE_EXCESS'];

describe('the dissection of a message written by hand', () => {
  // The first message of each code, and some of the others; the first valid ones have no code.
  const codes = handMade.map(({ code }) => code);
  const firsts = handMade.filter(({ code }, index) => codes.indexOf(code) === index);
  const chosen = [...new Set([...firsts, ...some(handMade, 4)])];

  test.each(chosen.map((entry) => [`${entry.file}: ${entry.name}`, entry] as const))('%s', (title, entry) => {
    const bytes = bytesOf(entry);
    const parts = checkDissection(bytes, title);
    const at = parts.findIndex(({ kind }) => kind === 'error');
    expect(parts[at]?.error?.code).toBe(entry.code);
    if (entry.code === undefined) return;
    const before = parts.slice(0, at);
    const after = parts.slice(at + 1);
    if (!MAY_HAVE_INVALID_BYTES_BEFORE.includes(entry.code)) {
      expect(before.filter(({ kind }) => kind === 'unread')).toEqual([]);
    }
    if (entry.code === 'FIELD_MISSING') expect(after[0]?.kind).toBe(bytes.length > 16 ? 'field' : undefined);
    else expect(after.every(({ kind }) => kind === 'unread') && after.length <= 1).toBe(true);
  });

  test('is tested with more than 120 invalid and more than 40 valid messages', () => {
    expect(handMade.filter(({ code }) => code !== undefined).length).toBeGreaterThan(120);
    expect(handMade.filter(({ code }) => code === undefined).length).toBeGreaterThan(40);
  });
});

/** Numbers that look random and come out the same for the same seed. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe('the dissection of random bytes', () => {
  const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 32);
  const messages = [...fixtures.map(({ captured }) => captured.bytes), ...handMade.map(bytesOf)]
    .filter(({ length }) => length < 1024);

  test(`explains each byte once (FUZZ_SEED=${seed})`, () => {
    const random = generator(seed);
    for (let round = 0; round < extent(300, 2000); round++) {
      const source = messages[random(messages.length)] ?? new Uint8Array();
      const bytes = Uint8Array.from(source).subarray(0, random(4) === 0 ? random(source.length + 1) : source.length);
      for (let i = random(4); i > 0 && bytes.length > 0; i--) bytes[random(bytes.length)] = random(2) * random(256);
      checkDissection(bytes, `round ${round} of FUZZ_SEED=${seed}: ${Buffer.from(bytes).toString('hex')}`);
    }
  });

  test(`explains each byte once after a valid header (FUZZ_SEED=${seed})`, () => {
    const random = generator(seed + 1);
    const header = encodeMessage(signal({ path: '/a', interface: 'a.b', member: 'C' }), { serial: 1 });
    for (let round = 0; round < extent(150, 1000); round++) {
      const codes = Array.from({ length: random(12) }, () => 'ybnqiuxtdhsogv(){}aa'.charAt(random(20))).join('');
      const body = Uint8Array.from({ length: random(80) }, () => random(3) === 0 ? random(256) : random(4));
      const signature = Uint8Array.from([8, 1, 103, 0, codes.length, ...Buffer.from(codes), 0]);
      const fields = Uint8Array.from([...header.subarray(16), ...signature]);
      const bytes = Buffer.alloc(Math.ceil((16 + fields.length) / 8) * 8 + body.length);
      bytes.set(header.subarray(0, 16));
      bytes.set(fields, 16);
      bytes.set(body, bytes.length - body.length);
      bytes.writeUInt32LE(body.length, 4);
      bytes.writeUInt32LE(fields.length, 12);
      checkDissection(bytes, `round ${round} of FUZZ_SEED=${seed}: ${bytes.toString('hex')}`);
    }
  });
});

describe('the dissection of a large message', () => {
  const large = (signature: string, body: readonly unknown[]): Uint8Array =>
    encodeMessage(signal({ path: '/a', interface: 'a.b', member: 'C', signature, body }), { serial: 1 });

  test('has a short text', () => {
    const blob = large('ays', [new Uint8Array(2 ** 20).fill(7), 'end']);
    checkDissection(blob, 'ay');
    const text = formatDissection(blob);
    expect(text.length).toBeLessThan(5_000);
    expect(text).toContain('ARRAY "ay" of 1048576 bytes');
    expect(text).toMatch(/… 1048552 more\n.*body\[1\]: length of text: 3\n.*STRING "end"\n$/);

    const numbers = large('adad', [new Float64Array(100_000), [1]]);
    checkDissection(numbers, 'ad');
    const end = /99936 more of type DOUBLE\n(?:.*\n){3}.*body\[1\]: ARRAY.*\n.*padding\n.*DOUBLE 1\n$/;
    expect(formatDissection(numbers)).toMatch(end);
    expect(formatDissection(numbers).length).toBeLessThan(15_000);
  });

  test('has at most a few more parts than are asked for, and each byte in one of them', () => {
    const bytes = large('as', [Array.from({ length: 2_000 }, (_, i) => `text ${i}`)]);
    const parts = dissect(bytes, { maxParts: 20 });
    expect(parts.length).toBeLessThanOrEqual(31);
    expect(parts.filter(({ kind }) => kind === 'unlisted')).toHaveLength(1);
    let end = 0;
    for (const { offset, length } of parts) {
      expect(offset).toBe(end);
      end += length;
    }
    expect(end).toBe(bytes.length);
    expect(parts.at(-1)).toMatchObject({ path: 'body[0][1999]', value: 'text 1999' });
  });

  heavyTest('has the first and the last parts if there are too many', () => {
    const count = extent(30_000, 100_000);
    const bytes = large('as', [Array.from({ length: count }, (_, i) => `text ${i}`)]);
    const parts = checkDissection(bytes, 'as');
    expect(parts.length).toBeGreaterThan(9_000);
    expect(parts.length).toBeLessThan(16_000);
    expect(parts.filter(({ kind }) => kind === 'unlisted')).toHaveLength(1);
    expect(parts.at(-1)).toMatchObject({ path: `body[0][${count - 1}]`, value: `text ${count - 1}` });
    expect(formatDissection(bytes).length).toBeLessThan(2_000_000);

    expect(dissect(bytes, { maxParts: 0 }).length).toBeLessThanOrEqual(4);
    const few = dissect(bytes, { maxParts: 20 });
    expect(few.length).toBeLessThanOrEqual(31);
    expect(few.at(-1)).toEqual(parts.at(-1));
    expect(dissect(bytes, { maxParts: Infinity }).length).toBeGreaterThan(2.5 * count);

    bytes[bytes.length - 1] = 1; // the NUL of the last text
    expect(checkDissection(bytes, 'as, broken at its end').slice(-3)).toMatchObject([
      { kind: 'value', description: 'STRING, cut short', path: `body[0][${count - 1}]`, length: 10 },
      { kind: 'error', error: { code: 'STRING_NOT_TERMINATED' } },
      { kind: 'unread', length: 1 },
    ]);
  });

  test('ends at values that are nested too deep', () => {
    const nested = new Uint8Array(200_000);
    nested.set(large('v', [{ signature: 'y', value: 1 }]));
    const bodyStart = large('', []).length + 8; // a SIGNATURE of 7 bytes more
    for (let offset = bodyStart; offset + 3 < nested.length; offset += 3) nested.set([1, 0x76, 0], offset);
    new DataView(nested.buffer).setUint32(4, nested.length - bodyStart, true);
    const parts = checkDissection(nested, 'variants');
    expect(parts.find(({ kind }) => kind === 'error')?.error?.code).toBe('VALUE_TOO_DEEP');
    checkDissection(nested.subarray(0, 190_000), 'variants, cut short'); // the verdict is then about the length
  });
});

describe('formatDissection', () => {
  // GLib's reply to a call of Get for a property of type v. It is one of the fixtures.
  const bytes = Uint8Array.from(Buffer.from(
    '6c0201010c000000060000002d000000' +
    '06017300050000003a312e3239000000' +
    '08016700017600000501750003000000' +
    '07017300040000003a312e3200000000' +
    '017600026169000000000000',
    'hex',
  ));

  test('has a line for each part', () => {
    expect(formatDissection(bytes).split('\n')).toEqual([
      '0000  6c                       byte order: little-endian',
      '0001  02                       message type: method_return',
      '0002  01                       flags: NO_REPLY_EXPECTED',
      '0003  01                       protocol version 1',
      '0004  0c 00 00 00              body: 12 bytes',
      '0008  06 00 00 00              serial 6',
      '000c  2d 00 00 00              header fields: 45 bytes',
      '0010  06                           header field DESTINATION',
      '0011  01 73 00                     SIGNATURE "s"',
      '0014  05 00 00 00                    length of text: 5',
      '0018  3a 31 2e 32 39 00              STRING ":1.29"',
      '001e  00 00                        padding',
      '0020  08                           header field SIGNATURE',
      '0021  01 67 00                     SIGNATURE "g"',
      '0024  01 76 00                       SIGNATURE "v"',
      '0027  00                           padding',
      '0028  05                           header field REPLY_SERIAL',
      '0029  01 75 00                     SIGNATURE "u"',
      '002c  03 00 00 00                    UINT32 3',
      '0030  07                           header field SENDER',
      '0031  01 73 00                     SIGNATURE "s"',
      '0034  04 00 00 00                    length of text: 4',
      '0038  3a 31 2e 32 00                 STRING ":1.2"',
      '003d  00 00 00                 padding',
      '0040  01 76 00                 body[0]: SIGNATURE "v"',
      '0043  02 61 69 00                SIGNATURE "ai"',
      '0047  00                           padding',
      '0048  00 00 00 00                  ARRAY "ai" of 0 bytes',
      '',
    ]);
  });

  test('shows the error at the byte that breaks the rule', () => {
    const broken = Uint8Array.from(bytes);
    broken[0x44] = 0x6b; // "k" in place of "a"
    expect(formatDissection(broken).split('\n').slice(-5)).toEqual([
      '0040  01 76 00                 body[0]: SIGNATURE "v"',
      '0043  02                         SIGNATURE, cut short',
      '0044  !!                       SIGNATURE_UNKNOWN_TYPE_CODE: body[0]: unknown type code "k": it must be one of ' +
        'ybnqiuxtdhsogva(){} (at offset 0 of signature "ki") (at byte 68)',
      '0044  6b 69 00 00 00 00 00 00  not read',
      '',
    ]);
    expect(formatDissection(new Uint8Array())).toMatch(/^0000 {2}!! +MESSAGE_TRUNCATED: .*\n$/);
  });

  test('escapes characters that control a terminal, and shortens long texts', () => {
    const hostile = '\u001b[2J\u009b31m\u202e\u2028\n\u{e0001}\u0007';
    const dict = new Map([[`${hostile}${'k'.repeat(500)}`, true]]);
    const parts = { path: '/a', interface: 'a.b', member: 'C' };
    const message = signal({ ...parts, signature: 'sa{sb}', body: [hostile.repeat(9), dict] });
    const text = formatDissection(encodeMessage(message, { serial: 1 }));
    expect(text).not.toMatch(/(?!\n)[\p{C}\p{Zl}\p{Zp}]/u);
    expect(text).toContain('\\u001b[2J\\x9b31m\\u202e\\u2028\\n\\u{e0001}\\u0007');
    expect(Math.max(...text.split('\n').map(({ length }) => length))).toBeLessThan(400);
  });

  test('formats only the given parts', () => {
    const parts = dissect(bytes).filter(({ kind }) => kind === 'field');
    expect(formatDissection(bytes, parts).trimEnd().split('\n')).toHaveLength(4);
  });
});
