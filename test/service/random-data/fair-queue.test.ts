// Computations of many callers: slices, turns, and callers that leave. Immediates are run by hand.

import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { FairQueue, type QueueCaller } from '../../../src/service/random-data/fair-queue.js';

let nextTurn: () => void;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setImmediate'] });
  onTestFinished(() => void vi.useRealTimers());
  nextTurn = () => vi.runOnlyPendingTimers();
});

function callerNamed(sender: string): QueueCaller & { readonly leave: () => void } {
  const abort = new AbortController();
  return { sender, signal: abort.signal, leave: () => abort.abort(new Error(`${sender} left`)) };
}

function setup() {
  const queue = new FairQueue({ free: 1, slice: 10 });
  const done: string[] = [];
  const run = (caller: QueueCaller, cost = 5) => queue.run(caller, cost, () => done.push(caller.sender!));
  return { queue, done, run };
}
const [a, b] = [callerNamed('a'), callerNamed('b')];

test('a computation that costs little enough runs at once, even if others wait', () => {
  const { run, done } = setup();
  for (let index = 0; index < 3; index++) void run(a);
  expect(run(b, 1)).toBe(3);
  expect(done).toEqual(['a', 'a', 'b']);
});

test('a turn runs as many computations as fit into a slice', async () => {
  const { run, done, queue } = setup();
  const results = Array.from({ length: 5 }, () => run(a));
  expect(done).toHaveLength(2);
  nextTurn();
  expect(done).toHaveLength(4);
  nextTurn();
  expect(done).toHaveLength(5);
  expect(await Promise.all(results)).toEqual([1, 2, 3, 4, 5]);
  expect(queue.waiting).toBe(0);
  nextTurn();
  expect([run(a), run(a)]).toEqual([6, 7]); // a new slice
});

test('a computation that exceeds a slice is still run', () => {
  const { run, done } = setup();
  void run(a, 100);
  expect(done).toEqual([]);
  nextTurn();
  expect(done).toEqual(['a']);
});

test('callers take turns: a caller with one computation waits for one of each other caller', () => {
  const { run, done } = setup();
  for (let index = 0; index < 20_000; index++) void run(a);
  void run(b);
  nextTurn();
  expect(done).toEqual(['a', 'a', 'a', 'b']);
});

test('the computations of a caller that has left are not run', async () => {
  const { run, done, queue } = setup();
  const leaving = callerNamed('c');
  const results = Array.from({ length: 4 }, () => run(leaving));
  void run(b);
  leaving.leave();
  expect(queue.waiting).toBe(1);
  await expect(results[3]).rejects.toThrow('c left');
  await expect(results[2]).rejects.toThrow('c left');
  nextTurn();
  expect(done).toEqual(['c', 'c', 'b']);
});

test('an error of a computation affects only its caller', async () => {
  const { queue, run } = setup();
  void run(a);
  void run(a);
  const failing = queue.run(a, 5, () => { throw new RangeError('broken'); });
  const fine = run(b);
  nextTurn();
  await expect(failing).rejects.toThrow('broken');
  expect(await fine).toBe(3);
});
