// `unix:` addresses: the socket to which a client connects, and the place for the socket of a server, which the address
// names or lets the server choose. It does not listen: listener.ts does. Specification: Unix Domain Sockets. Tests:
// unix.test.ts, listener.test.ts.
import { mkdtempSync, realpathSync, rmdirSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { type Address, formatAddress } from '../protocol/address.js';
import { AddressError, type AddressErrorCode } from '../protocol/errors.js';
import type { OpenedStream } from './incoming.js';
import { isPrivateDirectory } from './private-directory.js';
import { openSocket } from './socket.js';
import type { Environment } from './well-known-buses.js';

/* Names ---------------------------------------------------------------------------------------------------------- */

/** Longest path, or abstract name with the NUL before it, that fits into a socket address of Linux. */
const MAX_SOCKET_NAME_LENGTH = 107;

/**
 * Whether the sockets of Node pad abstract names with NULs. The NULs become part of the name, which ends only with the
 * socket address. libuv padded names before 1.48, and Node 20 still has 1.46. ‹Unix Domain Sockets›
 */
function padsAbstractNames(libuv: string): boolean {
  const [major = 0, minor = 0] = libuv.split('.').map(Number);
  return major < 1 || (major === 1 && minor < 48);
}

type Fail = (code: AddressErrorCode, problem: string) => AddressError;

function checkAbstract(libuv: string, fail: Fail): void {
  if (!padsAbstractNames(libuv)) return;
  const found = `libuv ${libuv} changes abstract names`;
  throw fail('ABSTRACT_NOT_SUPPORTED', `${found}: use libuv 1.48 or newer (Node 22), or an address with a path`);
}

function checkLength(socketPath: string, fail: Fail): void {
  const length = Buffer.byteLength(socketPath);
  if (length <= MAX_SOCKET_NAME_LENGTH) return;
  const problem = `the name of the socket has ${length} bytes: it must have at most ${MAX_SOCKET_NAME_LENGTH}`;
  throw fail('SOCKET_NAME_TOO_LONG', problem);
}

/* Clients -------------------------------------------------------------------------------------------------------- */

/**
 * Starts to connect to the socket of a `unix:` address.
 * @throws {AddressError} as {@link socketPathOf} does
 */
export function openUnix(address: Address): OpenedStream {
  return openSocket({ path: socketPathOf(address) });
}

/** Keys with which a server chooses the place of its socket; a client cannot connect by them. ‹Unix Domain Sockets› */
const LISTEN_ONLY_KEYS = ['dir', 'tmpdir', 'runtime'] as const;

/**
 * The `path` of `net.connect` for a `unix:` address: a path, or a NUL and an abstract name.
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
    const found = path === undefined ? 'neither path nor abstract is given' : 'path and abstract are both given';
    throw fail('NOT_CONNECTABLE', `${found}: a unix address must have exactly one of these keys`);
  }
  if (path === undefined) checkAbstract(libuv, fail);
  const socketPath = path ?? `\0${abstractName}`;
  checkLength(socketPath, fail);
  return socketPath;
}

/* Servers -------------------------------------------------------------------------------------------------------- */

/** The place of a socket that does not exist yet. */
export interface UnixPlace {
  /** The name for `listen` of Node: a path without symbolic links, or a NUL and an abstract name. */
  readonly socketPath: string;
  /** The key by which clients find the socket, and its value. */
  readonly key: 'path' | 'abstract';
  readonly value: string;
  /** Whether only the user of this process, and root, can reach the socket. */
  readonly isPrivate: boolean;
  /** Removes the directory that was made for the socket, if there is one. The socket must be gone. */
  remove(): void;
}

/** The keys of which an address must have exactly one. ‹Unix Domain Sockets› */
const PLACE_KEYS = ['path', 'abstract', 'dir', 'tmpdir', 'runtime'] as const;

/**
 * Chooses the place for a `unix:` address. For `dir` and `tmpdir` it makes a new directory, mode 700, below the one
 * that is named. ‹Unix Domain Sockets›
 * @throws {AddressError} `NOT_LISTENABLE` unless the address has exactly one key that names a place;
 * `SOCKET_NAME_TOO_LONG` or `ABSTRACT_NOT_SUPPORTED` as a client gets it; the system's error if a directory does not
 * exist
 */
export function chooseUnixPlace(
  address: Address, env: Environment = process.env, libuv: string = process.versions.uv,
): UnixPlace {
  const fail = (code: AddressErrorCode, problem: string): AddressError =>
    new AddressError(code, problem, { address: formatAddress(address) });
  const given = PLACE_KEYS.filter((key) => address.keys.has(key));
  const [key] = given;
  if (key === undefined || given.length > 1) {
    const found = key === undefined ? 'found no place for the socket' : `${given.join(' and ')} are both given`;
    throw fail('NOT_LISTENABLE', `${found}: a unix address must have exactly one of ${PLACE_KEYS.join(', ')}`);
  }
  const value = address.keys.get(key)!; // `given` has it
  if (key === 'abstract') {
    checkAbstract(libuv, fail);
    checkLength(`\0${value}`, fail);
    return { socketPath: `\0${value}`, key, value, isPrivate: false, remove: () => {} };
  }
  if (key === 'dir' || key === 'tmpdir') {
    const directory = mkdtempSync(join(realpathSync(value), 'dbus-'));
    const remove = (): void => removeDirectory(directory);
    const path = join(directory, 'socket');
    try {
      checkLength(path, fail);
    } catch (error) {
      remove();
      throw error;
    }
    return { socketPath: path, key: 'path', value: path, isPrivate: isPrivateDirectory(directory), remove };
  }
  const path = key === 'path' ? value : runtimePath(value, env, fail);
  if (!isAbsolute(path)) throw fail('NOT_LISTENABLE', `path ${JSON.stringify(path)} is relative: it must be absolute`);
  const directory = realpathSync(dirname(path)); // so that nobody can change a link between the check and the socket
  const socketPath = join(directory, basename(path));
  checkLength(path, fail);
  checkLength(socketPath, fail);
  return { socketPath, key: 'path', value: path, isPrivate: isPrivateDirectory(directory), remove: () => {} };
}

function runtimePath(value: string, env: Environment, fail: Fail): string {
  if (value !== 'yes') throw fail('NOT_LISTENABLE', `runtime is ${JSON.stringify(value)}: it must be yes`);
  const directory = env['XDG_RUNTIME_DIR'] ?? '';
  if (isAbsolute(directory)) return join(directory, 'bus');
  throw fail('NOT_LISTENABLE', 'XDG_RUNTIME_DIR is not an absolute path: runtime=yes needs one');
}

function removeDirectory(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // It is gone, or something else is in it.
  }
}
