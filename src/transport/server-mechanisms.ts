// The mechanisms that a server offers to a client, by what is known of the client's stream: EXTERNAL only if nobody but
// our own user can reach the socket, since Node cannot ask the kernel who the client is. Tests: accept-clients.test.ts.
// Specification: Authentication mechanisms.
import { anonymousServer, externalServer, type ServerMechanism } from '../auth/mechanisms.js';
import type { StreamPeer } from './listener.js';

/** The mechanisms that a server can offer. */
export type MechanismName = 'EXTERNAL' | 'ANONYMOUS';

/** The mechanisms of a server that does not choose. */
const DEFAULT_MECHANISMS: readonly MechanismName[] = ['EXTERNAL'];

/**
 * The mechanisms for one client, in the order of `names`, without those that prove nothing on its stream. EXTERNAL
 * accepts the user of this process and nobody else, whether the client claims it or claims nothing. ‹EXTERNAL›
 */
export function serverMechanisms(
  peer: StreamPeer, names: readonly MechanismName[] = DEFAULT_MECHANISMS,
): readonly ServerMechanism[] {
  return names.flatMap((name): readonly ServerMechanism[] => {
    switch (name) {
      case 'EXTERNAL': {
        const uid = process.getuid?.().toString();
        if (!peer.isPrivate || uid === undefined) return [];
        return [externalServer((claimed) => (claimed === undefined || claimed === uid ? uid : undefined))];
      }
      case 'ANONYMOUS':
        return [anonymousServer()];
    }
  });
}
