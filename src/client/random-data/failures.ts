// The reports of the client program about failures, with their exit codes. It knows error classes, and no bus.
import { DBusWireError } from '../../wire/errors.js';
import { AddressError, DBusError } from '../../protocol/errors.js';
import { ErrorName } from '../../protocol/error-names.js';
import { CallTimeoutError, ConnectionClosedError, UnexpectedSignatureError } from '../../connection/errors.js';
import { EXIT_USAGE, UsageError } from '../../program-options.js';
import { describeAny, EXIT_OUTPUT, type Failure, textOfError } from '../../program-output.js';
import { BitsError } from './command-line.js';
import { NotANumberError } from './random-number.js';
import { ServiceGoneError } from './slow-number.js';

/** Exit codes of the client program. */
export const EXIT = {
  OK: 0,
  /** The argument is not a number of bits, or something unexpected happened. */
  BAD_ARGUMENT: 1,
  /** There is no bus or no service, or it has ended. */
  NOT_THERE: 2,
  /** The service replied with an error, not in time, or with a body of another type. */
  NO_ANSWER: 4,
  USAGE: EXIT_USAGE,
  OUTPUT: EXIT_OUTPUT,
  /** 128 + SIGINT, as shells report it. */
  INTERRUPTED: 130,
} as const;

/** The errors of a bus that cannot deliver a call. */
const NOT_THERE: ReadonlySet<string> = new Set([
  ErrorName.SERVICE_UNKNOWN,
  ErrorName.NAME_HAS_NO_OWNER,
  ErrorName.TIMED_OUT, // the bus started the service, which did not take its name in time
]);
const SPAWN_ERRORS = 'org.freedesktop.DBus.Error.Spawn.';

/** The report of any error after the program has connected, or of a command line that is not valid. */
export function describeFailure(thrown: unknown): Failure {
  return describeAny(thrown, describeKnown);
}

function describeKnown(error: unknown): Failure {
  if (error instanceof UsageError) {
    return { code: EXIT.USAGE, stream: 'stderr', text: `dbus-wire-client: ${error.message} (see --help)` };
  }
  if (error instanceof BitsError) return { code: EXIT.BAD_ARGUMENT, stream: 'stdout', text: error.message };
  if (error instanceof DBusError) return describeDBusError(error);
  if (error instanceof ServiceGoneError || error instanceof ConnectionClosedError) {
    return { code: EXIT.NOT_THERE, stream: 'stderr', text: error.message };
  }
  if (isUseless(error)) {
    return { code: EXIT.NO_ANSWER, stream: 'stderr', text: error.message };
  }
  if (isTimeout(error)) return { code: EXIT.NO_ANSWER, stream: 'stderr', text: 'no result within the time given' };
  if (isNoConnection(error)) return notThere(linkErrorName(error), error.message);
  const text = textOfError(error);
  return { code: EXIT.BAD_ARGUMENT, stream: 'stderr', text: `Unexpected exception occurred: '${text}'` };
}

/** The report of an error while connecting. */
export function describeConnectFailure(thrown: unknown): Failure {
  return describeAny(thrown, describeNoConnection);
}

function describeNoConnection(error: unknown): Failure {
  if (error instanceof UsageError) return describeFailure(error);
  if (error instanceof DBusError) return notThere(error.errorName, error.message);
  if (isNoConnection(error)) return notThere(linkErrorName(error), error.message);
  return describeFailure(error);
}

function describeDBusError(error: DBusError): Failure {
  const { errorName, message } = error;
  if (NOT_THERE.has(errorName) || errorName.startsWith(SPAWN_ERRORS)) return notThere(errorName, message);
  if (errorName === ErrorName.NO_REPLY) { // sent by the bus if the service ends without a reply
    return { code: EXIT.NOT_THERE, stream: 'stderr', text: `the service left the bus: ${message}` };
  }
  return { code: EXIT.NO_ANSWER, stream: 'stderr', text: nameAndMessage(errorName, message) };
}

function notThere(errorName: string, message: string): Failure {
  const text = `Failed to initialize D-Bus object: '${nameAndMessage(errorName, message)}'`;
  return { code: EXIT.NOT_THERE, stream: 'stdout', text };
}

/** The name and the message of an error; the name alone if there is no text. */
function nameAndMessage(errorName: string, message: string): string {
  return message === errorName ? errorName : `${errorName}: ${message}`;
}

/** Whether the answer did not come, or is not what it must be. */
function isUseless(error: unknown): error is Error {
  return [CallTimeoutError, UnexpectedSignatureError, NotANumberError].some((type) => error instanceof type);
}

/** Whether there is no connection: it could not be opened, or has ended. */
function isNoConnection(error: unknown): error is DBusWireError {
  return error instanceof AddressError || (error instanceof DBusWireError && error.fault === 'link');
}

/** The name that libdbus gives the failure. */
function linkErrorName(error: DBusWireError): string {
  const isBadAddress = error instanceof AddressError && error.code !== 'SESSION_BUS_NOT_FOUND';
  return isBadAddress ? ErrorName.BAD_ADDRESS : ErrorName.NO_SERVER;
}

/** Whether an error is the reason of `AbortSignal.timeout`. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}
