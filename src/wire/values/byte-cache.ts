// A cache of decoded values, keyed by the bytes they were decoded from: repeated bytes cost a comparison instead of
// decoding and checking. Its size is fixed; a new entry replaces the entry in its slot. It knows neither text nor
// grammar.

/** The size of a cache, which is fixed. */
export interface ByteCacheLimit {
  /** Number of entries, a power of two. */
  readonly slots: number;
  /** The most bytes of one key; longer ones are not kept. */
  readonly maxLength: number;
}

/** Values by the bytes they were decoded from. */
export class ByteCache<Value> {
  readonly #mask: number;
  readonly #maxLength: number;
  /** The keys, each at the start of its slot. */
  readonly #bytes: Uint8Array;
  /** Lengths of the keys; 0 for an empty slot. */
  readonly #lengths: Uint16Array;
  readonly #values: (Value | undefined)[];

  constructor({ slots, maxLength }: ByteCacheLimit) {
    this.#mask = slots - 1;
    this.#maxLength = maxLength;
    this.#bytes = new Uint8Array(slots * maxLength);
    this.#lengths = new Uint16Array(slots);
    this.#values = new Array<Value | undefined>(slots).fill(undefined);
  }

  /** The value kept for the bytes from `start` to `end`; undefined if there is none. */
  find(bytes: Uint8Array, start: number, end: number): Value | undefined {
    const slot = this.#slotOf(bytes, start, end);
    if (this.#lengths[slot] !== end - start) return undefined;
    const kept = this.#bytes;
    let i = start;
    let k = slot * this.#maxLength;
    for (; i + 4 <= end; i += 4, k += 4) { // four bytes per iteration: nearly all the time of a known header is here
      if (
        bytes[i] !== kept[k] || bytes[i + 1] !== kept[k + 1] ||
        bytes[i + 2] !== kept[k + 2] || bytes[i + 3] !== kept[k + 3]
      ) {
        return undefined;
      }
    }
    for (; i < end; i++, k++) if (bytes[i] !== kept[k]) return undefined;
    return this.#values[slot];
  }

  /** Keeps a value for the bytes from `start` to `end`. Does nothing if there are no bytes or too many. */
  keep(bytes: Uint8Array, range: { start: number; end: number }, value: Value): void {
    const { start, end } = range;
    if (end - start > this.#maxLength || end === start) return;
    const slot = this.#slotOf(bytes, start, end);
    const kept = this.#bytes;
    for (let i = start, k = slot * this.#maxLength; i < end; i++, k++) kept[k] = bytes[i]!; // faster than set()
    this.#lengths[slot] = end - start;
    this.#values[slot] = value;
  }

  /** Keys differ in length and near their end; a few sampled bytes spread them nearly as well as all bytes would. */
  #slotOf(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    const eighth = length >> 3;
    const last = end - 1;
    // Independent products, not a chain of them, so that the processor computes them in parallel.
    const hash =
      (length * 0x9e5f) ^
      (bytes[last]! * 0x2c1b) ^
      (bytes[last - (length > 1 ? 1 : 0)]! * 0x85eb) ^
      (bytes[last - (length > 2 ? 2 : 0)]! * 0x3c6f) ^
      (bytes[last - eighth]! * 0xca6b) ^
      (bytes[start + 4 * eighth]! * 0x27d5) ^
      (bytes[start + 2 * eighth]! * 0x1657);
    return (hash ^ (hash >>> 8)) & this.#mask;
  }
}
