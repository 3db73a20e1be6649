// Starts a message bus in this process: it listens on addresses, authenticates, and lets clients of this process in
// through pairs in memory. message-bus.ts is the bus itself. Tests: start.test.ts.
// Specification: Message Bus Specification, Authentication Protocol.
import { tmpdir } from 'node:os';
import { MECHANISM_LIST, type MechanismName } from '../auth/mechanisms.js';
import type { Bus } from '../connection/bus.js';
import { ConnectionClosedError } from '../connection/errors.js';
import { type BusOverOptions, busOver } from '../connection/over-transport.js';
import { formatAddress } from '../protocol/address.js';
import type { AcceptedClient } from '../transport/accept.js';
import { acceptClients, type ClientListener } from '../transport/accept-clients.js';
import { memoryPair } from '../transport/memory-pair.js';
import { ANY, checkOptions, type OptionRules, TEXT } from '../wire/options.js';
import { type Identity, NOBODY, ownProcess, ownUser } from './identity.js';
import { type BusLimits, LIMIT_RULES, withDefaults } from './limits.js';
import { MessageBus, type MessageBusOptions } from './message-bus.js';

/** How a message bus is started. */
export interface StartMessageBusOptions {
  /**
   * The addresses to listen on, separated by `;`. Default: a Unix socket in a new directory that only this user can
   * enter. ‹Server Addresses›
   */
  readonly address?: string | undefined;
  /**
   * The mechanisms that are offered to clients of other processes. ANONYMOUS lets everybody in who reaches the address.
   * Default: EXTERNAL, at a socket that only the user of this process can reach, and DBUS_COOKIE_SHA1, for clients that
   * can read the files of this user.
   */
  readonly mechanisms?: readonly MechanismName[] | undefined;
  readonly limits?: BusLimits | undefined;
}

const START_RULES: OptionRules<StartMessageBusOptions> = { address: TEXT, mechanisms: MECHANISM_LIST, limits: ANY };

/** A message bus that runs in this process. */
export interface RunningMessageBus extends AsyncDisposable {
  /** The addresses of the bus as clients write them, separated by `;`, each with its GUID. */
  readonly address: string;
  /**
   * Connects this process to the bus, through memory instead of a socket.
   * @throws {ConnectionClosedError} if the bus is closed, and the errors of {@link busOver}
   */
  connect(options?: BusOverOptions): Promise<Bus>;
  /** Disconnects everybody, stops listening and removes the socket. Further calls wait for the same end. */
  close(): Promise<void>;
}

/** Parts that other programs of this package add to a bus. */
export type BusParts = Omit<MessageBusOptions, 'limits'>;

/**
 * Starts a message bus in this process. It runs until it is closed, and keeps the process alive as long as it listens.
 * @throws {AddressError} if an address is not valid, or nobody can listen on it
 * @throws {ListenError} if the system refuses an address
 * @throws {ArgumentError} if an option is unknown, or its value is not valid
 */
export async function startMessageBus(options: StartMessageBusOptions = {}): Promise<RunningMessageBus> {
  checkOptions('startMessageBus', options, START_RULES);
  checkOptions('startMessageBus', options.limits, LIMIT_RULES);
  return startBusWith(options, {});
}

/** The default address: a socket in a new directory below that for temporary files. */
function privateAddress(): string {
  return formatAddress({ transport: 'unix', keys: new Map([['tmpdir', tmpdir()]]), guid: undefined });
}

/** Starts a bus with parts that this file does not know. */
export async function startBusWith(options: StartMessageBusOptions, parts: BusParts): Promise<RunningMessageBus> {
  const limits = withDefaults(options.limits);
  const { activator, policyFor, features } = parts;
  const bus = new MessageBus({ limits, activator, policyFor, features });
  const { core } = bus;
  let isClosed = false;
  const { maxIncompleteConnections: maxHandshakes, authTimeout: handshakeTimeout } = limits;
  const listener: ClientListener = await acceptClients(
    options.address ?? privateAddress(),
    { mechanisms: options.mechanisms, handshakeTimeout, maxHandshakes },
    {
      hasRoom: () => !isClosed && core.connected.size < limits.maxCompletedConnections + maxHandshakes,
      onClient: (client) => bus.accept(client.transport, identityOf(client)),
      onError: () => {}, // the client knows: it was cut
    },
  );
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    isClosed = true;
    return (closing ??= Promise.all([listener.close(), bus.close()]).then(() => {}));
  };
  const connect = async (busOptions?: BusOverOptions): Promise<Bus> => {
    if (isClosed) throw new ConnectionClosedError('the message bus is closed: it must be open to connect to it');
    const [ours, theirs] = memoryPair({ guid: listener.guids[0] });
    bus.accept(ours, ownProcess());
    return busOver(theirs, busOptions);
  };
  return { address: listener.addresses.join(';'), connect, close, [Symbol.asyncDispose]: close };
}

/** What a handshake has proved. */
function identityOf({ identity }: AcceptedClient): Identity {
  return identity.uid === undefined ? NOBODY : ownUser();
}
