// The common parts of the command lines of the two programs: options that choose a bus, strict reading of options, and
// usage errors of one line. It knows neither program. Tests: test/programs/options.test.ts.
// Node: parseArgs.
import { readFileSync } from 'node:fs';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import type { Bus } from './connection/bus.js';
import { connectToBus, sessionBus, systemBus } from './connection/open-bus.js';
import type { ConnectOptions } from './connection/connection.js';
import { isWellKnownName } from './wire/names.js';

/** Exit code for a command line that is not valid: EX_USAGE of sysexits.h. */
export const EXIT_USAGE = 64;

/** A command line that is not valid; the message is one line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The options of both programs, for parseArgs. */
export const COMMON_OPTIONS = {
  session: { type: 'boolean' },
  system: { type: 'boolean' },
  address: { type: 'string' },
  name: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

/** The part of a help text that explains {@link COMMON_OPTIONS}. */
export const COMMON_HELP = `\
  --session        use the session bus (default)
  --system         use the system bus
  --address ADDR   use the bus at this D-Bus address, such as unix:path=/run/bus
  --name NAME      bus name of the service (default: com.larry-price.test)
  -h, --help       show this text
  --version        show the version
`;

/** The bus that the command line chooses; the session bus if no member is set. */
export interface BusChoice {
  readonly session?: boolean | undefined;
  readonly system?: boolean | undefined;
  readonly address?: string | undefined;
}

/**
 * Reads options and positional arguments.
 * @throws {UsageError} if an option or an argument is unknown, or an option lacks its value
 */
export function parseOptions<const Config extends ParseArgsConfig>(
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    if (!isParseArgsError(error)) throw error;
    // The first sentence of Node's text is the error; the others are advice for users who know the options.
    const [problem = ''] = error.message.split(/\.(?=\s|$)/);
    throw new UsageError(problem);
  }
}

function isParseArgsError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_');
}

/** The longest delay of a timer of Node, in milliseconds: 24 days. */
const MAX_MILLISECONDS = 2 ** 31 - 1;

/**
 * The value of an option in milliseconds.
 * @throws {UsageError} if it is not a whole number from `least` to the longest delay of a timer
 */
export function millisecondsOf(option: string, text: string, { least }: { least: number }): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > MAX_MILLISECONDS) {
    throw new UsageError(`Option '--${option}' must be a number of milliseconds from ${least} to ${MAX_MILLISECONDS}`);
  }
  return value;
}

/**
 * The value of `--name`.
 * @throws {UsageError} if it is not a well-known bus name
 */
export function busNameOf(text: string): string {
  if (!isWellKnownName(text)) throw new UsageError(`Option '--name' must be a well-known bus name, not '${text}'`);
  return text;
}

/**
 * Checks that the command line chooses at most one bus.
 * @throws {UsageError} if it chooses several
 */
export function assertOneBus({ session, system, address }: BusChoice): void {
  if ([session, system, address].filter((choice) => choice !== undefined).length > 1) {
    throw new UsageError("Options '--session', '--system' and '--address' exclude each other");
  }
}

/** Connects to the bus that the command line chooses; throws the errors of {@link connectToBus} and its siblings. */
export function openBus({ system, address }: BusChoice, options: ConnectOptions): Promise<Bus> {
  if (address !== undefined) return connectToBus(address, options);
  return system === true ? systemBus(options) : sessionBus(options);
}

/** The version of the package. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
