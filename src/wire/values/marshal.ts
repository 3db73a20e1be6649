// Values into bytes: each type is compiled once to a closure that checks a value and writes it.
// It knows types and a writer; messages and their headers are message.ts's. Everything is checked before it counts: a
// closure that throws leaves bytes behind that the caller takes back. Specification: Marshaling (Wire Format).
import { BoundedCache } from '../bounded-cache.js';
import type { ByteOrder } from '../constants.js';
import { beginArray, checkDepth, endArray } from './containers.js';
import { describe } from '../describe.js';
import { MarshalError, type MarshalErrorCode, SignatureError } from '../errors.js';
import { Fault, mismatch, within } from './fault.js';
import type { BodyInputOf, CheckedSignature } from '../infer.js';
import {
  checkFieldCount, compileMarshalFixed, compileMarshalFixedArray, compileMarshalFixedStructArray,
} from './marshal-fixed.js';
import { isObjectPath } from '../names.js';
import {
  BASIC_OR_VARIANT, type DictType, parseSignature, parseSingleType, type StringTypeCode, type StructType, type Type,
} from '../signature.js';
import { isShort, MAX_BYTES_PER_UNIT, writeShortAscii, writeUtf8 } from './text.js';
import { type Marshal, Writer } from './writer.js';

/* Text ----------------------------------------------------------------------------------------------------------- */

/** Writes text and its NUL; what the text must not hold is a {@link Fault}. Returns the bytes of the text alone. */
function writeTerminated(writer: Writer, text: string): number {
  writer.reserve(text.length + 1);
  let length = text.length;
  if (!isShort(text) || !writeShortAscii(text, writer.bytes, writer.offset)) {
    if (text.includes('\0')) throw new Fault('STRING_CONTAINS_NUL', 'text contains a NUL character');
    if (!text.isWellFormed()) throw new Fault('STRING_NOT_WELL_FORMED', 'text contains a lone surrogate');
    writer.reserve(text.length * MAX_BYTES_PER_UNIT + 1);
    length = writeUtf8(text, writer.bytes, writer.offset);
  }
  writer.offset += length;
  writer.bytes[writer.offset++] = 0;
  return length;
}

function writeString(writer: Writer, text: string): void {
  writer.align(4, 4);
  const lengthOffset = writer.offset;
  writer.offset += 4;
  const length = writeTerminated(writer, text);
  writer.patchUint32(lengthOffset, length);
}

/** Writes a STRING or OBJECT_PATH that is known to be ASCII without NUL, as all names are. */
export function writeAsciiString(writer: Writer, text: string): void {
  const { length } = text;
  writer.align(4, 4 + length + 1);
  writer.patchUint32(writer.offset, length);
  const start = writer.offset + 4;
  const { bytes } = writer;
  for (let i = 0; i < length; i++) bytes[start + i] = text.charCodeAt(i);
  bytes[start + length] = 0;
  writer.offset = start + length + 1;
}

/** Writes a signature that is known to be one, and so to be ASCII and of at most 255 bytes. */
export function writeSignature(writer: Writer, signature: string): void {
  const { length } = signature;
  writer.reserve(length + 2);
  const { bytes, offset } = writer;
  bytes[offset] = length;
  for (let i = 0; i < length; i++) bytes[offset + 1 + i] = signature.charCodeAt(i);
  bytes[offset + 1 + length] = 0;
  writer.offset = offset + length + 2;
}

const marshalString: Marshal = (writer, value) => {
  if (typeof value !== 'string') throw mismatch('a string (STRING)', value);
  writeString(writer, value);
};

const marshalObjectPath: Marshal = (writer, value) => {
  if (typeof value !== 'string') throw mismatch('a string (OBJECT_PATH)', value);
  if (!isObjectPath(value)) throw new Fault('OBJECT_PATH_INVALID', `expected an object path, got ${describe(value)}`);
  writeString(writer, value);
};

const marshalSignature: Marshal = (writer, value) => {
  if (typeof value !== 'string') throw mismatch('a string (SIGNATURE)', value);
  bodies.get(value, compileBody);
  writeSignature(writer, value);
};

const MARSHAL_STRING: Readonly<Record<StringTypeCode, Marshal>> = {
  s: marshalString,
  o: marshalObjectPath,
  g: marshalSignature,
};

/* Containers ----------------------------------------------------------------------------------------------------- */

function compileMarshalArray(elementType: Type): Marshal {
  if (elementType.kind === 'fixed') return compileMarshalFixedArray(elementType);
  if (elementType.kind === 'struct') {
    const { fields } = elementType;
    if (fields.every((field) => field.kind === 'fixed')) return compileMarshalFixedStructArray(elementType, fields);
  }
  const element = compileMarshal(elementType);
  const { alignment } = elementType;
  return (writer, value, depth) => {
    if (!Array.isArray(value)) throw mismatch(`an array (a${elementType.signature})`, value);
    const lengthOffset = beginArray(writer, alignment);
    const start = writer.offset;
    if (value.length > 0) checkDepth(depth + 1);
    let i = 0;
    try {
      for (; i < value.length; i++) element(writer, value[i], depth + 1);
    } catch (error) {
      throw within(error, i);
    }
    endArray(writer, lengthOffset, start);
  };
}

