// The grammars of names and object paths, rule by rule: in predicates, in assertions, and in messages to be sent.
// Specification: Valid Object Paths, Valid Names.
import { describe, expect, test } from 'vitest';
import {
  assertBusName, assertErrorName, assertInterfaceName, assertMemberName, assertObjectPath, assertWellKnownName,
  encodeMessage, InvalidNameError, isBusName, isErrorName, isInterfaceName, isMemberName, isObjectPath, isUniqueName,
  isWellKnownName, methodCall, type NameKind, DBusWireError,
} from '../../src/wire/index.js';
import { thrownBy } from './support.js';

type Name = readonly [name: string, why: string];

interface Grammar {
  readonly is: (value: unknown) => boolean;
  readonly assert?: (value: unknown) => void;
  readonly kind?: NameKind;
  /** A pattern for the rule in the text of the error. */
  readonly rule?: RegExp;
  readonly valid: readonly Name[];
  readonly invalid: readonly Name[];
}

const ofLength = (length: number, start: string): string => start.padEnd(length, 'a');

const FOREIGN: readonly Name[] = [
  ['', 'empty'],
  [' ', 'blank'],
  ['com.example.A b', 'a blank inside'],
  ['com.example.A\0', 'NUL at the end'],
  ['com.exam\0ple.A', 'NUL inside'],
  ['com.example.Ä', 'a letter that is not ASCII'],
  ['com.example.\u0430', 'a letter that looks like an ASCII letter'],
  ['com.example.A\n', 'a newline at the end'],
  ['com.example.1\u0661', 'a digit that is not ASCII'],
  ['com.example.\ud800', 'half a character'],
  ['com.example.ſ', 'a letter whose upper case is ASCII'],
  ['com/example', 'a slash'],
  ['com.example.A(B)', 'parentheses'],
  ['com.example.$A', 'a dollar sign'],
  ['com.example.@A', 'the character before A'],
  ['com.example.[A', 'the character after Z'],
  ['com.example.`A', 'the character before a'],
  ['com.example.{A', 'the character after z'],
];

const VALID_INTERFACES: readonly Name[] = [
  ['a.b', 'two elements of one letter'],
  ['A.Z', 'upper case'],
  ['_._', 'underscores'],
  ['a1.b2', 'digits after a letter'],
  ['org.freedesktop.DBus', 'a common one'],
  ['org._7_zip.Plugin', 'an element that begins with an underscore'],
  ['a.b.c.d.e.f.g.h.i.j', 'many elements'],
  [ofLength(255, 'a.b'), '255 bytes'],
];

const INVALID_INTERFACES: readonly Name[] = [
  ...FOREIGN,
  ['a', 'one element'],
  ['.', 'a dot alone'],
  ['..', 'two dots'],
  ['.a.b', 'a dot at the start'],
  ['a.b.', 'a dot at the end'],
  ['a..b', 'an empty element'],
  ['1a.b', 'a digit at the start'],
  ['a.1b', 'a digit at the start of an element'],
  ['a.b-c', 'a hyphen'],
  [':1.2', 'a colon'],
  [ofLength(256, 'a.b'), '256 bytes'],
];

const VALID_WELL_KNOWN: readonly Name[] = [
  ...VALID_INTERFACES,
  ['a-b.c', 'a hyphen'],
  ['-a.b', 'a hyphen at the start'],
  ['a.-', 'a hyphen alone'],
  ['-.-', 'nothing but hyphens'],
];

const INVALID_WELL_KNOWN: readonly Name[] = [
  ...INVALID_INTERFACES.filter(([name]) => name !== 'a.b-c'),
];

const VALID_UNIQUE: readonly Name[] = [
  [':1.42', 'a common one'],
  [':1.0', 'digits'],
  [':a.b', 'letters'],
  [':-.-', 'hyphens'],
  [':_._', 'underscores'],
  [':1.2.3.4', 'many elements'],
  [':1a.2b', 'digits at the start of elements'],
  [ofLength(255, ':1.'), '255 bytes'],
];

