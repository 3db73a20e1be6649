// Makes a VARIANT: a value that carries its own type. It is plain data, to be compared, cloned, logged or written by
// hand. It knows nothing about bytes: marshaling checks that the value fits. Specification: Container types.
// Tests: test/types/signatures.test.ts, test/wire/values/codec.test.ts.
import { checkText } from './arguments.js';
import type { CheckedSingle, InputOf, Variant } from './infer.js';
import { codecOfSingle } from './values/codec.js';

export type { Variant } from './infer.js';

/**
 * Makes a VARIANT: `variant('s', 'text')`, `variant('a{sv}', { volume: variant('d', 0.5) })`.
 * The type is never guessed from the value. The compiler checks a signature literal and its value. At run time this
 * function checks the signature; marshaling checks the value, because it may still change until then.
 * @throws {SignatureError} if `signature` is not exactly one single complete type
 * @throws {ArgumentError} if `signature` is not a string
 */
export function variant<const S extends string>(signature: CheckedSingle<S>, value: InputOf<S>): Variant<S, InputOf<S>>;
export function variant(signature: string, value: unknown): Variant {
  checkText('variant', 'signature', signature);
  codecOfSingle(signature); // throws if it is not valid; the same codec then marshals the value
  return { signature, value };
}
