// Slow jobs without a service: their bits, results that are kept, and limits. Time is simulated.

import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { MAX_SLOW_JOBS, MAX_SLOW_JOBS_PER_CALLER } from '../../../src/random-data.js';
import type { JobCaller } from '../../../src/service/random-data/job-callers.js';
import {
  MAX_DEPARTED_JOBS, MAX_KEPT_RESULTS, MAX_KEPT_RESULTS_PER_CALLER, RESULT_LIFETIME, type SlowJobOptions, SlowJobs,
} from '../../../src/service/random-data/slow-jobs.js';
import { until } from '../../support/waiting.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setup(options: SlowJobOptions = {}) {
  const events: (readonly [string, ...(string | number)[]])[] = [];
  const jobs = new SlowJobs(
    {
      progress: (id, done, total) => events.push([id, done, total]),
      result: (id, result) => events.push([id, result]),
    },
    options,
  );
  const start = (bits: number, by: JobCaller = caller): string => {
    const started = jobs.start(bits, by);
    return 'id' in started ? started.id : started.refusal;
  };
  const collect = (id: string, by: JobCaller = caller) => jobs.collect(id, by);
  return { jobs, events, start, collect };
}

/** A caller on the bus, until it leaves. */
function callerNamed(sender: string): JobCaller & { readonly leave: () => void } {
  const abort = new AbortController();
  return { sender, signal: abort.signal, leave: () => abort.abort() };
}

const caller = callerNamed(':1.1');

const bitsOf = (bits: string) => {
  const left = [...bits].map(Number);
  return () => Uint8Array.of((left.shift() ?? 0) | 0xfe); // only the last bit counts
};

