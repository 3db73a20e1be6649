import { describe, expect, it } from 'vitest';
import { defineInterface } from '../../src/interface/define.js';
import type { InterfaceDefinition } from '../../src/interface/definition.js';
import { DefinitionError } from '../../src/interface/errors.js';
import type { InterfaceSpec } from '../../src/interface/spec.js';
import { InvalidNameError, SignatureError } from '../../src/wire/errors.js';

/** What a definition of no known type is refused for: one line for each. */
function refusal(spec: unknown): string {
  try {
    defineInterface(spec as InterfaceSpec); // what JavaScript might give
    return 'accepted';
  } catch (error) {
    if (error instanceof DefinitionError) return `${error.code} ${error.interface} ${error.member ?? '-'}`;
    if (error instanceof InvalidNameError) return `${error.code} ${error.kind}`;
    if (error instanceof SignatureError) return error.code;
    throw error;
  }
}

const name = 'com.example.Thing1';

describe('a definition', () => {
  it('has nothing left out', () => {
    const Thing = defineInterface({
      name,
      methods: { Do: { in: 'us', inNames: ['count'] }, Nothing: {} },
      properties: { State: { type: 'a{sv}', access: 'read' } },
      signals: { Done: { args: 's' }, Over: {} },
    });
    expect(Thing.name).toBe(name);
    expect(Thing.deprecated).toBe(false);
    expect({ ...Thing.methods }).toEqual({
      Do: { in: 'us', out: '', inNames: ['count'], outNames: [], optional: 0, noReply: false, deprecated: false },
      Nothing: { in: '', out: '', inNames: [], outNames: [], optional: 0, noReply: false, deprecated: false },
    });
    expect({ ...Thing.properties }).toEqual({
      State: { type: 'a{sv}', access: 'read', emitsChanged: 'true', deprecated: false },
    });
    expect({ ...Thing.signals }).toEqual({
      Done: { args: 's', argNames: [], deprecated: false },
      Over: { args: '', argNames: [], deprecated: false },
    });
  });

  it('does not change with the object that it was made of, nor otherwise', () => {
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

  it.each(['toString', 'constructor', '__proto__', 'then', 'hasOwnProperty', '_', 'A'.repeat(255)])(
    'may have members named %s, and has them only if it says so',
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

  it('may have properties whose names are no member names', () => {
    const Thing = defineInterface({ name, properties: { 'is-open ☂': { type: 'b', access: 'read' } } });
    expect(Object.keys(Thing.properties)).toEqual(['is-open ☂']);
  });

  it.each<readonly [spec: unknown, refused: string]>([
    [undefined, 'SPEC_INVALID interface -'],
    [[], 'SPEC_INVALID interface -'],
    [{ name, method: {} }, 'SPEC_INVALID interface -'],
    [{}, 'NAME_INVALID interface name'],
    [{ name: 5 }, 'NAME_INVALID interface name'],
    [{ name: 'Thing1' }, 'NAME_INVALID interface name'],
    [{ name: 'com.example.1Thing' }, 'NAME_INVALID interface name'],
    [{ name: `com.${'a'.repeat(252)}` }, 'NAME_INVALID interface name'],
    [{ name, deprecated: 'yes' }, `SPEC_INVALID ${name} -`],
    // methods
    [{ name, methods: { '': {} } }, 'NAME_INVALID member name'],
    [{ name, methods: { 'do-it': {} } }, 'NAME_INVALID member name'],
    [{ name, methods: { '1st': {} } }, 'NAME_INVALID member name'],
    [{ name, methods: { ['A'.repeat(256)]: {} } }, 'NAME_INVALID member name'],
    [{ name, methods: { Do: null } }, `SPEC_INVALID ${name} Do`],
    [{ name, methods: { Do: { input: 'u' } } }, `SPEC_INVALID ${name} Do`],
    [{ name, methods: { Do: { ['__proto__']: 'u' } } }, `SPEC_INVALID ${name} Do`],
    [{ name, methods: { Do: { in: undefined } } }, `SPEC_INVALID ${name} Do`],
    [{ name, methods: { Do: { out: ['u'] } } }, `SPEC_INVALID ${name} Do`],
    [{ name, methods: { Do: { noReply: 1 } } }, `SPEC_INVALID ${name} Do`],
    [{ name, methods: { Do: { in: 'ak' } } }, 'SIGNATURE_UNKNOWN_TYPE_CODE'],
    [{ name, methods: { Do: { out: '(' } } }, 'SIGNATURE_STRUCT_NOT_CLOSED'],
    [{ name, methods: { Do: { in: 'i'.repeat(256) } } }, 'SIGNATURE_TOO_LONG'],
    [{ name, methods: { Do: { in: 'u', inNames: ['a', 'b'] } } }, `ARGUMENT_NAMES_INVALID ${name} Do`],
    [{ name, methods: { Do: { in: 'uu', inNames: ['a', 'a'] } } }, `ARGUMENT_NAMES_INVALID ${name} Do`],
    [{ name, methods: { Do: { in: 'u', inNames: 'a' } } }, `ARGUMENT_NAMES_INVALID ${name} Do`],
    [{ name, methods: { Do: { in: 'u', inNames: [5] } } }, `ARGUMENT_NAMES_INVALID ${name} Do`],
    [{ name, methods: { Do: { in: 'u', inNames: ['a\nb'] } } }, `ARGUMENT_NAMES_INVALID ${name} Do`],
    [{ name, methods: { Do: { outNames: ['a'] } } }, `ARGUMENT_NAMES_INVALID ${name} Do`],
    [{ name, methods: { Do: { in: 'uu', inNames: ['', ''] } } }, 'accepted'],
    [{ name, methods: { Do: { in: 'u', optional: 2 } } }, `OPTIONAL_INVALID ${name} Do`],
    [{ name, methods: { Do: { in: 'u', optional: -1 } } }, `OPTIONAL_INVALID ${name} Do`],
    [{ name, methods: { Do: { in: 'u', optional: 0.5 } } }, `OPTIONAL_INVALID ${name} Do`],
    [{ name, methods: { Do: { in: 'a{sv}', optional: 1 } } }, 'accepted'],
    [{ name, methods: { Do: { noReply: true, out: 's' } } }, `NO_REPLY_WITH_RESULT ${name} Do`],
    [{ name, methods: { Do: { noReply: true, in: 's' } } }, 'accepted'],
    // properties
    [{ name, properties: { '': { type: 's', access: 'read' } } }, 'NAME_INVALID property name'],
    [{ name, properties: { 'a\0b': { type: 's', access: 'read' } } }, 'NAME_INVALID property name'],
    [{ name, properties: { '\ud800': { type: 's', access: 'read' } } }, 'NAME_INVALID property name'],
    [{ name, properties: { P: { type: 'ss', access: 'read' } } }, 'SIGNATURE_NOT_SINGLE'],
    [{ name, properties: { P: { type: '', access: 'read' } } }, 'SIGNATURE_NOT_SINGLE'],
    [{ name, properties: { P: { access: 'read' } } }, `SPEC_INVALID ${name} P`],
    [{ name, properties: { P: { type: 's' } } }, `SPEC_INVALID ${name} P`],
    [{ name, properties: { P: { type: 's', access: 'rw' } } }, `SPEC_INVALID ${name} P`],
    [{ name, properties: { P: { type: 's', access: 'read', emitsChanged: true } } }, `SPEC_INVALID ${name} P`],
    [{ name, properties: { P: { type: 's', access: 'read', emits: 'true' } } }, `SPEC_INVALID ${name} P`],
    // signals
    [{ name, signals: { 'a.b': {} } }, 'NAME_INVALID member name'],
    [{ name, signals: { S: { args: 'a' } } }, 'SIGNATURE_ARRAY_ELEMENT_MISSING'],
    [{ name, signals: { S: { args: 's', argNames: ['a', 'b'] } } }, `ARGUMENT_NAMES_INVALID ${name} S`],
    [{ name, signals: { S: { deprecated: null } } }, `SPEC_INVALID ${name} S`],
    // one name for all
    [{ name, methods: { A: {} }, signals: { A: {} }, properties: { A: { type: 's', access: 'read' } } }, 'accepted'],
  ])('%j: %s', (spec, refused) => {
    expect(refusal(spec)).toBe(refused);
  });

  it('says in its errors where the mistake is', () => {
    const spec = { name, methods: { Do: { in: 'u', inNames: ['a', 'b'] } } } as InterfaceSpec;
    expect(() => defineInterface(spec)).toThrow(`${name}.Do: inNames has 2 names for 1 arguments`);
  });
});
