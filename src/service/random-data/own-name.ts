// Owns a name from requesting it until the program is to stop, another connection takes the name over, or the bus goes
// away. Knows no objects and prints nothing. Tests: program.test.ts.
// Specification: org.freedesktop.DBus.RequestName, NameOwnerChanged.
import type { Bus } from '../../connection/bus.js';

/** The name, how to request it, and the callbacks. */
export interface OwnNameOptions {
  readonly busName: string;
  /** Takes the name from its present owner, if that owner allows it; this program always does. */
  readonly replace: boolean;
  /** Waits for the name if another connection owns it, and again if one takes it over. */
  readonly queue: boolean;
  /** Aborts when the name is not needed any more. */
  readonly stop: AbortSignal;
  /** Called each time this connection becomes the owner. */
  readonly onOwned: () => void;
  /** Called each time this connection begins to wait for the name. */
  readonly onWaiting: () => void;
}

/** The reason why the name is not needed, or not owned, any more. */
export type NameEnd = { readonly reason: 'stopped' } | { readonly reason: 'replaced'; readonly owner: string };

/**
 * Requests a name and resolves when `stop` has aborted or another connection has taken the name over. The caller
 * releases the name.
 * @throws {NameRequestError} if another connection owns the name, and the options say neither to replace it nor to wait
 * @throws {ConnectionClosedError} if the connection ends; and the errors of {@link Bus.requestName}
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
    else if (previous !== bus.uniqueName || stop.aborted) return; // a change between other programs, or our own release
    else if (queue) onWaiting();
    else if (owner !== undefined) resolve({ reason: 'replaced', owner });
  });
  const own = async (): Promise<NameEnd> => {
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
    return await Promise.race([ended, own(), closed]);
  } finally {
    stop.removeEventListener('abort', onStop);
    // Not awaited: the bus may have stopped replying, and forgets the watch with the connection anyway.
    void watch.close().catch(() => {});
  }
}
