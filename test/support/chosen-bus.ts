// Which bus startPrivateBus() starts: dbus-daemon, unless a file of tests has chosen another before it imports a suite:
// our own, or dbus-daemon behind a proxy. So a suite that was written for dbus-daemon also runs there.

import type { PrivateBus, PrivateBusOptions } from './private-bus.js';

type StartBus = (options: PrivateBusOptions) => Promise<PrivateBus>;

let chosen: StartBus | undefined;
let required: readonly string[] = ['dbus-daemon'];

/** Chooses the bus for this file of tests, and the programs that it needs. */
export function chooseBus(start: StartBus, programs: readonly string[] = []): void {
  chosen = start;
  required = programs;
}

/** The programs that startPrivateBus() needs. */
export function programsOfBus(): readonly string[] {
  return required;
}

/** Starts the bus that was chosen; undefined if none was. */
export function chosenBus(): StartBus | undefined {
  return chosen;
}

/** Whether the suite runs on another bus than dbus-daemon. */
export function isOnAnotherBus(): boolean {
  return !required.includes('dbus-daemon');
}

/** Whether clients reach the bus through xdg-dbus-proxy. */
export function isThroughProxy(): boolean {
  return required.includes('xdg-dbus-proxy');
}
