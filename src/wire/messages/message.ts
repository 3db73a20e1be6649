// Messages as plain data: their five shapes, and the functions that make messages to be sent.
// It knows no bytes: encode.ts writes messages, decode.ts reads them. Specification: Message Format.
import { checkObject } from '../arguments.js';
import { type ByteOrder, MessageFlag } from '../constants.js';
import type { BodyInputOf, CheckedSignature } from '../infer.js';
import { isBusName, isReceivableBusName } from '../names.js';
import { ANY, checkRequiredOptions, type OptionRule } from '../options.js';
import type { Variant } from '../variant.js';

/** A header field whose code the specification does not define. ‹Header Fields› */
export interface UnknownField {
  readonly code: number;
  readonly value: Variant;
}

/** The keys of every message. A key without a value exists and is undefined. */
export interface MessageBase {
  /** The flags byte, an OR of {@link MessageFlag}. Unknown bits are kept. */
  readonly flags: number;
  /** The number that the sender gives this message, 1 to 2^32−1; 0 in a message that is not sent yet. */
  readonly serial: number;
  /** The byte order of header and body. */
  readonly byteOrder: ByteOrder;
  /** The object path: of the object that is called, or that emits the signal. */
  readonly path: string | undefined;
  /** The interface of the method or the signal. */
  readonly interface: string | undefined;
  /** The name of the method or the signal. */
  readonly member: string | undefined;
  /** The name of the error, in an ERROR. */
  readonly errorName: string | undefined;
  /** The serial of the message that this one answers. */
  readonly replySerial: number | undefined;
  /** The bus name of the receiver; undefined in a signal for every connection with a matching rule. */
  readonly destination: string | undefined;
  /** The unique name of the connection that sent the message. A message bus writes it. */
  readonly sender: string | undefined;
  /** The types of the body; `''` if it is empty. */
  readonly signature: string;
  /** The number of file descriptors that accompany the message. The sockets of Node carry none. */
  readonly unixFds: number;
  /** Header fields that the specification does not define, in the order of the message. */
  readonly unknownFields: readonly UnknownField[];
  /** One value for each single complete type of the signature. */
  readonly body: readonly unknown[];
}

/** METHOD_CALL: asks an object to run a method. */
export interface MethodCall extends MessageBase {
  readonly type: 'method_call';
  readonly path: string;
  readonly member: string;
}

/** METHOD_RETURN: the result of a call. */
export interface MethodReturn extends MessageBase {
  readonly type: 'method_return';
  readonly replySerial: number;
}

/** ERROR: the reply to a call that failed. If the first argument is a STRING, it is a text for people. */
export interface ErrorMessage extends MessageBase {
  readonly type: 'error';
  readonly errorName: string;
  readonly replySerial: number;
}

/** SIGNAL: an object announces an event. */
export interface Signal extends MessageBase {
  readonly type: 'signal';
  readonly path: string;
  readonly interface: string;
  readonly member: string;
}

/** A message of a type that the specification does not define; it must be ignored. `type` is its code, 5 to 255. */
export interface UnknownMessage extends MessageBase {
  readonly type: number;
}

/** Any message; `type` discriminates the shapes. ‹Message Types› */
export type Message = MethodCall | MethodReturn | ErrorMessage | Signal | UnknownMessage;

const NO_UNKNOWN_FIELDS: readonly UnknownField[] = Object.freeze([]);
const NO_BODY: readonly unknown[] = Object.freeze([]);

/** Makes a message to be sent. All messages have the same keys in the same order, and so the same hidden class. */
function createMessage<Type extends Message['type']>(type: Type, parts: Partial<MessageBase>) {
  return {
    type,
    flags: parts.flags ?? 0,
    serial: 0,
    byteOrder: 'little' as const,
    path: parts.path,
    interface: parts.interface,
    member: parts.member,
    errorName: parts.errorName,
    replySerial: parts.replySerial,
    destination: parts.destination,
    sender: undefined,
    signature: parts.signature ?? '',
    unixFds: 0,
    unknownFields: NO_UNKNOWN_FIELDS,
    body: parts.body ?? NO_BODY,
  };
}

/**
 * The parts of every message with a body. The compiler checks a signature literal against the grammar, and the body
 * against the signature.
 */
export interface BodyOptions<S extends string> {
  /** The types of `body`. Default: no arguments. */
  readonly signature?: CheckedSignature<S> | undefined;
  readonly body?: BodyInputOf<S> | undefined;
}

// Only the keys of parts are checked here, since encodeMessage() checks the values. Each function compares the keys
// with constants, which takes half the time of a look-up in a table; checkRequiredOptions() makes the error.

type Rules = Readonly<Record<string, OptionRule>>;
const BODY_RULES: Rules = { signature: ANY, body: ANY };
const ERROR_RULES: Rules = { errorName: ANY, message: ANY, signature: ANY, body: ANY };
const SIGNAL_RULES: Rules = { path: ANY, interface: ANY, member: ANY, destination: ANY, signature: ANY, body: ANY };
const CALL_RULES: Rules = {
  path: ANY, interface: ANY, member: ANY, destination: ANY, flags: ANY, signature: ANY, body: ANY,
};

function isBodyKey(key: string): boolean {
  return key === 'signature' || key === 'body';
}

function isSignalKey(key: string): boolean {
  return key === 'path' || key === 'interface' || key === 'member' || key === 'destination' || isBodyKey(key);
}

function isCallKey(key: string): boolean {
  return isSignalKey(key) || key === 'flags';
}

