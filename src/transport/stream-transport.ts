// A transport on a stream of Node: it collects the messages of one turn of the event loop for one write, and limits how
// much a peer that does not read can make this side store. How the stream was opened (open.ts) and authenticated
// (client-handshake.ts) is not its concern. Specification: Authentication Protocol (the messages after BEGIN).
// Tests: stream-transport.test.ts, test/hostile/deaf-peers.heavy.test.ts.
import type { Duplex } from 'node:stream';
import type { EncodeOptions } from '../wire/messages/encode.js';
import type { Message } from '../wire/messages/message.js';
import { OutputBuffer } from '../wire/messages/output-buffer.js';
import { EndOfStreamError, OutputOverflowError } from './errors.js';
import { type Incoming, incomingOf } from './incoming.js';
import type { Transport, TransportEvents } from './transport.js';
import { startTimer } from './waiting.js';

/** Above this many unsent bytes (8 MiB) the transport is congested: the peer has to take some before it is read. */
const CONGESTED_ABOVE = 2 ** 23;
/** At this many unsent bytes (1 MiB) or fewer it is no longer congested. */
const RELIEVED_AT = 2 ** 20;
/** Milliseconds between two checks of how much was sent, while the transport is congested. */
const CHECK_INTERVAL = 1_000;
/** If the peer reads nothing in this many intervals (10 s) while the transport is congested, it has stopped reading. */
const STALLED_AFTER = 10;
/**
 * If the peer has read nothing in an interval, it may be waiting for this side to read. The transport then counts as
 * congested only after this many further bytes (1 MiB).
 */
const TOLERANCE = 2 ** 20;
/** Above this many unsent bytes (512 MiB) the stream is closed, even if the peer reads. */
const MAX_QUEUED_BYTES = 2 ** 29;
/** The most bytes that the stream is given at once (256 KiB). Its answer shows that the peer has taken them. */
const MAX_PIECE = 2 ** 18;
/** How long to wait for the peer to end its side after everything was sent, in milliseconds. */
const MAX_LINGER = 250;

const RESOLVED = Promise.resolve();
const NO_BYTES = new Uint8Array(0);

/** Limits of what is sent. */
export interface SendLimits {
  /** Longest message that is sent, in bytes. Default: 128 MiB, the limit of the specification. */
  readonly maxSendLength?: number | undefined;
}

/** The result of the handshake that made a stream a transport. */
export interface Handshaken {
  readonly guid: string;
  /** The bytes that arrived after the last line of the handshake, in the same chunk. */
  readonly rest: Uint8Array;
}

/** Options of a {@link StreamTransport}. */
export interface StreamTransportOptions extends SendLimits {
  /** The source of the stream's bytes. Default: the `data` events of the stream. */
  readonly incoming?: Incoming | undefined;
  /** Above this many unsent bytes the stream is closed. Default: 512 MiB. */
  readonly maxQueuedBytes?: number | undefined;
}

/** A stream that can keep the process alive: a socket can, one in memory cannot. */
type Refable = Duplex & { ref?(): unknown; unref?(): unknown };

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

/** The transports that are flushed in the next tick: one tick for all, since a message bus writes to many in a turn. */
let toFlush: StreamTransport[] = [];

function flushAll(): void {
  const transports = toFlush;
  toFlush = [];
  for (const transport of transports) transport.flush();
}

/** A tick that is queued by a microtask runs after all microtasks: what they send leaves in the same write. */
const flushNextTick = (): void => process.nextTick(flushAll);

function flushLater(transport: StreamTransport): void {
  if (toFlush.push(transport) === 1) void RESOLVED.then(flushNextTick);
}

