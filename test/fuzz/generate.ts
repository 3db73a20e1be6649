// Random signatures, values, names and messages, all valid, and JavaScript values that fit no signature.
// Values are generated in pairs: the value that a caller passes, and the value that a reader must return for it.

import type { Message, UnknownField } from '../../src/wire/index.js';
import type { Random } from './random.js';
import { typesOf } from './reference.js';

/** A value as a caller gives it, and the same value as it is read. */
export interface Generated<T = unknown> {
  readonly input: T;
  readonly value: T;
}

/* Signatures ----------------------------------------------------------------------------------------------------- */

const FIXED = 'ybnqiuxtdh';
const BASIC = `${FIXED}sog`;
const MAX_LENGTH = 255;

/** A single complete type that nests at most `depth` containers. */
function generateType(random: Random, depth: number): string {
  const kind = depth <= 0 ? 0 : random.below(10);
  if (kind < 4) return random.pick(BASIC);
  if (kind < 5) return 'v';
  if (kind < 7) return `a${generateType(random, depth - 1)}`;
  if (kind < 8 && depth > 1) return `a{${random.pick(BASIC)}${generateType(random, depth - 2)}}`;
  return `(${Array.from({ length: 1 + random.small(6) }, () => generateType(random, depth - 1)).join('')})`;
}

/** A type at the limits: 32 arrays, 32 structs or both, or 32 dicts. Without variants, for which there is no room. */
function generateDeepType(random: Random): string {
  const leaf = random.pick(BASIC);
  switch (random.below(4)) {
    case 0: return 'a'.repeat(random.between(30, 32)) + leaf;
    case 1: return '('.repeat(32) + leaf + ')'.repeat(32);
    case 2: return `${'a'.repeat(32)}${'('.repeat(32)}${leaf}${')'.repeat(32)}`;
    default: {
      const dicts = random.between(30, 32);
      return `${'a{y'.repeat(dicts)}${leaf}${'}'.repeat(dicts)}`;
    }
  }
}

function withinLimit(types: readonly string[]): string {
  const kept = [...types];
  while (kept.join('').length > MAX_LENGTH) kept.pop();
  return kept.join('');
}

/** Zero or more single complete types. */
export function generateSignature(random: Random): string {
  const kind = random.below(40);
  if (kind === 0) return generateDeepType(random);
  if (kind === 1) return withinLimit(Array.from({ length: MAX_LENGTH }, () => random.pick(`${BASIC}v`)));
  const length = random.chance(0.2) ? random.below(9) : random.below(4);
  return withinLimit(Array.from({ length }, () => generateType(random, random.below(6))));
}

/* Names ---------------------------------------------------------------------------------------------------------- */

const LETTERS = 'ABCXYZabcxyz_';
const MORE = `${LETTERS}0123456789`;

const word = (random: Random, initial: string, following: string): string =>
  random.pick(initial) + Array.from({ length: random.small(12) }, () => random.pick(following)).join('');

const joined = (random: Random, separator: string, element: () => string, least: number): string =>
  Array.from({ length: least + random.small(5) }, element).join(separator);

export const generateMember = (random: Random): string => word(random, LETTERS, MORE);
export const generateInterface = (random: Random): string =>
  joined(random, '.', () => word(random, LETTERS, MORE), 2);
export const generatePath = (random: Random): string =>
  random.chance(0.1) ? '/' : `/${joined(random, '/', () => word(random, MORE, MORE), 1)}`;
export const generateBusName = (random: Random): string =>
  random.chance(0.5)
    ? `:${joined(random, '.', () => word(random, `${MORE}-`, `${MORE}-`), 2)}`
    : joined(random, '.', () => word(random, `${LETTERS}-`, `${MORE}-`), 2);

/* Text ----------------------------------------------------------------------------------------------------------- */

const CHARACTERS = ['a', 'Z', ' ', '\x01', '\x7f', '\x80', 'é', '\u07ff', '\u0800', '€', '\ud7ff', '\ue000'];
const RARE = ['\ufeff', '\ufdd0', '\uffff', '😀', '\u{10000}', '\u{10ffff}'];
const WORDS = ['', '__proto__', 'constructor', 'toString', '0', '1', '-1', 'length', 'a', 'key', '/', 'a{sv}'];
/** Around the length from which text goes another way through the library. */
const LENGTHS = [1, 7, 8, 15, 16, 17, 46, 47, 48, 49, 63, 64, 65, 255, 300];

