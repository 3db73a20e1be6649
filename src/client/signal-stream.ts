// The signals of one member of a remote object, as their arguments. What comes under the right name with arguments
// other than those of the definition is not delivered but dropped and counted. Who may send them is the subscription's
// to see to.
// Specification: Match Rules; Message Types (SIGNAL).
import type { Connection } from '../connection/connection.js';
import type { SubscribeOptions, Subscription } from '../connection/subscription.js';

/** Argument tuples in order of arrival; leaving a `for await` loop ends it, as `close()` does. */
export interface SignalStream<Body extends readonly unknown[]> extends AsyncIterableIterator<Body>, AsyncDisposable {
  /** Resolves when no signal can be missed any more; rejects where the bus refuses. */
  readonly ready: Promise<void>;
  /** How many signals were dropped: those that came while the queue was full, and those with wrong arguments. */
  readonly dropped: number;
  close(): Promise<void>;
}

/** How a signal stream behaves. */
export type SignalOptions = SubscribeOptions;

/** Makes a stream of the signals of a subscription that have exactly this signature. */
export function signalStream(
  subscription: Subscription,
  { signature, connection }: { signature: string; connection: Connection },
): SignalStream<readonly unknown[]> {
  let mismatched = 0;
  const stream: SignalStream<readonly unknown[]> = {
    ready: subscription.ready,
    get dropped() {
      return subscription.dropped + mismatched;
    },
    async next() {
      for (;;) {
        const result = await subscription.next();
        if (result.done === true) return { value: undefined, done: true };
        const message = result.value;
        if (message.signature === signature) return { value: message.body, done: false };
        mismatched++;
        connection.countDrop('unexpected signature', { message });
      }
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
