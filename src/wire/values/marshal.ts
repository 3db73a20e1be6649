// Marshals values: compiles each type once to a function that checks a value and writes it.
// It knows types and the writer, not messages and their headers. Values are checked while they are written: after an
// error, the caller discards the bytes of the unfinished value. Specification: Marshaling (Wire Format).
import { hasMapEntries, isIndexed, isInstance, isRevoked } from '../arguments.js';
import { counted } from '../counted.js';
import { type Codec, codecOf, codecOfSingle } from './codec.js';
import type { ByteOrder } from '../constants.js';
import { beginArray, endArray } from './array-length-and-padding.js';
import { checkWrittenDepth } from './depth.js';
import { MarshalError, type MarshalErrorCode } from '../errors.js';
import { Fault, mismatch, within } from './fault.js';
import type { BodyInputOf, CheckedSignature } from '../infer.js';
import { checkFieldCount, compileMarshalFixedArray, compileMarshalFixedStructArray } from './marshal-fixed-arrays.js';
import { compileMarshalFixed } from './numbers-and-booleans.js';
import { MARSHAL_STRING, toSignatureFault, writeSignature } from './marshal-text.js';
import { BYTE_ORDER, checkOptions } from '../options.js';
import type { DictType, StructType, Type } from '../signature.js';
import { type Marshal, Writer } from './writer.js';

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
    if (!isIndexed(value)) throw mismatch(`an array (a${elementType.signature})`, value);
    const lengthOffset = beginArray(writer, alignment, depth);
    const start = writer.offset;
    if (value.length > 0) checkWrittenDepth(writer, depth + 1);
    let i = 0;
    try {
      for (; i < value.length; i++) element(writer, value[i], depth + 1);
    } catch (error) {
      throw within(error, i);
    }
    endArray(writer, lengthOffset, start);
  };
}

/** Whether a value is a plain object, used for its own properties, and not an instance of a class. */
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  if (isRevoked(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function isVariant(value: unknown): value is { readonly signature: unknown; readonly value: unknown } {
  try {
    return typeof value === 'object' && value !== null && 'signature' in value && 'value' in value;
  } catch {
    return false; // a revoked proxy, or an object that inherits from one
  }
}

function compileMarshalDict(type: DictType): Marshal {
  const marshalKey = compileMarshal(type.key);
  const marshalValue = compileMarshal(type.value);
  const takesObjects = type.key.kind === 'string';
  const writeEntry = (writer: Writer, key: unknown, value: unknown, depth: number): void => {
    try {
      checkWrittenDepth(writer, depth);
      writer.align(8, 0);
      marshalKey(writer, key, depth);
      marshalValue(writer, value, depth);
    } catch (error) {
      throw within(error, key);
    }
  };
  return (writer, dict, depth) => {
    const isMap = isInstance(dict, Map) && hasMapEntries(dict);
    if (!isMap && !(takesObjects && isPlainObject(dict))) {
      throw mismatch(`a Map${takesObjects ? ' or a plain object' : ''} (${type.signature})`, dict);
    }
    const lengthOffset = beginArray(writer, 8, depth);
    const start = writer.offset;
    if (isMap) {
      for (const [key, value] of dict as ReadonlyMap<unknown, unknown>) writeEntry(writer, key, value, depth + 2);
    } else {
      const object = dict as Readonly<Record<string, unknown>>; // checked above
      const keys = Object.keys(object);
      for (let i = 0; i < keys.length; i++) writeEntry(writer, keys[i], object[keys[i]!], depth + 2);
    }
    endArray(writer, lengthOffset, start);
  };
}

function compileMarshalStruct(struct: StructType): Marshal {
  const marshalers = struct.fields.map(compileMarshal);
  return (writer, value, depth) => {
    checkFieldCount(struct, value);
    checkWrittenDepth(writer, depth + 1);
    writer.align(8, 0);
    let i = 0;
    try {
      for (; i < marshalers.length; i++) marshalers[i]!(writer, value[i], depth + 1);
    } catch (error) {
      throw within(error, i);
    }
  };
}

/** Writes the signature and the value of a VARIANT that is inside `depth` containers. */
export const marshalVariant: Marshal = (writer, variant, depth) => {
  if (!isVariant(variant)) {
    throw mismatch('a variant, { signature, value }', variant);
  }
  const { signature, value } = variant;
  if (typeof signature !== 'string') throw mismatch('a string as the signature of a variant', signature);
  let codec: Codec;
  try {
    codec = codecOfSingle(signature);
  } catch (error) {
    throw toSignatureFault(error);
  }
  checkWrittenDepth(writer, depth + 1);
  writeSignature(writer, signature);
  marshalersOf(codec)[0]!(writer, value, depth + 1); // the codec has exactly one type
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

/* Bodies --------------------------------------------------------------------------------------------------------- */

function marshalersOf(codec: Codec): readonly Marshal[] {
  return (codec.marshalers ??= codec.types.map(compileMarshal));
}

/** Writes a body. @throws {Fault} if a value does not fit; its path starts with the index of the argument */
export function marshalBody(writer: Writer, signature: string, body: readonly unknown[]): void {
  if (typeof signature !== 'string') throw mismatch('a string as the signature of a body', signature);
  let codec: Codec;
  try {
    codec = codecOf(signature);
  } catch (error) {
    throw toSignatureFault(error);
  }
  if (!isIndexed(body)) throw mismatch('an array as the body', body);
  const marshalers = marshalersOf(codec);
  if (body.length !== marshalers.length) {
    const problem = `expected ${counted(marshalers.length, 'value')} for signature "${signature}", got ${body.length}`;
    throw new Fault('VALUE_COUNT_MISMATCH', problem);
  }
  let i = 0;
  try {
    for (; i < marshalers.length; i++) marshalers[i]!(writer, body[i], 0);
  } catch (error) {
    throw within(error, i);
  }
}

/** Converts a {@link Fault} from marshaling `signature` to the error that users see; other errors stay unchanged. */
export function toMarshalError(error: unknown, signature: string, root: string): unknown {
  if (!(error instanceof Fault)) return error;
  const fault = error as Fault<MarshalErrorCode>; // nothing unmarshals while values are written
  const { code, problem, path, cause } = fault;
  return new MarshalError(code, problem, { signature, path: root + path }, { cause });
}

/**
 * Marshals values alone, without a message. The first value starts on an 8-byte boundary.
 * @param signature zero or more single complete types, one for each value
 * @throws {MarshalError} if the signature is not valid or a value does not fit; `path` says which value: `body[2]["k"]`
 *   ‹Marshaling (Wire Format)›
 */
export function marshal<const S extends string>(
  signature: CheckedSignature<S>,
  body: BodyInputOf<S>,
  options: { readonly byteOrder?: ByteOrder | undefined } = {},
): Uint8Array {
  checkOptions('marshal', options, { byteOrder: BYTE_ORDER });
  const { byteOrder = 'little' } = options;
  const writer = new Writer();
  writer.littleEndian = byteOrder === 'little';
  try {
    marshalBody(writer, signature, body as readonly unknown[]); // the type of a body of any signature
  } catch (error) {
    throw toMarshalError(error, signature, 'body');
  }
  return writer.bytes.slice(0, writer.offset);
}
