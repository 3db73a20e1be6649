// What the client program says when it cannot do its work, and with which exit code. Knows error classes, no bus.
import { DBusWireError } from '../../wire/errors.js';
import { AddressError, DBusError } from '../../protocol/errors.js';
import { ErrorName } from '../../protocol/error-names.js';
import { CallTimeoutError, ConnectionClosedError, UnexpectedSignatureError } from '../../connection/errors.js';
import { EXIT_USAGE, UsageError } from '../../program-options.js';
import { BitsError } from './bits.js';
import { ServiceGoneError } from './slow-number.js';

/** Exit codes of the client program. */
export const EXIT = {
  OK: 0,
  /** The argument is no number of bits; and whatever is not foreseen. */
  BAD_ARGUMENT: 1,
  /** The bus or the service is not there, or not any more. */
  NOT_THERE: 2,
  /** The service answered with an error, or not in time, or with something that cannot be used. */
  NO_ANSWER: 4,
  USAGE: EXIT_USAGE,
  /** 128 + SIGINT, as shells report it. */
  INTERRUPTED: 130,
} as const;

/** How a failure is told. */
export interface Failure {
  readonly code: number;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** The errors of a bus that has nobody to give a call to. */
const NOT_THERE: ReadonlySet<string> = new Set([
  ErrorName.SERVICE_UNKNOWN,
  ErrorName.NAME_HAS_NO_OWNER,
  ErrorName.TIMED_OUT, // the service was started, but did not take its name in time
]);
const SPAWN_ERRORS = 'org.freedesktop.DBus.Error.Spawn.';

/** What to say of an error, whatever it is. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof UsageError) {
    return { code: EXIT.USAGE, stream: 'stderr', text: `dbus-wire-client: ${error.message} (see --help)` };
  }
  if (error instanceof BitsError) return { code: EXIT.BAD_ARGUMENT, stream: 'stdout', text: error.message };
  if (error instanceof DBusError) return describeDBusError(error);
  if (error instanceof ServiceGoneError || error instanceof ConnectionClosedError) {
    return { code: EXIT.NOT_THERE, stream: 'stderr', text: error.message };
  }
  if (error instanceof CallTimeoutError || error instanceof UnexpectedSignatureError) {
    return { code: EXIT.NO_ANSWER, stream: 'stderr', text: error.message };
  }
  if (isTimeout(error)) return { code: EXIT.NO_ANSWER, stream: 'stderr', text: 'no result within the time given' };
  if (isNoConnection(error)) return notThere(linkErrorName(error), error.message);
  const text = error instanceof Error ? error.message : String(error);
  return { code: EXIT.BAD_ARGUMENT, stream: 'stderr', text: `Unexpected exception occurred: '${text}'` };
}

/** What to say where not even a connection to the bus came about. */
export function describeConnectFailure(error: unknown): Failure {
  if (error instanceof UsageError) return describeFailure(error);
  if (error instanceof DBusError) return notThere(error.errorName, error.message);
  if (isNoConnection(error)) return notThere(linkErrorName(error), error.message);
  return describeFailure(error);
}

function describeDBusError(error: DBusError): Failure {
  const { errorName, message } = error;
  if (NOT_THERE.has(errorName) || errorName.startsWith(SPAWN_ERRORS)) return notThere(errorName, message);
  if (errorName === ErrorName.NO_REPLY) { // the bus's answer for a service that ended without one
    return { code: EXIT.NOT_THERE, stream: 'stderr', text: `the service went away: ${message}` };
  }
  return { code: EXIT.NO_ANSWER, stream: 'stderr', text: nameAndMessage(errorName, message) };
}

function notThere(errorName: string, message: string): Failure {
  const text = `Failed to initialize D-Bus object: '${nameAndMessage(errorName, message)}'`;
  return { code: EXIT.NOT_THERE, stream: 'stdout', text };
}

/** An error without a text has its name for one. */
function nameAndMessage(errorName: string, message: string): string {
  return message === errorName ? errorName : `${errorName}: ${message}`;
}

/** Whether an error says that there is no connection: it could not be opened, or has ended. */
function isNoConnection(error: unknown): error is DBusWireError {
  return error instanceof AddressError || (error instanceof DBusWireError && error.fault === 'link');
}

/** The name that a D-Bus program of another kind would give the failure. */
function linkErrorName(error: DBusWireError): string {
  const isBadAddress = error instanceof AddressError && error.code !== 'SESSION_BUS_NOT_FOUND';
  return isBadAddress ? ErrorName.BAD_ADDRESS : ErrorName.NO_SERVER;
}

/** Whether an error is the reason of `AbortSignal.timeout`. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}
