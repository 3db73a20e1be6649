// The table of waiting calls by serial, beside a Map with the same elements.
import { expect, test } from 'vitest';
import { SerialTable, type Numbered } from '../../src/connection/serial-table.js';
import { extent } from '../support/extent.js';

const element = (serial: number): Numbered => ({ serial, order: 0, nextInChain: undefined });

/** Numbers from 0 to 2^32−1 that look random and are the same in each run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
}

test('an element is found by its serial until it is removed', () => {
  const table = new SerialTable();
  const [first, second] = [element(1), element(2 ** 32 - 1)];
  table.add(first);
  table.add(second);
  expect([table.get(1), table.get(2 ** 32 - 1), table.get(3), table.size]).toEqual([first, second, undefined, 2]);
  table.delete(first);
  expect([table.has(1), table.has(2 ** 32 - 1), table.size]).toEqual([false, true, 1]);
});

test('elements of one chain are distinguished, and each of them can be removed', () => {
  for (const removed of [0, 1, 2]) {
    const table = new SerialTable();
    const elements = [element(7), element(7 + 2 ** 10), element(7 + 2 ** 20)];
    for (const each of elements) table.add(each);
    table.delete(elements[removed]!);
    expect(elements.map(({ serial }) => table.has(serial))).toEqual([0, 1, 2].map((index) => index !== removed));
  }
});

test('the table finds the same elements as a Map while it grows and shrinks', () => {
  const table = new SerialTable();
  const map = new Map<number, Numbered>();
  const next = numbers(42);
  const compare = (): void => {
    expect(table.size).toBe(map.size);
    expect(table.values().map(({ serial }) => serial)).toEqual([...map.keys()]);
    for (const [serial, each] of map) if (table.get(serial) !== each) throw new Error(`${serial} is lost`);
  };
  for (const most of extent([3, 1_500, 10, 3_000, 0], [3, 5_000, 10, 20_000, 0])) {
    for (let step = 0; step < extent(6_000, 60_000); step++) {
      const serial = next();
      if (map.size < most && !map.has(serial)) {
        const added = element(serial);
        map.set(serial, added);
        table.add(added);
      } else {
        for (const oldest of map.values()) {
          map.delete(oldest.serial);
          table.delete(oldest);
          break;
        }
      }
    }
    compare();
  }
});

test('the elements are returned in the order in which they were added, and an element can be added again', () => {
  const table = new SerialTable();
  const elements = [900, 3, 70_000, 1].map(element);
  for (const each of elements) table.add(each);
  expect(table.values()).toEqual(elements);
  table.delete(elements[0]!);
  table.add(elements[0]!);
  expect(table.values().map(({ serial }) => serial)).toEqual([3, 70_000, 1, 900]);
});
