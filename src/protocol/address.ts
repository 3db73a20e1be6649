// Server addresses as data: parses lists, and formats single addresses. It treats the addresses of all transports
// alike and opens none; transport/ does. Specification: Server Addresses.
import { argumentError, checkObject, checkText, isMap, isRecord } from '../wire/arguments.js';
import { describe, quote } from '../wire/describe.js';
import { isGuid } from '../wire/uuid.js';
import { AddressError, type AddressErrorCode } from './errors.js';

/** One server address. ‹Server Addresses› */
export interface Address {
  /** `unix`, `tcp` or any other name. */
  readonly transport: string;
  /** All keys except `guid`, with their unescaped values, in the order of the text. */
  readonly keys: ReadonlyMap<string, string>;
  /** The GUID of the server, if the address has one: 32 hex digits, in lower case so that GUIDs can be compared. */
  readonly guid: string | undefined;
}

/** The parts of an address that is to be formatted. ‹Server Addresses› */
export interface AddressParts {
  /** `unix`, `tcp` or any other name. */
  readonly transport: string;
  /** The keys with their values, not escaped. Default: none. */
  readonly keys?: ReadonlyMap<string, string> | Readonly<Record<string, string>> | undefined;
  /** The GUID of the server, 32 hex digits. Default: none. */
  readonly guid?: string | undefined;
}

/** The characters of a value that need no escape. Names of transports and keys must be made of the same characters. */
const OPTIONALLY_ESCAPED = /^[-0-9A-Za-z_/.\\*]$/;
const NAME = /^[-0-9A-Za-z_/.\\*]+$/;
const NAME_RULE = 'it must be one or more of 0-9, A-Z, a-z and -_/.\\*';

/** The place of a mistake in a list. */
interface Place {
  readonly address: string;
  readonly offset: number;
}

function failure(code: AddressErrorCode, problem: string, at?: Place): AddressError {
  return new AddressError(code, problem, at);
}

/** A part of an address list, and its offset in the list. */
interface Part {
  readonly text: string;
  readonly offset: number;
}

/** The parts between separators. One separator may follow the last part, as in the reference implementation. */
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
 * The addresses of a list such as `unix:path=/run/bus;tcp:host=localhost,port=4242`: one or more, with any transports
 * and keys. ‹Server Addresses›
 * @throws {AddressError} if the list breaks the grammar, with the offset of the mistake
 * @throws {ArgumentError} if the list is not a string
 */
export function parseAddresses(address: string): readonly Address[] {
  checkText('parseAddresses', 'address list', address);
  return splitParts({ text: address, offset: 0 }, ';').map((part) => parseAddress(part, address));
}

/** One entry of a list: its text, and its address or the error of parsing it. */
export interface AddressEntry {
  readonly text: string;
  readonly address: Address | AddressError;
}

/**
 * The entries of a list, each parsed alone: one that breaks the grammar does not make the others unusable. The offset
 * of its error counts from the start of the entry. Repeated entries are returned once.
 * @throws {AddressError} as {@link parseAddresses} does, if no entry is a valid address
 */
export function readAddressList(list: string): readonly AddressEntry[] {
  if (!list.includes(';')) { // most lists have one address
    const address = tryAddress(list);
    if (address instanceof AddressError) throw address;
    return [{ text: list, address }];
  }
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
  if (text === '') throw failure('ADDRESS_EMPTY', 'found no address: there must be one here', { address, offset });
  if (/^\s/.test(text)) {
    const problem = 'found white space before the address: there must be none';
    throw failure('TRANSPORT_INVALID', problem, { address, offset });
  }
  const colon = text.indexOf(':');
  const transport = text.slice(0, Math.max(colon, 0));
  if (!NAME.test(transport)) {
    const problem = 'found no transport: an address must begin with one, as in unix:path=/tmp/bus';
    throw failure('TRANSPORT_INVALID', problem, { address, offset });
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
  const keyPlace = { address, offset };
  if (!NAME.test(key)) throw failure('KEY_INVALID', 'found no key: key=value must be here', keyPlace);
  if (keys.has(key)) {
    throw failure('KEY_DUPLICATE', `key ${key} is given twice: it must be given at most once`, keyPlace);
  }
  const at = { address, offset: offset + equals + 1 };
  const value = unescapeValue({ text: text.slice(equals + 1), offset: at.offset }, address);
  if (key === 'guid') checkGuid(value, at);
  keys.set(key, value);
}

function checkGuid(value: string, at?: Place): void {
  if (isGuid(value)) return;
  throw failure('GUID_INVALID', `${quote(value, 40)} is not a GUID: it must be 32 hex digits`, at);
}

function unescapeValue({ text, offset }: Part, address: string): string {
  if (NAME.test(text)) return text; // nothing is escaped
  if (text === '') throw failure('VALUE_EMPTY', 'found no value: there must be one after "="', { address, offset });
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    const at = { address, offset: offset + i };
    if (character === '%') {
      const hex = text.slice(i + 1, i + 3);
      if (!/^[0-9a-fA-F]{2}$/.test(hex)) {
        throw failure('VALUE_ESCAPE_INVALID', 'found "%" without two hex digits: they must follow it', at);
      }
      if (hex === '00') throw failure('VALUE_CONTAINS_NUL', 'found a NUL byte: a value must not have one', at);
      i += 2;
    } else if (!OPTIONALLY_ESCAPED.test(character)) {
      if (/^\s+$/.test(text.slice(i))) {
        throw failure('VALUE_NOT_ESCAPED', 'found white space after a value: there must be none', at);
      }
      const whole = String.fromCodePoint(text.codePointAt(i) ?? 0); // both halves of a surrogate pair
      const problem = `found ${JSON.stringify(whole)} in a value: it must be written ${escapeValue(whole)}`;
      throw failure('VALUE_NOT_ESCAPED', problem, at);
    }
  }
  try {
    return decodeURIComponent(text);
  } catch {
    const problem = 'found escaped bytes that are not UTF-8: a value must be UTF-8';
    throw failure('VALUE_NOT_UTF8', problem, { address, offset });
  }
}

