// Decodes the header fields of a message, each at most once, with all rules for their types and values. It knows
// neither the first 16 bytes nor the body. Specification: Header Fields.
// Tests: message.test.ts, test/wire/invalid.test.ts.
import { CONTAINER_INSTANCE, FIELD_DEPTH, HeaderField } from '../constants.js';
import { quote } from '../describe.js';
import type { UnmarshalErrorCode } from '../errors.js';
import { type Codec, EMPTY_CODEC } from '../values/codec.js';
import { Fault } from '../values/fault.js';
import type { Reader } from '../values/reader.js';
import { compileKnownText, readCodec } from '../values/unmarshal-text.js';
import { toUnmarshalError } from '../values/unmarshal.js';
import { unmarshalVariant } from '../values/unmarshal-containers.js';
import { countValues } from '../values/value-count.js';
import type { FixedHeader } from './fixed-header.js';
import { FIELD_TYPE, LONGEST_SHOWN, NAME_FIELD, type NameField, reservedProblem } from './header-fields.js';
import type { UnknownField } from './message.js';

const { STRING, OBJECT_PATH, SIGNATURE, UINT32 } = FIELD_TYPE;

/** The header fields of one message. Immutable after reading: messages with the same header share one. */
export class Fields {
  path: string | undefined = undefined;
  interface: string | undefined = undefined;
  member: string | undefined = undefined;
  errorName: string | undefined = undefined;
  replySerial: number | undefined = undefined;
  destination: string | undefined = undefined;
  sender: string | undefined = undefined;
  codec: Codec = EMPTY_CODEC;
  unixFds = 0;
  unknownFields: UnknownField[] | undefined = undefined;
  /** Offset of the value of REPLY_SERIAL in the message; -1 if there is none. */
  replySerialOffset = -1;
  /** Bit `code` is set once that field was read, for the codes that may appear only once. */
  seen = 0;

  /** The same fields with another REPLY_SERIAL. */
  withReplySerial(replySerial: number): Fields {
    const fields = new Fields();
    fields.path = this.path;
    fields.interface = this.interface;
    fields.member = this.member;
    fields.errorName = this.errorName;
    fields.replySerial = replySerial;
    fields.destination = this.destination;
    fields.sender = this.sender;
    fields.codec = this.codec;
    fields.unixFds = this.unixFds;
    fields.unknownFields = this.unknownFields;
    fields.replySerialOffset = this.replySerialOffset;
    fields.seen = this.seen;
    return fields;
  }
}

function compileNameField({ kind, accepts, invalid, reserved }: NameField): (reader: Reader) => string {
  return compileKnownText((text, offset) => {
    if (!accepts(text)) {
      const problem = `expected a valid ${kind}, got ${quote(text, LONGEST_SHOWN)}`;
      throw new Fault<UnmarshalErrorCode>(invalid, problem, { offset });
    }
    if (reserved !== undefined && text.startsWith(reserved.prefix)) {
      throw new Fault<UnmarshalErrorCode>(reserved.code, reservedProblem(text, reserved.prefix), { offset });
    }
  });
}

const readPath = compileNameField(NAME_FIELD.path);
const readInterface = compileNameField(NAME_FIELD.interface);
const readMember = compileNameField(NAME_FIELD.member);
const readErrorName = compileNameField(NAME_FIELD.errorName);
const readDestination = compileNameField(NAME_FIELD.destination);
const readSender = compileNameField(NAME_FIELD.sender);

function typeMismatch(reader: Reader, expected: string, found: string): Fault<UnmarshalErrorCode> {
  return reader.fault('FIELD_TYPE_MISMATCH', `expected type "${expected}", got ${quote(found, LONGEST_SHOWN)}`);
}

/** The fault of a variant that does not have the type that its header field must have. */
function typeFault(reader: Reader, typeCode: number): Fault<UnmarshalErrorCode> {
  const { bytes, offset } = reader;
  const length = bytes[offset]!; // expectType() checked that this byte and the next two exist
  if (length === 1 && bytes[offset + 1] === typeCode) {
    const problem = 'no NUL byte after the signature: a signature must end with one';
    return reader.fault('STRING_NOT_TERMINATED', problem, offset + 2);
  }
  const found = bytes.subarray(offset + 1, Math.min(offset + 1 + length, reader.end));
  return typeMismatch(reader, String.fromCharCode(typeCode), String.fromCharCode(...found));
}

