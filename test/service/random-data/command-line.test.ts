// The command line of the service program, as calls of the function that reads it. program.test.ts runs the program
// once for each kind of end.

import { describe, expect, test } from 'vitest';
import { packageVersion, UsageError } from '../../../src/program-options.js';
import { parseCommandLine } from '../../../src/service/random-data/command-line.js';

const defaults = {
  busName: 'com.larry-price.test', replace: false, queue: false, interval: 1000,
  choice: { session: undefined, system: undefined, address: undefined },
};

describe('the command line of the service', () => {
  test.each([
    [[], {}],
    [['--replace'], { replace: true }],
    [['--queue', '--replace'], { queue: true, replace: true }],
    [['--interval', '5'], { interval: 5 }],
    [['--interval=0'], { interval: 0 }],
    [['--name', 'com.example.Other'], { busName: 'com.example.Other' }],
    [['--system'], { choice: { session: undefined, system: true, address: undefined } }],
    [['--address', 'nonsense'], { choice: { session: undefined, system: undefined, address: 'nonsense' } }],
  ])('%j is read as %j', (args, settings) => {
    expect(parseCommandLine(args)).toEqual({ ...defaults, ...settings });
  });

  test.each([
    [['--nope'], `Unknown option '--nope'`],
    [['8'], `Unexpected argument '8'`],
    [['--interval'], `Option '--interval <value>' argument missing`],
    [['--interval', 'x'], `Option '--interval' must be a number of milliseconds from 0 to 2147483647`],
    [['--interval=-1'], `Option '--interval' must be a number of milliseconds from 0 to 2147483647`],
    [['--name', 'nodots'], `Option '--name' must be a well-known bus name, not 'nodots'`],
    [['--name', ':1.5'], `Option '--name' must be a well-known bus name, not ':1.5'`],
    [['--session', '--system'], `Options '--session', '--system' and '--address' exclude each other`],
    [['--queue=yes'], `Option '--queue' does not take an argument`],
  ])('%j is refused: %s', (args, problem) => {
    expect(() => parseCommandLine(args)).toThrow(new UsageError(problem));
  });

  test.each(['--help', '-h'])('%s is a help text of at most 80 columns that names every option', (option) => {
    const help = parseCommandLine([option]) as string; // not settings, which the next lines would show
    for (const name of ['session', 'system', 'address', 'name', 'replace', 'queue', 'interval', 'help', 'version']) {
      expect(help).toContain(`--${name}`);
    }
    for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('--version is the version of the package', () => {
    expect(parseCommandLine(['--version'])).toBe(`${packageVersion()}\n`);
  });
});
