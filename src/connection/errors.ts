// The error classes of a link: it has ended, it has a handler already, a call got no reply or an unexpected one, or a
// bus name belongs to another connection. It does not know which code throws them. Tests: test/errors.test.ts.
// Specification: Message Bus Names.
import { counted } from '../wire/counted.js';
import { DBusWireError } from '../wire/errors.js';

/** Whether a connection has ended permanently, or is being restored; see {@link ReconnectOptions}. */
export type ConnectionClosedCode = 'CONNECTION_CLOSED' | 'CONNECTION_LOST';

/** The second argument of the constructor of {@link ConnectionClosedError}. */
export interface ConnectionClosedDetails {
  readonly cause?: unknown;
  /** Default: `CONNECTION_CLOSED`. */
  readonly code?: ConnectionClosedCode | undefined;
  readonly wasSent?: boolean | undefined;
}

/**
 * The connection has ended. `cause` is {@link EndOfStreamError}, {@link OutputOverflowError}, an UnmarshalError if the
 * bytes that arrived are not messages, or an error of the socket. It is undefined if this side has closed the
 * connection. A call that waits for its reply gets an error of its own that names the call, with the same cause. A loop
 * over a stream gets one that names the stream.
 */
export class ConnectionClosedError extends DBusWireError {
  override readonly name = 'ConnectionClosedError';
  readonly fault = 'link';
  readonly code: ConnectionClosedCode;
  /**
   * If the error is about one message, whether the message had left this process. False: the other side has not
   * received all of its bytes, so it cannot have acted on the message. True: the operating system may have got all
   * bytes, and the other side may have acted on the message. Undefined if the error is about the connection.
   */
  readonly wasSent: boolean | undefined;

  constructor(message: string, details: ConnectionClosedDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = details.code ?? 'CONNECTION_CLOSED';
    this.wasSent = details.wasSent;
  }
}

/** The error for a unique name of an earlier bus: the next bus can give that name to another program. */
export function formerNameError(name: string, cause?: unknown): ConnectionClosedError {
  const found = `${name} was a name on a connection that has ended`;
  return new ConnectionClosedError(found, { code: 'CONNECTION_LOST', cause });
}

/**
 * No reply arrived in time. If the program was busy when the time ran out, its sockets were read again first. A reply
 * that arrives later is dropped and counted.
 */
export class CallTimeoutError extends DBusWireError {
  override readonly name = 'CallTimeoutError';
  readonly fault = 'link';
  readonly code = 'CALL_TIMED_OUT';
  /** How long the call has waited, in milliseconds. */
  readonly timeout: number;

  constructor(call: string, timeout: number) {
    super(`no reply to ${call} within ${timeout} ms`);
    this.timeout = timeout;
  }
}

/** A bus name got no owner in time. */
export class OwnerTimeoutError extends DBusWireError {
  override readonly name = 'OwnerTimeoutError';
  readonly fault = 'link';
  readonly code = 'OWNER_TIMED_OUT';
  /** The name that has no owner. */
  readonly busName: string;
  /** The timeout of the wait, in milliseconds. */
  readonly timeout: number;

  constructor(busName: string, timeout: number) {
    super(`${busName} got no owner within ${timeout} ms`);
    this.busName = busName;
    this.timeout = timeout;
  }
}

/** A queue that may not drop messages is full: its reader is too slow. */
export class QueueOverflowError extends DBusWireError {
  override readonly name = 'QueueOverflowError';
  readonly fault = 'caller';
  readonly code = 'QUEUE_OVERFLOW';

  /** For the library: the messages that wait, and the limits of the queue. */
  constructor(
    { waiting, bytes }: { readonly waiting: number; readonly bytes: number },
    { limit, maxBytes }: { readonly limit: number; readonly maxBytes: number },
  ) {
    super(`${counted(waiting, 'unread message')} with ${counted(bytes, 'byte')} in all, and one more has arrived: `
      + `at most ${counted(limit, 'message')} with ${maxBytes} bytes in all may wait`);
  }
}

/** The body of a reply, or a property in a signal, does not have the types that its receiver expects. */
export class UnexpectedSignatureError extends DBusWireError {
  override readonly name = 'UnexpectedSignatureError';
  readonly fault = 'peer';
  readonly code = 'UNEXPECTED_SIGNATURE';
  /** The signature that the receiver expects. */
  readonly expected: string;
  /** The signature of the reply or the property. */
  readonly actual: string;

  /** For the library: a reply to a call, or a signal if `isSignal` is true. */
  constructor(
    message: string, { expected, actual, isSignal = false }: { expected: string; actual: string; isSignal?: boolean },
  ) {
    super(`${isSignal ? '' : 'the reply to '}${message} has signature "${actual}": it must have "${expected}"`);
    this.expected = expected;
    this.actual = actual;
  }
}

/** A link has a handler of method calls already: one that was registered, or that of its exported objects. */
export class HandlerInUseError extends DBusWireError {
  override readonly name = 'HandlerInUseError';
  readonly fault = 'caller';
  readonly code = 'HANDLER_IN_USE';

  constructor() {
    super('the link has a handler of method calls already: it must be removed first (exported objects have one too)');
  }
}

/** The bus has not given us a name, because another connection owns it. ‹org.freedesktop.DBus.RequestName› */
export class NameRequestError extends DBusWireError {
  override readonly name = 'NameRequestError';
  readonly fault = 'answer';
  readonly code = 'NAME_EXISTS';
  /** The well-known name that was requested. */
  readonly busName: string;

  constructor(busName: string) {
    super(`${busName} is owned by another connection`);
    this.busName = busName;
  }
}

/** This side no longer owns a name: another connection has taken it over, or it was released. */
export class NameLostError extends DBusWireError {
  override readonly name = 'NameLostError';
  readonly fault = 'answer';
  readonly code = 'NAME_LOST';
  /** The well-known name that was ours. */
  readonly busName: string;
  /** The unique name of its new owner; undefined if it has none. */
  readonly owner: string | undefined;

  constructor(busName: string, owner: string | undefined) {
    super(owner === undefined ? `${busName} was released` : `${busName} was taken over by ${owner}`);
    this.busName = busName;
    this.owner = owner;
  }
}
