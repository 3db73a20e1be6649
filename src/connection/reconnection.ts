// Restores the connection of a bus after it has ended: it makes one attempt after another, each with Hello and all
// requests of the program, until one has succeeded, or the attempts are ended. It reports each change. wishes.ts has
// the requests, and link-core.ts the open engine. Tests: reconnect.test.ts, test/interop/reconnect.test.ts.
// Specification: Message Bus Specification.
import { monotonicTime, onAbort, runListener, startTimer } from '../transport/waiting.js';
import { counted } from '../wire/counted.js';
import { printable } from '../wire/printable.js';
import { Backoff } from './backoff.js';
import { publishReconnect } from './diagnostics.js';
import { ConnectionClosedError } from './errors.js';
import type { ConnectionChange, ConnectionChangeListener, ConnectionRestored, Gap } from './gap.js';
import type { ReopenedBus } from './hello.js';
import type { LinkCore, Restorer } from './link-core.js';
import type { ReconnectSettings } from './reconnect-options.js';
import type { WaitingLimits } from './postponed-calls.js';
import type { Wishes } from './wishes.js';

/**
 * Opens a connection to a bus, and says Hello on the engine that the link then has. Resolves with the unique name.
 * After a rejection nothing is left open.
 */
export type Reopen = (signal: AbortSignal) => Promise<string>;

/** A time without a connection. */
interface Outage {
  /** When the connection has ended, on the clock of monotonicTime(). */
  readonly since: number;
  readonly previousUniqueName: string;
  /** Ends the wait or the attempt in progress. */
  readonly abort: AbortController;
  /** The wait for the next attempt. */
  timer: NodeJS.Timeout | undefined;
  attempts: number;
}

/** Restores the connection of one bus. */
export class Reconnection implements Restorer {
  readonly limits: WaitingLimits;
  readonly #core: LinkCore;
  readonly #wishes: Wishes;
  readonly #reopen: Reopen;
  readonly #signal: AbortSignal | undefined;
  readonly #backoff: Backoff;
  readonly #listeners = new Set<ConnectionChangeListener>();
  #uniqueName: string;
  #openedAt = monotonicTime();
  #isRef = true;
  #outage: Outage | undefined;
  #stopListening: () => void = () => {};

  constructor({ core, wishes, uniqueName }: ReopenedBus, settings: ReconnectSettings, reopen: Reopen) {
    this.#core = core;
    this.#wishes = wishes;
    this.#uniqueName = uniqueName;
    this.#reopen = reopen;
    this.#signal = settings.signal;
    this.#backoff = new Backoff(settings);
    this.limits = settings;
    core.restoreBy(this);
  }

  /** The unique name on the present connection, or on the last one. */
  get uniqueName(): string {
    return this.#uniqueName;
  }

  get isWilling(): boolean {
    return this.#signal?.aborted !== true;
  }

  /** Calls `listener` for each change; returns the function that ends this. */
  watch(listener: ConnectionChangeListener): () => void {
    const own: ConnectionChangeListener = (change) => listener(change); // a listener can be there twice
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  get isRef(): boolean {
    return this.#isRef;
  }

  set isRef(isRef: boolean) {
    this.#isRef = isRef;
    if (isRef) this.#outage?.timer?.ref();
    else this.#outage?.timer?.unref();
  }

  begin(error: ConnectionClosedError): void {
    const now = monotonicTime();
    this.#backoff.noteLifetime(now - this.#openedAt);
    const outage: Outage = {
      since: now, previousUniqueName: this.#uniqueName, abort: new AbortController(), timer: undefined, attempts: 0,
    };
    this.#outage = outage;
    this.#stopListening = onAbort(this.#signal, () => {
      this.#giveUp('the attempts to restore it were ended', this.#signal?.reason);
    });
    this.#wishes.handleBreak();
    void this.#restore(outage, error);
  }

  stop(error: ConnectionClosedError): void {
    this.#outage?.abort.abort(error);
    this.#outage = undefined;
    this.#stopListening();
    this.#wishes.end(error);
  }

  handleEnd(): void {
    this.#listeners.clear();
  }

  #giveUp(found: string, cause: unknown): void {
    this.#core.end(new ConnectionClosedError(`the connection has ended: ${found}`, { cause }));
  }

  /** Tries until the connection is restored, or the attempts are ended. Never rejects. */
  async #restore(outage: Outage, lost: ConnectionClosedError): Promise<void> {
    let error: Error = lost;
    for (;;) {
      const delay = this.#backoff.next();
      if (delay === undefined) {
        return this.#giveUp(`it could not be restored in ${counted(outage.attempts, 'attempt')}`, error);
      }
      this.#report({ state: 'reconnecting', error, attempts: outage.attempts, delay });
      if (this.#outage !== outage) return; // a listener has ended the link
      await this.#pause(delay, outage);
      if (this.#outage !== outage) return;
      outage.attempts++;
      try {
        const restored = await this.#attempt(outage);
        if (restored !== undefined) {
          publishReconnect(this.#core.id, this.#core.engine.guid, restored);
          this.#report(restored);
        }
        return;
      } catch (failure) {
        if (this.#outage !== outage) return;
        error = failure instanceof Error ? failure : new Error(String(failure), { cause: failure });
      }
    }
  }

  /** Resolves after the delay, or when the attempts are ended. */
  #pause(delay: number, outage: Outage): Promise<void> {
    return new Promise((resolve) => {
      outage.timer = startTimer(delay, () => {
        endAbort();
        resolve();
      });
      if (!this.#isRef) outage.timer?.unref();
      const endAbort = onAbort(outage.abort.signal, () => {
        clearTimeout(outage.timer);
        endAbort();
        resolve();
      });
    });
  }

  /** Makes one attempt. Resolves with undefined if the link has ended meanwhile. */
  async #attempt(outage: Outage): Promise<ConnectionRestored | undefined> {
    const core = this.#core;
    const { signal } = outage.abort;
    const uniqueName = await this.#reopen(signal);
    const { engine } = core;
    try {
      signal.throwIfAborted();
      const { attempts, previousUniqueName, since } = outage;
      const gap: Gap = { downtime: monotonicTime() - since, attempts, uniqueName, previousUniqueName };
      this.#uniqueName = uniqueName;
      core.noteGreeting();
      const { names, errors } = await this.#wishes.replay(engine, gap);
      this.#end();
      const { downtime } = gap;
      return { state: 'connected', downtime, attempts, uniqueName, previousUniqueName, names, errors };
    } catch (error) {
      await engine.close({ timeout: 0 });
      this.#wishes.handleBreak(); // the answers of this bus are not valid on the next one
      throw error;
    }
  }

  /** The connection is restored. @throws {ConnectionClosedError} if it has ended again */
  #end(): void {
    if (!this.#core.resume()) throw new ConnectionClosedError('the connection has ended again');
    this.#openedAt = monotonicTime();
    this.#outage = undefined;
    this.#stopListening();
  }

  #report(change: ConnectionChange): void {
    for (const listener of [...this.#listeners]) {
      if (this.#listeners.has(listener)) runListener(() => listener(change));
    }
    if (this.#listeners.size > 0 || change.state !== 'connected') return;
    for (const error of change.errors) {
      const text = `not restored on the new connection to the bus: ${error.message}`;
      process.emitWarning(printable(text), { type: 'ReconnectWarning', code: 'DBUS_WIRE_NOT_RESTORED' });
    }
  }
}
