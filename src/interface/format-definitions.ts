// Writes interfaces as a TypeScript module: one `defineInterface` for each, from introspection data of a running
// service or of a file. Each interface is checked as `defineInterface` does, before it is written.
// Specification: Introspection Data Format.
import { argumentError, isArray, isRecord } from '../wire/arguments.js';
import { ArgumentError } from '../wire/errors.js';
import { checkOptions, FLAG, TEXT } from '../wire/options.js';
import type { Annotations } from './annotations.js';
import type { InterfaceDefinition, MethodDefinition, PropertyDefinition, SignalDefinition } from './definition.js';
import type { IntrospectionProblem } from './introspection-problems.js';
import { InterfaceMerger } from './merge-interfaces.js';
import type { ParsedInterface } from './parse-introspection.js';
import { constantName, labels, lineComment, literal, objectKey } from './typescript-text.js';

/** The interfaces to be written: the result of `parseIntrospection`, or an object with definitions. */
export interface DefinitionsSource {
  readonly interfaces: readonly (ParsedInterface | InterfaceDefinition)[];
  /** The objects below. Their interfaces are written too. */
  readonly children?: readonly DefinitionsSource[] | undefined;
  /** The parts that could not be read. The module lists them in comments. */
  readonly problems?: readonly IntrospectionProblem[] | undefined;
}

/** Options of {@link formatDefinitions}. */
export interface FormatDefinitionsOptions {
  /** The module that `defineInterface` is imported from: `'dbus-wire'` by default. */
  readonly from?: string | undefined;
  /** The origin of the interfaces, for the first comment, such as `org.freedesktop.hostname1`. */
  readonly origin?: string | undefined;
  /** Whether to write Peer, Introspectable, Properties and ObjectManager, which this library has. False by default. */
  readonly standard?: boolean | undefined;
}

const OPTION_RULES = { from: TEXT, origin: TEXT, standard: FLAG };

const STANDARD: readonly string[] = ['Peer', 'Introspectable', 'Properties', 'ObjectManager']
  .map((name) => `org.freedesktop.DBus.${name}`);

/** The most problems that a module lists. */
const MAX_LISTED = 50;
const MAX_COLUMNS = 120;

// ---- source text ----------------------------------------------------------------------------------------------------

type Entry = readonly [key: string, value: string];

function indented(text: string): string {
  return text.split('\n').map((line) => `  ${line}`).join('\n');
}

/** An object literal; in one line if it is short, and `lines` does not ask for more. */
function object(entries: readonly Entry[], lines = false): string {
  if (entries.length === 0) return '{}';
  const pairs = entries.map(([key, value]) => `${objectKey(key)}: ${value}`);
  const line = `{ ${pairs.join(', ')} }`;
  // 40 columns are left for the key and the indent.
  if (!lines && line.length <= MAX_COLUMNS - 40 && !line.includes('\n')) return line;
  return `{\n${pairs.map((pair) => `${indented(pair)},`).join('\n')}\n}`;
}

function list(values: readonly string[]): string {
  const line = `[${values.join(', ')}]`;
  if (line.length <= MAX_COLUMNS - 40 && !line.includes('\n')) return line;
  return `[\n${values.map((value) => `${indented(value)},`).join('\n')}\n]`;
}

// ---- members --------------------------------------------------------------------------------------------------------

const entry = (key: string, isGiven: boolean, value: () => string): readonly Entry[] => isGiven ? [[key, value()]] : [];

const texts = (annotations: Annotations): string =>
  object(Object.entries(annotations).map(([name, value]) => [name, literal(value)]));

const isAny = (annotations: Annotations): boolean => Object.keys(annotations).length > 0;

const isNamed = (given: readonly string[]): boolean => given.some((name) => name !== '');

/** Names of arguments, with labels: the compiler makes them the names of parameters. A single result has none. */
function names(key: string, given: readonly string[]): readonly Entry[] {
  return entry(key, isNamed(given), () => {
    if (key === 'outNames' && given.length === 1) return list(given.map(literal));
    const labeled = labels(given).map((label) => `${label}: string`);
    return `${list(given.map(literal))} as ${list(labeled)}`;
  });
}

const notes = (annotations: Annotations): readonly Entry[] =>
  entry('annotations', isAny(annotations), () => texts(annotations));

const argumentNotes = (key: string, annotations: readonly Annotations[]): readonly Entry[] =>
  entry(key, annotations.some(isAny), () => list(annotations.map(texts)));

const flag = (key: string, value: boolean): readonly Entry[] => entry(key, value, () => 'true');

const signature = (key: string, value: string): readonly Entry[] => entry(key, value !== '', () => literal(value));

