// `tcp:` addresses: the socket that a client opens, and the places on which a server listens, all on one port. It does
// not listen: listener.ts does. Specification: TCP Sockets. Tests: tcp.test.ts, listener.test.ts.
import { isIPv6, type TcpSocketConnectOpts } from 'node:net';
import { type Address, formatAddress } from '../protocol/address.js';
import { AddressError } from '../protocol/errors.js';
import { quote } from '../wire/describe.js';
import type { OpenedStream } from './incoming.js';
import { dnsModule } from './late-modules.js';
import { openSocket } from './socket.js';

const FAMILIES: ReadonlyMap<string, 4 | 6> = new Map([['ipv4', 4], ['ipv6', 6]]);

/* Clients -------------------------------------------------------------------------------------------------------- */

/**
 * The host, the port and the family of an address. `bind` is for servers, and ignored. Without `host` it is localhost,
 * as in the reference implementation. ‹TCP Sockets›
 * @throws {AddressError} `NOT_CONNECTABLE` if a value is not valid, or the port is missing or 0
 */
export function tcpPlaceOf(address: Address): TcpSocketConnectOpts {
  const fail = (problem: string): AddressError =>
    new AddressError('NOT_CONNECTABLE', problem, { address: formatAddress(address) });
  const { keys } = address;
  const host = keys.get('host') ?? 'localhost';
  const bare = /^\[(.*)\]$/.exec(host)?.[1];
  if (bare !== undefined && isIPv6(bare)) throw fail(`host ${quote(host, 60)} has brackets: it must be without them`);
  const port = keys.get('port');
  if (port === undefined) throw fail('port is missing: a client must know it');
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw fail(`port is ${quote(port, 40)}: it must be a number from 1 to 65535`);
  }
  if (Number(port) === 0) throw fail('port 0 is for servers: a client must use the address that the server prints');
  const familyName = keys.get('family');
  const family = familyName === undefined ? undefined : FAMILIES.get(familyName);
  if (familyName !== undefined && family === undefined) {
    throw fail(`family is ${quote(familyName, 40)}: it must be ipv4 or ipv6`);
  }
  const place = { host, port: Number(port), noDelay: true };
  return family === undefined ? place : { ...place, family };
}

/**
 * Starts to connect to the server of a `tcp:` address. Without `family`, all addresses of the host are tried.
 * @throws {AddressError} as {@link tcpPlaceOf} does
 */
export function openTcp(address: Address): OpenedStream {
  return openSocket(tcpPlaceOf(address));
}

/* Servers -------------------------------------------------------------------------------------------------------- */

/** One address of the machine. */
export interface TcpPlace {
  readonly host: string;
  readonly ipv6Only: boolean;
}

/** The places on which the server of an address listens, and the host and port that clients use. */
export interface TcpPlaces {
  /** One or more; at least one of them must work. */
  readonly places: readonly TcpPlace[];
  /** 0 for any free port. */
  readonly port: number;
  /** The host that is printed for clients. */
  readonly host: string;
  readonly family: string | undefined;
}

/**
 * The places for an address: those of `bind`, otherwise of `host`, otherwise of `localhost`; `*` is every interface.
 * ‹TCP Sockets›
 * @throws {AddressError} `NOT_LISTENABLE` if a key cannot be used; the system's error if the host is not known
 */
export async function chooseTcpPlaces(address: Address): Promise<TcpPlaces> {
  const fail = (problem: string): AddressError =>
    new AddressError('NOT_LISTENABLE', problem, { address: formatAddress(address) });
  const { keys } = address;
  const host = keys.get('host') ?? 'localhost';
  const bind = keys.get('bind') ?? host;
  const family = keys.get('family');
  const portText = keys.get('port') ?? '0';
  const port = Number(portText);
  if (!/^\d{1,5}$/.test(portText) || port > 65_535) {
    throw fail(`port ${JSON.stringify(portText)} is not valid: it must be an integer from 0 to 65535`);
  }
  const number = family === undefined ? 0 : FAMILIES.get(family);
  if (number === undefined) throw fail(`family ${JSON.stringify(family)} is not valid: it must be ipv4 or ipv6`);
  if (keys.has('noncefile')) throw fail('key noncefile is for clients: a server creates its own file');
  if (bind === '*') {
    const all = [{ host: '0.0.0.0', ipv6Only: false }, { host: '::', ipv6Only: true }];
    return { places: number === 0 ? all : [all[number === 4 ? 0 : 1]!], port, host, family };
  }
  const found = await dnsModule().lookup(bind, { all: true, family: number });
  const hosts = new Set(found.map(({ address: ip }) => ip));
  const places = Array.from(hosts, (ip) => ({ host: ip, ipv6Only: ip.includes(':') }));
  return { places, port, host, family };
}
