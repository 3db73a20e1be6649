// The bound on clients that have not authenticated: many may come at once, the oldest of those that stay is cut, and
// each is removed from the count once.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { HandshakeLimit } from '../../src/transport/handshake-limit.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Adds clients that note when they are cut. */
function clients(handshakes: HandshakeLimit, cut: string[], names: string) {
  return Array.from(names, (name) => handshakes.add(() => cut.push(name)));
}

test('clients that come at once get some time; then the oldest are disconnected, down to the limit', () => {
  const cut: string[] = [];
  const handshakes = new HandshakeLimit(2, 500);
  clients(handshakes, cut, 'abcd');
  vi.advanceTimersByTime(501);
  clients(handshakes, cut, 'e');
  expect({ cut, size: handshakes.size }).toEqual({ cut: [], size: 5 });
  vi.advanceTimersByTime(501);
  expect({ cut, size: handshakes.size }).toEqual({ cut: ['a', 'b', 'c'], size: 2 });
  vi.advanceTimersByTime(10_000);
  expect({ cut, timers: vi.getTimerCount() }).toEqual({ cut: ['a', 'b', 'c'], timers: 0 });
});

test('a client that came later than the others also gets its time', () => {
  const cut: string[] = [];
  const handshakes = new HandshakeLimit(1, 500);
  const [leave] = clients(handshakes, cut, 'ab');
  leave?.();
  vi.advanceTimersByTime(501); // a look at one client, which is not too many
  clients(handshakes, cut, 'c');
  vi.advanceTimersByTime(501);
  expect(cut).toEqual(['b']);
  clients(handshakes, cut, 'd');
  vi.advanceTimersByTime(501);
  expect(cut).toEqual(['b', 'c']);
});

test('the oldest client is disconnected at once if there are sixteen times as many as the limit', () => {
  const cut: string[] = [];
  const handshakes = new HandshakeLimit(1, 500);
  clients(handshakes, cut, 'abcdefghijklmnop');
  expect(cut).toEqual([]);
  clients(handshakes, cut, 'qr');
  expect({ cut, size: handshakes.size }).toEqual({ cut: ['a', 'b'], size: 16 });
});

test('clients that leave in time are never disconnected', () => {
  const cut: string[] = [];
  const handshakes = new HandshakeLimit(1, 500);
  for (const leave of clients(handshakes, cut, 'abcdefgh')) leave();
  vi.advanceTimersByTime(10_000);
  expect({ cut, size: handshakes.size, timers: vi.getTimerCount() }).toEqual({ cut: [], size: 0, timers: 0 });
});

test('all clients can be disconnected at once, even if one function disconnects several', () => {
  let count = 0;
  const handshakes = new HandshakeLimit(1);
  const cut = (): void => void count++;
  handshakes.add(cut);
  handshakes.add(cut);
  handshakes.cutAll();
  handshakes.cutAll();
  expect({ count, size: handshakes.size, timers: vi.getTimerCount() }).toEqual({ count: 2, size: 0, timers: 0 });
});
