// Sends as many values of properties as one message can have: all of them, or else those that fit. It tries to send
// instead of checking first, so that no value passes the check and is refused later. It knows no calls and no handlers.
// Tests: properties.test.ts. Specification: org.freedesktop.DBus.Properties.
import { MarshalError } from '../wire/errors.js';
import { encodeMessage } from '../wire/messages/encode.js';
import { signal } from '../wire/messages/message.js';
import { formatSegment } from '../wire/values/fault.js';
import type { Variant } from '../wire/variant.js';
import type { ExportedProperty } from './exported-interface.js';
import { isA } from './failure-reports.js';

/** The interface, name and type of a property, for errors about it. */
export type PropertyPlace = Pick<ExportedProperty, 'interface' | 'name' | 'type'>;

/** Why something was not sent. */
export interface Refusal {
  readonly error: unknown;
}

/** The value of one property, in the map that is to be sent. */
export interface FittingEntry {
  readonly property: PropertyPlace;
  /** Has the value at the name of the property. If the value cannot be sent, it is removed. */
  readonly values: Map<string, Variant>;
}

/** The functions that send and report values. */
export interface FittingSender {
  /** Sends the values that are left; returns the reason if that fails. */
  readonly send: () => Refusal | undefined;
  /** Takes the reason why a value was removed. */
  readonly report: (property: PropertyPlace, error: unknown) => void;
}

/** The values of the properties of one object, and the functions that send and report them. */
export interface PropertyValues extends FittingSender {
  /** By name. Those that cannot be sent are removed. */
  readonly values: Map<string, Variant>;
  /** Has every property that has a value. */
  readonly properties: ReadonlyMap<string, PropertyPlace>;
}

/** Sends the values of one object; see {@link sendFittingEntries}. */
export function sendFitting({ values, properties, send, report }: PropertyValues): Refusal | undefined {
  // Each value was read from a property.
  const entries = (): FittingEntry[] => [...values.keys()].map((name) => ({ property: properties.get(name)!, values }));
  return sendFittingEntries(entries, { send, report });
}

/** Rounds in which one value is removed; then twice as many in each round, so that many values cost no more rounds. */
const SINGLE_ROUNDS = 8;

/**
 * Sends all values. If that fails, removes and reports each that does not fit alone, and then the longest until the
 * others fit into one message. Returns the reason if not even an empty message can be sent.
 */
export function sendFittingEntries(
  entries: () => readonly FittingEntry[], { send, report }: FittingSender,
): Refusal | undefined {
  let refusal = send();
  if (refusal === undefined) return undefined;
  const lengths: { readonly entry: FittingEntry; readonly length: number }[] = [];
  let isLess = false;
  for (const entry of entries()) {
    const { property, values } = entry;
    const { name } = property;
    try {
      lengths.push({ entry, length: lengthAlone(name, values.get(name)!) }); // each entry has a value
    } catch (error) {
      values.delete(name);
      isLess = true;
      report(property, ofProperty(error, property, `body[0]${formatSegment(name)}`));
    }
  }
  if (isLess) refusal = send();
  lengths.sort((a, b) => b.length - a.length);
  for (let next = 0, round = 1; refusal !== undefined && next < lengths.length; round++) {
    const count = round <= SINGLE_ROUNDS ? 1 : 2 ** (round - SINGLE_ROUNDS);
    for (const { entry: { property, values } } of lengths.slice(next, next + count)) {
      values.delete(property.name);
      report(property, longestOfTooMuch(refusal.error, property));
    }
    next += count;
    refusal = send();
  }
  return refusal;
}

/** Bytes of a message with one value only; throws if there can be no such message. */
function lengthAlone(name: string, value: Variant): number {
  const body = [new Map([[name, value]])] as const;
  const message = signal({ path: '/', interface: 'a.b', member: 'a', signature: 'a{sv}', body });
  return encodeMessage(message, { serial: 1, allowUnixFds: false }).length;
}

/** A MarshalError that names the property and its type instead of an argument; `path` leads to the value. */
export function ofProperty(error: unknown, property: PropertyPlace, path: string): unknown {
  if (!isA(error, MarshalError)) return error;
  const { interface: interfaceName, name: member, type } = property;
  const at = { signature: type, path: error.path.startsWith(path) ? `value${error.path.slice(path.length)}` : 'value' };
  const problem = `${error.problem} (the property has type "${type}")`;
  return new MarshalError(error.code, problem, at, {
    place: { interface: interfaceName, member }, cause: error.cause,
  });
}

/** The error for the longest value of a message that is too long; it may be too long for the sink even alone. */
function longestOfTooMuch(error: unknown, { interface: interfaceName, name: member, type }: PropertyPlace): unknown {
  if (!isA(error, MarshalError)) return error;
  const problem = `it is the longest value, and the values do not fit into one message: ${error.problem}`;
  return new MarshalError(error.code, problem, { signature: type, path: 'value' }, {
    place: { interface: interfaceName, member }, cause: error,
  });
}
