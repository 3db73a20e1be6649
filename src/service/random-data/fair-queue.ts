// Runs long computations of many callers on one thread: in short slices between the turns of the event loop, one
// computation of each caller in turn, so that no caller waits for all computations of another. It knows no numbers and
// no messages. Tests: fair-queue.test.ts. (No clause of the specification.)
import { OldestFirst } from '../../wire/oldest-first.js';

/** The caller that waits for a computation. */
export interface QueueCaller {
  /** On a bus, the unique name. */
  readonly sender: string | undefined;
  /** Aborts when the caller no longer waits. */
  readonly signal: AbortSignal;
}

/** The limits of a queue, in the unit in which the costs of computations are given. */
export interface QueueLimits {
  /** A computation runs at once if it costs no more than this. */
  readonly free: number;
  /** The cost of a slice; the last computation of a slice may exceed it. */
  readonly slice: number;
}

interface Task {
  readonly cost: number;
  readonly run: () => void;
  readonly fail: (reason: unknown) => void;
}

/** The computations of one caller, in order. */
interface Line {
  readonly tasks: Task[];
  readonly stopListening: () => void;
}

/** Computations that wait for their slice. */
export class FairQueue {
  readonly #limits: QueueLimits;
  /** The callers that wait, the next one first. */
  readonly #lines = new Map<string | undefined, Line>();
  readonly #order = new OldestFirst(this.#lines);
  #spent = 0;
  #isScheduled = false;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** How many callers wait. */
  get waiting(): number {
    return this.#lines.size;
  }

  /**
   * Runs a computation: at once if it costs little, or if no other waits and the slice of this turn has room for it;
   * otherwise in a later turn. The promise rejects with the reason of the caller's signal if that aborts first.
   */
  run<T>(caller: QueueCaller, cost: number, compute: () => T): T | Promise<T> {
    if (cost <= this.#limits.free) return compute();
    this.#schedule();
    if (this.#lines.size === 0 && this.#spent + cost <= this.#limits.slice) {
      this.#spent += cost;
      return compute();
    }
    return new Promise((resolve, reject) => {
      const run = (): void => {
        try {
          resolve(compute());
        } catch (error) {
          reject(error as Error); // what compute() has thrown
        }
      };
      this.#lineOf(caller).tasks.push({ cost, run, fail: reject });
    });
  }

  #lineOf({ sender, signal }: QueueCaller): Line {
    const known = this.#lines.get(sender);
    if (known !== undefined) return known;
    const drop = (): void => {
      this.#lines.delete(sender);
      for (const { fail } of line.tasks) fail(signal.reason);
    };
    signal.addEventListener('abort', drop);
    const line: Line = { tasks: [], stopListening: () => signal.removeEventListener('abort', drop) };
    this.#lines.set(sender, line);
    return line;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#runSlice());
  }

  #runSlice(): void {
    this.#isScheduled = false;
    this.#spent = 0;
    while (this.#spent < this.#limits.slice && this.#runNext());
    if (this.#spent > 0) this.#schedule(); // also to begin the next slice with nothing spent
  }

  /** Runs one computation of the next caller, and puts the caller at the end; returns whether there was one. */
  #runNext(): boolean {
    if (this.#lines.size === 0) return false;
    const sender = this.#order.take();
    const line = this.#lines.get(sender)!; // there is one
    const task = line.tasks.shift()!; // a line without tasks is removed
    this.#lines.delete(sender);
    if (line.tasks.length > 0) this.#lines.set(sender, line);
    else line.stopListening();
    this.#spent += task.cost;
    task.run();
    return true;
  }
}
