// An implementation prepared for dispatch: members are looked up in Maps, because a caller may ask for `constructor` or
// `__proto__`, and everything that each call needs is computed once. It knows no messages, paths or connections.
// Tests: dispatch.test.ts.
import type { Implementation, InterfaceDefinition, MethodHandler, PropertyHandlers } from '../interface/definition.js';
import type { EmitsChanged } from '../interface/spec.js';
import type { ErrorPlace } from '../wire/errors.js';
import { splitSignature } from '../wire/signature.js';
import type { FailedMember } from './failure-reports.js';

/** One method of an object. */
export interface ExportedMethod {
  /** The full name in texts, such as `com.example.Counter1.Add`. */
  readonly label: string;
  /** The signature of all in-arguments. */
  readonly in: string;
  readonly inCount: number;
  /** Every signature that a call may have: with all arguments, and with optional ones left out. */
  readonly accepts: ReadonlySet<string>;
  readonly out: string;
  readonly outCount: number;
  /** The place of the out-arguments, for errors about the result of the handler. */
  readonly place: ErrorPlace & FailedMember;
  readonly handler: MethodHandler;
}

/** One property of an object. */
export interface ExportedProperty extends PropertyHandlers {
  /** The name of the interface that the property belongs to. */
  readonly interface: string;
  readonly name: string;
  /** The full name in texts, such as `com.example.Counter1.Value`. */
  readonly label: string;
  readonly type: string;
  readonly emitsChanged: EmitsChanged;
}

/** The members of one interface of one object. */
export interface ExportedMembers {
  readonly name: string;
  readonly definition: InterfaceDefinition;
  readonly methods: ReadonlyMap<string, ExportedMethod>;
  readonly properties: ReadonlyMap<string, ExportedProperty>;
}

/** Announces changes of properties. */
export interface PropertyAnnouncer {
  /**
   * Announces that properties have changed, all changes of a turn together. Never throws; a returned promise resolves
   * after the signal is sent.
   */
  announce(names: readonly string[]): void | Promise<void>;
  /** Sends at once what is to be announced, with the values that are known, and then nothing more. */
  finish(): void;
}

/** One interface of one object. */
export interface ExportedInterface extends ExportedMembers {
  /** Announces changes of its properties; undefined if there is nowhere to send them. */
  readonly changes: PropertyAnnouncer | undefined;
}

/** The members of each implementation: they are the same for all objects that have it. */
const membersOf = new WeakMap<Implementation, ExportedMembers>();

function exportedMembers(implementation: Implementation): ExportedMembers {
  const known = membersOf.get(implementation);
  if (known !== undefined) return known;
  const { definition } = implementation;
  const methods = new Map(exportedMethods(implementation).map((method) => [method.place.member, method]));
  const properties = new Map(exportedProperties(implementation).map((property) => [property.name, property]));
  const members = { name: definition.name, definition, methods, properties };
  membersOf.set(implementation, members);
  return members;
}

/** Prepares an implementation for dispatch; `changesOf` makes the announcer of its properties. */
export function exportedInterface(
  implementation: Implementation,
  changesOf?: (members: ExportedMembers) => PropertyAnnouncer,
): ExportedInterface {
  const members = exportedMembers(implementation);
  const { name, definition, methods, properties } = members;
  return { name, definition, methods, properties, changes: changesOf?.(members) };
}

function exportedMethods({ definition, methods }: Implementation): ExportedMethod[] {
  return Object.entries(definition.methods).map(([member, spec]) => {
    const types = splitSignature(spec.in);
    const lengths = Array.from({ length: spec.optional + 1 }, (_, left) => types.length - left);
    return {
      label: `${definition.name}.${member}`,
      in: spec.in,
      inCount: types.length,
      accepts: new Set(lengths.map((length) => types.slice(0, length).join(''))),
      out: spec.out,
      outCount: splitSignature(spec.out).length,
      place: { interface: definition.name, member, argumentNames: spec.outNames, role: 'out-argument' },
      handler: methods[member]!, // implement() has checked that every method has a handler
    };
  });
}

function exportedProperties({ definition, properties }: Implementation): ExportedProperty[] {
  return Object.entries(definition.properties).map(([name, { type, emitsChanged }]) => {
    const { get, set } = properties[name]!; // implement() has checked that every property has handlers
    return { interface: definition.name, name, label: `${definition.name}.${name}`, type, emitsChanged, get, set };
  });
}

/**
 * Whether a handler answers later: any object with a `then` counts, so promises of other libraries do too. Never
 * throws: an object whose `then` cannot be read is a value, which is refused when it is sent.
 */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return typeof (value as { then?: unknown }).then === 'function';
  } catch {
    return false; // a revoked proxy, or a getter that throws
  }
}
