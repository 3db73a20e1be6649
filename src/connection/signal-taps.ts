// Lets other layers of this library take signals as they arrive, with the length of their messages, if they keep a
// state or have a queue of their own. Programs use MessageLink.subscribe(). Tests: test/client/property-watch.test.ts,
// test/client/proxy-signals.test.ts. Specification: Match Rules.
import type { MatchRule } from '../protocol/match-rule.js';
import type { MessageLink } from './link.js';
import { type PartReader, SharedParts } from './link-parts.js';
import type { SignalSink } from './signal-listener.js';
import type { RouteOptions } from './signal-routing.js';
import type { Subscription } from './subscription.js';

export { onAbort, runListener } from '../transport/waiting.js'; // for the options and the callbacks of these layers

/** A subscription whose signals go to a sink. */
export interface SignalTap {
  /**
   * Resolves when the bus has the rule and the sender's owner is known, or after `close`. Rejects if the bus refuses,
   * or if the tap ends first, by its AbortSignal or the end of the connection.
   */
  readonly ready: Promise<void>;
  /** How many signals were dropped: by the sink, and because they had another signature. */
  readonly dropped: number;
  /** How many times the connection was lost and restored. */
  readonly gaps: number;
  /** Ends the subscription and removes its match rule; the sink gets nothing more. */
  close(): Promise<void>;
}

/** Makes taps. */
export interface SignalTaps {
  tap(rule: MatchRule, options: RouteOptions, sink: SignalSink): SignalTap;
}

/** The subscriptions of the links of this library: for other layers, not for users. */
const taps = new SharedParts<SignalTaps>();

/** Lets other layers take the signals of the links of a class. */
export function shareSignals(reader: PartReader<SignalTaps>): void {
  taps.share(reader);
}

/**
 * Passes the signals that match a rule to a sink. The sink ends with a reason if the connection ends, the bus refuses
 * the rule, or `signal` aborts. For a link that this library did not make, it reads a subscription.
 * @throws {InvalidNameError | MatchRuleError} if a bus would refuse the rule
 * @throws the reason of `signal` if it has aborted
 */
export function tapSignals(
  link: MessageLink<boolean>, rule: MatchRule,
  { signature, signal, sink }: RouteOptions & { readonly sink: SignalSink },
): SignalTap {
  const own = taps.of(link);
  if (own !== undefined) return own.tap(rule, { signature, signal }, sink);
  return pump(link.subscribe(rule, { signature, signal, onGap: (gap) => sink.noteGap(gap) }), sink);
}

/** Makes several taps, as {@link tapSignals} does: all of them, or none if one of them throws. */
export function tapAllSignals(
  link: MessageLink<boolean>, wanted: readonly (readonly [MatchRule, Parameters<typeof tapSignals>[2]])[],
): SignalTap[] {
  const made: SignalTap[] = [];
  try {
    for (const [rule, options] of wanted) made.push(tapSignals(link, rule, options));
  } catch (error) {
    for (const tap of made) tap.close().catch(() => {}); // the caller gets the error
    throw error;
  }
  return made;
}

function pump(subscription: Subscription, sink: SignalSink): SignalTap {
  const run = async (): Promise<void> => {
    for await (const signal of subscription) sink.push(signal, 0); // its length is not known
  };
  run().catch((reason: unknown) => sink.end({ reason }));
  const close = (): Promise<void> => {
    sink.end();
    return subscription.close();
  };
  return {
    ready: subscription.ready,
    get dropped() {
      return subscription.dropped + sink.dropped;
    },
    get gaps() {
      return subscription.gaps;
    },
    close,
  };
}
