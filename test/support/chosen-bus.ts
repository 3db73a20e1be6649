// Which bus startPrivateBus() starts: dbus-daemon, unless a file of tests has chosen our own before it imports a suite.
// So a suite that was written for dbus-daemon also runs on ours.

import type { PrivateBus, PrivateBusOptions } from './private-bus.js';

type StartBus = (options: PrivateBusOptions) => Promise<PrivateBus>;

let chosen: StartBus | undefined;

/** Chooses the bus for this file of tests. */
export function chooseBus(start: StartBus): void {
  chosen = start;
}

/** Starts the bus that was chosen; undefined if none was. */
export function chosenBus(): StartBus | undefined {
  return chosen;
}

/** Whether the suite runs on another bus than dbus-daemon. */
export function isOnAnotherBus(): boolean {
  return chosen !== undefined;
}
