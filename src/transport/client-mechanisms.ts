// The mechanisms with which a client authenticates, with the keyring and the cryptography of Node. It knows no streams.
// Tests: test/transport/open.test.ts, test/interop/peer-to-peer.test.ts. Specification: Authentication mechanisms.
import { cookieSha1, type CookieHashing } from '../auth/cookie-sha1.js';
import { anonymous, type ClientMechanism, external, type MechanismName } from '../auth/mechanisms.js';
import { Keyring } from './keyring.js';
import { cryptoModule } from './late-modules.js';

/** The default mechanisms of a client. */
const DEFAULT_MECHANISMS: readonly MechanismName[] = ['EXTERNAL', 'DBUS_COOKIE_SHA1'];
/**
 * The same over TCP. A server cannot see the user there: dbus-daemon accepts EXTERNAL without an identity, and then
 * closes the connection. EXTERNAL is for a TCP port that leads to a Unix socket.
 */
const DEFAULT_MECHANISMS_OVER_TCP: readonly MechanismName[] = ['DBUS_COOKIE_SHA1', 'EXTERNAL'];

/** The functions of Node that DBUS_COOKIE_SHA1 needs. */
export const COOKIE_HASHING: CookieHashing = {
  sha1: (text) => cryptoModule().createHash('sha1').update(text, 'latin1').digest('hex'),
  challenge: () => cryptoModule().randomBytes(16).toString('hex'),
};

/** The mechanisms of a client that does not choose, in the order in which they are tried. */
export function defaultMechanisms(transport: string): readonly MechanismName[] {
  return transport === 'tcp' || transport === 'nonce-tcp' ? DEFAULT_MECHANISMS_OVER_TCP : DEFAULT_MECHANISMS;
}

/** The mechanisms that were made last. They have no state, and most programs use the same ones for all connections. */
let last: {
  readonly uid: string | undefined;
  readonly names: readonly MechanismName[];
  readonly mechanisms: readonly ClientMechanism[];
} | undefined;

/**
 * The mechanisms of a client, in the order of `names`. `uid` is the identity that is claimed; if it is undefined, as on
 * Windows, EXTERNAL leaves the identity to the server, and DBUS_COOKIE_SHA1 is left out.
 */
export function clientMechanisms(
  uid: string | undefined, names: readonly MechanismName[],
): readonly ClientMechanism[] {
  if (last !== undefined && last.uid === uid && last.names === names && !isOfProgram(names)) return last.mechanisms;
  const mechanisms = makeMechanisms(uid, names);
  last = { uid, names, mechanisms };
  return mechanisms;
}

/** Whether a list belongs to the program, which can have changed it since its last use. */
function isOfProgram(names: readonly MechanismName[]): boolean {
  return names !== DEFAULT_MECHANISMS && names !== DEFAULT_MECHANISMS_OVER_TCP;
}

function makeMechanisms(uid: string | undefined, names: readonly MechanismName[]): readonly ClientMechanism[] {
  return names.flatMap((name): readonly ClientMechanism[] => {
    switch (name) {
      case 'EXTERNAL':
        return [external({ uid })];
      case 'DBUS_COOKIE_SHA1': {
        if (uid === undefined) return [];
        const { sha1, challenge } = COOKIE_HASHING;
        const findCookie = (context: string, id: string) => new Keyring().findSecret(context, id);
        return [cookieSha1({ uid, sha1, challenge, findCookie })];
      }
      case 'ANONYMOUS':
        return [anonymous()];
    }
  });
}
