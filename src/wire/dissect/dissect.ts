// Explains one message byte by byte and, if it is invalid, which rule is broken at which byte.
// The verdict is that of decodeMessage(), so that the two cannot disagree; walk.ts describes the bytes.
// No other file of the wire layer imports this one, so that programs that do not use it do not load it.
import { checkBytes } from '../arguments.js';
import { UnmarshalError } from '../errors.js';
import { decodeMessage } from '../messages/decode.js';
import { readFixedHeader } from '../messages/fixed-header.js';
import { checkOptions, type OptionRules } from '../options.js';
import { type Part, PartList, partOf } from './parts.js';
import { walkMessage } from './walk.js';

/** Options for explaining a message. */
export interface DissectOptions {
  /**
   * About the greatest number of parts to list, 10,000 by default. If there are more, the first and the last ones are
   * listed.
   */
  readonly maxParts?: number | undefined;
}

const MAX_PARTS = 10_000;

const DISSECT_RULES: OptionRules<DissectOptions> = {
  maxParts: {
    must: 'a number, 0 or more',
    accepts: (value) => typeof value === 'number' && value >= 0,
  },
};

/** The error that decodeMessage() throws for the bytes, if any. */
function verdictOn(bytes: Uint8Array): UnmarshalError | undefined {
  try {
    decodeMessage(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof UnmarshalError) return error;
    throw error;
  }
}

/** Offset of the first byte that has no explanation. */
function limitOf(bytes: Uint8Array, error: UnmarshalError | undefined): number {
  if (error === undefined) return bytes.length;
  // A missing field is found after all others are read; those are worth showing.
  return error.code === 'FIELD_MISSING' ? readFixedHeader(bytes).bodyOffset : error.offset;
}

/**
 * Explains every byte of one message: the parts follow one another without gaps and overlaps. If the message is
 * invalid, an empty part of kind `error` marks the byte that breaks the rule, with the error that {@link decodeMessage}
 * throws. The bytes after it are one part of kind `unread`, unless a header field is missing: then the header is
 * explained. No bytes make this function throw, and it takes time in proportion to their number.
 * @throws {ArgumentError} if `bytes` is not a Uint8Array, or if an option is unknown or not valid ‹Message Format›
 */
export function dissect(bytes: Uint8Array, options: DissectOptions = {}): readonly Part[] {
  checkBytes('dissect', 'bytes', bytes);
  checkOptions('dissect', options, DISSECT_RULES);
  const { maxParts = MAX_PARTS } = options;
  const error = verdictOn(bytes);
  const limit = limitOf(bytes, error);
  const list = new PartList(Math.max(2, maxParts));
  walkMessage(bytes, limit, list);
  const parts = list.parts();
  const addUnread = (offset: number, end: number): void => {
    if (offset < end) parts.push(partOf('unread', { offset, length: end - offset, description: 'not read' }));
  };
  if (error === undefined) return parts;
  const description = `${error.code}: ${error.message}`;
  const verdict = partOf('error', { offset: error.offset, length: 0, description, error });
  addUnread(list.end, limit); // if the walk ended early, in a message that is cut short or too long
  const next = parts.findIndex(({ offset }) => offset >= error.offset);
  parts.splice(next < 0 ? parts.length : next, 0, verdict);
  addUnread(limit, bytes.length);
  return parts;
}