/** The UTF-8 bytes of a character, each as `mark` and two hex digits in lower case. The character is well-formed. */
export function escapeBytes(character: string, mark: '%' | '_'): string {
  const escaped = encodeURIComponent(character); // which leaves some ASCII as it is
  if (escaped === character) return mark + character.charCodeAt(0).toString(16).padStart(2, '0');
  return escaped.toLowerCase().replaceAll('%', mark);
}

function escapeValue(value: string): string {
  return Array.from(value.toWellFormed(), (character) => {
    return OPTIONALLY_ESCAPED.test(character) ? character : escapeBytes(character, '%');
  }).join('');
}

/**
 * A value as it is written in an address: every byte of its UTF-8 as `%` and two hex digits, except for
 * `0-9 A-Z a-z - _ / . \ *`. ‹Server Addresses›
 * @throws {AddressError} `VALUE_EMPTY`, `VALUE_CONTAINS_NUL` or `VALUE_NOT_UTF8` if no address can have the value
 * @throws {ArgumentError} if the value is not a string
 */
export function escapeAddressValue(value: string): string {
  checkText('escapeAddressValue', 'value', value);
  return checkedValue('the value', value);
}

/**
 * The value that is written so in an address. ‹Server Addresses›
 * @throws {AddressError} if the text breaks the grammar of values, with the offset of the mistake in it
 * @throws {ArgumentError} if the text is not a string
 */
export function unescapeAddressValue(text: string): string {
  checkText('unescapeAddressValue', 'text', text);
  return unescapeValue({ text, offset: 0 }, text);
}

/**
 * The text of one address, with escaped values; the GUID comes last. A list has `;` between its addresses.
 * ‹Server Addresses›
 * @throws {AddressError} if a name breaks the grammar, or a value is empty, has a NUL or is not well-formed text
 * @throws {ArgumentError} if a part is not of its type
 */
export function formatAddress(address: AddressParts): string {
  checkObject('formatAddress', 'address', address);
  const { transport, keys, guid } = address;
  checkText('formatAddress', 'transport', transport);
  if (!NAME.test(transport)) {
    throw failure('TRANSPORT_INVALID', `${JSON.stringify(transport)} is not the name of a transport: ${NAME_RULE}`);
  }
  const entries = entriesOf(keys);
  if (guid !== undefined) entries.push(['guid', guid]);
  const seen = new Set<string>();
  const pairs = entries.map(([key, value]) => {
    if (typeof key !== 'string' || !NAME.test(key)) {
      throw failure('KEY_INVALID', `${describe(key)} is not the name of a key: ${NAME_RULE}`);
    }
    if (seen.has(key)) throw failure('KEY_DUPLICATE', `key ${key} is given twice: it must be given at most once`);
    seen.add(key);
    checkText('formatAddress', `value of key ${key}`, value);
    if (key === 'guid') checkGuid(value);
    return `${key}=${checkedValue(`key ${key}`, value)}`;
  });
  return `${transport}:${pairs.join(',')}`;
}

function entriesOf(keys: AddressParts['keys']): [key: string, value: string][] {
  if (keys === undefined) return [];
  if (isMap(keys)) return [...keys];
  if (isRecord(keys)) return Object.entries(keys);
  throw argumentError('formatAddress', 'the keys must be an object or a Map', keys);
}

/** The escaped value; `name` is its name in an error. */
function checkedValue(name: string, value: string): string {
  if (value === '') throw failure('VALUE_EMPTY', `${name} is empty: an address must have a value here`);
  if (value.includes('\0')) throw failure('VALUE_CONTAINS_NUL', `${name} has a NUL: a value must not have one`);
  if (!value.isWellFormed()) {
    throw failure('VALUE_NOT_UTF8', `${name} has a lone surrogate: a value must be well-formed`);
  }
  return escapeValue(value);
}

/** The address of a Unix socket in the file system. */
export function unixPathAddress(path: string): string {
  return formatAddress({ transport: 'unix', keys: { path } });
}
