// Formats a dissection as an annotated hex dump. It knows the parts of a dissection, not their meaning.
// Tests: dissect.test.ts.
import { argumentError, checkBytes, isArray, isRecord } from '../arguments.js';
import { MAX_VALUE_DEPTH } from '../constants.js';
import { dissect } from './dissect.js';
import type { Part } from './parts.js';
import { escapeInvisible } from './words.js';

const BYTES_PER_LINE = 8;
/** The most lines of bytes for one part. The last line of a longer part has the number of bytes left out. */
const LINES_PER_PART = 4;
/** Width of the column of bytes: two digits and a blank for each. */
const HEX_WIDTH = BYTES_PER_LINE * 3;
const SHORTEST_OFFSET = 4;
/** Shown instead of bytes for the part that has none, the error. */
const BROKEN_HERE = '!!';

/** The bytes of one part as lines of hex digits, at most LINES_PER_PART. */
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

/** The description of a part, indented. The first part of each value of the body has the path of the value. */
function commentOn(part: Part, path: string): string {
  const isNamed = part.path !== path && part.path.startsWith('body');
  return escapeInvisible(`${'  '.repeat(part.depth)}${isNamed ? `${part.path}: ` : ''}${part.description}`);
}

/**
 * Formats one message as an annotated hex dump. Each part has a line with its offset in hexadecimal, its bytes and its
 * description, indented by the number of containers around it. Long parts are shortened, and characters that do not
 * print are escaped. No bytes make this function throw.
 * @param parts what {@link dissect} returned for the same bytes. Default: `dissect(bytes)`
 * @throws {ArgumentError} if `bytes` is not a Uint8Array, or if `parts` is not an array of parts
 */
export function formatDissection(bytes: Uint8Array, parts?: readonly Part[]): string {
  checkBytes('formatDissection', 'bytes', bytes);
  return formatParts(bytes, parts ?? dissect(bytes));
}

/** Whether a value has the fields of a part that are printed. */
function isPart(value: unknown): value is Part {
  if (!isRecord(value)) return false;
  const { offset, length, depth, description, path } = value;
  return [offset, length, depth].every((number) => Number.isSafeInteger(number) && Number(number) >= 0)
    && Number(depth) <= 2 * MAX_VALUE_DEPTH && typeof description === 'string' && typeof path === 'string';
}

function formatParts(bytes: Uint8Array, parts: readonly Part[]): string {
  if (!isArray(parts)) throw argumentError('formatDissection', 'the parts must be an array', parts);
  const index = parts.findIndex((part) => !isPart(part));
  if (index >= 0) throw argumentError('formatDissection', `part ${index} must come from dissect()`, parts[index]);
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
