// Announces the objects of one subtree that the application says were added or removed, through the object managers
// above them. It remembers which interfaces clients know of, because the handlers no longer have an object that was
// removed. It knows no calls. Tests: export-subtree.test.ts. Specification: org.freedesktop.DBus.ObjectManager.
import type { MessageLink } from '../connection/link.js';
import { ObjectManager } from '../interface/standard.js';
import { argumentError } from '../wire/arguments.js';
import { ArgumentError } from '../wire/errors.js';
import { isPromiseLike } from './exported-interface.js';
import { reportHandlerError } from './failure-reports.js';
import type { FoundObjects } from './found-objects.js';
import type { Announcement, ObjectManagers } from './object-managers.js';
import type { NodeFinder, ObjectNode } from './object-node.js';
import { type ObjectTree, pathBelow } from './object-tree.js';
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

/** Most objects whose interfaces are remembered; beyond this, those that were added or listed first are forgotten. */
const MAX_KNOWN = 200_000;
/** The function that got the handlers, in texts of errors. */
const OWNER = 'exportSubtree';
const ELEMENT = /^[A-Za-z0-9_]+$/;

/** The announcements of one subtree. */
export class SubtreeChanges {
  readonly #options: SubtreeChangesOptions;
  /** The interfaces that clients know, of each object that was announced or listed. */
  readonly #known = new Map<string, readonly string[]>();
  #hasEnded = false;

  constructor(options: SubtreeChangesOptions) {
    this.#options = options;
  }

  /** Notes an object that clients get to know. */
  note({ path, interfaces }: ObjectNode): void {
    if (interfaces.size === 0) return;
    this.#known.delete(path); // it becomes the last
    this.#known.set(path, [...interfaces.keys()]);
    if (this.#known.size <= MAX_KNOWN) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      break;
    }
  }

  /** Announces the object that the handlers have at a path. @throws {ArgumentError} if `elements` are not a path */
  added(elements: readonly string[]): void {
    const path = this.#pathOf('emitAdded', elements);
    if (!this.#isAnnounced(path)) return;
    this.#announce(path, elements, {
      member: 'InterfacesAdded',
      prepare: (node) => {
        if (node === undefined || node.interfaces.size === 0) {
          const rule = 'the handler "object" must return one before emitAdded() is called';
          throw new ArgumentError('ARGUMENT_INVALID', `there is no object at ${path}: ${rule}`, { owner: OWNER });
        }
        const { ready, send } = this.#options.managers.prepareAdded(path, [...node.interfaces.values()]);
        return {
          ready,
          send: () => {
            if (this.#hasEnded) return;
            this.#options.objects.replace(path, node.interfaces.values());
            this.#sendRemoved(path, this.#known.get(path)?.filter((name) => !node.interfaces.has(name)));
            send();
            this.note(node);
          },
        };
      },
    });
  }

  /** Announces that the object at a path is removed. @throws {ArgumentError} if `elements` are not a path */
  removed(elements: readonly string[]): void {
    const path = this.#pathOf('emitRemoved', elements);
    this.#options.objects.forget(path);
    if (!this.#isAnnounced(path)) return;
    const prepare = (node: ObjectNode | undefined): Announcement => ({
      send: () => {
        if (this.#hasEnded) return;
        this.#sendRemoved(path, this.#known.get(path) ?? [...node?.interfaces.keys() ?? []]);
        this.#known.delete(path);
      },
    });
    const isKnown = this.#known.has(path) || heldSignalsOf(this.#options.link).has(path); // or will be, when it is sent
    if (isKnown) this.#options.managers.announce(path, prepare(undefined));
    else this.#announce(path, elements, { member: 'InterfacesRemoved', prepare });
  }

  /** Asks the handlers for an object, and announces what `prepare` makes of it. Failures are reported. */
  #announce(
    path: string, elements: readonly string[],
    { member, prepare }: {
      readonly member: string; readonly prepare: (node: ObjectNode | undefined) => Announcement;
    },
  ): void {
    const { link, tree, managers, subtree } = this.#options;
    const report = (error: unknown): undefined => {
      reportHandlerError({ error, interface: ObjectManager.name, member, call: undefined });
    };
    try {
      const found = subtree.find(path, { elements, known: tree.get(path), context: ownObjectContext(link, path) });
      if (isPromiseLike(found)) managers.announceLater(path, Promise.resolve(found).then(prepare).catch(report));
      else managers.announce(path, prepare(found));
    } catch (error) {
      report(error);
    }
  }

  #sendRemoved(path: string, names: readonly string[] = []): void {
    this.#options.managers.sendRemoved(path, names);
  }

  /** Announces that all known objects are removed. */
  end(): void {
    const known = [...this.#known];
    this.#known.clear();
    this.#hasEnded = true;
    if (this.#options.link.closedSignal.aborted) return;
    for (const [path, names] of known) {
      if (this.#isExported(path)) continue;
      this.#options.managers.announce(path, { send: () => this.#sendRemoved(path, names) });
    }
  }

  #isExported(path: string): boolean {
    return (this.#options.tree.get(path)?.interfaces.size ?? 0) > 0;
  }

  /** Whether the objects at a path are those of this subtree, and there is a manager above. */
  #isAnnounced(path: string): boolean {
    const { tree, managers, subtree } = this.#options;
    if (this.#hasEnded || this.#isExported(path) || !managers.isManaged(path)) return false;
    return tree.subtreeOf(path)?.subtree === subtree;
  }

  #pathOf(method: string, elements: readonly unknown[]): string {
    const { root, subtree } = this.#options;
    const owner = `${OWNER}.${method}`;
    if (elements.length === 0 || (!subtree.isDeep && elements.length > 1)) {
      const must = subtree.isDeep ? 'one path element or more' : 'one path element';
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