function methodText(method: MethodDefinition): string {
  return object([
    ...signature('in', method.in),
    ...signature('out', method.out),
    ...names('inNames', method.inNames),
    ...names('outNames', method.outNames),
    ...entry('optional', method.optional > 0, () => String(method.optional)),
    ...flag('noReply', method.noReply),
    ...flag('deprecated', method.deprecated),
    ...notes(method.annotations),
    ...argumentNotes('inAnnotations', method.inAnnotations),
    ...argumentNotes('outAnnotations', method.outAnnotations),
  ]);
}

function propertyText(property: PropertyDefinition): string {
  return object([
    ['type', literal(property.type)],
    ['access', literal(property.access)],
    ...entry('emitsChanged', property.emitsChanged !== 'true', () => literal(property.emitsChanged)),
    ...flag('deprecated', property.deprecated),
    ...notes(property.annotations),
  ]);
}

function signalText(signal: SignalDefinition): string {
  return object([
    ...signature('args', signal.args),
    ...names('argNames', signal.argNames),
    ...flag('deprecated', signal.deprecated),
    ...notes(signal.annotations),
    ...argumentNotes('argAnnotations', signal.argAnnotations),
  ]);
}

function group<Member>(
  key: string, members: Readonly<Record<string, Member>>, format: (member: Member) => string,
): readonly Entry[] {
  const entries = Object.entries(members).map(([name, member]): Entry => [name, format(member)]);
  return entry(key, entries.length > 0, () => object(entries, true));
}

// ---- interfaces -----------------------------------------------------------------------------------------------------

/** The names of members whose values hold descriptors. */
function withDescriptors({ methods, properties, signals }: InterfaceDefinition): readonly string[] {
  return [
    ...Object.entries(methods).filter(([, { in: given, out }]) => `${given}${out}`.includes('h')),
    ...Object.entries(properties).filter(([, { type }]) => type.includes('h')),
    ...Object.entries(signals).filter(([, { args }]) => args.includes('h')),
  ].map(([name]) => name);
}

/** Whether the text of an interface has labels. */
function hasLabels({ methods, signals }: InterfaceDefinition): boolean {
  return Object.values(signals).some(({ argNames }) => isNamed(argNames))
    || Object.values(methods).some(({ inNames }) => isNamed(inNames))
    || Object.values(methods).some(({ outNames }) => outNames.length > 1 && isNamed(outNames));
}

function interfaceText(definition: InterfaceDefinition, constant: string): string {
  const errors = Object.entries(definition.errors).map(([key, { errorName }]): Entry => [key, literal(errorName)]);
  const descriptors = withDescriptors(definition);
  const spec = object([
    ['name', literal(definition.name)],
    ...group('methods', definition.methods, methodText),
    ...group('properties', definition.properties, propertyText),
    ...group('signals', definition.signals, signalText),
    ...entry('errors', errors.length > 0, () => object(errors, true)),
    ...flag('deprecated', definition.deprecated),
    ...notes(definition.annotations),
  ], true);
  return [
    lineComment('Interface', definition.name),
    ...descriptors.length === 0 ? [] : [
      '// On sockets of Node, file descriptors (h) do not arrive: such a value is an index without a file. It is in:',
      ...descriptors.map((name) => lineComment('-', name)),
    ],
    `export const ${constant} = defineInterface(${spec});`,
  ].join('\n');
}

function checkProblem(problem: unknown): IntrospectionProblem {
  const { path, problem: text, line } = isRecord(problem) ? problem : {};
  const isValid = isArray(path) && path.every((name) => typeof name === 'string') && typeof text === 'string';
  if (isValid && typeof line === 'number') return problem as IntrospectionProblem; // has all that is read here
  throw argumentError('formatDefinitions', 'a problem must come from parseIntrospection', problem);
}

/** An optional array of a source. */
function listOf(source: Readonly<Record<string, unknown>>, key: 'children' | 'problems'): readonly unknown[] {
  const found = source[key] ?? [];
  if (isArray(found)) return found;
  throw argumentError('formatDefinitions', `"${key}" of an object must be an array`, found);
}

/** The interfaces and problems of an object and of those below. */
class Collector {
  readonly interfaces = new InterfaceMerger();
  readonly problems: IntrospectionProblem[] = [];
  readonly #seen = new Map<unknown, 'open' | 'done'>();

