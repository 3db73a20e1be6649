// What a message is: its five shapes as plain data, and the functions that make one to be sent.
// It knows no bytes: encode-message.ts writes messages, decode-message.ts reads them. Specification: Message Format.
import type { ByteOrder } from '../constants.js';
import type { BodyInputOf, CheckedSignature } from '../infer.js';
import type { Variant } from '../variant.js';

/** A header field that this library has no name for. ‹Header Fields› */
export interface UnknownField {
  readonly code: number;
  readonly value: Variant;
}

/** What all messages have. Keys that a message has no value for are there and undefined. */
interface MessageParts {
  /** The flags byte, an OR of {@link MessageFlag}; unknown bits are kept. */
  readonly flags: number;
  /** The sender's number for this message, 1 to 2^32−1; 0 in a message that was not sent yet. */
  readonly serial: number;
  /** How header and body are, or will be, written. */
  readonly byteOrder: ByteOrder;
  readonly path: string | undefined;
  readonly interface: string | undefined;
  readonly member: string | undefined;
  readonly errorName: string | undefined;
  /** The serial of the message that this one answers. */
  readonly replySerial: number | undefined;
  readonly destination: string | undefined;
  /** On a bus: the unique name of the connection that sent it, written by the bus. */
  readonly sender: string | undefined;
  /** The types of the body, `''` for an empty one. */
  readonly signature: string;
  /** How many file descriptors travel with the message; this library carries none, see the README. */
  readonly unixFds: number;
  readonly unknownFields: readonly UnknownField[];
  /** One value for each single complete type of the signature. */
  readonly body: readonly unknown[];
}

/** METHOD_CALL: asks an object to run a method. */
export interface MethodCall extends MessageParts {
  readonly type: 'method_call';
  readonly path: string;
  readonly member: string;
}

/** METHOD_RETURN: the result of a call. */
export interface MethodReturn extends MessageParts {
  readonly type: 'method_return';
  readonly replySerial: number;
}

/** ERROR: what a call got instead of a result. If the first argument is a STRING, it is a text for people. */
export interface ErrorMessage extends MessageParts {
  readonly type: 'error';
  readonly errorName: string;
  readonly replySerial: number;
}

/** SIGNAL: something happened at an object. */
export interface Signal extends MessageParts {
  readonly type: 'signal';
  readonly path: string;
  readonly interface: string;
  readonly member: string;
}

/** A message of a type that the specification does not have yet, to be ignored: `type` is its number, 5 to 255. */
export interface UnknownMessage extends MessageParts {
  readonly type: number;
}

/** Any message; `type` tells the shapes apart. ‹Message Types› */
export type Message = MethodCall | MethodReturn | ErrorMessage | Signal | UnknownMessage;

const NO_UNKNOWN_FIELDS: readonly UnknownField[] = Object.freeze([]);
const NO_BODY: readonly unknown[] = Object.freeze([]);

/** A message that was not sent yet: every key is there, in one order, so that all messages have one hidden class. */
function createMessage<Type extends Message['type']>(type: Type, parts: Partial<MessageParts>) {
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
 * What every constructor of a message takes; the compiler holds a signature literal to the grammar, and the body to it.
 */
interface BodyParts<S extends string> {
  /** The types of `body`; no arguments where it is left out. */
  readonly signature?: CheckedSignature<S> | undefined;
  readonly body?: BodyInputOf<S> | undefined;
}

// In the constructors a cast says no more than this: what the message type requires is in the parts that were given.

/**
 * A METHOD_CALL to be sent. The interface may be left out, though a callee may then have to guess.
 * Nothing is checked here: {@link encodeMessage} checks it all.
 */
export function methodCall<const S extends string = ''>(
  parts: BodyParts<S> & {
    readonly path: string;
    readonly member: string;
    readonly interface?: string | undefined;
    readonly destination?: string | undefined;
    readonly flags?: number | undefined;
  },
): MethodCall {
  return createMessage('method_call', parts as Partial<MessageParts>) as MethodCall;
}

/** What of a call decides where its answer goes. */
type Answerable = Pick<MethodCall, 'serial' | 'sender'>;

/** The METHOD_RETURN that answers `call`, addressed to its sender. */
export function methodReturn<const S extends string = ''>(
  call: Answerable,
  { signature, body }: BodyParts<S> = {},
): MethodReturn {
  const parts = { replySerial: call.serial, destination: call.sender, signature, body };
  return createMessage('method_return', parts as Partial<MessageParts>) as MethodReturn;
}

/** The ERROR that answers `call`, addressed to its sender; `message` is short for a body of one STRING. */
export function errorReply<const S extends string = ''>(
  call: Answerable,
  parts: BodyParts<S> & { readonly errorName: string; readonly message?: string | undefined },
): ErrorMessage {
  const { errorName, message } = parts;
  const isTextOnly = parts.signature === undefined && parts.body === undefined && message !== undefined;
  const { signature, body }: { signature?: unknown; body?: unknown } = isTextOnly
    ? { signature: 's', body: [message] }
    : parts;
  const reply = { errorName, replySerial: call.serial, destination: call.sender, signature, body };
  return createMessage('error', reply as Partial<MessageParts>) as ErrorMessage;
}

/** A SIGNAL to be sent: to all who asked for it, or to `destination` alone. */
export function signal<const S extends string = ''>(
  parts: BodyParts<S> & {
    readonly path: string;
    readonly interface: string;
    readonly member: string;
    readonly destination?: string | undefined;
  },
): Signal {
  return createMessage('signal', parts as Partial<MessageParts>) as Signal;
}