describe('a job', () => {
  test('draws one bit per interval, the most significant first', () => {
    const { start, events, jobs, collect } = setup({ interval: 1000, source: bitsOf('1011') });
    const id = start(4);
    expect(jobs.running).toBe(1);
    vi.advanceTimersByTime(999);
    expect(events).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(events).toEqual([[id, 1, 4]]);
    vi.advanceTimersByTime(2999);
    expect(events).toHaveLength(3);
    expect(collect(id)).toEqual({ state: 'running' });
    vi.advanceTimersByTime(1);
    expect(events.slice(1)).toEqual([[id, 2, 4], [id, 3, 4], [id, 4, 4], [id, '11']]);
    expect(jobs.running).toBe(0);
    vi.advanceTimersByTime(10_000);
    expect(events).toHaveLength(5);
  });

  test('takes a second per bit by default', () => {
    const { start, events } = setup();
    start(2);
    vi.advanceTimersByTime(1999);
    expect(events).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(events).toHaveLength(3);
  });

  test('of 0 bits is done at once, but not before its ID is returned', () => {
    const { start, events } = setup();
    const id = start(0);
    expect(events).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(events).toEqual([[id, '0']]);
  });

  test('of 3,600 bits is exact', () => {
    const bits = Array.from({ length: 3600 }, (_, index) => (index * 7919) % 13 % 2).join('');
    const { start, events } = setup({ interval: 10, source: bitsOf(bits) });
    const id = start(3600);
    vi.advanceTimersByTime(36_000);
    expect(events.at(-1)).toEqual([id, BigInt(`0b${bits}`).toString()]);
  });

  test('has an ID that cannot be guessed', () => {
    const { start } = setup();
    const ids = Array.from({ length: 100 }, () => start(1));
    expect(new Set(ids).size).toBe(100);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('runs at the same time as others, each with its own number', () => {
    const { start, events } = setup({ interval: 1000 });
    const first = start(1);
    vi.advanceTimersByTime(500);
    const second = start(2);
    vi.advanceTimersByTime(3000);
    expect(events.map(([id, ...rest]) => [id === first ? 1 : id === second ? 2 : 0, rest.length])).toEqual([
      [1, 2], [1, 1], [2, 2], [2, 2], [2, 1],
    ]);
  });
});

describe('results', () => {
  test('are returned once', () => {
    const { jobs, start, collect } = setup({ source: bitsOf('11') });
    const id = start(2);
    vi.advanceTimersByTime(2000);
    expect(collect(id)).toEqual({ state: 'done', result: '3' });
    expect(collect(id)).toBeUndefined();
    expect(jobs.kept).toBe(0);
  });

  test.each(['', 'x', '__proto__', 'constructor'])('do not exist for the ID %j', (id) => {
    expect(setup().collect(id)).toBeUndefined();
  });

  test('are removed ten minutes after they were complete', () => {
    const { jobs, start, collect } = setup({ interval: 1000 });
    const [first, second] = [start(1), start(3)];
    vi.advanceTimersByTime(1000 + RESULT_LIFETIME - 1);
    expect(jobs.kept).toBe(2);
    vi.advanceTimersByTime(1);
    expect(jobs.kept).toBe(1);
    expect(collect(first)).toBeUndefined();
    vi.advanceTimersByTime(1999);
    expect(jobs.kept).toBe(1);
    vi.advanceTimersByTime(1);
    expect(jobs.kept).toBe(0);
    expect(collect(second)).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('are limited for each caller and for all: the oldest is removed, first of callers that have left',
    async () => {
      vi.useRealTimers(); // thousands of simulated timers are slow
      const { jobs, start, collect } = setup();
      onTestFinished(() => jobs[Symbol.dispose]());
      const finish = async (count: number, by: JobCaller): Promise<string[]> => {
        const ids: string[] = [];
        for (let left = count; left > 0; left -= MAX_SLOW_JOBS_PER_CALLER) {
          for (let index = 0; index < MAX_SLOW_JOBS_PER_CALLER; index++) ids.push(start(0, by));
          await until(() => jobs.running === 0);
        }
        return ids;
      };
      const [gone, greedy] = [callerNamed(':1.2'), callerNamed(':1.3')];
      const left = await finish(200, gone);
      gone.leave();
      const own = await finish(100, caller);
      const many = await finish(MAX_KEPT_RESULTS_PER_CALLER + 100, greedy);
      expect(jobs.kept).toBe(300 + MAX_KEPT_RESULTS_PER_CALLER);
      expect([collect(many[99]!, greedy), collect(many[100]!, greedy)]).toEqual([undefined, { state: 'done', result: '0' }]);
      await finish(100, callerNamed(':1.4')); // one result of the greedy one was collected
      for (let index = 0; jobs.kept < MAX_KEPT_RESULTS; index++) await finish(100, callerNamed(`:2.${index}`));
      await finish(100, callerNamed(':3.1'));
      expect(jobs.kept).toBe(MAX_KEPT_RESULTS);
      expect([collect(left[0]!), collect(left[199]!)]).toEqual([undefined, { state: 'done', result: '0' }]);
      expect(collect(own[0]!)).toEqual({ state: 'done', result: '0' });
    });
});

test('the signal of a caller whose results are all collected has no listener any more', () => {
  const { start, collect, jobs } = setup();
  const { sender, signal } = callerNamed(':1.5');
  const ids = [1, 2].map(() => start(0, { sender, signal }));
  vi.advanceTimersByTime(1);
  expect(jobs.kept).toBe(2);
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  for (const id of ids) collect(id, { sender, signal });
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

describe('the number of jobs', () => {
  const startAll = (start: (bits: number, by: JobCaller) => string, by: JobCaller): string[] =>
    Array.from({ length: MAX_SLOW_JOBS_PER_CALLER }, () => start(1, by));

  test('is limited for each caller while they run', () => {
    const { jobs, start } = setup({ interval: 1000 });
    startAll(start, caller);
    expect([start(1), start(0)]).toEqual(['too many of this caller', 'too many of this caller']);
    expect(jobs.running).toBe(MAX_SLOW_JOBS_PER_CALLER);
    expect(start(1, callerNamed(':1.2'))).toHaveLength(36);
    vi.advanceTimersByTime(1000);
    expect(jobs.running).toBe(0);
    expect(start(1)).toHaveLength(36);
  });

  test('is limited for all callers together', () => {
    const { jobs, start } = setup({ interval: 1000 });
    for (let index = 0; index < 10; index++) startAll(start, callerNamed(`:1.${index}`));
    expect(jobs.running).toBe(MAX_SLOW_JOBS);
    expect(start(1, callerNamed(':1.99'))).toBe('too many');
  });

  test('leaves room for present callers, however many callers start jobs and leave', () => {
    const { jobs, start } = setup({ interval: 1000 });
    const oldest = start(1, caller);
    for (let index = 0; index < 20; index++) {
      const leaving = callerNamed(`:2.${index}`);
      expect(startAll(start, leaving)).not.toContain('too many');
      leaving.leave();
    }
    expect(jobs.running).toBe(MAX_DEPARTED_JOBS + 1);
    expect(jobs.collect(oldest, caller)).toEqual({ state: 'running' });
  });
});

describe('a result', () => {
  test('is for the caller of its job, even while the job runs', () => {
    const { start, collect } = setup({ interval: 1000, source: bitsOf('1') });
    const id = start(1);
    const other = callerNamed(':1.2');
    expect([collect(id, other), collect(id)]).toEqual([{ state: 'foreign' }, { state: 'running' }]);
    vi.advanceTimersByTime(1000);
    expect([collect(id, other), collect(id)]).toEqual([{ state: 'foreign' }, { state: 'done', result: '1' }]);
  });

  test.each([['before', 0], ['after', 1000]])('is for all that know the ID if its caller left %s it came', (_, at) => {
    const { start, collect, jobs } = setup({ interval: 1000, source: bitsOf('1') });
    const leaving = callerNamed(':1.2');
    const id = start(1, leaving);
    vi.advanceTimersByTime(at);
    leaving.leave();
    vi.advanceTimersByTime(1000);
    expect(collect(id)).toEqual({ state: 'done', result: '1' });
    expect([jobs.running, jobs.kept]).toEqual([0, 0]);
  });
});

describe('disposing', () => {
  test('ends all jobs and timers', () => {
    const { jobs, start, events } = setup({ interval: 1000 });
    start(1);
    start(5);
    vi.advanceTimersByTime(1000);
    const before = events.length;
    jobs[Symbol.dispose]();
    expect([jobs.running, jobs.kept, vi.getTimerCount()]).toEqual([0, 0, 0]);
    vi.advanceTimersByTime(RESULT_LIFETIME);
    expect(events).toHaveLength(before);
  });
});
