// The socket file of a server of this library. Before it listens, a socket file on which no server listens is removed;
// no other file ever is. When the server closes, libuv removes the file that is at its path at that moment, which can
// be the socket file of another server. It knows no addresses. Tests: listener.test.ts. Specification: Unix Domain
// Sockets.
import { linkSync, lstatSync, type Stats, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { cryptoModule } from './late-modules.js';

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

/** Which file is at a path; undefined if none is, or if the name is abstract. */
function fileAt(path: string): string | undefined {
  try {
    const { dev, ino } = lstatSync(path, { bigint: true });
    return `${dev}:${ino}`; // no other file gets the number while the socket is open
  } catch {
    return undefined;
  }
}

/**
 * Notes the socket file at a path. The result runs a function that removes the file at the path; if another file has
 * replaced the socket file by then, that file is restored afterwards.
 */
export function noteSocketFile(path: string): (remove: () => void) => void {
  const ours = fileAt(path);
  return (remove) => {
    const present = fileAt(path);
    if (present === undefined || present === ours) return remove();
    const aside = `${path}.${cryptoModule().randomBytes(6).toString('hex')}`;
    try {
      linkSync(path, aside); // not a rename: clients find the file until it is removed
    } catch {
      return remove(); // a directory, which is not removed
    }
    try {
      remove();
      linkSync(aside, path);
    } catch {
      // The file was not removed, or yet another server has made its own.
    } finally {
      unlinkSync(aside);
    }
  };
}
