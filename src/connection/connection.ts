// A connection to another program: calls, signals and its end. Without a bus it has no names and no match rules, and no
// bus checks the senders; bus.ts adds what a bus has. engine.ts sends and receives.
// Tests: link.test.ts, connection.test.ts.
// Specification: Message Types.
import type { MatchRule } from '../protocol/match-rule.js';
import { OPEN_RULES, type OpenOptions, openTransport } from '../transport/open.js';
import type { Transport } from '../transport/transport.js';
import type { ReadBodyOf } from '../wire/infer.js';
import type { Message } from '../wire/messages/message.js';
import { blaming } from '../wire/error-place.js';
import { checkOptions, type OptionRules } from '../wire/options.js';
import { callLimits, type FullCallLimits } from './call-limits.js';
import type { CallOptions, NoReply, ReplyOf } from './call-options.js';
import { shareRouting } from './call-router.js';
import { limitCalls } from './callers.js';
import { type DropReason, shareDrops } from './drops.js';
import type { ConnectionClosedError } from './errors.js';
import { handleCalls } from './handled-calls.js';
import { shareCalls } from './invoker.js';
import { LinkCore, type SignalReceiver } from './link-core.js';
import type { MessageLink, MethodCallHandler } from './link.js';
import { RECEIVE_RULES, type ReceiveOptions, receiveOptions, typedArraysOf } from './receive-options.js';
import { shareSendLimit } from './send-limit.js';
import type { ListenedSubscription, ListenOptions, SignalListener } from './signal-listener.js';
import { NO_BUS, SignalRouting } from './signal-routing.js';
import { shareSignals } from './signal-taps.js';
import { type SubscribeOptions, type Subscription, Subscriptions } from './subscription.js';

/** The parts of a connection that is open. */
export interface ConnectionParts<Typed extends boolean> {
  readonly typedArrays: Typed;
  readonly limits: FullCallLimits;
  readonly core: LinkCore;
  readonly subscriptions: Subscriptions;
}

/**
 * A connection to another program; one to a bus is a `Bus`. `Typed` says whether arrays of numbers arrive as typed
 * arrays.
 */
export class Connection<Typed extends boolean = false> implements MessageLink<Typed>, AsyncDisposable {
  /** Whether arrays of numbers arrive as typed arrays: the option of the same name. */
  readonly typedArrays: Typed;
  readonly #core: LinkCore;
  readonly #subscriptions: Subscriptions;
  readonly #limits: FullCallLimits;

