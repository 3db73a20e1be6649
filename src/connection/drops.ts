// What a connection receives and cannot use: counted, and published for whoever wants to look.
// It decides nothing: the places that drop something say so here.
import { channel } from 'node:diagnostics_channel';
import type { MessageHeader } from '../wire/messages/decode.js';

/** Why something that arrived was not delivered. */
export type DropReason =
  /** A message whose header or body breaks the specification, within intact framing. */
  | 'invalid message'
  /** A reply to no call that waits: late, repeated or made up. */
  | 'unexpected reply'
  /** A signal whose arguments, or a property among others whose value, are not of the types of the definition. */
  | 'unexpected signature'
  /** A signal that came while a subscription's queue was full. */
  | 'queue overflow'
  /** A call or a reply for somebody else, which a bus shows to those who eavesdrop. */
  | 'not addressed to us'
  /** A message of a type that the specification does not have yet. */
  | 'unknown message type'
  /** A reply that could not be sent any more, or a call that nobody serves. */
  | 'undeliverable';

/** What subscribers of the diagnostics channel `dbus-wire:drop` are given. */
export interface Drop {
  readonly reason: DropReason;
  /** As much of the message as could be read; undefined where a property is concerned, which `error` names. */
  readonly message: MessageHeader | undefined;
  readonly error: unknown;
}

const drops = channel('dbus-wire:drop');

/** Counts by reason. */
export class DropCounter {
  readonly #counts = new Map<DropReason, number>();

  count(reason: DropReason, { message, error }: { message?: MessageHeader | undefined; error?: unknown } = {}): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    if (drops.hasSubscribers) drops.publish({ reason, message, error } satisfies Drop);
  }

  /** How often each reason occurred so far. */
  snapshot(): ReadonlyMap<DropReason, number> {
    return new Map(this.#counts);
  }
}
