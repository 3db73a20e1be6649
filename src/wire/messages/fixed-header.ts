// The first 16 bytes of a message: enough to know its length and to refuse an impossible one.
// It knows no header field and no body. Specification: Message Format.
import {
  BYTE_ORDER_MARK, FIXED_HEADER_LENGTH, MAX_ARRAY_LENGTH, MAX_MESSAGE_LENGTH, PROTOCOL_VERSION,
} from '../constants.js';
import { UnmarshalError, type UnmarshalErrorCode } from '../errors.js';

/** What the first 16 bytes say. */
export interface FixedHeader {
  readonly littleEndian: boolean;
  /** Type code, 1 to 255. */
  readonly typeCode: number;
  readonly flags: number;
  readonly serial: number;
  /** Where the header fields end and the padding before the body starts, in bytes from the start of the message. */
  readonly fieldsEnd: number;
  readonly bodyOffset: number;
  /** Length of the whole message in bytes. */
  readonly length: number;
}

function refusal(code: UnmarshalErrorCode, problem: string, offset: number): UnmarshalError {
  return new UnmarshalError(code, problem, { offset });
}

function uint32(bytes: Uint8Array, offset: number, littleEndian: boolean): number {
  const bits = littleEndian
    ? bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)
    : (bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
  return bits >>> 0;
}

/**
 * Reads the fixed part of a header, of which 16 bytes are there, `offset` being that of the message in `bytes`.
 * @throws {UnmarshalError} where a message with these 16 bytes cannot be valid
 */
export function readFixedHeader(bytes: Uint8Array, offset = 0): FixedHeader {
  const mark = bytes[offset];
  if (mark !== BYTE_ORDER_MARK.little && mark !== BYTE_ORDER_MARK.big) {
    throw refusal('BYTE_ORDER_INVALID', `the first byte is "l" or "B", not 0x${mark?.toString(16)}`, 0);
  }
  const littleEndian = mark === BYTE_ORDER_MARK.little;
  const typeCode = bytes[offset + 1]!;
  const flags = bytes[offset + 2]!;
  const version = bytes[offset + 3]!;
  if (typeCode === 0) throw refusal('MESSAGE_TYPE_INVALID', 'message type 0 is INVALID', 1);
  if (version !== PROTOCOL_VERSION) {
    throw refusal('VERSION_UNSUPPORTED', `protocol version ${PROTOCOL_VERSION} is expected, not ${version}`, 3);
  }
  const bodyLength = uint32(bytes, offset + 4, littleEndian);
  const serial = uint32(bytes, offset + 8, littleEndian);
  const fieldsLength = uint32(bytes, offset + 12, littleEndian);
  if (serial === 0) throw refusal('SERIAL_ZERO', 'a serial is never 0', 8);
  if (fieldsLength > MAX_ARRAY_LENGTH) {
    const problem = `header fields of ${fieldsLength} bytes, an array has at most ${MAX_ARRAY_LENGTH}`;
    throw refusal('FIELDS_TOO_LONG', problem, 12);
  }
  const fieldsEnd = FIXED_HEADER_LENGTH + fieldsLength;
  const bodyOffset = (fieldsEnd + 7) & ~7;
  const length = bodyOffset + bodyLength;
  if (length > MAX_MESSAGE_LENGTH) {
    throw refusal('MESSAGE_TOO_LONG', `a message of ${length} bytes, at most ${MAX_MESSAGE_LENGTH} are allowed`, 4);
  }
  return { littleEndian, typeCode, flags, serial, fieldsEnd, bodyOffset, length };
}
