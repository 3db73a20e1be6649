// The background jobs of `slow`: each draws one random bit per interval until its number is complete. Results are kept
// for callers that poll; each belongs to the caller of its job as long as that one is on the bus. Running jobs and kept
// results, of one caller and of all, and the time that results are kept are limited.
// It knows no messages: two callbacks take progress and results.
import { randomBytes, randomUUID } from 'node:crypto';
import { MAX_SLOW_JOBS, MAX_SLOW_JOBS_PER_CALLER } from '../../random-data.js';
import { type JobCaller, type JobShare, JobShares } from './job-callers.js';
import type { RandomSource } from './random-integer.js';

/** Milliseconds between two bits of a job by default. */
export const DEFAULT_INTERVAL = 1000;
/** How long a result is kept, in milliseconds. */
export const RESULT_LIFETIME = 600_000;
/** The most results that are kept; above it, one is dropped early: first the oldest of callers that have left. */
export const MAX_KEPT_RESULTS = 10_000;
/** The most results that are kept for one caller; above this number its oldest is dropped early. */
export const MAX_KEPT_RESULTS_PER_CALLER = 1_000;
/** The most jobs that run on for callers that have left; above this number the oldest ends without a result. */
export const MAX_DEPARTED_JOBS = 500;

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
  share: JobShare;
  readonly total: number;
  done: number;
  value: bigint;
  timer: NodeJS.Timeout;
}

interface KeptResult {
  share: JobShare;
  readonly result: string;
  readonly expires: number;
}

/** The state of a job, for a caller that asks for its result. */
export type JobState =
  | { readonly state: 'running' }
  | { readonly state: 'done'; readonly result: string }
  /** It belongs to another caller. */
  | { readonly state: 'foreign' };

/** Why a job is not started: too many run, of all callers or of this one. */
export type JobRefusal = 'too many' | 'too many of this caller';

/** All jobs of one service. */
export class SlowJobs implements Disposable {
  readonly #events: SlowJobEvents;
  readonly #interval: number;
  readonly #source: RandomSource;
  readonly #running = new Map<string, Job>();
  /** In order of completion: the first is the next to expire. */
  readonly #results = new Map<string, KeptResult>();
  readonly #shares = new JobShares((share) => this.#handOver(share));
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

  /** Starts a job and returns its ID, which cannot be guessed; or the reason why it is not started. */
  start(total: number, caller: JobCaller): { readonly id: string } | { readonly refusal: JobRefusal } {
    if (this.#running.size >= MAX_SLOW_JOBS) return { refusal: 'too many' };
    const share = this.#shares.of(caller);
    if (share.running.size >= MAX_SLOW_JOBS_PER_CALLER && !share.isDeparted) {
      return { refusal: 'too many of this caller' };
    }
    const id = randomUUID();
    // A job of no bits is done at once, but not before its ID is returned.
    const delay = total === 0 ? 0 : this.#interval;
    const timer = setTimeout(() => this.#advance(id, job), delay);
    const job: Job = { share, total, done: 0, value: 0n, timer };
    this.#running.set(id, job);
    share.running.add(id);
    return { id };
  }

  /** The state of a job; undefined for an unknown ID. A result is returned once and then forgotten. */
  collect(id: string, { sender }: Pick<JobCaller, 'sender'>): JobState | undefined {
    const found = this.#running.get(id) ?? this.#results.get(id);
    if (found === undefined) return undefined;
    const { share } = found;
    if (!share.isDeparted && share.sender !== sender) return { state: 'foreign' };
    if (!('result' in found)) return { state: 'running' };
    this.#forget(id, share);
    return { state: 'done', result: found.result };
  }

  /** Ends all jobs unfinished and forgets all results. */
  [Symbol.dispose](): void {
    for (const { timer } of this.#running.values()) clearTimeout(timer);
    this.#running.clear();
    clearTimeout(this.#expiry);
    this.#expiry = undefined;
    this.#results.clear();
    this.#shares.clear();
  }

  #advance(id: string, job: Job): void {
    if (job.done < job.total) {
      const [byte = 0] = this.#source(1);
      job.value = (job.value << 1n) | BigInt(byte & 1);
      job.done++;
      this.#events.progress(id, job.done, job.total);
    }
    if (job.done === job.total) this.#finish(id, job);
    else job.timer = setTimeout(() => this.#advance(id, job), this.#interval);
  }

  #finish(id: string, { share, value }: Job): void {
    const result = value.toString();
    this.#running.delete(id);
    share.running.delete(id);
    this.#results.set(id, { share, result, expires: performance.now() + RESULT_LIFETIME });
    share.kept.add(id);
    if (!share.isDeparted && share.kept.size > MAX_KEPT_RESULTS_PER_CALLER) this.#forgetOldest(share.kept);
    if (this.#results.size > MAX_KEPT_RESULTS) {
      const { departed } = this.#shares;
      this.#forgetOldest(departed.kept.size > 0 ? departed.kept : this.#results.keys());
    }
    this.#expiry ??= this.#expireIn(RESULT_LIFETIME);
    this.#events.result(id, result);
  }

  #forgetOldest(ids: Iterable<string>): void {
    for (const id of ids) {
      const { share } = this.#results.get(id)!; // `ids` are those of kept results
      this.#forget(id, share);
      return;
    }
  }

  #forget(id: string, share: JobShare): void {
    this.#results.delete(id);
    share.kept.delete(id);
    this.#shares.release(share);
  }

  /** A caller has left: from now on its jobs belong to any caller that knows their ID. */
  #handOver({ running, kept }: JobShare): void {
    const { departed } = this.#shares;
    for (const id of running) {
      departed.running.add(id);
      this.#running.get(id)!.share = departed; // it has every running job
    }
    for (const id of kept) {
      departed.kept.add(id);
      this.#results.get(id)!.share = departed; // it has every kept result
    }
    for (const id of departed.running) {
      if (departed.running.size <= MAX_DEPARTED_JOBS) return;
      clearTimeout(this.#running.get(id)?.timer);
      this.#running.delete(id);
      departed.running.delete(id);
    }
  }

  #expireIn(delay: number): NodeJS.Timeout {
    const timer = setTimeout(() => this.#expire(), delay);
    return timer.unref(); // kept results alone do not keep the program running
  }

  #expire(): void {
    this.#expiry = undefined;
    const now = performance.now();
    for (const [id, { expires, share }] of this.#results) {
      if (expires > now) {
        this.#expiry = this.#expireIn(expires - now);
        return;
      }
      this.#forget(id, share);
    }
  }
}
