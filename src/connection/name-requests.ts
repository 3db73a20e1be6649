// The names that this side requests on a bus, with their flags, and those that it owns. On a new connection they are
// requested again. It does not know the names of others (name-owners.ts). Specification: Message Bus Names,
// org.freedesktop.DBus.RequestName. Tests: wishes.test.ts, bus.test.ts, reconnect.test.ts.
import {
  BUS_OBJECT, type NameReleaseResult, type NameRequestResult, RELEASE_NAME_RESULT, REQUEST_NAME_FLAG,
  REQUEST_NAME_RESULT,
} from '../protocol/bus.js';
import { ErrorName } from '../protocol/error-names.js';
import { DBusError } from '../protocol/errors.js';
import { onAbort } from '../transport/waiting.js';
import { assertWellKnownName } from '../wire/names.js';
import { checkOptions, FLAG, type OptionRules } from '../wire/options.js';
import type { ArrivedSignal } from './arrived-signal.js';
import { type CallOptions, WAIT_RULES, type WaitOptions } from './call-options.js';
import type { Engine } from './engine.js';
import { NameLostError, NameRequestError } from './errors.js';
import type { ConnectionState, NameRestoreResult } from './gap.js';
import { isPostponed, type WishLink } from './match-requests.js';
import { DEFAULT_CALL_TIMEOUT } from './pending-calls.js';

/** How a name is requested. ‹org.freedesktop.DBus.RequestName› */
export interface NameOptions extends WaitOptions {
  /** Lets other connections take the name from us, if they ask to replace its owner. */
  readonly allowReplacement?: boolean | undefined;
  /** Takes the name from its present owner, if the owner allows it. */
  readonly replaceExisting?: boolean | undefined;
  /** Fails if the name has an owner, instead of waiting in its queue. Default: true. */
  readonly doNotQueue?: boolean | undefined;
}

/** The rules of {@link NameOptions}. */
export const NAME_RULES: OptionRules<NameOptions> = {
  allowReplacement: FLAG, replaceExisting: FLAG, doNotQueue: FLAG, ...WAIT_RULES,
};

function resultOf<Result>(results: ReadonlyMap<number, Result>, code: number, member: string): Result {
  const result = results.get(code);
  if (result === undefined) {
    const problem = `the bus answered ${member} with ${code}: it must be from 1 to ${results.size}`;
    throw new DBusError(ErrorName.FAILED, problem);
  }
  return result;
}

/** A link through which names are requested: calls wait while there is no connection. */
export interface NameLink extends WishLink {
  call<In extends 's' | 'su'>(options: CallOptions<In, 'u'>): Promise<readonly [number]>;
  readonly state: ConnectionState;
}

/** The names that were requested on a new connection. */
export interface RestoredNames {
  readonly names: ReadonlyMap<string, NameRestoreResult>;
  /** An error for each name that is no longer wanted. */
  readonly errors: readonly Error[];
}

/** The call of RequestName. */
function requestOf(name: string, flags: number) {
  const call = { ...BUS_OBJECT, member: 'RequestName', signature: 'su', replySignature: 'u' } as const;
  return { ...call, body: [name, flags] } as const;
}

/** The names of one link to a bus. */
export class NameRequests {
  /** The name that Hello has given us; undefined before its reply. */
  uniqueName: string | undefined;
  readonly #link: NameLink;
  readonly #owned = new Set<string>();
  readonly #wanted = new Map<string, number>();
  /** How many connections have ended. */
  #breaks = 0;
  /** The requests that the bus has not answered, with the functions that withdraw them. */
  readonly #unanswered = new Map<string, Set<() => void>>();

  constructor(link: NameLink) {
    this.#link = link;
  }

  /** The well-known names that were requested and not released, with the flags of RequestName. */
  get wanted(): ReadonlyMap<string, number> {
    return this.#wanted;
  }

  /** Whether a name is ours. Before the reply to Hello, our names are not known and every name counts as ours. */
  isOurs(name: string): boolean {
    return this.uniqueName === undefined || name === this.uniqueName || this.#owned.has(name);
  }

  /** Takes NameAcquired and NameLost; must be called for every signal of the bus, in order of arrival. */
  handleBusSignal(signal: ArrivedSignal): void {
    const { member, signature, destination } = signal.header;
    if (signature !== 's' || destination !== this.uniqueName) return;
    if (member !== 'NameAcquired' && member !== 'NameLost') return;
    const message = signal.read();
    if (message === undefined) return;
    const name = message.body[0] as string; // by its signature
    if (member === 'NameAcquired') this.#owned.add(name);
    if (member !== 'NameLost') return;
    this.#owned.delete(name);
    const flags = this.#wanted.get(name) ?? 0;
    if ((flags & REQUEST_NAME_FLAG.DO_NOT_QUEUE) !== 0) this.#wanted.delete(name); // we are not in its queue either
  }

