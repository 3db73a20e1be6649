// Cuts a stream of bytes into whole messages, however it is split into chunks, and can decode them.
// partial-message.ts owns the bytes of a message that is not complete yet. It knows no sockets.
// Specification: Message Format, Invalid Protocol and Spec Extensions.
import { checkBytes } from '../arguments.js';
import { FIXED_HEADER_LENGTH, MAX_MESSAGE_LENGTH } from '../constants.js';
import { decodeMessageAs } from './decode.js';
import { UnmarshalError } from '../errors.js';
import { readFixedHeader } from './fixed-header.js';
import type { Message } from './message.js';
import { checkOptions, FLAG, integer, type OptionRules } from '../options.js';
import { PartialMessage } from './partial-message.js';
import { READ_RULES, type Reading, type ReadOptions, toReading } from '../values/read-options.js';

/** The limits of a reader. */
export interface ReaderOptions {
  /**
   * Longest message that is accepted, in bytes, from 16 to 128 MiB. Default: 128 MiB, the limit of the specification.
   * The values of a message can take more than ten times its length in memory. Set a lower limit if you expect short
   * messages, and set `maxValues` too if they are decoded.
   */
  readonly maxMessageLength?: number | undefined;
}

/** The rules of {@link ReaderOptions}. */
export const READER_RULES: OptionRules<ReaderOptions> = {
  maxMessageLength: integer(FIXED_HEADER_LENGTH, MAX_MESSAGE_LENGTH),
};

/** The limits of a {@link FrameReader}, and whether it may keep chunks. */
export interface FrameReaderOptions extends ReaderOptions {
  /**
   * Whether the memory of a chunk is never used again after the chunk was pushed, as for the chunks of Node's sockets.
   * A long message is then joined from the chunks themselves, without copies of them. Default: false.
   */
  readonly keepChunks?: boolean | undefined;
}

const FRAME_READER_RULES: OptionRules<FrameReaderOptions> = {
  maxMessageLength: READER_RULES.maxMessageLength,
  keepChunks: FLAG,
};

/** The limits of a {@link MessageReader}, and how it reads values. */
export interface MessageReaderOptions extends FrameReaderOptions, ReadOptions {}

const MESSAGE_READER_RULES: OptionRules<MessageReaderOptions> = {
  maxMessageLength: READER_RULES.maxMessageLength,
  keepChunks: FLAG,
  maxValues: READ_RULES.maxValues,
  typedArrays: READ_RULES.typedArrays,
};

/**
 * Cuts a stream of bytes into whole messages and looks only at the first 16 bytes of each. Memory grows with the bytes
 * that arrive, never with the length that a peer announces.
 */
export class FrameReader {
  /** The start of a message that is not complete yet. */
  #partial: PartialMessage | undefined;
  #failure: UnmarshalError | undefined;
  readonly #maxLength: number;
  readonly #keepsChunks: boolean;

  /** @throws {ArgumentError} if an option is unknown, has a value of the wrong kind, or is out of range */
  constructor(options: FrameReaderOptions = {}) {
    checkOptions('FrameReader', options, FRAME_READER_RULES);
    this.#maxLength = options.maxMessageLength ?? MAX_MESSAGE_LENGTH;
    this.#keepsChunks = options.keepChunks ?? false;
  }

  /**
   * The reason why the rest of the stream cannot be read; undefined if it can. It is set if the first 16 bytes
   * of a message are not valid or announce a message that is too long: the start of the next one is then unknown. Close
   * the stream.
   */
  get failure(): UnmarshalError | undefined {
    return this.#failure;
  }

  /** Whether the stream is inside a message: a stream that ends now is cut short. */
  get isInsideMessage(): boolean {
    return this.#partial !== undefined;
  }

