// The words of a dissection: names for codes, values and texts on one line. It knows no bytes.
// Text of a peer ends up on terminals: nothing of it may come out that a terminal would obey, or that is without end.
import { MessageFlag } from '../constants.js';
import type { FixedTypeCode, StringTypeCode } from '../signature.js';

/** What the specification calls each basic type. */
export const TYPE_NAME: Readonly<Record<FixedTypeCode | StringTypeCode, string>> = {
  y: 'BYTE', b: 'BOOLEAN', n: 'INT16', q: 'UINT16', i: 'INT32', u: 'UINT32', x: 'INT64', t: 'UINT64', d: 'DOUBLE',
  h: 'UNIX_FD', s: 'STRING', o: 'OBJECT_PATH', g: 'SIGNATURE',
};

/** Characters of a text that are shown. */
const LONGEST_SHOWN = 60;

/** Text on one line of any terminal: short, and with every character that does not print escaped. */
export function quote(text: string): string {
  const shown = text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
  return escapeInvisible(JSON.stringify(shown));
}

/** The text with every character escaped that has no look of its own or changes that of others. */
export function escapeInvisible(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** The name that a code has in a table, if it is a known one. */
export function nameOf(names: Readonly<Record<string, number>>, code: number): string | undefined {
  return Object.keys(names).find((name) => names[name] === code);
}

/** The flags byte, bit by bit. */
export function tellFlags(flags: number): string {
  const known = Object.entries(MessageFlag).filter(([, bit]) => (flags & bit) !== 0);
  const unknown = known.reduce((rest, [, bit]) => rest & ~bit, flags);
  const names = [...known.map(([name]) => name), ...(unknown === 0 ? [] : [`0x${unknown.toString(16)} (unknown)`])];
  return `flags: ${names.length === 0 ? 'none' : names.join(', ')}`;
}

/** A value of a fixed type. */
export function tellFixed(code: FixedTypeCode, value: unknown): string {
  return `${TYPE_NAME[code]} ${Object.is(value, -0) ? '-0' : String(value)}`;
}
