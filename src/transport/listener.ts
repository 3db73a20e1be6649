// Listens on the addresses of a list, and passes on the streams of clients that have not authenticated yet: one
// function for each kind of transport. It does not know the handshake (server-handshake.ts) or messages.
// Tests: listener.test.ts. Specification: Server Addresses, UUIDs.
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { type Address, type AddressParts, formatAddress, parseAddresses } from '../protocol/address.js';
import { AddressError } from '../protocol/errors.js';
import { quote } from '../wire/describe.js';
import { ListenError } from './errors.js';
import { HandshakeLimit } from './handshake-limit.js';
import { incomingOf, type OpenedStream } from './incoming.js';
import { cryptoModule } from './late-modules.js';
import { checkNonce, createNonceFile, type NonceFile } from './nonce-tcp.js';
import { creatingPrivately, isPrivateSocket } from './private-socket.js';
import { noteSocketFile, occupantOf } from './socket-file.js';
import { chooseTcpPlaces, type TcpPlace } from './tcp.js';
import { chooseUnixPlace } from './unix.js';
import { runListener } from './waiting.js';

/** The facts about a client that has not authenticated yet. */
export interface StreamPeer {
  /** The transport of the address that the client has connected to. */
  readonly transport: 'unix' | 'tcp' | 'nonce-tcp';
  /** That address, as clients must write it. */
  readonly address: string;
  /** Its GUID, which the handshake must give to the client. */
  readonly guid: string;
  /** Whether only the user of this process, and root, can reach the socket. */
  readonly isPrivate: boolean;
}

/** The callbacks of a listener, and its limits. */
export interface ListenerOptions {
  /**
   * Takes a stream. It must set `incoming.receive` before it returns, and has to listen to the stream's `error` and
   * `close` from then on.
   */
  readonly onStream: (opened: OpenedStream, peer: StreamPeer) => void;
  /** Reports a client that was refused before it had a stream, or could not be accepted. Default: nothing happens. */
  readonly onError?: ((error: Error, peer: StreamPeer) => void) | undefined;
  /** Milliseconds for the nonce of `nonce-tcp:`. Default: 10,000. */
  readonly nonceTimeout?: number | undefined;
  /** The most clients of `nonce-tcp:` without a nonce after a second; see {@link HandshakeLimit}. Default: 64. */
  readonly maxNonces?: number | undefined;
}

/** A server that listens. */
export interface StreamListener {
  /** The addresses as clients must write them, each with its GUID, in the order of the list. */
  readonly addresses: readonly string[];
  /** The GUID of each address. */
  readonly guids: readonly string[];
  /** Sets whether the process may end while the server listens. */
  setRef(isRef: boolean): void;
  /** Stops listening, and removes socket files and nonce files. Streams that were passed on stay open. */
  close(): Promise<void>;
}

/** One address of the list on which a server listens. */
interface OpenPlace {
  readonly address: string;
  readonly guid: string;
  readonly servers: readonly Server[];
  close(): void;
}

/** The options with their defaults. */
interface AllOptions extends ListenerOptions {
  readonly onError: (error: Error, peer: StreamPeer) => void;
  readonly nonceTimeout: number;
  readonly maxNonces: number;
}

type Opener = (address: Address, guid: string, options: AllOptions) => Promise<OpenPlace>;

/** The kinds of transport on which a server can listen. */
const OPENERS: ReadonlyMap<string, Opener> = new Map([
  ['unix', listenUnix],
  ['tcp', listenTcp],
  ['nonce-tcp', listenTcp],
]);

const NONCE_TIMEOUT = 10_000;
const MAX_NONCES = 64;
/** How often another free port is tried if a port is not free on all addresses of the host. */
const MAX_PORT_ATTEMPTS = 8;

/**
 * Listens on all addresses of a list, each with a GUID of its own unless it has one already.
 * @throws {AddressError} if the list breaks the grammar, or a server cannot listen on one of its addresses
 * @throws {ListenError} if the system refuses an address; the others of the list are then closed
 */
