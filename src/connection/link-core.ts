// The common parts of all links that do not depend on one open stream: the handler of method calls, the count of
// dropped messages, and the end. It holds the engine that is open at present. If the link is restored after its stream
// has ended, another engine takes its place, and calls wait meanwhile. Other files use the engine through this class,
// and do not keep it. It knows no bus. (No clause of the specification.)
// Tests: link.test.ts, connection.test.ts, reconnect.test.ts.
import { setMaxListeners } from 'node:events';
import type { Transport } from '../transport/transport.js';
import type { Caller } from '../wire/error-place.js';
import type { BodyOf } from '../wire/infer.js';
import type { Message } from '../wire/messages/message.js';
import { checkOptions } from '../wire/options.js';
import { LateReplies } from './late-replies.js';
import type { ArrivedSignal } from './arrived-signal.js';
import {
  type CallDefaults, type CallOptions, mergeDefaults, NO_DEFAULTS, type NoReply,
} from './call-options.js';
import type { CallRouter } from './call-router.js';
import { nextConnection, publishConnect, publishDisconnect } from './diagnostics.js';
import { DropCounter } from './drops.js';
import { CLOSE_RULES, CLOSED_BY_US, Engine, type EngineOwner } from './engine.js';
import { ConnectionClosedError, HandlerInUseError } from './errors.js';
import type { ConnectionState } from './gap.js';
import { type Invocation, notSent, toInvocation } from './invocation.js';
import type { ReceiveOptions } from './receive-options.js';
import { WaitingCalls, type WaitingLimits } from './postponed-calls.js';

/** Decides which messages are for a link, and takes its signals. */
export interface SignalReceiver {
  /** Whether a bus name belongs to this side. */
  isOurs(destination: string): boolean;
  /** Whether the program with the unique name `sender` may own a well-known name, as far as that is known. */
  mayOwn(name: string, sender: string): boolean;
  /** Takes every signal, in order of arrival. */
  deliver(signal: ArrivedSignal): void;
  /** The link has ended: no signal follows. */
  handleEnd?(): void;
}

/** Restores a link. */
export interface Restorer {
  readonly limits: WaitingLimits;
  /** Whether a connection that ends now is restored. */
  readonly isWilling: boolean;
  /** Whether the wait for the next attempt keeps the process alive, as it does by default. */
  isRef: boolean;
  /** Begins to restore the link, whose connection has ended with an error. */
  begin(error: ConnectionClosedError): void;
  /** Ends all attempts: the link has ended. */
  stop(error: ConnectionClosedError): void;
  /** The link has ended: nothing is reported any more. */
  handleEnd(): void;
}

/** A time without a connection, or with one on which the wishes of the program are being restored. */
interface Outage {
  readonly error: ConnectionClosedError;
  readonly waiting: WaitingCalls;
  /** Whether there is an engine after Hello: requests and replies are sent, and calls of the program wait. */
  isGreeted: boolean;
}

/** The common parts of all links. */
export class LinkCore implements EngineOwner {
  readonly id = nextConnection();
  readonly callDefaults: CallDefaults;
  readonly drops = new DropCounter();
  readonly closed: Promise<ConnectionClosedError>;
  readonly #receiver: SignalReceiver;
  readonly #options: ReceiveOptions<boolean>;
  #engine: Engine;
  #restorer: Restorer | undefined;
  /** Set if the link can be restored. */
  #lateReplies: LateReplies | undefined;
  /** Undefined while the link is open; kept after its end if that came during the outage. */
  #outage: Outage | undefined;
  #isClosing = false;
  /** Created when its signal is first read: most connections need none, and it takes much of the time to connect. */
  #abort: AbortController | undefined;
  #failure: ConnectionClosedError | undefined;
  /** Whether the begin of the link was published. */
  #isAnnounced = false;
  #isRef = true;
  #router: CallRouter | undefined;
  #resolveClosed!: (error: ConnectionClosedError) => void; // set by the promise in the constructor

  /** Opens an engine on a transport; nothing arrives before the present turn of the event loop ends. */
  constructor(transport: Transport, receiver: SignalReceiver, options: ReceiveOptions<boolean>) {
    this.#receiver = receiver;
    this.#options = options;
    this.callDefaults = mergeDefaults(options.callDefaults ?? NO_DEFAULTS, NO_DEFAULTS); // a copy
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#engine = new Engine(transport, this, options);
  }

