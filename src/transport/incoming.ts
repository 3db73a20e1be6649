// Gives the bytes of a stream to one receiver at a time: first to the handshake, then to the transport.
// It knows neither of them. (Not in the specification.) Tests: stream-transport.test.ts, unix.test.ts.
import type { Duplex } from 'node:stream';

/** The bytes of a stream, for one receiver at a time. */
export class Incoming {
  /** Takes each chunk. The memory of a chunk is used again: it is valid until this function returns. */
  receive: (chunk: Uint8Array) => void = () => {};
}

/** A stream, and where its bytes arrive. */
export interface OpenedStream {
  readonly stream: Duplex;
  readonly incoming: Incoming;
  /** Bytes that a client must send before the first byte of the handshake; undefined for none. */
  readonly preamble?: Uint8Array | undefined;
}

/** The bytes of any stream of Node. */
export function incomingOf(stream: Duplex): Incoming {
  const incoming = new Incoming();
  stream.on('data', (chunk: Uint8Array) => incoming.receive(chunk));
  return incoming;
}
