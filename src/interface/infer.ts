// Infers TypeScript types from the signature literals of a specification: arguments, results and values of its members,
// the methods of a proxy, and the compiler's check of the specification itself. It contains only types.
// Tests: test/types/interfaces.test.ts, test/types/compile.test.ts.
import type { BodyInputOf, BodyOf, CheckedSignature, CheckedSingle, InputOf, ValueOf } from '../wire/infer.js';
import type { InterfaceSpec, MethodSpec, PropertySpec, SignalSpec } from './spec.js';

// ---- members by name ------------------------------------------------------------------------------------------------

// A specification without methods has no such key at all; the index then gives `unknown`, and that has no keys either.
type MethodsOf<Spec extends InterfaceSpec> = NonNullable<Spec['methods']>;
type PropertiesOf<Spec extends InterfaceSpec> = NonNullable<Spec['properties']>;
type SignalsOf<Spec extends InterfaceSpec> = NonNullable<Spec['signals']>;

/** The methods of an interface, by name. */
export type MethodName<Spec extends InterfaceSpec> = keyof MethodsOf<Spec> & string;

/** The properties of an interface, by name. */
export type PropertyName<Spec extends InterfaceSpec> = keyof PropertiesOf<Spec> & string;

/** The signals of an interface, by name. */
export type SignalName<Spec extends InterfaceSpec> = keyof SignalsOf<Spec> & string;

type PropertyWhere<Spec extends InterfaceSpec, Condition> = {
  [P in PropertyName<Spec>]: PropertiesOf<Spec>[P] extends Condition ? P : never;
}[PropertyName<Spec>];

/** The properties that a caller may read. */
export type ReadableProperty<Spec extends InterfaceSpec> = Exclude<
  PropertyName<Spec>,
  PropertyWhere<Spec, { readonly access: 'write' }>
>;

/** The properties that a caller may write. */
export type WritableProperty<Spec extends InterfaceSpec> = Exclude<
  PropertyName<Spec>,
  PropertyWhere<Spec, { readonly access: 'read' }>
>;

/** The properties whose changes are signalled, with the new value or without. */
export type SignalledProperty<Spec extends InterfaceSpec> = Exclude<
  PropertyName<Spec>,
  PropertyWhere<Spec, { readonly emitsChanged: 'const' | 'false' }>
>;

// ---- signatures -----------------------------------------------------------------------------------------------------

/** The signature at `Key` of a member; one that is left out is `''`, one that is not known is `string`. */
type SignatureAt<Member, Key extends string> =
  Key extends keyof Member ? (Member[Key] extends string ? Member[Key] : string) : '';

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

/** Cuts the last `Count` elements off a tuple. */
type Split<Tuple extends readonly unknown[], Count, Tail extends readonly unknown[] = []> =
  Tail['length'] extends Count ? { head: Tuple; tail: Tail }
  : Tuple extends readonly [...infer Head, infer Last] ? Split<Head, Count, [Last, ...Tail]>
  : { head: Tuple; tail: Tail };

/** How many of a method's last arguments a caller may leave out. */
type OptionalCount<Method> = Method extends { readonly optional: infer N extends number } ? N : 0;

/** What stands for several values where there may be none or one: nothing, the value itself, or a tuple. */
type Unwrap<Body extends readonly unknown[]> =
  number extends Body['length'] ? unknown
  : Body extends readonly [] ? void
  : Body extends readonly [infer Value] ? Value
  : Body;

/** The in-arguments as a method's handler gets them: those that a caller may leave out may be undefined. */
export type MethodArguments<Spec extends InterfaceSpec, M extends MethodName<Spec>> =
  Split<BodyOf<InSignature<Spec, M>>, OptionalCount<MethodsOf<Spec>[M]>> extends {
    head: infer Head extends unknown[];
    tail: infer Tail extends unknown[];
  } ? [...Head, ...{ [I in keyof Tail]: Tail[I] | undefined }] : never;

/** What a method's handler returns: nothing, the one out-argument, or a tuple of several. */
export type MethodResult<Spec extends InterfaceSpec, M extends MethodName<Spec>> =
  Unwrap<BodyInputOf<OutSignature<Spec, M>>>;

