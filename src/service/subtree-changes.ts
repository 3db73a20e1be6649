// Announces the objects of one subtree that the application says were added or removed, through the object managers
// above them. It remembers which interfaces clients know of, because the handlers no longer have an object that was
// removed. It knows no calls. Tests: export-subtree.test.ts. Specification: org.freedesktop.DBus.ObjectManager.
import type { MessageLink } from '../connection/link.js';
import { beginSearch } from '../interface/early-signals.js';
import { ObjectManager } from '../interface/standard.js';
import { argumentError } from '../wire/arguments.js';
import { ArgumentError } from '../wire/errors.js';
import { OldestFirst } from '../wire/oldest-first.js';
import { isPromiseLike } from './exported-interface.js';
import { reportHandlerError } from './failure-reports.js';
import type { FoundObjects } from './found-objects.js';
import type { Addition as PreparedAddition, Announcement, ObjectManagers } from './object-managers.js';
import { hasInterfaces, type NodeFinder, type ObjectNode } from './object-node.js';
import { MAX_SUBTREE_DEPTH, type ObjectTree, pathBelow } from './object-tree.js';
import { heldSignalsOf, ownObjectContext } from './outgoing-signals.js';

/** The subtree, and the objects of its link. */
export interface SubtreeChangesOptions {
  readonly link: MessageLink<boolean>;
  readonly tree: ObjectTree;
  readonly managers: ObjectManagers;
  readonly root: string;
  readonly subtree: NodeFinder;
  readonly objects: FoundObjects;
}

/** An object that was announced as added, and whose InterfacesAdded is not sent yet. */
interface Addition {
  /** Whether the handlers are still looking for the object. */
  isSought: boolean;
  /** Whether it was announced again meanwhile: the handlers must be asked again. */
  isRepeated: boolean;
  /** Whether it was announced as removed since. */
  isRemoved: boolean;
  /** Whether its InterfacesRemoved has already been sent: its InterfacesAdded is then too late. */
  isPast: boolean;
  /** When the handlers were asked, and the end of this search. */
  readonly search: ReturnType<typeof beginSearch>;
  /** Ends the wait for its values; undefined at first. */
  release: (() => void) | undefined;
  /** What is to be sent; undefined while the handlers are looking for the object. */
  prepared: PreparedAddition | undefined;
}

/** The most objects whose interfaces are remembered; above it, those added or listed first are forgotten. */
const MAX_KNOWN = 200_000;
/** How often one object may be announced as added while the handlers are looking for it. */
const MAX_ADDITIONS = 1_000;
/** The function that got the handlers, in texts of errors. */
const OWNER = 'exportSubtree';
const ELEMENT = /^[A-Za-z0-9_]+$/;

/** The announcements of one subtree. */
export class SubtreeChanges {
  readonly #options: SubtreeChangesOptions;
  /** The interfaces that clients know, of each object that was announced or listed. */
  readonly #known = new Map<string, readonly string[]>();
  readonly #oldestKnown = new OldestFirst(this.#known);
  /** The objects that are being announced as added, in order. */
  readonly #additions = new Map<string, Addition[]>();
  #hasEnded = false;

  constructor(options: SubtreeChangesOptions) {
    this.#options = options;
  }

