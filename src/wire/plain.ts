// Takes values out of their variants: the value of one key of an a{sv}, the values of all its keys, or a value at every
// level. A type is compared and never converted. It knows no bytes. Specification: Container types (VARIANT).
import { argumentError, checkText, inheritsRevoked, isMap, isRecord } from './arguments.js';
import { MAX_VALUE_DEPTH } from './constants.js';
import { ArgumentError } from './errors.js';
import type { CheckedSingle, ReadValueOf, ValueOf, Variant } from './infer.js';
import { type FixedTypeCode, parseSingleType } from './signature.js';

/** The values of `a{sv}`: as a Map, as they are read, or as an object, as they can be written. */
export type VariantDict = ReadonlyMap<string, Variant> | Readonly<Record<string, Variant>>;

/**
 * The value of a variant of a signature: `TakenValue<'s'>` is a string. An array of numbers is a plain array or a typed
 * one, because this depends on the options of the link.
 */
export type TakenValue<S extends string> = S extends NumberArray ? ReadValueOf<S, boolean> : ValueOf<S>;

/** The signatures with an array that is a typed array on some links only; `ay` is one on all. */
type NumberArray = `${string}a${Exclude<FixedTypeCode, 'b' | 'y'>}${string}`;

/** Whether a value has the form of a variant: a type and a value, and nothing else. */
export function isVariant(value: unknown): value is Variant {
  return isRecord(value) && 'signature' in value && 'value' in value && typeof value['signature'] === 'string'
    && Object.keys(value).length === 2;
}

/**
 * Whether a variant has a signature; the compiler then knows its value: `if (isVariantOf(v, 's')) v.value.trim()`. The
 * value itself is not examined: in a variant that was read it has the type of the signature.
 * @throws {SignatureError} if `signature` is not exactly one single complete type
 * @throws {ArgumentError} if `signature` is not a string
 */
export function isVariantOf<const S extends string>(
  variant: Variant | undefined, signature: CheckedSingle<S>,
): variant is Variant<S, TakenValue<S>>;
export function isVariantOf(variant: Variant | undefined, signature: string): boolean {
  checkText('isVariantOf', 'signature', signature);
  parseSingleType(signature); // throws if it is not valid
  try {
    return isRecord(variant) && variant.signature === signature;
  } catch {
    return false; // a getter that throws
  }
}

/**
 * The value of a key of an `a{sv}`: `take(details, 'title', 's')` is a string, or undefined. A value whose type is not
 * one of the signatures counts as missing; pass each signature that you can use: `take(details, 'artist', 'as', 's')`.
 * @throws {SignatureError} if a signature is not exactly one single complete type
 * @throws {ArgumentError} if there is no signature, or `dict` is neither a Map nor an object
 */
export function take<const S extends readonly string[]>(
  dict: VariantDict, key: string, ...signatures: { readonly [I in keyof S]: CheckedSingle<S[I]> }
): TakenValue<S[number]> | undefined;
export function take(dict: VariantDict, key: string, ...signatures: readonly string[]): unknown {
  checkText('take', 'key', key);
  if (signatures.length === 0) {
    throw new ArgumentError('ARGUMENT_INVALID', 'no signature is given: there must be at least one', { owner: 'take' });
  }
  for (const signature of signatures) {
    checkText('take', 'signature', signature);
    parseSingleType(signature); // throws if it is not valid
  }
  const variant = variantAt('take', dict, key);
  return variant !== undefined && signatures.includes(variant.signature) ? variant.value : undefined;
}

/** The signatures of the keys that a caller of {@link unwrap} wants. */
type Checked<Signatures> = { readonly [K in keyof Signatures]: CheckedSingle<Extract<Signatures[K], string>> };

/**
 * The values of an `a{sv}` without their variants, one level deep, as an object without a prototype. With signatures by
 * key it has these keys only, and only those whose values have this type: `unwrap(details, { title: 's' }).title` is a
 * string or undefined. {@link toPlain} unwraps at every level.
 * @throws {SignatureError} if a signature is not exactly one single complete type
 * @throws {ArgumentError} if `dict` is neither a Map nor an object, or has a value that is not a variant
 */
