// An interface of a remote object as functions: its methods by their names, and $get, $set, $getAll, $signal, which no
// member name can collide with. Built from own functions on an object without prototype, so that nothing answers to a
// name that the definition does not have. It holds no state: each call goes through the link.
// Specification: Interfaces; org.freedesktop.DBus.Properties.
import { CALL_FLAG_RULES, type CallFlags, WAIT_RULES, type WaitOptions } from '../connection/call-options.js';
import { countDrop } from '../connection/drops.js';
import { UnexpectedSignatureError } from '../connection/errors.js';
import type { MessageLink } from '../connection/link.js';
import { SUBSCRIBE_RULES } from '../connection/subscription.js';
import type { InterfaceDefinition, MethodDefinition } from '../interface/definition.js';
import type {
  PropertyInput, PropertyValue, PropertyValues, ProxyMethods, ReadableProperty, SignalBody, SignalName,
  WritableProperty,
} from '../interface/infer.js';
import type { InterfaceSpec } from '../interface/spec.js';
import { Properties } from '../interface/standard.js';
import { argumentError, hasMethods } from '../wire/arguments.js';
import { assertBusName, assertObjectPath } from '../wire/names.js';
import { ANY, checkOptions, type OptionRules } from '../wire/options.js';
import { splitSignature } from '../wire/signature.js';
import { variant, type Variant } from '../wire/variant.js';
import { type SignalOptions, type SignalStream, signalStream } from './signal-stream.js';

/** How a property is read. */
export interface ProxyReadOptions extends WaitOptions, Omit<CallFlags, 'noReply'> {}

/**
 * How one call behaves; the last argument of every method of a proxy, after all in-arguments. With `noReply` the method
 * resolves with undefined as soon as the call is queued; without it, the definition says whether there is a reply.
 */
export interface ProxyCallOptions extends WaitOptions, CallFlags {}

const { noReply: NO_REPLY_RULE, ...READ_FLAG_RULES } = CALL_FLAG_RULES;
const READ_RULES: OptionRules<ProxyReadOptions> = { ...WAIT_RULES, ...READ_FLAG_RULES };
const CALL_RULES: OptionRules<ProxyCallOptions> = { ...READ_RULES, noReply: NO_REPLY_RULE };

const { signature: _, ...SIGNAL_RULES } = SUBSCRIBE_RULES; // the definition has the signature

/** Which object a proxy stands for. */
export interface ProxyTarget {
  /** The bus name that calls go to and signals come from. It may be left out only on a link without a bus. */
  readonly destination?: string | undefined;
  readonly path: string;
  /** Milliseconds that calls wait unless told otherwise; 25,000 unless given, Infinity for no limit. */
  readonly timeout?: number | undefined;
}

/** No options. */
const NO_OPTIONS: ProxyCallOptions = Object.freeze({});

// The names are held to their grammar.
const TARGET_RULES: OptionRules<ProxyTarget> = { destination: ANY, path: ANY, timeout: WAIT_RULES.timeout };

/** What a proxy has besides the methods of its interface. */
export interface ProxyMembers<Spec extends InterfaceSpec> {
  /** Reads a property. */
  readonly $get: <P extends ReadableProperty<Spec>>(
    name: P,
    options?: ProxyReadOptions,
  ) => Promise<PropertyValue<Spec, P>>;
  /** Writes a property. */
  readonly $set: <P extends WritableProperty<Spec>>(
    name: P,
    value: PropertyInput<Spec, P>,
    options?: ProxyCallOptions,
  ) => Promise<void>;
  /**
   * Reads all properties. Those that the definition does not have are left out, and so are those whose values have
   * another type than it says; these are counted as 'unexpected signature' among what the connection has dropped.
   */
  readonly $getAll: (options?: ProxyReadOptions) => Promise<Partial<PropertyValues<Spec>>>;
  /** Subscribes to a signal of this object, sent by the owner of the destination and nobody else. */
  readonly $signal: <S extends SignalName<Spec>>(name: S, options?: SignalOptions) => SignalStream<SignalBody<Spec, S>>;
}

/** A remote object's interface, as functions. */
export type Proxy<Spec extends InterfaceSpec> = ProxyMethods<Spec, ProxyCallOptions> & ProxyMembers<Spec>;

/**
 * Makes a proxy. Methods take their in-arguments and then, optionally, {@link ProxyCallOptions}; they resolve with
 * nothing, the one out-argument, or a tuple of several, and reject with what {@link Bus.call} rejects with.
 * Replies whose types are not those of the definition reject with {@link UnexpectedSignatureError}.
 * @throws {InvalidNameError} where destination or path are none
 * @throws {ArgumentError} if the bus, the definition or the target is something else, such as a promise of it
 */
