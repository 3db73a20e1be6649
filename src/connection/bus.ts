// A connection to a message bus: Hello, names, and signals of others. What the bus itself offers is called here by
// name; everything else goes through its connection. Specification: Message Bus Specification.
import { ErrorName } from '../protocol/error-names.js';
import { sessionBusAddress, systemBusAddress } from '../transport/well-known-buses.js';
import {
  BUS_NAME, BUS_OBJECT, type NameReleaseResult, type NameRequestResult, RELEASE_NAME_RESULT, REQUEST_NAME_FLAG,
  REQUEST_NAME_RESULT,
} from '../protocol/bus.js';
import { DBusError } from '../protocol/errors.js';
import type { MatchRule } from '../protocol/match-rule.js';
import { encodeMessage } from '../wire/messages/encode.js';
import type { BodyOf } from '../wire/infer.js';
import { type Message, methodCall, type Signal } from '../wire/messages/message.js';
import { assertBusName, assertWellKnownName } from '../wire/names.js';
import { checkOptions, FLAG, type OptionRules } from '../wire/options.js';
import { argumentError } from '../wire/arguments.js';
import { type CallOptions, WAIT_RULES, type WaitOptions } from './call-options.js';
import { CONNECT_RULES, type ConnectOptions, Connection } from './connection.js';
import { type ConnectionClosedError, NameRequestError } from './errors.js';
import { MatchRules } from './match-rules.js';
import { NameOwners, type OwnerListener, type OwnerWatch } from './name-owners.js';
import { type SubscribeOptions, Subscription, Subscriptions } from './subscription.js';
import { openTransport } from '../transport/open.js';

/** How a name is asked for. ‹org.freedesktop.DBus.RequestName› */
export interface NameOptions extends WaitOptions {
  /** Others may take the name from us if they ask to replace. */
  readonly allowReplacement?: boolean | undefined;
  /** The name is taken from its present owner, if that one allows it. */
  readonly replaceExisting?: boolean | undefined;
  /** Where the name is owned: do not wait in the queue for it. True unless given. */
  readonly doNotQueue?: boolean | undefined;
}

const NAME_RULES: OptionRules<NameOptions> = {
  allowReplacement: FLAG, replaceExisting: FLAG, doNotQueue: FLAG, ...WAIT_RULES,
};

function known<Result>(results: ReadonlyMap<number, Result>, code: number, member: string): Result {
  const result = results.get(code);
  if (result === undefined) throw new DBusError(ErrorName.FAILED, `the bus answered ${member} with ${code}`);
  return result;
}

/** A connection to a message bus, under a unique name. */
export class Bus implements AsyncDisposable {
  readonly connection: Connection;
  /** The name that the bus gave this connection, such as `:1.42`. */
  readonly uniqueName: string;
  /** Our names as the bus has told us of them, the unique one included. */
  readonly #names: Set<string>;
  readonly #rules: MatchRules;
  readonly #owners: NameOwners;
  readonly #subscriptions: Subscriptions;

  /** Use {@link connectToBus}; this takes a connection that has said Hello. */
  constructor(connection: Connection, uniqueName: string) {
    this.connection = connection;
    this.uniqueName = uniqueName;
    this.#names = new Set([uniqueName]);
    connection.setOwnNames((destination) => this.#names.has(destination));
    this.#rules = new MatchRules(connection);
    this.#owners = new NameOwners(connection, this.#rules);
    this.#subscriptions = new Subscriptions(connection, { rules: this.#rules, owners: this.#owners });
    connection.listenToSignals((signal) => {
      if (signal.sender === BUS_NAME && signal.interface === BUS_OBJECT.interface) this.#handleBusSignal(signal);
      this.#subscriptions.deliver(signal);
    });
  }

  #handleBusSignal(signal: Signal): void {
    const [name] = signal.body;
    if (signal.member === 'NameOwnerChanged') this.#owners.handleNameOwnerChanged(signal);
    if (signal.signature !== 's' || signal.destination !== this.uniqueName) return;
    if (signal.member === 'NameAcquired') this.#names.add(name as string); // by its signature
    if (signal.member === 'NameLost') this.#names.delete(name as string);
  }

  /** Settles, and never rejects, when the connection has ended; the error's `cause` says why. */
  get closed(): Promise<ConnectionClosedError> {
    return this.connection.closed;
  }

  /** Calls a method; see {@link Connection.call}. */
  call<const In extends string = '', const Out extends string = string>(
    options: CallOptions<In, Out>,
  ): Promise<BodyOf<Out>> {
    return this.connection.call(options);
  }

  /** Queues a message; see {@link Connection.send}. */
  send(message: Message): number {
    return this.connection.send(message);
  }

  /**
   * Asks the bus for a well-known name. Objects are exported before, so that who finds the name finds them.
   * @throws {NameRequestError} where another connection owns it and we neither replace that one nor queue
   * @throws {InvalidNameError | DBusError} and what {@link Connection.call} throws
   */
  async requestName(name: string, options: NameOptions = {}): Promise<NameRequestResult> {
    assertWellKnownName(name);
    checkOptions('requestName', options, NAME_RULES);
    const { allowReplacement = false, replaceExisting = false, doNotQueue = true, timeout, signal } = options;
    const flags =
      (allowReplacement ? REQUEST_NAME_FLAG.ALLOW_REPLACEMENT : 0) |
      (replaceExisting ? REQUEST_NAME_FLAG.REPLACE_EXISTING : 0) |
      (doNotQueue ? REQUEST_NAME_FLAG.DO_NOT_QUEUE : 0);
    const call = { ...BUS_OBJECT, member: 'RequestName', signature: 'su', body: [name, flags] } as const;
    const [code] = await this.call({ ...call, replySignature: 'u', timeout, signal });
    const result = known(REQUEST_NAME_RESULT, code, 'RequestName');
    if (result === 'exists') throw new NameRequestError(name);
    if (result !== 'in queue') this.#names.add(name);
    return result;
  }

