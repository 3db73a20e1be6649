// The interfaces that the library implements for every object: Peer, Introspectable, and Properties (properties.ts).
// They are implementations like any other, and look up the object of each call.
// Tests: dispatch.test.ts, properties.test.ts. Specification: Standard Interfaces, Introspection Data Format.
import type { CallContext } from '../interface/definition.js';
import { formatIntrospection } from '../interface/format-introspection.js';
import { Introspectable, Peer, Properties } from '../interface/standard.js';
import type { Variant } from '../wire/variant.js';
import { HandlerContext, readLimitOf } from './call-context.js';
import type { StandardInterfaces } from './dispatch.js';
import { type ExportedInterface, exportedInterface, isPromiseLike } from './exported-interface.js';
import type { Refusal } from './fitting-properties.js';
import { readMachineId } from '../connection/machine-id.js';
import type { ObjectNode } from './object-node.js';
import type { ObjectTree } from './object-tree.js';
import { findProperty, getAllProperties, getProperty, setProperty } from './properties.js';
import { answered, type MessageSink, thrownRefusal, tryReturn, unknownObject } from './replies.js';

/** The names of these interfaces; applications cannot export implementations of them. */
export const STANDARD_INTERFACE_NAMES: ReadonlySet<string> = new Set([Peer.name, Introspectable.name, Properties.name]);

/** The node that a call is for. */
function nodeOf(tree: ObjectTree, context: CallContext): ObjectNode {
  const { path } = context.message;
  const node = HandlerContext.nodeOf(context) ?? tree.get(path);
  if (node === undefined) throw thrownRefusal(unknownObject(path));
  return node;
}

function peer(): ExportedInterface {
  return exportedInterface(Peer.implement({ methods: { Ping: () => {}, GetMachineId: () => readMachineId() } }));
}

const NO_CHILDREN: ReadonlySet<string> = new Set();

/** The children of a node that handlers of a subtree find. */
function foundChildren(
  tree: ObjectTree, { path }: ObjectNode, context: CallContext,
): ReadonlySet<string> | PromiseLike<ReadonlySet<string>> {
  const own = tree.get(path)?.subtree;
  if (own !== undefined) return own.children([], context);
  const above = tree.deepSubtreeAt(path); // a subtree that is not deep may have the path, but nothing below it
  return above === undefined ? NO_CHILDREN : above.subtree.children(path.slice(above.below).split('/'), context);
}

/** Introspectable; `standardOf` returns the interfaces that a node has besides the exported ones. */
function introspectable(tree: ObjectTree, standardOf: StandardInterfaces): ExportedInterface {
  const introspect = (node: ObjectNode, found: ReadonlySet<string>): string =>
    formatIntrospection({
      interfaces: [...node.interfaces.values(), ...standardOf(node).values()].map(({ definition }) => definition),
      children: [...new Set([...node.children, ...found])],
    });
  return exportedInterface(Introspectable.implement({
    methods: {
      Introspect: (context) => {
        readLimitOf(context);
        const node = nodeOf(tree, context);
        const found = foundChildren(tree, node, context);
        return isPromiseLike(found) ? found.then((names) => introspect(node, names)) : introspect(node, found);
      },
    },
  }));
}

/**
 * Properties; `standardOf` returns the interfaces that a node has besides the exported ones. Get and GetAll send their
 * replies themselves: if that fails, they can name the property that caused it.
 */
function properties(tree: ObjectTree, standardOf: StandardInterfaces, sink: MessageSink): ExportedInterface {
  return exportedInterface(
    Properties.implement({
      methods: {
        Get: (interfaceName, name, context) => {
          const node = nodeOf(tree, context);
          const { property } = findProperty(node, { interfaceName, name }, standardOf(node));
          const later = getProperty(property, context, (value) => (
            tryReturn(sink, context.message, { signature: 'v', body: [value] })
          ));
          return answered(later);
        },
        GetAll: (interfaceName, context) => {
          const node = nodeOf(tree, context);
          const send = (values: ReadonlyMap<string, Variant>): Refusal | undefined => (
            tryReturn(sink, context.message, { signature: 'a{sv}', body: [values] })
          );
          return answered(getAllProperties(node, interfaceName, { standard: standardOf(node), context, send }));
        },
        Set: (interfaceName, name, value, context) => {
          const node = nodeOf(tree, context);
          return setProperty(findProperty(node, { interfaceName, name }, standardOf(node)), value, context) as void;
        },
      },
    }),
  );
}

/** The interfaces that the library implements for the objects of a tree; some replies go directly to `sink`. */
export function standardInterfaces(tree: ObjectTree, sink: MessageSink): StandardInterfaces {
  const byName = (...interfaces: readonly ExportedInterface[]): ReadonlyMap<string, ExportedInterface> =>
    new Map(interfaces.map((exported) => [exported.name, exported]));
  const standardOf: StandardInterfaces = (node) =>
    node === undefined ? onAnyPath : node.interfaces.size === 0 ? onParent : onObject;
  const [peerInterface, introspection] = [peer(), introspectable(tree, standardOf)];
  const onAnyPath = byName(peerInterface); // even at a path without an object ‹org.freedesktop.DBus.Peer›
  const onParent = byName(peerInterface, introspection);
  const onObject = byName(peerInterface, introspection, properties(tree, standardOf, sink));
  return standardOf;
}
