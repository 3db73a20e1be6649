// A position in the bytes of one message: alignment, padding that must be zero, numbers in the message's byte order.
// It knows neither types nor messages. Specification: Marshaling (Wire Format).
import type { UnmarshalErrorCode } from '../errors.js';
import { Fault } from './fault.js';

/** Whether this machine keeps numbers with the least significant byte first. */
export const HOST_IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** Messages of this many bytes have enough to read to make a view of them. */
const LARGE_MESSAGE = 1024;

/**
 * Reads one message, which starts at the first of `bytes`. Its fields are open to the closures that unmarshal, which
 * are the wire layer's hottest code; nothing outside that layer touches them.
 */
export class Reader {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  /** Where the next value, or its padding, starts. */
  offset: number;
  /** Where the part that is being read, header or body, ends. */
  end: number;
  #view: DataView | undefined;

  constructor(bytes: Uint8Array, range: { offset: number; end: number; littleEndian: boolean }) {
    this.bytes = bytes;
    this.offset = range.offset;
    this.end = range.end;
    this.littleEndian = range.littleEndian;
  }

  /** Whether there is a view already, or so much to read that making one pays. */
  get isWorthAView(): boolean {
    return this.#view !== undefined || this.bytes.length >= LARGE_MESSAGE;
  }

  /**
   * For what bytes one by one are too slow for; many messages need none, and making it costs as much as reading them.
   */
  get view(): DataView {
    return (this.#view ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength));
  }

  /** Passes over the padding before a boundary of 2, 4 or 8 and checks that `length` bytes follow. */
  align(boundary: number, length: number): void {
    const padding = -this.offset & (boundary - 1);
    if (this.offset + padding + length > this.end) throw this.#truncated(length + padding);
    for (const end = this.offset + padding; this.offset < end; this.offset++) {
      if (this.bytes[this.offset] !== 0) throw this.fault('PADDING_NOT_ZERO', 'padding is not zero');
    }
  }

  readUint32(): number {
    this.align(4, 4);
    const value = this.uint32At(this.offset);
    this.offset += 4;
    return value;
  }

  /** The 32 bits at `offset`, which the caller knows to be there. */
  uint32At(offset: number): number {
    const { bytes } = this;
    const bits = this.littleEndian
      ? bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)
      : (bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
    return bits >>> 0;
  }

  /** The 16 bits at `offset`, which the caller knows to be there. */
  uint16At(offset: number): number {
    const { bytes } = this;
    return this.littleEndian
      ? bytes[offset]! | (bytes[offset + 1]! << 8)
      : (bytes[offset]! << 8) | bytes[offset + 1]!;
  }

  fault(code: UnmarshalErrorCode, problem: string, offset = this.offset): Fault<UnmarshalErrorCode> {
    return new Fault(code, problem, { offset });
  }

  #truncated(length: number): Fault<UnmarshalErrorCode> {
    return this.fault('VALUE_TRUNCATED', `${length} bytes are due here, ${this.end - this.offset} are left`);
  }
}

/** Reads one value that stands inside `depth` containers; throws a {@link Fault}. */
export type Unmarshal = (reader: Reader, depth: number) => unknown;
