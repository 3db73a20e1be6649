// Where a server of a `tcp:` or `nonce-tcp:` address listens: the addresses of the machine for `host`, `bind` and
// `family`, all on one port. Tests: listener.test.ts. Specification: TCP Sockets.
import { lookup } from 'node:dns/promises';
import { type Address, formatAddress } from '../protocol/address.js';
import { AddressError } from '../protocol/errors.js';

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

const FAMILIES: Readonly<Record<string, 4 | 6>> = { ipv4: 4, ipv6: 6 };

/**
 * The places for an address: those of `bind`, which is `host` unless given, which is `localhost` unless given; `*` is
 * every interface. ‹TCP Sockets›
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
  if (family !== undefined && !Object.hasOwn(FAMILIES, family)) {
    throw fail(`family ${JSON.stringify(family)} is not valid: it must be ipv4 or ipv6`);
  }
  if (keys.has('noncefile')) throw fail('key noncefile is for clients: a server creates its own file');
  const number = family === undefined ? 0 : FAMILIES[family]!; // checked above
  if (bind === '*') {
    const all = [{ host: '0.0.0.0', ipv6Only: false }, { host: '::', ipv6Only: true }];
    return { places: number === 0 ? all : [all[number === 4 ? 0 : 1]!], port, host, family };
  }
  const found = await lookup(bind, { all: true, family: number });
  const hosts = new Set(found.map(({ address: ip }) => ip));
  const places = Array.from(hosts, (ip) => ({ host: ip, ipv6Only: ip.includes(':') }));
  return { places, port, host, family };
}
