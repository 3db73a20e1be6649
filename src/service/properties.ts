// The properties of an object: Get, Set and GetAll. A value is checked against the type of its property before `set`
// runs; after Set, its change is announced (property-changes.ts). A property whose value cannot be read or sent is left
// out of GetAll. It knows no messages. Tests: properties.test.ts.
// Specification: org.freedesktop.DBus.Properties.
import { DBusError } from '../protocol/errors.js';
import { ErrorName } from '../protocol/error-names.js';
import type { CallContext } from '../interface/definition.js';
import type { Variant } from '../wire/variant.js';
import { hasGivenUp, readLimitOf } from './call-context.js';
import { type ExportedInterface, type ExportedProperty, isPromiseLike } from './exported-interface.js';
import { ofProperty, type PropertyPlace, type Refusal, sendFitting } from './fitting-properties.js';
import { describeFailure, isA, reportHandlerError, textOf } from './failure-reports.js';
import type { ObjectNode } from './object-node.js';
import { announceSet } from './property-changes.js';
import { type AnsweredSoon, shortened, thrownRefusal, unknownInterface } from './replies.js';
import { NO_VALUE } from './time-limit.js';

/** The name of a property of a node. The interface name `''` means the first interface that has the property. */
export interface PropertyAddress {
  readonly interfaceName: string;
  readonly name: string;
}

type PropertyGetter = NonNullable<ExportedProperty['get']>;

/** Sends the value of a property; returns the reason if that fails. */
type Send = (value: Variant) => Refusal | undefined;

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
  if (exported === undefined) throw thrownRefusal(unknownInterface(node.path, interfaceName));
  return [exported];
}

/**
 * Reads a property and sends its value; returns a promise only if its `get` does. Errors of `get` are reported under
 * the name of the property, not of the method Get.
 * @throws {DBusError} AccessDenied, if callers may only write it; the DBusError that its `get` throws; Failed, if `get`
 * throws another error or takes too long, or its value does not fit the type
 */
export function getProperty(
  property: ExportedProperty, context: CallContext, send: Send,
): void | Promise<void> {
  const { get, label, type } = property;
  if (get === undefined) throw new DBusError(ErrorName.ACCESS_DENIED, `the property ${label} cannot be read`);
  let value: unknown;
  try {
    value = get(context);
    if (isPromiseLike(value)) return sendLater(property, context, { value, send });
  } catch (error) {
    throw toDBusError(property, error, context);
  }
  sendValue(property, context, { value: { signature: type, value } as Variant, send }); // sending checks it
}

async function sendLater(
  property: ExportedProperty, context: CallContext,
  { value: promise, send }: { readonly value: PromiseLike<unknown>; readonly send: Send },
): Promise<void> {
  let value: unknown;
  try {
    value = await readLimitOf(context).wait(promise, NO_VALUE);
  } catch (error) {
    throw toDBusError(property, error, context);
  }
  sendValue(property, context, { value: { signature: property.type, value } as Variant, send }); // sending checks it
}

function sendValue(
  property: ExportedProperty, context: CallContext,
  { value, send }: { readonly value: Variant; readonly send: Send },
): void {
  const refusal = send(value);
  if (refusal === undefined) return;
  const error = ofProperty(refusal.error, property, 'body[0]');
  reportFailure(property, error, context);
  const place = { interface: property.interface, member: property.name };
  throw new DBusError(ErrorName.FAILED, describeFailure(place, error));
}

/**
 * The error of a handler for its caller. An error that is not a DBusError is reported, and becomes Failed, unless the
 * handler has given up.
 */
function toDBusError(property: ExportedProperty, error: unknown, context: CallContext): unknown {
  if (isA(error, DBusError) || hasGivenUp(context, error)) return error;
  reportFailure(property, error, context);
  return new DBusError(ErrorName.FAILED, textOf(error));
}

function reportFailure(
  { interface: interfaceName, name }: PropertyPlace,
  error: unknown,
  context: CallContext,
): void {
  if (hasGivenUp(context, error)) return;
  reportHandlerError({ error, interface: interfaceName, member: name, call: context.message });
}

/**
 * Writes a property, and then announces its change; the reply waits for the announcement. Returns a promise only if its
 * `set` does. `set` runs only if the value has exactly the type of the property.
 * @throws {DBusError} PropertyReadOnly or InvalidArgs; the DBusError that its `set` throws; Failed, if `set` throws
 * another error
 */
