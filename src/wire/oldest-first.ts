// Takes the keys of a Map or a Set in their order, oldest first, with one iterator until its end. A new iterator passes
// the places of all keys that were removed: with one for each key, the time for a queue in a map would grow with the
// square of its size. It knows nothing about the keys. Tests: oldest-first.test.ts. (No clause of the specification.)

/** A Map or a Set. */
export interface Ordered<Key> {
  keys(): Iterator<Key>;
}

/** The keys of one Map or Set. A key that was added again after it was removed is the newest. */
export class OldestFirst<Key> {
  readonly #ordered: Ordered<Key>;
  #keys: Iterator<Key> | undefined;

  constructor(ordered: Ordered<Key>) {
    this.#ordered = ordered;
  }

  /** Takes the oldest key; undefined if there is none. The caller must remove it before the next call. */
  take(): Key | undefined {
    for (let round = 0; round < 2; round++) {
      this.#keys ??= this.#ordered.keys();
      const next = this.#keys.next();
      if (next.done !== true) return next.value;
      this.#keys = undefined; // keys that are added later need another iterator
    }
    return undefined;
  }
}
