// Signals for those who asked: which subscriptions a signal goes to, and what a subscription holds and gives back.
// A subscription is bound to its sender: what another connection sends under the same names is not delivered.
// It knows no sockets. Specification: Match Rules, Message Bus Message Routing.
import type { Signal } from '../wire/messages/message.js';
import { ABORT_SIGNAL, checkOptions, type OptionRules } from '../wire/options.js';
import { argumentError } from '../wire/arguments.js';
import { BUS_NAME } from '../protocol/bus.js';
import { MatchRuleError } from '../protocol/errors.js';
import { formatMatchRule } from '../protocol/format-match-rule.js';
import type { MatchRule } from '../protocol/match-rule.js';
import { matchesRule } from '../protocol/matches-rule.js';
import type { Connection } from './connection.js';
import type { MatchRules } from './match-rules.js';
import type { NameOwners } from './name-owners.js';
import { onAbort } from '../transport/waiting.js';
import { SignalQueue } from './signal-queue.js';

/** How many signals a subscription keeps for a reader who is slow, unless told otherwise. */
const DEFAULT_QUEUE_LIMIT = 1024;

/** How a subscription behaves. */
export interface SubscribeOptions {
  /** Ends the subscription; reading it then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Signals kept until they are read, 1,024 unless given; above it the oldest is dropped and counted. */
  readonly queueLimit?: number | undefined;
}

const SUBSCRIBE_RULES: OptionRules<SubscribeOptions> = {
  signal: ABORT_SIGNAL,
  queueLimit: {
    must: 'a number of signals, 0 or more, or Infinity',
    accepts: (value) => value === Infinity || (Number.isInteger(value) && Number(value) >= 0),
  },
};

/** What a subscription is made of. */
interface SubscriptionParts {
  readonly queue: SignalQueue;
  readonly ready: Promise<void>;
  /** Gives back all that the subscription holds; resolves when the bus has done so too. */
  readonly release: () => Promise<void>;
}

/**
 * Signals in order of arrival. Queueing starts at once; whoever must not miss one waits for `ready` before doing what
 * causes it. One reader takes from the queue: `for await (const signal of subscription)`. Reading throws the reason of
 * its signal, the error with which the bus refused the rule, or {@link ConnectionClosedError}, after what came before.
 */
export class Subscription implements AsyncIterableIterator<Signal>, AsyncDisposable {
  /** Resolves when the bus has the rule and the sender's owner is known; rejects where the bus refuses. */
  readonly ready: Promise<void>;
  readonly #queue: SignalQueue;
  readonly #release: () => Promise<void>;

  /** Use {@link Bus.subscribe}. */
  constructor({ queue, ready, release }: SubscriptionParts) {
    this.ready = ready;
    this.#queue = queue;
    this.#release = release;
  }

  /** How many signals were dropped because the queue was full. */
  get dropped(): number {
    return this.#queue.dropped;
  }

  next(): Promise<IteratorResult<Signal>> {
    return this.#queue.next();
  }

  /** Called where a loop is left early: ends the subscription. */
  async return(): Promise<IteratorResult<Signal>> {
    await this.close();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends the subscription and gives up its match rule; what is queued is forgotten. */
  async close(): Promise<void> {
    this.#queue.discard();
    await this.#release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Where a signal that matches a rule goes. */
interface Route {
  readonly rule: MatchRule;
  readonly queue: SignalQueue;
  /** Ends the subscription for a reason that its reader is told. */
  readonly fail: (reason: unknown) => void;
}

/** All subscriptions of one connection. */
export class Subscriptions {
  readonly #connection: Connection;
  readonly #rules: MatchRules;
  readonly #owners: NameOwners;
  /** By the member that the rule asks for, undefined for any: the one key that nearly every rule has. */
  readonly #routes = new Map<string | undefined, Set<Route>>();

  constructor(connection: Connection, { rules, owners }: { rules: MatchRules; owners: NameOwners }) {
    this.#connection = connection;
    this.#rules = rules;
    this.#owners = owners;
    connection.signal.addEventListener('abort', () => this.#failAll(connection.signal.reason));
  }

  /**
   * Subscribes to the signals that match a rule.
   * @throws {InvalidNameError | MatchRuleError} where no bus would take the rule
   * @throws {ArgumentError} if an option is unknown or its value is not valid
   */
  subscribe(rule: MatchRule, options: SubscribeOptions = {}): Subscription {
    if (typeof rule !== 'object' || rule === null) throw argumentError('subscribe', 'the rule must be an object', rule);
    checkOptions('subscribe', options, SUBSCRIBE_RULES);
    const { signal, queueLimit = DEFAULT_QUEUE_LIMIT } = options;
    signal?.throwIfAborted();
    const signalRule: MatchRule = { ...rule, type: 'signal' };
    if (rule.type !== undefined && rule.type !== 'signal') {
      throw new MatchRuleError(`a subscription is to signals, not to messages of type ${JSON.stringify(rule.type)}`);
    }
    formatMatchRule(signalRule); // throws before anything is asked of the bus
    // The owner is asked for first: any signal that the rule lets through then has a known owner to be held against.
    const isWellKnown = rule.sender !== undefined && !rule.sender.startsWith(':') && rule.sender !== BUS_NAME;
    const watch = isWellKnown ? this.#owners.watch(rule.sender, () => {}) : undefined;
    const handle = this.#rules.add(signalRule);
    const onDrop = (message: Signal): void => this.#connection.countDrop('queue overflow', { message });
    const queue = new SignalQueue({ limit: queueLimit, onDrop });

    let released: Promise<void> | undefined;
    const release = (): Promise<void> => (released ??= giveBack());
    const giveBack = async (): Promise<void> => {
      endAbort();
      this.#removeRoute(route);
      await Promise.all([handle.release(), watch?.close()]);
    };
    const fail = (reason: unknown): void => {
      queue.end({ reason });
      release().catch(() => {}); // the reader is told why it ended; the bus forgets the rule with the connection
    };
    const endAbort = onAbort(signal, () => fail(signal?.reason));
    const route: Route = { rule: signalRule, queue, fail };
    this.#addRoute(route);
    const ready = Promise.all([handle.ready, watch?.ready]).then(() => undefined);
    ready.catch(fail);
    return new Subscription({ queue, ready, release });
  }

  /** Gives a signal to the subscriptions that want it; to be called for every signal, in order of arrival. */
  deliver(signal: Signal): void {
    this.#deliverTo(this.#routes.get(signal.member), signal);
    this.#deliverTo(this.#routes.get(undefined), signal);
  }

  #addRoute(route: Route): void {
    const routes = this.#routes.get(route.rule.member) ?? new Set();
    this.#routes.set(route.rule.member, routes.add(route));
  }

  #removeRoute(route: Route): void {
    const routes = this.#routes.get(route.rule.member);
    routes?.delete(route);
    if (routes?.size === 0) this.#routes.delete(route.rule.member);
  }

  #deliverTo(routes: ReadonlySet<Route> | undefined, signal: Signal): void {
    for (const { rule, queue } of routes ?? []) {
      if (matchesRule(rule, signal) && this.#isFrom(rule.sender, signal)) queue.push(signal);
    }
  }

  #isFrom(sender: string | undefined, signal: Signal): boolean {
    if (sender === undefined || sender === signal.sender) return true;
    return signal.sender !== undefined && this.#owners.ownerOf(sender) === signal.sender;
  }

  #failAll(reason: unknown): void {
    const routes = [...this.#routes.values()].flatMap((set) => [...set]);
    for (const { fail } of routes) fail(reason);
  }
}
