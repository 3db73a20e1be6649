// One open stream to another program: numbers messages, finds the calls that replies answer, passes signals and calls
// to the link that owns it, and ends in good order. It is used once: nothing survives its end. It knows no bus
// (bus.ts), no subscriptions and no objects (the service layer). Tests: connection.test.ts, hostile-peer.test.ts.
// Specification: Message Types, Invalid Protocol and Spec Extensions.
import { ErrorName } from '../protocol/error-names.js';
import { Inlet } from '../transport/inlet.js';
import type { Transport } from '../transport/transport.js';
import { runListener, startTimer } from '../transport/waiting.js';
import { isRecord } from '../wire/arguments.js';
import { type Caller, errorAt } from '../wire/error-place.js';
import type { ErrorPlace } from '../wire/errors.js';
import type { BodyOf } from '../wire/infer.js';
import { decodeBodyAs, decodeHeaderAs, type MessageHeader, readBodyAs } from '../wire/messages/decode.js';
import { type Envelope, readEnvelope } from '../wire/messages/broken-header.js';
import { FrameReader } from '../wire/messages/framing.js';
import { errorReply, type Message, type MethodCall, wantsReply } from '../wire/messages/message.js';
import { checkOptions } from '../wire/options.js';
import type { Reading } from '../wire/values/read-options.js';
import { type CallDefaults, type CallOptions, type NoReply, WAIT_RULES } from './call-options.js';
import { ArrivedSignal } from './arrived-signal.js';
import { CallRefusal, type CallRouter, type CallRunner, type MethodCallHeader } from './call-router.js';
import { DescriptorDesk } from './descriptors.js';
import { publishIn, publishOut } from './diagnostics.js';
import type { DropCounter } from './drops.js';
import { ConnectionClosedError } from './errors.js';
import { checkReplySignature, type Invocation, messageError, notSent, toInvocation } from './invocation.js';
import { DEFAULT_CALL_TIMEOUT, PendingCalls } from './pending-calls.js';
import {
  type CallOutcome, describeCall, ListenedCall, type PendingCall, PromisedCall, promiseOf,
  type ReplyHeader,
} from './pending-call.js';
import { RECEIVE_RULES, type ReceiveOptions, receiveReading } from './receive-options.js';
import { RunningHandlers } from './running-handlers.js';
import { serialMaker } from './serials.js';

export const CLOSED_BY_US = 'the connection was closed';

/** How long close() waits for handlers and bytes, in milliseconds, unless its caller says otherwise. */
const DRAIN_TIMEOUT = 5_000;

export const CLOSE_RULES = { timeout: WAIT_RULES.timeout };

/** The link that an engine works for. */
export interface EngineOwner {
  /** The number of the link, for diagnostics. */
  readonly id: number;
  /** Defaults for the options of calls. */
  readonly callDefaults: CallDefaults;
  readonly drops: DropCounter;
  /** Decides about the calls that arrive. If it is undefined, they are refused. */
  readonly callRouter: CallRouter | undefined;
  /**
   * Whether a bus name belongs to this side. Calls and replies to other names, which a bus shows to monitors and
   * eavesdroppers, are dropped and counted.
   */
  isOurs(destination: string): boolean;
  /** Whether the program with the unique name `sender` may own a well-known name, as far as that is known. */
  mayOwn(name: string, sender: string): boolean;
  /** Takes every signal, in order of arrival. */
  handleSignal(signal: ArrivedSignal): void;
  /** Whether another engine follows if this one ends now. */
  readonly isRestorable: boolean;
  /** Called once, when nothing more can be sent or received. */
  handleFailure(error: ConnectionClosedError): void;
  /** Called once, when the stream has ended. */
  handleEnd(error: ConnectionClosedError): void;
}

const NO_OBJECTS = new CallRefusal(ErrorName.UNKNOWN_OBJECT, 'this connection exports no objects');
const IS_CLOSING = new CallRefusal(ErrorName.DISCONNECTED, 'the connection is about to close');

