// The header fields of messages written lately, found again by the values they were made of: a service that emits a
// signal and a client that repeats a call write the same header but for its serial. Of fixed size: a newcomer takes the
// place of whoever shares its slot. It knows which values decide the bytes, not how those are made.
import { CACHE_LIMITS } from '../cache-limits.js';
import type { Message } from './message.js';

const { slots: SLOTS, maxLength: MAX_LENGTH } = CACHE_LIMITS.writtenHeaders;

/** One header and the bytes of its fields, from the end of the fixed part to the start of the body. */
interface KnownHeader {
  readonly path: string | undefined;
  readonly interface: string | undefined;
  readonly member: string | undefined;
  readonly errorName: string | undefined;
  readonly destination: string | undefined;
  readonly sender: string | undefined;
  readonly signature: string;
  readonly bytes: Uint8Array;
  /** Of `bytes`, without the padding before the body. */
  readonly fieldsLength: number;
}

const slots = new Array<KnownHeader | undefined>(SLOTS).fill(undefined);

/** Members that differ in no more than this share a slot. What is no text is refused when it is written. */
function slotOf({ path, member, signature }: Message): number {
  const memberHash = typeof member !== 'string' ? 0 : member.length * 31 + member.charCodeAt(member.length >> 1) * 7;
  const pathHash = typeof path !== 'string' ? 0 : path.charCodeAt(path.length - 1);
  return (memberHash + pathHash + signature.length) & (SLOTS - 1);
}

/** Whether nothing but names and the signature decides the header fields; a REPLY_SERIAL is new in each message. */
export function hasRepeatableHeader({ replySerial, unixFds, unknownFields }: Message): boolean {
  return replySerial === undefined && unixFds === 0 && unknownFields.length === 0;
}

/** The header fields that such a message was written with before, in little-endian byte order. */
export function findKnownHeader(message: Message): KnownHeader | undefined {
  const known = slots[slotOf(message)];
  return known !== undefined &&
    known.member === message.member &&
    known.path === message.path &&
    known.interface === message.interface &&
    known.destination === message.destination &&
    known.signature === message.signature &&
    known.sender === message.sender &&
    known.errorName === message.errorName
    ? known
    : undefined;
}

/** Keeps header fields that were checked and written, in little-endian byte order. */
export function keepKnownHeader(message: Message, bytes: Uint8Array, fieldsLength: number): void {
  if (bytes.length > MAX_LENGTH) return;
  const { path, interface: interfaceName, member, errorName, destination, sender, signature } = message;
  slots[slotOf(message)] = {
    path, interface: interfaceName, member, errorName, destination, sender, signature, fieldsLength,
    bytes: bytes.slice(),
  };
}
