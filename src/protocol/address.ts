// Server addresses as data: parsing a list, and formatting one address. It opens nothing, and knows no transport: an
// address of any transport is data. Specification: Server Addresses.
import { isGuid } from '../wire/uuid.js';
import { AddressError } from './errors.js';

/** One server address. ‹Server Addresses› */
export interface Address {
  /** `unix`, `tcp`, … or a transport that nobody knows yet. */
  readonly transport: string;
  /** Keys with their unescaped values in the order given, but for the key `guid`. */
  readonly keys: ReadonlyMap<string, string>;
  /** The server's GUID, if the address tells it: 32 hex digits, in lower case so that GUIDs can be compared. */
  readonly guid: string | undefined;
}

/** The bytes that may stand in a value as they are; names of transports and keys are held to the same alphabet. */
const OPTIONALLY_ESCAPED = /^[-0-9A-Za-z_/.\\*]$/;
const NAME = /^[-0-9A-Za-z_/.\\*]+$/;
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
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    const at = { address, offset: offset + i };
    if (character === '%') {
      const hex = text.slice(i + 1, i + 3);
      if (!/^[0-9a-fA-F]{2}$/.test(hex)) {
        throw new AddressError('VALUE_ESCAPE_INVALID', 'two hex digits must follow "%"', at);
      }
      if (hex === '00') throw new AddressError('VALUE_CONTAINS_NUL', 'a value cannot hold a NUL byte', at);
      i += 2;
    } else if (!OPTIONALLY_ESCAPED.test(character)) {
      const whole = String.fromCodePoint(text.codePointAt(i) ?? 0); // both halves of a surrogate pair
      const problem = `${JSON.stringify(whole)} must be written ${escapeValue(whole)}`;
      throw new AddressError('VALUE_NOT_ESCAPED', problem, at);
    }
  }
  try {
    return decodeURIComponent(text);
  } catch {
    throw new AddressError('VALUE_NOT_UTF8', 'the value is not UTF-8 behind its escapes', { address, offset });
  }
}

function escapeValue(value: string): string {
  return Array.from(value.toWellFormed(), (character) => {
    if (OPTIONALLY_ESCAPED.test(character)) return character;
    const escaped = encodeURIComponent(character); // which leaves some ASCII as it is
    if (escaped !== character) return escaped.toLowerCase();
    return `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
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
export function unixPathAddress(path: string): string {
  return formatAddress({ transport: 'unix', keys: new Map([['path', path]]), guid: undefined });
}
