// The base class of every error of this package, the error classes of the wire layer, and their stable codes.
// The classes divide by whose fault it is: the caller's (ArgumentError, SignatureError, InvalidNameError, MarshalError)
// or the peer's (UnmarshalError). It does not know which code throws them.
// Tests: error-codes.test.ts, test/errors.test.ts.
import { MAX_NAME_LENGTH, MAX_SIGNATURE_LENGTH } from './constants.js';
import { describe, quote } from './describe.js';

/** The rule of the grammar that a signature breaks. ‹Valid Signatures› */
export type SignatureErrorCode =
  | 'SIGNATURE_TOO_LONG'
  | 'SIGNATURE_UNKNOWN_TYPE_CODE'
  | 'SIGNATURE_ARRAY_ELEMENT_MISSING'
  | 'SIGNATURE_ARRAY_TOO_DEEP'
  | 'SIGNATURE_STRUCT_EMPTY'
  | 'SIGNATURE_STRUCT_NOT_CLOSED'
  | 'SIGNATURE_STRUCT_NOT_OPENED'
  | 'SIGNATURE_STRUCT_TOO_DEEP'
  | 'SIGNATURE_DICT_ENTRY_OUTSIDE_ARRAY'
  | 'SIGNATURE_DICT_ENTRY_KEY_NOT_BASIC'
  | 'SIGNATURE_DICT_ENTRY_FIELD_COUNT'
  | 'SIGNATURE_DICT_ENTRY_NOT_CLOSED'
  | 'SIGNATURE_DICT_ENTRY_NOT_OPENED'
  | 'SIGNATURE_DICT_ENTRY_TOO_DEEP'
  | 'SIGNATURE_NOT_SINGLE';

/** The limit of this library that received values exceed. The specification has no such limits. */
export type ReceiverLimitCode =
  // The option `maxValues`
  | 'TOO_MANY_VALUES'
  // A large dict whose keys are chosen so that finding one takes as long as comparing it with all others
  | 'DICT_KEYS_COLLIDE';

/** The rule of the specification, or the limit of the receiver, that received bytes break. */
export type UnmarshalErrorCode =
  // The fixed part of the header ‹Message Format›
  | 'BYTE_ORDER_INVALID'
  | 'MESSAGE_TYPE_INVALID'
  | 'VERSION_UNSUPPORTED'
  | 'SERIAL_ZERO'
  | 'FIELDS_TOO_LONG'
  | 'MESSAGE_TOO_LONG'
  | 'MESSAGE_TRUNCATED'
  | 'MESSAGE_EXCESS'
  // Header fields ‹Header Fields›
  | 'FIELD_CODE_INVALID'
  | 'FIELD_TYPE_MISMATCH'
  | 'FIELD_DUPLICATE'
  | 'FIELD_MISSING'
  | 'REPLY_SERIAL_ZERO'
  | 'PATH_RESERVED'
  | 'INTERFACE_RESERVED'
  | 'INTERFACE_INVALID'
  | 'MEMBER_INVALID'
  | 'ERROR_NAME_INVALID'
  | 'DESTINATION_INVALID'
  | 'SENDER_INVALID'
  // Values, in the header and in the body ‹Marshaling (Wire Format)›
  | 'VALUE_TRUNCATED'
  | 'BODY_EXCESS'
  | 'BODY_WITHOUT_SIGNATURE'
  | 'PADDING_NOT_ZERO'
  | 'BOOLEAN_INVALID'
  | 'STRING_LENGTH_OUT_OF_BOUNDS'
  | 'STRING_NOT_TERMINATED'
  | 'STRING_CONTAINS_NUL'
  | 'STRING_NOT_UTF8'
  | 'OBJECT_PATH_INVALID'
  | 'ARRAY_TOO_LONG'
  | 'ARRAY_LENGTH_OUT_OF_BOUNDS'
  | 'ARRAY_LENGTH_MISMATCH'
  | 'VALUE_TOO_DEEP'
  | 'VARIANT_SIGNATURE_EMPTY'
  | ReceiverLimitCode
  | SignatureErrorCode;

/**
 * Whose fault an error is, and so what to do about it:
 * - `caller`: the program passes something that is not valid. Fix the program, or its input.
 * - `peer`: the other side breaks the specification.
 * - `link`: there is no connection, it has ended, or a reply is late. Trying again later can help.
 * - `answer`: the other side, or the bus, refuses what it was asked for.
 */
export type ErrorFault = 'caller' | 'peer' | 'link' | 'answer';

