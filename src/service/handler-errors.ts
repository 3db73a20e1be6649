// Where errors of handlers are told locally: a caller gets the text of what a handler threw, the service the error.
// It decides nothing about replies. Node: diagnostics_channel, process.emitWarning.
import { channel } from 'node:diagnostics_channel';
import type { MethodCall } from '../wire/messages/message.js';

/** What subscribers of the diagnostics channel `dbus-wire:handler-error` are given. */
export interface HandlerError {
  /**
   * What a handler threw other than a DBusError, or why what it gave cannot be sent. Where a property is left out of
   * the answer to GetAll or of an announcement, whatever its `get` threw, for nobody else learns of it.
   */
  readonly error: unknown;
  /** What failed, such as `com.example.Counter1.Add`. */
  readonly what: string;
  /** The call that was being answered; undefined where a property was read to announce its change. */
  readonly call: MethodCall | undefined;
}

const handlerErrors = channel('dbus-wire:handler-error');

/**
 * Tells the subscribers of the channel `dbus-wire:handler-error`; where there is none, warns as Node warns, so that no
 * mistake of a handler goes unseen.
 */
export function reportHandlerError(report: HandlerError): void {
  if (handlerErrors.hasSubscribers) {
    handlerErrors.publish(report);
    return;
  }
  const detail = stackOf(report.error);
  process.emitWarning(`${report.what}: ${textOf(report.error)}`, {
    type: 'HandlerErrorWarning',
    code: 'DBUS_WIRE_HANDLER_ERROR',
    ...(detail === undefined ? {} : { detail }),
  });
}

/** Whether something thrown is of a class. What cannot even be asked, such as a revoked proxy, is of none. */
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
    return undefined; // it has a getter of its own, and that throws
  }
}

/** The text of anything that can be thrown, fit for a STRING: neither NUL nor lone surrogates. */
export function textOf(thrown: unknown): string {
  try {
    const text = isA(thrown, Error) ? thrown.message : String(thrown);
    return text.toWellFormed().replaceAll('\0', '\ufffd');
  } catch {
    return 'the handler failed'; // thrown was an object that cannot even be printed
  }
}
