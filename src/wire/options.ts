// Options that callers give: unknown keys and values that cannot be meant are refused by name. Undefined counts as left
// out. It knows kinds of values, not what the options are for. (No clause of the specification.)
import { describe, quote } from './describe.js';

/** What the value of one option must be. */
export interface OptionRule {
  /** In words: `"timeout" must be …`. */
  readonly must: string;
  /** The `typeof` of all values that pass, if it is one: another value of it is out of range, the rest is a mistake. */
  readonly type?: 'number' | undefined;
  readonly accepts: (value: unknown) => boolean;
}

/** A rule for each option of one function. */
export type OptionRules<Options> = { readonly [Key in keyof Required<Options>]: OptionRule };

export const ANY: OptionRule = { must: 'anything', accepts: () => true };
export const FLAG: OptionRule = { must: 'true or false', accepts: (value) => typeof value === 'boolean' };
export const LIST: OptionRule = { must: 'an array', accepts: (value) => Array.isArray(value) };
export const TEXT: OptionRule = { must: 'a string', accepts: (value) => typeof value === 'string' };
export const BYTE_ORDER: OptionRule = {
  must: '"little" or "big"',
  accepts: (value) => value === 'little' || value === 'big',
};
export const MILLISECONDS: OptionRule = {
  must: 'a number of milliseconds, 0 or more, or Infinity',
  type: 'number',
  accepts: (value) => typeof value === 'number' && value >= 0,
};
export const ABORT_SIGNAL: OptionRule = { must: 'an AbortSignal', accepts: isAbortSignal };

/** A whole number in a range. */
export function integer(min: number, max: number): OptionRule {
  const accepts = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
  return { must: `an integer from ${min} to ${max}`, type: 'number', accepts };
}

/** Whether it behaves as an AbortSignal; there may be several classes of that name in one process. */
export function isAbortSignal(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { aborted, addEventListener } = value as { readonly aborted?: unknown; readonly addEventListener?: unknown };
  return typeof aborted === 'boolean' && typeof addEventListener === 'function';
}

/**
 * Holds the options of a function to their rules; undefined passes, as no options do.
 * @throws {TypeError} if it is no object, has an unknown key, or a value of a wrong kind
 * @throws {RangeError} if a number is out of range
 */
export function checkOptions(owner: string, options: unknown, rules: Readonly<Record<string, OptionRule>>): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options) || isAbortSignal(options)) {
    throw new TypeError(`${owner}: the options must be an object, got ${describe(options)}`);
  }
  for (const key of Object.keys(options)) {
    if (!Object.hasOwn(rules, key)) throw new TypeError(`${owner}: ${unknownOption(key, Object.keys(rules))}`);
  }
  for (const key of Object.keys(rules)) {
    const value = (options as Readonly<Record<string, unknown>>)[key]; // may be inherited, as options may be
    const rule = rules[key]!; // it is one of its keys
    if (value === undefined || rule.accepts(value)) continue;
    const problem = `${owner}: "${key}" must be ${rule.must}, got ${describe(value)}`;
    throw typeof value === rule.type ? new RangeError(problem) : new TypeError(problem);
  }
}

function unknownOption(key: string, known: readonly string[]): string {
  const nearest = nearestOf(key, known);
  const advice = nearest === undefined ? `there are ${known.join(', ')}` : `did you mean "${nearest}"?`;
  return `unknown option ${quote(key, 40)}; ${advice}`;
}

/** Below this, one text inside another says nothing. */
const MIN_COMMON = 4;
const MAX_TYPOS = 2;

function nearestOf(key: string, known: readonly string[]): string | undefined {
  const given = key.slice(0, 40).toLowerCase();
  const isLike = (name: string, contains: 'startsWith' | 'includes'): boolean => {
    const lower = name.toLowerCase();
    const [short, long] = given.length < lower.length ? [given, lower] : [lower, given];
    return short.length >= MIN_COMMON && long[contains](short);
  };
  const like = known.find((name) => isLike(name, 'startsWith')) ?? known.find((name) => isLike(name, 'includes'));
  if (like !== undefined) return like;
  const typos = known.map((name) => ({ name, count: distance(given, name.toLowerCase()) }));
  const [best] = typos.sort((a, b) => a.count - b.count);
  return best !== undefined && best.count <= Math.min(MAX_TYPOS, given.length - 1) ? best.name : undefined;
}

/** How many characters must be put in, taken out or changed to make one text the other. */
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
