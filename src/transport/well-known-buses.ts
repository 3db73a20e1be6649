// The addresses of the two well-known buses: from the environment, else the standard places.
// Specification: Well-known Message Bus Instances.
import { type Stats, statSync } from 'node:fs';
import { unixPathAddress } from '../protocol/address.js';
import { AddressError } from '../protocol/errors.js';

/** The variables of a process, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The address list of the session bus: `DBUS_SESSION_BUS_ADDRESS`; or the socket `bus` of this user in
 * `XDG_RUNTIME_DIR` if that variable is empty, not set or `autolaunch:`, which leaves the choice to the platform.
 * ‹Well-known Message Bus Instances›
 * @throws {AddressError} `SESSION_BUS_NOT_FOUND` if neither exists
 */
export function sessionBusAddress(env: Environment = process.env): string {
  const address = env['DBUS_SESSION_BUS_ADDRESS'] ?? '';
  if (address !== '' && address !== 'autolaunch:') return address;
  const directory = env['XDG_RUNTIME_DIR'] ?? '';
  const path = `${directory}/bus`;
  const missing = directory === '' ? 'XDG_RUNTIME_DIR is not set either' : problemOfUserSocket(path);
  if (missing === undefined) return unixPathAddress(path);
  throw new AddressError(
    'SESSION_BUS_NOT_FOUND',
    `found no session bus: DBUS_SESSION_BUS_ADDRESS is ${address === '' ? 'not set' : address} and ${missing}; ` +
      'set DBUS_SESSION_BUS_ADDRESS to the address of a bus, or run the program under dbus-run-session',
  );
}

/**
 * Why a path is not a socket of this process's user; undefined if it is. Another user can have made a folder of that
 * name, and would then see and answer all calls. A relative path does not count (XDG Base Directory Specification).
 */
function problemOfUserSocket(path: string): string | undefined {
  const found = path.startsWith('/') ? statOf(path) : undefined;
  if (found?.isSocket() !== true) return `${JSON.stringify(path)} is not a socket`;
  const uid = process.getuid?.();
  if (uid === undefined || found.uid === uid) return undefined;
  return `${JSON.stringify(path)} belongs to user ${found.uid}: it must belong to user ${uid}`;
}

const SYSTEM_BUS_SOCKETS = ['/run/dbus/system_bus_socket', '/var/run/dbus/system_bus_socket'] as const;

/**
 * The address list of the system bus: `DBUS_SYSTEM_BUS_ADDRESS`, or else the first of its standard sockets, in `/run`
 * and `/var/run`, that exists; the one in `/run` if neither does. ‹Well-known Message Bus Instances›
 */
export function systemBusAddress(env: Environment = process.env): string {
  const address = env['DBUS_SYSTEM_BUS_ADDRESS'] ?? '';
  return address !== '' ? address : unixPathAddress(SYSTEM_BUS_SOCKETS.find(isSocket) ?? SYSTEM_BUS_SOCKETS[0]);
}

function isSocket(path: string): boolean {
  return statOf(path)?.isSocket() === true;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