/** Whether a value is an object whose own properties are meant, and not something with a class. */
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function compileMarshalDict(type: DictType): Marshal {
  const marshalKey = compileMarshal(type.key);
  const marshalValue = compileMarshal(type.value);
  const takesObjects = type.key.kind === 'string';
  const writeEntry = (writer: Writer, key: unknown, value: unknown, depth: number): void => {
    try {
      checkDepth(depth);
      writer.align(8, 0);
      marshalKey(writer, key, depth);
      marshalValue(writer, value, depth);
    } catch (error) {
      throw within(error, key);
    }
  };
  return (writer, dict, depth) => {
    const isMap = dict instanceof Map;
    if (!isMap && !(takesObjects && isPlainObject(dict))) {
      throw mismatch(`a Map${takesObjects ? ' or a plain object' : ''} (${type.signature})`, dict);
    }
    const lengthOffset = beginArray(writer, 8);
    const start = writer.offset;
    if (isMap) {
      for (const [key, value] of dict as ReadonlyMap<unknown, unknown>) writeEntry(writer, key, value, depth + 2);
    } else {
      const object = dict as Readonly<Record<string, unknown>>; // checked right above
      const keys = Object.keys(object);
      for (let i = 0; i < keys.length; i++) writeEntry(writer, keys[i], object[keys[i]!], depth + 2);
    }
    endArray(writer, lengthOffset, start);
  };
}

function compileMarshalStruct(struct: StructType): Marshal {
  const marshallers = struct.fields.map(compileMarshal);
  return (writer, value, depth) => {
    checkFieldCount(struct, value);
    checkDepth(depth + 1);
    writer.align(8, 0);
    let i = 0;
    try {
      for (; i < marshallers.length; i++) marshallers[i]!(writer, value[i], depth + 1);
    } catch (error) {
      throw within(error, i);
    }
  };
}

const marshalVariant: Marshal = (writer, variant, depth) => {
  if (typeof variant !== 'object' || variant === null || !('signature' in variant) || !('value' in variant)) {
    throw mismatch('a variant, { signature, value }', variant);
  }
  const { signature, value } = variant;
  if (typeof signature !== 'string') throw mismatch('a variant with a string as signature', variant);
  const marshalValue =
    (signature.length === 1 ? ONE_LETTER[signature.charCodeAt(0)] : undefined) ??
    variants.get(signature, compileVariant);
  checkDepth(depth + 1);
  writeSignature(writer, signature);
  marshalValue(writer, value, depth + 1);
};

function compileMarshal(type: Type): Marshal {
  switch (type.kind) {
    case 'fixed': return compileMarshalFixed(type);
    case 'string': return MARSHAL_STRING[type.code];
    case 'variant': return marshalVariant;
    case 'array': return compileMarshalArray(type.element);
    case 'dict': return compileMarshalDict(type);
    case 'struct': return compileMarshalStruct(type);
  }
}

/* Signatures ----------------------------------------------------------------------------------------------------- */

/** How many signatures of bodies, and of variants, stay compiled. */
const COMPILED_SIGNATURES = 1024;

const bodies = new BoundedCache<string, readonly Marshal[]>(COMPILED_SIGNATURES);
const variants = new BoundedCache<string, Marshal>(COMPILED_SIGNATURES);

function orFault<Result>(compile: (signature: string) => Result): (signature: string) => Result {
  return (signature) => {
    if (typeof signature !== 'string') throw mismatch('a string as signature', signature);
    try {
      return compile(signature);
    } catch (error) {
      if (error instanceof SignatureError) throw new Fault('SIGNATURE_INVALID', error.message, { cause: error });
      throw error;
    }
  };
}

const compileBody = orFault((signature) => parseSignature(signature).map(compileMarshal));
const compileVariant = orFault((signature) => compileMarshal(parseSingleType(signature)));

/** The marshallers of the types that are no containers, by their letter: what most variants have. */
const ONE_LETTER: readonly (Marshal | undefined)[] = Array.from({ length: 128 }, (_, code) => {
  const letter = String.fromCharCode(code);
  return BASIC_OR_VARIANT.includes(letter) ? compileVariant(letter) : undefined;
});

/** Writes a body; what does not fit is thrown as a {@link Fault} whose path starts with the index of the argument. */
export function marshalBody(writer: Writer, signature: string, body: readonly unknown[]): void {
  const marshallers = bodies.get(signature, compileBody);
  if (!Array.isArray(body)) throw mismatch('an array as body', body);
  if (body.length !== marshallers.length) {
    const problem = `signature "${signature}" has ${marshallers.length} types, the body has ${body.length} values`;
    throw new Fault('VALUE_COUNT_MISMATCH', problem);
  }
  let i = 0;
  try {
    for (; i < marshallers.length; i++) marshallers[i]!(writer, body[i], 0);
  } catch (error) {
    throw within(error, i);
  }
}

/** Writes the value of a variant behind its signature; for header fields, which stand `depth` containers deep. */
export const writeVariant = marshalVariant;

/** The error that users see, from what was thrown while `signature` was marshalled under `root`. */
export function toMarshalError(error: unknown, signature: string, root: string): unknown {
  if (!(error instanceof Fault)) return error;
  const fault = error as Fault<MarshalErrorCode>;
  const options = fault.cause === undefined ? undefined : { cause: fault.cause };
  return new MarshalError(fault.code, fault.problem, { signature, path: root + fault.path }, options);
}

/**
 * Values alone, without a message, in the wire form; the first value starts on an 8-byte boundary.
 * @param signature zero or more single complete types, one for each value
 * @throws {MarshalError} where a value does not fit; its `path` says which: `body[2]["k"]` ‹Marshaling (Wire Format)›
 */
export function marshal<const S extends string>(
  signature: CheckedSignature<S>,
  body: BodyInputOf<S>,
  { byteOrder = 'little' }: { byteOrder?: ByteOrder } = {},
): Uint8Array {
  const writer = new Writer();
  writer.littleEndian = byteOrder === 'little';
  try {
    marshalBody(writer, signature, body as readonly unknown[]);
  } catch (error) {
    throw toMarshalError(error, signature, 'body');
  }
  return writer.bytes.slice(0, writer.offset);
}
