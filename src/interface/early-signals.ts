// Signals that an implementation emits while a subtree is still looking for the object that has it: the subtree does
// not know the implementation yet, so that it cannot send them. It knows neither objects nor links.
// Tests: test/service/subtree-changes.test.ts. (No clause of the specification.)
import type { EmitOptions, Implementation } from './definition.js';

/** A signal that no sink has received. */
export interface EarlySignal {
  readonly member: string;
  readonly signature: string;
  readonly body: readonly unknown[];
  readonly options: EmitOptions;
}

/** The most signals that are kept, of all implementations; further ones are not sent. */
const MAX_KEPT = 1_000;

let kept = new WeakMap<Implementation, { readonly signal: EarlySignal; readonly time: number }[]>();
let count = 0;
let time = 0;
let searches = 0;

/** Begins a search for an object; returns its time, and the function that ends it. */
export function beginSearch(): { readonly since: number; readonly end: () => void } {
  searches++;
  let hasEnded = false;
  const end = (): void => {
    if (hasEnded) return;
    hasEnded = true;
    if (--searches > 0) return;
    kept = new WeakMap();
    count = 0;
  };
  return { since: ++time, end };
}

/** Whether signals are kept at present. */
export function keepsEarlySignals(): boolean {
  return searches > 0 && count < MAX_KEPT;
}

/** Keeps a signal of an implementation that has no sink. Its body must not change. */
export function keepEarlySignal(implementation: Implementation, signal: EarlySignal): void {
  const list = kept.get(implementation) ?? [];
  list.push({ signal, time });
  kept.set(implementation, list);
  count++;
}

/** Takes the signals that an implementation has emitted since a search began, in order. */
export function takeEarlySignals(implementation: Implementation, since: number): readonly EarlySignal[] {
  const list = kept.get(implementation) ?? [];
  kept.delete(implementation);
  count -= list.length;
  return list.filter((each) => each.time >= since).map(({ signal }) => signal);
}
