// Implementations: the check of their handlers, and the signals that they pass to sinks.

import { describe, expect, test } from 'vitest';
import { defineInterface } from '../../src/interface/define.js';
import type { Implementation, InterfaceDefinition, SignalSink } from '../../src/interface/definition.js';
import { DefinitionError } from '../../src/interface/errors.js';
import { variant } from '../../src/wire/variant.js';

const Thing = defineInterface({
  name: 'com.example.Thing1',
  methods: { Add: { in: 'uu', out: 'u' }, Reset: {} },
  properties: {
    Level: { type: 'u', access: 'readwrite' },
    Color: { type: 's', access: 'read', emitsChanged: 'invalidates' },
    Key: { type: 's', access: 'write', emitsChanged: 'false' },
    Version: { type: 's', access: 'read', emitsChanged: 'const' },
  },
  signals: { Add: { args: 'su' }, Over: {} },
});

const members = {
  methods: { Add: (a: number, b: number) => a + b, Reset: () => {} },
  properties: {
    Level: { get: () => 1, set: () => {} },
    Color: { get: () => 'red' },
    Key: { set: () => {} },
    Version: { get: () => '1' },
  },
};

/** A sink that records what it receives. */
function recorder(): SignalSink & { readonly received: unknown[] } {
  const received: unknown[] = [];
  return {
    received,
    signal: (member, signature, body, { path, destination }) => {
      const target = path === undefined && destination === undefined ? [] : [path, destination];
      received.push([member, signature, body, ...target]);
    },
    propertiesChanged: (names, { path }) => received.push(path === undefined ? names : [...names, path]),
  };
}

