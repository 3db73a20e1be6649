// Owning a name for as long as it lasts: from asking for it to being told to stop, losing it to another, or losing the
// bus. Knows no objects and prints nothing. Specification: org.freedesktop.DBus.RequestName, NameOwnerChanged.
import type { Bus } from '../../connection/bus.js';

/** What is asked for, and who is told. */
export interface OwnNameOptions {
  readonly busName: string;
  /** Takes the name from its present owner, if that one allows it; we always do. */
  readonly replace: boolean;
  /** Waits for the name where another connection owns it, and again after that has taken it over. */
  readonly queue: boolean;
  /** Ends it. */
  readonly stop: AbortSignal;
  /** Is told each time when the name becomes ours. */
  readonly onOwned: () => void;
  /** Is told each time when we begin to wait for it. */
  readonly onWaiting: () => void;
}

/** Why the name is not to be kept any longer. */
export type NameEnd = { readonly reason: 'stopped' } | { readonly reason: 'replaced'; readonly owner: string };

/**
 * Asks for a name and resolves when it is over: `stop` has aborted, or another connection has taken the name over.
 * Giving the name back is left to the caller.
 * @throws {NameRequestError} where another connection owns the name and is neither replaced nor waited for
 * @throws {ConnectionClosedError} where the connection ends meanwhile; and what asking for a name throws
 */
export async function ownName(bus: Bus, options: OwnNameOptions): Promise<NameEnd> {
  const { busName, replace, queue, stop, onOwned, onWaiting } = options;
  let resolve!: (end: NameEnd) => void; // set by the promise below
  const ended = new Promise<NameEnd>((settle) => {
    resolve = settle;
  });
  const onStop = (): void => resolve({ reason: 'stopped' });
  stop.addEventListener('abort', onStop);
  if (stop.aborted) onStop();
  const watch = bus.watchOwner(busName, (owner, previous) => {
    if (owner === bus.uniqueName) onOwned();
    else if (previous !== bus.uniqueName || stop.aborted) return; // one of other programs' changes, or our own release
    else if (queue) onWaiting();
    else if (owner !== undefined) resolve({ reason: 'replaced', owner });
  });
  const asked = async (): Promise<NameEnd> => {
    await watch.ready;
    const flags = { allowReplacement: true, replaceExisting: replace, doNotQueue: !queue };
    const result = await bus.requestName(busName, flags);
    if (result === 'in queue') onWaiting();
    return ended;
  };
  const closed = bus.closed.then((error) => {
    throw error;
  });
  try {
    return await Promise.race([ended, asked(), closed]);
  } finally {
    stop.removeEventListener('abort', onStop);
    // Nobody waits for it: the bus may have stopped answering, and forgets the watch with the connection anyway.
    void watch.close().catch(() => {});
  }
}
