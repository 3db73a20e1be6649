// The calls that a bus has passed on and whose replies it expects. Only an expected reply is passed on, once: `admits`
// decides, and router.ts drops the others. A caller gets NoReply if its callee leaves before the reply, or if the reply
// takes longer than the bus permits. It knows no messages beyond their types and serials.
// Specification: Message Bus Message Routing; Message Types (METHOD_RETURN, ERROR). Tests: pending-replies.test.ts.
import { ErrorName } from '../protocol/error-names.js';
import type { MessageHeader } from '../wire/messages/decode.js';
import { ReplyTimeouts } from './reply-timeouts.js';

/** The text of NoReply for a callee that has left, as in the reference implementation. */
const CALLEE_LEFT = 'Message recipient disconnected from message bus without replying';
/** The text of NoReply for a reply that takes too long, as in the reference implementation. */
const TIMED_OUT = 'Message did not receive a reply (timeout by message bus)';

/** An error of the bus that answers a call. */
export interface BusError {
  readonly errorName: string;
  readonly message: string;
}

const TOO_MANY: BusError = {
  errorName: ErrorName.LIMITS_EXCEEDED,
  message: 'The maximum number of pending replies per connection has been reached',
};
const SERIAL_IN_USE: BusError = {
  errorName: ErrorName.ACCESS_DENIED,
  message: 'Message has the same reply serial as a currently-outstanding existing method call',
};

/** How replies are expected. */
export interface PendingRepliesOptions<Peer> {
  /** The most open calls of one caller. */
  readonly maxPerCaller: number;
  /** Longest time for a reply, in milliseconds. Default: Infinity. */
  readonly timeout?: number | undefined;
  /** Answers an open call with an error. */
  readonly answer: (caller: Peer, serial: number, error: BusError) => void;
}

/** One call that is open. */
interface OpenCall<Peer> {
  readonly caller: Peer;
  readonly callee: Peer;
  readonly serial: number;
}

/** The open calls of one caller to one callee, by serial; the newest is the last. */
type CallsOfPair<Peer> = Map<number, OpenCall<Peer>>;

/** The calls of one caller. */
interface CallsOfCaller<Peer> {
  readonly byCallee: Map<Peer, CallsOfPair<Peer>>;
  count: number;
  /** The callee whose calls were all closed last: the next call is often to the same one, so that its map is kept. */
  idleCallee: Peer | undefined;
}

/** The expected replies of one bus. A peer is any object that represents a connection. */
export class PendingReplies<Peer extends object> {
  /** Called after calls have been answered because their replies took too long. */
  onExpired: () => void = () => {};
  readonly #maxPerCaller: number;
  readonly #answer: PendingRepliesOptions<Peer>['answer'];
  readonly #timeouts: ReplyTimeouts<OpenCall<Peer>>;
  readonly #byCaller = new Map<Peer, CallsOfCaller<Peer>>();
  readonly #byCallee = new Map<Peer, Map<Peer, CallsOfPair<Peer>>>();

  constructor({ maxPerCaller, timeout = Infinity, answer }: PendingRepliesOptions<Peer>) {
    this.#maxPerCaller = maxPerCaller;
    this.#answer = answer;
    this.#timeouts = new ReplyTimeouts(timeout, (expired) => this.#expire(expired));
  }

  /** How many callers have, or had, open calls and have not left. */
  get callerCount(): number {
    return this.#byCaller.size;
  }

  /** How many maps there are: one for each pair with open calls, and at most one more for each caller. */
  get pairCount(): number {
    let count = 0;
    for (const { byCallee } of this.#byCaller.values()) count += byCallee.size;
    return count;
  }

  /** How many calls have a deadline. */
  get deadlineCount(): number {
    return this.#timeouts.size;
  }

  /** How many calls a caller has open. */
  countOf(caller: Peer): number {
    return this.#byCaller.get(caller)?.count ?? 0;
  }

  /**
   * Expects a reply; returns an error, and expects none, if the caller has too many calls open, or the same serial at
   * that callee already.
   */
  expect(caller: Peer, callee: Peer, serial: number): BusError | undefined {
    const calls = this.#byCaller.get(caller) ?? this.#addCaller(caller);
    if (calls.count >= this.#maxPerCaller) return TOO_MANY;
    const ofPair = calls.byCallee.get(callee) ?? this.#addPair(caller, callee, calls);
    if (ofPair.has(serial)) return SERIAL_IN_USE;
    const call = { caller, callee, serial };
    ofPair.set(serial, call);
    calls.count++;
    this.#timeouts.add(call);
    return undefined;
  }

  #addCaller(caller: Peer): CallsOfCaller<Peer> {
    const calls: CallsOfCaller<Peer> = { byCallee: new Map(), count: 0, idleCallee: undefined };
    this.#byCaller.set(caller, calls);
    return calls;
  }

  #addPair(caller: Peer, callee: Peer, { byCallee }: CallsOfCaller<Peer>): CallsOfPair<Peer> {
    const ofPair: CallsOfPair<Peer> = new Map();
    byCallee.set(callee, ofPair);
    const callers = this.#byCallee.get(callee);
    if (callers === undefined) this.#byCallee.set(callee, new Map([[caller, ofPair]]));
    else callers.set(caller, ofPair);
    return ofPair;
  }

