// The byte stream under a connection: opened at the first address that takes us, authenticated, then bytes in and
// messages out. It owns the socket and the one output buffer, which goes out in one write per turn of the event loop.
// It knows no message types: what arrives is handed on as chunks.
// Specification: Authentication Protocol, Server Addresses.
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { AuthClient } from '../auth/client.js';
import { AuthError, type AuthErrorCode } from '../auth/errors.js';
import { external } from '../auth/mechanisms.js';
import { encodeMessage, type EncodeOptions, writeMessage } from '../wire/messages/encode.js';
import type { Message } from '../wire/messages/message.js';
import { ABORT_SIGNAL, MILLISECONDS, type OptionRules } from '../wire/options.js';
import { Writer } from '../wire/values/writer.js';
import { type Address, formatAddress, readAddressList } from '../protocol/address.js';
import { AddressError } from '../protocol/errors.js';
import { socketPathOf } from '../transport/unix.js';
import { ConnectError, EndOfStreamError, OutputOverflowError } from '../transport/errors.js';
import { argumentError } from './bus-argument.js';
import { onAbort } from './on-abort.js';
import { startTimer } from './timer.js';

/** Bytes waiting to be sent above which nothing is read: who floods us with calls waits for our answers to leave. */
const READ_PAUSE_THRESHOLD = 8 * 2 ** 20;
/** The most that nothing is read for that, in milliseconds: two peers who both wait to be read would wait for ever. */
const MAX_READ_PAUSE = 1_000;
/** How long a peer that was sent everything may take to end its side as well, in milliseconds. */
const MAX_LINGER = 250;
/** Bytes waiting to be sent above which the peer is taken to have stopped reading for good: 256 MiB. */
const MAX_QUEUED_BYTES = 2 ** 28;
/** An output buffer that grew past this is not kept for the next turn. */
const MAX_SPARE_CAPACITY = 2 ** 18;

function newWriter(): Writer {
  const writer = new Writer();
  writer.allowsUnixFds = false; // a socket of Node takes bytes, and nothing beside them
  return writer;
}

/** Who is told what happens to a transport. */
export interface TransportEvents {
  /** Bytes came; they are the receiver's until it returns. */
  readonly receive: (chunk: Uint8Array) => void;
  /** The stream has ended; nothing follows. Without a cause it was this side that ended it. */
  readonly end: (cause: Error | undefined) => void;
}

/** An authenticated stream that messages are written to. */
export class Transport {
  /** The server's GUID, as it gave it in the handshake. */
  readonly guid: string;
  readonly #stream: Duplex;
  #writer = newWriter();
  #spare: Writer | undefined = newWriter();
  /** Messages that were sent while another was being written: a value's getter may do that. */
  #nested: Uint8Array[] = [];
  #isWriting = false;
  #isFlushing = false;
  #queuedBytes = 0;
  #readPause: NodeJS.Timeout | undefined;
  #error: Error | undefined;

  /** `rest` is what came behind the handshake in one chunk with it. */
  constructor(stream: Duplex, { guid, rest }: { guid: string; rest: Uint8Array }) {
    this.#stream = stream;
    this.guid = guid;
    stream.pause();
    if (rest.length > 0) stream.unshift(rest);
    // From the first moment on: an error that nobody listens for ends the process.
    stream.on('error', (error) => {
      this.#error ??= error;
    });
    // A peer that ends its side will send no reply any more: the connection is over for both.
    stream.on('end', () => this.destroy(new EndOfStreamError()));
  }

  /** Bytes that wait to be taken by the peer. */
  get queuedBytes(): number {
    return this.#queuedBytes + this.#writer.offset;
  }

