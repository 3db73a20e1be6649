// Waiting and calling back: timers of any length, one listener for each AbortSignal however many wait for it, and
// callbacks of the application. It knows nothing of D-Bus.

/** The longest delay that a timer of Node takes, in milliseconds: 24 days. */
const MAX_TIMER_DELAY = 2 ** 31 - 1;

/** Runs `action` after `delay` milliseconds; never from Infinity on, or from what a timer cannot count. */
export function startTimer(delay: number, action: () => void): NodeJS.Timeout | undefined {
  return delay > MAX_TIMER_DELAY ? undefined : setTimeout(action, delay);
}

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

/** Runs code that is not ours; what it throws reaches the process as an uncaught exception, not us and not the peer. */
export function runListener(run: () => void): void {
  try {
    run();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
