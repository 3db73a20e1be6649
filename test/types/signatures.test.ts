// The types that TypeScript infers from signature literals, beside the behavior at run time. vitest runs this file, and
// `npm test` compiles it first: a `@ts-expect-error` without an error is an error, as is a type that is not the same.

import { describe, expect, test } from 'vitest';
import { MarshalError, SignatureError } from '../../src/wire/errors.js';
import type {
  BodyInputOf, BodyOf, CheckedSignature, DescriptorIndex, CheckedSingle, InputOf, TypedBodyOf, ValueOf,
} from '../../src/wire/infer.js';
import { marshal } from '../../src/wire/values/marshal.js';
import { unmarshal } from '../../src/wire/values/unmarshal.js';
import { type Variant, variant } from '../../src/wire/variant.js';
import { same, type Same } from './support.js';

/** The values that a receiver gets for those of a sender. */
function roundTrip<const S extends string>(signature: CheckedSignature<S>, body: BodyInputOf<S>): BodyOf<S> {
  return unmarshal(signature, marshal(signature, body));
}

describe('values', () => {
  test('have the types of the table of values', () => {
    same<Same<ValueOf<'y' | 'n' | 'q' | 'i' | 'u' | 'd'>, number>>();
    same<Same<ValueOf<'h'>, DescriptorIndex>>();
    const index: ValueOf<'h'> = 5; // it is a number nevertheless, and a number is one
    const plain: number = index;
    expect(new Map<ValueOf<'h'>, number>([[plain, 1]]).get(5)).toBe(1);
    same<Same<ValueOf<'x' | 't'>, bigint>>();
    same<Same<ValueOf<'b'>, boolean>>();
    same<Same<ValueOf<'s' | 'o' | 'g'>, string>>();
    same<Same<ValueOf<'v'>, Variant>>();
    same<Same<ValueOf<'ay'>, Uint8Array>>();
    same<Same<ValueOf<'as'>, string[]>>();
    same<Same<ValueOf<'at'>, bigint[]>>();
    same<Same<ValueOf<'aay'>, Uint8Array[]>>();
    same<Same<ValueOf<'a(ii)'>, [number, number][]>>();
    same<Same<ValueOf<'a{sv}'>, Map<string, Variant>>>();
    same<Same<ValueOf<'a{ta{bs}}'>, Map<bigint, Map<boolean, string>>>>();
    same<Same<ValueOf<'a{oa{sa{sv}}}'>, Map<string, Map<string, Map<string, Variant>>>>>();
    same<Same<ValueOf<'(s(iay)v)'>, [string, [number, Uint8Array], Variant]>>();
  });

  test('of a whole signature are a tuple', () => {
    same<Same<BodyOf<''>, []>>();
    same<Same<BodyOf<'s'>, [string]>>();
    same<Same<BodyOf<'susssasa{sv}i'>,
      [string, number, string, string, string, string[], Map<string, Variant>, number]>>();
    same<Same<BodyOf<'(yy)a(s)y'>, [[number, number], [string][], number]>>();
    same<Same<BodyOf<'i' | 'ss'>, [number] | [string, string]>>();
  });

  test('have typed arrays if they are asked for', () => {
    same<Same<TypedBodyOf<'anaqaiauahaxatad'>, [
      Int16Array, Uint16Array, Int32Array, Uint32Array, Uint32Array, BigInt64Array, BigUint64Array, Float64Array,
    ]>>();
    same<Same<TypedBodyOf<'ayabasdv'>, [Uint8Array, boolean[], string[], number, Variant]>>();
    same<Same<TypedBodyOf<'aad(iax)a{ua{sad}}'>,
      [Float64Array[], [number, BigInt64Array], Map<number, Map<string, Float64Array>>]>>();
    same<Same<TypedBodyOf<string>, unknown[]>>();
    const bytes = marshal('ad', [[1, 2]]);
    const typed = unmarshal('ad', bytes, { typedArrays: true });
    same<Same<typeof typed, [Float64Array]>>();
    const plain = unmarshal('ad', bytes, { typedArrays: false, byteOrder: 'little' });
    same<Same<typeof plain, [number[]]>>();
    const either = unmarshal('ad', bytes, { typedArrays: Math.random() < 2 });
    same<Same<typeof either, [number[]] | [Float64Array]>>();
    expect([typed, plain]).toEqual([[new Float64Array([1, 2])], [[1, 2]]]);
  });

  test('are unknown if the signature is known only at run time', () => {
    same<Same<ValueOf<string>, unknown>>();
    same<Same<InputOf<string>, unknown>>();
    same<Same<BodyOf<string>, unknown[]>>();
    same<Same<BodyInputOf<string>, readonly unknown[]>>();
    same<Same<BodyOf<`a${string}`>, unknown[]>>();
    same<Same<BodyOf<`a{s${string}`>, unknown[]>>();
    same<Same<BodyOf<`${string}s`>, unknown[]>>();
    same<Same<ValueOf<`a{sv${string}`>, unknown>>();
    same<Same<CheckedSignature<string>, string>>();
    same<Same<CheckedSingle<string>, string>>();
    same<Same<CheckedSingle<`a${string}`>, `a${string}`>>();
    const signature: string = 'as';
    expect(roundTrip(signature, [['a']])).toEqual([['a']]);
  });
});

