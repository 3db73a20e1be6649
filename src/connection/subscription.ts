// Signals for those who asked: which subscriptions a signal goes to, and the queue from which one takes its own.
// A subscription is bound to its sender: what another connection sends under the same names is not delivered.
// It knows no sockets. Specification: Match Rules, Message Bus Message Routing.
import type { Signal } from '../wire/message.js';
import { BUS_NAME } from './bus-object.js';
import type { Connection } from './connection.js';
import { type MatchRule, matchesRule } from './match-rule.js';
import type { MatchRules } from './match-rules.js';
import type { NameOwners } from './name-owners.js';

/** How many signals a subscription keeps for a reader who is slow, unless told otherwise. */
const DEFAULT_QUEUE_LIMIT = 1024;

/** How a subscription behaves. */
export interface SubscribeOptions {
  /** Ends the subscription; reading it then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Signals kept until they are read, 1,024 unless given; above it the oldest is dropped and counted. */
  readonly queueLimit?: number | undefined;
}

/** A reader who asked for the next signal before there was one. */
interface Waiting {
  readonly resolve: (result: IteratorResult<Signal>) => void;
  readonly reject: (error: unknown) => void;
}

/** How a subscription is tied to its connection. */
interface Feed {
  readonly ready: Promise<void>;
  readonly release: () => Promise<void>;
  readonly onDrop: (signal: Signal) => void;
}

/**
 * Signals in order of arrival. Queueing starts at once; whoever must not miss one waits for `ready` before doing what
 * causes it. One reader takes from the queue: `for await (const signal of subscription)`.
 */
export class Subscription implements AsyncIterableIterator<Signal>, AsyncDisposable {
  /** Resolves when the bus has the rule and the sender's owner is known; rejects where the bus refuses. */
  readonly ready: Promise<void>;
  readonly #feed: Feed;
  readonly #queueLimit: number;
  #queue: Signal[] = [];
  #waiting: Waiting[] = [];
  #dropped = 0;
  #ended: { readonly error: unknown } | undefined;

  constructor(feed: Feed, queueLimit = DEFAULT_QUEUE_LIMIT) {
    this.#feed = feed;
    this.#queueLimit = queueLimit;
    this.ready = feed.ready;
    this.ready.catch((error: unknown) => this.end(error));
  }

  /** How many signals were dropped because the queue was full. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Puts a signal into the queue. */
  deliver(signal: Signal): void {
    if (this.#ended !== undefined) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting.resolve({ value: signal, done: false });
    this.#queue.push(signal);
    if (this.#queue.length <= this.#queueLimit) return;
    this.#dropped++;
    this.#feed.onDrop(this.#queue.shift()!); // it is longer than its limit, so not empty
  }

  /** Ends the subscription: what is queued can still be read, then `error`, if any, is thrown. */
  end(error?: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    for (const waiting of this.#waiting) {
      if (error === undefined) waiting.resolve({ value: undefined, done: true });
      else waiting.reject(error);
    }
    this.#waiting = [];
  }

  next(): Promise<IteratorResult<Signal>> {
    const queued = this.#queue.shift();
    if (queued !== undefined) return Promise.resolve({ value: queued, done: false });
    if (this.#ended === undefined) {
      return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    }
    const { error } = this.#ended;
    this.#ended = { error: undefined }; // an iterator that has thrown is done
    return error === undefined ? Promise.resolve({ value: undefined, done: true }) : Promise.reject(error);
  }

  /** Called where a loop is left early: ends the subscription. */
  async return(): Promise<IteratorResult<Signal>> {
    await this.close();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends the subscription and gives up its match rule. */
  async close(): Promise<void> {
    this.end();
    this.#queue = [];
    await this.#feed.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

interface Route {
  readonly rule: MatchRule;
  readonly subscription: Subscription;
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
    connection.signal.addEventListener('abort', () => this.#endAll(connection.signal.reason));
  }

  /**
   * Subscribes to the signals that match a rule.
   * @throws {InvalidNameError | MatchRuleError} where no bus would take the rule
   */
  subscribe(rule: MatchRule, { signal, queueLimit }: SubscribeOptions = {}): Subscription {
    signal?.throwIfAborted();
    const signalRule: MatchRule = { ...rule, type: 'signal' };
    // The owner is asked for first: any signal that the rule lets through then has a known owner to be held against.
    const isWellKnown = rule.sender !== undefined && !rule.sender.startsWith(':') && rule.sender !== BUS_NAME;
    const watch = isWellKnown ? this.#owners.watch(rule.sender, () => {}) : undefined;
    const handle = this.#rules.add(signalRule);
    const release = async (): Promise<void> => {
      this.#removeRoute(route);
      signal?.removeEventListener('abort', abort);
      await Promise.all([handle.release(), watch?.close()]);
    };
    const ready = Promise.all([handle.ready, watch?.ready]).then(() => undefined);
    const onDrop = (message: Signal): void => this.#connection.countDrop('queue overflow', { message });
    const subscription = new Subscription({ ready, release, onDrop }, queueLimit);
    const route: Route = { rule: signalRule, subscription };
    const abort = (): void => {
      subscription.end(signal?.reason);
      release().catch(() => {}); // the reader is told why it ended; the bus forgets the rule with the connection
    };
    signal?.addEventListener('abort', abort);
    this.#addRoute(route);
    if (this.#connection.signal.aborted) subscription.end(this.#connection.signal.reason);
    return subscription;
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
    for (const { rule, subscription } of routes ?? []) {
      if (matchesRule(rule, signal) && this.#isFrom(rule.sender, signal)) subscription.deliver(signal);
    }
  }

  #isFrom(sender: string | undefined, signal: Signal): boolean {
    if (sender === undefined || sender === signal.sender) return true;
    return signal.sender !== undefined && this.#owners.ownerOf(sender) === signal.sender;
  }

  #endAll(error: unknown): void {
    for (const routes of this.#routes.values()) {
      for (const { subscription } of routes) subscription.end(error);
    }
    this.#routes.clear();
  }
}
