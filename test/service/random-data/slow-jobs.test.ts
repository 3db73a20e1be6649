// Slow jobs without a service: their bits, results that are kept, and limits. Time is simulated.

import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { MAX_SLOW_JOBS } from '../../../src/random-data.js';
import {
  MAX_KEPT_RESULTS, RESULT_LIFETIME, type SlowJobOptions, SlowJobs,
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
  return { jobs, events, start: (bits: number): string => jobs.start(bits) ?? 'refused' };
}

const bitsOf = (bits: string) => {
  const left = [...bits].map(Number);
  return () => Uint8Array.of((left.shift() ?? 0) | 0xfe); // only the last bit counts
};

describe('a job', () => {
  test('draws one bit per interval, the most significant first', () => {
    const { start, events, jobs } = setup({ interval: 1000, source: bitsOf('1011') });
    const id = start(4);
    expect(jobs.running).toBe(1);
    vi.advanceTimersByTime(999);
    expect(events).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(events).toEqual([[id, 1, 4]]);
    vi.advanceTimersByTime(2999);
    expect(events).toHaveLength(3);
    expect(jobs.collect(id)).toEqual({ state: 'running' });
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

  test('of no bits is done at once, but not before its ID is returned', () => {
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
    const { jobs, start } = setup({ source: bitsOf('11') });
    const id = start(2);
    vi.advanceTimersByTime(2000);
    expect(jobs.collect(id)).toEqual({ state: 'done', result: '3' });
    expect(jobs.collect(id)).toBeUndefined();
    expect(jobs.kept).toBe(0);
  });

  test.each(['', 'x', '__proto__', 'constructor'])('do not exist for the ID %j', (id) => {
    expect(setup().jobs.collect(id)).toBeUndefined();
  });

  test('are each forgotten ten minutes after they were complete', () => {
    const { jobs, start } = setup({ interval: 1000 });
    const [first, second] = [start(1), start(3)];
    vi.advanceTimersByTime(1000 + RESULT_LIFETIME - 1);
    expect(jobs.kept).toBe(2);
    vi.advanceTimersByTime(1);
    expect(jobs.kept).toBe(1);
    expect(jobs.collect(first)).toBeUndefined();
    vi.advanceTimersByTime(1999);
    expect(jobs.kept).toBe(1);
    vi.advanceTimersByTime(1);
    expect(jobs.kept).toBe(0);
    expect(jobs.collect(second)).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('are limited in number: the oldest is forgotten', async () => {
    vi.useRealTimers(); // thousands of simulated timers are slow
    const { jobs, start } = setup();
    onTestFinished(() => jobs[Symbol.dispose]());
    const ids: string[] = [];
    for (let round = 0; round < 11; round++) {
      for (let index = 0; index < MAX_SLOW_JOBS; index++) ids.push(start(0));
      await until(() => jobs.running === 0);
    }
    expect(ids).toHaveLength(11 * MAX_SLOW_JOBS);
    expect(ids).not.toContain('refused');
    expect(jobs.kept).toBe(MAX_KEPT_RESULTS);
    expect(jobs.collect(ids[0] ?? '')).toBeUndefined();
    expect(jobs.collect(ids.at(-1) ?? '')).toEqual({ state: 'done', result: '0' });
  });
});

describe('the number of jobs', () => {
  test('is limited while they run', () => {
    const { jobs, start } = setup({ interval: 1000 });
    for (let index = 0; index < MAX_SLOW_JOBS; index++) expect(start(1)).not.toBe('refused');
    expect(jobs.start(1)).toBeUndefined();
    expect(jobs.start(0)).toBeUndefined();
    expect(jobs.running).toBe(MAX_SLOW_JOBS);
    vi.advanceTimersByTime(1000);
    expect(jobs.running).toBe(0);
    expect(start(1)).not.toBe('refused');
  });
});

describe('disposing', () => {
  test('ends everything', () => {
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