/** A transport on a stream that has passed the handshake. */
export class StreamTransport implements Transport {
  readonly guid: string;
  readonly maxSendLength: number | undefined;
  readonly #stream: Duplex;
  readonly #incoming: Incoming;
  readonly #output: OutputBuffer;
  readonly #maxQueuedBytes: number;
  #rest: Uint8Array;
  #relieved: (() => void) | undefined;
  /** Set by watchPeer(), until start(). */
  #left: (() => void) | undefined;
  #isFlushScheduled = false;
  #isEnding = false;
  #cause: Error | undefined;
  /** The chunk of the output that is being sent; the stream has been given its first `#given` bytes. */
  #chunk: Uint8Array = NO_BYTES;
  #given = 0;
  /** Length of the piece that the stream has been given and has not sent; 0 if there is none. */
  #pieceLength = 0;
  /** Bytes of the chunk that the stream has not sent. */
  #unsentBytes = 0;
  /** All bytes that the stream has sent so far. */
  #takenBytes = 0;
  /** All bytes that were written to the stream so far: the system may have them. */
  #sentBytes = 0;
  /** Bytes that were discarded because the stream has ended. */
  #lostBytes = 0;
  #isCongested = false;
  #congestedAbove = CONGESTED_ABOVE;
  /** Runs from the start of a congestion until few bytes wait. */
  #congestionCheck: NodeJS.Timeout | undefined;
  #isRef = true;
  #takenAtCheck = 0;
  #idleChecks = 0;
  #drained: Deferred | undefined;
  readonly #onSent = (error?: Error | null): void => {
    if (error === undefined || error === null) this.#sent();
  };

  constructor(stream: Duplex, { guid, rest }: Handshaken, options: StreamTransportOptions = {}) {
    const { incoming = incomingOf(stream), maxSendLength, maxQueuedBytes = MAX_QUEUED_BYTES } = options;
    this.#stream = stream;
    this.#incoming = incoming;
    this.#rest = rest;
    this.#maxQueuedBytes = maxQueuedBytes;
    this.guid = guid;
    this.maxSendLength = maxSendLength;
    this.#output = new OutputBuffer({ maxMessageLength: maxSendLength });
    incoming.receive = () => {}; // nothing arrives before start()
    stream.pause();
    // An error without a listener would end the process, so there is one from the start.
    stream.on('error', (error) => {
      this.#cause ??= error;
    });
    // A peer that has ended its side sends no more replies: the connection is over for both sides.
    stream.on('end', () => this.destroy(new EndOfStreamError()));
    stream.on('close', () => {
      this.#release();
      this.#left?.();
    });
  }

  get queuedBytes(): number {
    return this.#unsentBytes + this.#output.length;
  }

  get writtenBytes(): number {
    return this.#sentBytes + this.#lostBytes + this.#chunk.length - this.#given + this.#output.length;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  get isCongested(): boolean {
    return this.#isCongested;
  }

  /**
   * Calls `left` if the stream ends before start() and nothing is left to be read. While the stream is paused, Node
   * reports the end only if no bytes wait before it.
   */
  watchPeer(left: () => void): void {
    if (this.#rest.length > 0) return;
    this.#left = left;
  }

  start({ receive, relieved, end }: TransportEvents): void {
    const stream = this.#stream;
    this.#left = undefined;
    this.#incoming.receive = receive;
    this.#relieved = relieved;
    const rest = this.#rest;
    this.#rest = NO_BYTES;
    if (stream.closed) {
      queueMicrotask(() => {
        if (rest.length > 0) receive(rest);
        end(this.#cause);
      });
      return;
    }
    stream.on('close', () => end(this.#cause));
    if (rest.length === 0) {
      stream.resume(); // begins in a later tick
      return;
    }
    // Not before the rest: after an earlier resume() of the stream, all bytes could arrive in the next tick.
    process.nextTick(() => {
      receive(rest);
      if (!this.#isCongested) stream.resume();
    });
  }

  write(message: Message, options: EncodeOptions): void {
    try {
      this.#output.append(message, options);
    } finally {
      this.#scheduleFlush(); // even if it throws: a getter of a value can have written another message
    }
  }

  writeBytes(message: Uint8Array): void {
    this.#output.appendBytes(message);
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    const { queuedBytes } = this;
    if (queuedBytes > this.#maxQueuedBytes) {
      this.destroy(OutputOverflowError.tooMuch(queuedBytes, this.#maxQueuedBytes));
    }
    if (!this.#stream.writable) this.#discardOutput();
    else if (queuedBytes > this.#congestedAbove) this.#congest();
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    flushLater(this);
  }

  flush(): void {
    this.#isFlushScheduled = false;
    if (this.#pieceLength === 0) this.#sendPiece();
  }

  /** Gives the stream the next piece, if it has none and accepts more. */
  #sendPiece(): void {
    if (!this.#stream.writable) return;
    if (this.#given === this.#chunk.length) {
      this.#chunk = this.#output.take();
      this.#given = 0;
      this.#unsentBytes = this.#chunk.length;
      if (this.#chunk.length === 0) {
        if (this.#isEnding) this.#endStream();
        return;
      }
    }
    const isWhole = this.#chunk.length <= MAX_PIECE;
    const piece = isWhole ? this.#chunk : this.#chunk.subarray(this.#given, this.#given + MAX_PIECE);
    this.#given += piece.length;
    this.#sentBytes += piece.length;
    this.#pieceLength = piece.length;
    this.#stream.write(piece, this.#onSent);
  }

  #sent(): void {
    this.#takenBytes += this.#pieceLength;
    this.#unsentBytes -= this.#pieceLength;
    this.#pieceLength = 0;
    if (this.#unsentBytes === 0) this.#output.recycle();
    this.#sendPiece();
    if (this.#congestionCheck === undefined && this.#drained === undefined) return;
    if (this.queuedBytes <= RELIEVED_AT) this.#endCongestion();
  }

  drained(): Promise<void> {
    if (this.queuedBytes <= RELIEVED_AT || !this.#stream.writable) return RESOLVED;
    this.#drained ??= newDeferred();
    return this.#drained.promise;
  }

  end(): void {
    this.#isEnding = true;
    this.flush();
  }

  #endStream(): void {
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

  #discardOutput(): void {
    this.#lostBytes += this.#output.length;
    this.#output.clear();
  }

  ref(): void {
    this.#isRef = true;
    (this.#stream as Refable).ref?.();
    this.#congestionCheck?.ref();
  }

  unref(): void {
    this.#isRef = false;
    (this.#stream as Refable).unref?.();
    this.#congestionCheck?.unref();
  }

  /** The stream is closed: no output waits. */
  #release(): void {
    if (this.#chunk.length > 0) this.#output.recycle();
    this.#lostBytes += this.#chunk.length - this.#given;
    this.#chunk = NO_BYTES;
    this.#given = 0;
    this.#unsentBytes = 0;
    this.#discardOutput();
    clearInterval(this.#congestionCheck);
    this.#drained?.resolve();
  }

  #congest(): void {
    if (this.#isCongested) return;
    this.#isCongested = true;
    this.#stream.pause();
    if (this.#congestionCheck !== undefined) return;
    this.#takenAtCheck = this.#takenBytes;
    this.#idleChecks = 0;
    this.#congestionCheck = setInterval(() => this.#checkProgress(), CHECK_INTERVAL);
    if (!this.#isRef) this.#congestionCheck.unref();
  }

  #checkProgress(): void {
    if (this.#takenBytes !== this.#takenAtCheck) {
      this.#takenAtCheck = this.#takenBytes;
      this.#idleChecks = 0;
      return;
    }
    this.#idleChecks = this.queuedBytes > CONGESTED_ABOVE ? this.#idleChecks + 1 : 0;
    if (this.#idleChecks >= STALLED_AFTER) {
      const seconds = (STALLED_AFTER * CHECK_INTERVAL) / 1_000;
      this.destroy(OutputOverflowError.stalled(this.queuedBytes, seconds));
      return;
    }
    this.#congestedAbove = this.queuedBytes + TOLERANCE;
    this.#relieve();
  }

  /** Few bytes wait: messages that were held back are passed on. */
  #endCongestion(): void {
    clearInterval(this.#congestionCheck);
    this.#congestionCheck = undefined;
    this.#congestedAbove = CONGESTED_ABOVE;
    this.#drained?.resolve();
    this.#drained = undefined;
    this.#relieve();
  }

  #relieve(): void {
    if (!this.#isCongested) return;
    this.#isCongested = false;
    this.#relieved?.();
    if (!this.#isCongested) this.#stream.resume(); // messages that were held back can have caused the next congestion
  }
}

function newDeferred(): Deferred {
  let resolve!: () => void; // set by the promise
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
