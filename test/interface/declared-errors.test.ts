// The errors of an interface: their classes, the mistakes in their specification, and how an error that a call rejects
// with gets its class. The types are in test/types/interfaces.test.ts.
import { expect, test } from 'vitest';
import { asDeclaredError } from '../../src/interface/declared-errors.js';
import { defineInterface } from '../../src/interface/define.js';
import { DefinitionError } from '../../src/interface/errors.js';
import type { InterfaceSpec } from '../../src/interface/spec.js';
import { DBusError } from '../../src/protocol/errors.js';
import { ArgumentError } from '../../src/wire/errors.js';

const Player = defineInterface({
  name: 'com.example.Player1',
  errors: { NoTrack: 'com.example.Error.NoTrack', Busy: 'com.example.Error.Busy' },
});
const { NoTrack, Busy } = Player.errors;

test('an error of an interface is a DBusError with a class and a name of its own', () => {
  const cause = new Error('the disk is gone');
  const error = new NoTrack('no track', { signature: 'su', body: ['no track', 5], cause });
  expect(error).toBeInstanceOf(NoTrack);
  expect(error).toBeInstanceOf(DBusError);
  expect(error).not.toBeInstanceOf(Busy);
  expect(error).toMatchObject({
    errorName: 'com.example.Error.NoTrack', message: 'no track', signature: 'su', body: ['no track', 5], cause,
    code: 'ERROR_REPLY', fault: 'answer',
  });
  expect(new NoTrack()).toMatchObject({ message: 'com.example.Error.NoTrack', body: [''] });
  expect(NoTrack.name).toBe('NoTrack');
  expect(NoTrack.errorName).toBe('com.example.Error.NoTrack');
  expect(error.stack).toContain('declared-errors.test.ts');
});

test('each error of an interface always has the same class', () => {
  expect(Player.errors.NoTrack).toBe(NoTrack);
  expect(Object.keys(Player.errors)).toEqual(['NoTrack', 'Busy']);
  expect(Object.isFrozen(Player.errors)).toBe(true);
  expect(Object.keys(defineInterface({ name: 'com.example.None1' }).errors)).toEqual([]);
  expect(Object.keys(defineInterface({ name: 'com.example.None1', errors: undefined }).errors)).toEqual([]);
});

test('an error can be named like a key that every object inherits', () => {
  const errors = { ['__proto__']: 'a.b', constructor: 'a.c' } as const;
  const definition = defineInterface({ name: 'com.example.Odd1', errors } as InterfaceSpec);
  expect(Object.keys(definition.errors)).toEqual(['__proto__', 'constructor']);
  expect(definition.errors['__proto__']?.errorName).toBe('a.b');
});

test('the class of an error rejects a text that is not a string', () => {
  expect(() => new NoTrack(5 as never)).toThrow(ArgumentError);
});

test.each<[string, unknown, string, RegExp]>([
  ['a name with one element', { E: 'E' }, 'NAME_INVALID', /1\.E: string "E" is not a valid error name/],
  ['a name that is not a string', { E: 5 }, 'NAME_INVALID', /1\.E: number 5 is not a valid error name/],
  ['a key that is not a word', { 'no track': 'a.b' }, 'NAME_INVALID', /1\."no track": .* is not a valid member name/],
  ['a list', ['a.b'], 'SPEC_INVALID', /"errors" must be an object|is not a valid member name/],
  ['a name under two keys', { E: 'a.b', F: 'a.b' }, 'SPEC_INVALID', /"errors" has a\.b twice, as E and as F/],
])('the errors of a specification are refused if they are or contain %s', (_, errors, code, text) => {
  const define = (): unknown => defineInterface({ name: 'com.example.Wrong1', errors } as InterfaceSpec);
  expect(define).toThrow(DefinitionError);
  expect(define).toThrow(text);
  if (!Array.isArray(errors)) expect(define).toThrow(expect.objectContaining({ code }));
});

test('the error with which a call rejects gets the class for its name, and stays the same object', () => {
  const error = new DBusError('com.example.Error.Busy', 'busy', { call: 'com.example.Player1.Play' });
  const { stack } = error;
  expect(asDeclaredError(Player, error)).toBe(error);
  expect(error).toBeInstanceOf(Busy);
  expect(error).not.toBeInstanceOf(NoTrack);
  expect(error).toMatchObject({ message: 'busy', call: 'com.example.Player1.Play', stack });
});

test('an error that is not declared, or has another class already, is not changed', () => {
  const other = new DBusError('com.example.Error.Other', 'other');
  expect(asDeclaredError(Player, other)).toBe(other);
  expect(Object.getPrototypeOf(other)).toBe(DBusError.prototype);
  const own = new (class Own extends DBusError {})('com.example.Error.Busy');
  expect(asDeclaredError(Player, own)).not.toBeInstanceOf(Busy);
  expect(asDeclaredError(Player, 5)).toBe(5);
  const error = new Error('com.example.Error.Busy');
  expect(asDeclaredError(Player, error)).toBe(error);
});