const INVALID_UNIQUE: readonly Name[] = [
  ...FOREIGN.map(([name, why]) => [`:${name}`, why] as const),
  ['1.42', 'no colon'],
  [':', 'a colon alone'],
  [':1', 'one element'],
  [':.', 'a dot alone'],
  [':.1', 'a dot after the colon'],
  [':1.', 'a dot at the end'],
  [':1..2', 'an empty element'],
  ['::1.2', 'two colons'],
  [':1.2:3', 'a colon inside'],
  [' :1.2', 'a blank before'],
  [ofLength(256, ':1.'), '256 bytes'],
];

const GRAMMARS: Readonly<Record<string, Grammar>> = {
  isObjectPath: {
    is: isObjectPath,
    assert: assertObjectPath,
    kind: 'object path',
    rule: /"\/".*A-Za-z0-9_/,
    valid: [
      ['/', 'the root'],
      ['/a', 'one element'],
      ['/A/b_c/0', 'a digit alone'],
      ['/0a/_', 'a digit at the start'],
      ['/__', 'underscores'],
      [`/${'a'.repeat(300)}`, 'an element of 300 bytes'],
      ['/a'.repeat(5000), 'a path of 10,000 bytes'],
    ],
    invalid: [
      ...FOREIGN.filter(([, why]) => why !== 'empty' && why !== 'a slash')
        .map(([name, why]) => [`/${name.replaceAll('.', '/')}`, why] as const),
      ['', 'empty'],
      ['a', 'no slash'],
      ['a/b', 'no slash at the start'],
      ['//', 'two slashes'],
      ['/a/', 'a slash at the end'],
      ['/a//b', 'an empty element'],
      ['//a', 'an empty first element'],
      ['/a.b', 'a dot'],
      ['/a-b', 'a hyphen'],
      ['/a:b', 'a colon'],
      ['/a/b\0', 'NUL at the end'],
      ['/a%20', 'an escape'],
    ],
  },
  isInterfaceName: {
    is: isInterfaceName, assert: assertInterfaceName, kind: 'interface name', rule: /two or more.*255 bytes/,
    valid: VALID_INTERFACES, invalid: INVALID_INTERFACES,
  },
  isErrorName: {
    is: isErrorName, assert: assertErrorName, kind: 'error name', rule: /two or more.*255 bytes/,
    valid: VALID_INTERFACES, invalid: INVALID_INTERFACES,
  },
  isMemberName: {
    is: isMemberName,
    assert: assertMemberName,
    kind: 'member name',
    rule: /1 to 255 bytes/,
    valid: [
      ['a', 'a letter'], ['_', 'an underscore'], ['Ping', 'a common one'], ['a0', 'a digit after a letter'],
      [ofLength(255, 'a'), '255 bytes'],
    ],
    invalid: [
      ['', 'empty'], ['0', 'a digit'], ['0a', 'a digit at the start'], ['a.b', 'a dot'], ['a-b', 'a hyphen'],
      ['a b', 'a blank'], ['a\0', 'NUL'], ['é', 'not ASCII'], ['a/b', 'a slash'], [':a', 'a colon'],
      ['$a', 'a dollar sign'], [ofLength(256, 'a'), '256 bytes'],
    ],
  },
  isWellKnownName: {
    is: isWellKnownName, assert: assertWellKnownName, kind: 'bus name', rule: /well-known.*two or more.*255 bytes/,
    valid: VALID_WELL_KNOWN, invalid: INVALID_WELL_KNOWN,
  },
  isUniqueName: { is: isUniqueName, valid: VALID_UNIQUE, invalid: INVALID_UNIQUE },
  isBusName: {
    is: isBusName,
    assert: assertBusName,
    kind: 'bus name',
    rule: /":".*two or more.*255 bytes/,
    valid: [...VALID_WELL_KNOWN, ...VALID_UNIQUE],
    invalid: [
      ...INVALID_WELL_KNOWN.filter(([name]) => name !== ':1.2'),
      ...INVALID_UNIQUE.filter(([name]) => name.startsWith(':')),
    ],
  },
};

