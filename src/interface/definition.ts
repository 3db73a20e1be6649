// The types of what defineInterface and implement() return: a definition, the handlers that implement it, and their
// implementation. It contains only types and knows no connection and no object path: signals leave through sinks that
// the exporter of an object attaches. Tests: define.test.ts, implement.test.ts.
import type { ConnectionCredentials } from '../protocol/credentials.js';
import type { MethodCall } from '../wire/messages/message.js';
import type { Annotations } from './annotations.js';
import type { DeclaredErrorClass } from './declared-errors.js';
import type {
  ErrorKey, ErrorNameOf, InSignature, MethodArguments, MethodName, MethodResult, OutSignature, PropertyInput,
  PropertyName, PropertySignature, PropertyValue, ReadableProperty, SignalArguments, SignaledProperty,
  SignalName, SignalSignature, TypedHandlers, WritableProperty,
} from './infer.js';
import type { EmitsChanged, InterfaceSpec, PropertySpec } from './spec.js';

// ---- definitions ----------------------------------------------------------------------------------------------------

/** A method of a definition. */
export interface MethodDefinition<In extends string = string, Out extends string = string> {
  /** The signature of the in-arguments. */
  readonly in: In;
  /** The signature of the out-arguments. */
  readonly out: Out;
  /** One name for each in-argument, `''` for an argument without a name; empty if none has a name. */
  readonly inNames: readonly string[];
  /** One name for each out-argument, `''` for an argument without a name; empty if none has a name. */
  readonly outNames: readonly string[];
  /** How many of the last in-arguments a caller may omit. */
  readonly optional: number;
  /** Whether callers need not request a reply, because it is empty. */
  readonly noReply: boolean;
  readonly deprecated: boolean;
  /** The annotations that are not keys of their own. */
  readonly annotations: Annotations;
  /** The annotations of each in-argument; empty if none has any. */
  readonly inAnnotations: readonly Annotations[];
  /** The annotations of each out-argument; empty if none has any. */
  readonly outAnnotations: readonly Annotations[];
}

/** A property of a definition. */
export interface PropertyDefinition<Type extends string = string> {
  /** One single complete type. */
  readonly type: Type;
  readonly access: PropertySpec['access'];
  readonly emitsChanged: EmitsChanged;
  readonly deprecated: boolean;
  /** The annotations that are not keys of their own. */
  readonly annotations: Annotations;
}

/** A signal of a definition. */
export interface SignalDefinition<Args extends string = string> {
  /** The signature of the arguments. */
  readonly args: Args;
  /** One name for each argument, `''` for an argument without a name; empty if none has a name. */
  readonly argNames: readonly string[];
  readonly deprecated: boolean;
  /** The annotations that are not keys of their own. */
  readonly annotations: Annotations;
  /** The annotations of each argument; empty if none has any. */
  readonly argAnnotations: readonly Annotations[];
}

/** A checked interface, with the defaults filled in. Its records have no prototype, so that any name can be a key. */
export interface InterfaceDefinition<Spec extends InterfaceSpec = InterfaceSpec> {
  readonly name: Spec['name'];
  readonly methods: {
    readonly [M in MethodName<Spec>]: MethodDefinition<InSignature<Spec, M>, OutSignature<Spec, M>>;
  };
  readonly properties: { readonly [P in PropertyName<Spec>]: PropertyDefinition<PropertySignature<Spec, P>> };
  readonly signals: { readonly [S in SignalName<Spec>]: SignalDefinition<SignalSignature<Spec, S>> };
  /**
   * The class of each declared error. A handler throws one: `throw new Player.errors.NoTrack('no track')`. A call of a
   * proxy rejects with one, so that `instanceof` holds on both sides.
   */
  readonly errors: { readonly [E in ErrorKey<Spec>]: DeclaredErrorClass<ErrorNameOf<Spec, E>> };
  readonly deprecated: boolean;
  /** The annotations that are not keys of their own. */
  readonly annotations: Annotations;
  /**
   * Joins the interface with its handlers: one for each method; for each property a plain value (`Volume: 0.5`), an
   * accessor (`get Volume() { … }`), or an object with `get`, `set` or both, according to its access. The handler of a
   * method gets the in-arguments and a {@link CallContext}. It returns nothing, the only out-argument, or a tuple of
   * all out-arguments; or a promise of that. A handler must be a key of the object itself, not of its class, and is
   * called with the object as `this`.
   * @throws {DefinitionError} if a handler is missing, is not a function, or has no member, or a value does not fit
   */
  implement(members: Members<Spec>): Implementation<Spec, TypedHandlers<Spec, false>>;
  /**
   * The same as {@link implement}, for a link with the option `typedArrays`: its handlers get arrays of numbers as
   * typed arrays. The two differ only in their types.
   * @throws {DefinitionError} if a handler is missing, is not a function, or has no member, or a value does not fit
   */
  implementTyped(members: Members<Spec, true>): Implementation<Spec, TypedHandlers<Spec, true>>;
}

