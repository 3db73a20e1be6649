// The faults of values that are not what their types ask for, and the words for them. It knows values, not types.
import type { MarshalErrorCode } from './errors.js';
import { Fault } from './fault.js';

const LONGEST_SHOWN = 40;

/** A value in an error message: what it is, and how it looks where that is short. Never throws. */
export function describe(value: unknown): string {
  try {
    return words(value);
  } catch {
    return 'something that resists being looked at'; // a proxy, or a property that throws
  }
}

function words(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' || typeof value === 'bigint') return `${typeof value} ${value}`;
  if (typeof value === 'string') {
    return `string ${JSON.stringify(value.length > LONGEST_SHOWN ? `${value.slice(0, LONGEST_SHOWN)}…` : value)}`;
  }
  if (typeof value !== 'object') return `a ${typeof value}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null) return 'an object without prototype';
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' ? `an object of class ${name.slice(0, LONGEST_SHOWN)}` : 'an object of no known class';
}

/** What is thrown where a value breaks a rule; the containers around it add where it stands. */
export function marshalFault(code: MarshalErrorCode, problem: string, cause?: unknown): Fault<MarshalErrorCode> {
  return new Fault(code, problem, { cause });
}

/** The fault of a value of another kind than its type takes. */
export function mismatch(expected: string, value: unknown): Fault<MarshalErrorCode> {
  return marshalFault('VALUE_TYPE_MISMATCH', `expected ${expected}, got ${describe(value)}`);
}
