// Functions that run at the end of the turn of the event loop.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { TurnEnd } from '../../src/service/turn-end.js';

test('runs each function once at the end of the turn, in the order of the first requests', async () => {
  const turnEnd = new TurnEnd();
  const ran: string[] = [];
  const first = (): void => void ran.push('first');
  const again = (): void => {
    ran.push('again');
    if (ran.length < 5) turnEnd.add(again);
  };
  turnEnd.add(first);
  turnEnd.add(again);
  turnEnd.add(first);
  await Promise.resolve();
  expect(ran).toEqual([]);
  await sleep(5);
  expect(ran).toEqual(['first', 'again', 'again', 'again', 'again']); // each in a turn of its own
});

test('runs a function before the end of the turn on request, and not again', async () => {
  const turnEnd = new TurnEnd();
  let count = 0;
  const run = (): void => void count++;
  turnEnd.add(run);
  turnEnd.runNow(run);
  turnEnd.runNow(run);
  turnEnd.add(run);
  turnEnd.run();
  await sleep(1);
  expect(count).toBe(2);
});
