// An authenticated byte stream: bytes in as chunks, messages out through one output buffer, which leaves in one write a
// turn of the event loop. It does not know how the stream was opened (open.ts) or authenticated (handshake.ts).
// Specification: Authentication Protocol (what follows BEGIN).
import type { Duplex } from 'node:stream';
import { encodeMessage, type EncodeOptions, writeMessage } from '../wire/messages/encode.js';
import type { Message } from '../wire/messages/message.js';
import { Writer } from '../wire/values/writer.js';
import { EndOfStreamError, OutputOverflowError } from './errors.js';
import { startTimer } from './waiting.js';

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
