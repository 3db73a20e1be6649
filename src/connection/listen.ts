// A server for connections without a bus: it listens, authenticates its clients, and passes a Connection for each to a
// callback or an iterator. An error of one client ends only that client. It knows no bus. Tests: listen.test.ts.
// Specification: Server Addresses, Authentication Protocol.
import { channel } from 'node:diagnostics_channel';
import { MECHANISM_LIST } from '../auth/mechanisms.js';
import type { AddressParts } from '../protocol/address.js';
import {
  acceptClients, type AcceptClientsOptions, type ClientClaim, type ClientListener,
} from '../transport/accept-clients.js';
import type { AcceptedClient } from '../transport/server-handshake.js';
import type { StreamPeer } from '../transport/listener.js';
import { OPEN_RULES } from '../transport/open.js';
import { onAbort, runListener } from '../transport/waiting.js';
import { argumentError, isRecord } from '../wire/arguments.js';
import { ABORT_SIGNAL, checkOptions, FUNCTION, integer, MILLISECONDS, type OptionRules } from '../wire/options.js';
import { WAIT_RULES } from './call-options.js';
import { type Connection, connectionOn } from './connection.js';
import { RECEIVE_RULES, type ReceiveOptions, receiveOptions } from './receive-options.js';

/**
 * Gets each connection, and the identity of its client. It must export objects before it returns, so that calls find
 * them.
 */
export type ConnectionListener<Typed extends boolean = false> =
  (connection: Connection<Typed>, client: ClientClaim) => void;

/** An event on the channel `dbus-wire:refusal`: a client was not accepted. */
export interface Refusal {
  /** The address of the server. */
  readonly address: string;
  /** The reason; mostly an {@link AuthError} or a {@link ListenError}. */
  readonly error: unknown;
}

/** How a server listens, which clients it accepts, and the limits of what it receives from them. */
export interface PeerServerOptions<Typed extends boolean = false> extends AcceptClientsOptions, ReceiveOptions<Typed> {
  /** Gets each connection. Without it, connections wait until they are read by `for await`. */
  readonly onConnection?: ConnectionListener<Typed> | undefined;
  /**
   * The most connections at a time, including those that wait to be read. Further clients are disconnected. A client
   * that leaves before it is read, and has sent nothing, no longer counts. Default: 1,024.
   */
  readonly maxConnections?: number | undefined;
  /** If it aborts, the server closes as {@link PeerServer.close} does. */
  readonly signal?: AbortSignal | undefined;
}

const LISTEN_RULES: OptionRules<PeerServerOptions<boolean>> = {
  mechanisms: MECHANISM_LIST,
  authorize: FUNCTION,
  handshakeTimeout: MILLISECONDS,
  maxHandshakes: integer(1, 2 ** 20),
  maxSendLength: OPEN_RULES.maxSendLength,
  ...RECEIVE_RULES,
  onConnection: FUNCTION,
  maxConnections: integer(1, 2 ** 20),
  signal: ABORT_SIGNAL,
};

const CLOSE_RULES = { timeout: WAIT_RULES.timeout };
const MAX_CONNECTIONS = 1_024;

const refusals = channel('dbus-wire:refusal');

/** A client that is authenticated, but has no connection yet. */
interface WaitingClient {
  readonly client: AcceptedClient;
  readonly claim: ClientClaim;
}

