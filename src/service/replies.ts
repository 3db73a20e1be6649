// The one reply of a call: what a handler gave or threw becomes METHOD_RETURN or ERROR, and what cannot be sent becomes
// an error that can. Nothing is sent where the caller asked for no reply, and nothing is thrown here.
// It knows no objects. Specification: Message Types; Message Format (NO_REPLY_EXPECTED).
import { ConnectionClosedError } from '../connection/errors.js';
import { DBusError } from '../protocol/errors.js';
import { ErrorName } from '../protocol/error-names.js';
import { MessageFlag } from '../wire/constants.js';
import { errorAt } from '../wire/error-place.js';
import type { ErrorPlace } from '../wire/errors.js';
import { errorReply, type Message, type MethodCall, methodReturn } from '../wire/messages/message.js';
import { isA, reportHandlerError, textOf } from './handler-errors.js';

/** What of a connection replies and signals need. */
export interface MessageSink {
  /** Queues a message; throws where it is not valid or the connection has ended. */
  send(message: Message): number;
}

/** Sends a METHOD_RETURN; where the body does not fit the signature, the caller gets Failed, the service a report. */
export function sendReturn(
  sink: MessageSink,
  call: MethodCall,
  { what, place, signature, body }: {
    readonly what: string;
    readonly place: ErrorPlace;
    readonly signature: string;
    readonly body: readonly unknown[];
  },
): void {
  if (!wantsReply(call)) return;
  try {
    sink.send(methodReturn(call, { signature, body }));
  } catch (refusal) {
    if (isA(refusal, ConnectionClosedError)) return;
    const error = errorAt(refusal, place, sendReturn);
    reportHandlerError({ error, what, call });
    sendFailed(sink, call, `the result does not fit signature "${signature}": ${textOf(error)}`);
  }
}

/**
 * Sends an ERROR: a {@link DBusError} as it is, anything else as Failed with its text only; the service gets a report.
 * A DBusError that cannot be sent (its name or its body is not valid) becomes Failed too.
 */
export function sendError(
  sink: MessageSink,
  call: MethodCall,
  { what, error }: { what: string; error: unknown },
): void {
  if (!isA(error, DBusError)) {
    reportHandlerError({ error, what, call });
    sendFailed(sink, call, textOf(error));
    return;
  }
  if (!wantsReply(call)) return;
  try {
    sink.send(errorReply(call, { errorName: error.errorName, signature: error.signature, body: error.body }));
  } catch (unsendable) {
    if (isA(unsendable, ConnectionClosedError)) return;
    const dot = what.lastIndexOf('.');
    const member = { interface: what.slice(0, dot), member: what.slice(dot + 1) };
    const place = { ...member, role: 'error-argument' } as const;
    reportHandlerError({ error: errorAt(unsendable, place, sendError), what, call });
    sendFailed(sink, call, textOf(error));
  }
}

function sendFailed(sink: MessageSink, call: MethodCall, text: string): void {
  if (!wantsReply(call)) return;
  for (const message of [text, 'the handler failed']) {
    try {
      sink.send(errorReply(call, { errorName: ErrorName.FAILED, message }));
      return;
    } catch (error) {
      // The text may be longer than a message can be; the second cannot. A connection that has ended needs no reply.
      if (error instanceof ConnectionClosedError) return;
    }
  }
}

function wantsReply({ flags }: MethodCall): boolean {
  return (flags & MessageFlag.NO_REPLY_EXPECTED) === 0;
}
