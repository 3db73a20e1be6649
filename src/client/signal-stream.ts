// The signals of one member of a remote object, as tuples of their arguments. The subscription decides which signals
// these are: it drops those of another sender or with another signature. Specification: Message Types (SIGNAL).
import type { SubscribeOptions, Subscription } from '../connection/subscription.js';

/** Argument tuples in order of arrival; leaving a `for await` loop ends it, as `close()` does. */
export interface SignalStream<Body extends readonly unknown[]> extends AsyncIterableIterator<Body>, AsyncDisposable {
  /** Resolves when no signal can be missed any more; rejects if the bus refuses. */
  readonly ready: Promise<void>;
  /** How many signals were dropped: those that came while the queue was full, and those with wrong arguments. */
  readonly dropped: number;
  close(): Promise<void>;
}

/** How a signal stream behaves. */
export type SignalOptions = Omit<SubscribeOptions, 'signature'>;

/** Makes a stream of the arguments from a subscription. */
export function signalStream(subscription: Subscription): SignalStream<readonly unknown[]> {
  const stream: SignalStream<readonly unknown[]> = {
    ready: subscription.ready,
    get dropped() {
      return subscription.dropped;
    },
    async next() {
      const result = await subscription.next();
      return result.done === true ? { value: undefined, done: true } : { value: result.value.body, done: false };
    },
    async return() {
      await subscription.close();
      return { value: undefined, done: true };
    },
    close: () => subscription.close(),
    [Symbol.asyncIterator]: () => stream,
    [Symbol.asyncDispose]: () => subscription.close(),
  };
  return Object.freeze(stream);
}
