// The client's side of the handshake on one stream: it moves bytes between the stream and the state machine of
// auth/client.ts, and limits the time. It does not know how the stream was opened.
// Tests: client-handshake.test.ts, test/connection/hostile-peer.test.ts.
// Specification: Authentication Protocol.
import type { Duplex } from 'node:stream';
import type { AuthClient, ClientState } from '../auth/client.js';
import { AuthError } from '../auth/errors.js';
import type { Incoming, OpenedStream } from './incoming.js';
import { type SendLimits, StreamTransport } from './stream-transport.js';
import type { Transport } from './transport.js';
import { monotonicTime, onAbort, startTimer } from './waiting.js';

/** How a handshake is run. */
export interface HandshakeOptions extends SendLimits {
  /** The GUID that the server must have, in lower case; undefined for any. */
  readonly guid: string | undefined;
  /** Messages that are sent after BEGIN, in the same write. */
  readonly greeting: Uint8Array;
  /** Milliseconds until the handshake fails, from its start, connecting included; Infinity for no limit. */
  readonly timeout: number;
  /** If it aborts, the handshake rejects with its reason. */
  readonly signal: AbortSignal | undefined;
  /** Whether the handshake keeps the process alive. Default: true. */
  readonly isRef?: boolean | undefined;
}

/**
 * Authenticates on a stream, which may still be connecting, and makes it a transport. If it fails, it destroys the
 * stream.
 * @throws {AuthError} if the server rejects the client, has another GUID, breaks the protocol, closes the stream, or
 * does not answer in time; the stream's own error if the stream fails; the reason of `signal` if it aborts
 */
export function handshake(opened: OpenedStream, auth: AuthClient, options: HandshakeOptions): Promise<Transport> {
  return new Handshake(opened, auth, options).result;
}

/** A handshake that is running or has ended. */
export class Handshake {
  /** Settles when the handshake has ended. */
  readonly result: Promise<Transport>;
  readonly #stream: Duplex;
  readonly #incoming: Incoming;
  readonly #preamble: Uint8Array | undefined;
  readonly #auth: AuthClient;
  readonly #options: HandshakeOptions;
  #timer: NodeJS.Timeout | undefined;
  /** Set after the time is up, while the stream is read again. */
  #look: NodeJS.Immediate | undefined;
  /** Whether the stream has connected or brought bytes since the time was up. */
  #hasProgress = false;
  #isProlonged = false;
  readonly #endAbort: () => void;
  readonly #onError = (error: Error): void => this.#fail(error);
  readonly #onClose = (): void => this.#fail(this.#auth.abandon('SERVER_CLOSED'));
  readonly #onConnect = (): void => this.#begin();
  #resolve!: (transport: Transport) => void; // both are set by the promise
  #reject!: (error: unknown) => void;

  constructor({ stream, incoming, preamble }: OpenedStream, auth: AuthClient, options: HandshakeOptions) {
    this.#stream = stream;
    this.#incoming = incoming;
    this.#preamble = preamble;
    this.#auth = auth;
    this.#options = options;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { timeout, signal } = options;
    const deadline = monotonicTime() + timeout;
    this.#startTimer(timeout, deadline);
    if (options.isRef === false && 'unref' in stream && typeof stream.unref === 'function') stream.unref();
    this.#endAbort = onAbort(signal, () => this.#fail(signal?.reason));
    stream.on('error', this.#onError);
    stream.on('close', this.#onClose);
    incoming.receive = (chunk) => this.#receive(chunk);
    if ('connecting' in stream && stream.connecting === true) stream.on('connect', this.#onConnect);
    else this.#begin();
  }

  /** The state of the client; `Initial` while the stream is connecting. */
  get state(): ClientState {
    return this.#auth.state;
  }

  #startTimer(delay: number, deadline: number): void {
    this.#timer = startTimer(delay, () => this.#lookAgain(deadline));
    if (this.#options.isRef === false) this.#timer?.unref();
  }

  /**
   * The time is up. If the event loop was busy, an answer can be in the socket already, or the socket can have
   * connected: immediates run after the sockets were read. If the handshake is not complete then, the client waits
   * again, for the time for which the event loop was busy.
   */
  #lookAgain(deadline: number): void {
    const late = monotonicTime() - deadline;
    this.#hasProgress = false;
    this.#look = setImmediate(() => {
      if (!this.#hasProgress || this.#isProlonged) return this.#fail(this.#auth.abandon('AUTH_TIMED_OUT'));
      this.#isProlonged = true;
      const more = Math.max(1, Math.min(late, this.#options.timeout));
      this.#startTimer(more, monotonicTime() + more);
    });
  }

  #begin(): void {
    this.#hasProgress = true;
    try {
      const start = this.#auth.start();
      const first = this.#preamble === undefined ? start : concat(this.#preamble, start);
      this.#stream.write(this.#auth.hasBegun ? concat(first, this.#options.greeting) : first);
    } catch (error) {
      this.#fail(error);
    }
  }

  #receive(chunk: Uint8Array): void {
    this.#hasProgress = true;
    try {
      const { send, done } = this.#auth.receive(chunk);
      if (send !== undefined) this.#stream.write(done === undefined ? send : concat(send, this.#options.greeting));
      if (done === undefined) return;
      const { guid } = this.#options;
      if (guid !== undefined && guid !== done.guid) {
        const problem = `the server's GUID is ${done.guid}: it must be ${guid}, as in its address`;
        throw new AuthError('GUID_MISMATCH', problem);
      }
      this.#stopListening();
      const rest = new Uint8Array(done.rest); // a copy: the memory of the chunk is used again
      const { maxSendLength } = this.#options;
      const transportOptions = { incoming: this.#incoming, maxSendLength };
      // In this turn, so that it misses no event of the stream.
      this.#resolve(new StreamTransport(this.#stream, { guid: done.guid, rest }, transportOptions));
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#stopListening();
    this.#stream.on('error', () => {}); // later errors of the stream are ignored
    this.#stream.destroy();
    this.#reject(error);
  }

  #stopListening(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#look);
    this.#endAbort();
    this.#incoming.receive = () => {};
    this.#stream.off('error', this.#onError);
    this.#stream.off('close', this.#onClose);
    this.#stream.off('connect', this.#onConnect);
  }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
