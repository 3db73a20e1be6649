// A clock, timers of any length, one listener on each AbortSignal for any number of actions, and calls of the
// application's callbacks. It knows nothing of D-Bus. Tests: waiting.test.ts.

/** Longest delay of a timer of Node, in milliseconds: 24 days. */
const MAX_TIMER_DELAY = 2 ** 31 - 1;

/**
 * Milliseconds on a clock that never goes back. It is not `performance`, whose first use takes about two
 * milliseconds on Node 20, which every program would pay at its start.
 */
export function monotonicTime(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

/** Runs `action` after `delay` milliseconds. A delay that is too long for a timer, such as Infinity, sets none. */
export function startTimer(delay: number, action: () => void): NodeJS.Timeout | undefined {
  return delay > MAX_TIMER_DELAY ? undefined : setTimeout(action, delay);
}

/** The actions for one signal, and the one listener that runs them. */
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

/**
 * Runs `action` when `signal` aborts; returns the function that prevents it. Every call needs a function of its own: a
 * function that is passed twice runs once.
 */
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

/** Runs a callback of the application. An error that it throws becomes an uncaught exception of the process. */
export function runListener(run: () => void): void {
  try {
    run();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
