// A map that a peer cannot make grow: what is derived from a key is kept for the keys seen last.
// It owns no knowledge of what it keeps. (Signatures, names: a peer may send a different one in every message.)

/** A memory of at most `limit` entries; a full one forgets the older half. */
export class BoundedCache<Key, Value> {
  readonly #limit: number;
  #recent = new Map<Key, Value>();
  #older = new Map<Key, Value>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The value kept for `key`, or the one that `derive` makes, which is then kept; what `derive` throws is not. */
  get(key: Key, derive: (key: Key) => Value): Value {
    const known = this.#recent.get(key);
    if (known !== undefined) return known;
    const value = this.#older.get(key) ?? derive(key);
    if (this.#recent.size >= this.#limit / 2) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(key, value);
    return value;
  }

  /** How many entries are kept now. */
  get size(): number {
    return this.#recent.size + this.#older.size;
  }
}
