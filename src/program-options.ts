// What the two programs have in common on the command line and at their ends: the options that choose a bus, reading
// options strictly, one-line usage errors, and output that nobody reads any more. It knows neither program.
// Node: parseArgs.
import { readFileSync } from 'node:fs';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { type Bus, connectToBus, sessionBus, systemBus } from './connection/bus.js';
import type { ConnectOptions } from './connection/connection.js';
import { isWellKnownName } from './wire/names.js';

/** Exit code for a command line that cannot be understood: EX_USAGE of sysexits.h. */
export const EXIT_USAGE = 64;

/** A command line that cannot be understood; the message is one line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The options of both programs, as parseArgs takes them. */
export const COMMON_OPTIONS = {
  session: { type: 'boolean' },
  system: { type: 'boolean' },
  address: { type: 'string' },
  name: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

/** The part of a help text that is about {@link COMMON_OPTIONS}. */
export const COMMON_HELP = `\
  --session        use the session bus (default)
  --system         use the system bus
  --address ADDR   use the bus at this D-Bus address, such as unix:path=/run/bus
  --name NAME      bus name of the service (default: com.larry-price.test)
  -h, --help       show this text
  --version        show the version
`;

/** Which bus the command line asks for. */
export interface BusChoice {
  readonly session?: boolean | undefined;
  readonly system?: boolean | undefined;
  readonly address?: string | undefined;
}

/**
 * Reads options and positional arguments; nothing unknown is let through.
 * @throws {UsageError}
 */
export function parseOptions<const Config extends ParseArgsConfig>(
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    if (!isParseArgsError(error)) throw error;
    // Node's texts go on with advice for those who write the options; the first sentence says it.
    const [problem = ''] = error.message.split(/\.(?=\s|$)/);
    throw new UsageError(problem);
  }
}

function isParseArgsError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_');
}

/**
 * The number of milliseconds that an option was given.
 * @throws {UsageError} where it is no whole number of `least` or more
 */
export function millisecondsOf(option: string, text: string, { least }: { least: number }): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > MAX_MILLISECONDS) {
    throw new UsageError(`Option '--${option}' takes a number of milliseconds from ${least} to ${MAX_MILLISECONDS}`);
  }
  return value;
}

/** The longest delay of a timer of Node: 24 days. */
const MAX_MILLISECONDS = 2 ** 31 - 1;

/**
 * The bus name that an option was given.
 * @throws {UsageError} where it is no well-known bus name
 */
export function busNameOf(text: string): string {
  if (!isWellKnownName(text)) throw new UsageError(`Option '--name' takes a well-known bus name, not '${text}'`);
  return text;
}

/**
 * Checks that the command line asks for one bus.
 * @throws {UsageError}
 */
export function assertOneBus({ session, system, address }: BusChoice): void {
  if ([session, system, address].filter((choice) => choice !== undefined).length > 1) {
    throw new UsageError("Options '--session', '--system' and '--address' exclude each other");
  }
}

/** Connects to the bus that the command line asks for; throws what connecting throws. */
export function openBus({ system, address }: BusChoice, options: ConnectOptions): Promise<Bus> {
  if (address !== undefined) return connectToBus(address, options);
  return system === true ? systemBus(options) : sessionBus(options);
}

/** The version of the package. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Lets a reader of standard output go away, as `head` does, without an uncaught error. */
export function ignoreClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}
