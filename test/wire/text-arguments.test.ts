// The texts among the arguments of a message, as match rules compare them.
// Specification: Match Rules.

import { expect, test } from 'vitest';
import { decodeHeader, encodeMessage, signal, variant } from '../../src/wire/index.js';
import { textArguments } from '../../src/wire/messages/text-arguments.js';

function textsOf(signature: string, body: readonly unknown[], count = 64): readonly (string | undefined)[] {
  return ['little', 'big'].map((byteOrder) => {
    const message = signal<string>({ path: '/', interface: 'a.b', member: 'C', signature, body });
    const bytes = encodeMessage(message, { serial: 1, byteOrder: byteOrder as 'little' });
    return textArguments(decodeHeader(bytes), bytes, count);
  }).reduce((little, big) => {
    expect(big).toEqual(little);
    return little;
  });
}

test.each([
  ['', [], []],
  ['s', ['é😀'], ['é😀']],
  ['sog', ['a', '/b', 's'], ['a', '/b', undefined]],
  ['ysa{sv}v(s)tso', [1, 'x', new Map([['k', variant('s', 'v')]]), variant('s', 'y'), ['z'], 1, 'last', '/o'],
    [undefined, 'x', undefined, undefined, undefined, undefined, 'last', '/o']],
  ['asys', [['a', 'b'], 1, ''], [undefined, undefined, '']],
] as const)('the text arguments of %s %j are read from the bytes', (signature, body, expected) => {
  expect(textsOf(signature, body)).toEqual(expected);
});

test('no more arguments are read than are asked for', () => {
  expect(textsOf('sss', ['a', 'b', 'c'], 2)).toEqual(['a', 'b']);
});

test('a long text is shortened between two characters', () => {
  const [text = ''] = textsOf('s', [`a${'é'.repeat(5_000)}`]);
  expect(text).toBe(`a${'é'.repeat(1_023)}`);
});
