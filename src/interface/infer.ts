// Infers TypeScript types from the signature literals of a specification: arguments, results and values of its members,
// the methods of a proxy, and the compiler's check of the specification itself. It contains only types.
// Tests: test/types/interfaces.test.ts, test/types/compile.test.ts.
import type {
  BodyInputOf, BodyOf, CheckedSignature, CheckedSingle, InputOf, ReadBodyOf, ReadValueOf,
} from '../wire/infer.js';
import type { FixedTypeCode } from '../wire/signature.js';
import type { InterfaceSpec, MethodSpec, PropertySpec, SignalSpec } from './spec.js';

// ---- members by name ------------------------------------------------------------------------------------------------

// If a specification has no `methods`, the index is `unknown`, which has no keys. `never` would have all keys.
type Present<Group> = [Group] extends [undefined] ? unknown : NonNullable<Group>;
type MethodsOf<Spec extends InterfaceSpec> = Present<Spec['methods']>;
type PropertiesOf<Spec extends InterfaceSpec> = Present<Spec['properties']>;
type SignalsOf<Spec extends InterfaceSpec> = Present<Spec['signals']>;

// With Extract the compiler lists the names in its errors; with `&` it would print the whole specification.

/** The names of the methods of an interface. */
export type MethodName<Spec extends InterfaceSpec> = Extract<keyof MethodsOf<Spec>, string>;

/** The names of the properties of an interface. */
export type PropertyName<Spec extends InterfaceSpec> = Extract<keyof PropertiesOf<Spec>, string>;

/** The names of the signals of an interface. */
export type SignalName<Spec extends InterfaceSpec> = Extract<keyof SignalsOf<Spec>, string>;

type ErrorsOf<Spec extends InterfaceSpec> = Present<Spec['errors']>;

/** The names of the classes of the errors of an interface. */
export type ErrorKey<Spec extends InterfaceSpec> = Extract<keyof ErrorsOf<Spec>, string>;

/** The name of the ERROR message of a declared error. */
export type ErrorNameOf<Spec extends InterfaceSpec, E extends ErrorKey<Spec>> = Extract<ErrorsOf<Spec>[E], string>;

type PropertyWhere<Spec extends InterfaceSpec, Condition> = {
  [P in PropertyName<Spec>]: PropertiesOf<Spec>[P] extends Condition ? P : never;
}[PropertyName<Spec>];

/** The names of the properties that a caller can read. */
export type ReadableProperty<Spec extends InterfaceSpec> = Exclude<
  PropertyName<Spec>,
  PropertyWhere<Spec, { readonly access: 'write' }>
>;

/** The names of the properties that a caller can write. */
export type WritableProperty<Spec extends InterfaceSpec> = Exclude<
  PropertyName<Spec>,
  PropertyWhere<Spec, { readonly access: 'read' }>
>;

/** The names of the properties whose changes are announced, with the new value or without it. */
export type SignaledProperty<Spec extends InterfaceSpec> = Exclude<
  PropertyName<Spec>,
  PropertyWhere<Spec, { readonly emitsChanged: 'const' | 'false' }>
>;

// ---- signatures -----------------------------------------------------------------------------------------------------

/** The signature at `Key` of a member: `''` if it is missing or undefined, `string` if it is not a literal. */
type SignatureAt<Member, Key extends string> =
  Key extends keyof Member
    ? Member[Key] extends string ? Member[Key]
    : [Member[Key]] extends [undefined] ? ''
    : string
  : '';

/** The signature of a method's in-arguments. */
export type InSignature<Spec extends InterfaceSpec, M extends MethodName<Spec>> =
  SignatureAt<MethodsOf<Spec>[M], 'in'>;

/** The signature of a method's out-arguments. */
export type OutSignature<Spec extends InterfaceSpec, M extends MethodName<Spec>> =
  SignatureAt<MethodsOf<Spec>[M], 'out'>;

/** The signature of a property. */
export type PropertySignature<Spec extends InterfaceSpec, P extends PropertyName<Spec>> =
  SignatureAt<PropertiesOf<Spec>[P], 'type'>;

/** The signature of a signal's arguments. */
export type SignalSignature<Spec extends InterfaceSpec, S extends SignalName<Spec>> =
  SignatureAt<SignalsOf<Spec>[S], 'args'>;

// ---- values ---------------------------------------------------------------------------------------------------------

/** The names of arguments under `Key` of a member: a tuple, or an array if there are none or they are not literals. */
type NamesAt<Member, Key extends string> = Key extends keyof Member ? Member[Key] : undefined;