export async function listenStreams(
  address: string | AddressParts, options: ListenerOptions,
): Promise<StreamListener> {
  const addresses = parseAddresses(typeof address === 'string' ? address : formatAddress(address));
  const all: AllOptions = {
    onStream: options.onStream,
    onError: options.onError ?? (() => {}),
    nonceTimeout: options.nonceTimeout ?? NONCE_TIMEOUT,
    maxNonces: options.maxNonces ?? MAX_NONCES,
  };
  const open: OpenPlace[] = [];
  const closeAll = (): void => {
    forgetAtExit(closeAll);
    for (const place of open.splice(0)) place.close();
  };
  runAtExit(closeAll);
  try {
    for (const one of addresses) open.push(await openPlace(one, all));
  } catch (error) {
    closeAll();
    throw error;
  }
  return {
    addresses: open.map((place) => place.address),
    guids: open.map((place) => place.guid),
    setRef(isRef) {
      for (const server of open.flatMap(({ servers }) => servers)) {
        if (isRef) server.ref();
        else server.unref();
      }
    },
    close: async () => closeAll(),
  };
}

/** The functions that remove files when the process exits. */
const atExit = new Set<() => void>();

const runAll = (): void => {
  for (const close of atExit) close();
};

function runAtExit(close: () => void): void {
  if (atExit.size === 0) process.on('exit', runAll);
  atExit.add(close);
}

function forgetAtExit(close: () => void): void {
  if (atExit.delete(close) && atExit.size === 0) process.off('exit', runAll);
}

async function openPlace(address: Address, options: AllOptions): Promise<OpenPlace> {
  const opener = OPENERS.get(address.transport);
  if (opener === undefined) {
    const found = `cannot listen on transport ${quote(address.transport, 40)}`;
    const problem = `${found}: it must be ${[...OPENERS.keys()].join(' or ')}`;
    throw new AddressError('TRANSPORT_NOT_SUPPORTED', problem, { address: formatAddress(address) });
  }
  try {
    return await opener(address, address.guid ?? newGuid(), options);
  } catch (error) {
    if (error instanceof AddressError || error instanceof ListenError) throw error;
    throw ListenError.because(formatAddress(address), error);
  }
}

/** A GUID as the reference implementation makes them: 96 random bits, and the time in seconds. ‹UUIDs› */
export function newGuid(): string {
  const seconds = Math.floor(Date.now() / 1_000) % 2 ** 32;
  return cryptoModule().randomBytes(12).toString('hex') + seconds.toString(16).padStart(8, '0');
}

async function listenUnix(address: Address, guid: string, options: AllOptions): Promise<OpenPlace> {
  const place = chooseUnixPlace(address);
  const printed = formatAddress({ transport: 'unix', keys: new Map([[place.key, place.value]]), guid });
  try {
    const occupant = await occupantOf(place.socketPath);
    if (occupant !== undefined) throw ListenError.inUse(formatAddress(address), occupant);
    const listening = creatingPrivately(() => listenAt({ path: place.socketPath, exclusive: true }, {
      onSocket: (socket) => options.onStream({ stream: socket, incoming: incomingOf(socket) }, peer),
      onError: (error) => options.onError(error, peer),
    }));
    const isPrivate = place.isPrivate || isPrivateSocket(place.socketPath); // the file exists in this turn
    const peer: StreamPeer = { transport: 'unix', address: printed, guid, isPrivate };
    const withoutOthers = noteSocketFile(place.socketPath);
    const server = await listening;
    const close = (): void => {
      withoutOthers(() => server.close()); // removes the socket file
      place.remove();
    };
    return { address: printed, guid, servers: [server], close };
  } catch (error) {
    place.remove();
    throw error;
  }
}

