#!/usr/bin/env node
// The program dbus-wire-service: owns the name of the RandomData service and answers until it is told to end, loses the
// bus, or is replaced. It is the command line and the order of things; the service itself is in implementation.ts.
import type { Bus } from '../../connection/bus.js';
import { DBusError } from '../../protocol/errors.js';
import { CallTimeoutError, ConnectionClosedError, NameRequestError } from '../../connection/errors.js';
import {
  assertOneBus, busNameOf, type BusChoice, COMMON_HELP, COMMON_OPTIONS, EXIT_USAGE, ignoreClosedOutput, millisecondsOf,
  openBus, packageVersion, parseOptions, UsageError,
} from '../../program-options.js';
import { RANDOM_DATA_BUS_NAME, RANDOM_DATA_PATH } from '../../random-data.js';
import { exportObject } from '../export-object.js';
import { type NameEnd, ownName } from './own-name.js';
import { createRandomData } from './implementation.js';
import { DEFAULT_INTERVAL } from './slow-jobs.js';

const EXIT = { OK: 0, FAILED: 1, NO_BUS: 3, USAGE: EXIT_USAGE } as const;

/** How long the bus may take to answer when the name is given back, in milliseconds. */
const RELEASE_TIMEOUT = 5000;

const HELP = `\
Usage: dbus-wire-service [options]

Runs the RandomData service on a message bus until it is interrupted (Ctrl-C) or
terminated. It can be replaced by another that is started with --replace.

  --replace        take the name from a service that runs already
  --queue          if the name is taken, wait until it is free
  --interval MS    time between two bits of a slow job (default: ${DEFAULT_INTERVAL})
${COMMON_HELP}
Exit codes: 0 ended as told, or replaced, 1 the service is already running, or
something unexpected happened, 3 the bus is not there or went away,
64 wrong usage.
`;

const OPTIONS = {
  ...COMMON_OPTIONS,
  replace: { type: 'boolean' },
  queue: { type: 'boolean' },
  interval: { type: 'string' },
} as const;

/** What the command line asks for. */
interface Settings {
  readonly busName: string;
  readonly choice: BusChoice;
  readonly replace: boolean;
  readonly queue: boolean;
  readonly interval: number;
}

/** Reads the command line; a text is all that there is to print. */
function parseCommandLine(args: readonly string[]): Settings | string {
  const { values } = parseOptions({ args: [...args], options: OPTIONS });
  if (values.help === true) return HELP;
  if (values.version === true) return `${packageVersion()}\n`;
  assertOneBus(values);
  const { interval } = values;
  return {
    busName: values.name === undefined ? RANDOM_DATA_BUS_NAME : busNameOf(values.name),
    choice: values,
    replace: values.replace ?? false,
    queue: values.queue ?? false,
    interval: interval === undefined ? DEFAULT_INTERVAL : millisecondsOf('interval', interval, { least: 0 }),
  };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function complain(line: string): void {
  process.stderr.write(`dbus-wire-service: ${line}\n`);
}

/** Serves until `stop` aborts, the name is taken over, or the connection ends, which is an error. */
async function serve(bus: Bus, settings: Settings, stop: AbortSignal): Promise<void> {
  const { busName, queue, replace, interval } = settings;
  using randomData = createRandomData({ interval });
  exportObject(bus, RANDOM_DATA_PATH, randomData.implementation); // objects first, then the name
  const end: NameEnd = await ownName(bus, {
    busName, replace, queue, stop,
    onOwned: () => print(`ready ${busName} ${bus.uniqueName}`),
    onWaiting: () => complain(`waiting for ${busName}, which another connection owns`),
  });
  if (end.reason === 'replaced') complain(`${busName} was taken over by ${end.owner}`);
  else await giveBack(bus, busName);
}

/** The bus answers a release after all calls that it has routed here before: what was accepted is answered. */
async function giveBack(bus: Bus, busName: string): Promise<void> {
  try {
    await bus.releaseName(busName, { timeout: RELEASE_TIMEOUT });
  } catch (error) {
    // A bus that does not answer frees the name when the connection is closed, which comes next.
    if (!(error instanceof CallTimeoutError)) throw error;
  }
}

async function run(settings: Settings, stop: AbortSignal): Promise<number> {
  let bus: Bus;
  try {
    bus = await openBus(settings.choice, { signal: stop });
  } catch (error) {
    if (stop.aborted) return EXIT.OK;
    complain((error as Error).message);
    return EXIT.NO_BUS;
  }
  try {
    await serve(bus, settings, stop);
    return EXIT.OK;
  } catch (error) {
    if (error instanceof NameRequestError) {
      print('service is already running');
      return EXIT.FAILED;
    }
    if (error instanceof ConnectionClosedError) {
      complain(`the bus went away: ${error.message}`);
      return EXIT.NO_BUS;
    }
    return unexpected(error);
  } finally {
    await bus.close();
  }
}

function unexpected(error: unknown): number {
  const text = error instanceof Error ? error.message : String(error);
  print(`Unexpected exception occurred: '${error instanceof DBusError ? `${error.errorName}: ${text}` : text}'`);
  return EXIT.FAILED;
}

async function main(args: readonly string[]): Promise<number> {
  let settings: Settings | string;
  try {
    settings = parseCommandLine(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain(`${error.message} (see --help)`);
    return EXIT.USAGE;
  }
  if (typeof settings === 'string') {
    process.stdout.write(settings);
    return EXIT.OK;
  }
  const stop = new AbortController();
  for (const [signal, number] of [['SIGINT', 2], ['SIGTERM', 15]] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(128 + number); // asked twice: at once
      if (signal === 'SIGINT') print('keyboard interrupt received');
      stop.abort();
    });
  }
  process.on('uncaughtException', (error) => process.exit(unexpected(error)));
  return run(settings, stop.signal);
}

ignoreClosedOutput();
process.exitCode = await main(process.argv.slice(2));
