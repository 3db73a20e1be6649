// The error class of the authentication protocol and the codes an application may rely on: one code per cause.
// It knows no I/O: the owner of the state machine reports an end of the stream or a timeout.
// Specification: Authentication Protocol.
import { DBusWireError } from '../wire/errors.js';

/** Why a handshake failed. ‹Authentication Protocol› */
export type AuthErrorCode =
  // a line of the peer ‹Protocol Overview›
  | 'LINE_TOO_LONG'
  | 'LINE_CONTAINS_NUL'
  | 'LINE_NOT_ASCII'
  | 'LINE_END_INVALID'
  | 'TOO_MANY_LINES'
  // errors of a client ‹Client states›
  | 'REJECTED'
  | 'GUID_INVALID'
  | 'GUID_MISMATCH'
  | 'UNEXPECTED_COMMAND'
  | 'SERVER_CLOSED'
  | 'AUTH_TIMED_OUT'
  // errors of a server ‹Server states, Special credentials-passing nul byte›
  | 'CLIENT_CLOSED'
  | 'NUL_BYTE_MISSING'
  | 'BEGIN_TOO_EARLY'
  | 'TOO_MANY_REJECTIONS'
  // mistakes of the caller
  | 'IDENTITY_INVALID'
  | 'MECHANISM_MISSING'
  | 'OUT_OF_TURN';

const CALLER_CODES: readonly AuthErrorCode[] = ['IDENTITY_INVALID', 'MECHANISM_MISSING', 'OUT_OF_TURN'];

/** Details of an error; a key is left out if it does not help to find the cause. */
export interface AuthErrorDetails {
  /** The line of the peer that was not accepted, without its end. */
  readonly line?: string;
  /** The exchanges that the client has tried, in order, such as `EXTERNAL as user 1000`. */
  readonly tried?: readonly string[];
  /** The mechanisms that the server offers; absent if it has sent no list. */
  readonly offered?: readonly string[];
}

/** A handshake has failed; its connection can no longer be used. ‹Authentication Protocol› */
export class AuthError extends DBusWireError {
  override readonly name = 'AuthError';
  /** `caller` if the state machine was set up or used wrongly, otherwise `peer`. */
  readonly fault: 'caller' | 'peer';
  readonly code: AuthErrorCode;
  /** The line of the peer that was not accepted, without its end. */
  readonly line: string | undefined;
  /** The exchanges that the client has tried, in order, such as `EXTERNAL as user 1000`. */
  readonly tried: readonly string[];
  /** The mechanisms that the server offers; undefined if it has sent no list. */
  readonly offered: readonly string[] | undefined;

  constructor(code: AuthErrorCode, problem: string, details: AuthErrorDetails = {}) {
    super(problem);
    this.code = code;
    this.fault = CALLER_CODES.includes(code) ? 'caller' : 'peer';
    this.line = details.line;
    this.tried = details.tried ?? [];
    this.offered = details.offered;
  }
}
