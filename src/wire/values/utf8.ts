// Text on the wire: strict UTF-8 without NUL, written and read. Short text is handled here, byte by byte, which is
// faster than calling the platform. Long text goes to TextEncoder and TextDecoder if the platform has them, since they
// are not part of ECMAScript. It knows neither lengths nor terminating NULs. Specification: String-like types.
import { readAscii } from './ascii.js';
import type { UnmarshalErrorCode } from '../errors.js';
import { Fault } from './fault.js';
import type { Reader } from './reader.js';

interface Utf8Encoder {
  encodeInto(text: string, bytes: Uint8Array): { written: number };
}
interface Utf8Decoder {
  decode(bytes: Uint8Array): string;
}
interface PlatformCoders {
  readonly TextEncoder?: new () => Utf8Encoder;
  readonly TextDecoder?: new (label: string, options: { fatal: boolean; ignoreBOM: boolean }) => Utf8Decoder;
}

const platform = globalThis as PlatformCoders; // a platform may lack them, which its types do not say
const encoder = platform.TextEncoder && new platform.TextEncoder();
const decoder = platform.TextDecoder && new platform.TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** From this many UTF-16 units or bytes on, calling the platform is faster. */
const LONG_TEXT = 48;
/** The most bytes of UTF-8 for one UTF-16 unit. */
export const MAX_BYTES_PER_UNIT = 3;

/**
 * Writes the text and returns true if it is ASCII without NUL. Otherwise returns false, and the bytes written so far
 * are garbage. `bytes` must have room for the text.
 */
export function writeShortAscii(text: string, bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0 || unit > 0x7f) return false;
    bytes[offset + i] = unit;
  }
  return true;
}

/** Whether text is so short that {@link writeShortAscii} is faster than {@link writeUtf8}. */
export function isShort(text: string): boolean {
  return text.length < LONG_TEXT;
}

/**
 * Writes well-formed text as UTF-8 and returns the number of bytes written. After `offset`, `bytes` must have room for
 * {@link MAX_BYTES_PER_UNIT} bytes per UTF-16 unit.
 */
export function writeUtf8(text: string, bytes: Uint8Array, offset: number): number {
  if (encoder !== undefined) return encoder.encodeInto(text, bytes.subarray(offset)).written;
  let end = offset;
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i)!; // i is below the length
    if (point < 0x80) {
      bytes[end++] = point;
    } else if (point < 0x800) {
      bytes[end++] = 0xc0 | (point >> 6);
      bytes[end++] = 0x80 | (point & 0x3f);
    } else if (point < 0x10000) {
      bytes[end++] = 0xe0 | (point >> 12);
      bytes[end++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[end++] = 0x80 | (point & 0x3f);
    } else {
      i++; // a surrogate pair is two units long
      bytes[end++] = 0xf0 | (point >> 18);
      bytes[end++] = 0x80 | ((point >> 12) & 0x3f);
      bytes[end++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[end++] = 0x80 | (point & 0x3f);
    }
  }
  return end - offset;
}

/**
 * Decodes the reader's bytes from `start` to `end`.
 * @throws {Fault} `STRING_CONTAINS_NUL` or `STRING_NOT_UTF8`, with the offset of the first wrong byte
 */
export function readText(reader: Reader, start: number, end: number): string {
  const { bytes } = reader;
  const length = end - start;
  if (length >= LONG_TEXT && decoder !== undefined) return readLong(bytes, start, end);
  return isPlainAscii(reader, start, end) ? readAscii(bytes, start, length) : readUtf8(bytes, start, end);
}

const WORD_LOW_BITS = 0x01010101;
const WORD_HIGH_BITS = 0x80808080;
/** Text of this many bytes or more is checked four bytes at a time. */
const WORTH_A_VIEW = 12;

/**
 * Whether all bytes are ASCII and not NUL. May return false for valid bytes, but never true for other bytes. A byte
 * above 0x7f has its highest bit set, and so has NUL minus one. With four bytes in one word, subtracting may borrow
 * from a valid byte; the slower path then decides.
 */
function isPlainAscii(reader: Reader, start: number, end: number): boolean {
  const { bytes } = reader;
  let bits = 0;
  let i = start;
  if (end - start >= WORTH_A_VIEW && reader.isWorthAView) {
    const { view } = reader;
    for (; i + 4 <= end; i += 4) {
      const word = view.getUint32(i, true);
      bits |= word | (word - WORD_LOW_BITS);
    }
  }
  for (; i < end; i++) bits |= bytes[i]! | (bytes[i]! - 1);
  return (bits & WORD_HIGH_BITS) === 0;
}

function readLong(bytes: Uint8Array, start: number, end: number): string {
  const text = bytes.subarray(start, end);
  if (text.indexOf(0) >= 0) return readUtf8(bytes, start, end); // throws with the offset of the first wrong byte
  try {
    return decoder!.decode(text); // the caller checked that there is a decoder
  } catch {
    return readUtf8(bytes, start, end); // throws with the offset of the first wrong byte
  }
}

/** Smallest code point for each length of sequence: a smaller one is an overlong form, which UTF-8 forbids. */
const SMALLEST_POINT = [0, 0, 0x80, 0x800, 0x10000];

/** Bytes in the sequence that starts with this byte; 0 if no sequence does. */
function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

function readUtf8(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let offset = start; offset < end; ) {
    const length = checkSequence(bytes, offset, end);
    let point = length === 1 ? bytes[offset]! : bytes[offset]! & (0x7f >> length);
    for (let i = 1; i < length; i++) point = (point << 6) | (bytes[offset + i]! & 0x3f);
    text += String.fromCodePoint(point);
    offset += length;
  }
  return text;
}

/** Checks the sequence of bytes that starts at `offset`, and returns its length. */
function checkSequence(bytes: Uint8Array, offset: number, end: number): number {
  const lead = bytes[offset]!;
  if (lead === 0) throw nulFault(offset);
  const length = sequenceLength(lead);
  if (length === 0 || offset + length > end) throw utf8Fault(offset);
  let point = length === 1 ? lead : lead & (0x7f >> length);
  for (let i = 1; i < length; i++) {
    const byte = bytes[offset + i]!;
    if ((byte & 0xc0) !== 0x80) throw utf8Fault(offset);
    point = (point << 6) | (byte & 0x3f);
  }
  const isSurrogate = point >= 0xd800 && point < 0xe000;
  if (point < SMALLEST_POINT[length]! || isSurrogate || point > 0x10ffff) throw utf8Fault(offset);
  return length;
}

/**
 * Checks the reader's bytes from `start` to `end` as {@link readText} does, without making a string.
 * @throws {Fault} `STRING_CONTAINS_NUL` or `STRING_NOT_UTF8`, with the offset of the first wrong byte
 */
export function checkText(reader: Reader, start: number, end: number): void {
  if (isPlainAscii(reader, start, end)) return;
  for (let offset = start; offset < end; ) offset += checkSequence(reader.bytes, offset, end);
}

function nulFault(offset: number): Fault<UnmarshalErrorCode> {
  return new Fault('STRING_CONTAINS_NUL', 'the text contains a NUL byte: it must not contain any', { offset });
}

function utf8Fault(offset: number): Fault<UnmarshalErrorCode> {
  return new Fault('STRING_NOT_UTF8', 'the text has an invalid byte: it must be UTF-8', { offset });
}
