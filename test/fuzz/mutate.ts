// Breaks messages: at random places (bits, cuts, splices), and at places that the reference reader found (a length, a
// signature, padding, text, a header field). A result may still be valid.

import type { Random } from './random.js';
import { referenceDecode, referenceLength, Refused, type Span } from './reference.js';

type Mutation = (random: Random, bytes: Uint8Array, spans: readonly Span[]) => Uint8Array;

const concat = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));

/** Reads and writes 32 bits in the message's own byte order. */
function wordAt(bytes: Uint8Array, offset: number): { get: () => number; set: (value: number) => void } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x6c;
  return {
    get: () => view.getUint32(offset, little),
    set: (value) => view.setUint32(offset, value >>> 0, little),
  };
}

const BOUNDARIES = [0, 1, 2, 3, 4, 7, 8, 16, 255, 2 ** 16, 2 ** 26 - 1, 2 ** 26, 2 ** 26 + 1, 2 ** 27 - 16, 2 ** 27];
const EXTREMES = [...BOUNDARIES, 2 ** 27 + 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 8, 2 ** 32 - 1];

function otherNumber(random: Random, value: number): number {
  if (random.chance(0.3)) return random.pick(EXTREMES);
  return value + random.pick([1, -1, 2, -2, 4, -4, 8, -8, 16]);
}

/* Blind ---------------------------------------------------------------------------------------------------------- */

const flipBits: Mutation = (random, bytes) => {
  const copy = bytes.slice();
  for (let left = 1 + random.small(8); left > 0; left--) copy[random.below(copy.length)]! ^= 1 << random.below(8);
  return copy;
};

const INTERESTING_BYTES = [0, 1, 0x2e, 0x2f, 0x28, 0x29, 0x61, 0x76, 0x7b, 0x7d, 0x7f, 0x80, 0xc0, 0xed, 0xf5, 0xff];

const setByte: Mutation = (random, bytes) => {
  const copy = bytes.slice();
  copy[random.below(copy.length)] = random.pick(INTERESTING_BYTES);
  return copy;
};

const setWord: Mutation = (random, bytes) => {
  const copy = bytes.slice();
  if (copy.length < 4) return copy;
  const word = wordAt(copy, random.below(copy.length >> 2) * 4);
  word.set(otherNumber(random, word.get()));
  return copy;
};

const truncate: Mutation = (random, bytes) => bytes.slice(0, random.below(bytes.length));

const insert: Mutation = (random, bytes) => {
  const at = random.below(bytes.length + 1);
  const length = random.pick([1, 2, 4, 8, 16, 1 + random.below(20)]);
  const inserted = random.chance(0.5) ? new Uint8Array(length) : random.bytes(length);
  return concat(bytes.subarray(0, at), inserted, bytes.subarray(at));
};

const remove: Mutation = (random, bytes) => {
  const at = random.below(bytes.length);
  return concat(bytes.subarray(0, at), bytes.subarray(at + random.pick([1, 2, 4, 8, 16])));
};

const repeat: Mutation = (random, bytes) => {
  const start = random.below(bytes.length);
  const end = Math.min(bytes.length, start + random.pick([1, 4, 8, 16, 32]));
  return concat(bytes.subarray(0, end), bytes.subarray(start));
};

const changeMark: Mutation = (_, bytes) => {
  const copy = bytes.slice();
  copy[0] = copy[0] === 0x6c ? 0x42 : 0x6c;
  return copy;
};

const BLIND: readonly Mutation[] = [flipBits, setByte, setWord, truncate, insert, remove, repeat, changeMark];

/* Knowing -------------------------------------------------------------------------------------------------------- */

const TYPE_CODES = 'ybnqiuxtdhsogva(){}rem*';

const change: Readonly<Record<Span['kind'], (random: Random, bytes: Uint8Array, span: Span) => void>> = {
  'fixed header': (random, bytes, { start }) => {
    bytes[start] = random.below(random.chance(0.5) ? 7 : 256);
  },
  byte: (random, bytes, { start }) => {
    const isNear = random.chance(0.5);
    bytes[start] = isNear ? bytes[start]! + random.pick([1, -1]) : random.below(random.chance(0.5) ? 14 : 256);
  },
  number: (random, bytes, { start, end }) => bytes.fill(random.pick([0, 1, 0x7f, 0x80, 0xff]), start, end),
  double: (random, bytes, { start, end }) => bytes.set(random.bytes(end - start), start),
  length: (random, bytes, { start }) => {
    const word = wordAt(bytes, start);
    word.set(otherNumber(random, word.get()));
  },
  boolean: (random, bytes, { start }) => wordAt(bytes, start).set(random.pick([0, 1, 2, 0x100, 2 ** 31, 2 ** 32 - 1])),
  signature: (random, bytes, { start, end }) => {
    bytes[random.between(start, end - 1)] = random.pick(TYPE_CODES).charCodeAt(0);
  },
  text: (random, bytes, { start, end }) => {
    const at = random.between(start, end - 1);
    if (random.chance(0.5)) bytes[at] = random.pick(INTERESTING_BYTES);
    else bytes.set(random.bytes(Math.min(4, end - at)).map((byte) => byte | 0x80), at);
  },
  terminator: (random, bytes, { start }) => {
    bytes[start] = random.between(1, 255);
  },
  padding: (random, bytes, { start, end }) => {
    bytes[random.between(start, end - 1)] = 1 << random.below(8);
  },
  field: (random, bytes, { start }) => {
    bytes[start] = random.chance(0.7) ? random.below(12) : random.below(256); // its code
  },
};

