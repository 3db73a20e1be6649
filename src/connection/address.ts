// Server addresses: text to data and back, where the two well-known buses are, and which socket an address names.
// It opens nothing, and knows only the transport that this library connects to, unix; others are data that the opener
// of connections passes over. Specification: Server Addresses, Transports, Well-known Message Bus Instances.
import { statSync } from 'node:fs';
import { isGuid } from '../auth/command.js';
import { LinkError } from './errors.js';

/** What is wrong with an address, or why there is none. ‹Server Addresses› */
export type AddressErrorCode =
  | 'ADDRESS_EMPTY'
  | 'TRANSPORT_INVALID'
  | 'KEY_INVALID'
  | 'KEY_DUPLICATE'
  | 'VALUE_EMPTY'
  | 'VALUE_NOT_ESCAPED'
  | 'VALUE_ESCAPE_INVALID'
  | 'VALUE_CONTAINS_NUL'
  | 'VALUE_NOT_UTF8'
  | 'GUID_INVALID'
  | 'TRANSPORT_NOT_SUPPORTED'
  | 'NOT_CONNECTABLE'
  | 'SOCKET_NAME_TOO_LONG'
  | 'ABSTRACT_NOT_SUPPORTED'
  | 'SESSION_BUS_NOT_FOUND';

/** An address that cannot be used, or a bus whose address is not known. ‹Server Addresses› */
export class AddressError extends LinkError {
  override readonly name = 'AddressError';
  readonly code: AddressErrorCode;
  /** The address concerned, in the form it was given; undefined if none was. */
  readonly address: string | undefined;
  /** Where in it the rule is broken, in characters from 0; undefined if no place can be named. */
  readonly offset: number | undefined;
  /** The message without the address. */
  readonly problem: string;

  constructor(code: AddressErrorCode, problem: string, at: { address?: string; offset?: number } = {}) {
    const place = at.offset === undefined ? '' : `offset ${at.offset} of `;
    super(at.address === undefined ? problem : `${problem} (${place}address ${JSON.stringify(at.address)})`);
    this.code = code;
    this.address = at.address;
    this.offset = at.offset;
    this.problem = problem;
  }
}

/** One server address. ‹Server Addresses› */
export interface Address {
  /** `unix`, `tcp`, … or a transport that nobody knows yet. */
  readonly transport: string;
  /** Keys with their unescaped values in the order given, but for the key `guid`. */
  readonly keys: ReadonlyMap<string, string>;
  /** The server's GUID, if the address tells it: 32 hex digits, in lower case so that GUIDs can be compared. */
  readonly guid: string | undefined;
}

const { fromCharCode } = String;
/** The bytes that may stand in a value as they are; names of transports and keys are held to the same alphabet. */
const OPTIONALLY_ESCAPED = /^[-0-9A-Za-z_/.\\*]$/;
const NAME = /^[-0-9A-Za-z_/.\\*]+$/;
/** Room for a path, or for an abstract name behind its NUL, in a socket address of Linux: 108 with a NUL at the end. */
const MAX_SOCKET_NAME_LENGTH = 107;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A part of an address list and where it begins. */
interface Part {
  readonly text: string;
  readonly offset: number;
}

/** The parts between separators; as in the reference implementation, one separator more may stand at the end. */
function splitParts({ text, offset }: Part, separator: string): readonly Part[] {
  const parts: Part[] = [];
  for (const part of text.split(separator)) {
    parts.push({ text: part, offset });
    offset += part.length + separator.length;
  }
  if (parts.length > 1 && parts.at(-1)?.text === '') parts.pop();
  return parts;
}

/**
 * The addresses of a list such as `unix:path=/run/bus;tcp:host=localhost,port=4242`, at least one. Transports and keys
 * need not be known. ‹Server Addresses›
 * @throws {AddressError} with the offset at which the list breaks the grammar
 */
export function parseAddresses(address: string): readonly Address[] {
  return splitParts({ text: address, offset: 0 }, ';').map((part) => parseAddress(part, address));
}

/** One entry of a list: its text, and the address that it is or what is wrong with it. */
export interface AddressEntry {
  readonly text: string;
  readonly address: Address | AddressError;
}

/**
 * The entries of a list, each read by itself, so that one that breaks the grammar does not take the others along; the
 * offset of its error counts from the start of the entry. An entry that is there twice is given once.
 * @throws {AddressError} as {@link parseAddresses} does, if none of them is an address
 */
export function readAddressList(list: string): readonly AddressEntry[] {
  const texts = new Set(splitParts({ text: list, offset: 0 }, ';').map(({ text }) => text));
  const entries = Array.from(texts, (text) => ({ text, address: tryAddress(text) }));
  if (entries.every(({ address }) => address instanceof AddressError)) parseAddresses(list);
  return entries;
}

