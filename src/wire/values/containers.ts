// What all containers have in common, both ways: how deep a value may stand, and the length word of an array.
// It knows neither the types inside nor their values. Specification: Marshalling Containers, Valid Signatures.
import { MAX_ARRAY_LENGTH, MAX_VALUE_DEPTH } from '../constants.js';
import type { UnmarshalErrorCode } from '../errors.js';
import type { Fault } from './fault.js';
import { marshalFault } from './mismatch.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

/* Writing -------------------------------------------------------------------------------------------------------- */

/** Refuses a value that would stand inside more containers than a message may have around it. */
export function checkDepth(depth: number): void {
  if (depth > MAX_VALUE_DEPTH) {
    throw marshalFault('VALUE_TOO_DEEP', `a value stands inside at most ${MAX_VALUE_DEPTH} containers`);
  }
}

/** Writes the length word and the padding of an array; returns where the length word stands. */
export function beginArray(writer: Writer, elementAlignment: number): number {
  writer.align(4, 4);
  const lengthOffset = writer.offset;
  writer.offset += 4;
  writer.align(elementAlignment, 0);
  return lengthOffset;
}

/** Fills in the length word; `start` is where the elements begin. */
export function endArray(writer: Writer, lengthOffset: number, start: number): void {
  checkArrayLength(writer.offset - start);
  writer.patchUint32(lengthOffset, writer.offset - start);
}

/** Refuses an array of more element data than a message may have in one. */
export function checkArrayLength(length: number): void {
  if (length > MAX_ARRAY_LENGTH) {
    throw marshalFault('ARRAY_TOO_LONG', `an array has at most ${MAX_ARRAY_LENGTH} bytes, this one has ${length}`);
  }
}

/* Reading -------------------------------------------------------------------------------------------------------- */

/** Refuses a value that stands inside more containers than a message may have around it. */
export function checkReadDepth(reader: Reader, depth: number): void {
  if (depth > MAX_VALUE_DEPTH) {
    throw reader.fault('VALUE_TOO_DEEP', `a value stands inside more than ${MAX_VALUE_DEPTH} containers`);
  }
}

/** Reads the length word of an array and the padding before its elements; returns where the elements end. */
export function readArrayEnd(reader: Reader, elementAlignment: number): number {
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

/** The fault of an array whose length word does not fit its elements. */
export function lengthMismatch(reader: Reader, end: number): Fault<UnmarshalErrorCode> {
  return reader.fault('ARRAY_LENGTH_MISMATCH', 'the length of an array is not at the end of an element', end);
}
