// The interface through which services, proxies and subscriptions exchange messages with another program.
// A connection to a bus (bus.ts) and a connection between two programs (connection.ts) both offer it.
// It has types only. Specification: Message Types.
import type { MatchRule } from '../protocol/match-rule.js';
import type { ReadBodyOf } from '../wire/infer.js';
import type { Message, MethodCall } from '../wire/messages/message.js';
import type { CallOptions, NoReply, ReplyOf } from './call-options.js';
import type { ConnectionClosedError } from './errors.js';
import type { SubscribeOptions, Subscription } from './subscription.js';

/** Handles one METHOD_CALL and sends its reply by {@link MessageLink.send}. `close()` waits for the promise. */
export type MethodCallHandler = (call: MethodCall) => void | Promise<void>;

/**
 * A way to exchange messages: a connection to a bus, or to one other program. `Typed` says whether arrays of numbers
 * arrive as typed arrays.
 */
export interface MessageLink<Typed extends boolean = false> {
  /** Whether arrays of numbers arrive as typed arrays; undefined means false. */
  readonly typedArrays?: Typed | undefined;

  /**
   * Calls a method. Resolves with the body of the reply: an array with one value for each type. The call always
   * settles: with the reply, an error, a timeout, an abort, or the end of the connection. With `noReply` the body is
   * empty.
   * @throws {DBusError} if the other program answers with an error
   * @throws {CallTimeoutError} if no reply arrives in time
   * @throws {ConnectionClosedError} if the connection has ended, or ends before the reply
   * @throws {UnexpectedSignatureError} if the reply has another signature than `replySignature`
   * @throws {UnmarshalError} if the reply is not valid, or exceeds a limit of the receiver such as `maxValues`
   * @throws {MarshalError | InvalidNameError} if the call is not valid; nothing was sent
   * @throws {ArgumentError} if an option is unknown or its value is not valid; nothing was sent
   */
  call<const In extends string = '', const Out extends string = string, Silent extends NoReply = false>(
    options: CallOptions<In, Out, Silent>,
  ): Promise<ReplyOf<ReadBodyOf<Out, Typed>, [], Silent>>;

  /**
   * Queues a message and returns its serial. Messages that are queued in one turn of the event loop leave together at
   * its end. If more than 512 MiB wait to be sent, the connection ends: a program that sends much must wait
   * for `drained()` from time to time.
   * @throws {MarshalError | InvalidNameError} if the message is not valid, or refers to file descriptors that the
   *   transport does not carry
   * @throws {ConnectionClosedError} if the connection has ended
   */
  send(message: Message): number;

  /**
   * Resolves when nearly everything has left this process (at most 1 MiB waits), or when the connection has ended;
   * never rejects. A program that sends much should wait for it from time to time, so that few bytes wait in memory.
   */
  drained(): Promise<void>;

  /**
   * Subscribes to the signals that match a rule. On a bus, if `sender` is a well-known name, only signals of its owner
   * at the time are delivered, and the subscription survives a restart of the service. Without a bus, `sender` is
   * compared with the SENDER field of the signal.
   * @throws {InvalidNameError | MatchRuleError} if a bus would refuse the rule
   * @throws {SignatureError} if `signature` is not valid
   * @throws {ArgumentError} if an option is unknown or its value is not valid
   */
  subscribe(rule: MatchRule, options?: SubscribeOptions): Subscription;

  /**
   * Registers the handler of all method calls that arrive, in order of arrival, and returns the function that removes
   * it. Without a handler, calls are answered with an error. If the handler throws or rejects, its error becomes an
   * uncaught exception of the process, and the caller gets no reply. A call counts for the {@link CallLimits} of the
   * link until the promise of its handler settles; a call above them is answered with LimitsExceeded.
   * @throws {HandlerInUseError} if the link has a handler already; exported objects register one
   * @throws {ArgumentError} if `handler` is not a function
   */
  handleMethodCalls(handler: MethodCallHandler): () => void;

  /** Resolves when the connection has ended, and never rejects; the error's `cause` says why. */
  readonly closed: Promise<ConnectionClosedError>;

  /** Aborts when the connection ends; the reason is a {@link ConnectionClosedError}. */
  readonly closedSignal: AbortSignal;
}
