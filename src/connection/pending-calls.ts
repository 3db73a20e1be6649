// The calls of one stream that wait for a reply: their serials, their time, and the senders that may reply. Each call
// settles exactly once, by a reply, a timeout, an abort or the end of the connection. A reply that no call waits for,
// such as one after the timeout, is counted. It knows no sockets.
// Specification: Message Format (serial, REPLY_SERIAL).
import { BUS_NAME } from '../protocol/bus.js';
import { onAbort } from '../transport/waiting.js';
import type { Envelope } from '../wire/messages/broken-header.js';
import { SerialTable } from './serial-table.js';
import { Deadlines } from './deadlines.js';
import type { DropCounter } from './drops.js';
import type { PendingCall, ReplyHeader } from './pending-call.js';
import { nextSerial, serialMaker } from './serials.js';

/** How long a call waits unless its options say otherwise, in milliseconds: as in the reference implementation. */
export const DEFAULT_CALL_TIMEOUT = 25_000;

/** Whether the sender may own a well-known name; true if its owner is not known. */
export type OwnershipTest = (name: string, sender: string) => boolean;

/** All calls of one stream that wait for a reply, by serial. */
export class PendingCalls {
  readonly #calls = new SerialTable<PendingCall>();
  readonly #deadlines = new Deadlines<PendingCall>((call) => this.#remove(call));
  readonly #mayOwn: OwnershipTest;
  readonly #makeSerial: () => number;

  constructor(mayOwn: OwnershipTest, makeSerial = serialMaker()) {
    this.#mayOwn = mayOwn;
    this.#makeSerial = makeSerial;
  }

  /** Whether a waiting call keeps the process alive, as it does by default. */
  set isRef(isRef: boolean) {
    this.#deadlines.isRef = isRef;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** The serial of the next message. No waiting call has it. */
  nextSerial(): number {
    return nextSerial(this.#calls, this.#makeSerial);
  }

  /**
   * Waits for the reply to `serial`, for `left` milliseconds. The call is settled once, after this returns. If `signal`
   * aborts, it fails with the reason. Throws if another call waits for the same serial.
   */
  add(serial: number, call: PendingCall, signal: AbortSignal | undefined, left = call.timeout): void {
    if (this.#calls.has(serial)) throw new Error(`serial ${serial} is in use: a call waits for its reply`);
    call.serial = serial;
    this.#calls.add(call);
    this.#deadlines.add(call, left);
    if (signal !== undefined) call.stopListening = onAbort(signal, () => this.#abort(call, signal));
  }

  /**
   * Removes the call that a reply answers, and returns it; undefined if no call waits for the reply, or if its sender
   * may not answer the call.
   */
  take({ replySerial, sender }: Pick<Envelope, 'replySerial' | 'sender'>): PendingCall | undefined {
    const call = replySerial === undefined ? undefined : this.#calls.get(replySerial);
    if (call === undefined || !this.#mayAnswer(sender, call.destination)) return undefined;
    this.#remove(call);
    return call;
  }

  /** Like {@link take}, for a valid reply: one that no call waits for is counted as dropped. */
  takeOrCount(header: ReplyHeader, drops: DropCounter): PendingCall | undefined {
    const call = this.take(header);
    if (call === undefined) drops.count('unexpected reply', { message: header });
    return call;
  }

  /** Fails all calls: the connection has ended. */
  rejectAll(makeError: (call: PendingCall) => unknown): void {
    for (const call of this.#calls.values()) {
      if (this.#calls.get(call.serial) !== call) continue; // a listener has ended it meanwhile
      this.#remove(call);
      call.fail(() => makeError(call));
    }
    if (this.#calls.size === 0) this.#deadlines.stop();
  }

  #remove(call: PendingCall): void {
    this.#calls.delete(call);
    this.#deadlines.remove(call);
    call.stopListening?.();
  }

  #abort(call: PendingCall, signal: AbortSignal): void {
    this.#remove(call);
    call.fail(() => signal.reason as unknown);
  }

  /**
   * Whether a reply with this sender may answer a call to this destination. For a unique name the sender must be that
   * name; for a well-known name, one that may own it. The bus reports calls that it could not deliver. Without a bus a
   * reply has no sender.
   */
  #mayAnswer(sender: string | undefined, destination: string | undefined): boolean {
    if (sender === undefined || destination === undefined || sender === destination || sender === BUS_NAME) return true;
    return !destination.startsWith(':') && this.#mayOwn(destination, sender);
  }
}
