// How `vitest run` finds and runs the tests. Everything that a test needs to be set up it sets up itself.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Whole processes, since the tests start programs: what they leave behind is tied to a process, not to a thread.
    pool: 'forks',
    testTimeout: 20_000,
    hookTimeout: 20_000,
    teardownTimeout: 5_000,
  },
});
