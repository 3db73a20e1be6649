// The changes that a reader of managed objects has not seen yet. There is at most one entry for each interface of each
// object, so that a slow reader needs no more memory than the objects do. An object that was added and removed in the
// meantime has no entry. It does not know messages. Tests: managed-objects.test.ts. Specification:
// org.freedesktop.DBus.ObjectManager.
import { OldestFirst } from '../wire/oldest-first.js';

/** An interface of an object. */
export interface ManagedInterface {
  readonly path: string;
  /** The key of its definition. */
  readonly kind: string;
  readonly proxy: object;
}

/** A change of a managed object. The proxy is made when it is first asked for. */
export interface Change {
  readonly type: 'added' | 'changed' | 'removed';
  readonly kind: string;
  readonly path: string;
  readonly proxy: object;
  /** The names of the properties that have changed. */
  readonly changed: readonly string[];
}

/** Makes a change. */
export function changeOf(type: Change['type'], one: ManagedInterface, changed: readonly string[] = []): Change {
  return {
    type,
    kind: one.kind,
    path: one.path,
    get proxy() {
      return one.proxy;
    },
    changed,
  };
}

/** The changes of one interface of one object that the reader has not seen. */
interface Unseen {
  /** The interface that the reader has seen, if it was removed. */
  removed: ManagedInterface | undefined;
  /** The present interface, if the reader has not seen it. */
  added: ManagedInterface | undefined;
  /** The interface that the reader has seen, if it has changed. */
  changed: ManagedInterface | undefined;
  names: Set<string>;
}

/** The changes that wait for one reader. */
export class UnseenChanges {
  readonly #unseen = new Map<string, Unseen>();
  readonly #oldest = new OldestFirst(this.#unseen);
  /** The key of an interface that was removed and added again: the reader has seen the old one, not the new one. */
  #addedAgain: string | undefined;

  #of({ kind, path }: ManagedInterface): Unseen {
    const key = `${kind} ${path}`;
    let unseen = this.#unseen.get(key);
    if (unseen === undefined) {
      unseen = { removed: undefined, added: undefined, changed: undefined, names: new Set() };
      this.#unseen.set(key, unseen);
    }
    return unseen;
  }

  noteAdded(one: ManagedInterface): void {
    this.#of(one).added = one;
  }

  noteChanged(one: ManagedInterface, names: readonly string[]): void {
    const unseen = this.#of(one);
    if (unseen.added !== undefined) return; // the reader will get the present values with it
    unseen.changed = one;
    for (const name of names) unseen.names.add(name);
  }

  noteRemoved(one: ManagedInterface): void {
    const unseen = this.#of(one);
    if (unseen.added === undefined) unseen.removed = one;
    unseen.added = undefined;
    unseen.changed = undefined;
    unseen.names.clear();
    if (unseen.removed === undefined) this.#unseen.delete(`${one.kind} ${one.path}`);
  }

  /** Takes the change that waits longest, in a list of one. */
  take(): readonly [Change] | undefined {
    for (let key = this.#nextKey(); key !== undefined; key = this.#nextKey()) {
      const unseen = this.#unseen.get(key)!; // it is a key
      const { removed, added, changed, names } = unseen;
      if (removed !== undefined && added !== undefined) {
        unseen.removed = undefined;
        this.#addedAgain = key;
      } else {
        this.#unseen.delete(key);
      }
      if (removed !== undefined) return [changeOf('removed', removed)];
      if (added !== undefined) return [changeOf('added', added)];
      if (changed !== undefined) return [changeOf('changed', changed, [...names])];
    }
    return undefined;
  }

  #nextKey(): string | undefined {
    const key = this.#addedAgain;
    this.#addedAgain = undefined;
    return key !== undefined && this.#unseen.has(key) ? key : this.#oldest.take();
  }

  clear(): void {
    this.#unseen.clear();
    this.#addedAgain = undefined;
  }
}
