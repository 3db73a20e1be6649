// Distinguishes the descriptors that Node has opened for itself from those that this program has inherited: a line
// written into Node's pipe for signals ends the process with a segmentation fault. It writes nothing.
// Tests: program.test.ts. (No clause of the specification.)
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const DESCRIPTORS = '/proc/self/fd';
const O_NONBLOCK = 0o4000;

/**
 * Whether Node has opened a descriptor for itself: one of its event queues, or an end of a non-blocking pipe that has
 * both of its ends in this process. False if the system cannot tell.
 */
export function isOfRuntime(descriptor: number): boolean {
  if (descriptor <= 2) return false;
  const target = targetOf(descriptor);
  if (target === undefined) return false;
  if (target.startsWith('anon_inode:[event') || target.startsWith('anon_inode:[io_uring')) return true;
  return target.startsWith('pipe:') && isNonBlocking(descriptor) && hasBothEnds(target);
}

/** The file of a descriptor; undefined if it is not open, or if the system has no list of descriptors. */
function targetOf(descriptor: number | string): string | undefined {
  try {
    return readlinkSync(`${DESCRIPTORS}/${descriptor}`);
  } catch {
    return undefined;
  }
}

function isNonBlocking(descriptor: number): boolean {
  const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1];
  return flags !== undefined && (Number.parseInt(flags, 8) & O_NONBLOCK) !== 0;
}

function hasBothEnds(pipe: string): boolean {
  return readdirSync(DESCRIPTORS).filter((each) => targetOf(each) === pipe).length > 1;
}
