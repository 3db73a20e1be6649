// Values without variants, and what the compiler knows about them.

import { describe, expect, test } from 'vitest';
import { ArgumentError } from '../../src/wire/errors.js';
import { isVariantOf, take, type TakenValue, toPlain, unwrap } from '../../src/wire/plain.js';
import { unmarshal } from '../../src/wire/values/unmarshal.js';
import { marshal } from '../../src/wire/values/marshal.js';
import { type Variant, variant } from '../../src/wire/variant.js';
import { type Same, same } from '../types/support.js';

/** The details of a track as a link reads them. */
const details: ReadonlyMap<string, Variant> = new Map<string, Variant>([
  ['title', variant('s', 'song')],
  ['length', variant('x', 5n)],
  ['artist', variant('as', ['a', 'b'])],
  ['samples', variant('ad', [0.5])],
  ['__proto__', variant('u', 7)],
]);

describe('take', () => {
  test('returns the value of a key with the type of its signature', () => {
    const title = take(details, 'title', 's');
    same<Same<typeof title, string | undefined>>();
    expect(title).toBe('song');
    const length = take(details, 'length', 'x');
    same<Same<typeof length, bigint | undefined>>();
    expect(length).toBe(5n);
    expect(take(details, '__proto__', 'u')).toBe(7);
  });

  test('returns undefined for a missing key, and for a value of another type', () => {
    expect(take(details, 'album', 's')).toBeUndefined();
    expect(take(details, 'length', 's')).toBeUndefined();
    expect(take(details, 'length', 't')).toBeUndefined();
  });

  test('accepts any of several signatures', () => {
    const artist = take(details, 'artist', 'as', 's');
    same<Same<typeof artist, string | string[] | undefined>>();
    expect(artist).toEqual(['a', 'b']);
    expect(take(new Map([['artist', variant('s', 'a')]]), 'artist', 'as', 's')).toBe('a');
  });

  test('reads only the own keys of an object', () => {
    const object = { title: variant('s', 'song') };
    expect(take(object, 'title', 's')).toBe('song');
    expect(take(object, 'toString', 's')).toBeUndefined();
    expect(take(object, '__proto__', 's')).toBeUndefined();
  });

  test('has both kinds of arrays in its type, because the kind depends on the link', () => {
    const samples = take(details, 'samples', 'ad');
    same<Same<typeof samples, number[] | Float64Array | undefined>>();
    same<Same<TakenValue<'ay'>, Uint8Array>>();
    const [typed] = unmarshal('a{sv}', marshal('a{sv}', [details]), { typedArrays: true });
    expect(take(typed, 'samples', 'ad')).toEqual(Float64Array.of(0.5));
  });

  test('reads a value that only pretends to be a Map as an object', () => {
    const dict = { [Symbol.toStringTag]: 'Map', title: variant('s', 'song') };
    expect(take(dict, 'title', 's')).toBe('song');
    expect({ ...unwrap(dict) }).toEqual({ title: 'song' });
    expect(toPlain(dict)).toEqual({ title: 'song' });
    expect(() => take(Object.create(new Map()) as never, 'title', 's')).toThrow(ArgumentError);
  });

  test('refuses invalid arguments', () => {
    // @ts-expect-error not a type
    expect(() => take(details, 'title', 'k')).toThrow(expect.objectContaining({ name: 'SignatureError' }));
    // @ts-expect-error two types
    expect(() => take(details, 'title', 'ss')).toThrow(expect.objectContaining({ code: 'SIGNATURE_NOT_SINGLE' }));
    expect(() => take(details, 'title')).toThrow('take: no signature is given: there must be at least one');
    // @ts-expect-error not a dict
    expect(() => take(undefined, 'title', 's')).toThrow('take: the dict must be a Map or an object, got undefined');
    // @ts-expect-error not a dict
    expect(() => take([details], 'title', 's')).toThrow('take: the dict must be a Map or an object, got an array of 1');
    // @ts-expect-error not a variant
    expect(() => take({ title: 'song' }, 'title', 's')).toThrow(
      'take: a value of the dict must be a variant, got string "song"',
    );
  });
});

