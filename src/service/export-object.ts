// Exporting implementations on object paths of a connection: the one door between an application and the calls that
// arrive. Each connection has its tree here, made with its first export. Specification: Object Paths, Interfaces.
import { argumentError, hasMethods } from '../wire/arguments.js';
import { ArgumentError } from '../wire/errors.js';
import type { Connection } from '../connection/connection.js';
import { ConnectionClosedError } from '../connection/errors.js';
import type { CallContext, Implementation, InterfaceDefinition, SignalSink } from '../interface/definition.js';
import { Properties } from '../interface/standard.js';
import { methodCall, signal } from '../wire/messages/message.js';
import { assertObjectPath } from '../wire/names.js';
import { Dispatcher } from './dispatch.js';
import { ExportError } from './errors.js';
import { type ExportedInterface, exportedInterface } from './exported-interface.js';
import { ObjectTree } from './object-tree.js';
import { PropertyChanges } from './property-changes.js';
import { STANDARD_INTERFACE_NAMES, standardInterfaces } from './standard-interfaces.js';

/** Something with a connection: a bus. A connection without a bus stands for itself. */
export type ExportTarget = { readonly connection: Connection } | Connection;

/** Interfaces that stand at an object path until they are taken away. */
export interface ExportedObject extends Disposable {
  readonly path: string;
  /** Takes the interfaces away again; calls in progress still get their answers. Further calls do nothing. */
  unexport(): void;
}

/** What is exported on one connection. */
interface Exports {
  readonly connection: Connection;
  readonly tree: ObjectTree;
  readonly changes: WeakMap<ExportedInterface, PropertyChanges>;
}

const exportsByConnection = new WeakMap<Connection, Exports>();

function exportsOf(connection: Connection): Exports {
  const known = exportsByConnection.get(connection);
  if (known !== undefined) return known;
  const tree = new ObjectTree();
  const changes = new WeakMap<ExportedInterface, PropertyChanges>();
  const standard = standardInterfaces(tree, changes);
  const dispatcher = new Dispatcher({ tree, standard, sink: connection, signal: connection.signal });
  connection.handleMethodCalls((call) => dispatcher.dispatch(call));
  const exports = { connection, tree, changes };
  exportsByConnection.set(connection, exports);
  return exports;
}

/**
 * Exports one implementation, or several of different interfaces, on an object path. To be done before the name is
 * requested, so that who finds the name finds the object. Further interfaces can be added to the same path later.
 * @throws {InvalidNameError} where the path is none
 * @throws {ExportError} where the object has one of the interfaces already, or the library answers it itself
 * @throws {ArgumentError} if the target or an implementation is something else, such as a definition or a promise
 */
export function exportObject(
  target: ExportTarget,
  path: string,
  implementations: Implementation | readonly Implementation[],
): ExportedObject {
  const connection = connectionOf(target);
  assertObjectPath(path);
  const list = Array.isArray(implementations) ? implementations : [implementations];
  for (const implementation of list) assertImplementation(implementation);
  for (const { definition } of list) {
    if (!STANDARD_INTERFACE_NAMES.has(definition.name)) continue;
    const at = { path, interfaceName: definition.name };
    throw new ExportError('INTERFACE_STANDARD', 'the library answers it itself, on every object', at);
  }
  const exports = exportsOf(connection);
  const pairs = list.map((implementation) => ({ implementation, exported: exportedInterface(implementation) }));
  const interfaces = pairs.map(({ exported }) => exported);
  exports.tree.add(path, interfaces);
  const detach = pairs.map(({ implementation, exported }) =>
    implementation.attach(signalSink(exports, path, exported)),
  );
  const unexport = (): void => {
    connection.signal.removeEventListener('abort', unexport);
    exports.tree.remove(path, interfaces);
    for (const end of detach.splice(0)) end();
  };
  // An implementation may outlive its connection, and must not keep what belongs to that.
  connection.signal.addEventListener('abort', unexport);
  return { path, unexport, [Symbol.dispose]: unexport };
}

function connectionOf(target: ExportTarget): Connection {
  const isObject = typeof target === 'object' && target !== null;
  const connection = isObject && 'connection' in target ? target.connection : target;
  if (hasMethods(connection, 'handleMethodCalls', 'send')) return connection as Connection; // it behaves as one
  throw argumentError('exportObject', 'the target must be a Bus or a Connection', target);
}

function assertImplementation(value: Implementation): void {
  if (hasMethods(value, 'emit', 'attach')) return;
  const must = 'an implementation must be what the implement() of a definition has returned';
  if (!hasMethods(value, 'implement')) throw argumentError('exportObject', must, value);
  const { name } = value as unknown as InterfaceDefinition; // it is one, or looks like one
  const problem = `${must}, got the definition of ${name}: call its implement() with the handlers`;
  throw new ArgumentError('ARGUMENT_INVALID', problem, { owner: 'exportObject' });
}

/** Where the signals of one interface of one object go. On a connection that has ended they are nobody's any more. */
function signalSink({ connection, changes }: Exports, path: string, exported: ExportedInterface): SignalSink {
  const send = (parts: { interface: string; member: string; signature: string; body: readonly unknown[] }): void => {
    try {
      connection.send(signal({ path, ...parts }));
    } catch (error) {
      if (!(error instanceof ConnectionClosedError)) throw error;
    }
  };
  const propertyChanges = new PropertyChanges({
    exported,
    send: (changed, invalidated) => {
      const { args: signature } = Properties.signals.PropertiesChanged;
      const body = [exported.name, changed, invalidated];
      send({ interface: Properties.name, member: 'PropertiesChanged', signature, body });
    },
    contextFor: (name) => ownContext(connection, path, { interfaceName: exported.name, name }),
  });
  changes.set(exported, propertyChanges);
  return {
    signal: (member, signature, body) => send({ interface: exported.name, member, signature, body }),
    propertiesChanged: (names) => void propertyChanges.announce(names),
  };
}

/** What a `get` is told when its value is read for an announcement: a Get that nobody has sent. */
function ownContext(
  { signal }: Connection,
  path: string,
  { interfaceName, name }: { interfaceName: string; name: string },
): CallContext {
  const body = [interfaceName, name] as const;
  const message = methodCall({ path, interface: Properties.name, member: 'Get', signature: 'ss', body });
  return { sender: undefined, message, signal };
}
