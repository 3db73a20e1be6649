// The error classes of the interface layer: a mistake in a definition or its implementation, and introspection data of
// another program that cannot be read. Mistakes in names and signatures are the wire layer's errors, here as well.
import { DBusWireError } from '../wire/errors.js';

/** What is wrong with an interface definition, with an implementation of one, or with a use of it. */
export type DefinitionErrorCode =
  | 'SPEC_INVALID'
  | 'ARGUMENT_NAMES_INVALID'
  | 'OPTIONAL_INVALID'
  | 'NO_REPLY_WITH_RESULT'
  | 'HANDLER_MISSING'
  | 'HANDLER_UNKNOWN'
  | 'SIGNAL_UNKNOWN'
  | 'PROPERTY_UNKNOWN'
  | 'PROPERTY_DOES_NOT_SIGNAL';

/** An interface was defined, implemented or used in a way that cannot be meant; thrown at once, where it happened. */
export class DefinitionError extends DBusWireError {
  override readonly name = 'DefinitionError';
  readonly fault = 'caller';
  readonly code: DefinitionErrorCode;
  /** The interface, as far as it has a name. */
  readonly interface: string;
  /** The method, property or signal; undefined where the interface as a whole is concerned. */
  readonly member: string | undefined;

  constructor(code: DefinitionErrorCode, problem: string, at: { interface: string; member?: string | undefined }) {
    super(`${at.interface}${at.member === undefined ? '' : `.${at.member}`}: ${problem}`);
    this.code = code;
    this.interface = at.interface;
    this.member = at.member;
  }
}

/** What is wrong with a text that was to be introspection data. */
export type IntrospectionErrorCode =
  // limits
  | 'TOO_LONG'
  | 'TOO_DEEP'
  // XML
  | 'CHARACTER_INVALID'
  | 'NOT_TERMINATED'
  | 'MARKUP_INVALID'
  | 'NAME_INVALID'
  | 'ATTRIBUTE_INVALID'
  | 'ATTRIBUTE_DUPLICATE'
  | 'ENTITY_INVALID'
  | 'TAG_MISMATCH'
  | 'TEXT_OUTSIDE'
  // the introspection format
  | 'ROOT_INVALID'
  | 'ATTRIBUTE_MISSING'
  | 'VALUE_INVALID'
  | 'TYPE_INVALID';

/** A text that is not introspection data, or goes beyond a limit. ‹Introspection Data Format› */
export class IntrospectionError extends DBusWireError {
  override readonly name = 'IntrospectionError';
  readonly fault = 'peer';
  readonly code: IntrospectionErrorCode;
  /** Where in the text, in UTF-16 code units from 0. */
  readonly offset: number;
  /** The line of it, from 1. */
  readonly line: number;

  constructor(
    code: IntrospectionErrorCode,
    problem: string,
    at: { offset: number; line: number },
    options?: ErrorOptions,
  ) {
    super(`${problem} (line ${at.line}, offset ${at.offset})`, options);
    this.code = code;
    this.offset = at.offset;
    this.line = at.line;
  }
}
