// Exports implementations at object paths of a link. The first export registers the handler of its method calls.
// It knows no replies and no rules of dispatch; object-tree.ts refuses an interface that the path has already.
// Specification: Object Paths, Interfaces.
import { argumentError, hasMethods, isArray, isRecord } from '../wire/arguments.js';
import { ArgumentError } from '../wire/errors.js';
import type { MessageLink } from '../connection/link.js';
import type { Implementation, SignalSink } from '../interface/definition.js';
import { definitionOf } from '../interface/redefine.js';
import type { InterfaceSpec } from '../interface/spec.js';
import { assertObjectPath, isInterfaceName } from '../wire/names.js';
import { ExportError } from './errors.js';
import { type ExportedInterface, exportedInterface } from './exported-interface.js';
import { checkLink, exportsOf } from './link-exports.js';
import { propertyChanges, sendSignal } from './outgoing-signals.js';
import { STANDARD_INTERFACE_NAMES } from './standard-interfaces.js';

/** Interfaces that are exported at an object path until they are removed. */
export interface ExportedObject extends Disposable {
  readonly path: string;
  /** Removes the interfaces; calls in progress are still answered. Further calls of this function do nothing. */
  unexport(): void;
}

/** An implementation of any interface for a link with the same `Typed`. */
export type ImplementationFor<Typed extends boolean> = Implementation<InterfaceSpec, NoInfer<Typed>>;

/**
 * Exports one implementation, or several of different interfaces, at an object path. Further interfaces can be added to
 * the same path later. Export before you request the name: a program that sees the name then finds the object.
 * The first export registers the handler of the link's method calls, which stays until the link closes.
 * @throws {InvalidNameError} if `path` is not an object path
 * @throws {ExportError} if the object has one of the interfaces already, two of the implementations have the same
 * interface, or the library implements it itself
 * @throws {ConnectionClosedError} if the link is closed
 * @throws {HandlerInUseError} if the application handles the method calls of the link itself
 * @throws {ArgumentError} if `link` or an implementation is of the wrong kind, such as a definition or a promise
 * @throws {DefinitionError} if an implementation has a definition that `defineInterface` would reject
 */
export function exportObject<Typed extends boolean = false>(
  link: MessageLink<Typed>,
  path: string,
  implementations: ImplementationFor<Typed> | readonly ImplementationFor<Typed>[],
): ExportedObject {
  checkLink('exportObject', link);
  assertObjectPath(path);
  const list = checkImplementations('exportObject', path, implementations);
  link.closedSignal.throwIfAborted();
  const exports = exportsOf(link);
  const interfaces = list.map((implementation) =>
    exportedInterface(implementation, (members) => propertyChanges(link, { path, turnEnd: exports.turnEnd }, members)),
  );
  exports.tree.add(path, interfaces);
  exports.managers.added(path, interfaces);
  const detach = list.map((implementation, index) =>
    implementation.attach(signalSink(link, path, interfaces[index]!)), // of the same length
  );
  const unexport = (): void => {
    // A `get` that runs for the last changes may call this function too.
    if (!exports.unexports.delete(unexport)) return;
    for (const { changes } of interfaces) changes?.finish();
    exports.tree.remove(path, interfaces);
    exports.managers.removed(path, interfaces);
    for (const end of detach.splice(0)) end();
  };
  exports.unexports.add(unexport);
  return { path, unexport, [Symbol.dispose]: unexport };
}

/**
 * One implementation or several, as a list. `path` is the object path, or the pattern of a subtree.
 * @throws {ExportError} if the library implements one of the interfaces itself, or two have the same interface
 * @throws {ArgumentError} if one is not an implementation
 */
export function checkImplementations(
  owner: string, path: string, implementations: unknown,
): readonly Implementation[] {
  const list = isArray(implementations) ? [...implementations] : [implementations];
  for (const implementation of list) assertImplementation(owner, implementation);
  assertInterfaces(path, list as Implementation[]);
  return list as Implementation[];
}

function assertInterfaces(path: string, list: readonly Implementation[]): void {
  const names = new Set<string>();
  for (const { definition: { name } } of list) {
    const at = { path, interface: name };
    if (STANDARD_INTERFACE_NAMES.has(name)) {
      const problem = 'the library implements it itself on every object: it must not be exported';
      throw new ExportError('INTERFACE_STANDARD', problem, at);
    }
    if (names.has(name)) {
      throw new ExportError('INTERFACE_EXPORTED', 'there are two implementations of it: there must be one', at);
    }
    names.add(name);
  }
}

const known = new WeakSet<object>();

/** Whether a value is an implementation, with a handler for each member. */
function isImplementation(value: unknown): value is Implementation {
  if (!hasMethods(value, 'emit', 'attach')) return false;
  if (known.has(value as object)) return true;
  const { definition, methods, properties } = value as { readonly [K in keyof Implementation]?: unknown };
  if (!isRecord(definition) || !isInterfaceName(definition['name']) || !isRecord(methods) || !isRecord(properties)) {
    return false;
  }
  const { methods: methodSpecs, properties: propertySpecs } = definitionOf(definition);
  if (!Object.keys(methodSpecs).every((name) => typeof methods[name] === 'function')) return false;
  if (!Object.keys(propertySpecs).every((name) => isRecord(properties[name]))) return false;
  known.add(value as object);
  return true;
}

function assertImplementation(owner: string, value: unknown): void {
  if (isImplementation(value)) return;
  const must = 'an implementation must be returned by the implement() of a definition';
  const fail = (found: string): never => {
    throw new ArgumentError('ARGUMENT_INVALID', `${must}, got ${found}`, { owner });
  };
  if (hasMethods(value, 'implement')) {
    const { name } = definitionOf(value);
    fail(`the definition of ${name}: call its implement() with the handlers`);
  }
  if (hasHandlers(value)) fail('an object of handlers: pass it to implement()');
  throw argumentError(owner, must, value);
}

/** Whether a value looks like the argument of implement(). */
function hasHandlers(value: unknown): boolean {
  return isRecord(value) && ('methods' in value || 'properties' in value);
}

/** Sends the signals of one interface of one object. */
function signalSink(link: MessageLink<boolean>, path: string, { name, changes }: ExportedInterface): SignalSink {
  return {
    signal: (member, signature, body, { path: only, destination }) => {
      if (only !== undefined && only !== path) return;
      sendSignal(link, path, { interface: name, member, signature, body, destination });
    },
    propertiesChanged: (names, { path: only }) => {
      if (only === undefined || only === path) void changes?.announce(names);
    },
  };
}
