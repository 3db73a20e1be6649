// The values of properties that fit a definition. A property that the definition does not have, or that cannot be read,
// is ignored. One that has another type is counted and left out; the others are still used. It keeps no state.
// Tests: property-watch.test.ts, proxy.test.ts. Specification: org.freedesktop.DBus.Properties.
import { countDrop } from '../connection/drops.js';
import { UnexpectedSignatureError } from '../connection/errors.js';
import type { MessageLink } from '../connection/link.js';
import type { InterfaceDefinition } from '../interface/definition.js';
import type { Variant } from '../wire/variant.js';

/**
 * Calls `take` with each readable property that the definition has: with its value in a list of one, or with an empty
 * list if the value has another type, which is counted in the drops of the link. `source` names the message in the
 * error.
 */
export function eachFitting(
  link: MessageLink<boolean>, definition: InterfaceDefinition, { source, variants, take }: {
    readonly source: string;
    readonly variants: ReadonlyMap<string, Variant>;
    readonly take: (name: string, value: readonly [] | readonly [unknown]) => void;
  },
): void {
  for (const [name, { signature, value }] of variants) {
    const property = definition.properties[name]; // a record without a prototype
    if (property === undefined || property.access === 'write') continue;
    if (signature === property.type) {
      take(name, [value]);
      continue;
    }
    const mismatch = { expected: property.type, actual: signature, isSignal: source !== 'GetAll' };
    const error = new UnexpectedSignatureError(`${source} of ${definition.name}.${name}`, mismatch);
    countDrop(link, 'unexpected signature', { error });
    take(name, []);
  }
}
