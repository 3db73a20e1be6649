// The mechanisms EXTERNAL and ANONYMOUS, for either side, as plain data and functions; cookie-sha1.ts has the third.
// Each step returns the next one, so that mechanisms have no state and one object serves any number of connections.
// Their data are bytes: client.ts and server.ts write and read them as hex, with command.ts.
// Tests: client.test.ts, server.test.ts.
// Specification: Authentication mechanisms.
import { argumentError, isArray, isBytes, isRecord } from '../wire/arguments.js';
import { quote } from '../wire/describe.js';
import { checkOptions, FUNCTION, type OptionRule, TEXT } from '../wire/options.js';
import { asciiBytes } from './command.js';
import { AuthError } from './errors.js';

/** A client's answer to a challenge: CONTINUE(RESP) of the state diagram with `respond`, OK(RESP) without it. */
export interface ClientStep {
  readonly response: Uint8Array;
  readonly respond?: ClientResponder;
}

/**
 * Answers a challenge. If it cannot, it returns undefined or the reason, which becomes part of the client's error.
 * ‹Client states›
 */
export type ClientResponder = (challenge: Uint8Array) => ClientStep | { readonly problem: string } | undefined;

/** One way to use a mechanism, begun with one AUTH. */
export interface ClientExchange {
  /** Words for errors, such as `EXTERNAL as user 1000`. */
  readonly description: string;
  /** Sent with AUTH. If it is absent or empty, the server first sends a challenge. ‹AUTH command› */
  readonly initialResponse?: Uint8Array;
  /** Answers the first challenge. If it is absent, the server must answer AUTH with OK. */
  readonly respond?: ClientResponder;
}

/** The client's side of a mechanism. ‹Authentication mechanisms› */
export interface ClientMechanism {
  readonly name: string;
  /** The ways to use it, in the order in which they are tried. */
  readonly exchanges: readonly ClientExchange[];
}

/** The mechanisms of this library. ‹Authentication mechanisms› */
export type MechanismName = 'EXTERNAL' | 'DBUS_COOKIE_SHA1' | 'ANONYMOUS';

const MECHANISM_NAMES: readonly unknown[] = ['EXTERNAL', 'DBUS_COOKIE_SHA1', 'ANONYMOUS'] satisfies MechanismName[];

/** The rule for an option that lists mechanisms. */
export const MECHANISM_LIST: OptionRule = {
  must: `an array of one or more of ${MECHANISM_NAMES.join(', ')}`,
  accepts: (value) =>
    isArray(value) && value.length > 0 && value.every((name) => MECHANISM_NAMES.includes(name)),
};

const isUndefinedOr = (accepts: (value: unknown) => boolean, value: unknown): boolean => (
  value === undefined || accepts(value)
);

function isClientExchange(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { description, initialResponse, respond } = value;
  return typeof description === 'string' && isUndefinedOr(isBytes, initialResponse)
    && isUndefinedOr(FUNCTION.accepts, respond);
}

function isClientMechanism(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { name, exchanges } = value;
  return typeof name === 'string' && isArray(exchanges) && Array.from(exchanges).every(isClientExchange);
}

/** The rule for the mechanisms of a client. */
export const CLIENT_MECHANISMS: OptionRule = {
  must: 'an array of mechanisms, such as external() returns',
  accepts: (value) => isArray(value) && Array.from(value).every(isClientMechanism),
};

function isServerMechanism(value: unknown): boolean {
  return isRecord(value) && typeof value['name'] === 'string' && FUNCTION.accepts(value['begin']);
}

/** The rule for the mechanisms of a server. */
export const SERVER_MECHANISMS: OptionRule = {
  must: 'an array of mechanisms, such as externalServer() returns',
  accepts: (value) => isArray(value) && Array.from(value).every(isServerMechanism),
};

const EMPTY = new Uint8Array(0);

const UID_RULE = 'a uid must be decimal digits ("1000") or a Windows SID, at most 255 characters';

/** Claims no identity, so that the socket alone decides: AUTH EXTERNAL without a response, then an empty DATA. */
const externalBySocket: ClientExchange = {
  description: 'EXTERNAL as the user of the socket',
  respond: () => ({ response: EMPTY }),
};

