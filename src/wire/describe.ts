// Describes a caller's value for an error message: in few words, and without ever throwing, whatever the value is.
// Tests: options.test.ts, names.test.ts.
import { printable } from './printable.js';

const LONGEST_SHOWN = 40;

/** A value in an error message: its kind, and the value itself if that is short. Never throws. */
export function describe(value: unknown): string {
  try {
    return describeUnsafely(value);
  } catch {
    return 'a value that cannot be inspected'; // a revoked proxy, or a getter that throws
  }
}

function describeUnsafely(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return `number ${value}`;
  if (typeof value === 'bigint') return isShort(value) ? `bigint ${value}` : 'a bigint of more than 128 bits';
  if (typeof value === 'string') return `string ${quote(value, LONGEST_SHOWN)}`;
  if (typeof value !== 'object') return `a ${typeof value}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null) return 'an object without prototype';
  const name: unknown = value.constructor?.name;
  if (typeof name !== 'string') return 'an object of no known class';
  return `an object of class ${name.slice(0, LONGEST_SHOWN)}`;
}

/** Whether a bigint has few digits; converting one with millions of digits to text takes long. */
function isShort(value: bigint): boolean {
  return BigInt.asIntN(128, value) === value;
}

/** Text in double quotes, fit to be printed, cut after `longest` characters. */
export function quote(text: string, longest: number): string {
  return printable(JSON.stringify(text.length > longest ? `${text.slice(0, longest)}…` : text));
}
