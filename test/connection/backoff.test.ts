// The delays between the attempts to restore a connection.
import { expect, test } from 'vitest';
import { Backoff } from '../../src/connection/backoff.js';

const OPTIONS = { initialDelay: 100, maxDelay: 1_000, maxAttempts: Infinity, jitter: 0 };
const nextDelays = (backoff: Backoff, count: number): unknown[] => Array.from({ length: count }, () => backoff.next());

test('the delays double up to the limit', () => {
  expect(nextDelays(new Backoff(OPTIONS), 6)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
});

test('a delay is shortened by a random part, up to the limit of the option', () => {
  const numbers = [0, 0.5, 1, 0.25];
  const backoff = new Backoff({ ...OPTIONS, jitter: 0.5 }, () => numbers.shift() ?? 0);
  expect(nextDelays(backoff, 4)).toEqual([100, 150, 200, 700]);
});

test('there is no delay after the last attempt', () => {
  const backoff = new Backoff({ ...OPTIONS, maxAttempts: 2 });
  expect(nextDelays(backoff, 4)).toEqual([100, 200, undefined, undefined]);
  expect(nextDelays(new Backoff({ ...OPTIONS, maxAttempts: 0 }), 1)).toEqual([undefined]);
});

test('the delays start again only after a connection that has lasted long enough', () => {
  const backoff = new Backoff({ ...OPTIONS, maxDelay: 5_000 });
  expect(nextDelays(backoff, 2)).toEqual([100, 200]);
  backoff.noteLifetime(999); // a server that accepts and hangs up
  expect(nextDelays(backoff, 3)).toEqual([400, 800, 1_600]);
  backoff.noteLifetime(3_000); // less than the delay that is due
  expect(nextDelays(backoff, 1)).toEqual([3_200]);
  backoff.noteLifetime(5_000);
  expect(nextDelays(backoff, 2)).toEqual([100, 200]);
});

test.each([[100, 1_000], [0, 0]])('an initial delay of %i ms does not overflow in the end', (initialDelay, last) => {
  const backoff = new Backoff({ ...OPTIONS, initialDelay });
  nextDelays(backoff, 5_000);
  expect(backoff.next()).toBe(last);
});
