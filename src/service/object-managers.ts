// The object managers of one link: the objects below each, the signals for objects that are added and removed, and the
// answer of GetManagedObjects. A property that cannot be read or sent is left out. It knows no rules of dispatch.
// Tests: export-object-manager.test.ts. Specification: org.freedesktop.DBus.ObjectManager.
import type { MessageLink } from '../connection/link.js';
import type { CallContext } from '../interface/definition.js';
import { ObjectManager } from '../interface/standard.js';
import type { Variant } from '../wire/variant.js';
import { hasGivenUp, timeLimitOf } from './call-context.js';
import { type ExportedInterface, isPromiseLike } from './exported-interface.js';
import { type FittingEntry, type PropertyPlace, type Refusal, sendFittingEntries } from './fitting-properties.js';
import { reportHandlerError } from './handler-errors.js';
import type { NodeFinder, ObjectNode } from './object-node.js';
import type { ObjectTree } from './object-tree.js';
import { ownContext, sendSignal } from './outgoing-signals.js';
import { findSubtreeObjects } from './subtree-search.js';
import { NO_VALUE, TimeLimit } from './time-limit.js';

/** The values of one object, by interface and property. */
type Values = Map<string, Map<string, Variant>>;

/** Values that are being collected for one message. */
interface Collection {
  readonly entries: FittingEntry[];
  /** The values that come later: each promise resolves when its value is known, or is left out. */
  readonly later: Promise<void>[];
  /** How long to wait for them. */
  readonly limit: TimeLimit;
  readonly contextFor: (exported: ExportedInterface, name: string) => CallContext;
  readonly report: (property: PropertyPlace, error: unknown) => void;
  /** Takes a property whose value comes later, if the message does not wait for it. */
  readonly postpone?: (exported: ExportedInterface, name: string) => void;
}

/** An object that was added, while some of its values are still missing. */
interface Addition {
  readonly path: string;
  readonly values: Values;
}

/** The object managers of one link. */
export class ObjectManagers {
  readonly #link: MessageLink<boolean>;
  readonly #tree: ObjectTree;
  readonly #paths = new Set<string>();

  constructor(link: MessageLink<boolean>, tree: ObjectTree) {
    this.#link = link;
    this.#tree = tree;
  }

  /** Adds the manager at a path; returns the function that removes it. */
  manage(path: string): () => void {
    this.#paths.add(path);
    return () => void this.#paths.delete(path);
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

  /** Announces interfaces that were added to an object. A value that comes later follows as a PropertiesChanged. */
  added(path: string, interfaces: readonly ExportedInterface[]): void {
    if (interfaces.length === 0 || this.#above(path).length === 0) return;
    const values: Values = new Map();
    const postponed: (readonly [ExportedInterface, string])[] = [];
    const collection: Collection = {
      entries: [], later: [], limit: new TimeLimit(),
      contextFor: ({ name: interfaceName }, name) => ownContext(this.#link, path, { interfaceName, name }),
      report: ({ interface: interfaceName, name }, error) => (
        reportHandlerError({ error, interface: interfaceName, member: name, call: undefined })
      ),
      postpone: (exported, name) => postponed.push([exported, name]),
    };
    collect(interfaces, values, collection);
    this.#announce({ path, values }, collection);
    for (const [exported, name] of postponed) void exported.changes?.announce([name]);
  }

  #announce({ path, values }: Addition, { entries, report }: Collection): void {
    const { args: signature } = ObjectManager.signals.InterfacesAdded;
    const member = 'InterfacesAdded';
    for (const manager of this.#above(path)) {
      const send = (): Refusal | undefined => {
        try {
          sendSignal(this.#link, manager, { interface: ObjectManager.name, member, signature, body: [path, values] });
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
    if (interfaces.length === 0) return;
    const { args: signature } = ObjectManager.signals.InterfacesRemoved;
    const body = [path, interfaces.map(({ name }) => name)];
    for (const manager of this.#above(path)) {
      sendSignal(this.#link, manager, { interface: ObjectManager.name, member: 'InterfacesRemoved', signature, body });
    }
  }

  /**
   * Reads all objects below a manager and sends them; returns a promise only if a handler does. Properties that cannot
   * be read or sent are left out and reported, and so are objects that the handler of a subtree fails to give.
   */
  getManagedObjects(
    manager: string, context: CallContext, trySend: (objects: ReadonlyMap<string, Values>) => Refusal | undefined,
  ): void | Promise<void> {
    const objects = new Map<string, Values>();
    const collection: Collection = {
      entries: [], later: [], limit: timeLimitOf(context),
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
      collect(interfaces.values(), values, collection);
    };
    const roots: (readonly [string, NodeFinder])[] = [];
    const noteRoot = ({ path, subtree }: ObjectNode): void => void (subtree && roots.push([path, subtree]));
    const top = this.#tree.get(manager);
    if (top !== undefined) noteRoot(top);
    for (const node of this.#tree.below(manager)) {
      add(node);
      noteRoot(node);
    }
    const answer = (): void => {
      const left = (): FittingEntry[] => collection.entries.filter(({ property, values }) => values.has(property.name));
      const refusal = sendFittingEntries(left, { send: () => trySend(objects), report: collection.report });
      if (refusal !== undefined) throw refusal.error;
    };
    const { later } = collection;
    if (roots.length === 0) return later.length === 0 ? answer() : Promise.all(later).then(answer);
    return findSubtreeObjects(roots, {
      context, nodeAt: (path) => this.#tree.get(path), found: add,
      report: (error) => {
        if (hasGivenUp(context, error)) return;
        const { name } = ObjectManager;
        reportHandlerError({ error, interface: name, member: 'GetManagedObjects', call: context.message });
      },
    }).then(() => Promise.all(later)).then(answer);
  }
}

/** Reads all properties of some interfaces of one object. */
function collect(interfaces: Iterable<ExportedInterface>, values: Values, collection: Collection): void {
  const { entries, later, limit, contextFor, report, postpone } = collection;
  for (const exported of interfaces) {
    const own = new Map<string, Variant>();
    values.set(exported.name, own);
    for (const [name, property] of exported.properties) {
      const { get, type: signature } = property;
      if (get === undefined) continue;
      const leaveOut = (error: unknown): void => {
        own.delete(name);
        report(property, error);
      };
      try {
        const value = get(contextFor(exported, name));
        const isLater = isPromiseLike(value);
        if (isLater && postpone !== undefined) {
          value.then(undefined, () => {}); // it is read again, and a failure is reported then
          postpone(exported, name);
          continue;
        }
        own.set(name, { signature, value } as Variant); // keeps its place in the order; checked on sending
        entries.push({ property, values: own });
        if (!isLater) continue;
        const store = (result: unknown): void => void own.set(name, { signature, value: result } as Variant);
        later.push(limit.wait(value, NO_VALUE).then(store, leaveOut));
      } catch (error) {
        leaveOut(error);
      }
    }
  }
}
