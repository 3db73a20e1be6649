// Routes signals to the subscriptions whose rule they match, and ends subscriptions. It knows no bus: a SignalSource
// asks for the signals of a rule, and compares their sender. Tests: subscription.test.ts.
// Specification: Match Rules, Message Bus Message Routing.
import { MatchRuleError } from '../protocol/errors.js';
import { formatMatchRule } from '../protocol/format-match-rule.js';
import type { MatchRule } from '../protocol/match-rule.js';
import { matchesArguments, matchesHeader } from '../protocol/matches-rule.js';
import { onAbort } from '../transport/waiting.js';
import { argumentError, tagOf } from '../wire/arguments.js';
import { describe } from '../wire/describe.js';
import type { Signal } from '../wire/messages/message.js';
import { ABORT_SIGNAL, checkOptions, FUNCTION, type OptionRule, type OptionRules, TEXT } from '../wire/options.js';
import { splitSignature } from '../wire/signature.js';
import type { ArrivedSignal, SignalHeader } from './arrived-signal.js';
import type { DropCounter } from './drops.js';
import type { Gap } from './gap.js';
import { SignalIndex } from './signal-index.js';
import {
  LISTEN_RULES, type ListenedSubscription, type ListenOptions, SignalListening, type SignalListener, type SignalSink,
} from './signal-listener.js';
import { OVERFLOW, type OverflowPolicy, SignalQueue } from './signal-queue.js';

/** How many signals a subscription keeps for a slow reader, unless its options say otherwise. */
const DEFAULT_QUEUE_LIMIT = 1024;

/**
 * How many bytes the signals have that a subscription keeps, unless its options say otherwise: 16 MiB. The values of a
 * message take at most 24 times its bytes, so that a slow reader costs less than 400 MB.
 */
const DEFAULT_QUEUE_BYTES = 2 ** 24;

/** How a subscription behaves. */
export interface SubscribeOptions {
  /** Ends the subscription when it aborts; the reader then gets its reason as an error. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How many signals are kept until they are read, 1,024 unless given. If there are more, one is dropped and counted.
   */
  readonly queueLimit?: number | undefined;
  /**
   * The most bytes of the messages that are kept until they are read, 16 MiB unless given. If there are more, one is
   * dropped and counted; a single message may have more.
   */
  readonly queueBytes?: number | undefined;
  /**
   * What happens when a signal arrives and the queue is full: `'drop oldest'` (unless given) drops the oldest signal in
   * the queue, `'drop newest'` the one that arrives, and `'error'` ends the subscription with a
   * {@link QueueOverflowError} after the signals that wait.
   */
  readonly overflow?: OverflowPolicy | undefined;
  /** The only signature that is delivered; signals with another one are dropped and counted. Any unless given. */
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
  /** Resolves when the bus has the rule and the sender's owner is known; rejects if the bus refuses. */
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

/** A request for the signals of one rule; it is released when the subscription ends. */
export interface SignalRequest {
  /** Resolves when signals can arrive, and their sender is known. */
  readonly ready: Promise<void>;
  /** Ends the request; resolves when the bus has removed the rule. */
  release(): Promise<void>;
}

/** The source of signals: a bus, or another program. */
export interface SignalSource {
  /** Asks for the signals that match a valid rule. `refuse` is called if a bus refuses the rule, even later. */
  request(rule: MatchRule, refuse: (error: unknown) => void): SignalRequest;
  /** Whether a signal comes from `sender`, the bus name in a rule. */
  isFrom(sender: string, signal: SignalHeader): boolean;
}

const NOTHING_REQUESTED: SignalRequest = { ready: Promise.resolve(), release: () => Promise.resolve() };

/** The source of a link without a bus: it sends no requests, and compares the SENDER field of a signal. */
export const HEADER_SENDERS: SignalSource = {
  request: () => NOTHING_REQUESTED,
  isFrom: (sender, signal) => sender === signal.sender,
};

/** The path of signals to one subscription. */
class Route {
  readonly rule: MatchRule;
  readonly ready: Promise<void>;
  gaps = 0;
  /** The connection on which its signals came has ended. */
  isInterrupted = false;
  readonly #sink: SignalSink;
  #mismatched = 0;
  #released: Promise<void> | undefined;
  readonly #request: SignalRequest;
  readonly #signature: string | undefined;
  /** Whether the rule has keys for arguments. */
  readonly #hasArguments: boolean;
  readonly #drops: DropCounter;
  readonly #remove: (route: Route) => void;
  readonly #stopListening: () => void;

