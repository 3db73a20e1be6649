// The definition of an interface that comes from elsewhere: from introspection data, from another copy of this package,
// or from a caller without types. Its parts are checked as `defineInterface` checks them.
// Tests: merge-interfaces.test.ts, test/odd-arguments.test.ts.
import { isRecord, inheritsRevoked } from '../wire/arguments.js';
import { defineInterface, isDefined } from './define.js';
import type { InterfaceDefinition } from './definition.js';
import type { InterfaceSpec } from './spec.js';

/** The specification of an interface, without the functions of a definition. */
function specOf(source: unknown): unknown {
  if (!isRecord(source)) return source;
  const { name, methods, properties, signals, deprecated, annotations, errors: declared } = source;
  if (!isRecord(declared)) return { name, methods, properties, signals, deprecated, annotations, errors: declared };
  const errors = Object.create(null) as Record<string, unknown>; // Object.create has no type for "nothing inherited"
  for (const [key, value] of Object.entries(declared)) {
    const isClass = typeof value === 'function' && !inheritsRevoked(value) && 'errorName' in value;
    errors[key] = isClass ? value.errorName : value;
  }
  return { name, methods, properties, signals, deprecated, annotations, errors };
}

/**
 * The definition of an interface: the value itself if `defineInterface` has returned it.
 * @throws {DefinitionError} if the interface is not valid
 */
export function definitionOf(source: unknown): InterfaceDefinition {
  return isDefined(source) ? source : defineInterface(specOf(source) as InterfaceSpec); // which checks all of it
}
