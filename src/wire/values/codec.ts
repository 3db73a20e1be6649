// The one record of a signature: its types, and the code that marshals, unmarshals and checks values of them. Parsing
// happens here; marshal.ts, unmarshal-containers.ts and check.ts each compile their side into the record on first use,
// so that a file that writes does not load those that read. Specification: Type System, Valid Signatures.
import { BoundedCache } from '../bounded-cache.js';
import { CACHE_LIMITS } from '../cache-limits.js';
import { BASIC_OR_VARIANT, notSingleError, parseSignature, type Type } from '../signature.js';
import type { Check, Unmarshal } from './reader.js';
import type { Marshal } from './writer.js';

/** A valid signature and everything that is derived from it. */
export class Codec {
  readonly signature: string;
  /** The single complete types of the signature, in order. */
  readonly types: readonly Type[];
  /** Writes a value, one function for each type; undefined until marshal.ts compiles them. */
  marshalers: readonly Marshal[] | undefined = undefined;
  /** Reads a value, one function for each type; undefined until unmarshal-containers.ts compiles them. */
  unmarshalers: readonly Unmarshal[] | undefined = undefined;
  /** Passes over a value, one function for each type; undefined until check.ts compiles them. */
  checks: readonly Check[] | undefined = undefined;

  /** @throws {SignatureError} if the signature is not valid */
  constructor(signature: string) {
    this.signature = signature;
    this.types = parseSignature(signature);
  }
}

const codecs = new BoundedCache<Codec>(CACHE_LIMITS.codecs);
const newCodec = (signature: string): Codec => new Codec(signature);

/** The codec of the empty signature: a body without values. */
export const EMPTY_CODEC = new Codec('');

/** The codecs of one-character signatures by character code. Most variants have one, so these are never dropped. */
const ONE_LETTER_CODEC: readonly (Codec | undefined)[] = Array.from({ length: 256 }, (_, code) => {
  const letter = String.fromCharCode(code);
  return BASIC_OR_VARIANT.includes(letter) ? new Codec(letter) : undefined;
});

/** The codec of the signature with one character of this code; undefined if no type has that code. */
export function codecOfLetter(characterCode: number): Codec | undefined {
  return ONE_LETTER_CODEC[characterCode];
}

function findPermanent(signature: string): Codec | undefined {
  if (signature.length === 1) return ONE_LETTER_CODEC[signature.charCodeAt(0)];
  return signature === '' ? EMPTY_CODEC : undefined;
}

/**
 * The codec of a signature.
 * @throws {SignatureError} if the signature is not valid ‹Valid Signatures›
 */
export function codecOf(signature: string): Codec {
  return findPermanent(signature) ?? codecs.get(signature, newCodec);
}

/**
 * The codec of the signature of a variant.
 * @throws {SignatureError} if the signature is not valid, or is not exactly one single complete type
 */
export function codecOfSingle(signature: string): Codec {
  const codec = codecOf(signature);
  if (codec.types.length !== 1) throw notSingleError(signature, codec.types);
  return codec;
}

/**
 * Checks a signature without adding it to the cache: values of type SIGNATURE must not push out codecs.
 * @throws {SignatureError} if the signature is not valid ‹Valid Signatures›
 */
export function checkSignature(signature: string): void {
  if (findPermanent(signature) === undefined && !codecs.has(signature)) parseSignature(signature);
}
