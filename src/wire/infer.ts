// Infers TypeScript types from signature literals: the decoded value of 'a{sv}', and the values accepted to write one.
// It contains only types; at run time signature.ts enforces the same grammar. The README has the table of values.
// Specification: Type System, Valid Signatures.
//
// The parser is a state machine with an explicit stack, not a recursive descent. The compiler evaluates a conditional
// type that ends in another conditional type as a loop of up to 1,000 rounds, but it gives up on about 50 nested ones.
// A valid signature has at most 255 characters and needs at most two rounds for each, at any depth of nesting.
// Tests: test/types/signatures.test.ts.
import type { BasicTypeCode, FixedTypeCode, StringTypeCode } from './signature.js';

/**
 * A VARIANT: a value and the one single complete type it is marshaled as. Any `Variant<'s'>` is a `Variant`. It is
 * declared in this file because it is one of the values that are inferred, and its own value is inferred too.
 */
export interface Variant<S extends string = string, V = ValueOf<S>> {
  /** Exactly one single complete type. */
  readonly signature: S;
  readonly value: V;
}

/**
 * The value of an `h` that was read: the index of a file descriptor among those of its message. It is a number; the
 * name explains the type of a method's result. The sockets of Node carry no descriptors: there the index refers to no
 * file. On a transport that carries them, `takeDescriptors` returns the descriptors. ‹UNIX_FD›
 */
export type DescriptorIndex = number & {};

/** Decoded value of a single complete type: `ValueOf<'a{sv}'>` is `Map<string, Variant>`; `unknown` for a `string`. */
export type ValueOf<S extends string> = string extends S ? unknown : Only<Parse<S, 'value'>>;

/** Values accepted for a single complete type when writing; more lenient than {@link ValueOf}. */
export type InputOf<S extends string> = string extends S ? unknown : Only<Parse<S, 'input'>>;

/** Decoded values of a whole signature: `BodyOf<'su'>` is `[string, number]`; `unknown[]` for a `string`. */
export type BodyOf<S extends string> = string extends S ? unknown[] : Values<Parse<S, 'value'>>;

/** Like {@link BodyOf}, read with the option `typedArrays`: `TypedBodyOf<'ad'>` is `[Float64Array]`. */
export type TypedBodyOf<S extends string> = string extends S ? unknown[] : Values<Parse<S, 'typed'>>;

/** {@link BodyOf}, or {@link TypedBodyOf} if `Typed` is true: what a link reads. For `boolean`, either of the two. */
export type ReadBodyOf<S extends string, Typed extends boolean> = Typed extends true ? TypedBodyOf<S> : BodyOf<S>;

/** Like {@link ReadBodyOf}, for a single complete type. */
export type ReadValueOf<S extends string, Typed extends boolean> =
  Typed extends true ? (string extends S ? unknown : Only<Parse<S, 'typed'>>) : ValueOf<S>;

/** Values accepted for a whole signature when writing; `readonly unknown[]` for a `string`. */
export type BodyInputOf<S extends string> = string extends S ? readonly unknown[] : Readonly<Values<Parse<S, 'input'>>>;

/**
 * The signature itself if it is valid, otherwise a text that describes the error. As the type of a parameter, it makes
 * the compiler report the literal: `"ak"` is not assignable to `'invalid D-Bus signature: unknown type code "k": …'`.
 */
export type CheckedSignature<S extends string> =
  string extends S ? S
  : IsTooLong<S> extends true ? Wrong<'it has more than 255 characters: it must have at most 255'>
  : Parse<S, 'value'> extends infer Problem extends string ? Problem
  : S;

/** Like {@link CheckedSignature}, for a signature that must be exactly one single complete type. */
export type CheckedSingle<S extends string> = CheckedSignature<S> extends S
  ? string extends S ? S
  : IsSingle<Parse<S, 'value'>> extends true ? S
  : Wrong<'expected exactly one single complete type'>
  : CheckedSignature<S>;

/** The result of a parse as a tuple. If the signature is wrong, CheckedSignature reports that, and any array passes. */
type Values<Result> = Result extends unknown[] ? Result : unknown[];

type Only<Result> = Result extends [infer Value] ? Value : unknown;

/** Whether there is exactly one type, or may be, if only a part of the signature is known: `a${string}`. */
type IsSingle<Result> = Result extends [unknown] ? true
  : Result extends unknown[] ? (number extends Result['length'] ? true : false)
  : false;

// ---- leaves ---------------------------------------------------------------------------------------------------------

