// Makes a definition from a specification: checks all of it, and fills in the defaults. It knows no connection and no
// object path. Specification: Interfaces, Valid Names, Introspection Data Format (annotations). Tests: define.test.ts.
import { isArray, isRecord } from '../wire/arguments.js';
import { MAX_NAME_LENGTH } from '../wire/constants.js';
import { counted } from '../wire/counted.js';
import { describe, quote } from '../wire/describe.js';
import { stackOfCaller } from '../wire/error-place.js';
import { InvalidNameError, SignatureError } from '../wire/errors.js';
import { assertErrorName, assertInterfaceName, assertMemberName, isInterfaceName } from '../wire/names.js';
import { parseSignature, parseSingleType } from '../wire/signature.js';
import { type AnnotatedKind, type Annotations, isPlainText, isXmlText, keyOfAnnotation } from './annotations.js';
import { declareErrors } from './declared-errors.js';
import type { InterfaceDefinition, MethodDefinition, PropertyDefinition, SignalDefinition } from './definition.js';
import { DefinitionError, type DefinitionErrorCode } from './errors.js';
import { implement } from './implement.js';
import type { CheckedSpec } from './infer.js';
import {
  EMITS_CHANGED, type InterfaceSpec, type MethodSpec, PROPERTY_ACCESS, type PropertySpec, type SignalSpec,
} from './spec.js';

const INTERFACE_KEYS: readonly (keyof InterfaceSpec)[] = [
  'name', 'methods', 'properties', 'signals', 'errors', 'deprecated', 'annotations',
];
const METHOD_KEYS: readonly (keyof MethodSpec)[] = [
  'in', 'out', 'inNames', 'outNames', 'optional', 'noReply', 'deprecated', 'annotations', 'inAnnotations',
  'outAnnotations',
];
const PROPERTY_KEYS: readonly (keyof PropertySpec)[] = ['type', 'access', 'emitsChanged', 'deprecated', 'annotations'];
const SIGNAL_KEYS: readonly (keyof SignalSpec)[] = [
  'args', 'argNames', 'deprecated', 'annotations', 'argAnnotations',
];

/** The interface or member that is being checked: makes the errors about it. */
class Place {
  readonly interface: string | undefined;
  readonly member: string | undefined;

  constructor(interfaceName: string | undefined, member?: string) {
    this.interface = interfaceName;
    this.member = member;
  }

  at(member: string): Place {
    return new Place(this.interface, member);
  }

  error(code: DefinitionErrorCode, problem: string, options?: ErrorOptions): DefinitionError {
    return new DefinitionError(code, problem, this, options);
  }

  /** Runs a check of the wire layer, and adds this place to its errors. `label` precedes their text. */
  check<Result>(run: () => Result, label = ''): Result {
    try {
      return run();
    } catch (cause) {
      if (!(cause instanceof InvalidNameError || cause instanceof SignatureError)) throw cause;
      throw this.error(cause.code, `${label}${cause.message}`, { cause });
    }
  }
}

// ---- parts of every specification -----------------------------------------------------------------------------------

/** Property names SHOULD be member names, but need not. ‹org.freedesktop.DBus.Properties› */
function assertPropertyName(value: string): void {
  if (value === '' || !isPlainText(value)) {
    throw new InvalidNameError('property name', value, 'be text without control characters, and not be empty');
  }
}

function assertObject(spec: unknown, place: Place): void {
  if (isRecord(spec)) return;
  throw place.error('SPEC_INVALID', `the specification must be an object, got ${describe(spec)}`);
}

/** Rejects keys that a specification does not have, such as misspelled ones. */
function assertKeys(spec: object, keys: readonly string[], place: Place): void {
  const unknown = Object.keys(spec).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    throw place.error('SPEC_INVALID', `unknown key ${quote(unknown, 40)}: it must be one of ${keys.join(', ')}`);
  }
}

function assertBoolean(value: boolean, key: string, place: Place): void {
  if (typeof value !== 'boolean') {
    throw place.error('SPEC_INVALID', `"${key}" must be true or false, got ${describe(value)}`);
  }
}

