// A call to the bus as its methods see it. Types only. Specification: Message Bus Messages.
// Tests: test/interop/bus-rules.test.ts.
import type { Client } from '../client.js';

/** A call to a method of the bus. */
export interface DriverCall {
  readonly client: Client;
  readonly path: string;
  /** The arguments. They have the types that the definition of the method asks for. */
  readonly args: readonly unknown[];
  /** Shows the call to monitors. Only Hello uses it, after the caller has got its name. */
  capture(): void;
  /** Sends the reply, if the caller waits for one. */
  reply(...results: readonly unknown[]): void;
  /** Sends an error, if the caller waits for a reply. */
  fail(errorName: string, text: string): void;
}

/**
 * Runs a call. It returns the results, or undefined if it calls `reply` or `fail` itself, now or later. It throws a
 * DBusError to answer with one.
 */
export type DriverMethod = (call: DriverCall) => readonly unknown[] | undefined;

/** Methods by name. */
export type DriverMethods = Readonly<Record<string, DriverMethod>>;
