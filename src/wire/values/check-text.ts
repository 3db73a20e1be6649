// Checks the string-like types in place, without making strings: the counterpart of unmarshal-text.ts, which
// refuses the same bytes with the same errors. Specification: Marshalling Basic Types (string-like types).
// Tests: test/wire/invalid.test.ts, test/fuzz/short.test.ts.
import type { Check, Reader } from './reader.js';
import type { StringTypeCode } from '../signature.js';
import { checkText } from './utf8.js';
import { endOfText, objectPathFault, unmarshalSignature } from './unmarshal-text.js';

function checkString(reader: Reader): void {
  const length = reader.readUint32();
  const start = reader.offset;
  checkText(reader, start, endOfText(reader, length, start - 4));
}

const SLASH = 0x2f;

/** 1 for each byte that an element of an object path may have: `[A-Za-z0-9_]`. */
const IS_ELEMENT_BYTE = Uint8Array.from({ length: 256 }, (_, code) => (/\w/.test(String.fromCharCode(code)) ? 1 : 0));

/** Whether the bytes spell an object path. ‹Valid Object Paths› */
function isPath(bytes: Uint8Array, start: number, end: number): boolean {
  if (bytes[start] !== SLASH || end === start) return false;
  if (end === start + 1) return true;
  let afterSlash = true;
  for (let i = start + 1; i < end; i++) {
    const byte = bytes[i]!;
    if (byte === SLASH) {
      if (afterSlash) return false;
      afterSlash = true;
    } else {
      if (IS_ELEMENT_BYTE[byte] === 0) return false;
      afterSlash = false;
    }
  }
  return !afterSlash;
}

function checkObjectPath(reader: Reader): void {
  const length = reader.readUint32();
  const start = reader.offset;
  const end = endOfText(reader, length, start - 4);
  if (isPath(reader.bytes, start, end)) return;
  checkText(reader, start, end);
  throw objectPathFault(start - 4);
}

/** The check of each string-like type. A SIGNATURE has at most 255 bytes, and is mostly known already. */
export const CHECK_STRING: Readonly<Record<StringTypeCode, Check>> = {
  s: checkString,
  o: checkObjectPath,
  g: unmarshalSignature,
};
