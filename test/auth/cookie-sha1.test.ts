// DBUS_COOKIE_SHA1 without a keyring: the texts of both sides, what each refuses, and both together. The captured
// handshakes of other implementations are in handshakes.test.ts.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { AuthClient } from '../../src/auth/client.js';
import {
  type Cookie, cookieSha1, type CookieSha1Options, cookieSha1Server, type CookieSha1ServerOptions, isCookieContext,
} from '../../src/auth/cookie-sha1.js';
import { anonymous, anonymousServer } from '../../src/auth/mechanisms.js';
import { AuthServer, type ServerProgress } from '../../src/auth/server.js';
import { authErrorOf, bytes, encodedHex, GUID, text } from './support.js';

const sha1 = (hashed: string): string => createHash('sha1').update(hashed).digest('hex');
const COOKIE: Cookie = { context: 'ctx', id: '7', secret: 'C0ffee' };
// sha1sum of "S:C:C0ffee", computed by coreutils
const PROOF = 'a767dbc64fbfb0a66018e81bce2c184b6ca1d443';

const clientOf = (options: Partial<CookieSha1Options> = {}) =>
  cookieSha1({ uid: '1000', findCookie: () => COOKIE.secret, sha1, challenge: () => 'C', ...options });
const serverOf = (options: Partial<CookieSha1ServerOptions> = {}) =>
  cookieSha1Server({ uid: '1000', takeCookie: () => COOKIE, sha1, challenge: () => 'S', ...options });

describe('a context', () => {
  test.each(['org_freedesktop_general', 'a', 'a-b~!'])('can be %j', (name) => expect(isCookieContext(name)).toBe(true));
  test.each(['', 'a/b', '../a', 'a\\b', 'a b', 'a\nb', 'a\rb', 'a\tb', 'a.b', 'ä', 'a\0', 'a'.repeat(256)])(
    'cannot be %j', (name) => expect(isCookieContext(name)).toBe(false),
  );
});

describe('a client', () => {
  const answer = (challenge: string, options?: Partial<CookieSha1Options>) =>
    clientOf(options).exchanges[0]?.respond?.(bytes(challenge));

  test('sends the user, and proves that it knows the cookie', () => {
    const asked: string[] = [];
    const step = answer('ctx 7 S', { findCookie: (...names) => (asked.push(...names), COOKIE.secret) });
    expect(text(clientOf().exchanges[0]?.initialResponse)).toBe('1000');
    expect(asked).toEqual(['ctx', '7']);
    expect(step).toEqual({ response: bytes(`C ${PROOF}`) });
  });

  test.each([
    ['', 'the challenge is not a context, an id and a text'],
    ['ctx 7', 'the challenge is not a context, an id and a text'],
    ['ctx 7 ', 'the challenge is not a context, an id and a text'],
    ['ctx 7 S S', 'the challenge is not a context, an id and a text'],
    ['ctx 7 S\n', 'the challenge is not a context, an id and a text'],
    ['../ctx 7 S', '"../ctx" is not the name of a context'],
    ['ctx -7 S', '"-7" is not the id of a cookie'],
    ['ctx 0x7 S', '"0x7" is not the id of a cookie'],
  ])('rejects the challenge %j, and reads no file', (challenge, problem) => {
    const findCookie = (): never => {
      throw new Error('looked');
    };
    expect(answer(challenge, { findCookie })).toEqual({ problem });
  });

  test('reports the reason in its error if it could not answer', () => {
    const client = new AuthClient({ mechanisms: [clientOf({ findCookie: () => ({ problem: 'no such file' }) })] });
    client.start();
    expect(text(client.receive(bytes(`DATA ${encodedHex('ctx 7 S')}\r\n`)).send)).toBe('ERROR Challenge not understood\r\n');
    expect(authErrorOf(() => client.receive(bytes('REJECTED DBUS_COOKIE_SHA1\r\n')))).toMatchObject({
      code: 'REJECTED',
      message: 'the server rejected DBUS_COOKIE_SHA1 as user 1000; it offers "DBUS_COOKIE_SHA1"; ' +
        'its challenge was not answered: no such file',
    });
  });

  test.each(['', 'ü', 'a'.repeat(256)])('must have a user that AUTH can carry, not %j', (uid) => {
    expect(authErrorOf(() => clientOf({ uid })).code).toBe('IDENTITY_INVALID');
  });
});

