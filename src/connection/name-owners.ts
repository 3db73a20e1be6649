// The present owner of each watched bus name, and every change of it: the basis for trusting the sender of a signal.
// One request to the bus serves all watches of a name. The order of arrival counts: a reply to GetNameOwner that comes
// after a NameOwnerChanged is ignored. When a bus ends, all owners are forgotten, and the next bus is asked again,
// except about unique names.
// Tests: name-owners.test.ts, reconnect.test.ts.
// Specification: org.freedesktop.DBus.NameOwnerChanged, org.freedesktop.DBus.GetNameOwner.
import { BUS_NAME, BUS_OBJECT } from '../protocol/bus.js';
import type { MatchRule } from '../protocol/match-rule.js';
import { runListener } from '../transport/waiting.js';
import { methodCall } from '../wire/messages/message.js';
import type { ArrivedSignal } from './arrived-signal.js';
import type { Engine } from './engine.js';
import { type ConnectionClosedError, formerNameError } from './errors.js';
import { isPostponed, type MatchRequests, type WishLink } from './match-requests.js';
import type { CallOutcome } from './pending-call.js';
import { type Pledge, pledge } from './pledge.js';

/**
 * Called with the unique names of the new owner and of the previous one, undefined if there is no owner, and with the
 * name that they own.
 */
export type OwnerListener = (owner: string | undefined, previous: string | undefined, name: string) => void;

/** How many former owners of a name are remembered. */
const MAX_FORMER_OWNERS = 8;

/** A watch on the owner of one name, or on the owners of all names below a prefix. */
export interface OwnerWatch extends AsyncDisposable {
  /**
   * Resolves when the owners are known, and the listener has got the present ones, or after `close`. Rejects if the bus
   * cannot be asked; the listener is then never called.
   */
  readonly ready: Promise<void>;
  /** The unique name of the present owner; undefined if there is none, before `ready`, and for a prefix. */
  readonly owner: string | undefined;
  /** The names that are watched and have an owner at present, each with the unique name of its owner. */
  readonly owners: ReadonlyMap<string, string>;
  /** Ends the watch: the listener is no longer called. Resolves when the bus has removed the match rule. */
  close(): Promise<void>;
}

/** A name, or a prefix of names, that is watched. */
export abstract class Watched<Listener> {
  readonly listeners = new Set<Listener>();
  /** Settles when the bus has been asked. */
  readonly asked: Pledge = pledge();
  ready: Promise<void> = Promise.resolve();
  release: () => Promise<void> = () => Promise.resolve();
  /** The unique name of the present owner; undefined if there is none, and for a prefix. */
  abstract readonly owner: string | undefined;

  /** The names that have an owner, and their owners. */
  abstract copyOwners(): ReadonlyMap<string, string>;

  /** The bus has the rule, and all owners are known. */
  abstract finish(): void;
}

/** The names, or the prefixes of names, that one connection watches: each with one match rule and one question. */
export abstract class OwnerWatches<Listener, Subject extends Watched<Listener>> {
  protected readonly subjects = new Map<string, Subject>();
  readonly #link: WishLink;
  readonly #rules: MatchRequests;

  constructor(link: WishLink, rules: MatchRequests) {
    this.#link = link;
    this.#rules = rules;
  }

  /** Asks for the present owners, and settles `asked`. Rejects if the engine ends or a reply does not come. */
  protected abstract ask(engine: Engine, key: string, subject: Subject): Promise<void>;

