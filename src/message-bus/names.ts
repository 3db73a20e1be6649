// The well-known names of a bus: the owner of each, the queue for it, and how many one client may have. Pure: it
// reports each change of owner and sends nothing (name-changes.ts does). It does not know connections, only owners.
// Specification: org.freedesktop.DBus.RequestName, ReleaseName; Message Bus Names. Tests: names.test.ts.
import { REQUEST_NAME_FLAG } from '../protocol/bus.js';
import { ErrorName } from '../protocol/error-names.js';
import { DBusError } from '../protocol/errors.js';

const { ALLOW_REPLACEMENT, REPLACE_EXISTING, DO_NOT_QUEUE } = REQUEST_NAME_FLAG;

/** The codes of the results of RequestName. ‹org.freedesktop.DBus.RequestName› */
export const RequestResult = { PRIMARY_OWNER: 1, IN_QUEUE: 2, EXISTS: 3, ALREADY_OWNER: 4 } as const;
/** The codes of the results of ReleaseName. ‹org.freedesktop.DBus.ReleaseName› */
export const ReleaseResult = { RELEASED: 1, NON_EXISTENT: 2, NOT_OWNER: 3 } as const;

/** The fields that an owner of names must have. Only this file writes to the sets. */
export interface NameHolder {
  /** Its unique name, which counts as one of its names. */
  readonly uniqueName: string;
  /** The queues in which it has a place, the first included, in the order in which it got them. */
  readonly places: Set<NameQueue<NameHolder>>;
  /** The names that it owns. */
  readonly ownedNames: Set<string>;
}

interface Place<Owner> {
  readonly owner: Owner;
  flags: number;
}

/** A name with its owner, and those that wait for it. It exists only while the name has an owner. */
export interface NameQueue<Owner> {
  readonly name: string;
  /** The owner, then those that wait, the next one first. */
  readonly places: readonly Place<Owner>[];
}

/** A change of owner; undefined means no owner. */
export interface OwnerChange<Owner> {
  readonly name: string;
  readonly from: Owner | undefined;
  readonly to: Owner | undefined;
}

/** The result of a request or a release; `change` is undefined if the owner stays the same. */
export interface NameOutcome<Owner> {
  readonly result: number;
  readonly change: OwnerChange<Owner> | undefined;
}

interface MutableQueue<Owner> extends NameQueue<Owner> {
  readonly places: Place<Owner>[];
}

/** The well-known names of one bus. */
export class NameRegistry<Owner extends NameHolder> {
  readonly #queues = new Map<string, MutableQueue<Owner>>();
  readonly #maxPerOwner: number;

  constructor(maxPerOwner: number) {
    this.#maxPerOwner = maxPerOwner;
  }

  /** The names that have an owner. */
  get names(): IterableIterator<string> {
    return this.#queues.keys();
  }

  get size(): number {
    return this.#queues.size;
  }

  ownerOf(name: string): Owner | undefined {
    return this.#queues.get(name)?.places[0]?.owner;
  }

  /** The owner, then those that wait; empty if the name has no owner. */
  queueOf(name: string): readonly Owner[] {
    return this.#queues.get(name)?.places.map(({ owner }) => owner) ?? [];
  }

  /** Whether `owner` owns the name, or waits for it. */
  hasPlace(name: string, owner: Owner): boolean {
    return this.#queues.get(name)?.places.some((place) => place.owner === owner) ?? false;
  }

