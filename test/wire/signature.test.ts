// The grammar of signatures and its limits: which signatures are valid, and which error is thrown at which character.
// Specification: Valid Signatures.
import { describe, expect, test } from 'vitest';
import {
  parseSignature, SignatureError, type SignatureErrorCode, splitSignature, type Type, variant, DBusWireError,
} from '../../src/wire/index.js';
import { thrownBy } from './support.js';

const VALID: readonly (readonly [signature: string, types: readonly string[]])[] = [
  ['', []],
  ['y', ['y']],
  ['ybnqiuxtdsoghv', [...'ybnqiuxtdsoghv']],
  ['a{sv}(ii)u', ['a{sv}', '(ii)', 'u']],
  ['aaay', ['aaay']],
  ['a(sa{sv}av)', ['a(sa{sv}av)']],
  ['((y)(y))y', ['((y)(y))', 'y']],
  ['a{ya{ya{yv}}}', ['a{ya{ya{yv}}}']],
  ['a{s(ii)}', ['a{s(ii)}']],
  ['a{hv}', ['a{hv}']],
  ['(aayv)aa(v)', ['(aayv)', 'aa(v)']],
  ['y'.repeat(255), [...'y'.repeat(255)]],
  [`${'a'.repeat(32)}y`, [`${'a'.repeat(32)}y`]],
  [`${'('.repeat(32)}y${')'.repeat(32)}`, [`${'('.repeat(32)}y${')'.repeat(32)}`]],
  // 64 containers around one value, the most that a signature can have
  [`${'a'.repeat(32)}${'('.repeat(32)}y${')'.repeat(32)}`, [`${'a'.repeat(32)}${'('.repeat(32)}y${')'.repeat(32)}`]],
  [`${'a{y'.repeat(32)}y${'}'.repeat(32)}`, [`${'a{y'.repeat(32)}y${'}'.repeat(32)}`]],
  // like libdbus, only arrays directly inside one another count
  [`${'a'.repeat(32)}(${'a'.repeat(32)}y)`, [`${'a'.repeat(32)}(${'a'.repeat(32)}y)`]],
];