// ---- handlers -------------------------------------------------------------------------------------------------------

/** The AbortSignal of the platform. This folder is compiled without the types of a platform: it then has these keys. */
type PlatformAbortSignal = typeof globalThis extends { AbortSignal: { prototype: infer Signal } }
  ? Signal
  : { readonly aborted: boolean; readonly reason: unknown };

/** The call that a handler answers. */
export interface CallContext {
  /** On a bus, the unique name of the caller: the bus itself writes it, so that it cannot be forged. */
  readonly sender: string | undefined;
  /** The whole call, with its header fields. */
  readonly message: MethodCall;
  /**
   * Aborts when the reply can no longer be delivered: the caller leaves the bus, or the connection ends. A handler that
   * then rejects with its reason, or with an AbortError, is not reported. If the call times out or is aborted at the
   * caller's side, that does not abort it: D-Bus has no message for that.
   */
  readonly signal: PlatformAbortSignal;
  /**
   * Asks the bus for the credentials of the caller, once for each call. Undefined without a bus, for a `get` that runs
   * without a call, and if the caller has left or the connection of its call has ended: the next bus is not asked about
   * it. ‹org.freedesktop.DBus.GetConnectionCredentials›
   * @throws {DBusError} if the bus refuses
   * @throws {ConnectionClosedError} if the connection has ended, or ends before the reply
   */
  credentials(): Promise<ConnectionCredentials | undefined>;
}

/**
 * The handler of a method, without the types of its arguments: the in-arguments, then a {@link CallContext}. It has the
 * type of a method of an object, because the compiler lets only methods have parameters of more specific types.
 */
export type MethodHandler = { handle(...args: unknown[]): unknown }['handle'];
type PropertyGetter = { get(context: CallContext): unknown }['get'];
type PropertySetter = { set(value: unknown, context: CallContext): unknown }['set'];

/** The handlers of a property, without the types of its values; undefined if a caller cannot read, or cannot write. */
export interface PropertyHandlers {
  readonly get: PropertyGetter | undefined;
  readonly set: PropertySetter | undefined;
}

type OrPromise<T> = T | PromiseLike<T>;

type HandlerOf<Spec extends InterfaceSpec, M extends MethodName<Spec>, Typed extends boolean> = (
  ...args: [...args: MethodArguments<Spec, M, Typed>, context: CallContext]
) => OrPromise<MethodResult<Spec, M>>;

/** The plain value of a property, or an accessor; or an object with `get`, `set` or both. */
type PropertyHandlersOf<Spec extends InterfaceSpec, P extends PropertyName<Spec>, Typed extends boolean> =
  PlainValue<PropertyInput<Spec, P>> | GetAndSet<Spec, P, Typed>;

/** A value without its functions `get` and `set`: with those of a Map, the compiler infers no types for handlers. */
type PlainValue<Input> =
  Input extends { readonly get: unknown } | { readonly set: unknown } ? Omit<Input, 'get' | 'set'> : Input;

type GetAndSet<Spec extends InterfaceSpec, P extends PropertyName<Spec>, Typed extends boolean> =
  & (P extends ReadableProperty<Spec>
    ? { readonly get: (context: CallContext) => OrPromise<PropertyInput<Spec, P>> }
    : { readonly get?: undefined })
  & (P extends WritableProperty<Spec>
    ? { readonly set: (value: PropertyValue<Spec, P, Typed>, context: CallContext) => OrPromise<void> }
    : { readonly set?: undefined });

