// Checks options of public functions: unknown keys and impossible values are rejected with the name of the option. An
// option may be undefined. It knows kinds of values, not the purpose of options. (Not in the specification.)
import { argumentError, hasMethods, inheritsRevoked, isArray, tagOf } from './arguments.js';
import { describe, quote } from './describe.js';
import { ArgumentError } from './errors.js';

/** The rule for the value of one option. */
export interface OptionRule {
  /** The rule in words: it completes `"timeout" must be …`. */
  readonly must: string;
  readonly accepts: (value: unknown) => boolean;
}

/** A rule for each option of one function. */
export type OptionRules<Options> = { readonly [Key in keyof Required<Options>]: OptionRule };

export const ANY: OptionRule = { must: 'anything', accepts: () => true };
export const FLAG: OptionRule = { must: 'true or false', accepts: (value) => typeof value === 'boolean' };
export const LIST: OptionRule = { must: 'an array', accepts: isArray };
export const FUNCTION: OptionRule = {
  must: 'a function',
  accepts: (value) => typeof value === 'function' && !inheritsRevoked(value),
};
export const TEXT: OptionRule = { must: 'a string', accepts: (value) => typeof value === 'string' };
export const TEXTS: OptionRule = {
  must: 'an array of strings',
  accepts: (value) => isArray(value) && value.every((item) => typeof item === 'string'),
};
export const BYTE_ORDER: OptionRule = {
  must: '"little" or "big"',
  accepts: (value) => value === 'little' || value === 'big',
};
export const MILLISECONDS: OptionRule = {
  must: 'a number of milliseconds, 0 or more, or Infinity',
  accepts: (value) => typeof value === 'number' && value >= 0,
};
export const ABORT_SIGNAL: OptionRule = { must: 'an AbortSignal', accepts: isAbortSignal };

/** A whole number in a range. */
export function integer(min: number, max: number): OptionRule {
  const accepts = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
  return { must: `an integer from ${min} to ${max}`, accepts };
}

/** Whether a value behaves as an AbortSignal: one process can have several classes of that name. */
export function isAbortSignal(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  try {
    const { aborted } = value as { readonly aborted?: unknown };
    if (typeof aborted !== 'boolean') return false;
    return hasMethods(value, 'throwIfAborted', 'addEventListener', 'removeEventListener');
  } catch {
    return false; // a revoked proxy, or a getter that throws
  }
}

function isPlain(value: object): boolean {
  try {
    const prototype: unknown = Object.getPrototypeOf(value);
    return prototype === Object.prototype || prototype === null;
  } catch {
    return false; // a revoked proxy
  }
}

/**
 * Whether a value can be options: an object that is not of a class of the language or the platform, such as a Map, a
 * Date or a Promise. An object with one of the options passes, whatever its class.
 */
function isOptionsObject(value: object, rules: Readonly<Record<string, OptionRule>>): boolean {
  if (isPlain(value)) return true;
  const tag = tagOf(value);
  if (tag === undefined || inheritsRevoked(value) || Array.isArray(value) || isAbortSignal(value)) return false;
  return tag === '[object Object]' || Object.keys(rules).some((key) => key in value);
}

/** Like {@link checkOptions}, for a function some or all of whose options are required. */
export function checkRequiredOptions(
  owner: string, options: unknown, rules: Readonly<Record<string, OptionRule>>, required: readonly string[] = [],
): void {
  if (options === undefined) throw argumentError(owner, 'the options must be an object', options);
  checkOptions(owner, options, rules);
  for (const key of required) {
    if ((options as Readonly<Record<string, unknown>>)[key] !== undefined) continue; // checkOptions() found an object
    const problem = `"${key}" must be ${rules[key]?.must ?? 'given'}, got undefined`;
    throw new ArgumentError('OPTION_INVALID', problem, { owner, key });
  }
}

/**
 * Checks the options of a function against their rules. Undefined counts as no options.
 * @throws {ArgumentError} if `options` is not an object, has an unknown key, or has a value that is not valid
 */
export function checkOptions(owner: string, options: unknown, rules: Readonly<Record<string, OptionRule>>): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || !isOptionsObject(options, rules)) {
    throw argumentError(owner, 'the options must be an object', options);
  }
  for (const key in options) {
    if (Object.hasOwn(rules, key) || (key in Object.prototype && !Object.hasOwn(options, key))) continue;
    throw new ArgumentError('OPTION_UNKNOWN', unknownOption(key, Object.keys(rules)), { owner, key });
  }
  for (const key of Object.keys(rules)) {
    const value = (options as Readonly<Record<string, unknown>>)[key]; // even if it is inherited
    const rule = rules[key]!; // `key` is one of its keys
    if (value === undefined || isAccepted(rule, value)) continue;
    const problem = `"${key}" must be ${rule.must}, got ${describe(value)}`;
    throw new ArgumentError('OPTION_INVALID', problem, { owner, key });
  }
}

/** Whether a value follows a rule. One that cannot be inspected, such as a revoked proxy, does not. */
function isAccepted(rule: OptionRule, value: unknown): boolean {
  try {
    return rule.accepts(value);
  } catch (error) {
    if (error instanceof ArgumentError) throw error; // about options inside the value
    return false;
  }
}

function unknownOption(key: string, known: readonly string[]): string {
  const nearest = nearestOf(key, known);
  const advice = nearest === undefined ? `: it must be one of ${known.join(', ')}` : `; did you mean "${nearest}"?`;
  return `unknown option ${quote(key, 40)}${advice}`;
}

/** Shortest text that counts as similar to a text that starts with it, or that contains it. */
const MIN_COMMON = { startsWith: 3, includes: 4 };
const MAX_TYPOS = 2;

/** The known text that is most similar to `key`; undefined if none is similar. */
export function nearestOf(key: string, known: readonly string[]): string | undefined {
  const given = key.slice(0, 40).toLowerCase();
  const letters = given.replaceAll(/[-_]/g, '');
  const same = known.find((name) => name.toLowerCase().replaceAll(/[-_]/g, '') === letters);
  if (same !== undefined) return same;
  const isLike = (name: string, contains: 'startsWith' | 'includes'): boolean => {
    const lower = name.toLowerCase();
    const [short, long] = given.length < lower.length ? [given, lower] : [lower, given];
    return short.length >= MIN_COMMON[contains] && long[contains](short);
  };
  const like = known.find((name) => isLike(name, 'startsWith')) ?? known.find((name) => isLike(name, 'includes'));
  if (like !== undefined) return like;
  const typos = known.map((name) => ({ name, count: distance(given, name.toLowerCase()) }));
  const [best] = typos.sort((a, b) => a.count - b.count);
  return best !== undefined && best.count <= Math.min(MAX_TYPOS, given.length - 1) ? best.name : undefined;
}

/** The number of characters to insert, delete or replace to turn one text into the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!; // a row has one more than the text
}
