// How vitest finds and runs the tests, in three projects. `quick` and `quick-alone` guard each behavior and take about a
// minute. `heavy` (`*.heavy.test.ts`) holds the largest messages, tables of every combination, long runs, the examples
// of all pages and what downloads packages. Each test sets up what it needs.

import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const HEAVY = 'test/**/*.heavy.test.ts';

/**
 * The files that have a process of their own. The others leave nothing behind, so that they share processes, which saves
 * half of the time.
 */
const ALONE = [
  'test/wire/limits.test.ts', // it measures memory again and again, which is quick in a small process
  'test/hostile/handshakes.test.ts', // it counts all that its process holds
  'test/service/failure-reports.test.ts', 'test/service/dispatch.test.ts', // warnings are counted for each process
];

/** Holds that a file leaves nothing behind. */
const setupFiles = ['test/support/leave-nothing.ts'];

const cores = availableParallelism();

export default defineConfig({
  test: {
    // Whole processes, because tests start programs: what they leave behind is tied to a process, not to a thread.
    pool: 'forks',
    // One core is left for the programs that tests start, unless only one would remain.
    maxWorkers: Math.max(Math.min(2, cores), cores - 1),
    // Generous: a limit is for a test that hangs, not for a machine that is busy.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    expect: { poll: { interval: 10, timeout: 30_000 } },
    projects: [
      {
        extends: true,
        test: { name: 'quick', include: ['test/**/*.test.ts'], exclude: [HEAVY, ...ALONE], isolate: false, setupFiles },
      },
      { extends: true, test: { name: 'quick-alone', include: ALONE, exclude: [HEAVY] } },
      { extends: true, test: { name: 'heavy', include: [HEAVY], env: { TEST_EXTENT: 'full' } } },
    ],
  },
});
