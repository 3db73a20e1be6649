// The callers of one link: how many calls each has in progress, and the signal that aborts when it leaves the bus. The
// calls of a caller that leaves no longer count. It knows no handlers and no replies. Tests: callers.test.ts,
// test/service/dispatch.test.ts.
// Specification: org.freedesktop.DBus.NameOwnerChanged; Error names (LimitsExceeded).
import { setMaxListeners } from 'node:events';
import { ErrorName } from '../protocol/error-names.js';
import { callLimits, type FullCallLimits } from './call-limits.js';
import { CallRefusal } from './call-router.js';
import { departuresOf, type WatchDepartures } from './departures.js';
import type { MessageLink } from './link.js';
import { type PartReader, SharedParts } from './link-parts.js';

/** How long a call must be in progress before departures are watched, in milliseconds: most calls end earlier. */
export const WATCH_DELAY = 100;

/** Memory of the most expensive values for each byte of their message. */
const MEMORY_PER_BYTE = 24;

/** The most that the values of one message take, at the default limit of a connection: about 250 bytes each. */
const MAX_VALUE_MEMORY = 2 ** 28;

/**
 * Bytes of a message below which its arguments are not estimated, and no limit of memory for all callers applies: as
 * many such calls as can be in progress by default take less than that limit, whatever their arguments are.
 */
const SHORT = 512;

/** A signature with variants, or with arrays of containers or texts: those are many values for few bytes. */
const MANY_VALUES = /v|a[^ybnqiuxtdh]/;

/** The memory in bytes that the arguments of a call take at most, by the signature and the length of its message. */
export function argumentMemory(signature: string, length: number): number {
  if (length < SHORT) return length;
  return MANY_VALUES.test(signature) ? length + Math.min(MEMORY_PER_BYTE * length, MAX_VALUE_MEMORY) : length;
}

/** A call whose handler has not answered yet. */
export interface RunningCall {
  /** The memory of its arguments, in bytes. */
  readonly memory: number;
  /** The caller has left: nobody waits for the answer. */
  readonly abandon: () => void;
}

/** One caller. */
export class Caller {
  /** Undefined without a bus: all calls come from the other side of the link. */
  readonly name: string | undefined;
  readonly calls = new Set<RunningCall>();
  /** The memory of the arguments of its calls, in bytes. */
  memory = 0;
  isGone = false;
  #abort: AbortController | undefined;

  constructor(name: string | undefined) {
    this.name = name;
  }

  /** Whether nothing depends on this caller. */
  get isIdle(): boolean {
    return this.calls.size === 0 && this.#abort === undefined;
  }

  /** Aborts when the caller leaves; made on first use. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      setMaxListeners(0, this.#abort.signal); // all calls of the caller share it
    }
    return this.#abort.signal;
  }

  abort(reason: unknown): void {
    this.#abort?.abort(reason);
  }
}

/** The callers of one link that have calls in progress, or whose signal was given to a handler. */
export class Callers {
  readonly #watch: WatchDepartures | undefined;
  readonly #closedSignal: AbortSignal;
  readonly #limits: FullCallLimits;
  readonly #byName = new Map<string | undefined, Caller>();
  #inProgress = 0;
  #breaks = 0;
  #memory = 0;
  #isWatching = false;
  #timer: NodeJS.Timeout | undefined;

