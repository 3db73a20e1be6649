// Reports errors of handlers on the service's side: the caller gets only the text of an error, the service gets the
// error itself. It decides nothing about replies. Tests: failure-reports.test.ts, dispatch.test.ts, properties.test.ts.
// Node: diagnostics_channel, process.emitWarning.
import { channel } from 'node:diagnostics_channel';
import { counted } from '../wire/counted.js';
import type { MethodCall } from '../wire/messages/message.js';
import { printable, printableLines } from '../wire/printable.js';
import { WARNING_PERIOD, WarningLimit } from './warning-limit.js';

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
   * DBusError, because no caller sees it.
   */
  readonly error: unknown;
  /** The interface of the definition. */
  readonly interface: string;
  /**
   * The method or property whose handler failed. If a change cannot be announced at all, all properties of the
   * announcement, separated by `, `.
   */
  readonly member: string;
  /** The call that was being answered; undefined if a property was read to announce its change. */
  readonly call: MethodCall | undefined;
}

const handlerErrors = channel('dbus-wire:handler-error');

const WARNING = { type: 'HandlerErrorWarning', code: 'DBUS_WIRE_HANDLER_ERROR' } as const;

const warnings = new WarningLimit((member, notShown) => {
  process.emitWarning(`${member}: ${counted(notShown, 'more error')} in the last ${WARNING_PERIOD / 1000} s`, WARNING);
});

/** The group of failures of the handlers of all subtrees: these run before the member is known to exist. */
export const SUBTREE_HANDLERS = 'the handlers of subtrees';

/**
 * Publishes a failure on the channel `dbus-wire:handler-error`. If the channel has no subscriber, emits a process
 * warning instead, so that no failure of a handler passes unnoticed: at most five a minute for each group, and then
 * the number of the others. The group is the member, unless callers can choose any member.
 */
export function reportHandlerError(report: HandlerError, group = `${report.interface}.${report.member}`): void {
  if (handlerErrors.hasSubscribers) {
    handlerErrors.publish(report);
    return;
  }
  if (!warnings.admit(group)) return;
  const detail = stackOf(report.error);
  const { type, code } = WARNING;
  const text = printable(describeFailure(report, report.error));
  process.emitWarning(text, detail === undefined ? WARNING : { type, code, detail });
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

/** The stack of an error as it can be printed; undefined if there is none. */
function stackOf(thrown: unknown): string | undefined {
  try {
    if (!isA(thrown, Error) || typeof thrown.stack !== 'string') return undefined;
    const { message, stack } = thrown;
    // Lines in the message are not lines of the stack.
    const start = stack.indexOf(message);
    if (start < 0) return printableLines(stack);
    const end = start + message.length;
    return printable(stack.slice(0, end)) + printableLines(stack.slice(end));
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