/** Checks that the variant of a field has the type that the field must have, and passes over its signature. */
function expectType(reader: Reader, typeCode: number): void {
  reader.align(1, 3);
  const { bytes, offset } = reader;
  if (bytes[offset] !== 1 || bytes[offset + 1] !== typeCode || bytes[offset + 2] !== 0) {
    throw typeFault(reader, typeCode);
  }
  reader.offset += 3;
}

function readNumber(reader: Reader): number {
  expectType(reader, UINT32);
  return reader.readUint32();
}

function readReplySerial(reader: Reader): number {
  const serial = readNumber(reader);
  if (serial !== 0) return serial;
  throw reader.fault('REPLY_SERIAL_ZERO', 'the reply serial is 0: it must be 1 or greater', reader.offset - 4);
}

function readUnknownField(reader: Reader, code: number, start: number): UnknownField {
  countValues(reader, 1);
  const field = { code, value: unmarshalVariant(reader, FIELD_DEPTH) };
  if (code !== CONTAINER_INSTANCE || field.value.signature === 'o') return field;
  reader.offset = start;
  throw typeMismatch(reader, 'o', field.value.signature);
}

/** Reads the code and the value of one field into `fields`. */
function readField(reader: Reader, fields: Fields): void {
  reader.align(8, 1);
  const start = reader.offset;
  const code = reader.bytes[reader.offset++]!; // align() checked that this byte exists
  switch (code) {
    case 0:
      throw reader.fault('FIELD_CODE_INVALID', 'the code of a header field is 0: it must be 1 or greater', start);
    case HeaderField.PATH:
      expectType(reader, OBJECT_PATH);
      fields.path = readPath(reader);
      break;
    case HeaderField.INTERFACE:
      expectType(reader, STRING);
      fields.interface = readInterface(reader);
      break;
    case HeaderField.MEMBER:
      expectType(reader, STRING);
      fields.member = readMember(reader);
      break;
    case HeaderField.ERROR_NAME:
      expectType(reader, STRING);
      fields.errorName = readErrorName(reader);
      break;
    case HeaderField.DESTINATION:
      expectType(reader, STRING);
      fields.destination = readDestination(reader);
      break;
    case HeaderField.SENDER:
      expectType(reader, STRING);
      fields.sender = readSender(reader);
      break;
    case HeaderField.SIGNATURE:
      expectType(reader, SIGNATURE);
      fields.codec = readCodec(reader);
      break;
    case HeaderField.REPLY_SERIAL:
      fields.replySerial = readReplySerial(reader);
      fields.replySerialOffset = reader.offset - 4;
      break;
    case HeaderField.UNIX_FDS:
      fields.unixFds = readNumber(reader);
      break;
    default:
      (fields.unknownFields ??= []).push(readUnknownField(reader, code, start));
  }
  if (code > CONTAINER_INSTANCE) return; // unknown fields may repeat
  if ((fields.seen & (1 << code)) !== 0) {
    throw reader.fault('FIELD_DUPLICATE', 'the header field appears twice: it must appear at most once', start);
  }
  fields.seen |= 1 << code;
}

const FIELD_NAME_BY_CODE = new Map<number, string>(Object.entries(HeaderField).map(([name, code]) => [code, name]));

/** Reads all header fields, and checks the padding after them. */
export function readFields(reader: Reader, { fieldsEnd, bodyOffset }: FixedHeader): Fields {
  const fields = new Fields();
  let start = reader.offset;
  try {
    while (reader.offset < fieldsEnd) {
      start = reader.offset;
      readField(reader, fields);
    }
    start = bodyOffset;
    reader.end = bodyOffset;
    reader.align(8, 0);
  } catch (error) {
    const codeOffset = (start + 7) & ~7;
    const code = reader.bytes[codeOffset]!; // used only if it is within the fields
    const field = codeOffset >= fieldsEnd ? '' : `.${FIELD_NAME_BY_CODE.get(code) ?? code}`;
    throw toUnmarshalError(error, `header${field}`);
  }
  return fields;
}
