// The interface between the bus and the part that starts services, and an implementation for a bus without service
// files, which starts none. It does not know processes. Specification: Message Bus Starting Services (Activation).
// Tests: activator.test.ts.
import type { Client } from './client.js';

/** A message or a call of StartServiceByName that waits for a service. */
export interface Waiting {
  /** Bytes of the message that is kept; 0 for a call of StartServiceByName. */
  readonly bytes: number;
  /**
   * Sets the function that is called when the waiting client leaves. Neither `deliver` nor `fail` may be called then.
   */
  onGone(forget: () => void): void;
  /** The name has an owner now. Either this or `fail` is called, once. */
  deliver(): void;
  /** The service could not be started. */
  fail(errorName: string, text: string): void;
}

/** Starts services. */
export interface Activator {
  /** The names for which there is a service file. */
  names(): readonly string[];
  /**
   * Starts the service of a name that has no owner, unless it is starting already, and keeps `waiting` until its name
   * has an owner, or fails it. Returns false, and keeps nothing, if there is no service file for the name.
   */
  start(name: string, waiting: Waiting): boolean;
  /** A name has an owner: delivers the messages and calls that wait for it, in order of arrival. */
  nameTaken(name: string): void;
  /**
   * Adds variables to the environment of services that are started from now on.
   * @throws {DBusError} LimitsExceeded, and adds none, if the added variables would have more than 1 MiB
   */
  updateEnvironment(variables: ReadonlyMap<string, string>): void;
  /** Reads the service files again; returns whether the set of names has changed. */
  reload(): boolean;
  /** The bus has ended: ends the programs that were started and still run. */
  close(): void;
}

/** The activator of a bus without service files. */
export const NO_ACTIVATOR: Activator = {
  names: () => [],
  start: () => false,
  nameTaken: () => {},
  updateEnvironment: () => {},
  reload: () => false,
  close: () => {},
};

/** Makes the entry of a waiting client; it is forgotten when the client leaves. */
export function waitingOf(
  { departures }: Client, { bytes, deliver, fail }: Pick<Waiting, 'bytes' | 'deliver' | 'fail'>,
): Waiting {
  let forgetNow: (() => void) | undefined;
  const settle = (): void => {
    if (forgetNow !== undefined) departures.delete(forgetNow);
  };
  return {
    bytes,
    onGone: (forget) => {
      forgetNow = () => forget(); // a function of its own, since a set holds it
      departures.add(forgetNow);
    },
    deliver: () => {
      settle();
      deliver();
    },
    fail: (errorName, text) => {
      settle();
      fail(errorName, text);
    },
  };
}
