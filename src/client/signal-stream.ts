// The signals of one member of a remote object, as tuples of their arguments. The subscription drops signals of other
// senders and signals with another signature. Specification: Message Types (SIGNAL). Tests: proxy.test.ts.
import type { SubscribeOptions, Subscription } from '../connection/subscription.js';

/**
 * The arguments of signals as tuples, in order of arrival, for one reader: `for await (const [level] of stream)`.
 * Leaving the loop closes the stream.
 */
export interface SignalStream<Body extends readonly unknown[]> extends AsyncIterableIterator<Body>, AsyncDisposable {
  /** Resolves when no signal can be missed any more. Rejects if the bus refuses the match rule. */
  readonly ready: Promise<void>;
  /** How many signals were dropped, because the queue was full or because they had another signature. */
  readonly dropped: number;
  /** How many times the connection was lost and restored: signals that were sent meanwhile are missing. */
  readonly gaps: number;
  /** Ends the stream and removes its match rule; queued signals are discarded. */
  close(): Promise<void>;
}

/** Options of a signal stream. */
export type SignalOptions = Omit<SubscribeOptions, 'signature'>;

/** Makes a stream of the arguments of the signals of a subscription. */
export function signalStream(subscription: Subscription): SignalStream<readonly unknown[]> {
  const stream: SignalStream<readonly unknown[]> = {
    ready: subscription.ready,
    get dropped() {
      return subscription.dropped;
    },
    get gaps() {
      return subscription.gaps;
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
