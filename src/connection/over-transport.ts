// Connections over a transport that is open already: one that the application implements over a stream of its own, or
// one end of a pair in memory. It opens nothing. Tests: over-transport.test.ts.
// Specification: Message Types, org.freedesktop.DBus.Hello.
import type { Transport } from '../transport/transport.js';
import { argumentError, hasMethods, isRecord } from '../wire/arguments.js';
import { checkOptions, type OptionRules } from '../wire/options.js';
import { Bus } from './bus.js';
import { WAIT_RULES, type WaitOptions } from './call-options.js';
import { type Connection, connectionOn } from './connection.js';
import { sayHello } from './hello.js';
import { RECEIVE_RULES, type ReceiveOptions, receiveOptions } from './receive-options.js';

/** Options of {@link busOver}: the limits of what is received, and the wait for the reply to Hello. */
export interface BusOverOptions<Typed extends boolean = false> extends ReceiveOptions<Typed>, WaitOptions {}

export const BUS_OVER_RULES: OptionRules<BusOverOptions<boolean>> = { ...RECEIVE_RULES, ...WAIT_RULES };

const TRANSPORT_METHODS = ['start', 'write', 'flush', 'drained', 'end', 'destroy'] as const;

/** Checks that a value can be a transport. @throws {ArgumentError} if it lacks a method of a transport */
function checkTransport(owner: string, value: unknown): asserts value is Transport {
  if (isRecord(value) && hasMethods(value, ...TRANSPORT_METHODS)) return;
  const must = `the transport must be an object with the methods ${TRANSPORT_METHODS.join(', ')}`;
  throw argumentError(owner, must, value);
}

/**
 * Makes a connection, without a bus, to the program at the other end of a transport. The connection then owns the
 * transport: nothing else may read or write it, and it ends with the connection.
 * @throws {ArgumentError} if `transport` is not one, an option is unknown, or its value is not valid
 */
export function connectionOver<Typed extends boolean = false>(
  transport: Transport, options: ReceiveOptions<Typed> = {},
): Connection<Typed> {
  checkTransport('connectionOver', transport);
  checkOptions('connectionOver', options, RECEIVE_RULES);
  return connectionOn(transport, options);
}

/**
 * Makes a connection to the bus at the other end of a transport, and sends Hello. If that fails, the transport is
 * destroyed. `timeout` limits the wait for the reply (default: 25,000 ms).
 * @throws {ArgumentError} if `transport` is not one, an option is unknown, or its value is not valid
 * @throws {DBusError | CallTimeoutError | ConnectionClosedError | UnexpectedSignatureError} if Hello fails; if `signal`
 * aborts, its reason is thrown
 */
export async function busOver<Typed extends boolean = false>(
  transport: Transport, options: BusOverOptions<Typed> = {},
): Promise<Bus<Typed>> {
  checkTransport('busOver', transport);
  checkOptions('busOver', options, BUS_OVER_RULES);
  const { timeout, signal } = options;
  return new Bus(await sayHello(transport, { isSent: false, timeout, signal, receive: receiveOptions(options) }));
}
