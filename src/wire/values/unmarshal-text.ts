// Unmarshals the string-like types, with their lengths and terminating NULs, and caches text that repeats.
// utf8.ts knows UTF-8; signature and name grammars are elsewhere.
// Specification: Marshalling Basic Types (string-like types). Tests: unmarshal.test.ts, utf8.test.ts.
import { counted } from '../counted.js';
import { ByteCache } from './byte-cache.js';
import { CACHE_LIMITS } from '../cache-limits.js';
import { checkSignature, type Codec, codecOf, codecOfLetter, EMPTY_CODEC } from './codec.js';
import { SignatureError, type UnmarshalErrorCode } from '../errors.js';
import { Fault } from './fault.js';
import { isObjectPath } from '../names.js';
import type { Reader, Unmarshal } from './reader.js';
import type { StringTypeCode } from '../signature.js';
import { readText } from './utf8.js';

/**
 * Checks that text of `length` bytes and its NUL exist, and moves the reader after both; returns the end of the text.
 * The reader must be at the first byte of the text.
 */
export function endOfText(reader: Reader, length: number, lengthOffset: number): number {
  const end = reader.offset + length;
  if (end >= reader.end) {
    const rest = reader.end - reader.offset;
    const problem = `the text has ${counted(length, 'byte')} and a NUL: it must fit into the ${rest} that are left`;
    throw reader.fault('STRING_LENGTH_OUT_OF_BOUNDS', problem, lengthOffset);
  }
  if (reader.bytes[end] !== 0) {
    throw reader.fault('STRING_NOT_TERMINATED', `found byte ${reader.bytes[end]} after the text: it must be NUL`, end);
  }
  reader.offset = end + 1;
  return end;
}

function unmarshalString(reader: Reader): string {
  const length = reader.readUint32();
  const start = reader.offset;
  return readText(reader, start, endOfText(reader, length, start - 4));
}

/**
 * Compiles a reader of text that repeats across messages: text that it has read before is neither decoded nor checked
 * again. Each reader has a cache of its own.
 * @param check throws if the text is not valid; it gets the offset of the length word
 */
export function compileKnownText(check?: (text: string, lengthOffset: number) => void): (reader: Reader) => string {
  const known = new ByteCache<string>(CACHE_LIMITS.receivedTexts);
  return (reader) => {
    const length = reader.readUint32();
    const start = reader.offset;
    const end = endOfText(reader, length, start - 4);
    const found = known.find(reader.bytes, start, end);
    if (found !== undefined) return found;
    const text = readText(reader, start, end);
    check?.(text, start - 4);
    known.keep(reader.bytes, { start, end }, text);
    return text;
  };
}

/** The fault of an OBJECT_PATH whose length is at `offset`. */
export function objectPathFault(offset: number): Fault<UnmarshalErrorCode> {
  return new Fault('OBJECT_PATH_INVALID', 'the text is not an object path: it must be one', { offset });
}

const unmarshalObjectPath = compileKnownText((text, offset) => {
  if (!isObjectPath(text)) throw objectPathFault(offset);
});

/** Reads a STRING that is the key of a dict; most of these are names, which repeat. */
export const unmarshalStringKey: Unmarshal = compileKnownText();

/* Signatures ----------------------------------------------------------------------------------------------------- */

const knownCodecs = new ByteCache<Codec>(CACHE_LIMITS.receivedSignatures);

/** Moves the reader after the length, text and NUL of a SIGNATURE; returns the end of the text. */
function endOfSignature(reader: Reader): number {
  reader.align(1, 1);
  const length = reader.bytes[reader.offset++]!; // align() checked that this byte exists
  return endOfText(reader, length, reader.offset - 1);
}

/** The codec of a signature that was read before; it must not have one letter, see {@link readOneLetterCodec}. */
function findCodec({ bytes }: Reader, start: number, end: number): Codec | undefined {
  return end === start ? EMPTY_CODEC : knownCodecs.find(bytes, start, end);
}

/** Converts the error of an invalid signature that starts at `start` to a {@link Fault}. */
function toSignatureFault(error: unknown, start: number): unknown {
  if (!(error instanceof SignatureError)) return error;
  // All characters before the broken rule are ASCII, so characters and bytes have the same offset.
  return new Fault(error.code, error.message, { offset: start + error.offset, cause: error });
}

/** Reads a SIGNATURE of one letter; otherwise leaves the reader where it is and returns undefined. */
function readOneLetterCodec(reader: Reader): Codec | undefined {
  const { bytes, offset } = reader;
  if (bytes[offset] !== 1 || offset + 3 > reader.end || bytes[offset + 2] !== 0) return undefined;
  const codec = codecOfLetter(bytes[offset + 1]!);
  if (codec !== undefined) reader.offset = offset + 3;
  return codec;
}

/** Reads the SIGNATURE of a variant or a body, whose values are read next. Most variants have one letter. */
export function readCodec(reader: Reader): Codec {
  return readOneLetterCodec(reader) ?? readAnyCodec(reader);
}

function readAnyCodec(reader: Reader): Codec {
  const start = reader.offset + 1;
  const end = endOfSignature(reader);
  const known = findCodec(reader, start, end);
  if (known !== undefined) return known;
  const signature = readText(reader, start, end);
  try {
    const codec = codecOf(signature);
    knownCodecs.keep(reader.bytes, { start, end }, codec);
    return codec;
  } catch (error) {
    throw toSignatureFault(error, start);
  }
}

/** Reads a value of type SIGNATURE. It adds nothing to the caches, so that it pushes no codec out. */
export function unmarshalSignature(reader: Reader): string {
  const codec = readOneLetterCodec(reader);
  if (codec !== undefined) return codec.signature;
  const start = reader.offset + 1;
  const end = endOfSignature(reader);
  const known = findCodec(reader, start, end);
  if (known !== undefined) return known.signature;
  const signature = readText(reader, start, end);
  try {
    checkSignature(signature);
    return signature;
  } catch (error) {
    throw toSignatureFault(error, start);
  }
}

/** The reader of each string-like type. */
export const UNMARSHAL_STRING: Readonly<Record<StringTypeCode, Unmarshal>> = {
  s: unmarshalString,
  o: unmarshalObjectPath,
  g: unmarshalSignature,
};
