// Encodes messages: the header fields in the order of their codes, then the body. Everything is checked.
// A message can be appended to a buffer that has others already, so that a connection sends many in one write.
// Specification: Message Format, Header Fields. Tests: message.test.ts, test/wire/fixtures.test.ts.
import { BoundedCache } from '../bounded-cache.js';
import { CACHE_LIMITS } from '../cache-limits.js';
import {
  BYTE_ORDER_MARK, type ByteOrder, CONTAINER_INSTANCE, FIELD_DEPTH, FIXED_HEADER_LENGTH, HeaderField, LAST_KNOWN_FIELD,
  MAX_ARRAY_LENGTH, MAX_NAME_LENGTH, MAX_UINT32, MESSAGE_TYPE_CODE, PROTOCOL_VERSION,
} from '../constants.js';
import { argumentError, isArray, isRevoked } from '../arguments.js';
import { describe } from '../describe.js';
import { errorAt } from '../error-place.js';
import { InvalidNameError, MarshalError, type MarshalErrorCode } from '../errors.js';
import { fieldsTooLongProblem, tooLongProblem } from './fixed-header.js';
import {
  FIELD_TYPE, missingField, missingProblem, NAME_FIELD, type NameField, type NameKey, reservedProblem,
} from './header-fields.js';
import { findKnownHeader, hasRepeatableHeader, keepKnownHeader } from './known-headers.js';
import { writeAsciiString, writeSignature } from '../values/marshal-text.js';
import { marshalBody, marshalVariant, toMarshalError } from '../values/marshal.js';
import type { Message, UnknownField } from './message.js';
import { ANY, BYTE_ORDER, checkOptions, FLAG, type OptionRules } from '../options.js';
import { unixFdFault } from '../values/fault.js';
import { Writer } from '../values/writer.js';

/** Options for encoding a message. */
export interface EncodeOptions {
  /** The serial to write, 1 to 2^32−1. Default: the message's own. */
  readonly serial?: number | undefined;
  /** The byte order of header and body. Default: the message's own. */
  readonly byteOrder?: ByteOrder | undefined;
  /**
   * Whether the message may refer to file descriptors: by a UNIX_FD in its body, or by `unixFds` above 0. Set it to
   * false for streams that cannot carry descriptors, such as Node's sockets. Default: true.
   */
  readonly allowUnixFds?: boolean | undefined;
}

// The serial is checked on writing, like the message's own.
const ENCODE_RULES: OptionRules<EncodeOptions> = { serial: ANY, byteOrder: BYTE_ORDER, allowUnixFds: FLAG };

const NO_OPTIONS: EncodeOptions = Object.freeze({});

/** Checks the options quickly, since this runs for each message; checkOptions() makes the error. */
function checkEncodeOptions(options: EncodeOptions): void {
  if (isRevoked(options)) checkOptions('encodeMessage', options, ENCODE_RULES);
  let count = 0;
  let isKnown = typeof options === 'object' && options !== null;
  for (const key in options) {
    count++;
    isKnown &&= key === 'serial' || key === 'byteOrder' || key === 'allowUnixFds';
  }
  if (isKnown && count > 0) {
    const { byteOrder, allowUnixFds } = options;
    const isOrder = byteOrder === undefined || byteOrder === 'little' || byteOrder === 'big';
    if (isOrder && (allowUnixFds === undefined || typeof allowUnixFds === 'boolean')) return;
  }
  checkOptions('encodeMessage', options, ENCODE_RULES);
}

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

function typeCodeOf({ type }: Message): number {
  if (typeof type === 'string' && Object.hasOwn(MESSAGE_TYPE_CODE, type)) return MESSAGE_TYPE_CODE[type];
  if (typeof type === 'number' && Number.isInteger(type) && type >= 5 && type <= 0xff) return type;
  const names = Object.keys(MESSAGE_TYPE_CODE);
  const expected = `${names.map((name) => `"${name}"`).join(', ')} or an integer from 5 to 255`;
  const name = Object.values(MESSAGE_TYPE_CODE).some((code) => code === type) ? names[Number(type) - 1] : undefined;
  const advice = name === undefined ? '' : `: the type must be given by its name, "${name}"`;
  throw refusal('FIELD_INVALID', `expected ${expected}, got ${describe(type)}${advice}`, 'header.type');
}

/** The keys that have a value in every message, besides those that options can give. */
const KEYS = ['type', 'flags', 'signature', 'unixFds', 'unknownFields', 'body'] as const;

/** The error for a message that was made by hand and lacks several keys; undefined if it has them. */
function missingKeysError(message: Message): MarshalError | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const missing = KEYS.filter((key) => message[key] === undefined);
  if (missing.length < 2) return undefined; // the error of the one key says enough
  const found = `${missing.join(', ')} are undefined`;
  const rule = 'a message must have every key, as methodCall(), methodReturn(), errorReply() and signal() make it';
  return refusal('FIELD_MISSING', `${found}: ${rule}`, 'header');
}

