// Messages that a connection receives and cannot use: counted by reason, and published on a diagnostics channel.
// It decides nothing: the code that drops a message reports it here. Tests: drops.test.ts.
// (No clause of the specification.)
import { channel } from 'node:diagnostics_channel';
import type { MessageHeader } from '../wire/messages/decode.js';
import { type PartReader, SharedParts } from './link-parts.js';

/** Why a message, a property or an object was not delivered. */
export type DropReason =
  /** A message whose header or body is not valid. Its length is valid, so the connection continues. */
  | 'invalid message'
  /** A reply that no call waits for: late, repeated or invented. */
  | 'unexpected reply'
  /** A signal whose signature its subscriber does not expect, or a property of another type than its definition. */
  | 'unexpected signature'
  /** A signal that was pushed out of the full queue of a subscription. */
  | 'queue overflow'
  /** A call or a reply for another connection, which a bus shows to eavesdroppers. */
  | 'not addressed to us'
  /** A message of a type that the specification does not define. */
  | 'unknown message type'
  /** An error reply that could not be sent; on a connection that was restored, also a reply or a signal. */
  | 'undeliverable'
  /** An object or the value of a property that exceeds the limits of a view of managed objects. */
  | 'too many objects'
  /** An object that an ObjectManager announces, and that is not at the path of the manager or below it. */
  | 'unexpected path';

/** A message on the diagnostics channel `dbus-wire:drop`. */
export interface Drop {
  readonly reason: DropReason;
  /** The parts of the message that could be read; undefined for a property, which `error` names, and for an object. */
  readonly message: MessageHeader | undefined;
  readonly error: unknown;
}

/** The details of one drop. */
interface DropDetails {
  readonly message?: MessageHeader | undefined;
  readonly error?: unknown;
}

const drops = channel('dbus-wire:drop');

/** Counts by reason. */
export class DropCounter {
  /** Made for the first drop. */
  #counts: Map<DropReason, number> | undefined;

  count(reason: DropReason, { message, error }: DropDetails = {}): void {
    const counts = this.#counts ??= new Map();
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
    if (drops.hasSubscribers) drops.publish({ reason, message, error } satisfies Drop);
  }

  /** How often each reason has occurred so far. */
  snapshot(): ReadonlyMap<DropReason, number> {
    return new Map(this.#counts);
  }
}

/** The counters of links: for other layers, not for users. */
const counters = new SharedParts<DropCounter>();

/** Lets other layers count in the counters of the links of a class. */
export function shareDrops(reader: PartReader<DropCounter>): void {
  counters.share(reader);
}

/** Counts a drop of a link, and publishes it. For a link that this library did not make, it only publishes. */
export function countDrop(link: object, reason: DropReason, details: DropDetails): void {
  (counters.of(link) ?? new DropCounter()).count(reason, details);
}
