// The mechanism DBUS_COOKIE_SHA1, for either side: the client proves that it can read a file of the server's user. The
// keyring, SHA-1 and random text come in as functions, so that this layer does not depend on Node; transport/ has them.
// Tests: cookie-sha1.test.ts. Specification: DBUS_COOKIE_SHA1.
import { checkRequiredOptions, FUNCTION, type OptionRules, TEXT, TEXTS } from '../wire/options.js';
import { asciiBytes, quote } from './command.js';
import {
  type ClientMechanism, type ClientResponder, identityBytes, type ServerMechanism, type ServerStep,
} from './mechanisms.js';

/** One line of a cookie file. ‹DBUS_COOKIE_SHA1› */
export interface Cookie {
  /** The name of the file, such as `org_freedesktop_general`. */
  readonly context: string;
  /** Decimal digits. */
  readonly id: string;
  /** The hex text of the file, which is used as it is. */
  readonly secret: string;
}

/** The functions that the mechanism needs on either side. */
export interface CookieHashing {
  /** The SHA-1 of an ASCII text, as 40 hex digits in lower case. */
  readonly sha1: (text: string) => string;
  /** A new random text of letters and digits, such as 32 hex digits. */
  readonly challenge: () => string;
}

/** How a client uses DBUS_COOKIE_SHA1. */
export interface CookieSha1Options extends CookieHashing {
  /** The user whose keyring the client can read: a decimal user id, or a name. */
  readonly uid: string;
  /**
   * The secret of a cookie, or an object that says why the cookie was not found. The context is valid, and the id is
   * decimal digits.
   */
  readonly findCookie: (context: string, id: string) => string | { readonly problem: string };
}

/** How a server offers DBUS_COOKIE_SHA1. */
export interface CookieSha1ServerOptions extends CookieHashing {
  /** The user whose keyring the server writes, a decimal user id: the identity of a client that is accepted. */
  readonly uid: string;
  /** Other names of the user that a client may give, such as its login name. */
  readonly names?: readonly string[] | undefined;
  /** A cookie that is in the keyring, and that a client accepts. */
  readonly takeCookie: () => Cookie | Promise<Cookie>;
}

const CLIENT_RULES: OptionRules<CookieSha1Options> = {
  uid: TEXT, findCookie: FUNCTION, sha1: FUNCTION, challenge: FUNCTION,
};
const SERVER_RULES: OptionRules<CookieSha1ServerOptions> = {
  uid: TEXT, names: TEXTS, takeCookie: FUNCTION, sha1: FUNCTION, challenge: FUNCTION,
};

const rejected = (cause: unknown): ServerStep => ({ kind: 'rejected', cause });

const NAME = 'DBUS_COOKIE_SHA1';
const EMPTY = new Uint8Array(0);

/** Whether a text can be a context, which becomes the name of a file. ‹DBUS_COOKIE_SHA1› */
export function isCookieContext(text: string): boolean {
  return /^[!-~]{1,255}$/.test(text) && !/[/\\.]/.test(text);
}

/**
 * DBUS_COOKIE_SHA1 for a client. ‹DBUS_COOKIE_SHA1›
 * @throws {AuthError} `IDENTITY_INVALID` if `uid` is empty, too long or not printable ASCII
 * @throws {ArgumentError} if an option is missing or not valid
 */
export function cookieSha1(options: CookieSha1Options): ClientMechanism {
  checkRequiredOptions('cookieSha1', options, CLIENT_RULES, ['uid', 'findCookie', 'sha1', 'challenge']);
  const { uid, findCookie, sha1, challenge } = options;
  const respond: ClientResponder = (received) => {
    const [context = '', id = '', serverChallenge, ...excess] = textOf(received).split(' ');
    if (serverChallenge === undefined || serverChallenge === '' || excess.length > 0) {
      return { problem: 'the challenge is not a context, an id and a text' };
    }
    if (!isCookieContext(context)) return { problem: `${quote(context)} is not the name of a context` };
    if (!/^\d{1,20}$/.test(id)) return { problem: `${quote(id)} is not the id of a cookie` };
    const secret = findCookie(context, id);
    if (typeof secret !== 'string') return secret;
    const clientChallenge = challenge();
    const proof = sha1(`${serverChallenge}:${clientChallenge}:${secret}`);
    return { response: asciiBytes(`${clientChallenge} ${proof}`) };
  };
  const rule = 'a user must be decimal digits ("1000") or a name, at most 255 characters';
  const initialResponse = identityBytes(uid, rule);
  return { name: NAME, exchanges: [{ description: `${NAME} as user ${uid}`, initialResponse, respond }] };
}

/**
 * DBUS_COOKIE_SHA1 for a server: accepts a client that can read the keyring of the server's user. ‹DBUS_COOKIE_SHA1›
 * If `takeCookie` fails, the client is rejected, and may try another mechanism.
 * @throws {ArgumentError} if an option is missing or not valid
 */
export function cookieSha1Server(options: CookieSha1ServerOptions): ServerMechanism {
  checkRequiredOptions('cookieSha1Server', options, SERVER_RULES, ['uid', 'takeCookie', 'sha1', 'challenge']);
  const { uid, names = [], takeCookie, sha1, challenge } = options;
  const ask = (user: string): ServerStep | Promise<ServerStep> => {
    if (user !== uid && !names.includes(user)) return { kind: 'rejected' };
    try {
      const cookie = takeCookie();
      if ('secret' in cookie) return challengeFor(cookie);
      return Promise.resolve(cookie).then(challengeFor).catch(rejected);
    } catch (error) {
      return rejected(error);
    }
  };
  const challengeFor = ({ context, id, secret }: Cookie): ServerStep => {
    const serverChallenge = challenge();
    return {
      kind: 'challenge',
      challenge: asciiBytes(`${context} ${id} ${serverChallenge}`),
      respond: (response: Uint8Array) => {
        const [clientChallenge = '', proof = '', ...excess] = textOf(response).split(' ');
        const isRight = equalTexts(proof, sha1(`${serverChallenge}:${clientChallenge}:${secret}`));
        if (!isRight || clientChallenge === '' || excess.length > 0) return { kind: 'rejected' };
        return { kind: 'ok', identity: uid };
      },
    };
  };
  return {
    name: NAME,
    begin: (response) =>
      response === undefined
        ? { kind: 'challenge', challenge: EMPTY, respond: (user) => ask(textOf(user)) }
        : ask(textOf(response)),
  };
}

/** Bytes as text; empty if one of them is not printable ASCII or a space. */
function textOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    if (byte < 0x20 || byte > 0x7e) return '';
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Compares two texts in a time that does not depend on the position of the first difference. */
function equalTexts(given: string, expected: string): boolean {
  let difference = given.length ^ expected.length;
  for (let i = 0; i < expected.length; i++) difference |= given.charCodeAt(i) ^ expected.charCodeAt(i);
  return difference === 0;
}
