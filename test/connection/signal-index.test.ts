// The index of subscriptions: which entries it visits for the member and the path of a signal, and how many.

import { describe, expect, test } from 'vitest';
import { SignalIndex } from '../../src/connection/signal-index.js';

const RULES = [
  { path: '/a/b' }, { path: '/a' }, { pathNamespace: '/a' }, { pathNamespace: '/' }, { pathNamespace: '/a/b/c' }, {},
  { member: 'M', path: '/a/b' }, { member: 'N', path: '/a/b' }, { member: 'M', pathNamespace: '/a' }, { member: 'M' },
];

function visited(index: SignalIndex<unknown>, member: string, path: string): unknown[] {
  const entries: unknown[] = [];
  index.visit({ member, path }, (entry) => entries.push(entry));
  return entries;
}

describe('the index of signals', () => {
  const index = new SignalIndex<(typeof RULES)[number]>();
  for (const rule of RULES) index.add(rule, rule);

  test.each<[member: string, path: string, rules: readonly number[]]>([
    ['M', '/a/b', [0, 2, 3, 5, 6, 8, 9]],
    ['M', '/a', [1, 2, 3, 5, 8, 9]],
    ['N', '/a/b/c', [2, 3, 4, 5]],
    ['O', '/', [3, 5]],
    ['O', '/ab', [3, 5]],
    ['O', `/a/${'b'.repeat(5_000)}`, [2, 3, 5]],
  ])('visits for member %s of path %s the rules %j', (member, path, rules) => {
    expect(new Set(visited(index, member, path))).toEqual(new Set(rules.map((rule) => RULES[rule])));
  });

  test('visits nothing that was removed', () => {
    const own = new SignalIndex<object>();
    for (const rule of RULES) own.add(rule, rule);
    for (const rule of RULES) own.remove(rule, rule);
    expect(visited(own, 'M', '/a/b')).toEqual([]);
  });

  test('visits one of 10,000 entries for one member on distinct paths', () => {
    const many = new SignalIndex<number>();
    for (let n = 0; n < 10_000; n++) many.add({ member: 'M', path: `/a/n${n}` }, n);
    expect(visited(many, 'M', '/a/n4711')).toEqual([4711]);
    expect(visited(many, 'M', '/a')).toEqual([]);
  });
});
