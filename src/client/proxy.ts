// A proxy: an interface of a remote object as functions. It has the methods by their names, and $get, $set, $getAll and
// $signal, names that no member can have. It has no prototype and no other keys, so that it is not mistaken for a
// promise. It keeps no state: each call goes through the link. Specification: Interfaces.
// Tests: proxy.test.ts; without a bus, test/connection/link.test.ts.
import type { NoReply, ReplyOf } from '../connection/call-options.js';
import type { MessageLink } from '../connection/link.js';
import type { InterfaceDefinition } from '../interface/definition.js';
import { unknownMember } from '../interface/errors.js';
import type {
  CallArguments, CallResult, MethodName, PropertyInput, PropertyValue, PropertyValues, ReadableProperty, SignalBody,
  SignalName, WritableProperty,
} from '../interface/infer.js';
import type { InterfaceSpec } from '../interface/spec.js';
import { argumentError, hasMethods } from '../wire/arguments.js';
import { ArgumentError } from '../wire/errors.js';
import { assertBusName, assertObjectPath } from '../wire/names.js';
import { checkOptions } from '../wire/options.js';
import { proxyMethod } from './proxy-method.js';
import {
  type ProxyCallOptions, type ProxyReadOptions, type ProxyTarget, SIGNAL_RULES, TARGET_RULES,
} from './proxy-options.js';
import { propertyFunctions } from './proxy-properties.js';
import { type SignalOptions, type SignalStream, signalStream } from './signal-stream.js';

/** A method of a proxy that is called with `Args`. The options of a call follow its arguments. */
type ProxyMethod<Args extends readonly unknown[], Result> = [Result] extends [void]
  ? (...args: [...args: Args, options?: ProxyCallOptions | undefined]) => Promise<void>
  : <Silent extends NoReply = false>(
    ...args: [...args: Args, options?: ProxyCallOptions<Silent> | undefined]
  ) => Promise<ReplyOf<Result, void, Silent>>;

/** The methods of a proxy: `Add(step: number, options?: ProxyCallOptions): Promise<number>`. */
export type ProxyMethods<Spec extends InterfaceSpec, Typed extends boolean = false> = {
  readonly [M in MethodName<Spec>]: ProxyMethod<CallArguments<Spec, M>, CallResult<Spec, M, Typed>>;
};

/** The functions of a proxy besides the methods of its interface. */
export interface ProxyMembers<Spec extends InterfaceSpec, Typed extends boolean = false> {
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
   */
  readonly $getAll: (options?: ProxyReadOptions) => Promise<Partial<PropertyValues<Spec, Typed>>>;
  /** Subscribes to a signal of the object. Only signals of the owner of the destination are delivered. */
  readonly $signal: <S extends SignalName<Spec>>(
    name: S, options?: SignalOptions,
  ) => SignalStream<SignalBody<Spec, S, Typed>>;
}

/** An interface of a remote object, as functions. `Typed` is that of its link. */
export type Proxy<Spec extends InterfaceSpec, Typed extends boolean = false> =
  ProxyMethods<Spec, Typed> & ProxyMembers<Spec, Typed>;

/**
 * Creates a proxy. Its methods take the in-arguments, and then optionally {@link ProxyCallOptions}. They resolve with
 * nothing, the only out-argument, or a tuple of all out-arguments. They reject as {@link MessageLink.call} does, with
 * UnexpectedSignatureError if a reply has another signature than the definition, and with DefinitionError for a
 * property that the interface does not have.
 * @throws {InvalidNameError} if `destination` is not a bus name, or `path` is not an object path
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
  Object.assign(proxy, propertyFunctions(link, definition, target));
  proxy['$signal'] = signalFunction(link, definition, target);
  return Object.freeze(proxy);
}

function checkDefinition(definition: unknown): void {
  if (hasMethods(definition, 'implement')) return;
  const must = 'the definition must be made by defineInterface';
  if (!hasMethods(definition, 'attach')) throw argumentError('createProxy', must, definition);
  const problem = `${must}, got an implementation: pass its definition`;
  throw new ArgumentError('ARGUMENT_INVALID', problem, { owner: 'createProxy' });
}

function checkGiven(target: ProxyTarget, key: 'destination' | 'path', must: string): void {
  if (target[key] !== undefined) return;
  throw new ArgumentError('OPTION_INVALID', `"${key}" must be ${must}, got undefined`, { owner: 'createProxy', key });
}

function signalFunction(
  link: MessageLink<boolean>, definition: InterfaceDefinition, { destination, path }: ProxyTarget,
): (name: string, options?: SignalOptions) => SignalStream<readonly unknown[]> {
  const $signal = (name: string, options: SignalOptions = {}): SignalStream<readonly unknown[]> => {
    const { name: interfaceName } = definition;
    const definedSignal = typeof name === 'string' ? definition.signals[name] : undefined;
    if (definedSignal === undefined) {
      throw unknownMember('signal', name, { definition, caller: `$signal of ${interfaceName}`, above: $signal });
    }
    checkOptions(`$signal of ${interfaceName}.${name}`, options, SIGNAL_RULES);
    const { signal, queueLimit, queueBytes, overflow, onGap } = options;
    const rule = { sender: destination, path, interface: interfaceName, member: name };
    const { args: signature } = definedSignal;
    return signalStream(link.subscribe(rule, { signal, queueLimit, queueBytes, overflow, onGap, signature }));
  };
  return $signal;
}
