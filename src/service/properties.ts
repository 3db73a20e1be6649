// The properties of an object: Get, Set and GetAll. A value is checked against the type of its property before `set`
// runs. A property whose value cannot be read or sent is left out of GetAll. It knows no messages.
// Specification: org.freedesktop.DBus.Properties.
import { DBusError } from '../protocol/errors.js';
import { ErrorName } from '../protocol/error-names.js';
import type { CallContext } from '../interface/definition.js';
import { MarshalError } from '../wire/errors.js';
import { formatSegment } from '../wire/values/fault.js';
import { marshal } from '../wire/values/marshal.js';
import type { Variant } from '../wire/variant.js';
import type { ExportedInterface, ExportedProperty } from './exported-interface.js';
import { describeFailure, isA, reportHandlerError, textOf } from './handler-errors.js';
import type { ObjectNode } from './object-tree.js';
import { shortened, unknownInterface } from './replies.js';

/** The name of a property of a node; the interface name `''` stands for the first interface that has the property. */
export interface PropertyAddress {
  readonly interfaceName: string;
  readonly name: string;
}

type PropertyGetter = NonNullable<ExportedProperty['get']>;

/** The type of a property and where it belongs, for errors about it. */
type PropertyPlace = Pick<ExportedProperty, 'interface' | 'name' | 'type'>;

/** A property that callers may read. */
interface ReadableProperty extends PropertyPlace {
  readonly get: PropertyGetter;
}

/** A property and its interface. */
export interface FoundProperty {
  readonly exported: ExportedInterface;
  readonly property: ExportedProperty;
}

/**
 * Finds a property of a node. `standard` are the interfaces that the library implements; they have no properties.
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
  const owner = interfaceName === '' ? `the object ${shortened(node.path)}` : `the interface ${interfaceName}`;
  throw new DBusError(ErrorName.UNKNOWN_PROPERTY, `${owner} has no property ${shortened(name)}`);
}

/** The interface with a name; all exported ones for `''`. */
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
 * Reads a property. Errors of its `get` are reported under the name of the property, not of the method Get.
 * @throws {DBusError} AccessDenied, if callers may only write it; the DBusError that its `get` throws; Failed, if `get`
 * throws another error or its value does not fit the type
 */
export async function getProperty(property: ExportedProperty, context: CallContext): Promise<Variant> {
  const { get, label, name, type } = property;
  if (get === undefined) throw new DBusError(ErrorName.ACCESS_DENIED, `the property ${label} cannot be read`);
  const value = await runHandler(property, context, () => readValue(type, get, context));
  const refusal = tryMarshal('v', value);
  if (refusal === undefined) return value;
  const error = ofProperty(refusal.error, property, 'body[0]');
  reportFailure(property, error, context.message);
  throw new DBusError(ErrorName.FAILED, describeFailure({ interface: property.interface, member: name }, error));
}

/** The value that a `get` returns, not checked yet. */
async function readValue(type: string, get: PropertyGetter, context: CallContext): Promise<Variant> {
  return { signature: type, value: await get(context) } as Variant; // true only after the check
}

/** Runs a handler of a property. An error that is not a DBusError is reported, and becomes Failed. */
async function runHandler<T>(
  property: ExportedProperty,
  { message: call }: CallContext,
  handler: () => Promise<T> | T,
): Promise<T> {
  try {
    return await handler();
  } catch (error) {
    if (isA(error, DBusError)) throw error;
    reportFailure(property, error, call);
    throw new DBusError(ErrorName.FAILED, textOf(error));
  }
}

function reportFailure(
  { interface: interfaceName, name }: PropertyPlace,
  error: unknown,
  call: CallContext['message'],
): void {
  reportHandlerError({ error, interface: interfaceName, member: name, call });
}

/**
 * Writes a property. Its `set` runs only if the value has exactly the type of the property.
 * @throws {DBusError} PropertyReadOnly or InvalidArgs; the DBusError that its `set` throws; Failed, if `set` throws
 * another error
 */