  constructor(
    rule: MatchRule,
    { signal, signature }: Pick<SubscribeOptions, 'signal' | 'signature'>,
    { sink, request, drops, remove }: {
      readonly sink: SignalSink;
      readonly request: (refuse: (error: unknown) => void) => SignalRequest;
      readonly drops: DropCounter;
      readonly remove: (route: Route) => void;
    },
  ) {
    this.rule = rule;
    this.#hasArguments = [rule.args, rule.argPaths, rule.arg0Namespace].some((key) => key !== undefined);
    this.#sink = sink;
    this.#request = request((error) => this.fail(error));
    this.#signature = signature;
    this.#drops = drops;
    this.#remove = remove;
    this.#stopListening = onAbort(signal, () => this.fail(signal?.reason));
    this.ready = this.#request.ready;
    this.ready.catch((error: unknown) => this.fail(error));
  }

  get dropped(): number {
    return this.#sink.dropped + this.#mismatched;
  }

  /** Takes a signal whose header matches the rule and that comes from the sender of the rule. */
  take(signal: ArrivedSignal): void {
    const { header } = signal;
    const hasSignature = this.#signature === undefined || this.#signature === header.signature;
    if (!hasSignature && !this.#hasArguments) return this.#countMismatch(header);
    const message = signal.read();
    if (message === undefined || (this.#hasArguments && !matchesArguments(this.rule, message))) return;
    if (hasSignature) this.#sink.push(message, signal.length);
    else this.#countMismatch(header);
  }

  /** The connection is restored after a gap. */
  noteGap(gap: Gap): void {
    if (!this.isInterrupted) return;
    this.isInterrupted = false;
    this.gaps++;
    this.#sink.noteGap(gap);
  }

  #countMismatch(message: SignalHeader): void {
    this.#mismatched++;
    this.#drops.count('unexpected signature', { message });
  }

  /** Ends the subscription; its reader gets the reason as an error, after the signals in the queue. */
  fail(reason: unknown): void {
    this.#sink.end({ reason });
    this.release().catch(() => {}); // the reader has an error already, and the bus forgets the rule with the connection
  }

  /** Ends the subscription and its request, once; resolves when the bus has removed the rule. */
  release(): Promise<void> {
    this.#released ??= this.#giveBack();
    return this.#released;
  }

  async #giveBack(): Promise<void> {
    this.#stopListening();
    this.#remove(this);
    await this.#request.release();
  }
}

/** Makes the queue of a subscription with valid options. */
export function queueOf(
  options: Pick<SubscribeOptions, 'queueLimit' | 'queueBytes' | 'overflow' | 'onGap'>,
  events: { readonly onDrop: (message: Signal) => void; readonly onOverflow: (error: Error) => void },
): SignalQueue {
  const { queueLimit = DEFAULT_QUEUE_LIMIT, queueBytes = DEFAULT_QUEUE_BYTES, overflow, onGap } = options;
  const { onDrop, onOverflow } = events;
  return new SignalQueue({ limit: queueLimit, maxBytes: queueBytes, overflow, onDrop, onOverflow, onGap });
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
  rule: MatchRule, options: Pick<SubscribeOptions, 'signal' | 'signature'>, rules: Readonly<Record<string, OptionRule>>,
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

/** The parts of a link that subscriptions need. */
interface SubscribedLink {
  readonly drops: DropCounter;
  readonly closedSignal: AbortSignal;
}

/** All subscriptions of one link. */
export class Subscriptions {
  readonly #source: SignalSource;
  readonly #link: SubscribedLink;
  readonly #routes = new SignalIndex<Route>();
  readonly #all = new Set<Route>();
  #listensForEnd = false;

  constructor(source: SignalSource, link: SubscribedLink) {
    this.#source = source;
    this.#link = link;
  }

  /** Subscribes to the signals that match a rule; see {@link MessageLink.subscribe}. */
  subscribe(rule: MatchRule, options: SubscribeOptions = {}): Subscription {
    const signalRule = checkSubscription(rule, options, SUBSCRIBE_RULES);
    const queue = queueOf(options, {
      onDrop: (message) => this.#link.drops.count('queue overflow', { message }),
      onOverflow: (error) => route.fail(error),
    });
    const route = this.#open(signalRule, options, queue);
    return new SignalReader(route, queue);
  }

  /** Gives the signals that match a rule to a listener; see {@link Bus.subscribe}. */
  listen(rule: MatchRule, listener: SignalListener, options: ListenOptions = {}): ListenedSubscription {
    const signalRule = checkSubscription(rule, options, LISTEN_RULES);
    const sink = new SignalListening(listener, options.onGap);
    return Object.assign(tapOf(this.#open(signalRule, options, sink), sink), { closed: sink.closed });
  }

  /** Gives the signals that match a rule to a sink of another layer; see signal-taps.ts. */
  tap(rule: MatchRule, signature: string | undefined, sink: SignalSink): Omit<ListenedSubscription, 'closed'> {
    const options = { signature };
    return tapOf(this.#open(checkSubscription(rule, options, LISTEN_RULES), options, sink), sink);
  }

  #open(rule: MatchRule, options: Pick<SubscribeOptions, 'signal' | 'signature'>, sink: SignalSink): Route {
    const { drops } = this.#link;
    const request = (refuse: (error: unknown) => void): SignalRequest => this.#request(rule, refuse);
    const route = new Route(rule, options, { sink, request, drops, remove: (ended) => this.#remove(ended) });
    this.#add(route);
    return route;
  }

  #request(rule: MatchRule, refuse: (error: unknown) => void): SignalRequest {
    const { closedSignal } = this.#link;
    if (!closedSignal.aborted) return this.#source.request(rule, refuse);
    return { ready: Promise.reject(closedSignal.reason as Error), release: () => Promise.resolve() };
  }

  /** Must be called if a connection has ended and is to be restored. */
  handleBreak(): void {
    for (const route of this.#all) route.isInterrupted = true;
  }

  /** Must be called when the connection is restored, before any signal arrives on it. */
  noteGap(gap: Gap): void {
    for (const route of [...this.#all]) route.noteGap(gap);
  }

  /** Gives a signal to the subscriptions that want it; must be called for every signal, in order of arrival. */
  deliver(signal: ArrivedSignal): void {
    const { header } = signal;
    this.#routes.visit(header, (route) => {
      const { rule } = route;
      if (!matchesHeader(rule, header)) return;
      if (rule.sender === undefined || this.#source.isFrom(rule.sender, header)) route.take(signal);
    });
  }

  #add(route: Route): void {
    this.#listenForEnd();
    this.#routes.add(route.rule, route);
    this.#all.add(route);
  }

  #remove(route: Route): void {
    this.#routes.remove(route.rule, route);
    this.#all.delete(route);
  }

  #listenForEnd(): void {
    if (this.#listensForEnd) return;
    this.#listensForEnd = true;
    const { closedSignal } = this.#link;
    closedSignal.addEventListener('abort', () => this.#failAll(closedSignal.reason));
  }

  #failAll(reason: unknown): void {
    for (const route of [...this.#all]) route.fail(reason);
  }
}
