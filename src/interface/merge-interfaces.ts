// The specifications of several interfaces, one for each name: introspection data can have an interface twice, on one
// object or on several. Specification: Introspection Data Format.
// Tests: format-definitions.test.ts, test/client/introspect.test.ts.
import type { InterfaceDefinition } from './definition.js';
import type { ParsedInterface } from './parse-introspection.js';
import type { InterfaceSpec } from './spec.js';

/** A record of the members of two interfaces; those of the first count. It can have any name as a key. */
function both<Member>(
  first: Readonly<Record<string, Member>> | undefined, second: Readonly<Record<string, Member>> | undefined,
): Record<string, Member> {
  // Object.create has no type for "nothing inherited"
  const members = Object.create(null) as Record<string, Member>;
  for (const source of [first, second]) {
    for (const [name, member] of Object.entries(source ?? {})) members[name] ??= member;
  }
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

/** Adds interfaces to those that were found: members that an interface of the same name does not have yet. */
export function mergeInterfaces(
  found: Map<string, InterfaceSpec>, interfaces: readonly (ParsedInterface | InterfaceDefinition)[],
): void {
  for (const each of interfaces) {
    const spec = specOf(each);
    const first = found.get(spec.name);
    found.set(spec.name, first === undefined ? spec : {
      ...first,
      methods: both(first.methods, spec.methods),
      properties: both(first.properties, spec.properties),
      signals: both(first.signals, spec.signals),
    });
  }
}
