// How tests show that work grows in proportion to its size, on a busy machine too: by the processor time of this
// process, and by the ratio of two sizes that are measured side by side. No test asserts a time.

import { expect } from 'vitest';

/** How much larger the larger size is. */
const FACTOR = 8;

/** The largest growth of proportional work; work that grows with the square of its size grows by 64. */
const BOUND = 24;

/** Measurements of each size, at most; one that is disturbed is repeated. */
const ROUNDS = 6;

/** Microseconds below which a measurement means nothing. */
const LEAST = 1_000;

/**
 * Fails if `run(8 * size)` takes much more than eight times the processor time of `run(size)`.
 * `size` should be large enough for a millisecond of work. `prepare`, if given, makes the input of `run`, unmeasured.
 */
export async function expectProportionalWork<T = number>(
  size: number,
  run: (input: T) => void | Promise<void>,
  prepare: (size: number) => T | Promise<T> = (number) => number as T, // without `prepare`, T is number
): Promise<void> {
  let small = Infinity; // the least of all rounds, as is `large`
  let large = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    small = Math.min(small, Math.max(LEAST, await processorTime(run, await prepare(size))));
    large = Math.min(large, await processorTime(run, await prepare(FACTOR * size)));
    if (round > 0 && large < BOUND * small) return;
  }
  expect(large / small, `growth of the work, if the size grows by ${FACTOR}`).toBeLessThan(BOUND);
}

/** Microseconds that the process itself was running. */
async function processorTime<T>(run: (input: T) => void | Promise<void>, input: T): Promise<number> {
  const before = process.cpuUsage();
  await run(input);
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
