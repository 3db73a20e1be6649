// The client's side of the handshake on one stream: it moves bytes between the stream and the state machine of
// auth/client.ts, and limits the time. It does not know how the stream was opened.
// Tests: handshake.test.ts, test/connection/hostile-peer.test.ts.
// Specification: Authentication Protocol.
import type { Duplex } from 'node:stream';
import type { AuthClient, ClientState } from '../auth/client.js';
import { AuthError } from '../auth/errors.js';
import { type SendLimits, StreamTransport } from './stream-transport.js';
import type { Transport } from './transport.js';
import { onAbort, startTimer } from './waiting.js';

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
}

/**
 * Authenticates on a stream, which may still be connecting, and makes it a transport. If it fails, it destroys the
 * stream.
 * @throws {AuthError} if the server rejects the client, has another GUID, breaks the protocol, closes the stream, or
 * does not answer in time; the stream's own error if the stream fails; the reason of `signal` if it aborts
 */
export function handshake(stream: Duplex, auth: AuthClient, options: HandshakeOptions): Promise<Transport> {
  return new Handshake(stream, auth, options).result;
}

/** A handshake that is running or has ended. */
export class Handshake {
  /** Settles when the handshake has ended. */
  readonly result: Promise<Transport>;
  readonly #stream: Duplex;
  readonly #auth: AuthClient;
  readonly #options: HandshakeOptions;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #endAbort: () => void;
  #resolve!: (transport: Transport) => void; // both are set by the promise
  #reject!: (error: unknown) => void;

  constructor(stream: Duplex, auth: AuthClient, options: HandshakeOptions) {
    this.#stream = stream;
    this.#auth = auth;
    this.#options = options;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { timeout, signal } = options;
    this.#timer = startTimer(timeout, () => this.#fail(auth.abandon('AUTH_TIMED_OUT')));
    this.#endAbort = onAbort(signal, () => this.#fail(signal?.reason));
    stream.on('error', (error) => this.#fail(error));
    stream.on('close', () => this.#fail(auth.abandon('SERVER_CLOSED')));
    stream.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    if ('connecting' in stream && stream.connecting === true) stream.on('connect', () => this.#begin());
    else this.#begin();
  }

  /** The state of the client; `Initial` while the stream is connecting. */
  get state(): ClientState {
    return this.#auth.state;
  }

  #begin(): void {
    try {
      const start = this.#auth.start();
      this.#stream.write(this.#auth.hasBegun ? concat(start, this.#options.greeting) : start);
    } catch (error) {
      this.#fail(error);
    }
  }

  #receive(chunk: Uint8Array): void {
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
      // In this turn, so that it misses no event of the stream.
      this.#resolve(new StreamTransport(this.#stream, done, this.#options));
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#stopListening();
    this.#stream.on('error', () => {}); // nothing waits for the stream any more: later errors are ignored
    this.#stream.destroy();
    this.#reject(error);
  }

  #stopListening(): void {
    clearTimeout(this.#timer);
    this.#endAbort();
    for (const event of ['error', 'close', 'connect', 'data']) this.#stream.removeAllListeners(event);
  }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