function assertOneOf(value: string, key: string, { words, place }: { words: readonly string[]; place: Place }): void {
  if (words.includes(value)) return;
  const isBare = typeof value === 'boolean' && words.includes(String(value));
  const advice = isBare ? `: write '${String(value)}' in quotes` : '';
  const list = words.map((word) => `'${word}'`).join(', ');
  throw place.error('SPEC_INVALID', `"${key}" must be one of the strings ${list}, got ${describe(value)}${advice}`);
}

/** Checks the signature under `key`, and returns the number of its types. */
function checkSignature(signature: string, key: string, place: Place): number {
  if (typeof signature !== 'string') {
    throw place.error('SPEC_INVALID', `"${key}" must be a string, got ${describe(signature)}`);
  }
  return place.check(() => parseSignature(signature).length, `"${key}": `);
}

/** Checks the names of arguments under `key`: one name for each argument, or no names at all. */
function checkArgumentNames(
  names: readonly string[],
  { count, key, place }: { readonly count: number; readonly key: string; readonly place: Place },
): readonly string[] {
  const error = (problem: string): DefinitionError => place.error('ARGUMENT_NAMES_INVALID', problem);
  if (!isArray(names)) throw error(`"${key}" must be an array of strings, got ${describe(names)}`);
  const odd = names.findIndex((name) => !isPlainText(name));
  if (odd >= 0) {
    throw error(`"${key}" must be strings without control characters, got ${describe(names[odd])} at index ${odd}`);
  }
  if (names.length > 0 && names.length !== count) {
    const must = `must have ${counted(count, 'name')}, one for each argument ('' for no name)`;
    throw error(`"${key}" ${must}, got ${names.length}`);
  }
  const given = names.filter((name) => name !== '');
  const duplicate = given.find((name, index) => given.indexOf(name) !== index);
  if (duplicate !== undefined) throw error(`"${key}" has ${JSON.stringify(duplicate)} twice: names must be different`);
  return Object.freeze([...names]);
}

/** Checks annotations, under `key`, of one thing of this kind. */
function checkAnnotations(
  annotations: Annotations | undefined,
  kind: AnnotatedKind,
  { place, key = 'annotations' }: { readonly place: Place; readonly key?: string },
): Annotations {
  const checked = Object.create(null) as Record<string, string>; // Object.create has no type for "nothing inherited"
  if (annotations === undefined) return Object.freeze(checked);
  if (!isRecord(annotations)) {
    throw place.error('SPEC_INVALID', `"${key}" must be an object of strings, got ${describe(annotations)}`);
  }
  for (const [name, value] of Object.entries(annotations)) {
    const label = `annotation ${quote(name, MAX_NAME_LENGTH)}`;
    const own = keyOfAnnotation(kind, name);
    if (own !== undefined) {
      const must = kind === 'interface' && own === 'emitsChanged' ? `"${own}" of each property` : `the key "${own}"`;
      throw place.error('SPEC_INVALID', `${label} in "${key}": it must be written as ${must}`);
    }
    if (name === '' || !isPlainText(name)) {
      throw place.error('SPEC_INVALID', `${label} in "${key}": it must be text without control characters`);
    }
    if (!isXmlText(value)) {
      const problem = `${label} in "${key}" must be text that XML can contain, got ${describe(value)}`;
      throw place.error('SPEC_INVALID', problem);
    }
    checked[name] = value;
  }
  return Object.freeze(checked);
}

/** Checks the annotations of arguments under `key`: one object for each argument, or none at all. */
function checkArgumentAnnotations(
  list: readonly Annotations[] | undefined,
  { count, key, place }: { readonly count: number; readonly key: string; readonly place: Place },
): readonly Annotations[] {
  if (list === undefined) return Object.freeze([]);
  if (!isArray(list)) {
    throw place.error('SPEC_INVALID', `"${key}" must be an array of objects, got ${describe(list)}`);
  }
  if (list.length > 0 && list.length !== count) {
    const must = `must have ${counted(count, 'object')}, one for each argument ({} for no annotations)`;
    throw place.error('SPEC_INVALID', `"${key}" ${must}, got ${list.length}`);
  }
  return Object.freeze(Array.from(list, (each: Annotations, index) => {
    if (each === undefined) throw place.error('SPEC_INVALID', `"${key}" must have objects, got undefined at ${index}`);
    return checkAnnotations(each, 'arg', { place, key });
  }));
}

