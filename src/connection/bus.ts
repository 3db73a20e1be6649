// A connection to a message bus: the methods of the bus itself, and access to the names, match rules and watches
// that wishes.ts keeps. It knows no objects and no exports. Tests: bus.test.ts.
// Specification: Message Bus Specification.
import { BUS_OBJECT, type NameReleaseResult, type NameRequestResult } from '../protocol/bus.js';
import type { ConnectionCredentials } from '../protocol/credentials.js';
import { ErrorName } from '../protocol/error-names.js';
import { DBusError } from '../protocol/errors.js';
import type { MatchRule } from '../protocol/match-rule.js';
import { sessionBusAddress, starterBusAddress, systemBusAddress } from '../transport/well-known-buses.js';
import { argumentError } from '../wire/arguments.js';
import type { ReadBodyOf } from '../wire/infer.js';
import type { Message } from '../wire/messages/message.js';
import { assertBusName } from '../wire/names.js';
import { checkOptions, type OptionRules } from '../wire/options.js';
import type { NameOptions } from './bus-names.js';
import {
  askAboutName, askBus, credentialsOf, listOfBus, startServiceByName, type StartResult,
} from './bus-queries.js';
import type { FullCallLimits } from './call-limits.js';
import { type CallOptions, type NoReply, type ReplyOf, WAIT_RULES, type WaitOptions } from './call-options.js';
import { shareRouting } from './call-router.js';
import { limitCalls } from './callers.js';
import { CONNECT_RULES, type ConnectOptions } from './connection.js';
import { type DropReason, shareDrops } from './drops.js';
import type { ConnectionClosedError } from './errors.js';
import type { ConnectionChangeListener, ConnectionState } from './gap.js';
import { handleCalls } from './handled-calls.js';
import { greetAgain, greetBus, type GreetedBus } from './hello.js';
import type { LinkCore } from './link-core.js';
import { shareCalls } from './invoker.js';
import type { MessageLink, MethodCallHandler } from './link.js';
import type { OwnerListener, OwnerWatch } from './name-owners.js';
import { namespaceOf } from './namespace-owners.js';
import { RECONNECT, reconnectionOf, type ReconnectOptions } from './reconnect-options.js';
import { Reconnection } from './reconnection.js';
import type { ListenedSubscription, ListenOptions, SignalListener } from './signal-listener.js';
import { shareSignals } from './signal-taps.js';
import type { SubscribeOptions, Subscription } from './subscription.js';
import { type OwnerWaitOptions, waitForOwner } from './wait-for-owner.js';
import type { Wishes } from './wishes.js';

/**
 * A connection to a message bus, under a unique name. `Typed` says whether arrays of numbers arrive as typed arrays; a
 * bus that is opened without the option `typedArrays` is a `Bus<false>`, or `Bus` for short.
 */
export class Bus<Typed extends boolean = false> implements MessageLink<Typed>, AsyncDisposable {
  /** Whether arrays of numbers arrive as typed arrays: the option of the same name. */
  readonly typedArrays: Typed;
  readonly #firstName: string;
  readonly #core: LinkCore;
  readonly #wishes: Wishes;
  readonly #limits: FullCallLimits;
  readonly #reconnection: Reconnection | undefined;

