// An implementation made ready for dispatch: members by name in Maps, since a caller may ask for `constructor` or
// `__proto__`, and what each call needs computed once. It knows no messages, no paths and no connection.
import type { Implementation, InterfaceDefinition, MethodHandler, PropertyHandlers } from '../interface/definition.js';
import type { EmitsChanged } from '../interface/spec.js';
import type { ErrorPlace } from '../wire/errors.js';
import { splitSignature } from '../wire/signature.js';

/** One method of an object. */
export interface ExportedMethod {
  /** For people: `com.example.Counter1.Add`. */
  readonly label: string;
  /** The types of all in-arguments, and how many there are. */
  readonly in: string;
  readonly inCount: number;
  /** Every signature that a call may have: with all arguments, and with optional ones left out. */
  readonly accepts: ReadonlySet<string>;
  readonly out: string;
  readonly outCount: number;
  /** For errors about what the handler gives. */
  readonly place: ErrorPlace;
  readonly handler: MethodHandler;
}

/** One property of an object. */
export interface ExportedProperty extends PropertyHandlers {
  readonly name: string;
  /** For people: `com.example.Counter1.Value`. */
  readonly label: string;
  readonly type: string;
  readonly emitsChanged: EmitsChanged;
}

/** One interface of an object. */
export interface ExportedInterface {
  readonly name: string;
  readonly definition: InterfaceDefinition;
  readonly methods: ReadonlyMap<string, ExportedMethod>;
  readonly properties: ReadonlyMap<string, ExportedProperty>;
}

/** Makes an implementation ready for dispatch. */
export function exportedInterface({ definition, methods, properties }: Implementation): ExportedInterface {
  const { name } = definition;
  const exportedMethods = Object.entries(definition.methods).map(([member, spec]): [string, ExportedMethod] => {
    const types = splitSignature(spec.in);
    const lengths = Array.from({ length: spec.optional + 1 }, (_, left) => types.length - left);
    const method: ExportedMethod = {
      label: `${name}.${member}`,
      in: spec.in,
      inCount: types.length,
      accepts: new Set(lengths.map((length) => types.slice(0, length).join(''))),
      out: spec.out,
      outCount: splitSignature(spec.out).length,
      place: { interface: name, member, argumentNames: spec.outNames, role: 'out-argument' },
      handler: methods[member]!, // implement() has seen to it that each method has one
    };
    return [member, method];
  });
  const exportedProperties = Object.entries(definition.properties).map(([member, spec]): [string, ExportedProperty] => {
    const { get, set } = properties[member]!; // and each property
    const { type, emitsChanged } = spec;
    return [member, { name: member, label: `${name}.${member}`, type, emitsChanged, get, set }];
  });
  return { name, definition, methods: new Map(exportedMethods), properties: new Map(exportedProperties) };
}

/** Whether a handler answers later. Anything with a `then` does: promises of other libraries are as good. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return typeof (value as { then?: unknown }).then === 'function';
}
