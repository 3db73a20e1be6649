// One open stream to another program: numbers messages, gives replies to their calls, gives signals and calls to the
// link that owns it, and ends in good order. It is used once: nothing survives its end. It knows no bus (bus.ts), no
// subscriptions and no objects (the service layer). Tests: connection.test.ts, hostile-peer.test.ts.
// Specification: Message Types, Invalid Protocol and Spec Extensions.
import { ErrorName } from '../protocol/error-names.js';
import { DBusError } from '../protocol/errors.js';
import { Inlet } from '../transport/inlet.js';
import type { Transport } from '../transport/transport.js';
import { runListener, startTimer } from '../transport/waiting.js';
import { argumentError } from '../wire/arguments.js';
import { MAX_UINT32, MessageFlag } from '../wire/constants.js';
import { type Caller, errorAt } from '../wire/error-place.js';
import type { ErrorPlace } from '../wire/errors.js';
import type { BodyOf } from '../wire/infer.js';
import { decodeBodyAs, decodeHeaderAs, type MessageHeader } from '../wire/messages/decode.js';
import { type Envelope, readEnvelope } from '../wire/messages/envelope.js';
import { FrameReader } from '../wire/messages/framing.js';
import {
  errorReply, type ErrorMessage, type Message, methodCall, type MethodCall, type MethodReturn,
} from '../wire/messages/message.js';
import { checkOptions, integer, type OptionRules } from '../wire/options.js';
import type { Reading } from '../wire/values/reading.js';
import { type CallOptions, checkCallOptions, flagsOf, WAIT_RULES, type WaitOptions } from './call-options.js';
import { ArrivedSignal } from './arrived-signal.js';
import { CallRefusal, type CallRouter, type CallRunner, type MethodCallHeader } from './call-router.js';
import type { DropCounter } from './drops.js';
import { CallTimeoutError, ConnectionClosedError, UnexpectedSignatureError } from './errors.js';
import { type CallOutcome, DEFAULT_CALL_TIMEOUT, PendingCalls, type ReplyHeader } from './pending.js';
import { RECEIVE_RULES, type ReceiveOptions, receiveReading } from './receive-options.js';

const CLOSED_BY_US = 'the connection was closed';

/** How long close() waits for handlers and bytes, in milliseconds, unless its caller says otherwise. */
const DRAIN_TIMEOUT = 5_000;

/** How an engine is started. */
export interface EngineOptions extends ReceiveOptions {
  /** The serial of the last message that was already sent on the transport. Default: 0, for none. */
  readonly lastSerial?: number | undefined;
}

const ENGINE_RULES: OptionRules<EngineOptions> = { ...RECEIVE_RULES, lastSerial: integer(0, MAX_UINT32) };
const CLOSE_RULES = { timeout: WAIT_RULES.timeout };

/** How the reply to a call is awaited. */
interface AwaitOptions extends WaitOptions {
  readonly replySignature?: string | undefined;
}

/** The link that an engine works for. */
export interface EngineOwner {
  readonly drops: DropCounter;
  /** Decides about the calls that arrive. If it is undefined, they are refused. */
  readonly callRouter: CallRouter | undefined;
  /**
   * Whether a bus name is this side's. Calls and replies to other names, which a bus shows to monitors and
   * eavesdroppers, are dropped and counted.
   */
  isOurs(destination: string): boolean;
  /** Takes every signal, in order of arrival. */
  handleSignal(signal: ArrivedSignal): void;
  /** Called once, when nothing can be sent or received any more. */
  handleFailure(error: ConnectionClosedError): void;
  /** Called once, when the stream has ended. */
  handleEnd(error: ConnectionClosedError): void;
}

/** `com.example.Counter1.Add of /a at com.example.Counter` */
function describeCall({ interface: interfaceName, member, destination, path }: MessageHeader): string {
  const name = interfaceName === undefined ? member : `${interfaceName}.${member}`;
  return `${name} of ${path}${destination === undefined ? '' : ` at ${destination}`}`;
}

