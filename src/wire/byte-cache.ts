// What is made of short runs of bytes, found again by the bytes: a name that was decoded and checked once costs a
// comparison from then on. Of fixed size whatever a peer sends: a newcomer takes the place of whoever shares its slot.
// It knows neither text nor grammar.

/** Longer runs are not kept. */
const MAX_LENGTH = 64;

/** Values by the bytes that they were made of. */
export class ByteCache<Value> {
  readonly #mask: number;
  /** The runs, each at the start of its slot. */
  readonly #bytes: Uint8Array;
  /** Lengths of the runs; 0 for an empty slot. */
  readonly #lengths: Uint8Array;
  readonly #values: (Value | undefined)[];

  /** @param slots how many values are kept, a power of two */
  constructor(slots: number) {
    this.#mask = slots - 1;
    this.#bytes = new Uint8Array(slots * MAX_LENGTH);
    this.#lengths = new Uint8Array(slots);
    this.#values = new Array<Value | undefined>(slots).fill(undefined);
  }

  /** The value kept for the bytes from `start` to `end`, if it is. */
  find(bytes: Uint8Array, start: number, end: number): Value | undefined {
    const slot = this.#slotOf(bytes, start, end);
    if (this.#lengths[slot] !== end - start) return undefined;
    const kept = this.#bytes;
    for (let i = start, k = slot * MAX_LENGTH; i < end; i++, k++) {
      if (bytes[i] !== kept[k]) return undefined;
    }
    return this.#values[slot];
  }

  /** Keeps a value for the bytes from `start` to `end`, if they are few enough. */
  keep(bytes: Uint8Array, range: { start: number; end: number }, value: Value): void {
    const { start, end } = range;
    if (end - start > MAX_LENGTH || end === start) return;
    const slot = this.#slotOf(bytes, start, end);
    this.#bytes.set(bytes.subarray(start, end), slot * MAX_LENGTH);
    this.#lengths[slot] = end - start;
    this.#values[slot] = value;
  }

  /** Names differ in their length and at their end; a few samples tell them apart nearly as well as all bytes. */
  #slotOf(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    const last = bytes[end - 1] ?? 0;
    const nearLast = bytes[end - (length > 3 ? 3 : 1)] ?? 0;
    const middle = bytes[start + (length >> 1)] ?? 0;
    const third = bytes[start + (length >> 2)] ?? 0;
    const hash = (length * 0x9e5f) ^ (last * 0x2c1b) ^ (nearLast * 0x85eb) ^ (middle * 0xca6b) ^ (third * 0x27d5);
    return (hash ^ (hash >> 9)) & this.#mask;
  }
}
