// The types of what defineInterface and implement() return: a definition, the handlers that implement it, and their
// implementation. It contains only types and knows no connection and no object path: signals leave through sinks that
// the exporter of an object attaches. Tests: define.test.ts, implement.test.ts.
import type { MethodCall } from '../wire/messages/message.js';
import type {
  InSignature, MethodArguments, MethodName, MethodResult, OutSignature, PropertyInput, PropertyName, PropertySignature,
  PropertyValue, ReadableProperty, SignalArguments, SignalledProperty, SignalName, SignalSignature, WritableProperty,
} from './infer.js';
import type { InterfaceSpec, MethodSpec, PropertySpec, SignalSpec } from './spec.js';

// ---- definitions ----------------------------------------------------------------------------------------------------

/** A method, with nothing left out. */
export interface MethodDefinition<In extends string = string, Out extends string = string>
  extends Required<MethodSpec> {
  readonly in: In;
  readonly out: Out;
}

/** A property, with nothing left out. */
export interface PropertyDefinition<Type extends string = string> extends Required<PropertySpec> {
  readonly type: Type;
}

/** A signal, with nothing left out. */
export interface SignalDefinition<Args extends string = string> extends Required<SignalSpec> {
  readonly args: Args;
}

/** An interface, checked and with nothing left out. Its records have no prototype: any name is an ordinary key. */
export interface InterfaceDefinition<Spec extends InterfaceSpec = InterfaceSpec> {
  readonly name: Spec['name'];
  readonly methods: {
    readonly [M in MethodName<Spec>]: MethodDefinition<InSignature<Spec, M>, OutSignature<Spec, M>>;
  };
  readonly properties: { readonly [P in PropertyName<Spec>]: PropertyDefinition<PropertySignature<Spec, P>> };
  readonly signals: { readonly [S in SignalName<Spec>]: SignalDefinition<SignalSignature<Spec, S>> };
  readonly deprecated: boolean;
  /**
   * Joins the interface with handlers: one for each method, `get` and `set` for each property as its access asks.
   * A handler takes the in-arguments and the {@link CallContext}. It returns, at once or as a promise, nothing, the one
   * out-argument, or a tuple of several.
   * @throws {DefinitionError} if a handler is missing, is not a function, or belongs to no member
   */
  implement(members: Members<Spec>): Implementation<Spec>;
}

// ---- handlers -------------------------------------------------------------------------------------------------------

/** The AbortSignal of the platform; this folder is compiled without the types of any, and then it is only this. */
type PlatformAbortSignal = typeof globalThis extends { AbortSignal: { prototype: infer Signal } }
  ? Signal
  : { readonly aborted: boolean; readonly reason: unknown };

/** What a handler is told about the call that it answers. */
export interface CallContext {
  /** On a bus: the unique name of the caller, which the bus vouches for. */
  readonly sender: string | undefined;
  readonly message: MethodCall;
  /** Aborts when the reply can no longer be delivered. */
  readonly signal: PlatformAbortSignal;
}

/**
 * A method's handler with its types taken off: in-arguments, then the {@link CallContext}. Written as a method of an
 * object, since the compiler lets only methods, not functions, stand for ones that take more special arguments.
 */
export type MethodHandler = { handle(...args: unknown[]): unknown }['handle'];
type PropertyGetter = { get(context: CallContext): unknown }['get'];
type PropertySetter = { set(value: unknown, context: CallContext): unknown }['set'];

/** A property's handlers with their types taken off; one is undefined where a caller may not read, or not write. */
export interface PropertyHandlers {
  readonly get: PropertyGetter | undefined;
  readonly set: PropertySetter | undefined;
}

type OrPromise<T> = T | PromiseLike<T>;

type HandlerOf<Spec extends InterfaceSpec, M extends MethodName<Spec>> = (
  ...args: [...args: MethodArguments<Spec, M>, context: CallContext]
) => OrPromise<MethodResult<Spec, M>>;

type PropertyHandlersOf<Spec extends InterfaceSpec, P extends PropertyName<Spec>> =
  & (P extends ReadableProperty<Spec>
    ? { readonly get: (context: CallContext) => OrPromise<PropertyInput<Spec, P>> }
    : unknown)
  & (P extends WritableProperty<Spec>
    ? { readonly set: (value: PropertyValue<Spec, P>, context: CallContext) => OrPromise<void> }
    : unknown);

/** A group of handlers, required where there is something to handle. Another handler than those has no legal type. */
type Group<Key extends string, Handlers> =
  [keyof Handlers] extends [never] ? { readonly [K in Key]?: { readonly [name: string]: never } }
  : { readonly [K in Key]: Handlers };

/** What implements an interface: a handler for each method, `get` and `set` for each property as its access asks. */
export type Members<Spec extends InterfaceSpec> = string extends MethodName<Spec> | PropertyName<Spec>
  ? {
    readonly methods?: Readonly<Record<string, MethodHandler>>;
    readonly properties?: Readonly<Record<string, Partial<PropertyHandlers>>>;
  }
  : Group<'methods', { readonly [M in MethodName<Spec>]: HandlerOf<Spec, M> }> &
    Group<'properties', { readonly [P in PropertyName<Spec>]: PropertyHandlersOf<Spec, P> }>;

// ---- implementations ------------------------------------------------------------------------------------------------

/** Where the signals of an implementation go: whoever exports it on a connection attaches one for each object. */
export interface SignalSink {
  /** A signal of the interface; the body is not checked yet. */
  signal(member: string, signature: string, body: readonly unknown[]): void;
  /** Properties of the interface that have changed; for which their value goes along, their definition says. */
  propertiesChanged(names: readonly string[]): void;
}

/** An interface and the handlers that implement it, to be exported on any number of objects. */
export interface Implementation<Spec extends InterfaceSpec = InterfaceSpec> {
  readonly definition: InterfaceDefinition<Spec>;
  /** Every method of the definition; the record has no prototype. */
  readonly methods: Readonly<Record<string, MethodHandler>>;
  /** Every property of the definition; the record has no prototype. */
  readonly properties: Readonly<Record<string, PropertyHandlers>>;
  /**
   * Emits a signal from every object that this implementation is exported on. If it is exported on none, the arguments
   * are checked and nothing is sent.
   * @throws {DefinitionError} if there is no such signal
   * @throws {MarshalError} if an argument does not fit the signature; nothing is sent then
   */
  emit<S extends SignalName<Spec>>(signal: S, ...args: SignalArguments<Spec, S>): void;
  /**
   * Tells that properties have changed (PropertiesChanged); their `get` says to what.
   * @throws {DefinitionError} if there is no such property, or its changes are not signalled
   */
  emitPropertiesChanged(...names: SignalledProperty<Spec>[]): void;
  /** Connects a sink; the function that is returned disconnects it. */
  attach(sink: SignalSink): () => void;
}
