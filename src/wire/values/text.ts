// Text on the wire: strict UTF-8 without NUL, both ways. Short text is handled here, byte by byte, which beats the
// platform's coders; long text goes to TextEncoder and TextDecoder where the platform has them (they are not
// ECMAScript). It knows neither lengths nor terminators: those are the marshaller's. Specification: String-like types.
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

const platform = globalThis as PlatformCoders; // a platform may have them or not; no type declares that
const encoder = platform.TextEncoder && new platform.TextEncoder();
const decoder = platform.TextDecoder && new platform.TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text of this many UTF-16 units, or bytes, is worth a call into the platform. */
const LONG_TEXT = 48;
/** The most bytes that one UTF-16 unit takes. */
export const MAX_BYTES_PER_UNIT = 3;

/**
 * Writes the text if it is all ASCII without NUL and says whether it did; `bytes` has room for it.
 * Where it says no, nothing that it wrote matters.
 */
export function writeShortAscii(text: string, bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0 || unit > 0x7f) return false;
    bytes[offset + i] = unit;
  }
  return true;
}

/** Whether text is short enough for {@link writeShortAscii} to be the quicker way. */
export function isShort(text: string): boolean {
  return text.length < LONG_TEXT;
}

/**
 * Writes well-formed text as UTF-8 and returns how many bytes it took; `bytes` has room for
 * {@link MAX_BYTES_PER_UNIT} for each unit from `offset` on.
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
      i++; // a surrogate pair is two units
      bytes[end++] = 0xf0 | (point >> 18);
      bytes[end++] = 0x80 | ((point >> 12) & 0x3f);
      bytes[end++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[end++] = 0x80 | (point & 0x3f);
    }
  }
  return end - offset;
}

/**
 * The text that stands in the reader's bytes from `start` to `end`.
 * @throws {Fault} `STRING_CONTAINS_NUL` or `STRING_NOT_UTF8`, at the byte concerned
 */
export function readText(reader: Reader, start: number, end: number): string {
  const { bytes } = reader;
  const length = end - start;
  if (length >= LONG_TEXT && decoder !== undefined) return readLong(bytes, start, end);
  return isPlainAscii(reader, start, end) ? readAscii(bytes, start, length) : readUtf8(bytes, start, end);
}

const WORD_LOW_BITS = 0x01010101;
const WORD_HIGH_BITS = 0x80808080;
/** Text of this many bytes is checked four at a time. */
const WORTH_A_VIEW = 12;

/**
 * Whether all bytes are ASCII and none is NUL. A byte that is neither shows in the highest bit of itself or of itself
 * less one. Four at a time a borrow may call a good word bad, never a bad one good; the careful path then decides.
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
  const nul = bytes.subarray(start, end).indexOf(0);
  if (nul >= 0) throw nulFault(start + nul);
  try {
    return decoder!.decode(bytes.subarray(start, end)); // the caller looked
  } catch {
    return readUtf8(bytes, start, end); // throws, and says where
  }
}

/** The code points that a sequence of each length may hold, so that overlong forms are told from shortest ones. */
const SMALLEST_POINT = [0, 0, 0x80, 0x800, 0x10000];

function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

function readUtf8(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let offset = start; offset < end; ) {
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
    text += String.fromCodePoint(point);
    offset += length;
  }
  return text;
}

function nulFault(offset: number): Fault<UnmarshalErrorCode> {
  return new Fault('STRING_CONTAINS_NUL', 'text holds a NUL byte', { offset });
}

function utf8Fault(offset: number): Fault<UnmarshalErrorCode> {
  return new Fault('STRING_NOT_UTF8', 'text is not valid UTF-8', { offset });
}