  /** Starts the flow of bytes; to be called once. Nothing is told before the present turn's work is done. */
  start({ receive, end }: TransportEvents): void {
    const stream = this.#stream;
    if (stream.closed) queueMicrotask(() => end(this.#error));
    else stream.on('close', () => end(this.#error));
    stream.on('data', receive);
    stream.resume();
  }

  /**
   * Writes a message into the output buffer, which leaves with all others of this turn; throws what encoding throws. A
   * message that refers to file descriptors is refused, whatever the options say: `UNIX_FD_NOT_SENDABLE`.
   * Where 256 MiB wait to be taken, the stream is cut.
   */
  write(message: Message, options: EncodeOptions): void {
    if (this.#isWriting) {
      const { serial, byteOrder } = options;
      this.#nested.push(encodeMessage(message, { serial, byteOrder, allowUnixFds: false }));
      return;
    }
    this.#isWriting = true;
    try {
      writeMessage(this.#writer, message, options);
    } finally {
      this.#isWriting = false;
      if (this.#nested.length > 0) this.#appendNested();
      this.#scheduleFlush();
    }
  }

  #appendNested(): void {
    const writer = this.#writer;
    for (const bytes of this.#nested.splice(0)) {
      writer.origin = writer.offset;
      writer.reserve(bytes.length);
      writer.bytes.set(bytes, writer.offset);
      writer.offset += bytes.length;
    }
  }

  #scheduleFlush(): void {
    if (this.queuedBytes > MAX_QUEUED_BYTES) this.destroy(new OutputOverflowError(this.queuedBytes));
    if (this.#stream.destroyed) this.#writer = newWriter();
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
    this.#writer = this.#spare ?? newWriter();
    this.#spare = undefined;
    this.#queuedBytes += length;
    this.#stream.write(writer.bytes.subarray(0, length), () => this.#sent(writer, length));
    if (this.#queuedBytes > READ_PAUSE_THRESHOLD) this.#pauseReading();
  }

  /** Sends what is buffered, then ends the stream. */
  end(): void {
    this.flush();
    // Once all is written, the peer's own end tells that it was read; a peer may keep that open as long as it likes.
    this.#stream.end(() => {
      const timer = startTimer(MAX_LINGER, () => this.#stream.destroy());
      this.#stream.once('close', () => clearTimeout(timer));
    });
  }

  /** Cuts the stream; `error` is what the end is told to be caused by. */
  destroy(error?: Error): void {
    this.#error ??= error;
    this.#stream.destroy();
  }

  #sent(writer: Writer, length: number): void {
    this.#queuedBytes -= length;
    if (writer.bytes.length <= MAX_SPARE_CAPACITY) {
      writer.offset = 0;
      this.#spare = writer;
    }
    if (this.#queuedBytes <= READ_PAUSE_THRESHOLD) this.#resumeReading();
  }

  #pauseReading(): void {
    if (this.#readPause !== undefined) return;
    this.#stream.pause();
    this.#readPause = setTimeout(() => this.#resumeReading(), MAX_READ_PAUSE);
  }

  #resumeReading(): void {
    if (this.#readPause === undefined) return;
    clearTimeout(this.#readPause);
    this.#readPause = undefined;
    this.#stream.resume();
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

/** The rules of {@link OpenOptions}. */
export const OPEN_RULES: OptionRules<OpenOptions> = {
  signal: ABORT_SIGNAL,
  connectTimeout: MILLISECONDS,
  uid: { must: 'a user id as a string', accepts: (value) => typeof value === 'string' && value !== '' },
};

/** What of opening a transport is not for users to choose. */
export interface GreetingOptions extends OpenOptions {
  /**
   * The first message, written right behind the handshake: with it, a connection that is greeted costs one round trip.
   */
  readonly greeting?: Uint8Array | undefined;
}

/**
 * Connects to one address and authenticates: in one round trip if the server takes us as whom we claim to be, else once
 * more and step by step. A server that rejects what BEGIN was sent along with has to disconnect. File descriptors are
 * always negotiated, although Node drops them: to a client that did not ask, dbus-daemon does not deliver a message
 * that has some, and dbus-broker closes the connection.
 */
async function openAddress(address: Address, options: GreetingOptions): Promise<Transport> {
  const claimed = options.uid ?? process.getuid?.().toString();
  const mechanisms = [external({ uid: claimed })];
  if (claimed !== undefined && options.greeting !== undefined) {
    try {
      return await openWith(new AuthClient({ mechanisms, negotiateUnixFds: true, earlyBegin: true }), address, options);
    } catch (error) {
      if (!(error instanceof AuthError) || !MAY_DO_STEP_BY_STEP.includes(error.code)) throw error;
    }
  }
  return openWith(new AuthClient({ mechanisms, negotiateUnixFds: true }), address, options);
}

/** How a handshake with an early BEGIN ends at a server that might take us without. */
const MAY_DO_STEP_BY_STEP: readonly AuthErrorCode[] = ['REJECTED', 'SERVER_CLOSED', 'UNEXPECTED_COMMAND'];

function openWith(auth: AuthClient, address: Address, options: GreetingOptions): Promise<Transport> {
  const { signal, connectTimeout = CONNECT_TIMEOUT, greeting = new Uint8Array(0) } = options;
  const path = socketPathOf(address);
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const timer = startTimer(connectTimeout, () => fail(auth.abandon('TIMED_OUT')));
    const endAbort = onAbort(signal, () => fail(signal?.reason));
    const settle = (): void => {
      clearTimeout(timer);
      endAbort();
      for (const event of ['error', 'close', 'connect', 'data']) socket.removeAllListeners(event);
    };
    const fail = (error: unknown): void => {
      settle();
      socket.on('error', () => {}); // what a socket says that was given up is of no interest
      socket.destroy();
      reject(error);
    };
    socket.on('error', fail);
    socket.on('close', () => fail(auth.abandon('SERVER_CLOSED')));
    socket.on('connect', () => {
      const start = auth.start();
      socket.write(auth.hasBegun ? concat(start, greeting) : start);
    });
    socket.on('data', (chunk: Uint8Array) => {
      try {
        const { send, done } = auth.receive(chunk);
        if (send !== undefined) socket.write(done === undefined ? send : concat(send, greeting));
        if (done === undefined) return;
        if (address.guid !== undefined && address.guid !== done.guid) {
          const problem = `the server's GUID is ${done.guid}, the address says ${address.guid}`;
          throw new AuthError('GUID_INVALID', problem);
        }
        settle();
        resolve(new Transport(socket, done));
      } catch (error) {
        fail(error);
      }
    });
  });
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** What the system's refusals mean for someone who connects. */
const SYSTEM_REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'no server listens there',
  EACCES: 'permission denied',
};

/** Why an address does not work, in words that do not repeat the address. */
function reasonOf(error: unknown): string {
  if (error instanceof AddressError) {
    return error.offset === undefined ? error.problem : `${error.problem} (offset ${error.offset})`;
  }
  if (!(error instanceof Error)) return String(error);
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall === undefined || code === undefined) return error.message;
  const reason = SYSTEM_REASONS[code];
  return `${syscall} ${code}${reason === undefined ? '' : ` (${reason})`}`;
}

/**
 * Opens the first address of a list that can be connected to and authenticates us. An entry that is no address is
 * passed over like one that does not answer.
 * @throws {AddressError} if no entry of the list is an address
 * @throws {ConnectError} if no address of it works
 */
export async function openTransport(addresses: string, options: GreetingOptions = {}): Promise<Transport> {
  if (typeof addresses !== 'string') {
    throw argumentError('connect', 'the addresses must be one string', addresses);
  }
  const errors: Error[] = [];
  for (const { text, address } of readAddressList(addresses)) {
    options.signal?.throwIfAborted();
    try {
      if (address instanceof AddressError) throw address;
      return await openAddress(address, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      const name = address instanceof AddressError ? JSON.stringify(text) : formatAddress(address);
      errors.push(new Error(`${name}: ${reasonOf(error)}`, { cause: error }));
    }
  }
  throw new ConnectError(addresses, errors);
}
