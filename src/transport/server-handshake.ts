// The server's side of the handshake on one stream: it moves bytes between the stream and the state machine of
// auth/server.ts, and limits the time. It does not know how the stream was opened, or how many streams there are.
// Specification: Authentication Protocol. Tests: server-handshake.test.ts.
import type { Duplex } from 'node:stream';
import { AuthError } from '../auth/errors.js';
import type { ServerMechanism } from '../auth/mechanisms.js';
import { AuthServer, type ServerClaim, type ServerProgress, type ServerResult } from '../auth/server.js';
import type { Incoming, OpenedStream } from './incoming.js';
import { type SendLimits, StreamTransport } from './stream-transport.js';
import { onAbort, startTimer } from './waiting.js';

/** How a client is authenticated. */
export interface AcceptOptions extends SendLimits {
  /** The GUID of the address that the client has connected to. */
  readonly guid: string;
  readonly mechanisms: readonly ServerMechanism[];
  /** Decides about a client that a mechanism has accepted. An error of the hook counts as a refusal. */
  readonly authorize?: ((claim: ServerClaim) => boolean | Promise<boolean>) | undefined;
  /** Milliseconds from the first byte to BEGIN; Infinity for no limit. */
  readonly timeout: number;
  /** If it aborts, the handshake rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Whether the stream carries file descriptors. Default: false. */
  readonly unixFds?: boolean | undefined;
}

/** A client that is authenticated. */
export interface AcceptedClient {
  readonly transport: StreamTransport;
  readonly identity: {
    readonly mechanism: string;
    /** The user id that the mechanism has proved; undefined for ANONYMOUS. */
    readonly uid: string | undefined;
  };
  /** Whether messages with file descriptors were agreed upon. */
  readonly unixFds: boolean;
}

/** Milliseconds for sending the last answer to a client that is disconnected. */
const MAX_LINGER = 250;

/**
 * Authenticates the client at the other end of a stream, and makes the stream a transport. It reads the stream from the
 * call on. If it fails, it sends the pending answers and destroys the stream.
 * @throws {AuthError} if the client breaks the protocol, is rejected too often, closes the stream or does not finish in
 * time; its `cause` is the last error of `authorize` or of a mechanism, if there was one
 * @throws the stream's own error if the stream fails, the reason of `signal` if it aborts, the error of a mechanism
 */
export function acceptHandshake(opened: OpenedStream, options: AcceptOptions): Promise<AcceptedClient> {
  return new Accepting(opened, options).result;
}

class Accepting {
  readonly result: Promise<AcceptedClient>;
  readonly #stream: Duplex;
  readonly #incoming: Incoming;
  readonly #options: AcceptOptions;
  readonly #auth: AuthServer;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #endAbort: () => void;
  readonly #onError = (error: Error): void => this.#fail(error);
  readonly #onClose = (): void => this.#fail(this.#ended('CLIENT_CLOSED', 'the client closed the connection'));
  /** Chunks that arrived while a decision was pending, although the stream was paused. */
  readonly #early: Uint8Array[] = [];
  #hasEnded = false;
  #resolve!: (accepted: AcceptedClient) => void; // both are set by the promise
  #reject!: (error: unknown) => void;

  constructor({ stream, incoming }: OpenedStream, options: AcceptOptions) {
    const { guid, mechanisms, authorize, unixFds, timeout, signal } = options;
    this.#stream = stream;
    this.#incoming = incoming;
    this.#options = options;
    this.#auth = new AuthServer({ guid, mechanisms, authorize, unixFds });
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = startTimer(timeout, () => {
      this.#fail(this.#ended('AUTH_TIMED_OUT', 'the client did not authenticate in time'));
    });
    this.#endAbort = onAbort(signal, () => this.#fail(signal?.reason));
    stream.on('error', this.#onError);
    stream.on('end', this.#onClose);
    stream.on('close', this.#onClose);
    incoming.receive = (chunk) => this.#receive(chunk);
    if (signal?.aborted === true) this.#fail(signal.reason);
  }

  #ended(code: 'CLIENT_CLOSED' | 'AUTH_TIMED_OUT', found: string): AuthError {
    const { state } = this.#auth;
    return new AuthError(code, `${found} (state ${state}): it must get to BEGIN first`);
  }

  #receive(chunk: Uint8Array): void {
    try {
      this.#take(this.#auth.receive(chunk));
    } catch (error) {
      this.#fail(error);
    }
  }

  #take({ send, done, disconnect, pending }: ServerProgress): void {
    if (this.#hasEnded) return; // it ended while a decision was pending
    if (disconnect !== undefined) {
      this.#fail(disconnect, send);
      return;
    }
    if (send !== undefined) this.#stream.write(send);
    if (done !== undefined) this.#finish(done);
    if (pending === undefined) return;
    this.#stream.pause();
    this.#incoming.receive = (chunk) => void this.#early.push(new Uint8Array(chunk));
    pending.then(
      (progress) => this.#goOn(progress),
      (error: unknown) => this.#fail(error),
    );
  }

  #goOn(progress: ServerProgress): void {
    if (this.#hasEnded) return;
    this.#incoming.receive = (chunk) => this.#receive(chunk);
    this.#stream.resume(); // in a later tick, unless the next decision or the transport pauses it again
    this.#take(progress);
    if (this.#hasEnded) return;
    const early = joined(this.#early.splice(0));
    if (early.length > 0) this.#incoming.receive(early);
  }

  #finish({ mechanism, identity, unixFds, rest }: ServerResult): void {
    this.#stopListening();
    const { guid, maxSendLength } = this.#options;
    const handshaken = { guid, rest: joined([new Uint8Array(rest), ...this.#early.splice(0)]) }; // copies
    // In this turn, so that it misses no event of the stream.
    const transport = new StreamTransport(this.#stream, handshaken, { incoming: this.#incoming, maxSendLength });
    this.#resolve({ transport, identity: { mechanism, uid: identity }, unixFds });
  }

  #fail(error: unknown, lastAnswer?: Uint8Array): void {
    if (this.#hasEnded) return;
    this.#stopListening();
    const stream = this.#stream;
    stream.on('error', () => {}); // later errors of the stream are ignored
    if (lastAnswer === undefined || !stream.writable) {
      stream.destroy();
    } else {
      const timer = startTimer(MAX_LINGER, () => stream.destroy()); // the client may not read
      stream.once('close', () => clearTimeout(timer));
      stream.end(lastAnswer, () => stream.destroy());
    }
    if (error instanceof AuthError && this.#auth.refusal !== undefined) error.cause ??= this.#auth.refusal;
    this.#reject(error);
  }

  #stopListening(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#endAbort();
    this.#incoming.receive = () => {};
    this.#stream.off('error', this.#onError);
    this.#stream.off('end', this.#onClose);
    this.#stream.off('close', this.#onClose);
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