  static {
    const coreOf = (link: object): LinkCore | undefined => (#core in link ? link.#core : undefined);
    shareDrops((link) => coreOf(link)?.drops);
    shareRouting(coreOf);
    limitCalls((link) => (#limits in link ? link.#limits : undefined));
    shareCalls(coreOf);
    shareSignals((link) => (#wishes in link ? link.#wishes.subscriptions : undefined));
  }

  /** For {@link connectToBus}. Without a reconnection, the bus ends with its connection. */
  constructor({ typedArrays, limits, uniqueName, core, wishes }: GreetedBus<Typed>, reconnection?: Reconnection) {
    this.#firstName = uniqueName;
    this.#reconnection = reconnection;
    this.typedArrays = typedArrays;
    this.#core = core;
    this.#wishes = wishes;
    this.#limits = limits;
  }

  /**
   * The name that the bus has given this connection, such as `:1.42`. It changes when the connection is restored; until
   * then it is that of the connection that has ended.
   */
  get uniqueName(): string {
    return this.#reconnection?.uniqueName ?? this.#firstName;
  }

  /** Whether there is a connection, with all that the program wants of the bus. */
  get state(): ConnectionState {
    return this.#core.state;
  }

  /** The bus's GUID, 32 hex digits. */
  get guid(): string {
    return this.#core.engine.guid;
  }

  /** How many messages arrived and were not delivered, by reason. The channel `dbus-wire:drop` has the messages. */
  get dropped(): ReadonlyMap<DropReason, number> {
    return this.#core.drops.snapshot();
  }

  /** Bytes that the bus has not taken yet. */
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

  /** Resolves when the other side has taken nearly everything; see {@link MessageLink.drained}. */
  drained(): Promise<void> {
    return this.#core.engine.drained();
  }

  /** Registers the handler of method calls; see {@link MessageLink.handleMethodCalls}. */
  handleMethodCalls(handler: MethodCallHandler): () => void {
    return handleCalls(this, this.#core, handler);
  }

  /**
   * Subscribes a listener to the signals that match a rule: it is called as each signal arrives. The option `signature`
   * gives their bodies a type.
   * @throws as the form with an iterator does
   */
  subscribe<const Args extends string = string>(
    rule: MatchRule, listener: SignalListener<NoInfer<Args>, Typed>, options?: ListenOptions<Args>,
  ): ListenedSubscription;
  /**
   * Subscribes to the signals that match a rule. If the rule has a `sender`, only signals of the present owner of that
   * name are delivered: no other connection can forge one, and the subscription survives a restart of the service.
   * @throws {InvalidNameError | MatchRuleError} if a bus would refuse the rule
   * @throws {SignatureError} if `signature` is not valid
   * @throws {ArgumentError} if an option is unknown or its value is not valid
   */
  subscribe(rule: MatchRule, options?: SubscribeOptions): Subscription;
  subscribe(
    rule: MatchRule, how?: SubscribeOptions | SignalListener, options?: ListenOptions,
  ): Subscription | ListenedSubscription {
    const subscriptions = this.#wishes.subscriptions;
    return typeof how === 'function' ? subscriptions.listen(rule, how, options) : subscriptions.subscribe(rule, how);
  }

  /**
   * Requests a well-known name. Export objects first, so that they are there for a client that sees the name.
   * @throws {NameRequestError} if another connection owns the name, and this one neither replaces it nor queues
   * @throws {InvalidNameError} if `name` is not a well-known bus name
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async requestName(name: string, options: NameOptions = {}): Promise<NameRequestResult> {
    return this.#wishes.names.request(name, options);
  }

  /**
   * Releases a name, or leaves the queue for it.
   * @throws {InvalidNameError} if `name` is not a well-known bus name
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async releaseName(name: string, options: WaitOptions = {}): Promise<NameReleaseResult> {
    return this.#wishes.names.release(name, options);
  }

  /**
   * The unique name of the connection that owns a name at present; undefined if the name has no owner.
   * @throws {InvalidNameError} if `name` is not a bus name
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async getNameOwner(name: string, options: WaitOptions = {}): Promise<string | undefined> {
    assertBusName(name);
    checkOptions('getNameOwner', options, WAIT_RULES);
    const { timeout, signal } = options;
    const call = { ...BUS_OBJECT, member: 'GetNameOwner', signature: 's', body: [name], replySignature: 's' } as const;
    try {
      const [owner] = await this.#core.call({ ...call, timeout, signal }, this.getNameOwner);
      return owner;
    } catch (error) {
      if (error instanceof DBusError && error.errorName === ErrorName.NAME_HAS_NO_OWNER) return undefined;
      throw error;
    }
  }

  /**
   * All names on the bus, unique and well-known.
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async listNames(options: WaitOptions = {}): Promise<string[]> {
    checkOptions('listNames', options, WAIT_RULES);
    const { timeout, signal } = options;
    const call = { ...BUS_OBJECT, member: 'ListNames', replySignature: 'as', timeout, signal } as const;
    const [names] = await this.#core.call(call, this.listNames);
    return names;
  }

  /**
   * Whether a name has an owner at present.
   * @throws {InvalidNameError} if `name` is not a bus name
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async nameHasOwner(name: string, options?: WaitOptions): Promise<boolean> {
    return (await askAboutName(this, 'nameHasOwner', name, options)) ?? false;
  }

  /**
   * The unique names of the owner of a name, first, and of the connections that wait for it, in their order. Empty if
   * the name has no owner. ‹org.freedesktop.DBus.ListQueuedOwners›
   * @throws {InvalidNameError} if `name` is not a bus name
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async listQueuedOwners(name: string, options?: WaitOptions): Promise<readonly string[]> {
    return (await askAboutName(this, 'listQueuedOwners', name, options)) ?? [];
  }

  /**
   * All names that the bus can start a service for, and the name of the bus itself.
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async listActivatableNames(options?: WaitOptions): Promise<readonly string[]> {
    return askBus(this, 'listActivatableNames', options);
  }

  /**
   * Starts the service that the bus knows for a name, unless it runs already. Resolves when the service owns the name,
   * which can take longer than the timeout of other calls. A call to the name starts its service too.
   * @throws {InvalidNameError} if `name` is not a bus name
   * @throws {DBusError} `ServiceUnknown` if the bus knows no service of that name, `Spawn.…` if it cannot be started;
   *   and the other errors of {@link Bus.call} ‹org.freedesktop.DBus.StartServiceByName›
   */
  async startServiceByName(name: string, options?: WaitOptions): Promise<StartResult> {
    return startServiceByName(this, name, options);
  }

  /**
   * What the bus knows about the program that owns a name; undefined if the name has no owner.
   * ‹org.freedesktop.DBus.GetConnectionCredentials›
   * @throws {InvalidNameError} if `name` is not a bus name
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async getConnectionCredentials(name: string, options?: WaitOptions): Promise<ConnectionCredentials | undefined> {
    const all = await askAboutName(this, 'getConnectionCredentials', name, options);
    return all === undefined ? undefined : credentialsOf(all);
  }

  /**
   * The numeric user id of the owner of a name; undefined if the name has no owner, or if the bus does not know the id.
   * ‹org.freedesktop.DBus.GetConnectionUnixUser›
   * @throws {InvalidNameError} if `name` is not a bus name
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async getConnectionUnixUser(name: string, options?: WaitOptions): Promise<number | undefined> {
    return askAboutName(this, 'getConnectionUnixUser', name, options);
  }

  /**
   * The process id of the owner of a name; undefined if the name has no owner, or if the bus does not know the id.
   * ‹org.freedesktop.DBus.GetConnectionUnixProcessID›
   * @throws {InvalidNameError} if `name` is not a bus name
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async getConnectionUnixProcessId(name: string, options?: WaitOptions): Promise<number | undefined> {
    return askAboutName(this, 'getConnectionUnixProcessId', name, options);
  }

  /**
   * The id of the bus, 32 hex digits: the same for all addresses of the bus, unlike {@link Bus.guid}, and another one
   * after a restart. ‹org.freedesktop.DBus.GetId›
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async getId(options?: WaitOptions): Promise<string> {
    return askBus(this, 'getId', options);
  }

  /**
   * The optional features of the bus, such as `HeaderFiltering`; empty if the bus is older than the property.
   * ‹org.freedesktop.DBus, Features›
   * @throws {UnexpectedSignatureError} if the property is not a list of texts
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async listFeatures(options?: WaitOptions): Promise<readonly string[]> {
    return listOfBus(this, 'Features', options);
  }

  /**
   * The interfaces of the bus besides `org.freedesktop.DBus` and the standard ones, such as
   * `org.freedesktop.DBus.Monitoring`; empty if the bus is older than the property. ‹org.freedesktop.DBus, Interfaces›
   * @throws {UnexpectedSignatureError} if the property is not a list of texts
   * @throws {DBusError} if the bus refuses, and the other errors of {@link Bus.call}
   */
  async listInterfaces(options?: WaitOptions): Promise<readonly string[]> {
    return listOfBus(this, 'Interfaces', options);
  }

  /**
   * Watches the owner of a name, or of all names below a prefix: `org.mpris.MediaPlayer2.*`. `listener` is called with
   * the present owner of each name that has one, and then for each change, never before this function returns. An
   * exception of the listener becomes an uncaught exception of the process; other listeners are still called.
   * @throws {InvalidNameError} if `name` is neither a bus name nor a prefix of well-known names
   * @throws {ArgumentError} if `listener` is not a function
   */
  watchOwner(name: string, listener: OwnerListener): OwnerWatch {
    const prefix = namespaceOf(name);
    if (typeof listener !== 'function') {
      throw argumentError('watchOwner', 'the listener must be a function', listener);
    }
    return prefix === undefined
      ? this.#wishes.owners.watch(name, listener)
      : this.#wishes.namespaces.watch(prefix, listener);
  }

  /**
   * Resolves with the unique name of the owner of a name as soon as there is one. It does not start a service.
   * @throws {InvalidNameError} if `name` is not a bus name
   * @throws {OwnerTimeoutError} if there is no owner within `timeout`; if `signal` aborts, its reason is thrown
   * @throws {ConnectionClosedError} if the connection ends
   * @throws {DBusError} if the bus refuses the match rule
   */
  async waitForOwner(name: string, options?: OwnerWaitOptions): Promise<string> {
    return waitForOwner(this, name, options);
  }

  /**
   * Lets the connection keep the process alive, as it does at first: until it is closed, the process goes on, even if
   * nothing else is left to do.
   */
  ref(): this {
    this.#core.isRef = true;
    return this;
  }

  /**
   * The connection does not keep the process alive any more, even while calls wait for their replies: if nothing else
   * is left to do, the process ends, without `close`.
   */
  unref(): this {
    this.#core.isRef = false;
    return this;
  }

  /**
   * Calls `listener` when the connection is lost, when an attempt to restore it fails, and when it is restored; returns
   * the function that ends this. Without the option `reconnect` it is never called. If nobody listens, each name and
   * match rule that could not be restored causes a process warning.
   * @throws {ArgumentError} if `listener` is not a function
   */
  watchConnection(listener: ConnectionChangeListener): () => void {
    if (typeof listener !== 'function') {
      throw argumentError('watchConnection', 'the listener must be a function', listener);
    }
    return this.#reconnection?.watch(listener) ?? (() => {});
  }

  /**
   * Ends the connection in good order: it accepts no more calls, waits for the replies of running handlers, and sends
   * all queued bytes. Calls that still wait for a reply then reject with {@link ConnectionClosedError}. After `timeout`
   * milliseconds (default 5,000; Infinity for no limit) it cuts the connection. The bus releases all of its names. A
   * connection that is being restored ends at once.
   */
  close(options?: { readonly timeout?: number | undefined }): Promise<void> {
    return this.#core.close(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** How a bus is opened, and whether the connection is restored after it has ended. */
export interface BusOptions<Typed extends boolean = boolean> extends ConnectOptions<Typed> {
  /** Restores the connection after it has ended: true, or how. False unless given. The first attempt must succeed. */
  readonly reconnect?: boolean | ReconnectOptions | undefined;
}

/** The rules of {@link BusOptions}. */
const BUS_RULES: OptionRules<BusOptions> = { ...CONNECT_RULES, reconnect: RECONNECT };

/** Opens a bus. The addresses are asked for anew for each attempt to restore it. */
async function openBus<Typed extends boolean = false>(
  addresses: () => string, options: BusOptions<Typed> = {},
): Promise<Bus<Typed>> {
  const settings = reconnectionOf(options.reconnect);
  const greeted = await greetBus(addresses(), options);
  if (settings === undefined) return new Bus(greeted);
  const reopen = async (signal: AbortSignal): Promise<string> => {
    return greetAgain(greeted, addresses(), { ...options, signal });
  };
  return new Bus(greeted, new Reconnection(greeted, settings, reopen));
}

/**
 * Connects to the bus at the first address of a list that accepts us and answers Hello. `connectTimeout` is for each
 * address, with its Hello.
 * @throws {AddressError} if the list holds no address
 * @throws {ConnectError} if no address works; if `signal` aborts, its reason is thrown
 */
export async function connectToBus<Typed extends boolean = false>(
  addresses: string, options: BusOptions<Typed> = {},
): Promise<Bus<Typed>> {
  checkOptions('connectToBus', options, BUS_RULES);
  return openBus(() => addresses, options);
}

/**
 * Connects to the session bus: `DBUS_SESSION_BUS_ADDRESS`, or else the socket `bus` in `XDG_RUNTIME_DIR`.
 * ‹Well-known Message Bus Instances›
 * @throws {AddressError} if neither exists, and the errors of {@link connectToBus}
 */
export async function sessionBus<Typed extends boolean = false>(options?: BusOptions<Typed>): Promise<Bus<Typed>> {
  checkOptions('sessionBus', options, BUS_RULES);
  return openBus(() => sessionBusAddress(), options);
}

/**
 * Connects to the system bus: `DBUS_SYSTEM_BUS_ADDRESS`, or else its standard sockets in `/run` and `/var/run`.
 * @throws {AddressError} and the errors of {@link connectToBus} ‹Well-known Message Bus Instances›
 */
export async function systemBus<Typed extends boolean = false>(options?: BusOptions<Typed>): Promise<Bus<Typed>> {
  checkOptions('systemBus', options, BUS_RULES);
  return openBus(() => systemBusAddress(), options);
}

/**
 * Connects to the bus that has started this program as a service: `DBUS_STARTER_ADDRESS`, or else the bus that
 * `DBUS_STARTER_BUS_TYPE` names. A service that runs on either bus needs no option for that.
 * ‹Well-known Message Bus Instances›
 * @throws {AddressError} if neither is set, and the errors of {@link connectToBus}
 */
export async function starterBus<Typed extends boolean = false>(options?: BusOptions<Typed>): Promise<Bus<Typed>> {
  checkOptions('starterBus', options, BUS_RULES);
  return openBus(() => starterBusAddress(), options);
}