export function setProperty(
  { exported, property }: FoundProperty, value: Variant, context: CallContext,
): void | Promise<void> | AnsweredSoon {
  return announceSet(exported, property.name, writeProperty(property, value, context));
}

function writeProperty(property: ExportedProperty, value: Variant, context: CallContext): void | Promise<void> {
  const { set, label, type } = property;
  if (set === undefined) throw new DBusError(ErrorName.PROPERTY_READ_ONLY, `the property ${label} cannot be written`);
  if (value.signature !== type) {
    const got = shortened(value.signature);
    const problem = `the property ${label} must have a value of signature "${type}", got "${got}"`;
    throw new DBusError(ErrorName.INVALID_ARGS, problem);
  }
  try {
    const written = set(value.value, context);
    if (isPromiseLike(written)) return writtenLater(property, written, context);
  } catch (error) {
    throw toDBusError(property, error, context);
  }
}

async function writtenLater(
  property: ExportedProperty, written: PromiseLike<unknown>, context: CallContext,
): Promise<void> {
  try {
    await written;
  } catch (error) {
    throw toDBusError(property, error, context);
  }
}

/** Reads a value again that is about to be sent. A value that comes later does not replace the one that is known. */
export function readAgain(
  property: PropertyPlace & { readonly get?: ExportedProperty['get'] },
  { values, context, report }: {
    readonly values: Map<string, Variant>;
    readonly context: CallContext;
    readonly report: (property: PropertyPlace, error: unknown) => void;
  },
): void {
  const { name, type, get } = property;
  if (get === undefined || !values.has(name)) return;
  try {
    const value = get(context);
    if (isPromiseLike(value)) Promise.resolve(value).catch(() => {}); // nothing waits for it
    else values.set(name, { signature: type, value } as Variant);
  } catch (error) {
    values.delete(name);
    report(property, error);
  }
}

/**
 * Reads all properties that callers may read, of one interface or, for `''`, of all interfaces, and sends their values;
 * returns a promise only if a `get` does.
 * If two interfaces have a property of the same name, the first interface wins. A property whose `get` fails or does
 * not answer in time, or whose value does not fit, is left out and reported: most programs read everything first, and
 * would otherwise see nothing of the object.
 * @throws {DBusError} UnknownInterface
 */
export function getAllProperties(
  node: ObjectNode,
  interfaceName: string,
  { standard, context, send }: {
    readonly standard: ReadonlyMap<string, ExportedInterface>;
    readonly context: CallContext;
    readonly send: (values: ReadonlyMap<string, Variant>) => Refusal | undefined;
  },
): void | Promise<void> {
  const properties = new Map<string, ReadableProperty>();
  for (const exported of interfacesOf(node, interfaceName, standard)) {
    for (const [name, { interface: owner, type, get }] of exported.properties) {
      if (get !== undefined && !properties.has(name)) properties.set(name, { interface: owner, name, type, get });
    }
  }
  const report = (property: PropertyPlace, error: unknown): void => reportFailure(property, error, context);
  const values = new Map<string, Variant>();
  const later: Promise<void>[] = [];
  const plain: ReadableProperty[] = [];
  const limit = readLimitOf(context);
  for (const [name, property] of properties) {
    const { type, get } = property;
    try {
      const value = get(context);
      values.set(name, { signature: type, value } as Variant); // keeps its place in the order; checked on sending
      if (!isPromiseLike(value)) {
        plain.push(property);
        continue;
      }
      later.push(limit.wait(value, NO_VALUE).then(
        (result) => void values.set(name, { signature: type, value: result } as Variant),
        (error: unknown) => {
          values.delete(name);
          report(property, error);
        },
      ));
    } catch (error) {
      values.delete(name);
      report(property, error);
    }
  }
  const answer = (): void => {
    if (limit.isStopped) return;
    // A PropertiesChanged that was sent during the wait has newer values than those that were read before it.
    if (later.length > 0) {
      for (const property of plain) readAgain(property, { values, context, report });
    }
    const refusal = sendFitting({ values, properties, send: () => send(values), report });
    if (refusal !== undefined) throw refusal.error;
  };
  return later.length === 0 ? answer() : Promise.all(later).then(answer);
}
