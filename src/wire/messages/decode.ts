// Bytes into messages: the header fields one by one, what must be there, then the body.
// It takes one whole message; where messages begin and end is framing.ts's. Specification: Message Format, Header
// Fields.
import { CACHE_LIMITS } from '../cache-limits.js';
import { ByteCache } from '../values/byte-cache.js';
import { CONTAINER_INSTANCE, FIELD_DEPTH, FIXED_HEADER_LENGTH, HeaderField } from '../constants.js';
import { UnmarshalError, type UnmarshalErrorCode } from '../errors.js';
import { Fault } from '../values/fault.js';
import { type FixedHeader, readFixedHeader } from './fixed-header.js';
import { missingField, NAME_FIELD, type NameField } from './header-fields.js';
import type { Message, UnknownField } from './message.js';
import { Reader } from '../values/reader.js';
import {
  type CompiledSignature, compileKnownText, compileSignature, readCompiledSignature, readVariant, toUnmarshalError,
  unmarshalBody,
} from '../values/unmarshal.js';

type WithoutBody<M> = M extends Message ? Omit<M, 'body'> : never;

/** A message without its body: what a router, or whoever must refuse a broken body, needs to know. */
export type MessageHeader = WithoutBody<Message>;

const MESSAGE_TYPE_NAME = ['invalid', 'method_call', 'method_return', 'error', 'signal'] as const;

const NO_SIGNATURE = compileSignature('');
const NO_UNKNOWN_FIELDS: readonly UnknownField[] = Object.freeze([]);

/** The header of one message while it is read. */
class Fields {
  path: string | undefined = undefined;
  interface: string | undefined = undefined;
  member: string | undefined = undefined;
  errorName: string | undefined = undefined;
  replySerial: number | undefined = undefined;
  destination: string | undefined = undefined;
  sender: string | undefined = undefined;
  signature: CompiledSignature | undefined = undefined;
  unixFds: number | undefined = undefined;
  unknownFields: UnknownField[] | undefined = undefined;
}

function compileNameField({ name, accepts, invalid, reserved }: NameField): (reader: Reader) => string {
  return compileKnownText((text, offset) => {
    if (!accepts(text)) throw new Fault<UnmarshalErrorCode>(invalid, `not a valid ${name}`, { offset });
    if (reserved !== undefined && text.startsWith(reserved.prefix)) {
      throw new Fault<UnmarshalErrorCode>(reserved.code, `${reserved.prefix} is not for messages`, { offset });
    }
  });
}

const readPath = compileNameField(NAME_FIELD.path);
const readInterface = compileNameField(NAME_FIELD.interface);
const readMember = compileNameField(NAME_FIELD.member);
const readErrorName = compileNameField(NAME_FIELD.errorName);
const readDestination = compileNameField(NAME_FIELD.destination);
const readSender = compileNameField(NAME_FIELD.sender);

/** Checks that the signature of a field's variant is the one that the field has, and passes over it. */
function expectType(reader: Reader, typeCode: number): void {
  reader.align(1, 3);
  const { bytes, offset } = reader;
  if (bytes[offset] !== 1 || bytes[offset + 1] !== typeCode) {
    const type = String.fromCharCode(typeCode);
    throw reader.fault('FIELD_TYPE_MISMATCH', `the value of this header field has type "${type}"`);
  }
  if (bytes[offset + 2] !== 0) {
    throw reader.fault('STRING_NOT_TERMINATED', 'a signature does not end with a NUL byte', offset + 2);
  }
  reader.offset += 3;
}

const STRING = 's'.charCodeAt(0);
const OBJECT_PATH = 'o'.charCodeAt(0);
const SIGNATURE = 'g'.charCodeAt(0);
const UINT32 = 'u'.charCodeAt(0);

function readTyped<Value>(reader: Reader, typeCode: number, read: (reader: Reader) => Value): Value {
  expectType(reader, typeCode);
  return read(reader);
}

