// Bounds the clients of a server that have not authenticated yet. Many may connect at once, and each gets some time. If
// too many stay longer, the one that has waited longest is disconnected. It does not know sockets.
// Tests: handshake-limit.test.ts, accept-clients.test.ts. (Not in the specification.)

/** Milliseconds between two checks while there are too many clients. */
const LOOK_INTERVAL = 500;
/**
 * The number of checks before a client may be cut. All bytes that have arrived are read between two checks, however
 * busy the process is.
 */
const LOOKS_TO_STAY = 2;
/** At this many times the limit, the oldest client is disconnected at once. */
const BURST = 16;

interface Waiting {
  readonly cut: () => void;
  /** The number of the check before which the client connected. */
  readonly since: number;
}

/** The clients of one server that have not authenticated yet. */
export class HandshakeLimit {
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
   * removes the client, which `cut` need not call.
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
    if (this.#timer === undefined) return; // all were disconnected
    this.#timer = undefined;
    this.#looks++;
    this.#cutOldest(this.#limit, this.#looks - LOOKS_TO_STAY);
    this.#schedule();
  }

  /** Cuts the oldest until at most `limit` are left, or all that connected before the check `since` are cut. */
  #cutOldest(limit: number, since: number): void {
    for (const client of this.#clients) {
      if (this.#clients.size <= limit || client.since > since) return;
      this.#clients.delete(client);
      client.cut();
    }
  }
}