describe('inputs', () => {
  test('accept more types than values have', () => {
    same<Same<InputOf<'x' | 't'>, bigint | number>>();
    same<Same<InputOf<'ay'>, Uint8Array | readonly number[]>>();
    same<Same<InputOf<'an'>, Int16Array | readonly number[]>>();
    same<Same<InputOf<'aq'>, Uint16Array | readonly number[]>>();
    same<Same<InputOf<'ai'>, Int32Array | readonly number[]>>();
    same<Same<InputOf<'au' | 'ah'>, Uint32Array | readonly number[]>>();
    same<Same<InputOf<'ax'>, BigInt64Array | readonly (bigint | number)[]>>();
    same<Same<InputOf<'at'>, BigUint64Array | readonly (bigint | number)[]>>();
    same<Same<InputOf<'ad'>, Float64Array | readonly number[]>>();
    same<Same<InputOf<'ab'>, readonly boolean[]>>();
    same<Same<InputOf<'a{sv}'>, ReadonlyMap<string, Variant> | { readonly [key: string]: Variant }>>();
    same<Same<InputOf<'a{us}'>, ReadonlyMap<number, string>>>();
    same<Same<InputOf<'(sx)'>, readonly [string, bigint | number]>>();
    same<Same<BodyInputOf<''>, readonly []>>();
    same<Same<BodyInputOf<'sx'>, readonly [string, bigint | number]>>();
  });

  test('can have all accepted forms, and arrive with the type of the signature', () => {
    const bytes: [Uint8Array] = roundTrip('ay', [[1, 2]]);
    expect(bytes).toEqual([Uint8Array.of(1, 2)]);
    expect(roundTrip('ay', [Buffer.from('ab')])).toEqual([Uint8Array.of(97, 98)]);

    const doubles: [number[]] = roundTrip('ad', [Float64Array.of(0.5, 2)]);
    expect(doubles).toEqual([[0.5, 2]]);

    const integers: [bigint, bigint[]] = roundTrip('xat', [-1, [1, 2n]]);
    expect(integers).toEqual([-1n, [1n, 2n]]);

    const [dict]: [Map<string, Variant>] = roundTrip('a{sv}', [
      { a: variant('s', 'x'), b: { signature: 'u', value: 1 } },
    ]);
    expect([...dict]).toEqual([['a', { signature: 's', value: 'x' }], ['b', { signature: 'u', value: 1 }]]);
    expect(roundTrip('a{sv}', [new Map([['a', variant('b', true)]])])).toEqual([new Map([['a', variant('b', true)]])]);
    expect(roundTrip('a{sv}', [{}])).toEqual([new Map()]);

    const structs: [Map<string, [bigint, string]>] = roundTrip('a{o(xs)}', [{ '/': [1, 'x'], '/a': [2n, 'y'] }]);
    expect(structs).toEqual([new Map([['/', [1n, 'x']], ['/a', [2n, 'y']]])]);

    const byNumber: [Map<number, string[]>] = roundTrip('a{uas}', [new Map([[1, ['a'] as const]])]);
    expect(byNumber).toEqual([new Map([[1, ['a']]])]);

    expect(roundTrip('asa(ss)', [[], [['a', 'b']]] as const)).toEqual([[], [['a', 'b']]]);
  });

  test('of a wrong type are rejected by the compiler and by the codec', () => {
    // @ts-expect-error a number instead of a string
    expect(() => roundTrip('s', [1])).toThrow(MarshalError);
    // @ts-expect-error one value for two types
    expect(() => roundTrip('su', ['a'])).toThrow(MarshalError);
    // @ts-expect-error two values for one type
    expect(() => roundTrip('s', ['a', 'b'])).toThrow(MarshalError);
    // @ts-expect-error a bigint for an integer of 32 bits
    expect(() => roundTrip('u', [1n])).toThrow(MarshalError);
    // @ts-expect-error elements of the wrong size
    expect(() => roundTrip('au', [new Uint8Array(2)])).toThrow(MarshalError);
    // @ts-expect-error an object, whose keys are strings, for a dict with numbers as keys
    expect(() => roundTrip('a{us}', [{ 1: 'a' }])).toThrow(MarshalError);
    // @ts-expect-error a value without its type for a variant
    expect(() => roundTrip('a{sv}', [{ a: 'x' }])).toThrow(MarshalError);
    // @ts-expect-error one value for a struct of two
    expect(() => roundTrip('(ss)', [['a']])).toThrow(MarshalError);
    // @ts-expect-error an array for a dict
    expect(() => roundTrip('a{sv}', [[]])).toThrow(MarshalError);
    // @ts-expect-error no such type
    expect(() => roundTrip('ak', [[]])).toThrow(MarshalError);
  });
});

