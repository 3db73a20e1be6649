// Dozens of clients at a time that vanish without a goodbye leave our message bus as it was; vanishing-clients.heavy
// has a minute of two hundred. (Not in the specification.)

import { expect, test } from 'vitest';
import { MIB } from '../support/memory.js';
import { beforeAndAfter } from './vanishing.js';

test('clients that vanish leave no names, rules, descriptors or memory in use on the bus', async () => {
  const { before, after, visits } = await beforeAndAfter((count) => count >= 100);
  expect(visits).toBeGreaterThanOrEqual(100);
  expect(after.counts).toEqual(before.counts);
  expect(after.descriptors).toBe(before.descriptors);
  expect(after.memory).toBeLessThan(before.memory + 2 * MIB);
});
