// Valid bodies of zeros: the types in which zeros are many values for their bytes, made at random from a seed.
// They do not come from the library's own encoder. Specification: Marshaling (alignment, arrays).
import type { Random } from '../fuzz/random.js';

/** Size and alignment of a value of zeros. A STRING is its length and its NUL, a SIGNATURE the same with one byte. */
const ZERO: Readonly<Record<string, readonly [size: number, alignment: number]>> = {
  y: [1, 1], b: [4, 4], n: [2, 2], q: [2, 2], i: [4, 4], u: [4, 4], x: [8, 8], t: [8, 8], d: [8, 8],
  s: [5, 4], g: [2, 1],
};
const CODES = Object.keys(ZERO);

const aligned = (offset: number, alignment: number): number => Math.ceil(offset / alignment) * alignment;

/** A type with at most `depth` containers inside each other. */
export function randomType(random: Random, depth: number): string {
  if (depth === 0 || random.chance(0.4)) return random.pick(CODES);
  if (random.chance(0.5)) return `a${randomElement(random, depth - 1)}`;
  const fields = Array.from({ length: random.between(1, 3) }, () => randomType(random, depth - 1));
  return `(${fields.join('')})`;
}

function randomElement(random: Random, depth: number): string {
  if (depth === 0 || random.chance(0.6)) return randomType(random, depth);
  return `{${random.pick(CODES)}${randomType(random, depth - 1)}}`;
}

/** The end of the value of zeros that begins at `offset`. An array is empty, but padded to its element. */
function endOfZero(type: string, offset: number): number {
  const code = type[0]!; // types are not empty
  const simple = ZERO[code];
  if (simple !== undefined) return aligned(offset, simple[1]) + simple[0];
  if (code === 'a') return aligned(aligned(offset, 4) + 4, alignmentOf(type.slice(1)));
  let end = aligned(offset, 8);
  for (const field of fieldsOf(type)) end = endOfZero(field, end);
  return end;
}

const alignmentOf = (type: string): number => (type[0] === 'a' ? 4 : ZERO[type[0]!]?.[1] ?? 8);

/** The types between the brackets of a STRUCT or a dict entry. */
function fieldsOf(type: string): string[] {
  const fields: string[] = [];
  for (let at = 1; at < type.length - 1; at += fields.at(-1)!.length) fields.push(type.slice(at, endOfType(type, at)));
  return fields;
}

function endOfType(signature: string, start: number): number {
  if (signature[start] === 'a') return endOfType(signature, start + 1);
  let depth = 0;
  for (let at = start; ; at++) {
    if ('({'.includes(signature[at]!)) depth++;
    if (')}'.includes(signature[at]!)) depth--;
    if (depth === 0) return at + 1;
  }
}

/** A body: the signature, and the bytes. */
export interface Body {
  readonly signature: string;
  readonly bytes: Buffer;
}

/** An array of zeros, `length` bytes or a little less, of elements of a type that is not a dict entry. */
export function zerosOf(element: string, length: number): Body {
  const start = aligned(4, alignmentOf(element));
  // An element's size depends on its offset modulo 8 alone: from the first offset that repeats, whole periods follow.
  const ends = [start];
  const seen = new Map<number, number>([[start % 8, start]]);
  let end = start;
  let period = 0;
  while (period === 0) {
    end = endOfZero(element, end);
    ends.push(end);
    const before = seen.get(end % 8);
    if (before !== undefined) period = end - before;
    else seen.set(end % 8, end);
  }
  const whole = end + Math.max(0, Math.floor((length - end) / period)) * period;
  const bytes = Buffer.alloc(whole);
  bytes.writeUInt32LE(whole - start, 0);
  return { signature: `a${element}`, bytes };
}

/** Such an array whose element has containers. */
export function randomZeros(random: Random, length: number): Body {
  for (;;) {
    const element = randomType(random, random.between(1, 4));
    if (element.length > 1 && element.length < 200) return zerosOf(element, length);
  }
}

/** The same, with an element that is one value at least for 32 bytes, or has one: arrays of numbers are not. */
export function randomManyZeros(random: Random, length: number): Body {
  for (;;) {
    const body = randomZeros(random, length);
    const element = body.signature.slice(1);
    if (endOfZero(element, 8) - 8 <= 32) return body;
  }
}

/** One value inside this many variants: each of them is a signature `v` of three bytes, the last a BYTE. */
export function deepVariants(depth: number): Body {
  const bytes = Buffer.from('017600'.repeat(depth - 1) + '01790007', 'hex');
  return { signature: 'v', bytes };
}
