// The values of the properties of objects, collected for one message of an object manager: for an InterfacesAdded, or
// for the answer of GetManagedObjects, which follows the signals that are sent while it waits. It knows no links.
// Tests: export-object-manager.test.ts. Specification: org.freedesktop.DBus.ObjectManager.
import type { CallContext } from '../interface/definition.js';
import type { Variant } from '../wire/variant.js';
import { type ExportedInterface, type ExportedProperty, isPromiseLike } from './exported-interface.js';
import type { FittingEntry, PropertyPlace } from './fitting-properties.js';
import { NO_VALUE, type TimeLimit } from './time-limit.js';

/** The values of one object, by interface and property. */
export type Values = Map<string, Map<string, Variant>>;

/** A value that comes later. */
interface LaterValue {
  readonly exported: ExportedInterface;
  readonly property: ExportedProperty;
  /** Resolves when the value is known, or is left out. */
  readonly done: Promise<void>;
  /** Leaves out a value that has not come yet, and does not report its failure; returns whether it did so. */
  readonly leaveOut: () => boolean;
}

/** A value that was known at once. */
interface PlainValue {
  readonly property: ExportedProperty;
  /** Has the value at the name of the property, unless the value is left out. */
  readonly own: Map<string, Variant>;
}

/** An answer of GetManagedObjects that waits for handlers. */
export interface Listing {
  readonly manager: string;
  readonly objects: Map<string, Values>;
  readonly collection: Collection;
  /** The names of interfaces that were removed while the answer waits, by path: a handler may return them still. */
  readonly removed: Map<string, Set<string>>;
}

/** Values that are being collected for one message. */
export interface Collection {
  readonly entries: FittingEntry[];
  /** The values that come later. */
  readonly later: LaterValue[];
  /** The other values. */
  readonly plain: PlainValue[];
  /** How long to wait for them. */
  readonly limit: TimeLimit;
  readonly contextFor: (exported: ExportedInterface, name: string) => CallContext;
  readonly report: (property: PropertyPlace, error: unknown) => void;
}

/** An InterfacesRemoved is sent before an answer: the answer must not have the interfaces. */
export function noteRemoved({ objects, removed }: Listing, path: string, names: readonly string[]): void {
  const values = objects.get(path);
  const gone = removed.get(path) ?? new Set();
  removed.set(path, gone);
  for (const name of names) {
    gone.add(name);
    values?.get(name)?.clear(); // its values are not sent
    values?.delete(name);
  }
  if (values?.size === 0) objects.delete(path);
}

/** An InterfacesAdded is sent before an answer: the answer must have the interfaces too. */
export function noteAdded(
  { objects, collection, removed }: Listing, path: string,
  { values, entries, plain }: Pick<Collection, 'entries' | 'plain'> & { readonly values: Values },
): void {
  const listed = objects.get(path) ?? new Map<string, Map<string, Variant>>();
  objects.set(path, listed);
  const copies = new Map<unknown, Map<string, Variant>>();
  for (const [name, own] of values) {
    removed.get(path)?.delete(name);
    const copy = new Map(own);
    listed.set(name, copy);
    copies.set(own, copy);
  }
  for (const { property, values: own } of entries) {
    const copy = copies.get(own);
    if (copy !== undefined) collection.entries.push({ property, values: copy });
  }
  for (const { property, own } of plain) {
    const copy = copies.get(own);
    if (copy !== undefined) collection.plain.push({ property, own: copy });
  }
}

export async function allDone(later: readonly LaterValue[]): Promise<void> {
  await Promise.all(later.map(({ done }) => done));
}

/** Reads all properties of some interfaces of one object. */
export function collect(interfaces: Iterable<ExportedInterface>, values: Values, collection: Collection): void {
  const { entries, later, plain, contextFor, report } = collection;
  for (const exported of interfaces) {
    const own = new Map<string, Variant>();
    values.set(exported.name, own);
    for (const [name, property] of exported.properties) {
      const { get, type: signature } = property;
      if (get === undefined) continue;
      try {
        const value = get(contextFor(exported, name));
        own.set(name, { signature, value } as Variant); // keeps its place in the order; checked on sending
        entries.push({ property, values: own });
        if (isPromiseLike(value)) later.push(laterValue(value, { exported, property, own }, collection));
        else plain.push({ property, own });
      } catch (error) {
        own.delete(name);
        report(property, error);
      }
    }
  }
}

function laterValue(
  value: PromiseLike<unknown>,
  { exported, property, own }: {
    readonly exported: ExportedInterface; readonly property: ExportedProperty; readonly own: Map<string, Variant>;
  },
  { limit, report }: Collection,
): LaterValue {
  const { name, type: signature } = property;
  let state: 'missing' | 'known' | 'left out' = 'missing';
  const take = (result: unknown): void => {
    if (state === 'missing') own.set(name, { signature, value: result } as Variant);
    state = 'known';
  };
  const fail = (error: unknown): void => {
    own.delete(name);
    if (state === 'missing') report(property, error);
    state = 'known';
  };
  const done = limit.wait(value, NO_VALUE).then(take, fail);
  const leaveOut = (): boolean => {
    if (state !== 'missing') return false;
    state = 'left out';
    own.delete(name);
    return true;
  };
  return { exported, property, done, leaveOut };
}
