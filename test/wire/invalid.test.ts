// Broken messages written by hand, one for each way to break a rule, and valid ones that nearly break a rule.
// fixtures/invalid/README.md describes the files and the offset at which each rule counts as broken.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  checkBody, decodeHeader, decodeMessage, type Message, MessageReader, UnmarshalError, type UnmarshalErrorCode,
} from '../../src/wire/index.js';

type Piece = readonly [digits: string, note: string, repetitions?: number];

interface Entry {
  readonly name: string;
  readonly rule: string;
  readonly hex: readonly Piece[];
  readonly reference: string;
}

interface BrokenMessage extends Entry {
  readonly code: UnmarshalErrorCode;
  readonly offset?: number;
  readonly stream?: number;
}

interface LegalMessage extends Entry {
  readonly expect?: Readonly<Record<string, unknown>>;
}

const FOLDER = new URL('../../fixtures/invalid/', import.meta.url);
const LEGAL_FILE = 'valid.json';

function load<T>(file: string): readonly T[] {
  return JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as T[];
}

const brokenFiles = readdirSync(FOLDER).filter((file) => file.endsWith('.json') && file !== LEGAL_FILE).sort();
const broken = brokenFiles.map((file) => ({ file, entries: load<BrokenMessage>(file) }));
const legal = load<LegalMessage>(LEGAL_FILE);

/** Whether a message can break the rule of a code. A code without a line here does not compile. */
const CAN_OCCUR: Readonly<Record<UnmarshalErrorCode, boolean>> = {
  BYTE_ORDER_INVALID: true,
  MESSAGE_TYPE_INVALID: true,
  VERSION_UNSUPPORTED: true,
  SERIAL_ZERO: true,
  FIELDS_TOO_LONG: true,
  MESSAGE_TOO_LONG: true,
  MESSAGE_TRUNCATED: true,
  MESSAGE_EXCESS: true,
  FIELD_CODE_INVALID: true,
  FIELD_TYPE_MISMATCH: true,
  FIELD_DUPLICATE: true,
  FIELD_MISSING: true,
  REPLY_SERIAL_ZERO: true,
  PATH_RESERVED: true,
  INTERFACE_RESERVED: true,
  INTERFACE_INVALID: true,
  MEMBER_INVALID: true,
  ERROR_NAME_INVALID: true,
  DESTINATION_INVALID: true,
  SENDER_INVALID: true,
  VALUE_TRUNCATED: true,
  BODY_EXCESS: true,
  BODY_WITHOUT_SIGNATURE: true,
  PADDING_NOT_ZERO: true,
  BOOLEAN_INVALID: true,
  STRING_LENGTH_OUT_OF_BOUNDS: true,
  STRING_NOT_TERMINATED: true,
  STRING_CONTAINS_NUL: true,
  STRING_NOT_UTF8: true,
  OBJECT_PATH_INVALID: true,
  ARRAY_TOO_LONG: true,
  ARRAY_LENGTH_OUT_OF_BOUNDS: true,
  ARRAY_LENGTH_MISMATCH: true,
  VALUE_TOO_DEEP: true,
  VARIANT_SIGNATURE_EMPTY: true,
  TOO_MANY_VALUES: false, // a limit of the receiver, who has none unless it sets one
  DICT_KEYS_COLLIDE: false, // needs hundreds of chosen keys: test/hostile/ has them
  SIGNATURE_TOO_LONG: false, // one byte holds the length of a signature, and 255 is allowed
  SIGNATURE_UNKNOWN_TYPE_CODE: true,
  SIGNATURE_ARRAY_ELEMENT_MISSING: true,
  SIGNATURE_ARRAY_TOO_DEEP: true,
  SIGNATURE_STRUCT_EMPTY: true,
  SIGNATURE_STRUCT_NOT_CLOSED: true,
  SIGNATURE_STRUCT_NOT_OPENED: true,
  SIGNATURE_STRUCT_TOO_DEEP: true,
  SIGNATURE_DICT_ENTRY_OUTSIDE_ARRAY: true,
  SIGNATURE_DICT_ENTRY_KEY_NOT_BASIC: true,
  SIGNATURE_DICT_ENTRY_FIELD_COUNT: true,
  SIGNATURE_DICT_ENTRY_NOT_CLOSED: true,
  SIGNATURE_DICT_ENTRY_NOT_OPENED: true,
  SIGNATURE_DICT_ENTRY_TOO_DEEP: true,
  SIGNATURE_NOT_SINGLE: true,
};

/** A METHOD_RETURN with REPLY_SERIAL 7 and nothing else. */
const GOOD = bytesOf([['6c020001 00000000 01000000 08000000', 'header'], ['05017500 07000000', 'REPLY_SERIAL']]);

function bytesOf(pieces: readonly Piece[]): Uint8Array {
  const digits = pieces.map(([piece, , repetitions = 1]) => piece.replaceAll(' ', '').repeat(repetitions)).join('');
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

/** Entries with their whole names, which vitest shortens for `$name`. */
function titled<T extends Entry>(entries: readonly T[]): [title: string, entry: T][] {
  return entries.map((entry) => [entry.name, entry]);
}

/** The error that `run` throws, which must be an {@link UnmarshalError}. */
function refusal(run: () => unknown): UnmarshalError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(UnmarshalError);
    return error as UnmarshalError; // asserted
  }
  throw new Error('nothing was thrown');
}

