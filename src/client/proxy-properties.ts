// The properties of a proxy: $get, $set and $getAll, which call org.freedesktop.DBus.Properties of the remote object.
// Tests: proxy.test.ts. Specification: org.freedesktop.DBus.Properties.
import { flagsOf, mergeDefaults } from '../connection/call-options.js';
import { attachDescriptors, handingDescriptors } from '../connection/descriptors.js';
import { UnexpectedSignatureError } from '../connection/errors.js';
import { invokerOf } from '../connection/invoker.js';
import type { MessageLink } from '../connection/link.js';
import { asDeclaredError } from '../interface/declared-errors.js';
import type { InterfaceDefinition } from '../interface/definition.js';
import { unknownMember } from '../interface/errors.js';
import { Properties } from '../interface/standard.js';
import type { Caller } from '../wire/error-place.js';
import type { ErrorPlace } from '../wire/errors.js';
import { methodCall, wantsReply } from '../wire/messages/message.js';
import { checkOptions } from '../wire/options.js';
import type { Variant } from '../wire/variant.js';
import { eachFitting } from './fitting-values.js';
import {
  CALL_RULES, NO_OPTIONS, type ProxyCallOptions, type ProxyReadOptions, type ProxyTarget, READ_RULES,
} from './proxy-options.js';

/** The functions for properties, without the types of their names and values. */
export interface PropertyFunctions {
  readonly $get: (name: string, options?: ProxyReadOptions) => Promise<unknown>;
  readonly $set: (name: string, value: unknown, options?: ProxyCallOptions) => Promise<void>;
  readonly $getAll: (options?: ProxyReadOptions) => Promise<Readonly<Record<string, unknown>>>;
}

/** A property: its type, and its place in errors. */
interface ProxyProperty {
  readonly type: string;
  readonly place: ErrorPlace;
  /** The value in the body of a reply to Get; throws if it has another type. */
  readonly valueOf: (body: readonly unknown[]) => unknown;
}

function nothing(): undefined {}

function proxyProperty(
  type: string, { interface: interfaceName, member }: { readonly interface: string; readonly member: string },
): ProxyProperty {
  const valueOf = (body: readonly unknown[]): unknown => {
    const { signature, value } = body[0] as Variant; // by the signature of the reply
    if (signature === type) return value;
    throw new UnexpectedSignatureError(`Get of ${interfaceName}.${member}`, { expected: type, actual: signature });
  };
  return { type, place: { interface: interfaceName, member, propertyType: type }, valueOf };
}

/** A call of org.freedesktop.DBus.Properties. */
interface PropertyCall<Result> {
  readonly place: ErrorPlace;
  readonly options: ProxyCallOptions;
  readonly resultOf: (body: readonly unknown[]) => Result;
  readonly above: Caller;
}

/** Makes the function that calls org.freedesktop.DBus.Properties of the remote object. */
export function propertyCaller(
  link: MessageLink<boolean>, definition: InterfaceDefinition, target: ProxyTarget,
) {
  const { destination, path } = target;
  const invoker = invokerOf(link);
  const defaults = mergeDefaults(target, invoker.callDefaults);
  const declaresErrors = Object.keys(definition.errors).length > 0;
  const throwDeclared = (error: unknown): never => {
    throw asDeclaredError(definition, error);
  };
  return <Result>(
    member: 'Get' | 'Set' | 'GetAll', body: readonly unknown[],
    { place, options, resultOf, above }: PropertyCall<Result>,
  ): Promise<Result> => {
    const { in: signature, out: replySignature } = Properties.methods[member];
    const { timeout = defaults.timeout, signal, descriptors, onDescriptors } = options;
    const called = methodCall<string>({
      destination, path, interface: Properties.name, member, signature, body, flags: flagsOf(options, false, defaults),
    });
    const message = descriptors === undefined ? called : attachDescriptors(called, descriptors);
    const isHanded = onDescriptors !== undefined && wantsReply(called);
    const settle = isHanded ? handingDescriptors(resultOf, onDescriptors) : resultOf;
    const result = invoker.invoke({ message, timeout, signal, replySignature, place, resultOf: settle }, above);
    const made = result as Promise<Result>; // what resultOf returns
    return declaresErrors ? made.catch(throwDeclared) : made;
  };
}

/** Makes the functions for the properties of an interface. */
export function propertyFunctions(
  link: MessageLink<boolean>, definition: InterfaceDefinition, target: ProxyTarget,
): PropertyFunctions {
  const { name: interfaceName } = definition;
  const properties = new Map(Object.entries(definition.properties).map(([name, { type }]): [string, ProxyProperty] => (
    [name, proxyProperty(type, { interface: interfaceName, member: name })]
  )));
  const allPlace: ErrorPlace = { interface: interfaceName };
  const call = propertyCaller(link, definition, target);

  const propertyOf = (name: string, caller: '$get' | '$set', above: Caller): ProxyProperty => {
    const property = properties.get(name);
    if (property !== undefined) return property;
    throw unknownMember('property', name, { definition, caller: `${caller} of ${interfaceName}`, above });
  };

  const valuesOf = ([read]: readonly unknown[]): Readonly<Record<string, unknown>> => {
    const values = read as ReadonlyMap<string, Variant>; // by the signature of the reply
    const result = Object.create(null) as Record<string, unknown>; // the name of a property can be `__proto__`
    eachFitting(link, definition, {
      source: 'GetAll', variants: values, take: (name, value) => {
        if (value.length > 0) [result[name]] = value;
      },
    });
    return Object.freeze(result);
  };

  const $get: PropertyFunctions['$get'] = (name, options = NO_OPTIONS) => {
    try {
      const { place, valueOf } = propertyOf(name, '$get', $get);
      if (options !== NO_OPTIONS) checkOptions(`$get of ${interfaceName}.${name}`, options, READ_RULES);
      return call('Get', [interfaceName, name], { place, options, resultOf: valueOf, above: $get });
    } catch (error) {
      return Promise.reject(error as Error);
    }
  };

  const $set: PropertyFunctions['$set'] = (name, value, options = NO_OPTIONS) => {
    try {
      const { type, place } = propertyOf(name, '$set', $set);
      if (options !== NO_OPTIONS) checkOptions(`$set of ${interfaceName}.${name}`, options, CALL_RULES);
      const body = [interfaceName, name, { signature: type, value }];
      return call('Set', body, { place, options, resultOf: nothing, above: $set });
    } catch (error) {
      return Promise.reject(error as Error);
    }
  };

  const $getAll: PropertyFunctions['$getAll'] = (options = NO_OPTIONS) => {
    try {
      if (options !== NO_OPTIONS) checkOptions(`$getAll of ${interfaceName}`, options, READ_RULES);
      return call('GetAll', [interfaceName], { place: allPlace, options, resultOf: valuesOf, above: $getAll });
    } catch (error) {
      return Promise.reject(error as Error);
    }
  };

  return { $get, $set, $getAll };
}
