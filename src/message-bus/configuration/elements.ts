// Checks of elements that the readers of configuration files share.
// Tests: read-configuration.test.ts. (No clause of the specification.)
import type { StartTag, XmlReader } from '../../interface/xml-reader.js';
import { quote } from '../../wire/describe.js';

/** @throws {ConfigurationError} if the element has an attribute that is not known */
export function requireAttributes(reader: XmlReader, tag: StartTag, known: readonly string[]): void {
  for (const name of tag.attributes.keys()) {
    if (known.includes(name)) continue;
    const problem = `unknown attribute ${quote(name, 40)} of <${tag.name}>`;
    throw reader.error('ATTRIBUTE_INVALID', problem, tag.offset);
  }
}

/** The text of an element, without spaces around it. @throws {ConfigurationError} if there is none */
export function requireText(reader: XmlReader, tag: StartTag): string {
  const text = reader.readText().trim();
  if (text === '') throw reader.error('VALUE_INVALID', `<${tag.name}> is empty: it must contain text`, tag.offset);
  return text;
}

/** Reads the end of an element. @throws {ConfigurationError} if it contains anything */
export function requireEmpty(reader: XmlReader, tag: StartTag): void {
  if (reader.readText().trim() === '') return;
  throw reader.error('VALUE_INVALID', `<${tag.name}> contains text: it must be empty`, tag.offset);
}