/** A group of handlers. It is required if there are members to handle; otherwise the compiler accepts no handler. */
type Group<Key extends string, Handlers> =
  [keyof Handlers] extends [never] ? { readonly [K in Key]?: { readonly [name: string]: never } | undefined }
  : { readonly [K in Key]: Handlers };

/**
 * The handlers of an interface: one for each method; for each property its value, an accessor, or an object with `get`,
 * `set` or both, according to access. They get arrays of numbers as typed arrays if `Typed` is true.
 */
export type Members<Spec extends InterfaceSpec, Typed extends boolean = false> =
  string extends MethodName<Spec> | PropertyName<Spec> ? {
    readonly methods?: Readonly<Record<string, MethodHandler>> | undefined;
    readonly properties?: Readonly<Record<string, unknown>> | undefined;
  }
  : Group<'methods', { readonly [M in MethodName<Spec>]: HandlerOf<Spec, M, Typed> }> &
    Group<'properties', { readonly [P in PropertyName<Spec>]: PropertyHandlersOf<Spec, P, Typed> }>;

// ---- implementations ------------------------------------------------------------------------------------------------

/** The object that sends a signal. */
export interface SignalSource {
  /** The path of the only object that sends it. Default: each object that has the implementation. */
  readonly path?: string | undefined;
}

/** The object that sends a signal, and its receiver. */
export interface EmitOptions extends SignalSource {
  /** The bus name of the only program that gets it. Default: each program that subscribes to it. */
  readonly destination?: string | undefined;
}

/** The receiver of the signals of an implementation. A service attaches one for each object that it exports. */
export interface SignalSink {
  /** Receives a signal of the interface. Its body is not checked yet. */
  signal(member: string, signature: string, body: readonly unknown[], options: EmitOptions): void;
  /** Receives the names of changed properties of the interface. Their definitions say which values are announced. */
  propertiesChanged(names: readonly string[], source: SignalSource): void;
}

/**
 * An interface and the handlers that implement it. It can be exported on any number of objects. `Typed` is that of the
 * links on which it may be exported, because its handlers take what arrives there; `boolean` means any link.
 */
export interface Implementation<Spec extends InterfaceSpec = InterfaceSpec, Typed extends boolean = false> {
  /** For the compiler, which compares `Typed` by it; always undefined. Handlers for any link are handlers for each. */
  readonly acceptsLink?: ((typed: Typed) => void) | undefined;
  readonly definition: InterfaceDefinition<Spec>;
  /** The handlers of all methods of the definition; the record has no prototype. */
  readonly methods: Readonly<Record<string, MethodHandler>>;
  /** The handlers of all properties of the definition; the record has no prototype. */
  readonly properties: Readonly<Record<string, PropertyHandlers>>;
  /**
   * The properties that have a plain value or an accessor, by name: assigning to one changes it, and announces the
   * change. The assigned value is checked.
   * @throws {MarshalError} if the value does not fit the type of the property; it stays as it was
   * @throws {DefinitionError} if the property has `get` or `set`, or its accessor lacks the one that is needed
   */
  readonly values: { [P in PropertyName<Spec>]: PropertyInput<Spec, P> };
  /**
   * Emits a signal from every object that has this implementation, or from one of them, to all programs or to one: the
   * options come after the arguments. If there is no such object, the arguments are checked and nothing is sent.
   * @throws {DefinitionError} if the interface has no such signal
   * @throws {MarshalError} if an argument does not fit the signature; nothing was sent
   * @throws {InvalidNameError} if `path` is not an object path, or `destination` not a bus name
   * @throws {ArgumentError} if an option is unknown, or its value is not valid
   */
  emit<S extends SignalName<Spec>>(signal: S, ...args: [...SignalArguments<Spec, S>, options?: EmitOptions]): void;
  /**
   * Announces that properties have changed (PropertiesChanged). The new values are read with their `get` at the end of
   * the turn of the event loop: all changes of a turn are one signal. `{ path }` as the last argument limits it to one
   * object.
   * @throws {DefinitionError} if the interface has no such property, or changes of the property are not announced
   * @throws {ArgumentError} if there are no names, or a name is not a string
   */
  emitPropertiesChanged(first: SignaledProperty<Spec>, ...others: (SignaledProperty<Spec> | SignalSource)[]): void;
  /** Attaches a sink, and returns the function that detaches it. */
  attach(sink: SignalSink): () => void;
}
