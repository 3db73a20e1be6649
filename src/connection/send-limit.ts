// The longest message that a link sends, for layers that check a message some time before they send it. It decides
// nothing: the transport refuses a longer message. Tests: test/service/export-object-manager.test.ts.
// (No clause of the specification.)
import type { MessageLink } from './link.js';
import { type PartReader, SharedParts } from './link-parts.js';

/** The part of a link that knows its limit. */
export interface SendLimit {
  /** Bytes; undefined if the transport does not say. */
  readonly maxSendLength: number | undefined;
}

/** The limits of the links of this library. */
const limits = new SharedParts<SendLimit>();

/** Lets other layers read the limit of the links of a class. */
export function shareSendLimit(reader: PartReader<SendLimit>): void {
  limits.share(reader);
}

/** The length of the longest message that a link sends at present, in bytes; undefined if that is not known. */
export function maxSendLengthOf(link: MessageLink<boolean>): number | undefined {
  return limits.of(link)?.maxSendLength;
}
