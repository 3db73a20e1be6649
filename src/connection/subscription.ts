// The handles of subscriptions: their options, the queue of their signals, its reader, and their end. They do not know
// which signals come to them (signal-routing.ts). Tests: subscription.test.ts. Specification: Match Rules.
import { MatchRuleError } from '../protocol/errors.js';
import { formatMatchRule } from '../protocol/format-match-rule.js';
import type { MatchRule } from '../protocol/match-rule.js';
import { argumentError, tagOf } from '../wire/arguments.js';
import { describe } from '../wire/describe.js';
import type { Signal } from '../wire/messages/message.js';
import { ABORT_SIGNAL, checkOptions, FUNCTION, type OptionRule, type OptionRules, TEXT } from '../wire/options.js';
import { splitSignature } from '../wire/signature.js';
import type { DropCounter } from './drops.js';
import type { Gap } from './gap.js';
import { signalsOf, type StreamName } from './loop-end.js';
import {
  LISTEN_RULES, type ListenedSubscription, type ListenOptions, SignalListening, type SignalListener, type SignalSink,
} from './signal-listener.js';
import { OVERFLOW, type OverflowPolicy, SignalQueue } from './signal-queue.js';
import type { Route, RouteOptions, SignalRouting } from './signal-routing.js';

/** How many signals a subscription keeps for a slow reader, unless its options say otherwise. */
const DEFAULT_QUEUE_LIMIT = 1024;

/**
 * How many bytes of signals a subscription keeps, unless its options say otherwise: 16 MiB. The values of a
 * message take at most 24 times its bytes, so that a slow reader costs less than 400 MB.
 */
const DEFAULT_QUEUE_BYTES = 2 ** 24;

/** How a subscription behaves. */
export interface SubscribeOptions {
  /** Ends the subscription when it aborts; the reader then gets its reason as an error. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The most signals that are kept until they are read; default: 1,024. If there are more, one is dropped and counted.
   */
  readonly queueLimit?: number | undefined;
  /**
   * The most bytes of the messages that are kept until they are read; default: 16 MiB. If there are more, one is
   * dropped and counted; a single message may have more.
   */
  readonly queueBytes?: number | undefined;
  /**
   * What happens when a signal arrives and the queue is full: `'drop oldest'` (the default) drops the oldest signal in
   * the queue, `'drop newest'` the one that arrives, and `'error'` ends the subscription with a
   * {@link QueueOverflowError} after the signals that wait.
   */
  readonly overflow?: OverflowPolicy | undefined;
  /** The only signature that is delivered; signals with another one are dropped and counted. Default: any. */
  readonly signature?: string | undefined;
  /**
   * Called if the connection was lost and is restored, between the last signal from before and the first one from
   * after: signals may be missing there. If several gaps follow one another, it is called for the last of them.
   */
  readonly onGap?: ((gap: Gap) => void) | undefined;
}

/** The rules of the limits of a queue. */
export const QUEUE_LIMIT_RULES: OptionRules<Pick<SubscribeOptions, 'queueLimit' | 'queueBytes'>> = {
  queueLimit: {
    must: 'a number of messages, 0 or more, or Infinity',
    accepts: (value) => value === Infinity || (Number.isInteger(value) && Number(value) >= 0),
  },
  queueBytes: {
    must: 'a number of bytes, 0 or more, or Infinity',
    accepts: (value) => value === Infinity || (Number.isInteger(value) && Number(value) >= 0),
  },
};

/** The rules of {@link SubscribeOptions}. */
export const SUBSCRIBE_RULES: OptionRules<SubscribeOptions> = {
  ...QUEUE_LIMIT_RULES,
  signal: ABORT_SIGNAL,
  overflow: OVERFLOW,
  signature: TEXT,
  onGap: FUNCTION,
};

/**
 * Signals in order of arrival, for one reader: `for await (const signal of subscription)`. Queueing starts at once.
 * A signal that a later call on the same connection causes is never missed. Wait for `ready` before you cause a signal
 * by other means.
 *
 * Reading throws if the subscription was ended by its AbortSignal, by a bus that refuses the rule, or by the end of the
 * connection ({@link ConnectionClosedError}); signals that arrived before are delivered first.
 */
export interface Subscription extends AsyncIterableIterator<Signal>, AsyncDisposable {
  /**
   * Resolves when the bus has the rule and the sender's owner is known, or after `close`. Rejects if the bus refuses,
   * or if the subscription ends first, by its AbortSignal or the end of the connection.
   */
  readonly ready: Promise<void>;
  /** How many signals were dropped: because the queue was full, or because they had another signature. */
  readonly dropped: number;
  /** How many times the connection was lost and restored: signals that were sent meanwhile are missing. */
  readonly gaps: number;
  /** Ends the subscription as `close` does; a `for await` loop that is left early calls it. */
  return(): Promise<IteratorResult<Signal>>;
  /** Ends the subscription and removes its match rule; queued signals are discarded. */
  close(): Promise<void>;
}