/** A call or a signal by its name, a reply by the serial that it answers. */
function describeMessage(message: Message): string {
  if (message.type === 'method_call' || message.type === 'signal') return describeCall(message);
  return `a message of type ${message.type}, reply to serial ${message.replySerial},`;
}

function messageError(message: unknown): Error {
  return argumentError('send', 'the message must be an object', message);
}

function toDBusError({ errorName, signature, body }: ErrorMessage): DBusError {
  const [text] = body;
  return new DBusError(errorName, typeof text === 'string' ? text : '', { signature, body });
}

const NO_OBJECTS = new CallRefusal(ErrorName.UNKNOWN_OBJECT, 'this connection exports no objects');
const IS_CLOSING = new CallRefusal(ErrorName.DISCONNECTED, 'the connection is about to close');

/** One open stream, its calls that await replies, and its handlers that run. */
export class Engine {
  readonly #transport: Transport;
  readonly #owner: EngineOwner;
  readonly #pending: PendingCalls;
  readonly #reading: Reading;
  /** The constructor arguments of all signals. */
  readonly #receiving: { readonly reading: Reading; readonly drops: DropCounter };
  readonly #running = new Set<Promise<void>>();
  readonly #closed: Promise<void>;
  #isClosing = false;
  #closedError: ConnectionClosedError | undefined;
  #resolveClosed!: () => void; // set by the promise in the constructor

  constructor(transport: Transport, owner: EngineOwner, options: EngineOptions) {
    checkOptions('Engine', options, ENGINE_RULES);
    const { lastSerial, maxMessageLength } = options;
    this.#transport = transport;
    this.#owner = owner;
    this.#reading = receiveReading(options);
    this.#receiving = { reading: this.#reading, drops: owner.drops };
    this.#pending = new PendingCalls({ lastSerial });
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const inlet = new Inlet({
      transport,
      frames: new FrameReader({ maxMessageLength }),
      handOn: (frame) => this.#route(frame),
    });
    transport.start({
      receive: (chunk) => inlet.receive(chunk),
      relieved: () => inlet.relieved(),
      end: (cause) => this.#end(cause),
    });
  }

  /** The server's GUID, 32 hex digits. */
  get guid(): string {
    return this.#transport.guid;
  }

  /** Bytes that the peer has not taken yet. */
  get queuedBytes(): number {
    return this.#transport.queuedBytes;
  }

  /**
   * Queues a message and returns its serial. The stack of an error begins at the caller of the function `above`. The
   * error names `place`, or else the interface and member of the message.
   */
  send(message: Message, above: Caller, place?: ErrorPlace): number {
    if (this.#closedError !== undefined) throw this.#notSent(message, this.#closedError, above);
    const serial = this.#pending.nextSerial();
    try {
      this.#transport.write(message, { serial });
    } catch (error) {
      if (typeof message !== 'object' || message === null) throw messageError(message);
      throw errorAt(error, place ?? message, above);
    }
    return serial;
  }

  #notSent(message: Message, { message: reason, cause }: ConnectionClosedError, above: Caller): Error {
    if (typeof message !== 'object' || message === null) return messageError(message);
    const error = new ConnectionClosedError(`${describeMessage(message)} was not sent: ${reason}`, { cause });
    Error.captureStackTrace(error, above);
    return error;
  }

  /**
   * Sends a METHOD_CALL. `settle` is called once: with the reply as it arrives, before any later message is read.
   * Throws the errors of {@link Engine.send}, and the reason of a signal that has aborted.
   */
  request(call: MethodCall, settle: (outcome: CallOutcome) => void, options: WaitOptions = {}): void {
    options.signal?.throwIfAborted();
    this.#expect(this.send(call, this.request), call, settle, options);
  }