/** Whether values are read (exact types), read with typed arrays, or written (lenient types). */
type Mode = 'value' | 'typed' | 'input';

interface LeafValues {
  y: number; n: number; q: number; i: number; u: number; h: DescriptorIndex; d: number;
  x: bigint; t: bigint;
  b: boolean;
  s: string; o: string; g: string;
  v: Variant;
}

interface LeafInputs extends Omit<LeafValues, 'x' | 't' | 'h'> {
  x: bigint | number; t: bigint | number; h: number;
}

interface Leaves {
  value: LeafValues;
  typed: LeafValues;
  input: LeafInputs;
}

/** The typed arrays whose elements have exactly the range of a fixed type. */
interface TypedArrays {
  y: Uint8Array;
  n: Int16Array; q: Uint16Array;
  i: Int32Array; u: Uint32Array; h: Uint32Array;
  x: BigInt64Array; t: BigUint64Array;
  d: Float64Array;
  b: never;
}

// ---- containers -----------------------------------------------------------------------------------------------------

type ArrayOf<Element, M extends Mode> = M extends 'input' ? readonly Element[] : Element[];

type ArrayOfLeaf<Code extends keyof LeafValues, M extends Mode> =
  M extends 'value' ? (Code extends 'y' ? Uint8Array : LeafValues[Code][])
  : M extends 'typed' ? (Code extends Exclude<FixedTypeCode, 'b'> ? TypedArrays[Code] : LeafValues[Code][])
  : readonly LeafInputs[Code][] | (Code extends FixedTypeCode ? TypedArrays[Code] : never);

type DictOf<Key extends BasicTypeCode, Value, M extends Mode> =
  M extends 'input'
    ? ReadonlyMap<LeafInputs[Key], Value> | (Key extends StringTypeCode ? { readonly [key: string]: Value } : never)
    : Map<LeafValues[Key], Value>;

type StructOf<Fields extends unknown[], M extends Mode> = M extends 'input' ? Readonly<Fields> : Fields;

// ---- parser ---------------------------------------------------------------------------------------------------------

/** An open container: its kind, the container around it, and the types that are complete in that outer container. */
interface Frame {
  /** `top` for the signature itself; for a dict entry, the type code of its key. */
  readonly container: 'top' | 'array' | 'struct' | BasicTypeCode;
  readonly before: unknown[];
  readonly outer: Frame;
  readonly depth: Depth;
}

/** How many arrays (directly inside one another), structs and dict entries are open: at most 32 of each. */
interface Depth {
  readonly arrays: number;
  readonly structs: number;
  readonly dicts: number;
}

interface Top extends Frame {
  readonly container: 'top';
  readonly outer: Top;
  readonly depth: { readonly arrays: 0; readonly structs: 0; readonly dicts: 0 };
}

interface Opened<
  Container extends Frame['container'],
  Before extends unknown[],
  Outer extends Frame,
  Arrays extends number,
  Structs extends number,
  Dicts extends number,
> extends Frame {
  readonly container: Container;
  readonly before: Before;
  readonly outer: Outer;
  readonly depth: { readonly arrays: Arrays; readonly structs: Structs; readonly dicts: Dicts };
}

/** `Successor[n]` is n + 1; 32 has no successor, because nothing may be nested 33 times. */
type Successor = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
  17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
];

/** Parses the next type code of `S`; `Done` has the completed types of `F`, the innermost open container. */
type Parse<S extends string, M extends Mode, Done extends unknown[] = [], F extends Frame = Top> =
  S extends `${infer Code}${infer Rest}`
    ? Code extends keyof LeafValues ? Complete<Leaves[M][Code], Rest, M, Done, F>
    : Code extends 'a' ? OpenArray<Rest, M, Done, F, Successor[F['depth']['arrays']]>
    : Code extends '(' ? OpenStruct<Rest, M, Done, F, Successor[F['depth']['structs']]>
    : Code extends ')' ? CloseStruct<Rest, M, Done, F>
    : Code extends '{' ? Wrong<'found a dict entry outside an array: it must be the element type of one'>
    : Code extends '}' ? UnexpectedBrace<F['container']>
    : string extends Code ? unknown[]
    : Wrong<`unknown type code "${Code}": it must be one of ybnqiuxtdhsogva(){}`>
  : S extends '' ? F['container'] extends 'top' ? Done : Unclosed<F['container']>
  // The rest is known only at run time: a plain string, or the open end of a template such as `a{s${string}`.
  : unknown[];

