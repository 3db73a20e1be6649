// Writes the sender into a message that a bus passes on: the one change of a header that every message gets. The header
// is not read again and the body is copied as bytes. readdress.ts makes all other changes.
// Specification: Header Fields (SENDER); Message Bus Message Routing. Tests: test/wire/stamp-sender.test.ts.
import { FIXED_HEADER_LENGTH, HeaderField, MAX_ARRAY_LENGTH, MAX_MESSAGE_LENGTH } from '../constants.js';
import { uint32At } from '../values/reader.js';
import type { MessageHeader } from './decode.js';
import { FIELD_TYPE } from './header-fields.js';
import { readdress } from './readdress.js';

/** The header field SENDER of one connection, in both byte orders. */
export interface SenderField {
  readonly name: string;
  readonly little: Uint8Array;
  readonly big: Uint8Array;
}

/** Bytes of a field before its text: the code, a signature of one type, the length of the text. */
const TEXT_OFFSET = 8;

/** @param name a unique name, or another ASCII text that is shorter than 256 bytes */
export function senderField(name: string): SenderField {
  const field = (littleEndian: boolean): Uint8Array => {
    const bytes = new Uint8Array(TEXT_OFFSET + name.length + 1);
    bytes[0] = HeaderField.SENDER;
    bytes[1] = 1;
    bytes[2] = FIELD_TYPE.STRING;
    bytes[littleEndian ? 4 : 7] = name.length;
    for (let i = 0; i < name.length; i++) bytes[TEXT_OFFSET + i] = name.charCodeAt(i);
    return bytes;
  };
  return { name, little: field(true), big: field(false) };
}

/**
 * A copy of a message with this sender, and without header fields that the specification does not define; undefined if
 * it is then longer than a message may be.
 * @param header the header of `bytes`, which must be one whole message
 */
export function stampSender(header: MessageHeader, bytes: Uint8Array, sender: SenderField): Uint8Array | undefined {
  if (bytes.length > MAX_MESSAGE_LENGTH - sender.little.length - 8) return undefined;
  if (header.sender !== undefined || header.unknownFields.length > 0) {
    return readdress(bytes, { sender: sender.name, stripUnknownFields: true });
  }
  const littleEndian = header.byteOrder === 'little';
  const field = littleEndian ? sender.little : sender.big;
  const bodyOffset = (FIXED_HEADER_LENGTH + uint32At(bytes, 12, littleEndian) + 7) & ~7;
  const fieldsEnd = bodyOffset + field.length; // the new field starts where the body did
  const fieldsLength = fieldsEnd - FIXED_HEADER_LENGTH;
  if (fieldsLength > MAX_ARRAY_LENGTH) return undefined;
  const newBodyOffset = (fieldsEnd + 7) & ~7;
  const stamped = new Uint8Array(newBodyOffset + bytes.length - bodyOffset);
  stamped.set(bytes.subarray(0, bodyOffset));
  stamped.set(field, bodyOffset);
  stamped.set(bytes.subarray(bodyOffset), newBodyOffset);
  const shift = (place: number): number => (fieldsLength >>> (8 * (littleEndian ? place : 3 - place))) & 0xff;
  for (let place = 0; place < 4; place++) stamped[12 + place] = shift(place);
  return stamped;
}
