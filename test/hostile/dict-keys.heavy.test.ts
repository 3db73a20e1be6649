// The suite of dict-keys.test.ts with more keys. And the keys that are refused do make the Map of this engine slow:
// otherwise its hash has changed, and so must the one in src/wire/values/key-collisions.ts. This test compares how the
// work grows with the number of keys, not how long it takes.
import { expect, test } from 'vitest';
import { COLLIDING } from './colliding-keys.js';
import './dict-keys.test.js';

/** CPU time of putting the keys into a Map, the least of three tries. */
function workOf(keys: readonly unknown[]): number {
  return Math.min(...[1, 2, 3].map(() => {
    const before = process.cpuUsage();
    const dict = new Map<unknown, unknown>();
    for (const key of keys) dict.set(key, 7);
    const { user, system } = process.cpuUsage(before);
    return user + system;
  }));
}

test.each(['i', 'u', 'x', 't', 'd'])('the work for colliding keys of type %s is quadratic in their number', (type) => {
  const keys = COLLIDING[type]!(16_000);
  workOf(keys.slice(0, 1000)); // lets the engine compile
  expect(workOf(keys) / workOf(keys.slice(0, 4000))).toBeGreaterThan(8); // 16 times, if it is the square; else 4
});
