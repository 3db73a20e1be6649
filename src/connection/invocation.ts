// Turns the options of call() into an invocation, which has all keys; and makes the errors of messages that are not
// sent. It does not know engines. Tests: connection.test.ts, options.test.ts. Specification: Message Types
// (METHOD_CALL).
import { argumentError, isRecord } from '../wire/arguments.js';
import { type Caller, errorAt } from '../wire/error-place.js';
import type { ErrorPlace } from '../wire/errors.js';
import { type Message, methodCall, type MethodCall } from '../wire/messages/message.js';
import { checkSignature } from '../wire/values/codec.js';
import { type CallDefaults, type CallOptions, checkCallOptions, flagsOf, type NoReply } from './call-options.js';
import { attachDescriptors } from './descriptors.js';
import { ConnectionClosedError } from './errors.js';
import { describeCall, type ResultOf } from './pending-call.js';

/** A call as an engine makes it, with all its keys. */
export interface Invocation {
  readonly message: MethodCall;
  /** Milliseconds; default: 25,000. */
  readonly timeout: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** The signature that the reply must have; undefined for any. */
  readonly replySignature: string | undefined;
  /** Replaces interface and member in errors about the body. */
  readonly place: ErrorPlace | undefined;
  /** Makes the value of the promise from the body of the reply; undefined for the body itself. */
  readonly resultOf: ResultOf | undefined;
}

/**
 * Makes an invocation of the options of a call, and of the defaults for those that are not given.
 * @throws {ArgumentError} if a key is unknown or a value is not valid; and the error of a getter in the options
 */
export function toInvocation<In extends string, Out extends string>(
  options: CallOptions<In, Out, NoReply>, defaults: CallDefaults,
): Invocation {
  checkCallOptions(options);
  const { path, interface: interfaceName, member, destination, signal, replySignature, descriptors } = options;
  const { timeout = defaults.timeout } = options;
  // The compiler has compared the body with the signature; their types are not needed from here on.
  const { signature, body } = options as { signature?: string; body?: readonly unknown[] };
  const flags = flagsOf(options, false, defaults);
  const parts = { path, interface: interfaceName, member, destination, signature, body, flags };
  const call = methodCall<string>(parts);
  const message = descriptors === undefined ? call : attachDescriptors(call, descriptors);
  return { message, timeout, signal, replySignature, place: undefined, resultOf: undefined };
}

/**
 * Checks the signature that a reply must have. Nothing is sent if it is not valid: no reply could have it.
 * @throws {SignatureError} at the caller of the function `above`
 */
export function checkReplySignature(signature: string, { message, place }: Invocation, above: Caller): void {
  try {
    checkSignature(signature);
  } catch (error) {
    throw errorAt(error, place ?? message, above);
  }
}

/** A call or a signal by its name, a reply by the serial that it answers. */
function describeMessage(message: Message): string {
  if (message.type === 'method_call' || message.type === 'signal') return describeCall(message);
  return `a message of type ${message.type}, reply to serial ${message.replySerial},`;
}

/** The error of a value that is not a message. */
export function messageError(message: unknown): Error {
  return argumentError('send', 'the message must be an object', message);
}

/** The error of a message that is not sent. Its stack begins at the caller of the function `above`. */
export function notSent(
  message: Message, { message: reason, cause, code }: ConnectionClosedError, above: Caller,
): Error {
  if (!isRecord(message)) return messageError(message);
  const error = new ConnectionClosedError(`${describeMessage(message)} was not sent: ${reason}`, {
    cause, code, wasSent: false,
  });
  Error.captureStackTrace(error, above);
  return error;
}
