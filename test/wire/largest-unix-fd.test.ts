// The largest UNIX_FD in decoded values, wherever it is.
import { expect, test } from 'vitest';
import { largestUnixFd } from '../../src/wire/values/largest-unix-fd.js';

test.each<[signature: string, values: readonly unknown[], largest: number]>([
  ['', [], -1],
  ['su', ['a', 5], -1],
  ['h', [0], 0],
  ['hsh', [1, 'a', 4], 4],
  ['ah', [[3, 1, 2]], 3],
  ['ah', [Uint32Array.of(3, 7)], 7],
  ['ah', [[]], -1],
  ['(u(sh))', [[9, ['a', 2]]], 2],
  ['a{sh}', [new Map([['a', 1], ['b', 6]])], 6],
  ['a{hs}', [new Map([[8, 'a']])], 8],
  ['v', [{ signature: 'u', value: 5 }], -1],
  ['v', [{ signature: 'v', value: { signature: '(sh)', value: ['a', 3] } }], 3],
  ['a{sv}', [new Map([['a', { signature: 'h', value: 2 }], ['b', { signature: 'u', value: 9 }]])], 2],
])('the greatest index of %s in %j is %i', (signature, values, largest) => {
  expect(largestUnixFd(signature, values)).toBe(largest);
});
