// The objects that one connection exports: the interfaces at each path, and the paths below it. Parents of exported
// paths are nodes too, up to "/", so that a service can be explored from its root.
// It knows no messages and no connection. Specification: Object Paths, Introspectable.
import { assertObjectPath } from '../wire/names.js';
import { ExportError } from './errors.js';
import type { ExportedInterface } from './exported-interface.js';
import type { NodeFinder, ObjectNode } from './object-node.js';

class Node implements ObjectNode {
  readonly path: string;
  subtree: NodeFinder | undefined;
  readonly interfaces = new Map<string, ExportedInterface>();
  readonly children = new Set<string>();

  constructor(path: string) {
    this.path = path;
  }

  get isEmpty(): boolean {
    return this.interfaces.size === 0 && this.children.size === 0 && this.subtree === undefined;
  }
}

/** The subtree for a path, and the index in the path at which the elements below its root begin. */
export interface FoundSubtree {
  readonly subtree: NodeFinder;
  readonly below: number;
}

/** The path of a child. */
export function pathBelow(path: string, element: string): string {
  return path === '/' ? `/${element}` : `${path}/${element}`;
}

/** The parent of a path and its last element; undefined for the root, which has no parent. */
function splitPath(path: string): { readonly parent: string; readonly element: string } | undefined {
  if (path === '/') return undefined;
  const slash = path.lastIndexOf('/');
  return { parent: slash === 0 ? '/' : path.slice(0, slash), element: path.slice(slash + 1) };
}

/**
 * The most elements below the root of a subtree. Callers choose the paths of their calls, and each element becomes a
 * string for the handlers: a path with many short elements would take ten times its length.
 */
export const MAX_SUBTREE_DEPTH = 256;

/** Whether a path has at most `most` elements after an index. */
function hasElements(path: string, from: number, most: number): boolean {
  let slash = from - 1;
  for (let count = 0; count < most; count++) {
    slash = path.indexOf('/', slash + 1);
    if (slash === -1) return true;
  }
  return false;
}

/** The objects of one connection. The root always exists. */
export class ObjectTree {
  readonly #nodes = new Map<string, Node>([['/', new Node('/')]]);

  /** The node at a path: an object, or a parent of one. */
  get(path: string): ObjectNode | undefined {
    return this.#nodes.get(path);
  }

  /**
   * Adds interfaces to the object at a path: all of them, or none if one is refused.
   * @throws {InvalidNameError} if `path` is not an object path
   * @throws {ExportError} if the object has one of the interfaces already
   */
  add(path: string, interfaces: readonly ExportedInterface[]): void {
    assertObjectPath(path);
    const names = new Set(this.#nodes.get(path)?.interfaces.keys());
    for (const { name } of interfaces) {
      if (names.has(name)) {
        const problem = 'the object has it already: it must be exported once';
        throw new ExportError('INTERFACE_EXPORTED', problem, { path, interface: name });
      }
      names.add(name);
    }
    if (interfaces.length === 0) return;
    const node = this.#nodes.get(path) ?? this.#create(path);
    for (const exported of interfaces) node.interfaces.set(exported.name, exported);
  }

  /**
   * Sets the handlers of the paths below a path; returns the function that removes them.
   * @throws {InvalidNameError} if `path` is not an object path
   * @throws {ExportError} if the path has such handlers already
   */
  addSubtree(path: string, subtree: NodeFinder): () => void {
    assertObjectPath(path);
    if (this.#nodes.get(path)?.subtree !== undefined) {
      const problem = 'the path has handlers of a subtree already: it must have one subtree';
      throw new ExportError('SUBTREE_EXPORTED', problem, { path, interface: '' });
    }
    const node = this.#nodes.get(path) ?? this.#create(path);
    node.subtree = subtree;
    return () => {
      if (node.subtree !== subtree) return;
      node.subtree = undefined;
      this.#prune(node);
    };
  }

  /** The subtree that answers for a path, the nearest if there are several. */
  subtreeOf(path: string): FoundSubtree | undefined {
    let found: FoundSubtree | undefined;
    // All parents of a root are nodes: the path of a call is examined only as far as there are nodes.
    for (let end = 0; end !== -1 && path !== '/'; end = path.indexOf('/', end + 1)) {
      const node = this.#nodes.get(end === 0 ? '/' : path.slice(0, end));
      if (node === undefined) break;
      const below = end + 1;
      if (node.subtree === undefined) continue;
      const depth = node.subtree.isDeep ? MAX_SUBTREE_DEPTH : 1;
      if (hasElements(path, below, depth)) found = { subtree: node.subtree, below };
    }
    return found;
  }

  /** The subtree that answers for paths far below a path, if no nearer one does. Its root is at the path or above. */
  deepSubtreeAt(path: string): FoundSubtree | undefined {
    const root = this.#nodes.get('/')?.subtree;
    let found: FoundSubtree | undefined = root?.isDeep === true ? { subtree: root, below: 1 } : undefined;
    for (let end = 0; end !== path.length && path !== '/';) {
      const slash = path.indexOf('/', end + 1);
      end = slash === -1 ? path.length : slash;
      const node = this.#nodes.get(path.slice(0, end));
      if (node === undefined) break;
      if (node.subtree?.isDeep === true) found = { subtree: node.subtree, below: end + 1 };
    }
    return found;
  }

  /** All nodes below a path, parents first. */
  *below(path: string): Generator<ObjectNode> {
    const waiting = [...this.#childrenOf(this.#nodes.get(path))];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      yield node;
      for (const child of this.#childrenOf(node)) waiting.push(child);
    }
  }

  *#childrenOf(node: Node | undefined): Generator<Node> {
    if (node === undefined) return;
    for (const element of node.children) yield this.#nodes.get(pathBelow(node.path, element))!; // each child is a node
  }

  /** Removes interfaces, and with the last one the object and all parents that are left without objects below. */
  remove(path: string, interfaces: readonly ExportedInterface[]): void {
    const node = this.#nodes.get(path);
    if (node === undefined) return;
    for (const exported of interfaces) {
      // By identity: another implementation may have been exported under the same name since.
      if (node.interfaces.get(exported.name) === exported) node.interfaces.delete(exported.name);
    }
    this.#prune(node);
  }

  #create(path: string): Node {
    const node = new Node(path);
    this.#nodes.set(path, node);
    let below = splitPath(path);
    while (below !== undefined) {
      const { parent, element } = below;
      const known = this.#nodes.get(parent);
      const parentNode = known ?? new Node(parent);
      parentNode.children.add(element);
      if (known !== undefined) break;
      this.#nodes.set(parent, parentNode);
      below = splitPath(parent);
    }
    return node;
  }

  #prune(node: Node): void {
    let empty: Node | undefined = node;
    while (empty?.isEmpty) {
      const above = splitPath(empty.path);
      if (above === undefined) return;
      this.#nodes.delete(empty.path);
      const parent = this.#nodes.get(above.parent);
      parent?.children.delete(above.element);
      empty = parent;
    }
  }
}
