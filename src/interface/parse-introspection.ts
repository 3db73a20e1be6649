// Reads introspection data: the XML of another program, as specifications for `defineInterface`. It skips
// unknown elements, as the specification requires. A part that cannot be read does not hide the others: it is kept or
// skipped, and listed. Specification: Introspection Data Format.
import { argumentError } from '../wire/arguments.js';
import { quote } from '../wire/describe.js';
import { isInterfaceName } from '../wire/names.js';
import { checkOptions, FLAG } from '../wire/options.js';
import type { Annotations } from './annotations.js';
import type { MethodDefinition, PropertyDefinition, SignalDefinition } from './definition.js';
import { IntrospectionError } from './errors.js';
import { type IntrospectionProblem, ProblemList } from './introspection-problems.js';
import {
  AnnotationList, emptyRecord, mistake, type PropertyDraft, readContent, readMembers, readMethod, readProperty,
  readSignal, remark, requireAttribute, type Source, within,
} from './parse-members.js';
import { type StartTag, type XmlFormat, XmlReader } from './xml-reader.js';

/** The greatest length of introspection data, in UTF-16 code units. */
export const MAX_INTROSPECTION_LENGTH = 2 ** 23;
/** The greatest depth of nested elements; unless reading is strict, of nested objects. */
export const MAX_INTROSPECTION_DEPTH = 64;

const STRICT: XmlFormat = {
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
  /** The annotations that are not keys of their own. */
  readonly annotations: Annotations;
}

/** An object as another program describes it. */
export interface ParsedNode {
  /**
   * For a child, the last element of its path, as the data give it. For the root, its path. Undefined if the data do
   * not contain it, which is a problem for a child.
   */
  readonly name: string | undefined;
  readonly interfaces: readonly ParsedInterface[];
  /** The objects directly below. The data of most programs give only their names: each must be introspected itself. */
  readonly children: readonly ParsedNode[];
}

/** The contents of introspection data. */
export interface ParsedIntrospection extends ParsedNode {
  /**
   * The mistakes that did not end the reading, in the order of the text: at most 1,000. Empty if reading was strict.
   */
  readonly problems: readonly IntrospectionProblem[];
  /** The number of all mistakes. */
  readonly problemCount: number;
}

/** Options of {@link parseIntrospection}. */
export interface ParseIntrospectionOptions {
  /**
   * Whether the first mistake ends the reading with an error. False by default: a part that cannot be read is kept or
   * skipped, and listed in `problems`. Strict reading leaves the check of names to `defineInterface`.
   */
  readonly strict?: boolean | undefined;
}

const OPTION_RULES = { strict: FLAG };

function readInterface(source: Source, name: string): ParsedInterface {
  const methods = emptyRecord<MethodDefinition>();
  const drafts = emptyRecord<PropertyDraft>();
  const signals = emptyRecord<SignalDefinition>();
  const annotations = new AnnotationList(source, 'interface');
  readContent(source, {
    method: readMembers(source, methods, readMethod),
    signal: readMembers(source, signals, readSignal),
    property: readMembers(source, drafts, readProperty),
    annotation: annotations.read,
  });
  const properties = emptyRecord<PropertyDefinition>();
  for (const [propertyName, draft] of Object.entries(drafts)) {
    // Its own EmitsChangedSignal, or else that of its interface, or else true. ‹Introspection Data Format›
    properties[propertyName] = { ...draft, emitsChanged: draft.emitsChanged ?? annotations.emitsChanged ?? 'true' };
  }
  return {
    name, methods, properties, signals, deprecated: annotations.deprecated, annotations: annotations.others,
  };
}

/** Reads the interfaces of one object. */
class InterfaceList {
  readonly interfaces: ParsedInterface[] = [];
  readonly #source: Source;
  readonly #names = new Set<string>();

  constructor(source: Source) {
    this.#source = source;
  }

