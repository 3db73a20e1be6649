// The implementations that the handlers of one subtree have returned: at which path each was found, from where its
// signals are sent, and the changes of its properties. It keeps no implementation in memory, and no implementation
// keeps it after its end. It knows no calls. Tests: found-objects.test.ts. (No clause of the specification.)
import type { MessageLink } from '../connection/link.js';
import type { Implementation, SignalSink } from '../interface/definition.js';
import { takeEarlySignals } from '../interface/early-signals.js';
import {
  type ExportedInterface, exportedInterface, type ExportedMembers, type PropertyAnnouncer,
} from './exported-interface.js';
import { reportHandlerError } from './failure-reports.js';
import { propertyChanges, sendSignal } from './outgoing-signals.js';
import type { PropertyChanges } from './property-changes.js';
import type { TurnEnd } from './turn-end.js';

/** The subtree, and its link. */
export interface FoundObjectsOptions {
  readonly link: MessageLink<boolean>;
  readonly turnEnd: TurnEnd;
  /** Whether calls of a path go to the handlers of the subtree. */
  readonly covers: (path: string) => boolean;
  /** When the object of a path was announced as added, if its InterfacesAdded is not sent yet; see beginSearch(). */
  readonly addedAt: (path: string) => number | undefined;
  /** The implementations of all paths without an object. */
  readonly fallback: readonly Implementation[];
}

/** The place of an implementation that a handler has returned for more than one path. */
const SEVERAL = Symbol('several paths');

/** An implementation that was found. */
interface Found {
  readonly implementation: WeakRef<Implementation>;
  place: string | typeof SEVERAL;
}

/** An implementation at a path. */
interface ImplementationAt {
  readonly path: string;
  readonly implementation: Implementation;
  readonly members: ExportedMembers;
}

/** The objects of one subtree. */
export class FoundObjects {
  readonly #options: FoundObjectsOptions;
  readonly #found = new WeakMap<Implementation, Found>();
  /** The functions that end the signals of each implementation. */
  readonly #detach = new WeakMap<Implementation, () => void>();
  readonly #byPlace = new Map<Found['place'], Set<Found>>();
  readonly #collected = new FinalizationRegistry<Found>((found) => this.#forgetPlace(found));
  /** The changes that are being read or announced. */
  readonly #changes = new Map<string, Map<Implementation, PropertyChanges>>();
  #hasEnded = false;

  constructor(options: FoundObjectsOptions) {
    this.#options = options;
  }