describe('an implementation', () => {
  test('has the handler of each member', () => {
    const thing = Thing.implement(members);
    expect(thing.definition).toBe(Thing);
    expect(Object.keys(thing.methods)).toEqual(['Add', 'Reset']);
    expect(thing.methods['Add']?.(2, 3)).toBe(5);
    expect(Object.keys(thing.properties)).toEqual(['Level', 'Color', 'Key', 'Version']);
    expect(thing.properties['Color']).toEqual({ get: expect.any(Function), set: undefined });
    expect(thing.properties['Key']).toEqual({ get: undefined, set: expect.any(Function) });
    expect(thing.methods['toString']).toBeUndefined();
    expect(thing.properties['constructor']).toBeUndefined();
  });

  test('has only handlers that are own keys, not those that every object inherits', () => {
    const spec = { name: 'com.example.Odd1', methods: { ['__proto__']: { out: 's' }, toString: { out: 's' } } };
    const Odd: InterfaceDefinition = defineInterface(spec);
    const odd = Odd.implement({ methods: { ['__proto__']: () => 'proto', toString: () => 'text' } });
    expect(odd.methods['__proto__']?.()).toBe('proto');
    expect(odd.methods['toString']?.()).toBe('text');
    expect(() => Odd.implement({ methods: { ['__proto__']: () => 'proto' } })).toThrow(DefinitionError);
    expect(() => Odd.implement({ methods: { toString: () => 'text' } })).toThrow(DefinitionError);
  });

  test('calls each handler with the object that has it as this', () => {
    const written: unknown[] = [];
    const methods = {
      Add(first: number, second: number): number {
        return this === methods ? first + second : -1;
      },
      Reset(): void {},
    };
    const properties = {
      ...members.properties,
      Color: {
        get(): string {
          return this === properties.Color ? 'red' : 'of another object';
        },
      },
      Key: {
        set(): void {
          written.push(this);
        },
      },
    };
    const thing = Thing.implement({ methods, properties });
    expect(Reflect.apply(thing.methods['Add']!, undefined, [2, 3])).toBe(5);
    expect(Reflect.apply(thing.properties['Color']!.get!, undefined, [])).toBe('red');
    Reflect.apply(thing.properties['Key']!.set!, undefined, ['k']);
    expect(written).toEqual([properties.Key]);
    expect(written[0]).toBe(properties.Key);
  });

  test('can have undefined for handlers that are not needed', () => {
    const thing = Thing.implement({
      methods: members.methods,
      properties: {
        Level: members.properties.Level,
        Color: { get: () => 'red', set: undefined },
        Key: { get: undefined, set: () => {} },
        Version: members.properties.Version,
      },
    });
    expect(Object.keys(thing.properties['Color'] ?? {})).toEqual(['get', 'set']);
    const Empty = defineInterface({ name: 'com.example.Empty1' });
    expect({ ...Empty.implement({ methods: undefined, properties: undefined }).methods }).toEqual({});
    const late: InterfaceDefinition = Empty;
    expect({ ...late.implement({ methods: { Gone: undefined as never } }).methods }).toEqual({});
  });

  const withMethods = (methods: object) => ({ ...members, methods: { ...members.methods, ...methods } });
  const withProperties = (properties: object) => ({ ...members, properties: { ...members.properties, ...properties } });

  test.each<readonly [members: unknown, code: string, member: string | undefined, problem: string]>([
    [undefined, 'HANDLER_INVALID', undefined, 'implement() must get an object of handlers, got undefined'],
    [[], 'HANDLER_INVALID', undefined, 'implement() must get an object of handlers, got an array of 0'],
    [
      { ...members, metods: {} }, 'HANDLER_INVALID', undefined,
      'unknown key "metods": it must be one of methods, properties',
    ],
    [
      { ...members, methods: new Map() }, 'HANDLER_INVALID', undefined,
      '"methods" must be an object of handlers, got an object of class Map',
    ],
    [
      { ...members, properties: null }, 'HANDLER_INVALID', undefined,
      '"properties" must be an object of handlers, got null',
    ],
    [{}, 'HANDLER_MISSING', 'Add', 'no handler: the method must have one'],
    [{ ...members, methods: { Add: () => 1 } }, 'HANDLER_MISSING', 'Reset', 'no handler: the method must have one'],
    [
      { ...members, methods: { Ad: () => 1, Reset: () => {} } }, 'HANDLER_MISSING', 'Add',
      'no handler: the method must have one; did you misspell it as "Ad"?',
    ],
    [
      { ...members, properties: { ...members.properties, Level: undefined, Lvel: {} } }, 'HANDLER_MISSING', 'Level',
      'no handler: the property must have one; did you misspell it as "Lvel"?',
    ],
    [
      { ...members, methods: new (class { Add() {} Reset() {} })() }, 'HANDLER_MISSING', 'Add',
      'the handler is inherited, as from a class: it must be a key of the object itself',
    ],
    [
      { ...members, properties: new (class { get Level() { return 1; } })() }, 'HANDLER_MISSING', 'Level',
      'the handler is inherited, as from a class: it must be a key of the object itself',
    ],
    [withMethods({ Add: 1 }), 'HANDLER_INVALID', 'Add', 'the handler must be a function, got number 1'],
    [withMethods({ Sub: () => 1 }), 'HANDLER_UNKNOWN', 'Sub', 'no such method: it must be one of Add, Reset'],
    [{ methods: members.methods }, 'HANDLER_MISSING', 'Level', 'no value and no handlers: the property must have one or the other'],
    [withProperties({ Size: { get: () => 1 } }), 'HANDLER_UNKNOWN', 'Size', 'no such property: it must be one of Level, Color, Key'],
    [
      withProperties({ Color: {} }), 'HANDLER_MISSING', 'Color',
      'no get: a property with access "read" must have get',
    ],
    [
      withProperties({ Level: { get: () => 1 } }), 'HANDLER_MISSING', 'Level',
      'no set: a property with access "readwrite" must have get and set',
    ],
    [
      withProperties({ Color: { get: () => 'red', set: () => {} } }), 'HANDLER_UNKNOWN', 'Color',
      'unexpected key "set": a property with access "read" must have get only',
    ],
    [
      withProperties({ Key: { get: () => 'k', set: () => {} } }), 'HANDLER_UNKNOWN', 'Key',
      'unexpected key "get": a property with access "write" must have set only',
    ],
    [
      withProperties({ Color: { get: () => 'red', watch: () => {} } }), 'HANDLER_UNKNOWN', 'Color',
      'unexpected key "watch": a property with access "read" must have get only',
    ],
    [
      withProperties({ Level: { get: () => 1, set: 2 } }), 'HANDLER_INVALID', 'Level',
      '"set" must be a function, got number 2',
    ],
    [
      withProperties({ Color: () => 'red' }), 'HANDLER_INVALID', 'Color',
      'the handlers must be an object with get or set, got a function',
    ],
  ])('is refused with the handlers %j: %s', (given, code, member, problem) => {
    const text = `${Thing.name}${member === undefined ? '' : `.${member}`}: ${problem}`;
    expect(() => Thing.implement(given as typeof members)).toThrow(
      expect.objectContaining({
        name: 'DefinitionError', code, interface: Thing.name, member,
        message: expect.stringContaining(text) as unknown,
      }),
    );
  });
});

