// The objects of an ObjectManager at present, with the kept values of their interfaces that have a definition. They are
// at the path of the manager or below it: no changes of others arrive. Their number and the memory of their values are
// bounded, whatever the service announces. It does not know calls.
// Tests: managed-objects.test.ts. Specification: org.freedesktop.DBus.ObjectManager.
import { countDrop, type DropReason } from '../connection/drops.js';
import type { MessageLink } from '../connection/link.js';
import type { InterfaceDefinition } from '../interface/definition.js';
import { isAtOrBelow } from '../protocol/matches-rule.js';
import type { Variant } from '../wire/variant.js';
import type { ManagedInterface } from './object-changes.js';
import { PropertyValues, type ValueBudget, withValues } from './property-cache.js';
import type { PropertyFunctions } from './proxy-properties.js';

/** The interfaces of an object as a message has them, with the values of their properties. */
export type AnnouncedInterfaces = ReadonlyMap<string, ReadonlyMap<string, Variant>>;

/** Makes the proxy of an interface of an object. */
export type MakeProxy = (definition: InterfaceDefinition, path: string) =>
  Readonly<Record<string, unknown>> & Pick<PropertyFunctions, '$get'>;

/** The receiver of changes. */
export interface ObjectListener {
  noteAdded(one: ManagedInterface): void;
  noteChanged(one: ManagedInterface, names: readonly string[]): void;
  noteRemoved(one: ManagedInterface): void;
}

/** The limits of a store. */
export interface ObjectLimits {
  /** The most objects, each counted once for each of its interfaces that has a definition. */
  readonly maxObjects: number;
  /** Roughly the most memory of the values of their properties, and of long paths, in bytes. */
  readonly maxBytes: number;
}

/** An interface of an object, with its values. */
class StoredInterface implements ManagedInterface {
  readonly path: string;
  readonly kind: string;
  readonly values: PropertyValues;
  readonly #makeProxy: () => object;
  #proxy: object | undefined;

  constructor({ path, kind }: { readonly path: string; readonly kind: string }, values: PropertyValues,
    makeProxy: () => object) {
    this.path = path;
    this.kind = kind;
    this.values = values;
    this.#makeProxy = makeProxy;
  }

  /** Created when it is first asked for: a program may use one of thousands of objects. */
  get proxy(): object {
    this.#proxy ??= this.#makeProxy();
    return this.#proxy;
  }
}

/** An object: its interfaces by the keys of their definitions, and the same as the program sees it. */
interface StoredObject {
  /** The text of the path that counts as memory: each message has a text of its own. */
  readonly path: string;
  readonly interfaces: Map<string, StoredInterface>;
  readonly view: object;
}

/** The longest path, in characters, that does not count as memory: the number of objects bounds these. */
const USUAL_PATH_LENGTH = 1_024;

/** Roughly the memory of a path that is longer than usual, in bytes; 0 for others. A path can have any length. */
function weightOfPath({ length }: string): number {
  return length <= USUAL_PATH_LENGTH ? 0 : 2 * length;
}

/** All objects of one manager. */
export class ObjectStore {
  /** The objects as the program sees them, by path. */
  readonly views = new Map<string, object>();
  readonly #link: MessageLink<boolean>;
  readonly #path: string;
  readonly #kinds: ReadonlyMap<string, { readonly kind: string; readonly definition: InterfaceDefinition }>;
  readonly #makeProxy: MakeProxy;
  readonly #limits: ObjectLimits;
  readonly #listener: ObjectListener;
  readonly #objects = new Map<string, StoredObject>();
  readonly #budget: ValueBudget;
  #count = 0;
  #bytes = 0;
  #dropped = 0;

  constructor(
    link: MessageLink<boolean>, definitions: Readonly<Record<string, InterfaceDefinition>>,
    { path, makeProxy, limits, listener }: {
      /** The path of the manager. */
      readonly path: string;
      readonly makeProxy: MakeProxy;
      readonly limits: ObjectLimits;
      readonly listener: ObjectListener;
    },
  ) {
    this.#link = link;
    this.#path = path;
    this.#makeProxy = makeProxy;
    this.#limits = limits;
    this.#listener = listener;
    const kinds = Object.entries(definitions);
    this.#kinds = new Map(kinds.map(([kind, definition]) => [definition.name, { kind, definition }]));
    this.#budget = { take: (bytes) => this.#takeMemory(bytes) };
  }

