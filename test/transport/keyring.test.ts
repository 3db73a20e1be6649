// The keyring of DBUS_COOKIE_SHA1: whom it trusts, which cookies are used, renewed and dropped, and the lock.
import { execFileSync } from 'node:child_process';
import {
  chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Keyring } from '../../src/transport/keyring.js';
import { scratchDirectory } from '../support/reaper.js';

const NOW = 1_700_000_000;
const CONTEXT = 'org_freedesktop_general';
const MINUTE = 60;

/** A keyring whose file has these lines; without lines there is no directory. */
function keyringWith(lines: readonly string[] | undefined, mode = 0o700) {
  const directory = join(scratchDirectory(), 'keyrings');
  const file = join(directory, CONTEXT);
  if (lines !== undefined) {
    mkdirSync(directory);
    writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
    chmodSync(directory, mode);
  }
  let now = NOW;
  const keyring = new Keyring({ directory, now: () => now, lockInterval: 1 });
  const linesOf = (): string[] => readFileSync(file, 'latin1').split('\n').filter((line) => line !== '');
  return { keyring, directory, file, lines: linesOf, wait: (seconds: number) => void (now += seconds) };
}

const aged = (seconds: number, id = 7): string => `${id} ${NOW - seconds} c0ffee`;

describe('a client', () => {
  test.each([
    ['new', 0], ['six minutes old', 6 * MINUTE], ['seven minutes old', 7 * MINUTE], ['four minutes early', -4 * MINUTE],
  ])('uses a cookie that is %s', (_, age) => {
    expect(keyringWith([aged(1, 6), aged(age)]).keyring.findSecret(CONTEXT, '7')).toBe('c0ffee');
  });

  test.each<[string, readonly string[] | undefined, string]>([
    ['there is no keyring', undefined, 'ENOENT'],
    ['its file has no such cookie', [aged(0, 70)], 'has no cookie 7'],
    ['the cookie is more than seven minutes old', [aged(7 * MINUTE + 1)], 'is too old, or comes from the future'],
    ['the cookie is from the future', [aged(-5 * MINUTE - 1)], 'is too old, or comes from the future'],
    ['the line of the cookie is not valid', [`7 ${NOW} xyz`, `7 ${NOW}`, `7 -1 c0ffee`, ` 7 ${NOW} c0ffee`], 'no cookie 7'],
    ['the file is far too long', ['x'.repeat(70_000)], 'it must have at most 65536'],
  ])('reports the reason if %s', (_, lines, problem) => {
    expect(keyringWith(lines).keyring.findSecret(CONTEXT, '7')).toEqual({ problem: expect.stringContaining(problem) });
  });

  test.each(['750', '704', '702', '720', '777'])('ignores a keyring of mode %s, which is open to others', (mode) => {
    const { keyring } = keyringWith([aged(0)], Number.parseInt(mode, 8));
    expect(keyring.findSecret(CONTEXT, '7')).toEqual({
      problem: expect.stringMatching(/has mode \d+: others must not be able to read or write it, as with mode 700$/),
    });
  });

  test.each<[string, (file: string) => void]>([
    ['a pipe, to which nobody writes', (file) => execFileSync('mkfifo', [file])],
    ['a link to a file without an end', (file) => symlinkSync('/dev/zero', file)],
    ['a directory', (file) => mkdirSync(file)],
  ])('reports the reason if the file is %s', async (_, make) => {
    const { keyring, file } = keyringWith([]);
    rmSync(file);
    make(file);
    const problem = expect.stringContaining('is not a plain file: it must be one');
    expect(keyring.findSecret(CONTEXT, '7')).toEqual({ problem });
    await expect(keyring.takeCookie()).rejects.toThrow('is not a plain file: it must be one');
  });

  test('reads only the file of the context', () => {
    expect(keyringWith([aged(0)]).keyring.findSecret('other', '7')).toEqual({ problem: expect.stringContaining('other') });
  });

  test.runIf(process.getuid?.() === 0)('ignores a keyring that belongs to another user', async () => {
    const { chownSync } = await import('node:fs');
    const { keyring, directory } = keyringWith([aged(0)]);
    chownSync(directory, 1234, 1234);
    expect(keyring.findSecret(CONTEXT, '7')).toEqual({ problem: expect.stringContaining('belongs to user 1234') });
  });
});

