// The messages that wait to be sent on one stream: each is encoded into the same memory, and all are taken at once.
// It decides which memory is used again. It knows no streams and no time; their owner decides when to take.
// Specification: Message Format. Tests: test/wire/output-buffer.test.ts.
import { encodeMessage, type EncodeOptions, writeMessage } from './encode.js';
import type { Message } from './message.js';
import { Writer } from '../values/writer.js';

/** Memory that grew past this many bytes is not used again. */
const MAX_SPARE_CAPACITY = 2 ** 18;

const NO_BYTES = new Uint8Array(0);

/** Messages as bytes, for a stream that takes no file descriptors along. */
export class OutputBuffer {
  #writer = newWriter();
  #spare: Writer | undefined = newWriter();
  /** The writers whose bytes were taken and are still in use, the oldest first. */
  readonly #taken: Writer[] = [];
  /** Messages that were appended while another was being written: the getter of a value can do that. */
  #nested: Uint8Array[] = [];
  #isWriting = false;

  /** Bytes that were appended and not taken. */
  get length(): number {
    return this.#writer.offset;
  }

  /**
   * Appends a message. If it throws, nothing was appended. A message that is appended while another one is being
   * written follows that one.
   * @throws {InvalidNameError | MarshalError} as `encodeMessage` does; `UNIX_FD_NOT_SENDABLE` for file descriptors
   */
  append(message: Message, options: EncodeOptions): void {
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

  /**
   * The bytes of all messages so far, which are not in the buffer any more. The bytes do not change until they are
   * given back by {@link OutputBuffer.recycle}. Empty while a message is being written: no part of one is taken.
   */
  take(): Uint8Array {
    const writer = this.#writer;
    if (writer.offset === 0 || this.#isWriting) return NO_BYTES;
    const bytes = writer.bytes.subarray(0, writer.offset);
    this.#taken.push(writer);
    this.#writer = this.#spare ?? newWriter();
    this.#spare = undefined;
    return bytes;
  }

  /** Takes back the memory of the oldest taken bytes, to use it again. They must not be read any more. */
  recycle(): void {
    const writer = this.#taken.shift();
    if (writer === undefined || writer.bytes.length > MAX_SPARE_CAPACITY) return;
    writer.offset = 0;
    this.#spare = writer;
  }

  /** Drops what was appended and not taken. Does nothing while a message is being written. */
  clear(): void {
    if (!this.#isWriting) this.#writer = newWriter();
  }
}

function newWriter(): Writer {
  const writer = new Writer();
  writer.allowsUnixFds = false;
  return writer;
}
