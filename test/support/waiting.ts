// How tests wait: for a condition, for a promise that something else settles, for the next signal.
// A wait fails with the reason after PATIENCE, a time that only a defect uses up, on a busy machine too.
// Knows D-Bus signals by the shape of their listeners alone.

import type { MessageLink } from '../../src/connection/link.js';
import type { Signal } from '../../src/wire/messages/message.js';

/** Milliseconds until a wait is given up. Shorter than the time limit of a test, so that the reason is reported. */
export const PATIENCE = 30_000;

/** Milliseconds between two looks at a condition. The first looks follow sooner: most conditions soon hold. */
const INTERVAL = 10;

const { setTimeout } = globalThis; // the real one, also while a test runs with fake timers

/** A promise, and the functions that settle it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T | PromiseLike<T>) => void;
  readonly reject: (reason: unknown) => void;
}

/** A promise that the caller settles. */
export function deferred<T = void>(): Deferred<T> {
  let resolve!: Deferred<T>['resolve']; // set by the constructor below
  let reject!: Deferred<T>['reject'];
  const promise = new Promise<T>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  return { promise, resolve, reject };
}

/**
 * Resolves when the condition holds, which is looked at every few milliseconds.
 * Rejects with `description` (or the text of the condition) if it does not hold in time.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  description: string = String(condition),
): Promise<void> {
  // Counted in looks: a machine that pauses for seconds does not use up the patience.
  for (let looks = 0; !(await condition()); looks++) {
    if (looks * INTERVAL > PATIENCE) throw new Error(`still not true after ${PATIENCE} ms: ${description}`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(looks + 1, INTERVAL)));
  }
}

/** A link: gives the signals that match a rule. Without a bus, an empty rule lets all of them through. */
type SignalSource = Pick<MessageLink, 'subscribe'>;

/** A subscription or a stream of signals. */
type SignalIterator<T> = Pick<AsyncIterator<T>, 'next'>;

/** Resolves to the next signal that reaches the connection, or the next one that fits if `fits` is given. */
export function nextSignal(connection: SignalSource, fits?: (signal: Signal) => boolean): Promise<Signal>;
/** Resolves to the next item of a subscription or a stream of signals; rejects if it has ended. */
export function nextSignal<T>(signals: SignalIterator<T>, fits?: (signal: T) => boolean): Promise<T>;
export function nextSignal(
  source: SignalSource | SignalIterator<unknown>,
  fits: (signal: never) => boolean = () => true,
): Promise<unknown> {
  const accepts = fits as (signal: unknown) => boolean; // the overloads hold the type of the argument
  return 'subscribe' in source ? nextOnLink(source, accepts) : nextItem(source, accepts);
}

async function nextOnLink(source: SignalSource, accepts: (signal: unknown) => boolean): Promise<unknown> {
  const subscription = source.subscribe({});
  try {
    return await nextItem(subscription, accepts);
  } finally {
    await subscription.close();
  }
}

async function nextItem(source: SignalIterator<unknown>, accepts: (signal: unknown) => boolean): Promise<unknown> {
  for (;;) {
    const { value, done } = await source.next();
    if (done === true) throw new Error('the signals ended before one that fits');
    if (accepts(value)) return value;
  }
}