  /** Visits each object once, parents first. It does not call itself: objects can be nested to any depth. */
  visit(root: unknown): void {
    const steps: { readonly source: unknown; readonly isEnd: boolean }[] = [{ source: root, isEnd: false }];
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      const { source, isEnd } = step;
      const state = this.#seen.get(source);
      if (isEnd) this.#seen.set(source, 'done');
      else if (state === 'open') {
        const problem = 'an object is one of its own descendants: it must not contain itself';
        throw new ArgumentError('ARGUMENT_INVALID', problem, { owner: 'formatDefinitions' });
      } else if (state === undefined) {
        this.#seen.set(source, 'open');
        steps.push({ source, isEnd: true });
        const children = this.#read(source);
        for (let i = children.length - 1; i >= 0; i--) steps.push({ source: children[i], isEnd: false });
      }
    }
  }

  /** Reads one object, and returns its children. */
  #read(source: unknown): readonly unknown[] {
    const interfaces = isRecord(source) ? source['interfaces'] : undefined;
    if (!isRecord(source) || !isArray(interfaces)) {
      const must = 'the source must be the result of parseIntrospection, or an object with interfaces';
      throw argumentError('formatDefinitions', must, source);
    }
    for (const each of interfaces) this.interfaces.add(each);
    for (const problem of listOf(source, 'problems')) this.problems.push(checkProblem(problem));
    return listOf(source, 'children');
  }
}

/** A different constant for each interface: its last element, and as many before it as are needed. */
function constantsFor(interfaceNames: readonly string[]): ReadonlyMap<string, string> {
  const constants = new Map<string, string>();
  const used = new Set<string>();
  let left = interfaceNames;
  for (let count = 1; left.length > 0; count++) {
    const wanted = new Map<string, string[]>();
    for (const name of left) {
      const constant = constantName(name, count);
      const others = wanted.get(constant);
      if (others === undefined) wanted.set(constant, [name]);
      else others.push(name);
    }
    left = [];
    for (const [constant, [name = '', ...others]] of wanted) {
      const isLast = count >= name.split('.').length;
      if (!isLast && (others.length > 0 || used.has(constant))) left = [...left, name, ...others];
      else {
        [name, ...others].forEach((each, index) => {
          let free = index === 0 ? constant : `${constant}_${index + 1}`;
          while (used.has(free)) free += '_';
          used.add(free);
          constants.set(each, free);
        });
      }
    }
  }
  return constants;
}

function problemComments({ problems, interfaces: { conflicts, conflictCount } }: Collector): readonly string[] {
  const listed = new Set(problems.map(({ path, problem }) => `${path[0]}: ${problem}`)); // has conflicts, too
  const left = conflicts.map((each) => `${each.interface}: ${each.problem}`).filter((each) => !listed.has(each));
  const all = [...problems.map(({ path, problem, line }) => `line ${line}, ${path.join(' ')}: ${problem}`), ...left];
  const shown = all.slice(0, MAX_LISTED).map((problem) => lineComment('Problem', problem));
  const more = all.length + conflictCount - conflicts.length - shown.length;
  return more > 0 ? [...shown, `// and ${more} more problems`] : shown;
}

/**
 * Formats interfaces as a TypeScript module that exports a definition for each, named by the last element of its name,
 * or by more elements if two would be equal. Names of arguments have labels, so that editors show them. Texts of the
 * other program become literals and comments of one line only. The same interfaces always give the same text. If two
 * objects have different interfaces of one name, the result has the parts of both; for a part that both have, the first
 * counts, and a comment says so.
 * @throws {DefinitionError} if an interface is not valid; one of `parseIntrospection`, unless it is strict, always is
 * @throws {ArgumentError} if `source` is not an object with `interfaces`, or is one of its own children, or if an
 * option is unknown, or its value is not valid
 */
export function formatDefinitions(source: DefinitionsSource, options: FormatDefinitionsOptions = {}): string {
  checkOptions('formatDefinitions', options, OPTION_RULES);
  const { from = 'dbus-wire', origin, standard = false } = options;
  const collector = new Collector();
  collector.visit(source);
  const definitions = collector.interfaces.definitions().filter(({ name }) => standard || !STANDARD.includes(name));
  const constants = constantsFor(definitions.map(({ name }) => name));
  return [
    [
      '// Definitions of interfaces, made from introspection data.',
      ...origin === undefined ? [] : [lineComment('Origin', origin)],
      ...definitions.some(hasLabels) ? ['// Labels, as in `as [name: string]`, are for editors: string is the type of '
        + 'the name, not of the argument.'] : [],
      ...problemComments(collector),
      definitions.length === 0 ? 'export {};' : `import { defineInterface } from ${literal(from)};`,
    ].join('\n'),
    ...definitions.map((definition) => interfaceText(definition, constants.get(definition.name) ?? '')),
  ].join('\n\n').concat('\n');
}
