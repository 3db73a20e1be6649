// Makes text fit to be printed: in a text from a peer, control characters could move the cursor of a terminal or forge
// a line of a log, and bidirectional overrides could show it in another order. Tests: printable.test.ts.
// Unicode: C0, C1, UAX #9 (Directional Formatting Characters).

// C0, DEL and C1; the directional marks, embeddings, overrides and isolates; line separators; lone surrogates.
const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\p{Cs}]/gu;

const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([['\n', '\\n'], ['\r', '\\r'], ['\t', '\\t']]);

function escapeOf(character: string): string {
  const short = SHORT_ESCAPES.get(character);
  if (short !== undefined) return short;
  const code = character.charCodeAt(0).toString(16);
  return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
}

/** The text in one line, with an escape such as `\x1b` for each character that is not fit to be printed. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escapeOf);
}

/** The same for a text of several lines, such as a stack; its line feeds stay. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