/** Checks the serial; `isGiven` says whether it is an option, or the message's own. */
function checkSerial(serial: unknown, isGiven: boolean): void {
  if (serial === 0 && !isGiven) {
    const problem = `the message has no serial: { serial } must be given, an integer from 1 to ${MAX_UINT32}`;
    throw refusal('FIELD_INVALID', problem, 'header.serial');
  }
  checkInteger(serial, { path: 'header.serial', min: 1, max: MAX_UINT32 });
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
function writeHeaderFields(writer: Writer, message: Message): number {
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
  if (!isArray(message.unknownFields)) {
    throw refusal('FIELD_INVALID', `unknownFields must be an array, got ${describe(message.unknownFields)}`, 'header');
  }
  for (const field of message.unknownFields) writeUnknownField(writer, field);
  if (message.unknownFields.length > 0) checkContainerInstances(message.unknownFields);
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
  if (typeof field !== 'object' || field === null || isRevoked(field)) {
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

function writeBody(writer: Writer, { signature, body }: Message): void {
  try {
    marshalBody(writer, signature, body);
  } catch (error) {
    throw toMarshalError(error, signature, 'body');
  }
}

function writeParts(writer: Writer, message: Message, options: EncodeOptions): void {
  const start = writer.offset;
  const typeCode = typeCodeOf(message);
  if (typeof message.signature !== 'string') {
    throw refusal('SIGNATURE_INVALID', `expected a string, got ${describe(message.signature)}`, 'header.SIGNATURE');
  }
  checkInteger(message.flags, { path: 'header.flags', min: 0, max: 0xff });
  const serial = options.serial ?? message.serial;
  checkSerial(serial, options.serial !== undefined);
  const missing = missingField(typeCode, message);
  if (missing !== undefined) {
    throw refusal('FIELD_MISSING', missingProblem(missing, message.type), `header.${missing}`);
  }
  writer.reserve(FIXED_HEADER_LENGTH);
  writer.bytes[start] = BYTE_ORDER_MARK[writer.littleEndian ? 'little' : 'big'];
  writer.bytes[start + 1] = typeCode;
  writer.bytes[start + 2] = message.flags;
  writer.bytes[start + 3] = PROTOCOL_VERSION;
  writer.patchUint32(start + 8, serial);
  writer.offset += FIXED_HEADER_LENGTH;
  writer.patchUint32(start + 12, writeHeaderFields(writer, message));
  const bodyOffset = writer.offset;
  writeBody(writer, message);
  writer.patchUint32(start + 4, writer.offset - bodyOffset);
  const length = writer.offset - start;
  if (length > writer.maxLength) {
    throw refusal('MESSAGE_TOO_LONG', tooLongProblem(length, writer.maxLength, 'maxSendLength'), 'body');
  }
}

function isLittleEndian(byteOrder: unknown): boolean {
  if (byteOrder === 'little') return true;
  if (byteOrder === 'big') return false;
  throw refusal('FIELD_INVALID', `expected "little" or "big", got ${describe(byteOrder)}`, 'header.byteOrder');
}

/** Appends a message to the contents of `writer`. If it throws, the contents are the same as before. */
export function writeMessage(writer: Writer, message: Message, options: EncodeOptions = NO_OPTIONS): void {
  const start = writer.offset;
  writer.begin();
  try {
    writer.littleEndian = isLittleEndian(options.byteOrder ?? message.byteOrder);
    writeParts(writer, message, options);
  } catch (error) {
    writer.offset = start;
    throw missingKeysError(message) ?? toMarshalError(error, message.signature, 'header'); // the writer could not grow
  }
}

/** Bytes of memory that small messages share: allocating memory for each takes longer than encoding it. */
const SLAB_CAPACITY = 16_384;
/** A slab with less free memory than this is no longer used. */
const SLAB_RESERVE = 512;

let slab: Writer | undefined;

/**
 * Encodes one message into a view of an `ArrayBuffer` that can also have other messages, as Node's small Buffers do:
 * pass on the view or a copy (`bytes.slice()`), never `bytes.buffer`. The bytes of the view belong to the caller alone.
 * @throws {InvalidNameError} if a path or a name breaks its grammar
 * @throws {MarshalError} if a value, a signature, the serial or a length is one that no bus accepts ‹Message Format›
 * @throws {ArgumentError} if an option is unknown or has a value of the wrong kind
 */
export function encodeMessage(message: Message, options: EncodeOptions = NO_OPTIONS): Uint8Array {
  if (options !== NO_OPTIONS) checkEncodeOptions(options);
  const writer = slab ?? new Writer(SLAB_CAPACITY);
  slab = undefined; // a getter of a value can encode another message during this call
  const { block } = writer;
  const start = (writer.offset + 7) & ~7;
  writer.offset = start;
  writer.allowsUnixFds = options.allowUnixFds ?? true;
  try {
    writeMessage(writer, message, options);
    return writer.bytes.subarray(writer.origin, writer.offset);
  } catch (error) {
    if (typeof message !== 'object' || message === null || isRevoked(message)) {
      throw argumentError('encodeMessage', 'the message must be an object', message);
    }
    throw errorAt(error, message, encodeMessage);
  } finally {
    // If the message was too long for the slab, it got memory of its own, and the slab is unchanged.
    if (writer.block !== block) writer.use(block, 0, start);
    if (writer.offset < SLAB_CAPACITY - SLAB_RESERVE) slab = writer;
  }
}
