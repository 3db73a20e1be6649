// Rewrites the header of a message and copies its body without decoding it: for routers, proxies and test tools.
// A header field has the same bytes at every 8-byte boundary, and so has a body: all that does not change is copied as
// bytes. Specification: Message Format, Header Fields, Message Bus Message Routing.
import { checkBytes } from '../arguments.js';
import {
  FIELD_DEPTH, FIXED_HEADER_LENGTH, HeaderField, LAST_KNOWN_FIELD, MAX_ARRAY_LENGTH, MAX_MESSAGE_LENGTH, MAX_UINT32,
} from '../constants.js';
import { decodeHeader } from './decode.js';
import { checkInteger, refusal } from './encode-fields.js';
import { skipField } from './skip-field.js';
import { fieldsTooLongProblem, tooLongProblem } from './fixed-header.js';
import { assertBusName } from '../names.js';
import { ANY, checkRequiredOptions, FLAG, type OptionRules } from '../options.js';
import { marshalVariant } from '../values/marshal.js';
import { Reader, uint32At } from '../values/reader.js';
import { Writer } from '../values/writer.js';
import type { Variant } from '../variant.js';

/** The changes to a message. A key that is left out, or undefined, changes nothing. */
export interface Readdressing {
  /** The serial of the message, 1 to 2^32−1. */
  readonly serial?: number | undefined;
  /** The flags byte, an OR of {@link MessageFlag}. */
  readonly flags?: number | undefined;
  /**
   * The serial of the message that this one answers, 1 to 2^32−1. A router that gives calls new serials must restore
   * the old ones in their replies.
   */
  readonly replySerial?: number | undefined;
  /** A bus name, or null to remove the field. */
  readonly destination?: string | null | undefined;
  /** A bus name, or null to remove the field. */
  readonly sender?: string | null | undefined;
  /** Whether to remove header fields with unknown codes, as a message bus should. Default: false. */
  readonly stripUnknownFields?: boolean | undefined;
}

// readdress() checks numbers and names itself, with their ranges and grammars.
const READDRESS_RULES: OptionRules<Readdressing> = {
  serial: ANY, flags: ANY, replySerial: ANY, destination: ANY, sender: ANY, stripUnknownFields: FLAG,
};

const MAX_BYTE = 0xff;
/** Upper bound of the bytes that the changes add: two names and a number. */
const ADDED_LENGTH = 640;

/** The fields that change, by code: the new value, or null to remove the field. */
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
  marshalVariant(writer, value, FIELD_DEPTH); // cannot fail: the value is checked
}

function copyBytes(writer: Writer, bytes: Uint8Array): void {
  writer.reserve(bytes.length);
  writer.bytes.set(bytes, writer.offset);
  writer.offset += bytes.length;
}

/**
 * Copies the fields that do not change, in runs as long as possible. A changed field is written in its old place, or at
 * the end if it is new.
 */
function writeFields(writer: Writer, reader: Reader, changes: Changes, isStripped: boolean): void {
  const { bytes, end } = reader;
  let runStart = reader.offset;
  let runEnd = runStart; // without the padding that follows, which belongs to no field
  const copyRun = (): void => {
    if (runStart === runEnd) return;
    writer.align(8, 0);
    copyBytes(writer, bytes.subarray(runStart, runEnd));
  };
  while (reader.offset < end) {
    const start = reader.offset;
    const code = bytes[start]!; // decodeHeader() checked that the field is complete
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
 * Returns a copy of one whole message with a changed header. The header is checked and written again. The body is
 * copied without being decoded: a broken one stays broken.
 * @throws {UnmarshalError} if the header of `bytes` breaks a rule, as {@link decodeHeader} does
 * @throws {InvalidNameError} if the new sender or destination is not a valid bus name
 * @throws {MarshalError} if a new number is out of range, or if the message becomes too long
 * @throws {ArgumentError} if `bytes` is not a Uint8Array, or if a key of the changes is unknown ‹Message Format›
 */
export function readdress(bytes: Uint8Array, readdressing: Readdressing): Uint8Array {
  checkRequiredOptions('readdress', readdressing, READDRESS_RULES);
  checkBytes('readdress', 'bytes', bytes);
  const header = decodeHeader(bytes);
  const { serial = header.serial, flags = header.flags, stripUnknownFields = false } = readdressing;
  checkInteger(serial, { path: 'header.serial', min: 1, max: MAX_UINT32 });
  checkInteger(flags, { path: 'header.flags', min: 0, max: MAX_BYTE });
  const changes = changesOf(readdressing);

  const littleEndian = header.byteOrder === 'little';
  const fieldsEnd = FIXED_HEADER_LENGTH + uint32At(bytes, 12, littleEndian);
  const bodyOffset = bytes.length - uint32At(bytes, 4, littleEndian);
  const writer = new Writer(bytes.length + ADDED_LENGTH);
  writer.littleEndian = littleEndian;
  copyBytes(writer, bytes.subarray(0, FIXED_HEADER_LENGTH));
  writer.bytes[2] = flags;
  writer.patchUint32(8, serial);
  const reader = new Reader(bytes, { offset: FIXED_HEADER_LENGTH, end: fieldsEnd, littleEndian });
  writeFields(writer, reader, changes, stripUnknownFields);
  const fieldsLength = writer.offset - FIXED_HEADER_LENGTH;
  if (fieldsLength > MAX_ARRAY_LENGTH) {
    throw refusal('ARRAY_TOO_LONG', fieldsTooLongProblem(fieldsLength), 'header');
  }
  writer.patchUint32(12, fieldsLength);
  writer.align(8, 0);
  copyBytes(writer, bytes.subarray(bodyOffset));
  if (writer.offset > MAX_MESSAGE_LENGTH) {
    throw refusal('MESSAGE_TOO_LONG', tooLongProblem(writer.offset, MAX_MESSAGE_LENGTH), 'header');
  }
  return writer.bytes.subarray(0, writer.offset);
}
