// The background jobs of `slow`: each draws one random bit per interval until its number is complete. Results are kept
// for callers that poll. Running jobs, kept results and the time that they are kept are limited.
// It knows no messages: two callbacks take progress and results.
import { randomBytes, randomUUID } from 'node:crypto';
import { MAX_SLOW_JOBS } from '../../random-data.js';
import type { RandomSource } from './random-integer.js';

/** Milliseconds between two bits of a job by default. */
export const DEFAULT_INTERVAL = 1000;
/** How long a result is kept, in milliseconds. */
export const RESULT_LIFETIME = 600_000;
/** Most results that are kept; above this number the oldest is dropped early. */
export const MAX_KEPT_RESULTS = 10_000;

/** Callbacks about jobs. Neither may throw. */
export interface SlowJobEvents {
  /** A job has drawn `done` of its `total` bits. */
  readonly progress: (id: string, done: number, total: number) => void;
  /** A job is complete; `result` is decimal text. */
  readonly result: (id: string, result: string) => void;
}

/** How jobs run. */
export interface SlowJobOptions {
  /** Milliseconds between two bits; 1,000 by default. */
  readonly interval?: number | undefined;
  readonly source?: RandomSource | undefined;
}

interface Job {
  readonly total: number;
  done: number;
  value: bigint;
  timer: NodeJS.Timeout;
}

/** The state of a job. */
export type JobState = { readonly state: 'running' } | { readonly state: 'done'; readonly result: string };

/** All jobs of one service. */
export class SlowJobs implements Disposable {
  readonly #events: SlowJobEvents;
  readonly #interval: number;
  readonly #source: RandomSource;
  readonly #running = new Map<string, Job>();
  /** In order of completion: the first is the next to expire. */
  readonly #results = new Map<string, { readonly result: string; readonly expires: number }>();
  #expiry: NodeJS.Timeout | undefined;

  constructor(events: SlowJobEvents, { interval = DEFAULT_INTERVAL, source = randomBytes }: SlowJobOptions = {}) {
    this.#events = events;
    this.#interval = interval;
    this.#source = source;
  }

  /** The number of running jobs. */
  get running(): number {
    return this.#running.size;
  }

  /** The number of results that are kept. */
  get kept(): number {
    return this.#results.size;
  }

  /** Starts a job and returns its ID, which cannot be guessed; undefined if too many jobs are running. */
  start(total: number): string | undefined {
    if (this.#running.size >= MAX_SLOW_JOBS) return undefined;
    const id = randomUUID();
    // A job of no bits is done at once, but not before its ID is returned.
    const delay = total === 0 ? 0 : this.#interval;
    const timer = setTimeout(() => this.#advance(id, job), delay);
    const job: Job = { total, done: 0, value: 0n, timer };
    this.#running.set(id, job);
    return id;
  }

  /** The state of a job; undefined for an unknown ID. A result is returned once and then forgotten. */
  collect(id: string): JobState | undefined {
    if (this.#running.has(id)) return { state: 'running' };
    const kept = this.#results.get(id);
    if (kept === undefined) return undefined;
    this.#results.delete(id);
    return { state: 'done', result: kept.result };
  }

  /** Ends all jobs unfinished and forgets all results. */
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
    return timer.unref(); // kept results alone do not keep the program running
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
