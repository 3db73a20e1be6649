// Opens a transport for a list of addresses: one opener for each kind of transport, then the handshake, address by
// address until one works. It knows no messages: a greeting is bytes. Tests: open.test.ts, and "address" in
// test/connection/bus.test.ts. Specification: Server Addresses, Authentication Protocol.
import { AuthClient, type AuthClientOptions } from '../auth/client.js';
import { AuthError, type AuthErrorCode } from '../auth/errors.js';
import { MECHANISM_LIST, type MechanismName } from '../auth/mechanisms.js';
import { type Address, type AddressEntry, formatAddress, readAddressList } from '../protocol/address.js';
import { AddressError } from '../protocol/errors.js';
import { argumentError } from '../wire/arguments.js';
import { FIXED_HEADER_LENGTH, MAX_MESSAGE_LENGTH } from '../wire/constants.js';
import { ABORT_SIGNAL, integer, MILLISECONDS, type OptionRules } from '../wire/options.js';
import { clientMechanisms, defaultMechanisms } from './client-mechanisms.js';
import { ConnectError } from './errors.js';
import { handshake } from './client-handshake.js';
import type { OpenedStream } from './incoming.js';
import { openNonceTcp } from './nonce-tcp.js';
import { notSupported } from './other-transports.js';
import { reasonOf } from './reasons.js';
import { openTcp } from './tcp.js';
import type { Transport } from './transport.js';
import { openUnix } from './unix.js';
import { openProgram } from './unixexec.js';
import { monotonicTime, onAbort, startTimer } from './waiting.js';

/** Opens a stream to an address of one kind; the stream may still be connecting. It throws {@link AddressError}. */
type Opener = (address: Address) => OpenedStream;

/** The kinds of transport that a client can connect by. */
const OPENERS: ReadonlyMap<string, Opener> = new Map([
  ['unix', openUnix],
  ['tcp', openTcp],
  ['nonce-tcp', openNonceTcp],
  ['unixexec', openProgram],
]);

/** Default limit for connecting to one address and authenticating, in milliseconds. */
const CONNECT_TIMEOUT = 25_000;

/** How a transport is opened. */
export interface OpenOptions {
  /** If it aborts, the attempt rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Longest time for one address, in milliseconds. Default: 25,000. Infinity for no limit. */
  readonly connectTimeout?: number | undefined;
  /** The identity that is claimed first, as a decimal user id. Default: that of this process. ‹EXTERNAL› */
  readonly uid?: string | undefined;
  /**
   * The mechanisms that are tried, in this order. After the first rejection, those that the server does not offer are
   * left out. Default: EXTERNAL, then DBUS_COOKIE_SHA1; over TCP the other way round. ‹Authentication mechanisms›
   */
  readonly mechanisms?: readonly MechanismName[] | undefined;
  /**
   * Longest message that is sent, in bytes, from 16 to 128 MiB. A longer one is refused before anything is sent.
   * Default: 128 MiB, the limit of the specification. Set it to the limit of the bus if that is lower, since a bus ends
   * the connection that exceeds it. The limit of a system bus of dbus-daemon is often 32 MiB.
   */
  readonly maxSendLength?: number | undefined;
}

/** The rules of {@link OpenOptions}. */
export const OPEN_RULES: OptionRules<OpenOptions> = {
  signal: ABORT_SIGNAL,
  connectTimeout: MILLISECONDS,
  uid: { must: 'a user id as a string', accepts: (value) => typeof value === 'string' && value !== '' },
  mechanisms: MECHANISM_LIST,
  maxSendLength: integer(FIXED_HEADER_LENGTH, MAX_MESSAGE_LENGTH),
};

/** Options for the layers of this package, not for users. */
export interface GreetingOptions extends OpenOptions {
  /** The first message. It is sent together with the handshake, so that opening and greeting cost one round trip. */
  readonly greeting?: Uint8Array | undefined;
  /** Whether the GUID of an address is ignored, because the server was started again after the address was written. */
  readonly anyGuid?: boolean | undefined;
  /** Whether the attempt keeps the process alive. Default: true. */
  readonly isRef?: boolean | undefined;
}

/** A transport, and how long it may still take until the connection can be used. */
export interface OpenedTransport {
  readonly transport: Transport;
  /** Milliseconds that are left of `connectTimeout`; Infinity for no limit. */
  readonly timeLeft: number;
}

/** An opened transport, and the exchange that the server has accepted, in the words of auth/mechanisms.ts. */
interface AcceptedTransport extends OpenedTransport {
  readonly exchange: string;
}

/** A transport was opened, but cannot be used: the server did not answer the greeting. */
export class UseError extends Error {}

/**
 * Connects to one address and authenticates. At a Unix socket, a server that accepts the claimed identity costs one
 * round trip; otherwise a second connection goes step by step, since a server that has rejected a handshake with BEGIN
 * in it must disconnect. Other transports go step by step from the start: the server does not see our user there, and a
 * second connection can cost much. File descriptors are always negotiated, although Node drops them: a client that has
 * not asked for them gets no message with descriptors from dbus-daemon, and is disconnected by dbus-broker.
 */
