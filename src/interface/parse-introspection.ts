// Reads introspection data: the XML of another program, as specifications that `defineInterface` takes. It skips
// unknown elements and annotations, as the specification requires. It checks the types of arguments, because it joins
// them into one signature. It does not check names. Specification: Introspection Data Format.
import { argumentError } from '../wire/arguments.js';
import { MAX_SIGNATURE_LENGTH } from '../wire/constants.js';
import { quote } from '../wire/describe.js';
import { parseSingleType } from '../wire/signature.js';
import type { MethodDefinition, PropertyDefinition, SignalDefinition } from './definition.js';
import { IntrospectionError } from './errors.js';
import { Annotation } from './format-introspection.js';
import { EMITS_CHANGED, type EmitsChanged, PROPERTY_ACCESS } from './spec.js';
import { type StartTag, type XmlFormat, XmlReader } from './xml-reader.js';

/** The greatest length of introspection data, in UTF-16 code units. */
export const MAX_INTROSPECTION_LENGTH = 2 ** 23;
/** The greatest depth of nested elements. */
export const MAX_INTROSPECTION_DEPTH = 64;

const FORMAT: XmlFormat = {
  kind: 'introspection data',
  root: 'node',
  maxLength: MAX_INTROSPECTION_LENGTH,
  maxDepth: MAX_INTROSPECTION_DEPTH,
  makeError: (code, problem, at, options) => new IntrospectionError(code, problem, at, options),
};

/** An interface, as another program describes it, with the defaults filled in. Its records have no prototype. */
export interface ParsedInterface {
  readonly name: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
  readonly properties: Readonly<Record<string, PropertyDefinition>>;
  readonly signals: Readonly<Record<string, SignalDefinition>>;
  readonly deprecated: boolean;
}

/** An object as another program describes it. */
export interface ParsedNode {
  /** For a child, the last element of its path. For the root, its path, or undefined if the data do not contain it. */
  readonly name: string | undefined;
  readonly interfaces: readonly ParsedInterface[];
  /** The objects directly below. The data of most programs give only their names: each must be introspected itself. */
  readonly children: readonly ParsedNode[];
}

/** Reads the rest of an element after its start tag: its content and its end tag. */
type ReadElement = (reader: XmlReader, tag: StartTag) => void;

/** Reads the content of an element: each child with the reader for its name. A child without a reader is skipped. */
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
  const problem = `<${tag.name}> without ${attribute}: it must have this attribute`;
  throw reader.error('ATTRIBUTE_MISSING', problem, tag.offset);
}

/** The value, which must be one of those that the specification lists. */
function oneOf<T extends string>(value: string, allowed: readonly T[], at: { reader: XmlReader; tag: StartTag }): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  const problem = `${quote(value, 40)} in <${at.tag.name}>: it must be one of ${allowed.join(', ')}`;
  throw at.reader.error('VALUE_INVALID', problem, at.tag.offset);
}

function requireType(reader: XmlReader, tag: StartTag): string {
  const type = requireAttribute(reader, tag, 'type');
  try {
    return parseSingleType(type).signature;
  } catch (cause) {
    const problem = `type ${quote(type, MAX_SIGNATURE_LENGTH)} in <${tag.name}>: it must be one single complete type`;
    throw reader.error('TYPE_INVALID', problem, tag.offset, { cause });
  }
}

/** The standard annotations of one element. */
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

function readMethod(reader: XmlReader): MethodDefinition {
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

function readSignal(reader: XmlReader): SignalDefinition {
  const args = new Arguments();
  const annotations = new Annotations();
  // A signal has only out-arguments. Some programs give the direction "in" nevertheless.
  readContent(reader, { arg: readArgument({ in: args, out: args }, 'out'), annotation: annotations.read });
  return { args: args.signature, argNames: args.names, deprecated: annotations.deprecated };
}

/** A property; `emitsChanged` is undefined if the property itself has no such annotation, but its interface may. */
type PropertyDraft = Omit<PropertyDefinition, 'emitsChanged'> & { readonly emitsChanged: EmitsChanged | undefined };

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

/** A record that can have any name as a key. */
function emptyRecord<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>; // Object.create has no type for "nothing inherited"
}

function readInterface(reader: XmlReader, tag: StartTag): ParsedInterface {
  const name = requireAttribute(reader, tag, 'name');
  const methods = emptyRecord<MethodDefinition>();
  const drafts = emptyRecord<PropertyDraft>();
  const signals = emptyRecord<SignalDefinition>();
  const annotations = new Annotations();

  /** Reads a named member. Some bindings list a method once for each set of default arguments: the first one counts. */
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

  const properties = emptyRecord<PropertyDefinition>();
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
 * Parses introspection data, as the Introspect method returns it: the interfaces of an object and the objects below.
 * Limits: 8,388,608 UTF-16 code units, elements nested 64 deep. Pass an interface to `defineInterface` to use it, which
 * also checks its names.
 * @throws {IntrospectionError} if the text is not well-formed XML, is not introspection data, or exceeds a limit
 * @throws {ArgumentError} if `xml` is not a string
 */
export function parseIntrospection(xml: string): ParsedNode {
  if (typeof xml !== 'string') throw argumentError('parseIntrospection', 'the XML must be a string', xml);
  const reader = new XmlReader(xml, FORMAT);
  const node = readNode(reader, reader.root().attributes.get('name'));
  reader.next(); // throws if anything other than comments follows
  return node;
}