describe('a signal of an implementation', () => {
  test('goes to every attached sink', () => {
    const thing = Thing.implement(members);
    const first = recorder();
    const second = recorder();
    thing.emit('Over'); // to nobody
    const detachFirst = thing.attach(first);
    thing.attach(second);
    thing.emit('Add', 'x', 1);
    detachFirst();
    detachFirst();
    thing.emit('Over');
    expect(first.received).toEqual([['Add', 'su', ['x', 1]]]);
    expect(second.received).toEqual([['Add', 'su', ['x', 1]], ['Over', '', []]]);
  });

  test('goes to a sink as often as the sink is attached', () => {
    const thing = Thing.implement(members);
    const sink = recorder();
    const detach = thing.attach(sink);
    thing.attach(sink);
    thing.emit('Over');
    detach();
    thing.emit('Over');
    expect(sink.received).toHaveLength(3);
  });

  test('reaches the sinks after one that throws, and emit throws that error', () => {
    const thing = Thing.implement(members);
    const sink = recorder();
    const failure = new Error('the connection is closed');
    thing.attach({
      signal: () => {
        throw failure;
      },
      propertiesChanged: () => {},
    });
    thing.attach(sink);
    expect(() => thing.emit('Over')).toThrow(failure);
    expect(sink.received).toEqual([['Over', '', []]]);
  });

  test('can be emitted while a sink is attached or detached', () => {
    const thing = Thing.implement(members);
    const late = recorder();
    const detach = thing.attach({
      signal: () => {
        detach();
        thing.attach(late);
      },
      propertiesChanged: () => {},
    });
    thing.emit('Over');
    expect(late.received).toEqual([]);
    thing.emit('Over');
    expect(late.received).toHaveLength(1);
  });

  test('has the object and the destination that follow its arguments', () => {
    const Taking = defineInterface({ name: 'com.example.Taking1', signals: { Took: { args: 'a{sv}' }, Over: {} } });
    const thing = Taking.implement({});
    const sink = recorder();
    thing.attach(sink);
    thing.emit('Over', { path: '/a' });
    thing.emit('Over', {});
    thing.emit('Over', undefined);
    thing.emit('Took', { path: variant('s', 'not an option') });
    thing.emit('Took', {}, { destination: ':1.5', path: undefined });
    expect(sink.received).toEqual([
      ['Over', '', [], '/a', undefined], ['Over', '', []], ['Over', '', []],
      ['Took', 'a{sv}', [{ path: variant('s', 'not an option') }]],
      ['Took', 'a{sv}', [{}], undefined, ':1.5'],
    ]);
  });

  test('for changed properties of one object has the path of that object', () => {
    const thing = Thing.implement(members);
    const sink = recorder();
    thing.attach(sink);
    thing.emitPropertiesChanged('Level', { path: '/a' });
    expect(sink.received).toEqual([['Level', '/a']]);
  });

  test('for changed properties has their names', () => {
    const thing = Thing.implement(members);
    const sink = recorder();
    thing.attach(sink);
    thing.emitPropertiesChanged('Level', 'Color');
    expect(sink.received).toEqual([['Level', 'Color']]);
  });

  type Emit = (thing: Implementation) => void;
  test.each<readonly [description: string, emit: Emit, error: object]>([
    [
      'a signal that the interface does not have', (thing) => thing.emit('Reset'),
      {
        name: 'DefinitionError', code: 'SIGNAL_UNKNOWN', member: 'Reset',
        message: 'com.example.Thing1.Reset: no such signal: it must be one of Add, Over',
      },
    ],
    [
      'a name that every object inherits', (thing) => thing.emit('toString'),
      { name: 'DefinitionError', code: 'SIGNAL_UNKNOWN', member: 'toString' },
    ],
    [
      'an array with the name of a signal', (thing) => thing.emit(['Over'] as never),
      {
        name: 'ArgumentError', code: 'ARGUMENT_INVALID',
        message: 'com.example.Thing1.emit: the name of a signal must be a string, got an array of 1',
      },
    ],
    [
      'a property that the interface does not have', (thing) => thing.emitPropertiesChanged('Level', 'Add'),
      {
        name: 'DefinitionError', code: 'PROPERTY_UNKNOWN', member: 'Add',
        message: 'com.example.Thing1.Add: no such property: '
          + 'it must be one of Level, Color, Key, Version',
      },
    ],
    [
      'a property whose changes are not announced', (thing) => thing.emitPropertiesChanged('Key'),
      {
        name: 'DefinitionError', code: 'PROPERTY_DOES_NOT_SIGNAL', member: 'Key',
        message: `com.example.Thing1.Key: changes are not announced with emitsChanged 'false': it must be 'true' or `
          + `'invalidates'`,
      },
    ],
    [
      'a property that does not change', (thing) => thing.emitPropertiesChanged('Version'),
      { name: 'DefinitionError', code: 'PROPERTY_DOES_NOT_SIGNAL', member: 'Version' },
    ],
    [
      'an unknown option', (thing) => thing.emit('Over', { to: ':1.1' } as never),
      { name: 'ArgumentError', code: 'OPTION_UNKNOWN' },
    ],
    [
      'a path that is not valid', (thing) => thing.emit('Over', { path: 'a' }),
      { name: 'InvalidNameError', kind: 'object path' },
    ],
    [
      'a destination that is not valid', (thing) => thing.emit('Over', { destination: 'a' }),
      { name: 'InvalidNameError', kind: 'bus name' },
    ],
    [
      'an unknown option of a change', (thing) => thing.emitPropertiesChanged('Level', { destination: ':1.1' } as never),
      { name: 'ArgumentError', code: 'OPTION_UNKNOWN' },
    ],
    [
      'a path of a change that is not valid', (thing) => thing.emitPropertiesChanged('Level', { path: 'a' }),
      { name: 'InvalidNameError', kind: 'object path' },
    ],
    [
      'no property but a path', (thing) => thing.emitPropertiesChanged({ path: '/a' } as never),
      { name: 'ArgumentError', code: 'ARGUMENT_INVALID' },
    ],
    [
      'no property', (thing) => (thing.emitPropertiesChanged as () => void)(),
      {
        name: 'ArgumentError', code: 'ARGUMENT_INVALID',
        message: 'com.example.Thing1.emitPropertiesChanged: no property names: there must be at least one',
      },
    ],
    [
      'an array of properties', (thing) => thing.emitPropertiesChanged(['Level'] as never),
      {
        name: 'ArgumentError', code: 'ARGUMENT_INVALID',
        message: 'com.example.Thing1.emitPropertiesChanged: the name of a property must be a string, got an array of 1',
      },
    ],
  ])('is refused for %s, and nothing is sent', (_, emit, error) => {
    const thing = Thing.implement(members);
    const sink = recorder();
    thing.attach(sink);
    expect(() => emit(thing)).toThrow(expect.objectContaining(error));
    expect(sink.received).toEqual([]);
  });
});
