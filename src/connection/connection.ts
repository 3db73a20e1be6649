// One connection to another program: numbers what is sent, gives replies to their calls, signals to their listeners and
// calls to their handler, and ends in good order. It knows no bus (bus.ts) and no objects (the service layer).
// Specification: Message Types, Invalid Protocol and Spec Extensions.
import { setMaxListeners } from 'node:events';
import { ErrorName } from '../protocol/error-names.js';
import { DBusError } from '../protocol/errors.js';
import { MAX_UINT32, MessageFlag } from '../wire/constants.js';
import { type Caller, errorAt } from '../wire/error-place.js';
import type { ErrorPlace } from '../wire/errors.js';
import type { BodyOf } from '../wire/infer.js';
import { decodeBody, decodeHeader, type MessageHeader } from '../wire/messages/decode.js';
import { type Envelope, readEnvelope } from '../wire/messages/envelope.js';
import { FrameReader, READER_RULES, type ReaderOptions } from '../wire/messages/framing.js';
import {
  errorReply, type ErrorMessage, type Message, methodCall, type MethodCall, type MethodReturn, type Signal,
} from '../wire/messages/message.js';
import { checkOptions, integer, type OptionRules } from '../wire/options.js';
import { argumentError } from '../wire/arguments.js';
import { type CallOptions, checkCallOptions, flagsOf, WAIT_RULES, type WaitOptions } from './call-options.js';
import { DropCounter, type DropReason } from './drops.js';
import { CallTimeoutError, ConnectionClosedError, UnexpectedSignatureError } from './errors.js';
import { type CallOutcome, DEFAULT_CALL_TIMEOUT, PendingCalls } from './pending.js';
import { runListener, startTimer } from '../transport/waiting.js';
import { OPEN_RULES, type OpenOptions, openTransport } from '../transport/open.js';
import type { Transport } from '../transport/transport.js';

const CLOSED_BY_US = 'the connection was closed';

/** How long close() lets handlers finish and bytes leave, in milliseconds, unless told otherwise. */
const DRAIN_TIMEOUT = 5_000;

/** How a call that is made already is awaited. */
export interface InvokeOptions extends WaitOptions {
  readonly replySignature?: string | undefined;
  /** Says more of the call than the message does, for an error about it. */
  readonly place?: ErrorPlace | undefined;
  /** The serial of a call that went out with the handshake: only its reply is awaited. */
  readonly sentAs?: number | undefined;
}

/** What a connection on a transport of one's own may be told. */
export interface ConnectionOptions extends ReaderOptions {
  /** The serial of the last message that was sent on the transport already; none unless given. */
  readonly lastSerial?: number | undefined;
}

const CONNECTION_RULES: OptionRules<ConnectionOptions> = { ...READER_RULES, lastSerial: integer(0, MAX_UINT32) };
const CLOSE_RULES = { timeout: WAIT_RULES.timeout };

/** Runs a call of the other program; the promise, if any, is what close() waits for. */
export type MethodCallHandler = (call: MethodCall) => void | Promise<void>;
/** Is told each signal, in order of arrival. */
export type SignalListener = (signal: Signal) => void;

function describeCall({ interface: interfaceName, member, destination, path }: MessageHeader): string {
  const name = interfaceName === undefined ? member : `${interfaceName}.${member}`;
  return `${name} of ${path}${destination === undefined ? '' : ` at ${destination}`}`;
}

function toDBusError({ errorName, signature, body }: ErrorMessage): DBusError {
  const [text] = body;
  return new DBusError(errorName, typeof text === 'string' ? text : '', { signature, body });
}