describe('a server', () => {
  test('creates the keyring, for its user only, with a cookie that a client finds', async () => {
    const { keyring, directory, file, lines } = keyringWith(undefined);
    const cookie = await keyring.takeCookie();
    expect(cookie).toEqual({
      context: CONTEXT, id: expect.stringMatching(/^\d+$/), secret: expect.stringMatching(/^[0-9a-f]{48}$/),
    });
    expect(lines()).toEqual([`${cookie.id} ${NOW} ${cookie.secret}`]);
    expect([statSync(directory).mode & 0o777, statSync(file).mode & 0o777]).toEqual([0o700, 0o600]);
    expect(keyring.findSecret(CONTEXT, cookie.id)).toBe(cookie.secret);
    expect(readdirSync(directory)).toEqual([CONTEXT]); // neither a lock nor a temporary file
  });

  test('uses the newest cookie for five minutes, then a new one, and drops a cookie after seven minutes', async () => {
    const { keyring, lines, wait } = keyringWith([aged(4 * MINUTE, 1), aged(3 * MINUTE, 2)]);
    expect((await keyring.takeCookie()).id).toBe('2');
    wait(2 * MINUTE);
    expect((await keyring.takeCookie()).id).toBe('2');
    wait(1);
    const third = (await keyring.takeCookie()).id;
    expect(lines().map((line) => line.split(' ')[0])).toEqual(['1', '2', third]);
    wait(5 * MINUTE + 1);
    const fourth = (await keyring.takeCookie()).id;
    expect(lines().map((line) => line.split(' ')[0])).toEqual([third, fourth]);
  });

  test('drops cookies from the future and lines that are not cookies', async () => {
    const { keyring, lines } = keyringWith([aged(-6 * MINUTE, 1), 'junk', '', aged(-4 * MINUTE, 3)]);
    expect((await keyring.takeCookie()).id).toBe('3');
    const later = keyringWith([aged(-6 * MINUTE, 1), 'junk']);
    const { id } = await later.keyring.takeCookie();
    expect(later.lines().map((line) => line.split(' ')[0])).toEqual([id]);
    expect(lines()).toHaveLength(3); // nothing had to be written
  });

  test('adds only one cookie for handshakes and servers that need one at the same time', async () => {
    const { keyring, directory, lines } = keyringWith(undefined);
    const other = new Keyring({ directory, now: () => NOW, lockInterval: 1 });
    const cookies = await Promise.all([keyring, other, keyring, other].map((ring) => ring.takeCookie()));
    expect(new Set(cookies.map(({ id }) => id)).size).toBe(1);
    expect(lines()).toHaveLength(1);
  });

  test('adds a cookie again if the file was deleted', async () => {
    const { keyring, file } = keyringWith(undefined);
    await keyring.takeCookie();
    rmSync(file);
    const { id, secret } = await keyring.takeCookie();
    expect(keyring.findSecret(CONTEXT, id)).toBe(secret);
  });

  test('waits for the lock, and removes it after 32 attempts, because its owner must have ended', async () => {
    const { keyring, directory, file } = keyringWith([]);
    writeFileSync(`${file}.lock`, '');
    const cookie = keyring.takeCookie();
    await new Promise((resolve) => setImmediate(resolve));
    expect(existsSync(`${file}.lock`)).toBe(true);
    expect((await cookie).context).toBe(CONTEXT);
    expect(readdirSync(directory)).toEqual([CONTEXT]);
  });

  test('does not use a keyring that others can read, and leaves it unchanged', async () => {
    const { keyring, directory, lines } = keyringWith([aged(0)], 0o755);
    await expect(keyring.takeCookie()).rejects.toThrow('has mode 755: others must not be able to read or write it');
    expect(lines()).toEqual([aged(0)]);
    expect(readdirSync(directory)).toEqual([CONTEXT]);
  });

  test('reports a file that it cannot use, and tries again the next time', async () => {
    const { keyring, directory, file } = keyringWith([]);
    rmSync(file);
    mkdirSync(file);
    await expect(keyring.takeCookie()).rejects.toThrow('it is not a plain file');
    expect(readdirSync(directory)).toEqual([CONTEXT]);
    rmSync(file, { recursive: true });
    expect((await keyring.takeCookie()).context).toBe(CONTEXT);
  });
});
