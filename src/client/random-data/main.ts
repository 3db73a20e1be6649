#!/usr/bin/env node
// The program dbus-wire-client: asks the RandomData service for a number and prints it. It is the command line and the
// order of things; each thing has its own file.
import { type Bus } from '../../connection/bus.js';
import {
  assertOneBus, busNameOf, type BusChoice, COMMON_HELP, COMMON_OPTIONS, ignoreClosedOutput, millisecondsOf, openBus,
  packageVersion, parseOptions, UsageError,
} from '../../program-options.js';
import { CLIENT_DEFAULT_BITS, RANDOM_DATA_BUS_NAME, RANDOM_DATA_PATH, RandomData } from '../../random-data.js';
import { parseBits, splitNegativeNumbers } from './bits.js';
import { describeConnectFailure, describeFailure, EXIT, type Failure } from './failures.js';
import { ProgressLine } from './progress.js';
import { createProxy } from '../proxy.js';
import { slowNumber } from './slow-number.js';

/** How long the last bytes may take to leave, in milliseconds; what they say matters to nobody any more. */
const CLOSE_TIMEOUT = 1000;

const HELP = `\
Usage: dbus-wire-client [options] [bits]

Asks the RandomData service for a random number of so many bits (default: ${CLIENT_DEFAULT_BITS})
and prints it.

  -s, --slow       ask for one that is drawn bit by bit, and wait for it; on a
                   terminal its progress is shown
  --json           print {"bits":…,"number":"…"}
  --timeout MS     give up after so many milliseconds (default: 25000; with
                   --slow: never)
${COMMON_HELP}
Exit codes: 0 done, 1 bits are no integer, 2 the bus or the service is not
there, 4 the service answered with an error or not in time, 64 wrong usage,
130 interrupted.
`;

const OPTIONS = {
  ...COMMON_OPTIONS,
  slow: { type: 'boolean', short: 's' },
  json: { type: 'boolean' },
  timeout: { type: 'string' },
} as const;

/** What the command line asks for. */
interface Request {
  readonly bits: number;
  readonly slow: boolean;
  readonly json: boolean;
  readonly timeout: number | undefined;
  readonly busName: string;
  readonly choice: BusChoice;
}

/** Reads the command line; a text is all that there is to print. */
function parseCommandLine(argv: readonly string[]): Request | string {
  const options = Object.entries(OPTIONS);
  const valued = new Set(options.filter(([, { type }]) => type === 'string').map(([name]) => `--${name}`));
  const { args, negatives } = splitNegativeNumbers(argv, valued);
  const { values, positionals } = parseOptions({ args: [...args], options: OPTIONS, allowPositionals: true });
  if (values.help === true) return HELP;
  if (values.version === true) return `${packageVersion()}\n`;
  assertOneBus(values);
  const [text, extra] = [...positionals, ...negatives];
  if (extra !== undefined) throw new UsageError(`Unexpected argument '${extra}'`);
  return {
    bits: text === undefined ? CLIENT_DEFAULT_BITS : parseBits(text),
    slow: values.slow ?? false,
    json: values.json ?? false,
    timeout: values.timeout === undefined ? undefined : millisecondsOf('timeout', values.timeout, { least: 1 }),
    busName: values.name === undefined ? RANDOM_DATA_BUS_NAME : busNameOf(values.name),
    choice: values,
  };
}

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
    interrupt.aborted ? EXIT.INTERRUPTED : tell(describe(error));
  let bus: Bus;
  try {
    bus = await openBus(request.choice, { signal: interrupt, connectTimeout: request.timeout });
  } catch (error) {
    return fail(describeConnectFailure, error);
  }
  try {
    const number = await ask(bus, request, interrupt);
    const text = request.json ? JSON.stringify({ bits: request.bits, number }) : `Your random number is: ${number}`;
    process.stdout.write(`${text}\n`);
    return EXIT.OK;
  } catch (error) {
    return fail(describeFailure, error);
  } finally {
    await bus.close({ timeout: interrupt.aborted ? 0 : CLOSE_TIMEOUT });
  }
}

function tell({ code, stream, text }: Failure): number {
  process[stream].write(`${text}\n`);
  return code;
}

async function main(argv: readonly string[]): Promise<number> {
  let request: Request | string;
  try {
    request = parseCommandLine(argv);
  } catch (error) {
    return tell(describeFailure(error));
  }
  if (typeof request === 'string') {
    process.stdout.write(request);
    return EXIT.OK;
  }
  const interrupt = new AbortController();
  process.on('SIGINT', () => {
    if (interrupt.signal.aborted) process.exit(EXIT.INTERRUPTED); // asked twice: at once
    interrupt.abort(new Error('interrupted'));
  });
  return run(request, interrupt.signal);
}

ignoreClosedOutput();
process.exitCode = await main(process.argv.slice(2));
