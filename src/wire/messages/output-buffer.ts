// The messages that wait to be sent on one stream: they are encoded one after another into chunks of memory, and taken
// chunk by chunk. It decides which memory is used again. It knows no streams and no time; their owner decides when to
// take. Specification: Message Format. Tests: test/wire/output-buffer.test.ts.
import { MAX_MESSAGE_LENGTH } from '../constants.js';
import { type EncodeOptions, writeMessage } from './encode.js';
import type { Message } from './message.js';
import { type Block, MemoryPool, newBlock, NO_BLOCK } from '../values/memory.js';
import { Writer } from '../values/writer.js';

/** A chunk of this many bytes gets no more messages. */
const FULL_CHUNK = 2 ** 17;
/** Memory for a chunk of short messages that follows a full one. */
const CHUNK_CAPACITY = 2 ** 18;
/** Memory for the first messages, allocated with the first of them. It grows as needed. */
const FIRST_CAPACITY = 1024;
/** Memory of up to this many bytes stays with its buffer; longer memory goes to the pool. */
const MAX_SPARE_CAPACITY = CHUNK_CAPACITY;

/** The memory of long messages, shared by all buffers of the process: it keeps at most this many bytes. */
const pool = new MemoryPool(2 ** 23);

const NO_BYTES = new Uint8Array(0);

/** The limits of a buffer. */
export interface OutputLimits {
  /** Longest message, in bytes. Default: 128 MiB, the limit of the specification. */
  readonly maxMessageLength?: number | undefined;
}

/** Complete messages, and the memory that they are in. */
interface Chunk {
  readonly bytes: Uint8Array;
  readonly block: Block;
}

/**
 * Messages as bytes, for a stream that cannot carry file descriptors. It accepts only messages that every bus accepts:
 * with at most 63 containers inside one another.
 */
export class OutputBuffer {
  readonly #limits: OutputLimits;
  readonly #writer: Writer;
  /** Chunks without the last one, which is in the writer. */
  #full: Chunk[] = [];
  #fullBytes = 0;
  /** Memory that was taken and released. */
  #spare: Block | undefined;
  /** The memory of the chunks that were taken and are still in use, the oldest first. */
  readonly #taken: Block[] = [];
  /** Messages that were appended while another was being written: the getter of a value can do that. */
  #nested: Uint8Array[] = [];
  #isWriting = false;

  constructor(limits: OutputLimits = {}) {
    this.#limits = limits;
    this.#writer = newWriter(limits, 0);
  }

  /** Bytes that were appended and not taken. */
  get length(): number {
    return this.#fullBytes + this.#writer.offset - this.#writer.start;
  }

  /**
   * Appends a message. If it throws, nothing was appended. A message that is appended while another one is being
   * written follows that one.
   * @throws {InvalidNameError | MarshalError} as `encodeMessage` does; `UNIX_FD_NOT_SENDABLE` for file descriptors,
   *   `VALUE_TOO_DEEP` for more than 63 containers inside one another, `MESSAGE_TOO_LONG` above the limit
   */
  append(message: Message, options: EncodeOptions): void {
    if (this.#isWriting) {
      this.#nested.push(this.#encodeNested(message, options));
      return;
    }
    const writer = this.#open();
    const { block, start, offset } = writer;
    this.#isWriting = true;
    try {
      writeMessage(writer, message, options);
      if (writer.block !== block) this.#leave(block, start, offset);
    } catch (error) {
      if (writer.block !== block) {
        pool.give(writer.block);
        writer.use(block, start, offset);
      }
      throw error;
    } finally {
      this.#isWriting = false;
      if (writer.offset - writer.start >= FULL_CHUNK) this.#endChunk();
      if (this.#nested.length > 0) this.#appendNested();
    }
  }

  /** The writer, with memory to write into. */
  #open(): Writer {
    const writer = this.#writer;
    if (writer.block === NO_BLOCK) {
      writer.use(this.#spare ?? newBlock(FIRST_CAPACITY));
      this.#spare = undefined;
    }
    return writer;
  }

  /** Appends a copy of one whole message. While another message is being written, it follows that one. */
  appendBytes(message: Uint8Array): void {
    if (this.#isWriting) this.#nested.push(message.slice());
    else this.#copy(message);
  }

  #encodeNested(message: Message, options: EncodeOptions): Uint8Array {
    const writer = newWriter(this.#limits, FIRST_CAPACITY);
    writeMessage(writer, message, options);
    return writer.bytes.subarray(writer.start, writer.offset);
  }

  #appendNested(): void {
    for (const message of this.#nested.splice(0)) this.#copy(message);
  }

  #copy(message: Uint8Array): void {
    const writer = this.#open();
    const { block, start, offset } = writer;
    writer.begin();
    writer.reserve(message.length);
    writer.bytes.set(message, writer.offset);
    writer.offset += message.length;
    if (writer.block !== block) this.#leave(block, start, offset);
    if (writer.offset - writer.start >= FULL_CHUNK) this.#endChunk();
  }

  /** Leaves memory that was too small for a message: earlier messages stay in it, or were copied too. */
  #leave(block: Block, start: number, end: number): void {
    if (this.#writer.start === start) pool.give(block);
    else this.#push(block, start, end);
  }

  #push(block: Block, start: number, end: number): void {
    this.#full.push({ bytes: block.bytes.subarray(start, end), block });
    this.#fullBytes += end - start;
  }

  /** Ends the chunk in the writer, and continues in other memory. */
  #endChunk(): void {
    const { block, start, offset } = this.#writer;
    this.#push(block, start, offset);
    this.#writer.use(pool.take(CHUNK_CAPACITY));
  }

  /**
   * Takes the bytes of the oldest messages out of the buffer: a chunk of one message or several. They do not change
   * until {@link OutputBuffer.recycle} is called. The result is empty if no messages are left, and while one is
   * being written, so that no part of one is taken.
   */
  take(): Uint8Array {
    if (this.#isWriting) return NO_BYTES;
    const full = this.#full.shift();
    if (full !== undefined) {
      this.#fullBytes -= full.bytes.length;
      this.#taken.push(full.block);
      return full.bytes;
    }
    const { block, start, offset } = this.#writer;
    if (offset === start) return NO_BYTES;
    this.#taken.push(block);
    this.#writer.use(NO_BLOCK);
    return block.bytes.subarray(start, offset);
  }

  /** Lets the memory of the oldest taken chunk be used again. The chunk must no longer be read. */
  recycle(): void {
    const block = this.#taken.shift();
    if (block === undefined) return;
    if (block.bytes.length > MAX_SPARE_CAPACITY || isShorter(block, this.#spare)) pool.give(block);
    else this.#spare = block;
  }

  /** Drops the messages that were not taken. Does nothing while a message is being written. */
  clear(): void {
    if (this.#isWriting) return;
    this.#full = [];
    this.#fullBytes = 0;
    this.#writer.use(NO_BLOCK);
  }
}

function isShorter(block: Block, other: Block | undefined): boolean {
  return other !== undefined && block.bytes.length < other.bytes.length;
}

function newWriter({ maxMessageLength = MAX_MESSAGE_LENGTH }: OutputLimits, capacity: number): Writer {
  const writer = new Writer(capacity, pool);
  writer.restrictToBus();
  writer.maxLength = maxMessageLength;
  return writer;
}