  /** How many objects, and values of properties, were not kept: because of the limits or of the path of an object. */
  get dropped(): number {
    return this.#dropped;
  }

  #takeMemory(bytes: number): boolean {
    if (bytes > 0 && this.#bytes + bytes > this.#limits.maxBytes) {
      this.#drop('too many objects');
      return false;
    }
    this.#bytes += bytes;
    return true;
  }

  #drop(reason: DropReason): void {
    this.#dropped++;
    countDrop(this.#link, reason, {});
  }

  /** Adds the interfaces of a new object, or further interfaces of an object. */
  add(path: string, interfaces: AnnouncedInterfaces, source: string): void {
    for (const [name, variants] of interfaces) {
      const known = this.#kinds.get(name);
      if (known === undefined) continue;
      if (!isAtOrBelow(path, this.#path)) return this.#drop('unexpected path');
      const present = this.#objects.get(path)?.interfaces.get(known.kind);
      if (present === undefined) this.#addInterface(path, known, { variants, source });
      else this.#change(present, variants, []);
    }
  }

  #addInterface(
    announcedPath: string, { kind, definition }: { readonly kind: string; readonly definition: InterfaceDefinition },
    { variants, source }: { readonly variants: ReadonlyMap<string, Variant>; readonly source: string },
  ): void {
    if (this.#count >= this.#limits.maxObjects) return this.#drop('too many objects');
    const known = this.#objects.get(announcedPath);
    if (known === undefined && !this.#takeMemory(weightOfPath(announcedPath))) return;
    const { path } = known ?? { path: announcedPath };
    this.#count++;
    const values = new PropertyValues(this.#link, definition, this.#budget);
    const one = new StoredInterface({ path, kind }, values, () => (
      Object.freeze(withValues(this.#makeProxy(definition, path), { definition, values }))
    ));
    values.answerAll(variants, source, values.now);
    const { interfaces, view } = this.#objects.get(path) ?? this.#addObject(path);
    interfaces.set(kind, one);
    Object.defineProperty(view, kind, { enumerable: true, configurable: true, get: () => one.proxy });
    this.#listener.noteAdded(one);
  }

  #addObject(path: string): StoredObject {
    const view = Object.create(null) as object; // Object.create has no type for "nothing inherited"
    const object: StoredObject = { path, interfaces: new Map(), view };
    this.#objects.set(path, object);
    this.views.set(path, view);
    return object;
  }

  /** Applies PropertiesChanged of an object. */
  change(path: string, interfaceName: string, changed: ReadonlyMap<string, Variant>, invalidated: readonly string[]) {
    const kind = this.#kinds.get(interfaceName)?.kind;
    const one = kind === undefined ? undefined : this.#objects.get(path)?.interfaces.get(kind);
    if (one !== undefined) this.#change(one, changed, invalidated);
  }

  #change(one: StoredInterface, changed: ReadonlyMap<string, Variant>, invalidated: readonly string[]): void {
    const names = one.values.change(changed, invalidated);
    if (names.length > 0) this.#listener.noteChanged(one, names);
  }

  /** Removes interfaces of an object, by name. */
  remove(path: string, interfaceNames: readonly string[]): void {
    for (const name of interfaceNames) {
      const kind = this.#kinds.get(name)?.kind;
      if (kind !== undefined) this.#removeInterface(path, kind);
    }
  }

  #removeInterface(path: string, kind: string): void {
    const object = this.#objects.get(path);
    const one = object?.interfaces.get(kind);
    if (object === undefined || one === undefined) return;
    object.interfaces.delete(kind);
    Reflect.deleteProperty(object.view, kind);
    if (object.interfaces.size === 0) {
      this.#objects.delete(path);
      this.views.delete(path);
      this.#takeMemory(-weightOfPath(path));
    }
    this.#count--;
    one.values.stop();
    this.#listener.noteRemoved(one);
  }

  /** Removes all objects. */
  clear(): void {
    for (const [path, { interfaces }] of [...this.#objects]) {
      for (const kind of [...interfaces.keys()]) this.#removeInterface(path, kind);
    }
  }

  /** Calls `visit` with each interface of each object. */
  each(visit: (one: ManagedInterface) => void): void {
    for (const { interfaces } of this.#objects.values()) {
      for (const one of interfaces.values()) visit(one);
    }
  }
}
