// Starts a message bus in this process: it listens on addresses, authenticates clients, and connects clients of this
// process through pairs in memory. message-bus.ts is the bus itself. Tests: start.test.ts. Specification: Message Bus
// Specification, Authentication Protocol.
import { tmpdir } from 'node:os';
import { MECHANISM_LIST, type MechanismName } from '../auth/mechanisms.js';
import type { Bus } from '../connection/bus.js';
import { ConnectionClosedError } from '../connection/errors.js';
import { BUS_OVER_RULES, type BusOverOptions, busOver } from '../connection/over-transport.js';
import { formatAddress } from '../protocol/address.js';
import { acceptClients, type ClientListener } from '../transport/accept-clients.js';
import { memoryPair } from '../transport/memory-pair.js';
import { MAX_MESSAGE_LENGTH } from '../wire/constants.js';
import { ANY, checkOptions, type OptionRules, TEXT, TEXTS } from '../wire/options.js';
import { ServiceActivator, type ServiceActivatorOptions } from './activation/service-activator.js';
import { announceActivatable } from './driver/bus-methods.js';
import { type Identity, NOBODY, ownProcess, ownUser } from './identity.js';
import { type BusLimits, LIMIT_RULES, type Limits, withDefaults } from './limits.js';
import { MessageBus, type MessageBusOptions } from './message-bus.js';

/** How a message bus is started. */
export interface StartMessageBusOptions {
  /**
   * The addresses to listen on, separated by `;`. Default: a Unix socket in a new directory that only this user can
   * enter. ‹Server Addresses›
   */
  readonly address?: string | undefined;
  /**
   * The mechanisms that are offered to clients of other processes. ANONYMOUS accepts every client that reaches the
   * address. Default: EXTERNAL, at a socket that only the user of this process can reach, and DBUS_COOKIE_SHA1, for
   * clients that can read the files of this user.
   */
  readonly mechanisms?: readonly MechanismName[] | undefined;
  readonly limits?: BusLimits | undefined;
  /**
   * Directories with service files, the most important first: a message to a name without an owner starts the program
   * of its file. Programs that still run are ended with the bus. Default: none. ‹Message Bus Starting Services›
   */
  readonly serviceDirectories?: readonly string[] | undefined;
}

const START_RULES: OptionRules<StartMessageBusOptions> = {
  address: TEXT, mechanisms: MECHANISM_LIST, limits: ANY, serviceDirectories: TEXTS,
};

/** A message bus that runs in this process. */
export interface RunningMessageBus extends AsyncDisposable {
  /** The addresses of the bus as clients write them, separated by `;`, each with its GUID. */
  readonly address: string;
  /**
   * Connects this process to the bus, through memory instead of a socket. The connection ends with the bus; one of
   * `connectToBus(bus.address, { reconnect: true })` is restored if another bus listens on the same address later.
   * @throws {ConnectionClosedError} if the bus is closed, and the errors of {@link busOver}
   */
  connect<Typed extends boolean = false>(options?: BusOverOptions<Typed>): Promise<Bus<Typed>>;
  /** Disconnects all clients, stops listening and removes the socket. Further calls wait for the same end. */
  close(): Promise<void>;
}

/** Parts that a program adds to a bus. */
export interface BusParts extends Omit<MessageBusOptions, 'limits'> {
  /** The services that the bus starts. Default: none. */
  readonly services?: Pick<ServiceActivatorOptions, 'directories' | 'busType' | 'onNotice'> | undefined;
  /** Whether a client that has authenticated may connect. Default: each may. */
  readonly mayConnect?: ((identity: Identity) => boolean) | undefined;
}

/** A bus as its program sees it. */
export interface StartedBus extends RunningMessageBus {
  /** Reads the service files again, and announces a change of the names that can be started. */
  reload(): void;
}

/**
 * Starts a message bus in this process. It runs until it is closed, and keeps the process alive while it listens.
 * @throws {AddressError} if an address is not valid, or a server cannot listen on it
 * @throws {ListenError} if the system refuses an address
 * @throws {ArgumentError} if an option is unknown, or its value is not valid
 */
