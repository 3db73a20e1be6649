// Encodes the header fields of a message in the order of their codes, with all rules for their values: names that break
// their grammar and the reserved names of Local are refused, as the table of header-fields.ts says. It knows neither
// the first 16 bytes nor the body. Specification: Header Fields. Tests: message.test.ts, test/wire/fixtures.test.ts.
import { BoundedCache } from '../bounded-cache.js';
import { CACHE_LIMITS } from '../cache-limits.js';
import {
  CONTAINER_INSTANCE, FIELD_DEPTH, HeaderField, LAST_KNOWN_FIELD, MAX_ARRAY_LENGTH, MAX_NAME_LENGTH, MAX_UINT32,
} from '../constants.js';
import { inheritsRevoked, isArray, isIndexed } from '../arguments.js';
import { describe } from '../describe.js';
import { InvalidNameError, MarshalError, type MarshalErrorCode } from '../errors.js';
import { fieldsTooLongProblem } from './fixed-header.js';
import { FIELD_TYPE, NAME_FIELD, type NameField, type NameKey, reservedProblem } from './header-fields.js';
import { findKnownHeader, hasRepeatableHeader, keepKnownHeader } from './known-headers.js';
import { writeAsciiString, writeSignature } from '../values/marshal-text.js';
import { marshalVariant, toMarshalError } from '../values/marshal.js';
import type { Message, UnknownField } from './message.js';
import { unixFdFault } from '../values/fault.js';
import type { Writer } from '../values/writer.js';

/** The error for a part of the message outside the body, at `path`. */
export function refusal(code: MarshalErrorCode, problem: string, path: string): MarshalError {
  return new MarshalError(code, problem, { signature: '', path });
}

/** Checks that a number of the header is in its range; throws {@link MarshalError}. */
export function checkInteger(value: unknown, { path, min, max }: { path: string; min: number; max: number }): void {
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    throw refusal('FIELD_INVALID', `expected an integer from ${min} to ${max}, got ${describe(value)}`, path);
  }
}

/** Writes the code of a header field and the signature of its variant. */
function beginField(writer: Writer, code: number, typeCode: number): void {
  writer.align(8, 4);
  const { bytes, offset } = writer;
  bytes[offset] = code;
  bytes[offset + 1] = 1;
  bytes[offset + 2] = typeCode;
  bytes[offset + 3] = 0;
  writer.offset += 4;
}

/** Returns a writer for a header field that is a name. Names repeat across messages, so that each is checked once. */
function compileNameField(key: NameKey): (writer: Writer, value: string) => void {
  const { name, typeCode, assert, reserved }: NameField = NAME_FIELD[key];
  const code = HeaderField[name];
  const known = new BoundedCache<true>(CACHE_LIMITS.writtenNames);
  const check = (value: string): true => {
    try {
      assert(value);
    } catch (error) {
      const { kind, rule } = error as InvalidNameError; // the assertions throw no other errors
      throw new InvalidNameError(kind, value, rule, { path: `header.${name}` });
    }
    if (reserved !== undefined && value.startsWith(reserved.prefix)) {
      throw refusal('FIELD_INVALID', reservedProblem(value, reserved.prefix), `header.${name}`);
    }
    return true;
  };
  return (writer, value) => {
    // The length of object paths is not limited: long ones are checked every time, to bound the memory.
    if (typeof value === 'string' && value.length <= MAX_NAME_LENGTH) known.get(value, check);
    else check(value);
    beginField(writer, code, typeCode);
    writeAsciiString(writer, value);
  };
}

const writePath = compileNameField('path');
const writeInterface = compileNameField('interface');
const writeMember = compileNameField('member');
const writeErrorName = compileNameField('errorName');
const writeDestination = compileNameField('destination');
const writeSender = compileNameField('sender');

