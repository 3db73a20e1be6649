// The one way to wait a number of milliseconds. Node's timers count 31 bits: with a longer delay they fire at once.
// It knows nothing of D-Bus.

/** The longest delay that a timer of Node takes, in milliseconds: 24 days. */
const MAX_TIMER_DELAY = 2 ** 31 - 1;

/** Runs `action` after `delay` milliseconds; never from Infinity on, or from what a timer cannot count. */
export function startTimer(delay: number, action: () => void): NodeJS.Timeout | undefined {
  return delay > MAX_TIMER_DELAY ? undefined : setTimeout(action, delay);
}
