// A second reader of D-Bus messages, written from the specification in the plainest way: slow, and easy to compare with
// the text. It shares no code with src/wire, which the fuzzer holds against it: both must agree on what is valid and on
// every value. If the text says nothing, it follows the reference implementation, libdbus; such lines say "libdbus".

/** Why the bytes are not a valid message, or not valid values. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

export type SpanKind =
  | 'fixed header' | 'field' | 'number' | 'length' | 'boolean' | 'double' | 'byte' | 'signature' | 'text' | 'terminator'
  | 'padding';

/** The kind of the bytes from `start` to `end`. Numbers and lengths are in the message's byte order. */
export interface Span {
  readonly kind: SpanKind;
  readonly start: number;
  readonly end: number;
}

export interface ReferenceMessage {
  readonly type: string | number;
  readonly flags: number;
  readonly serial: number;
  readonly byteOrder: 'little' | 'big';
  readonly path: unknown;
  readonly interface: unknown;
  readonly member: unknown;
  readonly errorName: unknown;
  readonly replySerial: unknown;
  readonly destination: unknown;
  readonly sender: unknown;
  readonly signature: unknown;
  readonly unixFds: unknown;
  readonly unknownFields: readonly { readonly code: number; readonly value: ReferenceVariant }[];
  readonly body: readonly unknown[];
}

interface ReferenceVariant {
  readonly signature: string;
  readonly value: unknown;
}

function refuse(reason: string): never {
  throw new Refused(reason);
}

/* Grammars ------------------------------------------------------------------------------------------------------- */

