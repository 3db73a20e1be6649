// Signals between their arrival and their one reader: in order, no more than a limit, with an end that comes last.
// It knows neither rules nor connections. (No clause of the specification.)
import type { Signal } from '../wire/messages/message.js';

/** A reader who asked for the next signal before there was one. */
interface Waiting {
  readonly resolve: (result: IteratorResult<Signal>) => void;
  readonly reject: (error: unknown) => void;
}

/** Signals in a chain, since taking the first of a long array moves all the others. */
interface Link {
  readonly signal: Signal;
  next: Link | undefined;
}

const DONE: IteratorResult<Signal> = Object.freeze({ value: undefined, done: true });

/** The queue of one subscription. */
export class SignalQueue {
  readonly #limit: number;
  readonly #onDrop: (signal: Signal) => void;
  #first: Link | undefined;
  #last: Link | undefined;
  #length = 0;
  #dropped = 0;
  #waiting: Waiting[] = [];
  #isEnded = false;
  /** What the reader is still to be told after the last signal. */
  #error: { readonly reason: unknown } | undefined;

  /** Above `limit` signals the oldest is dropped, and `onDrop` told. */
  constructor({ limit, onDrop }: { limit: number; onDrop: (signal: Signal) => void }) {
    this.#limit = limit;
    this.#onDrop = onDrop;
  }

  /** How many signals were dropped because the queue was full. */
  get dropped(): number {
    return this.#dropped;
  }

  push(signal: Signal): void {
    if (this.#isEnded) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting.resolve({ value: signal, done: false });
    const link: Link = { signal, next: undefined };
    if (this.#last === undefined) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
    this.#length++;
    if (this.#length <= this.#limit) return;
    this.#dropped++;
    this.#onDrop(this.#take()!); // there is one: it is longer than its limit
  }

  /** The next signal, whenever it comes; what was queued before the end comes before the end. */
  next(): Promise<IteratorResult<Signal>> {
    const signal = this.#take();
    if (signal !== undefined) return Promise.resolve({ value: signal, done: false });
    if (!this.#isEnded) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    const error = this.#error;
    this.#error = undefined; // an iterator that has thrown is done
    return error === undefined ? Promise.resolve(DONE) : Promise.reject(error.reason);
  }

  /** Nothing is queued any more. What is can still be read; then the reader is told `error`, if there is one, once. */
  end(error?: { readonly reason: unknown }): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#waiting.length === 0) this.#error = error;
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (error === undefined) resolve(DONE);
      else reject(error.reason);
    }
  }

  /** Ends it and forgets what it holds. */
  discard(): void {
    this.end();
    this.#first = undefined;
    this.#last = undefined;
    this.#length = 0;
    this.#error = undefined;
  }

  #take(): Signal | undefined {
    const link = this.#first;
    if (link === undefined) return undefined;
    this.#first = link.next;
    if (this.#first === undefined) this.#last = undefined;
    this.#length--;
    return link.signal;
  }
}
