// What an interface is, told once for those who implement it and those who call it: methods, properties and signals by
// name, with their signatures. A definition checks itself when it is made; an implementation joins it with handlers.
// It knows no connection and no object path: signals leave through sinks that the exporter of an object attaches.
// Specification: Interfaces, Introspection Data Format (annotations), org.freedesktop.DBus.Properties.
import { errorAt } from '../wire/error-place.js';
import { InvalidNameError } from '../wire/errors.js';
import { assertInterfaceName, assertMemberName } from '../wire/names.js';
import { parseSignature, parseSingleType } from '../wire/signature.js';
import type { InterfaceDefinition, MethodDefinition, PropertyDefinition, SignalDefinition } from './definition.js';
import { DefinitionError, type DefinitionErrorCode } from './errors.js';
import { implement } from './implement.js';
import type { CheckedSpec } from './infer.js';
import {
  EMITS_CHANGED, type InterfaceSpec, type MethodSpec, PROPERTY_ACCESS, type PropertySpec, type SignalSpec,
} from './spec.js';

/** A member while it is checked: where a mistake is, should there be one. */
class Place {
  readonly interface: string;
  readonly member: string | undefined;

  constructor(interfaceName: string, member?: string) {
    this.interface = interfaceName;
    this.member = member;
  }

  at(member: string): Place {
    return new Place(this.interface, member);
  }

  error(code: DefinitionErrorCode, problem: string): DefinitionError {
    return new DefinitionError(code, problem, { interface: this.interface, member: this.member });
  }
}

/** What XML 1.0 can carry: names of properties and arguments have no grammar of their own, but stand in attributes. */
const PLAIN_TEXT = /^[^\u0000-\u001f\u007f\ufffe\uffff]*$/;

function isPlainText(value: unknown): value is string {
  return typeof value === 'string' && PLAIN_TEXT.test(value) && value.isWellFormed();
}

/** Property names SHOULD be member names, but need not. ‹org.freedesktop.DBus.Properties› */
function assertPropertyName(value: string): void {
  if (value === '' || !isPlainText(value)) {
    throw new InvalidNameError('property name', value, 'be text without control characters, and not empty');
  }
}

/** Refuses what is not one of the keys that a specification has, such as a misspelt one. */
function assertKeys(spec: unknown, allowed: Readonly<Record<string, unknown>>, place: Place): void {
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) {
    throw place.error('SPEC_INVALID', 'the specification is not an object');
  }
  const unknown = Object.keys(spec).find((key) => !Object.hasOwn(allowed, key));
  if (unknown !== undefined) {
    throw place.error('SPEC_INVALID', `unknown key "${unknown}"; there are ${Object.keys(allowed).join(', ')}`);
  }
}

function assertString(value: string, key: string, place: Place): void {
  if (typeof value !== 'string') throw place.error('SPEC_INVALID', `${key} is a string`);
}

function assertBoolean(value: boolean, key: string, place: Place): void {
  if (typeof value !== 'boolean') throw place.error('SPEC_INVALID', `${key} is true or false`);
}

function assertOneOf(value: string, key: string, { values, place }: { values: readonly string[]; place: Place }): void {
  if (!values.includes(value)) throw place.error('SPEC_INVALID', `${key} is one of ${values.join(', ')}`);
}

/** Names of arguments, which may be fewer than the arguments, or empty. */
function checkArgumentNames(
  names: readonly string[],
  { signature, key, place }: { signature: string; key: string; place: Place },
): readonly string[] {
  if (!Array.isArray(names) || !names.every(isPlainText)) {
    throw place.error('ARGUMENT_NAMES_INVALID', `${key} is a list of text without control characters`);
  }
  const count = parseSignature(signature).length;
  if (names.length > count) {
    throw place.error('ARGUMENT_NAMES_INVALID', `${key} has ${names.length} names for ${count} arguments`);
  }
  const given = names.filter((name) => name !== '');
  const twice = given.find((name, index) => given.indexOf(name) !== index);
  if (twice !== undefined) throw place.error('ARGUMENT_NAMES_INVALID', `${key} has "${twice}" twice`);
  return Object.freeze([...names]);
}

/** A record of members, each checked by `define`, that any name may be a key of, `__proto__` too. */
function defineMembers<MemberSpec, Member>(
  specs: Readonly<Record<string, MemberSpec>> | undefined,
  place: Place,
  define: (spec: MemberSpec, name: string, place: Place) => Member,
): Readonly<Record<string, Member>> {
  const members = Object.create(null) as Record<string, Member>; // Object.create has no type for "nothing inherited"
  for (const [name, spec] of Object.entries(specs ?? {})) {
    const at = place.at(name);
    try {
      members[name] = define(spec, name, at);
    } catch (error) {
      throw errorAt(error, at, defineInterface); // names and signatures know nothing of members
    }
  }
  return Object.freeze(members);
}

