// One line of the authentication protocol: cuts it out of a stream of bytes, splits it into words, and decodes the hex
// in it. It knows neither which side it serves nor the answers. Bytes after the last line are never read here: they are
// the first bytes of the message stream. Specification: Protocol Overview, DATA Command, OK Command, UUIDs.
import { printable } from '../wire/printable.js';
import { AuthError } from './errors.js';

/** Longest line in bytes, without its end: 16 KiB, as much as the reference implementation buffers of a handshake. */
export const MAX_LINE_LENGTH = 16_384;
/** The most lines that either side reads in one handshake. The longest useful handshakes have about ten. */
export const MAX_LINES = 64;

const NUL = 0x00;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const LAST_ASCII = 0x7f;
const FIRST_PRINTABLE = 0x20;
const LAST_PRINTABLE = 0x7e;

type LineErrorCode = 'LINE_CONTAINS_NUL' | 'LINE_NOT_ASCII' | 'LINE_END_INVALID' | 'LINE_TOO_LONG';

/** The parts of a line: `DATA 00ff` has the name `DATA` and the argument `00ff`. ‹Protocol Overview› */
export interface Command {
  readonly name: string;
  /** The text after the name, without the spaces around it; empty if there is none. */
  readonly argument: string;
}

/** Splits a line. Words may be several spaces apart, as in the reference implementation. ‹Protocol Overview› */
export function parseCommand(line: string): Command {
  const end = line.indexOf(' ');
  if (end < 0) return { name: line, argument: '' };
  return { name: line.slice(0, end), argument: trimSpaces(line.slice(end)) };
}

/** The line for a command and its words, with its end. Empty words are left out. ‹Protocol Overview› */
export function formatCommand(name: string, ...words: readonly string[]): string {
  let line = name;
  for (const word of words) {
    if (word !== '') line += ` ${word}`;
  }
  return `${line}\r\n`;
}

/** The words of an argument, such as the mechanisms of REJECTED. ‹REJECTED Command› */
export function splitWords(argument: string): readonly string[] {
  return argument.split(' ').filter((word) => word !== '');
}

function trimSpaces(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text[start] === ' ') start++;
  while (end > start && text[end - 1] === ' ') end--;
  return text.slice(start, end);
}

/** The bytes of a text, which must be ASCII. */
export function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length); // a loop takes a tenth of the time of Uint8Array.from()
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Bytes as hex, two lower-case digits each. ‹DATA Command› */
export function encodeHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** The bytes of a hex text; undefined unless it consists of pairs of hex digits. ‹DATA Command› */
export function decodeHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

/** A peer's text for an error message: quoted, escaped so that it can be printed, and shortened to 120 characters. */
export function quote(text: string): string {
  return printable(JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text));
}

/** Cuts lines out of chunks of any size. It stores at most one unfinished line of {@link MAX_LINE_LENGTH} bytes. */
export class LineReader {
  #chunk: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #line = '';
  #afterCarriageReturn = false;
  #count = 0;

  /** Takes the next chunk. {@link next} must have returned undefined for the one before. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#offset = 0;
  }

  /**
   * The next line without its end; undefined if it is not complete yet.
   * @throws {AuthError} `LINE_CONTAINS_NUL`, `LINE_NOT_ASCII`, `LINE_END_INVALID` or `LINE_TOO_LONG`, at the first byte
   * that shows it, and `TOO_MANY_LINES` after {@link MAX_LINES}
   */
  next(): string | undefined {
    if (!this.#afterCarriageReturn) this.#takePrintable();
    while (this.#offset < this.#chunk.length) {
      const byte = this.#chunk[this.#offset++]!; // below the length
      if ((byte === LINE_FEED) !== this.#afterCarriageReturn) {
        throw this.#fault('LINE_END_INVALID', 'has a CR or LF alone: both must be together, at the end of the line');
      }
      if (byte === LINE_FEED) return this.#finish();
      if (byte === CARRIAGE_RETURN) {
        this.#afterCarriageReturn = true;
        continue;
      }
      if (byte === NUL) {
        throw this.#fault('LINE_CONTAINS_NUL', 'has a NUL byte: only the first byte of the connection may be one');
      }
      if (byte > LAST_ASCII) {
        throw this.#fault('LINE_NOT_ASCII', `has byte 0x${byte.toString(16)}: a line must be ASCII`);
      }
      if (this.#line.length === MAX_LINE_LENGTH) {
        throw this.#fault('LINE_TOO_LONG', `has more bytes: it must have at most ${MAX_LINE_LENGTH}`);
      }
      this.#line += String.fromCharCode(byte);
    }
    return undefined;
  }

  /** Takes the run of printable characters that comes next in one step. It is nearly the whole line. */
  #takePrintable(): void {
    const chunk = this.#chunk;
    const start = this.#offset;
    const most = Math.min(chunk.length, start + MAX_LINE_LENGTH - this.#line.length);
    let end = start;
    while (end < most && chunk[end]! >= FIRST_PRINTABLE && chunk[end]! <= LAST_PRINTABLE) end++;
    if (end === start) return;
    this.#line += String.fromCharCode(...chunk.subarray(start, end));
    this.#offset = end;
  }

  /** Copies the bytes that were not read yet, so that the memory of the chunk can be used again. */
  keep(): void {
    this.#chunk = new Uint8Array(this.rest());
    this.#offset = 0;
  }

  /** The bytes after the last line that {@link next} has returned: a view of the chunk, not a copy. */
  rest(): Uint8Array {
    return this.#chunk.subarray(this.#offset);
  }

  #finish(): string {
    if (++this.#count > MAX_LINES) {
      const problem = `the peer sent more than ${MAX_LINES} lines: the handshake must end before that`;
      throw new AuthError('TOO_MANY_LINES', problem, { line: this.#line });
    }
    const line = this.#line;
    this.#line = '';
    this.#afterCarriageReturn = false;
    return line;
  }

  #fault(code: LineErrorCode, problem: string): AuthError {
    return new AuthError(code, `the peer's line ${quote(this.#line)} ${problem}`, { line: this.#line });
  }
}
