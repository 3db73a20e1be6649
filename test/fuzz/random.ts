// The fuzzer's random numbers: small, fast, and the same on every machine for the same seed and case.
// Each case has its own generator, so that it can be repeated without the cases before it.

/** Choices that depend on a seed and the number of a case only. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, caseNumber: number) {
    this.#a = seed | 0;
    this.#b = caseNumber | 0;
    this.#c = Math.imul(caseNumber, 0x9e37_79b1) ^ seed;
    for (let i = 0; i < 16; i++) this.uint32(); // neighboring cases must not begin alike
  }

  /** 32 random bits (Chris Doty-Humphrey's "small fast counter" generator). */
  uint32(): number {
    const result = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + result | 0;
    return result >>> 0;
  }

  /** An integer from 0 to `limit` − 1. */
  below(limit: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * limit);
  }

  /** An integer from `least` to `greatest`, both included. */
  between(least: number, greatest: number): number {
    return least + this.below(greatest - least + 1);
  }

  /** True about `probability` of the time. */
  chance(probability: number): boolean {
    return this.uint32() < probability * 2 ** 32;
  }

  /** A small number most of the time, seldom up to `limit` − 1. */
  small(limit: number): number {
    return Math.min(limit - 1, Math.floor(limit * (this.uint32() / 2 ** 32) ** 4));
  }

  /** One of `items`, of which there must be at least one. */
  pick<T>(items: ArrayLike<T>): T {
    return items[this.below(items.length)]!; // below the length
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.uint32() & 0xff);
  }
}
