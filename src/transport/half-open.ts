// Bounds the clients of a server that have not authenticated yet. If there are too many, the one that has waited
// longest is cut: a client in good faith is through in milliseconds, so that the oldest is one that does not speak.
// It knows no sockets. (Not in the specification.) Tests: half-open.test.ts, accept-clients.test.ts.

/** The clients of one server that have not authenticated yet. */
export class HalfOpen {
  readonly #limit: number;
  /** Cuts a client; in order of arrival. */
  readonly #cuts = new Set<() => void>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#cuts.size;
  }

  /**
   * Counts a client, and cuts the oldest if there are too many. `cut` runs at most once. Returns the function that
   * takes the client out again, which `cut` need not call.
   */
  add(cut: () => void): () => void {
    const own = (): void => cut(); // a function of its own, so that equal ones count twice
    this.#cuts.add(own);
    for (const oldest of this.#cuts) {
      if (this.#cuts.size <= this.#limit) break;
      this.#cuts.delete(oldest);
      oldest();
    }
    return () => void this.#cuts.delete(own);
  }

  /** Cuts all clients. */
  cutAll(): void {
    const cuts = [...this.#cuts];
    this.#cuts.clear();
    for (const cut of cuts) cut();
  }
}