function isErrorKey(key: string): boolean {
  return key === 'errorName' || key === 'message' || isBodyKey(key);
}

/** Throws if there are no parts, or if the caller has found that a key is unknown. */
function checkParts(owner: string, parts: object, isKnown: boolean, rules: Rules): void {
  if (!isKnown || typeof parts !== 'object' || parts === null) checkRequiredOptions(owner, parts, rules);
}

/** The last sender that was found valid: a service often answers the same clients repeatedly. */
let lastSender: string | undefined;

/**
 * The destination of a reply. A received sender that must not be written, such as `:1`, is left out: a bus gives no
 * such name to a connection, and without a bus a reply needs no destination.
 */
function destinationOf({ sender }: Answerable): string | undefined {
  if (sender === undefined || sender === lastSender) return sender;
  if (isBusName(sender)) return (lastSender = sender);
  return typeof sender === 'string' && isReceivableBusName(sender) ? undefined : sender; // others are refused later
}

// The casts in these functions are sound because the types of the parameters have the fields that the type requires.

/**
 * Makes a METHOD_CALL. Without an interface, the callee may choose any interface that has the member.
 * Values are not checked here: {@link encodeMessage} checks them.
 * @throws {ArgumentError} if a key of the parts is unknown
 */
export function methodCall<const S extends string = ''>(
  parts: BodyOptions<S> & {
    readonly path: string;
    readonly member: string;
    readonly interface?: string | undefined;
    readonly destination?: string | undefined;
    readonly flags?: number | undefined;
  },
): MethodCall {
  let isKnown = true;
  try {
    for (const key in parts) isKnown &&= isCallKey(key);
  } catch {
    isKnown = false; // a revoked proxy, or an object that inherits from one
  }
  checkParts('methodCall', parts, isKnown, CALL_RULES);
  return createMessage('method_call', parts as Partial<MessageBase>) as MethodCall;
}

/** Whether the caller wants a reply. If not, neither a METHOD_RETURN nor an ERROR may be sent. ‹Message Format› */
export function wantsReply({ flags }: Pick<MethodCall, 'flags'>): boolean {
  return (flags & MessageFlag.NO_REPLY_EXPECTED) === 0;
}

/** The parts of a call that address its reply. */
export type Answerable = Pick<MethodCall, 'serial' | 'sender'>;

/** The serial and sender of a call. @throws {ArgumentError} if it is not an object */
function addressOf(owner: string, call: Answerable): Answerable {
  try {
    if (typeof call === 'object') return { serial: call.serial, sender: call.sender }; // null throws
  } catch (error) {
    checkObject(owner, 'call', call);
    throw error; // thrown by a getter
  }
  checkObject(owner, 'call', call);
  return call;
}

/**
 * Makes the METHOD_RETURN that answers `call`, addressed to its sender.
 * @throws {ArgumentError} if `call` is not an object, or if a key of the parts is unknown
 */
export function methodReturn<const S extends string = ''>(
  call: Answerable,
  parts: BodyOptions<S> = {},
): MethodReturn {
  let isKnown = true;
  try {
    for (const key in parts) isKnown &&= isBodyKey(key);
  } catch {
    isKnown = false; // a revoked proxy, or an object that inherits from one
  }
  checkParts('methodReturn', parts, isKnown, BODY_RULES);
  const address = addressOf('methodReturn', call);
  const { signature, body } = parts;
  const reply = { replySerial: address.serial, destination: destinationOf(address), signature, body };
  return createMessage('method_return', reply as Partial<MessageBase>) as MethodReturn;
}

/**
 * Makes the ERROR that answers `call`, addressed to its sender. `message` is short for a body of one STRING; it is used
 * only if neither `signature` nor `body` is given.
 * @throws {ArgumentError} if `call` is not an object, or if a key of the parts is unknown
 */
export function errorReply<const S extends string = ''>(
  call: Answerable,
  parts: BodyOptions<S> & { readonly errorName: string; readonly message?: string | undefined },
): ErrorMessage {
  let isKnown = true;
  try {
    for (const key in parts) isKnown &&= isErrorKey(key);
  } catch {
    isKnown = false; // a revoked proxy, or an object that inherits from one
  }
  checkParts('errorReply', parts, isKnown, ERROR_RULES);
  const address = addressOf('errorReply', call);
  const { errorName, message } = parts;
  const isTextOnly = parts.signature === undefined && parts.body === undefined && message !== undefined;
  const { signature, body }: { signature?: unknown; body?: unknown } = isTextOnly
    ? { signature: 's', body: [message] }
    : parts;
  const reply = { errorName, replySerial: address.serial, destination: destinationOf(address), signature, body };
  return createMessage('error', reply as Partial<MessageBase>) as ErrorMessage;
}

/**
 * Makes a SIGNAL: for every connection that has a matching rule or, with `destination`, for that connection alone.
 * Values are not checked here: {@link encodeMessage} checks them.
 * @throws {ArgumentError} if a key of the parts is unknown
 */
export function signal<const S extends string = ''>(
  parts: BodyOptions<S> & {
    readonly path: string;
    readonly interface: string;
    readonly member: string;
    readonly destination?: string | undefined;
  },
): Signal {
  let isKnown = true;
  try {
    for (const key in parts) isKnown &&= isSignalKey(key);
  } catch {
    isKnown = false; // a revoked proxy, or an object that inherits from one
  }
  checkParts('signal', parts, isKnown, SIGNAL_RULES);
  return createMessage('signal', parts as Partial<MessageBase>) as Signal;
}
