// The grammar of signatures: text in, a tree of types out, and the few facts of layout that follow from a type alone.
// It knows no values and no bytes. Specification: Type System, Valid Signatures, Summary of types.
import { MAX_ARRAY_DEPTH, MAX_SIGNATURE_LENGTH, MAX_STRUCT_DEPTH } from './constants.js';
import { SignatureError, type SignatureErrorCode } from './errors.js';

/** Codes of the types whose values have one size. ‹Basic types› */
export type FixedTypeCode = 'y' | 'b' | 'n' | 'q' | 'i' | 'u' | 'x' | 't' | 'd' | 'h';
/** Codes of the types that are text. ‹Basic types› */
export type StringTypeCode = 's' | 'o' | 'g';
/** Codes of all types that are not containers; only these may be keys of a dict entry. */
export type BasicTypeCode = FixedTypeCode | StringTypeCode;

/** Size in bytes of each fixed type, which is its alignment too. ‹Summary of D-Bus marshalling› */
export const FIXED_SIZE: Readonly<Record<FixedTypeCode, number>> = {
  y: 1, b: 4, n: 2, q: 2, i: 4, u: 4, x: 8, t: 8, d: 8, h: 4,
};

interface TypeLayout {
  /** This single complete type as text. */
  readonly signature: string;
  /** Boundary, in bytes from the start of the message, before each value of this type. */
  readonly alignment: number;
}

/** A type of one size. */
export interface FixedType extends TypeLayout {
  readonly kind: 'fixed';
  readonly code: FixedTypeCode;
}

/** STRING, OBJECT_PATH or SIGNATURE. */
export interface StringType extends TypeLayout {
  readonly kind: 'string';
  readonly code: StringTypeCode;
}

/** VARIANT: a value that brings its own type. */
export interface VariantType extends TypeLayout {
  readonly kind: 'variant';
}

/** ARRAY of anything but dict entries. */
export interface ArrayType extends TypeLayout {
  readonly kind: 'array';
  readonly element: Type;
}

/** ARRAY of DICT_ENTRY. */
export interface DictType extends TypeLayout {
  readonly kind: 'dict';
  readonly key: FixedType | StringType;
  readonly value: Type;
}

/** STRUCT of one or more fields. */
export interface StructType extends TypeLayout {
  readonly kind: 'struct';
  readonly fields: readonly Type[];
}

/** A single complete type. */
export type Type = FixedType | StringType | VariantType | ArrayType | DictType | StructType;

type LeafType = FixedType | StringType | VariantType;

const LEAF_TYPES: ReadonlyMap<string, LeafType> = new Map<string, LeafType>([
  ...(Object.keys(FIXED_SIZE) as FixedTypeCode[]).map(
    (code) => [code, { kind: 'fixed', code, signature: code, alignment: FIXED_SIZE[code] }] as const,
  ),
  ['s', { kind: 'string', code: 's', signature: 's', alignment: 4 }],
  ['o', { kind: 'string', code: 'o', signature: 'o', alignment: 4 }],
  ['g', { kind: 'string', code: 'g', signature: 'g', alignment: 1 }],
  ['v', { kind: 'variant', signature: 'v', alignment: 1 }],
]);

/** The codes of all types that are one character: the basic types and VARIANT. */
export const BASIC_OR_VARIANT = [...LEAF_TYPES.keys()].join('');

/** How deep a type stands: adjacent arrays, structs and dict entries each have a limit of their own. */
interface Nesting {
  readonly arrays: number;
  readonly structs: number;
  readonly dictEntries: number;
}

const TOP_LEVEL: Nesting = { arrays: 0, structs: 0, dictEntries: 0 };

/** Reads one signature from left to right; lives for one call of {@link parseSignature}. */
class SignatureParser {
  readonly #signature: string;
  #offset = 0;

  constructor(signature: string) {
    this.#signature = signature;
  }

  types(): Type[] {
    const types: Type[] = [];
    while (this.#offset < this.#signature.length) types.push(this.#single(TOP_LEVEL));
    return types;
  }

  #single(nesting: Nesting): Type {
    const start = this.#offset;
    const code = this.#signature.charAt(start);
    const leaf = LEAF_TYPES.get(code);
    this.#offset++;
    if (leaf !== undefined) return leaf;
    if (code === 'a') return this.#array(start, nesting);
    if (code === '(') return this.#struct(start, nesting);
    if (code === ')') throw this.#error('SIGNATURE_STRUCT_NOT_OPENED', '")" closes no struct', start);
    if (code === '{') {
      throw this.#error('SIGNATURE_DICT_ENTRY_OUTSIDE_ARRAY', 'a dict entry stands only right after "a"', start);
    }
    if (code === '}') throw this.#error('SIGNATURE_DICT_ENTRY_NOT_OPENED', '"}" closes no dict entry', start);
    throw this.#error('SIGNATURE_UNKNOWN_TYPE_CODE', `unknown type code ${JSON.stringify(code)}`, start);
  }

  #array(start: number, nesting: Nesting): ArrayType | DictType {
    // The reference implementation counts arrays that stand directly inside one another.
    const arrays = nesting.arrays + 1;
    if (arrays > MAX_ARRAY_DEPTH) {
      throw this.#error('SIGNATURE_ARRAY_TOO_DEEP', `more than ${MAX_ARRAY_DEPTH} nested arrays`, start);
    }
    const next = this.#signature.charAt(this.#offset);
    if (next === '' || next === ')' || next === '}') {
      throw this.#error('SIGNATURE_ARRAY_ELEMENT_MISSING', 'an array without an element type', start);
    }
    if (next === '{') return this.#dict(start, nesting);
    const element = this.#single({ ...nesting, arrays });
    return { kind: 'array', signature: this.#from(start), alignment: 4, element };
  }

