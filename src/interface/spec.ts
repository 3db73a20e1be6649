// The specification of an interface, as users write it: methods, properties and signals by name, with signatures.
// It contains only types and lists of words; define.ts checks a specification. Tests: define.test.ts.
// Specification: Interfaces, Introspection Data Format (annotations), org.freedesktop.DBus.Properties.

import type { Annotations } from './annotations.js';

/** A method. */
export interface MethodSpec {
  /** The signature of the in-arguments; `''` by default. */
  readonly in?: string | undefined;
  /** The signature of the out-arguments; `''` by default. */
  readonly out?: string | undefined;
  /** The names of all in-arguments, for introspection data and error texts. `''` for an argument without a name. */
  readonly inNames?: readonly string[] | undefined;
  /** The names of all out-arguments. `''` for an argument without a name. */
  readonly outNames?: readonly string[] | undefined;
  /** How many of the last in-arguments a caller may omit; the handler gets undefined for them. 0 by default. */
  readonly optional?: number | undefined;
  /** Whether callers need not request a reply, because it is empty. False by default. */
  readonly noReply?: boolean | undefined;
  /** Whether introspection data mark it as deprecated. False by default. */
  readonly deprecated?: boolean | undefined;
  /** Further annotations in introspection data: a text for each name, such as `'com.example.Since': '1.2'`. */
  readonly annotations?: Annotations | undefined;
  /** Annotations of all in-arguments, an object for each; `{}` for an argument without annotations. */
  readonly inAnnotations?: readonly Annotations[] | undefined;
  /** Annotations of all out-arguments, an object for each. */
  readonly outAnnotations?: readonly Annotations[] | undefined;
}

/** The kinds of access that a caller can have to a property. */
export const PROPERTY_ACCESS = ['read', 'write', 'readwrite'] as const;

/**
 * Whether PropertiesChanged announces a change of a property: `true` with the new value, `invalidates` without it,
 * `const` and `false` never, `const` because it does not change. ‹Introspection Data Format: EmitsChangedSignal›
 */
export const EMITS_CHANGED = ['true', 'invalidates', 'const', 'false'] as const;
/** The announcement of changes of a property, see {@link EMITS_CHANGED}. */
export type EmitsChanged = (typeof EMITS_CHANGED)[number];

/** A property. */
export interface PropertySpec {
  /** Exactly one single complete type. */
  readonly type: string;
  /** The access that callers have. */
  readonly access: (typeof PROPERTY_ACCESS)[number];
  /** `'true'` by default. */
  readonly emitsChanged?: EmitsChanged | undefined;
  /** Whether introspection data mark it as deprecated. False by default. */
  readonly deprecated?: boolean | undefined;
  /** Further annotations in introspection data: a text for each name, such as `'com.example.Since': '1.2'`. */
  readonly annotations?: Annotations | undefined;
}

/** A signal. */
export interface SignalSpec {
  /** The signature of the arguments; `''` by default. */
  readonly args?: string | undefined;
  /** The names of all arguments. `''` for an argument without a name. */
  readonly argNames?: readonly string[] | undefined;
  /** Whether introspection data mark it as deprecated. False by default. */
  readonly deprecated?: boolean | undefined;
  /** Further annotations in introspection data: a text for each name, such as `'com.example.Since': '1.2'`. */
  readonly annotations?: Annotations | undefined;
  /** Annotations of all arguments, an object for each; `{}` for an argument without annotations. */
  readonly argAnnotations?: readonly Annotations[] | undefined;
}

/** An interface. A method, a property and a signal may have the same name. */
export interface InterfaceSpec {
  /** An interface name, such as `com.example.Counter1`. */
  readonly name: string;
  readonly methods?: Readonly<Record<string, MethodSpec>> | undefined;
  readonly properties?: Readonly<Record<string, PropertySpec>> | undefined;
  readonly signals?: Readonly<Record<string, SignalSpec>> | undefined;
  /**
   * The errors that its methods answer with: the name of a class, and the name of the ERROR message, such as
   * `NoTrack: 'com.example.Error.NoTrack'`. The definition has the classes as `errors`. Introspection data have no
   * place for them.
   */
  readonly errors?: Readonly<Record<string, string>> | undefined;
  /** Whether introspection data mark it as deprecated. False by default. */
  readonly deprecated?: boolean | undefined;
  /** Further annotations in introspection data: a text for each name, such as `'com.example.Since': '1.2'`. */
  readonly annotations?: Annotations | undefined;
}