function expectCode(error: UnmarshalError | undefined, { code, offset }: BrokenMessage): void {
  expect({ code: error?.code, offset: offset === undefined ? undefined : error?.offset }).toEqual({ code, offset });
}

function pushByteByByte(reader: MessageReader, bytes: Uint8Array): { messages: Message[]; invalid: UnmarshalError[] } {
  const messages: Message[] = [];
  const invalid: UnmarshalError[] = [];
  for (let i = 0; i < bytes.length; i++) {
    messages.push(...reader.push(bytes.subarray(i, i + 1)));
    invalid.push(...reader.invalid.map(({ error }) => error));
  }
  return { messages, invalid };
}

/** The rules of the first 16 bytes: if one is broken, a reader does not know where the next message starts. */
const ENDS_THE_STREAM: readonly UnmarshalErrorCode[] = [
  'BYTE_ORDER_INVALID', 'MESSAGE_TYPE_INVALID', 'VERSION_UNSUPPORTED', 'SERIAL_ZERO', 'FIELDS_TOO_LONG',
  'MESSAGE_TOO_LONG',
];

/** Checks what a reader makes of a broken message between two good ones, in one chunk and byte by byte. */
function expectRefusal(entry: BrokenMessage, bytes: Uint8Array): void {
  const stream = join(GOOD, bytes, GOOD);
  const good = decodeMessage(GOOD);
  const endsTheStream = ENDS_THE_STREAM.includes(entry.code);

  const whole = new MessageReader();
  expect(whole.push(stream)).toEqual(endsTheStream ? [good] : [good, good]);
  expectCode(endsTheStream ? whole.failure : whole.invalid[0]?.error, entry);
  expect(whole.invalid).toHaveLength(endsTheStream ? 0 : 1);
  expect(whole.push(GOOD)).toEqual(endsTheStream ? [] : [good]);
  if (!endsTheStream) expect(whole.failure).toBeUndefined();

  const slow = new MessageReader();
  const { messages, invalid } = pushByteByByte(slow, stream);
  expect(messages).toEqual(endsTheStream ? [good] : [good, good]);
  expectCode(endsTheStream ? slow.failure : invalid[0], entry);
  expect(invalid).toHaveLength(endsTheStream ? 0 : 1);
}

function expectDelivery(bytes: Uint8Array, count: number): readonly Message[] {
  const whole = new MessageReader();
  const messages = whole.push(bytes);
  expect(messages).toHaveLength(count);
  expect(pushByteByByte(new MessageReader(), bytes)).toEqual({ messages, invalid: [] });
  expect(whole.failure).toBeUndefined();
  return messages;
}

describe.each(broken)('$file', ({ entries }) => {
  test.each(titled(entries))('%s', (_title, entry) => {
    const bytes = bytesOf(entry.hex);
    const error = refusal(() => decodeMessage(bytes));
    expectCode(error, entry);

    // The check without values finds the same.
    const checked = refusal(() => checkBody(decodeHeader(bytes), bytes));
    expect([checked.code, checked.offset, checked.message]).toEqual([error.code, error.offset, error.message]);

    // Other bytes around the message must neither make it valid nor change its offsets.
    const around = new Uint8Array(bytes.length + 16);
    around.set(bytes, 3);
    expectCode(refusal(() => decodeMessage(around.subarray(3, 3 + bytes.length))), entry);

    if (entry.stream === undefined) expectRefusal(entry, bytes);
    else expectDelivery(bytes, entry.stream);
  });
});

describe(LEGAL_FILE, () => {
  test.each(titled(legal))('%s', (_title, entry) => {
    const bytes = bytesOf(entry.hex);
    const message = decodeMessage(bytes);
    for (const [key, value] of Object.entries(entry.expect ?? {})) {
      expect(message[key as keyof Message], key).toEqual(value);
    }
    expect(expectDelivery(bytes, 1)).toEqual([message]);
  });
});

describe('the invalid fixtures', () => {
  const all = [...broken, { file: LEGAL_FILE, entries: legal }];

  test('break every rule that a message can break', () => {
    const codes = new Set<string>(broken.flatMap(({ entries }) => entries.map(({ code }) => code)));
    const expected = Object.entries(CAN_OCCUR).filter(([, canOccur]) => canOccur).map(([code]) => code);
    expect([...codes].sort()).toEqual(expected.sort());
  });

  test('are at least 120, in both byte orders', () => {
    const marks = broken.flatMap(({ entries }) => entries.map(({ hex }) => bytesOf(hex)[0]));
    expect(marks.length).toBeGreaterThanOrEqual(120);
    expect(marks.filter((mark) => mark === 0x6c).length).toBeGreaterThanOrEqual(80);
    expect(marks.filter((mark) => mark === 0x42).length).toBeGreaterThanOrEqual(80);
  });

  test.each(all)('in $file have unique names, a rule, and a note on each piece of bytes', ({ entries }) => {
    expect(new Set(entries.map(({ name }) => name)).size).toBe(entries.length);
    for (const { name, rule, hex } of entries) {
      expect(rule, name).toMatch(/^[A-Z][^:]+: .+\.$/);
      const unclear = hex.filter(([digits, note]) => !/^([0-9a-f]{2} ?)+$/.test(digits) || note === '');
      expect(unclear, name).toEqual([]);
    }
  });

  test('are all different', () => {
    const bytes = all.flatMap(({ entries }) => entries.map(({ hex }) => Buffer.from(bytesOf(hex)).toString('hex')));
    expect(new Set(bytes).size).toBe(bytes.length);
  });
});
