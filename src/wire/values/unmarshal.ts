// Unmarshals values alone, without a message, and makes the error that users see. body.ts reads the values.
// Specification: Marshaling (Wire Format). Tests: unmarshal.test.ts.
import { checkBytes, checkText } from '../arguments.js';
import type { ByteOrder } from '../constants.js';
import { UnmarshalError, type UnmarshalErrorCode } from '../errors.js';
import type { BodyOf, CheckedSignature, TypedBodyOf } from '../infer.js';
import { BYTE_ORDER, checkOptions, type OptionRules } from '../options.js';
import { unmarshalBody } from './body.js';
import { codecOf } from './codec.js';
import { Fault } from './fault.js';
import { Reader } from './reader.js';
import { DEFAULT_READING, READ_RULES, type ReadOptions, toReading } from './read-options.js';

/** Converts a {@link Fault} from reading bytes to the error that users see; other errors stay unchanged. */
export function toUnmarshalError(error: unknown, root: string): unknown {
  if (!(error instanceof Fault)) return error;
  const fault = error as Fault<UnmarshalErrorCode>; // nothing marshals while bytes are read
  const options = fault.cause === undefined ? undefined : { cause: fault.cause };
  return new UnmarshalError(fault.code, fault.problem, { offset: fault.offset, path: root + fault.path }, options);
}

/** Options of {@link unmarshal}. */
export interface UnmarshalOptions extends ReadOptions {
  /** Byte order of the values. Default: little. */
  readonly byteOrder?: ByteOrder | undefined;
}

/**
 * Unmarshals values alone, without a message. The first byte is on an 8-byte boundary, and no bytes may be left over.
 * @param signature zero or more single complete types
 * @throws {SignatureError} if the signature is not valid
 * @throws {UnmarshalError} if the bytes break a rule
 * @throws {ArgumentError} if `signature` is not a string, `bytes` is not a Uint8Array, or an option is not valid
 * ‹Marshaling (Wire Format)›
 */
export function unmarshal<const S extends string>(
  signature: CheckedSignature<S>,
  bytes: Uint8Array,
  options: UnmarshalOptions & { readonly typedArrays: true },
): TypedBodyOf<S>;
export function unmarshal<const S extends string>(
  signature: CheckedSignature<S>,
  bytes: Uint8Array,
  options?: UnmarshalOptions & { readonly typedArrays?: false | undefined },
): BodyOf<S>;
export function unmarshal<const S extends string>(
  signature: CheckedSignature<S>,
  bytes: Uint8Array,
  options?: UnmarshalOptions,
): BodyOf<S> | TypedBodyOf<S>;
export function unmarshal(signature: string, bytes: Uint8Array, options?: UnmarshalOptions): unknown[] {
  checkText('unmarshal', 'signature', signature);
  checkBytes('unmarshal', 'bytes', bytes);
  checkOptions('unmarshal', options, UNMARSHAL_RULES);
  const range = { offset: 0, end: bytes.length, littleEndian: options?.byteOrder !== 'big' };
  const reader = new Reader(bytes, range, options === undefined ? DEFAULT_READING : toReading(options));
  const codec = codecOf(signature);
  try {
    return unmarshalBody(reader, codec);
  } catch (error) {
    throw toUnmarshalError(error, 'body');
  }
}

const UNMARSHAL_RULES: OptionRules<UnmarshalOptions> = {
  byteOrder: BYTE_ORDER, maxValues: READ_RULES.maxValues, typedArrays: READ_RULES.typedArrays,
};
