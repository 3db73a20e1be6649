// A live view of the objects of an ObjectManager: the present ones, and those that are added, changed and removed.
// Signals that arrive before the list of all objects wait for it; after a restart of the service the view is built
// again. Tests: managed-objects.test.ts, test/interop/managed-objects.test.ts. Specification:
// org.freedesktop.DBus.ObjectManager.
import { QueueOverflowError } from '../connection/errors.js';
import type { MessageLink } from '../connection/link.js';
import type { StreamName } from '../connection/loop-end.js';
import { runListener } from '../connection/signal-taps.js';
import type { InterfaceDefinition } from '../interface/definition.js';
import type { SpecOf } from '../interface/definition-types.js';
import type { ReadableProperty } from '../interface/infer.js';
import { definitionOf } from '../interface/redefine.js';
import { ObjectManager } from '../interface/standard.js';
import type { MatchRule } from '../protocol/match-rule.js';
import { argumentError, hasMethods, isRecord } from '../wire/arguments.js';
import { ArgumentError } from '../wire/errors.js';
import type { Signal } from '../wire/messages/message.js';
import { checkOptions, FUNCTION, type OptionRules } from '../wire/options.js';
import { Follow, FOLLOW_RULES, type FollowedState, type FollowOptions } from './follow.js';
import { type Change, changeOf, type ManagedInterface, UnseenChanges } from './object-changes.js';
import { type AnnouncedInterfaces, type MakeProxy, ObjectStore } from './object-store.js';
import { type ChangedBody, CHANGED_SIGNATURE, changesOf } from './property-watch.js';
import { type CachedProxy, createProxy } from './proxy.js';
import type { ProxyReadOptions, ProxyTarget } from './proxy-options.js';
import { Pull } from './pull.js';

/** The definitions of the interfaces that a program uses, by names of its own. */
export type ManagedDefinitions = Readonly<Record<string, InterfaceDefinition>>;

/** An object: for each of its interfaces that has a definition, a proxy that keeps the properties. */
export type ManagedObject<Definitions extends ManagedDefinitions, out Typed extends boolean = false> = {
  readonly [Kind in keyof Definitions]?: CachedProxy<SpecOf<Definitions[Kind]>, Typed>;
};

/** A change of an object: `kind`, the key of a definition, determines the type of `proxy`. */
export type ObjectChange<
  Definitions extends ManagedDefinitions, Typed extends boolean = false,
  Type extends 'added' | 'changed' | 'removed' = 'added' | 'changed' | 'removed',
> = {
  readonly [Kind in keyof Definitions & string]: {
    /** The interface was added, properties of it have changed, or it was removed. */
    readonly type: Type;
    readonly kind: Kind;
    /** The path of the object. */
    readonly path: string;
    /** After a removal, its properties are the last known ones. */
    readonly proxy: CachedProxy<SpecOf<Definitions[Kind]>, Typed>;
    /** The names of the properties that have changed; empty unless `type` is `'changed'`. */
    readonly changed: readonly ReadableProperty<SpecOf<Definitions[Kind]>>[];
  };
}[keyof Definitions & string];

/** How objects are followed. Exceptions of the callbacks become uncaught exceptions of the process. */
export interface ManageOptions<
  Definitions extends ManagedDefinitions = ManagedDefinitions, in Typed extends boolean = false,
> extends FollowOptions {
  /**
   * Called with each object that exists at first or is added, once for each of its interfaces that has a definition.
   */
  readonly added?: ((change: ObjectChange<Definitions, Typed, 'added'>) => void) | undefined;
  /** Called when properties of an object change. */
  readonly changed?: ((change: ObjectChange<Definitions, Typed, 'changed'>) => void) | undefined;
  /** Called when an object is removed, or the service ends. */
  readonly removed?: ((change: ObjectChange<Definitions, Typed, 'removed'>) => void) | undefined;
  /**
   * The most objects that are kept, each counted once for each of its interfaces that has a definition; default:
   * 65,536. Further ones are dropped and counted.
   */
  readonly maxObjects?: number | undefined;
  /**
   * Roughly the most memory of the values of all properties, in bytes; default: 256 MiB. A value that exceeds it is
   * counted and not kept: `$get` asks the service for it. Paths of more than 1,024 characters count too: an object
   * whose path exceeds the limit is dropped and counted.
   */
  readonly maxBytes?: number | undefined;
}

