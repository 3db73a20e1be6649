// A proxy: an interface of a remote object as functions. It has the methods by their names, and $get, $set, $getAll,
// $signal, $signals, $watch and $cache, names that no member can have. It has no prototype and no other keys, so that
// it is not mistaken for a promise. It keeps no state: each call goes through the link. Specification: Interfaces.
// Tests: proxy.test.ts; without a bus, test/connection/link.test.ts.
import type { NoReply, ReplyOf } from '../connection/call-options.js';
import type { MessageLink } from '../connection/link.js';
import type { ListenedSubscription } from '../connection/signal-listener.js';
import type { InterfaceDefinition } from '../interface/definition.js';
import type {
  CallArguments, CallResult, MethodName, PropertyInput, PropertyValue, PropertyValues, ReadableProperty, SignalBody,
  SignaledProperty, SignalName, WritableProperty,
} from '../interface/infer.js';
import { definitionOf } from '../interface/redefine.js';
import type { InterfaceSpec } from '../interface/spec.js';
import { argumentError, hasMethods } from '../wire/arguments.js';
import { ArgumentError } from '../wire/errors.js';
import type { Signal } from '../wire/messages/message.js';
import { assertBusName, assertObjectPath } from '../wire/names.js';
import { checkOptions } from '../wire/options.js';
import { proxyMethod } from './proxy-method.js';
import type { FollowOptions } from './follow.js';
import { cacheFunction, type CacheOptions } from './property-cache.js';
import { type PropertyStream, type PropertyWatch, watchFunction } from './property-watch.js';
import { type ProxyCallOptions, type ProxyReadOptions, type ProxyTarget, TARGET_RULES } from './proxy-options.js';
import { propertyFunctions } from './proxy-properties.js';
import { signalFunctions, type SignalListenOptions, type SignalsOptions } from './proxy-signals.js';
import type { SignalOptions, SignalStream } from './signal-stream.js';

/**
 * A method of a proxy that is called with `Args`. The options of a call follow its arguments. A result of the type
 * DescriptorIndex names a file only on a transport that carries descriptors; the sockets of Node do not.
 */
type ProxyMethod<Args extends readonly unknown[], Result> = [Result] extends [void]
  ? (...args: [...args: Args, options?: ProxyCallOptions | undefined]) => Promise<void>
  : <Silent extends NoReply = false>(
    ...args: [...args: Args, options?: ProxyCallOptions<Silent> | undefined]
  ) => Promise<ReplyOf<Result, void, Silent>>;

/** The methods of a proxy: `Add(step: number, options?: ProxyCallOptions): Promise<number>`. */
export type ProxyMethods<Spec extends InterfaceSpec, Typed extends boolean = false> = {
  readonly [M in MethodName<Spec>]: ProxyMethod<CallArguments<Spec, M>, CallResult<Spec, M, Typed>>;
};

/** The functions of a proxy besides the methods of its interface. For `out`, see {@link PropertyValues}. */
export interface ProxyMembers<Spec extends InterfaceSpec, out Typed extends boolean = false> {
  /** Reads a property. Rejects with UnexpectedSignatureError if the value has another type than the definition. */
  readonly $get: <P extends ReadableProperty<Spec>>(
    name: P,
    options?: ProxyReadOptions,
  ) => Promise<PropertyValue<Spec, P, Typed>>;
  /** Writes a property. */
  readonly $set: <P extends WritableProperty<Spec>>(
    name: P,
    value: PropertyInput<Spec, P>,
    options?: ProxyCallOptions,
  ) => Promise<void>;
  /**
   * Reads all properties. The result leaves out properties that the definition does not have, and properties whose
   * values have another type than the definition; these are counted as 'unexpected signature' in the drops of the link.
   * It has no prototype.
   */
  readonly $getAll: (options?: ProxyReadOptions) => Promise<{
    // Written out, as in $properties: an editor shows a named type with the whole specification.
    readonly [P in ReadableProperty<Spec>]?: PropertyValue<Spec, P, Typed>;
  }>;
  /** Subscribes to a signal of the object. Only signals of the owner of the destination are delivered. */
  readonly $signal: SignalFunction<Spec, Typed>;
  /** Subscribes to several signals of the object, or to all if no name is given. */
  readonly $signals: SignalsFunction<Spec, Typed>;
  /**
   * Watches a property: its present value, and then each new one. If the service announces a change without the value,
   * the value is read again: one read at a time, and after growing pauses of at most 250 ms if the service announces
   * changes without end. If three answers in a row are outdated when they arrive, the third is used, and a newer one
   * follows. It follows the destination through restarts of the service; while the service does not run, no value
   * comes.
   */
  readonly $watch: WatchFunction<Spec, Typed>;
  /**
   * Resolves with the same proxy with `$properties`: the values of all properties, kept as the service announces
   * changes, and emptied while it does not run. Ends with `$close`. Rejects as `$getAll` does, but not if the service
   * does not run.
   */
  readonly $cache: (options?: CacheOptions<PropertyValues<Spec, Typed>>) => Promise<ClosableProxy<Spec, Typed>>;
}

