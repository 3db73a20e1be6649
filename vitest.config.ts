// How vitest finds and runs the tests, in three projects. `quick` and `quick-pure` guard all behavior and take about a
// minute. `heavy` (`*.heavy.test.ts`) holds the largest messages, tables of every combination, long runs and what
// downloads packages. Each test sets up what it needs.

import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const HEAVY = 'test/**/*.heavy.test.ts';

/** The tests of the pure layers leave nothing behind, so their files share processes. */
const PURE = ['wire', 'auth', 'protocol', 'interface'].map((layer) => `test/${layer}/**/*.test.ts`);

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
    projects: [
      { extends: true, test: { name: 'quick', include: ['test/**/*.test.ts'], exclude: [HEAVY, ...PURE] } },
      { extends: true, test: { name: 'quick-pure', include: PURE, exclude: [HEAVY], isolate: false } },
      { extends: true, test: { name: 'heavy', include: [HEAVY], env: { TEST_EXTENT: 'full' } } },
    ],
  },
});
