// The command line of the client program, as calls of the functions that read it: options, numbers of bits, and
// negative numbers among options. program.test.ts runs the program once for each kind of end.

import { describe, expect, test } from 'vitest';
import {
  BitsError, parseBits, parseCommandLine, splitNegativeNumbers,
} from '../../../src/client/random-data/command-line.js';
import { packageVersion, UsageError } from '../../../src/program-options.js';

const defaults = {
  bits: 16, slow: false, json: false, timeout: undefined, busName: 'com.larry-price.test',
  choice: { session: undefined, system: undefined, address: undefined },
};

describe('the command line of the client', () => {
  test.each([
    [[], {}],
    [['0'], { bits: 0 }],
    [['+8'], { bits: 8 }],
    [['-5'], { bits: -5 }],
    [['--', '-5'], { bits: -5 }],
    [['--json', '-2147483648'], { bits: -2_147_483_648, json: true }],
    [['2147483647', '--slow'], { bits: 2_147_483_647, slow: true }],
    [['-s', '100'], { bits: 100, slow: true }],
    [['--timeout', '100'], { timeout: 100 }],
    [['--timeout=1', '-5'], { timeout: 1, bits: -5 }],
    [['--name', 'com.example.Other'], { busName: 'com.example.Other' }],
    [['--session'], { choice: { session: true, system: undefined, address: undefined } }],
    [['--system', '8'], { bits: 8, choice: { session: undefined, system: true, address: undefined } }],
    [['--address', 'unix:path=/x'], { choice: { session: undefined, system: undefined, address: 'unix:path=/x' } }],
    [['--address', 'nonsense'], { choice: { session: undefined, system: undefined, address: 'nonsense' } }],
  ])('%j is read as %j', (args, request) => {
    expect(parseCommandLine(args)).toEqual({ ...defaults, ...request });
  });

  test.each([['x'], ['1.5'], ['0x10'], [''], [' '], ['1e3'], ['-1.5'], ['5x']])(
    'with the argument %j is refused: not an integer',
    (text) => {
      expect(() => parseCommandLine([text])).toThrow(new BitsError('input argument must be integer'));
    },
  );

  test.each(['2147483648', '-2147483649', '9'.repeat(100)])('with the argument %s is refused: not an INT32', (text) => {
    const problem = 'input argument must be integer from -2147483648 to 2147483647';
    expect(() => parseCommandLine([text])).toThrow(new BitsError(problem));
  });

  test.each([
    [['--nope'], `Unknown option '--nope'`],
    [['8', '9'], `Unexpected argument '9'`],
    [['8', '-9'], `Unexpected argument '-9'`],
    [['--timeout', '0'], `Option '--timeout' must be a number of milliseconds from 1 to 2147483647`],
    [['--timeout', 'soon'], `Option '--timeout' must be a number of milliseconds from 1 to 2147483647`],
    [['--timeout', '2147483648'], `Option '--timeout' must be a number of milliseconds from 1 to 2147483647`],
    [['--timeout', '-5', '8'], `Option '--timeout' argument is ambiguous`],
    [['--slow=yes'], `Option '-s, --slow' does not take an argument`],
    [['--system', '--address', 'unix:path=/x'], `Options '--session', '--system' and '--address' exclude each other`],
    [['--name', 'nodots'], `Option '--name' must be a well-known bus name, not 'nodots'`],
  ])('%j is refused: %s', (args, problem) => {
    expect(() => parseCommandLine(args)).toThrow(new UsageError(problem));
  });

  test.each(['--help', '-h'])('%s is a help text of at most 80 columns that names every option', (option) => {
    const help = parseCommandLine([option, '8']) as string; // not a request, which the next lines would show
    for (const name of ['session', 'system', 'address', 'name', 'slow', 'json', 'timeout', 'help', 'version']) {
      expect(help).toContain(`--${name}`);
    }
    for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('--version is the version of the package', () => {
    expect(parseCommandLine(['--version'])).toBe(`${packageVersion()}\n`);
    expect(packageVersion()).toMatch(/^\d+\.\d+\.\d+/);
  });
});

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
