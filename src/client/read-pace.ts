// The pace at which a state is read again because the service asks for that, by invalidating a value or by changing its
// owner: a few times at once, then after growing pauses, so that no service can keep a client busy. It does not know
// what is read. Tests: read-pace.test.ts. (No clause of the specification.)

/** The most reads that follow one another without a pause. */
export const FREE_READS = 8;
/** The first pause and the longest one, in milliseconds; each is twice as long as the one before. */
const SHORTEST_PAUSE = 10;
const LONGEST_PAUSE = 250;
/** After this time without a reason to read again, in milliseconds, reads begin at once again. */
const QUIET_TIME = 1_000;

/** The pace of the reads of one state. */
export class ReadPace {
  #count = 0;
  #last = -Infinity;

  /** Must be called when a read is wanted; returns the milliseconds until it may begin. */
  next(): number {
    const now = performance.now();
    if (now - this.#last >= QUIET_TIME) this.#count = 0;
    this.#count++;
    const pause = this.#count <= FREE_READS
      ? 0 : Math.min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** (this.#count - FREE_READS - 1));
    this.#last = now + pause;
    return pause;
  }
}