  /** Waits for the reply to a call that was sent under `serial` with the handshake, before this engine existed. */
  async awaitReply(serial: number, call: MethodCall, options: AwaitOptions): Promise<readonly unknown[]> {
    options.signal?.throwIfAborted();
    const outcome = await new Promise<CallOutcome>((resolve) => this.#expect(serial, call, resolve, options));
    return this.#bodyOf(outcome, call, options.replySignature);
  }

  #expect(
    serial: number, call: MethodCall, settle: (outcome: CallOutcome) => void, options: WaitOptions,
  ): void {
    const { timeout = DEFAULT_CALL_TIMEOUT, signal } = options;
    const timeoutError = (): Error => new CallTimeoutError(describeCall(call), timeout);
    const { destination } = call;
    this.#pending.add(serial, settle, { timeout, timeoutError, signal, destination });
  }

  /** Makes a METHOD_CALL and resolves with the body of its reply; see {@link MessageLink.call}. */
  call<const In extends string = '', const Out extends string = string>(
    options: CallOptions<In, Out>, above: Caller = this.call,
  ): Promise<BodyOf<Out>> {
    let call: MethodCall;
    try {
      checkCallOptions(options);
      const { path, interface: interfaceName, member, destination } = options;
      // The compiler has compared the body with the signature; their types are of no further use.
      const { signature, body } = options as { signature?: string; body?: readonly unknown[] };
      const parts = { path, interface: interfaceName, member, destination, signature, body, flags: flagsOf(options) };
      call = methodCall<string>(parts);
    } catch (error) {
      return Promise.reject(error as Error); // an error of the options, or of a getter in them
    }
    return this.#invoke(call, options, above) as Promise<BodyOf<Out>>; // the signature was compared, or none was given
  }