/** A connection to a bus or, without a bus, to another program. */
export class Connection implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #frames: FrameReader;
  readonly #pending: PendingCalls;
  readonly #drops = new DropCounter();
  readonly #running = new Set<Promise<void>>();
  readonly #signalListeners = new Set<SignalListener>();
  readonly #abort = new AbortController();
  #methodCallHandler: MethodCallHandler | undefined;
  #isOurs: (destination: string) => boolean = () => true;
  #isClosing = false;
  #closedError: ConnectionClosedError | undefined;
  #announceClosed!: (error: ConnectionClosedError) => void; // set by the promise below

  /** Settles, and never rejects, when the connection has ended; the error's `cause` says why. */
  readonly closed: Promise<ConnectionClosedError>;

  /** Use {@link openConnection}; this takes a transport of one's own. */
  constructor(transport: Transport, options: ConnectionOptions = {}) {
    checkOptions('Connection', options, CONNECTION_RULES);
    const { lastSerial, maxMessageLength } = options;
    this.#frames = new FrameReader({ maxMessageLength });
    this.#transport = transport;
    this.#pending = new PendingCalls({ lastSerial });
    this.closed = new Promise((resolve) => {
      this.#announceClosed = resolve;
    });
    setMaxListeners(0, this.#abort.signal); // whoever has something on this connection listens: not a leak
    transport.start({ receive: (chunk) => this.#receive(chunk), end: (cause) => this.#end(cause) });
  }

  /** The server's GUID, 32 hex digits. */
  get guid(): string {
    return this.#transport.guid;
  }

  /** Aborts when the connection ends, with a {@link ConnectionClosedError} as its reason. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** What arrived and could not be delivered, counted by reason; the channel `dbus-wire:drop` has the messages. */
  get dropped(): ReadonlyMap<DropReason, number> {
    return this.#drops.snapshot();
  }

  /** Bytes that wait to be taken by the peer. */
  get queuedBytes(): number {
    return this.#transport.queuedBytes;
  }

  /** Counts something that arrived and was not delivered. */
  countDrop(reason: DropReason, details?: { message?: MessageHeader | undefined; error?: unknown }): void {
    this.#drops.count(reason, details);
  }

  /**
   * Queues a message and returns the serial it got; it leaves at the end of this turn of the event loop. Who sends much
   * looks at {@link queuedBytes}: a connection on which 256 MiB wait is cut.
   * @throws {MarshalError | InvalidNameError} if it is not valid, or refers to file descriptors; nothing was sent
   * @throws {ConnectionClosedError} where the connection has ended
   */
  send(message: Message): number {
    return this.#send(message, this.send);
  }

  /** `above` is the function whose caller the stack of an error shows; `place` is the message's own if left out. */
  #send(message: Message, above: Caller, place: ErrorPlace | undefined = undefined): number {
    if (this.#closedError !== undefined) throw this.#closedError;
    const serial = this.#pending.nextSerial();
    try {
      this.#transport.write(message, { serial });
    } catch (error) {
      if (typeof message !== 'object' || message === null) {
        throw argumentError('send', 'the message must be an object', message);
      }
      throw errorAt(error, place ?? message, above);
    }
    return serial;
  }

  /**
   * Sends a METHOD_CALL; `settle` is called once, as its reply arrives and before any later message is looked at.
   * Throws what {@link Connection.send} throws, and the reason of a signal that is aborted already.
   */
  request(call: MethodCall, settle: (outcome: CallOutcome) => void, options: WaitOptions = {}): void {
    this.#request(call, settle, options, this.request);
  }

  #request(
    call: MethodCall, settle: (outcome: CallOutcome) => void, options: InvokeOptions, above: Caller,
  ): void {
    const { timeout = DEFAULT_CALL_TIMEOUT, signal, sentAs, place } = options;
    signal?.throwIfAborted();
    const timeoutError = (): Error => new CallTimeoutError(describeCall(call), timeout);
    const { destination } = call;
    const serial = sentAs ?? this.#send(call, above, place);
    this.#pending.add(serial, settle, { timeout, timeoutError, signal, destination });
  }

  /**
   * Calls a method and resolves with the body of its reply, an array with one value for each type.
   * It always settles: by the reply, an error, a timeout, an abort or the end of the connection.
   * @throws {DBusError} where the other program answers with an error
   * @throws {CallTimeoutError | ConnectionClosedError | UnexpectedSignatureError} or the reason of the signal
   * @throws {MarshalError | InvalidNameError} where the call is not valid; nothing was sent
   * @throws {ArgumentError} if an option is unknown or its value is not valid; nothing was sent
   */
  call<const In extends string = '', const Out extends string = string>(
    options: CallOptions<In, Out>,
  ): Promise<BodyOf<Out>> {
    let call: MethodCall;
    try {
      checkCallOptions(options);
      const { path, interface: interfaceName, member, destination } = options;
      // The compiler has held the body to the signature; as types they mean nothing any more.
      const { signature, body } = options as { signature?: string; body?: readonly unknown[] };
      const parts = { path, interface: interfaceName, member, destination, signature, body, flags: flagsOf(options) };
      call = methodCall<string>(parts);
    } catch (error) {
      return Promise.reject(error as Error); // of the options, or of a getter
    }
    return this.invoke(call, options) as Promise<BodyOf<Out>>; // invoke() has compared the signature, or none was given
  }

  /**
   * Sends a call that is made already, and resolves as {@link Connection.call} does. For the other layers of this
   * library.
   */
  async invoke(call: MethodCall, options: InvokeOptions): Promise<readonly unknown[]> {
    if ((call.flags & MessageFlag.NO_REPLY_EXPECTED) !== 0) {
      options.signal?.throwIfAborted();
      this.#send(call, this.invoke, options.place);
      return [];
    }
    const reply = await new Promise<MethodReturn | ErrorMessage>((resolve, reject) => {
      const settle = (outcome: CallOutcome): void =>
        'reply' in outcome ? resolve(outcome.reply) : reject(outcome.error);
      this.#request(call, settle, options, this.invoke);
    });
    if (reply.type === 'error') throw toDBusError(reply);
    const expected = options.replySignature;
    if (expected !== undefined && expected !== reply.signature) {
      throw new UnexpectedSignatureError(describeCall(call), { expected, actual: reply.signature });
    }
    return reply.body;
  }

  /**
   * Sets who runs the calls that arrive; they are handed over in order of arrival. Without a handler they are refused.
   * What a handler throws, or rejects with, reaches the process as an uncaught exception, and its caller nothing.
   */
  handleMethodCalls(handler: MethodCallHandler): void {
    if (typeof handler !== 'function') {
      throw argumentError('handleMethodCalls', 'the handler must be a function', handler);
    }
    this.#methodCallHandler = handler;
  }

  /**
   * Sets which bus names are this side's. Calls and replies to others, which a bus shows to monitors and eavesdroppers,
   * are dropped and counted. Without a bus every destination is ours.
   */
  setOwnNames(isOurs: (destination: string) => boolean): void {
    this.#isOurs = isOurs;
  }

  /** Tells `listener` every signal that arrives; returns the function that ends it. */
  listenToSignals(listener: SignalListener): () => void {
    if (typeof listener !== 'function') {
      throw argumentError('listenToSignals', 'the listener must be a function', listener);
    }
    this.#signalListeners.add(listener);
    return () => void this.#signalListeners.delete(listener);
  }

  /**
   * Ends the connection in good order: no call is taken any more, handlers in flight answer, bytes leave. Whatever
   * still awaits a reply then rejects with {@link ConnectionClosedError}. After `timeout` milliseconds (5,000 unless
   * given, Infinity for never) the connection is cut.
   */
  async close(options: { timeout?: number | undefined } = {}): Promise<void> {
    checkOptions('close', options, CLOSE_RULES);
    const { timeout = DRAIN_TIMEOUT } = options;
    const timer = startTimer(timeout, () => this.#transport.destroy());
    if (!this.#isClosing) {
      this.#isClosing = true;
      await Promise.race([Promise.allSettled(this.#running), this.closed]);
      this.#fail(new ConnectionClosedError(CLOSED_BY_US));
      this.#transport.end();
    }
    await this.closed;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #receive(chunk: Uint8Array): void {
    for (const frame of this.#frames.push(chunk)) {
      if (this.#closedError === undefined) this.#route(frame);
    }
    if (this.#frames.failure !== undefined) this.#transport.destroy(this.#frames.failure);
  }

  #route(frame: Uint8Array): void {
    let header: MessageHeader | undefined;
    let message: Message;
    try {
      header = decodeHeader(frame);
      message = decodeBody(header, frame);
    } catch (error) {
      this.countDrop('invalid message', { message: header, error });
      this.#refuse(header ?? readEnvelope(frame), error);
      return;
    }
    const { type, destination } = message;
    if (type !== 'signal' && destination !== undefined && !this.#isOurs(destination)) {
      this.countDrop('not addressed to us', { message });
      return;
    }
    switch (message.type) {
      case 'method_return':
      case 'error':
        if (!this.#pending.resolve(message)) this.countDrop('unexpected reply', { message });
        break;
      case 'signal': {
        const signal = message;
        for (const listener of this.#signalListeners) runListener(() => listener(signal));
        break;
      }
      case 'method_call':
        this.#handle(message);
        break;
      default: // to be ignored ‹Message Format›
        this.countDrop('unknown message type', { message });
    }
  }

  /** Answers for a message that breaks the specification inside intact framing: only that message is lost. */
  #refuse(envelope: Envelope, error: unknown): void {
    switch (envelope.type) {
      case 'method_call':
        this.#answerError(envelope, ErrorName.INVALID_ARGS, `the call is not valid: ${(error as Error).message}`);
        break;
      case 'method_return':
      case 'error':
        if (envelope.replySerial !== undefined) this.#pending.reject(envelope.replySerial, error);
    }
  }

  #handle(call: MethodCall): void {
    if (this.#methodCallHandler === undefined) {
      this.#answerError(call, ErrorName.UNKNOWN_OBJECT, 'this connection exports no objects');
      return;
    }
    if (this.#isClosing) {
      this.#answerError(call, ErrorName.DISCONNECTED, 'the connection is about to close');
      return;
    }
    const handler = this.#methodCallHandler;
    runListener(() => {
      const running = handler(call);
      if (running === undefined) return;
      this.#running.add(running);
      void running.finally(() => this.#running.delete(running));
    });
  }

  #answerError(call: Pick<MethodCall, 'flags' | 'serial' | 'sender'>, errorName: string, message: string): void {
    if ((call.flags & MessageFlag.NO_REPLY_EXPECTED) !== 0) return;
    try {
      this.send(errorReply(call, { errorName, message }));
    } catch (error) {
      this.countDrop('undeliverable', { error }); // a peer may name itself in a way that nobody may write
    }
  }

  #end(cause: Error | undefined): void {
    const error =
      cause === undefined
        ? new ConnectionClosedError(CLOSED_BY_US)
        : new ConnectionClosedError(`the connection has ended: ${cause.message}`, { cause });
    this.#announceClosed(this.#fail(error));
  }

  /** From now on nothing is sent, and nothing is waited for. The first reason given is the one that stands. */
  #fail(error: ConnectionClosedError): ConnectionClosedError {
    if (this.#closedError !== undefined) return this.#closedError;
    this.#closedError = error;
    this.#pending.rejectAll(error);
    this.#abort.abort(error);
    return error;
  }
}

/** How a connection is made, and what it takes. */
export interface ConnectOptions extends OpenOptions, ReaderOptions {}

/** The rules of {@link ConnectOptions}. */
export const CONNECT_RULES: OptionRules<ConnectOptions> = { ...OPEN_RULES, ...READER_RULES };

/**
 * Connects to the first address of a list that takes us, without a bus's Hello: for a peer that is no bus.
 * @throws {AddressError} if the list holds no address
 * @throws {ConnectError} if none of them works; or the reason of the signal
 */
export async function openConnection(addresses: string, options: ConnectOptions = {}): Promise<Connection> {
  checkOptions('openConnection', options, CONNECT_RULES);
  const { maxMessageLength } = options;
  return new Connection(await openTransport(addresses, options), { maxMessageLength });
}