function readNumber(reader: Reader): number {
  expectType(reader, UINT32);
  return reader.readUint32();
}

/** A value for a field that has none yet. */
function once<Value>(present: Value | undefined, value: Value, at: { reader: Reader; start: number }): Value {
  if (present === undefined) return value;
  throw at.reader.fault('FIELD_DUPLICATE', 'this header field is given twice', at.start);
}

/** Reads one field: its code, then its value; `fields` gets it. */
function readField(reader: Reader, fields: Fields): void {
  reader.align(8, 1);
  const start = reader.offset;
  const at = { reader, start };
  const code = reader.bytes[reader.offset++]!; // align saw to it
  switch (code) {
    case 0:
      throw reader.fault('FIELD_CODE_INVALID', 'header field 0 is INVALID', start);
    case HeaderField.PATH:
      fields.path = once(fields.path, readTyped(reader, OBJECT_PATH, readPath), at);
      break;
    case HeaderField.INTERFACE:
      fields.interface = once(fields.interface, readTyped(reader, STRING, readInterface), at);
      break;
    case HeaderField.MEMBER:
      fields.member = once(fields.member, readTyped(reader, STRING, readMember), at);
      break;
    case HeaderField.ERROR_NAME:
      fields.errorName = once(fields.errorName, readTyped(reader, STRING, readErrorName), at);
      break;
    case HeaderField.DESTINATION:
      fields.destination = once(fields.destination, readTyped(reader, STRING, readDestination), at);
      break;
    case HeaderField.SENDER:
      fields.sender = once(fields.sender, readTyped(reader, STRING, readSender), at);
      break;
    case HeaderField.SIGNATURE:
      fields.signature = once(fields.signature, readTyped(reader, SIGNATURE, readCompiledSignature), at);
      break;
    case HeaderField.REPLY_SERIAL: {
      const serial = readNumber(reader);
      if (serial === 0) throw reader.fault('REPLY_SERIAL_ZERO', 'no message has serial 0', reader.offset - 4);
      fields.replySerial = once(fields.replySerial, serial, at);
      break;
    }
    case HeaderField.UNIX_FDS:
      fields.unixFds = once(fields.unixFds, readNumber(reader), at);
      break;
    default: {
      const field = { code, value: readVariant(reader, FIELD_DEPTH) };
      fields.unknownFields ??= [];
      if (code === CONTAINER_INSTANCE) {
        if (field.value.signature !== 'o') {
          throw reader.fault('FIELD_TYPE_MISMATCH', 'the value of header field 10 has type "o"', start);
        }
        once(fields.unknownFields.find((other) => other.code === code), field, at);
      }
      fields.unknownFields.push(field);
    }
  }
}

const FIELD_NAME_BY_CODE = new Map<number, string>(Object.entries(HeaderField).map(([name, code]) => [code, name]));

/** Reads all header fields and the padding behind them. */
function readFields(reader: Reader, { fieldsEnd, bodyOffset }: FixedHeader): Fields {
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
    const code = reader.bytes[codeOffset]!; // there, or not looked at
    const field = codeOffset >= fieldsEnd ? '' : `.${FIELD_NAME_BY_CODE.get(code) ?? code}`;
    throw toUnmarshalError(error, `header${field}`);
  }
  return fields;
}

/** The fixed part of the header of what must be one whole message. */
function openMessage(bytes: Uint8Array): FixedHeader {
  if (bytes.length < FIXED_HEADER_LENGTH) {
    throw new UnmarshalError('MESSAGE_TRUNCATED', `a message has at least 16 bytes, not ${bytes.length}`, {
      offset: bytes.length,
    });
  }
  const fixed = readFixedHeader(bytes);
  if (bytes.length === fixed.length) return fixed;
  const [code, offset]: [UnmarshalErrorCode, number] =
    bytes.length < fixed.length ? ['MESSAGE_TRUNCATED', bytes.length] : ['MESSAGE_EXCESS', fixed.length];
  throw new UnmarshalError(code, `the message has ${fixed.length} bytes, ${bytes.length} are given`, { offset });
}

