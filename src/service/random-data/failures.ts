// The reports of the service program about failures, with their exit codes. Knows error classes, no bus.
import { ConnectionClosedError, NameRequestError } from '../../connection/errors.js';
import { EXIT_USAGE, UsageError } from '../../program-options.js';
import { describeAny, EXIT_OUTPUT, type Failure, textOfError } from '../../program-output.js';
import { DBusError } from '../../protocol/errors.js';

/** Exit codes of the service program. */
export const EXIT = {
  OK: 0,
  /** The name is taken, or something unexpected happened. */
  FAILED: 1,
  /** There is no bus, or it has ended. */
  NO_BUS: 3,
  USAGE: EXIT_USAGE,
  OUTPUT: EXIT_OUTPUT,
} as const;

/** A line of the program on standard error. */
export function complaint(problem: string): string {
  return `dbus-wire-service: ${problem}`;
}

/** The report of any error after the program has connected, or of a command line that is not valid. */
export function describeFailure(thrown: unknown): Failure {
  return describeAny(thrown, describeKnown);
}

function describeKnown(error: unknown): Failure {
  if (error instanceof UsageError) {
    return { code: EXIT.USAGE, stream: 'stderr', text: complaint(`${error.message} (see --help)`) };
  }
  if (error instanceof NameRequestError) {
    return { code: EXIT.FAILED, stream: 'stdout', text: 'service is already running' };
  }
  if (error instanceof ConnectionClosedError) {
    return { code: EXIT.NO_BUS, stream: 'stderr', text: complaint(`the bus has ended: ${error.message}`) };
  }
  const text = textOfError(error);
  const problem = error instanceof DBusError ? `${error.errorName}: ${text}` : text;
  return { code: EXIT.FAILED, stream: 'stdout', text: `Unexpected exception occurred: '${problem}'` };
}

/** The report of an error while connecting. */
export function describeConnectFailure(thrown: unknown): Failure {
  return describeAny(thrown, describeNoConnection);
}

function describeNoConnection(error: unknown): Failure {
  const text = textOfError(error);
  return { code: EXIT.NO_BUS, stream: 'stderr', text: complaint(text) };
}
