// The error class of the authentication protocol and the codes an application may rely on: one code per cause.
// It knows no I/O: an end of file or a timeout is noticed elsewhere and told to the state machine, which names it here.
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
  // what a client meets ‹Client states›
  | 'REJECTED'
  | 'GUID_INVALID'
  | 'GUID_MISMATCH'
  | 'UNEXPECTED_COMMAND'
  | 'SERVER_CLOSED'
  | 'AUTH_TIMED_OUT'
  // what a server meets ‹Server states, Special credentials-passing nul byte›
  | 'NUL_BYTE_MISSING'
  | 'BEGIN_TOO_EARLY'
  | 'TOO_MANY_REJECTIONS'
  // what the caller got wrong
  | 'IDENTITY_INVALID'
  | 'MECHANISM_MISSING'
  | 'OUT_OF_TURN';

const CALLER_CODES: readonly AuthErrorCode[] = ['IDENTITY_INVALID', 'MECHANISM_MISSING', 'OUT_OF_TURN'];

/** What is known besides the code; a key is there only where it says something about the cause. */
export interface AuthErrorDetails {
  /** The line of the peer that was refused, without its end. */
  readonly line?: string;
  /** What the client sent AUTH for, in order, in words: `EXTERNAL as user 1000`. */
  readonly tried?: readonly string[];
  /** The mechanisms that the server listed; absent if it listed none. */
  readonly offered?: readonly string[];
}

/** A handshake that failed; nothing more can be said on its connection. ‹Authentication Protocol› */
export class AuthError extends DBusWireError {
  override readonly name = 'AuthError';
  /** The caller's for a state machine that was set up or used wrongly, the peer's for all else. */
  readonly fault: 'caller' | 'peer';
  readonly code: AuthErrorCode;
  /** The line of the peer that was refused, without its end. */
  readonly line: string | undefined;
  /** What the client sent AUTH for, in order, in words: `EXTERNAL as user 1000`. */
  readonly tried: readonly string[];
  /** The mechanisms that the server listed; undefined if it listed none. */
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