describe('isVariantOf', () => {
  test('narrows the type of the value', () => {
    const found: Variant | undefined = details.get('title');
    if (!isVariantOf(found, 's')) throw new Error('it is one');
    same<Same<typeof found.value, string>>();
    expect(found.value.toUpperCase()).toBe('SONG');
  });

  test('is false for a value whose signature cannot be read', () => {
    const broken = { value: 1, get signature(): never { throw new Error('of a getter'); } };
    expect(isVariantOf(broken, 's')).toBe(false);
  });

  test('is false for other signatures and for undefined', () => {
    expect(isVariantOf(details.get('title'), 'o')).toBe(false);
    expect(isVariantOf(details.get('album'), 's')).toBe(false);
    // @ts-expect-error not a type
    expect(() => isVariantOf(details.get('title'), '')).toThrow(expect.objectContaining({ name: 'SignatureError' }));
  });
});

describe('unwrap', () => {
  test('returns all values, one level deep', () => {
    const nested = new Map<string, Variant>([...details, ['inner', variant('v', variant('s', 'x'))]]);
    const values = unwrap(nested);
    expect(Object.getPrototypeOf(values)).toBeNull();
    expect(Object.entries(values)).toEqual([
      ['title', 'song'], ['length', 5n], ['artist', ['a', 'b']], ['samples', [0.5]], ['__proto__', 7],
      ['inner', { signature: 's', value: 'x' }],
    ]);
    expect(Object.keys(unwrap({}))).toEqual([]);
  });

  test('returns the values with the given signatures, with their types', () => {
    const values = unwrap(details, { title: 's', length: 'x', artist: 's', album: 's' });
    same<Same<typeof values, { title?: string; length?: bigint; artist?: string; album?: string }>>();
    expect({ ...values }).toEqual({ title: 'song', length: 5n });
    // @ts-expect-error not a type
    expect(() => unwrap(details, { title: 'k' })).toThrow(expect.objectContaining({ name: 'SignatureError' }));
  });
});

describe('toPlain', () => {
  test('removes the variants at every level', () => {
    const value = [new Map<string, Variant>([
      ['a', variant('a{sv}', new Map([['b', variant('v', variant('(sv)', ['x', variant('u', 1)]))]]))],
      ['bytes', variant('ay', Uint8Array.of(1, 2))],
    ]), 5n];
    const result = toPlain(value);
    expect(result).toEqual([{ a: { b: ['x', 1] }, bytes: Uint8Array.of(1, 2) }, 5n]);
  });

  test('keeps Maps whose keys are not strings, and any key', () => {
    expect(toPlain(new Map([[1, variant('s', 'x')]]))).toEqual(new Map([[1, 'x']]));
    expect(Object.keys(toPlain(new Map([['__proto__', variant('s', 'x')]])) as object)).toEqual(['__proto__']);
    expect(toPlain(new Map())).toEqual({});
  });

  test('also converts values that can be written, and keeps objects of a class', () => {
    expect(toPlain({ a: variant('s', 'x') })).toEqual({ a: 'x' });
    const date = new Date();
    expect(toPlain([date])).toEqual([date]);
  });

  test('refuses a value that contains itself', () => {
    const circle: unknown[] = [];
    circle.push(circle);
    expect(() => toPlain(circle)).toThrow('toPlain: the value is more than 128 levels deep: it must be at most 128');
  });

  test('converts the deepest value of a message', () => {
    const deep = Array.from({ length: 63 }).reduce<Variant>((inner) => variant('v', inner), variant('y', 7));
    expect(toPlain(unmarshal('v', marshal('v', [deep])))).toEqual([7]);
  });
});
