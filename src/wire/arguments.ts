// Arguments of the wrong kind, refused by name with advice about the common slips. It knows kinds of values only.
import { describe } from './describe.js';

/** The error for an argument of the wrong kind; a promise, the most common one, is told to be awaited. */
export function argumentError(owner: string, must: string, value: unknown): TypeError {
  const advice = isPromise(value) ? 'a promise: await it first' : describe(value);
  return new TypeError(`${owner}: ${must}, got ${advice}`);
}

function isPromise(value: unknown): boolean {
  try {
    return value instanceof Promise;
  } catch {
    return false; // a revoked proxy
  }
}

/** Whether a value is an object with a method of each of these names. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof (value as Readonly<Record<string, unknown>>)[name] === 'function');
}
