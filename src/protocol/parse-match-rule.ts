// Reads the text of a match rule, as AddMatch accepts it, with the quoting rules of the reference implementation.
// It differs from that implementation in this: it refuses a pair without a key, argument numbers that are not plain
// decimals, and a second eavesdrop; and it reads more than 16 pairs. Specification: Match Rules.
import { argumentError } from '../wire/arguments.js';
import { quote } from '../wire/describe.js';
import { InvalidNameError } from '../wire/errors.js';
import { nearestOf } from '../wire/options.js';
import { MatchRuleError, type MatchRuleErrorDetails } from './errors.js';
import {
  MAX_ARGUMENT_INDEX, MAX_RULE_LENGTH, type MatchRule, TEXT_KEYS, type TextKey, utf8Length,
} from './match-rule.js';

/** One `key=value` of a text, with the offsets of both in it. */
interface Pair {
  readonly key: string;
  readonly keyOffset: number;
  /** Without its quotes. */
  readonly value: string;
  readonly valueOffset: number;
}

type ParsedRule = { -readonly [Key in keyof MatchRule]: MatchRule[Key] };

const KEY_BY_SPELLING = new Map<string, TextKey>(
  Object.entries(TEXT_KEYS).map(([key, { spelling }]) => [spelling, key as TextKey]), // the keys of its type
);
const SPELLINGS: readonly string[] = [...KEY_BY_SPELLING.keys(), 'eavesdrop', 'arg0', 'arg0path'];

/**
 * The match rule that a text such as `type='signal',arg0='a'` spells. ‹Match Rules›
 * @throws {MatchRuleError} if the text breaks the grammar, a value is not valid, or it has more than 1,024 bytes
 * @throws {ArgumentError} if `text` is not a string
 */
export function parseMatchRule(text: string): MatchRule {
  if (typeof text !== 'string') throw argumentError('parseMatchRule', 'the rule must be a string', text);
  checkCharacters(text);
  const rule: ParsedRule = {};
  /** The key that each argument has. */
  const keyOfArgument = new Map<number, string>();
  let offset = skipSpaces(text, 0);
  while (offset < text.length) {
    const { pair, end } = readPair(text, offset);
    addPair(rule, keyOfArgument, pair, text);
    offset = skipSpaces(text, end);
  }
  return rule;
}

function failure(problem: string, rule: string, offset: number, details: MatchRuleErrorDetails = {}): MatchRuleError {
  return new MatchRuleError(problem, { rule, offset, ...details });
}

function checkCharacters(text: string): void {
  const length = text.length > MAX_RULE_LENGTH || !text.isWellFormed() ? text.length : utf8Length(text);
  if (length > MAX_RULE_LENGTH) {
    const problem = `found ${length} bytes: a match rule must have at most ${MAX_RULE_LENGTH}`;
    throw failure(problem, text, 0, { code: 'MATCH_RULE_TOO_LONG' });
  }
  const offset = text.search(/\0|\p{Surrogate}/u);
  if (offset < 0) return;
  const found = text[offset] === '\0' ? 'a NUL' : 'a lone surrogate';
  throw failure(`found ${found}: a match rule must be text without NUL and lone surrogates`, text, offset);
}

/* Tokens -------------------------------------------------------------------------------------------------------- */

const SPACES = ' \t\r\n';

function skipSpaces(text: string, start: number): number {
  let offset = start;
  while (offset < text.length && SPACES.includes(text.charAt(offset))) offset++;
  return offset;
}

function readPair(text: string, start: number): { readonly pair: Pair; readonly end: number } {
  let keyEnd = start;
  while (keyEnd < text.length && text[keyEnd] !== '=' && !SPACES.includes(text.charAt(keyEnd))) keyEnd++;
  const key = text.slice(start, keyEnd);
  const equals = skipSpaces(text, keyEnd);
  if (key === '') throw failure('found "=" without a key: a key must come first', text, start);
  if (key.startsWith(',')) throw failure('found "," without a pair before it: key=value must come first', text, start);
  if (text[equals] !== '=') throw failure(`key ${quote(key, 40)} has no value: "=" must follow it`, text, start);
  const { value, end } = readValue(text, equals + 1);
  return { pair: { key, keyOffset: start, value, valueOffset: equals + 1 }, end };
}

