// The command line of dbus-wire-bus: what each option means, in the forms in which people and test harnesses write it.
import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../../src/message-bus/program/command-line.js';
import { UsageError } from '../../../src/program-options.js';

const SERVE = {
  kind: 'serve', configFile: undefined, address: undefined, features: [], addressDescriptor: undefined, pidDescriptor: undefined,
  fork: false, isForked: false, ignored: [],
};
const RUN = { kind: 'run', configFile: undefined, address: undefined, features: [], args: [] };

describe('the options of a bus:', () => {
  test.each<[string, string[], object]>([
    ['no option', [], {}],
    ['--session', ['--session'], {}],
    ['a file after =', ['--config-file=/a/b'], { configFile: '/a/b' }],
    ['a file as the next argument', ['--config-file', '/a/b'], { configFile: '/a/b' }],
    ['a relative file', ['--config-file=b'], { configFile: `${process.cwd()}/b` }],
    ['an inherited descriptor', ['--config-file=/proc/self/fd/5'], { configFile: '/proc/self/fd/5' }],
    ['an address', ['--address=unix:path=/a'], { address: 'unix:path=/a' }],
    ['the address printed to standard output', ['--print-address'], { addressDescriptor: 1 }],
    ['the address printed to a descriptor after =', ['--print-address=7'], { addressDescriptor: 7 }],
    ['the address printed to a descriptor as the next argument', ['--print-address', '7'], { addressDescriptor: 7 }],
    ['another option after --print-address', ['--print-address', '--session'], { addressDescriptor: 1 }],
    ['the process id printed', ['--print-pid', '--print-address', '3'], { pidDescriptor: 1, addressDescriptor: 3 }],
    ['--fork', ['--fork'], { fork: true }],
    ['--nofork, which overrides --fork', ['--fork', '--nofork'], {}],
    ['options that are accepted without a message', ['--nopidfile', '--nosyslog'], {}],
    [
      'options without effect, which are reported', ['--syslog', '--syslog-only', '--systemd-activation'],
      { ignored: ['--syslog', '--syslog-only', '--systemd-activation'], features: ['SystemdActivation'] },
    ],
  ])('%s', (_, args, changes) => {
    expect(parseCommandLine(args)).toEqual({ ...SERVE, ...changes });
  });
});

describe('a bus for a command:', () => {
  test.each<[string, string[], object]>([
    ['after --', ['--', 'a', '--b'], { command: 'a', args: ['--b'] }],
    ['without --', ['a', '--', '--help'], { command: 'a', args: ['--', '--help'] }],
    ['after a file', ['--config-file=/a', '--', 'a'], { configFile: '/a', command: 'a' }],
    ['after a file as an argument', ['--config-file', '/a', 'a'], { configFile: '/a', command: 'a' }],
    ['after --session', ['--session', 'a'], { command: 'a' }],
    ['named like an option', ['--', '--version'], { command: '--version' }],
  ])('%s', (_, args, changes) => {
    expect(parseCommandLine(['run', ...args])).toEqual({ ...RUN, ...changes });
  });
});

test('the command line can ask for the help text, the version and the introspection data', () => {
  for (const args of [['--help'], ['-h'], ['run', '--help'], ['--help', '--system']]) {
    expect(parseCommandLine(args)).toMatchObject({ kind: 'print', text: expect.stringMatching(/^Usage: dbus-wire-bus/) });
  }
  for (const args of [['--version'], ['run', '--version']]) {
    expect(parseCommandLine(args)).toMatchObject({ kind: 'print', text: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  }
  expect(parseCommandLine(['--introspect'])).toEqual({ kind: 'introspect' });
});

test.each<[string[], string]>([
  [['--foo'], "Unknown option '--foo'"],
  [['a'], "Unexpected argument 'a'"],
  [['--print-address=x'], "Option '--print-address' must be a file descriptor, not 'x'"],
  [['--print-pid=-1'], "Option '--print-pid' must be a file descriptor, not '-1'"],
  [['--print-pid='], "Option '--print-pid' must be a file descriptor, not ''"],
  [['--config-file='], "Option '--config-file' must be a file"],
  [['--session', '--config-file=/a'], "Options '--session' and '--config-file' exclude each other"],
  [['--system'], "Option '--system' is refused: a system bus is for several users"],
  [['run'], "'run' must be followed by a command"],
  [['run', '--'], "'run' must be followed by a command"],
  [['run', '--address=unix:path=/a', 'a'], "Unknown option '--address'"],
])('%j is wrong usage', (args, problem) => {
  expect(() => parseCommandLine(args)).toThrow(UsageError);
  expect(() => parseCommandLine(args)).toThrow(problem);
});
