// One line of the authentication protocol: cutting it out of a stream of bytes, its words, and the hex that holds data.
// It must not know who speaks or what an answer would be; bytes behind the last line are never looked at, as they are
// the first of the message stream. Specification: Protocol Overview, DATA Command, OK Command, UUIDs.
import { AuthError } from './errors.js';

/** Longest line, in bytes without its end: what the reference implementation buffers of a handshake, 16 KiB. */
export const MAX_LINE_LENGTH = 16_384;
/** Most lines that either side reads in one handshake. The longest useful ones have about ten. */
export const MAX_LINES = 64;

const NUL = 0x00;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const LAST_ASCII = 0x7f;

type LineErrorCode = 'LINE_CONTAINS_NUL' | 'LINE_NOT_ASCII' | 'LINE_END_INVALID' | 'LINE_TOO_LONG';

/** One line taken apart: `DATA 00ff` has the name `DATA` and the argument `00ff`. ‹Protocol Overview› */
export interface Command {
  readonly name: string;
  /** All that follows the name, without the spaces around it; empty if there is nothing. */
  readonly argument: string;
}

/** Takes a line apart. Runs of spaces between words pass, as in the reference implementation. ‹Protocol Overview› */
export function parseCommand(line: string): Command {
  const end = line.indexOf(' ');
  if (end < 0) return { name: line, argument: '' };
  return { name: line.slice(0, end), argument: trimSpaces(line.slice(end)) };
}

/** The line for a command and its words, those that are empty left out, with its end. ‹Protocol Overview› */
export function formatCommand(name: string, ...words: readonly string[]): string {
  return `${[name, ...words].filter((word) => word !== '').join(' ')}\r\n`;
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

/** Text that is known to be ASCII, as bytes. */
export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Bytes as hex, two lower-case digits each. ‹DATA Command› */
export function encodeHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** The bytes that a hex text stands for; undefined unless it is pairs of hex digits and nothing else. ‹DATA Command› */
export function decodeHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

/** A peer's text as an error message may show it: quoted, control characters escaped, cut to a length people read. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}

/** Cuts lines out of chunks of any size; holds no more than one unfinished line of {@link MAX_LINE_LENGTH} bytes. */
export class LineReader {
  #chunk: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #line = '';
  #afterCarriageReturn = false;
  #count = 0;

  /** Takes the next chunk. Of the one before, {@link next} must have returned undefined. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#offset = 0;
  }

  /**
   * The next whole line without its end; undefined if it has not all come yet.
   * @throws {AuthError} `LINE_CONTAINS_NUL`, `LINE_NOT_ASCII`, `LINE_END_INVALID` or `LINE_TOO_LONG`, at the first byte
   * that shows it, and `TOO_MANY_LINES` after {@link MAX_LINES}
   */
  next(): string | undefined {
    while (this.#offset < this.#chunk.length) {
      const byte = this.#chunk[this.#offset++]!; // below the length
      if ((byte === LINE_FEED) !== this.#afterCarriageReturn) {
        throw this.#fault('LINE_END_INVALID', 'has a CR or LF that is not part of a CR LF at its end');
      }
      if (byte === LINE_FEED) return this.#finish();
      if (byte === CARRIAGE_RETURN) {
        this.#afterCarriageReturn = true;
        continue;
      }
      if (byte === NUL) throw this.#fault('LINE_CONTAINS_NUL', 'has a NUL byte; only the very first byte may be one');
      if (byte > LAST_ASCII) throw this.#fault('LINE_NOT_ASCII', `has byte 0x${byte.toString(16)}; all must be ASCII`);
      if (this.#line.length === MAX_LINE_LENGTH) {
        throw this.#fault('LINE_TOO_LONG', `is longer than ${MAX_LINE_LENGTH} bytes`);
      }
      this.#line += String.fromCharCode(byte);
    }
    return undefined;
  }

  /** The bytes behind the last line that {@link next} returned: a view of the chunk, not a copy. */
  rest(): Uint8Array {
    return this.#chunk.subarray(this.#offset);
  }

  #finish(): string {
    if (++this.#count > MAX_LINES) {
      throw new AuthError('TOO_MANY_LINES', `the peer sent more than ${MAX_LINES} lines without coming to an end`, {
        line: this.#line,
      });
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