/** Where the length of the header fields stands: it decides what of the bytes is a field and what is padding. */
const FIELDS_LENGTH_OFFSET = 12;

/**
 * The header fields of messages seen lately, found again by all their bytes: calls and signals repeat them to the
 * letter. Replies never do, since each has a REPLY_SERIAL of its own.
 */
const knownFields = new ByteCache<Fields>(CACHE_LIMITS.receivedHeaders);

/** Everything before the body; the reader then stands where the body starts. */
function readHeader(reader: Reader, fixed: FixedHeader): Fields {
  const { bytes } = reader;
  const range = { start: FIELDS_LENGTH_OFFSET, end: fixed.bodyOffset };
  // The same bytes say something else in the other byte order; the one that is rare does without.
  const known = fixed.littleEndian ? knownFields.find(bytes, range.start, range.end) : undefined;
  if (known !== undefined) reader.offset = reader.end = range.end;
  const fields = known ?? readFields(reader, fixed);
  const isRepeatable = fields.replySerial === undefined && fields.unknownFields === undefined;
  if (known === undefined && fixed.littleEndian && isRepeatable) knownFields.keep(bytes, range, fields);
  const name = missingField(fixed.typeCode, fields);
  if (name === undefined) return fields;
  const type = MESSAGE_TYPE_NAME[fixed.typeCode];
  throw new UnmarshalError('FIELD_MISSING', `a ${type} has a header field ${name}`, {
    offset: FIXED_HEADER_LENGTH,
    path: `header.${name}`,
  });
}

function openReader(bytes: Uint8Array, { fieldsEnd, littleEndian }: FixedHeader): Reader {
  return new Reader(bytes, { offset: FIXED_HEADER_LENGTH, end: fieldsEnd, littleEndian });
}

/** The message as users see it: every key there, always in the same order. */
function toMessage({ typeCode, flags, serial, littleEndian }: FixedHeader, fields: Fields, body: unknown[]): Message {
  return {
    type: MESSAGE_TYPE_NAME[typeCode] ?? typeCode,
    flags,
    serial,
    byteOrder: littleEndian ? 'little' : 'big',
    path: fields.path,
    interface: fields.interface,
    member: fields.member,
    errorName: fields.errorName,
    replySerial: fields.replySerial,
    destination: fields.destination,
    sender: fields.sender,
    signature: fields.signature === undefined ? '' : fields.signature.signature,
    unixFds: fields.unixFds ?? 0,
    unknownFields: fields.unknownFields ?? NO_UNKNOWN_FIELDS,
    body,
  } as Message; // readHeader saw to it that the fields which the type requires are there
}

/**
 * Reads the header of one whole message and leaves its body alone.
 * @throws {UnmarshalError} where the header breaks a rule ‹Message Format, Header Fields›
 */
export function decodeHeader(bytes: Uint8Array): MessageHeader {
  const fixed = openMessage(bytes);
  const { body: _, ...header } = toMessage(fixed, readHeader(openReader(bytes, fixed), fixed), []);
  return header as MessageHeader; // a message without its body
}

/**
 * Reads one whole message, of which no byte may be missing or left over, and checks every rule of the specification in
 * header and body. The message shares no memory with `bytes`.
 * @throws {UnmarshalError} where a rule is broken; `code` says which, `offset` and `path` say where ‹Message Format›
 */
export function decodeMessage(bytes: Uint8Array): Message {
  const fixed = openMessage(bytes);
  const reader = openReader(bytes, fixed);
  const fields = readHeader(reader, fixed);
  reader.end = bytes.length;
  try {
    return toMessage(fixed, fields, unmarshalBody(reader, fields.signature ?? NO_SIGNATURE));
  } catch (error) {
    throw toUnmarshalError(error, 'body');
  }
}
