// Bytes into values: each type is compiled once to a closure that checks every rule and returns the value.
// It knows types and a reader; messages and their headers are message.ts's. What it returns shares no memory with the
// bytes, so that no value keeps a message alive. Specification: Marshaling (Wire Format).
import { BoundedCache } from './bounded-cache.js';
import { ByteCache } from './byte-cache.js';
import { type ByteOrder, MAX_ARRAY_LENGTH, MAX_VALUE_DEPTH } from './constants.js';
import { SignatureError, UnmarshalError, type UnmarshalErrorCode } from './errors.js';
import { Fault, within } from './fault.js';
import { FIXED_ARRAY, FIXED_CODEC, listFixedArray } from './fixed.js';
import type { BodyOf, CheckedSignature } from './infer.js';
import { isObjectPath } from './names.js';
import { HOST_IS_LITTLE_ENDIAN, Reader } from './reader.js';
import {
  BASIC_OR_VARIANT, type DictType, FIXED_SIZE, type FixedType, fixedLayout, parseSignature, type StringTypeCode,
  type StructType, type Type,
} from './signature.js';
import { readText } from './text.js';
import type { Variant } from './variant.js';

/** Reads one value that stands inside `depth` containers; throws a {@link Fault}. */
export type Unmarshal = (reader: Reader, depth: number) => unknown;

function checkDepth(reader: Reader, depth: number): void {
  if (depth > MAX_VALUE_DEPTH) {
    throw reader.fault('VALUE_TOO_DEEP', `a value stands inside more than ${MAX_VALUE_DEPTH} containers`);
  }
}

function compileFixed({ code }: FixedType): Unmarshal {
  const size = FIXED_SIZE[code];
  const { read } = FIXED_CODEC[code];
  return (reader) => {
    reader.align(size, size);
    const value = read(reader, reader.offset);
    reader.offset += size;
    return value;
  };
}

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

/** Reads the length word of an array and the padding before its elements; returns where the elements end. */
function readArrayEnd(reader: Reader, elementAlignment: number): number {
  const length = reader.readUint32();
  const lengthOffset = reader.offset - 4;
  if (length > MAX_ARRAY_LENGTH) {
    const problem = `an array has at most ${MAX_ARRAY_LENGTH} bytes, not ${length}`;
    throw reader.fault('ARRAY_TOO_LONG', problem, lengthOffset);
  }
  reader.align(elementAlignment, 0);
  const end = reader.offset + length;
  if (end > reader.end) {
    const problem = `an array of ${length} bytes, but ${reader.end - reader.offset} are left`;
    throw reader.fault('ARRAY_LENGTH_OUT_OF_BOUNDS', problem, lengthOffset);
  }
  return end;
}

function lengthMismatch(reader: Reader, end: number): Fault<UnmarshalErrorCode> {
  return reader.fault('ARRAY_LENGTH_MISMATCH', 'the length of an array is not at the end of an element', end);
}

/** From this many elements on, a view of the array's memory is quicker than reading one by one. */
const BULK_LENGTH = 16;

