// The words for a value that is not what its type asks for. It knows values, not types.
import type { MarshalErrorCode } from './errors.js';
import { Fault } from './fault.js';

const LONGEST_SHOWN = 40;

/** A value in an error message: what it is, and how it looks where that is short. */
export function describe(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' || typeof value === 'bigint') return `${typeof value} ${value}`;
  if (typeof value === 'string') {
    return `string ${JSON.stringify(value.length > LONGEST_SHOWN ? `${value.slice(0, LONGEST_SHOWN)}…` : value)}`;
  }
  if (typeof value !== 'object') return `a ${typeof value}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null ? 'an object without prototype' : `an object of class ${value.constructor?.name}`;
}

/** The fault of a value of another kind than its type takes. */
export function mismatch(expected: string, value: unknown): Fault<MarshalErrorCode> {
  return new Fault('VALUE_TYPE_MISMATCH', `expected ${expected}, got ${describe(value)}`);
}
