// Bounds the memory of the objects that one link collects for answers of GetManagedObjects at the same time: while
// these hold many values, further answers wait for their turn. Callers without a running collection come first. It
// knows no objects. (No clause of the specification.)
import { DBusError } from '../protocol/errors.js';
import { ErrorName } from '../protocol/error-names.js';
import { HANDLER_TIME_LIMIT, type TimeLimit } from './time-limit.js';

/** While all collections together hold this many objects and values or more, no other begins. */
export const MANY_VALUES = 50_000;
/** How many objects and values a collection is expected to hold if none for its key has ended yet. */
const FIRST_EXPECTED = MANY_VALUES / 8;

/** One collection that runs. */
export interface Turn {
  /** Adds to the number of objects and values that it holds. */
  readonly add: (count: number) => void;
}

/** A collection, and the call that it is for. */
export interface CollectionCall {
  readonly sender: string | undefined;
  /** Collections with the same key are about as large. */
  readonly key: string;
  /** Restarted when the collection begins. */
  readonly limit: TimeLimit;
  /** Collects and answers; the turn ends with the promise, if it returns one. */
  readonly run: (turn: Turn) => void | Promise<void>;
}

interface Waiting {
  readonly call: CollectionCall;
  readonly begin: () => void;
}

/** The collections of one link. */
export class CollectionTurns {
  readonly #waiting = new Set<Waiting>();
  /** How many running collections each caller has. */
  readonly #running = new Map<string | undefined, number>();
  /** How many objects and values the last collection of each key held. */
  readonly #expected = new Map<string, number>();
  #count = 0;
  #isScheduled = false;

  /** Forgets the collections of a key. */
  forget(key: string): void {
    this.#expected.delete(key);
  }

  /**
   * Runs a collection now, or in its turn.
   * @throws {DBusError} LimitsExceeded if its turn does not come within the time limit
   */
  run(call: CollectionCall): void | Promise<void> {
    if (this.#waiting.size === 0 && this.#count < MANY_VALUES) return this.#begin(call);
    return new Promise((resolve, reject) => {
      let grant = (): void => {};
      const granted = new Promise<void>((resolveGranted) => (grant = resolveGranted));
      const waiting: Waiting = {
        call,
        begin: () => {
          grant();
          call.limit.restart();
          try {
            resolve(this.#begin(call));
          } catch (error) {
            reject(error);
          }
        },
      };
      this.#waiting.add(waiting);
      call.limit.wait(granted, '').catch((error: unknown) => {
        if (this.#waiting.delete(waiting)) reject(call.limit.isStopped ? error : tooLate());
      });
    });
  }

  #begin({ sender, key, run }: CollectionCall): void | Promise<void> {
    const expected = this.#expected.get(key) ?? FIRST_EXPECTED;
    let held = 0;
    let counted = expected;
    this.#count += counted;
    this.#running.set(sender, (this.#running.get(sender) ?? 0) + 1);
    const add = (count: number): void => {
      held += count;
      if (held <= counted) return;
      this.#count += held - counted;
      counted = held;
    };
    const end = (): void => {
      this.#count -= counted;
      this.#expected.set(key, held);
      const left = this.#running.get(sender)! - 1; // counted above
      if (left === 0) this.#running.delete(sender);
      else this.#running.set(sender, left);
      this.#schedule();
    };
    let later: void | Promise<void>;
    try {
      later = run({ add });
    } catch (error) {
      end();
      throw error;
    }
    if (later === undefined) return end();
    return later.finally(end);
  }

  /** Each collection begins in its own turn of the event loop, so that other work comes between them. */
  #schedule(): void {
    if (this.#isScheduled || this.#waiting.size === 0 || this.#count >= MANY_VALUES) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      const next = this.#count < MANY_VALUES ? this.#next() : undefined;
      if (next === undefined) return;
      this.#waiting.delete(next);
      next.begin();
      this.#schedule();
    });
  }

  /** The first one whose caller has no running collection; if there is none, the first. */
  #next(): Waiting | undefined {
    let first: Waiting | undefined;
    for (const waiting of this.#waiting) {
      if (!this.#running.has(waiting.call.sender)) return waiting;
      first ??= waiting;
    }
    return first;
  }
}

function tooLate(): DBusError {
  const found = 'the answers to other calls of GetManagedObjects hold many values';
  return new DBusError(ErrorName.LIMITS_EXCEEDED, `${found}: a turn must come within ${HANDLER_TIME_LIMIT} ms`);
}
