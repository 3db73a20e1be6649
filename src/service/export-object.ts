// Exports implementations at object paths of a link. The first export registers the handler of its method calls.
// It knows no replies and no rules of dispatch. Specification: Object Paths, Interfaces.
import { argumentError, hasMethods } from '../wire/arguments.js';
import { ArgumentError } from '../wire/errors.js';
import type { MessageLink } from '../connection/link.js';
import type { Implementation, InterfaceDefinition, SignalSink } from '../interface/definition.js';
import type { InterfaceSpec } from '../interface/spec.js';
import { assertObjectPath } from '../wire/names.js';
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
 * @throws {ExportError} if the object has one of the interfaces already, or the library implements it itself
 * @throws {ConnectionClosedError} if the link is closed
 * @throws {HandlerInUseError} if the application handles the method calls of the link itself
 * @throws {ArgumentError} if `link` or an implementation is something else, such as a definition or a promise
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
    exports.unexports.delete(unexport);
    if (detach.length === 0) return;
    for (const { changes } of interfaces) changes?.announceNow();
    exports.tree.remove(path, interfaces);
    exports.managers.removed(path, interfaces);
    for (const end of detach.splice(0)) end();
  };
  exports.unexports.add(unexport);
  return { path, unexport, [Symbol.dispose]: unexport };
}

/**
 * One implementation or several, as a list.
 * @throws {ExportError} if the library implements one of the interfaces itself
 * @throws {ArgumentError} if one is something else
 */
export function checkImplementations(
  owner: string, path: string, implementations: unknown,
): readonly Implementation[] {
  const list: readonly unknown[] = Array.isArray(implementations) ? implementations : [implementations];
  for (const implementation of list) assertImplementation(owner, implementation);
  for (const { definition } of list as readonly Implementation[]) {
    if (!STANDARD_INTERFACE_NAMES.has(definition.name)) continue;
    const at = { path, interface: definition.name };
    throw new ExportError('INTERFACE_STANDARD', 'the library implements it itself, on every object', at);
  }
  return list as readonly Implementation[];
}

function assertImplementation(owner: string, value: unknown): void {
  if (hasMethods(value, 'emit', 'attach')) return;
  const must = 'an implementation must be returned by the implement() of a definition';
  const fail = (found: string): never => {
    throw new ArgumentError('ARGUMENT_INVALID', `${must}, got ${found}`, { owner });
  };
  if (hasMethods(value, 'implement')) {
    const { name } = value as unknown as InterfaceDefinition; // it looks like one
    fail(`the definition of ${name}: call its implement() with the handlers`);
  }
  if (hasHandlers(value)) fail('an object of handlers: pass it to implement()');
  throw argumentError(owner, must, value);
}

/** Whether a value looks like the argument of implement(). */
function hasHandlers(value: unknown): boolean {
  return typeof value === 'object' && value !== null && ('methods' in value || 'properties' in value);
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
