// Reads as much as possible of a broken header, so that its sender can be answered, or the call that it answers can be
// settled. It does not decide whether a header is valid; decode.ts does.
// Specification: Message Format, Header Fields.
import { checkBytes } from '../arguments.js';
import { FIXED_HEADER_LENGTH, HeaderField, MAX_NAME_LENGTH } from '../constants.js';
import { isBusName } from '../names.js';
import { Fault } from '../values/fault.js';
import { Reader } from '../values/reader.js';
import { messageTypeOf } from './decode.js';
import { skipField } from './skip-field.js';
import { readFixedHeader } from './fixed-header.js';
import { FIELD_TYPE } from './header-fields.js';
import type { Message } from './message.js';

/** The parts of a message that are needed to answer it or to settle the call that it answers. */
export interface Envelope {
  readonly type: Message['type'];
  readonly flags: number;
  readonly serial: number;
  /** Undefined if there is no REPLY_SERIAL before the first field that cannot be read. */
  readonly replySerial: number | undefined;
  /** Undefined if there is no SENDER before the first field that cannot be read, or if it is not a valid bus name. */
  readonly sender: string | undefined;
}

/** Bytes of a field before its text: the code, a signature of one type, the length of the text. */
const TEXT_OFFSET = 8;

/** The bus name that the bytes spell, if it is valid. Valid names are ASCII. */
function busName(bytes: Uint8Array): string | undefined {
  if (bytes.length > MAX_NAME_LENGTH) return undefined;
  const text = String.fromCharCode(...bytes);
  return isBusName(text) ? text : undefined;
}

/**
 * Reads the fields of a header up to the first one that cannot be read.
 * @param frame one whole message
 * @throws {UnmarshalError} if the first 16 bytes are broken
 * @throws {ArgumentError} if `frame` is not a Uint8Array
 */
export function readEnvelope(frame: Uint8Array): Envelope {
  checkBytes('readEnvelope', 'frame', frame);
  const { typeCode, flags, serial, fieldsEnd, littleEndian } = readFixedHeader(frame);
  const reader = new Reader(frame, { offset: FIXED_HEADER_LENGTH, end: fieldsEnd, littleEndian });
  let replySerial: number | undefined;
  let sender: string | undefined;
  try {
    while (reader.offset < fieldsEnd) {
      const start = (reader.offset + 7) & ~7;
      skipField(reader);
      const code = frame[start];
      const type = frame[start + 2];
      if (code === HeaderField.REPLY_SERIAL && type === FIELD_TYPE.UINT32) {
        replySerial = reader.uint32At(reader.offset - 4);
      } else if (code === HeaderField.SENDER && type === FIELD_TYPE.STRING) {
        sender = busName(frame.subarray(start + TEXT_OFFSET, reader.offset - 1));
      }
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
  }
  return { type: messageTypeOf(typeCode), flags, serial, replySerial, sender };
}
