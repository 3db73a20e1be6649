// Connects sockets, and reads them without an event and a buffer for each chunk. It knows no addresses of D-Bus.
// Tests: unix.test.ts, tcp.test.ts. (Not in the specification.)
import { connect, type IpcSocketConnectOpts, type TcpSocketConnectOpts } from 'node:net';
import { Incoming, type OpenedStream } from './incoming.js';

/** Memory into which a socket reads repeatedly: as much as libuv asks for at once. */
const READ_LENGTH = 65_536;

/**
 * Memory for all sockets: Node reads into it and runs the callback at once, before it reads from another socket. Deno
 * waits in between, so that there each socket needs memory of its own.
 */
let sharedMemory: Uint8Array | undefined;

function readMemory(): Uint8Array {
  if ('Deno' in globalThis) return new Uint8Array(READ_LENGTH);
  sharedMemory ??= new Uint8Array(READ_LENGTH);
  return sharedMemory;
}

/** Starts to connect a socket. Its bytes arrive only in `incoming`, without events. */
export function openSocket(place: IpcSocketConnectOpts | TcpSocketConnectOpts): OpenedStream {
  const incoming = new Incoming();
  const callback = (length: number, bytes: Uint8Array): boolean => {
    incoming.receive(bytes.subarray(0, length));
    return true; // go on reading, unless the receiver has paused the socket
  };
  return { stream: connect({ ...place, onread: { buffer: readMemory(), callback } }), incoming };
}
