// The command line of the service program: its options, its help text, and the settings they make. It knows no bus.
import {
  assertOneBus, busNameOf, type BusChoice, COMMON_HELP, COMMON_OPTIONS, millisecondsOf, packageVersion, parseOptions,
} from '../../program-options.js';
import { RANDOM_DATA_BUS_NAME } from '../../random-data.js';
import { DEFAULT_INTERVAL } from './slow-jobs.js';

const HELP = `\
Usage: dbus-wire-service [options]

Runs the RandomData service on a message bus until it is interrupted (Ctrl-C) or
terminated. It can be replaced by another that is started with --replace.

  --replace        take the name from a service that is already running
  --queue          if the name is taken, wait until it is free
  --interval MS    time between two bits of a slow job (default: ${DEFAULT_INTERVAL})
${COMMON_HELP}
Exit codes: 0 stopped or replaced, 1 the service is already running, or
something unexpected happened, 3 there is no bus, or it has ended,
64 wrong usage, 74 the output cannot be written.
`;

const OPTIONS = {
  ...COMMON_OPTIONS,
  replace: { type: 'boolean' },
  queue: { type: 'boolean' },
  interval: { type: 'string' },
} as const;

/** The settings of a service, as the command line makes them. */
export interface Settings {
  readonly busName: string;
  readonly choice: BusChoice;
  readonly replace: boolean;
  readonly queue: boolean;
  /** Milliseconds between two bits of a slow job. */
  readonly interval: number;
}

/**
 * Reads the command line. Returns the settings, or the text to print if only that is asked for (`--help`, `--version`).
 * @throws {UsageError} if an option is not valid, or if there is an argument
 */
export function parseCommandLine(args: readonly string[]): Settings | string {
  const { values } = parseOptions({ args: [...args], options: OPTIONS });
  if (values.help === true) return HELP;
  if (values.version === true) return `${packageVersion()}\n`;
  assertOneBus(values);
  const { replace = false, queue = false, interval, name, session, system, address } = values;
  return {
    busName: name === undefined ? RANDOM_DATA_BUS_NAME : busNameOf(name),
    choice: { session, system, address },
    replace,
    queue,
    interval: interval === undefined ? DEFAULT_INTERVAL : millisecondsOf('interval', interval, { least: 0 }),
  };
}
