// Which messages match a rule, key by key. Real buses are asked the same in test/interop/match-rules.test.ts.
import { describe, expect, test } from 'vitest';
import type { MatchRule } from '../../src/protocol/match-rule.js';
import { matchesRule } from '../../src/protocol/matches-rule.js';
import { type Message, methodCall, signal } from '../../src/wire/messages/message.js';
import { variant } from '../../src/wire/variant.js';

describe('a message matched with a rule', () => {
  const message = {
    ...signal({ path: '/a/b', interface: 'com.example.I', member: 'M', destination: ':1.3' }),
    sender: ':1.2',
  };
  const withBody = (signature: string, ...body: readonly unknown[]): Message => ({ ...message, signature, body });

  test.each<[what: string, rule: MatchRule, message: Message, expected: boolean]>([
    ['no keys', {}, message, true],
    ['its type', { type: 'signal' }, message, true],
    ['another type', { type: 'method_call' }, message, false],
    ['a type, if its own has no name', { type: 'signal' }, { ...message, type: 7 }, false],
    ['its interface', { interface: 'com.example.I' }, message, true],
    ['another interface', { interface: 'com.example.J' }, message, false],
    ['an interface, if it has none', { interface: 'com.example.I' }, methodCall({ path: '/', member: 'M' }), false],
    ['its member', { member: 'M' }, message, true],
    ['another member', { member: 'm' }, message, false],
    ['its path', { path: '/a/b' }, message, true],
    ['a path above its own', { path: '/a' }, message, false],
    ['its destination', { destination: ':1.3' }, message, true],
    ['another destination', { destination: ':1.2' }, message, false],
    ['any sender, which is not compared', { sender: ':1.9' }, message, true],
    ['the namespace /', { pathNamespace: '/' }, message, true],
    ['a namespace above it', { pathNamespace: '/a' }, message, true],
    ['its path as namespace', { pathNamespace: '/a/b' }, message, true],
    ['a namespace below it', { pathNamespace: '/a/b/c' }, message, false],
    ['a namespace that is the start of an element', { pathNamespace: '/a/bb' }, { ...message, path: '/a/bbb' }, false],
    ['a namespace, if it has no path', { pathNamespace: '/' }, { ...message, type: 9, path: undefined } as Message, false],
    ['one argument of two', { args: { 1: 'x' } }, withBody('ss', '', 'x'), true],
    ['two arguments, one of which differs', { args: { 0: 'y', 1: 'x' } }, withBody('ss', '', 'x'), false],
    ['an argument beyond the body', { args: { 2: 'x' } }, withBody('ss', 'x', 'x'), false],
    ['an empty argument beyond the body', { args: { 0: '' } }, withBody(''), false],
    ['an argument of type OBJECT_PATH', { args: { 0: '/' } }, withBody('o', '/'), false],
    ['an argument of type SIGNATURE', { args: { 0: 's' } }, withBody('g', 's'), false],
    ['a variant of text', { args: { 0: 's' } }, withBody('v', variant('s', 's')), false],
    ['a path in a variant', { argPaths: { 0: '/' } }, withBody('v', variant('o', '/')), false],
    ['a number', { args: { 0: '1' } }, withBody('u', 1), false],
    [
      'text after containers', { args: { 3: 'x' } },
      withBody('a(sa{sv})(s(s))vs', [], ['', ['']], variant('s', ''), 'x'), true,
    ],
    ['an argument path beyond the body', { argPaths: { 1: '/' } }, withBody('o', '/'), false],
    ['an argument path that is a signature', { argPaths: { 0: '' } }, withBody('g', ''), false],
    ['a namespace that is a path', { arg0Namespace: 'com' }, withBody('o', '/'), false],
    ['a namespace without arguments', { arg0Namespace: 'com' }, withBody(''), false],
    ['several keys that all match', { type: 'signal', path: '/a/b', member: 'M', args: { 0: 'x' } }, withBody('s', 'x'), true],
    ['several keys, one of which differs', { type: 'signal', path: '/a', member: 'M', args: { 0: 'x' } }, withBody('s', 'x'), false],
  ])('that has %s: %#', (_, rule, tested, expected) => {
    expect(matchesRule(rule, tested)).toBe(expected);
  });

  // The example of the specification: /aa/bb/ takes the first five, not the others.
  test.each([
    ['/', true], ['/aa/', true], ['/aa/bb/', true], ['/aa/bb/cc/', true], ['/aa/bb/cc', true],
    ['/aa', false], ['/aa/b', false], ['/aa/bb', false],
  ])('with the argument path /aa/bb/, for the argument %s: %j', (argument, expected) => {
    const rule: MatchRule = { argPaths: { 0: '/aa/bb/' } };
    expect(matchesRule(rule, withBody('s', argument))).toBe(expected);
    // A slash at the end is for text only: no OBJECT_PATH has one.
    if (argument === '/' || !argument.endsWith('/')) expect(matchesRule(rule, withBody('o', argument))).toBe(expected);
  });
});