  static {
    const coreOf = (link: object): LinkCore | undefined => (#core in link ? link.#core : undefined);
    shareDrops((link) => coreOf(link)?.drops);
    shareRouting(coreOf);
    limitCalls((link) => (#limits in link ? link.#limits : undefined));
    shareCalls(coreOf);
    shareSendLimit(coreOf);
    shareSignals((link) => (#subscriptions in link ? link.#subscriptions : undefined));
  }

  /** For the functions that open connections. */
  constructor({ typedArrays, limits, core, subscriptions }: ConnectionParts<Typed>) {
    this.typedArrays = typedArrays;
    this.#core = core;
    this.#subscriptions = subscriptions;
    this.#limits = limits;
  }

  /** The server's GUID, 32 hex digits. */
  get guid(): string {
    return this.#core.engine.guid;
  }

  /** How many messages arrived and were not delivered, by reason. The channel `dbus-wire:drop` has the messages. */
  get dropped(): ReadonlyMap<DropReason, number> {
    return this.#core.drops.snapshot();
  }

  /** Bytes that wait in this process to be sent. */
  get queuedBytes(): number {
    return this.#core.queuedBytes;
  }

  /**
   * Resolves when the connection has ended, and never rejects; the error's `cause` says why. A connection that is being
   * restored has not ended.
   */
  get closed(): Promise<ConnectionClosedError> {
    return this.#core.closed;
  }

  /** Aborts when the connection ends; the reason is a {@link ConnectionClosedError}. */
  get closedSignal(): AbortSignal {
    return this.#core.closedSignal;
  }

  /** Calls a method; see {@link MessageLink.call}. */
  call<const In extends string = '', const Out extends string = string, Silent extends NoReply = false>(
    options: CallOptions<In, Out, Silent>,
  ): Promise<ReplyOf<ReadBodyOf<Out, Typed>, [], Silent>> {
    const reply: Promise<unknown> = this.#core.call(options, this.call);
    return reply as Promise<ReplyOf<ReadBodyOf<Out, Typed>, [], Silent>>; // the engine reads as Typed says
  }

  /** Queues a message; see {@link MessageLink.send}. */
  send(message: Message): number {
    return this.#core.send(message, this.send);
  }

  /**
   * Subscribes a listener to the signals that match a rule: it is called as each signal arrives. The option `signature`
   * gives their bodies a type.
   * @throws the same errors as the form with an iterator
   */
  subscribe<const Args extends string = string>(
    rule: MatchRule, listener: SignalListener<NoInfer<Args>, Typed>, options?: ListenOptions<Args>,
  ): ListenedSubscription;
  /**
   * Subscribes to the signals that match a rule. On a bus, if the rule has a `sender`, only signals of the present
   * owner of that name are delivered: no other connection can forge one, and the subscription survives a restart of the
   * service. Without a bus, `sender` is compared with the SENDER field of the signal.
   * @throws {InvalidNameError | MatchRuleError} if a bus would refuse the rule
   * @throws {SignatureError} if `signature` is not valid
   * @throws {ArgumentError} if an option is unknown or its value is not valid
   */
  subscribe(rule: MatchRule, options?: SubscribeOptions): Subscription;
  subscribe(
    rule: MatchRule, how?: SubscribeOptions | SignalListener, options?: ListenOptions,
  ): Subscription | ListenedSubscription {
    const subscriptions = this.#subscriptions;
    return blaming(this.subscribe, () => (
      typeof how === 'function' ? subscriptions.listen(rule, how, options) : subscriptions.subscribe(rule, how)
    ));
  }

  /** Resolves when nearly everything is sent; see {@link MessageLink.drained}. */
  drained(): Promise<void> {
    return this.#core.engine.drained();
  }

  /** Registers the handler of method calls; see {@link MessageLink.handleMethodCalls}. */
  handleMethodCalls(handler: MethodCallHandler): () => void {
    return handleCalls(this, this.#core, handler);
  }

  /**
   * The connection keeps the process alive, as it does by default: the process continues until the connection is
   * closed, even if nothing else is left to do.
   */
  ref(): this {
    this.#core.isRef = true;
    return this;
  }

  /**
   * The connection no longer keeps the process alive, even while calls wait for their replies: if nothing else is left
   * to do, the process ends without `close`.
   */
  unref(): this {
    this.#core.isRef = false;
    return this;
  }

  /**
   * Ends the connection in good order: it accepts no more calls, waits for the replies of running handlers, and sends
   * all queued bytes. Calls that still wait for a reply then reject with {@link ConnectionClosedError}. After `timeout`
   * milliseconds (default 5,000; Infinity for no limit) it ends the connection at once. A bus then releases all of its
   * names. A connection that is being restored ends at once.
   */
  close(options?: { readonly timeout?: number | undefined }): Promise<void> {
    return this.#core.close(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * How a connection is opened, and the limits of what it receives. `Typed` is the type of `typedArrays`: options with
 * `typedArrays: true` that are kept in a variable are `ConnectOptions<true>`.
 */
export interface ConnectOptions<Typed extends boolean = false> extends OpenOptions, ReceiveOptions<Typed> {}

/** The rules of {@link ConnectOptions}. */
export const CONNECT_RULES: OptionRules<ConnectOptions<boolean>> = { ...OPEN_RULES, ...RECEIVE_RULES };

/** Opens a connection without a bus on a transport; nothing arrives before the present turn of the event loop ends. */
export function connectionOn<Typed extends boolean = false>(
  transport: Transport, options: ReceiveOptions<Typed> = {},
): Connection<Typed> {
  const receiver: SignalReceiver = {
    isOurs: () => true, // without a bus there are no names
    mayOwn: () => true,
    deliver: (signal) => signals.deliver(signal),
  };
  const core = new LinkCore(transport, receiver, options);
  const signals = new SignalRouting(NO_BUS, core);
  const subscriptions = new Subscriptions(signals, core.drops);
  core.announce(undefined);
  return new Connection({ typedArrays: typedArraysOf(options), limits: callLimits(options), core, subscriptions });
}

/**
 * Connects to the first address of a list that accepts us, without the Hello of a bus: for a program that listens and
 * is not a bus, such as a server that {@link listen} has made.
 * @throws {AddressError} if the list holds no address
 * @throws {ConnectError} if no address works; if `signal` aborts, its reason is thrown
 */
export async function openConnection<Typed extends boolean = false>(
  addresses: string, options: ConnectOptions<Typed> = {},
): Promise<Connection<Typed>> {
  checkOptions('openConnection', options, CONNECT_RULES);
  const transport = await blaming(openConnection, () => openTransport(addresses, options));
  return connectionOn(transport, receiveOptions(options));
}
