// Exports a whole subtree: handlers decide at each call which paths exist and which objects they have. It does not know
// the rules of dispatch. Specification: Object Paths, Introspectable.
import type { MessageLink } from '../connection/link.js';
import type { CallContext } from '../interface/definition.js';
import { argumentError, withThis } from '../wire/arguments.js';
import { ArgumentError } from '../wire/errors.js';
import { assertObjectPath } from '../wire/names.js';
import { ANY, checkRequiredOptions, FUNCTION } from '../wire/options.js';
import { checkImplementations, type ExportedObject, type ImplementationFor } from './export-object.js';
import { isPromiseLike } from './exported-interface.js';
import { reportHandlerError, SUBTREE_HANDLERS } from './failure-reports.js';
import { FoundObjects } from './found-objects.js';
import { checkLink, exportsOf } from './link-exports.js';
import { hasInterfaces } from './object-node.js';
import { type FoundObject, Subtree, type SubtreeCallbacks } from './subtree.js';
import { SubtreeChanges } from './subtree-changes.js';

/** The handlers of a subtree: `object`, `fallback` or both. An answer waits for them ten seconds at most. */
export type SubtreeHandlers<Typed extends boolean = false> = {
  /**
   * The next path elements of the objects below a path of the subtree, or below its root if `elements` is empty.
   * Introspection and object managers show these objects. {@link escapePathElement} makes any text an element.
   */
  readonly children?: ((elements: readonly string[], context: CallContext) =>
    | Iterable<string> | PromiseLike<Iterable<string>>) | undefined;
  /**
   * The object at a path, by its elements below the root: an implementation, several of different interfaces, or
   * undefined if there is none. It runs for each call of such a path, even one that `children` does not have.
   */
  readonly object?: ((elements: readonly string[], context: CallContext) =>
    | ImplementationFor<Typed> | readonly ImplementationFor<Typed>[] | undefined
    | PromiseLike<ImplementationFor<Typed> | readonly ImplementationFor<Typed>[] | undefined>) | undefined;
  /** Answers calls of all paths of the subtree at which there is no object. */
  readonly fallback?: ImplementationFor<Typed> | readonly ImplementationFor<Typed>[] | undefined;
} & ({ readonly object: {} } | { readonly fallback: {} }); // `{}`: not undefined

/** A subtree that is exported until it is removed. */
export interface ExportedSubtree extends ExportedObject {
  /**
   * Announces an object that the handler `object` has now: each object manager above sends InterfacesAdded, as for an
   * exported object. `elements` are those of its path below the root. Call it again after the interfaces of the object
   * have changed: an implementation that the handler no longer returns then sends no more signals. It does nothing
   * without an object manager above, or if another subtree or object has the path. If the handler answers later, the
   * other signals of the object wait for InterfacesAdded. All implementations that no handler has returned yet can have
   * 1,000 waiting signals together; further ones are not sent. If the handler fails or has no object, that is reported.
   * ‹org.freedesktop.DBus.ObjectManager›
   * @throws {ArgumentError} if `elements` are not path elements, or not as many as the pattern has
   */
  emitAdded(...elements: string[]): void;
  /**
   * Announces that an object is removed: each object manager above sends InterfacesRemoved, with the interfaces that
   * were announced or listed. If there are none, the handler `object` is asked. Its implementations send no more
   * signals, unless they have other paths or are returned again. ‹org.freedesktop.DBus.ObjectManager›
   * @throws {ArgumentError} if `elements` are not path elements, or not as many as the pattern has
   */
  emitRemoved(...elements: string[]): void;
}

const RULES = { children: FUNCTION, object: FUNCTION, fallback: ANY };
const PATTERN = /^(.*)\/(\*{1,2})$/s;

