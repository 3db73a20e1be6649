// Decodes messages in two steps: the header with all its checks, then the body, or only the checks of the body.
// It takes exactly one whole message; framing.ts finds out where messages begin and end. Specification: Message Format,
// Header Fields. Tests: message.test.ts, test/wire/invalid.test.ts, test/wire/fixtures.test.ts.
import { argumentError, checkBytes } from '../arguments.js';
import { CACHE_LIMITS } from '../cache-limits.js';
import { ByteCache } from '../values/byte-cache.js';
import { CONTAINER_INSTANCE, FIELD_DEPTH, FIXED_HEADER_LENGTH, HeaderField } from '../constants.js';
import { countValues } from '../values/containers.js';
import { quote } from '../describe.js';
import { UnmarshalError, type UnmarshalErrorCode } from '../errors.js';
import { type Codec, codecOf, EMPTY_CODEC } from '../values/codec.js';
import { Fault } from '../values/fault.js';
import { type FixedHeader, readFixedHeader } from './fixed-header.js';
import {
  FIELD_TYPE, LONGEST_SHOWN, missingField, missingProblem, NAME_FIELD, type NameField, reservedProblem,
} from './header-fields.js';
import type { Message, UnknownField } from './message.js';
import { passOverBody } from '../values/check.js';
import { Reader, uint32At } from '../values/reader.js';
import { DEFAULT_READING, type Reading, readingOf, type ReadOptions } from '../values/reading.js';
import { compileKnownText, readCodec } from '../values/unmarshal-text.js';
import { toUnmarshalError, unmarshalBody, unmarshalVariant } from '../values/unmarshal.js';

type WithoutBody<M> = M extends Message ? Omit<M, 'body'> : never;

/** A message without its body: enough to route it, or to refuse it if the body is broken. */
export type MessageHeader = WithoutBody<Message>;

const { STRING, OBJECT_PATH, SIGNATURE, UINT32 } = FIELD_TYPE;

const MESSAGE_TYPE_NAME = ['invalid', 'method_call', 'method_return', 'error', 'signal'] as const;

/** The type of a message as users see it: the name of a known type, the code of an unknown one. */
export function messageTypeOf(typeCode: number): Message['type'] {
  const name = MESSAGE_TYPE_NAME[typeCode];
  return name === undefined || name === 'invalid' ? typeCode : name;
}

const NO_UNKNOWN_FIELDS: readonly UnknownField[] = Object.freeze([]);

/* Fields --------------------------------------------------------------------------------------------------------- */

/** The header fields of one message. Immutable after reading: messages with the same header share one. */
class Fields {
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
  /** Bit `code` is set once that field was read, for the codes that may appear only once. */
  seen = 0;
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
    const code = reader.bytes[codeOffset]!; // used only if it is within the fields
    const field = codeOffset >= fieldsEnd ? '' : `.${FIELD_NAME_BY_CODE.get(code) ?? code}`;
    throw toUnmarshalError(error, `header${field}`);
  }
  return fields;
}

/* Headers -------------------------------------------------------------------------------------------------------- */

/** Reads the first 16 bytes and checks that `bytes` is exactly one message. */
function readFixedHeaderOfWhole(bytes: Uint8Array): FixedHeader {
  if (bytes.length < FIXED_HEADER_LENGTH) {
    const problem = `got ${bytes.length} bytes: a message must have at least ${FIXED_HEADER_LENGTH}`;
    throw new UnmarshalError('MESSAGE_TRUNCATED', problem, { offset: bytes.length });
  }
  const fixed = readFixedHeader(bytes);
  if (bytes.length === fixed.length) return fixed;
  const [code, offset]: [UnmarshalErrorCode, number] =
    bytes.length < fixed.length ? ['MESSAGE_TRUNCATED', bytes.length] : ['MESSAGE_EXCESS', fixed.length];
  const problem = `got ${bytes.length} bytes: the message must have ${fixed.length}, as its header says`;
  throw new UnmarshalError(code, problem, { offset });
}

/** Offset of the length of the header fields. Cache keys start here: without the length, padding looks like a field. */
const FIELDS_LENGTH_OFFSET = 12;

