// The keyring of DBUS_COOKIE_SHA1: files of cookies in a directory that only their user can read. A client reads it; a
// server also adds cookies, under a lock, and removes old ones. It does not know the handshake. Tests: keyring.test.ts.
// Specification: DBUS_COOKIE_SHA1.
import {
  closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, type Stats, statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cookie } from '../auth/cookie-sha1.js';
import { cryptoModule } from './late-modules.js';

/** The default context of servers. ‹DBUS_COOKIE_SHA1› */
const CONTEXT = 'org_freedesktop_general';

/** Seconds after which a server uses a new cookie. */
const RENEWED_AFTER = 5 * 60;
/** Seconds after which a cookie is no longer used: a handshake that began with it has ended. */
const EXPIRES_AFTER = 7 * 60;
/** The most seconds by which a cookie may be newer than the clock, since clocks can be adjusted. */
const MAX_CLOCK_SKEW = 5 * 60;
/** Longest file, in bytes: a thousand cookies. */
const MAX_FILE_LENGTH = 2 ** 16;
/** Bytes of a secret. */
const SECRET_LENGTH = 24;
/**
 * How often a server tries to get the lock, and the milliseconds between two attempts. After that, the lock is stale.
 */
const LOCK_ATTEMPTS = 32;
const LOCK_INTERVAL = 250;

const READABLE_OR_WRITABLE_BY_OTHERS = 0o066;

/** The place of a keyring, and the clock. */
export interface KeyringOptions {
  /** Default: `.dbus-keyrings` in the home directory of the user. */
  readonly directory?: string | undefined;
  /** The time in seconds since 1970. */
  readonly now?: (() => number) | undefined;
  /** Milliseconds between two attempts to get the lock. Default: 250. */
  readonly lockInterval?: number | undefined;
}

/** A cookie, and the time of its creation in seconds since 1970. */
interface DatedCookie {
  readonly id: string;
  readonly created: number;
  readonly secret: string;
}

/** The cookies that are about to be added, by directory: one for all handshakes of this process. */
const adding = new Map<string, Promise<Cookie>>();

/** The cookies of one user. */
export class Keyring {
  readonly #directory: string;
  readonly #now: () => number;
  readonly #lockInterval: number;

  constructor(options: KeyringOptions = {}) {
    const { directory = join(homedir(), '.dbus-keyrings'), now = secondsNow, lockInterval = LOCK_INTERVAL } = options;
    this.#directory = directory;
    this.#now = now;
    this.#lockInterval = lockInterval;
  }

  /** The secret of a cookie, for a client; or the reason for which it cannot be used. The context must be valid. */
  findSecret(context: string, id: string): string | { readonly problem: string } {
    const untrusted = this.#problemOfDirectory();
    if (untrusted !== undefined) return { problem: untrusted };
    const path = this.#pathOf(context);
    let cookies: readonly DatedCookie[];
    try {
      cookies = readCookies(path);
    } catch (error) {
      return { problem: `${JSON.stringify(path)} cannot be read: ${(error as Error).message}` };
    }
    const found = cookies.find((cookie) => cookie.id === id);
    if (found === undefined) return { problem: `${JSON.stringify(path)} has no cookie ${id}` };
    if (this.#isUsable(found)) return found.secret;
    return { problem: `cookie ${id} of ${JSON.stringify(path)} is too old, or comes from the future` };
  }

  /**
   * A cookie for a server: the newest if it is at most five minutes old, otherwise a new one, which is in the file when
   * this resolves.
   * @throws {Error} if others can read or write the directory, or the file cannot be written
   */
  async takeCookie(): Promise<Cookie> {
    const newest = this.#newestCookie();
    if (newest !== undefined) return newest;
    const directory = this.#directory;
    const added = adding.get(directory) ?? this.#addCookie().finally(() => adding.delete(directory));
    adding.set(directory, added);
    return added;
  }

  #pathOf(context: string): string {
    return join(this.#directory, context);
  }

  /** Whether a cookie is neither too old nor from the future. */
  #isUsable({ created }: DatedCookie): boolean {
    const age = this.#now() - created;
    return age <= EXPIRES_AFTER && age >= -MAX_CLOCK_SKEW;
  }

