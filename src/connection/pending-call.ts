// One call that waits for its reply, and how it settles. A call of a program settles one promise; a call of the library
// has a listener, which gets the reply as it arrives. It knows no sockets, no timers and no other calls.
// Tests: pending-calls.test.ts, connection.test.ts. Specification: Message Types (METHOD_RETURN, ERROR).
import { DBusError } from '../protocol/errors.js';
import { runListener } from '../transport/waiting.js';
import { withBody } from '../wire/messages/decode.js';
import type { ErrorMessage, MethodCall, MethodReturn } from '../wire/messages/message.js';
import type { Numbered } from './serial-table.js';
import { TimedCall } from './deadlines.js';
import { UnexpectedSignatureError } from './errors.js';

/** A METHOD_RETURN or an ERROR. */
export type Reply = MethodReturn | ErrorMessage;

/** A reply without its body. */
export type ReplyHeader = Omit<MethodReturn, 'body'> | Omit<ErrorMessage, 'body'>;

/** How a call has ended: with its reply, or with an error before a reply. */
export type CallOutcome = { readonly reply: Reply } | { readonly error: unknown };

/** The parts of a call that its errors name. */
type NamedCall = Pick<MethodCall, 'path' | 'interface' | 'member' | 'destination'>;

/** `com.example.Counter1.Add of /a at com.example.Counter` */
export function describeCall({ interface: interfaceName, member, destination, path }: NamedCall): string {
  const name = interfaceName === undefined ? member : `${interfaceName}.${member}`;
  return `${name} of ${path}${destination === undefined ? '' : ` at ${destination}`}`;
}

/** A call that waits. It does not keep the arguments of the call. */
export abstract class PendingCall extends TimedCall implements NamedCall, Numbered {
  serial = 0;
  order = 0;
  nextInChain: Numbered | undefined = undefined;
  /** The offset in the stream at which its message ends, in bytes. */
  end = 0;
  readonly path: string;
  readonly interface: string | undefined;
  readonly member: string;
  readonly destination: string | undefined;
  readonly timeout: number;
  /** The signature that a METHOD_RETURN must have; undefined for any. */
  readonly replySignature: string | undefined;
  /** Stops listening to the AbortSignal of the call; undefined if it has none. */
  stopListening: (() => void) | undefined = undefined;

  constructor(call: NamedCall, timeout: number, replySignature: string | undefined) {
    super();
    this.path = call.path;
    this.interface = call.interface;
    this.member = call.member;
    this.destination = call.destination;
    this.timeout = timeout;
    this.replySignature = replySignature;
  }

  override describe(): string {
    return describeCall(this);
  }

  /** Settles the call with its reply. The call must have been removed from those that wait. */
  abstract settle(header: ReplyHeader, body: readonly unknown[]): void;

  /** Settles the call with the error that its reply has another signature; its body need not be decoded for that. */
  refuse(actual: string): void {
    const expected = this.replySignature ?? '';
    this.fail(() => new UnexpectedSignatureError(describeCall(this), { expected, actual }));
  }
}

/** Makes the value of a promise from the body of a reply. If it throws, it is called again, for the stack. */
export type ResultOf = (body: readonly unknown[]) => unknown;

const nothing = (): void => {};

/** A call that settles a promise. */
export class PromisedCall extends PendingCall {
  /** Set by {@link promiseOf}. */
  resolve: (value: unknown) => void = nothing;
  readonly #resultOf: ResultOf | undefined;

  constructor(
    call: NamedCall, timeout: number, replySignature: string | undefined, resultOf: ResultOf | undefined,
  ) {
    super(call, timeout, replySignature);
    this.#resultOf = resultOf;
  }

  settle(header: ReplyHeader, body: readonly unknown[]): void {
    if (header.type === 'error') {
      const { errorName, signature } = header;
      return this.fail(() => toDBusError({ errorName, signature, body }, this));
    }
    const resultOf = this.#resultOf;
    if (resultOf === undefined) return this.resolve(body);
    let result: unknown;
    try {
      result = resultOf(body);
    } catch {
      return this.fail(() => resultOf(body));
    }
    this.resolve(result);
  }

  /**
   * The error is made in a reaction of a promise that the promise of the call follows: the engine then continues the
   * stack of the error with the async functions that wait for the call.
   */
  fail(makeError: () => unknown): void {
    this.resolve(Promise.resolve().then(nothing).then(() => {
      throw makeError();
    }));
  }
}

/** The call whose promise is being made; undefined afterwards, so that no call stays in memory. */
let current: PromisedCall | undefined;

/** One function for all promises. */
function takeResolve(resolve: (value: unknown) => void): void {
  current!.resolve = resolve; // set in the line before
}

/** Makes the promise of a call. */
export function promiseOf(call: PromisedCall): Promise<unknown> {
  current = call;
  const promise = new Promise(takeResolve); // which calls takeResolve at once
  current = undefined;
  return promise;
}

/** A call that has a listener. It gets the reply before any later message is read. */
export class ListenedCall extends PendingCall {
  readonly #listener: (outcome: CallOutcome) => void;

  constructor(call: NamedCall, timeout: number, listener: (outcome: CallOutcome) => void) {
    super(call, timeout, undefined);
    this.#listener = listener;
  }

  settle(header: ReplyHeader, body: readonly unknown[]): void {
    const reply = withBody(header, body) as Reply; // the type of its header
    runListener(() => this.#listener({ reply }));
  }

  fail(makeError: () => unknown): void {
    runListener(() => this.#listener({ error: makeError() }));
  }
}

/** The error for an ERROR that answers a call. */
export function toDBusError(
  { errorName, signature, body }: Pick<ErrorMessage, 'errorName' | 'signature' | 'body'>, call: NamedCall,
): DBusError {
  const [text] = body;
  return new DBusError(errorName, typeof text === 'string' ? text : '', { signature, body, call: describeCall(call) });
}
