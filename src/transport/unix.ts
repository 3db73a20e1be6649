// Opens the socket that a `unix:` address names. Specification: Unix Domain Sockets.
import { type Address, formatAddress } from '../protocol/address.js';
import { AddressError, type AddressErrorCode } from '../protocol/errors.js';
import type { OpenedStream } from './incoming.js';
import { openSocket } from './socket.js';

/**
 * Starts to connect to the socket of a `unix:` address.
 * @throws {AddressError} as {@link socketPathOf} does
 */
export function openUnix(address: Address): OpenedStream {
  return openSocket({ path: socketPathOf(address) });
}

/** Longest path, or abstract name with the NUL before it, that fits into a socket address of Linux. */
export const MAX_SOCKET_NAME_LENGTH = 107;

/**
 * Whether the sockets of Node pad abstract names with NULs. The NULs become part of the name, which ends only with the
 * socket address. libuv padded names before 1.48, and Node 20 still has 1.46. ‹Unix Domain Sockets›
 */
export function padsAbstractNames(libuv: string): boolean {
  const [major = 0, minor = 0] = libuv.split('.').map(Number);
  return major < 1 || (major === 1 && minor < 48);
}

/** Keys with which a server chooses the place of its socket; a client cannot connect by them. ‹Unix Domain Sockets› */
const LISTEN_ONLY_KEYS = ['dir', 'tmpdir', 'runtime'] as const;

/**
 * The `path` that `net.connect` takes for a `unix:` address: a path, or a NUL and an abstract name.
 * ‹Unix Domain Sockets›
 * @throws {AddressError} `NOT_CONNECTABLE` unless the address has exactly one of the keys `path` and `abstract`;
 * `SOCKET_NAME_TOO_LONG` if its value has more than 107 bytes, which Node could cut without an error;
 * `ABSTRACT_NOT_SUPPORTED` if it has an abstract name and runs on Node 20, see {@link padsAbstractNames}
 */
export function socketPathOf(address: Address, libuv: string = process.versions.uv): string {
  const fail = (code: AddressErrorCode, problem: string): AddressError =>
    new AddressError(code, problem, { address: formatAddress(address) });
  const { keys } = address;
  const listenOnly = LISTEN_ONLY_KEYS.find((key) => keys.has(key));
  if (listenOnly !== undefined) {
    const problem = `key ${listenOnly} is for servers: a client must use the address that the server prints`;
    throw fail('NOT_CONNECTABLE', problem);
  }
  const path = keys.get('path');
  const abstractName = keys.get('abstract');
  if ((path === undefined) === (abstractName === undefined)) {
    const found = path === undefined ? 'neither path nor abstract is there' : 'path and abstract are both there';
    throw fail('NOT_CONNECTABLE', `${found}: a unix address must have exactly one of these keys`);
  }
  if (path === undefined && padsAbstractNames(libuv)) {
    const found = `libuv ${libuv} changes abstract names`;
    throw fail('ABSTRACT_NOT_SUPPORTED', `${found}: use libuv 1.48 or newer (Node 22), or an address with a path`);
  }
  const socketPath = path ?? `\0${abstractName}`;
  const length = Buffer.byteLength(socketPath);
  if (length > MAX_SOCKET_NAME_LENGTH) {
    const problem = `the name of the socket has ${length} bytes: it must have at most ${MAX_SOCKET_NAME_LENGTH}`;
    throw fail('SOCKET_NAME_TOO_LONG', problem);
  }
  return socketPath;
}
