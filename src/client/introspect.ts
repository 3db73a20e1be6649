// Asks a running object for its interfaces, as definitions with proxies, and for the objects below: for exploration,
// and for programs without definitions of their own. Specification: org.freedesktop.DBus.Introspectable.
import type { CallDefaults, WaitOptions } from '../connection/call-options.js';
import type { MessageLink } from '../connection/link.js';
import type { InterfaceDefinition } from '../interface/definition.js';
import type { IntrospectionProblem } from '../interface/introspection-problems.js';
import { InterfaceMerger } from '../interface/merge-interfaces.js';
import {
  type ParsedInterface, type ParsedIntrospection, parseIntrospection,
} from '../interface/parse-introspection.js';
import type { InterfaceSpec } from '../interface/spec.js';
import { Introspectable } from '../interface/standard.js';
import { describe, quote } from '../wire/describe.js';
import { ArgumentError } from '../wire/errors.js';
import { assertObjectPath, isObjectPath } from '../wire/names.js';
import { ABORT_SIGNAL, checkOptions, integer, type OptionRules } from '../wire/options.js';
import { createProxy, type Proxy } from './proxy.js';
import type { ProxyTarget } from './proxy-options.js';

/** Options of {@link introspect}. */
export interface IntrospectOptions extends Pick<WaitOptions, 'signal'> {
  /** How many levels of objects below are asked too: 0, none, by default; at most 64. */
  readonly depth?: number | undefined;
  /** The most objects that are asked: 1,000 by default, at most 100,000. */
  readonly maxObjects?: number | undefined;
}

/** An object below that could not be asked. */
export interface IntrospectFailure {
  /** Its path, as far as the object above gives a valid one. */
  readonly path: string;
  readonly error: unknown;
}

/** A remote object, as it describes itself. `formatDefinitions` accepts it directly. `Typed` is that of its link. */
export interface RemoteObject<Typed extends boolean = false> {
  readonly path: string;
  /** Its interfaces, as they were read. */
  readonly interfaces: readonly ParsedInterface[];
  /** The definition of each interface, by its name. The record has no prototype. */
  readonly definitions: Readonly<Record<string, InterfaceDefinition>>;
  /** The parts of its description that could not be read, or that contradict each other. */
  readonly problems: readonly IntrospectionProblem[];
  /** The paths of all objects directly below. */
  readonly childPaths: readonly string[];
  /** Those of them that were asked and have answered. */
  readonly children: readonly RemoteObject<Typed>[];
  /** Those of them that could not be asked: they do not answer, or have no valid path (at most 1,000 of these). */
  readonly failures: readonly IntrospectFailure[];
  /**
   * Creates a proxy for an interface; by default for the only one besides those named `org.freedesktop.DBus.…`. The
   * compiler knows none of its members: methods take any arguments, and resolve with unknown.
   * @throws {ArgumentError} if the object does not have the interface, or there is not exactly one
   */
  proxy(interfaceName?: string): Proxy<InterfaceSpec, Typed>;
}

/** The object that was asked for. */
export interface IntrospectedObjects<Typed extends boolean = false> extends RemoteObject<Typed> {
  /** Whether all objects down to `depth` were asked, and all paths are listed: false if a limit was reached. */
  readonly complete: boolean;
}

const OPTION_RULES: OptionRules<IntrospectOptions> = {
  depth: integer(0, 64), maxObjects: integer(1, 100_000), signal: ABORT_SIGNAL,
};

const DEFAULT_MAX_OBJECTS = 1_000;
/** The most UTF-16 code units of the descriptions of all objects together. */
const MAX_TOTAL_LENGTH = 2 ** 26;
/** The most UTF-16 code units of the paths of all objects below, listed or refused. */
const MAX_TOTAL_PATH_LENGTH = 2 ** 24;
/** The most invalid names of children that are kept for one object: an error takes far more memory than its text. */
const MAX_FAILURES = 1_000;
/** The most calls at one time. */
const MAX_CALLS = 16;

/** The parts of a target that all objects of a service share. */
type Service = Pick<ProxyTarget, 'destination'> & CallDefaults;

/** An object whose children can still be added. */
type OpenObject<Typed extends boolean> = RemoteObject<Typed> & {
  readonly children: RemoteObject<Typed>[];
  readonly failures: IntrospectFailure[];
};

/** The error for a text that is not an object path. */
function refusalOf(path: string): unknown {
  try {
    return assertObjectPath(path);
  } catch (error) {
    return error;
  }
}

/**
 * The paths of the objects directly below, and the names that are not path elements. A path can have any length: the
 * list ends before the path with which all of them would have more than `maxLength` characters.
 */
function childPathsOf(path: string, { children }: ParsedIntrospection, maxLength: number): {
  readonly paths: readonly string[]; readonly failures: IntrospectFailure[]; readonly length: number;
  readonly complete: boolean;
} {
  const paths = new Set<string>();
  const failures: IntrospectFailure[] = [];
  let length = 0;
  for (const { name = '' } of children) {
    const child = `${path === '/' ? '' : path}/${name}`;
    if (child === '/') continue; // without a name, at the root
    if (length + child.length > maxLength) return { paths: [...paths], failures, length, complete: false };
    length += child.length;
    if (isObjectPath(child)) paths.add(child);
    else if (failures.length < MAX_FAILURES) failures.push({ path: child, error: refusalOf(child) });
  }
  return { paths: [...paths], failures, length, complete: true };
}

