// The growing buffer that messages are written into: bytes, padding, and length words that are filled in later.
// It knows neither types nor messages. Specification: Marshaling (Wire Format). Tests: marshal.test.ts.
import { MAX_MESSAGE_LENGTH } from '../constants.js';
import { Fault } from './fault.js';

const INITIAL_CAPACITY = 1024;

/**
 * A buffer for one or more consecutive messages. The fields are public because the functions that marshal are the
 * hottest code of the wire layer.
 */
export class Writer {
  bytes: Uint8Array;
  view: DataView;
  /** Where the next byte goes. */
  offset = 0;
  /** Where the current message starts; alignment counts from here. */
  origin = 0;
  littleEndian = true;
  /** Whether a UNIX_FD may be written: not if the bytes go to a stream that takes no file descriptors along. */
  allowsUnixFds = true;

  constructor(capacity = INITIAL_CAPACITY) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
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
    // The message is over the limit already: no peer would accept it, so writing stops here.
    if (this.offset - this.origin > MAX_MESSAGE_LENGTH) {
      const problem = `a message of more than ${MAX_MESSAGE_LENGTH} bytes`;
      throw new Fault('MESSAGE_TOO_LONG', problem);
    }
    const bytes = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    bytes.set(this.bytes.subarray(0, this.offset));
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}

/** Writes one value that is inside `depth` containers. @throws {Fault} if the value does not fit its type */
export type Marshal = (writer: Writer, value: unknown, depth: number) => void;