  /**
   * Takes the next bytes of the stream and returns the messages that they complete, undecoded. Each is a plain view of
   * the chunk, or has memory of its own: copy it to keep it after the memory of the chunk is used again. No bytes make
   * this method throw; check {@link failure} after each call. Once that is set, nothing is returned any more.
   * @throws {ArgumentError} if `chunk` is not a Uint8Array
   */
  push(chunk: Uint8Array): Uint8Array[] {
    checkBytes('FrameReader.push', 'chunk', chunk);
    const frames: Uint8Array[] = [];
    if (this.#failure !== undefined) return frames;
    try {
      this.#cut(plainBytes(chunk), frames);
    } catch (error) {
      if (!(error instanceof UnmarshalError)) throw error;
      this.#failure = error;
      this.#partial = undefined;
    }
    return frames;
  }

  #cut(chunk: Uint8Array, frames: Uint8Array[]): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#partial !== undefined) {
        offset = this.#complete(this.#partial, chunk, offset, frames);
        continue;
      }
      const rest = chunk.length - offset;
      const length = rest < FIXED_HEADER_LENGTH ? undefined : this.#lengthOf(chunk, offset);
      if (length === undefined || rest < length) {
        this.#partial = new PartialMessage(this.#keepsChunks);
        if (length !== undefined) this.#partial.length = length;
        this.#partial.add(chunk.subarray(offset));
        return;
      }
      frames.push(chunk.subarray(offset, offset + length));
      offset += length;
    }
  }

  /** Moves bytes from the chunk to the partial message until that is complete; returns the offset of the rest. */
  #complete(partial: PartialMessage, chunk: Uint8Array, offset: number, frames: Uint8Array[]): number {
    const missing = (partial.length ?? FIXED_HEADER_LENGTH) - partial.filled;
    const end = Math.min(offset + missing, chunk.length);
    partial.add(chunk.subarray(offset, end));
    if (partial.length === undefined && partial.filled === FIXED_HEADER_LENGTH) {
      partial.length = this.#lengthOf(partial.start, 0);
    }
    if (partial.filled === partial.length) {
      frames.push(partial.whole());
      this.#partial = undefined;
    }
    return end;
  }

  #lengthOf(bytes: Uint8Array, offset: number): number {
    return readFixedHeader(bytes, offset, this.#maxLength).length;
  }
}

/** The same memory as a plain Uint8Array: cutting a Buffer of Node takes several times as long. */
function plainBytes(chunk: Uint8Array): Uint8Array {
  return chunk.constructor === Uint8Array ? chunk : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
}

/** A message that breaks the specification, in a stream that can still be read. */
export interface InvalidMessage {
  /** The rule that the message breaks. */
  readonly error: UnmarshalError;
  /** The bytes of the message, a view as {@link FrameReader} returns it. */
  readonly frame: Uint8Array;
}

const NONE: readonly InvalidMessage[] = Object.freeze([]);

/**
 * Reads messages from a stream of bytes, however it is split into chunks. A message that breaks a rule is lost, but not
 * the ones after it, if its first 16 bytes are valid.
 */
export class MessageReader {
  readonly #frames: FrameReader;
  readonly #reading: Reading;
  #invalid = NONE;

  /** @throws {ArgumentError} if an option is unknown, has a value of the wrong kind, or is out of range */
  constructor(options: MessageReaderOptions = {}) {
    checkOptions('MessageReader', options, MESSAGE_READER_RULES);
    const { maxMessageLength, keepChunks } = options;
    this.#frames = new FrameReader({ maxMessageLength, keepChunks });
    this.#reading = toReading(options);
  }

  /** The reason why the rest of the stream cannot be read; undefined if it can. See {@link FrameReader}. */
  get failure(): UnmarshalError | undefined {
    return this.#frames.failure;
  }

  /**
   * The messages that the last {@link push} left out because they are invalid, in the order of the stream. A receiver
   * that cannot do without them must close the stream.
   */
  get invalid(): readonly InvalidMessage[] {
    return this.#invalid;
  }

  /** Whether the stream is inside a message: a stream that ends now is cut short. */
  get isInsideMessage(): boolean {
    return this.#frames.isInsideMessage;
  }

  /**
   * Takes the next bytes of the stream and returns the valid messages that they complete. The messages share no memory
   * with `chunk`. No bytes make this method throw; check {@link failure} and {@link invalid} after each call. Once
   * `failure` is set, nothing is returned any more. ‹Message Format›
   * @throws {ArgumentError} if `chunk` is not a Uint8Array
   */
  push(chunk: Uint8Array): Message[] {
    checkBytes('MessageReader.push', 'chunk', chunk);
    const messages: Message[] = [];
    const invalid: InvalidMessage[] = [];
    for (const frame of this.#frames.push(chunk)) {
      try {
        messages.push(decodeMessageAs(this.#reading, frame));
      } catch (error) {
        if (!(error instanceof UnmarshalError)) throw error;
        invalid.push({ error, frame });
      }
    }
    this.#invalid = invalid.length === 0 ? NONE : invalid;
    return messages;
  }
}
