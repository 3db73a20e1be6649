// The object managers of one link: the objects below each, the signals for objects that are added and removed, and the
// answer of GetManagedObjects. A property that cannot be read or sent is left out. It knows no rules of dispatch.
// Tests: export-object-manager.test.ts. Specification: org.freedesktop.DBus.ObjectManager.
import type { MessageLink } from '../connection/link.js';
import type { CallContext } from '../interface/definition.js';
import { ObjectManager } from '../interface/standard.js';
import type { Variant } from '../wire/variant.js';
import { hasGivenUp, readLimitOf } from './call-context.js';
import { CollectionTurns, type Turn } from './collection-turns.js';
import { type ExportedInterface, type ExportedProperty, isPromiseLike } from './exported-interface.js';
import { type FittingEntry, type PropertyPlace, type Refusal, sendFittingEntries } from './fitting-properties.js';
import { reportHandlerError } from './failure-reports.js';
import type { HeldSignals } from './held-signals.js';
import type { ObjectNode } from './object-node.js';
import type { ObjectTree } from './object-tree.js';
import { heldSignalsOf, ownContext, sendAtOnce } from './outgoing-signals.js';
import { findSubtreeObjects, type Place } from './subtree-search.js';
import { NO_VALUE, TimeLimit } from './time-limit.js';

/** The values of one object, by interface and property. */
type Values = Map<string, Map<string, Variant>>;

/** Sends the objects of an answer; returns the reason if that fails. */
type SendObjects = (objects: ReadonlyMap<string, Values>) => Refusal | undefined;

/** A value that comes later. */
interface LaterValue {
  readonly exported: ExportedInterface;
  readonly property: ExportedProperty;
  /** Resolves when the value is known, or is left out. */
  readonly done: Promise<void>;
  /** Leaves out a value that has not come yet, and does not report its failure; returns whether it did so. */
  readonly leaveOut: () => boolean;
}

/** Values that are being collected for one message. */
interface Collection {
  readonly entries: FittingEntry[];
  /** The values that come later. */
  readonly later: LaterValue[];
  /** How long to wait for them. */
  readonly limit: TimeLimit;
  readonly contextFor: (exported: ExportedInterface, name: string) => CallContext;
  readonly report: (property: PropertyPlace, error: unknown) => void;
}

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
      entries: [], later: [], limit: new TimeLimit(),
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

  #announce(path: string, values: Values, { entries, report }: Collection): void {
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
      entries: [], later: [], limit,
      contextFor: () => context,
      report: ({ interface: interfaceName, name }, error) => {
        if (hasGivenUp(context, error)) return;
        reportHandlerError({ error, interface: interfaceName, member: name, call: context.message });
      },
    };
    const add = ({ path, interfaces }: ObjectNode): void => {
      if (interfaces.size === 0 || objects.has(path)) return;
      const values: Values = new Map();
      objects.set(path, values);
      const before = collection.entries.length;
      collect(interfaces.values(), values, collection);
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
    if (roots.length === 0) return later.length === 0 ? answer() : allDone(later).then(answer);
    return findSubtreeObjects(roots, {
      context, tree: this.#tree, found: add, grown: turn.add,
      report: (error) => {
        if (hasGivenUp(context, error)) return;
        const { name } = ObjectManager;
        reportHandlerError({ error, interface: name, member: 'GetManagedObjects', call: context.message });
      },
    }).then(() => allDone(later)).then(answer);
  }
}

async function allDone(later: readonly LaterValue[]): Promise<void> {
  await Promise.all(later.map(({ done }) => done));
}

/** Reads all properties of some interfaces of one object. */
function collect(interfaces: Iterable<ExportedInterface>, values: Values, collection: Collection): void {
  const { entries, later, contextFor, report } = collection;
  for (const exported of interfaces) {
    const own = new Map<string, Variant>();
    values.set(exported.name, own);
    for (const [name, property] of exported.properties) {
      const { get, type: signature } = property;
      if (get === undefined) continue;
      try {
        const value = get(contextFor(exported, name));
        own.set(name, { signature, value } as Variant); // keeps its place in the order; checked on sending
        entries.push({ property, values: own });
        if (isPromiseLike(value)) later.push(laterValue(value, { exported, property, own }, collection));
      } catch (error) {
        own.delete(name);
        report(property, error);
      }
    }
  }
}

function laterValue(
  value: PromiseLike<unknown>,
  { exported, property, own }: {
    readonly exported: ExportedInterface; readonly property: ExportedProperty; readonly own: Map<string, Variant>;
  },
  { limit, report }: Collection,
): LaterValue {
  const { name, type: signature } = property;
  let state: 'missing' | 'known' | 'left out' = 'missing';
  const take = (result: unknown): void => {
    if (state === 'missing') own.set(name, { signature, value: result } as Variant);
    state = 'known';
  };
  const fail = (error: unknown): void => {
    own.delete(name);
    if (state === 'missing') report(property, error);
    state = 'known';
  };
  const done = limit.wait(value, NO_VALUE).then(take, fail);
  const leaveOut = (): boolean => {
    if (state !== 'missing') return false;
    state = 'left out';
    own.delete(name);
    return true;
  };
  return { exported, property, done, leaveOut };
}
