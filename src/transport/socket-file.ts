// The socket file of a server of ours. When the server closes, libuv removes the file that is at its path then, which
// can be that of another server. Tests: listener.test.ts. (Not in the specification.)
import { randomBytes } from 'node:crypto';
import { linkSync, lstatSync, unlinkSync } from 'node:fs';

/** Which file is at a path; undefined if none is, or if the name is abstract. */
function fileAt(path: string): string | undefined {
  try {
    const { dev, ino } = lstatSync(path, { bigint: true });
    return `${dev}:${ino}`; // no other file gets the number as long as the socket is open
  } catch {
    return undefined;
  }
}

/**
 * Notes the socket file at a path. The result runs a function that removes whatever is at the path: another file that
 * is there by then is there again afterwards.
 */
export function noteSocketFile(path: string): (remove: () => void) => void {
  const ours = fileAt(path);
  return (remove) => {
    const present = fileAt(path);
    if (present === undefined || present === ours) return remove();
    const aside = `${path}.${randomBytes(6).toString('hex')}`;
    try {
      linkSync(path, aside); // not a rename: clients find the file as long as it is there
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
