// The growing buffer that messages are written into: bytes, alignment and lengths that are filled in afterwards.
// It knows numbers and padding, neither types nor messages. Specification: Marshaling (Wire Format).
import { MAX_MESSAGE_LENGTH } from '../constants.js';
import type { MarshalErrorCode } from '../errors.js';
import { Fault } from './fault.js';

const INITIAL_CAPACITY = 1024;

/**
 * A buffer for one or more messages, one after the other. Its fields are open to the closures that marshal, which are
 * the wire layer's hottest code; nothing outside that layer touches them.
 */
export class Writer {
  bytes: Uint8Array;
  view: DataView;
  /** Where the next byte goes. */
  offset = 0;
  /** Where the present message starts: alignment counts from here. */
  origin = 0;
  littleEndian = true;

  constructor(capacity = INITIAL_CAPACITY) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Makes room for `length` more bytes. */
  reserve(length: number): void {
    if (this.offset + length > this.bytes.length) this.#grow(this.offset + length);
  }

  /** Pads with NUL bytes up to a boundary of 1, 2, 4 or 8 and makes room for `length` bytes behind it. */
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

  /** Fills in a number that was not known when its place was passed. */
  patchUint32(offset: number, value: number): void {
    this.view.setUint32(offset, value, this.littleEndian);
  }

  #grow(needed: number): void {
    // What stands here already is past the limit: whatever follows, no peer would take it.
    if (this.offset - this.origin > MAX_MESSAGE_LENGTH) {
      throw new Fault<MarshalErrorCode>('MESSAGE_TOO_LONG', `a message has at most ${MAX_MESSAGE_LENGTH} bytes`);
    }
    const bytes = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    bytes.set(this.bytes.subarray(0, this.offset));
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}

/** Writes one value that stands inside `depth` containers; throws a {@link Fault}. */
export type Marshal = (writer: Writer, value: unknown, depth: number) => void;
