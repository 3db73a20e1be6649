// Reads what a subscription has at present, without a wait for more.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Subscription } from '../../src/connection/subscription.js';
import type { Signal } from '../../src/wire/messages/message.js';

/** The signals in the queue of a subscription; it has none afterwards. */
export async function queuedSignals(subscription: Subscription): Promise<Signal[]> {
  const signals: Signal[] = [];
  for (;;) {
    const next = await Promise.race([subscription.next(), sleep(5, undefined)]);
    if (next?.done !== false) return signals;
    signals.push(next.value);
  }
}

/** The first arguments of the signals in the queue of a subscription. */
export async function queued(subscription: Subscription): Promise<unknown[]> {
  return (await queuedSignals(subscription)).map(({ body: [value] }) => value);
}
