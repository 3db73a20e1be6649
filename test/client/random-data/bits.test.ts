// The argument of the client program: numbers of bits, and negative numbers among options.

import { describe, expect, test } from 'vitest';
import { BitsError, parseBits, splitNegativeNumbers } from '../../../src/client/random-data/bits.js';

describe('a number of bits', () => {
  test.each([
    ['0', 0], ['8', 8], ['007', 7], ['+5', 5], ['-5', -5], ['-0', 0], ['2147483647', 2147483647],
    ['-2147483648', -2147483648], [`${'0'.repeat(1000)}1`, 1],
  ])('%s', (text, bits) => {
    expect(parseBits(text)).toBe(bits);
  });

  test.each([
    '', ' ', 'x', '1.5', '1.0', '0x10', '1e3', '1_000', '1,000', ' 8', '8 ', '8\n', '--8', '-', '+', 'NaN', 'Infinity',
    '٣', '8n',
  ])('is not %j', (text) => {
    expect(() => parseBits(text)).toThrow(new BitsError('input argument must be integer'));
  });

  const outOfRange = ['2147483648', '-2147483649', '9'.repeat(1000), `-${'9'.repeat(400)}`];
  test.each(outOfRange)('is an INT32, so not %s', (text) => {
    const problem = 'input argument must be integer from -2147483648 to 2147483647';
    expect(() => parseBits(text)).toThrow(new BitsError(problem));
  });
});

describe('negative numbers in a command line are not options', () => {
  const valued = new Set(['--timeout']);
  test.each([
    [['-5'], [], ['-5']],
    [['--slow', '-5', '--json'], ['--slow', '--json'], ['-5']],
    [['-1.5'], [], ['-1.5']],
    [['-.5'], [], ['-.5']],
    [['-5x'], [], ['-5x']],
    [['-s', '8'], ['-s', '8'], []],
    [['-5', '-6'], [], ['-5', '-6']],
    [['--timeout', '-5', '8'], ['--timeout', '-5', '8'], []],
    [['--timeout=9', '-5'], ['--timeout=9'], ['-5']],
    [['--', '-5'], ['--', '-5'], []],
    [['-5', '--', '-6'], ['--', '-6'], ['-5']],
  ])('%j', (args, rest, negatives) => {
    expect(splitNegativeNumbers(args, valued)).toEqual({ args: rest, negatives });
  });
});
