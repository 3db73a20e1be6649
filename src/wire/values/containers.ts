// The rules shared by all containers: how deep values may be nested, how many a message may have, and the length word
// of an array.
// It knows neither the types inside nor their values. Specification: Marshalling Containers, Valid Signatures.
// Tests: marshal.test.ts, unmarshal.test.ts.
import { MAX_ARRAY_LENGTH, MAX_VALUE_DEPTH } from '../constants.js';
import type { UnmarshalErrorCode } from '../errors.js';
import { Fault } from './fault.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

/** Refuses a received value inside more containers than a message may have around it. */
export function checkDepth(depth: number, reader: Reader): void {
  if (depth > MAX_VALUE_DEPTH) throw new Fault('VALUE_TOO_DEEP', tooDeepProblem(MAX_VALUE_DEPTH), reader);
}

function tooDeepProblem(limit: number): string {
  return `the value is inside more than ${limit} containers: it must be inside at most ${limit}`;
}

/** Refuses an array with more bytes of elements than one array may have. */
export function checkArrayLength(length: number, offset = 0): void {
  if (length > MAX_ARRAY_LENGTH) {
    const problem = `the array has ${length} bytes: it must have at most ${MAX_ARRAY_LENGTH}`;
    throw new Fault('ARRAY_TOO_LONG', problem, { offset });
  }
}

/* Writing -------------------------------------------------------------------------------------------------------- */

/** Refuses a value inside more containers than the message may have around it. */
export function checkWrittenDepth(writer: Writer, depth: number): void {
  if (depth > writer.maxDepth) throw new Fault('VALUE_TOO_DEEP', tooDeepProblem(writer.maxDepth));
}

/**
 * Writes a placeholder for the length word of an array that is inside `depth` containers, and the padding after it;
 * returns the placeholder's offset.
 */
export function beginArray(writer: Writer, elementAlignment: number, depth: number): number {
  if (depth > writer.maxArrayDepth) throw new Fault('VALUE_TOO_DEEP', tooDeepProblem(writer.maxDepth));
  writer.align(4, 4);
  const lengthOffset = writer.offset;
  writer.offset += 4;
  writer.align(elementAlignment, 0);
  return lengthOffset;
}

/** Fills in the length word; `start` is the offset of the first element. */
export function endArray(writer: Writer, lengthOffset: number, start: number): void {
  checkArrayLength(writer.offset - start);
  writer.patchUint32(lengthOffset, writer.offset - start);
}

/* Reading -------------------------------------------------------------------------------------------------------- */

/** Reads the length word of an array and the padding after it; returns the end offset of the elements. */
export function readArrayEnd(reader: Reader, elementAlignment: number): number {
  const length = reader.readUint32();
  const lengthOffset = reader.offset - 4;
  checkArrayLength(length, lengthOffset);
  reader.align(elementAlignment, 0);
  const end = reader.offset + length;
  if (end > reader.end) {
    const problem = `the array has ${length} bytes: it must fit into the ${reader.end - reader.offset} that are left`;
    throw reader.fault('ARRAY_LENGTH_OUT_OF_BOUNDS', problem, lengthOffset);
  }
  return end;
}

/** Counts values that are about to be read. @throws {Fault} if the message has more than its receiver takes */
export function countValues(reader: Reader, count: number): void {
  if ((reader.valuesLeft -= count) < 0) throw tooManyValues(reader);
}

function tooManyValues(reader: Reader): Fault<UnmarshalErrorCode> {
  const { maxValues } = reader.reading;
  const problem = `more than ${maxValues} values: there must be at most ${maxValues} (maxValues)`;
  return reader.fault('TOO_MANY_VALUES', problem);
}

/** The fault of an array whose elements do not end where its length word says. */
export function lengthMismatch(reader: Reader, end: number): Fault<UnmarshalErrorCode> {
  return reader.fault('ARRAY_LENGTH_MISMATCH', 'the array ends inside an element: it must end at the end of one', end);
}
