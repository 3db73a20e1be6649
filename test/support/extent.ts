// How far the tests go. `npm test` runs the tests that guard each behavior. The long tables, long runs and rarer ends of
// programs are for `npm run test:heavy`, in which `NAME.heavy.test.ts` imports the suite `NAME.test.ts`: then the suite
// runs with all of them. It knows only the variable of vitest.config.ts.

import { describe, test } from 'vitest';
import { describeWith } from './programs.js';

const isFull = process.env['TEST_EXTENT'] === 'full';

/** A number of rounds, or a list of cases: a small one in `npm test`, all of them in `npm run test:heavy`. */
export function extent<T>(quick: T, full: T): T {
  return isFull ? full : quick;
}

/** Some of a list in `npm test`: those at multiples of `step`. All of them in `npm run test:heavy`. */
export function some<T>(all: readonly T[], step: number): T[] {
  return all.filter((_, index) => isFull || index % step === 0);
}

const nothing = (): void => {};
const never: unknown = Object.assign(nothing, { each: () => nothing });

/** `test` of `npm run test:heavy`. In `npm test` it defines nothing, so that nothing is skipped. */
export const heavyTest = (isFull ? test : never) as typeof test; // both are called, and have `each`

/** `describeWith` of `npm run test:heavy`. In `npm test` it defines nothing. */
export function heavyDescribeWith(...names: readonly string[]): typeof describe | typeof describe.skip {
  return isFull ? describeWith(...names) : never as typeof describe; // both are called, and have `each`
}