const LIMIT = {
  must: 'a number, 0 or more, or Infinity',
  accepts: (value: unknown) => value === Infinity || (Number.isInteger(value) && Number(value) >= 0),
};
const CALLBACK_RULES = { added: FUNCTION, changed: FUNCTION, removed: FUNCTION };
const LIMIT_RULES = { maxObjects: LIMIT, maxBytes: LIMIT };
const MANAGE_RULES: OptionRules<ManageOptions> = { ...FOLLOW_RULES, ...CALLBACK_RULES, ...LIMIT_RULES };

/**
 * The objects of a service. Each `for await` loop begins with the present ones, as `'added'`, and continues with each
 * change. A slow reader gets one change for all that has happened to an object in the meantime, and no change for an
 * object that was added and removed.
 */
export interface ManagedObjects<Definitions extends ManagedDefinitions, out Typed extends boolean = false>
  extends AsyncIterable<ObjectChange<Definitions, Typed>>, AsyncDisposable {
  /** Resolves when the objects are known, or the service is known to be absent. Rejects if they cannot be read. */
  readonly ready: Promise<void>;
  /** The present objects by path, kept up to date: those with at least one interface that has a definition. */
  readonly objects: ReadonlyMap<string, ManagedObject<Definitions, Typed>>;
  /**
   * How many signals, objects and values were dropped: because of a wrong signature, because of the limits, or because
   * an object is not at the path of the manager or below it.
   */
  readonly dropped: number;
  /**
   * Resolves when the view has ended, and never rejects: with the reason of its AbortSignal, the error by which the
   * objects cannot be read, or the end of the connection; with undefined after `close`.
   */
  readonly closed: Promise<unknown>;
  /** Ends the view and removes its match rules. It is empty from then on. */
  close(): Promise<void>;
}

/** The limits of the signals that wait for the list of all objects. */
const WAITING_LIMITS = { limit: 65_536, maxBytes: 2 ** 24 };
/** How often the list is requested again after too many signals have arrived before it. */
const MAX_ATTEMPTS = 5;

const { InterfacesAdded, InterfacesRemoved } = ObjectManager.signals;

type GetObjects = (options: ProxyReadOptions) => Promise<ReadonlyMap<string, AnnouncedInterfaces>>;

/** The signals that have arrived since the list was requested. */
interface Waiting {
  readonly signals: Signal[];
  bytes: number;
  hasOverflowed: boolean;
}

/** The state of a view. */
class ManagedState implements FollowedState {
  readonly store: ObjectStore;
  readonly #getObjects: GetObjects;
  readonly #ended: (error?: { readonly reason: unknown }) => void;
  #waiting: Waiting | undefined;
  #isLoaded = false;

  constructor(
    store: ObjectStore, getObjects: GetObjects, ended: (error?: { readonly reason: unknown }) => void,
  ) {
    this.store = store;
    this.#getObjects = getObjects;
    this.#ended = ended;
  }

