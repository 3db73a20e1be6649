// A map from text to derived values whose size a peer cannot grow: it keeps the keys used most recently.
// It knows nothing about the values. (A peer may send a new signature or name in every message.)

/** Both limits hold at the same time; the second one bounds memory if keys are long. */
export interface CacheLimit {
  /** The most keys. */
  readonly entries: number;
  /** The most characters in all keys together. */
  readonly characters: number;
}

/**
 * A cache in two generations, each of at most half the limit. A key that is used moves to the recent generation; if
 * that is full, the older generation is dropped and the recent one becomes the older.
 */
export class BoundedCache<Value> {
  readonly #maxEntries: number;
  readonly #maxCharacters: number;
  #recent = new Map<string, Value>();
  #recentCharacters = 0;
  #older = new Map<string, Value>();

  constructor({ entries, characters }: CacheLimit) {
    this.#maxEntries = entries / 2;
    this.#maxCharacters = characters / 2;
  }

  /**
   * Returns the value kept for `key`, or calls `derive` and keeps its result. If `derive` throws, nothing is kept, and
   * a key too long for one generation is never kept.
   */
  get(key: string, derive: (key: string) => Value): Value {
    const known = this.#recent.get(key);
    if (known !== undefined) return known;
    const value = this.#older.get(key) ?? derive(key);
    if (key.length > this.#maxCharacters) return value;
    if (this.#recent.size >= this.#maxEntries || this.#recentCharacters + key.length > this.#maxCharacters) {
      this.#older = this.#recent;
      this.#recent = new Map();
      this.#recentCharacters = 0;
    }
    this.#recent.set(key, value);
    this.#recentCharacters += key.length;
    return value;
  }

  /** Whether a value is kept for `key`. This does not count as a use. */
  has(key: string): boolean {
    return this.#recent.has(key) || this.#older.has(key);
  }
}
