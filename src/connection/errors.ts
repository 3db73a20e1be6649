// The error classes of a link to another program: the link itself failed, or the other program answered "no".
// They know no sockets. Specification: Message Types (ERROR), Message Bus Names.
import { ANY, checkOptions, TEXT } from '../wire/options.js';

/** The base of every error about a link to a server; `code` is stable, `message` is for people. */
export abstract class LinkError extends Error {
  abstract readonly code: string;
}

/** No address could be connected to; `errors` has one reason for each address of the list, in their order. */
export class ConnectError extends LinkError {
  override readonly name = 'ConnectError';
  readonly code = 'CONNECT_FAILED';
  /** The addresses that were given. */
  readonly address: string;
  /** Each names its address and the reason; its `cause` is what was thrown. */
  readonly errors: readonly Error[];

  constructor(address: string, errors: readonly Error[]) {
    const reasons = errors.map((error) => error.message).join('; ');
    super(`cannot connect to ${reasons}`, { cause: errors[0] });
    this.address = address;
    this.errors = errors;
  }
}

/**
 * The connection has ended; `cause` says why, and is undefined where this side closed it: {@link EndOfStreamError},
 * {@link OutputOverflowError}, the UnmarshalError of a stream that cannot be read on, or an error of the socket.
 */
export class ConnectionClosedError extends LinkError {
  override readonly name = 'ConnectionClosedError';
  readonly code = 'CONNECTION_CLOSED';
}

/** The peer closed the connection, as a bus does that ends or that disconnects us. */
export class EndOfStreamError extends LinkError {
  override readonly name = 'EndOfStreamError';
  readonly code = 'END_OF_STREAM';

  constructor() {
    super('the peer closed the connection');
  }
}

/** More waits to be sent than is bearable: the peer does not read. */
export class OutputOverflowError extends LinkError {
  override readonly name = 'OutputOverflowError';
  readonly code = 'OUTPUT_OVERFLOW';

  constructor(queuedBytes: number) {
    super(`the peer does not read: ${queuedBytes} bytes wait to be sent`);
  }
}

/** No reply came in time; one that comes later is dropped and counted. */
export class CallTimeoutError extends LinkError {
  override readonly name = 'CallTimeoutError';
  readonly code = 'CALL_TIMED_OUT';
  /** The time that was waited, in milliseconds. */
  readonly timeout: number;

  constructor(call: string, timeout: number) {
    super(`no reply to ${call} within ${timeout} ms`);
    this.timeout = timeout;
  }
}

/** A reply came, but its body has other types than the caller relies on. */
export class UnexpectedSignatureError extends LinkError {
  override readonly name = 'UnexpectedSignatureError';
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
export class NameRequestError extends LinkError {
  override readonly name = 'NameRequestError';
  readonly code = 'NAME_EXISTS';
  /** The well-known name that was asked for. */
  readonly busName: string;

  constructor(busName: string) {
    super(`${busName} is owned by another connection`);
    this.busName = busName;
  }
}

/** A match rule that no bus would take. ‹Match Rules› */
export class MatchRuleError extends LinkError {
  override readonly name = 'MatchRuleError';
  readonly code = 'MATCH_RULE_INVALID';
}

/** What of an ERROR message there is besides its name and its text. */
export interface DBusErrorDetails extends ErrorOptions {
  /** The types of `body`; where both are left out, the body is the text as one STRING. */
  readonly signature?: string | undefined;
  readonly body?: readonly unknown[] | undefined;
}

// What cannot be sent is refused as it is sent: an error may also be made to be thrown in this program alone.
const DETAILS_RULES = { signature: TEXT, body: ANY, cause: ANY };

/**
 * The answer "no" of the other program: thrown by handlers, raised by calls. `errorName` is the name of the ERROR
 * message, `message` its text, `body` all its arguments. ‹Message Types›
 */
export class DBusError extends Error {
  override readonly name = 'DBusError';
  readonly errorName: string;
  readonly signature: string;
  readonly body: readonly unknown[];

  constructor(errorName: string, message = '', details: DBusErrorDetails = {}) {
    checkOptions('DBusError', details, DETAILS_RULES);
    const { signature, body, cause } = details;
    super(message === '' ? errorName : message, cause === undefined ? undefined : { cause });
    this.errorName = errorName;
    this.signature = signature ?? 's';
    this.body = body ?? [message];
  }
}
