// The owners of all names below a prefix, such as `org.mpris.MediaPlayer2.*`: first the present ones, then each change.
// One match rule and one list of names serve all watches of a prefix. NameOwnerChanged is always newer than an answer
// of the bus about the same name, even if the answer arrives later. When a bus ends, all owners are forgotten, and the
// next bus is asked again. Tests: namespace-owners.test.ts, reconnect.test.ts. Specification: Match Rules
// (arg0namespace), org.freedesktop.DBus.NameOwnerChanged, org.freedesktop.DBus.ListNames.
import { BUS_OBJECT } from '../protocol/bus.js';
import { DBusError } from '../protocol/errors.js';
import { runListener } from '../transport/waiting.js';
import { InvalidNameError } from '../wire/errors.js';
import { assertBusName, isWellKnownName } from '../wire/names.js';
import type { ArrivedSignal } from './arrived-signal.js';
import type { Engine } from './engine.js';
import { type OwnerListener, type OwnerWatch, OwnerWatches, Watched } from './name-owners.js';
import { DEFAULT_CALL_TIMEOUT } from './pending-calls.js';

/** The number of owners that are asked for at the same time. */
const QUESTIONS_AT_ONCE = 64;

/** The end of the text for all names below a prefix. */
const WILDCARD = '.*';

/** The prefix in `org.example.*`; undefined for a bus name. @throws {InvalidNameError} if a text is neither */
export function namespaceOf(name: string): string | undefined {
  if (typeof name !== 'string' || !name.endsWith(WILDCARD)) {
    assertBusName(name);
    return undefined;
  }
  const prefix = name.slice(0, -WILDCARD.length);
  if (isWellKnownName(`${prefix}.a`)) return prefix;
  const rule = 'have one or more elements of [A-Za-z_-][A-Za-z0-9_-]* joined by "." before ".*", at most 255 bytes';
  throw new InvalidNameError('bus name', name, rule);
}

/** One watch. */
interface Watcher {
  readonly listener: OwnerListener;
  /** Whether it has got the present names; before that it gets no changes. */
  hasBegun: boolean;
}

/** One prefix that is watched. */
class WatchedNamespace extends Watched<Watcher> {
  readonly owners = new Map<string, string>();
  readonly owner = undefined;
  /** The names that have changed while the bus is asked for their owners; undefined when all owners are known. */
  changed: Set<string> | undefined = new Set();

  override copyOwners(): ReadonlyMap<string, string> {
    return new Map(this.owners);
  }

  /** Records the owner of a name, and reports it to the watches if it has changed. */
  update(name: string, owner: string | undefined): void {
    const previous = this.owners.get(name);
    if (owner === previous) return;
    if (owner === undefined) this.owners.delete(name);
    else this.owners.set(name, owner);
    for (const watcher of [...this.listeners]) {
      if (watcher.hasBegun && this.listeners.has(watcher)) runListener(() => watcher.listener(owner, previous, name));
    }
  }

  /** The bus has ended: no name has an owner until the next bus is asked. */
  reset(): void {
    this.changed = new Set();
    for (const name of [...this.owners.keys()]) this.update(name, undefined);
  }

  override finish(): void {
    this.changed = undefined;
    for (const watcher of [...this.listeners]) this.begin(watcher);
  }

  /** Reports the present names to a watch. */
  begin(watcher: Watcher): void {
    if (watcher.hasBegun || this.changed !== undefined) return;
    watcher.hasBegun = true;
    for (const [name, owner] of [...this.owners]) {
      if (!this.listeners.has(watcher)) return; // its listener has closed it
      runListener(() => watcher.listener(owner, undefined, name));
    }
  }
}

/** The owners below all prefixes that one connection watches. */
export class NamespaceOwners extends OwnerWatches<Watcher, WatchedNamespace> {
  /** Watches all names below a valid prefix; see {@link Bus.watchOwner}. No listener is called before this returns. */
  watch(prefix: string, listener: OwnerListener): OwnerWatch {
    const watched = this.subjects.get(prefix) ?? this.begin(prefix, new WatchedNamespace(), { arg0Namespace: prefix });
    const watcher: Watcher = { listener, hasBegun: false };
    const watch = this.listen(prefix, watched, watcher);
    queueMicrotask(() => {
      if (watched.listeners.has(watcher)) watched.begin(watcher); // if another watch has the same prefix
    });
    return watch;
  }

  /** Handles NameOwnerChanged; must be called for every signal of the bus, in order of arrival. */
  handleBusSignal(signal: ArrivedSignal): void {
    const { member, signature } = signal.header;
    if (this.subjects.size === 0 || member !== 'NameOwnerChanged' || signature !== 'sss') return;
    const message = signal.read();
    if (message === undefined) return;
    const [name, , owner] = message.body as readonly [string, string, string]; // by its signature
    for (let dot = name.indexOf('.'); dot > 0; dot = name.indexOf('.', dot + 1)) {
      const watched = this.subjects.get(name.slice(0, dot));
      watched?.changed?.add(name);
      watched?.update(name, owner === '' ? undefined : owner);
    }
  }

  /** Must be called if a connection has ended and is to be restored: its owners are not valid on the next one. */
  handleBreak(): void {
    for (const watched of [...this.subjects.values()]) watched.reset();
  }

  /**
   * Asks a new engine for the owners below all prefixes, whose rules must have been sent before. Resolves with the
   * errors of a bus that does not list its names: the watches then have the changes that it reports. Rejects if the
   * engine ends or a reply does not come.
   */
  async replay(engine: Engine): Promise<readonly Error[]> {
    const errors: Error[] = [];
    await Promise.all(Array.from(this.subjects, async ([prefix, watched]) => {
      try {
        await this.ask(engine, prefix, watched);
      } catch (error) {
        if (!(error instanceof DBusError)) throw error;
        errors.push(error);
        watched.asked.resolve();
      }
      watched.finish();
    }));
    return errors;
  }

  /** Asks for the names below the prefix, and then for their owners, a few at a time. */
  protected override async ask(engine: Engine, prefix: string, watched: WatchedNamespace): Promise<void> {
    const call = { ...BUS_OBJECT, member: 'ListNames', replySignature: 'as', timeout: DEFAULT_CALL_TIMEOUT } as const;
    const [all] = await engine.call(call);
    const names = new Set(all.filter((name) => name.startsWith(`${prefix}.`))).values();
    const askNext = async (): Promise<void> => {
      for (const name of names) await this.#askOwner(engine, name, watched);
    };
    await Promise.all(Array.from({ length: QUESTIONS_AT_ONCE }, askNext));
    watched.asked.resolve();
  }

  async #askOwner(engine: Engine, name: string, watched: WatchedNamespace): Promise<void> {
    if (watched.listeners.size === 0 || watched.changed?.has(name) === true) return;
    let owner: string | undefined;
    const call = { ...BUS_OBJECT, member: 'GetNameOwner', signature: 's', body: [name] } as const;
    try {
      [owner] = await engine.call({ ...call, replySignature: 's', timeout: DEFAULT_CALL_TIMEOUT });
    } catch (error) {
      if (!(error instanceof DBusError)) throw error; // the only error of the bus is that the name has lost its owner
    }
    if (watched.changed?.has(name) === false) watched.update(name, owner);
  }
}
