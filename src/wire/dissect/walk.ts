// A walk over the bytes of one message that says of each run what it is. It judges nothing: whether a message is valid,
// and up to which byte, was found out before, and the walk ends there. Of a message that is cut, nobody knows whether
// what is there of it is valid: there the walk may end earlier, where it can make nothing of the bytes.
// Specification: Message Format, Marshaling (Wire Format).
import {
  BYTE_ORDER_MARK, FIELD_DEPTH, FIXED_HEADER_LENGTH, HeaderField, MAX_VALUE_DEPTH, MESSAGE_TYPE_CODE,
} from '../constants.js';
import type { PartKind, PartList } from './parts.js';
import { nameOf, quote, tellFixed, tellFlags, TYPE_NAME } from './words.js';
import { SignatureError } from '../errors.js';
import { Fault, formatSegment } from '../values/fault.js';
import { FIXED_CODEC } from '../values/fixed.js';
import { Reader } from '../values/reader.js';
import {
  type ArrayType, type DictType, FIXED_SIZE, type FixedType, type FixedTypeCode, parseSignature, parseSingleType,
  type StringTypeCode, type Type,
} from '../signature.js';
import { readText } from '../values/text.js';

/** Which value a part belongs to, and how many containers stand around that. */
interface Place {
  readonly path: string;
  readonly depth: number;
}

/** What a number is to the message, and how it is told where its type and value do not say enough. */
interface Note {
  readonly kind: PartKind;
  /** What its bytes are called where they cannot be read for being cut. */
  readonly name: string;
  readonly tell?: (value: number) => string;
}

/** Thrown where the walk is over. */
class EndOfWalk {}

const TOP: Place = { path: '', depth: 0 };
/** Elements of an array of a fixed type that are told one by one. */
const LISTED_ELEMENTS = 64;

/** Walks over one message; lives for one call of {@link walkMessage}. */
class Walk {
  readonly #bytes: Uint8Array;
  readonly #limit: number;
  readonly #list: PartList;
  readonly #reader: Reader;
  #offset = 0;
  #signature = '';

  constructor(bytes: Uint8Array, limit: number, list: PartList) {
    this.#bytes = bytes;
    this.#limit = limit;
    this.#list = list;
    const littleEndian = bytes[0] === BYTE_ORDER_MARK.little;
    this.#reader = new Reader(bytes, { offset: 0, end: bytes.length, littleEndian });
  }

  message(): void {
    if (this.#limit > 0 && nameOf(BYTE_ORDER_MARK, this.#bytes[0] ?? 0) === undefined) throw new EndOfWalk();
    const end = FIXED_HEADER_LENGTH + this.#fixedHeader();
    while (this.#offset < end) this.#field();
    this.#expectEnd(end);
    this.#pad(8, 0);
    parseSignature(this.#signature).forEach((type, i) => this.#value(type, { path: `body[${i}]`, depth: 0 }));
  }

  /** The first 16 bytes; returns the length of the header fields. */
  #fixedHeader(): number {
    const order = this.#reader.littleEndian ? 'little' : 'big';
    const byte = (name: string, tell: (value: number) => string): number =>
      this.#fixed('y', TOP, { kind: 'fixed header', name, tell }) as number;
    const word = (name: string, tell: (value: number) => string): number =>
      this.#fixed('u', TOP, { kind: 'fixed header', name, tell }) as number;
    byte('byte order', () => `byte order: ${order}-endian`);
    byte('message type', (code) => `message type: ${nameOf(MESSAGE_TYPE_CODE, code) ?? `${code} (unknown)`}`);
    byte('flags', tellFlags);
    byte('version', (version) => `protocol version ${version}`);
    word('body length', (length) => `body: ${length} bytes`);
    word('serial', (serial) => `serial ${serial}`);
    return word('length of the header fields', (length) => `header fields: ${length} bytes`);
  }

  #field(): void {
    this.#pad(8, FIELD_DEPTH);
    const name = nameOf(HeaderField, this.#bytes[this.#offset] ?? 0);
    const place = { path: `header.${name ?? this.#bytes[this.#offset]}`, depth: FIELD_DEPTH };
    const tell = (code: unknown): string => `header field ${name ?? `${String(code)} (unknown)`}`;
    const code = this.#fixed('y', place, { kind: 'field', name: 'header field', tell });
    const value = this.#variant(place);
    if (code === HeaderField.SIGNATURE && typeof value === 'string') this.#signature = value;
  }

  /** A value of any type; returns it decoded if it is of a basic one. */
  #value(type: Type, place: Place): unknown {
    if (place.depth > MAX_VALUE_DEPTH) throw new EndOfWalk();
    switch (type.kind) {
      case 'fixed': return this.#fixed(type.code, place, { kind: 'value', name: TYPE_NAME[type.code] });
      case 'string': return type.code === 'g' ? this.#signatureText('value', place) : this.#text(type.code, place);
      case 'variant': return this.#variant(place);
      case 'array': return this.#array(type, place);
      case 'dict': return this.#dict(type, place);
      case 'struct':
        this.#pad(8, place.depth);
        type.fields.forEach((field, i) => this.#value(field, inside(place, `[${i}]`, 1)));
        return undefined;
    }
  }

  #fixed(code: FixedTypeCode, place: Place, note: Note): unknown {
    this.#pad(FIXED_SIZE[code], place.depth);
    return this.#take(FIXED_SIZE[code], place, {
      name: note.name,
      kind: note.kind,
      read: (start) => FIXED_CODEC[code].read(this.#reader, start),
      tell: (value) => note.tell?.(value as number) ?? tellFixed(code, value), // notes are for numbers alone
    });
  }

