#!/usr/bin/env node
// The program dbus-wire-client: asks the RandomData service for a number and prints it. This file has the order of
// events; the command line, failures and progress have their own files. Tests: program.test.ts.
import type { Bus } from '../../connection/bus.js';
import { openBus } from '../../program-options.js';
import { type Failure, guardOutput, printLine, report } from '../../program-output.js';
import { RANDOM_DATA_PATH, RandomData } from '../../random-data.js';
import { createProxy } from '../proxy.js';
import { parseCommandLine, type Request } from './command-line.js';
import { describeConnectFailure, describeFailure, EXIT } from './failures.js';
import { ProgressLine } from './progress.js';
import { randomNumberOf } from './random-number.js';
import { slowNumber } from './slow-number.js';

/** How long close() may take to send the last bytes, in milliseconds; no reply to them matters. */
const CLOSE_TIMEOUT = 1000;

async function ask(bus: Bus, { bits, slow, timeout, busName }: Request, interrupt: AbortSignal): Promise<string> {
  if (!slow) {
    const service = createProxy(bus, RandomData, { destination: busName, path: RANDOM_DATA_PATH, timeout });
    return service.quick(bits, { signal: interrupt });
  }
  const signal = timeout === undefined ? interrupt : AbortSignal.any([interrupt, AbortSignal.timeout(timeout)]);
  const line = new ProgressLine(process.stderr, process.env);
  try {
    return await slowNumber(bus, { busName, bits, signal, onProgress: (done, total) => line.update(done, total) });
  } finally {
    line[Symbol.dispose]();
  }
}

async function run(request: Request, interrupt: AbortSignal): Promise<number> {
  const fail = (describe: (error: unknown) => Failure, error: unknown): number =>
    interrupt.aborted ? EXIT.INTERRUPTED : report(describe(error));
  let bus: Bus;
  try {
    bus = await openBus(request.choice, { signal: interrupt, connectTimeout: request.timeout });
  } catch (error) {
    return fail(describeConnectFailure, error);
  }
  try {
    const number = randomNumberOf(await ask(bus, request, interrupt));
    const text = request.json ? JSON.stringify({ bits: request.bits, number }) : `Your random number is: ${number}`;
    printLine('stdout', text);
    return EXIT.OK;
  } catch (error) {
    return fail(describeFailure, error);
  } finally {
    await bus.close({ timeout: interrupt.aborted ? 0 : CLOSE_TIMEOUT });
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const request = parseCommandLine(argv);
  if (typeof request === 'string') {
    process.stdout.write(request);
    return EXIT.OK;
  }
  const interrupt = new AbortController();
  process.on('SIGINT', () => {
    if (interrupt.signal.aborted) process.exit(EXIT.INTERRUPTED); // the second interrupt ends the program at once
    interrupt.abort(new Error('interrupted'));
  });
  return run(request, interrupt.signal);
}

guardOutput('dbus-wire-client');
process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => report(describeFailure(error)));