  /** Adds the match rule of a new subject, and asks for its owners. */
  protected begin(key: string, subject: Subject, filter: Pick<MatchRule, 'args' | 'arg0Namespace'>): Subject {
    this.subjects.set(key, subject);
    const { path, interface: interfaceName } = BUS_OBJECT;
    const member = 'NameOwnerChanged';
    const changes = { type: 'signal', sender: BUS_NAME, path, interface: interfaceName, member } as const;
    const rule = this.#rules.add({ ...changes, ...filter }, () => this.giveUp(key, subject));
    subject.release = rule.release;
    // The owners are asked for directly after AddMatch, so that no change can be missed between the two.
    const { open, failure } = this.#link;
    if (failure !== undefined) subject.asked.reject(failure);
    else if (open !== undefined) {
      this.ask(open, key, subject).catch((error: unknown) => {
        if (!isPostponed(error, this.#link)) subject.asked.reject(error);
      });
    } else if (key.startsWith(':')) subject.asked.reject(formerNameError(key));
    subject.ready = Promise.all([rule.ready, subject.asked.promise]).then(() => subject.finish());
    subject.ready.catch(() => this.giveUp(key, subject)); // a reader of `ready` gets the error
    return subject;
  }

  /** Adds a listener; the result is its watch. The last watch of a subject that is closed ends the subject. */
  protected listen(key: string, subject: Subject, listener: Listener): OwnerWatch {
    subject.listeners.add(listener);
    const ready = pledge();
    subject.ready.then(ready.resolve, ready.reject);
    const close = async (): Promise<void> => {
      ready.resolve(); // a subject that is forgotten is not asked about on the next connection
      if (!subject.listeners.delete(listener) || subject.listeners.size > 0) return;
      this.#forget(key, subject);
      await subject.release();
    };
    return {
      ready: ready.promise,
      get owner() {
        return subject.owner;
      },
      get owners() {
        return subject.copyOwners();
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  /** No further engine follows. */
  end(error: ConnectionClosedError): void {
    for (const { asked } of this.subjects.values()) asked.reject(error);
  }

  /** The connection has ended, and no other one follows: no listener is called again. */
  forgetAll(): void {
    for (const { listeners } of this.subjects.values()) listeners.clear();
    this.subjects.clear();
  }

  /** The bus cannot report the owners: the next watch asks again. */
  protected giveUp(key: string, subject: Subject): void {
    this.#forget(key, subject);
    subject.release().catch(() => {});
  }

  #forget(key: string, subject: Subject): void {
    if (this.subjects.get(key) === subject) this.subjects.delete(key);
  }
}

/** Called once if the watched name is a unique name and its bus ends: the watch ends with that bus. */
export type WatchEndListener = (error: ConnectionClosedError) => void;

/** The listener of one watch. */
interface NameListener {
  /** Gets the new owner; the listener keeps the previous one itself. */
  readonly setOwner: (owner: string | undefined) => void;
  readonly onEnd: WatchEndListener | undefined;
}

/** One name that is watched. */
class WatchedName extends Watched<NameListener> {
  readonly name: string;
  owner: string | undefined;
  /** The former owners since the watch began. One of them may still answer a call that it received. */
  readonly former: string[] = [];
  /** A NameOwnerChanged has arrived: a later reply to GetNameOwner is not newer. */
  hasChanged = false;

  constructor(name: string) {
    super();
    this.name = name;
  }

  override copyOwners(): ReadonlyMap<string, string> {
    return new Map(this.owner === undefined ? [] : [[this.name, this.owner]]);
  }

  /** Does nothing: the listeners got the owner with the reply. */
  override finish(): void {}

  update(owner: string | undefined): void {
    if (this.owner !== undefined) this.former.push(this.owner);
    if (this.former.length > MAX_FORMER_OWNERS) this.former.shift();
    this.#setOwner(owner);
  }

  /** The bus has ended: the known owner is not valid on the next bus. */
  reset(): void {
    this.former.length = 0;
    this.hasChanged = false;
    if (this.owner !== undefined) this.#setOwner(undefined);
  }

  #setOwner(owner: string | undefined): void {
    this.owner = owner;
    for (const listener of [...this.listeners]) {
      if (this.listeners.has(listener)) listener.setOwner(owner); // an earlier listener may have closed this watch
    }
  }
}

/** The owners of all names that one connection watches. */
export class NameOwners extends OwnerWatches<NameListener, WatchedName> {
  /** The unique name of the present owner of a name that is watched; undefined if there is none, or it is not known. */
  ownerOf(name: string): string | undefined {
    return this.subjects.get(name)?.owner;
  }

  /**
   * Whether `sender`, a unique name, may own or have owned a name. True unless a watch knows other owners only.
   */
  mayOwn(name: string, sender: string): boolean {
    const watched = this.subjects.get(name);
    if (watched === undefined || (watched.owner === undefined && watched.former.length === 0)) return true;
    return watched.owner === sender || watched.former.includes(sender);
  }

  /**
   * Watches a name. `listener` is called with the present owner, if there is one, and for each change; never before
   * this function returns. `onEnd` is called if the watch ends with its bus.
   */
  watch(name: string, listener: OwnerListener, onEnd?: WatchEndListener): OwnerWatch {
    const watched = this.subjects.get(name) ?? this.begin(name, new WatchedName(name), { args: { 0: name } });
    let last: string | undefined;
    const setOwner = (owner: string | undefined): void => {
      if (owner === last) return;
      const previous = last;
      last = owner;
      runListener(() => listener(owner, previous, name));
    };
    const entry: NameListener = { setOwner, onEnd };
    const watch = this.listen(name, watched, entry);
    queueMicrotask(() => {
      if (watched.listeners.has(entry)) setOwner(watched.owner); // known already, if another watch has the same name
    });
    return watch;
  }

  /** Takes NameOwnerChanged; must be called for every signal of the bus, in order of arrival. */
  handleBusSignal(signal: ArrivedSignal): void {
    const { member, signature } = signal.header;
    if (member !== 'NameOwnerChanged' || signature !== 'sss') return;
    const message = signal.read();
    if (message === undefined) return;
    const [name, , owner] = message.body as readonly [string, string, string]; // by its signature
    const watched = this.subjects.get(name);
    if (watched === undefined) return;
    watched.hasChanged = true;
    watched.update(owner === '' ? undefined : owner);
  }

  /**
   * Must be called if a connection has ended and is to be restored: its owners are not valid on the next one. A unique
   * name is never watched on the next one, which can give it to another program.
   */
  handleBreak(): void {
    for (const [name, watched] of [...this.subjects]) {
      if (!name.startsWith(':')) {
        watched.reset();
        continue;
      }
      const error = formerNameError(name);
      watched.asked.reject(error); // unless it is known
      this.giveUp(name, watched);
      watched.reset();
      for (const { onEnd } of [...watched.listeners]) onEnd?.(error);
    }
  }

  /**
   * Asks a new engine for the owners of all names, whose rules must have been sent before. Rejects if the engine ends,
   * or a reply does not come.
   */
  async replay(engine: Engine): Promise<void> {
    await Promise.all(Array.from(this.subjects, ([name, watched]) => this.ask(engine, name, watched)));
  }

  protected override ask(engine: Engine, name: string, watched: WatchedName): Promise<void> {
    const call = methodCall({ ...BUS_OBJECT, member: 'GetNameOwner', signature: 's', body: [name] });
    return new Promise((resolve, reject) => {
      engine.request(call, (outcome: CallOutcome) => {
        if ('error' in outcome) return reject(outcome.error);
        const { type, signature, body } = outcome.reply;
        // For a valid name the only error of the bus is that the name has no owner.
        const owner = type === 'method_return' && signature === 's' ? (body[0] as string) : undefined;
        if (!watched.hasChanged) watched.update(owner);
        watched.asked.resolve();
        resolve();
      });
    });
  }
}
