// The client's side of the handshake on one stream: writes what the state machine of auth/ says, feeds it what arrives,
// and bounds it in time. Specification: Authentication Protocol.
import type { Duplex } from 'node:stream';
import type { AuthClient } from '../auth/client.js';
import { AuthError } from '../auth/errors.js';
import { StreamTransport } from './stream-transport.js';
import type { Transport } from './transport.js';
import { onAbort, startTimer } from './waiting.js';

/** How a handshake is run. */
export interface HandshakeOptions {
  /** The GUID that the server must have, in lower case; undefined for any. */
  readonly guid: string | undefined;
  /** Messages that follow BEGIN in one write with it. */
  readonly greeting: Uint8Array;
  /** Milliseconds until the handshake fails, connecting included; Infinity for no limit. */
  readonly timeout: number;
  /** Ends the handshake, which then rejects with the signal's reason. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Authenticates on a stream, which may still be connecting, and makes a transport of it. If that fails the stream is
 * destroyed.
 * @throws {AuthError} if the server rejects us, has another GUID, breaks the protocol, closes the stream, or does not
 * answer in time
 */
export function handshake(
  stream: Duplex,
  auth: AuthClient,
  { guid, greeting, timeout, signal }: HandshakeOptions,
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const begin = (): void => {
      const start = auth.start();
      stream.write(auth.hasBegun ? concat(start, greeting) : start);
    };
    const receive = (chunk: Uint8Array): void => {
      try {
        const { send, done } = auth.receive(chunk);
        if (send !== undefined) stream.write(done === undefined ? send : concat(send, greeting));
        if (done === undefined) return;
        if (guid !== undefined && guid !== done.guid) {
          const problem = `the server's GUID is ${done.guid}: it must be ${guid}, as in its address`;
          throw new AuthError('GUID_MISMATCH', problem);
        }
        stopListening();
        resolve(new StreamTransport(stream, done)); // in this turn: nothing that the stream emits may be missed
      } catch (error) {
        fail(error);
      }
    };
    const fail = (error: unknown): void => {
      stopListening();
      stream.on('error', () => {}); // an error after the stream was given up concerns nobody
      stream.destroy();
      reject(error);
    };
    const timer = startTimer(timeout, () => fail(auth.abandon('AUTH_TIMED_OUT')));
    const endAbort = onAbort(signal, () => fail(signal?.reason));
    const stopListening = (): void => {
      clearTimeout(timer);
      endAbort();
      for (const event of ['error', 'close', 'connect', 'data']) stream.removeAllListeners(event);
    };
    stream.on('error', fail);
    stream.on('close', () => fail(auth.abandon('SERVER_CLOSED')));
    stream.on('data', receive);
    if ('connecting' in stream && stream.connecting === true) stream.on('connect', begin);
    else begin();
  });
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
