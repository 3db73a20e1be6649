// The specifications of several interfaces, one for each name: introspection data can have an interface twice, on one
// object or on several. Specification: Introspection Data Format.
// Tests: format-definitions.test.ts, test/client/introspect.test.ts.
import type { InterfaceDefinition } from './definition.js';
import type { ParsedInterface } from './parse-introspection.js';
import type { InterfaceSpec } from './spec.js';

type Members<Member> = Readonly<Record<string, Member>> | undefined;

/** A record that can have any name as a key, with the members of another. */
function copyOf<Member>(source: Members<Member>): Record<string, Member> {
  // Object.create has no type for "nothing inherited"
  return addMissing(Object.create(null) as Record<string, Member>, source);
}

/** Adds the members whose names a record does not have. */
function addMissing<Member>(members: Record<string, Member>, source: Members<Member>): Record<string, Member> {
  for (const [name, member] of Object.entries(source ?? {})) members[name] ??= member;
  return members;
}

/** The specification of an interface, without the functions of a definition. */
function specOf(source: ParsedInterface | InterfaceDefinition): InterfaceSpec {
  const { name, methods, properties, signals, deprecated, annotations } = source;
  const errors = Object.create(null) as Record<string, string>; // as above
  if ('errors' in source) {
    for (const [key, { errorName }] of Object.entries(source.errors)) errors[key] = errorName;
  }
  return { name, methods, properties, signals, deprecated, annotations, errors };
}

/**
 * Adds interfaces to those that were found: members that an interface of the same name does not have yet. The records
 * in `found` are its own. Each member is looked at once, however often its interface appears.
 */
export function mergeInterfaces(
  found: Map<string, InterfaceSpec>, interfaces: readonly (ParsedInterface | InterfaceDefinition)[],
): void {
  for (const each of interfaces) {
    const spec = specOf(each);
    const first = found.get(spec.name);
    if (first === undefined) {
      const { methods, properties, signals } = spec;
      found.set(spec.name, {
        ...spec, methods: copyOf(methods), properties: copyOf(properties), signals: copyOf(signals),
      });
      continue;
    }
    // copyOf() has made them
    addMissing(first.methods as Record<string, object>, spec.methods);
    addMissing(first.properties as Record<string, object>, spec.properties);
    addMissing(first.signals as Record<string, object>, spec.signals);
  }
}
