// The envelope of a message made new around a body that nobody looks at: for routers, proxies and test tools.
// Header fields are copied byte for byte but for those that change: each is the same bytes on any 8-byte boundary, and
// so is the body. Specification: Message Format, Header Fields, Message Bus Message Routing.
import {
  FIELD_DEPTH, FIXED_HEADER_LENGTH, HeaderField, LAST_KNOWN_FIELD, MAX_ARRAY_LENGTH, MAX_MESSAGE_LENGTH, MAX_UINT32,
} from '../constants.js';
import { decodeHeader } from './decode.js';
import { checkInteger, refusal } from './encode.js';
import { readFixedHeader } from './fixed-header.js';
import { writeVariant } from '../values/marshal.js';
import { assertBusName } from '../names.js';
import { Reader } from '../values/reader.js';
import { readVariant } from '../values/unmarshal.js';
import type { Variant } from '../variant.js';
import { Writer } from '../values/writer.js';

/** What is to change; whatever is left out stays as it is. */
export interface Readdressing {
  /** The sender's number for the message, 1 to 2^32−1. */
  readonly serial?: number | undefined;
  /** The flags byte, an OR of {@link MessageFlag}. */
  readonly flags?: number | undefined;
  /** The serial of the message that this one answers, 1 to 2^32−1: who gives calls other serials gives them back. */
  readonly replySerial?: number | undefined;
  /** A bus name, or null for none. */
  readonly destination?: string | null | undefined;
  /** A bus name, or null for none. */
  readonly sender?: string | null | undefined;
  /** Whether header fields of unknown codes are left out, as a bus should. */
  readonly stripUnknownFields?: boolean | undefined;
}

const MAX_BYTE = 0xff;
/** Room for the fields that may be added: two names and a number. */
const ADDED_LENGTH = 640;

/** The fields that do not stay: by code, the new value, or null for none. */
type Changes = Map<number, Variant | null>;

function nameChange(name: string | null): Variant | null {
  if (name === null) return null;
  assertBusName(name);
  return { signature: 's', value: name };
}

function changesOf({ replySerial, destination, sender }: Readdressing): Changes {
  const changes: Changes = new Map();
  if (replySerial !== undefined) {
    checkInteger(replySerial, { path: 'header.REPLY_SERIAL', min: 1, max: MAX_UINT32 });
    changes.set(HeaderField.REPLY_SERIAL, { signature: 'u', value: replySerial });
  }
  if (destination !== undefined) changes.set(HeaderField.DESTINATION, nameChange(destination));
  if (sender !== undefined) changes.set(HeaderField.SENDER, nameChange(sender));
  return changes;
}

function writeField(writer: Writer, code: number, value: Variant): void {
  writer.align(8, 1);
  writer.bytes[writer.offset++] = code;
  writeVariant(writer, value, FIELD_DEPTH); // throws nothing: the value was checked
}

function copyBytes(writer: Writer, bytes: Uint8Array): void {
  writer.reserve(bytes.length);
  writer.bytes.set(bytes, writer.offset);
  writer.offset += bytes.length;
}

const STRING = 's'.charCodeAt(0);
const OBJECT_PATH = 'o'.charCodeAt(0);

/** Passes over one header field, which is known to be in order. */
function skipField(reader: Reader): void {
  const typeCode = reader.bytes[reader.offset + 2]; // behind the code and the length of the signature
  const isText = reader.bytes[reader.offset + 1] === 1 && (typeCode === STRING || typeCode === OBJECT_PATH);
  if (isText) {
    reader.offset += 8 + reader.uint32At(reader.offset + 4) + 1;
  } else {
    reader.offset++;
    readVariant(reader, FIELD_DEPTH);
  }
}

/** Writes the fields that stay, in runs as long as they come, and in their place or behind them those that do not. */
function writeFields(writer: Writer, reader: Reader, changes: Changes, isStripped: boolean): void {
  const { bytes, end } = reader;
  let runStart = reader.offset;
  let runEnd = runStart; // without the padding behind it, which belongs to no field
  const copyRun = (): void => {
    if (runStart === runEnd) return;
    writer.align(8, 0);
    copyBytes(writer, bytes.subarray(runStart, runEnd));
  };
  while (reader.offset < end) {
    const start = reader.offset;
    const code = bytes[start]!; // the header is known to be in order
    skipField(reader);
    const fieldEnd = reader.offset;
    reader.offset = (fieldEnd + 7) & ~7;
    const change = changes.get(code);
    if (change === undefined && (code <= LAST_KNOWN_FIELD || !isStripped)) {
      runEnd = fieldEnd;
      continue;
    }
    copyRun();
    runStart = reader.offset;
    runEnd = runStart;
    if (change) writeField(writer, code, change);
    changes.delete(code);
  }
  copyRun();
  for (const [code, value] of changes) if (value !== null) writeField(writer, code, value);
}

/**
 * One whole message with another serial, sender, destination or the like. The header is checked and written anew; the
 * body is copied as it stands, unread: a broken one stays broken. The bytes are the caller's.
 * @throws {UnmarshalError} where the header of `bytes` breaks a rule, as {@link decodeHeader} does
 * @throws {InvalidNameError} where a new sender or destination is no bus name
 * @throws {MarshalError} where a new number is out of its range, or the message becomes too long ‹Message Format›
 */
export function readdress(bytes: Uint8Array, readdressing: Readdressing): Uint8Array {
  decodeHeader(bytes); // throws where the header is broken; below, it is known not to be
  const fixed = readFixedHeader(bytes);
  const { littleEndian, fieldsEnd, bodyOffset, length } = fixed;
  const { serial = fixed.serial, flags = fixed.flags, stripUnknownFields = false } = readdressing;
  checkInteger(serial, { path: 'header.serial', min: 1, max: MAX_UINT32 });
  checkInteger(flags, { path: 'header.flags', min: 0, max: MAX_BYTE });
  const changes = changesOf(readdressing);

  const writer = new Writer(length + ADDED_LENGTH);
  writer.littleEndian = littleEndian;
  copyBytes(writer, bytes.subarray(0, FIXED_HEADER_LENGTH));
  writer.bytes[2] = flags;
  writer.patchUint32(8, serial);
  const reader = new Reader(bytes, { offset: FIXED_HEADER_LENGTH, end: fieldsEnd, littleEndian });
  writeFields(writer, reader, changes, stripUnknownFields);
  const fieldsLength = writer.offset - FIXED_HEADER_LENGTH;
  if (fieldsLength > MAX_ARRAY_LENGTH) {
    throw refusal('ARRAY_TOO_LONG', `header fields of ${fieldsLength} bytes, at most ${MAX_ARRAY_LENGTH}`, 'header');
  }
  writer.patchUint32(12, fieldsLength);
  writer.align(8, 0);
  copyBytes(writer, bytes.subarray(bodyOffset));
  if (writer.offset > MAX_MESSAGE_LENGTH) {
    const problem = `a message of ${writer.offset} bytes, at most ${MAX_MESSAGE_LENGTH} are allowed`;
    throw refusal('MESSAGE_TOO_LONG', problem, 'header');
  }
  return writer.bytes.subarray(0, writer.offset);
}
