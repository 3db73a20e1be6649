// Interfaces of one name become one definition with the parts of all; what contradicts the first is a conflict.
import { describe, expect, test } from 'vitest';
import { defineInterface } from '../../src/interface/define.js';
import type { InterfaceDefinition } from '../../src/interface/definition.js';
import { DefinitionError } from '../../src/interface/errors.js';
import { formatDefinitions } from '../../src/interface/format-definitions.js';
import { InterfaceMerger } from '../../src/interface/merge-interfaces.js';
import { parseIntrospection } from '../../src/interface/parse-introspection.js';

function merge(...sources: readonly unknown[]): { definition: InterfaceDefinition | undefined; conflicts: readonly string[] } {
  const merger = new InterfaceMerger();
  for (const each of sources) merger.add(each);
  const definitions = merger.definitions();
  expect(definitions).toHaveLength(1);
  return { definition: definitions[0], conflicts: merger.conflicts.map(({ member, problem }) => `${member}: ${problem}`) };
}

const One = defineInterface({
  name: 'a.C',
  methods: { Same: { in: 's', inNames: ['x'], annotations: { 'a.One': '1', 'a.Two': '2' } }, Other: { in: 'u' } },
  properties: { Volume: { type: 'd', access: 'read' } },
  signals: { Ended: { args: 's' } },
  errors: { NoTrack: 'a.NoTrack', Busy: 'a.Busy' },
  annotations: { 'a.Since': '1', 'a.Only.One': 'x' },
});

describe('a second interface of one name', () => {
  test('adds its members, errors and annotations, and the mark as deprecated', () => {
    const { definition, conflicts } = merge(One, defineInterface({
      name: 'a.C',
      methods: { Same: { in: 's', inNames: ['x'], annotations: { 'a.Two': '2', 'a.One': '1' } }, More: {} },
      properties: { ['__proto__']: { type: 'd', access: 'read' } },
      signals: { Started: {} },
      errors: { NoTrack: 'a.NoTrack', TooLate: 'a.TooLate' },
      annotations: { 'a.Since': '1', 'a.Only.Two': 'y' },
      deprecated: true,
    }));
    expect(conflicts).toEqual([]);
    expect(Object.keys(definition?.methods ?? {})).toEqual(['Same', 'Other', 'More']);
    expect(Object.keys(definition?.properties ?? {})).toEqual(['Volume', '__proto__']);
    expect(Object.keys(definition?.signals ?? {})).toEqual(['Ended', 'Started']);
    expect(Object.entries(definition?.errors ?? {}).map(([key, { errorName }]) => [key, errorName])).toEqual([
      ['NoTrack', 'a.NoTrack'], ['Busy', 'a.Busy'], ['TooLate', 'a.TooLate'],
    ]);
    expect({ ...definition?.annotations }).toEqual({ 'a.Since': '1', 'a.Only.One': 'x', 'a.Only.Two': 'y' });
    expect(definition?.deprecated).toBe(true);
  });

  test('conflicts with the first if it defines a part in another way, and the first counts', () => {
    const { definition, conflicts } = merge(One, defineInterface({
      name: 'a.C',
      methods: { Same: { in: 's', inNames: ['y'] }, Other: { in: 'u', out: 'u' } },
      properties: { Volume: { type: 'd', access: 'readwrite' } },
      signals: { Ended: { args: 'ss' } },
      errors: { NoTrack: 'a.AnotherName', Occupied: 'a.Busy' },
      annotations: { 'a.Since': '2' },
    }));
    const rule = 'it must be equal to the first, which is used';
    expect(conflicts).toEqual([
      `Same: a second definition of method Same: ${rule}`,
      `Other: a second definition of method Other: ${rule}`,
      `Volume: a second definition of property Volume: ${rule}`,
      `Ended: a second definition of signal Ended: ${rule}`,
      `a.Since: a second definition of annotation "a.Since": ${rule}`,
      `NoTrack: a second definition of error NoTrack: ${rule}`,
      'Occupied: a second definition of error a.Busy: it must be named Busy, like the first',
    ]);
    expect(definition?.methods['Other']?.out).toBe('');
    expect(definition?.properties['Volume']?.access).toBe('read');
    expect(Object.keys(definition?.errors ?? {})).toEqual(['NoTrack', 'Busy']);
    expect(definition?.annotations['a.Since']).toBe('1');
  });

  test('changes nothing if it is equal or missing', () => {
    expect(merge(One, One)).toEqual({ definition: One, conflicts: [] });
    expect(merge(One).definition).toBe(One);
    expect(merge(One, JSON.parse(JSON.stringify(One)) as unknown).conflicts).toEqual([]); // without its functions and errors
  });

  test('is checked before it is merged', () => {
    expect(() => merge(One, { name: 'a.C', methods: { Same: { in: 'k' } } })).toThrow(DefinitionError);
    expect(() => merge(One, null)).toThrow('the specification must be an object, got null');
  });
});

test('conflicts of an object and its children are comments in the module', () => {
  const parsed = parseIntrospection(`<node>
    <interface name="a.C"><method name="M"><arg type="s" direction="in"/></method></interface>
    <node name="x"><interface name="a.C"><method name="M"/></interface></node>
  </node>`);
  expect(formatDefinitions(parsed).split('\n').filter((line) => line.startsWith('// Problem'))).toEqual([
    '// Problem: a.C: a second definition of method M: it must be equal to the first, which is used',
  ]);
});

test('an interface that appears many times is merged in linear time, and its conflicts are counted', () => {
  const COUNT = 1_500;
  let looks = 0;
  const counted = Array.from({ length: COUNT }, (_, n) => new Proxy(
    { name: 'a.C', methods: { [`M${n}`]: {}, Same: { in: n === 0 ? '' : 's' } } },
    { get: (target, key): unknown => (looks++, Reflect.get(target, key)) },
  ));
  const merger = new InterfaceMerger();
  for (const each of counted) merger.add(each);
  expect(Object.keys(merger.definitions()[0]?.methods ?? {})).toHaveLength(COUNT + 1);
  expect(looks).toBeLessThan(COUNT * 12);
  expect(merger.conflictCount).toBe(COUNT - 1);
  expect(merger.conflicts).toHaveLength(1_000);
});