function unmarshalBytes(reader: Reader): Uint8Array {
  const end = readArrayEnd(reader, 1);
  // Not slice(): the bytes may be a Buffer, whose slice shares memory.
  const bytes = Uint8Array.prototype.slice.call(reader.bytes, reader.offset, end);
  reader.offset = end;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function compileFixedArray({ code }: FixedType): Unmarshal {
  if (code === 'y') return unmarshalBytes;
  const size = FIXED_SIZE[code];
  const { read } = FIXED_CODEC[code];
  const constructor = FIXED_ARRAY.get(code);
  return (reader) => {
    const end = readArrayEnd(reader, size);
    const start = reader.offset;
    const length = (end - start) / size;
    if (!Number.isInteger(length)) throw lengthMismatch(reader, end);
    reader.offset = end;
    if (constructor !== undefined && length >= BULK_LENGTH && reader.littleEndian === HOST_IS_LITTLE_ENDIAN) {
      const { buffer, byteOffset } = alignedBytes(reader.bytes.subarray(start, end), size);
      return listFixedArray(new constructor(buffer, byteOffset, length));
    }
    const values: unknown[] = [];
    try {
      for (let offset = start; offset < end; offset += size) values.push(read(reader, offset));
    } catch (error) {
      throw within(error, values.length);
    }
    return values;
  };
}

/** The bytes on a boundary of the machine's memory: where they stand, or as a copy. */
function alignedBytes(bytes: Uint8Array, boundary: number): Uint8Array {
  return bytes.byteOffset % boundary === 0 ? bytes : new Uint8Array(bytes);
}

/** Arrays of structs whose fields all have one size: every offset is known beforehand. */
function compileFixedStructArray(fields: readonly FixedType[]): Unmarshal {
  const { offsets, size, stride, padding } = fixedLayout(fields);
  const codes = fields.map(({ code }) => code);
  const reads = codes.map((code) => FIXED_CODEC[code].read);
  const checkPadding = ({ bytes }: Reader, offset: number, end: number): void => {
    let bits = 0;
    // Behind the last struct there is none.
    for (let p = 0; p < padding.length && offset + padding[p]! < end; p++) bits |= bytes[offset + padding[p]!]!;
    if (bits !== 0) {
      const position = padding.find((inside) => bytes[offset + inside] !== 0)!; // bits has one of them
      throw new Fault<UnmarshalErrorCode>('PADDING_NOT_ZERO', 'padding is not zero', { offset: offset + position });
    }
  };
  return (reader, depth) => {
    const end = readArrayEnd(reader, 8);
    let { offset } = reader;
    if (offset === end) return [];
    const length = (end - offset - size) / stride + 1;
    if (!Number.isInteger(length) || length < 1) throw lengthMismatch(reader, end);
    checkDepth(reader, depth + 2);
    reader.offset = end;
    const { view, littleEndian } = reader;
    const structs = new Array<unknown>(length);
    let i = 0;
    let k = -1;
    try {
      for (; i < length; i++, offset += stride) {
        const values = new Array<unknown>(codes.length);
        for (k = 0; k < codes.length; k++) {
          const code = codes[k];
          const position = offset + offsets[k]!;
          // The commonest types right here: a number that a function returns may cost an allocation of its own.
          if (code === 'i') values[k] = view.getInt32(position, littleEndian);
          else if (code === 'u') values[k] = view.getUint32(position, littleEndian);
          else if (code === 'd') values[k] = view.getFloat64(position, littleEndian);
          else values[k] = reads[k]!(reader, position);
        }
        k = -1;
        checkPadding(reader, offset, end);
        structs[i] = values;
      }
    } catch (error) {
      throw within(k < 0 ? error : within(error, k), i);
    }
    return structs;
  };
}

/** Arrays of STRING, of which there are many: no call for each, and a look at the padding only where there is some. */
function unmarshalStrings(reader: Reader, depth: number): string[] {
  const end = readArrayEnd(reader, 4);
  const texts: string[] = [];
  if (reader.offset === end) return texts;
  checkDepth(reader, depth + 1);
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

function compileArray(elementType: Type): Unmarshal {
  if (elementType.kind === 'fixed') return compileFixedArray(elementType);
  if (elementType.signature === 's') return unmarshalStrings;
  if (elementType.kind === 'struct') {
    const { fields } = elementType;
    if (fields.every((field) => field.kind === 'fixed')) return compileFixedStructArray(fields);
  }
  const element = compileUnmarshal(elementType);
  const { alignment } = elementType;
  return (reader, depth) => {
    const end = readArrayEnd(reader, alignment);
    const values: unknown[] = [];
    if (reader.offset < end) checkDepth(reader, depth + 1);
    try {
      while (reader.offset < end) values.push(element(reader, depth + 1));
    } catch (error) {
      throw within(error, values.length);
    }
    if (reader.offset !== end) throw lengthMismatch(reader, end);
    return values;
  };
}

function compileDict(type: DictType): Unmarshal {
  const key = type.key.kind === 'string' && type.key.code === 's' ? readStringKey : compileUnmarshal(type.key);
  const value = compileUnmarshal(type.value);
  return (reader, depth) => {
    const end = readArrayEnd(reader, 8);
    const dict = new Map<unknown, unknown>();
    let entryKey: unknown = 0;
    try {
      while (reader.offset < end) {
        checkDepth(reader, depth + 2);
        reader.align(8, 0);
        entryKey = dict.size;
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

function compileStruct({ fields }: StructType): Unmarshal {
  const unmarshallers = fields.map(compileUnmarshal);
  return (reader, depth) => {
    checkDepth(reader, depth + 1);
    reader.align(8, 0);
    const values = new Array<unknown>(unmarshallers.length);
    let k = 0;
    try {
      for (; k < unmarshallers.length; k++) values[k] = unmarshallers[k]!(reader, depth + 1);
    } catch (error) {
      throw within(error, k);
    }
    return values;
  };
}

/** Reads a VARIANT that stands inside `depth` containers. */
export function readVariant(reader: Reader, depth: number): Variant {
  const start = reader.offset;
  const { signature, unmarshallers } = readCompiledSignature(reader);
  const unmarshalValue = unmarshallers[0];
  if (unmarshalValue === undefined) {
    throw reader.fault('VARIANT_SIGNATURE_EMPTY', 'the signature of a variant is empty', start);
  }
  if (unmarshallers.length > 1) {
    const offset = start + 1 + parseSignature(signature)[0]!.signature.length; // where the second type begins
    throw reader.fault('SIGNATURE_NOT_SINGLE', 'the signature of a variant is one single complete type', offset);
  }
  checkDepth(reader, depth + 1);
  return { signature, value: unmarshalValue(reader, depth + 1) };
}

function compileUnmarshal(type: Type): Unmarshal {
  switch (type.kind) {
    case 'fixed': return compileFixed(type);
    case 'string': return UNMARSHAL_STRING[type.code];
    case 'variant': return readVariant;
    case 'array': return compileArray(type.element);
    case 'dict': return compileDict(type);
    case 'struct': return compileStruct(type);
  }
}

/* Signatures ----------------------------------------------------------------------------------------------------- */

/** A signature and what reads values of it, one closure for each single complete type. */
export interface CompiledSignature {
  readonly signature: string;
  readonly unmarshallers: readonly Unmarshal[];
}

/** How many signatures stay compiled, and which of them are found by their bytes. */
const COMPILED_SIGNATURES = 1024;
const KNOWN_SIGNATURES = { slots: 256, maxLength: 64 };

const compiledSignatures = new BoundedCache<string, CompiledSignature>(COMPILED_SIGNATURES);
const knownSignatures = new ByteCache<CompiledSignature>(KNOWN_SIGNATURES);

const compile = (signature: string): CompiledSignature => ({
  signature,
  unmarshallers: parseSignature(signature).map(compileUnmarshal),
});

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
export function unmarshalBody(reader: Reader, { signature, unmarshallers }: CompiledSignature): unknown[] {
  const values = new Array<unknown>(unmarshallers.length);
  let i = 0;
  try {
    for (; i < unmarshallers.length; i++) values[i] = unmarshallers[i]!(reader, 0);
  } catch (error) {
    throw within(error, i);
  }
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
