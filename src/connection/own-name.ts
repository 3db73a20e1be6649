// Owns a well-known name until the program releases it: a handle that knows whether this connection owns the name, and
// reports each change. It uses requestName and watchOwner of a bus; the parts of wishes.ts keep all that must outlive a
// connection. Specification: Message Bus Names, org.freedesktop.DBus.RequestName. Tests: own-name.test.ts,
// test/interop/owners.test.ts.
import { onAbort, runListener } from '../transport/waiting.js';
import { argumentError, hasMethods } from '../wire/arguments.js';
import { assertWellKnownName } from '../wire/names.js';
import { checkOptions, type OptionRule, type OptionRules } from '../wire/options.js';
import type { Bus } from './bus.js';
import { NAME_RULES, type NameOptions } from './name-requests.js';
import type { WaitOptions } from './call-options.js';
import { ConnectionClosedError, NameLostError, NameRequestError } from './errors.js';
import type { ConnectionRestored } from './gap.js';
import type { OwnerWatch } from './name-owners.js';

/**
 * The state of a name that a program wants to own:
 * - `'requesting'`: the bus has not answered yet, or the connection is being restored;
 * - `'owner'`: the name is ours;
 * - `'queued'`: another connection owns it, and this one waits in the queue;
 * - `'lost'`: it is not ours and will not be, unless it is requested again;
 * - `'released'`: this side has given it up.
 */
export type OwnNameState = 'requesting' | 'owner' | 'queued' | 'lost' | 'released';

/**
 * Options of owning a name, and callbacks for changes of its state. An exception of a callback becomes an uncaught
 * exception of the process. The `timeout` is that of the request; when `signal` aborts, the name is released.
 */
export interface OwnNameOptions extends NameOptions {
  /** The name is ours: called at first, after a wait in the queue, and after the connection was restored. */
  readonly acquired?: (() => void) | undefined;
  /**
   * We wait for the name in its queue, at first or after `replaced`; `owner` is the present owner, undefined if it is
   * not known. `acquired` follows when our turn comes. Only with `doNotQueue: false`.
   */
  readonly queued?: ((owner: string | undefined) => void) | undefined;
  /**
   * Another connection has taken the name from us. With `doNotQueue: false`, `queued` follows and, when that connection
   * gives the name up, `acquired`. Otherwise `lost` follows. Only with `allowReplacement: true`.
   */
  readonly replaced?: ((owner: string) => void) | undefined;
  /**
   * The name is not ours. This is the last callback; it is not called after the handle was closed. The reason is
   * a {@link NameRequestError} if another connection owns the name, a {@link NameLostError} if the name was ours, a
   * {@link ConnectionClosedError} if the connection has ended, or the error of the request.
   */
  readonly lost?: ((reason: Error) => void) | undefined;
}

const CALLBACK: OptionRule = { must: 'a function', accepts: (value) => typeof value === 'function' };

const OWN_NAME_RULES: OptionRules<OwnNameOptions> = {
  ...NAME_RULES, acquired: CALLBACK, queued: CALLBACK, replaced: CALLBACK, lost: CALLBACK,
};

/** A name that a program wants to own. */
export interface OwnedName extends AsyncDisposable {
  /** The well-known name. */
  readonly name: string;
  readonly state: OwnNameState;
  /**
   * Resolves with the state after the answer of the bus: `'owner'` or `'queued'`, or a later state. Rejects with the
   * reason of `lost` if the bus refuses; an unhandled rejection has no effect.
   */
  readonly ready: Promise<OwnNameState>;
  /**
   * Releases the name, or leaves the queue; no further callback is called. Resolves when the bus has answered: all
   * calls that the bus passes on to this name arrive before that.
   * @throws {CallTimeoutError} if the bus does not answer in time; it releases the name with the end of the connection
   */
  close(options?: WaitOptions): Promise<void>;
}

/** A name, its handle and its callbacks. */
class NameHolder implements OwnedName {
  readonly name: string;
  readonly ready: Promise<OwnNameState>;
  readonly #bus: Bus;
  readonly #options: OwnNameOptions;
  readonly #watch: OwnerWatch;
  readonly #stopListening: readonly (() => void)[];
  #state: OwnNameState = 'requesting';
  #closed: Promise<void> | undefined;

