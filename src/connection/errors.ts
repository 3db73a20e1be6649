// The error classes of an open connection: it has ended, a call had no reply or an unexpected one, or the bus refuses a
// name. Specification: Message Bus Names.
import { DBusWireError } from '../wire/errors.js';

/**
 * The connection has ended; `cause` says why, and is undefined where this side closed it: {@link EndOfStreamError},
 * {@link OutputOverflowError}, the UnmarshalError of a stream that cannot be read on, or an error of the socket.
 */
export class ConnectionClosedError extends DBusWireError {
  override readonly name = 'ConnectionClosedError';
  readonly fault = 'link';
  readonly code = 'CONNECTION_CLOSED';
}

/** No reply came in time; one that comes later is dropped and counted. */
export class CallTimeoutError extends DBusWireError {
  override readonly name = 'CallTimeoutError';
  readonly fault = 'link';
  readonly code = 'CALL_TIMED_OUT';
  /** The time that was waited, in milliseconds. */
  readonly timeout: number;

  constructor(call: string, timeout: number) {
    super(`no reply to ${call} within ${timeout} ms`);
    this.timeout = timeout;
  }
}

/** A reply came, but its body has other types than the caller relies on. */
export class UnexpectedSignatureError extends DBusWireError {
  override readonly name = 'UnexpectedSignatureError';
  readonly fault = 'peer';
  readonly code = 'UNEXPECTED_SIGNATURE';
  /** The signature that the caller relies on. */
  readonly expected: string;
  /** The signature of the reply. */
  readonly actual: string;

  constructor(call: string, { expected, actual }: { expected: string; actual: string }) {
    super(`the reply to ${call} has signature "${actual}", expected "${expected}"`);
    this.expected = expected;
    this.actual = actual;
  }
}

/** A bus name could not be had, since another connection owns it. ‹org.freedesktop.DBus.RequestName› */
export class NameRequestError extends DBusWireError {
  override readonly name = 'NameRequestError';
  readonly fault = 'answer';
  readonly code = 'NAME_EXISTS';
  /** The well-known name that was asked for. */
  readonly busName: string;

  constructor(busName: string) {
    super(`${busName} is owned by another connection`);
    this.busName = busName;
  }
}
