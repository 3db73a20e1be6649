// The context that a handler gets after its arguments, and whether a handler failed only because its signal aborted.
// It knows no replies. Tests: dispatch.test.ts, properties.test.ts.
// Specification: org.freedesktop.DBus.NameOwnerChanged.
import type { Callers } from '../connection/callers.js';
import type { CallContext } from '../interface/definition.js';
import type { MethodCall } from '../wire/messages/message.js';
import { isA } from './handler-errors.js';

/** The context of one call. The signal is made when the handler first reads it. */
export class HandlerContext implements CallContext {
  readonly sender: string | undefined;
  readonly message: MethodCall;
  readonly #callers: Callers;
  readonly #closedSignal: AbortSignal;
  #signal: AbortSignal | undefined;
  #isOver = false;

  constructor(message: MethodCall, callers: Callers, closedSignal: AbortSignal) {
    this.sender = message.sender;
    this.message = message;
    this.#callers = callers;
    this.#closedSignal = closedSignal;
  }

  /** The signal of a context if a handler has read it. */
  static signalRead(context: CallContext): AbortSignal | undefined {
    return #signal in context ? context.#signal : undefined;
  }

  get signal(): AbortSignal {
    // After the call has ended, its caller may have left already: departures are no longer reported for it.
    this.#signal ??= this.#isOver ? this.#closedSignal : this.#callers.signalOf(this.sender);
    return this.#signal;
  }

  end(): void {
    this.#isOver = true;
  }
}

/**
 * Whether a handler failed because its signal has aborted: with the reason of the signal, or with an AbortError, as the
 * functions of Node do that take a signal. That is no failure to report, and nobody waits for the reply.
 */
export function hasGivenUp(context: CallContext, error: unknown): boolean {
  const signal = HandlerContext.signalRead(context);
  if (signal === undefined || !signal.aborted) return false;
  if (error === signal.reason) return true;
  try {
    return isA(error, Error) && error.name === 'AbortError';
  } catch {
    return false; // `name` may be a getter that throws
  }
}