const METHOD_DEFAULTS: Required<MethodSpec> = {
  in: '', out: '', inNames: [], outNames: [], optional: 0, noReply: false, deprecated: false,
};

function defineMethod(spec: MethodSpec, name: string, place: Place): MethodDefinition {
  assertMemberName(name);
  assertKeys(spec, METHOD_DEFAULTS, place);
  const method = { ...METHOD_DEFAULTS, ...spec };
  assertString(method.in, 'in', place);
  assertString(method.out, 'out', place);
  const count = parseSignature(method.in).length;
  if (!Number.isInteger(method.optional) || method.optional < 0 || method.optional > count) {
    throw place.error('OPTIONAL_INVALID', `optional is an integer from 0 to ${count}, the number of in-arguments`);
  }
  assertBoolean(method.noReply, 'noReply', place);
  assertBoolean(method.deprecated, 'deprecated', place);
  if (method.noReply && parseSignature(method.out).length > 0) {
    throw place.error('NO_REPLY_WITH_RESULT', 'a method without a reply has no out-arguments');
  }
  return Object.freeze({
    ...method,
    inNames: checkArgumentNames(method.inNames, { signature: method.in, key: 'inNames', place }),
    outNames: checkArgumentNames(method.outNames, { signature: method.out, key: 'outNames', place }),
  });
}

const PROPERTY_DEFAULTS: Omit<Required<PropertySpec>, 'type' | 'access'> = { emitsChanged: 'true', deprecated: false };
const PROPERTY_KEYS = { type: '', access: '', ...PROPERTY_DEFAULTS };

function defineProperty(spec: PropertySpec, name: string, place: Place): PropertyDefinition {
  assertPropertyName(name);
  assertKeys(spec, PROPERTY_KEYS, place);
  const property = { ...PROPERTY_DEFAULTS, ...spec };
  assertString(property.type, 'type', place);
  parseSingleType(property.type);
  assertOneOf(property.access, 'access', { values: PROPERTY_ACCESS, place });
  assertOneOf(property.emitsChanged, 'emitsChanged', { values: EMITS_CHANGED, place });
  assertBoolean(property.deprecated, 'deprecated', place);
  return Object.freeze(property);
}

const SIGNAL_DEFAULTS: Required<SignalSpec> = { args: '', argNames: [], deprecated: false };

function defineSignal(spec: SignalSpec, name: string, place: Place): SignalDefinition {
  assertMemberName(name);
  assertKeys(spec, SIGNAL_DEFAULTS, place);
  const signal = { ...SIGNAL_DEFAULTS, ...spec };
  assertString(signal.args, 'args', place);
  assertBoolean(signal.deprecated, 'deprecated', place);
  const argNames = checkArgumentNames(signal.argNames, { signature: signal.args, key: 'argNames', place });
  return Object.freeze({ ...signal, argNames });
}

const INTERFACE_KEYS = { name: '', methods: {}, properties: {}, signals: {}, deprecated: false };

/**
 * Defines an interface. The compiler checks the signatures and infers everything else from them; at run time all of it
 * is checked again, since a specification may come from elsewhere, such as `parseIntrospection`.
 *
 * Why the parameter has this type: the conditional shows a mistake at the literal that is wrong, and not at the call;
 * the mapped type beside it demands nothing, but keeps literals literal, which a conditional type alone does not.
 * @throws {InvalidNameError} if the interface or a member has a name that breaks its grammar
 * @throws {SignatureError} if a signature is not valid, or that of a property is not one single complete type
 * @throws {DefinitionError} if anything else in it cannot be meant
 */
export function defineInterface<const Spec extends InterfaceSpec>(
  spec: { readonly [K in keyof Spec]: unknown } & (Spec extends CheckedSpec<Spec> ? Spec : CheckedSpec<Spec>),
): InterfaceDefinition<Spec>;
export function defineInterface(spec: InterfaceSpec): InterfaceDefinition {
  assertKeys(spec, INTERFACE_KEYS, new Place('interface'));
  assertInterfaceName(spec.name);
  const place = new Place(spec.name);
  const deprecated = spec.deprecated ?? false;
  assertBoolean(deprecated, 'deprecated', place);
  const definition: InterfaceDefinition = {
    name: spec.name,
    methods: defineMembers(spec.methods, place, defineMethod),
    properties: defineMembers(spec.properties, place, defineProperty),
    signals: defineMembers(spec.signals, place, defineSignal),
    deprecated,
    implement: (members) => implement(definition, members),
  };
  return Object.freeze(definition);
}
