// The interface of the stream under a connection. How the stream was opened and authenticated is not its concern
// (open.ts, client-handshake.ts); stream-transport.ts is the implementation for Node's streams.
// Specification: Authentication Protocol (the stream of messages after BEGIN). Tests: stream-transport.test.ts.
import type { EncodeOptions } from '../wire/messages/encode.js';
import type { Message } from '../wire/messages/message.js';

/** Callbacks for what happens on a transport. */
export interface TransportEvents {
  /**
   * Bytes have arrived. The memory of the chunk is used again: it is valid until the callback returns. If the transport
   * is congested then, no chunk follows until it is relieved. `descriptors` are the file descriptors that have arrived
   * with the chunk, if the transport carries them; they belong to the receiver.
   */
  readonly receive: (chunk: Uint8Array, descriptors?: readonly number[]) => void;
  /** The transport is no longer congested: messages that were held back may be passed on. */
  readonly relieved?: (() => void) | undefined;
  /** The stream has ended; no callback follows. `cause` is undefined if this side ended it. */
  readonly end: (cause: Error | undefined) => void;
}

/** How a transport carries file descriptors. */
export interface DescriptorCarrier {
  /** The most descriptors that one message may have; Linux carries up to 253 at once. */
  readonly maxPerMessage: number;
  /** Closes a descriptor that has arrived and that the program does not take. */
  close(descriptor: number): void;
}

/** An authenticated stream: chunks of bytes come in, messages go out. */
export interface Transport {
  /** The GUID that the server gave in the handshake. */
  readonly guid: string;
  /**
   * Set if the stream carries file descriptors and both sides have agreed to them. The sockets of Node carry none.
   * ‹NEGOTIATE_UNIX_FD Command›
   */
  readonly descriptors?: DescriptorCarrier | undefined;
  /** Length of the longest message that {@link Transport.write} accepts, in bytes. A transport need not say it. */
  readonly maxSendLength?: number | undefined;
  /** How many bytes wait in this process to be sent. */
  readonly queuedBytes: number;
  /**
   * The length of all messages written so far, in bytes: after {@link Transport.write}, the offset of the end of its
   * message. If a transport does not count, each message counts as sent when it is written.
   */
  readonly writtenBytes?: number | undefined;
  /** How many of these bytes may have left this process. The others never leave it if the stream ends now. */
  readonly sentBytes?: number | undefined;
  /**
   * Whether more than 8 MiB wait to be sent. No further received messages should then be passed on, since each can
   * cause more output: the peer must take some first. It becomes true only in {@link Transport.write}, and false just
   * before {@link TransportEvents} reports the relief: when at most 1 MiB waits, or if the peer reads nothing for a
   * second, so that two peers that wait for each other can continue. In the second case the next congestion begins
   * after 1 MiB more.
   */
  readonly isCongested: boolean;
  /** Begins to deliver events. It must be called once; no callback runs before it has returned. */
  start(events: TransportEvents): void;
  /**
   * Queues a message. It leaves together with all others of this turn of the event loop. The stream is closed if more
   * than 512 MiB are queued, or if the peer reads nothing for 10 seconds while the transport is congested.
   * A transport that carries descriptors sends `descriptors` with the first byte of the message. It does not close
   * them; if it sends them later, it must have duplicated them. UNIX_FDS of the message is their number.
   * @throws {InvalidNameError | MarshalError} if the message is not valid, refers to file descriptors that the stream
   *   does not carry, has more than 63 containers inside one another, or is longer than `maxSendLength`
   */
  write(message: Message, options: EncodeOptions, descriptors?: readonly number[]): void;
  /**
   * Queues one whole message that is already encoded. The bytes are copied and not checked. Only a message bus calls
   * it; if it is absent, the bus decodes the message and writes it.
   */
  writeBytes?(message: Uint8Array): void;
  /** Sends the queued messages now, or after earlier messages that are still being sent. */
  flush(): void;
  /** Resolves when at most 1 MiB waits to be sent, or when the stream has ended; never rejects. */
  drained(): Promise<void>;
  /** Sends the queued messages, then ends the stream. */
  end(): void;
  /** Cuts the stream; queued messages are lost. `cause` is given to the `end` callback. */
  destroy(cause?: Error): void;
  /** Lets the stream keep the process alive, as it does by default. A transport need not have this method. */
  ref?(): void;
  /** The stream no longer keeps the process alive. */
  unref?(): void;
}
