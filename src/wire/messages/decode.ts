// Decodes messages in two steps: the header with all its checks, then the body, or only the checks of the body.
// It reads exactly one whole message; framing.ts finds out where messages begin and end. Specification: Message Format,
// Header Fields. Tests: message.test.ts, test/wire/invalid.test.ts, test/wire/fixtures.test.ts.
import { argumentError, checkBytes } from '../arguments.js';
import { CACHE_LIMITS } from '../cache-limits.js';
import { FIXED_HEADER_LENGTH, MESSAGE_TYPE_CODE } from '../constants.js';
import { counted } from '../counted.js';
import { UnmarshalError, type UnmarshalErrorCode } from '../errors.js';
import { ByteCache } from '../values/byte-cache.js';
import { passOverBody, unmarshalBody } from '../values/body.js';
import { type Codec, codecOf } from '../values/codec.js';
import { Reader, uint32At } from '../values/reader.js';
import { DEFAULT_READING, type Reading, readingOf, type ReadOptions } from '../values/read-options.js';
import { toUnmarshalError } from '../values/unmarshal.js';
import { type Fields, readFields } from './decode-fields.js';
import { type FixedHeader, readFixedHeader } from './fixed-header.js';
import { missingField, missingProblem } from './header-fields.js';
import { findKnownReply, keepKnownReply } from './known-replies.js';
import type { Message, UnknownField } from './message.js';

type WithoutBody<M> = M extends Message ? Omit<M, 'body'> : never;

/** A message without its body: enough to route it, or to refuse it if the body is broken. */
export type MessageHeader = WithoutBody<Message>;

const MESSAGE_TYPE_NAME = ['invalid', 'method_call', 'method_return', 'error', 'signal'] as const;

/** The type of a message as users see it: the name of a known type, the code of an unknown one. */
export function messageTypeOf(typeCode: number): Message['type'] {
  const name = MESSAGE_TYPE_NAME[typeCode];
  return name === undefined || name === 'invalid' ? typeCode : name;
}

const NO_UNKNOWN_FIELDS: readonly UnknownField[] = Object.freeze([]);

/* Headers -------------------------------------------------------------------------------------------------------- */

/** Reads the first 16 bytes and checks that `bytes` is exactly one message. */
function readFixedHeaderOfWhole(bytes: Uint8Array): FixedHeader {
  if (bytes.length < FIXED_HEADER_LENGTH) {
    const problem = `got ${counted(bytes.length, 'byte')}: a message must have at least ${FIXED_HEADER_LENGTH}`;
    throw new UnmarshalError('MESSAGE_TRUNCATED', problem, { offset: bytes.length });
  }
  const fixed = readFixedHeader(bytes);
  if (bytes.length === fixed.length) return fixed;
  const [code, offset]: [UnmarshalErrorCode, number] =
    bytes.length < fixed.length ? ['MESSAGE_TRUNCATED', bytes.length] : ['MESSAGE_EXCESS', fixed.length];
  const problem = `got ${counted(bytes.length, 'byte')}: the message must have ${fixed.length}, as its header says`;
  throw new UnmarshalError(code, problem, { offset });
}

/** Offset of the length of the header fields. Cache keys start here: without the length, padding looks like a field. */
const FIELDS_LENGTH_OFFSET = 12;

/**
 * The header fields of recent messages, keyed by their bytes, since calls and signals often repeat them exactly.
 * Replies never do, since each has its own REPLY_SERIAL: known-replies.ts is the cache for them.
 */
const knownFields = new ByteCache<Fields>(CACHE_LIMITS.receivedHeaders);

function openReader(bytes: Uint8Array, { fieldsEnd, littleEndian }: FixedHeader, reading: Reading): Reader {
  return new Reader(bytes, { offset: FIXED_HEADER_LENGTH, end: fieldsEnd, littleEndian }, reading);
}

/**
 * The fields of an earlier message with the same bytes. In big-endian order, which is rare, the same bytes mean
 * something else: such messages do not use the caches.
 */
function findFields(bytes: Uint8Array, bodyOffset: number, isReply: boolean): Fields | undefined {
  return isReply ? findKnownReply(bytes, bodyOffset) : knownFields.find(bytes, FIELDS_LENGTH_OFFSET, bodyOffset);
}

function keepFields(bytes: Uint8Array, bodyOffset: number, fields: Fields, isReply: boolean): void {
  if (isReply) keepKnownReply(bytes, bodyOffset, fields);
  else if (fields.replySerial === undefined && fields.unknownFields === undefined) {
    knownFields.keep(bytes, { start: FIELDS_LENGTH_OFFSET, end: bodyOffset }, fields);
  }
}

/** Reads and checks all header fields; afterwards the reader is at the body. */
function readHeader(reader: Reader, fixed: FixedHeader): Fields {
  const { bytes } = reader;
  const { littleEndian, typeCode, bodyOffset } = fixed;
  const isReply = typeCode === MESSAGE_TYPE_CODE.method_return || typeCode === MESSAGE_TYPE_CODE.error;
  const known = littleEndian ? findFields(bytes, bodyOffset, isReply) : undefined;
  if (known !== undefined) reader.offset = bodyOffset;
  const fields = known ?? readFields(reader, fixed);
  if (known === undefined && littleEndian) keepFields(bytes, bodyOffset, fields, isReply);
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
  try {
    if (typeof header?.signature === 'string') return;
  } catch {} // a revoked proxy, or an object that inherits from one
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
  return withBody(header, readBodyAs(reading, header, bytes));
}

/** Like {@link decodeBodyAs}, but returns the body alone. */
export function readBodyAs(reading: Reading, header: MessageHeader, bytes: Uint8Array): unknown[] {
  return readBody(openBody(header, bytes, reading), codecOf(header.signature));
}

/** The message with a header and a body. */
export function withBody(header: MessageHeader, body: readonly unknown[]): Message {
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
