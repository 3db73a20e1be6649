// The byte stream under a connection: opened at the first address that takes us, authenticated, then bytes in and
// messages out. It owns the socket and the one output buffer, which goes out in one write per turn of the event loop.
// It knows no message types: what arrives is handed on as chunks. Specification: Authentication Protocol, Server Addresses.
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { AuthClient } from '../auth/client.js';
import { AuthError } from '../auth/errors.js';
import { external } from '../auth/mechanisms.js';
import { type EncodeOptions, writeMessage } from '../wire/encode-message.js';
import type { Message } from '../wire/message.js';
import { Writer } from '../wire/writer.js';
import { type Address, formatAddress, parseAddresses, socketPathOf } from './address.js';
import { ConnectError, LinkError } from './errors.js';

/** Bytes waiting to be sent above which nothing more is read: who floods us with calls waits for our answers to leave. */
const READ_PAUSE_THRESHOLD = 8 * 2 ** 20;
/** Bytes waiting to be sent above which the peer is taken to have stopped reading for good. */
const MAX_QUEUED_BYTES = 2 ** 28;
/** An output buffer that grew past this is not kept for the next turn. */
const MAX_SPARE_CAPACITY = 2 ** 18;

/** The peer takes nothing of what is sent. */
export class OutputOverflowError extends LinkError {
  override readonly name = 'OutputOverflowError';
  readonly code = 'OUTPUT_OVERFLOW';

  constructor() {
    super(`the peer does not read: ${MAX_QUEUED_BYTES} bytes wait to be sent`);
  }
}

/** Who is told what happens to a transport. */
export interface TransportEvents {
  /** Bytes came; they are the receiver's until it returns. */
  readonly receive: (chunk: Uint8Array) => void;
  /** The stream has ended; nothing follows. */
  readonly end: (cause: Error | undefined) => void;
}

/** An authenticated stream that messages are written to. */
export class Transport {
  /** The server's GUID, as it gave it in the handshake. */
  readonly guid: string;
  readonly #stream: Duplex;
  /** Message bytes that came in one chunk with the end of the handshake. */
  #rest: Uint8Array;
  #writer = new Writer();
  #spare: Writer | undefined = new Writer();
  #isFlushing = false;
  #queuedBytes = 0;
  #error: Error | undefined;

  constructor(stream: Duplex, { guid, rest }: { guid: string; rest: Uint8Array }) {
    this.#stream = stream;
    this.guid = guid;
    this.#rest = rest;
  }

  /** Bytes that wait to be taken by the peer. */
  get queuedBytes(): number {
    return this.#queuedBytes + this.#writer.offset;
  }

  /** Starts the flow of bytes; to be called once. */
  start({ receive, end }: TransportEvents): void {
    const stream = this.#stream;
    stream.on('error', (error) => {
      this.#error ??= error;
    });
    stream.on('close', () => end(this.#error));
    // A peer that ends its side will send no reply any more: the connection is over for both.
    stream.on('end', () => stream.destroy());
    if (stream.destroyed) {
      queueMicrotask(() => end(this.#error));
      return;
    }
    if (this.#rest.length > 0) receive(this.#rest);
    this.#rest = new Uint8Array(0);
    stream.on('data', receive);
  }

  /** Writes a message into the output buffer, which leaves with all others of this turn; throws what encoding throws. */
  write(message: Message, options: EncodeOptions): void {
    writeMessage(this.#writer, message, options);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => this.flush());
  }

  /** Hands the output buffer to the socket now. */
  flush(): void {
    this.#isFlushing = false;
    const writer = this.#writer;
    const length = writer.offset;
    if (length === 0 || this.#stream.destroyed) return;
    // The socket holds the bytes until it has sent them; meanwhile messages go into the other buffer.
    this.#writer = this.#spare ?? new Writer();
    this.#spare = undefined;
    this.#queuedBytes += length;
    this.#stream.write(writer.bytes.subarray(0, length), () => this.#sent(writer, length));
    if (this.#queuedBytes > MAX_QUEUED_BYTES) this.destroy(new OutputOverflowError());
    else if (this.#queuedBytes > READ_PAUSE_THRESHOLD) this.#stream.pause();
  }

  /** Sends what is buffered, then ends the stream. */
  end(): void {
    this.flush();
    this.#stream.end();
  }

  /** Cuts the stream; `error` is what the end is told to be caused by. */
  destroy(error?: Error): void {
    this.#error ??= error;
    this.#stream.destroy();
  }

  #sent(writer: Writer, length: number): void {
    const wasPaused = this.#queuedBytes > READ_PAUSE_THRESHOLD;
    this.#queuedBytes -= length;
    if (writer.bytes.length <= MAX_SPARE_CAPACITY) {
      writer.offset = 0;
      this.#spare = writer;
    }
    if (wasPaused && this.#queuedBytes <= READ_PAUSE_THRESHOLD) this.#stream.resume();
  }
}

/** How long an address may take to accept and to authenticate us, in milliseconds, unless told otherwise. */
const CONNECT_TIMEOUT = 25_000;

/** How a transport is opened. */
export interface OpenOptions {
  /** Ends the attempt; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** The most that one address may take, in milliseconds; 25,000 unless given, Infinity for no limit. */
  readonly connectTimeout?: number | undefined;
  /** The identity claimed first, as decimal user id; this process's unless given. ‹EXTERNAL› */
  readonly uid?: string | undefined;
}

/** Connects to one address and authenticates. */
function openAddress(address: Address, { signal, connectTimeout = CONNECT_TIMEOUT, uid }: OpenOptions): Promise<Transport> {
  const path = socketPathOf(address);
  const auth = new AuthClient({ mechanisms: [external({ uid: uid ?? process.getuid?.().toString() })] });
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const timer = Number.isFinite(connectTimeout)
      ? setTimeout(() => fail(auth.abandon('TIMED_OUT')), connectTimeout)
      : undefined;
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      socket.removeAllListeners();
    };
    const fail = (error: unknown): void => {
      settle();
      socket.on('error', () => {}); // what a socket says that was given up is of no interest
      socket.destroy();
      reject(error);
    };
    const abort = (): void => fail(signal?.reason);
    signal?.addEventListener('abort', abort);
    socket.on('error', fail);
    socket.on('close', () => fail(auth.abandon('SERVER_CLOSED')));
    socket.on('connect', () => socket.write(auth.start()));
    socket.on('data', (chunk: Uint8Array) => {
      try {
        const { send, done } = auth.receive(chunk);
        if (send !== undefined) socket.write(send);
        if (done === undefined) return;
        if (address.guid !== undefined && address.guid !== done.guid) {
          const problem = `the server's GUID is ${done.guid}, the address says ${address.guid}`;
          throw new AuthError('GUID_INVALID', problem);
        }
        settle();
        socket.pause();
        resolve(new Transport(socket, done));
      } catch (error) {
        fail(error);
      }
    });
  });
}

/**
 * Opens the first address of a list that can be connected to and authenticates us.
 * @throws {AddressError} where the list itself is malformed
 * @throws {ConnectError} where no address of it works
 */
export async function openTransport(addresses: string, options: OpenOptions = {}): Promise<Transport> {
  const errors: Error[] = [];
  for (const address of parseAddresses(addresses)) {
    options.signal?.throwIfAborted();
    try {
      return await openAddress(address, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      errors.push(new Error(`${formatAddress(address)}: ${reason}`, { cause: error }));
    }
  }
  throw new ConnectError(addresses, errors);
}
