// Exports implementations at object paths of a link. The first export registers the handler of its method calls.
// It knows no replies and no rules of dispatch. Specification: Object Paths, Interfaces.
import { argumentError, hasMethods } from '../wire/arguments.js';
import { ArgumentError } from '../wire/errors.js';
import { Bus } from '../connection/bus.js';
import { routeCalls } from '../connection/call-router.js';
import { callersOf } from '../connection/callers.js';
import { countDrop } from '../connection/drops.js';
import { ConnectionClosedError } from '../connection/errors.js';
import type { MessageLink } from '../connection/link.js';
import type { CallContext, Implementation, InterfaceDefinition, SignalSink } from '../interface/definition.js';
import type { InterfaceSpec } from '../interface/spec.js';
import { Properties } from '../interface/standard.js';
import { methodCall, signal } from '../wire/messages/message.js';
import { assertObjectPath } from '../wire/names.js';
import type { AskCredentials } from './call-context.js';
import { Dispatcher } from './dispatch.js';
import { ExportError } from './errors.js';
import { type ExportedInterface, exportedInterface, type ExportedMembers } from './exported-interface.js';
import { ObjectTree } from './object-tree.js';
import { PropertyChanges } from './property-changes.js';
import { STANDARD_INTERFACE_NAMES, standardInterfaces } from './standard-interfaces.js';
import { TurnEnd } from './turn-end.js';

/** Interfaces that are exported at an object path until they are removed. */
export interface ExportedObject extends Disposable {
  readonly path: string;
  /** Removes the interfaces; calls in progress are still answered. Further calls of this function do nothing. */
  unexport(): void;
}

/** An implementation of any interface for a link with the same `Typed`. */
export type ImplementationFor<Typed extends boolean> = Implementation<InterfaceSpec, NoInfer<Typed>>;

/** The objects of one link. */
interface Exports {
  readonly tree: ObjectTree;
  readonly turnEnd: TurnEnd;
  /** The functions that remove what is exported. */
  readonly unexports: Set<() => void>;
}

const exportsByLink = new WeakMap<MessageLink<boolean>, Exports>();

function exportsOf(link: MessageLink<boolean>): Exports {
  const known = exportsByLink.get(link);
  if (known !== undefined) return known;
  const tree = new ObjectTree();
  const standard = standardInterfaces(tree, link);
  const { closedSignal } = link;
  const turnEnd = new TurnEnd();
  const dispatcher = new Dispatcher({
    tree, standard, sink: link, closedSignal, callers: callersOf(link), askCredentials: credentialsFrom(link), turnEnd,
  });
  routeCalls(link, dispatcher);
  const exports = { tree, turnEnd, unexports: new Set<() => void>() };
  // An implementation may outlive the link and must not keep it in memory. There is one listener for all objects,
  // because Node searches the whole list of listeners whenever one is added or removed.
  link.closedSignal.addEventListener('abort', () => {
    for (const unexport of [...exports.unexports]) unexport();
  });
  exportsByLink.set(link, exports);
  return exports;
}

/** How handlers ask who their callers are: undefined on a link without a bus. */
function credentialsFrom(link: MessageLink<boolean>): AskCredentials | undefined {
  return link instanceof Bus ? (name) => link.getConnectionCredentials(name) : undefined;
}

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
  if (!hasMethods(link, 'handleMethodCalls', 'send')) {
    throw argumentError('exportObject', 'the link must be a bus or a connection', link);
  }
  assertObjectPath(path);
  const list = Array.isArray(implementations) ? implementations : [implementations];
  for (const implementation of list) assertImplementation(implementation);
  link.closedSignal.throwIfAborted();
  for (const { definition } of list) {
    if (!STANDARD_INTERFACE_NAMES.has(definition.name)) continue;
    const at = { path, interface: definition.name };
    throw new ExportError('INTERFACE_STANDARD', 'the library implements it itself, on every object', at);
  }
  const exports = exportsOf(link);
  const interfaces = list.map((implementation) =>
    exportedInterface(implementation, (members) => propertyChanges(link, { path, turnEnd: exports.turnEnd }, members)),
  );
  exports.tree.add(path, interfaces);
  const detach = list.map((implementation, index) =>
    implementation.attach(signalSink(link, path, interfaces[index]!)), // of the same length
  );
  const unexport = (): void => {
    exports.unexports.delete(unexport);
    for (const { changes } of interfaces) changes?.announceNow();
    exports.tree.remove(path, interfaces);
    for (const end of detach.splice(0)) end();
  };
  exports.unexports.add(unexport);
  return { path, unexport, [Symbol.dispose]: unexport };
}

function assertImplementation(value: Implementation): void {
  if (hasMethods(value, 'emit', 'attach')) return;
  const must = 'an implementation must be returned by the implement() of a definition';
  const fail = (found: string): never => {
    throw new ArgumentError('ARGUMENT_INVALID', `${must}, got ${found}`, { owner: 'exportObject' });
  };
  if (hasMethods(value, 'implement')) {
    const { name } = value as unknown as InterfaceDefinition; // it looks like one
    fail(`the definition of ${name}: call its implement() with the handlers`);
  }
  if (hasHandlers(value)) fail('an object of handlers: pass it to implement()');
  throw argumentError('exportObject', must, value);
}

/** Whether a value looks like the argument of implement(). */
function hasHandlers(value: unknown): boolean {
  return typeof value === 'object' && value !== null && ('methods' in value || 'properties' in value);
}

/** A signal without the path of its object. */
interface OutgoingSignal {
  readonly interface: string;
  readonly member: string;
  readonly signature: string;
  readonly body: readonly unknown[];
  readonly destination?: string | undefined;
}

/** Sends a signal of an object. Does nothing if the link is closed; counts the signal if it is being restored. */
function sendSignal(link: MessageLink<boolean>, path: string, content: OutgoingSignal): void {
  const { interface: interfaceName, member, signature, body, destination } = content;
  try {
    link.send(signal({ path, interface: interfaceName, member, signature, body, destination }));
  } catch (error) {
    if (!(error instanceof ConnectionClosedError)) throw error;
    if (error.code === 'CONNECTION_LOST') countDrop(link, 'undeliverable', { error });
  }
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

/** Announces the property changes of one interface of one object. */
function propertyChanges(
  link: MessageLink<boolean>, { path, turnEnd }: { readonly path: string; readonly turnEnd: TurnEnd },
  members: ExportedMembers,
): PropertyChanges {
  const { name: interfaceName } = members;
  return new PropertyChanges(members, {
    send: (changed, invalidated) => {
      const { args: signature } = Properties.signals.PropertiesChanged;
      const body = [interfaceName, changed, invalidated];
      sendSignal(link, path, { interface: Properties.name, member: 'PropertiesChanged', signature, body });
    },
    contextFor: (name) => ownContext(link, path, { interfaceName, name }),
    turnEnd,
  });
}

/** The context of a `get` that runs for an announcement: the same as in a call of Get, but without a sender. */
function ownContext(
  { closedSignal }: MessageLink<boolean>,
  path: string,
  { interfaceName, name }: { interfaceName: string; name: string },
): CallContext {
  const body = [interfaceName, name] as const;
  const message = methodCall({ path, interface: Properties.name, member: 'Get', signature: 'ss', body });
  return { sender: undefined, message, signal: closedSignal, credentials: async () => undefined };
}