  #dict(start: number, nesting: Nesting): DictType {
    const opening = this.#offset;
    const inside = { arrays: 0, structs: nesting.structs, dictEntries: nesting.dictEntries + 1 };
    if (inside.dictEntries > MAX_STRUCT_DEPTH) {
      throw this.#error('SIGNATURE_DICT_ENTRY_TOO_DEEP', `more than ${MAX_STRUCT_DEPTH} nested dict entries`, opening);
    }
    this.#offset++;
    const fields = this.#until('}', inside, opening);
    const [key, value] = fields;
    if (key === undefined || value === undefined || fields.length > 2) {
      const problem = `a dict entry has a key and a value, not ${fields.length} types`;
      throw this.#error('SIGNATURE_DICT_ENTRY_FIELD_COUNT', problem, opening);
    }
    if (key.kind !== 'fixed' && key.kind !== 'string') {
      const problem = `the key of a dict entry is a basic type, not "${key.signature}"`;
      throw this.#error('SIGNATURE_DICT_ENTRY_KEY_NOT_BASIC', problem, opening + 1);
    }
    return { kind: 'dict', signature: this.#from(start), alignment: 4, key, value };
  }

  #struct(start: number, nesting: Nesting): StructType {
    const inside = { arrays: 0, structs: nesting.structs + 1, dictEntries: nesting.dictEntries };
    if (inside.structs > MAX_STRUCT_DEPTH) {
      throw this.#error('SIGNATURE_STRUCT_TOO_DEEP', `more than ${MAX_STRUCT_DEPTH} nested structs`, start);
    }
    const fields = this.#until(')', inside, start);
    if (fields.length === 0) throw this.#error('SIGNATURE_STRUCT_EMPTY', 'a struct without fields', start);
    return { kind: 'struct', signature: this.#from(start), alignment: 8, fields };
  }

  /** The types up to `closing`, which is passed over. */
  #until(closing: ')' | '}', nesting: Nesting, opening: number): Type[] {
    const fields: Type[] = [];
    while (this.#signature.charAt(this.#offset) !== closing) {
      if (this.#offset >= this.#signature.length) {
        throw closing === ')'
          ? this.#error('SIGNATURE_STRUCT_NOT_CLOSED', 'a struct that is not closed', opening)
          : this.#error('SIGNATURE_DICT_ENTRY_NOT_CLOSED', 'a dict entry that is not closed', opening);
      }
      fields.push(this.#single(nesting));
    }
    this.#offset++;
    return fields;
  }

  #from(start: number): string {
    return this.#signature.slice(start, this.#offset);
  }

  #error(code: SignatureErrorCode, problem: string, offset: number): SignatureError {
    return new SignatureError(code, problem, { signature: this.#signature, offset });
  }
}

/**
 * The single complete types of a signature, in order; none for the empty one.
 * Limits: 255 bytes, 32 arrays directly inside one another, 32 structs, 32 dict entries.
 * @throws {SignatureError} ‹Valid Signatures›
 */
export function parseSignature(signature: string): readonly Type[] {
  if (signature.length > MAX_SIGNATURE_LENGTH) {
    const problem = `a signature has at most ${MAX_SIGNATURE_LENGTH} bytes, not ${signature.length}`;
    throw new SignatureError('SIGNATURE_TOO_LONG', problem, { signature, offset: MAX_SIGNATURE_LENGTH });
  }
  return new SignatureParser(signature).types();
}

/**
 * The one type of a signature that holds a single complete type, as a variant's does.
 * @throws {SignatureError} `SIGNATURE_NOT_SINGLE` where it holds none or several ‹Valid Signatures›
 */
export function parseSingleType(signature: string): Type {
  const types = parseSignature(signature);
  const [type] = types;
  if (type !== undefined && types.length === 1) return type;
  const problem = `one single complete type is expected here, not ${types.length}`;
  throw new SignatureError('SIGNATURE_NOT_SINGLE', problem, { signature, offset: type?.signature.length ?? 0 });
}

/**
 * A signature cut into its single complete types: `a{sv}(ii)u` is `a{sv}`, `(ii)` and `u`.
 * @throws {SignatureError} ‹Valid Signatures›
 */
export function splitSignature(signature: string): readonly string[] {
  return parseSignature(signature).map((type) => type.signature);
}

/** Where the fields of a struct stand in which every field has one size. */
export interface FixedLayout {
  /** Of each field, in bytes from the start of the struct. */
  readonly offsets: readonly number[];
  /** Of the struct, without the padding before a next one. */
  readonly size: number;
  /** From the start of one struct to that of the next in an array. */
  readonly stride: number;
  /**
   * The bytes that belong to no field, between fields or before a next struct, counted from the start of the struct.
   */
  readonly padding: readonly number[];
}

/** The layout of a struct of these fields; a struct starts on an 8-byte boundary. ‹Marshalling Containers› */
export function fixedLayout(fields: readonly FixedType[]): FixedLayout {
  const offsets: number[] = [];
  const padding: number[] = [];
  let size = 0;
  const pad = (alignment: number): void => {
    while (size % alignment !== 0) padding.push(size++);
  };
  for (const { alignment } of fields) {
    pad(alignment);
    offsets.push(size);
    size += alignment; // a fixed type is as long as its alignment
  }
  const end = size;
  pad(8);
  return { offsets, size: end, stride: size, padding };
}
