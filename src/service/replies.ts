// Sends the one reply of a call: a METHOD_RETURN with the result of a handler, or an ERROR. A reply that cannot be sent
// is replaced by an error that can. Sends nothing if the caller asked for no reply, and never throws.
// It knows no objects. Tests: dispatch.test.ts.
// Specification: Message Types; Message Format (NO_REPLY_EXPECTED); Error names.
import { CallRefusal } from '../connection/call-router.js';
import { ConnectionClosedError } from '../connection/errors.js';
import { DBusError } from '../protocol/errors.js';
import { ErrorName } from '../protocol/error-names.js';
import { errorAt } from '../wire/error-place.js';
import type { ErrorPlace } from '../wire/errors.js';
import { errorReply, type Message, type MethodCall, methodReturn, wantsReply } from '../wire/messages/message.js';
import { type FailedMember, isA, reportHandlerError, textOf } from './failure-reports.js';

/** The part of a connection that replies and signals need. */
export interface MessageSink {
  /** Queues a message; throws if it is not valid or the connection has ended. */
  send(message: Message): number;
}

/** The result of a handler that has sent the reply itself. */
export const ANSWERED = Symbol('answered');

/** The result of a handler that sends the reply itself, now or later; it takes the place of the out-arguments. */
export function answered(later: void | Promise<void>): never {
  return (later === undefined ? ANSWERED : later.then(() => ANSWERED)) as never;
}

/** The result of a handler that has done its work, and whose empty reply leaves at the end of the turn. */
export class AnsweredSoon {
  /** Resolves when the reply may leave. */
  readonly ready: Promise<void>;

  constructor(ready: Promise<void>) {
    this.ready = ready;
  }
}

/**
 * Sends a METHOD_RETURN; returns the reason if it cannot be sent. Sends nothing, and returns undefined, if the caller
 * expects no reply.
 */
export function tryReturn(
  sink: MessageSink,
  call: MethodCall,
  { signature, body }: { readonly signature: string; readonly body: readonly unknown[] },
): { readonly error: unknown } | undefined {
  if (!wantsReply(call)) return undefined;
  try {
    sink.send(methodReturn(call, { signature, body }));
    return undefined;
  } catch (error) {
    return isA(error, ConnectionClosedError) ? undefined : { error };
  }
}

/**
 * Sends a METHOD_RETURN. If the body does not fit the signature, the caller gets Failed and the error is reported under
 * the member of `place`.
 */
export function sendReturn(
  sink: MessageSink,
  call: MethodCall,
  { place, signature, body }: {
    readonly place: ErrorPlace & FailedMember;
    readonly signature: string;
    readonly body: readonly unknown[];
  },
): void {
  const refusal = tryReturn(sink, call, { signature, body });
  if (refusal === undefined) return;
  const error = errorAt(refusal.error, place, sendReturn);
  reportHandlerError({ error, interface: place.interface, member: place.member, call });
  sendFailed(sink, call, `the result does not fit signature "${signature}": ${textOf(error)}`);
}

/**
 * Sends an ERROR: a {@link DBusError} as it is, any other error as Failed with its text only, and then the error is
 * reported under `failed`, in the group `group`. A DBusError whose body cannot be sent keeps its name: a text is made
 * valid, and any other body becomes the text, and is reported. One whose name is not valid becomes Failed and is
 * reported too.
 */
export function sendError(
  sink: MessageSink,
  call: MethodCall,
  { failed, group, error }: {
    readonly failed: FailedMember; readonly group?: string | undefined; readonly error: unknown;
  },
): void {
  const { interface: interfaceName, member } = failed;
  if (!isA(error, DBusError)) {
    reportHandlerError({ error, interface: interfaceName, member, call }, group);
    sendFailed(sink, call, textOf(error));
    return;
  }
  if (!wantsReply(call)) return;
  try {
    sink.send(errorReply(call, { errorName: error.errorName, signature: error.signature, body: error.body }));
  } catch (refusal) {
    if (isA(refusal, ConnectionClosedError)) return;
    if (isTextOnly(error) && sendText(sink, call, error)) return;
    const place = { interface: interfaceName, member, role: 'error-argument' } as const;
    reportHandlerError({ error: errorAt(refusal, place, sendError), interface: interfaceName, member, call }, group);
    if (!sendText(sink, call, error)) sendFailed(sink, call, textOf(error));
  }
}

/** Whether the body of an error is its text, or a value that was meant as its text. */
function isTextOnly(error: DBusError): boolean {
  try {
    return error.signature === 's' && error.body.length === 1;
  } catch {
    return false; // a getter that throws
  }
}

/** The longest text of an error that is sent if the whole text is not valid or too long, in UTF-16 code units. */
const MAX_TEXT_LENGTH = 65_536;

/** Sends an error with its name and its text, made valid; returns false if that is not possible. */
function sendText(sink: MessageSink, call: MethodCall, error: DBusError): boolean {
  try {
    const text = textOf(error);
    const message = text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH).toWellFormed()}…` : text;
    sink.send(errorReply(call, { errorName: error.errorName, message }));
    return true;
  } catch (refusal) {
    return isA(refusal, ConnectionClosedError);
  }
}

function sendFailed(sink: MessageSink, call: MethodCall, text: string): void {
  if (!wantsReply(call)) return;
  // The first text may be too long for a message; the second is not. A closed connection needs no reply.
  for (const message of [text, 'the handler failed']) {
    try {
      sink.send(errorReply(call, { errorName: ErrorName.FAILED, message }));
      return;
    } catch (error) {
      if (isA(error, ConnectionClosedError)) return;
    }
  }
}

/** The longest part of a caller's name or path that an error text repeats. */
const MAX_REPEATED_LENGTH = 255;

/** A name or path of a caller, shortened to the length that an error text repeats. */
export function shortened(text: string): string {
  if (text.length <= MAX_REPEATED_LENGTH) return text;
  return `${text.slice(0, MAX_REPEATED_LENGTH).toWellFormed()}…`; // the cut may split a surrogate pair
}

/** The refusal of a call to a path without an object. */
export function unknownObject(path: string): CallRefusal {
  return new CallRefusal(ErrorName.UNKNOWN_OBJECT, `there is no object at ${shortened(path)}`);
}

/** The refusal of a call to an interface that the object does not have. */
export function unknownInterface(path: string, interfaceName: string): CallRefusal {
  const problem = `the object ${shortened(path)} has no interface ${shortened(interfaceName)}`;
  return new CallRefusal(ErrorName.UNKNOWN_INTERFACE, problem);
}

/** A refusal as a handler throws it. */
export function thrownRefusal({ errorName, message }: CallRefusal): DBusError {
  return new DBusError(errorName, message);
}