  /**
   * Requests a name. Unknown flags have no effect. An owner whose REPLACE_EXISTING cannot be granted waits at the first
   * place, as in the reference implementation; the specification does not say at which.
   * @throws {DBusError} LimitsExceeded if the owner already has as many names as it may have
   */
  request(name: string, owner: Owner, flags: number): NameOutcome<Owner> {
    if (owner.places.size + 1 >= this.#maxPerOwner) throw tooManyNames(owner, this.#maxPerOwner);
    const queue = this.#queues.get(name);
    const first = queue?.places[0];
    if (queue === undefined || first === undefined) {
      const created: MutableQueue<Owner> = { name, places: [] };
      this.#queues.set(name, created);
      this.#insert(created, 0, { owner, flags });
      owner.ownedNames.add(name);
      return { result: RequestResult.PRIMARY_OWNER, change: { name, from: undefined, to: owner } };
    }
    if (first.owner === owner) {
      first.flags = flags;
      return { result: RequestResult.ALREADY_OWNER, change: undefined };
    }
    const mayReplace = (first.flags & ALLOW_REPLACEMENT) !== 0 && (flags & REPLACE_EXISTING) !== 0;
    if (mayReplace) return { result: RequestResult.PRIMARY_OWNER, change: this.#replace(queue, first, owner, flags) };
    if ((flags & DO_NOT_QUEUE) !== 0) {
      this.#leave(queue, owner);
      return { result: RequestResult.EXISTS, change: undefined };
    }
    this.#enqueue(queue, owner, flags);
    return { result: RequestResult.IN_QUEUE, change: undefined };
  }

  /** Releases a name, or the place in its queue. */
  release(name: string, owner: Owner): NameOutcome<Owner> {
    const queue = this.#queues.get(name);
    if (queue === undefined) return { result: ReleaseResult.NON_EXISTENT, change: undefined };
    if (!this.hasPlace(name, owner)) return { result: ReleaseResult.NOT_OWNER, change: undefined };
    return { result: ReleaseResult.RELEASED, change: this.#leave(queue, owner) };
  }

  #replace(queue: MutableQueue<Owner>, first: Place<Owner>, owner: Owner, flags: number): OwnerChange<Owner> {
    this.#take(queue, owner);
    this.#insert(queue, 0, { owner, flags });
    first.owner.ownedNames.delete(queue.name);
    owner.ownedNames.add(queue.name);
    if ((first.flags & DO_NOT_QUEUE) !== 0) this.#drop(queue, first.owner);
    return { name: queue.name, from: first.owner, to: owner };
  }

  #enqueue(queue: MutableQueue<Owner>, owner: Owner, flags: number): void {
    const waiting = queue.places.find((place) => place.owner === owner);
    if ((flags & REPLACE_EXISTING) !== 0) {
      this.#take(queue, owner);
      this.#insert(queue, 1, { owner, flags });
    } else if (waiting !== undefined) {
      waiting.flags = flags;
    } else {
      this.#insert(queue, queue.places.length, { owner, flags });
    }
  }

  /** Removes the place of an owner, if there is one; returns the change if the owner of the name has changed. */
  #leave(queue: MutableQueue<Owner>, owner: Owner): OwnerChange<Owner> | undefined {
    const wasOwner = queue.places[0]?.owner === owner;
    this.#drop(queue, owner);
    if (!wasOwner) return undefined;
    const { name } = queue;
    owner.ownedNames.delete(name);
    const to = queue.places[0]?.owner;
    if (to === undefined) this.#queues.delete(name);
    else to.ownedNames.add(name);
    return { name, from: owner, to };
  }

  #insert(queue: MutableQueue<Owner>, index: number, place: Place<Owner>): void {
    queue.places.splice(index, 0, place);
    place.owner.places.add(queue as unknown as NameQueue<NameHolder>); // its owners are holders
  }

  /** Removes the place of an owner that gets another place at once: the order of its places stays the same. */
  #take(queue: MutableQueue<Owner>, owner: Owner): void {
    const index = queue.places.findIndex((place) => place.owner === owner);
    if (index >= 0) queue.places.splice(index, 1);
  }

  #drop(queue: MutableQueue<Owner>, owner: Owner): void {
    this.#take(queue, owner);
    owner.places.delete(queue as unknown as NameQueue<NameHolder>);
  }
}

function tooManyNames({ uniqueName }: NameHolder, limit: number): DBusError {
  const problem = `Connection "${uniqueName}" is not allowed to own more services`;
  const advice = `(increase limits in configuration file if required; max_names_per_connection=${limit})`;
  return new DBusError(ErrorName.LIMITS_EXCEEDED, `${problem} ${advice}`);
}
