// Reports errors of handlers on the service's side: the caller gets only the text of an error, the service gets the
// error itself. It decides nothing about replies. Tests: dispatch.test.ts, properties.test.ts.
// Node: diagnostics_channel, process.emitWarning.
import { channel } from 'node:diagnostics_channel';
import type { MethodCall } from '../wire/messages/message.js';

/** The method or property whose handler failed. */
export interface FailedMember {
  readonly interface: string;
  readonly member: string;
}

/** A failure of a handler, as the diagnostics channel `dbus-wire:handler-error` publishes it. */
export interface HandlerError extends FailedMember {
  /**
   * The value that a handler threw, if that is not a DBusError, or the reason why its result cannot be sent. If a
   * property is left out of the reply to GetAll or out of PropertiesChanged, this is the error of its `get`, even a
   * DBusError, because nobody else sees it.
   */
  readonly error: unknown;
  /** The interface of the definition. */
  readonly interface: string;
  /**
   * The method or property whose handler failed. If several properties fail together (their values are too long for
   * one message), all of them, separated by `, `.
   */
  readonly member: string;
  /** The call that was being answered; undefined if a property was read to announce its change. */
  readonly call: MethodCall | undefined;
}

const handlerErrors = channel('dbus-wire:handler-error');

/**
 * Publishes a failure on the channel `dbus-wire:handler-error`. If the channel has no subscriber, emits a process
 * warning instead, so that no failure of a handler passes unseen.
 */
export function reportHandlerError(report: HandlerError): void {
  if (handlerErrors.hasSubscribers) {
    handlerErrors.publish(report);
    return;
  }
  const detail = stackOf(report.error);
  process.emitWarning(describeFailure(report, report.error), {
    type: 'HandlerErrorWarning',
    code: 'DBUS_WIRE_HANDLER_ERROR',
    ...(detail === undefined ? {} : { detail }),
  });
}

/** The text of an error after the name of the member that failed; an error that already begins with it is unchanged. */
export function describeFailure({ interface: interfaceName, member }: FailedMember, error: unknown): string {
  const prefix = `${interfaceName}.${member}: `;
  const text = textOf(error);
  return text.startsWith(prefix) ? text : prefix + text;
}

/** Whether a thrown value is of a class; false for a value that cannot be inspected, such as a revoked proxy. */
export function isA<T>(thrown: unknown, type: abstract new (...args: never[]) => T): thrown is T {
  try {
    return thrown instanceof type;
  } catch {
    return false;
  }
}

function stackOf(thrown: unknown): string | undefined {
  try {
    return isA(thrown, Error) ? thrown.stack : undefined;
  } catch {
    return undefined; // `stack` may be a getter that throws
  }
}

/** The text of any thrown value, valid as a STRING: without NUL and lone surrogates. */
export function textOf(thrown: unknown): string {
  try {
    const text = isA(thrown, Error) ? thrown.message : String(thrown);
    return text.toWellFormed().replaceAll('\0', '\ufffd');
  } catch {
    return 'the handler failed'; // the value cannot be converted to text
  }
}
