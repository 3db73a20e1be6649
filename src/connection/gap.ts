// The events of a connection that breaks and is restored: the gap, and each change of the state. Types only. Tests:
// reconnect.test.ts. (No clause of the specification.)
import type { NameRequestResult } from '../protocol/bus.js';
import type { ConnectionClosedError } from './errors.js';

/** A time without a connection. Signals that were sent in this time are lost. */
export interface Gap {
  /** From the end of one connection until the bus has accepted the next one, in milliseconds. */
  readonly downtime: number;
  /** How many attempts were made; the last one has succeeded. */
  readonly attempts: number;
  /** The unique name on the new connection. It can be the name that another program had before. */
  readonly uniqueName: string;
  /** The unique name on the connection that has ended. */
  readonly previousUniqueName: string;
}

/** The connection has ended, or an attempt to restore it has failed; another attempt follows. */
export interface ConnectionLost {
  readonly state: 'reconnecting';
  /** Why: a {@link ConnectionClosedError} at first, then the error of each attempt, mostly a ConnectError. */
  readonly error: Error;
  /** How many attempts have failed since the connection ended. */
  readonly attempts: number;
  /** Milliseconds until the next attempt. */
  readonly delay: number;
}

/**
 * The result of a request for a name on a new connection. `exists`: another program owns the name, and this one is not
 * in its queue. `refused`: the bus has answered with an error. In both cases the name is not requested again.
 */
export type NameRestoreResult = NameRequestResult | 'exists' | 'refused';

/** The connection is restored: names, match rules and watches are there again, and calls that waited are sent. */
export interface ConnectionRestored extends Gap {
  readonly state: 'connected';
  /** Each well-known name that the program had requested, with the result of the new request. */
  readonly names: ReadonlyMap<string, NameRestoreResult>;
  /**
   * One error for each request that the bus has refused: NameRequestError for a name of another program, and DBusError
   * for a name, a match rule or a watch. Subscriptions of a rule that was refused end with the same error.
   */
  readonly errors: readonly Error[];
}

/** A change of the state of a connection that is restored; see {@link ReconnectOptions}. */
export type ConnectionChange = ConnectionLost | ConnectionRestored;

/** Called with each change of the state. */
export type ConnectionChangeListener = (change: ConnectionChange) => void;

/** The state of a connection to a bus. */
export type ConnectionState = 'connected' | 'reconnecting' | 'closed';
