// The object managers of one link: the objects below each, the signals for objects that are added and removed, and the
// answer of GetManagedObjects. A property that cannot be read or sent is left out. It knows no rules of dispatch.
// Tests: export-object-manager.test.ts. Specification: org.freedesktop.DBus.ObjectManager.
import type { MessageLink } from '../connection/link.js';
import type { CallContext } from '../interface/definition.js';
import { ObjectManager } from '../interface/standard.js';
import { hasGivenUp, readLimitOf } from './call-context.js';
import {
  allDone, collect, type Collection, type Listing, noteAdded, noteRemoved, type Values,
} from './collected-values.js';
import { CollectionTurns, type Turn } from './collection-turns.js';
import type { ExportedInterface } from './exported-interface.js';
import { type FittingEntry, type Refusal, sendFittingEntries } from './fitting-properties.js';
import { reportHandlerError } from './failure-reports.js';
import type { HeldSignals } from './held-signals.js';
import type { ObjectNode } from './object-node.js';
import type { ObjectTree } from './object-tree.js';
import { heldSignalsOf, ownContext, sendAtOnce } from './outgoing-signals.js';
import { readAgain } from './properties.js';
import { findSubtreeObjects, type Place } from './subtree-search.js';
import { TimeLimit } from './time-limit.js';

/** Sends the objects of an answer; returns the reason if that fails. */
type SendObjects = (objects: ReadonlyMap<string, Values>) => Refusal | undefined;

/** A signal about an object that is to be sent. */
export interface Announcement {
  /** Resolves when the values that it waits for have come; undefined if there are none. */
  readonly ready?: Promise<unknown> | undefined;
  readonly send: () => void;
}

/** An InterfacesAdded that is to be sent. */
export interface Addition extends Announcement {
  /** Whether its object was removed before it was sent. */
  isRemoved: boolean;
}

/** The object managers of one link. */
export class ObjectManagers {
  readonly #link: MessageLink<boolean>;
  readonly #tree: ObjectTree;
  readonly #paths = new Set<string>();
  readonly #held: HeldSignals;
  readonly #turns = new CollectionTurns();
  readonly #listings = new Set<Listing>();
  /** The functions that send an InterfacesAdded without waiting any longer. */
  readonly #releases = new WeakMap<ExportedInterface, () => void>();

  constructor(link: MessageLink<boolean>, tree: ObjectTree) {
    this.#link = link;
    this.#tree = tree;
    this.#held = heldSignalsOf(link);
  }

  /** Adds the manager at a path; returns the function that removes it. */
  manage(path: string): () => void {
    this.#paths.add(path);
    return () => {
      this.#paths.delete(path);
      this.#turns.forget(path);
    };
  }

  /** Whether there is a manager above a path. */
  isManaged(path: string): boolean {
    return this.#above(path).length > 0;
  }

