// The command line of the client program: its options, its help text, its argument (a number of bits, an integer in the
// range of INT32), and the request that they make. It knows no bus.
import {
  assertOneBus, busNameOf, type BusChoice, COMMON_HELP, COMMON_OPTIONS, millisecondsOf, packageVersion, parseOptions,
  UsageError,
} from '../../program-options.js';
import { CLIENT_DEFAULT_BITS, RANDOM_DATA_BUS_NAME } from '../../random-data.js';

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

/** An argument that is not a number of bits; the program prints the message. */
export class BitsError extends Error {
  override readonly name = 'BitsError';
}

const MIN_INT32 = -(2 ** 31);
const MAX_INT32 = 2 ** 31 - 1;

/**
 * Reads a number of bits: an optional sign and decimal digits. The service decides how many bits it draws.
 * @throws {BitsError} if the text is not an integer, or out of the range of INT32
 */
export function parseBits(text: string): number {
  if (!/^[-+]?[0-9]+$/.test(text)) throw new BitsError('input argument must be integer');
  const bits = Number(text);
  if (bits < MIN_INT32 || bits > MAX_INT32) {
    throw new BitsError(`input argument must be integer from ${MIN_INT32} to ${MAX_INT32}`);
  }
  return bits + 0; // "-0" is 0
}

/**
 * Takes arguments such as `-5` out of a command line, where they would be read as options. An argument after an option
 * in `valued` is the value of that option; arguments after `--` are never options.
 */
export function splitNegativeNumbers(
  args: readonly string[],
  valued: ReadonlySet<string>,
): { readonly args: readonly string[]; readonly negatives: readonly string[] } {
  const end = args.indexOf('--');
  const isNegative = (argument: string, index: number): boolean =>
    (end < 0 || index < end) && /^-\.?[0-9]/.test(argument) && !valued.has(args[index - 1] ?? '');
  return {
    args: args.filter((argument, index) => !isNegative(argument, index)),
    negatives: args.filter(isNegative),
  };
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