  /** Gives a name back, or leaves the queue for it. */
  async releaseName(name: string, options: WaitOptions = {}): Promise<NameReleaseResult> {
    assertWellKnownName(name);
    checkOptions('releaseName', options, WAIT_RULES);
    const { timeout, signal } = options;
    const call = { ...BUS_OBJECT, member: 'ReleaseName', signature: 's', body: [name], replySignature: 'u' } as const;
    const [code] = await this.call({ ...call, timeout, signal });
    return known(RELEASE_NAME_RESULT, code, 'ReleaseName');
  }

  /** The unique name of the connection that owns a name now; undefined where nobody does. */
  async getNameOwner(name: string, options: WaitOptions = {}): Promise<string | undefined> {
    assertBusName(name);
    checkOptions('getNameOwner', options, WAIT_RULES);
    const { timeout, signal } = options;
    const call = { ...BUS_OBJECT, member: 'GetNameOwner', signature: 's', body: [name], replySignature: 's' } as const;
    try {
      const [owner] = await this.call({ ...call, timeout, signal });
      return owner;
    } catch (error) {
      if (error instanceof DBusError && error.errorName === ErrorName.NAME_HAS_NO_OWNER) return undefined;
      throw error;
    }
  }

  /** All names on the bus, unique and well-known. */
  async listNames(options: WaitOptions = {}): Promise<string[]> {
    checkOptions('listNames', options, WAIT_RULES);
    const { timeout, signal } = options;
    const [names] = await this.call({ ...BUS_OBJECT, member: 'ListNames', replySignature: 'as', timeout, signal });
    return names;
  }

  /**
   * Watches who owns a name: `listener` is told the owner found first, if there is one, and each change after it.
   * @throws {InvalidNameError}
   */
  watchOwner(name: string, listener: OwnerListener): OwnerWatch {
    assertBusName(name);
    if (typeof listener !== 'function') {
      throw argumentError('watchOwner', 'the listener must be a function', listener);
    }
    return this.#owners.watch(name, listener);
  }

  /**
   * Subscribes to the signals that match a rule. With a `sender`, only its signals are delivered, whoever owns the name
   * at the time, so that a subscription outlives a restart of the service and nobody else can forge one.
   * @throws {InvalidNameError | MatchRuleError} where no bus would take the rule
   */
  subscribe(rule: MatchRule, options?: SubscribeOptions): Subscription {
    return this.#subscriptions.subscribe(rule, options);
  }

  /** Ends the connection in good order; see {@link Connection.close}. The bus frees all names with it. */
  close(options?: { timeout?: number | undefined }): Promise<void> {
    return this.connection.close(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Hello is the first message on a connection to a bus. */
const HELLO_SERIAL = 1;

/**
 * Connects to the bus at the first address of a list that takes us, and says Hello. Each may take `connectTimeout`.
 * @throws {AddressError} if the list holds no address
 * @throws {ConnectError} if none of them works; or the reason of the signal
 * @throws {DBusError | CallTimeoutError | ConnectionClosedError | UnexpectedSignatureError} where Hello fails
 */
export async function connectToBus(addresses: string, options: ConnectOptions = {}): Promise<Bus> {
  checkOptions('connectToBus', options, CONNECT_RULES);
  const hello = { ...BUS_OBJECT, member: 'Hello' } as const;
  const greeting = encodeMessage(methodCall(hello), { serial: HELLO_SERIAL });
  const transport = await openTransport(addresses, { ...options, greeting });
  const { maxMessageLength } = options;
  const connection = new Connection(transport, { maxMessageLength, lastSerial: HELLO_SERIAL });
  try {
    const { signal, connectTimeout: timeout } = options;
    const call = { replySignature: 's', sentAs: HELLO_SERIAL, signal, timeout };
    const [uniqueName] = await connection.invoke(methodCall(hello), call);
    return new Bus(connection, uniqueName as string); // by its signature
  } catch (error) {
    await connection.close({ timeout: 0 });
    throw error;
  }
}

/**
 * Connects to the session bus: `DBUS_SESSION_BUS_ADDRESS`, else the socket `bus` in `XDG_RUNTIME_DIR`.
 * ‹Well-known Message Bus Instances›
 * @throws {AddressError} where neither is there, and what {@link connectToBus} throws
 */
export async function sessionBus(options?: ConnectOptions): Promise<Bus> {
  checkOptions('sessionBus', options, CONNECT_RULES);
  return connectToBus(sessionBusAddress(), options);
}

/**
 * Connects to the system bus: `DBUS_SYSTEM_BUS_ADDRESS`, else the socket that the specification names.
 * @throws {AddressError} and what {@link connectToBus} throws ‹Well-known Message Bus Instances›
 */
export async function systemBus(options?: ConnectOptions): Promise<Bus> {
  checkOptions('systemBus', options, CONNECT_RULES);
  return connectToBus(systemBusAddress(), options);
}
