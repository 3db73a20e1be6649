// Opens the socket that a `tcp:` address names. Specification: TCP Sockets. Tests: tcp.test.ts.
import { isIPv6, type TcpSocketConnectOpts } from 'node:net';
import { type Address, formatAddress } from '../protocol/address.js';
import { AddressError } from '../protocol/errors.js';
import { quote } from '../wire/describe.js';
import type { OpenedStream } from './incoming.js';
import { openSocket } from './socket.js';

const FAMILIES: ReadonlyMap<string, 4 | 6> = new Map([['ipv4', 4], ['ipv6', 6]]);

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
