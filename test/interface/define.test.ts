// Definitions: their defaults, and every mistake in a specification with its error. What the compiler says about the
// same mistakes is in test/types.

import { describe, expect, test } from 'vitest';
import { defineInterface } from '../../src/interface/define.js';
import type { InterfaceDefinition } from '../../src/interface/definition.js';
import { DefinitionError } from '../../src/interface/errors.js';
import type { InterfaceSpec } from '../../src/interface/spec.js';
import { InvalidNameError, SignatureError } from '../../src/wire/errors.js';

const name = 'com.example.Thing1';
const NO_ANNOTATIONS = { annotations: {}, inAnnotations: [], outAnnotations: [] };

/** The error for a specification that the compiler would not accept. */
function errorFor(spec: unknown): DefinitionError | undefined {
  try {
    defineInterface(spec as InterfaceSpec); // as a JavaScript program can pass it
    return undefined;
  } catch (error) {
    if (error instanceof DefinitionError) return error;
    throw error;
  }
}

describe('a definition', () => {
  test('has the defaults for everything that the specification omits', () => {
    const Thing = defineInterface({
      name,
      methods: { Do: { in: 'us', inNames: ['count', ''] }, Nothing: {} },
      properties: { State: { type: 'a{sv}', access: 'read' } },
      signals: { Done: { args: 's' }, Over: {} },
    });
    expect(Thing.name).toBe(name);
    expect(Thing.deprecated).toBe(false);
    expect({ ...Thing.methods }).toEqual({
      Do: { in: 'us', out: '', inNames: ['count', ''], outNames: [], optional: 0, noReply: false, deprecated: false, ...NO_ANNOTATIONS },
      Nothing: { in: '', out: '', inNames: [], outNames: [], optional: 0, noReply: false, deprecated: false, ...NO_ANNOTATIONS },
    });
    expect({ ...Thing.properties }).toEqual({
      State: { type: 'a{sv}', access: 'read', emitsChanged: 'true', deprecated: false, annotations: {} },
    });
    expect({ ...Thing.signals }).toEqual({
      Done: { args: 's', argNames: [], deprecated: false, annotations: {}, argAnnotations: [] },
      Over: { args: '', argNames: [], deprecated: false, annotations: {}, argAnnotations: [] },
    });
  });

  test('has the defaults for everything that is undefined', () => {
    const Thing = defineInterface({
      name,
      methods: {
        Do: {
          in: undefined, out: undefined, inNames: undefined, outNames: undefined, optional: undefined,
          noReply: undefined, deprecated: undefined,
        },
      },
      properties: { State: { type: 's', access: 'read', emitsChanged: undefined, deprecated: undefined } },
      signals: { Done: { args: undefined, argNames: undefined, deprecated: undefined } },
      deprecated: undefined,
    });
    const Omitted = defineInterface({
      name, methods: { Do: {} }, properties: { State: { type: 's', access: 'read' } }, signals: { Done: {} },
    });
    const functions = { implement: undefined, implementTyped: undefined };
    expect({ ...Thing, ...functions }).toEqual({ ...Omitted, ...functions });
    const Empty = defineInterface({ name, methods: undefined, properties: undefined, signals: undefined });
    expect([{ ...Empty.methods }, { ...Empty.properties }, { ...Empty.signals }]).toEqual([{}, {}, {}]);
  });

  test('has annotations, which are copied and frozen', () => {
    const Thing = defineInterface({
      name,
      methods: { Do: { in: 's', annotations: { 'a.b': 'c\n' }, inAnnotations: [{ ['__proto__']: 'x' }] } },
      annotations: { constructor: 'y' },
    });
    expect(Object.entries(Thing.methods.Do.annotations)).toEqual([['a.b', 'c\n']]);
    expect(Object.entries(Thing.methods.Do.inAnnotations[0] ?? {})).toEqual([['__proto__', 'x']]);
    expect(Thing.annotations['constructor']).toBe('y');
    expect(Thing.annotations['toString']).toBeUndefined();
    for (const part of [Thing.annotations, Thing.methods.Do.inAnnotations, Thing.methods.Do.inAnnotations[0]]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  test.each<[spec: object, problem: string]>([
    [{ annotations: { 'org.freedesktop.DBus.Deprecated': 'true' } }, 'it must be written as the key "deprecated"'],
    [
      { annotations: { 'org.freedesktop.DBus.Property.EmitsChangedSignal': 'true' } },
      'it must be written as "emitsChanged" of each property',
    ],
    [{ methods: { M: { annotations: { 'org.freedesktop.DBus.Method.NoReply': 'true' } } } }, 'the key "noReply"'],
    [{ annotations: { '': 'x' } }, 'annotation "" in "annotations": it must be text without control characters'],
    [{ annotations: { a: 5 } }, 'annotation "a" in "annotations" must be text that XML can contain, got number 5'],
    [{ annotations: { a: '\0' } }, 'annotation "a" in "annotations" must be text that XML can contain'],
    [{ annotations: { a: '\ud800' } }, 'must be text that XML can contain'],
    [{ annotations: 'a' }, '"annotations" must be an object of strings, got string "a"'],
    [{ methods: { M: { in: 's', inAnnotations: [{}, {}] } } }, '"inAnnotations" must have 1 object, one for each argument'],
    [{ methods: { M: { out: 's', outAnnotations: {} } } }, '"outAnnotations" must be an array of objects'],
    [{ signals: { S: { args: 's', argAnnotations: [undefined] } } }, '"argAnnotations" must have objects, got undefined'],
    [{ signals: { S: { args: 's', argAnnotations: [{ a: 1 }] } } }, 'annotation "a" in "argAnnotations" must be text'],
  ])('is refused if its annotations are not valid: %j', (spec, problem) => {
    const error = errorFor({ name, ...spec });
    expect(error?.code).toBe('SPEC_INVALID');
    expect(error?.message).toContain(problem);
  });

  test('is frozen, and does not change with the specification', () => {
    const inNames = ['count'];
    const spec = { name, methods: { Do: { in: 'u', inNames } } };
    const Thing = defineInterface(spec as InterfaceSpec);
    inNames[0] = 'other';
    spec.methods.Do.in = 's';
    expect(Thing.methods['Do']).toMatchObject({ in: 'u', inNames: ['count'] });
    for (const part of [Thing, Thing.methods, Thing.methods['Do'], Thing.methods['Do']?.inNames, Thing.signals]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  test.each(['toString', 'constructor', '__proto__', 'then', 'hasOwnProperty', '_', 'A'.repeat(255)])(
    'can have members named %s, and has them only if the specification does',
    (member) => {
      const Empty: InterfaceDefinition = defineInterface({ name });
      const Full = defineInterface({
        name,
        methods: { [member]: { in: 'u' } },
        properties: { [member]: { type: 's', access: 'read' } },
        signals: { [member]: { args: 'b' } },
      } as InterfaceSpec);
      expect([Empty.methods[member], Empty.properties[member], Empty.signals[member]]).toEqual([
        undefined, undefined, undefined,
      ]);
      expect(Object.keys(Full.methods)).toEqual([member]);
      expect(Full.methods[member]?.in).toBe('u');
      expect(Full.properties[member]?.type).toBe('s');
      expect(Full.signals[member]?.args).toBe('b');
    },
  );

  test('can have properties whose names are not member names', () => {
    const Thing = defineInterface({ name, properties: { 'is-open ☂': { type: 'b', access: 'read' } } });
    expect(Object.keys(Thing.properties)).toEqual(['is-open ☂']);
  });

  test.each<readonly [description: string, spec: unknown]>([
    ['arguments of which none has a name', { methods: { Do: { in: 'uu', inNames: ['', ''] } } }],
    ['as many optional arguments as arguments', { methods: { Do: { in: 'a{sv}', optional: 1 } } }],
    ['in-arguments without a reply', { methods: { Do: { noReply: true, in: 's' } } }],
    [
      'a method, a signal and a property of one name',
      { methods: { A: {} }, signals: { A: {} }, properties: { A: { type: 's', access: 'read' } } },
    ],
  ])('can have %s', (_, spec) => {
    expect(errorFor({ name, ...spec as object })).toBeUndefined();
  });
});

type Case = readonly [spec: unknown, code: string, member: string | undefined, problem: string];

const MEMBER_RULE = 'is not a valid member name: it must ';

describe('a specification is rejected with its interface, its member and the reason:', () => {
  test.each<Case>([
    [undefined, 'SPEC_INVALID', undefined, 'the specification must be an object, got undefined'],
    [[], 'SPEC_INVALID', undefined, 'the specification must be an object, got an array of 0'],
    [new Map(), 'SPEC_INVALID', undefined, 'the specification must be an object, got an object of class Map'],
    [
      Proxy.revocable({}, {}), 'SPEC_INVALID', undefined,
      'unknown key "proxy": it must be one of name, methods, properties, signals, errors, deprecated, annotations',
    ],
    [{}, 'NAME_INVALID', undefined, 'undefined is not a valid interface name: it must '],
    [{ name: 5 }, 'NAME_INVALID', undefined, 'number 5 is not a valid interface name: it must '],
    [{ name: 'Thing1' }, 'NAME_INVALID', undefined, 'string "Thing1" is not a valid interface name: it must '],
    [{ name: 'com.example.1Thing' }, 'NAME_INVALID', undefined, 'string "com.example.1Thing" is not a valid interface'],
    [{ name: `com.${'a'.repeat(252)}` }, 'NAME_INVALID', undefined, '…" is not a valid interface name: it must '],
  ])('%j: %s', (spec, code, member, problem) => {
    const error = errorFor(spec);
    expect(error).toMatchObject({ code, interface: undefined, member, fault: 'caller' });
    expect(error?.message).toContain(problem);
    expect(error?.message).toMatch(/^defineInterface: /);
  });

  test('a revoked proxy', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const problem = 'the specification must be an object, got a value that cannot be inspected';
    expect(errorFor(proxy)?.message).toContain(problem);
  });

  test.each<Case>([
    [{ method: {} }, 'SPEC_INVALID', undefined, 'unknown key "method": it must be one of name, methods, '],
    [{ deprecated: 'yes' }, 'SPEC_INVALID', undefined, '"deprecated" must be true or false, got string "yes"'],
    [{ deprecated: null }, 'SPEC_INVALID', undefined, '"deprecated" must be true or false, got null'],
    [{ methods: 5 }, 'SPEC_INVALID', undefined, '"methods" must be an object, got number 5'],
    [{ properties: [] }, 'SPEC_INVALID', undefined, '"properties" must be an object, got an array of 0'],
    [{ signals: null }, 'SPEC_INVALID', undefined, '"signals" must be an object, got null'],
    // methods
    [{ methods: { '': {} } }, 'NAME_INVALID', '', `string "" ${MEMBER_RULE}`],
    [{ methods: { 'do-it': {} } }, 'NAME_INVALID', 'do-it', `string "do-it" ${MEMBER_RULE}`],
    [{ methods: { '1st': {} } }, 'NAME_INVALID', '1st', `string "1st" ${MEMBER_RULE}`],
    [{ methods: { ['A'.repeat(256)]: {} } }, 'NAME_INVALID', 'A'.repeat(256), MEMBER_RULE],
    [{ methods: { Do: null } }, 'SPEC_INVALID', 'Do', 'the specification must be an object, got null'],
    [
      { methods: { Do: { input: 'u' } } }, 'SPEC_INVALID', 'Do',
      'unknown key "input": it must be one of in, out, inNames, outNames, optional, noReply, deprecated',
    ],
    [{ methods: { Do: { ['__proto__']: 'u' } } }, 'SPEC_INVALID', 'Do', 'unknown key "__proto__"'],
    [{ methods: { Do: { in: 5 } } }, 'SPEC_INVALID', 'Do', '"in" must be a string, got number 5'],
    [{ methods: { Do: { in: null } } }, 'SPEC_INVALID', 'Do', '"in" must be a string, got null'],
    [{ methods: { Do: { out: ['u'] } } }, 'SPEC_INVALID', 'Do', '"out" must be a string, got an array of 1'],
    [{ methods: { Do: { noReply: 1 } } }, 'SPEC_INVALID', 'Do', '"noReply" must be true or false, got number 1'],
    [{ methods: { Do: { in: 'ak' } } }, 'SIGNATURE_UNKNOWN_TYPE_CODE', 'Do', '"in": '],
    [{ methods: { Do: { out: '(' } } }, 'SIGNATURE_STRUCT_NOT_CLOSED', 'Do', '"out": '],
    [{ methods: { Do: { in: 'i'.repeat(256) } } }, 'SIGNATURE_TOO_LONG', 'Do', '"in": the signature has 256 bytes: it must'],
    [
      { methods: { Do: { in: 'u', inNames: ['a', 'b'] } } }, 'ARGUMENT_NAMES_INVALID', 'Do',
      `"inNames" must have 1 name, one for each argument ('' for no name), got 2`,
    ],
    [
      { methods: { Do: { in: 'uu', inNames: ['a'] } } }, 'ARGUMENT_NAMES_INVALID', 'Do',
      `"inNames" must have 2 names, one for each argument ('' for no name), got 1`,
    ],
    [
      { methods: { Do: { in: 'uu', inNames: ['a', 'a'] } } }, 'ARGUMENT_NAMES_INVALID', 'Do',
      '"inNames" has "a" twice: names must be different',
    ],
    [
      { methods: { Do: { in: 'u', inNames: 'a' } } }, 'ARGUMENT_NAMES_INVALID', 'Do',
      '"inNames" must be an array of strings, got string "a"',
    ],
    [
      { methods: { Do: { in: 'su', inNames: ['a', 5] } } }, 'ARGUMENT_NAMES_INVALID', 'Do',
      '"inNames" must be strings without control characters, got number 5 at index 1',
    ],
    [
      { methods: { Do: { in: 'u', inNames: ['a\nb'] } } }, 'ARGUMENT_NAMES_INVALID', 'Do',
      '"inNames" must be strings without control characters, got string "a\\nb" at index 0',
    ],
    [{ methods: { Do: { outNames: ['a'] } } }, 'ARGUMENT_NAMES_INVALID', 'Do', '"outNames" must have 0 names, one for each argument'],
    [
      { methods: { Do: { in: 'u', optional: 2 } } }, 'OPTIONAL_INVALID', 'Do',
      '"optional" must be an integer from 0 to 1, the number of in-arguments, got number 2',
    ],
    [{ methods: { Do: { in: 'u', optional: -1 } } }, 'OPTIONAL_INVALID', 'Do', 'got number -1'],
    [{ methods: { Do: { in: 'u', optional: 0.5 } } }, 'OPTIONAL_INVALID', 'Do', 'got number 0.5'],
    [{ methods: { Do: { in: 'u', optional: null } } }, 'OPTIONAL_INVALID', 'Do', 'got null'],
    [
      { methods: { Do: { noReply: true, out: 's' } } }, 'NO_REPLY_WITH_RESULT', 'Do',
      '"out" is "s": a method with noReply must not have out-arguments',
    ],
    // properties
    [
      { properties: { '': { type: 's', access: 'read' } } }, 'NAME_INVALID', '',
      'string "" is not a valid property name: it must be text without control characters, and not be empty',
    ],
    [{ properties: { 'a\0b': { type: 's', access: 'read' } } }, 'NAME_INVALID', 'a\0b', 'is not a valid property name'],
    [{ properties: { '\ud800': { type: 's', access: 'read' } } }, 'NAME_INVALID', '\ud800', 'is not a valid property'],
    [{ properties: { P: { type: 'ss', access: 'read' } } }, 'SIGNATURE_NOT_SINGLE', 'P', '"type": expected exactly'],
    [{ properties: { P: { type: '', access: 'read' } } }, 'SIGNATURE_NOT_SINGLE', 'P', '"type": expected exactly one'],
    [{ properties: { P: { access: 'read' } } }, 'SPEC_INVALID', 'P', '"type" must be a string, got undefined'],
    [
      { properties: { P: { type: 's' } } }, 'SPEC_INVALID', 'P',
      `"access" must be one of the strings 'read', 'write', 'readwrite', got undefined`,
    ],
    [{ properties: { P: { type: 's', access: 'rw' } } }, 'SPEC_INVALID', 'P', `'readwrite', got string "rw"`],
    [
      { properties: { P: { type: 's', access: 'read', emitsChanged: true } } }, 'SPEC_INVALID', 'P',
      `must be one of the strings 'true', 'invalidates', 'const', 'false', got true: write 'true' in quotes`,
    ],
    [
      { properties: { P: { type: 's', access: 'read', emitsChanged: false } } }, 'SPEC_INVALID', 'P',
      `got false: write 'false' in quotes`,
    ],
    [{ properties: { P: { type: 's', access: 'read', emits: 'true' } } }, 'SPEC_INVALID', 'P', 'unknown key "emits"'],
    // signals
    [{ signals: { 'a.b': {} } }, 'NAME_INVALID', 'a.b', `string "a.b" ${MEMBER_RULE}`],
    [{ signals: { S: { args: 'a' } } }, 'SIGNATURE_ARRAY_ELEMENT_MISSING', 'S', '"args": '],
    [{ signals: { S: { args: 's', argNames: ['a', 'b'] } } }, 'ARGUMENT_NAMES_INVALID', 'S', '"argNames" must have'],
    [{ signals: { S: { deprecated: null } } }, 'SPEC_INVALID', 'S', '"deprecated" must be true or false, got null'],
  ])('%j: %s', (parts, code, member, problem) => {
    const error = errorFor({ name, ...parts as object });
    expect(error).toMatchObject({ code, interface: name, member, fault: 'caller' });
    expect(error?.message).toContain(problem);
    expect(error?.message.startsWith(`${name}${member === undefined ? ':' : '.'}`)).toBe(true);
    expect(error?.message.length).toBeLessThan(1_500);
  });

  test('the error of the name or the signature is its cause', () => {
    const byName = errorFor({ name, methods: { 'do-it': {} } });
    const text = /^com\.example\.Thing1\.do-it: string "do-it" is not a valid member name: it must /;
    expect(byName?.message).toMatch(text);
    expect(byName?.cause).toBeInstanceOf(InvalidNameError);
    expect(byName?.cause).toMatchObject({ kind: 'member name', value: 'do-it' });
    const bySignature = errorFor({ name, signals: { S: { args: 'sk' } } });
    expect(bySignature?.message).toMatch(/^com\.example\.Thing1\.S: "args": .* \(at offset 1 of signature "sk"\)$/);
    expect(bySignature?.cause).toBeInstanceOf(SignatureError);
    expect(bySignature?.cause).toMatchObject({ signature: 'sk', offset: 1 });
  });

  test('a member whose name is not a word is in quotes in the error', () => {
    const error = errorFor({ name, properties: { 'a b\n': { type: 's', access: 'read' } } });
    expect(error?.message).toMatch(/^com\.example\.Thing1\."a b\\n": /);
  });

  test('an error that a getter of a specification throws is passed on unchanged', () => {
    const thrown = new Error('of a getter');
    const spec = {
      name,
      get methods(): never {
        throw thrown;
      },
    };
    expect(() => defineInterface(spec as InterfaceSpec)).toThrow(thrown);
  });
});
