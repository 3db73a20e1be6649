// The answer of a service as the client program prints it: a number, or an error.

import { expect, test } from 'vitest';
import { randomNumberOf } from '../../../src/client/random-data/random-number.js';

test.each(['0', '65535', '-5', '9'.repeat(19_729)])('a number is printed unchanged: %s', (text) => {
  expect(randomNumberOf(text)).toBe(text);
});

test.each(['', '-', '+1', '0x10', '1e3', '1.5', ' 1', '1\n', '1\x1b[2J', '\u202e12', '١٢', 'NaN'])(
  'an answer that is not a number is an error: %j',
  (text) => {
    expect(() => randomNumberOf(text)).toThrow(/^the service answered ".*": it must be a number in decimal digits$/);
  },
);

test('the error repeats only the beginning of a long answer', () => {
  const message = (() => {
    try {
      return randomNumberOf('x'.repeat(1_000_000));
    } catch (error) {
      return (error as Error).message;
    }
  })();
  expect(message.length).toBeLessThan(200);
});
