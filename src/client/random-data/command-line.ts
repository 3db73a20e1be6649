// The command line of the client program: its options, its help text, and the request that they make. Knows no bus.
import {
  assertOneBus, busNameOf, type BusChoice, COMMON_HELP, COMMON_OPTIONS, millisecondsOf, packageVersion, parseOptions,
  UsageError,
} from '../../program-options.js';
import { CLIENT_DEFAULT_BITS, RANDOM_DATA_BUS_NAME } from '../../random-data.js';
import { parseBits, splitNegativeNumbers } from './bits.js';

const HELP = `\
Usage: dbus-wire-client [options] [bits]

Asks the RandomData service for a random number of that many bits (default: ${CLIENT_DEFAULT_BITS})
and prints it.

  -s, --slow       ask for one that is drawn bit by bit, and wait for it; on a
                   terminal its progress is shown
  --json           print {"bits":…,"number":"…"}
  --timeout MS     give up after this many milliseconds (default: 25000; with
                   --slow: never)
${COMMON_HELP}
Exit codes: 0 done, 1 bits is not an integer, 2 the bus or the service is not
there, 4 the service answered with an error or not in time, 64 wrong usage,
74 the output cannot be written, 130 interrupted.
`;

const OPTIONS = {
  ...COMMON_OPTIONS,
  slow: { type: 'boolean', short: 's' },
  json: { type: 'boolean' },
  timeout: { type: 'string' },
} as const;

/** A request for a number, as the command line makes it. */
export interface Request {
  readonly bits: number;
  readonly slow: boolean;
  readonly json: boolean;
  /** Milliseconds; undefined for the default. */
  readonly timeout: number | undefined;
  readonly busName: string;
  readonly choice: BusChoice;
}

/**
 * Reads the command line. Returns the request, or the text to print if only that is asked for (`--help`, `--version`).
 * @throws {UsageError} if an option is not valid, or there is more than one argument
 * @throws {BitsError} if the argument is not a number of bits
 */
export function parseCommandLine(argv: readonly string[]): Request | string {
  const options = Object.entries(OPTIONS);
  const valued = new Set(options.filter(([, { type }]) => type === 'string').map(([name]) => `--${name}`));
  const { args, negatives } = splitNegativeNumbers(argv, valued);
  const { values, positionals } = parseOptions({ args: [...args], options: OPTIONS, allowPositionals: true });
  if (values.help === true) return HELP;
  if (values.version === true) return `${packageVersion()}\n`;
  assertOneBus(values);
  const [text, extra] = [...positionals, ...negatives];
  if (extra !== undefined) throw new UsageError(`Unexpected argument '${extra}'`);
  const { slow = false, json = false, timeout, name, session, system, address } = values;
  return {
    bits: text === undefined ? CLIENT_DEFAULT_BITS : parseBits(text),
    slow,
    json,
    timeout: timeout === undefined ? undefined : millisecondsOf('timeout', timeout, { least: 1 }),
    busName: name === undefined ? RANDOM_DATA_BUS_NAME : busNameOf(name),
    choice: { session, system, address },
  };
}