  #text(code: StringTypeCode, place: Place): unknown {
    const tell = (length: number): string => `length of text: ${length}`;
    const length = this.#fixed('u', place, { kind: 'length', name: 'length of text', tell }) as number;
    return this.#take(length + 1, place, {
      kind: 'value',
      name: TYPE_NAME[code],
      read: (start) => readText(this.#reader, start, start + length),
      tell: (text) => `${TYPE_NAME[code]} ${quote(text)}`,
    });
  }

  /** A signature with the byte of its length before it and its NUL behind. */
  #signatureText(kind: PartKind, place: Place): string {
    const length = this.#offset < this.#limit ? this.#bytes[this.#offset]! : 0; // the limit is within the bytes
    return this.#take(length + 2, place, {
      kind,
      name: TYPE_NAME.g,
      read: (start) => readText(this.#reader, start + 1, start + 1 + length),
      tell: (text) => `${TYPE_NAME.g} ${quote(text)}`,
    });
  }

  #variant(place: Place): unknown {
    const type = parseSingleType(this.#signatureText('signature', place));
    return this.#value(type, inside(place, '', 1));
  }

  /** The length word of an array, and the padding before its elements; returns where they end. */
  #arrayEnd(type: ArrayType | DictType, elementAlignment: number, place: Place): number {
    const tell = (length: number): string => `ARRAY ${quote(type.signature)} of ${length} bytes`;
    const length = this.#fixed('u', place, { kind: 'length', name: 'length of an ARRAY', tell }) as number;
    this.#pad(elementAlignment, place.depth);
    return this.#offset + length;
  }

  #array(type: ArrayType, place: Place): unknown {
    const { element } = type;
    const end = this.#arrayEnd(type, element.alignment, place);
    if (element.kind === 'fixed' && element.code === 'y') return this.#bytesUpTo(end, inside(place, '', 1));
    for (let i = 0; this.#offset < end; i++) {
      if (element.kind === 'fixed' && i === LISTED_ELEMENTS) this.#elementsUpTo(end, element, inside(place, '', 1));
      else this.#value(element, inside(place, `[${i}]`, 1));
    }
    return this.#expectEnd(end);
  }

  #bytesUpTo(end: number, place: Place): Uint8Array {
    const length = end - this.#offset;
    return this.#take(length, place, {
      kind: 'value',
      name: `${length} bytes`,
      read: (start) => new Uint8Array(this.#bytes.subarray(start, end)), // a copy: a value keeps no message alive
      tell: () => `${length} bytes`,
    });
  }

  #elementsUpTo(end: number, { code }: FixedType, place: Place): void {
    const length = end - this.#offset;
    const name = `${Math.floor(length / FIXED_SIZE[code])} more of type ${TYPE_NAME[code]}`;
    this.#take(length, place, { kind: 'unlisted', name, read: () => undefined, tell: () => name });
  }

  #dict(type: DictType, place: Place): unknown {
    const end = this.#arrayEnd(type, 8, place);
    for (let i = 0; this.#offset < end; i++) {
      this.#pad(8, place.depth + 2);
      const key = this.#value(type.key, inside(place, `[${i}]`, 2));
      this.#value(type.value, inside(place, formatSegment(key), 2));
    }
    return this.#expectEnd(end);
  }

  #pad(boundary: number, depth: number): void {
    const length = -this.#offset & (boundary - 1);
    const name = 'padding';
    const place = { path: '', depth };
    if (length > 0) this.#take(length, place, { kind: 'padding', name, read: () => undefined, tell: () => name });
  }

  /** Where a length says that something ends. */
  #expectEnd(end: number): void {
    if (this.#offset !== end) throw new EndOfWalk();
  }

  /** Lists the next `length` bytes; where the limit cuts them, only what is before it, and the walk is over. */
  #take<Value>(length: number, { path, depth }: Place, run: {
    readonly kind: PartKind;
    /** What the bytes are called where they cannot be read for being cut. */
    readonly name: string;
    readonly read: (start: number) => Value;
    readonly tell: (value: Value) => string;
  }): Value {
    const { kind } = run;
    const offset = this.#offset;
    const rest = this.#limit - offset;
    if (length > rest) {
      const cut = { length: rest, what: `${run.name}, cut short`, value: undefined };
      if (rest > 0) this.#list.add({ kind, offset, ...cut, path, depth, error: undefined });
      throw new EndOfWalk();
    }
    const value = run.read(offset);
    this.#offset += length;
    const what = run.tell(value);
    if (length > 0) this.#list.add({ kind, offset, length, what, path, depth, value, error: undefined });
    return value;
  }
}

function inside({ path, depth }: Place, segment: string, containers: number): Place {
  return { path: path + segment, depth: depth + containers };
}

/** Lists the parts of a message up to the byte at `limit`, or up to where nothing can be made of the bytes. */
export function walkMessage(bytes: Uint8Array, limit: number, list: PartList): void {
  try {
    new Walk(bytes, limit, list).message();
  } catch (error) {
    const isOver = error instanceof EndOfWalk || error instanceof Fault || error instanceof SignatureError;
    if (!isOver) throw error;
  }
}
