// Refusals that more than one place has to give, with their exact names. Specification: Error names.
import { DBusError } from '../protocol/errors.js';
import { ErrorName } from '../protocol/error-names.js';

/** Names and paths longer than this are cut where an error text repeats them. */
const MAX_QUOTED_LENGTH = 255;

/** A name or a path of a caller, as an error text repeats it. */
export function quoted(text: string): string {
  if (text.length <= MAX_QUOTED_LENGTH) return text;
  return `${text.slice(0, MAX_QUOTED_LENGTH).toWellFormed()}…`; // the cut may go through a pair of surrogates
}

/** The answer to a call at a path where nothing is exported. */
export function unknownObject(path: string): DBusError {
  return new DBusError(ErrorName.UNKNOWN_OBJECT, `there is no object at ${quoted(path)}`);
}

/** The answer to a call of an interface that the object does not have. */
export function unknownInterface(path: string, interfaceName: string): DBusError {
  const problem = `the object ${quoted(path)} has no interface ${quoted(interfaceName)}`;
  return new DBusError(ErrorName.UNKNOWN_INTERFACE, problem);
}