function tryAddress(text: string): Address | AddressError {
  try {
    return parseAddress({ text, offset: 0 }, text);
  } catch (error) {
    if (error instanceof AddressError) return error;
    throw error;
  }
}

function parseAddress({ text, offset }: Part, address: string): Address {
  if (text === '') throw new AddressError('ADDRESS_EMPTY', 'an address is missing', { address, offset });
  const colon = text.indexOf(':');
  const transport = text.slice(0, Math.max(colon, 0));
  if (!NAME.test(transport)) {
    const problem = 'an address begins with a transport and ":", such as unix:path=/tmp/bus';
    throw new AddressError('TRANSPORT_INVALID', problem, { address, offset });
  }
  const keys = new Map<string, string>();
  const pairs = { text: text.slice(colon + 1), offset: offset + colon + 1 };
  for (const pair of pairs.text === '' ? [] : splitParts(pairs, ',')) addPair(keys, pair, address);
  const guid = keys.get('guid')?.toLowerCase();
  keys.delete('guid');
  return { transport, keys, guid };
}

function addPair(keys: Map<string, string>, { text, offset }: Part, address: string): void {
  const equals = text.indexOf('=');
  const key = text.slice(0, Math.max(equals, 0));
  if (!NAME.test(key)) throw new AddressError('KEY_INVALID', 'key=value is missing', { address, offset });
  if (keys.has(key)) throw new AddressError('KEY_DUPLICATE', `key ${key} is there twice`, { address, offset });
  const at = { address, offset: offset + equals + 1 };
  const value = unescapeValue({ text: text.slice(equals + 1), offset: at.offset }, address);
  if (key === 'guid' && !isGuid(value)) throw new AddressError('GUID_INVALID', 'a guid is 32 hex digits', at);
  keys.set(key, value);
}

function unescapeValue({ text, offset }: Part, address: string): string {
  if (text === '') throw new AddressError('VALUE_EMPTY', 'a value is missing', { address, offset });
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    const at = { address, offset: offset + i };
    if (character === '%') {
      const hex = text.slice(i + 1, i + 3);
      if (!/^[0-9a-fA-F]{2}$/.test(hex)) {
        throw new AddressError('VALUE_ESCAPE_INVALID', 'two hex digits must follow "%"', at);
      }
      if (hex === '00') throw new AddressError('VALUE_CONTAINS_NUL', 'a value cannot hold a NUL byte', at);
      bytes.push(Number.parseInt(hex, 16));
      i += 2;
    } else if (OPTIONALLY_ESCAPED.test(character)) {
      bytes.push(character.charCodeAt(0));
    } else {
      const whole = String.fromCodePoint(text.codePointAt(i) ?? 0); // both halves of a surrogate pair
      const problem = `${JSON.stringify(whole)} must be written ${escapeValue(whole)}`;
      throw new AddressError('VALUE_NOT_ESCAPED', problem, at);
    }
  }
  try {
    return decoder.decode(Uint8Array.from(bytes));
  } catch {
    throw new AddressError('VALUE_NOT_UTF8', 'the value is not UTF-8 behind its escapes', { address, offset });
  }
}

function escapeValue(value: string): string {
  return Array.from(encoder.encode(value), (byte) => {
    const character = fromCharCode(byte);
    return OPTIONALLY_ESCAPED.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
  }).join('');
}

/**
 * The text of one address, escaped; the guid comes last. Addresses are joined to a list with `;`. ‹Server Addresses›
 * @throws {AddressError} for what no address can hold: a name that breaks the grammar, an empty value, a NUL
 */
export function formatAddress({ transport, keys, guid }: Address): string {
  if (!NAME.test(transport)) {
    throw new AddressError('TRANSPORT_INVALID', `${JSON.stringify(transport)} is not the name of a transport`);
  }
  const pairs = [...keys, ...(guid === undefined ? [] : [['guid', guid] as const])].map(([key, value]) => {
    if (!NAME.test(key)) throw new AddressError('KEY_INVALID', `${JSON.stringify(key)} is not the name of a key`);
    return `${key}=${checkedValue(key, value)}`;
  });
  return `${transport}:${pairs.join(',')}`;
}

function checkedValue(key: string, value: string): string {
  if (value === '') throw new AddressError('VALUE_EMPTY', `the value of key ${key} is empty`);
  if (value.includes('\0')) throw new AddressError('VALUE_CONTAINS_NUL', `the value of key ${key} holds a NUL`);
  if (!value.isWellFormed()) throw new AddressError('VALUE_NOT_UTF8', `the value of key ${key} has a lone surrogate`);
  if (key === 'guid' && !isGuid(value)) throw new AddressError('GUID_INVALID', 'a guid is 32 hex digits');
  return escapeValue(value);
}

/** The address of a Unix socket in the file system. */
function unixPathAddress(path: string): string {
  return formatAddress({ transport: 'unix', keys: new Map([['path', path]]), guid: undefined });
}

