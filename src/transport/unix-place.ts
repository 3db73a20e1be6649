// The place for the socket of a server with a `unix:` address, which the address names or lets the server choose, and
// whether only this user can reach it. It removes a socket file on which no server listens, and never any other file.
// Tests: listener.test.ts. Specification: Unix Domain Sockets.
import { lstatSync, mkdtempSync, realpathSync, rmdirSync, type Stats, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { type Address, formatAddress } from '../protocol/address.js';
import { AddressError, type AddressErrorCode } from '../protocol/errors.js';
import { isPrivateDirectory } from './private-directory.js';
import { MAX_SOCKET_NAME_LENGTH, padsAbstractNames } from './unix.js';
import type { Environment } from './well-known-buses.js';

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
    const found = key === undefined ? 'found no place for the socket' : `${given.join(' and ')} are both there`;
    throw fail('NOT_LISTENABLE', `${found}: a unix address must have exactly one of ${PLACE_KEYS.join(', ')}`);
  }
  const value = address.keys.get(key)!; // `given` has it
  if (key === 'abstract') {
    if (padsAbstractNames(libuv)) {
      const found = `libuv ${libuv} changes abstract names`;
      throw fail('ABSTRACT_NOT_SUPPORTED', `${found}: use libuv 1.48 or newer (Node 22), or an address with a path`);
    }
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

type Fail = (code: AddressErrorCode, problem: string) => AddressError;

function runtimePath(value: string, env: Environment, fail: Fail): string {
  if (value !== 'yes') throw fail('NOT_LISTENABLE', `runtime is ${JSON.stringify(value)}: it must be yes`);
  const directory = env['XDG_RUNTIME_DIR'] ?? '';
  if (isAbsolute(directory)) return join(directory, 'bus');
  throw fail('NOT_LISTENABLE', 'XDG_RUNTIME_DIR is not an absolute path: runtime=yes needs one');
}

function checkLength(socketPath: string, fail: Fail): void {
  const length = Buffer.byteLength(socketPath);
  if (length <= MAX_SOCKET_NAME_LENGTH) return;
  const problem = `the name of the socket has ${length} bytes: it must have at most ${MAX_SOCKET_NAME_LENGTH}`;
  throw fail('SOCKET_NAME_TOO_LONG', problem);
}

function removeDirectory(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // It is gone, or something else is in it.
  }
}

/**
 * A description of the file at the path of a socket; undefined if there is none, or if it was a socket without a
 * server, which was removed.
 */
export async function occupantOf(path: string): Promise<string | undefined> {
  if (path.startsWith('\0')) return undefined;
  let found: Stats;
  try {
    found = lstatSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  if (!found.isSocket()) return 'a file that is not a socket';
  if (await hasServer(path)) return 'the socket of a running server';
  try {
    const { ino, ctimeMs } = lstatSync(path); // another server can have replaced it in the meantime
    if (ino !== found.ino || ctimeMs !== found.ctimeMs) return 'the socket of a running server';
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // another process can have removed it
  }
  return undefined;
}

/** Whether a server listens at a socket. Only a refused connection proves that no server listens. */
function hasServer(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}
