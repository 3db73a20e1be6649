// Takes one message apart for people: which bytes are what, and of a broken message, which rule breaks where.
// The verdict is decodeMessage's own, so that the two cannot disagree; the words for the bytes are dissect-walk.ts's.
// Nothing else of the wire layer imports this file: who does not ask for it does not load it.
import { decodeMessage } from '../messages/decode.js';
import { type Part, PartList, partOf } from './parts.js';
import { walkMessage } from './walk.js';
import { UnmarshalError } from '../errors.js';
import { readFixedHeader } from '../messages/fixed-header.js';

/** How much of a message is told. */
export interface DissectOptions {
  /** About how many parts are listed at most, 10,000 unless told otherwise; of more, the first and the last ones. */
  readonly maxParts?: number | undefined;
}

const MAX_PARTS = 10_000;

/** What decodeMessage says against the bytes. */
function verdictOn(bytes: Uint8Array): UnmarshalError | undefined {
  try {
    decodeMessage(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof UnmarshalError) return error;
    throw error;
  }
}

/** Up to which byte there is a reading. */
function limitOf(bytes: Uint8Array, error: UnmarshalError | undefined): number {
  if (error === undefined) return bytes.length;
  // Known to be missing once all fields are read: those that are there are worth showing.
  return error.code === 'FIELD_MISSING' ? readFixedHeader(bytes).bodyOffset : error.offset;
}

/**
 * Reads one message and says of every byte what it is: the parts follow one another without a gap or an overlap. In a
 * message that breaks a rule, a part of kind `error` and of no length stands at the byte concerned, with the error that
 * {@link decodeMessage} throws; what comes behind it is one part, unread, but for the header fields where one of them
 * is missing. Never throws for any bytes; takes time in proportion to their number. ‹Message Format›
 */
export function dissect(bytes: Uint8Array, { maxParts = MAX_PARTS }: DissectOptions = {}): readonly Part[] {
  const error = verdictOn(bytes);
  const limit = limitOf(bytes, error);
  const list = new PartList(Math.max(2, maxParts));
  walkMessage(bytes, limit, list);
  const parts = list.parts();
  const unread = (offset: number, end: number): void => {
    if (offset < end) parts.push(partOf('unread', { offset, length: end - offset, what: 'not read' }));
  };
  if (error === undefined) return parts;
  const verdict = partOf('error', { offset: error.offset, length: 0, what: `${error.code}: ${error.message}`, error });
  unread(list.end, limit); // where the walk ended early, in a message that is cut or too long
  const next = parts.findIndex(({ offset }) => offset >= error.offset);
  parts.splice(next < 0 ? parts.length : next, 0, verdict);
  unread(limit, bytes.length);
  return parts;
}
