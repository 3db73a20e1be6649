// The properties of an object: read, written and listed for callers. A value is checked against the property's type
// before its `set` sees it; one that cannot be had or sent is left out of a list. It knows no messages.
// Specification: org.freedesktop.DBus.Properties.
import { DBusError } from '../protocol/errors.js';
import { ErrorName } from '../protocol/error-names.js';
import type { CallContext } from '../interface/definition.js';
import { marshal } from '../wire/values/marshal.js';
import type { Variant } from '../wire/variant.js';
import type { ExportedInterface, ExportedProperty } from './exported-interface.js';
import { isA, reportHandlerError, textOf } from './handler-errors.js';
import type { ObjectNode } from './object-tree.js';
import { quoted, unknownInterface } from './refusals.js';

/** Names a property of a node; the interface `''` means the first that has the property. */
export interface PropertyAddress {
  readonly interfaceName: string;
  readonly name: string;
}

type PropertyGetter = NonNullable<ExportedProperty['get']>;

/** A property that callers may read. */
interface ReadableProperty extends Pick<ExportedProperty, 'label' | 'type'> {
  readonly get: PropertyGetter;
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
 * Reads a property. What goes wrong in its `get` is reported under its name, not under that of the method Get.
 * @throws {DBusError} AccessDenied where callers may only write it; what its `get` throws, or Failed
 */
export async function getProperty({ property }: FoundProperty, context: CallContext): Promise<Variant> {
  const { get, label, type } = property;
  if (get === undefined) throw new DBusError(ErrorName.ACCESS_DENIED, `the property ${label} cannot be read`);
  const value = await ofProperty(label, context, () => readValue(type, get, context));
  try {
    marshal('v', [value]);
    return value;
  } catch (error) {
    reportHandlerError({ error, what: label, call: context.message });
    const problem = `the value of the property ${label} does not fit its type "${type}": ${textOf(error)}`;
    throw new DBusError(ErrorName.FAILED, problem);
  }
}

/** The value that a `get` gives, not checked yet. */
async function readValue(type: string, get: PropertyGetter, context: CallContext): Promise<Variant> {
  return { signature: type, value: await get(context) } as Variant; // not so before it is checked
}

/** Runs a handler of a property; what it throws other than a DBusError is reported, and becomes Failed. */
async function ofProperty<T>(label: string, { message: call }: CallContext, run: () => Promise<T> | T): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (isA(error, DBusError)) throw error;
    reportHandlerError({ error, what: label, call });
    throw new DBusError(ErrorName.FAILED, textOf(error));
  }
}

/**
 * Writes a property; nothing is stored unless the value has exactly the property's type.
 * @throws {DBusError} PropertyReadOnly or InvalidArgs; what its `set` throws, or Failed
 */
export async function setProperty({ property }: FoundProperty, value: Variant, context: CallContext): Promise<void> {
  const { set, label, type } = property;
  if (set === undefined) throw new DBusError(ErrorName.PROPERTY_READ_ONLY, `the property ${label} cannot be written`);
  if (value.signature !== type) {
    const problem = `the property ${label} takes a value of signature "${type}", got "${quoted(value.signature)}"`;
    throw new DBusError(ErrorName.INVALID_ARGS, problem);
  }
  await ofProperty(label, context, () => set(value.value, context));
}

/**
 * Reads all properties that callers may read, of one interface or, for `''`, of all; where two interfaces have a
 * property of one name, the first counts. A property whose `get` fails, or gives what does not fit, is left out and
 * reported: programs that read everything first, as most do, would otherwise see nothing of the object.
 * @throws {DBusError} UnknownInterface
 */
export async function getAllProperties(
  node: ObjectNode,
  interfaceName: string,
  { standard, context }: { standard: ReadonlyMap<string, ExportedInterface>; context: CallContext },
): Promise<Map<string, Variant>> {
  const readable = new Map<string, ReadableProperty>();
  for (const { properties } of interfacesOf(node, interfaceName, standard)) {
    for (const [name, { label, type, get }] of properties) {
      if (get !== undefined && !readable.has(name)) readable.set(name, { label, type, get });
    }
  }
  const report = (name: string, error: unknown): void =>
    reportHandlerError({ error, what: readable.get(name)?.label ?? name, call: context.message });
  const attempts = Array.from(readable, async ([name, { type, get }]) => {
    try {
      return [name, await readValue(type, get, context)] as const;
    } catch (error) {
      report(name, error);
      return undefined;
    }
  });
  const values = new Map((await Promise.all(attempts)).filter((entry) => entry !== undefined));
  for (const [name, error] of unsendable(values)) {
    report(name, error);
    values.delete(name);
  }
  return values;
}

/** Why values do not fit their types, for those that do not; each by itself, since a whole only names its first. */
export function unsendable(values: ReadonlyMap<string, Variant>): ReadonlyMap<string, unknown> {
  const reasons = new Map<string, unknown>();
  if (reasonAgainst(values) === undefined) return reasons;
  for (const [name, value] of values) {
    const reason = reasonAgainst(new Map([[name, value]]));
    if (reason !== undefined) reasons.set(name, reason.error);
  }
  return reasons;
}

/** Why values cannot be sent together, as Properties sends them. */
function reasonAgainst(values: ReadonlyMap<string, Variant>): { readonly error: unknown } | undefined {
  try {
    marshal('a{sv}', [values]);
    return undefined;
  } catch (error) {
    return { error }; // anything: a value may have getters of its own
  }
}