/** Writes all header fields and the padding before the body. Returns the length of the fields. */
export function writeHeaderFields(writer: Writer, message: Message): number {
  const isRepeatable = writer.littleEndian && hasRepeatableHeader(message);
  const known = isRepeatable ? findKnownHeader(message) : undefined;
  const start = writer.offset;
  if (known !== undefined) {
    writer.reserve(known.bytes.length);
    writer.bytes.set(known.bytes, start);
    writer.offset = start + known.bytes.length;
    if (known.replySerialOffset >= 0) {
      checkReplySerial(message.replySerial);
      writer.patchUint32(start + known.replySerialOffset, message.replySerial);
    }
    return known.fieldsLength;
  }
  const replySerialOffset = writeFields(writer, message);
  const fieldsLength = writer.offset - start;
  if (fieldsLength > MAX_ARRAY_LENGTH) {
    throw refusal('ARRAY_TOO_LONG', fieldsTooLongProblem(fieldsLength), 'header');
  }
  writer.align(8, 0);
  if (isRepeatable) {
    keepKnownHeader(message, writer.bytes.subarray(start, writer.offset), { fieldsLength, replySerialOffset });
  }
  return fieldsLength;
}

function checkReplySerial(value: unknown): asserts value is number {
  checkInteger(value, { path: 'header.REPLY_SERIAL', min: 1, max: MAX_UINT32 });
}

/** Writes all header fields. Returns the offset of the value of REPLY_SERIAL from the first one, or -1. */
function writeFields(writer: Writer, message: Message): number {
  const start = writer.offset;
  let replySerialOffset = -1;
  if (message.path !== undefined) writePath(writer, message.path);
  if (message.interface !== undefined) writeInterface(writer, message.interface);
  if (message.member !== undefined) writeMember(writer, message.member);
  if (message.errorName !== undefined) writeErrorName(writer, message.errorName);
  if (message.replySerial !== undefined) {
    checkReplySerial(message.replySerial);
    beginField(writer, HeaderField.REPLY_SERIAL, FIELD_TYPE.UINT32);
    writer.writeUint32(message.replySerial);
    replySerialOffset = writer.offset - 4 - start;
  }
  if (message.destination !== undefined) writeDestination(writer, message.destination);
  if (message.sender !== undefined) writeSender(writer, message.sender);
  if (message.signature !== '') {
    beginField(writer, HeaderField.SIGNATURE, FIELD_TYPE.SIGNATURE);
    writeSignature(writer, message.signature);
  }
  if (message.unixFds !== 0) {
    checkInteger(message.unixFds, { path: 'header.UNIX_FDS', min: 0, max: MAX_UINT32 });
    if (!writer.allowsUnixFds) throw toMarshalError(unixFdFault(), message.signature, 'header.UNIX_FDS');
    beginField(writer, HeaderField.UNIX_FDS, FIELD_TYPE.UINT32);
    writer.writeUint32(message.unixFds);
  }
  if (!isIndexed(message.unknownFields) || (message.unknownFields.length > 0 && !isArray(message.unknownFields))) {
    throw refusal('FIELD_INVALID', `unknownFields must be an array, got ${describe(message.unknownFields)}`, 'header');
  }
  if (message.unknownFields.length > 0) {
    for (const field of message.unknownFields) writeUnknownField(writer, field);
    checkContainerInstances(message.unknownFields);
  }
  return replySerialOffset;
}

/** Checks the one unknown field that the reference implementation knows. */
function checkContainerInstances(fields: readonly UnknownField[]): void {
  const found = fields.filter(({ code }) => code === CONTAINER_INSTANCE);
  if (found.length === 0 || (found.length === 1 && found[0]!.value.signature === 'o')) return;
  const problem = `${found.length} of type ${found.map(({ value }) => `"${value.signature}"`).join(', ')}`;
  const rule = 'header field 10 must appear at most once, with type "o"';
  throw refusal('FIELD_INVALID', `found ${problem}: ${rule}`, `header.${CONTAINER_INSTANCE}`);
}

/** Writes a field with a code above 9, as it was received. */
function writeUnknownField(writer: Writer, field: UnknownField): void {
  if (typeof field !== 'object' || field === null || inheritsRevoked(field)) {
    throw refusal('FIELD_INVALID', `an unknown field must be { code, value }, got ${describe(field)}`, 'header');
  }
  const { code, value } = field;
  checkInteger(code, { path: 'header', min: LAST_KNOWN_FIELD + 1, max: 0xff });
  writer.align(8, 1);
  writer.bytes[writer.offset++] = code;
  try {
    marshalVariant(writer, value, FIELD_DEPTH);
  } catch (error) {
    throw toMarshalError(error, 'v', `header.${code}`);
  }
}
