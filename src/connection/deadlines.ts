// The deadlines of calls, and the end of a call that times out: for each timeout, a list in the order of the
// deadlines, with one timer for the first. Adding and removing a call takes constant time. If the event loop was busy
// when the time ran out, the sockets are read again before any call times out. It does not know messages.
// Tests: pending-calls.test.ts. (No clause of the specification.)
import { monotonicTime } from '../transport/waiting.js';
import { CallTimeoutError } from './errors.js';

/** Longest delay of a timer of Node, in milliseconds: 24 days. */
const MAX_TIMER_DELAY = 2 ** 31 - 1;

/** A call that can time out, which is in at most one list at a time. */
export abstract class TimedCall {
  deadline = 0;
  list: DeadlineList | undefined = undefined;
  previous: TimedCall | undefined = undefined;
  next: TimedCall | undefined = undefined;
  /** How long it may wait, in milliseconds. */
  abstract readonly timeout: number;

  /** The call as its errors name it. */
  abstract describe(): string;

  /** Settles the call with an error. `makeError` may run later; it runs once. */
  abstract fail(makeError: () => unknown): void;
}

/** Calls with the same timeout, in the order in which they were added. */
class DeadlineList {
  readonly #delay: number;
  readonly #expire: (call: TimedCall) => void;
  readonly #onIdle: (list: DeadlineList) => void;
  #isRef: boolean;
  #first: TimedCall | undefined;
  #last: TimedCall | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Set while the sockets are read again. */
  #look: NodeJS.Immediate | undefined;
  /** Calls with this deadline or an earlier one time out after the sockets were read. */
  #overdue = 0;

  constructor(
    delay: number,
    { expire, onIdle, isRef }: {
      readonly expire: (call: TimedCall) => void;
      readonly onIdle: (list: DeadlineList) => void;
      readonly isRef: boolean;
    },
  ) {
    this.#delay = delay;
    this.#expire = expire;
    this.#onIdle = onIdle;
    this.#isRef = isRef;
  }

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  get delay(): number {
    return this.#delay;
  }

  add(call: TimedCall): void {
    call.deadline = monotonicTime() + this.#delay;
    call.list = this;
    call.previous = this.#last;
    if (this.#last === undefined) this.#first = call;
    else this.#last.next = call;
    this.#last = call;
    if (this.#look === undefined && this.#timer === undefined) this.#start(this.#delay);
  }

  #start(delay: number): void {
    this.#timer = setTimeout(this.#onTimer, delay);
    if (!this.#isRef) this.#timer.unref();
  }

  /** Whether the timer keeps the process alive. */
  set isRef(isRef: boolean) {
    this.#isRef = isRef;
    if (isRef) this.#timer?.ref();
    else this.#timer?.unref();
  }

  /** The timer stays set: one that fires needlessly costs less than setting and clearing a timer for each call. */
  remove(call: TimedCall): void {
    const { previous, next } = call;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    call.list = undefined;
    call.previous = undefined;
    call.next = undefined;
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#overdue = monotonicTime() + 1; // a timer of Node may fire up to 1 ms early
    // Immediates run after the sockets were read: a message that arrived while the loop was busy then counts as in
    // time.
    if (this.#first !== undefined && this.#first.deadline <= this.#overdue) this.#look = setImmediate(this.#onLook);
    else this.#continue();
  };

  readonly #onLook = (): void => {
    this.#look = undefined;
    for (let first = this.#first; first !== undefined && first.deadline <= this.#overdue; first = this.#first) {
      this.remove(first);
      this.#expire(first);
    }
    if (this.#timer === undefined) this.#continue(); // otherwise a call was added meanwhile
  };

  #continue(): void {
    if (this.#first === undefined) return this.#onIdle(this);
    const delay = Math.max(1, Math.ceil(this.#first.deadline - monotonicTime()));
    this.#start(delay);
  }

  /** Stops the timer. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    clearImmediate(this.#look);
    this.#look = undefined;
  }
}

/** The deadlines of any number of calls: a list, and at most one timer, for each delay. */
export class Deadlines<Call extends TimedCall> {
  readonly #lists = new Map<number, DeadlineList>();
  readonly #forget: (call: Call) => void;
  readonly #expire = (call: TimedCall): void => {
    this.#forget(call as Call); // only such calls are added
    call.fail(() => new CallTimeoutError(call.describe(), call.timeout));
  };
  readonly #onIdle = (list: DeadlineList): void => {
    if (list !== this.#recent) this.#end(list);
  };
  /** The list that was used last: most calls of a program wait equally long. */
  #recent: DeadlineList | undefined;
  #recentDelay: number | undefined;
  #isRef = true;

  /** `forget` is called with each call that times out, before the call fails. */
  constructor(forget: (call: Call) => void) {
    this.#forget = forget;
  }

  /** Makes a call time out after `delay` milliseconds, or never if that is too long for a timer of Node. */
  add(call: Call, delay: number): void {
    if (delay > MAX_TIMER_DELAY) return;
    const list = delay === this.#recentDelay ? this.#recent! : this.#listOf(delay > 0 ? delay : 0);
    list.add(call);
  }

  #listOf(delay: number): DeadlineList {
    let list = this.#lists.get(delay);
    if (list === undefined) {
      list = new DeadlineList(delay, { expire: this.#expire, onIdle: this.#onIdle, isRef: this.#isRef });
      this.#lists.set(delay, list);
    }
    const previous = this.#recent;
    this.#recent = list;
    this.#recentDelay = delay;
    if (previous !== undefined && previous !== list && previous.isEmpty) this.#end(previous);
    return list;
  }

  /** The list that was used last stays if it is empty, and its timer; others could be many. */
  remove(call: Call): void {
    const { list } = call;
    if (list === undefined) return;
    list.remove(call);
    if (list !== this.#recent && list.isEmpty) this.#end(list);
  }

  #end(list: DeadlineList): void {
    list.stop();
    if (this.#lists.get(list.delay) === list) this.#lists.delete(list.delay);
  }

  /** Whether the timers keep the process alive, as they do at first. */
  set isRef(isRef: boolean) {
    this.#isRef = isRef;
    for (const list of this.#lists.values()) list.isRef = isRef;
  }

  /** Stops all timers: calls no longer time out. */
  stop(): void {
    for (const list of this.#lists.values()) list.stop();
    this.#lists.clear();
    this.#recent = undefined;
    this.#recentDelay = undefined;
  }
}
