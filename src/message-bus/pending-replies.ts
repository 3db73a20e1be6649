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

/** The calls of one serial of a caller: one call, or, if the serial is in use at several callees, the call to each. */
type SameSerial<Peer> = OpenCall<Peer> | Map<Peer, OpenCall<Peer>>;

/** The calls of one caller. */
interface CallsOfCaller<Peer> {
  readonly bySerial: Map<number, SameSerial<Peer>>;
  count: number;
}

/** The expected replies of one bus. A peer is any object that represents a connection. */
export class PendingReplies<Peer extends object> {
  /** Called after calls have been answered because their replies took too long. */
  onExpired: () => void = () => {};
  readonly #maxPerCaller: number;
  readonly #answer: PendingRepliesOptions<Peer>['answer'];
  readonly #timeouts: ReplyTimeouts<OpenCall<Peer>>;
  readonly #byCaller = new Map<Peer, CallsOfCaller<Peer>>();
  /** For each callee, the calls that each caller has open, the newest last. */
  readonly #byCallee = new Map<Peer, Map<Peer, Set<OpenCall<Peer>>>>();

  constructor({ maxPerCaller, timeout = Infinity, answer }: PendingRepliesOptions<Peer>) {
    this.#maxPerCaller = maxPerCaller;
    this.#answer = answer;
    this.#timeouts = new ReplyTimeouts(timeout, (expired) => this.#expire(expired));
  }

  /** How many callers have, or had, open calls and have not left. */
  get callerCount(): number {
    return this.#byCaller.size;
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
    let calls = this.#byCaller.get(caller);
    if ((calls?.count ?? 0) >= this.#maxPerCaller) return TOO_MANY;
    if (calls === undefined) {
      calls = { bySerial: new Map(), count: 0 };
      this.#byCaller.set(caller, calls);
    }
    const open = calls.bySerial.get(serial);
    if (callTo(callee, open) !== undefined) return SERIAL_IN_USE;
    const call = { caller, callee, serial };
    if (open === undefined) calls.bySerial.set(serial, call);
    else if (open instanceof Map) open.set(callee, call);
    else calls.bySerial.set(serial, new Map([[open.callee, open], [callee, call]]));
    calls.count++;
    let callers = this.#byCallee.get(callee);
    if (callers === undefined) {
      callers = new Map();
      this.#byCallee.set(callee, callers);
    }
    const received = callers.get(caller);
    if (received === undefined) callers.set(caller, new Set([call]));
    else received.add(call);
    this.#timeouts.add(call);
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

  /** Closes the call that a reply answers; returns false if the reply was not expected. */
  take(caller: Peer, callee: Peer, serial: number): boolean {
    const call = callTo(callee, this.#byCaller.get(caller)?.bySerial.get(serial));
    if (call !== undefined) this.#close(call);
    return call !== undefined;
  }

  /** Forgets the calls of a peer that leaves, and answers the open calls to it. */
  leave(peer: Peer): void {
    const calls = this.#byCaller.get(peer);
    if (calls !== undefined) {
      for (const open of calls.bySerial.values()) for (const call of callsOf(open)) this.#close(call);
      this.#byCaller.delete(peer);
    }
    const callers = this.#byCallee.get(peer);
    this.#byCallee.delete(peer);
    if (callers === undefined) return;
    const orphans: OpenCall<Peer>[] = []; // of each caller the newest first, as in the reference implementation
    for (const received of callers.values()) for (const call of [...received].reverse()) orphans.push(call);
    for (const call of orphans) this.#close(call);
    this.#answerWith(CALLEE_LEFT, orphans);
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
    const callers = this.#byCallee.get(callee);
    const received = callers?.get(caller);
    received?.delete(call);
    if (received?.size === 0) callers?.delete(caller);
    const calls = this.#byCaller.get(caller);
    if (calls === undefined) return;
    calls.count--;
    const open = calls.bySerial.get(serial);
    if (open instanceof Map && open.delete(callee) && open.size > 0) return;
    calls.bySerial.delete(serial);
  }
}

/** The call to one callee, of those that have one serial. */
function callTo<Peer>(callee: Peer, open: SameSerial<Peer> | undefined): OpenCall<Peer> | undefined {
  if (open instanceof Map) return open.get(callee);
  return open?.callee === callee ? open : undefined;
}

function callsOf<Peer>(open: SameSerial<Peer>): Iterable<OpenCall<Peer>> {
  return open instanceof Map ? open.values() : [open];
}
