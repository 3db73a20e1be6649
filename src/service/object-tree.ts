// The objects that one connection exports: the interfaces at each path, and the paths below it. Parents of exported
// paths are nodes too, up to "/", so that a service can be explored from its root.
// It knows no messages and no connection. Specification: Object Paths, Introspectable.
import { assertObjectPath } from '../wire/names.js';
import { ExportError } from './errors.js';
import type { ExportedInterface } from './exported-interface.js';

/** One path of the tree. */
export interface ObjectNode {
  readonly path: string;
  /** By name, in the order of export; empty if the node is only a parent of exported objects. */
  readonly interfaces: ReadonlyMap<string, ExportedInterface>;
  /** The next path elements of the nodes below. */
  readonly children: ReadonlySet<string>;
}

class Node implements ObjectNode {
  readonly path: string;
  readonly interfaces = new Map<string, ExportedInterface>();
  readonly children = new Set<string>();

  constructor(path: string) {
    this.path = path;
  }

  get isEmpty(): boolean {
    return this.interfaces.size === 0 && this.children.size === 0;
  }
}

/** The parent of a path and its last element; undefined for the root, which has no parent. */
function splitPath(path: string): { readonly parent: string; readonly element: string } | undefined {
  if (path === '/') return undefined;
  const slash = path.lastIndexOf('/');
  return { parent: slash === 0 ? '/' : path.slice(0, slash), element: path.slice(slash + 1) };
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
        throw new ExportError('INTERFACE_EXPORTED', 'the object has it already', { path, interface: name });
      }
      names.add(name);
    }
    if (interfaces.length === 0) return;
    const node = this.#nodes.get(path) ?? this.#create(path);
    for (const exported of interfaces) node.interfaces.set(exported.name, exported);
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
