// Gives each signal to the subscriptions whose rule it matches, if it comes from the sender of the rule: a well-known
// sender means its present owner. A SignalSource requests the signals of a rule and knows the owners; on a bus, this is
// wishes.ts. This file knows no queue and no reader (subscription.ts). Tests: subscription.test.ts,
// name-owners.test.ts. Specification: Match Rules, Message Bus Message Routing.
import type { MatchRule } from '../protocol/match-rule.js';
import { matchesArguments, matchesHeader } from '../protocol/matches-rule.js';
import { onAbort } from '../transport/waiting.js';
import type { ArrivedSignal, SignalHeader } from './arrived-signal.js';
import type { DropCounter } from './drops.js';
import { formerNameError } from './errors.js';
import type { Gap } from './gap.js';
import { type Pledge, pledge } from './pledge.js';
import { SignalIndex } from './signal-index.js';
import type { SignalSink } from './signal-listener.js';

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
  /** The unique name of the present owner of a well-known name; undefined if there is none, or it is not known. */
  ownerOf(name: string): string | undefined;
  /** Whether one program sends all signals. If so, one without the field SENDER matches any sender of a rule. */
  readonly isOneProgram: boolean;
}

const NOTHING_REQUESTED: SignalRequest = { ready: Promise.resolve(), release: () => Promise.resolve() };

/** The source of a link without a bus: it sends no requests, and names have no owners. */
export const NO_BUS: SignalSource = {
  request: () => NOTHING_REQUESTED,
  ownerOf: () => undefined,
  isOneProgram: true,
};

/** The options of a subscription that decide about a signal. */
export interface RouteOptions {
  /** Ends the subscription when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** The only signature that is delivered. Any if it is undefined. */
  readonly signature?: string | undefined;
}

/** The path of signals to one subscription. */
export class Route {
  readonly rule: MatchRule;
  gaps = 0;
  /** The connection on which its signals came has ended. */
  isInterrupted = false;
  readonly #ready: Pledge = pledge();
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
    { signal, signature }: RouteOptions,
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
    this.#request.ready.then(this.#ready.resolve, (error: unknown) => this.fail(error));
  }

  /** Settles when the request is answered, or the subscription ends: rejects if it fails. */
  get ready(): Promise<void> {
    return this.#ready.promise;
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
    this.#ready.reject(reason);
    this.#sink.end({ reason });
    this.release().catch(() => {}); // the reader has an error already, and the bus forgets the rule with the connection
  }

  /** Ends the subscription and its request, once; resolves when the bus has removed the rule. */
  release(): Promise<void> {
    this.#released ??= this.#end();
    return this.#released;
  }

  async #end(): Promise<void> {
    this.#stopListening();
    this.#remove(this);
    this.#ready.resolve();
    await this.#request.release();
  }
}

/** The parts of a link that the routing needs. */
interface SubscribedLink {
  readonly drops: DropCounter;
  readonly closedSignal: AbortSignal;
}

/** The routes to all subscriptions of one link. */
export class SignalRouting {
  readonly #source: SignalSource;
  readonly #link: SubscribedLink;
  readonly #routes = new SignalIndex<Route>();
  readonly #all = new Set<Route>();
  #listensForEnd = false;

  constructor(source: SignalSource, link: SubscribedLink) {
    this.#source = source;
    this.#link = link;
  }

  /** Asks for the signals of a valid rule, and gives them to a sink from now on. */
  open(rule: MatchRule, options: RouteOptions, sink: SignalSink): Route {
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

  /**
   * Must be called if a connection has ended and is to be restored. Subscriptions to a unique name end: the next bus
   * can give it to another program.
   */
  handleBreak(): void {
    for (const route of [...this.#all]) {
      const { sender } = route.rule;
      if (sender?.startsWith(':') === true) route.fail(formerNameError(sender));
      else route.isInterrupted = true;
    }
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
      if (rule.sender === undefined || this.#isFrom(rule.sender, header)) route.take(signal);
    });
  }

  /**
   * Whether a signal comes from the sender of a rule: a unique name, or the present owner of a well-known name. Without
   * a bus, signals have no sender, and the other program is the sender of each.
   */
  #isFrom(ruleSender: string, { sender }: SignalHeader): boolean {
    if (sender === undefined) return this.#source.isOneProgram;
    return sender === ruleSender || this.#source.ownerOf(ruleSender) === sender;
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
