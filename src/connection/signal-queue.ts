// The queue between the arrival of signals and their one reader: it keeps their order and has a limit, and the reader
// sees its end after the last signal. It knows no rules and no connections. Tests: signal-queue.test.ts.
// (No clause of the specification.)
import type { Signal } from '../wire/messages/message.js';

/** A reader that waits for the next signal. */
interface Reader {
  readonly resolve: (result: IteratorResult<Signal>) => void;
  readonly reject: (error: unknown) => void;
}

/** An element of a linked list: removing the first element of a long array would move all others. */
interface Link {
  readonly signal: Signal;
  readonly bytes: number;
  next: Link | undefined;
}

const DONE: IteratorResult<Signal> = Object.freeze({ value: undefined, done: true });

/** The queue of one subscription. */
export class SignalQueue {
  readonly #limit: number;
  readonly #maxBytes: number;
  readonly #onDrop: (signal: Signal) => void;
  #first: Link | undefined;
  #last: Link | undefined;
  #length = 0;
  #bytes = 0;
  #dropped = 0;
  #waiting: Reader[] = [];
  #isEnded = false;
  /** The error that the reader gets after the last signal, until it has got it. */
  #error: { readonly reason: unknown } | undefined;

  /**
   * Above `limit` signals, or `maxBytes` bytes of all of them, the oldest is dropped and given to `onDrop`; a single
   * signal may have more bytes.
   */
  constructor({ limit, maxBytes, onDrop }: {
    readonly limit: number;
    readonly maxBytes: number;
    readonly onDrop: (signal: Signal) => void;
  }) {
    this.#limit = limit;
    this.#maxBytes = maxBytes;
    this.#onDrop = onDrop;
  }

  /** How many signals were pushed out of the full queue. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Adds a signal whose message has so many bytes. */
  push(signal: Signal, bytes: number): void {
    if (this.#isEnded) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting.resolve({ value: signal, done: false });
    const link: Link = { signal, bytes, next: undefined };
    if (this.#last === undefined) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
    this.#length++;
    this.#bytes += bytes;
    while (this.#length > this.#limit || (this.#bytes > this.#maxBytes && this.#length > 1)) {
      this.#dropped++;
      this.#onDrop(this.#take()!); // not empty: it has more than a limit
    }
  }

  /** The next signal, as soon as there is one. After the end, queued signals come first. */
  next(): Promise<IteratorResult<Signal>> {
    const signal = this.#take();
    if (signal !== undefined) return Promise.resolve({ value: signal, done: false });
    if (!this.#isEnded) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    const error = this.#error;
    this.#error = undefined; // an iterator that has thrown is done
    return error === undefined ? Promise.resolve(DONE) : Promise.reject(error.reason);
  }

  /**
   * Closes the queue to new signals. The reader still gets the signals that are queued, then `error` once, if it is
   * given, and then the end.
   */
  end(error?: { readonly reason: unknown }): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#waiting.length === 0) this.#error = error;
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (error === undefined) resolve(DONE);
      else reject(error.reason);
    }
  }

  /** Ends the queue and discards the signals in it. */
  discard(): void {
    this.end();
    this.#first = undefined;
    this.#last = undefined;
    this.#length = 0;
    this.#bytes = 0;
    this.#error = undefined;
  }

  #take(): Signal | undefined {
    const link = this.#first;
    if (link === undefined) return undefined;
    this.#first = link.next;
    if (this.#first === undefined) this.#last = undefined;
    this.#length--;
    this.#bytes -= link.bytes;
    return link.signal;
  }
}
