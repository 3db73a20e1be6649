// Chunks of a byte stream into whole messages, however the stream was cut.
// It owns the bytes of the message that is not complete yet, and nothing else; it knows no socket.
// Specification: Message Format. (No clause: after an invalid message the reader has lost its footing for good.)
import { FIXED_HEADER_LENGTH, MAX_MESSAGE_LENGTH } from '../constants.js';
import { decodeMessage } from './decode.js';
import { UnmarshalError } from '../errors.js';
import { readFixedHeader } from './fixed-header.js';
import type { Message } from './message.js';

/** How much of a stream is taken. */
export interface ReaderOptions {
  /**
   * Longest message that is taken, in bytes: at most, and unless given, the 128 MiB of the specification. The values of
   * a message may take ten times its length in memory and more; who expects small messages says so here.
   */
  readonly maxMessageLength?: number | undefined;
}

/**
 * Cuts a stream of bytes into whole messages without reading more of them than the first 16 bytes, from which on an
 * impossible one is refused. Memory grows with the bytes that came, never with the length that a peer promises.
 */
export class FrameReader {
  /** The start of a message, in the first `#filled` bytes. */
  #partial = new Uint8Array(0);
  #filled = 0;
  /** Length of the partial message; undefined until its first 16 bytes are here. */
  #length: number | undefined;
  #failure: UnmarshalError | undefined;
  readonly #maxLength: number;

  constructor({ maxMessageLength = MAX_MESSAGE_LENGTH }: ReaderOptions = {}) {
    this.#maxLength = maxMessageLength;
  }

  /** Why this stream cannot be read any further; undefined while it can. */
  get failure(): UnmarshalError | undefined {
    return this.#failure;
  }

  /** Whether some bytes of a message are here and others are not. */
  get isInsideMessage(): boolean {
    return this.#filled > 0;
  }

  /**
   * The messages that `chunk` completes, undecoded. Each is a view of `chunk` or of memory that nobody else holds; who
   * keeps one longer than the chunk copies it. Whole messages before a broken one are returned; `failure` then is set,
   * and the next call throws it.
   * @throws {UnmarshalError} where the stream is broken and nothing came before
   */
  push(chunk: Uint8Array): Uint8Array[] {
    if (this.#failure !== undefined) throw this.#failure;
    const frames: Uint8Array[] = [];
    try {
      this.#cut(chunk, frames);
    } catch (error) {
      this.#failure = error as UnmarshalError; // readFixedHeader throws nothing else
      this.#partial = new Uint8Array(0);
      this.#filled = 0;
      if (frames.length === 0) throw error;
    }
    return frames;
  }

  #cut(chunk: Uint8Array, frames: Uint8Array[]): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#filled > 0) {
        offset = this.#complete(chunk, offset, frames);
        continue;
      }
      if (chunk.length - offset < FIXED_HEADER_LENGTH) return this.#keep(chunk.subarray(offset));
      const length = this.#lengthOf(chunk, offset);
      if (chunk.length - offset < length) {
        this.#length = length;
        return this.#keep(chunk.subarray(offset));
      }
      frames.push(chunk.subarray(offset, offset + length));
      offset += length;
    }
  }

  /** Takes what the partial message lacks from the chunk; returns how far it went. */
  #complete(chunk: Uint8Array, offset: number, frames: Uint8Array[]): number {
    const lacking = (this.#length ?? FIXED_HEADER_LENGTH) - this.#filled;
    const end = Math.min(offset + lacking, chunk.length);
    this.#keep(chunk.subarray(offset, end));
    if (this.#length === undefined && this.#filled === FIXED_HEADER_LENGTH) {
      this.#length = this.#lengthOf(this.#partial, 0);
    }
    if (this.#filled === this.#length) {
      frames.push(this.#partial.subarray(0, this.#filled));
      this.#partial = new Uint8Array(0);
      this.#filled = 0;
      this.#length = undefined;
    }
    return end;
  }

  #lengthOf(bytes: Uint8Array, offset: number): number {
    const { length } = readFixedHeader(bytes, offset);
    if (length <= this.#maxLength) return length;
    const problem = `a message of ${length} bytes, at most ${this.#maxLength} are taken here`;
    throw new UnmarshalError('MESSAGE_TOO_LONG', problem, { offset: 4 });
  }

  #keep(bytes: Uint8Array): void {
    const needed = this.#filled + bytes.length;
    if (needed > this.#partial.length) {
      // Doubling keeps a stream of single bytes linear; a promised length alone reserves nothing.
      const doubled = Math.max(needed, this.#partial.length * 2, FIXED_HEADER_LENGTH);
      const grown = new Uint8Array(Math.min(doubled, Math.max(this.#length ?? doubled, needed)));
      grown.set(this.#partial.subarray(0, this.#filled));
      this.#partial = grown;
    }
    this.#partial.set(bytes, this.#filled);
    this.#filled = needed;
  }
}

/** Reads messages from a stream of bytes, whatever its chunks are. */
export class MessageReader {
  #frames: FrameReader;
  #failure: UnmarshalError | undefined;

  constructor(options?: ReaderOptions) {
    this.#frames = new FrameReader(options);
  }

  /** Why this stream cannot be read any further; undefined while it can. */
  get failure(): UnmarshalError | undefined {
    return this.#failure;
  }

  /** Whether some bytes of a message are here and others are not: a stream that ends now was cut. */
  get isInsideMessage(): boolean {
    return this.#frames.isInsideMessage;
  }

  /**
   * The messages that `chunk` completes; none while the present one is incomplete. Good messages before a broken one
   * are returned; `failure` then is set, and the next call throws it. Behind a broken message nothing is delivered any
   * more.
   * @throws {UnmarshalError} where a message is broken and nothing came before ‹Message Format›
   */
  push(chunk: Uint8Array): Message[] {
    if (this.#failure !== undefined) throw this.#failure;
    const messages: Message[] = [];
    try {
      for (const frame of this.#frames.push(chunk)) messages.push(decodeMessage(frame));
      this.#failure = this.#frames.failure;
    } catch (error) {
      this.#failure = error as UnmarshalError; // decodeMessage throws nothing else
      this.#frames = new FrameReader(); // what is kept of later messages is of no use any more
      if (messages.length === 0) throw error;
    }
    return messages;
  }
}
