// The file descriptors of messages, on transports that carry them. It assigns each descriptor to its message, checks
// UNIX_FDS and the indices in the body, and closes a descriptor that the program does not take. On other transports
// nothing here runs, and messages with descriptors are refused when they are written. It does not know sockets. Tests:
// descriptors.test.ts. Specification: Header Fields (UNIX_FDS), Basic types (UNIX_FD).
import { DescriptorError } from '../transport/errors.js';
import type { DescriptorCarrier, Transport } from '../transport/transport.js';
import { runListener } from '../transport/waiting.js';
import { argumentError, isArray, isRecord } from '../wire/arguments.js';
import { decodeHeader, decodeMessage, type MessageHeader } from '../wire/messages/decode.js';
import { encodeMessage } from '../wire/messages/encode.js';
import type { Message } from '../wire/messages/message.js';
import { largestUnixFd } from '../wire/values/largest-unix-fd.js';

/** The most descriptors that may wait for their messages; if there are more, the connection ends. */
const MAX_WAITING = 1_024;

const attached = new WeakMap<Message, readonly number[]>();

/**
 * A message that carries file descriptors: a UNIX_FD in its body is an index of `descriptors`. It can be sent on a
 * connection whose transport carries descriptors. The sender keeps them: it must close them after the message has been
 * sent.
 * ‹UNIX_FD›
 * @throws {ArgumentError} if `descriptors` is not an array of descriptors, which are integers of 0 or more
 */
export function attachDescriptors<M extends Message>(message: M, descriptors: readonly number[]): M {
  if (!isRecord(message)) throw argumentError('attachDescriptors', 'the message must be an object', message);
  if (!isArray(descriptors) || !descriptors.every((each) => Number.isInteger(each) && Number(each) >= 0)) {
    throw argumentError('attachDescriptors', 'the descriptors must be an array of integers, 0 or more', descriptors);
  }
  const carrying: M = Object.assign({}, message, { unixFds: descriptors.length });
  attached.set(carrying, [...descriptors]);
  return carrying;
}

/** The descriptors that were attached to a message; undefined if there are none. */
export function attachedDescriptors(message: Message): readonly number[] | undefined {
  return attached.get(message);
}

/** The descriptors of messages that were delivered, until the program takes them. */
interface Delivered {
  readonly descriptors: readonly number[];
  readonly carrier: DescriptorCarrier;
}

const delivered = new WeakMap<object, Delivered>();

/** The messages with descriptors of bodies that were passed on alone: each lives as long as its body. */
const messageOf = new WeakMap<object, object>();

function closeAll(descriptors: readonly number[], carrier: DescriptorCarrier): void {
  for (const descriptor of descriptors) runListener(() => carrier.close(descriptor));
}

/** Closes the descriptors of messages that were garbage-collected: the program can no longer take them. */
const forgotten = new FinalizationRegistry<Delivered>(({ descriptors, carrier }) => closeAll(descriptors, carrier));

/**
 * The file descriptors of a message that has arrived, of the body with which a call resolves, or of the arguments that
 * a stream of `$signal` yields: a UNIX_FD in the body is an index of the result. They then belong to the caller, which
 * must close them; a second call returns an empty array. Descriptors that are not taken are closed when the message, or
 * the body, is garbage-collected. ‹UNIX_FD›
 * @throws {ArgumentError} if `message` is not an object
 */
export function takeDescriptors(message: object): readonly number[] {
  if (typeof message !== 'object' || message === null) {
    throw argumentError('takeDescriptors', 'the message must be a message, or the body of a reply', message);
  }
  const key = messageOf.get(message) ?? message;
  const found = delivered.get(key);
  if (found === undefined) return [];
  delivered.delete(key);
  forgotten.unregister(key);
  return found.descriptors;
}

/** The body of a message, for a program that does not get the message: the descriptors can be taken from the body. */
export function bodyAlone(message: Message): readonly unknown[] {
  const { body, unixFds } = message;
  if (unixFds > 0) messageOf.set(body, message);
  return body;
}

/** Gets the descriptors of a reply. */
export type DescriptorListener = (descriptors: readonly number[]) => void;

/**
 * A function that makes a result from the body of a reply, and then passes its descriptors to a listener. If
 * `resultOf` throws, they are not taken.
 */