/** The base of every error that this package defines. `message` is for people and may change. */
export abstract class DBusWireError extends Error {
  /** Identifies the kind of failure; a code never changes its meaning. */
  abstract readonly code: string;
  /** Whose fault it is. */
  abstract readonly fault: ErrorFault;
}

/** The mistake in an argument or an option of a function of this package. */
export type ArgumentErrorCode =
  /** The function has no option of this name. */
  | 'OPTION_UNKNOWN'
  /** The value of an option is of the wrong kind, or out of range. */
  | 'OPTION_INVALID'
  /** An argument is of the wrong kind, or the options are not an object. */
  | 'ARGUMENT_INVALID';

/** The caller's fault: an argument or an option that a function of this package does not accept. Nothing was done. */
export class ArgumentError extends DBusWireError {
  override readonly name = 'ArgumentError';
  readonly fault = 'caller';
  readonly code: ArgumentErrorCode;
  /** The function or class that was called, such as `encodeMessage`. */
  readonly owner: string;
  /** The key of the option; undefined if the error is not about one option. */
  readonly key: string | undefined;

  constructor(code: ArgumentErrorCode, problem: string, at: { readonly owner: string; readonly key?: string }) {
    super(`${at.owner}: ${problem}`);
    this.code = code;
    this.owner = at.owner;
    this.key = at.key;
  }
}

/** The interface, member and argument of a rejected value, as far as they are known. */
export interface ErrorPlace {
  readonly interface?: string | undefined;
  /** A method, signal or property of the interface. */
  readonly member?: string | undefined;
  /** The names of the arguments by index, `''` for an argument without a name. */
  readonly argumentNames?: readonly string[] | undefined;
  /** Whether these are the arguments of a call or a signal, of the reply to a call, or of an error. */
  readonly role?: 'argument' | 'out-argument' | 'error-argument' | undefined;
  /** The type of the property, if the rejected value is the value of a property. */
  readonly propertyType?: string | undefined;
}

/** The start of an error text, such as `com.example.Counter1.Add: `; empty if neither name is known. */
function prefixOf({ interface: interfaceName, member }: ErrorPlace): string {
  const name = [interfaceName, member].filter((part) => part !== undefined).join('.');
  return name === '' ? '' : `${name.length > MAX_NAME_LENGTH * 2 ? `${name.slice(0, MAX_NAME_LENGTH * 2)}…` : name}: `;
}

/** The caller's fault: a signature that breaks the grammar or exceeds a limit. ‹Valid Signatures› */
export class SignatureError extends DBusWireError {
  override readonly name = 'SignatureError';
  readonly fault = 'caller';
  readonly code: SignatureErrorCode;
  /** The whole signature that was refused. */
  readonly signature: string;
  /** Index of the character that breaks the rule, from 0. */
  readonly offset: number;
  /** The broken rule, without the place. */
  readonly problem: string;
  /** The interface that has the signature, if the error is about a definition. */
  readonly interface: string | undefined;
  /** The member that has the signature, if the error is about a definition. */
  readonly member: string | undefined;

  constructor(
    code: SignatureErrorCode,
    problem: string,
    at: { readonly signature: string; readonly offset: number },
    place: ErrorPlace = {},
  ) {
    const { signature, offset } = at;
    super(`${prefixOf(place)}${problem} (at offset ${offset} of signature ${quote(signature, MAX_SIGNATURE_LENGTH)})`);
    this.code = code;
    this.signature = signature;
    this.offset = offset;
    this.problem = problem;
    this.interface = place.interface;
    this.member = place.member;
  }
}

/** The kinds of names that are checked. ‹Valid Names, Valid Object Paths› */
export type NameKind =
  | 'object path' | 'path element' | 'interface name' | 'member name' | 'error name' | 'bus name' | 'property name';

/** The caller's fault: a name or an object path that breaks its grammar. ‹Valid Names, Valid Object Paths› */
export class InvalidNameError extends DBusWireError {
  override readonly name = 'InvalidNameError';
  readonly fault = 'caller';
  readonly code = 'NAME_INVALID';
  /** The kind of name that was expected. */
  readonly kind: NameKind;
  /** The value that was refused. */
  readonly value: unknown;
  /** The grammar in words: it completes "a valid name must …". */
  readonly rule: string;
  /** The header field that the value was for, such as `header.DESTINATION`; empty if it was not for a message. */
  readonly path: string;
  /** The interface of the message or definition, if there is one. */
  readonly interface: string | undefined;
  /** The member of the message or definition, if there is one. */
  readonly member: string | undefined;