describe('a server', () => {
  const CHALLENGE = `DATA ${encodedHex('ctx 7 S')}\r\n`;

  async function answers(said: string, options?: Partial<CookieSha1ServerOptions>) {
    const server = new AuthServer({ guid: GUID, mechanisms: [serverOf(options)] });
    let progress: ServerProgress | undefined = server.receive(bytes(`\0${said}`));
    let answer = '';
    for (;;) {
      answer += text(progress.send);
      if (progress.pending === undefined) return { answer, done: progress.done, refusal: server.refusal };
      progress = await progress.pending;
    }
  }
  const auth = (user: string): string => `AUTH DBUS_COOKIE_SHA1 ${encodedHex(user)}\r\n`;
  const data = (words: string): string => `DATA ${encodedHex(words)}\r\n`;

  test('accepts the proof, and returns the user id', async () => {
    for (const takeCookie of [() => COOKIE, async () => COOKIE]) {
      const { answer, done } = await answers(`${auth('1000')}${data(`C ${PROOF}`)}BEGIN\r\n`, { takeCookie });
      expect(answer).toBe(`${CHALLENGE}OK ${GUID}\r\n`);
      expect(done).toMatchObject({ mechanism: 'DBUS_COOKIE_SHA1', identity: '1000' });
    }
  });

  test('accepts the login name of its user, and a user in DATA', async () => {
    const options = { names: ['ada'] };
    const { done } = await answers(`${auth('ada')}${data(`C ${PROOF}`)}BEGIN\r\n`, options);
    expect(done?.identity).toBe('1000');
    const { answer } = await answers(`AUTH DBUS_COOKIE_SHA1\r\n${data('1000')}`, options);
    expect(answer).toBe(`DATA\r\n${CHALLENGE}`);
  });

  test.each(['', '0', '01000', 'root', '1000 '])('rejects the user %j without a challenge', async (user) => {
    const { answer } = await answers(`AUTH DBUS_COOKIE_SHA1\r\n${data(user)}`);
    expect(answer).toBe('DATA\r\nREJECTED DBUS_COOKIE_SHA1\r\n');
  });

  test.each([
    '', 'C', PROOF, ` ${sha1('S::C0ffee')}`, `C ${PROOF.toUpperCase()}`, `C ${PROOF} `, `C ${PROOF} x`, `D ${PROOF}`,
    `C ${PROOF.slice(1)}`, `C ${PROOF}0`, `C ${'0'.repeat(40)}`,
  ])('rejects the proof %j', async (proof) => {
    const { answer } = await answers(`${auth('1000')}${data(proof)}`);
    expect(answer).toBe(`${CHALLENGE}REJECTED DBUS_COOKIE_SHA1\r\n`);
  });

  test('uses each challenge once', async () => {
    const { answer } = await answers(`${auth('1000')}${data('C 0')}${data(`C ${PROOF}`)}`);
    expect(answer).toBe(`${CHALLENGE}REJECTED DBUS_COOKIE_SHA1\r\nERROR No data expected\r\n`);
  });

  test('rejects a client if it has no cookie itself, and returns the reason', async () => {
    const problem = new Error('the disk is full');
    for (const takeCookie of [() => { throw problem; }, async () => { throw problem; }]) {
      const { answer, refusal } = await answers(auth('1000'), { takeCookie });
      expect(answer).toBe('REJECTED DBUS_COOKIE_SHA1\r\n');
      expect(refusal).toBe(problem);
    }
  });
});

test('a client without the cookie continues with the next mechanism that the server offers', async () => {
  const client = new AuthClient({ mechanisms: [clientOf({ findCookie: () => ({ problem: 'none' }) }), anonymous()] });
  const server = new AuthServer({ guid: GUID, mechanisms: [serverOf(), anonymousServer()] });
  let toServer: Uint8Array | undefined = client.start();
  let done;
  while (toServer !== undefined) {
    let progress: ServerProgress = server.receive(toServer);
    if (progress.pending !== undefined) progress = await progress.pending;
    done = progress.done;
    toServer = progress.send && client.receive(progress.send).send;
  }
  expect(done).toMatchObject({ mechanism: 'ANONYMOUS', identity: undefined });
});
