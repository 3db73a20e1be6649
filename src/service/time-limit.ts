// Limits how long an answer waits for the `get` of properties and the handlers of subtrees. All waits for one answer
// share one limit, so that many slow handlers delay it no longer than one. All waits end if no program waits for the
// answer. Methods and `set` have no limit. It knows no messages. Tests: time-limit.test.ts, unwanted-answers.test.ts.
// (No clause of the specification.)

/** Milliseconds that one answer waits for handlers, from its first wait. */
export const HANDLER_TIME_LIMIT = 10_000;

/** The error for a `get` that has not answered in time. */
export const NO_VALUE = `no value within ${HANDLER_TIME_LIMIT} ms: get must answer in time`;

/** The reason of a wait that has ended because no program waits for the answer: it is not reported. */
export const ANSWER_UNWANTED = new Error('no program waits for the answer');

/** The time limit of one answer. */
export class TimeLimit {
  /** The functions that end each wait. */
  readonly #waiting = new Set<() => void>();
  #start: number | undefined;
  #isOver = false;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;

  /** Whether every further wait fails at once. */
  get isOver(): boolean {
    return this.#isOver || this.#left() <= 0;
  }

  /** Whether no program waits for the answer. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** The next wait starts the limit again. All earlier waits must have settled. */
  restart(): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#start = undefined;
    this.#isOver = false;
  }

  /** Ends all waits, and all later ones, with {@link ANSWER_UNWANTED}. */
  stop(): void {
    this.#isStopped = true;
    this.#isOver = true;
    for (const fail of [...this.#waiting]) fail();
  }

  /**
   * Resolves or rejects as `value` does; rejects with an Error of text `problem` if that takes longer than is left, and
   * with {@link ANSWER_UNWANTED} after {@link TimeLimit.stop}.
   */
  wait<T>(value: PromiseLike<T>, problem: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (): void => {
        this.#end(fail);
        reject(this.#isStopped ? ANSWER_UNWANTED : new Error(problem));
      };
      if (this.isOver) {
        settled(value).catch(() => {}); // nothing waits for it
        return fail();
      }
      this.#start ??= performance.now();
      this.#waiting.add(fail);
      this.#timer ??= this.#startTimer();
      settled(value).finally(() => this.#end(fail)).then(resolve, reject);
    });
  }

  #left(): number {
    return this.#start === undefined ? HANDLER_TIME_LIMIT : this.#start + HANDLER_TIME_LIMIT - performance.now();
  }

  #startTimer(): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#isOver = true;
      for (const fail of [...this.#waiting]) fail();
    }, this.#left());
    return timer.unref(); // a handler that hangs does not keep the process running
  }

  #end(fail: () => void): void {
    this.#waiting.delete(fail);
    if (this.#waiting.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** `await` accepts any object with a `then`, even if reading `then` throws. */
async function settled<T>(value: PromiseLike<T>): Promise<T> {
  return await value;
}