export function generateText(random: Random): string {
  if (random.chance(0.3)) return random.pick(WORDS);
  const length = random.chance(0.5) ? random.small(40) : random.pick(LENGTHS);
  if (random.chance(0.5)) return Array.from({ length }, () => random.pick(MORE)).join('');
  const alphabet = [...CHARACTERS, ...RARE];
  const plain = random.chance(0.5) ? 0.9 : 0;
  return Array.from({ length }, () => (random.chance(plain) ? 'x' : random.pick(alphabet))).join('');
}

/* Values --------------------------------------------------------------------------------------------------------- */

const RANGE: Readonly<Record<string, readonly [least: number, greatest: number]>> = {
  y: [0, 0xff],
  n: [-0x8000, 0x7fff],
  q: [0, 0xffff],
  i: [-(2 ** 31), 2 ** 31 - 1],
  u: [0, 2 ** 32 - 1],
  h: [0, 2 ** 32 - 1],
};

const DOUBLES = [0, -0, 1, -1.5, NaN, Infinity, -Infinity, Number.MIN_VALUE, Number.MAX_VALUE, 2 ** 53, 0.1];

function generateBigInt(random: Random, type: 'x' | 't'): bigint {
  const [least, greatest] = type === 'x' ? [-(2n ** 63n), 2n ** 63n - 1n] : [0n, 2n ** 64n - 1n];
  if (random.chance(0.2)) return random.pick([least, greatest, 0n, 1n, greatest - 1n, least + 1n]);
  const bits = (BigInt(random.uint32()) << 32n) | BigInt(random.uint32());
  const shifted = bits >> BigInt(random.below(64));
  return type === 'x' ? BigInt.asIntN(64, shifted) : shifted;
}

function generateDouble(random: Random): number {
  if (random.chance(0.4)) return random.pick(DOUBLES);
  if (random.chance(0.5)) return (random.uint32() - 2 ** 31) / 2 ** random.below(60);
  return new DataView(random.bytes(8).buffer).getFloat64(0);
}

function generateNumber(random: Random, code: string): unknown {
  if (code === 'x' || code === 't') return generateBigInt(random, code);
  if (code === 'd') return generateDouble(random);
  if (code === 'b') return random.chance(0.5);
  const [least, greatest] = RANGE[code]!;
  if (random.chance(0.3)) return random.pick([least, greatest, 0, 1, least + 1, greatest - 1]);
  return random.chance(0.5) ? random.between(least, greatest) : random.small(Math.min(greatest, 300));
}

const TYPED_ARRAY = {
  y: Uint8Array, n: Int16Array, q: Uint16Array, i: Int32Array, u: Uint32Array, h: Uint32Array, d: Float64Array,
  x: BigInt64Array, t: BigUint64Array,
} as const;

/** Somewhere in a larger piece of memory, as what a caller has often is. */
function typedArray(random: Random, code: keyof typeof TYPED_ARRAY, values: readonly unknown[]): unknown {
  const before = random.below(3);
  const memory = new TYPED_ARRAY[code](values.length + before + random.below(3));
  memory.set(values as never, before); // values of this very type
  return memory.subarray(before, before + values.length);
}

function generateFixedArray(random: Random, code: string): Generated {
  // Longer ones are read and written in bulk.
  const length = random.chance(0.3) ? random.between(14, 40) : random.small(12);
  const value = Array.from({ length }, () => generateNumber(random, code));
  const hasTyped = code in TYPED_ARRAY;
  const input = hasTyped && random.chance(0.5) ? typedArray(random, code as keyof typeof TYPED_ARRAY, value) : value;
  return { input, value: code === 'y' ? Uint8Array.from(value as number[]) : value };
}

