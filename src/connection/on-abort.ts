// Listening to an AbortSignal that many things may wait for at once: one listener of ours on it, however many calls it
// is to end, since Node takes more than ten for a leak and says so. It knows nothing of D-Bus.

/** What waits for one signal, and our one listener there. */
interface Waiting {
  readonly actions: Set<() => void>;
  readonly listener: () => void;
}

const waitingBySignal = new WeakMap<AbortSignal, Waiting>();

function listenTo(signal: AbortSignal): Waiting {
  const actions = new Set<() => void>();
  const listener = (): void => {
    for (const action of [...actions]) action();
  };
  signal.addEventListener('abort', listener);
  const waiting = { actions, listener };
  waitingBySignal.set(signal, waiting);
  return waiting;
}

/** Runs `action`, a function of its own, when `signal` aborts; returns what ends that. */
export function onAbort(signal: AbortSignal | undefined, action: () => void): () => void {
  if (signal === undefined) return () => {};
  const { actions, listener } = waitingBySignal.get(signal) ?? listenTo(signal);
  actions.add(action);
  return () => {
    actions.delete(action);
    if (actions.size > 0 || waitingBySignal.get(signal)?.actions !== actions) return;
    signal.removeEventListener('abort', listener);
    waitingBySignal.delete(signal);
  };
}
