// The properties of an object: read, written and listed for callers, and their changes announced.
// A value is checked against the property's type before its `set` sees it. It knows no messages.
// Specification: org.freedesktop.DBus.Properties; EmitsChangedSignal.
import { ConnectionClosedError, DBusError } from '../connection/errors.js';
import type { CallContext } from '../interface/define.js';
import { ErrorName } from '../interface/standard.js';
import type { Variant } from '../wire/variant.js';
import { type ExportedInterface, type ExportedProperty, isPromiseLike } from './exported-interface.js';
import { reportHandlerError } from './handler-errors.js';
import type { ObjectNode } from './object-tree.js';
import { quoted, unknownInterface } from './refusals.js';

/** Names a property of a node; the interface `''` means the first that has the property. */
export interface PropertyAddress {
  readonly interfaceName: string;
  readonly name: string;
}

/** The property, and the interface it belongs to. */
export interface FoundProperty {
  readonly exported: ExportedInterface;
  readonly property: ExportedProperty;
}

/**
 * Finds a property of a node. `standard` are the interfaces that the library answers itself; they have no properties.
 * @throws {DBusError} UnknownInterface or UnknownProperty
 */
export function findProperty(
  node: ObjectNode,
  { interfaceName, name }: PropertyAddress,
  standard: ReadonlyMap<string, ExportedInterface>,
): FoundProperty {
  for (const exported of interfacesOf(node, interfaceName, standard)) {
    const property = exported.properties.get(name);
    if (property !== undefined) return { exported, property };
  }
  const where = interfaceName === '' ? `the object ${quoted(node.path)}` : `the interface ${interfaceName}`;
  throw new DBusError(ErrorName.UNKNOWN_PROPERTY, `${where} has no property ${quoted(name)}`);
}

/** The interfaces that a name means: all exported ones for `''`. */
function interfacesOf(
  node: ObjectNode,
  interfaceName: string,
  standard: ReadonlyMap<string, ExportedInterface>,
): Iterable<ExportedInterface> {
  if (interfaceName === '') return node.interfaces.values();
  const exported = node.interfaces.get(interfaceName) ?? standard.get(interfaceName);
  if (exported === undefined) throw unknownInterface(node.path, interfaceName);
  return [exported];
}

/**
 * Reads a property.
 * @throws {DBusError} AccessDenied where callers may only write it; and what its `get` throws
 */
export async function getProperty({ property }: FoundProperty, context: CallContext): Promise<Variant> {
  const { get, label, type } = property;
  if (get === undefined) throw new DBusError(ErrorName.ACCESS_DENIED, `the property ${label} cannot be read`);
  return { signature: type, value: await get(context) } as Variant; // the value is checked as it is marshalled
}

/**
 * Writes a property; nothing is stored unless the value has exactly the property's type.
 * @throws {DBusError} PropertyReadOnly or InvalidArgs; and what its `set` throws
 */
export async function setProperty({ property }: FoundProperty, value: Variant, context: CallContext): Promise<void> {
  const { set, label, type } = property;
  if (set === undefined) throw new DBusError(ErrorName.PROPERTY_READ_ONLY, `the property ${label} cannot be written`);
  if (value.signature !== type) {
    const problem = `the property ${label} takes a value of signature "${type}", got "${quoted(value.signature)}"`;
    throw new DBusError(ErrorName.INVALID_ARGS, problem);
  }
  await set(value.value, context);
}

/**
 * Reads all properties that callers may read, of one interface or, for `''`, of all; where two interfaces have a
 * property of one name, the first counts.
 * @throws {DBusError} UnknownInterface; and what a `get` throws, for then the answer would be incomplete
 */
export async function getAllProperties(
  node: ObjectNode,
  interfaceName: string,
  { standard, context }: { standard: ReadonlyMap<string, ExportedInterface>; context: CallContext },
): Promise<Map<string, Variant>> {
  const readable = new Map<string, FoundProperty>();
  for (const exported of interfacesOf(node, interfaceName, standard)) {
    for (const [name, property] of exported.properties) {
      if (property.get !== undefined && !readable.has(name)) readable.set(name, { exported, property });
    }
  }
  const values = await Promise.all(
    Array.from(readable, async ([name, found]) => [name, await getProperty(found, context)] as const),
  );
  return new Map(values);
}

