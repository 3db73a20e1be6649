// The text of a match rule, read: quotes, spaces, and what a text must not have, with the place of the mistake.
// That a real bus reads the same texts in the same way is shown by test/interop/match-rule-texts.test.ts.
import { describe, expect, test } from 'vitest';
import { MatchRuleError } from '../../src/protocol/errors.js';
import { formatMatchRule } from '../../src/protocol/format-match-rule.js';
import type { MatchRule } from '../../src/protocol/match-rule.js';
import { parseMatchRule } from '../../src/protocol/parse-match-rule.js';
import { RULES_AND_TEXTS } from './match-rule-texts.js';

describe('the text of a match rule', () => {
  test.each(RULES_AND_TEXTS)('for %j is %s, and is read back', (rule, text) => {
    // JSON leaves out what is undefined; what matches everything is not written.
    const { eavesdrop, pathNamespace, ...others } = JSON.parse(JSON.stringify(rule)) as MatchRule;
    const written = {
      ...others,
      ...(eavesdrop === true ? { eavesdrop } : {}),
      ...(pathNamespace === undefined || pathNamespace === '/' ? {} : { pathNamespace }),
    };
    expect(parseMatchRule(text)).toStrictEqual(written);
    expect(formatMatchRule(parseMatchRule(text))).toBe(text);
  });

  test.each<[text: string, rule: MatchRule]>([
    // Spaces before a key and between a key and "=" are skipped; all others belong to values.
    [' ', {}],
    [" \t\r\ntype \n='signal',\n member='M'", { type: 'signal', member: 'M' }],
    ["arg0= 'x' ,arg1=y z", { args: { 0: ' x ', 1: 'y z' } }],
    // One comma more at the end.
    ["type='signal',", { type: 'signal' }],
    ["type='signal', ", { type: 'signal' }],
    // Values without quotes, and in several quotes.
    ['type=signal,member=M', { type: 'signal', member: 'M' }],
    ["member='M'N''O", { member: 'MNO' }],
    ['arg0=', { args: { 0: '' } }],
    ['arg0==x', { args: { 0: '=x' } }],
    ["arg0='a,b=c',arg1='\\'", { args: { 0: 'a,b=c', 1: '\\' } }],
    // A backslash outside quotes.
    ["arg0=it\\'s", { args: { 0: "it's" } }],
    ['arg0=a\\b', { args: { 0: 'a\\b' } }],
    ['arg0=a\\\\', { args: { 0: 'a\\\\' } }],
    ['arg0=a\\,b', { args: { 0: 'a\\,b' } }],
    ['arg0=\\', { args: { 0: '\\' } }],
    ["arg0=\\''x'\\'", { args: { 0: "'x'" } }],
    // Other keys.
    ["path_namespace='/'", { pathNamespace: '/' }],
    ["eavesdrop='false'", { eavesdrop: false }],
    ["arg3path='',arg4='é€😀'", { argPaths: { 3: '' }, args: { 4: 'é€😀' } }],
    ["arg0namespace=':1.5',arg1='a'", { arg0Namespace: ':1.5', args: { 1: 'a' } }],
    [`arg0='${'x'.repeat(1017)}'`, { args: { 0: 'x'.repeat(1017) } }],
  ])('%j is read', (text, rule) => {
    expect(parseMatchRule(text)).toStrictEqual(rule);
  });

  test.each<[text: string, offset: number, problem: string]>([
    [',', 0, 'found "," without a pair before it: key=value must come first'],
    [",type='signal'", 0, 'found "," without a pair before it: key=value must come first'],
    ["type='signal',,", 14, 'found "," without a pair before it: key=value must come first'],
    ['=x', 0, 'found "=" without a key: a key must come first'],
    ["type='signal', =x", 15, 'found "=" without a key: a key must come first'],
    ['member', 0, 'key "member" has no value: "=" must follow it'],
    ["type='signal',member", 14, 'key "member" has no value: "=" must follow it'],
    ["arg0 path='/'", 0, 'key "arg0" has no value: "=" must follow it'],
    ["type='signal", 5, 'found an apostrophe without its pair: a quoted value must end'],
    ["arg0='a'\\'',arg1='b'", 19, 'found an apostrophe without its pair: a quoted value must end'],
    ["type= 'signal'", 5, 'type: string " signal" is not a message type: it must be one of "method_call", '],
    ["type='Signal'", 5, 'type: string "Signal" is not a message type: it must be one of "method_call", '],
    ["type='toString'", 5, 'type: string "toString" is not a message type: it must be one of '],
    ["sender='a'", 7, 'sender: string "a" is not a valid bus name: it must '],
    ["member='M',destination='a'", 23, 'destination: string "a" is not a valid bus name: it must '],
    ["interface=''", 10, 'interface: string "" is not a valid interface name: it must '],
    ["member='a.b'", 7, 'member: string "a.b" is not a valid member name: it must '],
    ["path='a'", 5, 'path: string "a" is not a valid object path: it must '],
    ["path_namespace='/a/'", 15, 'path_namespace: string "/a/" is not a valid object path: it must '],
    ["arg0namespace='a.'", 14, 'arg0namespace: string "a." is not the start of a bus name: it must '],
    ["eavesdrop='yes'", 10, 'eavesdrop is "yes": it must be "true" or "false"'],
    ["type='signal',type='signal'", 14, 'key "type" is given twice: it must be given at most once'],
    ["eavesdrop='true',eavesdrop='true'", 17, 'key "eavesdrop" is given twice: it must be given at most once'],
    ["arg0='',arg0=''", 8, 'key "arg0" is given twice: it must be given at most once'],
    ["path='/a',path_namespace='/a'", 10, 'path and path_namespace are both given: a match rule must have at most one'],
    ["path_namespace='/',path='/a'", 19, 'path and path_namespace are both given: a match rule must have at most one'],
    ["arg5='a',arg5path='a'", 9, 'argument 5 has the keys arg5 and arg5path: it must have at most one'],
    ["arg0path='a',arg0namespace='a'", 13, 'argument 0 has the keys arg0path and arg0namespace: it must have at'],
    ["arg64='x'", 0, '"64" is not the index of an argument: it must be an integer from 0 to 63'],
    ["arg01='x'", 0, '"01" is not the index of an argument: it must be an integer from 0 to 63'],
    ["arg4294967296path='x'", 0, '"4294967296" is not the index of an argument: it must be an integer from 0 to 63'],
    ["intreface='a.b'", 0, 'unknown key "intreface": did you mean "interface"?'],
    ["pathNamespace='/a'", 0, 'unknown key "pathNamespace": did you mean "path_namespace"?'],
    ["arg1namespace='a'", 0, 'unknown key "arg1namespace": did you mean "arg0namespace"?'],
    ["xyz='a'", 0, 'unknown key "xyz": it must be one of type, sender, interface, '],
    ["'type'='signal'", 0, 'unknown key "\'type\'": did you mean "type"?'],
    ["arg0='\0'", 6, 'found a NUL: a match rule must be text without NUL and lone surrogates'],
    ["arg0='\ud800'", 6, 'found a lone surrogate: a match rule must be text without NUL and lone surrogates'],
  ])('%j is refused at offset %i', (rule, offset, problem) => {
    const error = errorOf(rule);
    expect(error).toMatchObject({ code: 'MATCH_RULE_INVALID', fault: 'caller', rule, offset });
    expect(error.problem).toContain(problem);
    expect(error.message).toBe(`${error.problem} (offset ${offset} of match rule ${JSON.stringify(rule)})`);
  });

  test.each([
    [`arg0='${'x'.repeat(1018)}'`, 1025],
    [`arg0='${'é'.repeat(509)}'`, 1025],
    ['x'.repeat(1_000_000), 1_000_000],
    ['\ud800'.repeat(2_000), 2_000],
  ])('of more than 1,024 bytes is refused, and shortened in the error', (rule, length) => {
    const error = errorOf(rule);
    expect(error).toMatchObject({ code: 'MATCH_RULE_TOO_LONG', rule });
    expect(error.problem).toBe(`found ${length} bytes: a match rule must have at most 1024`);
    expect(error.message.length).toBeLessThan(1_400);
  });

  test('has an error whose cause is the error about the name', () => {
    expect(errorOf("member='a.b'").cause).toMatchObject({ name: 'InvalidNameError', kind: 'member name' });
  });

  test.each([[undefined], [null], [5], [{}]])('must be a string, not %j', (value) => {
    expect(() => parseMatchRule(value as never)).toThrow('parseMatchRule: the rule must be a string, got ');
  });
});

function errorOf(text: string): MatchRuleError {
  try {
    parseMatchRule(text);
  } catch (error) {
    if (error instanceof MatchRuleError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