/** Makes the queue of a subscription with valid options. `name` is for the error of its reader. */
export function queueOf(
  name: StreamName,
  options: Pick<SubscribeOptions, 'queueLimit' | 'queueBytes' | 'overflow' | 'onGap'>,
  events: { readonly onDrop: (message: Signal) => void; readonly onOverflow: (error: Error) => void },
): SignalQueue {
  const { queueLimit = DEFAULT_QUEUE_LIMIT, queueBytes = DEFAULT_QUEUE_BYTES, overflow, onGap } = options;
  const { onDrop, onOverflow } = events;
  return new SignalQueue({ limit: queueLimit, maxBytes: queueBytes, overflow, name, onDrop, onOverflow, onGap });
}

/** The source of the signals in a queue: one rule, or several. */
export interface QueueSource extends Pick<Subscription, 'ready' | 'dropped' | 'gaps'> {
  /** Ends the source; resolves when the bus has removed its rules. */
  release(): Promise<void>;
}

/** Reads a queue of signals. */
export class SignalReader implements Subscription {
  readonly #source: QueueSource;
  readonly #queue: SignalQueue;

  constructor(source: QueueSource, queue: SignalQueue) {
    this.#source = source;
    this.#queue = queue;
  }

  get ready(): Promise<void> {
    return this.#source.ready;
  }

  get dropped(): number {
    return this.#source.dropped;
  }

  get gaps(): number {
    return this.#source.gaps;
  }

  next(): Promise<IteratorResult<Signal>> {
    return this.#queue.next();
  }

  async return(): Promise<IteratorResult<Signal>> {
    await this.close();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async close(): Promise<void> {
    this.#queue.discard();
    await this.#source.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Checks a rule and the options of a subscription; returns the rule for signals. */
function checkSubscription(
  rule: MatchRule, options: RouteOptions, rules: Readonly<Record<string, OptionRule>>,
): MatchRule {
  if (tagOf(rule) !== '[object Object]') throw argumentError('subscribe', 'the rule must be an object', rule);
  checkOptions('subscribe', options, rules);
  options.signal?.throwIfAborted();
  if (options.signature !== undefined) splitSignature(options.signature); // throws if it is not valid
  if (rule.type !== undefined && rule.type !== 'signal') {
    throw new MatchRuleError(`"type" must be "signal" in a subscription, got ${describe(rule.type)}`);
  }
  const signalRule: MatchRule = { ...rule, type: 'signal' };
  formatMatchRule(signalRule); // throws before the bus is asked
  return signalRule;
}

/** The handle of a route whose signals go to a sink. */
function tapOf(route: Route, sink: SignalSink): Omit<ListenedSubscription, 'closed'> {
  const close = (): Promise<void> => {
    sink.end();
    return route.release();
  };
  return {
    ready: route.ready,
    get dropped() {
      return route.dropped;
    },
    get gaps() {
      return route.gaps;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Makes the subscriptions of one link. */
export class Subscriptions {
  readonly #routing: SignalRouting;
  readonly #drops: DropCounter;

  constructor(routing: SignalRouting, drops: DropCounter) {
    this.#routing = routing;
    this.#drops = drops;
  }

  /** Subscribes to the signals that match a rule; see {@link MessageLink.subscribe}. */
  subscribe(rule: MatchRule, options: SubscribeOptions = {}): Subscription {
    const signalRule = checkSubscription(rule, options, SUBSCRIBE_RULES);
    const queue = queueOf(signalsOf(signalRule), options, {
      onDrop: (message) => this.#drops.count('queue overflow', { message }),
      onOverflow: (error) => route.fail(error),
    });
    const route = this.#routing.open(signalRule, options, queue);
    return new SignalReader(route, queue);
  }

  /** Gives the signals that match a rule to a listener; see {@link Bus.subscribe}. */
  listen(rule: MatchRule, listener: SignalListener, options: ListenOptions = {}): ListenedSubscription {
    const signalRule = checkSubscription(rule, options, LISTEN_RULES);
    const sink = new SignalListening(listener, options.onGap);
    return Object.assign(tapOf(this.#routing.open(signalRule, options, sink), sink), { closed: sink.closed });
  }

  /** Gives the signals that match a rule to a sink of another layer; see signal-taps.ts. */
  tap(rule: MatchRule, options: RouteOptions, sink: SignalSink): Omit<ListenedSubscription, 'closed'> {
    return tapOf(this.#routing.open(checkSubscription(rule, options, LISTEN_RULES), options, sink), sink);
  }
}