/** A record of the members under `key`, each checked by `define`. It can have any name as a key, even `__proto__`. */
function defineMembers<MemberSpec, Member>(
  specs: Readonly<Record<string, MemberSpec>> | undefined,
  { key, place, define }: {
    readonly key: string;
    readonly place: Place;
    readonly define: (spec: MemberSpec, name: string, place: Place) => Member;
  },
): Readonly<Record<string, Member>> {
  const members = Object.create(null) as Record<string, Member>; // Object.create has no type for "nothing inherited"
  if (specs === undefined) return Object.freeze(members);
  if (!isRecord(specs)) throw place.error('SPEC_INVALID', `"${key}" must be an object, got ${describe(specs)}`);
  for (const [name, spec] of Object.entries(specs)) members[name] = define(spec, name, place.at(name));
  return Object.freeze(members);
}

// ---- members --------------------------------------------------------------------------------------------------------

function defineMethod(spec: MethodSpec, name: string, place: Place): MethodDefinition {
  place.check(() => assertMemberName(name));
  assertObject(spec, place);
  assertKeys(spec, METHOD_KEYS, place);
  const {
    in: inSignature = '', out = '', inNames = [], outNames = [], optional = 0, noReply = false, deprecated = false,
    annotations, inAnnotations, outAnnotations,
  } = spec;
  const inCount = checkSignature(inSignature, 'in', place);
  const outCount = checkSignature(out, 'out', place);
  if (!Number.isInteger(optional) || optional < 0 || optional > inCount) {
    const must = `an integer from 0 to ${inCount}, the number of in-arguments`;
    throw place.error('OPTIONAL_INVALID', `"optional" must be ${must}, got ${describe(optional)}`);
  }
  assertBoolean(noReply, 'noReply', place);
  assertBoolean(deprecated, 'deprecated', place);
  if (noReply && outCount > 0) {
    throw place.error('NO_REPLY_WITH_RESULT', `"out" is "${out}": a method with noReply must not have out-arguments`);
  }
  return Object.freeze({
    in: inSignature,
    out,
    inNames: checkArgumentNames(inNames, { count: inCount, key: 'inNames', place }),
    outNames: checkArgumentNames(outNames, { count: outCount, key: 'outNames', place }),
    optional,
    noReply,
    deprecated,
    annotations: checkAnnotations(annotations, 'method', { place }),
    inAnnotations: checkArgumentAnnotations(inAnnotations, { count: inCount, key: 'inAnnotations', place }),
    outAnnotations: checkArgumentAnnotations(outAnnotations, { count: outCount, key: 'outAnnotations', place }),
  });
}

function defineProperty(spec: PropertySpec, name: string, place: Place): PropertyDefinition {
  place.check(() => assertPropertyName(name));
  assertObject(spec, place);
  assertKeys(spec, PROPERTY_KEYS, place);
  const { type, access, emitsChanged = 'true', deprecated = false, annotations } = spec;
  checkSignature(type, 'type', place);
  place.check(() => parseSingleType(type), '"type": ');
  assertOneOf(access, 'access', { words: PROPERTY_ACCESS, place });
  assertOneOf(emitsChanged, 'emitsChanged', { words: EMITS_CHANGED, place });
  assertBoolean(deprecated, 'deprecated', place);
  return Object.freeze({
    type, access, emitsChanged, deprecated, annotations: checkAnnotations(annotations, 'property', { place }),
  });
}