  async #invoke(
    call: MethodCall, options: AwaitOptions & Pick<CallOptions, 'place'>, above: Caller,
  ): Promise<readonly unknown[]> {
    options.signal?.throwIfAborted();
    const serial = this.send(call, above, options.place);
    if ((call.flags & MessageFlag.NO_REPLY_EXPECTED) !== 0) return [];
    const outcome = await new Promise<CallOutcome>((resolve) => this.#expect(serial, call, resolve, options));
    return this.#bodyOf(outcome, call, options.replySignature);
  }

  /**
   * The body of a reply; throws if the call ended with an error. An async function must call this after its wait: then
   * the stack of the error shows the caller that awaits.
   */
  #bodyOf(outcome: CallOutcome, call: MethodCall, expected: string | undefined): readonly unknown[] {
    if ('error' in outcome) throw this.#callError(outcome.error, call);
    const { reply } = outcome;
    if (reply.type === 'error') throw toDBusError(reply);
    if (expected !== undefined && expected !== reply.signature) {
      throw new UnexpectedSignatureError(describeCall(call), { expected, actual: reply.signature });
    }
    return reply.body;
  }

  /** The error of one call, made here so that its stack shows the caller. The reason of an abort is left as it is. */
  #callError(error: unknown, call: MethodCall): unknown {
    if (error === this.#closedError && error instanceof ConnectionClosedError) {
      const { message, cause } = error;
      return new ConnectionClosedError(`no reply to ${describeCall(call)}: ${message}`, { cause });
    }
    if (error instanceof CallTimeoutError) Error.captureStackTrace(error);
    return error;
  }

  /**
   * Ends the stream in good order: it accepts no more calls, waits for the replies of running handlers, and sends all
   * queued bytes. Calls that still wait for a reply then reject. After `timeout` milliseconds (default 5,000; Infinity
   * for no limit) it cuts the stream.
   */
  async close(options: { readonly timeout?: number | undefined } = {}): Promise<void> {
    checkOptions('close', options, CLOSE_RULES);
    const { timeout = DRAIN_TIMEOUT } = options;
    const timer = startTimer(timeout, () => this.#transport.destroy());
    if (!this.#isClosing) {
      this.#isClosing = true;
      await Promise.race([Promise.allSettled(this.#running), this.#closed]);
      this.#fail(new ConnectionClosedError(CLOSED_BY_US));
      this.#transport.end();
    }
    await this.#closed;
    clearTimeout(timer);
  }

  /** Looks at the header of a message; only a message that is wanted has its body made into values. */
  #route(frame: Uint8Array): void {
    if (this.#closedError !== undefined) return;
    let header: MessageHeader;
    try {
      header = decodeHeaderAs(this.#reading, frame);
    } catch (error) {
      this.#refuse(readEnvelope(frame), error);
      return;
    }
    const { destination } = header;
    if (destination !== undefined && header.type !== 'signal' && !this.#owner.isOurs(destination)) {
      this.#owner.drops.count('not addressed to us', { message: header });
      return;
    }
    switch (header.type) {
      case 'method_return':
      case 'error':
        this.#handleReply(header, frame);
        break;
      case 'signal':
        this.#owner.handleSignal(new ArrivedSignal(header, frame, this.#receiving));
        break;
      case 'method_call':
        this.#handleCall(header, frame);
        break;
      default: // must be ignored ‹Message Format›
        this.#owner.drops.count('unknown message type', { message: header });
    }
  }

  /**
   * Counts and answers a message that is not valid. Its length is, so no other message is lost.
   * `header` is given if only the body is not valid.
   */
  #refuse(envelope: Envelope, error: unknown, header?: MessageHeader): void {
    this.#owner.drops.count('invalid message', { message: header, error });
    switch (envelope.type) {
      case 'method_call':
        this.#answerError(envelope, ErrorName.INVALID_ARGS, `the call is not valid: ${(error as Error).message}`);
        break;
      case 'method_return':
      case 'error':
        if (envelope.replySerial !== undefined) this.#pending.reject(envelope.replySerial, error);
    }
  }

  /** The whole message; undefined if its body is not valid, and then it is refused. */
  #read(header: MessageHeader, frame: Uint8Array): Message | undefined {
    try {
      return decodeBodyAs(this.#reading, header, frame);
    } catch (error) {
      this.#refuse(header, error, header);
      return undefined;
    }
  }

  #handleReply(header: ReplyHeader, frame: Uint8Array): void {
    if (!this.#pending.expects(header)) {
      this.#owner.drops.count('unexpected reply', { message: header });
      return;
    }
    const reply = this.#read(header, frame);
    if (reply !== undefined) this.#pending.resolve(reply as MethodReturn | ErrorMessage); // the type of its header
  }

  #handleCall(header: MethodCallHeader & MessageHeader, frame: Uint8Array): void {
    const decision = this.#routeCall(header);
    if (decision instanceof CallRefusal) {
      this.#answerError(header, decision.errorName, decision.message);
      return;
    }
    const call = this.#read(header, frame);
    if (call === undefined) return;
    runListener(() => {
      const running = decision.run(call as MethodCall); // the type of its header
      if (running === undefined) return;
      this.#running.add(running);
      void running.finally(() => this.#running.delete(running));
    });
  }

  #routeCall(header: MethodCallHeader): CallRunner | CallRefusal {
    const router = this.#owner.callRouter;
    if (router === undefined) return NO_OBJECTS;
    return this.#isClosing ? IS_CLOSING : router.route(header);
  }

  #answerError(call: Pick<MethodCall, 'flags' | 'serial' | 'sender'>, errorName: string, message: string): void {
    if ((call.flags & MessageFlag.NO_REPLY_EXPECTED) !== 0) return;
    try {
      this.send(errorReply(call, { errorName, message }), this.#answerError);
    } catch (error) {
      // The connection has ended, or the sender of the call is not a valid destination.
      this.#owner.drops.count('undeliverable', { error });
    }
  }

  #end(cause: Error | undefined): void {
    const error = this.#fail(
      cause === undefined
        ? new ConnectionClosedError(CLOSED_BY_US)
        : new ConnectionClosedError(`the connection has ended: ${cause.message}`, { cause }),
    );
    this.#resolveClosed();
    this.#owner.handleEnd(error);
  }

  /** Rejects all calls; from now on nothing is sent. Returns the first error that this was called with. */
  #fail(error: ConnectionClosedError): ConnectionClosedError {
    if (this.#closedError !== undefined) return this.#closedError;
    this.#closedError = error;
    this.#pending.rejectAll(error);
    this.#owner.handleFailure(error);
    return error;
  }
}
