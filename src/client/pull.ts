// An iterator over items that another object keeps. An item is taken only when the reader asks for it, so that the
// keeper can combine waiting items. It does not know the items. Tests: property-watch.test.ts. (No clause of the
// specification.)
import { reasonFor, type StreamName } from '../connection/loop-end.js';

interface Waiting<Item> {
  readonly resolve: (result: IteratorResult<Item>) => void;
  readonly reject: (reason: unknown) => void;
}

/** Takes the next waiting item, in a list of one; undefined if no item waits. */
export type TakeNext<Item> = () => readonly [Item] | undefined;

/** An iterator over the items of a keeper. */
export class Pull<Item> implements AsyncIterableIterator<Item> {
  readonly #take: TakeNext<Item>;
  readonly #close: () => Promise<void>;
  readonly #name: StreamName;
  readonly #waiting: Waiting<Item>[] = [];
  #isEnded = false;
  #error: { readonly reason: unknown } | undefined;

  /** `close` is called when the reader leaves its loop; `name` names the items in the error of a lost connection. */
  constructor(name: StreamName, take: TakeNext<Item>, close: () => Promise<void>) {
    this.#name = name;
    this.#take = take;
    this.#close = close;
  }

  /** Must be called when an item has been added. */
  wake(): void {
    while (this.#waiting.length > 0) {
      const item = this.#take();
      if (item === undefined) return;
      this.#waiting.shift()?.resolve({ value: item[0], done: false });
    }
  }

  /** No further item follows. After the waiting items the reader gets the error, if there is one, once. */
  end(error?: { readonly reason: unknown }): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#waiting.length === 0) this.#error = error;
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (error === undefined) resolve({ value: undefined, done: true });
      else reject(reasonFor(this.#name, error.reason));
    }
  }

  next(): Promise<IteratorResult<Item>> {
    const item = this.#take();
    if (item !== undefined) return Promise.resolve({ value: item[0], done: false });
    if (!this.#isEnded) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    const error = this.#error;
    this.#error = undefined; // an iterator that has thrown is done
    if (error === undefined) return Promise.resolve({ value: undefined, done: true });
    return Promise.reject(reasonFor(this.#name, error.reason));
  }

  async return(): Promise<IteratorResult<Item>> {
    this.end();
    await this.#close();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