  /** The paths of the managers above a path. A manager does not manage itself. */
  #above(path: string): string[] {
    if (this.#paths.size === 0 || this.#link.closedSignal.aborted || path === '/') return [];
    const found: string[] = [];
    for (let end = path.lastIndexOf('/'); end !== -1; end = end === 0 ? -1 : path.lastIndexOf('/', end - 1)) {
      const parent = end === 0 ? '/' : path.slice(0, end);
      if (this.#paths.has(parent)) found.push(parent);
    }
    return found;
  }

  /**
   * Announces interfaces that were added to an object. If the value of a property comes later, and no PropertiesChanged
   * will have it, the signal waits for the value, and all other signals about the object wait for the signal. Any other
   * value that comes later follows as a PropertiesChanged.
   */
  added(path: string, interfaces: readonly ExportedInterface[]): void {
    if (interfaces.length === 0 || !this.isManaged(path)) return;
    const addition = this.prepareAdded(path, interfaces);
    const release = this.announce(path, addition);
    if (release === undefined) return;
    const releaseRemoved = (): void => {
      addition.isRemoved = true;
      release();
    };
    for (const exported of interfaces) this.#releases.set(exported, releaseRemoved);
  }

  /** Sends an announcement about an object in its turn; returns the function that ends its wait, if it waits. */
  announce(path: string, { ready, send }: Announcement): (() => void) | undefined {
    if (ready !== undefined) return this.#held.hold(path, ready, send);
    this.#held.add(path, send);
    return undefined;
  }

  /**
   * The same for an announcement that comes later, or not at all; the promise must not reject. If its wait is ended
   * before it has come, it is announced when it comes.
   */
  announceLater(path: string, later: Promise<Announcement | undefined>): () => void {
    let announcement: Announcement | undefined;
    let isReleased = false;
    const ready = later.then((come) => {
      announcement = come;
      if (isReleased && come !== undefined) this.announce(path, come);
      return come?.ready;
    });
    return this.#held.hold(path, ready, () => {
      isReleased = true;
      announcement?.send();
    });
  }

  /** Whether the announcement with this function, which ends its wait, is the last about a path that waits. */
  isLast(path: string, release: () => void): boolean {
    return this.#held.isLast(path, release);
  }

  /** Reads the properties of interfaces that were added to an object. */
  prepareAdded(path: string, interfaces: readonly ExportedInterface[]): Addition {
    const values: Values = new Map();
    const collection: Collection = {
      entries: [], later: [], plain: [], limit: new TimeLimit(),
      contextFor: ({ name: interfaceName }, name) => ownContext(this.#link, path, { interfaceName, name }),
      report: ({ interface: interfaceName, name }, error) => (
        reportHandlerError({ error, interface: interfaceName, member: name, call: undefined })
      ),
    };
    collect(interfaces, values, collection);
    const { later } = collection;
    const awaited = later.filter(({ property }) => property.emitsChanged !== 'true');
    const send = (): void => {
      const missing = later.filter((each) => each.leaveOut());
      this.#announce(path, values, collection);
      if (addition.isRemoved) return;
      for (const { exported, property } of missing) void exported.changes?.announce([property.name]);
    };
    const addition: Addition = { ready: awaited.length === 0 ? undefined : allDone(awaited), send, isRemoved: false };
    return addition;
  }

  #announce(path: string, values: Values, { entries, plain, report }: Collection): void {
    const { args: signature } = ObjectManager.signals.InterfacesAdded;
    const member = 'InterfacesAdded';
    for (const manager of this.#above(path)) {
      const send = (): Refusal | undefined => {
        try {
          sendAtOnce(this.#link, manager, { interface: ObjectManager.name, member, signature, body: [path, values] });
          return undefined;
        } catch (error) {
          return { error };
        }
      };
      const left = (): FittingEntry[] => entries.filter((entry) => entry.values.has(entry.property.name));
      const refusal = sendFittingEntries(left, { send, report });
      for (const listing of this.#listings) {
        if (listing.manager === manager) noteAdded(listing, path, { values, entries, plain });
      }
      if (refusal === undefined) continue;
      reportHandlerError({ error: refusal.error, interface: ObjectManager.name, member, call: undefined });
    }
  }

  /** Announces interfaces that were removed from an object. */
  removed(path: string, interfaces: readonly ExportedInterface[]): void {
    for (const exported of interfaces) {
      this.#releases.get(exported)?.(); // an InterfacesAdded that still waits
      this.#releases.delete(exported);
    }
    if (this.isManaged(path)) this.#held.add(path, () => this.sendRemoved(path, interfaces.map(({ name }) => name)));
  }

  /**
   * Announces interfaces that were removed from an object, without waiting for other signals about it. Never throws:
   * the removal continues even if its signal is longer than the link sends.
   */
  sendRemoved(path: string, names: readonly string[]): void {
    if (names.length === 0) return;
    const { args: signature } = ObjectManager.signals.InterfacesRemoved;
    const { name } = ObjectManager;
    const member = 'InterfacesRemoved';
    for (const manager of this.#above(path)) {
      for (const listing of this.#listings) {
        if (listing.manager === manager) noteRemoved(listing, path, names);
      }
      try {
        sendAtOnce(this.#link, manager, { interface: name, member, signature, body: [path, names] });
      } catch (error) {
        reportHandlerError({ error, interface: name, member, call: undefined });
      }
    }
  }

  /**
   * Reads all objects below a manager and sends them; returns a promise only if a handler does. Properties that cannot
   * be read or sent are left out and reported, and so are objects that the handler of a subtree fails to return.
   * An answer that waits follows the signals that are sent meanwhile: it has the objects of each InterfacesAdded, and
   * not those of InterfacesRemoved. Values that a `get` returns at once are read again when it is sent.
   * @throws {DBusError} LimitsExceeded if other calls hold many values for too long
   */
  getManagedObjects(manager: string, context: CallContext, trySend: SendObjects): void | Promise<void> {
    const limit = readLimitOf(context);
    return this.#turns.run({
      sender: context.sender, key: manager, limit,
      run: (turn) => this.#collectManaged(manager, context, { trySend, turn }),
    });
  }

  #collectManaged(
    manager: string, context: CallContext, { trySend, turn }: { readonly trySend: SendObjects; readonly turn: Turn },
  ): void | Promise<void> {
    const objects = new Map<string, Values>();
    const limit = readLimitOf(context);
    const collection: Collection = {
      entries: [], later: [], plain: [], limit,
      contextFor: () => context,
      report: ({ interface: interfaceName, name }, error) => {
        if (hasGivenUp(context, error)) return;
        reportHandlerError({ error, interface: interfaceName, member: name, call: context.message });
      },
    };
    const listing: Listing = { manager, objects, collection, removed: new Map() };
    const add = ({ path, interfaces }: ObjectNode): void => {
      const removed = listing.removed.get(path);
      const present = [...interfaces.values()].filter(({ name }) => removed?.has(name) !== true);
      if (present.length === 0 || objects.has(path)) return;
      const values: Values = new Map();
      objects.set(path, values);
      const before = collection.entries.length;
      collect(present, values, collection);
      turn.add(1 + collection.entries.length - before);
    };
    const roots: Place[] = [];
    const noteRoot = ({ path, subtree }: ObjectNode): void => {
      if (subtree !== undefined) roots.push({ subtree, path, elements: [] });
    };
    const top = this.#tree.get(manager);
    if (top !== undefined) noteRoot(top);
    const above = this.#tree.deepSubtreeAt(manager);
    if (above !== undefined && above.subtree !== top?.subtree) {
      roots.push({ subtree: above.subtree, path: manager, elements: manager.slice(above.below).split('/') });
    }
    for (const node of this.#tree.below(manager)) {
      add(node);
      noteRoot(node);
    }
    const answer = (): void => {
      if (limit.isStopped) return;
      const left = (): FittingEntry[] => collection.entries.filter(({ property, values }) => values.has(property.name));
      const refusal = sendFittingEntries(left, { send: () => trySend(objects), report: collection.report });
      if (refusal !== undefined) throw refusal.error;
    };
    const { later } = collection;
    const answerLater = (): void => {
      if (limit.isStopped) return;
      const { plain, report } = collection;
      for (const { property, own } of plain) readAgain(property, { values: own, context, report });
      answer();
    };
    if (roots.length === 0 && later.length === 0) return answer();
    this.#listings.add(listing);
    const found = roots.length === 0 ? Promise.resolve() : findSubtreeObjects(roots, {
      context, tree: this.#tree, found: add, grown: turn.add,
      report: (error) => {
        if (hasGivenUp(context, error)) return;
        const { name } = ObjectManager;
        reportHandlerError({ error, interface: name, member: 'GetManagedObjects', call: context.message });
      },
    });
    return found.then(() => allDone(later)).then(answerLater).finally(() => this.#listings.delete(listing));
  }
}