describe('variants', () => {
  test('have the type that belongs to their signature', () => {
    const text = variant('s', 'x');
    const dict = variant('a{sv}', { volume: variant('d', 0.5) });
    same<Same<typeof text, Variant<'s', string>>>();
    same<Same<Variant<'as'>['value'], string[]>>();
    same<Same<Variant['value'], unknown>>();
    expect(text).toEqual({ signature: 's', value: 'x' });
    expect(dict).toEqual({ signature: 'a{sv}', value: { volume: { signature: 'd', value: 0.5 } } });
  });

  test('of one type are assignable to Variant', () => {
    const variants: Variant[] = [variant('s', 'x'), variant('ai', [1]), variant('v', variant('b', true))];
    const written: Variant = { signature: 's', value: 'x' };
    const received: Variant<'s'> = { signature: 's', value: 'x' };
    const any: Variant = received;
    expect([...variants, written, any]).toHaveLength(5);
  });

  test('can have a signature that is known only at run time', () => {
    const signature: string = 'as';
    const made = variant(signature, ['x']);
    same<Same<typeof made, Variant<string, unknown>>>();
    expect(made).toEqual({ signature: 'as', value: ['x'] });
  });

  test('must have exactly one type, at compile time and at run time', () => {
    // @ts-expect-error two types
    expect(() => variant('ss', 'x')).toThrow(SignatureError);
    // @ts-expect-error no type
    expect(() => variant('', 'x')).toThrow(SignatureError);
    // @ts-expect-error no such type
    expect(() => variant('k', 'x')).toThrow(SignatureError);
    // @ts-expect-error a number instead of a string
    const wrong = variant('s', 1);
    expect(() => marshal('v', [wrong])).toThrow(MarshalError);
  });
});
