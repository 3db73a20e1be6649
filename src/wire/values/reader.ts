// A position in the bytes of one message: skips padding, which must be zero, and reads numbers in the byte order of the
// message. It knows neither types nor messages. Specification: Marshaling (Wire Format). Tests: unmarshal.test.ts.
import { counted } from '../counted.js';
import type { UnmarshalErrorCode } from '../errors.js';
import { Fault, paddingFault } from './fault.js';
import { DEFAULT_READING, type Reading } from './read-options.js';

/** A message of this many bytes has enough numbers in it to make a DataView worth its cost. */
const LARGE_MESSAGE = 1024;

/** The cost of comparing keys of dicts that each byte of a message pays for. See key-collisions.ts. */
const PASSES_PER_BYTE = 16;

/** The 32-bit number at `offset`. The four bytes must exist. */
export function uint32At(bytes: Uint8Array, offset: number, littleEndian: boolean): number {
  const bits = littleEndian
    ? bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)
    : (bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
  return bits >>> 0;
}

/**
 * Reads one message, which starts at `bytes[0]`. The fields are public because the functions that unmarshal are the
 * hottest code of the wire layer.
 */
export class Reader {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  /** Offset of the next value, or of the padding before it. */
  offset: number;
  /** End of the part being read: header or body. */
  end: number;
  readonly reading: Reading;
  /** How many more values may be read. */
  valuesLeft: number;
  /** The cost of comparing keys of dicts that is still allowed. */
  passesLeft: number;
  #view: DataView | undefined;

  constructor(
    bytes: Uint8Array,
    range: { offset: number; end: number; littleEndian: boolean },
    reading: Reading = DEFAULT_READING,
  ) {
    this.bytes = bytes;
    this.offset = range.offset;
    this.end = range.end;
    this.littleEndian = range.littleEndian;
    this.reading = reading;
    this.valuesLeft = reading.maxValues;
    this.passesLeft = bytes.length * PASSES_PER_BYTE;
  }

  /** Whether a DataView exists already, or the message is large enough to pay for one. */
  get isWorthAView(): boolean {
    return this.#view !== undefined || this.bytes.length >= LARGE_MESSAGE;
  }

  /**
   * A DataView for reads that are too slow byte by byte. Created on demand: for a small message, creating it costs as
   * much as reading the message.
   */
  get view(): DataView {
    return (this.#view ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength));
  }

  /** Skips the padding before a boundary of 1, 2, 4 or 8 bytes, and checks that `length` bytes follow it. */
  align(boundary: number, length: number): void {
    const padding = -this.offset & (boundary - 1);
    if (this.offset + padding + length > this.end) throw this.#truncated(length + padding);
    for (const end = this.offset + padding; this.offset < end; this.offset++) {
      if (this.bytes[this.offset] !== 0) throw paddingFault(this.offset);
    }
  }

  readUint32(): number {
    this.align(4, 4);
    const value = this.uint32At(this.offset);
    this.offset += 4;
    return value;
  }

  /** The 32-bit number at `offset`; the caller has checked that its bytes exist. */
  uint32At(offset: number): number {
    return uint32At(this.bytes, offset, this.littleEndian);
  }

  /** The 16-bit number at `offset`; the caller has checked that its bytes exist. */
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
    return this.fault('VALUE_TRUNCATED', `expected ${counted(length, 'more byte')}, got ${this.end - this.offset}`);
  }
}

/** Reads one value that is inside `depth` containers. @throws {Fault} if the bytes break a rule */
export type Unmarshal = (reader: Reader, depth: number) => unknown;

/** Passes over one value that is inside `depth` containers. @throws {Fault} if the bytes break a rule */
export type Check = (reader: Reader, depth: number) => void;