  /** Notes an object that clients get to know. */
  note({ path, interfaces }: ObjectNode): void {
    if (interfaces.size === 0 || this.#hasEnded) return;
    this.#known.delete(path); // it becomes the last
    this.#known.set(path, [...interfaces.keys()]);
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#oldestKnown.take()!); // there is one
  }

  /** Announces the object that the handlers have at a path. @throws {ArgumentError} if `elements` are not a path */
  added(elements: readonly string[]): void {
    const path = this.#pathOf('emitAdded', elements);
    const { managers } = this.#options;
    if (!this.#isOurs(path) || !managers.isManaged(path)) return;
    const additions = this.#additions.get(path) ?? [];
    const last = additions.at(-1);
    if (last?.isSought && !last.isRemoved && last.release !== undefined && managers.isLast(path, last.release)) {
      last.isRepeated = true; // it is announced once, with what the handlers have then
      return;
    }
    if (additions.length >= MAX_ADDITIONS) {
      const found = `${MAX_ADDITIONS} announcements of ${path} wait for the handler "object"`;
      const error = new Error(`${found}: it must answer before the object is announced again`);
      return reportHandlerError({ error, interface: ObjectManager.name, member: 'InterfacesAdded', call: undefined });
    }
    const addition: Addition = {
      isSought: true, isRepeated: false, isRemoved: false, isPast: false, search: beginSearch(),
      release: undefined, prepared: undefined,
    };
    this.#additions.set(path, additions);
    additions.push(addition);
    const prepare = (node: ObjectNode | undefined): Announcement | undefined => {
      addition.isSought = false;
      addition.search.end();
      if (!hasInterfaces(node)) return this.#nothingToAdd(path, addition);
      addition.prepared = managers.prepareAdded(path, [...node!.interfaces.values()]); // it has interfaces
      addition.prepared.isRemoved = addition.isRemoved;
      return { ready: addition.prepared.ready, send: () => this.#sendAdded(node!, addition) };
    };
    addition.release = this.#announce(path, elements, {
      member: 'InterfacesAdded', prepare,
      isAgain: () => {
        const { isRepeated } = addition;
        addition.isRepeated = false;
        return isRepeated;
      },
      failed: () => this.#end(path, addition),
    });
  }

  /** When the object at a path was announced as added, if its InterfacesAdded is not sent yet; see beginSearch(). */
  addedAt(path: string): number | undefined {
    const additions = this.#additions.get(path) ?? [];
    const removed = additions.findLastIndex(({ isRemoved }) => isRemoved);
    return additions[removed + 1]?.search.since;
  }

  #nothingToAdd(path: string, addition: Addition): undefined {
    this.#end(path, addition);
    if (addition.isRemoved) return; // it was removed before the handlers were asked, or while they were looking
    const rule = 'the handler "object" must return one when emitAdded() asks for it';
    throw new ArgumentError('ARGUMENT_INVALID', `there is no object at ${path}: ${rule}`, { owner: OWNER });
  }

  #sendAdded(node: ObjectNode, addition: Addition): void {
    const { path, interfaces } = node;
    this.#end(path, addition);
    if (this.#hasEnded || addition.isPast) return;
    if (!addition.isRemoved) this.#options.objects.replace(path, interfaces.values());
    this.#sendRemoved(path, this.#known.get(path)?.filter((name) => !interfaces.has(name)));
    addition.prepared?.send();
    this.note(node);
  }