/** Sends one PropertiesChanged; throws where a value does not fit its type. */
export type SendChanges = (changed: ReadonlyMap<string, Variant>, invalidated: readonly string[]) => void;

/** Who announces the changes of an interface, for each that is exported. */
export type ExportedPropertyChanges = Pick<WeakMap<ExportedInterface, PropertyChanges>, 'get'>;

/** How changes of one interface of one object are announced. */
export interface PropertyChangesParts {
  readonly exported: ExportedInterface;
  readonly send: SendChanges;
  /** What the `get` of a property is told when nobody has called. */
  readonly contextFor: (name: string) => CallContext;
}

/** Announces changed properties in order: while values are still being read, later changes wait and are gathered. */
export class PropertyChanges {
  readonly #parts: PropertyChangesParts;
  readonly #waiting = new Set<string>();
  #running: Promise<void> | undefined;

  constructor(parts: PropertyChangesParts) {
    this.#parts = parts;
  }

  /**
   * Announces changes: with the value, or where the definition says so or the value cannot be had, without it.
   * It throws nothing; a promise, where a value comes later, resolves after the signal is sent.
   */
  announce(names: readonly string[]): void | Promise<void> {
    if (this.#running !== undefined) {
      for (const name of names) this.#waiting.add(name);
      return this.#running;
    }
    const values = this.#read(names);
    if (![...values.values()].some(isPromiseLike)) return this.#send(values);
    this.#running = this.#announceLater(values);
    return this.#running;
  }

  async #announceLater(values: Map<string, unknown>): Promise<void> {
    let current = values;
    for (;;) {
      for (const [name, value] of current) current.set(name, await this.#settled(name, value));
      this.#send(current);
      if (this.#waiting.size === 0) break;
      current = this.#read([...this.#waiting]);
      this.#waiting.clear();
    }
    this.#running = undefined;
  }

  /** The present values by name, or promises of them; undefined for those that are announced without one. */
  #read(names: readonly string[]): Map<string, unknown> {
    const { exported, contextFor } = this.#parts;
    const values = new Map<string, unknown>();
    for (const name of names) {
      const property = exported.properties.get(name);
      if (property === undefined || property.emitsChanged === 'const' || property.emitsChanged === 'false') continue;
      const { get, emitsChanged } = property;
      if (get === undefined || emitsChanged === 'invalidates') values.set(name, undefined);
      else values.set(name, this.#attempt(name, () => get(contextFor(name))));
    }
    return values;
  }

  #attempt(name: string, read: () => unknown): unknown {
    try {
      const value = read();
      // A promise is awaited in its turn; until then its failure must not count as unhandled.
      if (isPromiseLike(value)) Promise.resolve(value).catch(() => {});
      return value;
    } catch (error) {
      this.#report(name, error);
      return undefined;
    }
  }

  async #settled(name: string, value: unknown): Promise<unknown> {
    try {
      return await value;
    } catch (error) {
      this.#report(name, error);
      return undefined;
    }
  }

  #send(values: ReadonlyMap<string, unknown>): void {
    if (values.size === 0) return;
    const { exported, send } = this.#parts;
    const changed = new Map<string, Variant>();
    for (const [name, value] of values) {
      const { type } = exported.properties.get(name)!; // only properties are read
      if (value !== undefined) changed.set(name, { signature: type, value } as Variant);
    }
    try {
      send(changed, [...values.keys()].filter((name) => !changed.has(name)));
    } catch (error) {
      if (error instanceof ConnectionClosedError) return;
      this.#report([...changed.keys()].join(', '), error);
      this.#sendInvalidated([...values.keys()]);
    }
  }

  /** The change is announced even where a value does not fit: whoever caches it must know that it is stale. */
  #sendInvalidated(names: readonly string[]): void {
    try {
      this.#parts.send(new Map(), names);
    } catch (error) {
      if (!(error instanceof ConnectionClosedError)) this.#report(names.join(', '), error);
    }
  }

  #report(names: string, error: unknown): void {
    reportHandlerError({ error, what: `${this.#parts.exported.name}.${names}`, call: undefined });
  }
}
