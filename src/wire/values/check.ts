// Checks values in place, without making them: compiles each type once to a function that passes over a value.
// It refuses the same bytes as unmarshal.ts, with the same errors, and needs no memory for the values. The receiver's
// limits (the number of values, keys that collide) do not apply, since no value is made.
// Specification: Marshaling (Wire Format). Tests: test/wire/invalid.test.ts, test/wire/fixtures.test.ts.
import { compileCheckFixedArray, compileCheckFixedStructArray } from './check-fixed-arrays.js';
import { compileCheckFixed } from './numbers-and-booleans.js';
import { CHECK_STRING } from './check-text.js';
import type { Codec } from './codec.js';
import { lengthMismatch, readArrayEnd } from './array-length-and-padding.js';
import { checkDepth } from './depth.js';
import { within } from './fault.js';
import { type Check, Reader } from './reader.js';
import type { DictType, StructType, Type } from '../signature.js';
import { readCodec } from './unmarshal-text.js';
import { compileUnmarshal, notSingleFault } from './unmarshal-containers.js';

function compileCheckArray(elementType: Type): Check {
  if (elementType.kind === 'fixed') return compileCheckFixedArray(elementType);
  if (elementType.kind === 'struct') {
    const { fields } = elementType;
    if (fields.every((field) => field.kind === 'fixed')) return compileCheckFixedStructArray(fields);
  }
  const element = compileCheck(elementType);
  const { alignment } = elementType;
  return (reader, depth) => {
    const end = readArrayEnd(reader, alignment);
    if (reader.offset < end) checkDepth(depth + 1, reader);
    let i = 0;
    try {
      for (; reader.offset < end; i++) element(reader, depth + 1);
    } catch (error) {
      throw within(error, i);
    }
    if (reader.offset !== end) throw lengthMismatch(reader, end);
  };
}

function compileCheckDict(type: DictType): Check {
  const key = compileCheck(type.key);
  const value = compileCheck(type.value);
  return (reader, depth) => {
    const end = readArrayEnd(reader, 8);
    let entry = 0;
    let keyOffset = 0; // 0 until the key is found valid: no value starts there
    try {
      for (; reader.offset < end; entry++) {
        keyOffset = 0;
        checkDepth(depth + 2, reader);
        reader.align(8, 0);
        const start = reader.offset;
        key(reader, depth + 2);
        keyOffset = start;
        value(reader, depth + 2);
      }
    } catch (error) {
      throw within(error, keyOffset === 0 ? entry : keyAt(reader, type, keyOffset));
    }
    if (reader.offset !== end) throw lengthMismatch(reader, end);
  };
}

/** The valid key at `offset`, which the path of an error names. */
function keyAt({ bytes, littleEndian }: Reader, { key }: DictType, offset: number): unknown {
  return compileUnmarshal(key)(new Reader(bytes, { offset, end: bytes.length, littleEndian }), 0);
}

function compileCheckStruct({ fields }: StructType): Check {
  const checks = fields.map(compileCheck);
  return (reader, depth) => {
    checkDepth(depth + 1, reader);
    reader.align(8, 0);
    checkSequence(checks, reader, depth + 1);
  };
}

/** Passes over consecutive values: the fields of a struct, or the arguments of a message. */
export function checkSequence(checks: readonly Check[], reader: Reader, depth: number): void {
  let i = 0;
  try {
    for (; i < checks.length; i++) checks[i]!(reader, depth);
  } catch (error) {
    throw within(error, i);
  }
}

/** Passes over the signature and the value of a VARIANT that is inside `depth` containers. */
export function checkVariant(reader: Reader, depth: number): void {
  const start = reader.offset;
  const codec = readCodec(reader);
  const checks = checksOf(codec);
  if (checks.length !== 1) throw notSingleFault(reader, codec.types, start);
  checkDepth(depth + 1, reader);
  checks[0]!(reader, depth + 1);
}

function compileCheck(type: Type): Check {
  switch (type.kind) {
    case 'fixed': return compileCheckFixed(type);
    case 'string': return CHECK_STRING[type.code];
    case 'variant': return checkVariant;
    case 'array': return compileCheckArray(type.element);
    case 'dict': return compileCheckDict(type);
    case 'struct': return compileCheckStruct(type);
  }
}

/** The check of each value of a signature. */
export function checksOf(codec: Codec): readonly Check[] {
  return codec.checks ?? (codec.checks = codec.types.map(compileCheck));
}
