// What a message says of itself although it breaks a rule: enough to tell its sender, or the call that it answers.
// Names are not looked at, and the first field that cannot be passed over ends the reading; what a whole header is, the
// wire layer knows. Specification: Message Format, Header Fields.
import { FIXED_HEADER_LENGTH, HeaderField } from '../wire/constants.js';
import { readFixedHeader } from '../wire/messages/fixed-header.js';
import { isBusName } from '../wire/names.js';
import { Reader } from '../wire/values/reader.js';

/** What can be told of a message that is refused. */
export interface Envelope {
  /** Type code, 1 to 255. */
  readonly typeCode: number;
  readonly flags: number;
  readonly serial: number;
  readonly replySerial: number | undefined;
  /** Undefined where it is no name to send to. */
  readonly sender: string | undefined;
}

const STRING = 's'.charCodeAt(0);
const OBJECT_PATH = 'o'.charCodeAt(0);
const SIGNATURE = 'g'.charCodeAt(0);
const UINT32 = 'u'.charCodeAt(0);

/** The value of one field, for the types that header fields have; text is taken as it stands. */
function readValue(reader: Reader, typeCode: number): number | string | undefined {
  if (typeCode === UINT32) return reader.readUint32();
  if (typeCode !== STRING && typeCode !== OBJECT_PATH && typeCode !== SIGNATURE) return undefined;
  reader.align(1, 1);
  const length = typeCode === SIGNATURE ? reader.bytes[reader.offset++]! : reader.readUint32(); // align saw to it
  reader.align(1, length + 1);
  const start = reader.offset;
  reader.offset += length + 1;
  return String.fromCharCode(...reader.bytes.subarray(start, start + Math.min(length, 256))); // no name is longer
}

/** Reads as much as there is of a message whose first 16 bytes are in order. */
export function readEnvelope(frame: Uint8Array): Envelope {
  const { typeCode, flags, serial, fieldsEnd, littleEndian } = readFixedHeader(frame);
  const reader = new Reader(frame, { offset: FIXED_HEADER_LENGTH, end: fieldsEnd, littleEndian });
  const values = new Map<number, number | string>();
  try {
    while (reader.offset < fieldsEnd) {
      reader.align(8, 4); // the field's code, and the signature of its variant: a length, one type, a NUL
      const code = reader.bytes[reader.offset]!;
      const type = reader.bytes[reader.offset + 2]!;
      reader.offset += 4;
      const value = readValue(reader, type);
      if (value === undefined) break;
      values.set(code, value);
    }
  } catch {
    // what was read until here is all there is
  }
  const replySerial = values.get(HeaderField.REPLY_SERIAL);
  const sender = values.get(HeaderField.SENDER);
  return {
    typeCode,
    flags,
    serial,
    replySerial: typeof replySerial === 'number' ? replySerial : undefined,
    sender: typeof sender === 'string' && isBusName(sender) ? sender : undefined,
  };
}