const INVALID: readonly (readonly [signature: string, code: SignatureErrorCode, offset: number])[] = [
  ['y'.repeat(256), 'SIGNATURE_TOO_LONG', 255],
  ['z', 'SIGNATURE_UNKNOWN_TYPE_CODE', 0],
  ['yz', 'SIGNATURE_UNKNOWN_TYPE_CODE', 1],
  ['(yz)', 'SIGNATURE_UNKNOWN_TYPE_CODE', 2],
  ['a{sz}', 'SIGNATURE_UNKNOWN_TYPE_CODE', 3],
  ['az', 'SIGNATURE_UNKNOWN_TYPE_CODE', 1],
  ['r', 'SIGNATURE_UNKNOWN_TYPE_CODE', 0],
  ['e', 'SIGNATURE_UNKNOWN_TYPE_CODE', 0],
  ['m', 'SIGNATURE_UNKNOWN_TYPE_CODE', 0],
  ['*', 'SIGNATURE_UNKNOWN_TYPE_CODE', 0],
  ['?', 'SIGNATURE_UNKNOWN_TYPE_CODE', 0],
  ['Y', 'SIGNATURE_UNKNOWN_TYPE_CODE', 0],
  [' y', 'SIGNATURE_UNKNOWN_TYPE_CODE', 0],
  ['y ', 'SIGNATURE_UNKNOWN_TYPE_CODE', 1],
  ['y\0', 'SIGNATURE_UNKNOWN_TYPE_CODE', 1],
  ['é', 'SIGNATURE_UNKNOWN_TYPE_CODE', 0],
  ['\ud83d\ude00', 'SIGNATURE_UNKNOWN_TYPE_CODE', 0],
  ['a', 'SIGNATURE_ARRAY_ELEMENT_MISSING', 0],
  ['aa', 'SIGNATURE_ARRAY_ELEMENT_MISSING', 1],
  ['ya', 'SIGNATURE_ARRAY_ELEMENT_MISSING', 1],
  ['(a)', 'SIGNATURE_ARRAY_ELEMENT_MISSING', 1],
  ['a{sa}', 'SIGNATURE_ARRAY_ELEMENT_MISSING', 3],
  [`${'a'.repeat(33)}y`, 'SIGNATURE_ARRAY_TOO_DEEP', 32],
  [`(${'a'.repeat(33)}y)`, 'SIGNATURE_ARRAY_TOO_DEEP', 33],
  ['()', 'SIGNATURE_STRUCT_EMPTY', 0],
  ['y()', 'SIGNATURE_STRUCT_EMPTY', 1],
  ['a()', 'SIGNATURE_STRUCT_EMPTY', 1],
  ['(())', 'SIGNATURE_STRUCT_EMPTY', 1],
  ['(y()y)', 'SIGNATURE_STRUCT_EMPTY', 2],
  ['(', 'SIGNATURE_STRUCT_NOT_CLOSED', 0],
  ['(y', 'SIGNATURE_STRUCT_NOT_CLOSED', 0],
  ['y((y)', 'SIGNATURE_STRUCT_NOT_CLOSED', 1],
  [')', 'SIGNATURE_STRUCT_NOT_OPENED', 0],
  ['y)', 'SIGNATURE_STRUCT_NOT_OPENED', 1],
  ['(y))', 'SIGNATURE_STRUCT_NOT_OPENED', 3],
  ['a{s)', 'SIGNATURE_STRUCT_NOT_OPENED', 3],
  [`${'('.repeat(33)}y${')'.repeat(33)}`, 'SIGNATURE_STRUCT_TOO_DEEP', 32],
  ['{sv}', 'SIGNATURE_DICT_ENTRY_OUTSIDE_ARRAY', 0],
  ['({sv})', 'SIGNATURE_DICT_ENTRY_OUTSIDE_ARRAY', 1],
  ['a({sv})', 'SIGNATURE_DICT_ENTRY_OUTSIDE_ARRAY', 2],
  ['a{s{sv}}', 'SIGNATURE_DICT_ENTRY_OUTSIDE_ARRAY', 3],
  ['a{vs}', 'SIGNATURE_DICT_ENTRY_KEY_NOT_BASIC', 2],
  ['a{ayv}', 'SIGNATURE_DICT_ENTRY_KEY_NOT_BASIC', 2],
  ['a{(y)v}', 'SIGNATURE_DICT_ENTRY_KEY_NOT_BASIC', 2],
  ['a{a{yy}v}', 'SIGNATURE_DICT_ENTRY_KEY_NOT_BASIC', 2],
  ['a{}', 'SIGNATURE_DICT_ENTRY_FIELD_COUNT', 1],
  ['a{s}', 'SIGNATURE_DICT_ENTRY_FIELD_COUNT', 1],
  ['a{sss}', 'SIGNATURE_DICT_ENTRY_FIELD_COUNT', 1],
  ['a{', 'SIGNATURE_DICT_ENTRY_NOT_CLOSED', 1],
  ['a{s', 'SIGNATURE_DICT_ENTRY_NOT_CLOSED', 1],
  ['a{sv', 'SIGNATURE_DICT_ENTRY_NOT_CLOSED', 1],
  ['a{s(y}', 'SIGNATURE_DICT_ENTRY_NOT_OPENED', 5],
  ['}', 'SIGNATURE_DICT_ENTRY_NOT_OPENED', 0],
  ['a{sv}}', 'SIGNATURE_DICT_ENTRY_NOT_OPENED', 5],
  ['(y}', 'SIGNATURE_DICT_ENTRY_NOT_OPENED', 2],
  [`${'a{y'.repeat(33)}y${'}'.repeat(33)}`, 'SIGNATURE_DICT_ENTRY_TOO_DEEP', 97],
];

/** Whether parseSignature throws each code: a new code does not compile without a line here. */
const THROWN_BY_PARSING: Readonly<Record<SignatureErrorCode, boolean>> = {
  SIGNATURE_TOO_LONG: true,
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
  SIGNATURE_NOT_SINGLE: false,
};

function signatureErrorOf(run: () => unknown): SignatureError {
  const error = thrownBy(run);
  expect(error).toBeInstanceOf(SignatureError);
  return error as SignatureError; // asserted
}

const makeVariant = (signature: string): unknown => variant(signature, 0);

