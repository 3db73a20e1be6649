// Splits the Exec line of a service file into a program and its arguments, as a shell splits words. It does not expand
// variables, patterns or commands, and does not run the program. Tests: exec-line.test.ts. Specification: Message Bus
// Starting Services.
import { ServiceFileError } from './errors.js';

/** One step of the line: a space, a quoted part, an escaped character, or plain text. */
const STEP = /[ \t\n]+|'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|([^ \t\n'"\\]+)/y;

/**
 * Splits an Exec line into words: the program first. Between apostrophes all characters are literal; between double
 * quotes a backslash escapes only a double quote, a backslash, a backquote, `$` and the end of a line; outside of both
 * it escapes each character. A word that begins with `#` ends the line.
 * @throws {ServiceFileError} if a quote is not closed, a backslash is the last character, or there is no word
 */
export function splitExecLine(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let offset = 0;
  while (offset < line.length) {
    STEP.lastIndex = offset;
    const step = STEP.exec(line);
    if (step === null) throw invalid(line, offset);
    const [text, literal, quoted, escaped, plain] = step;
    if (plain?.startsWith('#') && word === undefined) break; // a comment up to the end of the line
    offset = STEP.lastIndex;
    const part = literal ?? (quoted === undefined ? undefined : unquote(quoted)) ?? plain;
    if (part !== undefined) word = (word ?? '') + part;
    else if (escaped !== undefined) word = escaped === '\n' ? word : (word ?? '') + escaped; // a line that continues
    else if (text !== '' && word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (word !== undefined) words.push(word);
  if (words.length === 0) throw new ServiceFileError('VALUE_INVALID', 'Exec is empty: it must name a program');
  return words;
}

/** The text between double quotes. */
function unquote(quoted: string): string {
  return quoted.replaceAll(/\\([\\"`$\n])/g, (_, escaped: string) => (escaped === '\n' ? '' : escaped));
}

function invalid(line: string, offset: number): ServiceFileError {
  const found = line[offset] === '\\' ? 'a backslash at its end' : `a ${line[offset]} that is not closed`;
  return new ServiceFileError('VALUE_INVALID', `Exec has ${found}: quotes must be in pairs`);
}
