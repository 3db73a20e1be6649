// The calls that a program makes while its connection is being restored: they wait for the next connection, in order,
// up to their timeout, within limits. Each call is encoded at once: mistakes are reported then, and later changes of
// its arguments have no effect. It does not know streams. Tests: reconnect.test.ts. Specification: Message Types
// (METHOD_CALL).
import { BUS_NAME } from '../protocol/bus.js';
import { monotonicTime, onAbort } from '../transport/waiting.js';
import { counted } from '../wire/counted.js';
import { type Caller, errorAt } from '../wire/error-place.js';
import { decodeMessage } from '../wire/messages/decode.js';
import { encodeMessage } from '../wire/messages/encode.js';
import { type MethodCall, wantsReply } from '../wire/messages/message.js';
import { Deadlines } from './deadlines.js';
import type { Engine } from './engine.js';
import { ConnectionClosedError, formerNameError } from './errors.js';
import { checkReplySignature, type Invocation, notSent } from './invocation.js';
import { DEFAULT_CALL_TIMEOUT } from './pending-calls.js';
import { PromisedCall, promiseOf } from './pending-call.js';

/** A placeholder: the message gets its serial when it is sent. */
const SERIAL = 1;

/** The limits of the calls that wait. */
export interface WaitingLimits {
  readonly maxWaitingCalls: number;
  readonly maxWaitingBytes: number;
}

/** A call that waits for a connection. */
class WaitingCall extends PromisedCall {
  readonly invocation: Invocation;
  /** The message as bytes. */
  readonly bytes: Uint8Array;

  constructor(invocation: Invocation, bytes: Uint8Array) {
    const { message, timeout = DEFAULT_CALL_TIMEOUT, replySignature, resultOf } = invocation;
    super(message, timeout, replySignature, resultOf);
    this.invocation = invocation;
    this.bytes = bytes;
  }
}

/** The calls that wait for one link. */
export class WaitingCalls {
  readonly #limits: WaitingLimits;
  /** The reason for which nothing can be sent at present. */
  readonly #reason: ConnectionClosedError;
  readonly #calls = new Set<WaitingCall>();
  readonly #deadlines = new Deadlines<WaitingCall>((call) => this.#remove(call));
  #bytes = 0;
  #end: ConnectionClosedError | undefined;

  constructor(reason: ConnectionClosedError, limits: WaitingLimits) {
    this.#reason = reason;
    this.#limits = limits;
  }

  /** Whether the calls keep the process alive, as they do at first. */
  set isRef(isRef: boolean) {
    this.#deadlines.isRef = isRef;
  }

  /** How many calls wait. */
  get size(): number {
    return this.#calls.size;
  }

  /** The number of bytes of the messages that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Makes a call that waits; it settles as a call on an open connection does. */
  add(invocation: Invocation, above: Caller): Promise<unknown> {
    const { message, signal, replySignature } = invocation;
    let call: WaitingCall;
    try {
      signal?.throwIfAborted();
      if (replySignature !== undefined) checkReplySignature(replySignature, invocation, above);
      const bytes = encode(invocation, above);
      const refusal = this.#refusal(message, bytes);
      if (refusal !== undefined) throw notSent(message, refusal, above);
      call = new WaitingCall(invocation, bytes);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const promise = promiseOf(call);
    this.#calls.add(call);
    this.#bytes += call.bytes.length;
    this.#deadlines.add(call, call.timeout);
    if (signal !== undefined) call.stopListening = onAbort(signal, () => this.#abort(call, signal));
    return promise;
  }

  /** The reason for which a call must not wait; undefined if it may. */
  #refusal(message: MethodCall, bytes: Uint8Array): ConnectionClosedError | undefined {
    if (this.#end !== undefined) return this.#end;
    const formerName = uniqueNameIn(message, bytes);
    if (formerName !== undefined) return formerNameError(formerName, this.#reason.cause);
    const { maxWaitingCalls, maxWaitingBytes } = this.#limits;
    if (this.#calls.size >= maxWaitingCalls) {
      const limit = counted(maxWaitingCalls, 'call');
      return this.#lost(`the queue for the next connection has ${limit}: it must not have more`);
    }
    if (this.#bytes + bytes.length > maxWaitingBytes) {
      const limit = counted(maxWaitingBytes, 'byte');
      return this.#lost(`the queue for the next connection would have more than ${limit}: it must not have more`);
    }
    return undefined;
  }

  #lost(found: string): ConnectionClosedError {
    return new ConnectionClosedError(found, { code: 'CONNECTION_LOST', cause: this.#reason.cause });
  }

  /** Sends all calls, in order. */
  flush(engine: Engine): void {
    for (const call of [...this.#calls]) {
      if (!this.#calls.has(call)) continue; // a getter or an abort has ended it meanwhile
      const left = call.list === undefined ? call.timeout : Math.max(0, call.deadline - monotonicTime());
      this.#remove(call);
      send(call, engine, left);
    }
    this.#deadlines.stop();
  }

  /** Rejects all calls, and all later ones: no connection follows. */
  end(error: ConnectionClosedError): void {
    this.#end = error;
    for (const call of [...this.#calls]) {
      this.#remove(call);
      call.fail(() => notSent(call.invocation.message, error, this.end));
    }
    this.#deadlines.stop();
  }

  #remove(call: WaitingCall): void {
    this.#calls.delete(call);
    this.#bytes -= call.bytes.length;
    this.#deadlines.remove(call);
    call.stopListening?.();
    call.stopListening = undefined;
  }

  #abort(call: WaitingCall, signal: AbortSignal): void {
    this.#remove(call);
    call.fail(() => signal.reason as unknown);
  }
}

/**
 * The unique name that a call is for, or that a question to the bus is about: its first argument. Undefined if there is
 * none. No other argument of the methods of a bus begins with a colon.
 */
function uniqueNameIn({ destination, signature }: MethodCall, bytes: Uint8Array): string | undefined {
  const isQuestion = destination === BUS_NAME && signature.startsWith('s');
  const name = isQuestion ? (decodeMessage(bytes).body[0] as string) : destination; // a string, by the signature
  return name?.startsWith(':') === true ? name : undefined;
}

/** @throws {MarshalError | InvalidNameError} if the message is not valid, or refers to file descriptors */
function encode({ message, place }: Invocation, above: Caller): Uint8Array {
  try {
    return encodeMessage(message, { serial: SERIAL, allowUnixFds: false }).slice(); // a copy of its own
  } catch (error) {
    throw errorAt(error, place ?? message, above);
  }
}

function send(call: WaitingCall, engine: Engine, left: number): void {
  const { invocation, bytes } = call;
  const { timeout, signal, replySignature, place, resultOf } = invocation;
  const message = decodeMessage(bytes) as MethodCall; // as it was encoded
  if (wantsReply(message)) {
    engine.resume(call, { message, timeout, signal, replySignature, place, resultOf }, left);
    return;
  }
  try {
    engine.send(message, send, place);
    call.resolve(resultOf === undefined ? [] : resultOf([]));
  } catch (error) {
    call.fail(() => error);
  }
}
