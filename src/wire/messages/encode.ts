// Encodes messages: the first 16 bytes, the header fields of encode-fields.ts, then the body. Everything is checked. A
// message can be appended to a buffer that has others already, so that a connection sends many in one write. It knows
// no streams. Specification: Message Format. Tests: message.test.ts, test/wire/fixtures.test.ts.
import {
  BYTE_ORDER_MARK, type ByteOrder, FIXED_HEADER_LENGTH, MAX_UINT32, MESSAGE_TYPE_CODE, PROTOCOL_VERSION,
} from '../constants.js';
import { argumentError, inheritsRevoked } from '../arguments.js';
import { describe } from '../describe.js';
import { errorAt } from '../error-place.js';
import type { MarshalError } from '../errors.js';
import { checkInteger, refusal, writeHeaderFields } from './encode-fields.js';
import { tooLongProblem } from './fixed-header.js';
import { missingField, missingProblem } from './header-fields.js';
import { marshalBody, toMarshalError } from '../values/marshal.js';
import type { Message } from './message.js';
import { ANY, BYTE_ORDER, checkOptions, FLAG, type OptionRules } from '../options.js';
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
  let count = 0;
  let isKnown = typeof options === 'object' && options !== null;
  try {
    for (const key in options) {
      count++;
      isKnown &&= key === 'serial' || key === 'byteOrder' || key === 'allowUnixFds';
    }
  } catch {
    isKnown = false; // a revoked proxy, or an object that inherits from one
  }
  if (isKnown && count > 0) {
    const { byteOrder, allowUnixFds } = options;
    const isOrder = byteOrder === undefined || byteOrder === 'little' || byteOrder === 'big';
    if (isOrder && (allowUnixFds === undefined || typeof allowUnixFds === 'boolean')) return;
  }
  checkOptions('encodeMessage', options, ENCODE_RULES);
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
    if (typeof message !== 'object' || message === null || inheritsRevoked(message)) {
      throw argumentError('encodeMessage', 'the message must be an object', message);
    }
    throw errorAt(error, message, encodeMessage);
  } finally {
    // If the message was too long for the slab, it got memory of its own, and the slab is unchanged.
    if (writer.block !== block) writer.use(block, 0, start);
    if (writer.offset < SLAB_CAPACITY - SLAB_RESERVE) slab = writer;
  }
}
