// The properties of a proxy: $get, $set and $getAll, which call org.freedesktop.DBus.Properties of the remote object.
// Tests: proxy.test.ts. Specification: org.freedesktop.DBus.Properties.
import { countDrop } from '../connection/drops.js';
import { UnexpectedSignatureError } from '../connection/errors.js';
import type { MessageLink } from '../connection/link.js';
import type { InterfaceDefinition } from '../interface/definition.js';
import { unknownMember } from '../interface/errors.js';
import { Properties } from '../interface/standard.js';
import type { Caller } from '../wire/error-place.js';
import type { ErrorPlace } from '../wire/errors.js';
import { checkOptions } from '../wire/options.js';
import type { Variant } from '../wire/variant.js';
import {
  CALL_RULES, NO_OPTIONS, type ProxyCallOptions, type ProxyReadOptions, type ProxyTarget, READ_RULES,
} from './proxy-options.js';

/** The functions for properties, without the types of their names and values. */
interface PropertyFunctions {
  readonly $get: (name: string, options?: ProxyReadOptions) => Promise<unknown>;
  readonly $set: (name: string, value: unknown, options?: ProxyCallOptions) => Promise<void>;
  readonly $getAll: (options?: ProxyReadOptions) => Promise<Readonly<Record<string, unknown>>>;
}

/** A property: its type, and its place in errors. */
interface ProxyProperty {
  readonly type: string;
  readonly place: ErrorPlace;
}

/** Makes the functions for the properties of an interface. */
export function propertyFunctions(
  link: MessageLink, definition: InterfaceDefinition, target: ProxyTarget,
): PropertyFunctions {
  const { destination, path, timeout: defaultTimeout } = target;
  const { name: interfaceName } = definition;
  const properties = new Map(Object.entries(definition.properties).map(([name, { type }]): [string, ProxyProperty] => (
    [name, { type, place: { interface: interfaceName, member: name, propertyType: type } }]
  )));
  const allPlace: ErrorPlace = { interface: interfaceName };

  const propertyOf = (name: string, caller: '$get' | '$set', above: Caller): ProxyProperty => {
    const property = properties.get(name);
    if (property !== undefined) return property;
    throw unknownMember('property', name, { definition, caller: `${caller} of ${interfaceName}`, above });
  };

  const call = (
    member: 'Get' | 'Set' | 'GetAll',
    body: readonly unknown[],
    { place, options }: { readonly place: ErrorPlace; readonly options: ProxyCallOptions },
  ): Promise<readonly unknown[]> => {
    const { timeout = defaultTimeout, signal, noReply, noAutoStart, allowInteractiveAuthorization } = options;
    const { in: signature, out: replySignature } = Properties.methods[member];
    return link.call<string>({
      destination, path, interface: Properties.name, member, signature, body, replySignature,
      timeout, signal, noReply, noAutoStart, allowInteractiveAuthorization, place,
    });
  };

  const $get: PropertyFunctions['$get'] = async (name, options = NO_OPTIONS) => {
    const { type, place } = propertyOf(name, '$get', $get);
    if (options !== NO_OPTIONS) checkOptions(`$get of ${interfaceName}.${name}`, options, READ_RULES);
    const reply = await call('Get', [interfaceName, name], { place, options });
    const { signature, value } = reply[0] as Variant; // by the signature of the reply
    if (signature === type) return value;
    throw new UnexpectedSignatureError(`Get of ${interfaceName}.${name}`, { expected: type, actual: signature });
  };

  const $set: PropertyFunctions['$set'] = async (name, value, options = NO_OPTIONS) => {
    const { type, place } = propertyOf(name, '$set', $set);
    if (options !== NO_OPTIONS) checkOptions(`$set of ${interfaceName}.${name}`, options, CALL_RULES);
    await call('Set', [interfaceName, name, { signature: type, value }], { place, options });
  };

  const $getAll: PropertyFunctions['$getAll'] = async (options = NO_OPTIONS) => {
    if (options !== NO_OPTIONS) checkOptions(`$getAll of ${interfaceName}`, options, READ_RULES);
    const [read] = await call('GetAll', [interfaceName], { place: allPlace, options });
    const values = read as ReadonlyMap<string, Variant>; // by the signature of the reply
    const result = Object.create(null) as Record<string, unknown>; // the name of a property can be `__proto__`
    for (const [name, { signature, value }] of values) {
      const property = properties.get(name);
      if (property === undefined) continue;
      if (signature === property.type) {
        result[name] = value;
      } else {
        const mismatch = { expected: property.type, actual: signature };
        const error = new UnexpectedSignatureError(`GetAll of ${interfaceName}.${name}`, mismatch);
        countDrop(link, 'unexpected signature', { error });
      }
    }
    return Object.freeze(result);
  };

  return { $get, $set, $getAll };
}
