// The bound on clients that have not authenticated: many may come at once, the oldest of those that stay is cut, and
// each is counted out once.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { HalfOpen } from '../../src/transport/half-open.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Adds clients that note when they are cut. */
function clients(halfOpen: HalfOpen, cut: string[], names: string) {
  return Array.from(names, (name) => halfOpen.add(() => cut.push(name)));
}

test('clients that come at once get some time; then the oldest are disconnected, down to the limit', () => {
  const cut: string[] = [];
  const halfOpen = new HalfOpen(2, 500);
  clients(halfOpen, cut, 'abcd');
  vi.advanceTimersByTime(501);
  clients(halfOpen, cut, 'e');
  expect({ cut, size: halfOpen.size }).toEqual({ cut: [], size: 5 });
  vi.advanceTimersByTime(501);
  expect({ cut, size: halfOpen.size }).toEqual({ cut: ['a', 'b', 'c'], size: 2 });
  vi.advanceTimersByTime(10_000);
  expect({ cut, timers: vi.getTimerCount() }).toEqual({ cut: ['a', 'b', 'c'], timers: 0 });
});

test('a client that came later than the others also gets its time', () => {
  const cut: string[] = [];
  const halfOpen = new HalfOpen(1, 500);
  const [leave] = clients(halfOpen, cut, 'ab');
  leave?.();
  vi.advanceTimersByTime(501); // a look at one client, which is not too many
  clients(halfOpen, cut, 'c');
  vi.advanceTimersByTime(501);
  expect(cut).toEqual(['b']);
  clients(halfOpen, cut, 'd');
  vi.advanceTimersByTime(501);
  expect(cut).toEqual(['b', 'c']);
});

test('the oldest client is disconnected at once if there are sixteen times as many as the limit', () => {
  const cut: string[] = [];
  const halfOpen = new HalfOpen(1, 500);
  clients(halfOpen, cut, 'abcdefghijklmnop');
  expect(cut).toEqual([]);
  clients(halfOpen, cut, 'qr');
  expect({ cut, size: halfOpen.size }).toEqual({ cut: ['a', 'b'], size: 16 });
});

test('clients that leave in time are never disconnected', () => {
  const cut: string[] = [];
  const halfOpen = new HalfOpen(1, 500);
  for (const leave of clients(halfOpen, cut, 'abcdefgh')) leave();
  vi.advanceTimersByTime(10_000);
  expect({ cut, size: halfOpen.size, timers: vi.getTimerCount() }).toEqual({ cut: [], size: 0, timers: 0 });
});

test('all clients can be disconnected at once, even if one function disconnects several', () => {
  let count = 0;
  const halfOpen = new HalfOpen(1);
  const cut = (): void => void count++;
  halfOpen.add(cut);
  halfOpen.add(cut);
  halfOpen.cutAll();
  halfOpen.cutAll();
  expect({ count, size: halfOpen.size, timers: vi.getTimerCount() }).toEqual({ count: 2, size: 0, timers: 0 });
});
