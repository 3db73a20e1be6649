// The grammar of signatures: parses text into a tree of types, and computes the layout that follows from a type alone.
// It knows neither values nor bytes. Specification: Type System, Valid Signatures, Summary of types.
import { checkText } from './arguments.js';
import { MAX_ARRAY_DEPTH, MAX_SIGNATURE_LENGTH, MAX_STRUCT_DEPTH } from './constants.js';
import { SignatureError, type SignatureErrorCode } from './errors.js';

/** Codes of the fixed-size types. ‹Basic types› */
export type FixedTypeCode = 'y' | 'b' | 'n' | 'q' | 'i' | 'u' | 'x' | 't' | 'd' | 'h';
/** Codes of the string-like types. ‹Basic types› */
export type StringTypeCode = 's' | 'o' | 'g';
/** Codes of all basic types; only these may be keys of a dict entry. ‹Container types› */
export type BasicTypeCode = FixedTypeCode | StringTypeCode;

/** Size of each fixed-size type in bytes, which is also its alignment. ‹Summary of D-Bus marshalling› */
export const FIXED_SIZE: Readonly<Record<FixedTypeCode, number>> = {
  y: 1, b: 4, n: 2, q: 2, i: 4, u: 4, x: 8, t: 8, d: 8, h: 4,
};

/** The properties that all types have. */
export interface TypeLayout {
  /** The signature of this single complete type. */
  readonly signature: string;
  /** Each value of this type starts at a multiple of this many bytes from the start of the message. */
  readonly alignment: number;
}

/** A type whose values all have the same size. */
export interface FixedType extends TypeLayout {
  readonly kind: 'fixed';
  readonly code: FixedTypeCode;
}

/** STRING, OBJECT_PATH or SIGNATURE. */
export interface StringType extends TypeLayout {
  readonly kind: 'string';
  readonly code: StringTypeCode;
}

/** VARIANT: a value that carries its own type. */
export interface VariantType extends TypeLayout {
  readonly kind: 'variant';
}

/** ARRAY of any type except DICT_ENTRY. */
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

/** The codes of all types that are not containers, and of VARIANT: the types with a signature of one character. */
export const BASIC_OR_VARIANT = [...LEAF_TYPES.keys()].join('');

/** Makes a function that derives its result once for each of the ten fixed-size types. */
export function oncePerCode<T>(make: (code: FixedTypeCode) => T): (type: FixedType) => T {
  const made: Partial<Record<FixedTypeCode, T>> = {};
  return ({ code }) => (made[code] ??= make(code));
}

/** How many containers are open around a type; directly nested arrays, structs and dict entries count separately. */
interface Nesting {
  readonly arrays: number;
  readonly structs: number;
  readonly dictEntries: number;
}

const TOP_LEVEL: Nesting = { arrays: 0, structs: 0, dictEntries: 0 };

/** The problem of more containers of one kind inside one another than the limit. */
function tooDeepProblem(containers: string, limit: number): string {
  return `found more than ${limit} ${containers} inside one another: there must be at most ${limit}`;
}