export function unwrap(dict: VariantDict): Record<string, unknown>;
export function unwrap<const Signatures extends Readonly<Record<string, string>>>(
  dict: VariantDict,
  signatures: { readonly [K in keyof Signatures]: unknown }
    & (Signatures extends Checked<Signatures> ? Signatures : Checked<Signatures>),
): { -readonly [K in keyof Signatures]?: TakenValue<Signatures[K]> };
export function unwrap(dict: VariantDict, signatures?: Readonly<Record<string, string>>): Record<string, unknown> {
  const values = Object.create(null) as Record<string, unknown>; // Object.create has no type for "nothing inherited"
  if (signatures === undefined) {
    for (const key of keysOf('unwrap', dict)) values[key] = variantAt('unwrap', dict, key)?.value;
    return values;
  }
  if (!isRecord(signatures)) throw argumentError('unwrap', 'the signatures must be an object', signatures);
  for (const [key, signature] of Object.entries(signatures)) {
    const value = take(dict, key, signature);
    if (value !== undefined) values[key] = value;
  }
  return values;
}

/** Whether a value is a plain object, without a class: a Date or an Error is not. */
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (!isRecord(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function checkDict(owner: string, dict: unknown): void {
  if (isMap(dict) || isRecord(dict)) return;
  throw argumentError(owner, 'the dict must be a Map or an object', dict);
}

function keysOf(owner: string, dict: VariantDict): Iterable<string> {
  checkDict(owner, dict);
  return isMap(dict) ? dict.keys() : Object.keys(dict);
}

function variantAt(owner: string, dict: VariantDict, key: string): Variant | undefined {
  checkDict(owner, dict);
  const found: unknown = isMap(dict) ? dict.get(key) : Object.hasOwn(dict, key) ? dict[key] : undefined;
  if (found === undefined) return undefined;
  if (isRecord(found) && typeof found['signature'] === 'string' && 'value' in found) return found as object as Variant;
  throw argumentError(owner, 'a value of the dict must be a variant', found);
}

/** More containers than those of any message: variants around each of the deepest values. */
export const MAX_PLAIN_DEPTH = 2 * MAX_VALUE_DEPTH;

/** The error for a value that contains itself, or is nested too deep. */
export function tooDeep(owner: string): ArgumentError {
  const problem = `the value is more than ${MAX_PLAIN_DEPTH} levels deep: it must be at most ${MAX_PLAIN_DEPTH}`;
  return new ArgumentError('ARGUMENT_INVALID', problem, { owner });
}

/**
 * A value with no variant at any level: a variant becomes its value, and a Map whose keys are all strings becomes an
 * object without a prototype. Other Maps stay Maps; bigints, bytes and typed arrays stay what they are. The types of
 * the variants are lost: the result is for reading. {@link toJson} keeps them.
 * @throws {ArgumentError} if the value is more than 128 levels deep, as one that contains itself is
 */
export function toPlain(value: unknown): unknown {
  return plain(value, 0);
}

function plain(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || inheritsRevoked(value)) return value;
  if (depth > MAX_PLAIN_DEPTH) throw tooDeep('toPlain');
  if (Array.isArray(value)) return value.map((element) => plain(element, depth + 1));
  if (isMap(value)) return plainMap(value, depth + 1);
  if (isVariant(value)) return plain(value.value, depth + 1);
  return isPlainObject(value) ? plainObject(Object.entries(value), depth + 1) : value;
}

function plainMap(map: ReadonlyMap<unknown, unknown>, depth: number): unknown {
  const entries = [...map];
  const isOfTexts = (all: typeof entries): all is [string, unknown][] => all.every(([key]) => typeof key === 'string');
  if (isOfTexts(entries)) return plainObject(entries, depth);
  return new Map(entries.map(([key, value]) => [key, plain(value, depth)]));
}

function plainObject(entries: readonly (readonly [string, unknown])[], depth: number): Record<string, unknown> {
  const object = Object.create(null) as Record<string, unknown>; // a key can be `__proto__`
  for (const [key, value] of entries) object[key] = plain(value, depth);
  return object;
}
