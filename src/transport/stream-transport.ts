// A transport on a stream of Node: it collects the messages of one turn of the event loop for one write, and limits how
// much a peer that does not read can make this side store. How the stream was opened (open.ts) and authenticated
// (handshake.ts) is not its concern. Specification: Authentication Protocol (the stream of messages after BEGIN).
import type { Duplex } from 'node:stream';
import type { EncodeOptions } from '../wire/messages/encode.js';
import type { Message } from '../wire/messages/message.js';
import { OutputBuffer } from '../wire/messages/output-buffer.js';
import { EndOfStreamError, OutputOverflowError } from './errors.js';
import type { Transport, TransportEvents } from './transport.js';
import { startTimer } from './waiting.js';

/** Above this many unsent bytes, reading pauses: a peer that floods us with calls has to take our replies first. */
const READ_PAUSE_THRESHOLD = 8 * 2 ** 20;
/** Longest such pause, in milliseconds. Otherwise two peers that each wait for the other to read would wait forever. */
const MAX_READ_PAUSE = 1_000;
/** How long to wait for the peer to end its side after everything was sent, in milliseconds. */
const MAX_LINGER = 250;
/** Above this many unsent bytes (256 MiB), the stream is cut: the peer has stopped reading. */
const MAX_QUEUED_BYTES = 2 ** 28;

const RESOLVED = Promise.resolve();

/** Limits of what is sent. */
export interface SendLimits {
  /** Longest message that is sent, in bytes. Default: 128 MiB, the limit of the specification. */
  readonly maxSendLength?: number | undefined;
}

/** A transport on a stream that has passed the handshake. */
export class StreamTransport implements Transport {
  readonly guid: string;
  readonly #stream: Duplex;
  readonly #output: OutputBuffer;
  #isFlushScheduled = false;
  /** Bytes that the stream has been given and has not sent. */
  #unsentBytes = 0;
  #readPause: NodeJS.Timeout | undefined;
  #cause: Error | undefined;
  /** A tick that is queued by a microtask runs after all microtasks: what they send leaves in the same write. */
  readonly #flushNextTick = (): void => process.nextTick(this.#flushNow);
  readonly #flushNow = (): void => this.flush();

  /** `rest` holds the bytes that arrived after the last line of the handshake, in the same chunk. */
  constructor(stream: Duplex, { guid, rest }: { guid: string; rest: Uint8Array }, { maxSendLength }: SendLimits = {}) {
    this.#stream = stream;
    this.guid = guid;
    this.#output = new OutputBuffer({ maxMessageLength: maxSendLength });
    stream.pause();
    if (rest.length > 0) stream.unshift(rest);
    // An error without a listener would end the process, so there is one from the start.
    stream.on('error', (error) => {
      this.#cause ??= error;
    });
    // A peer that has ended its side sends no more replies: the connection is over for both sides.
    stream.on('end', () => this.destroy(new EndOfStreamError()));
  }

  get queuedBytes(): number {
    return this.#unsentBytes + this.#output.length;
  }

  start({ receive, end }: TransportEvents): void {
    const stream = this.#stream;
    if (stream.closed) queueMicrotask(() => end(this.#cause));
    else stream.on('close', () => end(this.#cause));
    stream.on('data', receive);
    stream.resume();
  }

  write(message: Message, options: EncodeOptions): void {
    try {
      this.#output.append(message, options);
    } finally {
      this.#scheduleFlush(); // also if it throws: a getter of a value can have written another message
    }
  }

  #scheduleFlush(): void {
    const { queuedBytes } = this;
    if (queuedBytes > MAX_QUEUED_BYTES) this.destroy(new OutputOverflowError(queuedBytes, MAX_QUEUED_BYTES));
    if (!this.#stream.writable) this.#output.clear();
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    void RESOLVED.then(this.#flushNextTick);
  }

  flush(): void {
    this.#isFlushScheduled = false;
    if (!this.#stream.writable) return;
    const isLong = this.#output.isLong;
    if (isLong) this.#stream.cork(); // all chunks leave in one write
    for (let bytes = this.#output.take(); bytes.length > 0; bytes = this.#output.take()) {
      const chunk = bytes;
      this.#unsentBytes += chunk.length;
      this.#stream.write(chunk, () => this.#sent(chunk));
    }
    if (isLong) this.#stream.uncork();
    if (this.#unsentBytes > READ_PAUSE_THRESHOLD) this.#pauseReading();
  }

  #sent(bytes: Uint8Array): void {
    this.#unsentBytes -= bytes.length;
    this.#output.recycle(); // a stream sends its chunks in order
    if (this.#unsentBytes <= READ_PAUSE_THRESHOLD) this.#resumeReading();
  }

  end(): void {
    this.flush();
    // When the peer ends its side, it has read everything. It may never do so, hence the limit.
    this.#stream.end(() => {
      const timer = startTimer(MAX_LINGER, () => this.#stream.destroy());
      this.#stream.once('close', () => clearTimeout(timer));
    });
  }

  destroy(cause?: Error): void {
    this.#cause ??= cause;
    this.#stream.destroy();
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
