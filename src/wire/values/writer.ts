// The growing buffer that messages are written into: bytes, padding, and length words that are filled in later.
// It knows neither types nor messages. Specification: Marshaling (Wire Format).
// Tests: test/wire/output-buffer.test.ts, test/wire/values/marshal.test.ts.
import { MAX_MESSAGE_LENGTH, MAX_PORTABLE_DEPTH, MAX_VALUE_DEPTH } from '../constants.js';
import { Fault, reasonOfLimit } from './fault.js';
import { type Block, FRESH_MEMORY, type Memory, newBlock, NO_BLOCK } from './memory.js';

const INITIAL_CAPACITY = 1024;
/** If the current message needs more memory, earlier messages of at most this many bytes are copied into it too. */
const MAX_MOVED = 65_536;

/**
 * A buffer for one or more consecutive messages. The fields are public because the functions that marshal are the
 * hottest code of the wire layer.
 */
export class Writer {
  /** The memory that is written into; the next two fields are its own. */
  block: Block;
  bytes: Uint8Array;
  view: DataView;
  /** Offset of the next byte. */
  offset = 0;
  /** Offset of the current message; alignment counts from here. */
  origin = 0;
  /**
   * The first byte in `bytes` that was written. It is 0 until the memory becomes too small while long messages are in
   * it: they then stay in the old memory, and the current message keeps its offset in the new one.
   */
  start = 0;
  littleEndian = true;
  /** Whether a UNIX_FD may be written: false if the bytes go to a stream that cannot carry file descriptors. */
  allowsUnixFds = true;
  /** The most containers around a value. */
  maxDepth = MAX_VALUE_DEPTH;
  /** The most containers around an array, even if it is empty. */
  maxArrayDepth = MAX_VALUE_DEPTH;
  /** The most bytes of a message. */
  maxLength = MAX_MESSAGE_LENGTH;
  readonly #memory: Memory;
  /** The memory at the start of the current message. */
  #firstBlock: Block;

  constructor(capacity = INITIAL_CAPACITY, memory: Memory = FRESH_MEMORY) {
    this.block = capacity === 0 ? NO_BLOCK : newBlock(capacity);
    this.bytes = this.block.bytes;
    this.view = this.block.view;
    this.#memory = memory;
    this.#firstBlock = this.block;
  }

  /** From now on writes only values that every bus accepts, for a stream that carries no file descriptors. */
  restrictToBus(): void {
    this.allowsUnixFds = false;
    this.maxDepth = MAX_PORTABLE_DEPTH;
    this.maxArrayDepth = MAX_PORTABLE_DEPTH - 1;
  }

  /** Continues in other memory, of which the bytes from `start` to `offset` are written. */
  use(block: Block, start = 0, offset = 0): void {
    this.block = block;
    this.bytes = block.bytes;
    this.view = block.view;
    this.start = start;
    this.offset = offset;
  }

  /** Starts a message after those that are written. */
  begin(): void {
    this.origin = this.offset;
    this.#firstBlock = this.block;
  }

  /** Makes room for `length` more bytes. */
  reserve(length: number): void {
    if (this.offset + length > this.bytes.length) this.#grow(this.offset + length);
  }

  /** Pads with zero bytes to a boundary of 1, 2, 4 or 8 bytes, and makes room for `length` bytes after the padding. */
  align(boundary: number, length: number): void {
    const padding = (this.origin - this.offset) & (boundary - 1);
    if (this.offset + padding + length > this.bytes.length) this.#grow(this.offset + padding + length);
    for (const end = this.offset + padding; this.offset < end; this.offset++) this.bytes[this.offset] = 0;
  }

  writeUint32(value: number): void {
    this.align(4, 4);
    this.view.setUint32(this.offset, value, this.littleEndian);
    this.offset += 4;
  }

  /** Fills in a number that was not known when its place was skipped. */
  patchUint32(offset: number, value: number): void {
    this.view.setUint32(offset, value, this.littleEndian);
  }

  #grow(needed: number): void {
    // The message is over the limit already, so writing stops here.
    if (this.offset - this.origin > this.maxLength) {
      const problem = `the message has more than ${this.maxLength} bytes: it must have at most that many`
        + reasonOfLimit(this.maxLength, 'maxSendLength');
      throw new Fault('MESSAGE_TOO_LONG', problem);
    }
    const old = this.block;
    const block = this.#memory.take(Math.max(needed, old.bytes.length * 2));
    const start = this.origin > MAX_MOVED ? this.origin : this.start;
    block.bytes.set(old.bytes.subarray(start, this.offset), start);
    this.use(block, start, this.offset);
    if (old !== this.#firstBlock) this.#memory.give(old); // all of its bytes were copied
  }
}

/** Writes one value that is inside `depth` containers. @throws {Fault} if the value does not fit its type */
export type Marshal = (writer: Writer, value: unknown, depth: number) => void;