/** Parses one signature from left to right; used for one call of {@link parseSignature}. */
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
    if (code === ')') {
      throw this.#error('SIGNATURE_STRUCT_NOT_OPENED', 'found ")" without "(": it must end a struct', start);
    }
    if (code === '{') {
      const problem = 'found a dict entry outside an array: it must be the element type of one';
      throw this.#error('SIGNATURE_DICT_ENTRY_OUTSIDE_ARRAY', problem, start);
    }
    if (code === '}') {
      throw this.#error('SIGNATURE_DICT_ENTRY_NOT_OPENED', 'found "}" without "{": it must end a dict entry', start);
    }
    const problem = `unknown type code ${JSON.stringify(code)}: it must be one of ${BASIC_OR_VARIANT}a(){}`;
    throw this.#error('SIGNATURE_UNKNOWN_TYPE_CODE', problem, start);
  }

  #array(start: number, nesting: Nesting): ArrayType | DictType {
    // Like the reference implementation, this counts only arrays directly inside one another.
    const arrays = nesting.arrays + 1;
    if (arrays > MAX_ARRAY_DEPTH) {
      throw this.#error('SIGNATURE_ARRAY_TOO_DEEP', tooDeepProblem('arrays', MAX_ARRAY_DEPTH), start);
    }
    const next = this.#signature.charAt(this.#offset);
    if (next === '' || next === ')' || next === '}') {
      throw this.#error('SIGNATURE_ARRAY_ELEMENT_MISSING', 'an array has no element type: it must have one', start);
    }
    if (next === '{') return this.#dict(start, nesting);
    const { structs, dictEntries } = nesting;
    const element = this.#single({ arrays, structs, dictEntries }); // a spread costs more than all the rest on Node 20
    return { kind: 'array', signature: this.#from(start), alignment: 4, element };
  }

  #dict(start: number, nesting: Nesting): DictType {
    const opening = this.#offset;
    const inside = { arrays: 0, structs: nesting.structs, dictEntries: nesting.dictEntries + 1 };
    if (inside.dictEntries > MAX_STRUCT_DEPTH) {
      throw this.#error('SIGNATURE_DICT_ENTRY_TOO_DEEP', tooDeepProblem('dict entries', MAX_STRUCT_DEPTH), opening);
    }
    this.#offset++;
    const fields = this.#until('}', inside, opening);
    const [key, value] = fields;
    if (key === undefined || value === undefined || fields.length > 2) {
      const problem = `a dict entry has ${fields.length} types: it must have a key and a value`;
      throw this.#error('SIGNATURE_DICT_ENTRY_FIELD_COUNT', problem, opening);
    }
    if (key.kind !== 'fixed' && key.kind !== 'string') {
      const problem = `the key of a dict entry has type "${key.signature}": its type must be basic`;
      throw this.#error('SIGNATURE_DICT_ENTRY_KEY_NOT_BASIC', problem, opening + 1);
    }
    return { kind: 'dict', signature: this.#from(start), alignment: 4, key, value };
  }

  #struct(start: number, nesting: Nesting): StructType {
    const inside = { arrays: 0, structs: nesting.structs + 1, dictEntries: nesting.dictEntries };
    if (inside.structs > MAX_STRUCT_DEPTH) {
      throw this.#error('SIGNATURE_STRUCT_TOO_DEEP', tooDeepProblem('structs', MAX_STRUCT_DEPTH), start);
    }
    const fields = this.#until(')', inside, start);
    if (fields.length === 0) {
      throw this.#error('SIGNATURE_STRUCT_EMPTY', 'a struct has no fields: it must have at least one', start);
    }
    return { kind: 'struct', signature: this.#from(start), alignment: 8, fields };
  }

  /** Parses the types up to `closing`, and skips `closing`. */
  #until(closing: ')' | '}', nesting: Nesting, opening: number): Type[] {
    const fields: Type[] = [];
    while (this.#signature.charAt(this.#offset) !== closing) {
      if (this.#offset >= this.#signature.length) {
        throw closing === ')'
          ? this.#error('SIGNATURE_STRUCT_NOT_CLOSED', 'a struct has no end: it must end with ")"', opening)
          : this.#error('SIGNATURE_DICT_ENTRY_NOT_CLOSED', 'a dict entry has no end: it must end with "}"', opening);
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
 * Parses a signature into its single complete types, in order; the empty signature has none.
 * Limits: 255 bytes; 32 arrays directly inside one another, 32 nested structs, 32 nested dict entries.
 * @throws {SignatureError} if the signature breaks the grammar or a limit
 * @throws {ArgumentError} if the signature is not a string ‹Valid Signatures›
 */
export function parseSignature(signature: string): readonly Type[] {
  checkText('parseSignature', 'signature', signature);
  if (signature.length > MAX_SIGNATURE_LENGTH) {
    const problem = `the signature has ${signature.length} bytes: it must have at most ${MAX_SIGNATURE_LENGTH}`;
    throw new SignatureError('SIGNATURE_TOO_LONG', problem, { signature, offset: MAX_SIGNATURE_LENGTH });
  }
  return new SignatureParser(signature).types();
}

/** The error of a signature with no type, or several, for a value that must have exactly one. */
export function notSingleError(signature: string, types: readonly Type[]): SignatureError {
  const problem = `expected exactly one single complete type, got ${types.length}`;
  return new SignatureError('SIGNATURE_NOT_SINGLE', problem, { signature, offset: types[0]?.signature.length ?? 0 });
}

/**
 * Parses a signature that must be exactly one single complete type.
 * @throws {SignatureError} if the signature is not valid, or has no type or several ‹Valid Signatures›
 */
export function parseSingleType(signature: string): Type {
  const types = parseSignature(signature);
  const [type] = types;
  if (type === undefined || types.length > 1) throw notSingleError(signature, types);
  return type;
}

/**
 * Splits a signature into its single complete types: `a{sv}(ii)u` into `a{sv}`, `(ii)` and `u`.
 * @throws {SignatureError} if the signature is not valid
 * @throws {ArgumentError} if the signature is not a string ‹Valid Signatures›
 */
export function splitSignature(signature: string): readonly string[] {
  checkText('splitSignature', 'signature', signature);
  return parseSignature(signature).map((type) => type.signature);
}

/** The layout of a struct whose fields all have a fixed size; all numbers are in bytes. */
export interface FixedLayout {
  /** Offset of each field from the start of the struct. */
  readonly offsets: readonly number[];
  /** Size of the struct, without the padding before the next one. */
  readonly size: number;
  /** Distance from the start of one struct to the start of the next in an array. */
  readonly stride: number;
  /** Offset from the start of the struct of each padding byte, between fields and before the next struct. */
  readonly padding: readonly number[];
}

/** The layout of a struct of these fields. A struct starts on an 8-byte boundary. ‹Marshalling Containers› */
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
    size += alignment; // a fixed-size type is as long as its alignment
  }
  const end = size;
  pad(8);
  return { offsets, size: end, stride: size, padding };
}
