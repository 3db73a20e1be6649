// The mechanisms that a server offers to a client, and the comparison of the uid that EXTERNAL claims. They depend on
// the client's stream: EXTERNAL is offered only if no other user can reach the socket, since Node cannot ask the kernel
// which user the client is. It does not run the handshake. Tests: accept-clients.test.ts. Specification: Authentication
// mechanisms.
import { userInfo } from 'node:os';
import { cookieSha1Server } from '../auth/cookie-sha1.js';
import { anonymousServer, externalServer, type MechanismName, type ServerMechanism } from '../auth/mechanisms.js';
import { COOKIE_HASHING } from './client-mechanisms.js';
import { Keyring } from './keyring.js';
import type { StreamPeer } from './listener.js';

/** The default mechanisms of a server. */
const DEFAULT_MECHANISMS: readonly MechanismName[] = ['EXTERNAL', 'DBUS_COOKIE_SHA1'];

/**
 * The mechanisms for one client, in the order of `names`, without those that prove nothing on its stream. EXTERNAL and
 * DBUS_COOKIE_SHA1 accept only the user of this process; EXTERNAL also accepts a client that claims no identity.
 */
export function serverMechanisms(
  peer: StreamPeer, names: readonly MechanismName[] = DEFAULT_MECHANISMS,
): readonly ServerMechanism[] {
  const uid = process.getuid?.().toString();
  return names.flatMap((name): readonly ServerMechanism[] => {
    switch (name) {
      case 'EXTERNAL':
        if (!peer.isPrivate || uid === undefined) return [];
        return [externalServer((claimed) => (claimed === undefined || claimed === uid ? uid : undefined))];
      case 'DBUS_COOKIE_SHA1': {
        if (uid === undefined) return []; // Windows
        const { sha1, challenge } = COOKIE_HASHING;
        const takeCookie = () => new Keyring().takeCookie();
        return [cookieSha1Server({ uid, names: namesOfUser(), sha1, challenge, takeCookie })];
      }
      case 'ANONYMOUS':
        return [anonymousServer()];
    }
  });
}

/** The login name of the user of this process, if it has one. */
function namesOfUser(): readonly string[] {
  try {
    return [userInfo().username];
  } catch {
    return []; // the user database does not know the user
  }
}
