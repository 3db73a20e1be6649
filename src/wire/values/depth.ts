// How many containers may be inside one another. It does not know the kinds of containers. Specification: Valid
// Signatures, Marshalling Containers. Tests: marshal.test.ts, unmarshal.test.ts.
import { MAX_VALUE_DEPTH } from '../constants.js';
import { Fault } from './fault.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

/** Refuses a received value inside more containers than a message may have around it. */
export function checkDepth(depth: number, reader: Reader): void {
  if (depth > MAX_VALUE_DEPTH) throw tooDeep(MAX_VALUE_DEPTH, reader);
}

/** The fault of a value inside too many containers; a received one has a place. */
export function tooDeep(limit: number, place?: Reader): Fault<'VALUE_TOO_DEEP'> {
  const problem = `the value is inside more than ${limit} containers: it must be inside at most ${limit}`;
  return new Fault('VALUE_TOO_DEEP', problem, place);
}

/** Refuses a value inside more containers than the message may have around it. */
export function checkWrittenDepth(writer: Writer, depth: number): void {
  if (depth > writer.maxDepth) throw tooDeep(writer.maxDepth);
}