export async function setProperty(property: ExportedProperty, value: Variant, context: CallContext): Promise<void> {
  const { set, label, type } = property;
  if (set === undefined) throw new DBusError(ErrorName.PROPERTY_READ_ONLY, `the property ${label} cannot be written`);
  if (value.signature !== type) {
    const problem = `the property ${label} takes a value of signature "${type}", got "${shortened(value.signature)}"`;
    throw new DBusError(ErrorName.INVALID_ARGS, problem);
  }
  await runHandler(property, context, () => set(value.value, context));
}

/**
 * Reads all properties that callers may read, of one interface or, for `''`, of all interfaces. If two interfaces have
 * a property of the same name, the first interface wins. A property whose `get` fails, or whose value does not fit, is
 * left out and reported: most programs read everything first, and would otherwise see nothing of the object.
 * @throws {DBusError} UnknownInterface
 */
export async function getAllProperties(
  node: ObjectNode,
  interfaceName: string,
  { standard, context }: { standard: ReadonlyMap<string, ExportedInterface>; context: CallContext },
): Promise<Map<string, Variant>> {
  const readable = new Map<string, ReadableProperty>();
  for (const { properties } of interfacesOf(node, interfaceName, standard)) {
    for (const [name, { interface: owner, type, get }] of properties) {
      if (get !== undefined && !readable.has(name)) readable.set(name, { interface: owner, name, type, get });
    }
  }
  const attempts = Array.from(readable.values(), async (property) => {
    try {
      return [property.name, await readValue(property.type, property.get, context)] as const;
    } catch (error) {
      reportFailure(property, error, context.message);
      return undefined;
    }
  });
  const values = new Map((await Promise.all(attempts)).filter((entry) => entry !== undefined));
  for (const [property, error] of misfits(values, readable)) {
    reportFailure(property, error, context.message);
    values.delete(property.name);
  }
  return values;
}

/**
 * The values that do not fit the types of their properties, each with the reason. All are tried together first; if that
 * fails, each is tried alone, because an error names only the first.
 */
export function misfits<Property extends PropertyPlace>(
  values: ReadonlyMap<string, Variant>,
  properties: ReadonlyMap<string, Property>,
): ReadonlyMap<Property, unknown> {
  const reasons = new Map<Property, unknown>();
  if (tryMarshal('a{sv}', values) === undefined) return reasons;
  for (const [name, value] of values) {
    const property = properties.get(name)!; // each value was read from one
    const misfit = misfitOf(value, property);
    if (misfit !== undefined) reasons.set(property, misfit.error);
  }
  return reasons;
}

/** Why a value does not fit the type of its property, if it is sent in a dictionary; undefined if it fits. */
function misfitOf(value: Variant, property: PropertyPlace): { readonly error: unknown } | undefined {
  const refusal = tryMarshal('a{sv}', new Map([[property.name, value]]));
  return refusal && { error: ofProperty(refusal.error, property, `body[0]${formatSegment(property.name)}`) };
}

function tryMarshal(signature: string, value: unknown): { readonly error: unknown } | undefined {
  try {
    marshal(signature, [value]);
    return undefined;
  } catch (error) {
    return { error }; // any error: a value may have getters of its own
  }
}

/** A MarshalError that names the property and its type instead of an argument; `path` leads to the value. */
function ofProperty(error: unknown, { interface: interfaceName, name, type }: PropertyPlace, path: string): unknown {
  if (!isA(error, MarshalError)) return error;
  const at = { signature: type, path: error.path.startsWith(path) ? `value${error.path.slice(path.length)}` : 'value' };
  const problem = `${error.problem} (the property has type "${type}")`;
  return new MarshalError(error.code, problem, at, {
    place: { interface: interfaceName, member: name }, cause: error.cause,
  });
}
