// Properties that an implementation keeps itself: plain values and accessors.

import { describe, expect, test } from 'vitest';
import { defineInterface } from '../../src/interface/define.js';
import type { CallContext } from '../../src/interface/definition.js';
import { variant } from '../../src/wire/variant.js';

const Player = defineInterface({
  name: 'com.example.Player1',
  properties: {
    Volume: { type: 'd', access: 'readwrite' },
    Title: { type: 's', access: 'read' },
    Metadata: { type: 'a{sv}', access: 'read' },
    Any: { type: 'v', access: 'readwrite', emitsChanged: 'const' },
    Key: { type: 's', access: 'write', emitsChanged: 'false' },
    Handled: { type: 'u', access: 'read' },
  },
});
const handled = { get: () => 5 };
const plain = { Volume: 0.5, Title: 'a', Metadata: {}, Any: variant('s', 'x'), Key: 'k', Handled: handled };
const context = {} as CallContext; // no handler looks at it

/** The changes that an implementation announces. */
function changesOf(player: ReturnType<typeof Player.implement>): unknown[] {
  const changes: unknown[] = [];
  player.attach({ signal: () => {}, propertiesChanged: (names) => changes.push(...names) });
  return changes;
}

describe('a plain value', () => {
  test('can be read and replaced by callers', () => {
    const player = Player.implement({ properties: plain });
    expect(player.properties['Volume']?.get?.(context)).toBe(0.5);
    player.properties['Volume']?.set?.(1, context);
    expect(player.properties['Volume']?.get?.(context)).toBe(1);
    expect(player.values.Volume).toBe(1);
    expect(player.properties['Title']?.set).toBeUndefined();
    expect(player.properties['Key']?.get).toBeUndefined();
    player.properties['Key']?.set?.('new', context);
    expect(player.values.Key).toBe('new');
    expect(plain.Volume).toBe(0.5); // the object of handlers is not changed
  });

  test('can be assigned, and is announced as in the definition, unless it is the same primitive value', () => {
    const player = Player.implement({ properties: plain });
    const changes = changesOf(player);
    player.values.Volume = 0.7;
    player.values.Volume = 0.7;
    player.values.Any = variant('u', 1);
    player.values.Key = 'other';
    player.values.Metadata = player.values.Metadata;
    expect(changes).toEqual(['Volume', 'Metadata']);
    expect(player.properties['Volume']?.get?.(context)).toBe(0.7);
    expect(player.values.Any).toEqual(variant('u', 1));
  });

  test('does not change if an assigned value does not fit its type', () => {
    const player = Player.implement({ properties: plain });
    const changes = changesOf(player);
    expect(() => (player.values.Volume = 'loud' as never)).toThrow(expect.objectContaining({
      name: 'MarshalError', interface: Player.name, member: 'Volume',
      message: expect.stringContaining('com.example.Player1.Volume: value of type "d": expected') as unknown,
    }));
    expect(() => (player.values.Metadata = { a: 1 } as never)).toThrow(expect.objectContaining({ member: 'Metadata' }));
    expect(player.values.Volume).toBe(0.5);
    expect(changes).toEqual([]);
  });

  test('is refused if it does not fit its type', () => {
    for (const [name, value] of [['Volume', 'x'], ['Title', null], ['Metadata', { a: 1 }], ['Any', 7]] as const) {
      expect(() => Player.implement({ properties: { ...plain, [name]: value } })).toThrow(expect.objectContaining({
        name: 'DefinitionError', code: 'HANDLER_INVALID', member: name,
        message: expect.stringContaining(`${name}: the value does not fit type`) as unknown,
      }));
    }
  });

  test('of a dict can have the keys get and set', () => {
    const Metadata = { get: variant('s', 'x'), set: variant('u', 1) };
    const player = Player.implement({ properties: { ...plain, Metadata } });
    expect(player.values.Metadata).toBe(Metadata);
  });

  test('of a property with get or set cannot be read and assigned through values', () => {
    const player = Player.implement({ properties: plain });
    const refusal = expect.objectContaining({ code: 'PROPERTY_NOT_STORED', member: 'Handled' }) as Error;
    expect(() => player.values.Handled).toThrow(refusal);
    expect(() => (player.values.Handled = 1)).toThrow(refusal);
    expect(Object.keys(player.values)).toEqual(['Volume', 'Title', 'Metadata', 'Any', 'Key']);
  });
});

describe('an accessor', () => {
  const withAccessor = () => {
    let volume = 0.5;
    const properties = {
      ...plain,
      get Volume() { return volume; },
      set Volume(value) { volume = Math.min(value, 1); },
    };
    // A spread would read the accessors: they are written last.
    return Player.implement({ properties });
  };

  test('runs for callers, and for announced assignments of the service', () => {
    const player = withAccessor();
    const changes = changesOf(player);
    player.properties['Volume']?.set?.(7, context);
    expect(player.properties['Volume']?.get?.(context)).toBe(1);
    player.values.Volume = 0.2;
    expect(player.values.Volume).toBe(0.2);
    expect(changes).toEqual(['Volume']);
  });

  test('is not run by implement()', () => {
    const failing = { ...plain, get Title(): string { throw new Error('too early'); } };
    expect(() => Player.implement({ properties: failing })).not.toThrow();
  });

  test('must have the functions that the access of the property requires', () => {
    const readOnly = { ...plain, get Volume() { return 1; } };
    expect(() => Player.implement({ properties: readOnly })).toThrow(expect.objectContaining({
      code: 'HANDLER_MISSING', member: 'Volume',
      message: 'com.example.Player1.Volume: no setter: a property with access "readwrite" must have one',
    }));
    const writeOnly = Object.defineProperty({ ...plain }, 'Title', { set: () => {} });
    expect(() => Player.implement({ properties: writeOnly })).toThrow(expect.objectContaining({
      message: 'com.example.Player1.Title: no getter: a property with access "read" must have one',
    }));
    const title = Player.implement({ properties: { ...plain, get Title() { return 'fixed'; } } });
    expect(() => (title.values.Title = 'x')).toThrow(expect.objectContaining({ code: 'PROPERTY_NOT_STORED' }));
  });
});
