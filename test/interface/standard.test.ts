// The standard interfaces and error names, compared with those of other programs, and the contract of RandomData.

import { describe, expect, test } from 'vitest';
import type { InterfaceDefinition } from '../../src/interface/definition.js';
import { parseIntrospection, type ParsedInterface } from '../../src/interface/parse-introspection.js';
import { DBusDaemon, Introspectable, ObjectManager, Peer, Properties } from '../../src/interface/standard.js';
import { ErrorName } from '../../src/protocol/error-names.js';
import { isErrorName, isObjectPath, isWellKnownName } from '../../src/wire/names.js';
import { RANDOM_DATA_BUS_NAME, RANDOM_DATA_PATH, RandomData } from '../../src/random-data.js';
import { capturedXml } from './support.js';

/** The signatures of an interface, by member. */
function signatures({ methods, properties, signals }: InterfaceDefinition | ParsedInterface): object {
  return {
    methods: Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, [method.in, method.out]])),
    properties: Object.fromEntries(
      Object.entries(properties).map(([name, { type, access, emitsChanged }]) => [name, [type, access, emitsChanged]]),
    ),
    signals: Object.fromEntries(Object.entries(signals).map(([name, { args }]) => [name, args])),
  };
}

function described(fixture: 'bus' | 'glib' | 'libdbus', name: string): ParsedInterface {
  const found = parseIntrospection(capturedXml(fixture)).interfaces.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`${fixture} describes no ${name}`);
  return found;
}

describe('the standard interfaces', () => {
  test('have the signatures in the introspection data of other programs', () => {
    expect(signatures(Peer)).toEqual(signatures(described('bus', Peer.name)));
    expect(signatures(Introspectable)).toEqual(signatures(described('bus', Introspectable.name)));
    expect(signatures(Properties)).toEqual(signatures(described('bus', Properties.name)));
    expect(signatures(ObjectManager)).toEqual(signatures(described('libdbus', ObjectManager.name)));
  });

  test('have the members of the bus that the bus itself describes, except its own extension', () => {
    const theirs = described('bus', DBusDaemon.name);
    const { ReloadConfig, ...methods } = theirs.methods;
    expect(ReloadConfig).toBeDefined();
    expect(signatures(DBusDaemon)).toEqual(signatures({ ...theirs, methods }));
  });
});

describe('the error names', () => {
  test('are valid error names, each of them once', () => {
    const names = Object.values(ErrorName);
    expect(names.filter((name) => !isErrorName(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toHaveLength(48);
  });

  test('have their last elements as keys', () => {
    const asKey = (name: string): string => name
      .replace('org.freedesktop.DBus.Error.', '')
      .replace('SELinux', 'Selinux').replace('IOError', 'IoError')
      .replaceAll(/\.|(?<=[a-z])(?=[A-Z])/g, '_')
      .toUpperCase();
    expect(Object.keys(ErrorName)).toEqual(Object.values(ErrorName).map(asKey));
  });
});

describe('the contract of the RandomData service', () => {
  test('has a valid bus name and a valid object path', () => {
    expect(isWellKnownName(RANDOM_DATA_BUS_NAME)).toBe(true);
    expect(isObjectPath(RANDOM_DATA_PATH)).toBe(true);
  });

  test('has the members that its callers use', () => {
    expect(signatures(RandomData)).toEqual({
      methods: { quick: ['i', 's'], slow: ['i', 's'], slow_result: ['s', 's'] },
      properties: {},
      signals: { slow_result: 'ss', slow_progress: 'suu' },
    });
    expect([RandomData.methods.quick.optional, RandomData.methods.slow.optional]).toEqual([1, 1]);
  });
});
