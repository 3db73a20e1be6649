// The faults of values that are not what their types ask for. It knows values, not types.
import { describe } from '../describe.js';
import type { MarshalErrorCode } from '../errors.js';
import { Fault } from './fault.js';

/** What is thrown where a value breaks a rule; the containers around it add where it stands. */
export function marshalFault(code: MarshalErrorCode, problem: string, cause?: unknown): Fault<MarshalErrorCode> {
  return new Fault(code, problem, { cause });
}

/** The fault of a value of another kind than its type takes. */
export function mismatch(expected: string, value: unknown): Fault<MarshalErrorCode> {
  return marshalFault('VALUE_TYPE_MISMATCH', `expected ${expected}, got ${describe(value)}`);
}
