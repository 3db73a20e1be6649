// The bound on clients that have not authenticated: the oldest is cut, and each is counted out once.
import { expect, test } from 'vitest';
import { HalfOpen } from '../../src/transport/half-open.js';

test('one client too many cuts the one that has waited longest', () => {
  const cut: string[] = [];
  const halfOpen = new HalfOpen(2);
  const leaveA = halfOpen.add(() => cut.push('a'));
  halfOpen.add(() => cut.push('b'));
  expect(cut).toEqual([]);
  halfOpen.add(() => cut.push('c'));
  expect({ cut, size: halfOpen.size }).toEqual({ cut: ['a'], size: 2 });
  leaveA(); // again, as its end does
  expect(halfOpen.size).toBe(2);
});

test('a client that has left makes room', () => {
  const cut: string[] = [];
  const halfOpen = new HalfOpen(1);
  for (const name of ['a', 'b', 'c']) halfOpen.add(() => cut.push(name))();
  expect({ cut, size: halfOpen.size }).toEqual({ cut: [], size: 0 });
});

test('all can be cut at once, also if one function cuts several clients', () => {
  let count = 0;
  const halfOpen = new HalfOpen(9);
  const cut = (): void => void count++;
  halfOpen.add(cut);
  halfOpen.add(cut);
  halfOpen.cutAll();
  halfOpen.cutAll();
  expect({ count, size: halfOpen.size }).toEqual({ count: 2, size: 0 });
});