describe('parseSignature', () => {
  test.each(VALID)('%s is valid', (signature, types) => {
    expect(splitSignature(signature)).toEqual(types);
    expect(parseSignature(signature).map((type) => type.signature)).toEqual(types);
  });

  test.each(INVALID)('%s is refused: %s at %d', (signature, code, offset) => {
    const error = signatureErrorOf(() => parseSignature(signature));
    expect([error.code, error.offset]).toEqual([code, offset]);
    expect(error.signature).toBe(signature);
    expect(error.name).toBe('SignatureError');
    expect(error).toBeInstanceOf(DBusWireError);
    expect(error.message).toContain(`at offset ${offset} of`);
    expect(signatureErrorOf(() => splitSignature(signature)).code).toBe(code);
    expect(signatureErrorOf(() => makeVariant(signature)).code).toBe(code);
  });

  test('every error code of the parser has a case here', () => {
    const expected = Object.entries(THROWN_BY_PARSING).filter(([, thrown]) => thrown).map(([code]) => code);
    expect([...new Set(INVALID.map(([, code]) => code))].sort()).toEqual(expected.sort());
  });

  test('a part of a valid signature is valid only if it ends between two types', () => {
    const whole = 'a{sa(yv)}(aaib)a{oa{sv}}';
    for (let length = 0; length <= whole.length; length++) {
      const part = whole.slice(0, length);
      if ([0, 9, 15, 24].includes(length)) expect(splitSignature(part).join('')).toBe(part);
      else signatureErrorOf(() => parseSignature(part));
    }
  });

  test('every type has its alignment', () => {
    const alignments = Object.fromEntries(
      parseSignature('ybnqiuxtdsoghvay(y)a{yy}at').map(({ signature, alignment }) => [signature, alignment]),
    );
    expect(alignments).toEqual({
      y: 1, b: 4, n: 2, q: 2, i: 4, u: 4, x: 8, t: 8, d: 8, s: 4, o: 4, g: 1, h: 4, v: 1,
      ay: 4, '(y)': 8, 'a{yy}': 4, at: 4,
    });
  });

  test('types form a tree', () => {
    const outline = (type: Type): unknown => {
      switch (type.kind) {
        case 'fixed': case 'string': case 'variant': return type.signature;
        case 'array': return [outline(type.element)];
        case 'dict': return new Map([[outline(type.key), outline(type.value)]]);
        case 'struct': return { fields: type.fields.map(outline) };
      }
    };
    expect(parseSignature('a{s(yav)}ao').map(outline)).toEqual([new Map([['s', { fields: ['y', ['v']] }]]), ['o']]);
  });

  test.each([
    ['yk', 'unknown type code "k": it must be one of ybnqiuxtdhsogva(){} (at offset 1 of signature "yk")'],
    ['a', 'an array has no element type: it must have one (at offset 0 of signature "a")'],
    ['()', 'a struct has no fields: it must have at least one (at offset 0 of signature "()")'],
    ['(y', 'a struct has no end: it must end with ")" (at offset 0 of signature "(y")'],
    [')', 'found ")" without "(": it must end a struct (at offset 0 of signature ")")'],
    ['{sv}', 'found a dict entry outside an array: it must be the element type of one (at offset 0 of signature "{sv}")'],
    ['a{s}', 'a dict entry has 1 types: it must have a key and a value (at offset 1 of signature "a{s}")'],
    ['a{vs}', 'the key of a dict entry has type "v": its type must be basic (at offset 2 of signature "a{vs}")'],
    ['a{sv', 'a dict entry has no end: it must end with "}" (at offset 1 of signature "a{sv")'],
    ['}', 'found "}" without "{": it must end a dict entry (at offset 0 of signature "}")'],
  ])('the message for %s says what was found or what must be: %s', (signature, message) => {
    expect(signatureErrorOf(() => parseSignature(signature)).message).toBe(message);
  });

  test('the error for a huge signature has a short message', () => {
    for (const signature of ['('.repeat(255), 'a'.repeat(255), 'a{'.repeat(127), '(y'.repeat(127), '('.repeat(1e7)]) {
      const error = signatureErrorOf(() => parseSignature(signature));
      expect(error.message.length).toBeLessThan(1000);
    }
  });
});

describe('variant', () => {
  test('a variant must have exactly one type', () => {
    expect(variant('a{sv}', {})).toEqual({ signature: 'a{sv}', value: {} });
    for (const [signature, offset] of [['', 0], ['ss', 1], ['a{sv}y', 5], ['(y)(y)', 3]] as const) {
      const error = signatureErrorOf(() => makeVariant(signature));
      expect([error.code, error.offset, error.signature]).toEqual(['SIGNATURE_NOT_SINGLE', offset, signature]);
    }
  });
});
