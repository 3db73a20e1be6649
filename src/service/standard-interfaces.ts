// The interfaces that every object has without being told: Peer, Introspectable and Properties, answered from the tree.
// They are implementations like any other; the object concerned is the one that the call names.
// Specification: Standard Interfaces, Introspection Data Format.
import type { CallContext } from '../interface/definition.js';
import { formatIntrospection } from '../interface/format-introspection.js';
import { Introspectable, Peer, Properties } from '../interface/standard.js';
import type { StandardInterfaces } from './dispatch.js';
import { type ExportedInterface, exportedInterface } from './exported-interface.js';
import { readMachineId } from './machine-id.js';
import type { ObjectNode, ObjectTree } from './object-tree.js';
import { findProperty, getAllProperties, getProperty, setProperty } from './properties.js';
import type { ExportedPropertyChanges } from './property-changes.js';
import { unknownObject } from './refusals.js';

/** Names that no object can export an implementation of its own of. */
export const STANDARD_INTERFACE_NAMES: ReadonlySet<string> = new Set([Peer.name, Introspectable.name, Properties.name]);

/** The interfaces that the library answers for the objects of a tree. */
export function standardInterfaces(tree: ObjectTree, changes: ExportedPropertyChanges): StandardInterfaces {
  const nodeOf = ({ message }: CallContext): ObjectNode => {
    const node = tree.get(message.path);
    if (node === undefined) throw unknownObject(message.path);
    return node;
  };

  const peer = exportedInterface(
    Peer.implement({ methods: { Ping: () => {}, GetMachineId: () => readMachineId() } }),
  );
  const introspectable = exportedInterface(
    Introspectable.implement({ methods: { Introspect: (context) => introspect(nodeOf(context)) } }),
  );
  const properties = exportedInterface(
    Properties.implement({
      methods: {
        Get: (interfaceName, name, context) =>
          getProperty(findProperty(nodeOf(context), { interfaceName, name }, onObject), context),
        GetAll: (interfaceName, context) =>
          getAllProperties(nodeOf(context), interfaceName, { standard: onObject, context }),
        Set: async (interfaceName, name, value, context) => {
          const found = findProperty(nodeOf(context), { interfaceName, name }, onObject);
          await setProperty(found, value, context);
          await changes.get(found.exported)?.announce([name]);
        },
      },
    }),
  );

  const byName = (...interfaces: readonly ExportedInterface[]): ReadonlyMap<string, ExportedInterface> =>
    new Map(interfaces.map((exported) => [exported.name, exported]));
  const onAnyPath = byName(peer); // whether there is an object or not ‹org.freedesktop.DBus.Peer›
  const onParent = byName(peer, introspectable);
  const onObject = byName(peer, introspectable, properties);

  const introspect = (node: ObjectNode): string =>
    formatIntrospection({
      interfaces: [...node.interfaces.values(), ...standardOf(node).values()].map(({ definition }) => definition),
      children: [...node.children],
    });
  const standardOf: StandardInterfaces = (node) => {
    if (node === undefined) return onAnyPath;
    return node.interfaces.size === 0 ? onParent : onObject;
  };
  return standardOf;
}
