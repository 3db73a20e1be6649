// Reads the members of an interface from introspection data, with their arguments and annotations. A mistake is thrown
// if reading is strict; otherwise it goes to the list of problems, and the thing with the mistake is kept or skipped.
// It does not know objects and interfaces. Specification: Introspection Data Format.
// Tests: parse-introspection.test.ts.
import { MAX_SIGNATURE_LENGTH } from '../wire/constants.js';
import { quote } from '../wire/describe.js';
import { isMemberName } from '../wire/names.js';
import { parseSingleType } from '../wire/signature.js';
import {
  type AnnotatedKind, Annotation, type Annotations, isPlainText, isXmlText, keyOfAnnotation,
} from './annotations.js';
import type { MethodDefinition, PropertyDefinition, SignalDefinition } from './definition.js';
import type { IntrospectionErrorCode } from './errors.js';
import type { IntrospectionProblemCode, ProblemList } from './introspection-problems.js';
import { EMITS_CHANGED, type EmitsChanged, PROPERTY_ACCESS } from './spec.js';
import type { StartTag, XmlReader } from './xml-reader.js';

/** The longest value of an attribute that the text of a problem contains in full. */
const MAX_SHOWN = 40;

/** A text that is being read: its reader, and the list of its problems; undefined if reading is strict. */
export interface Source {
  readonly reader: XmlReader;
  readonly problems: ProblemList | undefined;
}

/** Reads the rest of an element after its start tag: its content and its end tag. */
export type ReadElement = (tag: StartTag) => void;

/** The elements of the format. Others are skipped and not listed, as the specification requires. */
const ELEMENTS: readonly string[] = ['node', 'interface', 'method', 'signal', 'property', 'arg', 'annotation'];

/** Reads the content of an element: each child with the reader for its name. A child without a reader is skipped. */
export function readContent(source: Source, readers: Readonly<Record<string, ReadElement>>): void {
  const { reader } = source;
  for (let tag = reader.next(); tag?.kind === 'start'; tag = reader.next()) {
    const read = Object.hasOwn(readers, tag.name) ? readers[tag.name] : undefined;
    if (read !== undefined) {
      read(tag);
      continue;
    }
    if (ELEMENTS.includes(tag.name)) {
      const problem = `<${tag.name}> is not in an element that can contain it: it must be in another place`;
      remark(source, 'ELEMENT_MISPLACED', problem, { tag, skipped: true });
    }
    reader.skip();
  }
}

/** A record that can have any name as a key. */
export function emptyRecord<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>; // Object.create has no type for "nothing inherited"
}

/** A mistake that strict reading throws. The thing that has it is kept or skipped. */
export function mistake(
  { reader, problems }: Source,
  code: IntrospectionErrorCode,
  problem: string,
  { tag, skipped, cause }: { readonly tag: StartTag; readonly skipped: boolean; readonly cause?: unknown },
): void {
  if (problems === undefined) {
    throw reader.error(code, problem, tag.offset, cause === undefined ? undefined : { cause });
  }
  problems.add(code, problem, { offset: tag.offset, skipped });
}

/** A mistake that strict reading leaves to `defineInterface`. */
export function remark(
  { problems }: Source,
  code: IntrospectionProblemCode,
  problem: string,
  { tag, skipped }: { readonly tag: StartTag; readonly skipped: boolean },
): void {
  problems?.add(code, problem, { offset: tag.offset, skipped });
}

/** Runs a function whose problems have this name in their path. */
export function within<Result>({ problems }: Source, name: string, run: () => Result): Result {
  return problems === undefined ? run() : problems.within(name, run);
}

/** The value of an attribute without which an element is skipped. */
export function requireAttribute(source: Source, tag: StartTag, attribute: string): string | undefined {
  const value = tag.attributes.get(attribute);
  if (value === undefined) {
    const problem = `<${tag.name}> without ${attribute}: it must have this attribute`;
    mistake(source, 'ATTRIBUTE_MISSING', problem, { tag, skipped: true });
  }
  return value;
}

/** The value if it is one of those that the specification lists. */
function oneOf<T extends string>(
  source: Source, value: string, { allowed, tag, skipped }: {
    readonly allowed: readonly T[]; readonly tag: StartTag; readonly skipped: boolean;
  },
): T | undefined {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) {
    const problem = `${quote(value, MAX_SHOWN)} in <${tag.name}>: it must be one of ${allowed.join(', ')}`;
    mistake(source, 'VALUE_INVALID', problem, { tag, skipped });
  }
  return found;
}

function requireType(source: Source, tag: StartTag): string | undefined {
  const type = requireAttribute(source, tag, 'type');
  if (type === undefined) return undefined;
  try {
    return parseSingleType(type).signature;
  } catch (cause) {
    const problem = `type ${quote(type, MAX_SIGNATURE_LENGTH)} in <${tag.name}>: it must be one single complete type`;
    mistake(source, 'TYPE_INVALID', problem, { tag, skipped: true, cause });
    return undefined;
  }
}