export async function startMessageBus(options: StartMessageBusOptions = {}): Promise<RunningMessageBus> {
  checkOptions('startMessageBus', options, START_RULES);
  checkOptions('startMessageBus', options.limits, LIMIT_RULES);
  const directories = options.serviceDirectories?.map((path) => ({ path, hasStrictNames: false }));
  if (directories === undefined) return startBusWith(options, {});
  return startBusWith(options, { services: { directories: () => directories, busType: () => 'session' } });
}

/** Longest path of a directory below which the name of a socket is short enough for the system, in bytes. */
const MAX_DIRECTORY_LENGTH = 80;

/** The default address: a socket in a new directory below that for temporary files. */
function privateAddress(): string {
  const directory = Buffer.byteLength(tmpdir()) <= MAX_DIRECTORY_LENGTH ? tmpdir() : '/tmp';
  return formatAddress({ transport: 'unix', keys: new Map([['tmpdir', directory]]), guid: undefined });
}

/**
 * The most bytes of messages that wait for services. All of them can be for one service, and are sent to it at once
 * when it has its name. This must not disconnect it: half of the bytes that may wait for a client are left for others.
 */
function maxPendingBytes({ maxOutgoingBytes }: Limits): number {
  return Math.min(MAX_MESSAGE_LENGTH, Math.floor(maxOutgoingBytes / 2));
}

/** Starts a bus with the parts of its program. */
export async function startBusWith(options: StartMessageBusOptions, parts: BusParts): Promise<StartedBus> {
  const limits = withDefaults(options.limits);
  const { services, policyFor, features, mayConnect } = parts;
  let address = ''; // known once the bus listens, and nothing is started before
  const startServices = services && ((): ServiceActivator =>
    new ServiceActivator({
      directories: services.directories,
      busType: services.busType,
      onNotice: services.onNotice,
      address: () => address,
      environment: process.env,
      startTimeout: limits.serviceStartTimeout,
      maxPendingStarts: limits.maxPendingServiceStarts,
      maxPendingBytes: maxPendingBytes(limits),
    }));
  const bus = new MessageBus({ limits, activator: parts.activator ?? startServices, policyFor, features });
  const { core } = bus;
  let isClosed = false;
  const { maxIncompleteConnections: maxHandshakes, authTimeout: handshakeTimeout } = limits;
  const listener: ClientListener = await acceptClients(
    options.address ?? privateAddress(),
    {
      mechanisms: options.mechanisms,
      handshakeTimeout,
      maxHandshakes,
      authorize: mayConnect && (({ uid }) => mayConnect(identityOf(uid))),
    },
    {
      hasRoom: () => !isClosed && core.connected.size < limits.maxCompletedConnections + maxHandshakes,
      onClient: (client) => bus.accept(client.transport, identityOf(client.identity.uid)),
      onError: () => {}, // the client was disconnected
    },
  );
  address = listener.addresses.join(';');
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    isClosed = true;
    return (closing ??= Promise.all([listener.close(), bus.close()]).then(() => {}));
  };
  const connect = async <Typed extends boolean = false>(busOptions?: BusOverOptions<Typed>): Promise<Bus<Typed>> => {
    checkOptions('connect', busOptions, BUS_OVER_RULES); // before the bus has a client that never says Hello
    if (isClosed) throw new ConnectionClosedError('the message bus is closed: it must be open to connect to it');
    const [ours, theirs] = memoryPair({ guid: listener.guids[0] });
    bus.accept(ours, ownProcess());
    return busOver(theirs, busOptions);
  };
  const reload = (): void => {
    if (core.activator.reload()) announceActivatable(core);
  };
  return { address, connect, close, reload, [Symbol.asyncDispose]: close };
}

/** The identity of a client whose handshake has proved the user id. */
function identityOf(uid: string | undefined): Identity {
  return uid === undefined ? NOBODY : ownUser();
}
