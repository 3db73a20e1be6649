// Who owns a bus name now, and every change: the ground on which a signal is believed to come from whom it names.
// One watch on the bus serves all who ask for the same name. It must keep the order of the stream: an answer to
// GetNameOwner that is older than a NameOwnerChanged does not count.
// Specification: org.freedesktop.DBus.NameOwnerChanged.
import { methodCall, type Signal } from '../wire/messages/message.js';
import { BUS_NAME, BUS_OBJECT } from '../protocol/bus.js';
import type { Connection } from './connection.js';
import type { MatchRules } from './match-rules.js';
import type { CallOutcome } from './pending.js';
import { runListener } from '../transport/waiting.js';

/** Is told of a change: the unique names of the new owner and of the one before, undefined for none. */
export type OwnerListener = (owner: string | undefined, previous: string | undefined) => void;

/** One name that somebody watches. */
class WatchedName {
  owner: string | undefined;
  /** A NameOwnerChanged came: whatever GetNameOwner says is no newer. */
  hasChanged = false;
  /** Each is told the owner, and knows itself what it was told before. */
  readonly listeners = new Set<(owner: string | undefined) => void>();
  ready: Promise<void> = Promise.resolve();
  release: () => Promise<void> = () => Promise.resolve();

  update(owner: string | undefined): void {
    this.owner = owner;
    for (const tell of [...this.listeners]) {
      if (this.listeners.has(tell)) tell(owner); // one of them may have closed another
    }
  }
}

/** A watch on the owner of one name. */
export interface OwnerWatch extends AsyncDisposable {
  /** Resolves when the owner is known; rejects where the bus cannot be asked, and then nothing is told any more. */
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

  /** Watches a name; `listener` is told the owner found, if there is one, and each change; not before this returns. */
  watch(name: string, listener: OwnerListener): OwnerWatch {
    const watched = this.#names.get(name) ?? this.#begin(name);
    let told: string | undefined;
    const tell = (owner: string | undefined): void => {
      if (owner === told) return;
      const previous = told;
      told = owner;
      runListener(() => listener(owner, previous));
    };
    watched.listeners.add(tell);
    queueMicrotask(() => {
      if (watched.listeners.has(tell)) tell(watched.owner); // known already, where others watch the same name
    });
    const close = async (): Promise<void> => {
      if (!watched.listeners.delete(tell) || watched.listeners.size > 0) return;
      this.#forget(name, watched);
      await watched.release();
    };
    return {
      ready: watched.ready,
      get owner() {
        return watched.owner;
      },
      close,
      [Symbol.asyncDispose]: close,
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
    watched.ready.catch(() => {
      // Whoever waits for it is told; the next who asks begins anew.
      this.#forget(name, watched);
      watched.release().catch(() => {});
    });
    return watched;
  }

  #forget(name: string, watched: WatchedName): void {
    if (this.#names.get(name) === watched) this.#names.delete(name);
  }

  #askOwner(name: string, watched: WatchedName): Promise<void> {
    const call = methodCall({ ...BUS_OBJECT, member: 'GetNameOwner', signature: 's', body: [name] });
    return new Promise((resolve, reject) => {
      this.#connection.request(call, (outcome: CallOutcome) => {
        if ('error' in outcome) return reject(outcome.error);
        const { type, signature, body } = outcome.reply;
        // The only error that the bus has for a name in order is that nobody owns it.
        const owner = type === 'method_return' && signature === 's' ? (body[0] as string) : undefined;
        if (!watched.hasChanged) watched.update(owner);
        resolve();
      });
    });
  }
}
