// The text of rules in one form, as dbus-daemon lists them in GetAllMatchRules, and the errors of rules.
// Specification: Match Rules, AddMatch.

import { expect, test } from 'vitest';
import { readRule, ruleText } from '../../src/message-bus/client-rules.js';

/** Texts, and how dbus-daemon 1.14 lists them. */
test.each([
  ["member='X',  type=signal", "type='signal',member='X'"],
  [
    "arg0='x',eavesdrop=true,destination=':1.5',sender=a.b,path_namespace='/a',member=M,interface='a.b'",
    "interface='a.b',member='M',path_namespace='/a',sender='a.b',destination=':1.5',eavesdrop='true',arg0='x'",
  ],
  ["arg5='x',arg1path='/a',arg0namespace='a.b'", "arg0namespace='a.b',arg1path='/a',arg5='x'"],
  ["eavesdrop='false'", ''],
  ["type='signal',", "type='signal'"],
])('the rule %j is written as %j', (text, expected) => {
  expect(ruleText(readRule(text))).toBe(expected);
});

test('a value with an apostrophe cannot imitate another key', () => {
  const [one, other] = [readRule(String.raw`arg0='a'\'',arg1='\''b'`), readRule("arg0='a',arg1='b'")];
  expect(ruleText(one)).not.toBe(ruleText(other));
});

test.each([
  ['nonsense', 'MatchRuleInvalid'],
  ["member='X',member='X'", 'MatchRuleInvalid'],
  [`arg0='${'é'.repeat(600)}'`, 'LimitsExceeded'],
])('the rule %j fails with %s', (text, expected) => {
  expect(() => readRule(text)).toThrow(expect.objectContaining({ errorName: `org.freedesktop.DBus.Error.${expected}` }));
});