/** The function `$signal` of a proxy. */
export interface SignalFunction<Spec extends InterfaceSpec, Typed extends boolean = false> {
  /** Gives the arguments of each signal to a listener, and then the whole message, as it arrives. */
  <S extends SignalName<Spec>>(
    name: S,
    listener: (...args: [...args: SignalBody<Spec, S, Typed>, message: Signal]) => void,
    options?: SignalListenOptions,
  ): ListenedSubscription;
  /** The arguments of the signals as tuples, for `for await`. */
  <S extends SignalName<Spec>>(name: S, options?: SignalOptions): SignalStream<SignalBody<Spec, S, Typed>>;
}

/** A signal among several: its name determines the types of its arguments. */
export interface NamedSignal<Name extends string = string, Args extends readonly unknown[] = readonly unknown[]> {
  readonly name: Name;
  readonly args: Args;
  /** The path of the object. */
  readonly path: string;
  readonly message: Signal;
}

/** The function `$signals` of a proxy: names, and then optionally options. */
export type SignalsFunction<Spec extends InterfaceSpec, Typed extends boolean = false> =
  <const Wanted extends readonly (SignalName<Spec> | SignalsOptions)[]>(...namesAndOptions: Wanted) => SignalStream<{
    readonly [N in WantedNames<Spec, Wanted[number]>]: NamedSignal<N, SignalBody<Spec, N, Typed>>;
  }[WantedNames<Spec, Wanted[number]>]>;

/** The names among the arguments of `$signals`; all names if there are none. */
type WantedNames<Spec extends InterfaceSpec, Wanted> =
  [Extract<Wanted, string>] extends [never] ? SignalName<Spec> : Extract<Wanted, SignalName<Spec>>;

/** The names of the properties that can be watched: those that can be read, and whose changes are announced. */
export type WatchableProperty<Spec extends InterfaceSpec> = ReadableProperty<Spec> & SignaledProperty<Spec>;

/** The function `$watch` of a proxy. */
export interface WatchFunction<Spec extends InterfaceSpec, out Typed extends boolean = false> {
  /** Gives each value to a listener, as it arrives. */
  <P extends WatchableProperty<Spec>>(
    name: P, listener: (value: PropertyValue<Spec, P, Typed>) => void, options?: FollowOptions,
  ): PropertyWatch;
  /** The values, for `for await`; a slow reader gets the newest one only. */
  <P extends WatchableProperty<Spec>>(
    name: P, options?: FollowOptions,
  ): PropertyStream<PropertyValue<Spec, P, Typed>>;
}

/** The further members of a proxy whose properties are kept. */
export interface CachedMembers<Spec extends InterfaceSpec, out Typed extends boolean = false> {
  /**
   * The values that are known, as a frozen object without a prototype: the same one until a value changes. It leaves
   * out properties that were invalidated, whose changes are not announced, or that have another type than the
   * definition: `$get` asks for them. The drops of the link count the last.
   */
  readonly $properties: { readonly [P in ReadableProperty<Spec>]?: PropertyValue<Spec, P, Typed> };
}