  #end(path: string, addition: Addition): void {
    addition.isSought = false;
    addition.search.end();
    const left = this.#additions.get(path)?.filter((other) => other !== addition) ?? [];
    if (left.length === 0) this.#additions.delete(path);
    else this.#additions.set(path, left);
  }

  /** Announces that the object at a path is removed. @throws {ArgumentError} if `elements` are not a path */
  removed(elements: readonly string[]): void {
    const path = this.#pathOf('emitRemoved', elements);
    const { link, tree, managers, objects, subtree } = this.#options;
    if (this.#hasEnded) return;
    objects.forget(path);
    const before = (this.#additions.get(path) ?? []).filter(({ isRemoved }) => !isRemoved);
    for (const addition of before) {
      addition.isRemoved = true;
      if (addition.prepared !== undefined) addition.prepared.isRemoved = true;
    }
    if (!managers.isManaged(path) || tree.subtreeOf(path)?.subtree !== subtree) return;
    if (hasInterfaces(tree.get(path)) && !this.#known.has(path)) return;
    const isKnown = this.#known.has(path) || heldSignalsOf(link).has(path); // or will be, when it is sent
    const prepare = (node: ObjectNode | undefined): Announcement => ({
      send: () => {
        if (this.#hasEnded) return;
        for (const addition of before) addition.isPast = true;
        // The handlers may have been asked about the removed object since; an object that was added since stays.
        if ((this.#additions.get(path) ?? []).every(({ isRemoved }) => isRemoved)) objects.forget(path);
        this.#sendRemoved(path, this.#known.get(path) ?? [...node?.interfaces.keys() ?? []]);
        this.#known.delete(path);
      },
    });
    if (isKnown) managers.announce(path, prepare(undefined));
    else this.#announce(path, elements, { member: 'InterfacesRemoved', prepare });
  }

  /**
   * Asks the handlers for an object, again if `isAgain` says so, and announces what `prepare` makes of it. Failures are
   * reported. Returns the function that ends the wait, if it waits.
   */
  #announce(
    path: string, elements: readonly string[],
    { member, prepare, isAgain, failed }: {
      readonly member: string; readonly prepare: (node: ObjectNode | undefined) => Announcement | undefined;
      readonly isAgain?: () => boolean; readonly failed?: () => void;
    },
  ): (() => void) | undefined {
    const { link, tree, managers, subtree } = this.#options;
    const report = (error: unknown): undefined => {
      failed?.();
      reportHandlerError({ error, interface: ObjectManager.name, member, call: undefined });
    };
    const find = (): ReturnType<NodeFinder['find']> => (
      subtree.find(path, { elements, known: tree.get(path), context: ownObjectContext(link, path) })
    );
    const findLater = async (found: PromiseLike<ObjectNode | undefined>): Promise<Announcement | undefined> => {
      let node = await Promise.resolve(found).catch((error: unknown) => {
        if (isAgain?.() !== true) throw error;
        return find();
      });
      while (isAgain?.() === true) node = await find();
      return prepare(node);
    };
    try {
      const found = find();
      if (isPromiseLike(found)) return managers.announceLater(path, findLater(found).catch(report));
      const announcement = prepare(found);
      return announcement === undefined ? undefined : managers.announce(path, announcement);
    } catch (error) {
      report(error);
      return undefined;
    }
  }

  /** Announces interfaces that are removed, unless an exported object has them now. */
  #sendRemoved(path: string, names: readonly string[] = []): void {
    const { tree, managers } = this.#options;
    const exported = tree.get(path)?.interfaces;
    managers.sendRemoved(path, exported === undefined ? names : names.filter((name) => !exported.has(name)));
  }

  /** Announces that all known objects are removed. */
  end(): void {
    const known = [...this.#known];
    this.#known.clear();
    this.#hasEnded = true;
    if (this.#options.link.closedSignal.aborted) return;
    for (const [path, names] of known) {
      this.#options.managers.announce(path, { send: () => this.#sendRemoved(path, names) });
    }
  }

  /** Whether the object at a path is of this subtree. */
  #isOurs(path: string): boolean {
    const { tree, subtree } = this.#options;
    return !this.#hasEnded && !hasInterfaces(tree.get(path)) && tree.subtreeOf(path)?.subtree === subtree;
  }

  #pathOf(method: string, elements: readonly unknown[]): string {
    const { root, subtree } = this.#options;
    const owner = `${OWNER}.${method}`;
    if (elements.length === 0 || elements.length > (subtree.isDeep ? MAX_SUBTREE_DEPTH : 1)) {
      const must = subtree.isDeep ? `1 to ${MAX_SUBTREE_DEPTH} path elements` : 'one path element';
      throw new ArgumentError('ARGUMENT_INVALID', `expected ${must} below ${root}, got ${elements.length}`, { owner });
    }
    let path = root;
    for (const element of elements) {
      if (typeof element !== 'string' || !ELEMENT.test(element)) {
        throw argumentError(owner, 'a path element must have one or more of [A-Za-z0-9_]', element);
      }
      path = pathBelow(path, element);
    }
    return path;
  }
}