/**
 * Whether Node's sockets fill abstract names up with NULs, and so reach another name than the one they were given:
 * libuv did until 1.48, and Node 20 stays with 1.46. A name ends where its address ends. ‹Unix Domain Sockets›
 */
function padsAbstractNames(libuv: string): boolean {
  const [major = 0, minor = 0] = libuv.split('.').map(Number);
  return major < 1 || (major === 1 && minor < 48);
}

/** Keys of `unix:` that tell a server where to create its socket. ‹Unix Domain Sockets› */
const LISTEN_ONLY_KEYS = ['dir', 'tmpdir', 'runtime'] as const;

/**
 * What to connect to for an address of transport `unix`, as `net.connect({ path })` takes it: a path, or an abstract
 * name behind a NUL. ‹Unix Domain Sockets›
 * @throws {AddressError} `TRANSPORT_NOT_SUPPORTED`; `NOT_CONNECTABLE` unless there is exactly one of `path` and
 * `abstract`; `SOCKET_NAME_TOO_LONG` past 107 bytes, which Node might cut off without a word; `ABSTRACT_NOT_SUPPORTED`
 * for an abstract name before Node 22, whose libuv is the first to get them right
 */
export function socketPathOf(address: Address, libuv: string = process.versions.uv): string {
  const fail = (code: AddressErrorCode, problem: string): AddressError =>
    new AddressError(code, problem, { address: formatAddress(address) });
  const { transport, keys } = address;
  if (transport !== 'unix') {
    throw fail('TRANSPORT_NOT_SUPPORTED', `cannot connect by ${transport}, only by unix:path= and unix:abstract=`);
  }
  const listenOnly = LISTEN_ONLY_KEYS.find((key) => keys.has(key));
  if (listenOnly !== undefined) {
    throw fail('NOT_CONNECTABLE', `key ${listenOnly} is for servers; take the address that the server prints`);
  }
  const path = keys.get('path');
  const abstractName = keys.get('abstract');
  if ((path === undefined) === (abstractName === undefined)) {
    throw fail('NOT_CONNECTABLE', 'exactly one of the keys path and abstract must be there');
  }
  if (path === undefined && padsAbstractNames(libuv)) {
    throw fail('ABSTRACT_NOT_SUPPORTED', 'abstract names need Node 22 (libuv 1.48); use an address with a path');
  }
  const socketPath = path ?? `\0${abstractName}`;
  const length = encoder.encode(socketPath).length;
  if (length > MAX_SOCKET_NAME_LENGTH) {
    throw fail('SOCKET_NAME_TOO_LONG', `the socket's name has ${length} bytes, more than ${MAX_SOCKET_NAME_LENGTH}`);
  }
  return socketPath;
}

/** The variables of a process, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The address list of the session bus: `DBUS_SESSION_BUS_ADDRESS`, or else (also if that is `autolaunch:`, which leaves
 * it to the platform) the socket `bus` in `XDG_RUNTIME_DIR`. ‹Well-known Message Bus Instances›
 * @throws {AddressError} `SESSION_BUS_NOT_FOUND`, saying what to set
 */
export function sessionBusAddress(env: Environment = process.env): string {
  const address = env['DBUS_SESSION_BUS_ADDRESS'] ?? '';
  if (address !== '' && address !== 'autolaunch:') return address;
  const directory = env['XDG_RUNTIME_DIR'] ?? '';
  const path = `${directory}/bus`;
  // The directory must be absolute, or it does not count (XDG Base Directory Specification).
  if (directory.startsWith('/') && isSocket(path)) return unixPathAddress(path);
  const missing = directory === '' ? 'XDG_RUNTIME_DIR is not set either' : `${JSON.stringify(path)} is not a socket`;
  throw new AddressError(
    'SESSION_BUS_NOT_FOUND',
    `no session bus: DBUS_SESSION_BUS_ADDRESS is ${address === '' ? 'not set' : address} and ${missing}; set ` +
      'DBUS_SESSION_BUS_ADDRESS to the address of a bus, or run the program under dbus-run-session',
  );
}

const SYSTEM_BUS_SOCKETS = ['/run/dbus/system_bus_socket', '/var/run/dbus/system_bus_socket'] as const;

/**
 * The address list of the system bus: `DBUS_SYSTEM_BUS_ADDRESS`, or else the socket that every system has, in `/run`
 * or, where that is another place, in `/var/run`. ‹Well-known Message Bus Instances›
 */
export function systemBusAddress(env: Environment = process.env): string {
  const address = env['DBUS_SYSTEM_BUS_ADDRESS'] ?? '';
  return address !== '' ? address : unixPathAddress(SYSTEM_BUS_SOCKETS.find(isSocket) ?? SYSTEM_BUS_SOCKETS[0]);
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch {
    return false;
  }
}
