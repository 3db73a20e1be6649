// What is said inside an authentication: the mechanisms EXTERNAL and ANONYMOUS, for either side, as plain data and
// functions. Each step names the one after it, so that no mechanism holds state and one object serves any number of
// connections. It must not know lines, commands or hex; those are the state machines'.
// Specification: Authentication mechanisms.
import { asciiBytes } from './command.js';
import { checkOptions, TEXT } from '../wire/options.js';
import { AuthError } from './errors.js';

/** A client's answer to a challenge: with `respond` CONTINUE(RESP) of the state diagram, without it OK(RESP). */
export interface ClientStep {
  readonly response: Uint8Array;
  readonly respond?: ClientResponder;
}

/** What a client answers to a challenge; undefined if the challenge makes no sense. ‹Client states› */
export type ClientResponder = (challenge: Uint8Array) => ClientStep | undefined;

/** One conversation that a client may open with one AUTH. */
export interface ClientExchange {
  /** In words, for errors: `EXTERNAL as user 1000`. */
  readonly description: string;
  /** Goes with AUTH. Absent, or empty: the server speaks first, if only with an empty challenge. ‹AUTH command› */
  readonly initialResponse?: Uint8Array;
  /** Answers the server's first challenge. Absent: none is expected, the answer to AUTH should be OK. */
  readonly respond?: ClientResponder;
}

/** A mechanism as a client uses it. ‹Authentication mechanisms› */
export interface ClientMechanism {
  readonly name: string;
  /** Ways to use it, tried in order while the server rejects. */
  readonly exchanges: readonly ClientExchange[];
}

const EMPTY = new Uint8Array(0);

/** "I am whoever the operating system says": AUTH EXTERNAL without initial response, then an empty DATA. */
const externalBySocket: ClientExchange = {
  description: 'EXTERNAL as the user whom the socket shows',
  respond: () => ({ response: EMPTY }),
};

/**
 * EXTERNAL for a client: the server asks the operating system who is at the other end of the socket. ‹EXTERNAL›
 * With `uid` (decimal user id, or a Windows SID) that identity is claimed first. If the server rejects it, or without
 * `uid`, none is claimed: in a user namespace, as in a rootless container, the id seen inside is not the one outside.
 * @throws {AuthError} `IDENTITY_INVALID` if `uid` is empty or not printable ASCII
 */
export function external(options: { readonly uid?: string | undefined } = {}): ClientMechanism {
  checkOptions('external', options, { uid: TEXT });
  const { uid } = options;
  if (uid === undefined) return { name: 'EXTERNAL', exchanges: [externalBySocket] };
  const byUid: ClientExchange = {
    description: `EXTERNAL as user ${uid}`,
    initialResponse: identityBytes(uid, 'a uid is decimal digits ("1000") or a Windows SID, at most 255 characters'),
  };
  return { name: 'EXTERNAL', exchanges: [byUid, externalBySocket] };
}

/**
 * ANONYMOUS for a client: no authentication at all, for connections other than to a bus. ‹ANONYMOUS›
 * `trace` is a text for the server's log, 1 to 255 characters.
 * @throws {AuthError} `IDENTITY_INVALID` if `trace` is empty, too long or not printable ASCII
 */
export function anonymous(options: { readonly trace?: string | undefined } = {}): ClientMechanism {
  checkOptions('anonymous', options, { trace: TEXT });
  const { trace = 'dbus-wire' } = options;
  const rule = 'the trace of ANONYMOUS is 1 to 255 printable ASCII characters';
  return { name: 'ANONYMOUS', exchanges: [{ description: 'ANONYMOUS', initialResponse: identityBytes(trace, rule) }] };
}

function identityBytes(text: string, rule: string): Uint8Array {
  if (!/^[ -~]{1,255}$/.test(text)) {
    throw new AuthError('IDENTITY_INVALID', `${JSON.stringify(text)} is not valid: ${rule}`);
  }
  return asciiBytes(text);
}

/** A server's answer to a response: CONTINUE(CHALL), OK or REJECTED of the state diagram. ‹Server states› */
export type ServerStep =
  | {
      readonly kind: 'challenge';
      readonly challenge: Uint8Array;
      readonly respond: (response: Uint8Array) => ServerStep;
    }
  | { readonly kind: 'ok'; readonly identity: string | undefined }
  | { readonly kind: 'rejected' };

/** A mechanism as a server uses it. ‹Authentication mechanisms› */
export interface ServerMechanism {
  readonly name: string;
  /** Answers AUTH; `initialResponse` is undefined where the client sent none. */
  readonly begin: (initialResponse: Uint8Array | undefined) => ServerStep;
}

/**
 * EXTERNAL for a server. ‹EXTERNAL› `check` is told the identity that the client claims, or undefined if it leaves that
 * to the operating system; it returns who the client is (decimal user id), or undefined to reject. Only the caller
 * can know: the credentials of a socket are out of reach of this layer. What `check` throws, the state machine throws.
 */
export function externalServer(check: (claimed: string | undefined) => string | undefined): ServerMechanism {
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

/** ANONYMOUS for a server: everyone is let in as nobody. Message buses should not offer it. ‹ANONYMOUS› */
export function anonymousServer(): ServerMechanism {
  return { name: 'ANONYMOUS', begin: () => ({ kind: 'ok', identity: undefined }) };
}
