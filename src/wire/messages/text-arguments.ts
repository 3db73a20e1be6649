// Reads the texts among the arguments of a message, and no other values: the part of a body that match rules look at.
// The body must be valid; checkBody() in decode.ts checks that. Specification: Match Rules (arg0, arg0path).
// Tests: test/wire/text-arguments.test.ts.
import { checksOf } from '../values/check.js';
import { codecOf } from '../values/codec.js';
import { Reader, uint32At } from '../values/reader.js';
import { readText } from '../values/utf8.js';
import type { MessageHeader } from './decode.js';

/** Longest text that is read whole, in bytes. A match rule has at most half as many. */
const MAX_TEXT_LENGTH = 2_048;
/** Offset of the length of the body. */
const BODY_LENGTH_OFFSET = 4;

/**
 * The values of the STRING and OBJECT_PATH arguments among the first `count`, undefined for other arguments. A text
 * with more than 2,048 bytes is shortened.
 * @param header the header of `bytes`, whose body is valid
 */
export function textArguments(
  header: MessageHeader, bytes: Uint8Array, count: number,
): readonly (string | undefined)[] {
  const littleEndian = header.byteOrder === 'little';
  const offset = bytes.length - uint32At(bytes, BODY_LENGTH_OFFSET, littleEndian);
  const reader = new Reader(bytes, { offset, end: bytes.length, littleEndian });
  const codec = codecOf(header.signature);
  const checks = checksOf(codec);
  const texts: (string | undefined)[] = [];
  for (let index = 0; index < count && index < checks.length; index++) {
    const type = codec.types[index]!; // there is a check for each type
    const isText = type.kind === 'string' && type.code !== 'g';
    if (isText) reader.align(4, 4);
    const start = reader.offset;
    checks[index]!(reader, 0);
    texts.push(isText ? textAt(reader, start) : undefined);
  }
  return texts;
}

/** The text whose length word is at `start`, and that the reader has passed. */
function textAt(reader: Reader, start: number): string {
  let end = reader.offset - 1;
  if (end - start - 4 > MAX_TEXT_LENGTH) {
    end = start + 4 + MAX_TEXT_LENGTH;
    while ((reader.bytes[end]! & 0xc0) === 0x80) end--; // not inside a character
  }
  return readText(reader, start + 4, end);
}