  constructor(
    kind: NameKind,
    value: unknown,
    rule: string,
    at: ErrorPlace & { readonly path?: string | undefined } = {},
  ) {
    const { path = '' } = at;
    const field = path === '' ? '' : `${path}: `;
    super(`${prefixOf(at)}${field}${describe(value)} is not a valid ${kind}: it must ${rule}`);
    this.kind = kind;
    this.value = value;
    this.rule = rule;
    this.path = path;
    this.interface = at.interface;
    this.member = at.member;
  }
}

/** The rule that a value or a message to be written breaks. */
export type MarshalErrorCode =
  | 'VALUE_TYPE_MISMATCH'
  | 'VALUE_OUT_OF_RANGE'
  | 'VALUE_COUNT_MISMATCH'
  | 'VALUE_TOO_DEEP'
  | 'STRING_CONTAINS_NUL'
  | 'STRING_NOT_WELL_FORMED'
  | 'OBJECT_PATH_INVALID'
  | 'SIGNATURE_INVALID'
  | 'ARRAY_TOO_LONG'
  | 'MESSAGE_TOO_LONG'
  | 'FIELD_MISSING'
  | 'FIELD_INVALID'
  | 'UNIX_FD_NOT_SENDABLE';

/**
 * The caller's fault: a value that does not fit its signature, or a message that no bus accepts. It is thrown before
 * anything is sent.
 */
export class MarshalError extends DBusWireError {
  override readonly name = 'MarshalError';
  readonly fault = 'caller';
  readonly code: MarshalErrorCode;
  /** The signature of the whole body, or of the value if it belongs to no body; empty for the header's own fields. */
  readonly signature: string;
  /** The position of the value, such as `body[2]["k"][3]` or `header.MEMBER`. */
  readonly path: string;
  /** The error, without the place. */
  readonly problem: string;
  /** The interface of the message, if there is one. */
  readonly interface: string | undefined;
  /** The method, signal or property that the value was for, if it is known. */
  readonly member: string | undefined;
  /** The index of the argument that has the value; undefined if the error concerns no single argument. */
  readonly argument: number | undefined;
  /** The name of that argument, if an interface definition has one. */
  readonly argumentName: string | undefined;

  constructor(
    code: MarshalErrorCode,
    problem: string,
    at: { readonly signature: string; readonly path: string },
    { place = {}, cause }: { readonly place?: ErrorPlace; readonly cause?: unknown } = {},
  ) {
    const [, index, rest] = /^body\[(\d+)\]([^]*)$/.exec(at.path) ?? [];
    const argument = index === undefined || place.propertyType !== undefined ? undefined : Number(index);
    // An empty name counts as no name.
    const argumentName = argument === undefined ? undefined : place.argumentNames?.[argument] || undefined;
    const prefix = prefixOf(place);
    let where = at.path;
    if (place.propertyType !== undefined && index !== undefined) {
      where = `value of type "${place.propertyType}"${rest === undefined || rest === '' ? '' : ` at ${rest}`}`;
    } else if (prefix !== '' && argument !== undefined) {
      where = `${place.role ?? 'argument'} ${argument}`;
      if (argumentName !== undefined) where += ` (${argumentName})`;
      if (rest !== '') where += ` at ${rest}`;
    }
    super(`${prefix}${where}: ${problem}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.signature = at.signature;
    this.path = at.path;
    this.problem = problem;
    this.interface = place.interface;
    this.member = place.member;
    this.argument = argument;
    this.argumentName = argumentName;
  }
}

/** The peer's fault: received bytes that break the specification, or exceed a limit of the receiver. */
export class UnmarshalError extends DBusWireError {
  override readonly name = 'UnmarshalError';
  readonly fault = 'peer';
  readonly code: UnmarshalErrorCode;
  /** Offset of the byte that breaks the rule, from the start of the message. */
  readonly offset: number;
  /** The position of the value, such as `body[2]["k"][3]` or `header.MEMBER`; empty if the error concerns no value. */
  readonly path: string;

  constructor(
    code: UnmarshalErrorCode,
    problem: string,
    at: { offset: number; path?: string | undefined },
    options?: ErrorOptions,
  ) {
    const path = at.path ?? '';
    super(`${path === '' ? '' : `${path}: `}${problem} (at byte ${at.offset})`, options);
    this.code = code;
    this.offset = at.offset;
    this.path = path;
  }
}
