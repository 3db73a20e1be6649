// Introspection data in: the XML of another program as specifications that `defineInterface` takes.
// What it does not know it skips, as the specification asks. Signatures are checked here, since a method's are put
// together from those of its arguments; names are as the other program gave them, and are checked by whoever uses them.
// Specification: Introspection Data Format.
import { parseSingleType } from '../wire/signature.js';
import { Annotation } from './format-introspection.js';
import {
  EMITS_CHANGED, type EmitsChanged, type MethodSpec, PROPERTY_ACCESS, type PropertySpec, type SignalSpec,
} from './spec.js';
import { type StartTag, XmlReader } from './xml-reader.js';

/** Longest introspection data that is read, in UTF-16 code units. */
export const MAX_INTROSPECTION_LENGTH = 2 ** 23;
/** Most elements inside one another that are read. */
export const MAX_INTROSPECTION_DEPTH = 64;

/** An interface as another program describes it, with nothing left out. Its records have no prototype. */
export interface ParsedInterface {
  readonly name: string;
  readonly methods: Readonly<Record<string, Required<MethodSpec>>>;
  readonly properties: Readonly<Record<string, Required<PropertySpec>>>;
  readonly signals: Readonly<Record<string, Required<SignalSpec>>>;
  readonly deprecated: boolean;
}

/** An object as another program describes it. */
export interface ParsedNode {
  /** The last element of its path, for a child; for the root its path, or undefined. */
  readonly name: string | undefined;
  readonly interfaces: readonly ParsedInterface[];
  /** Objects below. One without interfaces and children may have some all the same: ask it. */
  readonly children: readonly ParsedNode[];
}

/** Reads one element after its start tag has been read: all of its content, and its end. */
type ReadElement = (reader: XmlReader, tag: StartTag) => void;

/** Reads the content of an element: each child by the reader for its name, if there is one, else past all of it. */
function readContent(reader: XmlReader, readers: Readonly<Record<string, ReadElement>>): void {
  for (let tag = reader.next(); tag?.kind === 'start'; tag = reader.next()) {
    const read = Object.hasOwn(readers, tag.name) ? readers[tag.name] : undefined;
    if (read === undefined) readContent(reader, {});
    else read(reader, tag);
  }
}

function requireAttribute(reader: XmlReader, tag: StartTag, attribute: string): string {
  const value = tag.attributes.get(attribute);
  if (value !== undefined) return value;
  throw reader.error('ATTRIBUTE_MISSING', `<${tag.name}> without ${attribute}`, tag.offset);
}

/** One of the values that the specification lists. */
function oneOf<T extends string>(value: string, allowed: readonly T[], at: { reader: XmlReader; tag: StartTag }): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  const problem = `"${value.slice(0, 40)}" in <${at.tag.name}> is not one of ${allowed.join(', ')}`;
  throw at.reader.error('VALUE_INVALID', problem, at.tag.offset);
}

function requireType(reader: XmlReader, tag: StartTag): string {
  const type = requireAttribute(reader, tag, 'type');
  try {
    return parseSingleType(type).signature;
  } catch (cause) {
    const problem = `the type in <${tag.name}> is not one single complete type`;
    throw reader.error('TYPE_INVALID', problem, tag.offset, { cause });
  }
}

/** The annotations of one element that this library knows. */
class Annotations {
  deprecated = false;
  noReply = false;
  emitsChanged: EmitsChanged | undefined;

  readonly read: ReadElement = (reader, tag) => {
    const name = requireAttribute(reader, tag, 'name');
    const value = requireAttribute(reader, tag, 'value');
    const at = { reader, tag };
    if (name === Annotation.DEPRECATED) this.deprecated = oneOf(value, ['true', 'false'], at) === 'true';
    if (name === Annotation.NO_REPLY) this.noReply = oneOf(value, ['true', 'false'], at) === 'true';
    if (name === Annotation.EMITS_CHANGED_SIGNAL) this.emitsChanged = oneOf(value, EMITS_CHANGED, at);
    readContent(reader, {});
  };
}

/** The arguments of one direction. */
class Arguments {
  signature = '';
  readonly names: string[] = [];

  add(type: string, name: string): void {
    this.signature += type;
    this.names.push(name);
  }
}

/** Reads one `arg` into the list of its direction. */
function readArgument(lists: { readonly in: Arguments; readonly out: Arguments }, standard: 'in' | 'out'): ReadElement {
  return (reader, tag) => {
    const direction = oneOf(tag.attributes.get('direction') ?? standard, ['in', 'out'], { reader, tag });
    lists[direction].add(requireType(reader, tag), tag.attributes.get('name') ?? '');
    readContent(reader, {});
  };
}

