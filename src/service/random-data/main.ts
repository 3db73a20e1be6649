#!/usr/bin/env node
// The program dbus-wire-service: owns the name of the RandomData service and answers calls until it is interrupted,
// loses the bus, or is replaced. This file has the order of events; the service itself is in implementation.ts.
// Tests: program.test.ts.
import type { Bus } from '../../connection/bus.js';
import { CallTimeoutError, NameLostError } from '../../connection/errors.js';
import { type OwnedName, ownName } from '../../connection/own-name.js';
import { openBus } from '../../program-options.js';
import { guardOutput, printLine, report } from '../../program-output.js';
import { RANDOM_DATA_PATH } from '../../random-data.js';
import { exportObject } from '../export-object.js';
import { parseCommandLine, type Settings } from './command-line.js';
import { complaint, describeConnectFailure, describeFailure, EXIT } from './failures.js';
import { createRandomData } from './implementation.js';

/** How long the bus may take to release the name, in milliseconds. */
const RELEASE_TIMEOUT = 5000;

function print(line: string): void {
  printLine('stdout', line);
}

function complain(problem: string): void {
  printLine('stderr', complaint(problem));
}

/** Serves until `stop` aborts or the name is taken over; throws if the connection ends. */
async function serve(bus: Bus, settings: Settings, stop: AbortSignal): Promise<void> {
  const { busName, queue, replace, interval } = settings;
  using randomData = createRandomData({ interval });
  exportObject(bus, RANDOM_DATA_PATH, randomData.implementation); // before the name is requested
  let end!: (reason: Error | undefined) => void; // set by the promise below
  const ended = new Promise<Error | undefined>((resolve) => {
    end = resolve;
  });
  stop.addEventListener('abort', () => end(undefined));
  if (stop.aborted) return;
  const name = ownName(bus, busName, {
    allowReplacement: true, replaceExisting: replace, doNotQueue: !queue,
    acquired: () => print(`ready ${busName} ${bus.uniqueName}`),
    queued: () => complain(`waiting for ${busName}, which another connection owns`),
    lost: end,
  });
  const reason = await ended;
  if (reason === undefined) await release(name);
  else if (reason instanceof NameLostError) complain(reason.message);
  else throw reason;
}

/** Releases the name. The bus replies after all calls that it has routed here, so every accepted call is answered. */
async function release(name: OwnedName): Promise<void> {
  try {
    await name.close({ timeout: RELEASE_TIMEOUT });
  } catch (error) {
    // A bus that does not reply releases the name when the connection is closed, which happens next.
    if (!(error instanceof CallTimeoutError)) throw error;
  }
}

async function run(settings: Settings, stop: AbortSignal): Promise<number> {
  let bus: Bus;
  try {
    bus = await openBus(settings.choice, { signal: stop });
  } catch (error) {
    return stop.aborted ? EXIT.OK : report(describeConnectFailure(error));
  }
  try {
    await serve(bus, settings, stop);
    return EXIT.OK;
  } catch (error) {
    return report(describeFailure(error));
  } finally {
    await bus.close();
  }
}

async function main(args: readonly string[]): Promise<number> {
  const settings = parseCommandLine(args);
  if (typeof settings === 'string') {
    process.stdout.write(settings);
    return EXIT.OK;
  }
  const stop = new AbortController();
  for (const [signal, number] of [['SIGINT', 2], ['SIGTERM', 15]] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(128 + number); // the second request ends the program at once
      if (signal === 'SIGINT') print('keyboard interrupt received');
      stop.abort();
    });
  }
  return run(settings, stop.signal);
}

guardOutput('dbus-wire-service');
process.on('uncaughtException', (error) => process.exit(report(describeFailure(error))));
process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => report(describeFailure(error)));