/** A proxy whose properties are kept; `$get` calls the service only for values that are not kept. */
export type CachedProxy<Spec extends InterfaceSpec, Typed extends boolean = false> =
  Proxy<Spec, Typed> & CachedMembers<Spec, Typed>;

/** The result of `$cache`. */
export type ClosableProxy<Spec extends InterfaceSpec, Typed extends boolean = false> =
  CachedProxy<Spec, Typed> & AsyncDisposable & {
    /** Ends the cache and removes its match rule: `$properties` is empty from then on. */
    readonly $close: () => Promise<void>;
    /** Resolves when the cache has ended, and never rejects: with the reason, or with undefined after `$close`. */
    readonly $closed: Promise<unknown>;
  };

/** An interface of a remote object, as functions. `Typed` is that of its link. */
export type Proxy<Spec extends InterfaceSpec, Typed extends boolean = false> =
  ProxyMethods<Spec, Typed> & ProxyMembers<Spec, Typed>;

/**
 * Creates a proxy. Its methods take the in-arguments, and then optionally {@link ProxyCallOptions}. They resolve with
 * nothing, the only out-argument, or a tuple of all out-arguments. They reject as {@link MessageLink.call} does, with
 * UnexpectedSignatureError if a reply has another signature than the definition, and with DefinitionError for a
 * property that the interface does not have.
 * @throws {InvalidNameError} if `destination` is not a bus name, or `path` is not an object path
 * @throws {DefinitionError} if the definition is one that `defineInterface` would reject
 * @throws {ArgumentError} if an argument is of the wrong kind, such as a promise, or the target has an invalid key, has
 *   no `path`, or has no `destination` on a bus
 */
export function createProxy<const Spec extends InterfaceSpec, Typed extends boolean = false>(
  link: MessageLink<Typed>,
  definition: InterfaceDefinition<Spec>,
  target: ProxyTarget,
): Proxy<Spec, Typed>;
export function createProxy(link: MessageLink<boolean>, definition: InterfaceDefinition, target: ProxyTarget): object {
  if (!hasMethods(link, 'subscribe', 'call')) {
    throw argumentError('createProxy', 'the link must be a Bus or a Connection', link);
  }
  checkDefinition(definition);
  if (typeof target !== 'object' || target === null) {
    throw argumentError('createProxy', 'the target must be an object', target);
  }
  checkOptions('createProxy', target, TARGET_RULES);
  const isBus = hasMethods(link, 'requestName');
  if (isBus) checkGiven(target, 'destination', 'the bus name of the service');
  checkGiven(target, 'path', 'the path of the object');
  if (target.destination !== undefined) assertBusName(target.destination);
  assertObjectPath(target.path);

  const proxy = Object.create(null) as Record<string, unknown>; // Object.create has no type for "nothing inherited"
  for (const member of Object.keys(definition.methods)) {
    proxy[member] = proxyMethod(link, { definition, member, target });
  }
  const properties = propertyFunctions(link, definition, target);
  const functions = Object.assign(proxy, properties, signalFunctions(link, definition, target));
  proxy['$watch'] = watchFunction(link, definition, { target, read: properties.$get });
  proxy['$cache'] = cacheFunction(link, definition, { target, proxy: functions });
  return Object.freeze(proxy);
}

function checkDefinition(definition: unknown): void {
  if (hasMethods(definition, 'implement')) return void definitionOf(definition); // throws if a part of it is not valid
  const must = 'the definition must be made by defineInterface';
  if (!hasMethods(definition, 'attach')) throw argumentError('createProxy', must, definition);
  const problem = `${must}, got an implementation: pass its definition`;
  throw new ArgumentError('ARGUMENT_INVALID', problem, { owner: 'createProxy' });
}

function checkGiven(target: ProxyTarget, key: 'destination' | 'path', must: string): void {
  if (target[key] !== undefined) return;
  throw new ArgumentError('OPTION_INVALID', `"${key}" must be ${must}, got undefined`, { owner: 'createProxy', key });
}
