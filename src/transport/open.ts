// Opens a transport at the first address of a list that can be connected to and authenticates us.
// Specification: Server Addresses, Authentication Protocol.
import { connect } from 'node:net';
import { AuthClient } from '../auth/client.js';
import { AuthError, type AuthErrorCode } from '../auth/errors.js';
import { external } from '../auth/mechanisms.js';
import { type Address, formatAddress, readAddressList } from '../protocol/address.js';
import { AddressError } from '../protocol/errors.js';
import { argumentError } from '../wire/arguments.js';
import { ABORT_SIGNAL, MILLISECONDS, type OptionRules } from '../wire/options.js';
import { ConnectError } from './errors.js';
import { handshake } from './handshake.js';
import type { Transport } from './transport.js';
import { socketPathOf } from './unix.js';

/** How long an address may take to accept and to authenticate us, in milliseconds, unless told otherwise. */
const CONNECT_TIMEOUT = 25_000;

/** How a transport is opened. */
export interface OpenOptions {
  /** Ends the attempt; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** The most that one address may take, in milliseconds; 25,000 unless given, Infinity for no limit. */
  readonly connectTimeout?: number | undefined;
  /** The identity claimed first, as decimal user id; this process's unless given. ‹EXTERNAL› */
  readonly uid?: string | undefined;
}

/** The rules of {@link OpenOptions}. */
export const OPEN_RULES: OptionRules<OpenOptions> = {
  signal: ABORT_SIGNAL,
  connectTimeout: MILLISECONDS,
  uid: { must: 'a user id as a string', accepts: (value) => typeof value === 'string' && value !== '' },
};

/** What of opening a transport is not for users to choose. */
export interface GreetingOptions extends OpenOptions {
  /**
   * The first message, written right behind the handshake: with it, a connection that is greeted costs one round trip.
   */
  readonly greeting?: Uint8Array | undefined;
}

/**
 * Connects to one address and authenticates: in one round trip if the server takes us as whom we claim to be, else once
 * more and step by step. A server that rejects what BEGIN was sent along with has to disconnect. File descriptors are
 * always negotiated, although Node drops them: to a client that did not ask, dbus-daemon does not deliver a message
 * that has some, and dbus-broker closes the connection.
 */
async function openAddress(address: Address, options: GreetingOptions): Promise<Transport> {
  const claimed = options.uid ?? process.getuid?.().toString();
  const mechanisms = [external({ uid: claimed })];
  if (claimed !== undefined && options.greeting !== undefined) {
    try {
      return await openWith(new AuthClient({ mechanisms, negotiateUnixFds: true, earlyBegin: true }), address, options);
    } catch (error) {
      if (!(error instanceof AuthError) || !MAY_DO_STEP_BY_STEP.includes(error.code)) throw error;
    }
  }
  return openWith(new AuthClient({ mechanisms, negotiateUnixFds: true }), address, options);
}

/** How a handshake with an early BEGIN ends at a server that might take us without. */
const MAY_DO_STEP_BY_STEP: readonly AuthErrorCode[] = ['REJECTED', 'SERVER_CLOSED', 'UNEXPECTED_COMMAND'];

async function openWith(auth: AuthClient, address: Address, options: GreetingOptions): Promise<Transport> {
  const { signal, connectTimeout: timeout = CONNECT_TIMEOUT, greeting = new Uint8Array(0) } = options;
  const socket = connect({ path: socketPathOf(address) });
  return handshake(socket, auth, { guid: address.guid, greeting, timeout, signal });
}

/** What the system's refusals mean for someone who connects. */
const SYSTEM_REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'no server listens there',
  EACCES: 'permission denied',
};

/** Why an address does not work, in words that do not repeat the address. */
function reasonOf(error: unknown): string {
  if (error instanceof AddressError) {
    return error.offset === undefined ? error.problem : `${error.problem} (offset ${error.offset})`;
  }
  if (!(error instanceof Error)) return String(error);
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall === undefined || code === undefined) return error.message;
  const reason = SYSTEM_REASONS[code];
  return `${syscall} ${code}${reason === undefined ? '' : ` (${reason})`}`;
}

/**
 * Opens the first address of a list that can be connected to and authenticates us. An entry that is no address is
 * passed over like one that does not answer.
 * @throws {AddressError} if no entry of the list is an address
 * @throws {ConnectError} if no address of it works
 */
export async function openTransport(addresses: string, options: GreetingOptions = {}): Promise<Transport> {
  if (typeof addresses !== 'string') {
    throw argumentError('connect', 'the addresses must be one string', addresses);
  }
  const errors: Error[] = [];
  for (const { text, address } of readAddressList(addresses)) {
    options.signal?.throwIfAborted();
    try {
      if (address instanceof AddressError) throw address;
      return await openAddress(address, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      const name = address instanceof AddressError ? JSON.stringify(text) : formatAddress(address);
      errors.push(new Error(`${name}: ${reasonOf(error)}`, { cause: error }));
    }
  }
  throw new ConnectError(addresses, errors);
}
