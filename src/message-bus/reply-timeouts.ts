// The longest time for replies, if the bus has a limit on it: one timer for all open calls, since each has the same
// time. It knows no peers: pending-replies.ts adds open calls, removes closed ones, and answers those that expire.
// Specification: none (dbus-daemon(1), reply_timeout). Tests: reply-timeouts.test.ts.
import { monotonicTime } from '../transport/waiting.js';

/** Longest delay of a timer of Node, in milliseconds. */
const MAX_TIMER_DELAY = 2 ** 31 - 1;

/** The deadlines of open calls. A call is any object, the same one when it is added and removed. */
export class ReplyTimeouts<Call extends object> {
  readonly #timeout: number;
  readonly #expire: (expired: readonly Call[]) => void;
  /** The deadline of each call, in the order of the calls, which is that of the deadlines. */
  readonly #deadlines = new Map<Call, number>();
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param timeout milliseconds; replies may take any time if a timer of Node cannot be that long
   * @param expire called with the calls whose time has passed; they are removed already
   */
  constructor(timeout: number, expire: (expired: readonly Call[]) => void) {
    this.#timeout = timeout;
    this.#expire = expire;
  }

  /** How many calls have a deadline. */
  get size(): number {
    return this.#deadlines.size;
  }

  /** Starts the time of a call. */
  add(call: Call): void {
    if (this.#timeout >= MAX_TIMER_DELAY) return;
    this.#deadlines.set(call, monotonicTime() + this.#timeout);
    this.#timer ??= setTimeout(() => this.#check(), this.#timeout).unref();
  }

  /** Ends the time of a call that is no longer open. */
  delete(call: Call): void {
    this.#deadlines.delete(call);
  }

  #check(): void {
    this.#timer = undefined;
    const now = monotonicTime();
    const expired: Call[] = [];
    for (const [call, time] of this.#deadlines) {
      if (time > now) {
        this.#timer = setTimeout(() => this.#check(), Math.max(1, time - now)).unref();
        break;
      }
      expired.push(call);
      this.#deadlines.delete(call);
    }
    if (expired.length > 0) this.#expire(expired);
  }
}
