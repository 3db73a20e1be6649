// The grammars of object paths and of the four kinds of names, as predicates and as assertions.
// All of them are ASCII grammars, and only strings are valid. This file knows no messages.
// Specification: Valid Object Paths, Valid Names.
import { MAX_NAME_LENGTH } from './constants.js';
import { InvalidNameError, type NameKind } from './errors.js';

const LETTER = 1; // A-Z a-z _
const DIGIT = 2;
const HYPHEN = 4;

/** The class of each ASCII character; 0 if no name may contain it. */
const CHARACTER_CLASS = new Uint8Array(128);
for (const [first, last, characterClass] of [
  ['A', 'Z', LETTER],
  ['a', 'z', LETTER],
  ['_', '_', LETTER],
  ['0', '9', DIGIT],
  ['-', '-', HYPHEN],
] as const) {
  CHARACTER_CLASS.fill(characterClass, first.charCodeAt(0), last.charCodeAt(0) + 1);
}

interface ElementGrammar {
  readonly separator: string;
  /** Classes of characters that may begin an element. */
  readonly initial: number;
  /** Classes of characters that may follow. */
  readonly following: number;
}

const PATH_ELEMENTS: ElementGrammar = { separator: '/', initial: LETTER | DIGIT, following: LETTER | DIGIT };
const INTERFACE_ELEMENTS: ElementGrammar = { separator: '.', initial: LETTER, following: LETTER | DIGIT };
const WELL_KNOWN_ELEMENTS: ElementGrammar = {
  separator: '.',
  initial: LETTER | HYPHEN,
  following: LETTER | HYPHEN | DIGIT,
};
const UNIQUE_ELEMENTS: ElementGrammar = {
  separator: '.',
  initial: LETTER | HYPHEN | DIGIT,
  following: LETTER | HYPHEN | DIGIT,
};

/** The number of elements in `text` from index `start` on; 0 if one of them is empty or breaks the grammar. */
function countElements(text: string, start: number, grammar: ElementGrammar): number {
  const separator = grammar.separator.charCodeAt(0);
  let elements = 0;
  let atElementStart = true;
  for (let i = start; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (character === separator) {
      if (atElementStart) return 0;
      atElementStart = true;
      continue;
    }
    const allowed = atElementStart ? grammar.initial : grammar.following;
    if (((CHARACTER_CLASS[character] ?? 0) & allowed) === 0) return 0;
    if (atElementStart) elements++;
    atElementStart = false;
  }
  return atElementStart ? 0 : elements;
}

/** Whether `value` is an object path: `/`, or `/element` once or more. The length of a path is not limited. */
export function isObjectPath(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  return value === '/' || (value.startsWith('/') && countElements(value, 1, PATH_ELEMENTS) > 0);
}

/** Whether `value` is an interface name: two or more elements joined by dots, at most 255 bytes. */
export function isInterfaceName(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  return value.length <= MAX_NAME_LENGTH && countElements(value, 0, INTERFACE_ELEMENTS) > 1;
}

/** Whether `value` is an error name; the grammar is that of interface names. */
export const isErrorName = isInterfaceName;

/** Whether `value` is a member name: one element without a dot, 1 to 255 bytes. */
export function isMemberName(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  return value.length <= MAX_NAME_LENGTH && countElements(value, 0, INTERFACE_ELEMENTS) === 1;
}

/** Whether `value` is a well-known bus name, such as `com.example.Service`, at most 255 bytes. */
export function isWellKnownName(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  return value.length <= MAX_NAME_LENGTH && countElements(value, 0, WELL_KNOWN_ELEMENTS) > 1;
}

/** Whether `value` is a unique connection name, such as `:1.42`, at most 255 bytes. */
export function isUniqueName(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  return value.startsWith(':') && value.length <= MAX_NAME_LENGTH && countElements(value, 1, UNIQUE_ELEMENTS) > 1;
}

/** Whether `value` is a bus name, unique or well-known. */
export function isBusName(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith(':') ? isUniqueName(value) : isWellKnownName(value);
}

/**
 * Whether a received message may carry the bus name `value`. The bus chooses unique names, and the reference
 * implementation accepts some that the grammar forbids, such as `:1`. So a received unique name only has to satisfy the
 * rule of the reference implementation: the last element is not empty.
 */
export function isReceivableBusName(value: string): boolean {
  if (!value.startsWith(':')) return isWellKnownName(value);
  if (value.length > MAX_NAME_LENGTH) return false;
  return value === ':' || countElements(value, value.charAt(1) === '.' ? 2 : 1, UNIQUE_ELEMENTS) > 0;
}

/** Makes an assertion; `rule` completes "it must …" in the text of the error. */
function assertion(kind: NameKind, matches: (value: unknown) => boolean, rule: string): (value: unknown) => void {
  return (value) => {
    if (!matches(value)) throw new InvalidNameError(kind, value, rule);
  };
}

/** A function that throws an {@link InvalidNameError} if a value is not a valid name of one kind. */
export type AssertName = (value: unknown) => asserts value is string;

/** Throws {@link InvalidNameError} unless `value` is an object path. ‹Valid Object Paths› */
export const assertObjectPath: AssertName = assertion(
  'object path',
  isObjectPath,
  'be "/", or have "/" before each element of [A-Za-z0-9_]+ and no trailing "/"',
);

/** Throws {@link InvalidNameError} unless `value` is an interface name. ‹Interface names› */
export const assertInterfaceName: AssertName = assertion(
  'interface name',
  isInterfaceName,
  'have two or more elements of [A-Za-z_][A-Za-z0-9_]* joined by ".", at most 255 bytes',
);

/** Throws {@link InvalidNameError} unless `value` is an error name. ‹Error names› */
export const assertErrorName: AssertName = assertion(
  'error name',
  isErrorName,
  'have two or more elements of [A-Za-z_][A-Za-z0-9_]* joined by ".", at most 255 bytes',
);

/** Throws {@link InvalidNameError} unless `value` is a member name. ‹Member names› */
export const assertMemberName: AssertName = assertion(
  'member name',
  isMemberName,
  'match [A-Za-z_][A-Za-z0-9_]*, 1 to 255 bytes',
);

/** Throws {@link InvalidNameError} unless `value` is a bus name, unique or well-known. ‹Bus names› */
export const assertBusName: AssertName = assertion(
  'bus name',
  isBusName,
  'be ":" and two or more elements of [A-Za-z0-9_-]+, or two or more of [A-Za-z_-][A-Za-z0-9_-]*, joined by ".", ' +
    'at most 255 bytes',
);

/** Throws {@link InvalidNameError} unless `value` is a well-known bus name. ‹Bus names› */
export const assertWellKnownName: AssertName = assertion(
  'bus name',
  isWellKnownName,
  'be a well-known name: two or more elements of [A-Za-z_-][A-Za-z0-9_-]* joined by ".", at most 255 bytes',
);
