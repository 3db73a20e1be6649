// The keys of a Map or a Set in their order, with work in proportion to their number.
import { expect, test } from 'vitest';
import { OldestFirst } from '../../src/wire/oldest-first.js';
import { expectProportionalWork } from '../support/work.js';

/** Takes and removes keys, at most a number of them. */
function takeAll(keys: Map<string, unknown> | Set<string>, oldest: OldestFirst<string>, most = Infinity): string[] {
  const taken: string[] = [];
  while (taken.length < most) {
    const key = oldest.take();
    if (key === undefined) break;
    keys.delete(key);
    taken.push(key);
  }
  return taken;
}

test('takes the keys in the order in which they were added last', () => {
  const keys = new Map([['a', 1], ['b', 2], ['c', 3]]);
  const oldest = new OldestFirst(keys);
  expect(takeAll(keys, oldest, 1)).toEqual(['a']);
  keys.set('a', 4);
  keys.delete('b');
  keys.set('b', 5);
  expect(takeAll(keys, oldest)).toEqual(['c', 'a', 'b']);
});

test('takes keys that are added after there were none, or after all were removed', () => {
  const keys = new Set<string>();
  const oldest = new OldestFirst(keys);
  expect(takeAll(keys, oldest)).toEqual([]);
  keys.add('a').add('b');
  expect(takeAll(keys, oldest)).toEqual(['a', 'b']);
  keys.add('c');
  expect(takeAll(keys, oldest, 1)).toEqual(['c']);
  keys.add('d').add('e');
  keys.clear();
  keys.add('f');
  expect(takeAll(keys, oldest)).toEqual(['f']);
});

test('replaces the oldest of many keys with work in proportion to their number', async () => {
  await expectProportionalWork(5_000, (count) => {
    const keys = new Set(Array.from({ length: count }, (_, index) => String(index)));
    const oldest = new OldestFirst(keys);
    for (let index = 0; index < count; index++) {
      keys.delete(oldest.take() ?? '');
      keys.add(`new ${index}`);
    }
    expect(keys.size).toBe(count);
  });
});
