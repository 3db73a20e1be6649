// Introspection data of other programs, as they were captured on a bus, and what an error says about a text.
import { IntrospectionError } from '../../src/interface/errors.js';
import { parseIntrospection } from '../../src/interface/parse-introspection.js';
import { loadMessages } from '../support/fixtures.js';

let messages: ReturnType<typeof loadMessages> | undefined;

/** The XML in a captured reply to Introspect. */
export function capturedXml(fixture: 'bus' | 'glib' | 'libdbus'): string {
  messages ??= loadMessages();
  const [xml] = messages.find(({ name }) => name === `introspect-reply-${fixture}`)?.expected.body ?? [];
  if (typeof xml !== 'string') throw new Error(`no introspection data in the fixture of ${fixture}`);
  return xml;
}

/** The error that a text is refused with, by default when it is read strictly. */
export function refusalOf(xml: string, strict = true): IntrospectionError {
  try {
    parseIntrospection(xml, { strict });
  } catch (error) {
    if (error instanceof IntrospectionError) return error;
    throw error;
  }
  throw new Error(`accepted: ${xml.slice(0, 100)}`);
}