  async load(isCurrent: () => boolean, options: ProxyReadOptions): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const waiting: Waiting = { signals: [], bytes: 0, hasOverflowed: false };
      this.#waiting = waiting;
      this.#isLoaded = false;
      const objects = await this.#getObjects(options);
      if (!isCurrent()) return;
      if (waiting.hasOverflowed && attempt < MAX_ATTEMPTS) continue;
      if (waiting.hasOverflowed) {
        throw new QueueOverflowError({ waiting: WAITING_LIMITS.limit, bytes: waiting.bytes }, WAITING_LIMITS);
      }
      this.#waiting = undefined;
      this.#isLoaded = true;
      for (const [path, interfaces] of objects) {
        if (!isCurrent()) return this.store.clear(); // a callback has closed the view
        this.store.add(path, interfaces, 'GetManagedObjects');
      }
      for (const signal of waiting.signals) {
        if (!isCurrent()) break;
        this.#apply(signal);
      }
      if (!isCurrent()) this.store.clear();
      return;
    }
  }

  take(signal: Signal, bytes: number): void {
    if (this.#isLoaded) return this.#apply(signal);
    const waiting = this.#waiting;
    if (waiting === undefined || waiting.hasOverflowed) return;
    waiting.signals.push(signal);
    waiting.bytes += bytes;
    if (waiting.signals.length <= WAITING_LIMITS.limit && waiting.bytes <= WAITING_LIMITS.maxBytes) return;
    waiting.hasOverflowed = true;
    waiting.signals.length = 0;
  }

  /** Signals that arrive before the list can be older than the list; they are applied in their order. */
  #apply({ member, path, body }: Signal): void {
    if (member === 'InterfacesAdded') {
      const [object, interfaces] = body as unknown as readonly [string, AnnouncedInterfaces]; // by its signature
      this.store.add(object, interfaces, 'InterfacesAdded');
    } else if (member === 'InterfacesRemoved') {
      const [object, interfaces] = body as unknown as readonly [string, readonly string[]]; // by its signature
      this.store.remove(object, interfaces);
    } else {
      const [interfaceName, changed, invalidated] = body as unknown as ChangedBody; // by its signature
      this.store.change(path, interfaceName, changed, invalidated);
    }
  }

  clear(): void {
    this.#isLoaded = false;
    this.#waiting = undefined;
    this.store.clear();
  }

  end(error?: { readonly reason: unknown }): void {
    this.#ended(error);
    this.clear();
  }
}

/** The receivers of changes: the callbacks of the program, and each of its loops. */
class Audience {
  readonly #name: StreamName;
  readonly #options: ManageOptions;
  readonly #readers = new Map<UnseenChanges, Pull<Change>>();
  #end: { readonly error: { readonly reason: unknown } | undefined } | undefined;

  /** `name` names the objects in the error of a loop. */
  constructor(name: StreamName, options: ManageOptions) {
    this.#name = name;
    this.#options = options;
  }