function generateDict(random: Random, type: string, depth: number): Generated {
  const keyType = type.charAt(2);
  const valueType = type.slice(3, -1);
  const input = new Map<unknown, unknown>();
  const value = new Map<unknown, unknown>();
  for (let left = random.small(5); left > 0; left--) {
    const key = generateValue(random, keyType, depth + 2);
    if (value.has(key.value)) continue;
    const item = generateValue(random, valueType, depth + 2);
    input.set(key.value, item.input);
    value.set(key.value, item.value);
  }
  if (!'sog'.includes(keyType) || random.chance(0.5)) return { input, value };
  // An object has its integer-like keys first: that is the order in which they are written.
  const object: Record<string, unknown> = Object.fromEntries(input as Map<string, unknown>);
  const ordered = new Map(Object.keys(object).map((key) => [key, value.get(key)]));
  return { input: random.chance(0.5) ? object : Object.setPrototypeOf(object, null), value: ordered };
}

function generateVariant(random: Random, depth: number): Generated {
  // 64 containers are allowed, and the variant is one of them.
  const room = 64 - depth - 1;
  const signature = generateType(random, Math.min(room, random.below(4)));
  const { input, value } = generateValue(random, signature, depth + 1);
  return { input: { signature, value: input }, value: { signature, value } };
}

/** A value of a single complete type inside `depth` containers. */
function generateValue(random: Random, type: string, depth = 0): Generated {
  const code = type.charAt(0);
  switch (code) {
    case 's': return same(generateText(random));
    case 'o': return same(generatePath(random));
    case 'g': return same(generateSignature(random));
    case 'v': return depth >= 63 ? { ...sameVariant('y', 1) } : generateVariant(random, depth);
    case '(': return tuple(typesOf(type.slice(1, -1)).map((field) => generateValue(random, field, depth + 1)));
    case 'a': {
      const element = type.slice(1);
      if (element.startsWith('{')) return generateDict(random, type, depth);
      if (`${FIXED}b`.includes(element)) return generateFixedArray(random, element);
      // Each level of a deep type multiplies: far down, arrays have at most one element.
      const length = depth > 3 ? random.below(2) : random.small(6);
      return tuple(Array.from({ length }, () => generateValue(random, element, depth + 1)));
    }
  }
  const value = generateNumber(random, code);
  const canBeNumber = typeof value === 'bigint' && Number.isSafeInteger(Number(value));
  return { input: canBeNumber && random.chance(0.3) ? Number(value) : value, value };
}

const same = (value: unknown): Generated => ({ input: value, value });
const sameVariant = (signature: string, value: unknown): Generated => same({ signature, value });
const tuple = (items: readonly Generated[]): Generated<unknown[]> => ({
  input: items.map(({ input }) => input),
  value: items.map(({ value }) => value),
});

/** One value for each type of a signature. */
function generateBody(random: Random, signature: string): Generated<unknown[]> {
  return tuple(typesOf(signature).map((type) => generateValue(random, type)));
}

/* Messages ------------------------------------------------------------------------------------------------------- */

const TYPES = ['method_call', 'method_return', 'error', 'signal'] as const;
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  method_call: ['path', 'member'],
  method_return: ['replySerial'],
  error: ['errorName', 'replySerial'],
  signal: ['path', 'interface', 'member'],
};
const MAKE: Readonly<Record<string, (random: Random) => unknown>> = {
  path: generatePath,
  interface: generateInterface,
  member: generateMember,
  errorName: generateInterface,
  replySerial: (random) => 1 + random.below(2 ** 32 - 1),
  destination: generateBusName,
  sender: generateBusName,
};

/** Code of a field that libdbus knows and no specification has: an object path, at most once. */
const CONTAINER_INSTANCE = 10;

function generateUnknownField(random: Random, index: number): Generated<UnknownField> {
  const code = index === 0 ? random.between(CONTAINER_INSTANCE, 13) : random.between(CONTAINER_INSTANCE + 1, 255);
  const isPath = code === CONTAINER_INSTANCE;
  const { input, value } = isPath ? sameVariant('o', generatePath(random)) : generateVariant(random, 2);
  return { input: { code, value: input } as UnknownField, value: { code, value } as UnknownField };
}

