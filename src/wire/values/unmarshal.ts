// Bytes into values: each type is compiled once to a closure that checks every rule and returns the value.
// It knows types and a reader; messages and their headers are message.ts's. What it returns shares no memory with the
// bytes, so that no value keeps a message alive. Specification: Marshaling (Wire Format).
import { BoundedCache } from '../bounded-cache.js';
import { ByteCache } from './byte-cache.js';
import type { ByteOrder } from '../constants.js';
import { checkDepth, lengthMismatch, readArrayEnd } from './containers.js';
import { SignatureError, UnmarshalError, type UnmarshalErrorCode } from '../errors.js';
import { Fault, within } from './fault.js';
import type { BodyOf, CheckedSignature } from '../infer.js';
import { isObjectPath } from '../names.js';
import { Reader, type Unmarshal } from './reader.js';
import {
  BASIC_OR_VARIANT, type DictType, parseSignature, type StringTypeCode, type StructType, type Type,
} from '../signature.js';
import { readText } from './text.js';
import { compileUnmarshalFixed, compileUnmarshalFixedArray, compileUnmarshalFixedStructArray } from './unmarshal-fixed.js';
import type { Variant } from '../variant.js';

/* Text ----------------------------------------------------------------------------------------------------------- */

/** Where the text ends whose `length` was just read; checks that it and its NUL are there, and passes over both. */
function endOfText(reader: Reader, length: number, lengthOffset: number): number {
  const end = reader.offset + length;
  if (end >= reader.end) {
    const problem = `text of ${length} bytes and its NUL, but ${reader.end - reader.offset} bytes are left`;
    throw reader.fault('STRING_LENGTH_OUT_OF_BOUNDS', problem, lengthOffset);
  }
  if (reader.bytes[end] !== 0) throw reader.fault('STRING_NOT_TERMINATED', 'text does not end with a NUL byte', end);
  reader.offset = end + 1;
  return end;
}

function readString(reader: Reader): string {
  const length = reader.readUint32();
  const start = reader.offset;
  return readText(reader, start, endOfText(reader, length, start - 4));
}

