// The calls that a bus has passed on and whose replies it expects. Only an expected reply is passed on, once: `admits`
// decides, and router.ts drops the others. A caller gets NoReply if its callee leaves before the reply. It knows no
// messages beyond their types and serials.
// Specification: Message Bus Message Routing; Message Types (METHOD_RETURN, ERROR). Tests: pending-replies.test.ts.
import { ErrorName } from '../protocol/error-names.js';
import type { MessageHeader } from '../wire/messages/decode.js';

/** The text of NoReply for a callee that has left, as in the reference implementation. */
const CALLEE_LEFT = 'Message recipient disconnected from message bus without replying';

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
  /** Answers an open call with an error. */
  readonly answer: (caller: Peer, serial: number, error: BusError) => void;
}

/** The calls of one caller. */
interface OpenCalls<Peer> {
  /** The callee of each serial. A serial can be in use at several callees at once; that is rare. */
  readonly callees: Map<number, Peer | Peer[]>;
  count: number;
}

/** A call that gets no reply, since its callee has left. */
interface OrphanedCall<Peer> {
  readonly caller: Peer;
  readonly serial: number;
}

/** The expected replies of one bus. A peer is any object that represents a connection. */
export class PendingReplies<Peer extends object> {
  readonly #maxPerCaller: number;
  readonly #answer: PendingRepliesOptions<Peer>['answer'];
  readonly #byCaller = new Map<Peer, OpenCalls<Peer>>();
  /** For each callee, the serials of the calls that each caller has open, the newest last. */
  readonly #byCallee = new Map<Peer, Map<Peer, Set<number>>>();

  constructor({ maxPerCaller, answer }: PendingRepliesOptions<Peer>) {
    this.#maxPerCaller = maxPerCaller;
    this.#answer = answer;
  }

  /** How many callers have, or had, open calls and have not left. */
  get callerCount(): number {
    return this.#byCaller.size;
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
    let calls = this.#byCaller.get(caller);
    if ((calls?.count ?? 0) >= this.#maxPerCaller) return TOO_MANY;
    if (calls === undefined) {
      calls = { callees: new Map(), count: 0 };
      this.#byCaller.set(caller, calls);
    }
    const open = calls.callees.get(serial);
    if (open === undefined) calls.callees.set(serial, callee);
    else if (open === callee || (Array.isArray(open) && open.includes(callee))) return SERIAL_IN_USE;
    else if (Array.isArray(open)) open.push(callee);
    else calls.callees.set(serial, [open, callee]);
    calls.count++;
    let callers = this.#byCallee.get(callee);
    if (callers === undefined) {
      callers = new Map();
      this.#byCallee.set(callee, callers);
    }
    const serials = callers.get(caller);
    if (serials === undefined) callers.set(caller, new Set([serial]));
    else serials.add(serial);
    return undefined;
  }

  /**
   * Whether a message may be passed on: any but a reply without an open call. An expected reply closes its call.
   * ‹Message Types›
   */
  admits({ type, replySerial }: Pick<MessageHeader, 'type' | 'replySerial'>, sender: Peer, recipient: Peer): boolean {
    if (type !== 'method_return' && type !== 'error') return true;
    return replySerial !== undefined && this.take(recipient, sender, replySerial);
  }

  /** Takes the entry that a reply answers; returns false if the reply was not expected. */
  take(caller: Peer, callee: Peer, serial: number): boolean {
    const calls = this.#byCaller.get(caller);
    if (calls === undefined || !removeCallee(calls, callee, serial)) return false;
    const callers = this.#byCallee.get(callee);
    const serials = callers?.get(caller);
    serials?.delete(serial);
    if (serials?.size === 0) callers?.delete(caller);
    return true;
  }

  /** Answers an open call with NoReply; does nothing if it is no longer open. */
  fail(caller: Peer, callee: Peer, serial: number, text: string): void {
    if (this.take(caller, callee, serial)) this.#answer(caller, serial, noReply(text));
  }

  /** Forgets the calls of a peer that leaves, and answers the open calls to it. */
  leave(peer: Peer): void {
    this.#forgetCaller(peer);
    for (const { caller, serial } of this.#forgetCallee(peer)) this.#answer(caller, serial, noReply(CALLEE_LEFT));
  }

  /** Forgets a caller: replies to it are no longer expected. */
  #forgetCaller(caller: Peer): void {
    const calls = this.#byCaller.get(caller);
    if (calls === undefined) return;
    this.#byCaller.delete(caller);
    for (const callee of calls.callees.values()) {
      for (const each of Array.isArray(callee) ? callee : [callee]) this.#byCallee.get(each)?.delete(caller);
    }
  }

  /**
   * Forgets a callee; returns the calls that it has not answered, of each caller the newest first, as in the reference
   * implementation.
   */
  #forgetCallee(callee: Peer): OrphanedCall<Peer>[] {
    const callers = this.#byCallee.get(callee);
    if (callers === undefined) return [];
    this.#byCallee.delete(callee);
    const orphans: OrphanedCall<Peer>[] = [];
    for (const [caller, serials] of callers) {
      const calls = this.#byCaller.get(caller);
      if (calls === undefined) continue;
      for (const serial of [...serials].reverse()) {
        if (removeCallee(calls, callee, serial)) orphans.push({ caller, serial });
      }
    }
    return orphans;
  }
}

function noReply(message: string): BusError {
  return { errorName: ErrorName.NO_REPLY, message };
}

/** Removes one callee of a serial; returns whether it was there. */
function removeCallee<Peer>(calls: OpenCalls<Peer>, callee: Peer, serial: number): boolean {
  const open = calls.callees.get(serial);
  if (open === callee) {
    calls.callees.delete(serial);
  } else if (Array.isArray(open) && open.includes(callee)) {
    const others = open.filter((each) => each !== callee);
    calls.callees.set(serial, others.length === 1 ? others[0]! : others); // it had two or more
  } else {
    return false;
  }
  calls.count--;
  return true;
}
