// The definitions of several interfaces, one for each name: introspection data can have an interface twice, on one
// object or on several. Each is checked before it is merged. Specification: Introspection Data Format.
// Tests: merge-interfaces.test.ts, test/client/introspect.test.ts.
import { defineInterface, isDefined } from './define.js';
import type { InterfaceDefinition } from './definition.js';
import { textOfName } from './errors.js';
import { MAX_PROBLEMS } from './introspection-problems.js';
import { definitionOf } from './redefine.js';
import type { InterfaceSpec } from './spec.js';

/** A part that two interfaces of one name define differently. The first one is used. */
export interface MergeConflict {
  readonly interface: string;
  /** The name of the member, of the class of the error, or of the annotation. */
  readonly member: string;
  /** The text of the problem. */
  readonly problem: string;
}

/** The kinds of parts that have names. */
const GROUPS = { methods: 'method', properties: 'property', signals: 'signal', annotations: 'annotation' } as const;

/** The parts of the interfaces of one name. The records are its own, and have no prototype. */
interface Merged {
  readonly groups: Readonly<Record<keyof typeof GROUPS, Record<string, unknown>>>;
  /** The names of errors by the names of their classes. */
  readonly errors: Record<string, string>;
  /** The classes of errors by the names of the errors. */
  readonly errorKeys: Map<string, string>;
  deprecated: boolean;
}

/** A record that can have any name as a key. */
function emptyRecord<Value>(): Record<string, Value> {
  return Object.create(null) as Record<string, Value>; // Object.create has no type for "nothing inherited"
}

function noParts(): Merged {
  return {
    groups: { methods: emptyRecord(), properties: emptyRecord(), signals: emptyRecord(), annotations: emptyRecord() },
    errors: emptyRecord(),
    errorKeys: new Map(),
    deprecated: false,
  };
}

/** Whether two parts of checked definitions are equal: texts, numbers, and arrays and records of these. */
function isEqual(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one === other;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => (
    Object.hasOwn(other, key) && isEqual(Reflect.get(one, key), Reflect.get(other, key))
  ));
}

/**
 * Merges interfaces: all with the same name become one definition, with the members, errors and annotations of all of
 * them. Each part is examined once, however often its interface appears.
 * @throws {DefinitionError} if an interface is not valid
 */
export class InterfaceMerger {
  /** The parts that contradict the first definition, in order of appearance: at most 1,000. */
  readonly conflicts: MergeConflict[] = [];
  /** The number of conflicts, including those that are not kept. */
  conflictCount = 0;
  /** The first definition of each name, until there is a second one; then the parts of all. */
  readonly #found = new Map<string, InterfaceDefinition | Merged>();

  /** Adds an interface, which is checked first. */
  add(source: unknown): void {
    const definition = definitionOf(source);
    const { name } = definition;
    let merged = this.#found.get(name);
    if (merged === undefined) {
      this.#found.set(name, definition);
      return;
    }
    if (merged === definition) return; // the same on another object
    if (isDefined(merged)) {
      const first = merged;
      merged = noParts();
      this.#found.set(name, merged);
      this.#addParts(merged, first);
    }
    this.#addParts(merged, definition);
  }

  /** One definition for each name, in the order in which the names first appeared. */
  definitions(): readonly InterfaceDefinition[] {
    return [...this.#found].map(([name, found]) => {
      if (isDefined(found)) return found;
      const { groups, errors, deprecated } = found;
      return defineInterface({ name, ...groups, errors, deprecated } as InterfaceSpec); // made of checked definitions
    });
  }

  #addParts(merged: Merged, definition: InterfaceDefinition): void {
    const conflict = (kind: string, member: string, rule = 'it must be equal to the first, which is used'): void => {
      this.conflictCount++;
      if (this.conflicts.length >= MAX_PROBLEMS) return;
      this.conflicts.push({ interface: definition.name, member, problem: `a second definition of ${kind}: ${rule}` });
    };
    for (const [group, kind] of Object.entries(GROUPS)) {
      const parts = merged.groups[group as keyof typeof GROUPS]; // a key of it
      for (const [name, part] of Object.entries(definition[group as keyof typeof GROUPS])) {
        if (!(name in parts)) parts[name] = part;
        else if (!isEqual(parts[name], part)) conflict(`${kind} ${textOfName(name)}`, name);
      }
    }
    for (const [key, { errorName }] of Object.entries(definition.errors)) {
      const otherKey = merged.errorKeys.get(errorName);
      if (otherKey === key) continue;
      if (key in merged.errors) conflict(`error ${key}`, key);
      else if (otherKey !== undefined) {
        conflict(`error ${errorName}`, key, `it must be named ${otherKey}, like the first`);
      } else {
        merged.errors[key] = errorName;
        merged.errorKeys.set(errorName, key);
      }
    }
    merged.deprecated ||= definition.deprecated;
  }
}