const ELEMENT = '[A-Za-z_][A-Za-z0-9_]*';
const BUS_ELEMENT = '[A-Za-z_-][A-Za-z0-9_-]*';
const OBJECT_PATH = /^\/$|^(\/[A-Za-z0-9_]+)+$/;
const MEMBER = new RegExp(`^${ELEMENT}$`);
const INTERFACE = new RegExp(`^${ELEMENT}(\\.${ELEMENT})+$`);
const WELL_KNOWN_NAME = new RegExp(`^${BUS_ELEMENT}(\\.${BUS_ELEMENT})+$`);
const UNIQUE_NAME = /^:[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+$/;
/** libdbus, in what it receives: no dot before another or at the end; more elements than one are not asked for. */
const RECEIVED_UNIQUE_NAME = /^:(\.?[A-Za-z0-9_-])*$/;

const isShort = (name: string): boolean => name.length <= 255;

export const referenceGrammar = {
  objectPath: (text: string): boolean => OBJECT_PATH.test(text),
  member: (text: string): boolean => isShort(text) && MEMBER.test(text),
  interface: (text: string): boolean => isShort(text) && INTERFACE.test(text),
  wellKnownName: (text: string): boolean => isShort(text) && WELL_KNOWN_NAME.test(text),
  uniqueName: (text: string): boolean => isShort(text) && UNIQUE_NAME.test(text),
  receivedBusName: (text: string): boolean =>
    isShort(text) && (WELL_KNOWN_NAME.test(text) || RECEIVED_UNIQUE_NAME.test(text)),
};

/** The containers of a type: arrays directly around it (libdbus: others do not count), structs, dict entries. */
interface Around {
  readonly arrays: number;
  readonly structs: number;
  readonly entries: number;
}

/** The end of the single complete type that starts at `at`. */
function endOfType(signature: string, at: number, around: Around): number {
  const code = signature.charAt(at);
  if (code !== '' && 'ybnqiuxtdsoghv'.includes(code)) return at + 1;
  if (code === 'a') {
    const arrays = around.arrays + 1;
    if (arrays > 32) refuse('more than 32 nested arrays');
    if (signature.charAt(at + 1) === '{') return endOfDictEntry(signature, at + 1, around);
    return endOfType(signature, at + 1, { ...around, arrays });
  }
  if (code === '(') {
    const inside = { ...around, arrays: 0, structs: around.structs + 1 };
    if (inside.structs > 32) refuse('more than 32 nested structs');
    let next = at + 1;
    do next = endOfType(signature, next, inside);
    while (signature.charAt(next) !== ')');
    return next + 1;
  }
  return refuse(`"${code}" is no type`);
}

function endOfDictEntry(signature: string, at: number, around: Around): number {
  const inside = { ...around, arrays: 0, entries: around.entries + 1 };
  if (inside.entries > 32) refuse('more than 32 nested dict entries'); // libdbus
  const key = signature.charAt(at + 1);
  if (key === '' || !'ybnqiuxtdsogh'.includes(key)) refuse('the key of a dict entry is no basic type');
  const end = endOfType(signature, at + 2, inside);
  if (signature.charAt(end) !== '}') refuse('a dict entry has two types');
  return end + 1;
}

/** The single complete types of a signature. */
export function typesOf(signature: string): string[] {
  if (signature.length > 255) refuse('a signature has at most 255 bytes');
  const types: string[] = [];
  for (let at = 0; at < signature.length;) {
    const end = endOfType(signature, at, { arrays: 0, structs: 0, entries: 0 });
    types.push(signature.slice(at, end));
    at = end;
  }
  return types;
}

/** Unicode, table 3-7, without NUL: the bytes as characters U+0001 to U+00FF. */
const UTF8 = new RegExp(
  '^(?:[\\x01-\\x7f]|[\\xc2-\\xdf][\\x80-\\xbf]|\\xe0[\\xa0-\\xbf][\\x80-\\xbf]' +
    '|[\\xe1-\\xec\\xee\\xef][\\x80-\\xbf]{2}|\\xed[\\x80-\\x9f][\\x80-\\xbf]' +
    '|\\xf0[\\x90-\\xbf][\\x80-\\xbf]{2}|[\\xf1-\\xf3][\\x80-\\xbf]{3}' +
    '|\\xf4[\\x80-\\x8f][\\x80-\\xbf]{2})*$',
);

/* Values --------------------------------------------------------------------------------------------------------- */

const SIZE: Readonly<Record<string, number>> = { y: 1, b: 4, n: 2, q: 2, i: 4, u: 4, x: 8, t: 8, d: 8, h: 4 };

function alignmentOf(type: string): number {
  const code = type.charAt(0);
  if (code === '(' || code === '{') return 8;
  if (code === 'g' || code === 'v') return 1;
  if (code === 's' || code === 'o' || code === 'a') return 4;
  return SIZE[code]!; // all others are fixed
}

/** Reads values from bytes that start on an 8-byte boundary. */
class ReferenceReader {
  readonly #bytes: Buffer;
  readonly #little: boolean;
  readonly spans: Span[];
  at: number;
  end: number;

  constructor(bytes: Buffer, range: { at: number; end: number; little: boolean }, spans: Span[]) {
    this.#bytes = bytes;
    this.#little = range.little;
    this.at = range.at;
    this.end = range.end;
    this.spans = spans;
  }

  /** Skips `length` bytes, which must be there; returns the offset of the first. */
  take(length: number, kind: SpanKind): number {
    const start = this.at;
    if (start + length > this.end) refuse(`${length} bytes are due at ${start}, the end is at ${this.end}`);
    this.at += length;
    if (length > 0) this.spans.push({ kind, start, end: this.at });
    return start;
  }

  pad(boundary: number): void {
    const length = (boundary - (this.at % boundary)) % boundary;
    const start = this.take(length, 'padding');
    if (this.#bytes.subarray(start, this.at).some((byte) => byte !== 0)) refuse(`padding is not zero at ${start}`);
  }

  length(): number {
    this.pad(4);
    const at = this.take(4, 'length');
    return this.#little ? this.#bytes.readUInt32LE(at) : this.#bytes.readUInt32BE(at);
  }

  text(length: number, kind: 'text' | 'signature'): string {
    const start = this.take(length, kind);
    const terminator = this.take(1, 'terminator');
    if (this.#bytes[terminator] !== 0) refuse(`text does not end with NUL at ${terminator}`);
    const bytes = this.#bytes.subarray(start, terminator);
    if (!UTF8.test(bytes.toString('latin1'))) refuse(`text at ${start} is not UTF-8 without NUL`);
    return bytes.toString('utf8');
  }

  fixed(code: string): unknown {
    const size = SIZE[code]!;
    this.pad(size);
    const kind = code === 'b' ? 'boolean' : code === 'd' ? 'double' : code === 'y' ? 'byte' : 'number';
    const at = this.take(size, kind);
    const bytes = this.#bytes;
    switch (code) {
      case 'y': return bytes.readUInt8(at);
      case 'n': return this.#little ? bytes.readInt16LE(at) : bytes.readInt16BE(at);
      case 'q': return this.#little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
      case 'i': return this.#little ? bytes.readInt32LE(at) : bytes.readInt32BE(at);
      case 'x': return this.#little ? bytes.readBigInt64LE(at) : bytes.readBigInt64BE(at);
      case 't': return this.#little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at);
      case 'd': return this.#little ? bytes.readDoubleLE(at) : bytes.readDoubleBE(at);
    }
    const bits = this.#little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
    if (code !== 'b') return bits; // u, h
    if (bits > 1) refuse(`a boolean is 0 or 1, not ${bits}`);
    return bits === 1;
  }

  /** A value inside `depth` containers. */
  value(type: string, depth: number): unknown {
    if (depth > 64) refuse('a value must be inside at most 64 containers');
    const code = type.charAt(0);
    switch (code) {
      case 's': return this.text(this.length(), 'text');
      case 'o': {
        const path = this.text(this.length(), 'text');
        return referenceGrammar.objectPath(path) ? path : refuse('no object path');
      }
      case 'g': return this.signature();
      case 'v': return this.variant(depth);
      case 'a': return this.array(type.slice(1), depth);
      case '(': {
        this.pad(8);
        return typesOf(type.slice(1, -1)).map((field) => this.value(field, depth + 1));
      }
    }
    return this.fixed(code);
  }

  signature(): string {
    const signature = this.text(this.#bytes[this.take(1, 'byte')]!, 'signature');
    typesOf(signature);
    return signature;
  }

  variant(depth: number): ReferenceVariant {
    const signature = this.signature();
    const [type, ...others] = typesOf(signature);
    if (type === undefined || others.length > 0) return refuse('a variant has one type');
    return { signature, value: this.value(type, depth + 1) };
  }

  array(element: string, depth: number): unknown {
    const length = this.length();
    if (length > 2 ** 26) refuse('an array has at most 64 MiB');
    this.pad(alignmentOf(element));
    const end = this.at + length;
    if (end > this.end) refuse('an array ends after its container');
    if (element === 'y') {
      const start = this.take(length, 'text');
      return new Uint8Array(this.#bytes.subarray(start, end));
    }
    const items: unknown[] = [];
    // An element may extend beyond the end of its array here: the last one must end exactly at that end.
    while (this.at < end) items.push(this.element(element, depth));
    if (this.at !== end) refuse('the length of an array is not at the end of an element');
    return element.startsWith('{') ? new Map(items as [unknown, unknown][]) : items;
  }

  element(type: string, depth: number): unknown {
    if (type in SIZE) return this.fixed(type); // libdbus: arrays of a fixed type may stand inside 64 containers
    if (!type.startsWith('{')) return this.value(type, depth + 1);
    if (depth + 1 > 64) refuse('a dict entry must be inside at most 64 containers');
    this.pad(8);
    return [this.value(type.charAt(1), depth + 2), this.value(type.slice(2, -1), depth + 2)];
  }
}

/* Messages ------------------------------------------------------------------------------------------------------- */

const TYPE_NAME = ['invalid', 'method_call', 'method_return', 'error', 'signal'];

interface FieldRule {
  readonly key: string;
  readonly type: string;
  readonly accepts?: (value: never) => boolean;
}

const FIELD: Readonly<Record<number, FieldRule>> = {
  1: { key: 'path', type: 'o', accepts: (path: string) => !path.startsWith('/org/freedesktop/DBus/Local') },
  2: {
    key: 'interface',
    type: 's',
    accepts: (name: string) => referenceGrammar.interface(name) && !name.startsWith('org.freedesktop.DBus.Local'),
  },
  3: { key: 'member', type: 's', accepts: referenceGrammar.member },
  4: { key: 'errorName', type: 's', accepts: referenceGrammar.interface },
  5: { key: 'replySerial', type: 'u', accepts: (serial: number) => serial !== 0 },
  6: { key: 'destination', type: 's', accepts: referenceGrammar.receivedBusName },
  7: { key: 'sender', type: 's', accepts: referenceGrammar.receivedBusName },
  8: { key: 'signature', type: 'g' },
  9: { key: 'unixFds', type: 'u' },
  10: { key: '', type: 'o' }, // libdbus: CONTAINER_INSTANCE, in no published specification
};

const REQUIRED: Readonly<Record<number, readonly string[]>> = {
  1: ['path', 'member'],
  2: ['replySerial'],
  3: ['errorName', 'replySerial'],
  4: ['path', 'interface', 'member'],
};

/** The length of a message by its first 16 bytes, which must exist. */
export function referenceLength(bytes: Uint8Array): { fieldsEnd: number; bodyStart: number; length: number } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [mark, type, , version] = buffer;
  if (mark !== 0x6c && mark !== 0x42) refuse('byte order');
  if (type === 0) refuse('type');
  if (version !== 1) refuse('version');
  const uint32 = (at: number): number => (mark === 0x6c ? buffer.readUInt32LE(at) : buffer.readUInt32BE(at));
  if (uint32(8) === 0) refuse('serial');
  if (uint32(12) > 2 ** 26) refuse('header fields of more than 64 MiB');
  const fieldsEnd = 16 + uint32(12);
  const bodyStart = Math.ceil(fieldsEnd / 8) * 8;
  const length = bodyStart + uint32(4);
  if (length > 2 ** 27) refuse('more than 128 MiB');
  return { fieldsEnd, bodyStart, length };
}

/**
 * Reads one whole message; `spans` gets what every byte was read as, as far as the reading came.
 * @throws {Refused}
 */
export function referenceDecode(bytes: Uint8Array, spans: Span[] = []): ReferenceMessage {
  if (bytes.length < 16) refuse('shorter than a header');
  const { fieldsEnd, bodyStart, length } = referenceLength(bytes);
  if (bytes.length !== length) refuse(`${bytes.length} bytes, ${length} announced`);
  const little = bytes[0] === 0x6c;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 0; start < 4; start++) spans.push({ kind: 'fixed header', start, end: start + 1 });
  for (let start = 4; start < 16; start += 4) spans.push({ kind: 'length', start, end: start + 4 });

  const reader = new ReferenceReader(buffer, { at: 16, end: fieldsEnd, little }, spans);
  const known = new Map<string, unknown>();
  const codes = new Set<number>();
  const unknownFields: { code: number; value: ReferenceVariant }[] = [];
  while (reader.at < fieldsEnd) {
    reader.pad(8);
    const start = reader.take(1, 'byte');
    const code = bytes[start]!;
    if (code === 0) refuse('header field 0');
    const value = reader.variant(2);
    spans.push({ kind: 'field', start, end: reader.at });
    const rule = FIELD[code];
    if (rule !== undefined) {
      if (codes.has(code)) refuse(`header field ${code} is given twice`);
      codes.add(code);
      if (value.signature !== rule.type) refuse(`header field ${code} has another type`);
      if (rule.accepts?.(value.value as never) === false) refuse(`the value of header field ${code}`);
    }
    if (code < 10) known.set(rule!.key, value.value);
    else unknownFields.push({ code, value });
  }
  reader.end = bodyStart;
  reader.pad(8);

  const typeCode = bytes[1]!;
  for (const key of REQUIRED[typeCode] ?? []) if (!known.has(key)) refuse(`no ${key}`);
  const signature = (known.get('signature') ?? '') as string;
  reader.end = length;
  const body = typesOf(signature).map((type) => reader.value(type, 0));
  if (reader.at !== length) refuse('bytes after the body');
  return {
    type: TYPE_NAME[typeCode] ?? typeCode,
    flags: bytes[2]!,
    serial: little ? buffer.readUInt32LE(8) : buffer.readUInt32BE(8),
    byteOrder: little ? 'little' : 'big',
    path: known.get('path'),
    interface: known.get('interface'),
    member: known.get('member'),
    errorName: known.get('errorName'),
    replySerial: known.get('replySerial'),
    destination: known.get('destination'),
    sender: known.get('sender'),
    signature,
    unixFds: known.get('unixFds') ?? 0,
    unknownFields,
    body,
  };
}

/**
 * Reads values alone; the last byte belongs to the last of them.
 * @throws {Refused}
 */
export function referenceUnmarshal(signature: string, bytes: Uint8Array, little: boolean): unknown[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader = new ReferenceReader(buffer, { at: 0, end: bytes.length, little }, []);
  const values = typesOf(signature).map((type) => reader.value(type, 0));
  if (reader.at !== bytes.length) refuse('bytes are left over');
  return values;
}

/** Cuts a stream into whole messages: those before the first impossible one, and how the stream ends. */
export function referenceFrames(stream: Uint8Array): { frames: Uint8Array[]; end: 'whole' | 'partial' | 'broken' } {
  const frames: Uint8Array[] = [];
  for (let at = 0; ;) {
    const rest = stream.subarray(at);
    if (rest.length === 0) return { frames, end: 'whole' };
    if (rest.length < 16) return { frames, end: 'partial' };
    try {
      const { length } = referenceLength(rest);
      if (rest.length < length) return { frames, end: 'partial' };
      frames.push(rest.subarray(0, length));
      at += length;
    } catch (error) {
      if (error instanceof Refused) return { frames, end: 'broken' };
      throw error;
    }
  }
}

/** The same message in the other byte order, from `spans` of a valid one: every number turned round in its place. */
export function swapBytes(bytes: Uint8Array, spans: readonly Span[]): Uint8Array {
  const swapped = bytes.slice();
  swapped[0] = bytes[0] === 0x6c ? 0x42 : 0x6c;
  for (const { kind, start, end } of spans) {
    if (['number', 'length', 'boolean', 'double'].includes(kind)) swapped.subarray(start, end).reverse();
  }
  return swapped;
}