/**
 * The types of a body with the labels of the tuple of names. The compiler cannot make a label of a literal: names have
 * labels if their type is given, as in `['track'] as [track: string]`.
 */
type Labeled<Body extends readonly unknown[], Names> =
  Names extends readonly [unknown, ...unknown[]]
    ? Names['length'] extends Body['length'] ? { -readonly [I in keyof Names]: I extends keyof Body ? Body[I] : never }
    : Body
  : Body;

/** Splits a tuple before its last `Count` elements. Both parts keep their labels. */
type Split<Tuple extends readonly unknown[], Count, Tail extends readonly unknown[] = []> =
  Tail['length'] extends Count ? { head: Tuple; tail: Tail }
  : Tuple extends readonly [...infer Head, infer _]
    ? Tuple extends readonly [...Head, ...infer Last] ? Split<Head, Count, [...Last, ...Tail]> : never
  : { head: Tuple; tail: Tail };

/** How many of the last arguments of a method a caller may omit. */
type OptionalCount<Method> = Method extends { readonly optional: infer N extends number } ? N : 0;

/** The form in which a result is returned: nothing, the only value, or a tuple of all values. */
type Unwrap<Body extends readonly unknown[]> =
  number extends Body['length'] ? unknown
  : Body extends readonly [] ? void
  : Body extends readonly [infer Value] ? Value
  : Body;

// `Typed` says whether arrays of numbers are read as typed arrays.

/** The in-arguments that the handler of a method gets: undefined for an optional argument that the caller omits. */
export type MethodArguments<Spec extends InterfaceSpec, M extends MethodName<Spec>, Typed extends boolean = false> =
  Split<
    Labeled<ReadBodyOf<InSignature<Spec, M>, Typed>, NamesAt<MethodsOf<Spec>[M], 'inNames'>>,
    OptionalCount<MethodsOf<Spec>[M]>
  > extends {
    head: infer Head extends unknown[];
    tail: infer Tail extends unknown[];
  } ? [...Head, ...{ [I in keyof Tail]: Tail[I] | undefined }] : never;

/** The result of the handler of a method: nothing, the only out-argument, or a tuple of all out-arguments. */
export type MethodResult<Spec extends InterfaceSpec, M extends MethodName<Spec>> =
  Unwrap<Readonly<Labeled<BodyInputOf<OutSignature<Spec, M>>, NamesAt<MethodsOf<Spec>[M], 'outNames'>>>>;

/** The in-arguments that a caller of a method passes. */
export type CallArguments<Spec extends InterfaceSpec, M extends MethodName<Spec>> =
  Split<
    Labeled<BodyInputOf<InSignature<Spec, M>>, NamesAt<MethodsOf<Spec>[M], 'inNames'>>,
    OptionalCount<MethodsOf<Spec>[M]>
  > extends {
    head: infer Head extends readonly unknown[];
    tail: infer Tail extends readonly unknown[];
  } ? [...Head, ...{ [I in keyof Tail]?: Tail[I] | undefined }] : never;

/** The result that a caller of a method gets: nothing, the only out-argument, or a tuple of all out-arguments. */
export type CallResult<Spec extends InterfaceSpec, M extends MethodName<Spec>, Typed extends boolean = false> =
  Unwrap<Labeled<ReadBodyOf<OutSignature<Spec, M>, Typed>, NamesAt<MethodsOf<Spec>[M], 'outNames'>>>;

/** The value of a property, as it is read. */
export type PropertyValue<Spec extends InterfaceSpec, P extends PropertyName<Spec>, Typed extends boolean = false> =
  ReadValueOf<PropertySignature<Spec, P>, Typed>;

/** The values that are accepted for a property when it is written. */
export type PropertyInput<Spec extends InterfaceSpec, P extends PropertyName<Spec>> =
  InputOf<PropertySignature<Spec, P>>;

// `out` and `in` state the variance of Typed, here and in the types of proxies: the compiler measures none for it in a
// mapped or conditional type, and would then let values with typed arrays pass as values without them.

/** The values of all properties that a caller can read. */
export type PropertyValues<Spec extends InterfaceSpec, out Typed extends boolean = false> = {
  readonly [P in ReadableProperty<Spec>]: PropertyValue<Spec, P, Typed>;
};

/** The arguments with which a signal is emitted. */
export type SignalArguments<Spec extends InterfaceSpec, S extends SignalName<Spec>> =
  Readonly<Labeled<BodyInputOf<SignalSignature<Spec, S>>, NamesAt<SignalsOf<Spec>[S], 'argNames'>>>;

