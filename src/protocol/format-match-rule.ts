// Writes a match rule as the text that AddMatch accepts, and refuses a rule that a bus would refuse.
// Specification: Match Rules.
import { argumentError, tagOf } from '../wire/arguments.js';
import { describe, quote } from '../wire/describe.js';
import { InvalidNameError } from '../wire/errors.js';
import { nearestOf } from '../wire/options.js';
import { MatchRuleError } from './errors.js';
import {
  MAX_ARGUMENT_INDEX, MAX_RULE_LENGTH, type MatchRule, TEXT_KEYS, type TextKey, utf8Length,
} from './match-rule.js';

const TEXT_KEY_NAMES = Object.keys(TEXT_KEYS) as TextKey[]; // the keys of its type
const KEYS: readonly string[] = [...TEXT_KEY_NAMES, 'args', 'argPaths', 'eavesdrop'];

/**
 * A match rule as the text that AddMatch accepts, at most 1,024 bytes. Rules with the same values have the same text.
 * @throws {InvalidNameError} if a name or a path breaks its grammar
 * @throws {MatchRuleError} if a bus would refuse the rule for another reason
 * @throws {ArgumentError} if the rule is not an object
 */
export function formatMatchRule(rule: MatchRule): string {
  if (tagOf(rule) !== '[object Object]') throw argumentError('formatMatchRule', 'the rule must be an object', rule);
  checkKeys(rule);
  const { args = {}, argPaths = {}, eavesdrop } = rule;
  const text = [
    ...TEXT_KEY_NAMES.flatMap((key) => textPair(rule, key)),
    ...(eavesdrop === true ? ["eavesdrop='true'"] : []),
    ...argumentPairs(args, ''),
    ...argumentPairs(argPaths, 'path'),
  ].join(',');
  const length = utf8Length(text);
  if (length > MAX_RULE_LENGTH) {
    const problem = `the match rule has ${length} bytes as text: it must have at most ${MAX_RULE_LENGTH}`;
    throw new MatchRuleError(problem, { code: 'MATCH_RULE_TOO_LONG' });
  }
  return text;
}

/** Refuses unknown keys, and keys that exclude each other. */
function checkKeys(rule: MatchRule): void {
  const unknown = Object.keys(rule).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) throw new MatchRuleError(`unknown key ${quote(unknown, 40)}: ${adviceFor(unknown)}`);
  const { path, pathNamespace, args = {}, argPaths = {}, arg0Namespace, eavesdrop } = rule;
  checkArguments('args', args);
  checkArguments('argPaths', argPaths);
  if (path !== undefined && pathNamespace !== undefined) {
    throw new MatchRuleError('path and pathNamespace are both given: a match rule must have at most one of them');
  }
  const index = Object.keys(args).find((each) => Object.hasOwn(argPaths, each));
  if (index !== undefined) throw bothGiven(Number(index), 'args and argPaths');
  if (arg0Namespace !== undefined && Object.hasOwn(args, 0)) throw bothGiven(0, 'arg0Namespace and args');
  if (arg0Namespace !== undefined && Object.hasOwn(argPaths, 0)) throw bothGiven(0, 'arg0Namespace and argPaths');
  if (eavesdrop !== undefined && typeof eavesdrop !== 'boolean') {
    throw new MatchRuleError(`eavesdrop is ${describe(eavesdrop)}: it must be true or false`);
  }
}

/** A Map, a text or a number has no keys that are indexes, and would match every message. */
function checkArguments(key: 'args' | 'argPaths', value: unknown): void {
  const tag = typeof value === 'object' ? tagOf(value) : undefined;
  if (tag === '[object Object]' || tag === '[object Array]') return;
  throw new MatchRuleError(`${key} is ${describe(value)}: it must be an object with indexes as keys`);
}

function bothGiven(index: number, keys: string): MatchRuleError {
  return new MatchRuleError(`argument ${index} is in ${keys}: a match rule must have at most one key for an argument`);
}

function adviceFor(key: string): string {
  const argument = /^arg(\d+)(path)?$/i.exec(key);
  if (argument !== null) {
    const [, index, path] = argument;
    return `did you mean "${path === undefined ? 'args' : 'argPaths'}: { ${index}: … }"?`;
  }
  const nearest = nearestOf(key, KEYS);
  return nearest === undefined ? `it must be one of ${KEYS.join(', ')}` : `did you mean "${nearest}"?`;
}

function textPair(rule: MatchRule, key: TextKey): readonly string[] {
  const value = rule[key];
  if (value === undefined) return [];
  const { spelling, check } = TEXT_KEYS[key];
  try {
    check(value);
  } catch (error) {
    if (!(error instanceof InvalidNameError)) throw error;
    throw new InvalidNameError(error.kind, value, error.rule, { path: `rule.${key}` });
  }
  // Every path is below "/", but dbus-broker delivers no message for the namespace "/": the key is left out.
  return key === 'pathNamespace' && value === '/' ? [] : [`${spelling}=${quoted(value)}`];
}

function argumentPairs(values: Readonly<Record<number, string>>, suffix: '' | 'path'): string[] {
  return Object.entries(values).map(([index, value]) => {
    if (!/^(0|[1-9]\d?)$/.test(index) || Number(index) > MAX_ARGUMENT_INDEX) {
      const found = `${quote(index, 40)} is not the index of an argument`;
      throw new MatchRuleError(`${found}: it must be an integer from 0 to ${MAX_ARGUMENT_INDEX}`);
    }
    if (typeof value !== 'string' || value.includes('\0') || !value.isWellFormed()) {
      const rule = 'it must be a string without NUL and lone surrogates';
      throw new MatchRuleError(`argument ${index} is ${describe(value)}: ${rule}`);
    }
    return `arg${index}${suffix}=${quoted(value)}`;
  });
}

/** A value in apostrophes. An apostrophe in it is written `'\''`, which ends the quotes, adds `\'` and reopens them. */
function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}