/** The in-arguments as a caller of a method gives them. */
export type CallArguments<Spec extends InterfaceSpec, M extends MethodName<Spec>> =
  Split<BodyInputOf<InSignature<Spec, M>>, OptionalCount<MethodsOf<Spec>[M]>> extends {
    head: infer Head extends readonly unknown[];
    tail: infer Tail extends readonly unknown[];
  } ? [...Head, ...{ [I in keyof Tail]?: Tail[I] | undefined }] : never;

/** What a caller of a method gets: nothing, the one out-argument, or a tuple of several. */
export type CallResult<Spec extends InterfaceSpec, M extends MethodName<Spec>> =
  Unwrap<BodyOf<OutSignature<Spec, M>>>;

/** The value of a property, read. */
export type PropertyValue<Spec extends InterfaceSpec, P extends PropertyName<Spec>> =
  ValueOf<PropertySignature<Spec, P>>;

/** What is accepted as the value of a property, to be written. */
export type PropertyInput<Spec extends InterfaceSpec, P extends PropertyName<Spec>> =
  InputOf<PropertySignature<Spec, P>>;

/** All properties that a caller may read, with their values. */
export type PropertyValues<Spec extends InterfaceSpec> = {
  readonly [P in ReadableProperty<Spec>]: PropertyValue<Spec, P>;
};

/** The arguments that a signal is emitted with. */
export type SignalArguments<Spec extends InterfaceSpec, S extends SignalName<Spec>> =
  BodyInputOf<SignalSignature<Spec, S>>;

/** The arguments of a signal that was received: always a tuple. */
export type SignalBody<Spec extends InterfaceSpec, S extends SignalName<Spec>> =
  BodyOf<SignalSignature<Spec, S>>;

// ---- callers --------------------------------------------------------------------------------------------------------

/** The methods of an interface as a proxy has them: `Add(step: number, options?: Options): Promise<number>`. */
export type ProxyMethods<Spec extends InterfaceSpec, Options> = {
  readonly [M in MethodName<Spec>]: (
    ...args: [...args: CallArguments<Spec, M>, options?: Options | undefined]
  ) => Promise<CallResult<Spec, M>>;
};

// ---- the definition itself ------------------------------------------------------------------------------------------

type Checked<Signature> = Signature extends string ? CheckedSignature<Signature> : Signature;

/** At most as many names as the signature has types. */
type NamesFor<Signature extends string> = Names<BodyOf<Signature>>;
type Names<Body extends unknown[]> = { readonly [I in keyof Body]?: string };

/** Every number from 0 to that of the signature's types: the length of a tuple in which each element is optional. */
type CountFor<Signature extends string> = Partial<BodyOf<Signature>>['length'];

type CheckedMethod<M> = {
  readonly [K in keyof M]:
    K extends 'in' ? Checked<M[K]>
    : K extends 'out' ? (M extends { readonly noReply: true } ? '' : Checked<M[K]>)
    : K extends 'inNames' ? NamesFor<SignatureAt<M, 'in'>>
    : K extends 'outNames' ? NamesFor<SignatureAt<M, 'out'>>
    : K extends 'optional' ? CountFor<SignatureAt<M, 'in'>>
    : K extends keyof MethodSpec ? M[K]
    : `a method has no ${K & string}`;
};

type CheckedProperty<P> = {
  readonly [K in keyof P]:
    K extends 'type' ? (P[K] extends string ? CheckedSingle<P[K]> : P[K])
    : K extends keyof PropertySpec ? P[K]
    : `a property has no ${K & string}`;
};

type CheckedSignal<S> = {
  readonly [K in keyof S]:
    K extends 'args' ? Checked<S[K]>
    : K extends 'argNames' ? NamesFor<SignatureAt<S, 'args'>>
    : K extends keyof SignalSpec ? S[K]
    : `a signal has no ${K & string}`;
};

/**
 * The specification of an interface itself where it is right; where it is not, a text in the place of each wrong
 * literal, so that the compiler's error stands there and says what is wrong.
 */
export type CheckedSpec<Spec> = {
  readonly [K in keyof Spec]:
    K extends 'methods' ? { readonly [M in keyof Spec[K]]: CheckedMethod<Spec[K][M]> }
    : K extends 'properties' ? { readonly [P in keyof Spec[K]]: CheckedProperty<Spec[K][P]> }
    : K extends 'signals' ? { readonly [S in keyof Spec[K]]: CheckedSignal<Spec[K][S]> }
    : K extends keyof InterfaceSpec ? Spec[K]
    : `an interface has no ${K & string}`;
};
