// The text of a match rule, and what a rule must not have.
import { describe, expect, test } from 'vitest';
import { formatMatchRule } from '../../src/protocol/format-match-rule.js';
import { describe as describeValue } from '../../src/wire/describe.js';
import type { MatchRule } from '../../src/protocol/match-rule.js';
import { RULES_AND_TEXTS } from './match-rule-texts.js';

describe('the text of a rule', () => {
  test.each(RULES_AND_TEXTS)('%j is %s', (rule, text) => {
    expect(formatMatchRule(rule)).toBe(text);
  });

  test('does not depend on the order of its keys', () => {
    const one: MatchRule = { member: 'M', type: 'signal', args: { 1: 'b', 0: 'a' }, path: '/' };
    const other: MatchRule = { path: '/', args: { 0: 'a', 1: 'b' }, type: 'signal', member: 'M' };
    expect(formatMatchRule(one)).toBe(formatMatchRule(other));
  });

  const invalid = (rule: object): MatchRule => rule as MatchRule; // what only JavaScript lets through

  test.each<[title: string, rule: MatchRule, message: string]>([
    ['a sender', { sender: 'example' }, 'rule.sender: string "example" is not a valid bus name: it must '],
    ['a destination', { destination: '1.2' }, 'rule.destination: string "1.2" is not a valid bus name: it must '],
    ['an interface', { interface: 'a' }, 'rule.interface: string "a" is not a valid interface name: it must '],
    ['a member', { member: 'a.b' }, 'rule.member: string "a.b" is not a valid member name: it must '],
    ['a path', { path: '/a/' }, 'rule.path: string "/a/" is not a valid object path: it must '],
    ['a pathNamespace', { pathNamespace: 'a' }, 'rule.pathNamespace: string "a" is not a valid object path: it must '],
  ])('is refused if %s breaks its grammar, and the error names the key', (_, rule, message) => {
    expect(() => formatMatchRule(rule)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
    expect(() => formatMatchRule(rule)).toThrow(message);
  });

  test.each<[rule: MatchRule, message: string]>([
    [{ path: '/a', pathNamespace: '/a' },
      'path and pathNamespace are both given: a match rule must have at most one of them'],
    [{ path: '/a', pathNamespace: '/' },
      'path and pathNamespace are both given: a match rule must have at most one of them'],
    [{ args: { 0: 'a', 5: 'a' }, argPaths: { 5: '/' } },
      'argument 5 is in args and argPaths: a match rule must have at most one key for an argument'],
    [{ args: { 0: 'a' }, arg0Namespace: 'a' },
      'argument 0 is in arg0Namespace and args: a match rule must have at most one key for an argument'],
    [{ argPaths: { 0: '/' }, arg0Namespace: 'a' },
      'argument 0 is in arg0Namespace and argPaths: a match rule must have at most one key for an argument'],
    [invalid({ type: 'reply' }), 'string "reply" is not a message type: it must be one of "method_call", '],
    [{ args: { 64: 'x' } }, '"64" is not the index of an argument: it must be an integer from 0 to 63'],
    [{ argPaths: { 64: '/' } }, '"64" is not the index of an argument: it must be an integer from 0 to 63'],
    [{ args: { [-1]: 'x' } }, '"-1" is not the index of an argument'],
    [{ args: { 1.5: 'x' } }, '"1.5" is not the index of an argument'],
    [invalid({ args: { first: 'x' } }), '"first" is not the index of an argument'],
    [invalid({ args: { '01': 'x' } }), '"01" is not the index of an argument'],
    [invalid({ args: { 0: 7 } }), 'argument 0 is number 7: it must be a string without NUL and lone surrogates'],
    [{ args: { 3: 'a\0' } }, 'argument 3 is string "a\\u0000": it must be a string without NUL and lone surrogates'],
    [{ args: { 0: '\ud800' } }, 'argument 0 is string "\\ud800": it must be a string without NUL and lone surrogates'],
    ...[5, true, 'abc', null, 5n, Symbol(), () => {}, new Map([[0, 'a']]), new Set(['a']), new Date(0),
      Promise.resolve({ 0: 'a' })].flatMap((value): [rule: MatchRule, message: string][] => [
      [invalid({ args: value }), `args is ${describeValue(value)}: it must be an object with indexes as keys`],
      [invalid({ argPaths: value }), `argPaths is ${describeValue(value)}: it must be an object with indexes as keys`],
    ]),
    [{ arg0Namespace: '' }, 'string "" is not the start of a bus name: it must be a bus name, or the first elements'],
    [{ arg0Namespace: 'com.' }, 'string "com." is not the start of a bus name'],
    [{ arg0Namespace: 'a'.repeat(256) }, 'is not the start of a bus name'],
    [invalid({ arg0Namespace: 5 }), 'number 5 is not the start of a bus name'],
    [invalid({ eavesdrop: 'true' }), 'eavesdrop is string "true": it must be true or false'],
    [invalid({ intreface: 'a.b' }), 'unknown key "intreface": did you mean "interface"?'],
    [invalid({ path_namespace: '/a' }), 'unknown key "path_namespace": did you mean "pathNamespace"?'],
    [invalid({ arg0: 'a' }), 'unknown key "arg0": did you mean "args: { 0: … }"?'],
    [invalid({ arg12path: '/a' }), 'unknown key "arg12path": did you mean "argPaths: { 12: … }"?'],
    [invalid({ xyz: 1 }), 'unknown key "xyz": it must be one of type, sender, interface, member, path, '],
  ])('is refused: %o', (rule, message) => {
    const refused = { code: 'MATCH_RULE_INVALID', fault: 'caller', rule: undefined, offset: undefined };
    expect(() => formatMatchRule(rule)).toThrow(expect.objectContaining(refused));
    expect(() => formatMatchRule(rule)).toThrow(message);
  });

  test.each<[title: string, rule: MatchRule, length: number]>([
    ['1,025 bytes', { args: { 0: 'x'.repeat(1018) } }, 1025],
    ['1,025 bytes of UTF-8', { args: { 0: 'é'.repeat(509) } }, 1025],
  ])('is refused if it has %s', (_, rule, length) => {
    const refused = expect.objectContaining({
      code: 'MATCH_RULE_TOO_LONG', message: `the match rule has ${length} bytes as text: it must have at most 1024`,
    });
    expect(() => formatMatchRule(rule)).toThrow(refused);
  });

  test('must have at most 1,024 bytes', () => {
    expect(formatMatchRule({ args: { 0: 'x'.repeat(1017) } })).toHaveLength(1024);
    expect(new TextEncoder().encode(formatMatchRule({ args: { 0: 'é'.repeat(508) } }))).toHaveLength(1023);
  });

  test('is not made from a proxy that throws, or from arguments that throw', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(() => formatMatchRule(proxy)).toThrow('the rule must be an object, got a value that cannot be inspected');
    expect(() => formatMatchRule({ args: proxy })).toThrow('args is a value that cannot be inspected: it must be');
  });

  test.each([
    [null], [5], [''], [true], [Symbol()], ["type='signal'"], [[]], [new Map([['type', 'signal']])], [new Date(0)],
    [Promise.resolve({})],
  ])('cannot be made from %o', (value) => {
    expect(() => formatMatchRule(value as never)).toThrow('formatMatchRule: the rule must be an object, got ');
  });
});
