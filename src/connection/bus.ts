// A connection to a message bus: Hello, the methods of the bus itself, and access to the names, match rules and watches
// that wishes.ts keeps. It knows no objects and no exports. Tests: bus.test.ts.
// Specification: Message Bus Specification.
import { BUS_OBJECT, type NameReleaseResult, type NameRequestResult } from '../protocol/bus.js';
import { ErrorName } from '../protocol/error-names.js';
import { DBusError } from '../protocol/errors.js';
import type { MatchRule } from '../protocol/match-rule.js';
import { openTransport } from '../transport/open.js';
import { sessionBusAddress, systemBusAddress } from '../transport/well-known-buses.js';
import { argumentError } from '../wire/arguments.js';
import { describe } from '../wire/describe.js';
import type { ReadBodyOf } from '../wire/infer.js';
import { encodeMessage } from '../wire/messages/encode.js';
import { type Message, type MethodCall, methodCall } from '../wire/messages/message.js';
import { assertBusName, isUniqueName } from '../wire/names.js';
import { checkOptions } from '../wire/options.js';
import type { NameOptions } from './bus-names.js';
import { callLimits, type FullCallLimits } from './call-limits.js';
import { type CallOptions, type NoReply, type ReplyOf, WAIT_RULES, type WaitOptions } from './call-options.js';
import { shareRouting } from './call-router.js';
import { limitCalls } from './callers.js';
import { CONNECT_RULES, type ConnectOptions } from './connection.js';
import { type DropReason, shareDrops } from './drops.js';
import type { ConnectionClosedError } from './errors.js';
import { handleCalls } from './handled-calls.js';
import { LinkCore } from './link-core.js';
import { shareCalls } from './invoker.js';
import type { MessageLink, MethodCallHandler } from './link.js';
import type { OwnerListener, OwnerWatch } from './name-owners.js';
import { receiveOptions, typedArraysOf } from './receive-options.js';
import type { SubscribeOptions, Subscription } from './subscription.js';
import { Wishes } from './wishes.js';

/** An open connection to a bus, after Hello. */
interface GreetedBus<Typed extends boolean> {
  readonly typedArrays: Typed;
  readonly limits: FullCallLimits;
  readonly uniqueName: string;
  readonly core: LinkCore;
  readonly wishes: Wishes;
}

/**
 * A connection to a message bus, under a unique name. `Typed` says whether arrays of numbers arrive as typed arrays; a
 * bus that is opened without the option `typedArrays` is a `Bus<false>`, or `Bus` for short.
 */
export class Bus<Typed extends boolean = false> implements MessageLink<Typed>, AsyncDisposable {
  /** The name that the bus has given this connection, such as `:1.42`. */
  readonly uniqueName: string;
  /** Whether arrays of numbers arrive as typed arrays: the option of the same name. */
  readonly typedArrays: Typed;
  readonly #core: LinkCore;
  readonly #wishes: Wishes;
  readonly #limits: FullCallLimits;

