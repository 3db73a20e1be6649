// The JSON form of each kind of value, and what has none.

import { describe, expect, test } from 'vitest';
import { ArgumentError } from '../../src/wire/errors.js';
import { toJson } from '../../src/wire/json.js';
import { toPlain } from '../../src/wire/plain.js';
import { variant } from '../../src/wire/variant.js';

describe('the JSON form', () => {
  test.each<readonly [string, unknown, string]>([
    ['texts and numbers', ['x', 1, -0.5, true], '["x",1,-0.5,true]'],
    ['bigints of any size, as digits', [5n, -(2n ** 63n), 2n ** 64n - 1n], '["5","-9223372036854775808","18446744073709551615"]'],
    ['numbers that JSON cannot say', [NaN, Infinity, -Infinity, -0, 0], '["NaN","Infinity","-Infinity","-0",0]'],
    ['such numbers in variants, dicts and typed arrays',
      [variant('d', -0), new Map([['a', -0]]), Float64Array.of(-0, NaN)],
      '[{"signature":"d","value":"-0"},{"a":"-0"},["-0","NaN"]]'],
    ['bytes', Uint8Array.of(0, 255), '[0,255]'],
    ['a Buffer', Buffer.from([1]), '[1]'],
    ['typed arrays', [Float64Array.of(0.5, NaN), BigInt64Array.of(-1n)], '[[0.5,"NaN"],["-1"]]'],
    ['a dict with texts as keys', new Map([['a', 1], ['__proto__', 2]]), '{"a":1,"__proto__":2}'],
    ['a dict with other keys', new Map<unknown, unknown>([[1, 'x'], [2n, 'y'], [true, 'z']]), '{"1":"x","2":"y","true":"z"}'],
    ['a variant', variant('t', 5n), '{"signature":"t","value":"5"}'],
    ['an object', { a: 1n }, '{"a":"1"}'],
    ['an empty body', [], '[]'],
    ['a dict of variants, nested', new Map([['a', variant('a{sv}', new Map([['b', variant('ay', Uint8Array.of(1))]]))]]),
      '{"a":{"signature":"a{sv}","value":{"b":{"signature":"ay","value":[1]}}}}'],
  ])('of %s', (_, value, text) => {
    expect(JSON.stringify(toJson(value))).toBe(text);
  });

  test('without variants is the result of toPlain', () => {
    expect(JSON.stringify(toJson(toPlain(new Map([['a', variant('t', 5n)]]))))).toBe('{"a":"5"}');
  });

  test.each<readonly [string, unknown, string]>([
    ['a function', [() => {}], 'toJson: the value must be one that a message can contain, got a function'],
    ['undefined', { a: undefined }, 'toJson: the value must be one that a message can contain, got undefined'],
    ['null', null, 'toJson: the value must be one that a message can contain, got null'],
    ['a Date', new Date(0), 'toJson: the value must be one that a message can contain, got an object of class Date'],
    ['a Set', new Set(), 'toJson: the value must be one that a message can contain, got an object of class Set'],
    ['an object as a key', new Map([[{}, 1]]), 'toJson: the value must be one that a message can contain, got an object of class Object'],
  ])('is refused for %s', (_, value, text) => {
    expect(() => toJson(value)).toThrow(text);
  });

  test('is refused for a value that contains itself', () => {
    const circle = new Map<string, unknown>();
    circle.set('self', circle);
    expect(() => toJson(circle)).toThrow('toJson: the value is more than 128 levels deep: it must be at most 128');
  });

  test('is refused for a value that only pretends to be a Map', () => {
    expect(() => toJson({ [Symbol.toStringTag]: 'Map' })).toThrow(ArgumentError);
    expect(() => toJson(Object.create(new Map()))).toThrow(ArgumentError);
    expect(() => toJson(new Proxy(new Map(), {}))).toThrow(ArgumentError);
  });

  test('is refused for a revoked proxy', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(() => toJson(proxy)).toThrow('toJson: the value must be one that a message can contain, got a value that cannot be inspected');
  });
});