/** A server that provides connections. */
export class PeerServer<Typed extends boolean = false>
  implements AsyncIterable<Connection<Typed>>, AsyncDisposable {
  readonly #options: PeerServerOptions<Typed>;
  readonly #connections = new Set<Connection<Typed>>();
  readonly #claims = new WeakMap<object, ClientClaim>();
  readonly #refused = new Map<string, number>();
  readonly #waiting: WaitingClient[] = [];
  /** Calls of `next` that wait for a client, or for the end. */
  readonly #readers: (() => void)[] = [];
  readonly #closed: Promise<void>;
  #listener: ClientListener | undefined;
  #isClosing = false;
  #endAbort: () => void = () => {};
  #resolveClosed!: () => void; // set by the promise in the constructor

  /** For {@link listen}. */
  constructor(options: PeerServerOptions<Typed>) {
    this.#options = options;
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** For {@link listen}: begins to listen. */
  async open(address: string | AddressParts): Promise<void> {
    const { signal } = this.#options;
    this.#listener = await acceptClients(address, this.#options, {
      hasRoom: () => this.#hasRoom(),
      onClient: (client, peer) => this.#take(client, peer),
      onError: (error, peer) => this.#refuse(error, peer),
    });
    if (signal?.aborted === true) {
      await this.close();
      signal.throwIfAborted();
    }
    this.#endAbort = onAbort(signal, () => void this.close());
  }

  /** The addresses as clients must write them, separated by `;`, each with its GUID. */
  get address(): string {
    return this.#listener?.addresses.join(';') ?? '';
  }

  /** The connections that are open, without those that wait to be read. */
  get connections(): ReadonlySet<Connection<Typed>> {
    return new Set(this.#connections);
  }

  /** How many clients were not accepted, by the code of the error. The channel `dbus-wire:refusal` has the errors. */
  get refused(): ReadonlyMap<string, number> {
    return new Map(this.#refused);
  }

  /** Resolves when the server and its connections have ended; never rejects. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /**
   * The identity that the client of a connection has proved; undefined if the connection does not belong to this
   * server.
   */
  clientOf(connection: Connection<Typed>): ClientClaim | undefined {
    return this.#claims.get(connection);
  }

  /**
   * Reads the connections, in order of arrival; ends when the server is closed. A connection receives nothing before it
   * is read, and nothing before the reader waits for something: export its objects first.
   * @throws {ArgumentError} if `onConnection` gets the connections
   */
  [Symbol.asyncIterator](): AsyncIterator<Connection<Typed>, undefined> {
    if (this.#options.onConnection !== undefined) {
      throw argumentError('for await', 'the server must have no onConnection', this.#options.onConnection);
    }
    return { next: () => this.#next(), return: async () => ({ value: undefined, done: true }) };
  }

  /** Lets the process end although the server listens. Its connections have functions of the same names. */
  unref(): this {
    this.#listener?.setRef(false);
    return this;
  }

  /** Keeps the process alive while the server listens, as a new server does. */
  ref(): this {
    this.#listener?.setRef(true);
    return this;
  }

  /**
   * Stops listening, then closes all connections: see {@link Connection.close}, which gets `timeout`. Resolves
   * when they have ended.
   */
  async close(options: { readonly timeout?: number | undefined } = {}): Promise<void> {
    checkOptions('close', options, CLOSE_RULES);
    if (!this.#isClosing) {
      this.#isClosing = true;
      this.#endAbort();
      for (const { client } of this.#waiting.splice(0)) client.transport.destroy();
      for (const read of this.#readers.splice(0)) read();
      const connections = [...this.#connections];
      await this.#listener?.close();
      await Promise.all(connections.map((connection) => connection.close(options)));
      this.#resolveClosed();
    }
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #hasRoom(): boolean {
    const { maxConnections = MAX_CONNECTIONS } = this.#options;
    return !this.#isClosing && this.#connections.size + this.#waiting.length < maxConnections;
  }

  #take(client: AcceptedClient, { address }: StreamPeer): void {
    const { mechanism, uid } = client.identity;
    const waiting = { client, claim: { mechanism, uid, address } };
    const { onConnection } = this.#options;
    if (onConnection !== undefined) {
      const connection = this.#connect(waiting);
      runListener(() => onConnection(connection, waiting.claim));
      return;
    }
    this.#waiting.push(waiting);
    client.transport.watchPeer(() => {
      const index = this.#waiting.indexOf(waiting);
      if (index >= 0) this.#waiting.splice(index, 1); // it has sent nothing that could be read
    });
    this.#readers.shift()?.();
  }

  /** A connection is made in a microtask, and receives nothing before all microtasks have run: a reader is in time. */
  async #next(): Promise<IteratorResult<Connection<Typed>, undefined>> {
    await undefined;
    while (!this.#isClosing) {
      const waiting = this.#waiting.shift();
      if (waiting !== undefined) return { value: this.#connect(waiting), done: false };
      await new Promise<void>((resolve) => this.#readers.push(resolve));
    }
    return { value: undefined, done: true };
  }

  #connect({ client, claim }: WaitingClient): Connection<Typed> {
    const connection = connectionOn(client.transport, receiveOptions(this.#options));
    this.#connections.add(connection);
    this.#claims.set(connection, claim);
    void connection.closed.then(() => this.#connections.delete(connection));
    return connection;
  }

  #refuse(error: unknown, { address }: StreamPeer): void {
    const code = isRecord(error) && typeof error['code'] === 'string' ? error['code'] : 'OTHER';
    this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
    if (refusals.hasSubscribers) refusals.publish({ address, error } satisfies Refusal);
  }
}

/**
 * Listens on all addresses of a list, without a bus: each client that authenticates becomes a {@link Connection}.
 * @throws {AddressError} if the list breaks the grammar, or a server cannot listen on one of its addresses
 * @throws {ListenError} if the system refuses an address, or the address is in use
 * @throws {ArgumentError} if an option is unknown, or its value is not valid; if `signal` aborts, its reason is thrown
 */
export async function listen<Typed extends boolean = false>(
  address: string | AddressParts, options: PeerServerOptions<Typed> = {},
): Promise<PeerServer<Typed>> {
  if (typeof address !== 'string' && !isRecord(address)) {
    throw argumentError('listen', 'the address must be a string, or the parts of an address', address);
  }
  checkOptions('listen', options, LISTEN_RULES);
  options.signal?.throwIfAborted();
  const server = new PeerServer<Typed>(options);
  await server.open(address);
  return server;
}
