// Listens, and authenticates each client, within limits on the number of clients that have not authenticated yet and on
// their time. It does not know the use of an authenticated client: connection/listen.ts makes it a connection, and a
// message bus makes it a client of the bus. Tests: accept-clients.test.ts. Specification: Authentication Protocol.
import type { MechanismName } from '../auth/mechanisms.js';
import type { AddressParts } from '../protocol/address.js';
import { type AcceptedClient, acceptHandshake } from './server-handshake.js';
import { ListenError } from './errors.js';
import { HandshakeLimit } from './handshake-limit.js';
import type { OpenedStream } from './incoming.js';
import { listenStreams, type StreamListener, type StreamPeer } from './listener.js';
import { serverMechanisms } from './server-mechanisms.js';
import { runListener } from './waiting.js';

/** A client that a mechanism has accepted, as the hook `authorize` sees it. */
export interface ClientClaim {
  readonly mechanism: string;
  /** The user id that the mechanism has proved; undefined for ANONYMOUS. */
  readonly uid: string | undefined;
  /** The address of the server by which the client has connected. */
  readonly address: string;
}

/** Which clients a server accepts. */
export interface AcceptClientsOptions {
  /**
   * The mechanisms that are offered, in this order. EXTERNAL is offered only at a Unix socket in a directory that only
   * this user can enter. Default: EXTERNAL, then DBUS_COOKIE_SHA1.
   */
  readonly mechanisms?: readonly MechanismName[] | undefined;
  /** Decides about a client that a mechanism has accepted: it is rejected unless the result is true. */
  readonly authorize?: ((claim: ClientClaim) => boolean | Promise<boolean>) | undefined;
  /** Milliseconds for a handshake, and as many for the nonce of `nonce-tcp:`. Default: 10,000. */
  readonly handshakeTimeout?: number | undefined;
  /**
   * The most clients that have not authenticated a second after they connected; if there are more, those that have
   * waited longest are disconnected. Up to 16 times this number may connect at once. Default: 64.
   */
  readonly maxHandshakes?: number | undefined;
  /** Longest message that is sent, in bytes. Default: 128 MiB, the limit of the specification. */
  readonly maxSendLength?: number | undefined;
}

/** The callbacks for clients. */
export interface ClientEvents {
  /** Whether there is room for one more client; called when it connects, and again when it has authenticated. */
  readonly hasRoom: () => boolean;
  /** Takes an authenticated client. It must start the transport, or destroy it. */
  readonly onClient: (client: AcceptedClient, peer: StreamPeer) => void;
  /** Reports a client that was not accepted, with the reason. */
  readonly onError: (error: unknown, peer: StreamPeer) => void;
}

/** A server that authenticates its clients. */
export interface ClientListener extends StreamListener {
  /** How many clients have not authenticated yet. */
  readonly handshakes: number;
}

const HANDSHAKE_TIMEOUT = 10_000;
const MAX_HANDSHAKES = 64;

/** Listens on all addresses of a list; see {@link listenStreams}. Its `close` also cuts the handshakes that run. */
export async function acceptClients(
  address: string | AddressParts, options: AcceptClientsOptions, events: ClientEvents,
): Promise<ClientListener> {
  const { mechanisms, authorize, maxSendLength } = options;
  const { handshakeTimeout = HANDSHAKE_TIMEOUT, maxHandshakes = MAX_HANDSHAKES } = options;
  const handshakes = new HandshakeLimit(maxHandshakes);
  let reasonToCut = `more than ${maxHandshakes} clients have not authenticated: this one has waited longest`;
  const onError = (error: unknown, peer: StreamPeer): void => runListener(() => events.onError(error, peer));

  const authenticate = async (opened: OpenedStream, peer: StreamPeer): Promise<void> => {
    const abort = new AbortController();
    const leave = handshakes.add(() => abort.abort(new ListenError('CLIENT_CUT', peer.address, reasonToCut)));
    try {
      const client = await acceptHandshake(opened, {
        guid: peer.guid,
        mechanisms: serverMechanisms(peer, mechanisms),
        authorize:
          authorize && (({ mechanism, identity: uid }) => authorize({ mechanism, uid, address: peer.address })),
        timeout: handshakeTimeout,
        signal: abort.signal,
        maxSendLength,
      });
      if (events.hasRoom()) runListener(() => events.onClient(client, peer));
      else {
        client.transport.destroy();
        onError(full(peer), peer);
      }
    } catch (error) {
      onError(error, peer);
    } finally {
      leave();
    }
  };

  const listener = await listenStreams(address, {
    onStream: (opened, peer) => {
      if (events.hasRoom()) return void authenticate(opened, peer);
      opened.stream.on('error', () => {});
      opened.stream.destroy();
      onError(full(peer), peer);
    },
    onError,
    nonceTimeout: handshakeTimeout,
    maxNonces: maxHandshakes,
  });
  return {
    addresses: listener.addresses,
    guids: listener.guids,
    get handshakes() {
      return handshakes.size;
    },
    setRef: (isRef) => listener.setRef(isRef),
    async close() {
      await listener.close();
      reasonToCut = 'the server has stopped listening';
      handshakes.cutAll();
    },
  };
}

function full({ address }: StreamPeer): ListenError {
  return new ListenError('CLIENT_CUT', address, 'the server has as many connections as it allows: one must end first');
}
