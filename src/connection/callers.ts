// The callers of one link: how many calls each has in progress, and the AbortSignal that aborts when it leaves the bus.
// One match rule, added when it is first needed, reports all callers that leave; their calls no longer count.
// call-limits.ts says how many calls may be in progress. It knows no handlers and no replies. Tests: callers.test.ts,
// test/service/dispatch.test.ts, test/service/export-object.test.ts. Specification:
// org.freedesktop.DBus.NameOwnerChanged.
import { setMaxListeners } from 'node:events';
import { BUS_NAME, BUS_OBJECT } from '../protocol/bus.js';
import { hasMethods } from '../wire/arguments.js';
import { callLimits, type FullCallLimits, refusalByCaller, refusalByLink } from './call-limits.js';
import type { CallRefusal } from './call-router.js';
import type { MessageLink } from './link.js';
import { type PartReader, SharedParts } from './link-parts.js';

/**
 * Calls `onLeave` with the unique name of each connection that leaves the bus. It is called once, when it is first
 * needed. `known` returns the names of the present callers: one of them can have left before the watch began.
 */
export type WatchDepartures = (onLeave: (name: string) => void, known: () => Iterable<string>) => void;

/** How long a call must be in progress before departures are watched, in milliseconds: most calls end earlier. */
export const WATCH_DELAY = 100;

/** A call whose handler has not answered yet. */
export interface RunningCall {
  /** The memory of its arguments, in bytes. */
  readonly memory: number;
  /** The caller has left, or the link has ended: no program waits for the reply. */
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
    closedSignal.addEventListener('abort', () => this.#abandonEach(closedSignal.reason));
  }

  /** How many connections of the link have ended: a name of an earlier one can now belong to another program. */
  get breaks(): number {
    return this.#breaks;
  }

  /** How many callers are known. */
  get size(): number {
    return this.#byName.size;
  }

  /** The refusal of a call of a sender, whose arguments take `memory` bytes; undefined if the call may run. */
  refusal(sender: string | undefined, memory: number): CallRefusal | undefined {
    const limits = this.#limits;
    const refusal = refusalByLink(limits, { calls: this.#inProgress, memory: this.#memory }, memory);
    if (refusal !== undefined || this.#watch === undefined) return refusal;
    const { maxCallsPerCaller, maxCallMemoryPerCaller } = limits;
    if (this.#inProgress < maxCallsPerCaller && this.#memory + memory <= maxCallMemoryPerCaller) return undefined;
    const caller = this.#byName.get(sender);
    if (caller === undefined) return undefined;
    return refusalByCaller(limits, { calls: caller.calls.size, memory: caller.memory }, memory);
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
    const name = this.#watch === undefined ? undefined : sender; // only a bus guarantees the name
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
    this.#abandonEach(reason);
  }

  #abandonEach(reason: unknown): void {
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

/* Departures ----------------------------------------------------------------------------------------------------- */

/** A link that can say who owns a name. */
type NamedLink = MessageLink<boolean> & { getNameOwner(name: string): Promise<string | undefined> };

/** Only a bus has names, and reports departures. */
function isNamed(link: MessageLink<boolean>): link is NamedLink {
  return hasMethods(link, 'getNameOwner', 'subscribe');
}

/** Watches the departures from a bus; undefined for a link without a bus. */
function departuresOf(link: MessageLink<boolean>): WatchDepartures | undefined {
  if (!isNamed(link)) return undefined;
  return (onLeave, known) => {
    // If the link has ended, or the bus refuses the rule, no departures are reported.
    watch(link, onLeave, known).catch(() => {});
  };
}

async function watch(
  link: NamedLink, onLeave: (name: string) => void, known: () => Iterable<string>,
): Promise<void> {
  const gone = link.subscribe({
    type: 'signal', sender: BUS_NAME, path: BUS_OBJECT.path, interface: BUS_OBJECT.interface,
    member: 'NameOwnerChanged', args: { 2: '' }, // names that lose their owner
  }, { signature: 'sss', queueLimit: Infinity }); // only the bus fills the queue, and it is read at once
  const checked = gone.ready.then(async () => {
    // The bus does not report connections that left before it had the rule, so it is asked about each.
    await Promise.all(Array.from(known(), async (name) => {
      if (await link.getNameOwner(name) === undefined) onLeave(name);
    }));
  });
  checked.catch(() => {}); // the loop gets the same error
  for await (const { body } of gone) onLeave(body[0] as string); // by its signature
}

/* Links ---------------------------------------------------------------------------------------------------------- */

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
