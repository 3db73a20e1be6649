// Walks over the bytes of one message and describes each run of them. It does not decide whether the message is valid:
// dissect.ts knows up to which byte it is, and the walk ends there. The start of a message that is cut short can be
// invalid without a verdict; the walk then ends at the first bytes that it cannot interpret.
// Specification: Message Format, Marshaling (Wire Format). Tests: dissect.test.ts.
import {
  BYTE_ORDER_MARK, FIELD_DEPTH, FIXED_HEADER_LENGTH, HeaderField, MAX_VALUE_DEPTH, MESSAGE_TYPE_CODE,
} from '../constants.js';
import { counted } from '../counted.js';
import type { PartKind, PartList } from './parts.js';
import { nameOf, printableQuote, describeFixed, describeFlags, TYPE_NAME } from './words.js';
import { SignatureError } from '../errors.js';
import { Fault, formatSegment } from '../values/fault.js';
import { FIXED_CODEC } from '../values/numbers-and-booleans.js';
import { Reader } from '../values/reader.js';
import {
  type ArrayType, type DictType, FIXED_SIZE, type FixedType, type FixedTypeCode, parseSignature, parseSingleType,
  type StringTypeCode, type Type,
} from '../signature.js';
import { readText } from '../values/utf8.js';

/** The path of a value, and the number of containers around it. */
interface Place {
  readonly path: string;
  readonly depth: number;
}

/** The role of a number in the message, and its description if its type and value do not say enough. */
interface Note {
  readonly kind: PartKind;
  /** Description of its bytes if they are cut short. */
  readonly name: string;
  readonly describe?: (value: number) => string;
}

/** Thrown to end the walk. */
class EndOfWalk {}

const TOP: Place = { path: '', depth: 0 };
/** The most elements of an array of a fixed type that are listed one by one. */
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

  /** Lists the first 16 bytes. Returns the length of the header fields. */
  #fixedHeader(): number {
    const order = this.#reader.littleEndian ? 'little' : 'big';
    const byte = (name: string, describe: (value: number) => string): number =>
      this.#fixed('y', TOP, { kind: 'fixed header', name, describe }) as number;
    const word = (name: string, describe: (value: number) => string): number =>
      this.#fixed('u', TOP, { kind: 'fixed header', name, describe }) as number;
    byte('byte order', () => `byte order: ${order}-endian`);
    byte('message type', (code) => `message type: ${nameOf(MESSAGE_TYPE_CODE, code) ?? `${code} (unknown)`}`);
    byte('flags', describeFlags);
    byte('version', (version) => `protocol version ${version}`);
    word('body length', (length) => `body: ${counted(length, 'byte')}`);
    word('serial', (serial) => `serial ${serial}`);
    return word('length of the header fields', (length) => `header fields: ${counted(length, 'byte')}`);
  }

  #field(): void {
    this.#pad(8, FIELD_DEPTH);
    const name = nameOf(HeaderField, this.#bytes[this.#offset] ?? 0);
    const place = { path: `header.${name ?? this.#bytes[this.#offset]}`, depth: FIELD_DEPTH };
    const describe = (code: unknown): string => `header field ${name ?? `${String(code)} (unknown)`}`;
    const code = this.#fixed('y', place, { kind: 'field', name: 'header field', describe });
    const value = this.#variant(place);
    if (code === HeaderField.SIGNATURE && typeof value === 'string') this.#signature = value;
  }

  /** Lists a value of any type. Returns it if its type is basic. */
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
      describe: (value) => note.describe?.(value as number) ?? describeFixed(code, value), // only numbers have notes
    });
  }

  #text(code: StringTypeCode, place: Place): unknown {
    const describe = (length: number): string => `length of text: ${length}`;
    const length = this.#fixed('u', place, { kind: 'length', name: 'length of text', describe }) as number;
    return this.#take(length + 1, place, {
      kind: 'value',
      name: TYPE_NAME[code],
      read: (start) => readText(this.#reader, start, start + length),
      describe: (text) => `${TYPE_NAME[code]} ${printableQuote(text)}`,
    });
  }

  /** Lists a signature with its length and its NUL. */
  #signatureText(kind: PartKind, place: Place): string {
    const length = this.#offset < this.#limit ? this.#bytes[this.#offset]! : 0; // #limit is at most #bytes.length
    return this.#take(length + 2, place, {
      kind,
      name: TYPE_NAME.g,
      read: (start) => readText(this.#reader, start + 1, start + 1 + length),
      describe: (text) => `${TYPE_NAME.g} ${printableQuote(text)}`,
    });
  }

  #variant(place: Place): unknown {
    const type = parseSingleType(this.#signatureText('signature', place));
    return this.#value(type, inside(place, '', 1));
  }

  /** Lists the length word of an array and the padding before its elements; returns the end of the elements. */
  #arrayEnd(type: ArrayType | DictType, elementAlignment: number, place: Place): number {
    const name = `ARRAY ${printableQuote(type.signature)}`;
    const describe = (length: number): string => `${name} of ${counted(length, 'byte')}`;
    const length = this.#fixed('u', place, { kind: 'length', name: 'length of an ARRAY', describe }) as number;
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
      name: counted(length, 'byte'),
      read: (start) => new Uint8Array(this.#bytes.subarray(start, end)), // a copy: it outlives the message
      describe: () => counted(length, 'byte'),
    });
  }

  #elementsUpTo(end: number, { code }: FixedType, place: Place): void {
    const length = end - this.#offset;
    const name = `${Math.floor(length / FIXED_SIZE[code])} more of type ${TYPE_NAME[code]}`;
    this.#take(length, place, { kind: 'unlisted', name, read: () => undefined, describe: () => name });
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
    if (length > 0) this.#take(length, place, { kind: 'padding', name, read: () => undefined, describe: () => name });
  }

  /** Ends the walk if the offset is not `end`, the end of an array or of the header fields by their length. */
  #expectEnd(end: number): void {
    if (this.#offset !== end) throw new EndOfWalk();
  }

  /** Lists the next `length` bytes. If the limit is among them, lists those before it and ends the walk. */
  #take<Value>(length: number, { path, depth }: Place, run: {
    readonly kind: PartKind;
    /** Description of the bytes if they are cut short. */
    readonly name: string;
    readonly read: (start: number) => Value;
    readonly describe: (value: Value) => string;
  }): Value {
    const { kind } = run;
    const offset = this.#offset;
    const rest = this.#limit - offset;
    if (length > rest) {
      const cut = { length: rest, description: `${run.name}, cut short`, value: undefined };
      if (rest > 0) this.#list.add({ kind, offset, ...cut, path, depth, error: undefined });
      throw new EndOfWalk();
    }
    const value = run.read(offset);
    this.#offset += length;
    const description = run.describe(value);
    if (length > 0) this.#list.add({ kind, offset, length, description, path, depth, value, error: undefined });
    return value;
  }
}

function inside({ path, depth }: Place, segment: string, containers: number): Place {
  return { path: path + segment, depth: depth + containers };
}

/** Lists the parts of a message up to offset `limit`, or up to the first bytes that cannot be interpreted. */
export function walkMessage(bytes: Uint8Array, limit: number, list: PartList): void {
  try {
    new Walk(bytes, limit, list).message();
  } catch (error) {
    const isOver = error instanceof EndOfWalk || error instanceof Fault || error instanceof SignatureError;
    if (!isOver) throw error;
  }
}
