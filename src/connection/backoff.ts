// The delay before each attempt to restore a connection. It doubles after each failure, up to a limit, and is shortened
// by a random part, so that the clients of a bus do not all reconnect at the same moment. It sets no timers. Tests:
// backoff.test.ts. (No clause of the specification.)

/** After this many failures the delay is not doubled again: zero times infinity is not a number. */
const MAX_DOUBLINGS = 64;

/** The delays between attempts. */
export interface BackoffOptions {
  /** The delay before the first attempt, in milliseconds. */
  readonly initialDelay: number;
  /** The longest delay, in milliseconds. */
  readonly maxDelay: number;
  /** The most attempts in a row. */
  readonly maxAttempts: number;
  /** The part of each delay that is random, from 0 to 1. */
  readonly jitter: number;
}

/** A connection that lasts for a shorter time, in milliseconds, counts as a failed attempt. */
const SHORTEST_STABLE_TIME = 1_000;

/** The delays before successive attempts. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: () => number;
  #attempts = 0;

  /** `random` returns numbers from 0 to 1. */
  constructor(options: BackoffOptions, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
  }

  /** The delay before the next attempt, in milliseconds; undefined if the number of attempts has reached the limit. */
  next(): number | undefined {
    const { maxAttempts, jitter } = this.#options;
    if (this.#attempts >= maxAttempts) return undefined;
    const delay = this.#delay() * (1 - jitter * this.#random());
    this.#attempts++;
    return delay;
  }

  /**
   * Must be called when a connection ends that has lasted for `lifetime` milliseconds. The delays start again from the
   * first only if the connection has lasted longer than the delay that is due: a server that accepts each connection
   * and ends it at once is tried less and less often.
   */
  noteLifetime(lifetime: number): void {
    if (lifetime >= Math.max(SHORTEST_STABLE_TIME, this.#delay())) this.#attempts = 0;
  }

  #delay(): number {
    const { initialDelay, maxDelay } = this.#options;
    return Math.min(maxDelay, initialDelay * 2 ** Math.min(this.#attempts, MAX_DOUBLINGS));
  }
}
