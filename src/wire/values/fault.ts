// The internal error of marshaling and unmarshaling: a light object, thrown by the closure that finds a broken rule.
// Each container on the way out adds its part of the path. The entry points turn it into a MarshalError or an
// UnmarshalError, so no user sees one. It knows neither types nor bytes. Tests: marshal.test.ts, unmarshal.test.ts.
import { MAX_MESSAGE_LENGTH } from '../constants.js';
import { describe, quote } from '../describe.js';
import type { MarshalErrorCode, UnmarshalErrorCode } from '../errors.js';

/** A broken rule, on its way out of nested values. */
export class Fault<Code extends MarshalErrorCode | UnmarshalErrorCode> {
  readonly code: Code;
  readonly problem: string;
  /** Offset of the byte that breaks the rule; 0 when marshaling. */
  readonly offset: number;
  readonly cause: unknown;
  /** Path from the value given to the entry point to the wrong value, such as `[2]["k"]`. */
  path = '';

  constructor(code: Code, problem: string, { offset = 0, cause }: { offset?: number; cause?: unknown } = {}) {
    this.code = code;
    this.problem = problem;
    this.offset = offset;
    this.cause = cause;
  }
}

/** The fault of a value of a JavaScript type that its D-Bus type does not accept. */
export function mismatch(expected: string, value: unknown): Fault<MarshalErrorCode> {
  return new Fault('VALUE_TYPE_MISMATCH', `expected ${expected}, got ${describe(value)}`);
}

/** The fault of a message that refers to file descriptors, on a stream that cannot carry them. */
export function unixFdFault(): Fault<MarshalErrorCode> {
  return new Fault('UNIX_FD_NOT_SENDABLE', 'file descriptors cannot be sent: the sockets of Node do not carry them');
}

/** Longest part of a key that a path shows, in characters: a key may be megabytes of a peer's text. */
const LONGEST_KEY = 64;

/** One step of a path: `[2]` for an index, `["k"]` for a string key, `[?]` for a value that cannot be a key. */
export function formatSegment(segment: unknown): string {
  const isKey = ['string', 'number', 'bigint', 'boolean'].includes(typeof segment);
  if (!isKey) return '[?]';
  if (typeof segment !== 'string') return `[${segment}]`;
  return `[${quote(segment, LONGEST_KEY)}]`;
}

/** Adds `segment` to the path of a {@link Fault} and returns it for rethrowing. Other errors stay unchanged. */
export function within(error: unknown, segment: unknown): unknown {
  if (error instanceof Fault) error.path = `${formatSegment(segment)}${error.path}`;
  return error;
}

/** The fault of a padding byte that is not zero. */
export function paddingFault(offset: number): Fault<UnmarshalErrorCode> {
  return new Fault('PADDING_NOT_ZERO', 'found padding that is not zero: each of its bytes must be 0', { offset });
}

/** The end of an error text about a message longer than `limit` bytes: names the option that has lowered the limit. */
export function reasonOfLimit(limit: number, option: string | undefined): string {
  return option === undefined || limit === MAX_MESSAGE_LENGTH ? '' : `, as the option ${option} says`;
}
