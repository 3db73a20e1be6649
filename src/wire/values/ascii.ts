// Decodes bytes that are known to be ASCII. In JavaScript the fastest way to make short text, by a factor of two over
// joining pieces, is one call of String.fromCharCode with all bytes as arguments, and such calls must be written out.
// Tests: utf8.test.ts.

const { fromCharCode } = String;

/** The most bytes that one call converts. */
const MAX_ARGUMENTS = 32;

/** The text of `length` bytes from `start` on; the caller has checked that they are ASCII. */
export function readAscii(b: Uint8Array, start: number, length: number): string {
  if (length <= MAX_ARGUMENTS) return readExactly(b, start, length);
  let text = '';
  let o = start;
  const last = start + length - MAX_ARGUMENTS;
  for (; o < last; o += MAX_ARGUMENTS) text += readExactly(b, o, MAX_ARGUMENTS);
  return text + readExactly(b, o, start + length - o);
}

function readExactly(b: Uint8Array, o: number, length: number): string {
  switch (length) {
    case 0: return '';
    case 1: return fromCharCode(b[o]!);
    case 2: return fromCharCode(b[o]!, b[o + 1]!);
    case 3: return fromCharCode(b[o]!, b[o + 1]!, b[o + 2]!);
    case 4: return fromCharCode(b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!);
    case 5: return fromCharCode(b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!);
    case 6: return fromCharCode(b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!);
    case 7: return fromCharCode(b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!);
    case 8:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
      );
    case 9:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!,
      );
    case 10:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!,
      );
    case 11:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!,
      );
    case 12:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!,
      );
    case 13:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!,
      );
    case 14:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!,
      );
    case 15:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!,
      );
    case 16:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!, b[o + 15]!,
      );
    case 17:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!, b[o + 15]!,
        b[o + 16]!,
      );
    case 18:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!, b[o + 15]!,
        b[o + 16]!, b[o + 17]!,
      );
    case 19:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!, b[o + 15]!,
        b[o + 16]!, b[o + 17]!, b[o + 18]!,
      );
    case 20:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!, b[o + 15]!,
        b[o + 16]!, b[o + 17]!, b[o + 18]!, b[o + 19]!,
      );
    case 21:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!, b[o + 15]!,
        b[o + 16]!, b[o + 17]!, b[o + 18]!, b[o + 19]!, b[o + 20]!,
      );
    case 22:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!, b[o + 15]!,
        b[o + 16]!, b[o + 17]!, b[o + 18]!, b[o + 19]!, b[o + 20]!, b[o + 21]!,
      );
    case 23:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!, b[o + 15]!,
        b[o + 16]!, b[o + 17]!, b[o + 18]!, b[o + 19]!, b[o + 20]!, b[o + 21]!, b[o + 22]!,
      );
    case 24:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!, b[o + 15]!,
        b[o + 16]!, b[o + 17]!, b[o + 18]!, b[o + 19]!, b[o + 20]!, b[o + 21]!, b[o + 22]!, b[o + 23]!,
      );
    case 25:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!, b[o + 15]!,
        b[o + 16]!, b[o + 17]!, b[o + 18]!, b[o + 19]!, b[o + 20]!, b[o + 21]!, b[o + 22]!, b[o + 23]!,
        b[o + 24]!,
      );
    case 26:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!, b[o + 15]!,
        b[o + 16]!, b[o + 17]!, b[o + 18]!, b[o + 19]!, b[o + 20]!, b[o + 21]!, b[o + 22]!, b[o + 23]!,
        b[o + 24]!, b[o + 25]!,
      );
    case 27:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!, b[o + 15]!,
        b[o + 16]!, b[o + 17]!, b[o + 18]!, b[o + 19]!, b[o + 20]!, b[o + 21]!, b[o + 22]!, b[o + 23]!,
        b[o + 24]!, b[o + 25]!, b[o + 26]!,
      );
    case 28:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!, b[o + 15]!,
        b[o + 16]!, b[o + 17]!, b[o + 18]!, b[o + 19]!, b[o + 20]!, b[o + 21]!, b[o + 22]!, b[o + 23]!,
        b[o + 24]!, b[o + 25]!, b[o + 26]!, b[o + 27]!,
      );
    case 29:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!, b[o + 15]!,
        b[o + 16]!, b[o + 17]!, b[o + 18]!, b[o + 19]!, b[o + 20]!, b[o + 21]!, b[o + 22]!, b[o + 23]!,
        b[o + 24]!, b[o + 25]!, b[o + 26]!, b[o + 27]!, b[o + 28]!,
      );
    case 30:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!, b[o + 15]!,
        b[o + 16]!, b[o + 17]!, b[o + 18]!, b[o + 19]!, b[o + 20]!, b[o + 21]!, b[o + 22]!, b[o + 23]!,
        b[o + 24]!, b[o + 25]!, b[o + 26]!, b[o + 27]!, b[o + 28]!, b[o + 29]!,
      );
    case 31:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!, b[o + 15]!,
        b[o + 16]!, b[o + 17]!, b[o + 18]!, b[o + 19]!, b[o + 20]!, b[o + 21]!, b[o + 22]!, b[o + 23]!,
        b[o + 24]!, b[o + 25]!, b[o + 26]!, b[o + 27]!, b[o + 28]!, b[o + 29]!, b[o + 30]!,
      );
    default:
      return fromCharCode(
        b[o]!, b[o + 1]!, b[o + 2]!, b[o + 3]!, b[o + 4]!, b[o + 5]!, b[o + 6]!, b[o + 7]!,
        b[o + 8]!, b[o + 9]!, b[o + 10]!, b[o + 11]!, b[o + 12]!, b[o + 13]!, b[o + 14]!, b[o + 15]!,
        b[o + 16]!, b[o + 17]!, b[o + 18]!, b[o + 19]!, b[o + 20]!, b[o + 21]!, b[o + 22]!, b[o + 23]!,
        b[o + 24]!, b[o + 25]!, b[o + 26]!, b[o + 27]!, b[o + 28]!, b[o + 29]!, b[o + 30]!, b[o + 31]!,
      );
  }
}