/**
 * EXTERNAL for a client: the server asks the operating system which user has the other end of the socket. ‹EXTERNAL›
 * The client first claims `uid` (a decimal user id, or a Windows SID). If the server rejects that, or if `uid` is left
 * out, it claims no identity: in a user namespace, such as a rootless container, a user's id differs from that outside.
 * @throws {AuthError} `IDENTITY_INVALID` if `uid` is empty, too long or not printable ASCII
 */
export function external(options: { readonly uid?: string | undefined } = {}): ClientMechanism {
  checkOptions('external', options, { uid: TEXT });
  const { uid } = options;
  if (uid === undefined) return { name: 'EXTERNAL', exchanges: [externalBySocket] };
  const byUid: ClientExchange = {
    description: `EXTERNAL as user ${uid}`,
    initialResponse: identityBytes(uid, UID_RULE),
  };
  return { name: 'EXTERNAL', exchanges: [byUid, externalBySocket] };
}

/**
 * ANONYMOUS for a client: no authentication, for connections that are not to a bus. ‹ANONYMOUS›
 * `trace` is a text for the server's log, 1 to 255 characters. Default: `dbus-wire`.
 * @throws {AuthError} `IDENTITY_INVALID` if `trace` is empty, too long or not printable ASCII
 */
export function anonymous(options: { readonly trace?: string | undefined } = {}): ClientMechanism {
  checkOptions('anonymous', options, { trace: TEXT });
  const { trace = 'dbus-wire' } = options;
  const rule = 'the trace of ANONYMOUS must be 1 to 255 printable ASCII characters';
  return { name: 'ANONYMOUS', exchanges: [{ description: 'ANONYMOUS', initialResponse: identityBytes(trace, rule) }] };
}

/** An identity or a trace as bytes. @throws {AuthError} `IDENTITY_INVALID` if AUTH cannot carry it */
export function identityBytes(text: string, rule: string): Uint8Array {
  if (!/^[ -~]{1,255}$/.test(text)) {
    throw new AuthError('IDENTITY_INVALID', `${quote(text, 40)} is not valid: ${rule}`);
  }
  return asciiBytes(text);
}

/** The server's answer to a response: CONTINUE(CHALL), OK or REJECTED of the state diagram. ‹Server states› */
export type ServerStep =
  | {
      readonly kind: 'challenge';
      readonly challenge: Uint8Array;
      readonly respond: (response: Uint8Array) => ServerStep | Promise<ServerStep>;
    }
  | { readonly kind: 'ok'; readonly identity: string | undefined }
  /** `cause` is the reason, if it is an error of this side. */
  | { readonly kind: 'rejected'; readonly cause?: unknown };

/** The server's side of a mechanism. ‹Authentication mechanisms› */
export interface ServerMechanism {
  readonly name: string;
  /**
   * Answers AUTH; `initialResponse` is undefined if the client has sent none. A promise delays the answer; it must not
   * reject because of the client.
   */
  readonly begin: (initialResponse: Uint8Array | undefined) => ServerStep | Promise<ServerStep>;
}

/**
 * EXTERNAL for a server. ‹EXTERNAL› `check` gets the identity that the client claims, or undefined if the client claims
 * none; it returns the identity of the client (a decimal user id), or undefined to reject it. The caller supplies it
 * since this layer cannot read the credentials of a socket. The state machine throws the errors of `check`.
 * @throws {ArgumentError} if `check` is not a function
 */
export function externalServer(check: (claimed: string | undefined) => string | undefined): ServerMechanism {
  if (!FUNCTION.accepts(check)) throw argumentError('externalServer', 'the check must be a function', check);
  const decide = (response: Uint8Array): ServerStep => {
    if (response.some((byte) => byte < 0x20 || byte > 0x7e)) return { kind: 'rejected' };
    const identity = check(response.length === 0 ? undefined : String.fromCharCode(...response));
    return identity === undefined ? { kind: 'rejected' } : { kind: 'ok', identity };
  };
  return {
    name: 'EXTERNAL',
    begin: (response) =>
      response === undefined ? { kind: 'challenge', challenge: EMPTY, respond: decide } : decide(response),
  };
}

/** ANONYMOUS for a server: accepts every client, without an identity. Message buses should not offer it. ‹ANONYMOUS› */
export function anonymousServer(): ServerMechanism {
  return { name: 'ANONYMOUS', begin: () => ({ kind: 'ok', identity: undefined }) };
}
