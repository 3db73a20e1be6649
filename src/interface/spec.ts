// The specification of an interface, as users write it: methods, properties and signals by name, with signatures.
// It contains only types and lists of allowed words; define.ts checks a specification.
// Specification: Interfaces, Introspection Data Format (annotations), org.freedesktop.DBus.Properties.

/** A method. */
export interface MethodSpec {
  /** The signature of the in-arguments, `''` if left out. */
  readonly in?: string;
  /** The signature of the out-arguments, `''` if left out. */
  readonly out?: string;
  /** Names of the in-arguments, for readers of the introspection data; `''` is no name. */
  readonly inNames?: readonly string[];
  /** Names of the out-arguments. */
  readonly outNames?: readonly string[];
  /** How many in-arguments, counted from the last, a caller may leave out; the handler gets undefined for them. */
  readonly optional?: number;
  /** Tells callers that they need not ask for a reply, since it says nothing. */
  readonly noReply?: boolean;
  readonly deprecated?: boolean;
}

/** What a caller may do with a property. */
export const PROPERTY_ACCESS = ['read', 'write', 'readwrite'] as const;

/**
 * Whether a property's changes are signalled: `true` with the new value, `invalidates` without it, `const` never, since
 * it does not change, `false` not at all. ‹Introspection Data Format: EmitsChangedSignal›
 */
export const EMITS_CHANGED = ['true', 'invalidates', 'const', 'false'] as const;
export type EmitsChanged = (typeof EMITS_CHANGED)[number];

/** A property. */
export interface PropertySpec {
  /** Exactly one single complete type. */
  readonly type: string;
  readonly access: (typeof PROPERTY_ACCESS)[number];
  /** `true` if left out. */
  readonly emitsChanged?: EmitsChanged;
  readonly deprecated?: boolean;
}

/** A signal. */
export interface SignalSpec {
  /** The signature of the arguments, `''` if left out. */
  readonly args?: string;
  readonly argNames?: readonly string[];
  readonly deprecated?: boolean;
}

/** An interface. A method and a signal may have one name. */
export interface InterfaceSpec {
  readonly name: string;
  readonly methods?: Readonly<Record<string, MethodSpec>>;
  readonly properties?: Readonly<Record<string, PropertySpec>>;
  readonly signals?: Readonly<Record<string, SignalSpec>>;
  readonly deprecated?: boolean;
}
