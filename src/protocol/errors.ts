// The error classes for addresses, for match rules, and for the ERROR message of a peer.
// Specification: Server Addresses, Match Rules, Message Types (ERROR).
import { argumentError } from '../wire/arguments.js';
import { quote } from '../wire/describe.js';
import { DBusWireError, InvalidNameError } from '../wire/errors.js';
import { assertErrorName } from '../wire/names.js';
import { ANY, checkOptions, TEXT } from '../wire/options.js';

/** The mistake in an address, or the reason why an address cannot be used or was not found. ‹Server Addresses› */
export type AddressErrorCode =
  | 'ADDRESS_EMPTY'
  | 'TRANSPORT_INVALID'
  | 'KEY_INVALID'
  | 'KEY_DUPLICATE'
  | 'VALUE_EMPTY'
  | 'VALUE_NOT_ESCAPED'
  | 'VALUE_ESCAPE_INVALID'
  | 'VALUE_CONTAINS_NUL'
  | 'VALUE_NOT_UTF8'
  | 'GUID_INVALID'
  | 'TRANSPORT_NOT_SUPPORTED'
  | 'NOT_CONNECTABLE'
  | 'NOT_LISTENABLE'
  | 'SOCKET_NAME_TOO_LONG'
  | 'ABSTRACT_NOT_SUPPORTED'
  | 'SESSION_BUS_NOT_FOUND'
  | 'STARTER_BUS_NOT_FOUND';

/** The most characters of an address or of a rule that an error message shows. */
const MAX_SHOWN = 200;

/** An address that is not valid or cannot be used, or a bus that has no known address. ‹Server Addresses› */
export class AddressError extends DBusWireError {
  override readonly name = 'AddressError';
  readonly fault = 'caller';
  readonly code: AddressErrorCode;
  /** The text of the address; undefined if the address was not given as text. */
  readonly address: string | undefined;
  /** The index in `address` of the character that breaks the grammar; undefined if no single one does. */
  readonly offset: number | undefined;
  /** The message without the address. */
  readonly problem: string;

  constructor(code: AddressErrorCode, problem: string, at: { address?: string; offset?: number } = {}) {
    const place = at.offset === undefined ? '' : `offset ${at.offset} of `;
    super(at.address === undefined ? problem : `${problem} (${place}address ${quote(at.address, MAX_SHOWN)})`);
    this.code = code;
    this.address = at.address;
    this.offset = at.offset;
    this.problem = problem;
  }
}

/** Why a match rule is refused: it is not valid, or it is longer than the buses accept. */
export type MatchRuleErrorCode = 'MATCH_RULE_INVALID' | 'MATCH_RULE_TOO_LONG';

/** The details of a refused match rule. */
export interface MatchRuleErrorDetails extends ErrorOptions {
  readonly code?: MatchRuleErrorCode | undefined;
  /** The rule as text, if it was given as text. */
  readonly rule?: string | undefined;
  readonly offset?: number | undefined;
}

/** A match rule that a bus would refuse. ‹Match Rules› */
export class MatchRuleError extends DBusWireError {
  override readonly name = 'MatchRuleError';
  readonly fault = 'caller';
  readonly code: MatchRuleErrorCode;
  /** The rule as text; undefined if it was not given as text. */
  readonly rule: string | undefined;
  /** The index in `rule` at which the mistake starts; undefined if the rule was not given as text. */
  readonly offset: number | undefined;
  /** The message without the rule and the offset. */
  readonly problem: string;

  constructor(problem: string, details: MatchRuleErrorDetails = {}) {
    const { code = 'MATCH_RULE_INVALID', rule, offset, cause } = details;
    const place = rule === undefined ? '' : ` (offset ${offset} of match rule ${quote(rule, MAX_SHOWN)})`;
    super(`${problem}${place}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.rule = rule;
    this.offset = offset;
    this.problem = problem;
  }
}

/** The parts of an ERROR message besides its name and its text. */
export interface DBusErrorDetails extends ErrorOptions {
  /** The types of `body`. Default: `s`. */
  readonly signature?: string | undefined;
  /** The arguments of the error. Default: its text. */
  readonly body?: readonly unknown[] | undefined;
  /** The call that was answered so. */
  readonly call?: string | undefined;
}

// Signature and body are checked when the error is sent; an error that stays in this program needs neither.
const DETAILS_RULES = { signature: TEXT, body: ANY, cause: ANY, call: TEXT };

/** Refuses a name that breaks the grammar, with advice for a caller that passes the text first. */
function checkErrorName(name: unknown): void {
  try {
    assertErrorName(name as string); // it also refuses what is not a string
  } catch (error) {
    if (!(error instanceof InvalidNameError)) throw error;
    const { kind, value, rule } = error;
    throw new InvalidNameError(kind, value, `${rule} (the error name comes first, its text second)`);
  }
}

/**
 * An ERROR message: calls reject with it if the other program answers with an error, and handlers throw it to answer
 * with one. `message` is its text, or its name if it has no text. ‹Message Types›
 */
export class DBusError extends DBusWireError {
  override readonly name = 'DBusError';
  readonly fault = 'answer';
  /** The same for every ERROR message; `errorName` identifies the failure. */
  readonly code = 'ERROR_REPLY';
  /** The name of the ERROR message, such as `com.example.Error.NoTrack`. */
  readonly errorName: string;
  /** The types of `body`. */
  readonly signature: string;
  /** All arguments of the ERROR message. */
  readonly body: readonly unknown[];
  /**
   * The call that rejected with this error, such as `com.example.Player1.Play of /player at com.example.Player`;
   * undefined for an error of this program.
   */
  readonly call: string | undefined;

  /**
   * @throws {InvalidNameError} if `errorName` is not a valid error name: the error could not be sent
   * @throws {ArgumentError} if `message` is not a string, an option is unknown, or the value of one is not valid
   */
  constructor(errorName: string, message = '', details: DBusErrorDetails = {}) {
    checkErrorName(errorName);
    if (typeof message !== 'string') throw argumentError('DBusError', 'the message must be a string', message);
    checkOptions('DBusError', details, DETAILS_RULES);
    const { signature, body, cause, call } = details;
    super(message === '' ? errorName : message, cause === undefined ? undefined : { cause });
    this.errorName = errorName;
    this.signature = signature ?? 's';
    this.body = body ?? [message];
    this.call = call;
  }
}