/** One definition for each name, and all problems: also those of an interface that the object lists twice. */
function definitionsOf({ interfaces, problems }: ParsedIntrospection): Pick<RemoteObject, 'definitions' | 'problems'> {
  const merger = new InterfaceMerger();
  for (const each of interfaces) merger.add(each);
  // Object.create has no type for "nothing inherited"
  const definitions = Object.create(null) as Record<string, InterfaceDefinition>;
  for (const definition of merger.definitions()) definitions[definition.name] = definition;
  const duplicates = problems.filter(({ code, path }) => code === 'NAME_DUPLICATE' && path.length === 1);
  const places = new Map(duplicates.map((each) => [each.path[0], each]));
  const conflicts = merger.conflicts.map(({ interface: name, member, problem }): IntrospectionProblem => {
    const { offset, line } = places.get(name) ?? { offset: 0, line: 1 }; // the list of problems has a limit
    return { code: 'NAME_DUPLICATE', problem, skipped: true, path: [name, member], offset, line };
  });
  return { definitions: Object.freeze(definitions), problems: [...problems, ...conflicts] };
}

function choose(path: string, definitions: RemoteObject['definitions'], name: string | undefined): InterfaceDefinition {
  const names = Object.keys(definitions);
  const own = names.filter((each) => !each.startsWith('org.freedesktop.DBus.'));
  const chosen = name === undefined && own.length === 1 ? own[0] : name;
  const definition = typeof chosen === 'string' ? definitions[chosen] : undefined;
  if (definition !== undefined) return definition;
  const given = typeof name === 'string' ? quote(name, 255) : describe(name);
  const found = name === undefined ? `${own.length} interfaces at ${path}` : `no interface ${given} at ${path}`;
  const must = names.length === 0 ? 'the object has none' : `it must be one of ${names.slice(0, 30).join(', ')}`;
  throw new ArgumentError('ARGUMENT_INVALID', `${found}: ${must}`, { owner: 'proxy' });
}

/** Asks the objects of one service. */
class Explorer<Typed extends boolean> {
  /** Whether no limit has ended the exploration. */
  complete = true;
  readonly #link: MessageLink<Typed>;
  readonly #service: Service;
  readonly #signal: WaitOptions['signal'];
  #length = 0;
  #pathLength = 0;

  constructor(link: MessageLink<Typed>, service: Service, signal: WaitOptions['signal']) {
    this.#link = link;
    this.#service = service;
    this.#signal = signal;
  }

  async ask(path: string): Promise<OpenObject<Typed>> {
    const target = { ...this.#service, path };
    const link: MessageLink<boolean> = this.#link; // a text is the same on every link
    const xml = await createProxy(link, Introspectable, target).Introspect({ signal: this.#signal });
    this.#length += xml.length;
    const parsed = parseIntrospection(xml);
    const { definitions, problems } = definitionsOf(parsed);
    const { paths, failures, length, complete } = childPathsOf(path, parsed, MAX_TOTAL_PATH_LENGTH - this.#pathLength);
    this.#pathLength += length;
    if (!complete) this.complete = false;
    return {
      path,
      interfaces: parsed.interfaces,
      definitions,
      problems,
      childPaths: paths,
      children: [],
      failures,
      proxy: (name) => createProxy(this.#link, choose(path, definitions, name), target),
    };
  }

  /** Asks the objects below, level by level, until a limit ends it. */
  async descend(root: OpenObject<Typed>, { depth, maxObjects }: { depth: number; maxObjects: number }): Promise<void> {
    let level = [root];
    let left = maxObjects - 1;
    for (let count = 0; count < depth && level.length > 0; count++) {
      const asked = level.flatMap((parent) => parent.childPaths.map((path) => ({ parent, path })));
      if (asked.length > left) this.complete = false;
      const next: OpenObject<Typed>[] = [];
      const pending = asked.slice(0, left);
      left -= pending.length;
      for (let start = 0; start < pending.length; start += MAX_CALLS) {
        if (this.#length > MAX_TOTAL_LENGTH) {
          this.complete = false;
          return;
        }
        next.push(...await this.#askAll(pending.slice(start, start + MAX_CALLS)));
      }
      level = next;
    }
  }

  async #askAll(
    asked: readonly { readonly parent: OpenObject<Typed>; readonly path: string }[],
  ): Promise<readonly OpenObject<Typed>[]> {
    const results = await Promise.allSettled(asked.map(({ path }) => this.ask(path)));
    this.#signal?.throwIfAborted();
    return results.flatMap((result, index) => {
      const { parent, path } = asked[index]!; // one for each result
      if (result.status === 'fulfilled') {
        parent.children.push(result.value);
        return [result.value];
      }
      parent.failures.push({ path, error: result.reason });
      return [];
    });
  }
}

/**
 * Asks an object, and with `depth` those below, to describe itself (Introspect): its interfaces as definitions, with
 * proxies for them. The answer of the object is checked as far as possible, but can still be wrong: calls and
 * properties are checked when they are used. It ends after `maxObjects` objects, 64 Mi characters of descriptions, or
 * 16 Mi characters of paths.
 *
 * Rejects as {@link MessageLink.call} does if the object itself does not answer, and with IntrospectionError if its
 * answer is not introspection data. For objects below, this is listed in `failures`.
 * @throws {InvalidNameError} if `destination` is not a bus name, or `path` is not an object path
 * @throws {ArgumentError} if an argument is of the wrong kind, or an option is unknown or has a value that is not valid
 */
export async function introspect<Typed extends boolean = false>(
  link: MessageLink<Typed>, target: ProxyTarget, options: IntrospectOptions = {},
): Promise<IntrospectedObjects<Typed>> {
  createProxy(link, Introspectable, target); // checks both
  checkOptions('introspect', options, OPTION_RULES);
  const { depth = 0, maxObjects = DEFAULT_MAX_OBJECTS, signal } = options;
  const { path, ...service } = target;
  const explorer = new Explorer(link, service, signal);
  const root = await explorer.ask(path);
  await explorer.descend(root, { depth, maxObjects });
  return { ...root, complete: explorer.complete };
}