export function handingDescriptors<Result>(
  resultOf: (body: readonly unknown[]) => Result, listener: DescriptorListener,
): (body: readonly unknown[]) => Result {
  return (body) => {
    const result = resultOf(body);
    const descriptors = takeDescriptors(body);
    runListener(() => listener(descriptors));
    return result;
  };
}

/** The descriptors on one transport. */
export class DescriptorDesk {
  readonly #transport: Transport;
  readonly #carrier: DescriptorCarrier;
  /** Those that have arrived for messages that have not been read yet. */
  #waiting: number[] = [];
  /** Those of the message that is being read; undefined if it has none, or if they were delivered. */
  #current: number[] | undefined;

  constructor(transport: Transport, carrier: DescriptorCarrier) {
    this.#transport = transport;
    this.#carrier = carrier;
  }

  /**
   * Sends a message with the descriptors that are attached to it.
   * @throws {DescriptorError} if there are too many, if UNIX_FDS is not their number, or if an index is too large
   */
  write(message: Message, serial: number): void {
    if (message.unixFds === 0 && !/[hv]/.test(message.signature)) return this.#transport.write(message, { serial });
    const descriptors = attached.get(message) ?? [];
    const { unixFds } = message;
    if (unixFds !== descriptors.length) throw DescriptorError.notAttached(unixFds, descriptors.length);
    const { maxPerMessage } = this.#carrier;
    if (unixFds > maxPerMessage) throw DescriptorError.tooMany(unixFds, maxPerMessage, 'caller');
    // The values are read once, so that a getter cannot return another value after the check.
    const plain = decodeMessage(encodeMessage(message, { serial }));
    const largest = largestUnixFd(plain.signature, plain.body);
    if (largest >= unixFds) throw DescriptorError.index(largest, unixFds, 'caller');
    this.#transport.write(plain, { serial }, descriptors);
  }

  /** Takes descriptors that have arrived with a chunk. */
  add(descriptors: readonly number[]): void {
    this.#waiting.push(...descriptors);
    const count = this.#waiting.length;
    if (count > MAX_WAITING) this.#end(DescriptorError.tooMany(count, MAX_WAITING, 'peer'));
  }

  /** Runs `route` with a message, and closes its descriptors afterwards unless they were delivered. */
  handle(frame: Uint8Array, route: (frame: Uint8Array) => void): void {
    const count = this.#countOf(frame);
    if (count === undefined || count > this.#waiting.length) {
      return this.#end(DescriptorError.missing(count, this.#waiting.length));
    }
    this.#current = count === 0 ? undefined : this.#waiting.splice(0, count);
    try {
      route(frame);
    } finally {
      if (this.#current !== undefined) closeAll(this.#current, this.#carrier);
      this.#current = undefined;
    }
  }

  /** The number of descriptors of a message; undefined if its header cannot be read although descriptors wait. */
  #countOf(frame: Uint8Array): number | undefined {
    let header: MessageHeader;
    try {
      header = decodeHeader(frame);
    } catch {
      return this.#waiting.length === 0 ? 0 : undefined; // the reader of the message reports the error
    }
    return header.unixFds;
  }

  /**
   * Delivers the descriptors of the present message: `key` is the object from which they can be taken.
   * @throws {DescriptorError} if an index in the body has no descriptor
   */
  deliver(key: object, { signature, body }: { readonly signature: string; readonly body: readonly unknown[] }): void {
    const descriptors = this.#current ?? [];
    const largest = largestUnixFd(signature, body);
    if (largest >= descriptors.length) throw DescriptorError.index(largest, descriptors.length, 'peer');
    if (largest < 0) return; // no UNIX_FD refers to them: handle() closes them
    const carrier = this.#carrier;
    closeAll(descriptors.splice(largest + 1), carrier); // no UNIX_FD refers to these
    const found = { descriptors, carrier };
    delivered.set(key, found);
    forgotten.register(key, found, key);
    this.#current = undefined;
  }

  #end(error: DescriptorError): void {
    this.close();
    this.#transport.destroy(error);
  }

  /** The transport has ended: descriptors without a message are closed. */
  close(): void {
    closeAll(this.#waiting.splice(0), this.#carrier);
  }
}
