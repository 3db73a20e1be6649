// A received signal with a decoded header. Its body is decoded once, for the first receiver that reads it. It knows no
// receivers. Tests: subscription.test.ts. Specification: Message Types (SIGNAL).
import { decodeBodyAs, type MessageHeader } from '../wire/messages/decode.js';
import type { Signal } from '../wire/messages/message.js';
import type { Reading } from '../wire/values/read-options.js';
import type { DescriptorDesk } from './descriptors.js';
import type { DropCounter } from './drops.js';

/** A SIGNAL without its body. */
export type SignalHeader = Omit<Signal, 'body'>;

/** A signal, perhaps without a decoded body yet. It must not be used after the turn in which it arrived. */
export class ArrivedSignal {
  readonly header: SignalHeader;
  readonly #frame: Uint8Array;
  readonly #reading: Reading;
  readonly #drops: DropCounter;
  readonly #desk: DescriptorDesk | undefined;
  #message: Signal | undefined;
  #isInvalid = false;

  constructor(
    header: SignalHeader, frame: Uint8Array,
    { reading, drops, desk }: {
      readonly reading: Reading; readonly drops: DropCounter; readonly desk: DescriptorDesk | undefined;
    },
  ) {
    this.header = header;
    this.#frame = frame;
    this.#reading = reading;
    this.#drops = drops;
    this.#desk = desk;
  }

  /** The length of the message in bytes. */
  get length(): number {
    return this.#frame.length;
  }

  /** The whole signal; undefined if its body is not valid, which is counted once. */
  read(): Signal | undefined {
    if (this.#message === undefined && !this.#isInvalid) this.#decode();
    return this.#message;
  }

  #decode(): void {
    try {
      // The header is that of a signal, and so the message is a signal.
      const message = decodeBodyAs(this.#reading, this.header as MessageHeader, this.#frame) as Signal;
      this.#desk?.deliver(message, message);
      this.#message = message;
    } catch (error) {
      this.#isInvalid = true;
      this.#drops.count('invalid message', { message: this.header, error });
    }
  }
}