  #call(type: Change['type'], one: ManagedInterface, names?: readonly string[]): void {
    const callback = this.#options[type] as ((change: Change) => void) | undefined; // its type is the change's
    if (callback !== undefined) runListener(() => callback(changeOf(type, one, names)));
  }

  noteAdded(one: ManagedInterface): void {
    if (this.#end !== undefined) return;
    for (const [unseen, pull] of this.#readers) {
      unseen.noteAdded(one);
      pull.wake();
    }
    this.#call('added', one);
  }

  noteChanged(one: ManagedInterface, names: readonly string[]): void {
    if (this.#end !== undefined) return;
    for (const [unseen, pull] of this.#readers) {
      unseen.noteChanged(one, names);
      pull.wake();
    }
    this.#call('changed', one, names);
  }

  noteRemoved(one: ManagedInterface): void {
    if (this.#end !== undefined) return;
    for (const [unseen, pull] of this.#readers) {
      unseen.noteRemoved(one);
      pull.wake();
    }
    this.#call('removed', one);
  }

  /** Opens a loop that begins with the objects of a store. */
  open(store: ObjectStore): Pull<Change> {
    const unseen = new UnseenChanges();
    store.each((one) => unseen.noteAdded(one));
    const pull = new Pull(this.#name, () => unseen.take(), () => {
      this.#readers.delete(unseen);
      unseen.clear();
      return Promise.resolve();
    });
    if (this.#end === undefined) this.#readers.set(unseen, pull);
    else pull.end(this.#end.error);
    return pull;
  }

  end(error: { readonly reason: unknown } | undefined): void {
    this.#end ??= { error };
    for (const [unseen, pull] of this.#readers) {
      if (error === undefined) unseen.clear(); // it was closed by the program itself
      pull.end(error);
    }
    this.#readers.clear();
  }
}

/**
 * Follows the objects of an ObjectManager, with typed proxies for the interfaces that have a definition:
 * `manageObjects(bus, { destination: 'org.bluez', path: '/' }, { device: Device1 })`. Other interfaces are ignored. It
 * follows the destination: while the service does not run, there are no objects.
 * @throws {InvalidNameError} if `destination` is not a bus name, or `path` is not an object path
 * @throws {DefinitionError} if a definition is one that `defineInterface` would reject
 * @throws {ArgumentError} if an argument or an option is not valid, or two definitions define the same interface
 */
export function manageObjects<const Definitions extends ManagedDefinitions, Typed extends boolean = false>(
  link: MessageLink<Typed>, target: ProxyTarget, definitions: Definitions, options?: ManageOptions<Definitions, Typed>,
): ManagedObjects<Definitions, Typed>;
export function manageObjects(
  link: MessageLink<boolean>, target: ProxyTarget, definitions: ManagedDefinitions, options: ManageOptions = {},
): object {
  const manager = createProxy(link, ObjectManager, target); // it checks the link and the target
  checkDefinitions(definitions);
  checkOptions('manageObjects', options, MANAGE_RULES);
  const { destination, path, timeout, noAutoStart, allowInteractiveAuthorization } = target;
  const { maxObjects = 65_536, maxBytes = 2 ** 28 } = options;

  const makeProxy: MakeProxy = (definition, at) => createProxy(link, definition, {
    destination, path: at, timeout, noAutoStart, allowInteractiveAuthorization,
  }) as ReturnType<MakeProxy>; // a proxy of any interface has these functions
  const audience = new Audience(() => `the objects of ${destination ?? 'the peer'} at ${path}`, options);
  const limits = { maxObjects, maxBytes };
  const store = new ObjectStore(link, definitions, { path, makeProxy, limits, listener: audience });
  const getObjects: GetObjects = (how) => manager.GetManagedObjects(how);
  const state = new ManagedState(store, getObjects, (error) => audience.end(error));

  const rules: MatchRule[] = ['InterfacesAdded', 'InterfacesRemoved'].map((member) => (
    { sender: destination, path, interface: ObjectManager.name, member }
  ));
  for (const { name } of Object.values(definitions)) rules.push(changesOf(name, { destination, pathNamespace: path }));
  const signature = ({ member }: MatchRule): string => (
    member === 'InterfacesAdded' ? InterfacesAdded.args
      : member === 'InterfacesRemoved' ? InterfacesRemoved.args : CHANGED_SIGNATURE
  );
  const follow = new Follow(link, { destination, signals: { rules, signature }, state, options });
  const close = (): Promise<void> => follow.close();
  return Object.freeze({
    ready: follow.ready,
    closed: follow.closed,
    objects: store.views,
    get dropped() {
      return follow.dropped + store.dropped;
    },
    close,
    [Symbol.asyncIterator]: () => audience.open(store),
    [Symbol.asyncDispose]: close,
  });
}

function checkDefinitions(definitions: unknown): void {
  if (!isRecord(definitions)) throw argumentError('manageObjects', 'the definitions must be an object', definitions);
  const kinds = new Map<unknown, string>();
  for (const [kind, definition] of Object.entries(definitions)) {
    const must = `"${kind}" must be a definition that was made by defineInterface`;
    if (!hasMethods(definition, 'implement')) throw argumentError('manageObjects', must, definition);
    const { name } = definitionOf(definition);
    const other = kinds.get(name);
    kinds.set(name, kind);
    if (other === undefined) continue;
    const problem = `"${other}" and "${kind}" define the same interface ${name}: each must define a different one`;
    throw new ArgumentError('ARGUMENT_INVALID', problem, { owner: 'manageObjects' });
  }
}
