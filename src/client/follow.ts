// Follows the owner of a bus name for a state of a remote object. The state is loaded when the service runs, emptied
// when it ends, and loaded again after its restart or a gap of the connection. At most one load is in progress; an
// outdated one is aborted. It does not know the contents of the state. Tests: follow.test.ts, property-watch.test.ts,
// managed-objects.test.ts. Specification: org.freedesktop.DBus.NameOwnerChanged.
import type { Bus } from '../connection/bus.js';
import { ConnectionClosedError } from '../connection/errors.js';
import type { MessageLink } from '../connection/link.js';
import type { SignalSink } from '../connection/signal-listener.js';
import { onAbort, type SignalTap, tapAllSignals } from '../connection/signal-taps.js';
import { ErrorName } from '../protocol/error-names.js';
import { DBusError } from '../protocol/errors.js';
import type { MatchRule } from '../protocol/match-rule.js';
import { hasMethods } from '../wire/arguments.js';
import type { Signal } from '../wire/messages/message.js';
import { ABORT_SIGNAL, FLAG, type OptionRules } from '../wire/options.js';
import type { ProxyReadOptions } from './proxy-options.js';
import { ReadPace } from './read-pace.js';

/** How a state of a remote object is followed. */
export interface FollowOptions {
  /** Stops following when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** The bus must not start the service. By default, it does so at the beginning, but not again later. */
  readonly noAutoStart?: boolean | undefined;
}

/** The rules of {@link FollowOptions}. */
export const FOLLOW_RULES: OptionRules<FollowOptions> = { signal: ABORT_SIGNAL, noAutoStart: FLAG };

/** The state that follows a service. */
export interface FollowedState {
  /**
   * Reads the state from the service. After each wait it must check whether it is still the newest load: if not, the
   * service has ended meanwhile, or a newer load has begun. Resolves with true if the state has to be loaded again,
   * because it was outdated when it arrived.
   */
  load(isCurrent: () => boolean, options: ProxyReadOptions): Promise<boolean | void>;
  /** Empties the state: the service has ended. */
  clear(): void;
  /** Takes a signal of the service, in order of arrival. */
  take(signal: Signal, bytes: number): void;
  /** The service is no longer followed: with a reason after a failure, without one if it was closed. */
  end(error?: { readonly reason: unknown }): void;
}

/** The signals that a state needs. */
interface FollowedSignals {
  readonly rules: readonly MatchRule[];
  readonly signature: (rule: MatchRule) => string;
}

/** The errors of a bus for a name without a service, and those of a service that is about to end. */
const ABSENCE: ReadonlySet<string> = new Set([
  ErrorName.SERVICE_UNKNOWN, ErrorName.NAME_HAS_NO_OWNER, ErrorName.NO_REPLY, ErrorName.DISCONNECTED,
]);

/** The errors of a service that already has its name, and has not exported its objects yet. */
const UNKNOWN: ReadonlySet<string> = new Set([
  ErrorName.UNKNOWN_OBJECT, ErrorName.UNKNOWN_INTERFACE, ErrorName.UNKNOWN_METHOD, ErrorName.UNKNOWN_PROPERTY,
]);

/** The delays before such a service is asked again after it has started, in milliseconds. */
const PATIENCE: readonly number[] = [50, 100, 200, 400, 800];

type NamedLink = Pick<Bus<boolean>, 'getNameOwner' | 'watchOwner'>;

/** The link, if it is one to a bus, whose names have owners. */
function asBus(link: MessageLink<boolean>): NamedLink | undefined {
  const bus = link as MessageLink<boolean> & Partial<NamedLink>; // checked in the next line
  return hasMethods(bus, 'getNameOwner', 'watchOwner') ? (bus as NamedLink) : undefined;
}

/** Follows one service for one state. */
export class Follow {
  /** Resolves when the state is loaded, or the service is known to be absent. Rejects if it fails first. */
  readonly ready: Promise<void>;
  /** Resolves when it has ended, and never rejects: with the reason of a failure, or with undefined after `close`. */
  readonly closed: Promise<unknown>;
  readonly #link: MessageLink<boolean>;
  readonly #destination: string | undefined;
  readonly #state: FollowedState;
  readonly #taps: readonly SignalTap[];
  #closeWatch: () => Promise<void> = () => Promise.resolve();
  readonly #stopListening: () => void;
  /** Counts the loads, and the ends of the service; a load with another number is outdated. */
  #generation = 0;
  #isPresent = false;
  /** The service has just started: it may not have exported its objects yet. */
  #isNew = false;
  #retry: NodeJS.Timeout | undefined;
  /** Aborts the calls of the newest load. */
  #loading: AbortController | undefined;
  readonly #pace = new ReadPace();
  #released: Promise<void> | undefined;
  #resolveReady!: () => void; // set by the promise in the constructor, like the two below
  #rejectReady!: (reason: unknown) => void;
  #resolveClosed!: (reason: unknown) => void;

