// Opens connections to buses: at given addresses, or at those of the well-known buses. It sends Hello, and, with the
// option `reconnect`, sets up the restoring of the connection. bus.ts is the connection itself. Tests: bus.test.ts.
// Specification: Message Bus Specification, Well-known Message Bus Instances.
import { sessionBusAddress, starterBusAddress, systemBusAddress } from '../transport/well-known-buses.js';
import { blaming, type Caller } from '../wire/error-place.js';
import { checkOptions, type OptionRules } from '../wire/options.js';
import { Bus } from './bus.js';
import { CONNECT_RULES, type ConnectOptions } from './connection.js';
import { greetAgain, greetBus } from './hello.js';
import { RECONNECT, reconnectionOf, type ReconnectOptions } from './reconnect-options.js';
import { Reconnection } from './reconnection.js';

/** How a bus is opened, and whether the connection is restored after it has ended. */
export interface BusOptions<Typed extends boolean = boolean> extends ConnectOptions<Typed> {
  /** Restores the connection after it has ended: true, or how. Default: false. The first attempt must succeed. */
  readonly reconnect?: boolean | ReconnectOptions | undefined;
}

/** The rules of {@link BusOptions}. */
const BUS_RULES: OptionRules<BusOptions> = { ...CONNECT_RULES, reconnect: RECONNECT };

/**
 * Opens a bus for the public function `above`. The addresses are determined again for each attempt to restore the
 * connection.
 */
async function openBus<Typed extends boolean = false>(
  addresses: () => string, options: BusOptions<Typed> = {}, above: Caller,
): Promise<Bus<Typed>> {
  const settings = reconnectionOf(options.reconnect);
  const greeted = await blaming(above, () => greetBus(addresses(), options));
  if (settings === undefined) return new Bus(greeted);
  const reopen = async (signal: AbortSignal): Promise<string> => {
    return greetAgain(greeted, addresses(), { ...options, signal });
  };
  return new Bus(greeted, new Reconnection(greeted, settings, reopen));
}

/**
 * Connects to the bus at the first address of a list that accepts us and answers Hello. `connectTimeout` is for each
 * address, with its Hello.
 * @throws {AddressError} if the list holds no address
 * @throws {ConnectError} if no address works; if `signal` aborts, its reason is thrown
 */
export async function connectToBus<Typed extends boolean = false>(
  addresses: string, options: BusOptions<Typed> = {},
): Promise<Bus<Typed>> {
  checkOptions('connectToBus', options, BUS_RULES);
  return openBus(() => addresses, options, connectToBus);
}

/**
 * Connects to the session bus: `DBUS_SESSION_BUS_ADDRESS`, or else the socket `bus` in `XDG_RUNTIME_DIR`.
 * ‹Well-known Message Bus Instances›
 * @throws {AddressError} if neither exists, and the errors of {@link connectToBus}
 */
export async function sessionBus<Typed extends boolean = false>(options?: BusOptions<Typed>): Promise<Bus<Typed>> {
  checkOptions('sessionBus', options, BUS_RULES);
  return openBus(() => sessionBusAddress(), options, sessionBus);
}

/**
 * Connects to the system bus: `DBUS_SYSTEM_BUS_ADDRESS`, or else its standard sockets in `/run` and `/var/run`.
 * @throws {AddressError} and the errors of {@link connectToBus} ‹Well-known Message Bus Instances›
 */
export async function systemBus<Typed extends boolean = false>(options?: BusOptions<Typed>): Promise<Bus<Typed>> {
  checkOptions('systemBus', options, BUS_RULES);
  return openBus(() => systemBusAddress(), options, systemBus);
}

/**
 * Connects to the bus that started this program as a service: `DBUS_STARTER_ADDRESS`, or else the bus that
 * `DBUS_STARTER_BUS_TYPE` names. A service that runs on either bus needs no option for that.
 * ‹Well-known Message Bus Instances›
 * @throws {AddressError} if neither is set, and the errors of {@link connectToBus}
 */
export async function starterBus<Typed extends boolean = false>(options?: BusOptions<Typed>): Promise<Bus<Typed>> {
  checkOptions('starterBus', options, BUS_RULES);
  return openBus(() => starterBusAddress(), options, starterBus);
}
