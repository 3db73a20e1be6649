import { describe, expect, it } from 'vitest';
import { defineInterface } from '../../src/interface/define.js';
import type { Implementation, InterfaceDefinition, SignalSink } from '../../src/interface/definition.js';
import { DefinitionError } from '../../src/interface/errors.js';

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

/** Notes what it is told. */
function recorder(): SignalSink & { readonly heard: unknown[] } {
  const heard: unknown[] = [];
  return {
    heard,
    signal: (member, signature, body) => heard.push([member, signature, body]),
    propertiesChanged: (names) => heard.push(names),
  };
}

describe('implementing', () => {
  it('joins each member with its handler', () => {
    const thing = Thing.implement(members);
    expect(thing.definition).toBe(Thing);
    expect(Object.keys(thing.methods)).toEqual(['Add', 'Reset']);
    expect(thing.methods['Add']?.(2, 3)).toBe(5);
    expect(Object.keys(thing.properties)).toEqual(['Level', 'Color', 'Key', 'Version']);
    expect(thing.properties['Color']).toEqual({ get: members.properties.Color.get, set: undefined });
    expect(thing.properties['Key']).toEqual({ get: undefined, set: members.properties.Key.set });
    expect(thing.methods['toString']).toBeUndefined();
    expect(thing.properties['constructor']).toBeUndefined();
  });

  it('takes members by their own names only', () => {
    const spec = { name: 'com.example.Odd1', methods: { ['__proto__']: { out: 's' }, toString: { out: 's' } } };
    const Odd: InterfaceDefinition = defineInterface(spec);
    const odd = Odd.implement({ methods: { ['__proto__']: () => 'proto', toString: () => 'text' } });
    expect(odd.methods['__proto__']?.()).toBe('proto');
    expect(odd.methods['toString']?.()).toBe('text');
    expect(() => Odd.implement({ methods: { ['__proto__']: () => 'proto' } })).toThrow(DefinitionError);
    expect(() => Odd.implement({ methods: { toString: () => 'text' } })).toThrow(DefinitionError);
  });

  it.each<readonly [problem: string, members: unknown, code: string, member: string]>([
    ['nothing', {}, 'HANDLER_MISSING', 'Add'],
    ['a method missing', { ...members, methods: { Add: () => 1 } }, 'HANDLER_MISSING', 'Reset'],
    ['a method that is no function', { ...members, methods: { ...members.methods, Add: 1 } }, 'HANDLER_MISSING', 'Add'],
    ['a method too many', { ...members, methods: { ...members.methods, Sub: () => 1 } }, 'HANDLER_UNKNOWN', 'Sub'],
    ['the properties missing', { methods: members.methods }, 'HANDLER_MISSING', 'Level'],
    [
      'a property too many',
      { ...members, properties: { ...members.properties, Size: { get: () => 1 } } }, 'HANDLER_UNKNOWN', 'Size',
    ],
    [
      'no get for what may be read',
      { ...members, properties: { ...members.properties, Color: {} } }, 'HANDLER_MISSING', 'Color',
    ],
    [
      'no set for what may be written',
      { ...members, properties: { ...members.properties, Level: { get: () => 1 } } }, 'HANDLER_MISSING', 'Level',
    ],
    [
      'a set for what may not be written',
      { ...members, properties: { ...members.properties, Color: { get: () => 'red', set: () => {} } } },
      'HANDLER_UNKNOWN', 'Color',
    ],
    [
      'a get for what may not be read',
      { ...members, properties: { ...members.properties, Key: { get: () => 'k', set: () => {} } } },
      'HANDLER_UNKNOWN', 'Key',
    ],
    [
      'a handler that a property has no use for',
      { ...members, properties: { ...members.properties, Color: { get: () => 'red', watch: () => {} } } },
      'HANDLER_UNKNOWN', 'Color',
    ],
    [
      'a property that is a function',
      { ...members, properties: { ...members.properties, Color: () => 'red' } }, 'HANDLER_MISSING', 'Color',
    ],
  ])('refuses %s', (_, given, code, member) => {
    expect(() => Thing.implement(given as typeof members)).toThrow(
      expect.objectContaining({ name: 'DefinitionError', code, interface: Thing.name, member }),
    );
  });
});

describe('signals', () => {
  it('go to every sink that is attached', () => {
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
    expect(first.heard).toEqual([['Add', 'su', ['x', 1]]]);
    expect(second.heard).toEqual([['Add', 'su', ['x', 1]], ['Over', '', []]]);
  });

  it('go to a sink as often as it is attached', () => {
    const thing = Thing.implement(members);
    const sink = recorder();
    const detach = thing.attach(sink);
    thing.attach(sink);
    thing.emit('Over');
    detach();
    thing.emit('Over');
    expect(sink.heard).toHaveLength(3);
  });

  it('reach the sinks after one that fails, and the failure reaches who emits', () => {
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
    expect(sink.heard).toEqual([['Over', '', []]]);
  });

  it('may be emitted while a sink comes or goes', () => {
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
    expect(late.heard).toEqual([]);
    thing.emit('Over');
    expect(late.heard).toHaveLength(1);
  });

  it('of properties name those that have changed', () => {
    const thing = Thing.implement(members);
    const sink = recorder();
    thing.attach(sink);
    thing.emitPropertiesChanged('Level', 'Color');
    thing.emitPropertiesChanged();
    expect(sink.heard).toEqual([['Level', 'Color']]);
  });

  it.each<readonly [problem: string, emit: (thing: Implementation) => void, code: string]>([
    ['a signal that there is not', (thing) => thing.emit('Reset'), 'SIGNAL_UNKNOWN'],
    ['a signal that every object has a member of', (thing) => thing.emit('toString'), 'SIGNAL_UNKNOWN'],
    ['a property that there is not', (thing) => thing.emitPropertiesChanged('Level', 'Add'), 'PROPERTY_UNKNOWN'],
    ['a property that is not signalled', (thing) => thing.emitPropertiesChanged('Key'), 'PROPERTY_DOES_NOT_SIGNAL'],
    ['a property that never changes', (thing) => thing.emitPropertiesChanged('Version'), 'PROPERTY_DOES_NOT_SIGNAL'],
  ])('cannot be of %s', (_, emit, code) => {
    const thing = Thing.implement(members);
    const sink = recorder();
    thing.attach(sink);
    expect(() => emit(thing)).toThrow(expect.objectContaining({ name: 'DefinitionError', code }));
    expect(sink.heard).toEqual([]);
  });
});
