// The addresses of the well-known buses: from the environment, else the standard places.
// Specification: Well-known Message Bus Instances.
import { realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { unixPathAddress } from '../protocol/address.js';
import { AddressError } from '../protocol/errors.js';
import { argumentError, checkText, isRecord } from '../wire/arguments.js';
import { quote } from '../wire/describe.js';

/** The variables of a process, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The value of a variable; `''` if it is not set. @throws {ArgumentError} if it is not text */
function valueOf(owner: string, env: Environment, name: string): string {
  if (!isRecord(env)) throw argumentError(owner, 'the environment must be an object', env);
  const value: unknown = env[name];
  if (value === undefined) return '';
  checkText(owner, `value of ${name}`, value);
  return value;
}

/**
 * The address list of the session bus: `DBUS_SESSION_BUS_ADDRESS`; or the socket `bus` of this user in
 * `XDG_RUNTIME_DIR` if that variable is empty, not set or `autolaunch:`, which leaves the choice to the platform.
 * ‹Well-known Message Bus Instances›
 * @throws {AddressError} `SESSION_BUS_NOT_FOUND` if neither exists
 * @throws {ArgumentError} if `env` is not an object, or the value of a variable is not text
 */
export function sessionBusAddress(env: Environment = process.env): string {
  const address = valueOf('sessionBusAddress', env, 'DBUS_SESSION_BUS_ADDRESS');
  if (address !== '' && address !== 'autolaunch:') return address;
  const directory = valueOf('sessionBusAddress', env, 'XDG_RUNTIME_DIR');
  const path = `${directory}/bus`;
  const missing = directory === '' ? 'XDG_RUNTIME_DIR is not set either' : problemOfUserSocket(path);
  if (missing === undefined) return unixPathAddress(path);
  throw new AddressError(
    'SESSION_BUS_NOT_FOUND',
    `found no session bus: DBUS_SESSION_BUS_ADDRESS is ${address === '' ? 'not set' : address} and ${missing}; ` +
      'set DBUS_SESSION_BUS_ADDRESS to the address of a bus, or run the program under dbus-run-session or ' +
        'dbus-wire-bus run',
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
 * The address list of the system bus: `DBUS_SYSTEM_BUS_ADDRESS`, or else its standard sockets in `/run` and `/var/run`,
 * which are the same on most machines. ‹Well-known Message Bus Instances›
 * @throws {ArgumentError} if `env` is not an object, or the value of the variable is not text
 */
export function systemBusAddress(env: Environment = process.env): string {
  const address = valueOf('systemBusAddress', env, 'DBUS_SYSTEM_BUS_ADDRESS');
  return address !== '' ? address : addressesOf(SYSTEM_BUS_SOCKETS);
}

/** The list of the sockets that are there, each once, in order; of all places if there are none. */
export function addressesOf(paths: readonly string[]): string {
  const places = new Map(paths.map((path) => [realPathOf(path), path] as const).reverse()); // the first of each stays
  const distinct = paths.filter((path) => [...places.values()].includes(path));
  const found = distinct.filter((path) => statOf(path)?.isSocket() === true);
  return (found.length > 0 ? found : distinct).map(unixPathAddress).join(';');
}

/** The path without symbolic links in its directory. */
function realPathOf(path: string): string {
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch {
    return path;
  }
}

/**
 * The address list of the bus that started this program: `DBUS_STARTER_ADDRESS`; or the session bus or the system
 * bus, if only `DBUS_STARTER_BUS_TYPE` is set, and names it. ‹Well-known Message Bus Instances›
 * @throws {AddressError} `STARTER_BUS_NOT_FOUND` if neither is set, and the errors of {@link sessionBusAddress}
 */
export function starterBusAddress(env: Environment = process.env): string {
  const address = valueOf('starterBusAddress', env, 'DBUS_STARTER_ADDRESS');
  if (address !== '') return address;
  const type = valueOf('starterBusAddress', env, 'DBUS_STARTER_BUS_TYPE');
  if (type === 'session') return sessionBusAddress(env);
  if (type === 'system') return systemBusAddress(env);
  const found = type === '' ? 'not set' : `${quote(type, 40)}, not "session" or "system"`;
  throw new AddressError(
    'STARTER_BUS_NOT_FOUND',
    'found no bus that started this program: DBUS_STARTER_ADDRESS is not set and DBUS_STARTER_BUS_TYPE is ' +
      `${found}; a bus sets both for the services that it starts`,
  );
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