/** The arguments of a received signal, always as a tuple. */
export type SignalBody<Spec extends InterfaceSpec, S extends SignalName<Spec>, Typed extends boolean = false> =
  Labeled<ReadBodyOf<SignalSignature<Spec, S>, Typed>, NamesAt<SignalsOf<Spec>[S], 'argNames'>>;

/** The signatures with an array that is a typed array on some links only; `ay` is one on all. */
type NumberArray = `${string}a${Exclude<FixedTypeCode, 'b' | 'y'>}${string}`;

/** The signatures of everything that the handlers of an interface get. */
type ReceivedSignature<Spec extends InterfaceSpec> =
  | { [M in MethodName<Spec>]: InSignature<Spec, M> }[MethodName<Spec>]
  | { [P in WritableProperty<Spec>]: PropertySignature<Spec, P> }[WritableProperty<Spec>];

/** The links that the handlers of an interface are for: `Typed` if they can get arrays of numbers, otherwise any. */
export type TypedHandlers<Spec extends InterfaceSpec, Typed extends boolean> =
  string extends ReceivedSignature<Spec> ? Typed
  : [Extract<ReceivedSignature<Spec>, NumberArray>] extends [never] ? boolean : Typed;

// ---- the check of a specification -----------------------------------------------------------------------------------

type Checked<Signature> = Signature extends string ? CheckedSignature<Signature> : Signature;

/** A number with its noun, as counted() of wire/counted.ts writes them. */
type Counted<Count extends number, Noun extends string> = `${Count} ${Noun}${Count extends 1 ? '' : 's'}`;

/** One name for each type of the signature, or no names. */
type CheckedNames<Names, Signature extends string> =
  Names extends readonly unknown[]
    ? Names['length'] extends 0 | BodyOf<Signature>['length'] ? readonly string[] | undefined
    : number extends Names['length'] ? readonly string[] | undefined
    : `got ${Names['length']}: there must be ${Counted<BodyOf<Signature>['length'], 'name'>}, one for each argument`
  : readonly string[] | undefined;

/** Every number from 0 to that of the signature's types: the length of a tuple in which each element is optional. */
type CountFor<Signature extends string> = Partial<BodyOf<Signature>>['length'] | undefined;

type CheckedMethod<M> = {
  readonly [K in keyof M]:
    K extends 'in' ? Checked<M[K]>
    : K extends 'out' ? (M extends { readonly noReply: true } ? '' | undefined : Checked<M[K]>)
    : K extends 'inNames' ? CheckedNames<M[K], SignatureAt<M, 'in'>>
    : K extends 'outNames' ? CheckedNames<M[K], SignatureAt<M, 'out'>>
    : K extends 'optional' ? CountFor<SignatureAt<M, 'in'>>
    : K extends keyof MethodSpec ? M[K]
    : `unknown key of a method: ${K & string}`;
};

type CheckedProperty<P> = {
  readonly [K in keyof P]:
    K extends 'type' ? (P[K] extends string ? CheckedSingle<P[K]> : P[K])
    : K extends keyof PropertySpec ? P[K]
    : `unknown key of a property: ${K & string}`;
};

type CheckedSignal<S> = {
  readonly [K in keyof S]:
    K extends 'args' ? Checked<S[K]>
    : K extends 'argNames' ? CheckedNames<S[K], SignatureAt<S, 'args'>>
    : K extends keyof SignalSpec ? S[K]
    : `unknown key of a signal: ${K & string}`;
};

// Undefined in place of a group passes through these unchanged, as it does through any mapped type.
type CheckedMethods<Group> = { readonly [M in keyof Group]: CheckedMethod<Group[M]> };
type CheckedProperties<Group> = { readonly [P in keyof Group]: CheckedProperty<Group[P]> };
type CheckedSignals<Group> = { readonly [S in keyof Group]: CheckedSignal<Group[S]> };

type CheckedErrors<Group> = {
  readonly [E in keyof Group]:
    Group[E] extends `${string}.${string}` ? Group[E]
    : string extends Group[E] ? Group[E]
    : 'the name of an error must have two or more elements: com.example.Error.NoTrack';
};

/**
 * The specification itself if it is valid. Otherwise each wrong literal has a text as its type, so that the compiler
 * reports an error at this literal, with the reason.
 */
export type CheckedSpec<Spec> = {
  readonly [K in keyof Spec]:
    K extends 'methods' ? CheckedMethods<Spec[K]>
    : K extends 'properties' ? CheckedProperties<Spec[K]>
    : K extends 'signals' ? CheckedSignals<Spec[K]>
    : K extends 'errors' ? CheckedErrors<Spec[K]>
    : K extends keyof InterfaceSpec ? Spec[K]
    : `unknown key of an interface: ${K & string}`;
};