  /** The engine that was opened last. */
  get engine(): Engine {
    return this.#engine;
  }

  /** Whether the link keeps the process alive, as it does by default. */
  set isRef(isRef: boolean) {
    this.#isRef = isRef;
    this.#engine.isRef = isRef;
    if (this.#outage !== undefined) this.#outage.waiting.isRef = isRef;
    if (this.#restorer !== undefined) this.#restorer.isRef = isRef;
  }

  get isRef(): boolean {
    return this.#isRef;
  }

  /** Publishes that the link is open; its unique name is undefined without a bus. */
  announce(uniqueName: string | undefined): void {
    this.#isAnnounced = true;
    publishConnect(this.id, this.#engine.guid, uniqueName);
  }

  /** The engine that takes requests; undefined while there is no connection. */
  get open(): Engine | undefined {
    return this.#outage?.isGreeted === false ? undefined : this.#engine;
  }

  /** The error by which the link has ended; undefined while it is open or is being restored. */
  get failure(): ConnectionClosedError | undefined {
    return this.#failure;
  }

  get state(): ConnectionState {
    if (this.#failure !== undefined) return 'closed';
    return this.#outage === undefined ? 'connected' : 'reconnecting';
  }

  /** Length of the longest message that is sent, in bytes; undefined if the transport does not say. */
  get maxSendLength(): number | undefined {
    return this.#engine.maxSendLength;
  }

  /** Bytes that the peer has not taken yet, and those of calls that wait for a connection. */
  get queuedBytes(): number {
    return this.#engine.queuedBytes + (this.#outage?.waiting.bytes ?? 0);
  }

  /** Makes a call; see {@link Engine.invoke}. While there is no connection, the call waits. */
  invoke(invocation: Invocation, above: Caller): Promise<unknown> {
    if (this.#outage !== undefined) return this.#outage.waiting.add(invocation, above);
    return this.#engine.invoke(invocation, above);
  }

  /** Makes a call; see {@link MessageLink.call}. While there is no connection, the call waits. */
  call<const In extends string = '', const Out extends string = string>(
    options: CallOptions<In, Out, NoReply>, above: Caller = this.call,
  ): Promise<BodyOf<Out>> {
    if (this.#outage === undefined) return this.#engine.call(options, above);
    try {
      // The signature of the reply is compared, or none was given.
      return this.#outage.waiting.add(toInvocation(options, this.callDefaults), above) as Promise<BodyOf<Out>>;
    } catch (error) {
      return Promise.reject(error as Error); // an error of the options, or of a getter in them
    }
  }

  /**
   * Queues a message; see {@link MessageLink.send}. Without a connection it throws. A reply to a call of a connection
   * that has ended is dropped and counted: the next bus could have given the name of the caller to another program.
   */
  send(message: Message, above: Caller): number {
    if (this.#lateReplies === undefined) return this.#engine.send(message, above);
    if (this.#failure !== undefined) throw notSent(message, this.#failure, above);
    if (this.#lateReplies.isLate(message)) {
      this.drops.count('undeliverable', { error: notSent(message, LATE_REPLY, above) });
      return UNSENT;
    }
    if (this.open === undefined) throw notSent(message, this.#outage!.error, above); // without one it is open
    const serial = this.#engine.send(message, above);
    this.#lateReplies.noteSent(message);
    return serial;
  }

  get closedSignal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      setMaxListeners(0, this.#abort.signal); // one listener for each exported object is not a leak
      if (this.#failure !== undefined) this.#abort.abort(this.#failure);
    }
    return this.#abort.signal;
  }

  get callRouter(): CallRouter | undefined {
    return this.#router;
  }

  /** Sets the router of method calls; returns the function that removes it. */
  routeCalls(router: CallRouter): () => void {
    if (this.#router !== undefined) throw new HandlerInUseError();
    const routed = this.#lateReplies === undefined ? router : this.#lateReplies.track(router);
    this.#router = routed;
    return () => {
      if (this.#router === routed) this.#router = undefined;
    };
  }

  isOurs(destination: string): boolean {
    return this.#receiver.isOurs(destination);
  }

  mayOwn(name: string, sender: string): boolean {
    return this.#receiver.mayOwn(name, sender);
  }

  handleSignal(signal: ArrivedSignal): void {
    this.#receiver.deliver(signal);
  }

  handleFailure(error: ConnectionClosedError): void {
    if (this.#failure !== undefined) return;
    if (this.#outage === undefined && !this.isRestorable) this.#end(error);
    else if (this.#outage === undefined) this.#break(error);
    else this.#outage.isGreeted = false; // an attempt to restore the link has failed: the restorer sees it
  }

  handleEnd(): void {
    if (this.#failure !== undefined && this.#outage === undefined) this.#resolveClosed(this.#failure);
  }

  /**
   * Ends the link in good order; see {@link Engine.close}. While it is being restored, it ends at once: nothing can be
   * sent.
   */
  async close(options: { readonly timeout?: number | undefined } = {}): Promise<void> {
    checkOptions('close', options, CLOSE_RULES);
    this.#isClosing = true;
    if (this.#outage === undefined) return this.#engine.close(options);
    if (this.#failure !== undefined) return;
    this.end(new ConnectionClosedError(CLOSED_BY_US));
    await this.#engine.close({ timeout: 0 });
  }

  // ---- for the restorer ----

  /** Lets a restorer restore the link from now on. Nothing must have been exported before. */
  restoreBy(restorer: Restorer): void {
    this.#restorer = restorer;
    this.#lateReplies = new LateReplies();
  }

  get isRestorable(): boolean {
    return !this.#isClosing && this.#failure === undefined && this.#restorer?.isWilling === true;
  }

  /** Opens an engine on the transport of an attempt. The engine before must have ended. */
  replaceEngine(transport: Transport): Engine {
    this.#engine = new Engine(transport, this, this.#options);
    if (!this.#isRef) this.#engine.isRef = false;
    return this.#engine;
  }

  /** The bus has answered Hello: wishes and replies can be sent on the engine. */
  noteGreeting(): void {
    if (this.#outage !== undefined) this.#outage.isGreeted = true;
  }

  /** All requests are restored: sends the calls that wait. Returns false if the engine has ended meanwhile. */
  resume(): boolean {
    const outage = this.#outage;
    if (outage?.isGreeted !== true || this.#failure !== undefined) return false;
    this.#outage = undefined;
    outage.waiting.flush(this.#engine);
    return true;
  }

  /** Ends the link during an outage: no further attempt is made. */
  end(error: ConnectionClosedError): void {
    const outage = this.#outage;
    if (outage === undefined || this.#failure !== undefined) return;
    outage.isGreeted = false;
    this.#failure = error;
    publishDisconnect(this.id, error, false);
    this.#restorer?.stop(error); // requests reject before subscriptions end
    this.#abort?.abort(error);
    outage.waiting.end(error);
    this.#forget();
    void this.#engine.close({ timeout: 0 }); // that of an attempt; it never rejects
    this.#resolveClosed(error);
  }

  #break(error: ConnectionClosedError): void {
    const waiting = new WaitingCalls(error, this.#restorer!.limits); // the link is restorable
    waiting.isRef = this.#isRef;
    this.#outage = { error, waiting, isGreeted: false };
    // Before any code of the program runs: that code could ask the next bus about a caller on the last one.
    this.#lateReplies?.clear();
    this.#router?.handleBreak?.(error);
    publishDisconnect(this.id, error, true);
    this.#restorer?.begin(error);
  }

  #end(error: ConnectionClosedError): void {
    this.#failure = error;
    if (this.#isAnnounced) publishDisconnect(this.id, error, false);
    this.#abort?.abort(error);
    this.#forget();
  }

  /** Drops the references to objects of the program, because the program can keep a link that has ended. */
  #forget(): void {
    this.#router = undefined;
    this.#receiver.handleEnd?.();
    this.#restorer?.handleEnd();
  }
}

/** The serial of a reply that is dropped. */
const UNSENT = 1;
/** The reason for which a reply is dropped. */
const LATE_REPLY = new ConnectionClosedError('its call came on a connection that has ended, or was answered already', {
  code: 'CONNECTION_LOST',
});
