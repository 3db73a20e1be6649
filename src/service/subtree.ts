// A subtree whose objects are not exported one by one: handlers decide which paths exist below its root, and which
// objects they have. It does not know messages or links. Tests: export-subtree.test.ts. Specification: Object Paths,
// Introspectable.
import type { CallContext, Implementation } from '../interface/definition.js';
import { argumentError } from '../wire/arguments.js';
import { ArgumentError } from '../wire/errors.js';
import { hasGivenUp, timeLimitOf } from './call-context.js';
import { type ExportedInterface, isPromiseLike } from './exported-interface.js';
import type { NodeFinder, ObjectNode, PathBelow } from './object-node.js';
import { HANDLER_TIME_LIMIT } from './time-limit.js';

type OrPromise<T> = T | PromiseLike<T>;

/** The result of the handler `object`: one implementation, several of different interfaces, or undefined. */
export type FoundObject = Implementation | readonly Implementation[] | undefined;

/** The handlers of a subtree, without the types of links. */
export interface SubtreeCallbacks {
  readonly children?: ((elements: readonly string[], context: CallContext) => OrPromise<Iterable<string>>) | undefined;
  readonly object?: ((elements: readonly string[], context: CallContext) => OrPromise<FoundObject>) | undefined;
}

/** How a subtree works with the objects that its handlers find. */
export interface SubtreeOptions {
  /** Such as `/com/example/users/*`, for texts of errors. */
  readonly pattern: string;
  /** Whether it covers paths of any depth; otherwise one element. */
  readonly isDeep: boolean;
  readonly callbacks: SubtreeCallbacks;
  /** The interfaces of each path without an object; empty if there are none. */
  readonly fallbackAt: (path: string) => readonly ExportedInterface[];
  /** Prepares an implementation for one path. */
  readonly exportAt: (path: string, implementation: Implementation) => ExportedInterface;
  /** Called with each object that an answer lists. */
  readonly listed?: ((node: ObjectNode) => void) | undefined;
  /** Called with the error of a handler whose result is left out of an answer. */
  readonly report: (error: unknown, context: CallContext) => void;
}

/** The function that got the handlers, in texts of errors. */
const OWNER = 'exportSubtree';
const ELEMENT = /^[A-Za-z0-9_]+$/;
/** The most children of one path. */
const MAX_CHILDREN = 100_000;
const MUST_BE_ELEMENTS = 'children must return path elements, each with one or more of [A-Za-z0-9_]';
const MUST_BE_ITERABLE = 'children must return an array, or another iterable, of path elements';
const TOO_MANY = `children returned more than ${MAX_CHILDREN} path elements: it must return fewer`;
const NO_CHILDREN: ReadonlySet<string> = new Set();

/** One subtree. */
export class Subtree implements NodeFinder {
  readonly isDeep: boolean;
  readonly #options: SubtreeOptions;

  constructor(options: SubtreeOptions) {
    this.isDeep = options.isDeep;
    this.#options = options;
  }

  noteListed(node: ObjectNode): void {
    this.#options.listed?.(node);
  }

  find(path: string, { elements, known, context }: PathBelow): OrPromise<ObjectNode | undefined> {
    if (known !== undefined && known.interfaces.size > 0) return known;
    const children = known?.children ?? NO_CHILDREN;
    const nodeOf = (found: FoundObject): OrPromise<ObjectNode | undefined> => {
      const exported = this.#interfacesOf(path, found);
      if (exported.length > 0) return { path, children, interfaces: byName(exported) };
      if (known !== undefined || !this.isDeep) return known;
      const dynamic = this.children(elements, context);
      const parentOf = (names: ReadonlySet<string>): ObjectNode | undefined => (
        names.size === 0 ? undefined : { path, children, interfaces: new Map() }
      );
      return isPromiseLike(dynamic) ? dynamic.then(parentOf) : parentOf(dynamic);
    };
    const found = this.#options.callbacks.object?.(elements, context);
    if (!isPromiseLike(found)) return nodeOf(found);
    return timeLimitOf(context).wait(found, this.#noAnswer('object')).then(nodeOf);
  }

  #noAnswer(handler: keyof SubtreeCallbacks): string {
    const found = `the handler "${handler}" of the subtree ${this.#options.pattern} has not answered`;
    return `${found} within ${HANDLER_TIME_LIMIT} ms: it must answer in time`;
  }

  #interfacesOf(path: string, found: FoundObject): readonly ExportedInterface[] {
    const list = found === undefined ? [] : Array.isArray(found) ? found as readonly Implementation[] : [found];
    if (list.length === 0) return this.#options.fallbackAt(path);
    return list.map((implementation) => this.#options.exportAt(path, implementation as Implementation));
  }

  /**
   * The elements that exist below the root (for no elements) or below a path. A failure of the handler, or an element
   * that is not valid, is reported and left out.
   */
  children(elements: readonly string[], context: CallContext): OrPromise<ReadonlySet<string>> {
    if (elements.length > 0 && !this.isDeep) return NO_CHILDREN;
    const { callbacks, report } = this.#options;
    const failed = (error: unknown): ReadonlySet<string> => {
      if (!hasGivenUp(context, error)) report(error, context);
      return NO_CHILDREN;
    };
    const valid = (names: Iterable<string>): ReadonlySet<string> => {
      try {
        const found = new Set<string>();
        if (!isIterable(names)) return failed(argumentError(OWNER, MUST_BE_ITERABLE, names));
        let count = 0;
        for (const name of names) {
          if (++count > MAX_CHILDREN) {
            report(new ArgumentError('ARGUMENT_INVALID', TOO_MANY, { owner: OWNER }), context);
            break;
          }
          if (typeof name === 'string' && ELEMENT.test(name)) found.add(name);
          else report(argumentError(OWNER, MUST_BE_ELEMENTS, name), context);
        }
        return found;
      } catch (error) {
        return failed(error);
      }
    };
    try {
      const names = callbacks.children?.(elements, context) ?? [];
      if (!isPromiseLike(names)) return valid(names);
      return timeLimitOf(context).wait(names, this.#noAnswer('children')).then(valid, failed);
    } catch (error) {
      return failed(error);
    }
  }
}

/** Whether a value can be a list of path elements. A string is one element, not a list of its characters. */
function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

function byName(list: readonly ExportedInterface[]): ReadonlyMap<string, ExportedInterface> {
  return new Map(list.map((exported) => [exported.name, exported]));
}