  /** `watch` reports departures; undefined on a link without a bus. */
  constructor(watch: WatchDepartures | undefined, closedSignal: AbortSignal, limits: FullCallLimits) {
    this.#watch = watch;
    this.#closedSignal = closedSignal;
    this.#limits = limits;
    if (watch === undefined) return;
    closedSignal.addEventListener('abort', () => {
      for (const caller of this.#byName.values()) caller.abort(closedSignal.reason);
    });
  }

  /** How many connections of the link have ended: a name of an earlier one can now belong to another program. */
  get breaks(): number {
    return this.#breaks;
  }

  /** How many callers are known. */
  get size(): number {
    return this.#byName.size;
  }

  /** Why a call of a sender must not be in progress whose arguments take `memory` bytes; undefined if it may. */
  refusal(sender: string | undefined, memory: number): CallRefusal | undefined {
    const { maxCalls, maxCallsPerCaller, maxCallMemory, maxCallMemoryPerCaller } = this.#limits;
    if (this.#inProgress >= maxCalls) return limitExceeded(`${maxCalls} calls are in progress`);
    const total = this.#memory + memory;
    if (total > maxCallMemory && this.#inProgress > 0 && memory >= SHORT) {
      return limitExceeded(`the arguments of the calls in progress take about ${maxCallMemory} bytes`);
    }
    if (this.#watch === undefined) return undefined;
    if (this.#inProgress < maxCallsPerCaller && total <= maxCallMemoryPerCaller) return undefined;
    const caller = this.#byName.get(sender);
    if (caller === undefined || caller.calls.size === 0) return undefined;
    if (caller.calls.size >= maxCallsPerCaller) {
      return limitExceeded(`${maxCallsPerCaller} calls of this caller are in progress`);
    }
    if (caller.memory + memory > maxCallMemoryPerCaller) {
      const found = 'the arguments of the calls of this caller in progress take about';
      return limitExceeded(`${found} ${maxCallMemoryPerCaller} bytes`);
    }
    return undefined;
  }

  /** Counts a call until {@link Callers.end}, or until its caller leaves. */
  begin(sender: string | undefined, call: RunningCall): Caller {
    const caller = this.#find(sender);
    caller.calls.add(call);
    caller.memory += call.memory;
    this.#inProgress++;
    this.#memory += call.memory;
    if (!this.#isWatching && this.#timer === undefined) this.#watchSoon();
    return caller;
  }

  /** Ends a call; does nothing if its caller has left. */
  end(caller: Caller, call: RunningCall): void {
    if (!caller.calls.delete(call)) return;
    this.#inProgress--;
    this.#memory -= call.memory;
    caller.memory -= call.memory;
    if (caller.isIdle) this.#byName.delete(caller.name);
  }

  /** Aborts when a caller leaves the bus, or the link ends. */
  signalOf(sender: string | undefined): AbortSignal {
    if (this.#watch === undefined || sender === undefined || this.#closedSignal.aborted) return this.#closedSignal;
    const { signal } = this.#find(sender);
    this.#startWatch(); // at once: the reply to this call leaves after the request for the rule
    return signal;
  }

  #find(sender: string | undefined): Caller {
    const name = this.#watch === undefined ? undefined : sender; // only a bus vouches for the name
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const caller = new Caller(name);
    this.#byName.set(name, caller);
    return caller;
  }

  #watchSoon(): void {
    if (this.#watch === undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#inProgress > 0) this.#startWatch();
    }, WATCH_DELAY);
    this.#timer.unref();
  }

  #startWatch(): void {
    if (this.#isWatching || this.#closedSignal.aborted) return;
    this.#isWatching = true;
    this.#watch?.((name) => this.#leave(name), () => this.#names());
  }

  /** The connection of all callers has ended, and another follows: no caller waits for an answer. */
  abandonAll(reason: unknown): void {
    this.#breaks++;
    const callers = [...this.#byName.values()];
    this.#byName.clear();
    for (const caller of callers) this.#abandon(caller, reason);
  }

  #names(): string[] {
    return [...this.#byName.keys()].filter((name) => name !== undefined);
  }

  #leave(name: string): void {
    const caller = this.#byName.get(name);
    if (caller === undefined) return;
    this.#byName.delete(name);
    this.#abandon(caller, new DOMException(`the caller ${name} has left the bus`, 'AbortError'));
  }

  #abandon(caller: Caller, reason: unknown): void {
    caller.isGone = true;
    this.#inProgress -= caller.calls.size;
    this.#memory -= caller.memory;
    const calls = [...caller.calls];
    caller.calls.clear();
    caller.abort(reason);
    for (const { abandon } of calls) abandon();
  }
}

function limitExceeded(found: string): CallRefusal {
  return new CallRefusal(ErrorName.LIMITS_EXCEEDED, `${found}: there must not be more`);
}

/** The limits of the links of this library. */
const linkLimits = new SharedParts<FullCallLimits>();
const callersByLink = new WeakMap<object, Callers>();

/** Limits the links of a class; for other links the limits are the defaults. */
export function limitCalls(reader: PartReader<FullCallLimits>): void {
  linkLimits.share(reader);
}

/** The callers of a link. */
export function callersOf(link: MessageLink<boolean>): Callers {
  const known = callersByLink.get(link);
  if (known !== undefined) return known;
  const callers = new Callers(departuresOf(link), link.closedSignal, linkLimits.of(link) ?? callLimits());
  callersByLink.set(link, callers);
  return callers;
}
