// Reads the body of a message, or passes over it: one value for each type of its signature, and nothing after the last
// of them. It knows no headers. Tests: unmarshal.test.ts, invalid.test.ts. Specification: Message Format (body).
import { counted } from '../counted.js';
import { checkSequence, checksOf } from './check.js';
import type { Codec } from './codec.js';
import type { Reader } from './reader.js';
import { unmarshalersOf, unmarshalSequence } from './unmarshal-containers.js';
import { countValues } from './value-count.js';

/** Reads a body up to the reader's end. @throws {Fault} whose path starts with the index of the argument */
export function unmarshalBody(reader: Reader, codec: Codec): unknown[] {
  const unmarshalers = unmarshalersOf(codec);
  countValues(reader, unmarshalers.length);
  const values = unmarshalSequence(unmarshalers, reader, 0);
  checkBodyEnd(reader, codec);
  return values;
}

/** Passes over a body up to the reader's end. @throws {Fault} whose path starts with the index of the argument */
export function passOverBody(reader: Reader, codec: Codec): void {
  checkSequence(checksOf(codec), reader, 0);
  checkBodyEnd(reader, codec);
}

/** Refuses bytes after the last value of a body. */
function checkBodyEnd(reader: Reader, codec: Codec): void {
  if (reader.offset === reader.end) return;
  const rest = reader.end - reader.offset;
  if (codec.signature === '') {
    const problem = `the body has ${counted(rest, 'byte')}: without a signature it must be empty`;
    throw reader.fault('BODY_WITHOUT_SIGNATURE', problem);
  }
  const found = `found ${counted(rest, 'byte')} after the last value of signature "${codec.signature}"`;
  throw reader.fault('BODY_EXCESS', `${found}: there must be none`);
}
