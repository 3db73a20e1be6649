// The error classes of the interface layer: a mistake in a definition, in its implementation or in the use of either,
// and introspection data of another program that cannot be read. Tests: define.test.ts, implement.test.ts,
// parse-introspection.test.ts.
import { argumentError } from '../wire/arguments.js';
import { MAX_NAME_LENGTH } from '../wire/constants.js';
import { quote } from '../wire/describe.js';
import { type Caller, stackOfCaller } from '../wire/error-place.js';
import { type ArgumentError, DBusWireError, type SignatureErrorCode } from '../wire/errors.js';
import type { InterfaceDefinition } from './definition.js';

/** The mistake in an interface definition, in an implementation of one, or in the use of either. */
export type DefinitionErrorCode =
  /** The name of the interface or of a member breaks its grammar; `cause` is an InvalidNameError. */
  | 'NAME_INVALID'
  /** A part of the specification is of the wrong kind, or has an unknown key. */
  | 'SPEC_INVALID'
  /** The names of arguments are not text, are too many or too few, or are repeated. */
  | 'ARGUMENT_NAMES_INVALID'
  /** `optional` is not an integer from 0 to the number of in-arguments. */
  | 'OPTIONAL_INVALID'
  /** A method without a reply has out-arguments. */
  | 'NO_REPLY_WITH_RESULT'
  /** A handler is not a function, or a group of handlers is not an object or has an unknown key. */
  | 'HANDLER_INVALID'
  /** A method has no handler, or a property lacks a `get` or `set` that its access requires. */
  | 'HANDLER_MISSING'
  /** There is a handler for a member that the interface does not have, or that the property's access excludes. */
  | 'HANDLER_UNKNOWN'
  /** The interface has no signal of this name. */
  | 'SIGNAL_UNKNOWN'
  /** The interface has no property of this name. */
  | 'PROPERTY_UNKNOWN'
  /** Changes of the property are not announced. */
  | 'PROPERTY_DOES_NOT_SIGNAL'
  /** The property has `get` or `set`, or an accessor that lacks the one that reading or assigning needs. */
  | 'PROPERTY_NOT_STORED'
  /** A signature breaks this rule; `cause` is a SignatureError. */
  | SignatureErrorCode;

/** The caller's fault: a mistake in a definition, in its implementation, or in the use of either. Nothing was done. */
export class DefinitionError extends DBusWireError {
  override readonly name = 'DefinitionError';
  readonly fault = 'caller';
  readonly code: DefinitionErrorCode;
  /** The name of the interface; undefined if it has no valid name. */
  readonly interface: string | undefined;
  /** The name of the method, property or signal; undefined if the error is not about one member. */
  readonly member: string | undefined;

  constructor(
    code: DefinitionErrorCode,
    problem: string,
    at: { readonly interface: string | undefined; readonly member?: string | undefined },
    options?: ErrorOptions,
  ) {
    super(`${labelOf(at.interface, at.member)}: ${problem}`, options);
    this.code = code;
    this.interface = at.interface;
    this.member = at.member;
  }
}

/** The start of an error text, such as `com.example.Counter1.Add`. */
function labelOf(interfaceName = 'defineInterface', member?: string): string {
  if (member === undefined) return interfaceName;
  return `${interfaceName}.${textOfName(member)}`;
}

/** The name of a member in an error text: in quotes unless it is one word. Names of properties need not be. */
export function textOfName(name: string): string {
  return name.length <= MAX_NAME_LENGTH && /^[\w-]+$/.test(name) ? name : quote(name, MAX_NAME_LENGTH);
}

/** The most names that the text of an error lists. */
const MAX_LISTED = 12;

/** The rule for the name of a member, with the names that the interface has, if they are few. */
export function mustBeOneOf(names: readonly string[]): string {
  if (names.length === 0 || names.length > MAX_LISTED) return 'the interface must have it';
  return `it must be one of ${names.map(textOfName).join(', ')}`;
}

/** The error for a signal or a property that the interface does not have. */
export function unknownMember(
  kind: 'signal' | 'property',
  name: unknown,
  { definition, caller, above }: {
    readonly definition: InterfaceDefinition;
    /** The name of the function that got the name. */
    readonly caller: string;
    readonly above: Caller;
  },
): DefinitionError | ArgumentError {
  if (typeof name !== 'string') {
    return stackOfCaller(argumentError(caller, `the name of a ${kind} must be a string`, name), above);
  }
  const known = Object.keys(kind === 'signal' ? definition.signals : definition.properties);
  const code = kind === 'signal' ? 'SIGNAL_UNKNOWN' : 'PROPERTY_UNKNOWN';
  const at = { interface: definition.name, member: name };
  const error = new DefinitionError(code, `no such ${kind}: ${mustBeOneOf(known)}`, at);
  return stackOfCaller(error, above);
}

/** The rule that introspection data breaks. */
export type IntrospectionErrorCode =
  // limits
  | 'TOO_LONG'
  | 'TOO_DEEP'
  // XML
  | 'CHARACTER_INVALID'
  | 'NOT_TERMINATED'
  | 'MARKUP_INVALID'
  | 'XML_NAME_INVALID'
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

/** The peer's fault: a text that is not introspection data, or exceeds a limit. ‹Introspection Data Format› */
export class IntrospectionError extends DBusWireError {
  override readonly name = 'IntrospectionError';
  readonly fault = 'peer';
  readonly code: IntrospectionErrorCode;
  /** The position of the mistake in the text, in UTF-16 code units from 0. */
  readonly offset: number;
  /** The line of the mistake, from 1. */
  readonly line: number;
  /** The message without the place. */
  readonly problem: string;

  constructor(
    code: IntrospectionErrorCode,
    problem: string,
    at: { readonly offset: number; readonly line: number },
    options?: ErrorOptions,
  ) {
    super(`${problem} (line ${at.line}, offset ${at.offset})`, options);
    this.code = code;
    this.offset = at.offset;
    this.line = at.line;
    this.problem = problem;
  }
}
