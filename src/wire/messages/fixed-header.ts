// The first 16 bytes of a message, which give its length and can already show that it is not valid.
// It knows no header fields and no bodies. Specification: Message Format.
// Tests: framing.test.ts, test/wire/invalid.test.ts.
import {
  BYTE_ORDER_MARK, FIXED_HEADER_LENGTH, MAX_ARRAY_LENGTH, MAX_MESSAGE_LENGTH, PROTOCOL_VERSION,
} from '../constants.js';
import { UnmarshalError, type UnmarshalErrorCode } from '../errors.js';
import { reasonOfLimit } from '../values/fault.js';
import { uint32At } from '../values/reader.js';

/** The contents of the first 16 bytes. */
export interface FixedHeader {
  readonly littleEndian: boolean;
  /** Type code, 1 to 255. */
  readonly typeCode: number;
  readonly flags: number;
  readonly serial: number;
  /** Offset of the end of the header fields, where the padding before the body starts. */
  readonly fieldsEnd: number;
  /** Offset of the body. */
  readonly bodyOffset: number;
  /** Length of the whole message in bytes. */
  readonly length: number;
}

/** The text of the error for a message that is too long, in bytes. `option` is the one that can lower the limit. */
export function tooLongProblem(length: number, limit: number, option?: string): string {
  return `the message has ${length} bytes: it must have at most ${limit}${reasonOfLimit(limit, option)}`;
}

/** The text of the error for header fields that are too long, in bytes. */
export function fieldsTooLongProblem(length: number): string {
  return `the header fields have ${length} bytes: they must have at most ${MAX_ARRAY_LENGTH}`;
}

function refusal(code: UnmarshalErrorCode, problem: string, offset: number): UnmarshalError {
  return new UnmarshalError(code, problem, { offset });
}

/**
 * Reads the fixed part of the header of the message that starts at `offset`. Its 16 bytes must exist.
 * @param maxLength the longest message that the receiver accepts (`maxMessageLength`), in bytes
 * @throws {UnmarshalError} if no message that starts with these 16 bytes can be valid
 */
export function readFixedHeader(bytes: Uint8Array, offset = 0, maxLength = MAX_MESSAGE_LENGTH): FixedHeader {
  const mark = bytes[offset];
  if (mark !== BYTE_ORDER_MARK.little && mark !== BYTE_ORDER_MARK.big) {
    throw refusal('BYTE_ORDER_INVALID', `the first byte is 0x${mark?.toString(16)}: it must be "l" or "B"`, 0);
  }
  const littleEndian = mark === BYTE_ORDER_MARK.little;
  const typeCode = bytes[offset + 1]!;
  const flags = bytes[offset + 2]!;
  const version = bytes[offset + 3]!;
  if (typeCode === 0) throw refusal('MESSAGE_TYPE_INVALID', 'the message type is 0: it must be 1 to 255', 1);
  if (version !== PROTOCOL_VERSION) {
    const problem = `the protocol version is ${version}: it must be ${PROTOCOL_VERSION}`;
    throw refusal('VERSION_UNSUPPORTED', problem, 3);
  }
  const bodyLength = uint32At(bytes, offset + 4, littleEndian);
  const serial = uint32At(bytes, offset + 8, littleEndian);
  const fieldsLength = uint32At(bytes, offset + 12, littleEndian);
  if (serial === 0) throw refusal('SERIAL_ZERO', 'the serial is 0: it must be 1 or greater', 8);
  if (fieldsLength > MAX_ARRAY_LENGTH) {
    throw refusal('FIELDS_TOO_LONG', fieldsTooLongProblem(fieldsLength), 12);
  }
  const fieldsEnd = FIXED_HEADER_LENGTH + fieldsLength;
  const bodyOffset = (fieldsEnd + 7) & ~7;
  const length = bodyOffset + bodyLength;
  if (length > maxLength) throw refusal('MESSAGE_TOO_LONG', tooLongProblem(length, maxLength, 'maxMessageLength'), 4);
  return { littleEndian, typeCode, flags, serial, fieldsEnd, bodyOffset, length };
}