/**
 * The header fields of recent messages, keyed by their bytes, since calls and signals often repeat them exactly.
 * Replies never do: each has its own REPLY_SERIAL.
 */
const knownFields = new ByteCache<Fields>(CACHE_LIMITS.receivedHeaders);

function openReader(bytes: Uint8Array, { fieldsEnd, littleEndian }: FixedHeader, reading: Reading): Reader {
  return new Reader(bytes, { offset: FIXED_HEADER_LENGTH, end: fieldsEnd, littleEndian }, reading);
}

/** Reads and checks all header fields; afterwards the reader is at the body. */
function readHeader(reader: Reader, fixed: FixedHeader): Fields {
  const { bytes } = reader;
  const { littleEndian, typeCode, bodyOffset } = fixed;
  // The same bytes mean something else in big-endian order, which is rare: such messages do not use the cache.
  const known = littleEndian ? knownFields.find(bytes, FIELDS_LENGTH_OFFSET, bodyOffset) : undefined;
  if (known !== undefined) reader.offset = bodyOffset;
  const fields = known ?? readFields(reader, fixed);
  const isRepeatable = fields.replySerial === undefined && fields.unknownFields === undefined;
  if (known === undefined && littleEndian && isRepeatable) {
    knownFields.keep(bytes, { start: FIELDS_LENGTH_OFFSET, end: bodyOffset }, fields);
  }
  const missing = missingField(typeCode, fields);
  if (missing === undefined) return fields;
  const at = { offset: FIXED_HEADER_LENGTH, path: `header.${missing}` };
  throw new UnmarshalError('FIELD_MISSING', missingProblem(missing, messageTypeOf(typeCode)), at);
}

/**
 * Decodes the header of one whole message, and does not read its body. See {@link decodeBody} and {@link checkBody} for
 * the second step.
 * @throws {UnmarshalError} if the header breaks a rule, or if `bytes` is not as long as the header says
 * @throws {ArgumentError} if `bytes` is not a Uint8Array, or if an option is not valid ‹Message Format, Header Fields›
 */
export function decodeHeader(bytes: Uint8Array, options?: ReadOptions): MessageHeader {
  checkBytes('decodeHeader', 'bytes', bytes);
  return decodeHeaderAs(readingOf('decodeHeader', options), bytes);
}

/** Like {@link decodeHeader}, with options that are checked already. */
export function decodeHeaderAs(reading: Reading, bytes: Uint8Array): MessageHeader {
  const fixed = readFixedHeaderOfWhole(bytes);
  const fields = readHeader(openReader(bytes, fixed, reading), fixed);
  return {
    type: messageTypeOf(fixed.typeCode),
    flags: fixed.flags,
    serial: fixed.serial,
    byteOrder: fixed.littleEndian ? 'little' : 'big',
    path: fields.path,
    interface: fields.interface,
    member: fields.member,
    errorName: fields.errorName,
    replySerial: fields.replySerial,
    destination: fields.destination,
    sender: fields.sender,
    signature: fields.codec.signature,
    unixFds: fields.unixFds,
    unknownFields: fields.unknownFields ?? NO_UNKNOWN_FIELDS,
  } as MessageHeader; // readHeader() checked that the required fields exist
}

/* Messages ------------------------------------------------------------------------------------------------------- */

/** Offset of the length of the body. */
const BODY_LENGTH_OFFSET = 4;

/** Reads the body, which starts at the reader's offset. */
function readBody(reader: Reader, codec: Codec): unknown[] {
  reader.end = reader.bytes.length;
  reader.valuesLeft = reader.reading.maxValues;
  try {
    return unmarshalBody(reader, codec);
  } catch (error) {
    throw toUnmarshalError(error, 'body');
  }
}

function checkHeaderAndBytes(owner: string, header: MessageHeader, bytes: Uint8Array): void {
  checkBytes(owner, 'bytes', bytes);
  if (typeof header?.signature === 'string') return;
  throw argumentError(owner, 'the header must be what decodeHeader() returns', header);
}

