// Any text as an element of an object path, and back: a service that has an object for each of its things can put their
// names into paths. The scheme is that of systemd (sd_bus_path_encode). Specification: Valid Object Paths.
import { argumentError, checkText } from '../wire/arguments.js';
import { InvalidNameError } from '../wire/errors.js';
import { escapeBytes } from './address.js';

const PLAIN = /^[0-9A-Za-z]$/;
const ELEMENT = /^[0-9A-Za-z_]+$/;

/**
 * A text as one element of an object path. Letters and digits stay, except for a digit at the start; every other byte
 * of its UTF-8 becomes `_` and two hex digits, and an empty text becomes `_`. Different texts have different elements:
 * `dbus.service` becomes `dbus_2eservice`, as in the paths of systemd's units. ‹Valid Object Paths›
 * @throws {ArgumentError} if `text` is not a string, or has a lone surrogate, which UTF-8 cannot represent
 */
export function escapePathElement(text: string): string {
  checkText('escapePathElement', 'text', text);
  if (!text.isWellFormed()) throw argumentError('escapePathElement', 'the text must be well-formed', text);
  if (text === '') return '_';
  let element = '';
  for (const character of text) {
    const isPlain = PLAIN.test(character) && (element !== '' || character > '9');
    element += isPlain ? character : escapeBytes(character, '_');
  }
  return element;
}

/**
 * The text of an element that {@link escapePathElement} or systemd has made. A `_` without two hex digits after it
 * stays as it is, as in systemd. ‹Valid Object Paths›
 * @throws {InvalidNameError} if `element` is not an element of an object path, or if its bytes are not UTF-8
 */
export function unescapePathElement(element: string): string {
  if (typeof element !== 'string' || !ELEMENT.test(element)) {
    throw new InvalidNameError('path element', element, 'have one or more of [A-Za-z0-9_]');
  }
  if (element === '_') return '';
  try {
    return decodeURIComponent(element.replaceAll(/_([0-9a-fA-F]{2})/g, '%$1'));
  } catch {
    throw new InvalidNameError('path element', element, 'be UTF-8 after its escapes are resolved');
  }
}
