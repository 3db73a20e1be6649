// Opens the socket that a `nonce-tcp:` address names: TCP, and a secret from a file, which the client sends first to
// prove that it can read the file. Specification: Nonce-authenticated TCP Sockets. Tests: nonce-tcp.test.ts.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type Address, formatAddress } from '../protocol/address.js';
import { AddressError } from '../protocol/errors.js';
import type { OpenedStream } from './incoming.js';
import { openSocket } from './socket.js';
import { tcpPlaceOf } from './tcp.js';

/** The length of a nonce, in bytes. */
const NONCE_LENGTH = 16;

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
    throw fail(`noncefile has ${length > NONCE_LENGTH ? 'more than 16' : length} bytes: it must have exactly 16`);
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
