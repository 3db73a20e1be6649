// The nonce of `nonce-tcp:`: sixteen random bytes in a file that only its user can read. A client sends them first, to
// prove that it can read the file; the server makes the file and checks them. Each listener has its own file in its own
// directory, which is removed with the listener. It does not know the handshake. Specification: Nonce-authenticated TCP
// Sockets. Tests: nonce-tcp.test.ts, listener.test.ts.
import { closeSync, constants, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Address, formatAddress } from '../protocol/address.js';
import { AddressError } from '../protocol/errors.js';
import { counted } from '../wire/counted.js';
import type { OpenedStream } from './incoming.js';
import { cryptoModule } from './late-modules.js';
import { openSocket } from './socket.js';
import { tcpPlaceOf } from './tcp.js';
import { startTimer } from './waiting.js';

/** Bytes of a nonce. */
const NONCE_LENGTH = 16;

/* Clients -------------------------------------------------------------------------------------------------------- */

/**
 * The nonce in a file of exactly 16 bytes. Nothing is read from a file that is not a plain one, since reading could
 * wait forever.
 */
function readNonce(file: string, fail: (problem: string) => AddressError): Uint8Array {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile()) throw fail('noncefile is not a file: it must have the 16 bytes of the nonce');
    const nonce = new Uint8Array(NONCE_LENGTH + 1);
    const length = readSync(descriptor, nonce, 0, nonce.length, 0);
    if (length === NONCE_LENGTH) return nonce.subarray(0, NONCE_LENGTH);
    const size = length > NONCE_LENGTH ? 'more than 16 bytes' : counted(length, 'byte');
    throw fail(`noncefile has ${size}: it must have exactly 16`);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Starts to connect to the server of a `nonce-tcp:` address, and reads its nonce.
 * @throws {AddressError} as {@link tcpPlaceOf} does, and if `noncefile` is missing or does not have 16 bytes; the error
 * of the system if the file cannot be read
 */
export function openNonceTcp(address: Address): OpenedStream {
  const fail = (problem: string): AddressError =>
    new AddressError('NOT_CONNECTABLE', problem, { address: formatAddress(address) });
  const place = tcpPlaceOf(address);
  const file = address.keys.get('noncefile');
  if (file === undefined) throw fail('noncefile is missing: a nonce-tcp address must have it');
  const preamble = readNonce(file, fail);
  const { stream, incoming } = openSocket(place);
  return { stream, incoming, preamble };
}

/* Servers -------------------------------------------------------------------------------------------------------- */

/** A nonce, and the file in which clients find it. */
export interface NonceFile {
  readonly path: string;
  readonly nonce: Uint8Array;
  /** Removes the file and its directory. */
  remove(): void;
}

/** Writes a new nonce to a new file, mode 600, in a new directory, mode 700, below that for temporary files. */
export function createNonceFile(): NonceFile {
  const directory = mkdtempSync(join(tmpdir(), 'dbus-nonce-'));
  const path = join(directory, 'nonce');
  const nonce = cryptoModule().randomBytes(NONCE_LENGTH);
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  try {
    writeFileSync(path, nonce, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    remove();
    throw error;
  }
  return { path, nonce, remove };
}

/** Options and callbacks for reading the nonce of one client. */
export interface NonceCheck {
  readonly nonce: Uint8Array;
  /** Milliseconds until the client is disconnected. */
  readonly timeout: number;
  /** Called with the stream once the nonce is right; it must take the bytes of `incoming` in the same turn. */
  readonly passed: (opened: OpenedStream) => void;
  /** Called once if the client sends something else, is late, or disconnects; the stream is then destroyed. */
  readonly failed: (problem: string) => void;
}

/**
 * Reads the nonce, before anything else. Returns the function that gives up the stream.
 * ‹Nonce-authenticated TCP Sockets›
 */
export function checkNonce(opened: OpenedStream, { nonce, timeout, passed, failed }: NonceCheck): () => void {
  const { stream, incoming } = opened;
  let given: Uint8Array = new Uint8Array(0);
  const stop = (): void => {
    clearTimeout(timer);
    incoming.receive = () => {};
    stream.off('error', onEnd);
    stream.off('close', onEnd);
  };
  const fail = (problem: string): void => {
    stop();
    stream.on('error', () => {}); // nothing uses the stream from now on
    stream.destroy();
    failed(problem);
  };
  const onEnd = (): void => fail('the client closed the connection before it sent the nonce');
  const timer = startTimer(timeout, () => fail('the client did not send the nonce in time'));
  stream.on('error', onEnd);
  stream.on('close', onEnd);
  incoming.receive = (chunk) => {
    const missing = NONCE_LENGTH - given.length;
    given = joined(given, chunk.subarray(0, missing));
    if (given.length < NONCE_LENGTH) return;
    if (!cryptoModule().timingSafeEqual(given, nonce)) {
      fail('the client sent a wrong nonce: it must be that of the nonce file');
      return;
    }
    stop();
    passed(opened);
    if (chunk.length > missing) incoming.receive(chunk.subarray(missing));
  };
  return () => fail('the listener disconnected the client before it sent the nonce');
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