function defineSignal(spec: SignalSpec, name: string, place: Place): SignalDefinition {
  place.check(() => assertMemberName(name));
  assertObject(spec, place);
  assertKeys(spec, SIGNAL_KEYS, place);
  const { args = '', argNames = [], deprecated = false, annotations, argAnnotations } = spec;
  const count = checkSignature(args, 'args', place);
  assertBoolean(deprecated, 'deprecated', place);
  return Object.freeze({
    args,
    argNames: checkArgumentNames(argNames, { count, key: 'argNames', place }),
    deprecated,
    annotations: checkAnnotations(annotations, 'signal', { place }),
    argAnnotations: checkArgumentAnnotations(argAnnotations, { count, key: 'argAnnotations', place }),
  });
}

/** Checks the name of an ERROR message. The key is the name of a class, with the grammar of member names. */
function checkError(errorName: string, key: string, place: Place): string {
  place.check(() => assertMemberName(key));
  place.check(() => assertErrorName(errorName));
  return errorName;
}

function defineErrors(specs: InterfaceSpec['errors'], place: Place): InterfaceDefinition['errors'] {
  const names = defineMembers(specs, { key: 'errors', place, define: checkError });
  const keys = new Map<string, string>();
  for (const [key, errorName] of Object.entries(names)) {
    const other = keys.get(errorName);
    if (other !== undefined) {
      const problem = `"errors" has ${errorName} twice, as ${other} and as ${key}: names must be different`;
      throw place.error('SPEC_INVALID', problem);
    }
    keys.set(errorName, key);
  }
  return declareErrors(names);
}

// ---- the interface --------------------------------------------------------------------------------------------------

/** The definitions of this module: they are checked and cannot change. */
const defined = new WeakSet<object>();

/** Whether a value is a definition that `defineInterface` has returned. */
export function isDefined(value: unknown): value is InterfaceDefinition {
  return typeof value === 'object' && value !== null && defined.has(value);
}

function checkInterface(spec: InterfaceSpec): InterfaceDefinition {
  assertObject(spec, new Place(undefined));
  const { name, methods, properties, signals, errors, deprecated = false, annotations } = spec;
  const place = new Place(isInterfaceName(name) ? name : undefined);
  assertKeys(spec, INTERFACE_KEYS, place);
  place.check(() => assertInterfaceName(name));
  assertBoolean(deprecated, 'deprecated', place);
  const implementThis: InterfaceDefinition['implement'] = (members) => implement(definition, members, implementThis);
  const implementTyped: InterfaceDefinition['implementTyped'] = (members) => (
    implement(definition, members, implementTyped)
  );
  const definition: InterfaceDefinition = {
    name,
    methods: defineMembers(methods, { key: 'methods', place, define: defineMethod }),
    properties: defineMembers(properties, { key: 'properties', place, define: defineProperty }),
    signals: defineMembers(signals, { key: 'signals', place, define: defineSignal }),
    errors: defineErrors(errors, place),
    deprecated,
    annotations: checkAnnotations(annotations, 'interface', { place }),
    implement: implementThis,
    implementTyped,
  };
  defined.add(definition);
  return Object.freeze(definition);
}

/**
 * Defines an interface. The compiler checks the signatures and infers everything else from them. The same checks run
 * again when the function is called, because a specification can come from elsewhere, such as `parseIntrospection`.
 *
 * Why the parameter has this type: the conditional type puts the compiler's error at the literal that is wrong, instead
 * of at the call. The mapped type accepts everything, but it keeps literals literal, which a conditional type does not.
 * @throws {DefinitionError} if a name or a signature is not valid, or a part of the specification is of the wrong kind,
 * is unknown, or contradicts another
 */
export function defineInterface<const Spec extends InterfaceSpec>(
  spec: { readonly [K in keyof Spec]: unknown } & (Spec extends CheckedSpec<Spec> ? Spec : CheckedSpec<Spec>),
): InterfaceDefinition<Spec>;
export function defineInterface(spec: InterfaceSpec): InterfaceDefinition {
  try {
    return checkInterface(spec);
  } catch (error) {
    throw error instanceof DefinitionError ? stackOfCaller(error, defineInterface) : error;
  }
}