/**
 * Reads a value up to the comma after it, or to the end. Spaces belong to the value. Inside apostrophes every character
 * is literal. Outside, `\'` is an apostrophe, and a backslash before any other character is literal.
 */
function readValue(text: string, start: number): { readonly value: string; readonly end: number } {
  let value = '';
  let offset = start;
  while (offset < text.length && text[offset] !== ',') {
    if (text[offset] === "'") {
      const close = text.indexOf("'", offset + 1);
      if (close < 0) throw failure('found an apostrophe without its pair: a quoted value must end', text, offset);
      value += text.slice(offset + 1, close);
      offset = close + 1;
    } else if (text[offset] === '\\') {
      const escaped = text.charAt(offset + 1);
      value += escaped === "'" ? "'" : `\\${escaped}`; // the escaped character may also be a comma
      offset += 2;
    } else {
      value += text.charAt(offset++);
    }
  }
  return { value, end: offset + 1 };
}

/* Keys ---------------------------------------------------------------------------------------------------------- */

function addPair(rule: ParsedRule, keyOfArgument: Map<number, string>, pair: Pair, text: string): void {
  const { key, value, keyOffset, valueOffset } = pair;
  const textKey = KEY_BY_SPELLING.get(key);
  if (textKey === 'arg0Namespace') claimArgument(keyOfArgument, 0, pair, text);
  if (textKey !== undefined) {
    addText(rule, textKey, pair, text);
  } else if (key === 'eavesdrop') {
    if (rule.eavesdrop !== undefined) throw foundTwice(pair, text);
    if (value !== 'true' && value !== 'false') {
      throw failure(`eavesdrop is ${quote(value, 40)}: it must be "true" or "false"`, text, valueOffset);
    }
    rule.eavesdrop = value === 'true';
  } else {
    const [, digits, suffix] = /^arg(\d+)(path)?$/.exec(key) ?? [];
    if (digits === undefined) throw failure(`unknown key ${quote(key, 40)}: ${adviceFor(key)}`, text, keyOffset);
    const index = indexOf(digits, keyOffset, text);
    claimArgument(keyOfArgument, index, pair, text);
    if (suffix === undefined) rule.args = { ...rule.args, [index]: value };
    else rule.argPaths = { ...rule.argPaths, [index]: value };
  }
}

function addText(rule: ParsedRule, key: TextKey, pair: Pair, text: string): void {
  if (rule[key] !== undefined) throw foundTwice(pair, text);
  const other = key === 'path' ? rule.pathNamespace : key === 'pathNamespace' ? rule.path : undefined;
  if (other !== undefined) {
    const problem = 'path and path_namespace are both given: a match rule must have at most one of them';
    throw failure(problem, text, pair.keyOffset);
  }
  try {
    TEXT_KEYS[key].check(pair.value);
  } catch (cause) {
    if (!(cause instanceof InvalidNameError || cause instanceof MatchRuleError)) throw cause;
    throw failure(`${pair.key}: ${cause.message}`, text, pair.valueOffset, { cause });
  }
  rule[key] = pair.value as never; // the check accepts only known message types
}

function foundTwice({ key, keyOffset }: Pair, text: string): MatchRuleError {
  return failure(`key ${quote(key, 40)} is given twice: it must be given at most once`, text, keyOffset);
}

function claimArgument(keyOfArgument: Map<number, string>, index: number, pair: Pair, text: string): void {
  const other = keyOfArgument.get(index);
  if (other === pair.key) throw foundTwice(pair, text);
  if (other !== undefined) {
    const problem = `argument ${index} has the keys ${other} and ${pair.key}: it must have at most one`;
    throw failure(problem, text, pair.keyOffset);
  }
  keyOfArgument.set(index, pair.key);
}

function indexOf(digits: string, offset: number, text: string): number {
  const index = Number(digits);
  if (index <= MAX_ARGUMENT_INDEX && digits === String(index)) return index;
  const found = `${quote(digits, 40)} is not the index of an argument`;
  throw failure(`${found}: it must be an integer from 0 to ${MAX_ARGUMENT_INDEX}`, text, offset);
}

function adviceFor(key: string): string {
  const nearest = nearestOf(key, SPELLINGS);
  return nearest === undefined ? `it must be one of ${SPELLINGS.join(', ')}, …` : `did you mean "${nearest}"?`;
}
