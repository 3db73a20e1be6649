// Marshals the string-like types, with their lengths and terminating NULs. utf8.ts knows UTF-8; signature and name
// grammars are elsewhere. Specification: Marshalling Basic Types (string-like types).
// Tests: marshal.test.ts, utf8.test.ts.
import { checkSignature } from './codec.js';
import { describe } from '../describe.js';
import { SignatureError } from '../errors.js';
import { Fault, mismatch } from './fault.js';
import { isObjectPath } from '../names.js';
import type { StringTypeCode } from '../signature.js';
import { isShort, MAX_BYTES_PER_UNIT, writeShortAscii, writeUtf8 } from './utf8.js';
import type { Marshal, Writer } from './writer.js';

/** Writes text and its NUL; returns the text's length in bytes. @throws {Fault} if STRING does not allow the text */
function writeTerminated(writer: Writer, text: string): number {
  writer.reserve(text.length + 1);
  let length = text.length;
  if (!isShort(text) || !writeShortAscii(text, writer.bytes, writer.offset)) {
    if (text.includes('\0')) {
      throw new Fault('STRING_CONTAINS_NUL', 'the text contains a NUL character: it must not contain any');
    }
    if (!text.isWellFormed()) {
      throw new Fault('STRING_NOT_WELL_FORMED', 'the text contains a lone surrogate: it must be well-formed');
    }
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

/** Writes a STRING or OBJECT_PATH; the caller has checked that it is ASCII without NUL, as all names are. */
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

/** Writes a SIGNATURE; the caller has checked that it is valid, hence ASCII and at most 255 bytes. */
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
  try {
    checkSignature(value);
  } catch (error) {
    throw toSignatureFault(error);
  }
  writeSignature(writer, value);
};

/** Converts the error of an invalid signature to a {@link Fault}; other errors stay unchanged. */
export function toSignatureFault(error: unknown): unknown {
  if (!(error instanceof SignatureError)) return error;
  return new Fault('SIGNATURE_INVALID', error.message, { cause: error });
}

/** The writer of each string-like type. */
export const MARSHAL_STRING: Readonly<Record<StringTypeCode, Marshal>> = {
  s: marshalString,
  o: marshalObjectPath,
  g: marshalSignature,
};
