// The calls that wait for a reply: their serials, their timers, and the senders that may reply. Each call settles
// exactly once, by a reply, a timeout, an abort or the end of the connection. It knows no sockets.
// Tests: pending.test.ts. Specification: Message Format (serial, REPLY_SERIAL).
import { BUS_NAME } from '../protocol/bus.js';
import { onAbort, runListener, startTimer } from '../transport/waiting.js';
import { MAX_UINT32 } from '../wire/constants.js';
import type { ErrorMessage, MethodReturn } from '../wire/messages/message.js';

/** How a call has ended: with its reply, or with an error before a reply. */
export type CallOutcome = { readonly reply: MethodReturn | ErrorMessage } | { readonly error: unknown };

/** A reply without its body. */
export type ReplyHeader = Omit<MethodReturn, 'body'> | Omit<ErrorMessage, 'body'>;

/** How long a call waits unless its options say otherwise, in milliseconds: as in the reference implementation. */
export const DEFAULT_CALL_TIMEOUT = 25_000;

interface PendingCall {
  readonly destination: string | undefined;
  readonly settle: (outcome: CallOutcome) => void;
  readonly stopWaiting: () => void;
}

/** How one call waits. */
export interface PendingOptions {
  /** Milliseconds, 0 or more; Infinity for no limit. */
  readonly timeout: number;
  /** Makes the error of a call that has timed out. */
  readonly timeoutError: () => Error;
  readonly signal?: AbortSignal | undefined;
  /** The bus name that the call was sent to. */
  readonly destination?: string | undefined;
}

/**
 * Whether a reply with this sender may answer a call to this destination. For a unique name the sender must be that
 * name, or the bus, which reports that it could not deliver the call. For a well-known name any sender may answer: only
 * the bus knows its owner. Without a bus a reply has no sender.
 */
function mayAnswer(sender: string | undefined, destination: string | undefined): boolean {
  const isUnique = destination?.startsWith(':') === true;
  return !isUnique || sender === undefined || sender === destination || sender === BUS_NAME;
}

/** All calls of one stream that wait for a reply, by serial. */
export class PendingCalls {
  readonly #calls = new Map<number, PendingCall>();
  #lastSerial: number;

  constructor({ lastSerial = 0 }: { lastSerial?: number | undefined } = {}) {
    this.#lastSerial = lastSerial;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** The serial of the next message: 1 follows 2^32−1, and serials of calls that wait are skipped. */
  nextSerial(): number {
    do {
      this.#lastSerial = this.#lastSerial === MAX_UINT32 ? 1 : this.#lastSerial + 1;
    } while (this.#calls.has(this.#lastSerial));
    return this.#lastSerial;
  }

  /** Waits for the reply to `serial`; `settle` is called once, after this returns. Throws if `serial` is in use. */
  add(serial: number, settle: (outcome: CallOutcome) => void, options: PendingOptions): void {
    if (this.#calls.has(serial)) throw new Error(`serial ${serial} is in use: a call waits for its reply`);
    const { timeout, timeoutError, signal, destination } = options;
    const timer = startTimer(timeout, () => this.reject(serial, timeoutError()));
    const endAbort = onAbort(signal, () => this.reject(serial, signal?.reason));
    const stopWaiting = (): void => {
      clearTimeout(timer);
      endAbort();
    };
    this.#calls.set(serial, { destination, settle, stopWaiting });
  }

  /** Whether a call waits for a reply with this header, and its sender may answer that call. */
  expects({ replySerial, sender }: ReplyHeader): boolean {
    const call = this.#calls.get(replySerial);
    return call !== undefined && mayAnswer(sender, call.destination);
  }

  /** Gives a reply to its call; false if no call waits for it, or if its sender may not answer the call. */
  resolve(reply: MethodReturn | ErrorMessage): boolean {
    const call = this.#calls.get(reply.replySerial);
    if (call !== undefined && !mayAnswer(reply.sender, call.destination)) return false;
    return this.#settle(reply.replySerial, { reply });
  }

  /** Fails the call that waits for the reply to `serial`; false if no call does. */
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
