// The signals of a remote object as an iterator: as tuples of their arguments, or with their names. The subscription
// drops signals of other senders and signals with another signature. Specification: Message Types (SIGNAL).
// Tests: proxy.test.ts, proxy-signals.test.ts.
import type { SubscribeOptions, Subscription } from '../connection/subscription.js';
import type { MatchRule } from '../protocol/match-rule.js';
import type { Signal } from '../wire/messages/message.js';

/**
 * Signals in order of arrival, for one reader. Those of one name are the tuples of their arguments:
 * `for await (const [level] of stream)`. Leaving the loop closes the stream.
 */
export interface SignalStream<Item> extends AsyncIterableIterator<Item>, AsyncDisposable {
  /**
   * Resolves when signals can no longer be missed, or after `close`. Rejects if the bus refuses the match rule, or if
   * the stream ends first, by its AbortSignal or the end of the connection.
   */
  readonly ready: Promise<void>;
  /** How many signals were dropped, because the queue was full or because they had another signature. */
  readonly dropped: number;
  /** How many times the connection was lost and restored: signals that were sent meanwhile are missing. */
  readonly gaps: number;
  /** Ends the stream and removes its match rule; queued signals are discarded. */
  close(): Promise<void>;
}

/** Selects signals of a name. The bus sends no others. ‹Match Rules› */
export interface SignalFilter extends Pick<MatchRule, 'args' | 'argPaths' | 'arg0Namespace'> {
  /** Takes the signals of all objects at this path and below it, instead of those of the object of the proxy. */
  readonly pathNamespace?: string | undefined;
}

/** Options of a signal stream. */
export interface SignalOptions extends Omit<SubscribeOptions, 'signature'>, SignalFilter {}

/** Makes a stream of the signals of a subscription, each converted by `itemOf`. */
export function signalStream<Item>(
  subscription: Pick<Subscription, 'ready' | 'dropped' | 'gaps' | 'next' | 'close'>, itemOf: (signal: Signal) => Item,
): SignalStream<Item> {
  const stream: SignalStream<Item> = {
    ready: subscription.ready,
    get dropped() {
      return subscription.dropped;
    },
    get gaps() {
      return subscription.gaps;
    },
    async next() {
      const result = await subscription.next();
      return result.done === true ? { value: undefined, done: true } : { value: itemOf(result.value), done: false };
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
