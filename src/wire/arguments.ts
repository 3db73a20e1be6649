// Errors for arguments of the wrong kind, with advice about the most common mistake. It knows only kinds of values.
import { describe } from './describe.js';
import { ArgumentError } from './errors.js';

/** The error for an argument of the wrong kind. For a promise, the most common mistake, it advises to await it. */
export function argumentError(owner: string, must: string, value: unknown): ArgumentError {
  const advice = isPromise(value) ? 'a promise: await it first' : describe(value);
  return new ArgumentError('ARGUMENT_INVALID', `${must}, got ${advice}`, { owner });
}

function isPromise(value: unknown): boolean {
  try {
    return value instanceof Promise;
  } catch {
    return false; // a revoked proxy
  }
}

/** Whether a value is an object that has methods of all these names. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof (value as Readonly<Record<string, unknown>>)[name] === 'function');
}

/** Whether a value is an object with keys of its own; an array or a Map has entries instead. Never throws. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  try {
    return typeof value === 'object' && value !== null && !(Symbol.iterator in value);
  } catch {
    return false; // a revoked proxy
  }
}
