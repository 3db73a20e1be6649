// The calls that await a reply: each settles exactly once, by reply, timeout, abort or the end of the connection.
// It knows serials and timers, not sockets. Specification: Message Format (serial, REPLY_SERIAL).
import { MAX_UINT32 } from '../wire/constants.js';
import type { ErrorMessage, MethodReturn } from '../wire/messages/message.js';
import { BUS_NAME } from '../protocol/bus.js';
import { onAbort, runListener, startTimer } from '../transport/waiting.js';

/** What a call came to: its reply, or the error with which it failed before one came. */
export type CallOutcome = { readonly reply: MethodReturn | ErrorMessage } | { readonly error: unknown };

/** How long a call waits, in milliseconds, unless told otherwise: as long as in the reference implementation. */
export const DEFAULT_CALL_TIMEOUT = 25_000;

interface PendingCall {
  readonly destination: string | undefined;
  readonly settle: (outcome: CallOutcome) => void;
  readonly stopWaiting: () => void;
}

/** How a call waits. */
export interface WaitOptions {
  /** Milliseconds, above 0; none from Infinity on. */
  readonly timeout: number;
  /** Makes the error for a call that timed out. */
  readonly timeoutError: () => Error;
  readonly signal?: AbortSignal | undefined;
  /** The bus name that the call went to. */
  readonly destination?: string | undefined;
}

/**
 * Whether a reply may be one to a call with this destination. A unique name answers for itself, and the bus for whom it
 * could not reach; who owns a well-known name is the bus's to know, and without a bus nobody signs.
 */
function mayAnswer(sender: string | undefined, destination: string | undefined): boolean {
  const isUnique = destination?.startsWith(':') === true;
  return !isUnique || sender === undefined || sender === destination || sender === BUS_NAME;
}

/** All calls of one connection that await a reply, by serial. */
export class PendingCalls {
  readonly #calls = new Map<number, PendingCall>();
  #lastSerial: number;

  constructor({ lastSerial = 0 }: { lastSerial?: number | undefined } = {}) {
    this.#lastSerial = lastSerial;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** A number for the next message: after 2^32−1 comes 1, and one that still awaits its reply is passed over. */
  nextSerial(): number {
    do {
      this.#lastSerial = this.#lastSerial === MAX_UINT32 ? 1 : this.#lastSerial + 1;
    } while (this.#calls.has(this.#lastSerial));
    return this.#lastSerial;
  }

  /** Waits for the reply to `serial`; `settle` is called once, and not before this returns. */
  add(serial: number, settle: (outcome: CallOutcome) => void, options: WaitOptions): void {
    const { timeout, timeoutError, signal, destination } = options;
    const timer = startTimer(timeout, () => this.reject(serial, timeoutError()));
    const endAbort = onAbort(signal, () => this.reject(serial, signal?.reason));
    const stopWaiting = (): void => {
      clearTimeout(timer);
      endAbort();
    };
    this.#calls.set(serial, { destination, settle, stopWaiting });
  }

  /** Gives a reply to the call that it answers; false where no call waits for it, or not for a reply of that sender. */
  resolve(reply: MethodReturn | ErrorMessage): boolean {
    const call = this.#calls.get(reply.replySerial);
    if (call !== undefined && !mayAnswer(reply.sender, call.destination)) return false;
    return this.#settle(reply.replySerial, { reply });
  }

  /** Fails the call that waits for the reply to `serial`; false where none does. */
  reject(serial: number, error: unknown): boolean {
    return this.#settle(serial, { error });
  }

  /** Fails all calls: the connection has ended. */
  rejectAll(error: unknown): void {
    for (const serial of [...this.#calls.keys()]) this.reject(serial, error);
  }

  #settle(serial: number, outcome: CallOutcome): boolean {
    const call = this.#calls.get(serial);
    if (call === undefined) return false;
    this.#calls.delete(serial);
    call.stopWaiting();
    runListener(() => call.settle(outcome));
    return true;
  }
}