/** A reader at the start of the body. */
function openBody({ byteOrder }: MessageHeader, bytes: Uint8Array, reading: Reading): Reader {
  const littleEndian = byteOrder === 'little';
  const offset = bytes.length - uint32At(bytes, BODY_LENGTH_OFFSET, littleEndian);
  return new Reader(bytes, { offset, end: bytes.length, littleEndian }, reading);
}

/**
 * Checks the body of a message whose header is decoded already, without making values: for a message that is passed on
 * or ignored, but must be valid. It finds what {@link decodeBody} finds, except for the limits of the receiver
 * (`TOO_MANY_VALUES`, `DICT_KEYS_COLLIDE`), which do not matter if there are no values.
 * @param header what {@link decodeHeader} returned for the same bytes; with any other header the result is undefined
 * @throws {UnmarshalError} if the body breaks a rule
 * @throws {ArgumentError} if `bytes` is not a Uint8Array, or if `header` is not a header ‹Message Format›
 */
export function checkBody(header: MessageHeader, bytes: Uint8Array): void {
  checkHeaderAndBytes('checkBody', header, bytes);
  const reader = openBody(header, bytes, DEFAULT_READING);
  try {
    passOverBody(reader, codecOf(header.signature));
  } catch (error) {
    throw toUnmarshalError(error, 'body');
  }
}

/**
 * Decodes the body of a message whose header is decoded already, and returns the whole message. The message shares no
 * memory with `bytes`.
 * @param header what {@link decodeHeader} returned for the same bytes; with any other header the result is undefined
 * @throws {UnmarshalError} if the body breaks a rule
 * @throws {ArgumentError} if an argument has the wrong type, or if an option is not valid ‹Message Format›
 */
export function decodeBody(header: MessageHeader, bytes: Uint8Array, options?: ReadOptions): Message {
  checkHeaderAndBytes('decodeBody', header, bytes);
  return decodeBodyAs(readingOf('decodeBody', options), header, bytes);
}

/** Like {@link decodeBody}, with options that are checked already. */
export function decodeBodyAs(reading: Reading, header: MessageHeader, bytes: Uint8Array): Message {
  const reader = openBody(header, bytes, reading);
  const body = readBody(reader, codecOf(header.signature));
  return {
    type: header.type,
    flags: header.flags,
    serial: header.serial,
    byteOrder: header.byteOrder,
    path: header.path,
    interface: header.interface,
    member: header.member,
    errorName: header.errorName,
    replySerial: header.replySerial,
    destination: header.destination,
    sender: header.sender,
    signature: header.signature,
    unixFds: header.unixFds,
    unknownFields: header.unknownFields,
    body,
  } as Message; // the header has the fields that its type requires
}

/**
 * Decodes exactly one whole message and checks every rule of the specification in its header and its body. The message
 * shares no memory with `bytes`.
 * @throws {UnmarshalError} if a rule is broken: `code` says which rule, `offset` and `path` say where
 * @throws {ArgumentError} if `bytes` is not a Uint8Array, or if an option is not valid ‹Message Format›
 */
export function decodeMessage(bytes: Uint8Array, options?: ReadOptions): Message {
  checkBytes('decodeMessage', 'bytes', bytes);
  return decodeMessageAs(readingOf('decodeMessage', options), bytes);
}

/** Like {@link decodeMessage}, with options that are checked already. */
export function decodeMessageAs(reading: Reading, bytes: Uint8Array): Message {
  // The same as decodeBody(decodeHeader(bytes), bytes), without an object for the header and a second reader.
  const fixed = readFixedHeaderOfWhole(bytes);
  const reader = openReader(bytes, fixed, reading);
  const fields = readHeader(reader, fixed);
  const body = readBody(reader, fields.codec);
  return {
    type: messageTypeOf(fixed.typeCode),
    flags: fixed.flags,
    serial: fixed.serial,
    byteOrder: fixed.littleEndian ? 'little' : 'big',
    path: fields.path,
    interface: fields.interface,
    member: fields.member,
    errorName: fields.errorName,
    replySerial: fields.replySerial,
    destination: fields.destination,
    sender: fields.sender,
    signature: fields.codec.signature,
    unixFds: fields.unixFds,
    unknownFields: fields.unknownFields ?? NO_UNKNOWN_FIELDS,
    body,
  } as Message; // readHeader() checked that the required fields exist
}