  constructor(bus: Bus, name: string, options: OwnNameOptions) {
    this.#bus = bus;
    this.name = name;
    this.#options = options;
    const { closedSignal } = bus;
    this.#stopListening = [
      bus.watchConnection((change) => {
        if (change.state === 'connected') this.#handleRestored(change);
        else if (this.#state === 'owner' || this.#state === 'queued') this.#state = 'requesting';
      }),
      onAbort(closedSignal, () => this.#lose(closedSignal.reason as ConnectionClosedError)), // by its description
      onAbort(options.signal, () => void this.close().catch(() => {})), // the bus forgets the name with the connection
    ];
    // The watch is sent before the request, and so every change after the request is seen.
    this.#watch = bus.watchOwner(name, (owner) => this.#handleOwner(owner));
    this.ready = this.#request();
    this.ready.catch(() => {}); // `lost` has the reason too
  }

  get state(): OwnNameState {
    return this.#state;
  }

  async #request(): Promise<OwnNameState> {
    const { allowReplacement, replaceExisting, doNotQueue, timeout } = this.#options;
    try {
      const request = this.#bus.requestName(this.name, { allowReplacement, replaceExisting, doNotQueue, timeout });
      const [result] = await Promise.all([request, this.#watch.ready]);
      if (this.#state === 'requesting') { // the watch has not seen anything newer
        if (result === 'in queue') this.#enqueue(this.#watch.owner);
        else this.#acquire();
      }
      return this.#state;
    } catch (error) {
      const isWithdrawn = error instanceof NameRequestError || error instanceof NameLostError;
      if (!isWithdrawn) this.#bus.releaseName(this.name).catch(() => {}); // it may be ours
      this.#lose(error as Error);
      throw error;
    }
  }

  /** The connection is restored, and the name was requested again. */
  #handleRestored({ names }: ConnectionRestored): void {
    const { owner } = this.#watch;
    switch (names.get(this.name)) { // undefined if it is requested only now
      case 'primary owner':
      case 'already owner':
        this.#acquire();
        if (owner !== undefined && owner !== this.#bus.uniqueName) this.#handleOwner(owner); // it has changed since
        break;
      case 'in queue':
        if (this.#state === 'requesting') this.#enqueue(owner);
        break;
      case 'exists':
        this.#lose(new NameRequestError(this.name));
        break;
      case 'refused':
        this.#lose(new NameLostError(this.name, owner));
    }
  }

  #handleOwner(owner: string | undefined): void {
    if (this.#bus.state === 'reconnecting') { // the name is requested again on the next connection
      if (this.#state === 'owner') this.#state = 'requesting';
      return;
    }
    if (owner === this.#bus.uniqueName) this.#acquire();
    else if (this.#state === 'owner') this.#yield(owner);
  }

  #acquire(): void {
    if (this.#state !== 'requesting' && this.#state !== 'queued') return;
    this.#state = 'owner';
    this.#call(this.#options.acquired);
  }

  #enqueue(owner: string | undefined): void {
    this.#state = 'queued';
    const { queued } = this.#options;
    this.#call(queued && (() => queued(owner)));
  }

  /** The name was ours, and now has another owner or no owner. */
  #yield(owner: string | undefined): void {
    const { doNotQueue = true, replaced } = this.#options;
    const isQueued = owner !== undefined && !doNotQueue;
    this.#state = isQueued ? 'queued' : 'lost';
    if (owner !== undefined) this.#call(replaced && (() => replaced(owner)));
    if (this.#closed !== undefined) return; // by the callback
    if (isQueued) this.#enqueue(owner);
    else this.#end(new NameLostError(this.name, owner));
  }

  #lose(reason: Error): void {
    if (this.#state === 'lost' || this.#state === 'released') return;
    this.#state = 'lost';
    this.#end(reason);
  }

  #end(reason: Error): void {
    this.#stop();
    this.#watch.close().catch(() => {}); // there is nothing to watch
    const { lost } = this.#options;
    this.#call(lost && (() => lost(reason)));
  }

  #call(callback: (() => void) | undefined): void {
    if (callback !== undefined) runListener(callback);
  }

  #stop(): void {
    for (const stop of this.#stopListening) stop();
  }

  close(options: WaitOptions = {}): Promise<void> {
    this.#closed ??= this.#release(options);
    return this.#closed;
  }

  async #release(options: WaitOptions): Promise<void> {
    const isOver = this.#state === 'lost';
    this.#state = 'released';
    this.#stop();
    try {
      if (isOver) return await this.#watch.close();
      await Promise.all([this.#bus.releaseName(this.name, options), this.#watch.close()]);
    } catch (error) {
      if (!(error instanceof ConnectionClosedError)) throw error; // the bus releases its names
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Requests a well-known name, and keeps track of whether it is ours until it is closed. Export objects first, so that
 * they are there for a client that sees the name. Do not call `bus.releaseName` for the name: close the handle.
 * @throws {InvalidNameError} if `name` is not a well-known bus name
 * @throws {ArgumentError} if `bus` is not a Bus, or an option is unknown or its value is not valid; if `signal` has
 *   aborted, its reason is thrown
 */
export function ownName(bus: Bus, name: string, options: OwnNameOptions = {}): OwnedName {
  if (!hasMethods(bus, 'requestName', 'watchOwner')) throw argumentError('ownName', 'the bus must be a Bus', bus);
  assertWellKnownName(name);
  checkOptions('ownName', options, OWN_NAME_RULES);
  options.signal?.throwIfAborted();
  return new NameHolder(bus, name, options);
}