// ---- annotations ----------------------------------------------------------------------------------------------------

/** The annotations of one element. */
export class AnnotationList {
  deprecated = false;
  noReply = false;
  emitsChanged: EmitsChanged | undefined;
  /** Those that have no key of their own. */
  readonly others: Record<string, string> = emptyRecord();
  readonly #source: Source;
  readonly #kind: AnnotatedKind;

  constructor(source: Source, kind: AnnotatedKind) {
    this.#source = source;
    this.#kind = kind;
  }

  readonly read: ReadElement = (tag) => {
    const name = requireAttribute(this.#source, tag, 'name');
    const value = name === undefined ? undefined : requireAttribute(this.#source, tag, 'value');
    if (name !== undefined && value !== undefined) this.#take(name, value, tag);
    readContent(this.#source, {});
  };

  #take(name: string, value: string, tag: StartTag): void {
    const at = { tag, skipped: true };
    const key = keyOfAnnotation(this.#kind, name);
    if (key === 'emitsChanged') this.emitsChanged = oneOf(this.#source, value, { allowed: EMITS_CHANGED, ...at });
    else if (key !== undefined) {
      const flag = oneOf(this.#source, value, { allowed: ['true', 'false'], ...at });
      if (name === Annotation.DEPRECATED) this.deprecated = flag === 'true';
      else this.noReply = flag === 'true';
    } else if (name === '' || !isPlainText(name)) {
      const must = 'it must be text without control characters';
      remark(this.#source, 'NAME_INVALID', `annotation ${quote(name, MAX_SHOWN)}: ${must}`, at);
    } else if (!isXmlText(value)) {
      const problem = `the value of annotation ${quote(name, MAX_SHOWN)}: it must be text that XML can contain`;
      remark(this.#source, 'VALUE_INVALID', problem, at);
    } else if (name in this.others) {
      const problem = `annotation ${quote(name, MAX_SHOWN)} appears twice: the first value counts`;
      remark(this.#source, 'NAME_DUPLICATE', problem, at);
    } else this.others[name] = value;
  }
}

// ---- arguments ------------------------------------------------------------------------------------------------------

/** The arguments of one direction. */
class ArgumentList {
  signature = '';
  readonly names: string[] = [];
  readonly #annotations: Annotations[] = [];
  readonly #known = new Set<string>();

  /** The annotations of each argument; empty if none has any. */
  get annotations(): readonly Annotations[] {
    return this.#annotations.some((each) => Object.keys(each).length > 0) ? this.#annotations : [];
  }

  add(type: string, name: string, annotations: Annotations): void {
    this.signature += type;
    this.names.push(name);
    this.#known.add(name);
    this.#annotations.push(annotations);
  }

  has(name: string): boolean {
    return name !== '' && this.#known.has(name);
  }
}

/** Reads the arguments of a member. */
class ArgumentReader {
  /** Whether all arguments were read. A member with an argument that was not read cannot be called. */
  understood = true;
  readonly #source: Source;
  readonly #lists: { readonly in: ArgumentList; readonly out: ArgumentList };
  readonly #standard: 'in' | 'out';

  /** `standard` is the direction of an argument that has none. */
  constructor(
    source: Source, lists: { readonly in: ArgumentList; readonly out: ArgumentList }, standard: 'in' | 'out',
  ) {
    this.#source = source;
    this.#lists = lists;
    this.#standard = standard;
  }

  readonly read: ReadElement = (tag) => {
    const given = tag.attributes.get('name') ?? '';
    within(this.#source, given, () => {
      const at = { allowed: ['in', 'out'] as const, tag, skipped: true };
      const direction = oneOf(this.#source, tag.attributes.get('direction') ?? this.#standard, at);
      const type = requireType(this.#source, tag);
      const annotations = new AnnotationList(this.#source, 'arg');
      readContent(this.#source, { annotation: annotations.read });
      if (direction === undefined || type === undefined) this.understood = false;
      else {
        const list = this.#lists[direction];
        list.add(type, this.#nameFor(list, given, tag), annotations.others);
        if (list.signature.length > MAX_SIGNATURE_LENGTH) this.#tooLong(tag);
      }
    });
  };

  /** The name, which is left out if a definition cannot have it. */
  #nameFor(list: ArgumentList, given: string, tag: StartTag): string {
    if (this.#source.problems === undefined) return given;
    const at = { tag, skipped: false };
    if (list.has(given)) {
      const problem = `argument name ${quote(given, MAX_SHOWN)} appears twice: the second argument has no name`;
      remark(this.#source, 'NAME_DUPLICATE', problem, at);
      return '';
    }
    if (isPlainText(given)) return given;
    const problem = `argument name ${quote(given, MAX_SHOWN)}: it must be text without control characters`;
    remark(this.#source, 'NAME_INVALID', problem, at);
    return '';
  }

  #tooLong(tag: StartTag): void {
    if (!this.understood || this.#source.problems === undefined) return;
    const most = MAX_SIGNATURE_LENGTH;
    const problem = `the types of all arguments have more than ${most} characters: they must have at most ${most}`;
    remark(this.#source, 'TYPE_INVALID', problem, { tag, skipped: true });
    this.understood = false;
  }
}

// ---- members --------------------------------------------------------------------------------------------------------

/** Whether a definition can have the name. Strict reading leaves this check to `defineInterface`. */
function isUsable(source: Source, name: string, tag: StartTag): boolean {
  if (source.problems === undefined) return true;
  const isProperty = tag.name === 'property';
  if (isProperty ? name !== '' && isPlainText(name) : isMemberName(name)) return true;
  const must = isProperty ? 'text without control characters' : '[A-Za-z_][A-Za-z0-9_]*, 1 to 255 bytes';
  const problem = `the name ${quote(name, MAX_SHOWN)} of a ${tag.name}: it must be ${must}`;
  remark(source, 'NAME_INVALID', problem, { tag, skipped: true });
  return false;
}

/**
 * Reads members into a record, with `read`, which returns undefined for a member that was not understood. Some bindings
 * list a method once for each set of default arguments: the first one counts.
 */
export function readMembers<T>(
  source: Source, record: Record<string, T>, read: (source: Source, tag: StartTag) => T | undefined,
): ReadElement {
  return (tag) => {
    const name = requireAttribute(source, tag, 'name');
    within(source, name ?? '', () => {
      const usable = name !== undefined && isUsable(source, name, tag);
      const member = read(source, tag);
      if (!usable || member === undefined) return;
      if (name in record) {
        const problem = `a second ${tag.name} ${quote(name, MAX_SHOWN)} in the interface: the first one counts`;
        remark(source, 'NAME_DUPLICATE', problem, { tag, skipped: true });
      } else record[name] = member;
    });
  };
}

export function readMethod(source: Source, tag: StartTag): MethodDefinition | undefined {
  const lists = { in: new ArgumentList(), out: new ArgumentList() };
  const args = new ArgumentReader(source, lists, 'in');
  const annotations = new AnnotationList(source, 'method');
  readContent(source, { arg: args.read, annotation: annotations.read });
  if (!args.understood) return undefined;
  if (annotations.noReply && lists.out.signature !== '' && source.problems !== undefined) {
    const problem = 'a method with noReply has out-arguments: it must have none';
    remark(source, 'NO_REPLY_WITH_RESULT', problem, { tag, skipped: false });
    annotations.noReply = false;
  }
  return {
    in: lists.in.signature,
    out: lists.out.signature,
    inNames: lists.in.names,
    outNames: lists.out.names,
    optional: 0,
    noReply: annotations.noReply,
    deprecated: annotations.deprecated,
    annotations: annotations.others,
    inAnnotations: lists.in.annotations,
    outAnnotations: lists.out.annotations,
  };
}

export function readSignal(source: Source): SignalDefinition | undefined {
  const list = new ArgumentList();
  // A signal has only out-arguments. Some programs give the direction "in" nevertheless.
  const args = new ArgumentReader(source, { in: list, out: list }, 'out');
  const annotations = new AnnotationList(source, 'signal');
  readContent(source, { arg: args.read, annotation: annotations.read });
  if (!args.understood) return undefined;
  return {
    args: list.signature,
    argNames: list.names,
    deprecated: annotations.deprecated,
    annotations: annotations.others,
    argAnnotations: list.annotations,
  };
}

/** A property; `emitsChanged` is undefined if the property itself has no such annotation, but its interface may. */
export type PropertyDraft = Omit<PropertyDefinition, 'emitsChanged'> & {
  readonly emitsChanged: EmitsChanged | undefined;
};

/** The access if the attribute is missing or not valid: the other program decides at each call. */
const ANY_ACCESS = 'readwrite';

function readAccess(source: Source, tag: StartTag): PropertyDefinition['access'] {
  const access = tag.attributes.get('access');
  const at = { tag, skipped: false };
  if (access !== undefined) return oneOf(source, access, { allowed: PROPERTY_ACCESS, ...at }) ?? ANY_ACCESS;
  mistake(source, 'ATTRIBUTE_MISSING', '<property> without access: it must have this attribute', at);
  return ANY_ACCESS;
}

export function readProperty(source: Source, tag: StartTag): PropertyDraft | undefined {
  const type = requireType(source, tag);
  const access = readAccess(source, tag);
  const annotations = new AnnotationList(source, 'property');
  readContent(source, { annotation: annotations.read });
  if (type === undefined) return undefined;
  return {
    type,
    access,
    emitsChanged: annotations.emitsChanged,
    deprecated: annotations.deprecated,
    annotations: annotations.others,
  };
}
