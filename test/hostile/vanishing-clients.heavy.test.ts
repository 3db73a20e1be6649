// A minute of two hundred clients at a time that vanish without good-bye. (Not in the specification.)

import { expect, test } from 'vitest';
import { MIB } from '../support/memory.js';
import { beforeAndAfter } from './vanishing.js';

test('clients that vanish for a minute leave no names, rules, descriptors or memory in use on the bus', async () => {
  const end = Date.now() + 60_000;
  const { before, after, visits } = await beforeAndAfter(() => Date.now() > end);
  expect(visits).toBeGreaterThan(1_000);
  expect(after.counts).toEqual(before.counts);
  expect(after.descriptors).toBe(before.descriptors);
  expect(after.memory).toBeLessThan(before.memory + 2 * MIB);
}, 180_000);
