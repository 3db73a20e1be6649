// One path of the objects of a link, and the functions that find the objects of a subtree. It knows no messages.
// Tests: object-tree.test.ts, export-subtree.test.ts. Specification: Object Paths.
import type { CallContext } from '../interface/definition.js';
import type { ExportedInterface } from './exported-interface.js';

/** One path of the tree. */
export interface ObjectNode {
  readonly path: string;
  /** By name, in the order of export; empty if the node is only a parent of exported objects. */
  readonly interfaces: ReadonlyMap<string, ExportedInterface>;
  /** The next path elements of the nodes below. */
  readonly children: ReadonlySet<string>;
  /** Finds the objects of paths below that have no interfaces of their own. */
  readonly subtree?: NodeFinder | undefined;
}

/** A path of a subtree, by its elements below the root; `known` is the node that the tree has at the path. */
export interface PathBelow {
  readonly elements: readonly string[];
  readonly known: ObjectNode | undefined;
  readonly context: CallContext;
}

/** Finds the objects of a subtree. */
export interface NodeFinder {
  /** Whether it covers paths of any depth; otherwise one element. */
  readonly isDeep: boolean;
  /** The object at a path, or a parent of objects; undefined if there is none. Throws and rejects as handlers do. */
  find(path: string, below: PathBelow): ObjectNode | undefined | PromiseLike<ObjectNode | undefined>;
  /** Notes that an answer lists an object that was found. */
  noteListed(node: ObjectNode): void;
  /** The elements that exist below the root (for no elements) or below a path. Never throws. */
  children(elements: readonly string[], context: CallContext): ReadonlySet<string> | PromiseLike<ReadonlySet<string>>;
}

/** Whether there is an object at a path of the tree, and not only a parent of others. */
export function hasInterfaces(node: ObjectNode | undefined): boolean {
  return node !== undefined && node.interfaces.size > 0;
}