  read(tag: StartTag): void {
    const name = requireAttribute(this.#source, tag, 'name');
    within(this.#source, name ?? '', () => {
      const isUsable = name !== undefined && this.#isUsable(name, tag);
      const parsed = readInterface(this.#source, name ?? '');
      if (isUsable) this.interfaces.push(parsed);
    });
  }

  #isUsable(name: string, tag: StartTag): boolean {
    if (this.#source.problems === undefined) return true;
    if (!isInterfaceName(name)) {
      const must = 'two or more elements joined by dots, each matching [A-Za-z_][A-Za-z0-9_]*, at most 255 bytes';
      const problem = `the name ${quote(name, 40)} of an interface: it must be ${must}`;
      remark(this.#source, 'NAME_INVALID', problem, { tag, skipped: true });
      return false;
    }
    if (this.#names.has(name)) {
      const problem = `a second interface ${name} of the object: it must have each only once`;
      remark(this.#source, 'NAME_DUPLICATE', problem, { tag, skipped: false });
    }
    this.#names.add(name);
    return true;
  }
}

function readNode(source: Source, name: string | undefined, depth = 1): ParsedNode {
  const list = new InterfaceList(source);
  const children: ParsedNode[] = [];
  readContent(source, {
    interface: (tag) => list.read(tag),
    node: (tag) => {
      const child = tag.attributes.get('name');
      if (child === undefined) {
        const problem = '<node> without name: it must have this attribute';
        mistake(source, 'ATTRIBUTE_MISSING', problem, { tag, skipped: false });
      }
      if (depth < MAX_INTROSPECTION_DEPTH) {
        children.push(within(source, child ?? '', () => readNode(source, child, depth + 1)));
      } else {
        const most = `${MAX_INTROSPECTION_DEPTH} deep`;
        const problem = `objects are nested more than ${most}: they must be nested at most ${most}`;
        mistake(source, 'TOO_DEEP', problem, { tag, skipped: true });
        source.reader.skip();
      }
    },
  });
  return { name, interfaces: list.interfaces, children };
}

/** Reads what follows the root element, which must be comments only. */
function readEnd(reader: XmlReader, problems: ProblemList): void {
  try {
    reader.next();
  } catch (error) {
    if (!(error instanceof IntrospectionError)) throw error;
    problems.add(error.code, error.problem, { offset: error.offset, skipped: true });
  }
}

/**
 * Parses introspection data, as the Introspect method returns it: the interfaces of an object and the objects below.
 * Limits: 8,388,608 UTF-16 code units, objects nested 64 deep. `defineInterface` accepts each interface directly.
 *
 * A mistake does not hide the other parts: a member whose type is not valid, a second member of the same name, an
 * attribute that is missing or has an unknown value. It is listed in `problems`. With `strict: true` the first mistake
 * is thrown.
 * @throws {IntrospectionError} if the text is not well-formed XML, has another root element than `node`, or exceeds a
 * limit
 * @throws {ArgumentError} if `xml` is not a string, an option is unknown, or the value of one is not valid
 */
export function parseIntrospection(xml: string, options: ParseIntrospectionOptions = {}): ParsedIntrospection {
  if (typeof xml !== 'string') throw argumentError('parseIntrospection', 'the XML must be a string', xml);
  checkOptions('parseIntrospection', options, OPTION_RULES);
  if (options.strict === true) {
    const reader = new XmlReader(xml, STRICT);
    const node = readNode({ reader, problems: undefined }, reader.root().attributes.get('name'));
    reader.next(); // throws if anything other than comments follows
    return { ...node, problems: [], problemCount: 0 };
  }
  const problems = new ProblemList();
  const reader = new XmlReader(xml, {
    ...STRICT,
    maxDepth: Infinity,
    tolerate: (code, problem, offset) => problems.add(code, problem, { offset, skipped: false }),
  });
  const node = readNode({ reader, problems }, reader.root().attributes.get('name'));
  readEnd(reader, problems);
  return { ...node, problems: problems.finish(xml), problemCount: problems.count };
}