  /**
   * Whether a message may be passed on: any but a reply without an open call. An expected reply closes its call.
   * ‹Message Types›
   */
  admits({ type, replySerial }: Pick<MessageHeader, 'type' | 'replySerial'>, sender: Peer, recipient: Peer): boolean {
    if (type !== 'method_return' && type !== 'error') return true;
    return replySerial !== undefined && this.take(recipient, sender, replySerial);
  }

  /** Closes the call that a reply answers; returns false if the reply was not expected. */
  take(caller: Peer, callee: Peer, serial: number): boolean {
    const call = this.#byCaller.get(caller)?.byCallee.get(callee)?.get(serial);
    if (call !== undefined) this.#close(call);
    return call !== undefined;
  }

  /** Forgets the calls of a peer that leaves, and answers the open calls to it. */
  leave(peer: Peer): void {
    this.#forgetCaller(peer);
    this.#answerWith(CALLEE_LEFT, this.#forgetCallee(peer));
  }

  #forgetCaller(caller: Peer): void {
    const calls = this.#byCaller.get(caller);
    if (calls === undefined) return;
    this.#byCaller.delete(caller);
    for (const [callee, ofPair] of calls.byCallee) {
      this.#byCallee.get(callee)?.delete(caller);
      for (const call of ofPair.values()) this.#timeouts.delete(call);
    }
  }

  /** Returns the calls that were open: of each caller the newest first, as in the reference implementation. */
  #forgetCallee(callee: Peer): OpenCall<Peer>[] {
    const orphans: OpenCall<Peer>[] = [];
    for (const [caller, ofPair] of this.#byCallee.get(callee) ?? []) {
      for (const call of [...ofPair.values()].reverse()) {
        this.#timeouts.delete(call);
        orphans.push(call);
      }
      const calls = this.#byCaller.get(caller)!; // a caller that leaves is removed from its callees
      calls.byCallee.delete(callee);
      calls.count -= ofPair.size;
      if (calls.idleCallee === callee) calls.idleCallee = undefined;
    }
    this.#byCallee.delete(callee);
    return orphans;
  }

  #expire(expired: readonly OpenCall<Peer>[]): void {
    for (const call of expired) this.#close(call);
    this.#answerWith(TIMED_OUT, expired);
    this.onExpired();
  }

  #answerWith(message: string, calls: readonly OpenCall<Peer>[]): void {
    for (const { caller, serial } of calls) this.#answer(caller, serial, { errorName: ErrorName.NO_REPLY, message });
  }

  /** Removes a call that is open. */
  #close(call: OpenCall<Peer>): void {
    const { caller, callee, serial } = call;
    this.#timeouts.delete(call);
    const calls = this.#byCaller.get(caller)!; // an open call has both peers
    const ofPair = calls.byCallee.get(callee)!;
    ofPair.delete(serial);
    calls.count--;
    if (ofPair.size === 0) this.#setIdle(caller, callee, calls);
  }

  /** Keeps the empty map of one callee, and removes that of the callee that was idle before. */
  #setIdle(caller: Peer, callee: Peer, calls: CallsOfCaller<Peer>): void {
    const { byCallee, idleCallee } = calls;
    calls.idleCallee = callee;
    if (idleCallee === undefined || idleCallee === callee || byCallee.get(idleCallee)?.size !== 0) return;
    byCallee.delete(idleCallee);
    this.#byCallee.get(idleCallee)?.delete(caller);
  }
}
