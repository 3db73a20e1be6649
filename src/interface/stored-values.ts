// Properties that an implementation keeps itself: a plain value, or an accessor of the object of handlers. It makes the
// handlers that callers use, and the values that the service reads and assigns. It does not know objects or callers.
// Tests: stored-values.test.ts. Specification: org.freedesktop.DBus.Properties.
import { isRecord } from '../wire/arguments.js';
import { errorAt, stackOfCaller } from '../wire/error-place.js';
import { MarshalError } from '../wire/errors.js';
import { encodeMessage } from '../wire/messages/encode.js';
import { signal } from '../wire/messages/message.js';
import type { InterfaceDefinition, PropertyDefinition, PropertyHandlers } from './definition.js';
import { DefinitionError } from './errors.js';

/** A property whose value is kept by the implementation, or by an accessor. */
export interface StoredProperty {
  /** Returns the value. */
  readonly read: () => unknown;
  /** Replaces the value, which is checked already; undefined if an accessor has no setter. */
  readonly write: ((value: unknown) => void) | undefined;
}

/**
 * Whether the value at the key of a property is an object with `get` or `set`, and not the value of the property. An
 * object can be a value only if the type is a dict or a variant. Then it is one unless `get` or `set` is a function.
 */
export function isHandlers({ type }: PropertyDefinition, value: unknown): boolean {
  if (typeof value === 'function' || value === undefined) return true; // no value of D-Bus
  if (!isRecord(value)) return false;
  if (!type.startsWith('a{') && type !== 'v') return true;
  const own = (key: string): unknown => (Object.hasOwn(value, key) ? value[key] : undefined);
  return typeof own('get') === 'function' || typeof own('set') === 'function';
}

/**
 * The stored property at a key of the handlers, if it is an accessor or a plain value; undefined for `get` and `set`.
 */
export function storedProperty(
  handlers: Readonly<Record<string, unknown>>, name: string, definition: PropertyDefinition,
): StoredProperty | undefined {
  const key = Object.getOwnPropertyDescriptor(handlers, name);
  if (key === undefined) return undefined;
  if (key.get !== undefined || key.set !== undefined) {
    const write = (value: unknown): void => void Reflect.set(handlers, name, value);
    return { read: () => handlers[name], write: key.set === undefined ? undefined : write };
  }
  if (isHandlers(definition, key.value)) return undefined;
  let current: unknown = key.value;
  return { read: () => current, write: (value) => void (current = value) };
}

/** The handlers through which callers read and write the property. */
export function handlersOfStored({ read, write }: StoredProperty, { access }: PropertyDefinition): PropertyHandlers {
  return Object.freeze({ get: access === 'write' ? undefined : read, set: access === 'read' ? undefined : write });
}

/** The reason why a value does not fit the type of a property; undefined if it fits. */
export function misfit({ type }: PropertyDefinition, value: unknown): MarshalError | undefined {
  try {
    const message = signal<string>({ path: '/', interface: 'a.b', member: 'a', signature: type, body: [value] });
    encodeMessage(message, { serial: 1, allowUnixFds: false });
    return undefined;
  } catch (error) {
    if (error instanceof MarshalError) return error;
    throw error;
  }
}

/**
 * The values of all properties as keys of one object. Assigning to a key checks the value, stores it, and calls
 * `announce` unless a primitive value is the same as before.
 */
export function valuesOf(
  definition: InterfaceDefinition,
  stored: ReadonlyMap<string, StoredProperty>,
  announce: (name: string) => void,
): Record<string, unknown> {
  const values = Object.create(null) as Record<string, unknown>; // Object.create has no type for "nothing inherited"
  for (const [name, property] of Object.entries(definition.properties)) {
    const kept = stored.get(name);
    const noValue = (): never => {
      const problem = 'the property has get or set: it must be a plain value or an accessor';
      const at = { interface: definition.name, member: name };
      throw stackOfCaller(new DefinitionError('PROPERTY_NOT_STORED', problem, at), noValue);
    };
    const assign = (value: unknown): void => {
      const write = kept?.write;
      if (kept === undefined || write === undefined) return noValue();
      const error = misfit(property, value);
      if (error !== undefined) {
        throw errorAt(error, { interface: definition.name, member: name, propertyType: property.type }, assign);
      }
      const isSame = typeof value !== 'object' && Object.is(kept.read(), value);
      write(value);
      if (!isSame) announce(name);
    };
    Object.defineProperty(values, name, { enumerable: kept !== undefined, get: kept?.read ?? noValue, set: assign });
  }
  return Object.freeze(values);
}