export function createProxy<const Spec extends InterfaceSpec>(
  link: MessageLink,
  definition: InterfaceDefinition<Spec>,
  target: ProxyTarget,
): Proxy<Spec>;
export function createProxy(link: MessageLink, definition: InterfaceDefinition, target: ProxyTarget): object {
  if (!hasMethods(link, 'subscribe', 'call')) {
    throw argumentError('createProxy', 'the link must be a Bus or a Connection', link);
  }
  if (!hasMethods(definition, 'implement')) {
    const slip = hasMethods(definition, 'attach') ? '; an implementation has one as its definition' : '';
    throw argumentError('createProxy', `the definition must be one of defineInterface${slip}`, definition);
  }
  if (typeof target !== 'object' || target === null) {
    throw argumentError('createProxy', 'the target must be an object', target);
  }
  checkOptions('createProxy', target, TARGET_RULES);
  if (target.destination !== undefined || hasMethods(link, 'requestName')) assertBusName(target.destination);
  assertObjectPath(target.path);
  const proxy = Object.create(null) as Record<string, unknown>; // Object.create has no type for "nothing inherited"
  for (const [member, method] of Object.entries(definition.methods)) {
    proxy[member] = methodFunction(link, { target, interfaceName: definition.name, member, method });
  }
  return Object.freeze(Object.assign(proxy, propertyFunctions(link, definition, target), {
    $signal: (name: string, options: SignalOptions = {}): SignalStream<readonly unknown[]> => {
      const signal = definition.signals[name];
      if (signal === undefined) throw new TypeError(`${definition.name} has no signal ${name}`);
      checkOptions(`$signal of ${definition.name}.${name}`, options, SIGNAL_RULES);
      const { destination: sender, path } = target;
      const rule = { sender, path, interface: definition.name, member: name };
      const { signal: end, queueLimit } = options;
      return signalStream(link.subscribe(rule, { signal: end, queueLimit, signature: signal.args }));
    },
  }));
}

function methodFunction(
  link: MessageLink,
  { target, interfaceName, member, method }: {
    readonly target: ProxyTarget;
    readonly interfaceName: string;
    readonly member: string;
    readonly method: MethodDefinition;
  },
): (...args: readonly unknown[]) => Promise<unknown> {
  const { destination, path, timeout: defaultTimeout } = target;
  const place = { interface: interfaceName, member, argumentNames: method.inNames };
  const types = splitSignature(method.in);
  const outCount = splitSignature(method.out).length;
  return async (...args) => {
    if (args.length > types.length + 1) {
      throw new TypeError(`${interfaceName}.${member} takes ${types.length} arguments and options, got ${args.length}`);
    }
    const body = args.slice(0, types.length);
    const options = args[types.length] === undefined ? NO_OPTIONS : args[types.length];
    if (options !== NO_OPTIONS) checkOptions(`${interfaceName}.${member}`, options, CALL_RULES);
    const {
      timeout = defaultTimeout, signal, noReply = method.noReply, noAutoStart, allowInteractiveAuthorization,
    } = options as ProxyCallOptions; // checked right above
    const least = types.length - method.optional;
    while (body.length > least && body.at(-1) === undefined) body.pop();
    const reply = await link.call<string>({
      destination, path, interface: interfaceName, member, body,
      signature: types.slice(0, Math.max(body.length, least)).join(''), replySignature: method.out,
      timeout, signal, noReply, noAutoStart, allowInteractiveAuthorization, place,
    });
    return noReply || outCount === 0 ? undefined : outCount === 1 ? reply[0] : reply;
  };
}

type PropertyFunctions = ProxyMembers<InterfaceSpec>;

function propertyFunctions(
  link: MessageLink,
  definition: InterfaceDefinition,
  { destination, path, timeout: defaultTimeout }: ProxyTarget,
): Pick<PropertyFunctions, '$get' | '$set' | '$getAll'> {
  const typeOf = (name: string): string => {
    const property = definition.properties[name];
    if (property === undefined) throw new TypeError(`${definition.name} has no property ${name}`);
    return property.type;
  };
  /** Calls a method of the interface that all properties are behind; `name` is the property, if it is about one. */
  const invoke = (
    member: 'Get' | 'Set' | 'GetAll',
    { name, args, options = NO_OPTIONS }: {
      readonly name?: string;
      readonly args: readonly unknown[];
      readonly options: ProxyCallOptions | undefined;
    },
  ): Promise<readonly unknown[]> => {
    const { timeout = defaultTimeout, signal, noReply, noAutoStart, allowInteractiveAuthorization } = options;
    const { in: signature, out: replySignature, inNames: argumentNames } = Properties.methods[member];
    const body = name === undefined ? [definition.name] : [definition.name, name, ...args];
    const place = { interface: definition.name, member: name, argumentNames };
    return link.call<string>({
      destination, path, interface: Properties.name, member, signature, body, replySignature,
      timeout, signal, noReply, noAutoStart, allowInteractiveAuthorization, place,
    });
  };

  return {
    $get: async (name, options) => {
      const expected = typeOf(name);
      checkOptions(`$get of ${definition.name}.${name}`, options, READ_RULES);
      const [read] = await invoke('Get', { name, args: [], options });
      const { signature: actual, value } = read as Variant; // by the signature of the reply
      if (actual === expected) return value as never; // the declared type of the property
      throw new UnexpectedSignatureError(`Get of ${definition.name}.${name}`, { expected, actual });
    },
    $set: async (name, value, options) => {
      checkOptions(`$set of ${definition.name}.${name}`, options, CALL_RULES);
      await invoke('Set', { name, args: [variant(typeOf(name), value)], options });
    },
    $getAll: async (options) => {
      checkOptions(`$getAll of ${definition.name}`, options, READ_RULES);
      const [read] = await invoke('GetAll', { args: [], options });
      const values = read as ReadonlyMap<string, Variant>; // by the signature of the reply
      const result = Object.create(null) as Record<string, unknown>; // a property may be called `__proto__`
      for (const [name, { signature: actual, value }] of values) {
        if (!Object.hasOwn(definition.properties, name)) continue;
        const expected = typeOf(name);
        if (actual === expected) {
          result[name] = value;
        } else {
          const error = new UnexpectedSignatureError(`GetAll of ${definition.name}.${name}`, { expected, actual });
          countDrop(link, 'unexpected signature', { error });
        }
      }
      return Object.freeze(result) as never; // the declared types of the properties, as above
    },
  };
}