/** A whole message with any types, fields and flags that there are, and some that there are not. */
export function generateMessage(random: Random): Generated<Message> {
  const type = random.chance(0.9) ? random.pick(TYPES) : random.between(5, 255);
  const required = REQUIRED[type] ?? [];
  const fields = Object.entries(MAKE).map(([key, make]) => {
    const isThere = required.includes(key) || random.chance(0.3);
    return [key, isThere ? make(random) : undefined];
  });
  const signature = generateSignature(random);
  const body = generateBody(random, signature);
  const unknownFields = random.chance(0.15) ? random.below(4) : 0;
  const unknown = Array.from({ length: unknownFields }, (_, index) => generateUnknownField(random, index));
  const start = {
    type,
    flags: random.chance(0.5) ? random.below(8) : random.below(256),
    serial: random.chance(0.5) ? 1 + random.below(100) : 1 + random.below(2 ** 32 - 1),
    byteOrder: random.chance(0.5) ? 'little' : 'big',
    ...Object.fromEntries(fields) as object,
    signature,
    unixFds: random.chance(0.9) ? 0 : random.uint32(),
  };
  const finish = (side: 'input' | 'value'): Message => {
    const message: unknown = { ...start, unknownFields: unknown.map((field) => field[side]), body: body[side] };
    return message as Message; // the compiler cannot see that what the type requires is there
  };
  return { input: finish('input'), value: finish('value') };
}

/* What fits nowhere ---------------------------------------------------------------------------------------------- */

class Thing {
  readonly signature = 's';
}

/** The error that a value itself throws when it is read: it must reach the caller unchanged. */
export class OwnError extends Error {
  override readonly name = 'OwnError';
}

const trap = (): never => {
  throw new OwnError('a trap');
};

const ODD_VALUES: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => NaN,
  () => -0,
  () => 0.5,
  () => -1,
  () => 256,
  () => 2 ** 31,
  () => 2 ** 32,
  () => 2 ** 53,
  () => 2n ** 63n,
  () => 2n ** 64n,
  () => -(2n ** 63n) - 1n,
  () => 1n,
  () => true,
  () => '1',
  () => 'a\0b',
  () => '\ud800',
  () => `${'x'.repeat(60)}\udfff`,
  () => `${'x'.repeat(60)}\0`,
  () => 'not/a/path',
  () => 'a{',
  () => '()',
  () => Symbol('symbol'),
  () => trap,
  () => new Date(0),
  () => [],
  () => [undefined],
  () => new Array<unknown>(3),
  () => [[]],
  () => ({}),
  () => Object.create(null) as unknown,
  () => new Thing(),
  () => new Map<unknown, unknown>([[{}, 1]]),
  () => new Map<unknown, unknown>([[Symbol('key'), 1]]),
  () => new Set([1]),
  () => ({ length: 1, 0: 1 }),
  () => new Uint8Array(3),
  () => new Float32Array(3),
  () => new Number(1),
  () => new String('s'),
  () => ({ signature: 's' }),
  () => ({ signature: 's', value: 1 }),
  () => ({ signature: 's', value: 'text' }),
  () => ({ signature: '', value: 1 }),
  () => ({ signature: 'ss', value: ['a', 'b'] }),
  () => ({ signature: 'a{', value: [] }),
  () => ({ signature: 1, value: 1 }),
  () => ({ constructor: { name: Symbol('name') } }),
  () => ({ toString: trap }),
  () => ({ signature: 's', get value() { return trap(); } }),
  () => new Proxy({}, { getPrototypeOf: trap }),
];

/** Something that most types do not take. */
export function generateOddValue(random: Random): unknown {
  return random.pick(ODD_VALUES)();
}

/** The same value with something odd in one place of it, at any depth. */
export function spoil(random: Random, value: unknown): unknown {
  if (random.chance(0.25)) return generateOddValue(random);
  if (Array.isArray(value) && value.length > 0) {
    const copy: unknown[] = [...value as unknown[]];
    const at = random.below(copy.length);
    copy[at] = spoil(random, copy[at]);
    return random.chance(0.1) ? copy.slice(1) : copy;
  }
  if (value instanceof Map && value.size > 0) {
    const entries = [...value as Map<unknown, unknown>];
    const at = random.below(entries.length);
    const [key, item] = entries[at]!;
    entries[at] = random.chance(0.3) ? [spoil(random, key), item] : [key, spoil(random, item)];
    return new Map(entries);
  }
  if (typeof value === 'object' && value !== null && 'signature' in value && 'value' in value) {
    if (random.chance(0.2)) return { ...value, signature: spoil(random, value.signature) };
    return { ...value, value: spoil(random, value.value) };
  }
  return generateOddValue(random);
}