async function listenTcp(address: Address, guid: string, options: AllOptions): Promise<OpenPlace> {
  const transport = address.transport === 'tcp' ? 'tcp' : 'nonce-tcp';
  const { places, port, host, family } = await chooseTcpPlaces(address);
  const nonceFile = transport === 'nonce-tcp' ? createNonceFile() : undefined;
  const withoutNonce = new HandshakeLimit(options.maxNonces);
  let peer: StreamPeer | undefined;
  const sockets: SocketEvents = {
    onSocket: (socket) => {
      if (peer === undefined) return void socket.destroy(); // not all places are open yet
      const known = peer;
      const opened = { stream: socket, incoming: incomingOf(socket) };
      if (nonceFile === undefined) options.onStream(opened, known);
      else awaitNonce(opened, { nonceFile, known, withoutNonce, options });
    },
    onError: (error) => peer !== undefined && options.onError(error, peer),
  };
  try {
    const { servers, realPort } = await listenOnOnePort(places, port, sockets);
    const keys = new Map([['host', host], ['port', `${realPort}`]]);
    if (family !== undefined) keys.set('family', family);
    if (nonceFile !== undefined) keys.set('noncefile', nonceFile.path);
    const printed = formatAddress({ transport, keys, guid });
    peer = { transport, address: printed, guid, isPrivate: false };
    const close = (): void => {
      for (const server of servers) server.close();
      withoutNonce.cutAll();
      nonceFile?.remove();
    };
    return { address: printed, guid, servers, close };
  } catch (error) {
    nonceFile?.remove();
    throw error;
  }
}

interface NonceWait {
  readonly nonceFile: NonceFile;
  readonly known: StreamPeer;
  readonly withoutNonce: HandshakeLimit;
  readonly options: AllOptions;
}

function awaitNonce(opened: OpenedStream, { nonceFile, known, withoutNonce, options }: NonceWait): void {
  let leave = (): void => {};
  const giveUp = checkNonce(opened, {
    nonce: nonceFile.nonce,
    timeout: options.nonceTimeout,
    passed: () => {
      leave();
      options.onStream(opened, known);
    },
    failed: (problem) => {
      leave();
      options.onError(new ListenError('NONCE_INVALID', known.address, problem), known);
    },
  });
  leave = withoutNonce.add(giveUp);
}

/** Listens on each place at the same port; a place that the machine does not have is skipped if another works. */
async function listenOnOnePort(
  places: readonly TcpPlace[], port: number, sockets: SocketEvents,
): Promise<{ servers: readonly Server[]; realPort: number }> {
  for (let attempt = 1; ; attempt++) {
    const servers: Server[] = [];
    let realPort = port;
    let missing: unknown;
    try {
      for (const { host, ipv6Only } of places) {
        try {
          const server = await listenAt({ host, ipv6Only, port: realPort, exclusive: true }, sockets);
          servers.push(server);
          realPort = (server.address() as { port: number }).port; // that of a TCP socket which listens
        } catch (error) {
          if (!UNAVAILABLE.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
          missing = error;
        }
      }
      if (servers.length === 0) throw missing;
      return { servers, realPort };
    } catch (error) {
      for (const server of servers) server.close();
      const isRetried = port === 0 && servers.length > 0 && attempt < MAX_PORT_ATTEMPTS;
      if (!isRetried || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

/** The system's codes for a kind of address that this machine does not have. */
const UNAVAILABLE: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

interface SocketEvents {
  readonly onSocket: (socket: Socket) => void;
  readonly onError: (error: Error) => void;
}

function listenAt(place: ListenOptions, { onSocket, onError }: SocketEvents): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true, keepAlive: true }, (socket) => runListener(() => onSocket(socket)));
    server.once('error', reject);
    server.listen(place, () => {
      server.off('error', reject);
      server.on('error', (error) => runListener(() => onError(error))); // accept() has failed, for example
      resolve(server);
    });
  });
}