  constructor(
    link: MessageLink<boolean>, { destination, signals, state, options }: {
      readonly destination: string | undefined;
      readonly signals: FollowedSignals;
      readonly state: FollowedState;
      readonly options: FollowOptions;
    },
  ) {
    const { signal, noAutoStart = false } = options;
    signal?.throwIfAborted();
    this.#link = link;
    this.#destination = destination;
    this.#state = state;
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.ready.catch(() => {}); // the same reason ends `closed`
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const sink: SignalSink = {
      dropped: 0,
      push: (arrived, bytes) => {
        if (this.#released === undefined) this.#state.take(arrived, bytes);
      },
      noteGap: () => {}, // the owner of the name has changed, which reloads the state
      end: (error) => {
        if (error !== undefined) this.fail(error.reason);
      },
    };
    // The rules are sent before the first load, so that no change is missed between the two.
    const { rules, signature } = signals;
    this.#taps = tapAllSignals(link, rules.map((rule) => [rule, { signature: signature(rule), sink }] as const));
    this.#stopListening = onAbort(signal, () => this.fail(signal?.reason));
    this.#begin(noAutoStart).catch((error: unknown) => this.fail(error));
  }

  /** How many signals were dropped because they had another signature. */
  get dropped(): number {
    return this.#taps.reduce((sum, { dropped }) => sum + dropped, 0);
  }

  async #begin(noAutoStart: boolean): Promise<void> {
    const bus = asBus(this.#link);
    const tapsReady = Promise.all(this.#taps.map(({ ready }) => ready));
    if (bus === undefined || this.#destination === undefined) {
      await tapsReady;
      if (this.#released !== undefined) return;
      this.#isPresent = true;
      return this.#load();
    }
    let wasSeen = false;
    let isKnown = false;
    const watch = bus.watchOwner(this.#destination, (owner, previous) => {
      wasSeen = true;
      this.#isNew = isKnown;
      if (previous !== undefined) this.#leave();
      if (owner !== undefined) this.#arrive();
    });
    this.#closeWatch = () => watch.close();
    await Promise.all([tapsReady, watch.ready]);
    isKnown = true;
    if (wasSeen || watch.owner !== undefined || this.#released !== undefined) return;
    if (noAutoStart) this.#resolveReady();
    else await this.#load({ noAutoStart: false }); // the bus starts the service for this call, if it can
  }

  #arrive(): void {
    if (this.#released !== undefined) return;
    this.#isPresent = true;
    this.#loadAfter(this.#pace.next());
  }

  #leave(): void {
    if (this.#released !== undefined) return;
    this.#outdate();
    this.#isPresent = false;
    this.#state.clear();
    this.#resolveReady();
  }

  /** Loads the state again if the service runs: at once, or after a pause if that has happened often. */
  reload(): void {
    if (this.#isPresent && this.#released === undefined) this.#loadAfter(this.#pace.next());
  }

  #loadAfter(delay: number, { attempt = 0 } = {}): void {
    if (delay === 0) return void this.#load({ attempt });
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#load({ attempt }), delay);
    this.#retry.unref(); // the connection keeps the process alive, if the program wants that
  }

  /** Ends the load in progress, and the wait for the next one. */
  #outdate(): number {
    clearTimeout(this.#retry);
    this.#loading?.abort();
    this.#loading = undefined;
    return ++this.#generation;
  }

  async #load({ noAutoStart = true, attempt = 0 } = {}): Promise<void> {
    const generation = this.#outdate();
    const isCurrent = (): boolean => generation === this.#generation && this.#released === undefined;
    this.#loading = new AbortController();
    const options: ProxyReadOptions = { noAutoStart, signal: this.#loading.signal };
    try {
      const isOutdated = await this.#state.load(isCurrent, options);
      if (!isCurrent()) return;
      this.#resolveReady();
      if (isOutdated === true) this.reload();
    } catch (error) { // the error of an outdated load is its abort
      if (!isCurrent()) return;
      const delay = this.#isNew && error instanceof DBusError && UNKNOWN.has(error.errorName)
        ? PATIENCE[attempt] : undefined;
      if (delay !== undefined) return this.#loadAfter(delay, { attempt: attempt + 1 });
      const isAbsent = await this.#isAbsence(error);
      if (!isCurrent()) return;
      if (isAbsent) this.#resolveReady();
      else this.fail(error);
    }
  }

  /** Whether a call has failed only because the service has ended; the watch of its owner then reports its return. */
  async #isAbsence(error: unknown): Promise<boolean> {
    if (error instanceof ConnectionClosedError) return !this.#link.closedSignal.aborted; // a gap: it is restored
    if (!(error instanceof DBusError) || !ABSENCE.has(error.errorName)) return false;
    const bus = asBus(this.#link);
    if (bus === undefined || this.#destination === undefined) return false;
    try {
      return (await bus.getNameOwner(this.#destination)) === undefined;
    } catch {
      return true; // the end of the connection has its own reason
    }
  }

  /** Ends it, with a reason. */
  fail(reason: unknown): void {
    this.#end({ reason });
    this.#rejectReady(reason);
  }

  /** Ends it; resolves when the bus has removed the match rules. */
  async close(): Promise<void> {
    this.#end();
    this.#resolveReady();
    await this.#released;
  }

  #end(error?: { readonly reason: unknown }): void {
    if (this.#released !== undefined) return;
    this.#released = this.#giveBack();
    this.#released.catch(() => {}); // the caller of close() gets the error
    this.#resolveClosed(error?.reason);
    this.#state.end(error);
  }

  async #giveBack(): Promise<void> {
    this.#stopListening();
    this.#outdate();
    await Promise.all([...this.#taps.map((tap) => tap.close()), this.#closeWatch()]);
  }
}
