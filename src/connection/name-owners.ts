// Who owns a bus name now, and every change: the ground on which a signal is believed to come from whom it names.
// One watch on the bus serves all who ask for the same name. It must keep the order of the stream: an answer to
// GetNameOwner that is older than a NameOwnerChanged does not count. Specification: org.freedesktop.DBus.NameOwnerChanged.
import { methodCall, type Signal } from '../wire/message.js';
import { BUS_NAME, BUS_OBJECT } from './bus-object.js';
import type { Connection } from './connection.js';
import type { MatchRules } from './match-rules.js';
import type { CallOutcome } from './pending.js';

/** Is told of a change: the unique names of the new owner and of the one before, undefined for none. */
export type OwnerListener = (owner: string | undefined, previous: string | undefined) => void;

/** One name that somebody watches. */
class WatchedName {
  owner: string | undefined;
  /** A NameOwnerChanged came: whatever GetNameOwner says is no newer. */
  hasChanged = false;
  readonly listeners = new Set<OwnerListener>();
  ready: Promise<void> = Promise.resolve();
  release: () => Promise<void> = () => Promise.resolve();

  update(owner: string | undefined): void {
    const previous = this.owner;
    this.owner = owner;
    if (owner === previous) return;
    for (const listener of [...this.listeners]) listener(owner, previous);
  }
}

/** A watch on the owner of one name. */
export interface OwnerWatch {
  /** Resolves when the owner is known; rejects where the bus cannot be asked. */
  readonly ready: Promise<void>;
  /** The unique name of the present owner; undefined for none, or as long as it is not known. */
  readonly owner: string | undefined;
  close(): Promise<void>;
}

/** The owners of all names that somebody on one connection watches. */
export class NameOwners {
  readonly #connection: Connection;
  readonly #rules: MatchRules;
  readonly #names = new Map<string, WatchedName>();

  constructor(connection: Connection, rules: MatchRules) {
    this.#connection = connection;
    this.#rules = rules;
  }

  /** The unique name of the owner of a name that is watched; undefined where it has none, or it is not known yet. */
  ownerOf(name: string): string | undefined {
    return this.#names.get(name)?.owner;
  }

  /** Watches a name; `listener` is told each change from now on, the first owner found included. */
  watch(name: string, listener: OwnerListener): OwnerWatch {
    const watched = this.#names.get(name) ?? this.#begin(name);
    // A function of one's own, so that one listener may watch a name twice.
    const own: OwnerListener = (owner, previous) => listener(owner, previous);
    watched.listeners.add(own);
    if (watched.owner !== undefined) listener(watched.owner, undefined);
    return {
      ready: watched.ready,
      get owner() {
        return watched.owner;
      },
      close: async () => {
        if (!watched.listeners.delete(own) || watched.listeners.size > 0) return;
        this.#names.delete(name);
        await watched.release();
      },
    };
  }

  /** Takes a signal of the bus; to be called for every NameOwnerChanged, in order of arrival. */
  handleNameOwnerChanged({ signature, body }: Signal): void {
    if (signature !== 'sss') return;
    const [name, , owner] = body as readonly [string, string, string]; // by its signature
    const watched = this.#names.get(name);
    if (watched === undefined) return;
    watched.hasChanged = true;
    watched.update(owner === '' ? undefined : owner);
  }

  #begin(name: string): WatchedName {
    const watched = new WatchedName();
    this.#names.set(name, watched);
    const rule = this.#rules.add({
      type: 'signal',
      sender: BUS_NAME,
      interface: BUS_OBJECT.interface,
      member: 'NameOwnerChanged',
      path: BUS_OBJECT.path,
      args: { 0: name },
    });
    watched.release = rule.release;
    // Asked right behind AddMatch, so that no change can fall between the two.
    watched.ready = Promise.all([rule.ready, this.#askOwner(name, watched)]).then(() => undefined);
    watched.ready.catch(() => {}); // whoever waits for it is told; nobody needs to
    return watched;
  }

  #askOwner(name: string, watched: WatchedName): Promise<void> {
    const call = methodCall({ ...BUS_OBJECT, member: 'GetNameOwner', signature: 's', body: [name] });
    return new Promise((resolve, reject) => {
      this.#connection.request(call, (outcome: CallOutcome) => {
        if ('error' in outcome) return reject(outcome.error);
        // The only error that the bus has for a name in order is that nobody owns it.
        const owner = outcome.reply.type === 'method_return' ? (outcome.reply.body[0] as string) : undefined;
        if (!watched.hasChanged) watched.update(owner);
        resolve();
      });
    });
  }
}
