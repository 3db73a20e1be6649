// A cache of the header fields of received replies, keyed by their bytes: the header fields of replies with
// one signature from one program differ only in the value of REPLY_SERIAL. Its size is fixed: a new entry replaces the
// one in its slot. It does not know how fields are read. Specification: Header Fields.
// Tests: known-replies.test.ts, test/wire/invalid.test.ts.
import { CACHE_LIMITS } from '../cache-limits.js';
import { uint32At } from '../values/reader.js';
import type { Fields } from './decode-fields.js';

const { slots: SLOTS, maxLength: MAX_LENGTH } = CACHE_LIMITS.receivedReplies;

/** The offset of the length of the header fields, where keys start. */
const KEY_OFFSET = 12;

/** The header fields of a reply, and their bytes up to the body. */
interface KnownReply {
  readonly bytes: Uint8Array;
  /** Offset in `bytes` of the value of REPLY_SERIAL. */
  readonly serialOffset: number;
  readonly fields: Fields;
}

const slots = new Array<KnownReply | undefined>(SLOTS).fill(undefined);

/** Replies differ in length and in the end of the sender, which a bus writes last: that is in the last nine bytes. */
function slotOf(bytes: Uint8Array, bodyOffset: number): number {
  let sum = bodyOffset >> 3;
  for (let i = bodyOffset - 9; i < bodyOffset; i++) sum += bytes[i]!; // a header has 16 bytes or more
  return sum & (SLOTS - 1);
}

/** The fields of a little-endian message whose body is at `bodyOffset`, if they are those of an earlier reply. */
export function findKnownReply(bytes: Uint8Array, bodyOffset: number): Fields | undefined {
  const known = slots[slotOf(bytes, bodyOffset)];
  if (known === undefined || known.bytes.length !== bodyOffset - KEY_OFFSET) return undefined;
  const { bytes: key, serialOffset } = known;
  // The length of a key, and the offset of the serial in it, are multiples of four.
  for (let k = 0, i = KEY_OFFSET; k < key.length; k += 4, i += 4) {
    if (
      (bytes[i] !== key[k] || bytes[i + 1] !== key[k + 1] || bytes[i + 2] !== key[k + 2] || bytes[i + 3] !== key[k + 3])
      && k !== serialOffset
    ) {
      return undefined;
    }
  }
  const replySerial = uint32At(bytes, KEY_OFFSET + serialOffset, true);
  return replySerial === 0 ? undefined : known.fields.withReplySerial(replySerial); // 0 is not valid
}

/** Keeps the fields of a valid reply, of a little-endian message whose body is at `bodyOffset`. */
export function keepKnownReply(bytes: Uint8Array, bodyOffset: number, fields: Fields): void {
  const { replySerialOffset, unknownFields } = fields;
  if (replySerialOffset < 0 || unknownFields !== undefined || bodyOffset - KEY_OFFSET > MAX_LENGTH) return;
  const key = new Uint8Array(bytes.subarray(KEY_OFFSET, bodyOffset)); // a copy
  slots[slotOf(bytes, bodyOffset)] = { bytes: key, serialOffset: replySerialOffset - KEY_OFFSET, fields };
}
