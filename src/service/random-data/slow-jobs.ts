// The background jobs of `slow`: each draws one random bit per interval until its number is complete; the result is
// kept for a while for callers who poll. Everything is bounded: running jobs, kept results, and how long they are kept.
// It knows no messages; whoever starts the jobs is told their progress through two functions.
import { randomBytes, randomUUID } from 'node:crypto';
import { MAX_SLOW_JOBS } from '../../random-data.js';
import type { RandomSource } from './random-integer.js';

/** Milliseconds between two bits of a job, unless told otherwise. */
export const DEFAULT_INTERVAL = 1000;
/** How long a result waits for somebody to collect it, in milliseconds. */
export const RESULT_LIFETIME = 600_000;
/** Most results kept for collection; above it the oldest is forgotten before its time. */
export const MAX_KEPT_RESULTS = 10_000;

/** What happens to jobs. Neither function may throw. */
export interface SlowJobEvents {
  /** A job has drawn `done` of its `total` bits. */
  readonly progress: (id: string, done: number, total: number) => void;
  /** A job is complete; `result` is decimal text. */
  readonly result: (id: string, result: string) => void;
}

/** How jobs run. */
export interface SlowJobOptions {
  /** Milliseconds between two bits, 1,000 unless given. */
  readonly interval?: number | undefined;
  readonly source?: RandomSource | undefined;
}

interface Job {
  readonly total: number;
  done: number;
  value: bigint;
  timer: NodeJS.Timeout;
}

/** What is known about a job id. */
export type JobState = { readonly state: 'running' } | { readonly state: 'done'; readonly result: string };

/** All jobs of one service. */
export class SlowJobs implements Disposable {
  readonly #events: SlowJobEvents;
  readonly #interval: number;
  readonly #source: RandomSource;
  readonly #running = new Map<string, Job>();
  /** In order of completion, so the first is always the next to be forgotten. */
  readonly #results = new Map<string, { readonly result: string; readonly expires: number }>();
  #expiry: NodeJS.Timeout | undefined;

  constructor(events: SlowJobEvents, { interval = DEFAULT_INTERVAL, source = randomBytes }: SlowJobOptions = {}) {
    this.#events = events;
    this.#interval = interval;
    this.#source = source;
  }

  /** How many jobs run now. */
  get running(): number {
    return this.#running.size;
  }

  /** How many results are kept for collection. */
  get kept(): number {
    return this.#results.size;
  }

  /** Starts a job and returns its id, which cannot be guessed; undefined where too many run already. */
  start(total: number): string | undefined {
    if (this.#running.size >= MAX_SLOW_JOBS) return undefined;
    const id = randomUUID();
    // A job of no bits is done at once, but not before its id has been told.
    const delay = total === 0 ? 0 : this.#interval;
    const timer = setTimeout(() => this.#advance(id, job), delay);
    const job: Job = { total, done: 0, value: 0n, timer };
    this.#running.set(id, job);
    return id;
  }

  /** What has become of a job; a result is given once and then forgotten. Undefined for an id that is not known. */
  collect(id: string): JobState | undefined {
    if (this.#running.has(id)) return { state: 'running' };
    const kept = this.#results.get(id);
    if (kept === undefined) return undefined;
    this.#results.delete(id);
    return { state: 'done', result: kept.result };
  }

  /** Ends all jobs where they are and forgets all results. */
  [Symbol.dispose](): void {
    for (const { timer } of this.#running.values()) clearTimeout(timer);
    this.#running.clear();
    clearTimeout(this.#expiry);
    this.#expiry = undefined;
    this.#results.clear();
  }

  #advance(id: string, job: Job): void {
    if (job.done < job.total) {
      const [byte = 0] = this.#source(1);
      job.value = (job.value << 1n) | BigInt(byte & 1);
      job.done++;
      this.#events.progress(id, job.done, job.total);
    }
    if (job.done === job.total) this.#finish(id, job.value.toString());
    else job.timer = setTimeout(() => this.#advance(id, job), this.#interval);
  }

  #finish(id: string, result: string): void {
    this.#running.delete(id);
    this.#results.set(id, { result, expires: performance.now() + RESULT_LIFETIME });
    if (this.#results.size > MAX_KEPT_RESULTS) {
      for (const oldest of this.#results.keys()) {
        this.#results.delete(oldest);
        break;
      }
    }
    this.#expiry ??= this.#expireIn(RESULT_LIFETIME);
    this.#events.result(id, result);
  }

  #expireIn(delay: number): NodeJS.Timeout {
    const timer = setTimeout(() => this.#expire(), delay);
    return timer.unref(); // results alone are no reason to go on running
  }

  #expire(): void {
    this.#expiry = undefined;
    const now = performance.now();
    for (const [id, { expires }] of this.#results) {
      if (expires > now) {
        this.#expiry = this.#expireIn(expires - now);
        return;
      }
      this.#results.delete(id);
    }
  }
}
