// A cache of encoded header fields, keyed by the values that they were encoded from: a service that repeats a signal or
// answers the same client, and a client that repeats a call, write the same fields each time; only the REPLY_SERIAL
// differs. Its size is fixed: a new entry replaces the one in its slot. It knows which values determine the bytes,
// not how the bytes are made. Tests: message.test.ts.
import { isIndexed } from '../arguments.js';
import { CACHE_LIMITS } from '../cache-limits.js';
import type { Message } from './message.js';

const { slots: SLOTS, maxLength: MAX_LENGTH } = CACHE_LIMITS.writtenHeaders;

/** The values of one header, and the bytes of its fields from the end of the fixed part to the start of the body. */
interface KnownHeader {
  readonly path: string | undefined;
  readonly interface: string | undefined;
  readonly member: string | undefined;
  readonly errorName: string | undefined;
  readonly destination: string | undefined;
  readonly sender: string | undefined;
  readonly signature: string;
  readonly bytes: Uint8Array;
  /** Length of the fields in bytes, without the padding before the body. */
  readonly fieldsLength: number;
  /** Offset in `bytes` of the value of REPLY_SERIAL; -1 if there is no such field. */
  readonly replySerialOffset: number;
}

const slots = new Array<KnownHeader | undefined>(SLOTS).fill(undefined);

/** Messages that agree in all of these share a slot. Values that are not strings are rejected later, on writing. */
function slotOf({ path, member, destination, replySerial, signature }: Message): number {
  if (replySerial !== undefined && typeof destination === 'string') {
    const { length } = destination; // a unique name: its last characters differ
    return (destination.charCodeAt(length - 1) + destination.charCodeAt(length - 2) * 11 + signature.length * 7) &
      (SLOTS - 1);
  }
  const memberHash = typeof member !== 'string' ? 0 : member.length * 31 + member.charCodeAt(member.length >> 1) * 7;
  const pathHash = typeof path !== 'string' ? 0 : path.charCodeAt(path.length - 1);
  return (memberHash + pathHash + signature.length) & (SLOTS - 1);
}

/** Whether names and the signature alone determine the header fields, except for the value of a REPLY_SERIAL. */
export function hasRepeatableHeader({ unixFds, unknownFields }: Message): boolean {
  return unixFds === 0 && isIndexed(unknownFields) && unknownFields.length === 0; // checked on writing
}

/** The encoded header fields of an earlier message with the same values, in little-endian byte order. */
export function findKnownHeader(message: Message): KnownHeader | undefined {
  const known = slots[slotOf(message)];
  return known !== undefined &&
    known.member === message.member &&
    known.path === message.path &&
    known.interface === message.interface &&
    known.destination === message.destination &&
    known.signature === message.signature &&
    known.sender === message.sender &&
    known.errorName === message.errorName &&
    known.replySerialOffset >= 0 === (message.replySerial !== undefined)
    ? known
    : undefined;
}

/** Keeps header fields that are checked and encoded in little-endian byte order. */
export function keepKnownHeader(
  message: Message, bytes: Uint8Array, layout: Pick<KnownHeader, 'fieldsLength' | 'replySerialOffset'>,
): void {
  if (bytes.length > MAX_LENGTH) return;
  const { fieldsLength, replySerialOffset } = layout;
  const { path, interface: interfaceName, member, errorName, destination, sender, signature } = message;
  slots[slotOf(message)] = {
    path, interface: interfaceName, member, errorName, destination, sender, signature, fieldsLength, replySerialOffset,
    bytes: bytes.slice(),
  };
}
