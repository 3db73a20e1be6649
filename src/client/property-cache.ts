// A proxy that keeps the values of its properties: read once, kept by PropertiesChanged, emptied while the service does
// not run. Tests: property-watch.test.ts. Specification: org.freedesktop.DBus.Properties (GetAll, PropertiesChanged).
import type { MessageLink } from '../connection/link.js';
import { runListener } from '../connection/signal-taps.js';
import type { InterfaceDefinition } from '../interface/definition.js';
import { checkOptions, FUNCTION, type OptionRules } from '../wire/options.js';
import type { Variant } from '../wire/variant.js';
import { Follow, FOLLOW_RULES, type FollowedState, type FollowOptions } from './follow.js';
import { propertyCaller, type PropertyFunctions } from './proxy-properties.js';
import { type ProxyReadOptions, type ProxyTarget, READ_RULES } from './proxy-options.js';
import { PropertyValues } from './property-values.js';
import { type ChangedBody, CHANGED_SIGNATURE, changesOf } from './property-watch.js';

/** How properties are kept. `Values` are those that can be read. */
export interface CacheOptions<Values = Readonly<Record<string, unknown>>> extends FollowOptions {
  /**
   * Called when values of the cache change, become known, or become unknown: with the names of these properties, and
   * all values. An exception becomes an uncaught exception of the process.
   */
  readonly changed?: ((names: readonly (keyof Values & string)[], properties: Partial<Values>) => void) | undefined;
}

const CACHE_RULES: OptionRules<CacheOptions> = { ...FOLLOW_RULES, changed: FUNCTION };

/** A copy of a proxy with `$properties`, and a `$get` that calls the service only for values that are not kept. */
export function withValues(
  proxy: Readonly<Record<string, unknown>> & Pick<PropertyFunctions, '$get'>,
  { definition, values }: { readonly definition: InterfaceDefinition; readonly values: PropertyValues },
): Record<string, unknown> {
  const ask = async (name: string, options: ProxyReadOptions | undefined): Promise<unknown> => {
    const asked = values.now;
    const value = await proxy.$get(name, options);
    values.answer(name, value, asked);
    return values.has(name) ? values.get(name) : value; // a change can be newer
  };
  const $get = (name: string, options?: ProxyReadOptions): Promise<unknown> => {
    if (!values.has(name)) return ask(name, options);
    try {
      checkOptions(`$get of ${definition.name}.${name}`, options, READ_RULES);
      return Promise.resolve(values.get(name));
    } catch (error) {
      return Promise.reject(error as Error);
    }
  };
  const cached = Object.create(null) as Record<string, unknown>; // Object.create has no type for "nothing inherited"
  Object.assign(cached, proxy, { $get });
  return Object.defineProperty(cached, '$properties', { enumerable: true, get: () => values.all });
}

/** Makes the function `$cache` of a proxy. */
export function cacheFunction(
  link: MessageLink<boolean>, definition: InterfaceDefinition,
  { target, proxy }: {
    readonly target: ProxyTarget;
    readonly proxy: Readonly<Record<string, unknown>> & Pick<PropertyFunctions, '$get'>;
  },
): (options?: CacheOptions) => Promise<object> {
  const { name: interfaceName } = definition;
  const { destination } = target;
  const call = propertyCaller(link, definition, target);
  const variantsOf = ([read]: readonly unknown[]) => read as ReadonlyMap<string, Variant>; // by its signature

  const $cache = async (options: CacheOptions = {}): Promise<object> => {
    checkOptions(`$cache of ${interfaceName}`, options, CACHE_RULES);
    const { changed } = options;
    const values = new PropertyValues(link, definition);
    let isOpen = false;
    const announce = (names: readonly string[]): void => {
      if (isOpen && changed !== undefined && names.length > 0) runListener(() => changed(names, values.all));
    };
    const place = { interface: interfaceName };
    const state: FollowedState = {
      load: async (isCurrent, how) => {
        const asked = values.now;
        const wanted = { place, options: how, resultOf: variantsOf, above: $cache };
        const variants = await call('GetAll', [interfaceName], wanted);
        if (isCurrent()) announce(values.answerAll(variants, 'GetAll', asked));
      },
      clear: () => announce(values.clear()),
      take: ({ body }) => {
        const [, changedValues, invalidated] = body as unknown as ChangedBody; // by its signature
        announce(values.change(changedValues, invalidated));
      },
      end: () => {
        values.clear();
        values.stop();
      },
    };
    const signals = { rules: [changesOf(interfaceName, target)], signature: () => CHANGED_SIGNATURE };
    const follow = new Follow(link, { destination, signals, state, options });
    await follow.ready;
    isOpen = true;
    const $close = (): Promise<void> => follow.close();
    const cached = withValues(proxy, { definition, values });
    return Object.freeze(Object.assign(cached, { $close, $closed: follow.closed, [Symbol.asyncDispose]: $close }));
  };
  return $cache;
}