/**
 * Exports a subtree: `/com/example/users/*` is every path with one more element, `/com/example/users/**` every path
 * with 1 to 256 more. Objects that are exported at one of these paths come first. An implementation that `object`
 * returns for only one path sends its signals from there; one for several paths, or of `fallback`, needs the option
 * `path`.
 * @throws {InvalidNameError} if `pattern` without its last element is not an object path
 * @throws {ExportError} if the path has a subtree already, the library implements an interface of `fallback` itself, or
 * `fallback` has two implementations of one interface
 * @throws {ConnectionClosedError} if the link is closed
 * @throws {HandlerInUseError} if the application handles the method calls of the link itself
 * @throws {ArgumentError} if `pattern` does not end in `/*` or `/**`, or `link` or a handler is of the wrong kind
 */
export function exportSubtree<Typed extends boolean = false>(
  link: MessageLink<Typed>, pattern: string, handlers: SubtreeHandlers<NoInfer<Typed>>,
): ExportedSubtree {
  const owner = 'exportSubtree';
  checkLink(owner, link);
  const [, parent, stars] = (typeof pattern === 'string' ? PATTERN.exec(pattern) : undefined) ?? [];
  if (parent === undefined || stars === undefined) {
    throw argumentError(owner, 'the pattern must end in /* or /**', pattern);
  }
  const root = parent === '' ? '/' : parent;
  assertObjectPath(root);
  checkRequiredOptions(owner, handlers, RULES);
  const { children, object, fallback } = handlers;
  if (object === undefined && fallback === undefined) {
    throw new ArgumentError('ARGUMENT_INVALID', 'the handlers must have object or fallback', { owner });
  }
  const everywhere = fallback === undefined ? [] : checkImplementations(owner, pattern, fallback);
  link.closedSignal.throwIfAborted();
  const exports = exportsOf(link);
  const isDeep = stars === '**';
  const { tree, managers, turnEnd } = exports;
  const objects = new FoundObjects({
    link, turnEnd, fallback: everywhere,
    addedAt: (path) => changes.addedAt(path),
    covers: (path) => !hasInterfaces(tree.get(path)) && tree.subtreeOf(path)?.subtree === subtree,
  });
  const subtree: Subtree = new Subtree({
    pattern,
    isDeep,
    callbacks: {
      children: children && withThis(children, handlers),
      object: object && checkedObject(withThis(object as ObjectHandler, handlers), pattern),
    },
    fallbackAt: (path) => everywhere.map((implementation) => objects.exportAt(path, implementation)),
    exportAt: (path, implementation) => {
      objects.note(path, implementation);
      return objects.exportAt(path, implementation);
    },
    listed: (node) => changes.note(node),
    report: (error, { message }) => {
      const failed = { interface: message.interface ?? '', member: message.member };
      reportHandlerError({ error, ...failed, call: message }, SUBTREE_HANDLERS);
    },
  });
  const remove = tree.addSubtree(root, subtree);
  objects.begin();
  const changes = new SubtreeChanges({ link, tree, managers, root, subtree, objects });
  const unexport = (): void => {
    // A `get` that runs for the last changes may call this function too.
    if (!exports.unexports.delete(unexport)) return;
    objects.end();
    remove();
    changes.end();
  };
  exports.unexports.add(unexport);
  return {
    path: root, unexport, [Symbol.dispose]: unexport,
    emitAdded: (...elements) => changes.added(elements),
    emitRemoved: (...elements) => changes.removed(elements),
  };
}

/** The handler `object`, without the types of links. */
type ObjectHandler = NonNullable<SubtreeCallbacks['object']>;

/** The handler `object`, with its result checked. */
function checkedObject(object: ObjectHandler, pattern: string): ObjectHandler {
  const check = (found: FoundObject): FoundObject => (
    found === undefined ? undefined : checkImplementations('exportSubtree', pattern, found)
  );
  return (elements, context) => {
    const found = object(elements, context);
    // A promise of another library may have a `then` that returns nothing.
    return isPromiseLike(found) ? Promise.resolve(found).then(check) : check(found);
  };
}
