// Collects the bytes of a message that is not complete yet, and joins them once. It knows neither the contents nor the
// ends of messages. Memory grows with the bytes that arrive, never with the length that a peer announces.
// Tests: framing.test.ts.
import { FIXED_HEADER_LENGTH } from '../constants.js';

/** A message of at most this many bytes gets its memory at once. */
const SHORT_MESSAGE = 4096;

/** Short parts are copied together into blocks of at most this many bytes. */
const MAX_BLOCK = 65_536;

/**
 * Collects the parts of one message. Until half of a long message has arrived, parts stay apart. Then they are joined
 * in memory for the whole message, and the other half goes straight into it. So each byte is copied at most twice, and
 * the memory is at most about four times the bytes that have arrived.
 */
export class PartialMessage {
  /** Whether parts may be kept without a copy, since nothing else uses their memory. */
  readonly #keepsParts: boolean;
  /** Complete parts, in order. */
  #parts: Uint8Array[] = [];
  /** The last part, which is still being filled, or the whole message; `#used` of its bytes are filled. */
  #block: Uint8Array;
  #used = 0;
  #isWhole = false;
  #length: number | undefined;
  /** Number of bytes so far. */
  filled = 0;

  constructor(keepsParts: boolean) {
    this.#keepsParts = keepsParts;
    this.#block = new Uint8Array(FIXED_HEADER_LENGTH);
  }

  /** Length of the message in bytes; undefined until it is set. */
  get length(): number | undefined {
    return this.#length;
  }

  /** Sets the length; it must be known before the 17th byte is added. */
  set length(length: number) {
    this.#length = length;
    if (length <= SHORT_MESSAGE) this.#join(length);
  }

  /** The first 16 bytes, which must have been added before the length was set. */
  get start(): Uint8Array {
    return this.#block;
  }

  /** Adds the next bytes: at most as many as are missing. */
  add(bytes: Uint8Array): void {
    const filled = this.filled + bytes.length;
    if (!this.#isWhole && this.#length !== undefined && filled * 2 >= this.#length) this.#join(this.#length);
    if (this.#keepsParts && !this.#isWhole && isWorthKeeping(bytes)) this.#keepPart(bytes);
    else this.#copy(bytes);
    this.filled = filled;
  }

  /** The message, once it is complete. */
  whole(): Uint8Array {
    return this.#block;
  }

  #keepPart(bytes: Uint8Array): void {
    this.#endBlock();
    this.#parts.push(bytes);
  }

  #copy(bytes: Uint8Array): void {
    let copied = 0;
    while (copied < bytes.length) {
      if (this.#used === this.#block.length) this.#openBlock(bytes.length - copied);
      const end = Math.min(bytes.length, copied + this.#block.length - this.#used);
      this.#block.set(bytes.subarray(copied, end), this.#used);
      this.#used += end - copied;
      copied = end;
    }
  }

  /** Starts a block for `atLeast` bytes, or for as many as have arrived, so that single bytes take linear time. */
  #openBlock(atLeast: number): void {
    this.#endBlock();
    this.#block = new Uint8Array(Math.max(atLeast, Math.min(this.filled, MAX_BLOCK)));
  }

  #endBlock(): void {
    if (this.#used > 0) this.#parts.push(this.#block.subarray(0, this.#used));
    this.#block = new Uint8Array(0);
    this.#used = 0;
  }

  /** Moves all parts into memory for the whole message. */
  #join(length: number): void {
    this.#endBlock();
    const whole = new Uint8Array(length);
    let end = 0;
    for (const part of this.#parts) {
      whole.set(part, end);
      end += part.length;
    }
    this.#parts = [];
    this.#block = whole;
    this.#used = end;
    this.#isWhole = true;
  }
}

/** Whether keeping bytes without a copy takes at most twice the memory of a copy. */
function isWorthKeeping(bytes: Uint8Array): boolean {
  return bytes.length >= SHORT_MESSAGE && bytes.length * 2 >= bytes.buffer.byteLength;
}