  /** See {@link Bus.requestName}. */
  async request(name: string, options: NameOptions): Promise<NameRequestResult> {
    assertWellKnownName(name);
    checkOptions('requestName', options, NAME_RULES);
    const { allowReplacement = false, replaceExisting = false, doNotQueue = true, timeout, signal } = options;
    const flags =
      (allowReplacement ? REQUEST_NAME_FLAG.ALLOW_REPLACEMENT : 0) |
      (replaceExisting ? REQUEST_NAME_FLAG.REPLACE_EXISTING : 0) |
      (doNotQueue ? REQUEST_NAME_FLAG.DO_NOT_QUEUE : 0);
    const withdrawal = new AbortController();
    const stopListening = onAbort(signal, () => withdrawal.abort(signal?.reason));
    if (signal?.aborted === true) withdrawal.abort(signal.reason);
    const forget = this.#noteRequest(name, () => withdrawal.abort(new NameLostError(name, undefined)));
    let result: NameRequestResult | 'exists';
    try {
      result = await this.#request({ ...requestOf(name, flags), timeout, signal: withdrawal.signal });
    } finally {
      stopListening();
      forget();
    }
    if (result === 'exists') throw new NameRequestError(name);
    this.#wanted.set(name, flags);
    if (result !== 'in queue') this.#owned.add(name);
    return result;
  }

  /** Keeps the function that withdraws a request; returns the function that forgets it. */
  #noteRequest(name: string, withdraw: () => void): () => void {
    const requests = this.#unanswered.get(name) ?? new Set();
    this.#unanswered.set(name, requests.add(withdraw));
    return () => {
      requests.delete(withdraw);
      if (requests.size === 0) this.#unanswered.delete(name);
    };
  }

  /** A request that is pending when a connection ends is made again on the next one. */
  async #request(call: CallOptions<'su', 'u'>): Promise<NameRequestResult | 'exists'> {
    for (;;) {
      const wasConnected = this.#link.state === 'connected';
      const breaks = this.#breaks;
      try {
        const [code] = await this.#link.call(call);
        return resultOf(REQUEST_NAME_RESULT, code, 'RequestName');
      } catch (error) {
        // A request that was refused instead of waiting for a connection is not made again.
        if (!isPostponed(error, this.#link) || !(wasConnected || this.#breaks > breaks)) throw error;
      }
    }
  }

  /** See {@link Bus.releaseName}. */
  async release(name: string, options: WaitOptions): Promise<NameReleaseResult> {
    assertWellKnownName(name);
    checkOptions('releaseName', options, WAIT_RULES);
    const { timeout, signal } = options;
    const requests = [...this.#unanswered.get(name) ?? []]; // a later one is not released
    const { open, failure } = this.#link;
    if (open === undefined && failure === undefined) return this.#unwant(name, requests);
    const call = { ...BUS_OBJECT, member: 'ReleaseName', signature: 's', body: [name], replySignature: 'u' } as const;
    try {
      const [code] = await this.#link.call({ ...call, timeout, signal });
      this.#wanted.delete(name);
      return resultOf(RELEASE_NAME_RESULT, code, 'ReleaseName');
    } catch (error) {
      if (isPostponed(error, this.#link)) return this.#unwant(name, requests);
      throw error;
    }
  }

  /** Releases a name of a bus that has ended, and withdraws the requests that would go to the next one. */
  #unwant(name: string, requests: readonly (() => void)[]): NameReleaseResult {
    for (const withdraw of requests) withdraw();
    return this.#wanted.delete(name) ? 'released' : 'not owner';
  }

  /** Must be called if a connection has ended and is to be restored: this side owns no names on the next bus. */
  handleBreak(): void {
    this.#breaks++;
    this.uniqueName = undefined;
    this.#owned.clear();
  }

  /**
   * Requests all names on a new engine, with the flags of the first request. A name that another program owns, or that
   * the bus refuses, is no longer wanted. Rejects if the engine ends or a reply does not come.
   */
  async replay(engine: Engine): Promise<RestoredNames> {
    const names = new Map<string, NameRestoreResult>();
    const errors: Error[] = [];
    await Promise.all(Array.from(this.#wanted, async ([name, flags]) => {
      try {
        const [code] = await engine.call<'su', 'u'>({ ...requestOf(name, flags), timeout: DEFAULT_CALL_TIMEOUT });
        const result = resultOf(REQUEST_NAME_RESULT, code, 'RequestName');
        names.set(name, result);
        if (result === 'primary owner' || result === 'already owner') this.#owned.add(name);
        if (result !== 'exists') return;
        errors.push(new NameRequestError(name));
      } catch (error) {
        if (!(error instanceof DBusError)) throw error;
        names.set(name, 'refused');
        errors.push(error);
      }
      if (this.#wanted.get(name) === flags) this.#wanted.delete(name);
    }));
    return { names, errors };
  }
}