async function openAddress(address: Address, options: GreetingOptions): Promise<AcceptedTransport> {
  const deadline = monotonicTime() + (options.connectTimeout ?? CONNECT_TIMEOUT);
  const claimed = options.uid ?? process.getuid?.().toString();
  const mechanisms = clientMechanisms(claimed, options.mechanisms ?? defaultMechanisms(address.transport));
  const needsNoChallenge = mechanisms[0]?.exchanges[0]?.respond === undefined;
  if (address.transport === 'unix' && needsNoChallenge && options.greeting !== undefined) {
    try {
      const auth = { mechanisms, negotiateUnixFds: true, earlyBegin: true };
      return await openWith(auth, { address, deadline }, options);
    } catch (error) {
      if (!(error instanceof AuthError) || !RETRIED_STEP_BY_STEP.includes(error.code)) throw error;
    }
  }
  return openWith({ mechanisms, negotiateUnixFds: true }, { address, deadline }, options);
}

/** Failures of a handshake with an early BEGIN after which the same handshake can succeed step by step. */
const RETRIED_STEP_BY_STEP: readonly AuthErrorCode[] = ['REJECTED', 'SERVER_CLOSED', 'UNEXPECTED_COMMAND'];

/** Opens a transport; waits and tries again, within the time that is left, while the server has no place free. */
async function openWith(
  auth: AuthClientOptions, { address, deadline }: { address: Address; deadline: number }, options: GreetingOptions,
): Promise<AcceptedTransport> {
  const { signal, greeting = new Uint8Array(0), maxSendLength, isRef = true } = options;
  const guid = options.anyGuid === true ? undefined : address.guid;
  for (let pause = SHORTEST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    const timeout = Math.max(0, deadline - monotonicTime());
    try {
      const how = { guid, greeting, timeout, signal, maxSendLength, isRef };
      const client = new AuthClient(auth);
      const transport = await handshake(openStream(address), client, how);
      // If no time is left because the event loop was busy, the greeting gets as much time as the handshake had.
      const timeLeft = Math.min(Math.abs(deadline - monotonicTime()), options.connectTimeout ?? CONNECT_TIMEOUT);
      return { transport, timeLeft, exchange: client.attempt ?? 'no identity' };
    } catch (error) {
      if (!isBusy(error) || monotonicTime() + pause >= deadline) throw error;
      await sleep(pause, { signal, isRef });
    }
  }
}

/** Milliseconds before a server that has no place free is asked again, at first and at last. */
const SHORTEST_PAUSE = 4;
const LONGEST_PAUSE = 250;

/** Whether as many clients as the server allows wait to be accepted. The kernel then refuses a client at once. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'EAGAIN';
}

/** Rejects with the reason of the signal if that aborts. */
function sleep(
  delay: number, { signal, isRef }: { readonly signal: AbortSignal | undefined; readonly isRef: boolean },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = startTimer(delay, () => {
      endAbort();
      resolve();
    });
    if (!isRef) timer?.unref();
    const endAbort = onAbort(signal, () => {
      clearTimeout(timer);
      endAbort();
      reject(signal?.reason as Error); // any value that the caller has chosen
    });
  });
}

/** @throws {AddressError} `TRANSPORT_NOT_SUPPORTED` if no opener has the transport, and the errors of the opener */
function openStream(address: Address): OpenedStream {
  const open = OPENERS.get(address.transport);
  if (open === undefined) throw notSupported(address, [...OPENERS.keys()]);
  return open(address);
}

/** `accepted as user 1000` for the exchange `EXTERNAL as user 1000`. */
function acceptance(exchange: string): string {
  const identity = / as .*/.exec(exchange)?.[0];
  return identity === undefined ? `accepted by ${exchange}` : `accepted${identity}`;
}

/** Opens an address and uses it. The error of a failure to use it says that the server had accepted the client. */
async function tryAddress<T>(address: Address, options: GreetingOptions, use: Use<T>): Promise<T> {
  const opened = await openAddress(address, options);
  try {
    return await use(opened);
  } catch (error) {
    if (!(error instanceof UseError)) throw error;
    throw new UseError(`${acceptance(opened.exchange)}, then ${error.message}`, { cause: error.cause });
  }
}

/** Makes use of a transport that was opened. Before it rejects, it must have destroyed the transport. */
export type Use<T> = (opened: OpenedTransport) => Promise<T>;

/**
 * Opens the first address of a list that works, which includes `use`: if that rejects with {@link UseError}, the next
 * address is tried. An entry is skipped if it is not a valid address, has an unknown transport, or does not answer.
 * It throws, and does not reject, for arguments that are not valid. Rejects with {@link ConnectError} if no address of
 * the list works.
 * @throws {AddressError} if no entry of the list is a valid address
 * @throws {ArgumentError} if the list is not a string
 */
export function openFirst<T>(addresses: string, options: GreetingOptions, use: Use<T>): Promise<T> {
  if (typeof addresses !== 'string') {
    throw argumentError('connect', 'the addresses must be one string', addresses);
  }
  return openOneOf(readAddressList(addresses), options, use);
}

async function openOneOf<T>(entries: readonly AddressEntry[], options: GreetingOptions, use: Use<T>): Promise<T> {
  const errors: Error[] = [];
  for (const { text, address } of entries) {
    options.signal?.throwIfAborted();
    try {
      if (address instanceof AddressError) throw address;
      return await tryAddress(address, options, use);
    } catch (error) {
      options.signal?.throwIfAborted();
      const name = address instanceof AddressError ? JSON.stringify(text) : formatAddress(address);
      const cause = error instanceof UseError ? error.cause : error;
      errors.push(new Error(`${name}: ${reasonOf(error)}`, { cause }));
    }
  }
  throw new ConnectError(entries.map(({ text }) => text).join(';'), errors);
}

/** Opens the first address of a list that accepts us; see {@link openFirst}. */
export function openTransport(addresses: string, options: GreetingOptions = {}): Promise<Transport> {
  return openFirst(addresses, options, ({ transport }) => Promise.resolve(transport));
}
