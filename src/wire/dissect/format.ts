// A dissection as text: an annotated hex dump for people. It knows the parts and nothing of what they mean.
import { dissect } from './dissect.js';
import type { Part } from './parts.js';
import { escapeInvisible } from './words.js';

const BYTES_PER_LINE = 8;
/** Lines of bytes that one part has at most; of a longer one, the last line says how many bytes are left out. */
const LINES_PER_PART = 4;
/** Columns of the bytes: two digits and a blank each. */
const HEX_WIDTH = BYTES_PER_LINE * 3;
const SHORTEST_OFFSET = 4;
/** Stands where the bytes of a part stand, for the part that has none. */
const BROKEN_HERE = '!!';

/** Groups of digits to a part's lines of bytes, bounded in number. */
function hexLines(bytes: Uint8Array): string[] {
  const isLong = bytes.length > BYTES_PER_LINE * LINES_PER_PART;
  const shown = isLong ? BYTES_PER_LINE * (LINES_PER_PART - 1) : bytes.length;
  const lines: string[] = [];
  for (let start = 0; start < shown; start += BYTES_PER_LINE) {
    const line = Array.from(bytes.subarray(start, Math.min(start + BYTES_PER_LINE, shown)));
    lines.push(line.map((byte) => byte.toString(16).padStart(2, '0')).join(' '));
  }
  if (isLong) lines.push(`… ${bytes.length - shown} more`);
  return lines;
}

/** A value of the body is named once, where its first part stands; the others say what they are by themselves. */
function commentOn(part: Part, path: string): string {
  const isNamed = part.path !== path && part.path.startsWith('body');
  return escapeInvisible(`${'  '.repeat(part.depth)}${isNamed ? `${part.path}: ` : ''}${part.what}`);
}

/**
 * One message as an annotated hex dump: a line for each part, with its offset (in hexadecimal), its bytes and what it
 * is, indented by the containers around it. Long parts are shortened; characters that do not print are escaped.
 * Never throws for any bytes.
 */
export function formatDissection(bytes: Uint8Array, parts: readonly Part[] = dissect(bytes)): string {
  const offsetWidth = Math.max(SHORTEST_OFFSET, bytes.length.toString(16).length);
  const lines: string[] = [];
  let path = '';
  for (const part of parts) {
    const { offset, length } = part;
    const comment = commentOn(part, path);
    if (part.path !== '') path = part.path;
    const [first = BROKEN_HERE, ...others] = hexLines(bytes.subarray(offset, offset + length));
    const start = offset.toString(16).padStart(offsetWidth, '0');
    lines.push(`${start}  ${first.padEnd(HEX_WIDTH)} ${comment}`);
    for (const hex of others) lines.push(`${' '.repeat(offsetWidth)}  ${hex}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}
