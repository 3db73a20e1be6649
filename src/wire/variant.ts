// VARIANT: a value that brings its own type. Plain data, so that it can be compared, cloned, logged, written by hand.
// It knows nothing of bytes; whether a value fits its signature is checked where it is marshalled.
// Specification: Container types.
import { BoundedCache } from './bounded-cache.js';
import type { CheckedSingle, InputOf, ValueOf } from './infer.js';
import { parseSingleType, type Type } from './signature.js';

/** How many signatures are known to be in order. */
const KNOWN_SIGNATURES = 256;

const singleTypes = new BoundedCache<string, Type>(KNOWN_SIGNATURES);

/** A VARIANT: a value and the one single complete type it is marshalled as. Any `Variant<'s'>` is a `Variant`. */
export interface Variant<S extends string = string, V = ValueOf<S>> {
  /** Exactly one single complete type. */
  readonly signature: S;
  readonly value: V;
}

/**
 * A VARIANT of one single complete type: `variant('s', 'text')`, `variant('a{sv}', { volume: variant('d', 0.5) })`.
 * The type is never guessed from the value. A signature literal and its value are checked by the compiler; at run time
 * the signature is checked here, and the value when it is marshalled, since it may still change until then.
 * @throws {SignatureError} if `signature` is not exactly one single complete type
 */
export function variant<const S extends string>(signature: CheckedSingle<S>, value: InputOf<S>): Variant<S, InputOf<S>>;
export function variant(signature: string, value: unknown): Variant {
  singleTypes.get(signature, parseSingleType);
  return { signature, value };
}
