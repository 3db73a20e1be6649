// Random choices of the hostile tests: each run has a new seed. HOSTILE_SEED repeats a run.
import { randomInt } from 'node:crypto';
import { onTestFailed } from 'vitest';
import { Random } from '../fuzz/random.js';

/** Choices for the running test; if it fails, its seed is printed. */
export function seededRandom(): Random {
  const seed = Number(process.env['HOSTILE_SEED'] ?? randomInt(2 ** 31));
  onTestFailed(() => {
    process.stderr.write(`HOSTILE_SEED=${seed} repeats the test that failed\n`);
  });
  return new Random(seed, 1);
}
