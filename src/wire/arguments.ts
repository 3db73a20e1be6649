// Checks of arguments, and the errors for those of the wrong kind, with advice about the most common mistakes.
// It knows only kinds of values.
import { describe } from './describe.js';
import { ArgumentError } from './errors.js';

/** The error for an argument of the wrong kind. For the most common mistakes it says what to do instead. */
export function argumentError(owner: string, must: string, value: unknown): ArgumentError {
  return new ArgumentError('ARGUMENT_INVALID', `${must}, got ${describeMistake(value)}`, { owner });
}

function describeMistake(value: unknown): string {
  switch (tagOf(value)) {
    case '[object Promise]': return 'a promise: await it first';
    case '[object ArrayBuffer]': return 'an ArrayBuffer: pass new Uint8Array(buffer)';
    case '[object SharedArrayBuffer]': return 'a SharedArrayBuffer: pass new Uint8Array(buffer)';
    default: return describe(value);
  }
}

/** The text that Object.prototype.toString() returns for a value; undefined if the value cannot be inspected. */
export function tagOf(value: unknown): string | undefined {
  try {
    return Object.prototype.toString.call(value);
  } catch {
    return undefined; // a revoked proxy, or a getter that throws
  }
}

/** Whether a value is a proxy that has been revoked: it cannot be used in any way. Runs no code of the value. */
export function isRevoked(value: unknown): boolean {
  try {
    Array.isArray(value);
    return false;
  } catch {
    return true;
  }
}

/** A key that no object has: the search for it visits all prototypes. */
const NO_KEY = Symbol('no key');

/**
 * Whether a value is a proxy that has been revoked, or inherits from one. A proxy whose trap `has` throws counts too.
 * Slower than {@link isRevoked}: it must not be used on the values of messages. Never throws.
 */
export function inheritsRevoked(value: unknown): boolean {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  try {
    void (NO_KEY in value);
    return false;
  } catch {
    return true;
  }
}

const mapSize = Object.getOwnPropertyDescriptor(Map.prototype, 'size')?.get as (this: unknown) => number; // ECMAScript

/** Whether a value has the entries of a Map: an object with a Map as its prototype has none. Never throws. */
export function hasMapEntries(value: unknown): value is ReadonlyMap<unknown, unknown> {
  try {
    return mapSize.call(value) >= 0;
  } catch {
    return false;
  }
}

/** Whether a value is a Map, from any realm, whatever it says about itself. Never throws. */
export function isMap(value: unknown): value is ReadonlyMap<unknown, unknown> {
  return tagOf(value) === '[object Map]' && hasMapEntries(value); // last, because a throw is slow
}

/** The name of the class of any typed array, whichever realm it is from and whatever it says about itself. */
const classOfTypedArray = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag,
)?.get as (this: unknown) => string | undefined; // ECMAScript defines this getter

/** Whether a value is a Uint8Array, as Node's Buffers are. */
export function isBytes(value: unknown): value is Uint8Array {
  try {
    return classOfTypedArray.call(value) === 'Uint8Array' && (value instanceof Uint8Array || !inheritsRevoked(value));
  } catch {
    return false; // it inherits from a revoked proxy
  }
}

/** Checks that an argument is a Uint8Array; `name` is its name. @throws {ArgumentError} if it is not */
export function checkBytes(owner: string, name: string, value: unknown): asserts value is Uint8Array {
  if (!isBytes(value)) throw argumentError(owner, `the ${name} must be a Uint8Array`, value);
}

/** Checks that an argument is a string; `name` is its name. @throws {ArgumentError} if it is not */
export function checkText(owner: string, name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') throw argumentError(owner, `the ${name} must be a string`, value);
}

/** Checks that an argument is an object; `name` is its name. @throws {ArgumentError} if it is not */
export function checkObject(owner: string, name: string, value: unknown): asserts value is object {
  if (typeof value === 'object' && value !== null && !inheritsRevoked(value)) return;
  throw argumentError(owner, `the ${name} must be an object`, value);
}

/** Whether a value is an array. Never throws. */
export function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value) && !inheritsRevoked(value);
  } catch {
    return false; // a revoked proxy
  }
}

/** A faster check for the values of messages: an array that inherits from a revoked proxy passes. Never throws. */
export function isIndexed(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false; // a revoked proxy
  }
}

/** Whether `instanceof` is true. Never throws. */
export function isInstance<T>(value: unknown, constructor: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof constructor;
  } catch {
    return false; // a revoked proxy, or an object that inherits from one
  }
}

/** Whether a value is an object that has methods of all these names. Never throws. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return names.every((name) => typeof (value as Readonly<Record<string, unknown>>)[name] === 'function');
  } catch {
    return false; // a revoked proxy, or a getter that throws
  }
}

/** Whether a value is an object with keys of its own; an array or a Map has entries instead. Never throws. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  try {
    return typeof value === 'object' && value !== null && !(Symbol.iterator in value);
  } catch {
    return false; // a revoked proxy
  }
}

/** A function that calls `callback`, a function of `object`, with `object` as `this`: its type promises that. */
export function withThis<Callback extends (...args: never[]) => unknown>(callback: Callback, object: object): Callback {
  try {
    return Function.prototype.bind.call(callback, object); // a bound function has the type of its function
  } catch {
    return callback; // a revoked proxy, which throws when it is called
  }
}