  static {
    const coreOf = (link: object): LinkCore | undefined => (#core in link ? link.#core : undefined);
    shareDrops((link) => coreOf(link)?.drops);
    shareRouting(coreOf);
    limitCalls((link) => (#limits in link ? link.#limits : undefined));
    shareCalls(coreOf);
  }

  /** For {@link connectToBus}. */
  constructor({ typedArrays, limits, uniqueName, core, wishes }: GreetedBus<Typed>) {
    this.uniqueName = uniqueName;
    this.typedArrays = typedArrays;
    this.#core = core;
    this.#wishes = wishes;
    this.#limits = limits;
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
    return this.#core.engine.queuedBytes;
  }

  /** Resolves when the connection has ended, and never rejects; the error's `cause` says why. */
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
    const reply: Promise<unknown> = this.#core.engine.call(options, this.call);
    return reply as Promise<ReplyOf<ReadBodyOf<Out, Typed>, [], Silent>>; // the engine reads as Typed says
  }

  /** Queues a message; see {@link MessageLink.send}. */
  send(message: Message): number {
    return this.#core.engine.send(message, this.send);
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
   * Subscribes to the signals that match a rule. If the rule has a `sender`, only signals of the present owner of that
   * name are delivered: no other connection can forge one, and the subscription survives a restart of the service.
   * @throws {InvalidNameError | MatchRuleError} if a bus would refuse the rule
   * @throws {SignatureError} if `signature` is not valid
   * @throws {ArgumentError} if an option is unknown or its value is not valid
   */
  subscribe(rule: MatchRule, options?: SubscribeOptions): Subscription {
    return this.#wishes.subscriptions.subscribe(rule, options);
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
      const [owner] = await this.#core.engine.call({ ...call, timeout, signal }, this.getNameOwner);
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
    const [names] = await this.#core.engine.call(call, this.listNames);
    return names;
  }

  /**
   * Watches the owner of a name. `listener` is called with the present owner, if there is one, and for each change. An
   * exception of the listener becomes an uncaught exception of the process; other listeners are still called.
   * @throws {InvalidNameError} if `name` is not a bus name
   * @throws {ArgumentError} if `listener` is not a function
   */
  watchOwner(name: string, listener: OwnerListener): OwnerWatch {
    assertBusName(name);
    if (typeof listener !== 'function') {
      throw argumentError('watchOwner', 'the listener must be a function', listener);
    }
    return this.#wishes.owners.watch(name, listener);
  }

  /**
   * Ends the connection in good order: it accepts no more calls, waits for the replies of running handlers, and sends
   * all queued bytes. Calls that still wait for a reply then reject with {@link ConnectionClosedError}. After `timeout`
   * milliseconds (default 5,000; Infinity for no limit) it cuts the connection. The bus releases all of its names.
   */
  close(options?: { readonly timeout?: number | undefined }): Promise<void> {
    return this.#core.engine.close(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Hello is the first message on a connection to a bus. */
const HELLO_SERIAL = 1;
/** Hello and its bytes, which are the same on all connections; made for the first. */
let helloCall: MethodCall | undefined;
let helloBytes: Uint8Array | undefined;

/** The unique name in the reply to Hello. */
function uniqueNameOf([name]: readonly unknown[]): string {
  if (isUniqueName(name as string)) return name as string; // a string, by the signature of the reply
  throw new DBusError(ErrorName.FAILED, `the bus answered Hello with ${describe(name)}: it must be a unique name`);
}

/** Opens a connection to a bus and says Hello. */
export async function greetBus<Typed extends boolean = false>(
  addresses: string, options: ConnectOptions<Typed>,
): Promise<GreetedBus<Typed>> {
  const { signal, connectTimeout: timeout } = options;
  helloCall ??= methodCall({ ...BUS_OBJECT, member: 'Hello' });
  helloBytes ??= encodeMessage(helloCall, { serial: HELLO_SERIAL }).slice(); // a copy of its own
  const transport = await openTransport(addresses, { ...options, greeting: helloBytes });
  const core: LinkCore = new LinkCore(
    transport,
    {
      isOurs: (name) => wishes.isOurs(name),
      mayOwn: (name, sender) => wishes.mayOwn(name, sender),
      deliver: (message) => wishes.deliver(message),
    },
    receiveOptions(options),
  );
  const wishes = new Wishes(core); // in the same turn, before any message can arrive
  try {
    const wait = { message: helloCall, replySignature: 's', signal, timeout, place: undefined, resultOf: uniqueNameOf };
    const uniqueName = (await core.engine.awaitReply(HELLO_SERIAL, wait)) as string; // what uniqueNameOf() returns
    wishes.names.uniqueName = uniqueName;
    return { typedArrays: typedArraysOf(options), limits: callLimits(options), uniqueName, core, wishes };
  } catch (error) {
    await core.engine.close({ timeout: 0 });
    throw error;
  }
}

/**
 * Connects to the bus at the first address of a list that accepts us, and says Hello. `connectTimeout` applies to each
 * address, and to Hello.
 * @throws {AddressError} if the list holds no address
 * @throws {ConnectError} if no address works; if `signal` aborts, its reason is thrown
 * @throws {DBusError | CallTimeoutError | ConnectionClosedError | UnexpectedSignatureError} if Hello fails
 */
export async function connectToBus<Typed extends boolean = false>(
  addresses: string, options: ConnectOptions<Typed> = {},
): Promise<Bus<Typed>> {
  checkOptions('connectToBus', options, CONNECT_RULES);
  return new Bus(await greetBus(addresses, options));
}

/**
 * Connects to the session bus: `DBUS_SESSION_BUS_ADDRESS`, or else the socket `bus` in `XDG_RUNTIME_DIR`.
 * ‹Well-known Message Bus Instances›
 * @throws {AddressError} if neither exists, and the errors of {@link connectToBus}
 */
export async function sessionBus<Typed extends boolean = false>(
  options?: ConnectOptions<Typed>,
): Promise<Bus<Typed>> {
  checkOptions('sessionBus', options, CONNECT_RULES);
  return connectToBus(sessionBusAddress(), options);
}

/**
 * Connects to the system bus: `DBUS_SYSTEM_BUS_ADDRESS`, or else the socket that the specification names.
 * @throws {AddressError} and the errors of {@link connectToBus} ‹Well-known Message Bus Instances›
 */
export async function systemBus<Typed extends boolean = false>(
  options?: ConnectOptions<Typed>,
): Promise<Bus<Typed>> {
  checkOptions('systemBus', options, CONNECT_RULES);
  return connectToBus(systemBusAddress(), options);
}