/** The error of one call that waited when the connection ended, after `sentBytes` bytes of the stream. */
function noReply(
  call: PendingCall, { message, cause, code }: ConnectionClosedError, sentBytes: number,
): ConnectionClosedError {
  const text = `no reply to ${describeCall(call)}: ${message}`;
  return new ConnectionClosedError(text, { cause, code, wasSent: call.end <= sentBytes });
}

/** One open stream, its calls that await replies, and its handlers that run. */
export class Engine {
  readonly #transport: Transport;
  readonly #owner: EngineOwner;
  readonly #pending: PendingCalls;
  readonly #reading: Reading;
  /** The last argument of the constructor of every ArrivedSignal. */
  readonly #receiving: {
    readonly reading: Reading; readonly drops: DropCounter; readonly desk: DescriptorDesk | undefined;
  };
  /** Undefined if the transport carries no descriptors. */
  readonly #desk: DescriptorDesk | undefined;
  /** Made for the first call that arrives. */
  #running: RunningHandlers | undefined;
  readonly #closed: Promise<void>;
  #isClosing = false;
  #closedError: ConnectionClosedError | undefined;
  #resolveClosed!: () => void; // set by the promise in the constructor
  /** Gets all messages instead of the owner; undefined unless the connection is a monitor. */
  #diverted: ((frame: Uint8Array) => void) | undefined;

  constructor(transport: Transport, owner: EngineOwner, options: ReceiveOptions<boolean>) {
    checkOptions('Engine', options, RECEIVE_RULES);
    const { maxMessageLength } = options;
    this.#transport = transport;
    this.#owner = owner;
    this.#reading = receiveReading(options);
    const { descriptors: carrier } = transport;
    const desk = carrier === undefined ? undefined : new DescriptorDesk(transport, carrier);
    this.#desk = desk;
    this.#receiving = { reading: this.#reading, drops: owner.drops, desk };
    this.#pending = new PendingCalls((name, sender) => owner.mayOwn(name, sender), serialMaker(options.serials));
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const route = (frame: Uint8Array): void => this.#route(frame);
    const inlet = new Inlet({
      transport,
      frames: new FrameReader({ maxMessageLength }),
      handOn: desk === undefined ? route : (frame) => desk.handle(frame, route),
    });
    transport.start({
      receive: (chunk, descriptors) => {
        if (descriptors !== undefined) desk?.add(descriptors);
        inlet.receive(chunk);
      },
      relieved: () => inlet.relieved(),
      end: (cause) => this.#end(cause),
    });
  }

  /** The server's GUID, 32 hex digits. */
  get guid(): string {
    return this.#transport.guid;
  }

  /** Length of the longest message that is sent, in bytes; undefined if the transport does not say. */
  get maxSendLength(): number | undefined {
    return this.#transport.maxSendLength;
  }

  /** Bytes that the peer has not taken yet. */
  get queuedBytes(): number {
    return this.#transport.queuedBytes;
  }

  /** Whether the stream, and the calls that wait for a reply, keep the process alive, as they do at first. */
  set isRef(isRef: boolean) {
    this.#pending.isRef = isRef;
    if (isRef) this.#transport.ref?.();
    else this.#transport.unref?.();
  }

  /** Resolves when the peer has taken nearly everything; see {@link MessageLink.drained}. */
  drained(): Promise<void> {
    return this.#transport.drained();
  }

  /**
   * Queues a message and returns its serial. The stack of an error begins at the caller of the function `above`. The
   * error names `place`, or else the interface and member of the message.
   */
  send(message: Message, above: Caller, place?: ErrorPlace): number {
    if (this.#closedError !== undefined) throw notSent(message, this.#closedError, above);
    const serial = this.#pending.nextSerial();
    try {
      if (this.#desk === undefined) this.#transport.write(message, { serial });
      else this.#desk.write(message, serial);
    } catch (error) {
      if (!isRecord(message)) throw messageError(message);
      throw errorAt(error, place ?? message, above);
    }
    publishOut(this.#owner.id, message, serial);
    return serial;
  }

  /**
   * Sends a METHOD_CALL. `listener` is called once: with the reply as it arrives, before any later message is read, or
   * without one after `timeout` milliseconds. Throws the errors of {@link Engine.send}.
   */
  request(call: MethodCall, listener: (outcome: CallOutcome) => void, timeout = DEFAULT_CALL_TIMEOUT): void {
    const serial = this.send(call, this.request);
    this.#add(serial, new ListenedCall(call, timeout, listener), undefined);
  }

  /** Waits for the reply to a call that was sent under `serial` with the handshake, before this engine existed. */
  awaitReply(serial: number, { message, timeout, signal, replySignature, resultOf }: Invocation): Promise<unknown> {
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    const call = new PromisedCall(message, timeout ?? DEFAULT_CALL_TIMEOUT, replySignature, resultOf);
    const promise = promiseOf(call);
    this.#add(serial, call, signal);
    return promise;
  }

  /** Waits for the reply to the call that was written last. */
  #add(serial: number, call: PendingCall, signal: AbortSignal | undefined, left = call.timeout): void {
    call.end = this.#transport.writtenBytes ?? 0;
    this.#pending.add(serial, call, signal, left);
  }

  /**
   * Sends a call that has waited for this engine; its promise settles later. `left` milliseconds are left of its
   * timeout.
   */
  resume(call: PendingCall, { message, signal, place }: Invocation, left: number): void {
    let serial: number;
    try {
      serial = this.send(message, this.resume, place);
    } catch (error) {
      call.fail(() => error);
      return;
    }
    this.#add(serial, call, signal, left);
  }

  /** Makes a METHOD_CALL and resolves with the body of its reply; see {@link MessageLink.call}. */
  call<const In extends string = '', const Out extends string = string>(
    options: CallOptions<In, Out, NoReply>, above: Caller = this.call,
  ): Promise<BodyOf<Out>> {
    let invocation: Invocation;
    try {
      invocation = toInvocation(options, this.#owner.callDefaults);
    } catch (error) {
      return Promise.reject(error as Error); // an error of the options, or of a getter in them
    }
    return this.invoke(invocation, above) as Promise<BodyOf<Out>>; // the signature is compared, or none was given
  }

  /** Makes a METHOD_CALL. The stack of an error of the message begins at the caller of the function `above`. */
  invoke(invocation: Invocation, above: Caller): Promise<unknown> {
    const { message, signal, replySignature, resultOf } = invocation;
    let serial: number;
    try {
      signal?.throwIfAborted();
      if (replySignature !== undefined) checkReplySignature(replySignature, invocation, above);
      serial = this.send(message, above, invocation.place);
      if (!wantsReply(message)) {
        return Promise.resolve(resultOf === undefined ? [] : resultOf([]));
      }
    } catch (error) {
      return Promise.reject(error as Error);
    }
    return this.awaitReply(serial, invocation);
  }

  /**
   * Ends the stream in good order: it accepts no more calls, waits for the replies of running handlers, and sends all
   * queued bytes. It does not wait for a handler that has called it. Calls that still wait for a reply then reject.
   * After `timeout` milliseconds (default 5,000; Infinity for no limit) it ends the stream at once.
   */
  async close(options: { readonly timeout?: number | undefined } = {}): Promise<void> {
    checkOptions('close', options, CLOSE_RULES);
    this.#running?.noteClose();
    const { timeout = DRAIN_TIMEOUT } = options;
    const timer = startTimer(timeout, () => this.#transport.destroy());
    if (!this.#isClosing) {
      this.#isClosing = true;
      await Promise.race([this.#running?.ended(), this.#closed]);
      this.#owner.callRouter?.beforeClose?.();
      this.#fail(new ConnectionClosedError(CLOSED_BY_US), Infinity); // all queued bytes are still sent
      this.#transport.end();
    }
    await this.#closed;
    clearTimeout(timer);
  }

  /** Passes each further message to `take`, which must not keep its memory, and answers no call. */
  divert(take: (frame: Uint8Array) => void): void {
    this.#diverted = take;
  }

  /** Decodes the header of a message. The body is decoded only if the message has a receiver. */
  #route(frame: Uint8Array): void {
    if (this.#closedError !== undefined) return;
    if (this.#diverted !== undefined) return this.#diverted(frame);
    let header: MessageHeader;
    try {
      header = decodeHeaderAs(this.#reading, frame);
    } catch (error) {
      this.#refuse(readEnvelope(frame), error);
      return;
    }
    publishIn(this.#owner.id, header, frame.length);
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
   * Counts and answers a message that is not valid. Its length is valid, so no other message is lost.
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
        this.#pending.take(envelope)?.fail(() => error);
    }
  }

  #handleReply(header: ReplyHeader, frame: Uint8Array): void {
    const call = this.#pending.takeOrCount(header, this.#owner.drops);
    if (call === undefined) return;
    const { type, signature } = header;
    if (type === 'method_return' && call.replySignature !== undefined && call.replySignature !== signature) {
      call.refuse(signature);
      return;
    }
    let body: unknown[];
    try {
      body = readBodyAs(this.#reading, header, frame);
      this.#desk?.deliver(body, { signature, body });
    } catch (error) {
      this.#owner.drops.count('invalid message', { message: header, error });
      call.fail(() => error);
      return;
    }
    call.settle(header, body);
  }

  #handleCall(header: MethodCallHeader & MessageHeader, frame: Uint8Array): void {
    const decision = this.#routeCall(header, frame.length);
    if (decision instanceof CallRefusal) {
      this.#answerError(header, decision.errorName, decision.message);
      return;
    }
    let call: Message;
    try {
      call = decodeBodyAs(this.#reading, header, frame);
      this.#desk?.deliver(call, call);
    } catch (error) {
      this.#refuse(header, error, header);
      return;
    }
    const running = this.#running ??= new RunningHandlers();
    runListener(() => running.run(decision, call as MethodCall)); // the type of its header
  }

  #routeCall(header: MethodCallHeader, length: number): CallRunner | CallRefusal {
    const router = this.#owner.callRouter;
    if (router === undefined) return NO_OBJECTS;
    return this.#isClosing ? IS_CLOSING : router.route(header, length);
  }

  #answerError(call: Pick<MethodCall, 'flags' | 'serial' | 'sender'>, errorName: string, message: string): void {
    if (!wantsReply(call)) return;
    try {
      this.send(errorReply(call, { errorName, message }), this.#answerError);
    } catch (error) {
      // The connection has ended, or the sender of the call is not a valid destination.
      this.#owner.drops.count('undeliverable', { error });
    }
  }

  #end(cause: Error | undefined): void {
    this.#desk?.close();
    const error = this.#fail(
      cause === undefined
        ? new ConnectionClosedError(CLOSED_BY_US)
        : new ConnectionClosedError(`the connection has ended: ${cause.message}`, {
            cause, code: this.#owner.isRestorable ? 'CONNECTION_LOST' : 'CONNECTION_CLOSED',
          }),
    );
    this.#resolveClosed();
    this.#owner.handleEnd(error);
  }

  /** Rejects all calls; from now on nothing is sent. Returns the first error that this was called with. */
  #fail(error: ConnectionClosedError, sentBytes = this.#transport.sentBytes ?? Infinity): ConnectionClosedError {
    if (this.#closedError !== undefined) return this.#closedError;
    this.#closedError = error;
    this.#pending.rejectAll((call) => noReply(call, error, sentBytes));
    this.#owner.handleFailure(error);
    return error;
  }
}
