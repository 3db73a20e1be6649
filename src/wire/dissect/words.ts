// The words of a dissection: names of codes, and values and texts in a form for one line. It knows no bytes.
// Texts come from peers and go to terminals: control characters are escaped and long texts are shortened.
// Tests: dissect.test.ts.
import { MessageFlag } from '../constants.js';
import { quote } from '../describe.js';
import type { FixedTypeCode, StringTypeCode } from '../signature.js';

/** The names that the specification gives the basic types. */
export const TYPE_NAME: Readonly<Record<FixedTypeCode | StringTypeCode, string>> = {
  y: 'BYTE', b: 'BOOLEAN', n: 'INT16', q: 'UINT16', i: 'INT32', u: 'UINT32', x: 'INT64', t: 'UINT64', d: 'DOUBLE',
  h: 'UNIX_FD', s: 'STRING', o: 'OBJECT_PATH', g: 'SIGNATURE',
};

/** The most characters of a text that are shown. */
const LONGEST_SHOWN = 60;

/** Text in double quotes for one line of a terminal: shortened, with characters that do not print escaped. */
export function printableQuote(text: string): string {
  return escapeInvisible(quote(text, LONGEST_SHOWN));
}

/** Escapes every character that is invisible or changes how others are shown. */
export function escapeInvisible(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** The name of a code in a table; undefined if the code is unknown. */
export function nameOf(names: Readonly<Record<string, number>>, code: number): string | undefined {
  return Object.keys(names).find((name) => names[name] === code);
}

/** Describes the flags byte bit by bit. */
export function describeFlags(flags: number): string {
  const known = Object.entries(MessageFlag).filter(([, bit]) => (flags & bit) !== 0);
  const unknown = known.reduce((rest, [, bit]) => rest & ~bit, flags);
  const names = [...known.map(([name]) => name), ...(unknown === 0 ? [] : [`0x${unknown.toString(16)} (unknown)`])];
  return `flags: ${names.length === 0 ? 'none' : names.join(', ')}`;
}

/** Describes a value of a fixed type. */
export function describeFixed(code: FixedTypeCode, value: unknown): string {
  return `${TYPE_NAME[code]} ${Object.is(value, -0) ? '-0' : String(value)}`;
}
