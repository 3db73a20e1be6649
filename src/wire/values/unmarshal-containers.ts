// Unmarshals arrays, dicts, structs and variants: compiles each type once to a function that checks every rule and
// returns the value. Values share no memory with the bytes they are read from, so that no value keeps a message alive.
// It knows types and the reader, not bodies (body.ts) or messages. Specification: Marshalling Containers.
// Tests: unmarshal.test.ts.
import { CACHE_LIMITS } from '../cache-limits.js';
import type { Codec } from './codec.js';
import { lengthMismatch, readArrayEnd } from './array-length-and-padding.js';
import { checkDepth } from './depth.js';
import { countValues } from './value-count.js';
import type { UnmarshalErrorCode } from '../errors.js';
import { type Fault, within } from './fault.js';
import { KEY_KIND, KeyCollisions, WORTH_COUNTING } from './key-collisions.js';
import type { Reader, Unmarshal } from './reader.js';
import type { DictType, StructType, Type } from '../signature.js';
import { readText } from './utf8.js';
import { compileUnmarshalFixedArray, compileUnmarshalFixedStructArray } from './unmarshal-fixed-arrays.js';
import { compileUnmarshalFixed } from './numbers-and-booleans.js';
import { endOfText, readCodec, UNMARSHAL_STRING, unmarshalStringKey } from './unmarshal-text.js';
import type { Variant } from '../variant.js';

/** Reads an array of STRING. For speed it reads the lengths itself, and calls align() only if there is padding. */
function unmarshalStrings(reader: Reader, depth: number): string[] {
  const end = readArrayEnd(reader, 4);
  const texts: string[] = [];
  if (reader.offset === end) return texts;
  checkDepth(depth + 1, reader);
  const { view, littleEndian } = reader;
  try {
    while (reader.offset < end) {
      countValues(reader, 1);
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
    if (reader.offset < end) checkDepth(depth + 1, reader);
    try {
      while (reader.offset < end) {
        countValues(reader, 1);
        values.push(element(reader, depth + 1));
      }
    } catch (error) {
      throw within(error, values.length);
    }
    if (reader.offset !== end) throw lengthMismatch(reader, end);
    return values;
  };
}

/**
 * The most keys of one dict that are looked for among the texts that repeat. More keys than the cache has slots are not
 * names of properties, and would push those out.
 */
const MOST_NAMES = CACHE_LIMITS.receivedTexts.slots;

function compileUnmarshalDict(type: DictType): Unmarshal {
  const key = compileUnmarshal(type.key);
  const firstKey = type.key.code === 's' ? unmarshalStringKey : key;
  const value = compileUnmarshal(type.value);
  const kind = KEY_KIND[type.key.code];
  return (reader, depth) => {
    const end = readArrayEnd(reader, 8);
    const dict = new Map<unknown, unknown>();
    let collisions: KeyCollisions | undefined;
    let entry = 0;
    let entryKey: unknown = 0;
    try {
      for (; reader.offset < end; entry++) {
        entryKey = entry; // an error before the key is read gives the number of the entry
        checkDepth(depth + 2, reader);
        countValues(reader, 2);
        reader.align(8, 0);
        const keyOffset = reader.offset;
        entryKey = entry < MOST_NAMES ? firstKey(reader, depth + 2) : key(reader, depth + 2);
        // A repeated key is corrupt, but receivers need not refuse it ‹Container types›: the last value wins.
        dict.set(entryKey, value(reader, depth + 2));
        if (entry < WORTH_COUNTING || kind === undefined) continue;
        if (collisions === undefined) collisions = new KeyCollisions(kind, dict);
        else collisions.charge(reader, entryKey, dict.size, keyOffset);
      }
    } catch (error) {
      throw within(error, entryKey);
    }
    if (reader.offset !== end) throw lengthMismatch(reader, end);
    return dict;
  };
}

function compileUnmarshalStruct({ fields }: StructType): Unmarshal {
  const unmarshalers = fields.map(compileUnmarshal);
  return (reader, depth) => {
    checkDepth(depth + 1, reader);
    countValues(reader, unmarshalers.length);
    reader.align(8, 0);
    return unmarshalSequence(unmarshalers, reader, depth + 1);
  };
}

/** Reads consecutive values: the fields of a struct, or the arguments of a message. */
export function unmarshalSequence(unmarshalers: readonly Unmarshal[], reader: Reader, depth: number): unknown[] {
  const values = new Array<unknown>(unmarshalers.length);
  let i = 0;
  try {
    for (; i < unmarshalers.length; i++) values[i] = unmarshalers[i]!(reader, depth);
  } catch (error) {
    throw within(error, i);
  }
  return values;
}

/** Reads the signature and the value of a VARIANT that is inside `depth` containers. */
export function unmarshalVariant(reader: Reader, depth: number): Variant {
  const start = reader.offset;
  const codec = readCodec(reader);
  const unmarshalers = unmarshalersOf(codec);
  if (unmarshalers.length !== 1) throw notSingleFault(reader, codec.types, start);
  checkDepth(depth + 1, reader);
  countValues(reader, 1);
  return { signature: codec.signature, value: unmarshalers[0]!(reader, depth + 1) };
}

/** The fault of a variant whose signature, which starts at `start`, is not exactly one single complete type. */
export function notSingleFault(reader: Reader, types: readonly Type[], start: number): Fault<UnmarshalErrorCode> {
  const [first] = types;
  if (first === undefined) {
    const problem = 'the signature of a variant is empty: it must have exactly one type';
    return reader.fault('VARIANT_SIGNATURE_EMPTY', problem, start);
  }
  const problem = `the signature of a variant has ${types.length} types: it must have exactly one`;
  return reader.fault('SIGNATURE_NOT_SINGLE', problem, start + 1 + first.signature.length); // at the second type
}

/** Compiles the reader of one value. */
export function compileUnmarshal(type: Type): Unmarshal {
  switch (type.kind) {
    case 'fixed': return compileUnmarshalFixed(type);
    case 'string': return UNMARSHAL_STRING[type.code];
    case 'variant': return unmarshalVariant;
    case 'array': return compileUnmarshalArray(type.element);
    case 'dict': return compileUnmarshalDict(type);
    case 'struct': return compileUnmarshalStruct(type);
  }
}

/** The reader of each value of a signature. */
export function unmarshalersOf(codec: Codec): readonly Unmarshal[] {
  return codec.unmarshalers ?? (codec.unmarshalers = codec.types.map(compileUnmarshal));
}
