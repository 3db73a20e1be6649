// The interface of the stream under a connection. How the stream was opened and authenticated is not its concern
// (open.ts, handshake.ts); stream-transport.ts is the implementation for Node's streams.
// Specification: Authentication Protocol (the stream of messages after BEGIN). Tests: stream-transport.test.ts.
import type { EncodeOptions } from '../wire/messages/encode.js';
import type { Message } from '../wire/messages/message.js';

/** Callbacks for what happens on a transport. */
export interface TransportEvents {
  /** Bytes have arrived. They must not be used after the callback has returned. */
  readonly receive: (chunk: Uint8Array) => void;
  /** The stream has ended; no callback follows. `cause` is undefined if this side ended it. */
  readonly end: (cause: Error | undefined) => void;
}

/** An authenticated stream: chunks of bytes come in, messages go out. */
export interface Transport {
  /** The GUID that the server gave in the handshake. */
  readonly guid: string;
  /** How many bytes the peer has not taken yet. */
  readonly queuedBytes: number;
  /** Begins to deliver events. It must be called once; no callback runs before it has returned. */
  start(events: TransportEvents): void;
  /**
   * Queues a message. It leaves together with all others of this turn of the event loop. If more than 256 MiB are
   * queued, the stream is cut.
   * @throws {InvalidNameError | MarshalError} if the message is not valid, refers to file descriptors, has more than 63
   *   containers inside one another, or is longer than `maxSendLength`
   */
  write(message: Message, options: EncodeOptions): void;
  /** Sends the queued messages now. */
  flush(): void;
  /** Sends the queued messages, then ends the stream. */
  end(): void;
  /** Cuts the stream; queued messages are lost. `cause` is given to the `end` callback. */
  destroy(cause?: Error): void;
}