const changeSpan: Mutation = (random, bytes, spans) => {
  const copy = bytes.slice();
  const kinds = [...new Set(spans.map(({ kind }) => kind))];
  const kind = random.pick(kinds); // kinds first: there are many more lengths than signatures
  const span = random.pick(spans.filter((candidate) => candidate.kind === kind));
  change[kind](random, copy, span);
  return copy;
};

/** The header fields in another order, one of them twice, or one of them gone. */
const shuffleFields: Mutation = (random, bytes, spans) => {
  const fields = spans.filter(({ kind }) => kind === 'field').map(({ start, end }) => bytes.subarray(start, end));
  if (fields.length === 0) return bytes;
  const at = random.below(fields.length);
  const [taken] = random.chance(0.3) ? fields.slice(at) : fields.splice(at, 1);
  if (random.chance(0.7)) fields.splice(random.below(fields.length + 1), 0, taken!); // `at` is below the length
  const { bodyStart } = referenceLength(bytes);
  return withFields(bytes, fields, bytes.subarray(bodyStart));
};

function withFields(bytes: Uint8Array, fields: readonly Uint8Array[], body: Uint8Array): Uint8Array {
  const padded = (part: Uint8Array): Uint8Array => concat(part, new Uint8Array(-part.length & 7));
  const last = fields.at(-1) ?? new Uint8Array(0);
  const array = concat(...fields.slice(0, -1).map(padded), last);
  const message = concat(bytes.subarray(0, 16), padded(array), body);
  wordAt(message, 12).set(array.length);
  wordAt(message, 4).set(body.length);
  return message;
}

const VARIANT_IN_VARIANT = Uint8Array.of(1, 0x76, 0);
const BYTE_IN_VARIANT = Uint8Array.of(1, 0x79, 0, 5);
const SIGNATURE_FIELD_OF_VARIANT = Uint8Array.of(8, 1, 0x67, 0, 1, 0x76, 0);

/** Another body: variants in one another, around the greatest depth. */
const deepen: Mutation = (random, bytes, spans) => {
  const fields = spans.filter(({ kind, start }) => kind === 'field' && bytes[start] !== 8);
  const depth = random.pick([1, 8, 60, 61, 62, 63, 64, 65, 66, 200, 5000]);
  const body = concat(...Array.from({ length: depth - 1 }, () => VARIANT_IN_VARIANT), BYTE_IN_VARIANT);
  const kept = fields.map(({ start, end }) => bytes.subarray(start, end));
  return withFields(bytes, [...kept, SIGNATURE_FIELD_OF_VARIANT], body);
};

const KNOWING: readonly Mutation[] = [changeSpan, changeSpan, changeSpan, changeSpan, shuffleFields, deepen];

/* Together ------------------------------------------------------------------------------------------------------- */

/** The values that the reference reads, as far as it gets. */
function spansOf(bytes: Uint8Array): readonly Span[] {
  const spans: Span[] = [];
  try {
    referenceDecode(bytes, spans);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
  return spans;
}

/** Sets the length of the body to the number of its bytes, so that more than the framing is tested. */
function mend(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 16) return bytes;
  const copy = bytes.slice();
  const bodyStart = Math.ceil((16 + wordAt(copy, 12).get()) / 8) * 8;
  if (bodyStart <= copy.length) wordAt(copy, 4).set(copy.length - bodyStart);
  return copy;
}

/** The bytes with one to a few things changed. */
export function mutate(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  if (random.chance(0.03)) {
    return concat(bytes.subarray(0, random.below(bytes.length + 1)), other.subarray(random.below(other.length + 1)));
  }
  let mutated = bytes;
  for (let left = 1 + random.small(4); left > 0 && mutated.length > 0; left--) {
    const spans = spansOf(mutated);
    const mutation = spans.length > 0 && random.chance(0.7) ? random.pick(KNOWING) : random.pick(BLIND);
    mutated = mutation(random, mutated, spans);
  }
  return random.chance(0.7) ? mend(mutated) : mutated;
}
