// Which socket a `unix:` address names. Specification: Unix Domain Sockets.
import { type Address, formatAddress } from '../protocol/address.js';
import { AddressError, type AddressErrorCode } from '../protocol/errors.js';

/** Room for a path, or for an abstract name behind its NUL, in a socket address of Linux: 108 with a NUL at the end. */
const MAX_SOCKET_NAME_LENGTH = 107;

/**
 * Whether Node's sockets fill abstract names up with NULs, and so reach another name than the one they were given:
 * libuv did until 1.48, and Node 20 stays with 1.46. A name ends where its address ends. ‹Unix Domain Sockets›
 */
function padsAbstractNames(libuv: string): boolean {
  const [major = 0, minor = 0] = libuv.split('.').map(Number);
  return major < 1 || (major === 1 && minor < 48);
}

/** Keys of `unix:` that tell a server where to create its socket. ‹Unix Domain Sockets› */
const LISTEN_ONLY_KEYS = ['dir', 'tmpdir', 'runtime'] as const;

/**
 * What to connect to for an address of transport `unix`, as `net.connect({ path })` takes it: a path, or an abstract
 * name behind a NUL. ‹Unix Domain Sockets›
 * @throws {AddressError} `TRANSPORT_NOT_SUPPORTED`; `NOT_CONNECTABLE` unless there is exactly one of `path` and
 * `abstract`; `SOCKET_NAME_TOO_LONG` past 107 bytes, which Node might cut off without a word; `ABSTRACT_NOT_SUPPORTED`
 * for an abstract name before Node 22, whose libuv is the first to get them right
 */
export function socketPathOf(address: Address, libuv: string = process.versions.uv): string {
  const fail = (code: AddressErrorCode, problem: string): AddressError =>
    new AddressError(code, problem, { address: formatAddress(address) });
  const { transport, keys } = address;
  if (transport !== 'unix') {
    throw fail('TRANSPORT_NOT_SUPPORTED', `cannot connect by ${transport}, only by unix:path= and unix:abstract=`);
  }
  const listenOnly = LISTEN_ONLY_KEYS.find((key) => keys.has(key));
  if (listenOnly !== undefined) {
    throw fail('NOT_CONNECTABLE', `key ${listenOnly} is for servers; take the address that the server prints`);
  }
  const path = keys.get('path');
  const abstractName = keys.get('abstract');
  if ((path === undefined) === (abstractName === undefined)) {
    throw fail('NOT_CONNECTABLE', 'exactly one of the keys path and abstract must be there');
  }
  if (path === undefined && padsAbstractNames(libuv)) {
    throw fail('ABSTRACT_NOT_SUPPORTED', 'abstract names need Node 22 (libuv 1.48); use an address with a path');
  }
  const socketPath = path ?? `\0${abstractName}`;
  const length = Buffer.byteLength(socketPath);
  if (length > MAX_SOCKET_NAME_LENGTH) {
    throw fail('SOCKET_NAME_TOO_LONG', `the socket's name has ${length} bytes, more than ${MAX_SOCKET_NAME_LENGTH}`);
  }
  return socketPath;
}