function readMethod(reader: XmlReader): Required<MethodSpec> {
  const lists = { in: new Arguments(), out: new Arguments() };
  const annotations = new Annotations();
  readContent(reader, { arg: readArgument(lists, 'in'), annotation: annotations.read });
  return {
    in: lists.in.signature,
    out: lists.out.signature,
    inNames: lists.in.names,
    outNames: lists.out.names,
    optional: 0,
    noReply: annotations.noReply,
    deprecated: annotations.deprecated,
  };
}

function readSignal(reader: XmlReader): Required<SignalSpec> {
  const args = new Arguments();
  const annotations = new Annotations();
  // Nothing goes into a signal; a description that says so of an argument is taken to mean what is possible.
  readContent(reader, { arg: readArgument({ in: args, out: args }, 'out'), annotation: annotations.read });
  return { args: args.signature, argNames: args.names, deprecated: annotations.deprecated };
}

/** A property; `emitsChanged` is undefined until its interface says what holds for properties that do not say. */
type PropertyDraft = Omit<Required<PropertySpec>, 'emitsChanged'> & { readonly emitsChanged: EmitsChanged | undefined };

function readProperty(reader: XmlReader, tag: StartTag): PropertyDraft {
  const type = requireType(reader, tag);
  const access = requireAttribute(reader, tag, 'access');
  const annotations = new Annotations();
  readContent(reader, { annotation: annotations.read });
  return {
    type,
    access: oneOf(access, PROPERTY_ACCESS, { reader, tag }),
    emitsChanged: annotations.emitsChanged,
    deprecated: annotations.deprecated,
  };
}

/** A record that any name may be a key of. */
function emptyRecord<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>; // Object.create has no type for "nothing inherited"
}

function readInterface(reader: XmlReader, tag: StartTag): ParsedInterface {
  const name = requireAttribute(reader, tag, 'name');
  const methods = emptyRecord<Required<MethodSpec>>();
  const drafts = emptyRecord<PropertyDraft>();
  const signals = emptyRecord<Required<SignalSpec>>();
  const annotations = new Annotations();

  /** Some bindings list a method once for each set of default arguments; D-Bus has one of a name, here the first. */
  const member = <T>(record: Record<string, T>, read: (reader: XmlReader, tag: StartTag) => T): ReadElement =>
    (_, memberTag) => {
      const memberName = requireAttribute(reader, memberTag, 'name');
      const value = read(reader, memberTag);
      record[memberName] ??= value;
    };

  readContent(reader, {
    method: member(methods, readMethod),
    signal: member(signals, readSignal),
    property: member(drafts, readProperty),
    annotation: annotations.read,
  });

  const properties = emptyRecord<Required<PropertySpec>>();
  for (const [propertyName, draft] of Object.entries(drafts)) {
    properties[propertyName] = { ...draft, emitsChanged: draft.emitsChanged ?? annotations.emitsChanged ?? 'true' };
  }
  return { name, methods, properties, signals, deprecated: annotations.deprecated };
}

function readNode(reader: XmlReader, name: string | undefined): ParsedNode {
  const interfaces: ParsedInterface[] = [];
  const children: ParsedNode[] = [];
  readContent(reader, {
    interface: (_, tag) => void interfaces.push(readInterface(reader, tag)),
    node: (_, tag) => void children.push(readNode(reader, requireAttribute(reader, tag, 'name'))),
  });
  return { name, interfaces, children };
}

/**
 * Reads introspection data, as the Introspect method returns it: what the object has, and the objects below it.
 * Limits: 8,388,608 characters, 64 elements inside one another. Each interface can be given to `defineInterface`, which
 * checks the names.
 * @throws {IntrospectionError} if the text is not well-formed XML, not introspection data, or beyond a limit
 */
export function parseIntrospection(xml: string): ParsedNode {
  const reader = new XmlReader(xml, { maxLength: MAX_INTROSPECTION_LENGTH, maxDepth: MAX_INTROSPECTION_DEPTH });
  const root = reader.next();
  if (root?.kind !== 'start' || root.name !== 'node') {
    throw reader.error('ROOT_INVALID', 'the root element is not <node>', root?.offset ?? 0);
  }
  const node = readNode(reader, root.attributes.get('name'));
  reader.next(); // nothing but comments may follow, or this throws
  return node;
}
