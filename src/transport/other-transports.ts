// The transports that a client cannot use, and for the known ones, another way to their server.
// Tests: open.test.ts. Specification: Transports, Meta Transports.
import { type Address, formatAddress } from '../protocol/address.js';
import { AddressError } from '../protocol/errors.js';
import { quote } from '../wire/describe.js';

/** The requirement of each transport, in words that follow its name. */
const NEEDS: ReadonlyMap<string, string> = new Map([
  [
    'autolaunch',
    'needs a program that finds or starts a bus for the X11 display: set DBUS_SESSION_BUS_ADDRESS to the address of ' +
      'a bus, or run the program under dbus-run-session or dbus-wire-bus run',
  ],
  [
    'launchd',
    'needs launchd of macOS: use unix:path= with the path that `launchctl getenv` prints for the variable in its key ' +
      'env',
  ],
  [
    'vsock',
    'needs sockets of the family AF_VSOCK, which Node does not have: use unixexec: with a program that connects, ' +
      'such as socat',
  ],
  ['systemd', 'is for servers that systemd starts: a client must use the address of the socket'],
]);

/** The error for an address whose transport is not among `supported`. */
export function notSupported(address: Address, supported: readonly string[]): AddressError {
  const { transport } = address;
  const needs = NEEDS.get(transport);
  const list = `${supported.slice(0, -1).join(', ')} or ${supported.at(-1)}`;
  const problem = needs === undefined
    ? `transport ${quote(transport, 40)} is not supported: it must be ${list}`
    : `transport ${transport} ${needs}`;
  return new AddressError('TRANSPORT_NOT_SUPPORTED', problem, { address: formatAddress(address) });
}