  /** The reason for which the directory must be ignored: other users could read or write cookies. ‹DBUS_COOKIE_SHA1› */
  #problemOfDirectory(): string | undefined {
    const name = JSON.stringify(this.#directory);
    let found: Stats;
    try {
      found = statSync(this.#directory);
    } catch (error) {
      return `${name} cannot be used: ${(error as Error).message}`;
    }
    if (!found.isDirectory()) return `${name} is not a directory`;
    const uid = process.getuid?.();
    if (uid !== undefined && found.uid !== uid) return `${name} belongs to user ${found.uid}: it must belong to ${uid}`;
    if (uid === undefined || (found.mode & READABLE_OR_WRITABLE_BY_OTHERS) === 0) return undefined;
    const mode = (found.mode & 0o777).toString(8);
    return `${name} has mode ${mode}: others must not be able to read or write it, as with mode 700`;
  }

  #newestCookie(): Cookie | undefined {
    if (this.#problemOfDirectory() !== undefined) return undefined;
    try {
      return this.#newestOf(readCookies(this.#pathOf(CONTEXT)));
    } catch {
      return undefined; // there is no plain file yet: adding a cookie reports the reason
    }
  }

  #newestOf(cookies: readonly DatedCookie[]): Cookie | undefined {
    const usable = cookies.filter((cookie) => this.#isUsable(cookie) && this.#now() - cookie.created <= RENEWED_AFTER);
    const [newest] = usable.sort((a, b) => b.created - a.created);
    return newest && { context: CONTEXT, id: newest.id, secret: newest.secret };
  }

  async #addCookie(): Promise<Cookie> {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const untrusted = this.#problemOfDirectory();
    if (untrusted !== undefined) throw new Error(untrusted);
    const path = this.#pathOf(CONTEXT);
    const lock = `${path}.lock`;
    await this.#lock(lock);
    try {
      const before = readCookiesOrNone(path);
      const newest = this.#newestOf(before); // another process can have added it meanwhile
      if (newest !== undefined) return newest;
      const added = newCookie(before, this.#now());
      const lines = [...before.filter((cookie) => this.#isUsable(cookie)), added].map(
        ({ id, created, secret }) => `${id} ${created} ${secret}\n`,
      );
      const temporary = `${path}.${cryptoModule().randomBytes(8).toString('hex')}`;
      try {
        writeFileSync(temporary, lines.join(''), { flag: 'wx', mode: 0o600 });
        renameSync(temporary, path);
      } catch (error) {
        rmSync(temporary, { force: true });
        throw error;
      }
      return { context: CONTEXT, id: added.id, secret: added.secret };
    } finally {
      rmSync(lock, { force: true });
    }
  }

  /** Makes the file that is the lock. If another process keeps it for eight seconds, that process must have died. */
  async #lock(path: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        closeSync(openSync(path, 'wx', 0o600));
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > LOCK_ATTEMPTS) throw error;
      }
      if (attempt === LOCK_ATTEMPTS) rmSync(path, { force: true });
      else await sleep(this.#lockInterval);
    }
  }
}

function secondsNow(): number {
  return Math.floor(Date.now() / 1_000);
}

/** The text of a plain file. Other files are not read: reading them could block, or never end. */
function readText(path: string): string {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile()) throw new Error('it is not a plain file: it must be one');
    const { size } = found;
    if (size > MAX_FILE_LENGTH) throw new Error(`it has ${size} bytes: it must have at most ${MAX_FILE_LENGTH}`);
    return readFileSync(descriptor, 'latin1');
  } finally {
    closeSync(descriptor);
  }
}

/** The lines of a file that are cookies; others are skipped. @throws the system's error if it cannot be read */
function readCookies(path: string): readonly DatedCookie[] {
  return readText(path).split('\n').flatMap((line) => {
    const [, id, created, secret] = /^(\d{1,20}) (\d{1,15}) ([0-9a-fA-F]+)$/.exec(line) ?? [];
    if (id === undefined || created === undefined || secret === undefined) return [];
    return [{ id, created: Number(created), secret }];
  });
}

function readCookiesOrNone(path: string): readonly DatedCookie[] {
  try {
    return readCookies(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** A cookie with an id that no cookie of the file has. */
function newCookie(others: readonly DatedCookie[], created: number): DatedCookie {
  const taken = new Set(others.map(({ id }) => id));
  let id: string;
  do id = String(cryptoModule().randomInt(1, 2 ** 31));
  while (taken.has(id));
  return { id, created, secret: cryptoModule().randomBytes(SECRET_LENGTH).toString('hex') };
}
