// Whether a directory can be entered by the user of this process only, now and later. Then every program that reaches a
// socket in it has the rights of that user, or of root. Node cannot ask the kernel which user a peer is, so that there
// is no other proof. (Not in the specification.) Tests: private-directory.test.ts.
import { statSync } from 'node:fs';
import { dirname } from 'node:path';

const OTHERS_MAY_ENTER = 0o011;
const OTHERS_MAY_WRITE = 0o022;
const STICKY = 0o1000;
const ROOT = 0;

/**
 * Whether a directory belongs to the user of this process, no other user may enter it, and no other user but root can
 * replace it: each directory above must belong to this user or to root, and be writable for them only, or have the
 * sticky bit, as /tmp has. `directory` must be absolute and without symbolic links. An access list that lets others
 * enter shows in the bits of the group.
 */
export function isPrivateDirectory(directory: string, uid: number | undefined = process.getuid?.()): boolean {
  if (uid === undefined) return false; // Windows
  try {
    const own = statSync(directory);
    if (!own.isDirectory() || own.uid !== uid || (own.mode & OTHERS_MAY_ENTER) !== 0) return false;
    for (let path = directory; path !== dirname(path); ) {
      path = dirname(path);
      const { uid: owner, mode } = statSync(path);
      if (owner !== uid && owner !== ROOT) return false;
      if ((mode & OTHERS_MAY_WRITE) !== 0 && (mode & STICKY) === 0) return false;
    }
    return true;
  } catch {
    return false;
  }
}
