// The functions of the system for reading a configuration: files, directories, and the ids of users and groups. It does
// not know the elements. Tests: system-source.test.ts. (No clause of the specification.)
import { closeSync, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import type { ConfigurationSource } from './read-configuration.js';

/** Longest file that is read, in bytes. */
const MAX_FILE_LENGTH = 4 * 2 ** 20;

/** The files of this machine. */
export const SYSTEM_SOURCE: ConfigurationSource = {
  readFile: (path) => unlessMissing(() => readLimited(path), undefined),
  listDirectory: (path) => unlessMissing(() => readdirSync(path), []),
  idOf: (kind, name) => {
    const table = kind === 'user' ? '/etc/passwd' : '/etc/group';
    return idIn(unlessMissing(() => readLimited(table), ''), name);
  },
};

function readLimited(path: string): string {
  const descriptor = openSync(path, 'r');
  try {
    const status = fstatSync(descriptor);
    if (status.isDirectory()) throw new Error('it is a directory: it must be a file');
    if (status.size > MAX_FILE_LENGTH) {
      throw new Error(`the file has ${status.size} bytes: it must have at most ${MAX_FILE_LENGTH}`);
    }
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

function unlessMissing<Result>(read: () => Result, otherwise: Result): Result {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return otherwise; // also of errors that have no code
    throw error;
  }
}

/** The number in the third column of the line of a name. */
function idIn(table: string, name: string): number | undefined {
  for (const line of table.split('\n')) {
    const [key, , id] = line.split(':');
    if (key === name && id !== undefined && /^\d+$/.test(id)) return Number(id);
  }
  return undefined;
}