const shown = ([name, why]: Name): readonly [string, string] =>
  [`${why}: ${JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}…` : name)}`, name];

describe.each(Object.entries(GRAMMARS))('%s', (_, { is, assert, kind, rule, valid, invalid }) => {
  test.each(valid.map(shown))('accepts %s', (_title, name) => {
    expect(is(name)).toBe(true);
    assert?.(name);
  });

  test.each(invalid.map(shown))('rejects %s', (_title, name) => {
    expect(is(name)).toBe(false);
    if (assert === undefined) return;
    const error = thrownBy(() => assert(name)) as InvalidNameError;
    expect(error).toBeInstanceOf(InvalidNameError);
    expect(error).toBeInstanceOf(DBusWireError);
    expect([error.name, error.code, error.kind, error.value]).toEqual(['InvalidNameError', 'NAME_INVALID', kind, name]);
    expect(error.message).toContain(JSON.stringify(name.slice(0, 30)).slice(1, -1));
    expect(error.message).toContain(`is not a valid ${kind}: it must `);
    expect(error.message).toMatch(rule!); // every grammar that has an assertion has one
  });
});

const THROWING = { toString: () => { throw new RangeError('not to be seen'); } };
const NO_STRINGS: readonly unknown[] = [
  undefined, null, 0, 1n, true, [], ['/'], {}, Object.create(null), THROWING, Symbol('s'), new String('/'),
  Object.assign(() => 1, THROWING), new Proxy({}, { get: THROWING.toString }), Buffer.from('/'),
];

describe('a predicate', () => {
  test.each(Object.entries(GRAMMARS))('%s returns false for everything that is not a string', (_, { is }) => {
    expect(NO_STRINGS.map((value) => is(value))).toEqual(NO_STRINGS.map(() => false));
  });
});

describe('an assertion', () => {
  const assertions = Object.values(GRAMMARS).flatMap(({ assert, kind }) =>
    assert === undefined ? [] : [[kind, assert] as const]);

  test.each(assertions)('of the %s rejects every value that is not a string', (_, assert) => {
    for (const value of NO_STRINGS) {
      const error = thrownBy(() => assert(value)) as InvalidNameError;
      expect(error).toBeInstanceOf(InvalidNameError);
      expect(error.value).toBe(value);
      expect(error.message.length).toBeLessThan(500);
    }
  });

  test.each(assertions)('of the %s has a short error text for a name of a megabyte', (_, assert) => {
    const error = thrownBy(() => assert('!'.repeat(1e6))) as InvalidNameError;
    expect(error.message.length).toBeLessThan(1000);
  });
});

describe('a message to be sent', () => {
  const valid = { path: '/a', interface: 'a.b', member: 'c', errorName: 'a.b', destination: ':1.2', sender: 'a.b' };
  const grammarOf = {
    path: 'isObjectPath', interface: 'isInterfaceName', member: 'isMemberName', errorName: 'isErrorName',
    destination: 'isBusName', sender: 'isBusName',
  } as const;

  test.each(Object.entries(grammarOf))('must have a valid %s, even the second time', (key, name) => {
    const { invalid, kind } = GRAMMARS[name]!; // they are the keys of the table
    const make = (value: unknown): Uint8Array =>
      encodeMessage({ ...methodCall({ path: '/a', member: 'c' }), ...valid, [key]: value }, { serial: 1 });
    make(valid[key as keyof typeof valid]);
    for (const [value] of [...invalid, ...invalid]) {
      const error = thrownBy(() => make(value)) as InvalidNameError;
      expect(error).toBeInstanceOf(InvalidNameError);
      expect([error.kind, error.value]).toEqual([kind, value]);
    }
    for (const value of [null, 5, {}, [], Symbol('s'), true, Object.create(null)]) {
      expect(thrownBy(() => make(value))).toBeInstanceOf(InvalidNameError);
    }
  });
});
