// The queue between the arrival of messages and their one reader: it keeps their order and has a limit. The reader gets
// the end after the last message, and a gap at its place among the messages. It does not know rules or connections.
// Tests: signal-queue.test.ts, reconnect.test.ts. (No clause of the specification.)
import { runListener } from '../transport/waiting.js';
import type { Message, Signal } from '../wire/messages/message.js';
import { type OptionRule } from '../wire/options.js';
import { QueueOverflowError } from './errors.js';
import type { Gap } from './gap.js';
import { reasonFor, type StreamName } from './loop-end.js';

/** A reader that waits for the next message. */
interface Reader<Item> {
  readonly resolve: (result: IteratorResult<Item>) => void;
  readonly reject: (error: unknown) => void;
}

/** An element of a linked list: removing the first element of a long array would move all others. */
interface Link<Item> {
  readonly item: Item;
  readonly bytes: number;
  /** A gap after this message. */
  gap: Gap | undefined;
  next: Link<Item> | undefined;
}

const DONE: IteratorResult<never> = Object.freeze({ value: undefined, done: true });

/**
 * What a full queue does when a message arrives: it drops the oldest message, or it drops the new one, or it drops the
 * new one and ends with a {@link QueueOverflowError}.
 */
export type OverflowPolicy = 'drop oldest' | 'drop newest' | 'error';

export const OVERFLOW: OptionRule = {
  must: '"drop oldest", "drop newest" or "error"',
  accepts: (value) => value === 'drop oldest' || value === 'drop newest' || value === 'error',
};

/** The limits of a queue. */
export interface QueueLimits<Item> {
  /** The most messages. */
  readonly limit: number;
  /** The most bytes of all messages together; a single message may have more. */
  readonly maxBytes: number;
  /** Default: `drop oldest`. */
  readonly overflow?: OverflowPolicy | undefined;
  /** Called with each message that is dropped. */
  readonly onDrop: (item: Item) => void;
  /** Called when the queue ends by its policy. */
  readonly onOverflow?: ((error: QueueOverflowError) => void) | undefined;
  /** The name of the messages for the error of a reader whose connection ends. */
  readonly name?: StreamName | undefined;
  /** Called when the reader gets to a gap. */
  readonly onGap?: ((gap: Gap) => void) | undefined;
}

/** The queue of one reader. */
export class SignalQueue<Item extends Message = Signal> {
  readonly #limits: QueueLimits<Item>;
  #first: Link<Item> | undefined;
  #last: Link<Item> | undefined;
  #length = 0;
  #bytes = 0;
  #dropped = 0;
  #waiting: Reader<Item>[] = [];
  #isEnded = false;
  /** A gap after the message that was taken last: the reader gets it before the next message. */
  #gap: Gap | undefined;
  /** The error that the reader gets after the last message, until it has got it. */
  #error: { readonly reason: unknown } | undefined;

  constructor(limits: QueueLimits<Item>) {
    this.#limits = limits;
  }

  /** How many messages were dropped because the queue was full. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Adds a message that has this many bytes. */
  push(item: Item, bytes: number): void {
    if (this.#isEnded) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting.resolve({ value: item, done: false });
    const { overflow = 'drop oldest' } = this.#limits;
    if (overflow !== 'drop oldest' && this.#exceeds(this.#length + 1, this.#bytes + bytes)) {
      this.#drop(item);
      if (overflow === 'error') this.#overflow();
      return;
    }
    const link: Link<Item> = { item, bytes, gap: undefined, next: undefined };
    if (this.#last === undefined) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
    this.#length++;
    this.#bytes += bytes;
    while (this.#exceeds(this.#length, this.#bytes)) this.#drop(this.#take()!); // not empty: it has more than a limit
  }

  #exceeds(length: number, bytes: number): boolean {
    const { limit, maxBytes } = this.#limits;
    return length > limit || (bytes > maxBytes && length > 1);
  }

  #drop(item: Item): void {
    this.#dropped++;
    this.#limits.onDrop(item);
  }

  #overflow(): void {
    const { limit, maxBytes, onOverflow } = this.#limits;
    const error = new QueueOverflowError({ waiting: this.#length, bytes: this.#bytes }, { limit, maxBytes });
    this.end({ reason: error });
    onOverflow?.(error);
  }

  /** Messages may be missing after the last one so far. `onGap` is called when the reader gets there. */
  noteGap(gap: Gap): void {
    if (this.#limits.onGap === undefined || this.#isEnded) return;
    if (this.#last !== undefined) {
      this.#last.gap = gap;
      return;
    }
    this.#gap = gap;
    if (this.#waiting.length > 0) this.#reportGap();
  }

  #reportGap(): void {
    const gap = this.#gap;
    this.#gap = undefined;
    if (gap !== undefined) runListener(() => this.#limits.onGap?.(gap));
  }

  /** The next message, as soon as there is one. After the end, queued messages come first. */
  next(): Promise<IteratorResult<Item>> {
    if (this.#gap !== undefined) this.#reportGap();
    const item = this.#take();
    if (item !== undefined) return Promise.resolve({ value: item, done: false });
    if (!this.#isEnded) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    const error = this.#error;
    this.#error = undefined; // an iterator that has thrown is done
    return error === undefined ? Promise.resolve(DONE) : Promise.reject(this.#reason(error));
  }

  /**
   * Closes the queue to new messages. The reader still gets the messages that are queued, then `error` once, if it is
   * given, and then the end.
   */
  end(error?: { readonly reason: unknown }): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#waiting.length === 0) this.#error = error;
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (error === undefined) resolve(DONE);
      else reject(this.#reason(error));
    }
  }

  #reason({ reason }: { readonly reason: unknown }): unknown {
    return reasonFor(this.#limits.name, reason);
  }

  /** Ends the queue and discards the messages in it. */
  discard(): void {
    this.end();
    this.#first = undefined;
    this.#last = undefined;
    this.#length = 0;
    this.#bytes = 0;
    this.#gap = undefined;
    this.#error = undefined;
  }

  #take(): Item | undefined {
    const link = this.#first;
    if (link === undefined) return undefined;
    this.#first = link.next;
    if (this.#first === undefined) this.#last = undefined;
    this.#length--;
    this.#bytes -= link.bytes;
    if (link.gap !== undefined) this.#gap = link.gap;
    return link.item;
  }
}
