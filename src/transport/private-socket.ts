// A socket file that only the user of this process, and root, can connect to: on Linux, connecting requires permission
// to write to the file. The file must have its permissions from the moment it exists: a client that connects before
// that would stay connected. Tests: private-socket.test.ts, listener.test.ts. (Not in the specification.)
import { lstatSync } from 'node:fs';

const OTHERS_MAY_WRITE = 0o022;

/**
 * Calls a function that creates files in the same turn, so that other users cannot write to them. In a worker thread,
 * which cannot change the mask of the process, the files get the permissions that the mask of the process leaves.
 */
export function creatingPrivately<Result>(create: () => Result): Result {
  let previous: number;
  try {
    previous = process.umask(0o077);
  } catch {
    return create(); // a worker thread
  }
  try {
    return create();
  } finally {
    process.umask(previous);
  }
}

/**
 * Whether a file is a socket to which only the user of this process and root can connect. False on systems
 * other than Linux, which can ignore the permissions of sockets. An access list that lets others write shows in the
 * bits of the group.
 */
export function isPrivateSocket(path: string, platform: NodeJS.Platform = process.platform): boolean {
  if (platform !== 'linux') return false;
  try {
    const file = lstatSync(path);
    return file.isSocket() && file.uid === process.getuid?.() && (file.mode & OTHERS_MAY_WRITE) === 0;
  } catch {
    return false; // an abstract name, or a file that is gone
  }
}