/** A closure that reads text which is the same ones over and over, and is checked when it is new. */
export function compileKnownText(check?: (text: string, lengthOffset: number) => void): (reader: Reader) => string {
  const known = new ByteCache<string>(KNOWN_TEXTS);
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

/** How many texts each place remembers, and how long ones: names, paths and keys repeat from message to message. */
const KNOWN_TEXTS = { slots: 256, maxLength: 64 };

const readObjectPath = compileKnownText((text, offset) => {
  if (!isObjectPath(text)) {
    throw new Fault<UnmarshalErrorCode>('OBJECT_PATH_INVALID', 'not an object path', { offset });
  }
});

/** The keys of dicts are names more often than not. */
const readStringKey = compileKnownText();

const readSignature = (reader: Reader): string => readCompiledSignature(reader).signature;

const UNMARSHAL_STRING: Readonly<Record<StringTypeCode, Unmarshal>> = {
  s: readString,
  o: readObjectPath,
  g: readSignature,
};

/* Containers ----------------------------------------------------------------------------------------------------- */

/** Arrays of STRING, of which there are many: no call for each, and a look at the padding only where there is some. */
function unmarshalStrings(reader: Reader, depth: number): string[] {
  const end = readArrayEnd(reader, 4);
  const texts: string[] = [];
  if (reader.offset === end) return texts;
  checkDepth(depth + 1, reader.offset);
  const { view, littleEndian } = reader;
  try {
    while (reader.offset < end) {
      if ((reader.offset & 3) !== 0 || reader.offset + 4 > reader.end) reader.align(4, 4);
      const length = view.getUint32(reader.offset, littleEndian);
      const start = (reader.offset += 4);
      texts.push(readText(reader, start, endOfText(reader, length, start - 4)));
    }
  } catch (error) {
    throw within(error, texts.length);
  }
  if (reader.offset !== end) throw lengthMismatch(reader, end);
  return texts;
}

function compileUnmarshalArray(elementType: Type): Unmarshal {
  if (elementType.kind === 'fixed') return compileUnmarshalFixedArray(elementType);
  if (elementType.signature === 's') return unmarshalStrings;
  if (elementType.kind === 'struct') {
    const { fields } = elementType;
    if (fields.every((field) => field.kind === 'fixed')) return compileUnmarshalFixedStructArray(fields);
  }
  const element = compileUnmarshal(elementType);
  const { alignment } = elementType;
  return (reader, depth) => {
    const end = readArrayEnd(reader, alignment);
    const values: unknown[] = [];
    if (reader.offset < end) checkDepth(depth + 1, reader.offset);
    try {
      while (reader.offset < end) values.push(element(reader, depth + 1));
    } catch (error) {
      throw within(error, values.length);
    }
    if (reader.offset !== end) throw lengthMismatch(reader, end);
    return values;
  };
}

function compileUnmarshalDict(type: DictType): Unmarshal {
  const key = type.key.kind === 'string' && type.key.code === 's' ? readStringKey : compileUnmarshal(type.key);
  const value = compileUnmarshal(type.value);
  return (reader, depth) => {
    const end = readArrayEnd(reader, 8);
    const dict = new Map<unknown, unknown>();
    let entryKey: unknown = 0;
    try {
      while (reader.offset < end) {
        entryKey = dict.size; // until it has a key, an entry is known by its number
        checkDepth(depth + 2, reader.offset);
        reader.align(8, 0);
        entryKey = key(reader, depth + 2);
        // A key given twice is corrupt, but receivers need not refuse it ‹Container types›: the last one wins.
        dict.set(entryKey, value(reader, depth + 2));
      }
    } catch (error) {
      throw within(error, entryKey);
    }
    if (reader.offset !== end) throw lengthMismatch(reader, end);
    return dict;
  };
}

function compileUnmarshalStruct({ fields }: StructType): Unmarshal {
  const readFields = compileUnmarshalSequence(fields);
  return (reader, depth) => {
    checkDepth(depth + 1, reader.offset);
    reader.align(8, 0);
    return readFields(reader, depth + 1);
  };
}

/** Compiles the reader of consecutive values: the fields of a struct, or the arguments of a message. */
function compileUnmarshalSequence(types: readonly Type[]): (reader: Reader, depth: number) => unknown[] {
  const unmarshallers = types.map(compileUnmarshal);
  return (reader, depth) => {
    const values = new Array<unknown>(unmarshallers.length);
    let i = 0;
    try {
      for (; i < unmarshallers.length; i++) values[i] = unmarshallers[i]!(reader, depth);
    } catch (error) {
      throw within(error, i);
    }
    return values;
  };
}

/** Reads a VARIANT that stands inside `depth` containers. */
export function readVariant(reader: Reader, depth: number): Variant {
  const start = reader.offset;
  const { signature, types, readFirst } = readCompiledSignature(reader);
  if (readFirst === undefined) {
    throw reader.fault('VARIANT_SIGNATURE_EMPTY', 'the signature of a variant is empty', start);
  }
  if (types.length > 1) {
    const offset = start + 1 + types[0]!.signature.length; // where the second type begins
    throw reader.fault('SIGNATURE_NOT_SINGLE', 'the signature of a variant is one single complete type', offset);
  }
  checkDepth(depth + 1, reader.offset);
  return { signature, value: readFirst(reader, depth + 1) };
}

function compileUnmarshal(type: Type): Unmarshal {
  switch (type.kind) {
    case 'fixed': return compileUnmarshalFixed(type);
    case 'string': return UNMARSHAL_STRING[type.code];
    case 'variant': return readVariant;
    case 'array': return compileUnmarshalArray(type.element);
    case 'dict': return compileUnmarshalDict(type);
    case 'struct': return compileUnmarshalStruct(type);
  }
}

/* Signatures ----------------------------------------------------------------------------------------------------- */

/** A signature and what reads values of it. */
export interface CompiledSignature {
  readonly signature: string;
  readonly types: readonly Type[];
  /** Reads the value of the first type, all that a variant has. */
  readonly readFirst: Unmarshal | undefined;
  /** Reads one value for each type. */
  readonly readAll: (reader: Reader, depth: number) => unknown[];
}

/** How many signatures stay compiled, and which of them are found by their bytes. */
const COMPILED_SIGNATURES = 1024;
const KNOWN_SIGNATURES = { slots: 256, maxLength: 64 };

const compiledSignatures = new BoundedCache<string, CompiledSignature>(COMPILED_SIGNATURES);
const knownSignatures = new ByteCache<CompiledSignature>(KNOWN_SIGNATURES);

function compile(signature: string): CompiledSignature {
  const types = parseSignature(signature);
  const [first] = types;
  const readFirst = first === undefined ? undefined : compileUnmarshal(first);
  return { signature, types, readFirst, readAll: compileUnmarshalSequence(types) };
}

/** What reads values of a signature; throws a {@link SignatureError}. */
export function compileSignature(signature: string): CompiledSignature {
  return compiledSignatures.get(signature, compile);
}

/** The signatures of one type that is no container, by their letter: what most variants have. */
const ONE_LETTER: readonly (CompiledSignature | undefined)[] = Array.from({ length: 256 }, (_, code) => {
  const letter = String.fromCharCode(code);
  return BASIC_OR_VARIANT.includes(letter) ? compile(letter) : undefined;
});

/** Reads a SIGNATURE: zero or more single complete types. */
export function readCompiledSignature(reader: Reader): CompiledSignature {
  reader.align(1, 1);
  const length = reader.bytes[reader.offset++]!; // align saw to it
  const start = reader.offset;
  const end = endOfText(reader, length, start - 1);
  const oneLetter = length === 1 ? ONE_LETTER[reader.bytes[start]!] : undefined;
  if (oneLetter !== undefined) return oneLetter;
  const known = knownSignatures.find(reader.bytes, start, end);
  if (known !== undefined) return known;
  const signature = readText(reader, start, end);
  try {
    const compiled = compileSignature(signature);
    knownSignatures.keep(reader.bytes, { start, end }, compiled);
    return compiled;
  } catch (error) {
    if (!(error instanceof SignatureError)) throw error;
    const offset = start + error.offset; // whatever stands before the broken rule is ASCII
    throw new Fault<UnmarshalErrorCode>(error.code, error.message, { offset, cause: error });
  }
}

/** Reads a body up to the reader's end; a {@link Fault}'s path starts with the index of the argument. */
export function unmarshalBody(reader: Reader, { signature, readAll }: CompiledSignature): unknown[] {
  const values = readAll(reader, 0);
  if (reader.offset < reader.end) {
    const rest = reader.end - reader.offset;
    throw signature === ''
      ? reader.fault('BODY_WITHOUT_SIGNATURE', `a body of ${rest} bytes, but no signature`)
      : reader.fault('BODY_EXCESS', `${rest} bytes are left behind the last value of signature "${signature}"`);
  }
  return values;
}

/** The error that users see, from what was thrown while bytes were read under `root`. */
export function toUnmarshalError(error: unknown, root: string): unknown {
  if (!(error instanceof Fault)) return error;
  const fault = error as Fault<UnmarshalErrorCode>;
  const options = fault.cause === undefined ? undefined : { cause: fault.cause };
  return new UnmarshalError(fault.code, fault.problem, { offset: fault.offset, path: root + fault.path }, options);
}

/**
 * Values alone, without a message; the first byte stands on an 8-byte boundary, and the last belongs to the last value.
 * @param signature zero or more single complete types
 * @throws {SignatureError} where the signature is none
 * @throws {UnmarshalError} where the bytes break a rule ‹Marshaling (Wire Format)›
 */
export function unmarshal<const S extends string>(
  signature: CheckedSignature<S>,
  bytes: Uint8Array,
  { byteOrder = 'little' }: { byteOrder?: ByteOrder } = {},
): BodyOf<S> {
  const reader = new Reader(bytes, { offset: 0, end: bytes.length, littleEndian: byteOrder === 'little' });
  const compiled = compileSignature(signature);
  try {
    return unmarshalBody(reader, compiled) as BodyOf<S>; // the values that this signature stands for
  } catch (error) {
    throw toUnmarshalError(error, 'body');
  }
}
