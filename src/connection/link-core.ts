// The common parts of all links that do not depend on one open stream: the handler of method calls, the count of
// dropped messages, and the end. It holds the engine that is open at present. Other files read `engine` for each use
// and do not keep it, so that it can be replaced. It knows no bus.
// (No clause of the specification.)
// Tests: link.test.ts, connection.test.ts.
import { setMaxListeners } from 'node:events';
import type { Transport } from '../transport/transport.js';
import type { Caller } from '../wire/error-place.js';
import type { ArrivedSignal } from './arrived-signal.js';
import type { CallRouter } from './call-router.js';
import { nextConnection, publishConnect, publishDisconnect } from './diagnostics.js';
import { DropCounter } from './drops.js';
import { Engine, type EngineOwner, type Invocation } from './engine.js';
import { type ConnectionClosedError, HandlerInUseError } from './errors.js';
import type { ReceiveOptions } from './receive-options.js';

/** Decides which messages are for a link, and takes its signals. */
export interface SignalReceiver {
  /** Whether a bus name is this side's. */
  isOurs(destination: string): boolean;
  /** Whether the program with the unique name `sender` may own a well-known name, as far as that is known. */
  mayOwn(name: string, sender: string): boolean;
  /** Takes every signal, in order of arrival. */
  deliver(signal: ArrivedSignal): void;
}

/** The common parts of all links. */
export class LinkCore implements EngineOwner {
  readonly id = nextConnection();
  readonly drops = new DropCounter();
  readonly closed: Promise<ConnectionClosedError>;
  readonly #engine: Engine;
  readonly #receiver: SignalReceiver;
  /** Made when somebody asks for its signal: most connections need none, and it costs much of connecting. */
  #abort: AbortController | undefined;
  #failure: ConnectionClosedError | undefined;
  /** Whether the begin of the link was published. */
  #isAnnounced = false;
  #router: CallRouter | undefined;
  #resolveClosed!: (error: ConnectionClosedError) => void; // set by the promise in the constructor

  /** Opens an engine on a transport; nothing arrives before the present turn of the event loop ends. */
  constructor(transport: Transport, receiver: SignalReceiver, options: ReceiveOptions<boolean>) {
    this.#receiver = receiver;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#engine = new Engine(transport, this, options);
  }

  /** The engine that is open at present. */
  get engine(): Engine {
    return this.#engine;
  }

  /** Whether the link keeps the process alive, as it does at first. */
  set isRef(isRef: boolean) {
    this.#engine.isRef = isRef;
  }

  /** Publishes that the link is open; its unique name is undefined without a bus. */
  announce(uniqueName: string | undefined): void {
    this.#isAnnounced = true;
    publishConnect(this.id, this.#engine.guid, uniqueName);
  }

  /** Makes a call; see {@link Engine.invoke}. */
  invoke(invocation: Invocation, above: Caller): Promise<unknown> {
    return this.#engine.invoke(invocation, above);
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
    this.#router = router;
    return () => {
      if (this.#router === router) this.#router = undefined;
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
    this.#failure = error;
    if (this.#isAnnounced) publishDisconnect(this.id, error, false);
    this.#abort?.abort(error);
  }

  handleEnd(error: ConnectionClosedError): void {
    this.#resolveClosed(error);
  }
}
