// Bounds the clients of a server that have not authenticated yet. Many may come at once, and each gets some time; of
// those that stay longer, the one that has waited longest is cut if there are too many. It knows no sockets.
// (Not in the specification.) Tests: half-open.test.ts, accept-clients.test.ts.

/** Milliseconds between two looks, as long as there are too many clients. */
const LOOK_INTERVAL = 500;
/** Looks until a client may be cut. Between two of them all that has arrived is read, however busy the process is. */
const LOOKS_TO_STAY = 2;
/** This many times the limit, nobody gets time any more. */
const BURST = 16;

interface Waiting {
  readonly cut: () => void;
  /** The number of the look before which the client came. */
  readonly since: number;
}

/** The clients of one server that have not authenticated yet. */
export class HalfOpen {
  readonly #limit: number;
  readonly #interval: number;
  /** In order of arrival. */
  readonly #clients = new Set<Waiting>();
  #looks = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(limit: number, interval: number = LOOK_INTERVAL) {
    this.#limit = limit;
    this.#interval = interval;
  }

  get size(): number {
    return this.#clients.size;
  }

  /**
   * Counts a client. `cut` runs at most once: if there are too many, and this is the oldest. Returns the function that
   * takes the client out again, which `cut` need not call.
   */
  add(cut: () => void): () => void {
    const client = { cut, since: this.#looks };
    this.#clients.add(client);
    this.#cutOldest(BURST * this.#limit, Infinity);
    this.#schedule();
    return () => void this.#clients.delete(client);
  }

  /** Cuts all clients. */
  cutAll(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#cutOldest(0, Infinity);
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#clients.size <= this.#limit) return;
    // The loop runs due timers, then reads what has arrived, then runs immediates.
    this.#timer = setTimeout(() => setImmediate(() => this.#look()), this.#interval).unref();
  }

  #look(): void {
    if (this.#timer === undefined) return; // all were cut
    this.#timer = undefined;
    this.#looks++;
    this.#cutOldest(this.#limit, this.#looks - LOOKS_TO_STAY);
    this.#schedule();
  }

  /** Cuts the oldest until at most `limit` are left, or all that came before the look `since` are cut. */
  #cutOldest(limit: number, since: number): void {
    for (const client of this.#clients) {
      if (this.#clients.size <= limit || client.since > since) return;
      this.#clients.delete(client);
      client.cut();
    }
  }
}
