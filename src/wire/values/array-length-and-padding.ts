// The length word of an array, and the padding before its first element, for reading and writing. It does not know the
// elements. Specification: Marshalling Containers (ARRAY). Tests: marshal.test.ts, unmarshal.test.ts.
import { MAX_ARRAY_LENGTH } from '../constants.js';
import { counted } from '../counted.js';
import type { UnmarshalErrorCode } from '../errors.js';
import { tooDeep } from './depth.js';
import { Fault } from './fault.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

/** Refuses an array with more bytes of elements than one array may have. */
export function checkArrayLength(length: number, offset = 0): void {
  if (length > MAX_ARRAY_LENGTH) {
    const problem = `the array has ${length} bytes: it must have at most ${MAX_ARRAY_LENGTH}`;
    throw new Fault('ARRAY_TOO_LONG', problem, { offset });
  }
}

/* Writing -------------------------------------------------------------------------------------------------------- */

/**
 * Writes a placeholder for the length word of an array that is inside `depth` containers, and the padding after it;
 * returns the placeholder's offset.
 */
export function beginArray(writer: Writer, elementAlignment: number, depth: number): number {
  if (depth > writer.maxArrayDepth) throw tooDeep(writer.maxDepth);
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
    const rest = reader.end - reader.offset;
    const problem = `the array has ${counted(length, 'byte')}: it must fit into the ${rest} that are left`;
    throw reader.fault('ARRAY_LENGTH_OUT_OF_BOUNDS', problem, lengthOffset);
  }
  return end;
}

/** The fault of an array whose elements do not end where its length word says. */
export function lengthMismatch(reader: Reader, end: number): Fault<UnmarshalErrorCode> {
  return reader.fault('ARRAY_LENGTH_MISMATCH', 'the array ends inside an element: it must end at the end of one', end);
}