/** Adds a complete type to the innermost container, and closes that container if it is full. */
type Complete<Type, Rest extends string, M extends Mode, Done extends unknown[], F extends Frame> =
  F['container'] extends 'top' | 'struct' ? Parse<Rest, M, [...Done, Type], F>
  : F['container'] extends 'array' ? Complete<ArrayOf<Type, M>, Rest, M, F['before'], F['outer']>
  : F['container'] extends infer Key extends BasicTypeCode
    ? Rest extends `}${infer After}` ? Complete<DictOf<Key, Type, M>, After, M, F['before'], F['outer']>
    : string extends Rest ? unknown[]
    : Rest extends '' ? Unclosed<Key>
    : Wrong<DictEntryFields>
  : never;

/** After an `a`. Most arrays have a leaf as their element, and are complete at once. `Nested` counts this array. */
type OpenArray<S extends string, M extends Mode, Done extends unknown[], F extends Frame, Nested> =
  Nested extends number
    ? S extends `${infer Code extends keyof LeafValues}${infer Rest}` ? Complete<ArrayOfLeaf<Code, M>, Rest, M, Done, F>
    : S extends `{${infer Entry}` ? OpenDict<Entry, M, Done, F, Successor[F['depth']['dicts']]>
    : S extends '' | `)${string}` | `}${string}` ? Wrong<'an array has no element type: it must have one'>
    : Parse<S, M, [], Opened<'array', Done, F, Nested, F['depth']['structs'], F['depth']['dicts']>>
  : Wrong<'found more than 32 arrays inside one another: there must be at most 32'>;

/** After `a{`. */
type OpenDict<S extends string, M extends Mode, Done extends unknown[], F extends Frame, Nested> =
  Nested extends number
    ? S extends `${infer Key extends BasicTypeCode}${infer Rest}`
      ? Parse<Rest, M, [], Opened<Key, Done, F, 0, F['depth']['structs'], Nested>>
    : S extends '' ? Unclosed<BasicTypeCode>
    : S extends `}${string}` ? Wrong<DictEntryFields>
    : S extends `${'a' | '(' | 'v'}${string}`
      ? Wrong<'the key of a dict entry is a container or variant: its type must be basic'>
    : Parse<S, M> // reports a wrong character, or accepts what is not a literal
  : Wrong<'found more than 32 dict entries inside one another: there must be at most 32'>;

/** After a `(`. */
type OpenStruct<S extends string, M extends Mode, Done extends unknown[], F extends Frame, Nested> =
  Nested extends number
    ? Parse<S, M, [], Opened<'struct', Done, F, 0, Nested, F['depth']['dicts']>>
    : Wrong<'found more than 32 structs inside one another: there must be at most 32'>;

/** After a `)`. */
type CloseStruct<S extends string, M extends Mode, Done extends unknown[], F extends Frame> =
  F['container'] extends 'struct'
    ? Done extends [] ? Wrong<'a struct has no fields: it must have at least one'>
    : Complete<StructOf<Done, M>, S, M, F['before'], F['outer']>
  : Wrong<'found ")" without "(": it must end a struct'>;

// ---- errors ---------------------------------------------------------------------------------------------------------

/** Every error of this file. A valid signature has no space, so it cannot be mistaken for an error. */
type Wrong<Problem extends string> = `invalid D-Bus signature: ${Problem}`;

type DictEntryFields = 'a dict entry has too few or too many types: it must have a key and a value';

type Unclosed<Container> = Container extends 'struct'
  ? Wrong<'a struct has no end: it must end with ")"'>
  : Wrong<'a dict entry has no end: it must end with "}"'>;

type UnexpectedBrace<Container> = Wrong<
  Container extends BasicTypeCode ? DictEntryFields : 'found "}" without "{": it must end a dict entry'
>;

/** Whether `S` has 256 or more characters: 16 can be removed from its start 16 times. */
type IsTooLong<S extends string, Blocks extends number = 0> =
  Blocks extends 16 ? true
  // Each placeholder except the last matches one character. With one name for all, the compiler would build unions.
  : S extends `${infer _0}${infer _1}${infer _2}${infer _3}${infer _4}${infer _5}${infer _6}${
    infer _7}${infer _8}${infer _9}${infer _A}${infer _B}${infer _C}${infer _D}${
    infer _E}${infer _F}${infer Rest}`
    ? IsTooLong<Rest, Successor[Blocks]>
    : false;