  /** Begins to send the signals of the fallback. */
  begin(): void {
    for (const implementation of this.#options.fallback) this.#attach(implementation);
  }

  /** Prepares an implementation for one path. */
  exportAt(path: string, implementation: Implementation): ExportedInterface {
    return exportedInterface(implementation, (members) => new ChangesAt(this, { path, implementation, members }));
  }

  /** Notes that a handler has returned an implementation for a path. */
  note(path: string, implementation: Implementation): void {
    if (this.#hasEnded) return;
    const known = this.#found.get(implementation);
    if (known?.place === path || known?.place === SEVERAL) return;
    const found: Found = known ?? { implementation: new WeakRef(implementation), place: path };
    if (known === undefined) {
      this.#found.set(implementation, found);
      this.#collected.register(implementation, found, found);
      this.#attach(implementation);
    } else {
      this.#forgetPlace(found);
      found.place = SEVERAL;
    }
    const { place } = found;
    const there = this.#byPlace.get(place);
    if (there === undefined) this.#byPlace.set(place, new Set([found]));
    else there.add(found);
    const since = known === undefined ? this.#options.addedAt(path) : undefined;
    if (since !== undefined) this.#sendEarly(path, implementation, since);
  }

  /** Sends the signals that an implementation has emitted since its object was announced as added. */
  #sendEarly(path: string, implementation: Implementation, since: number): void {
    const { link, covers } = this.#options;
    const { name } = implementation.definition;
    for (const { member, signature, body, options } of takeEarlySignals(implementation, since)) {
      if (!covers(path) || (options.path ?? path) !== path) continue;
      try {
        sendSignal(link, path, { interface: name, member, signature, body, destination: options.destination });
      } catch (error) { // it is longer than the link sends
        reportHandlerError({ error, interface: name, member, call: undefined });
      }
    }
  }

  /**
   * The object at a path is removed: announces its last changes, and then sends no signals of implementations that were
   * found nowhere else.
   */
  forget(path: string): void {
    for (const changes of this.#changesOf(path)) changes.finish();
    this.#changes.delete(path);
    for (const found of [...this.#byPlace.get(path) ?? []]) this.#remove(found);
  }

  /** The object at a path has these interfaces now: those of other implementations are forgotten. */
  replace(path: string, interfaces: Iterable<ExportedInterface>): void {
    const present = new Set<Implementation>();
    for (const { changes } of interfaces) if (changes instanceof ChangesAt) present.add(changes.implementation);
    for (const found of [...this.#byPlace.get(path) ?? []]) {
      const implementation = found.implementation.deref();
      if (implementation === undefined || present.has(implementation)) continue;
      const there = this.#changes.get(path);
      there?.get(implementation)?.end(); // its last values are no longer those of the object
      there?.delete(implementation);
      this.#remove(found);
    }
    for (const implementation of present) {
      if (!this.#options.fallback.includes(implementation)) this.note(path, implementation);
    }
  }

  /** Announces changes of an implementation at a path, after those that are being read. */
  announce(names: readonly string[], { path, implementation, members }: ImplementationAt): void | Promise<void> {
    const place = this.#found.get(implementation)?.place;
    const isThere = place === path || place === SEVERAL || this.#options.fallback.includes(implementation);
    if (!isThere || this.#hasEnded || !this.#options.covers(path)) return;
    return this.#changesAt(path, implementation, members).announce(names);
  }

  /** Announces the last changes of an implementation at a path. */
  finish({ path, implementation }: ImplementationAt): void {
    this.#changes.get(path)?.get(implementation)?.finish();
  }

  #changesAt(path: string, implementation: Implementation, members: ExportedMembers): PropertyChanges {
    const there = this.#changes.get(path) ?? new Map<Implementation, PropertyChanges>();
    this.#changes.set(path, there);
    const known = there.get(implementation);
    if (known !== undefined) return known;
    const { link, turnEnd } = this.#options;
    const idle = (): void => {
      if (there.get(implementation) === changes) there.delete(implementation);
      if (there.size === 0 && this.#changes.get(path) === there) this.#changes.delete(path);
    };
    const changes = propertyChanges(link, { path, turnEnd, idle, isShown: () => this.#options.covers(path) }, members);
    there.set(implementation, changes);
    return changes;
  }

  /** Announces the last changes of all objects, and then sends nothing more. */
  end(): void {
    for (const path of [...this.#changes.keys()]) {
      for (const changes of this.#changesOf(path)) changes.finish();
    }
    this.#changes.clear();
    this.#hasEnded = true;
    for (const place of [...this.#byPlace.values()]) {
      for (const found of [...place]) this.#remove(found);
    }
    for (const implementation of this.#options.fallback) this.#detach.get(implementation)?.();
  }

  #changesOf(path: string): readonly PropertyChanges[] {
    return [...this.#changes.get(path)?.values() ?? []];
  }

  /** Sends the signals of an implementation. */
  #attach(implementation: Implementation): void {
    if (this.#detach.has(implementation)) return;
    const { link, covers } = this.#options;
    const { name } = implementation.definition;
    const pathFor = (given: string | undefined): string | undefined => {
      const path = given ?? this.#found.get(implementation)?.place;
      return typeof path === 'string' && covers(path) ? path : undefined;
    };
    const sink: SignalSink = {
      signal: (member, signature, body, options) => {
        const path = pathFor(options.path);
        if (path === undefined) return;
        const { destination } = options;
        sendSignal(link, path, { interface: name, member, signature, body, destination });
      },
      propertiesChanged: (names, source) => {
        const path = pathFor(source.path);
        if (path === undefined) return;
        void this.#changesAt(path, implementation, exportedInterface(implementation)).announce(names);
      },
    };
    this.#detach.set(implementation, implementation.attach(sink));
  }

  #remove(found: Found): void {
    this.#forgetPlace(found);
    this.#collected.unregister(found);
    const implementation = found.implementation.deref();
    if (implementation === undefined) return;
    this.#found.delete(implementation);
    if (this.#options.fallback.includes(implementation)) return;
    this.#detach.get(implementation)?.();
    this.#detach.delete(implementation);
  }

  #forgetPlace(found: Found): void {
    const there = this.#byPlace.get(found.place);
    there?.delete(found);
    if (there?.size === 0) this.#byPlace.delete(found.place);
  }
}

/** Announces changes of an implementation at one path, in one order, whichever call has found it. */
class ChangesAt implements PropertyAnnouncer {
  readonly #objects: FoundObjects;
  readonly #at: ImplementationAt;

  constructor(objects: FoundObjects, at: ImplementationAt) {
    this.#objects = objects;
    this.#at = at;
  }

  get implementation(): Implementation {
    return this.#at.implementation;
  }

  announce(names: readonly string[]): void | Promise<void> {
    return this.#objects.announce(names, this.#at);
  }

  finish(): void {
    this.#objects.finish(this.#at);
  }
}
