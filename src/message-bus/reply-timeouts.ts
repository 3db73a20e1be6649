// The longest time for replies, if the bus has a limit on it: one timer for all open calls, since each has the same
// time. pending-replies.ts knows which are open, and answers them. Specification: none (dbus-daemon(1), reply_timeout).
// Tests: reply-timeouts.test.ts.
import { monotonicTime } from '../transport/waiting.js';

/** Longest delay of a timer of Node, in milliseconds. */
const MAX_TIMER_DELAY = 2 ** 31 - 1;
/** The text of NoReply, as in the reference implementation. */
const TIMED_OUT = 'Message did not receive a reply (timeout by message bus)';

/** Answers a call that may still be open with NoReply. */
export type FailCall<Peer> = (caller: Peer, callee: Peer, serial: number, text: string) => void;

interface Deadline<Peer> {
  readonly caller: Peer;
  readonly callee: Peer;
  readonly serial: number;
  readonly time: number;
}

/** The deadlines of open calls, in the order of the calls. */
export class ReplyTimeouts<Peer extends object> {
  readonly #timeout: number;
  readonly #fail: FailCall<Peer>;
  #deadlines: Deadline<Peer>[] = [];
  /** The newest deadline of each serial of a caller, since serials can be used again. */
  readonly #newest = new WeakMap<Peer, Map<number, Deadline<Peer>>>();
  #timer: NodeJS.Timeout | undefined;

  /** @param timeout milliseconds; replies may take any time if a timer of Node cannot be that long */
  constructor(timeout: number, fail: FailCall<Peer>) {
    this.#timeout = timeout;
    this.#fail = fail;
  }

  /** Starts the time of a call. */
  add(caller: Peer, callee: Peer, serial: number): void {
    if (this.#timeout >= MAX_TIMER_DELAY) return;
    const deadline = { caller, callee, serial, time: monotonicTime() + this.#timeout };
    let newest = this.#newest.get(caller);
    if (newest === undefined) {
      newest = new Map();
      this.#newest.set(caller, newest);
    }
    newest.set(serial, deadline);
    this.#deadlines.push(deadline);
    this.#timer ??= setTimeout(() => this.#check(), this.#timeout).unref();
  }

  #check(): void {
    this.#timer = undefined;
    const now = monotonicTime();
    const first = this.#deadlines.findIndex(({ time }) => time > now);
    const expired = this.#deadlines.splice(0, first < 0 ? this.#deadlines.length : first);
    for (const deadline of expired) {
      const { caller, callee, serial } = deadline;
      const newest = this.#newest.get(caller);
      if (newest?.get(serial) !== deadline) continue;
      newest.delete(serial);
      this.#fail(caller, callee, serial, TIMED_OUT);
    }
    const [next] = this.#deadlines;
    if (next !== undefined) this.#timer ??= setTimeout(() => this.#check(), Math.max(1, next.time - now)).unref();
  }
}
