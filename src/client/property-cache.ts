// The kept values of the properties of one interface of one object, and the proxy that has them ($cache): read once,
// kept by PropertiesChanged, emptied while the service does not run. Changes are kept in their order: a value that was
// requested before a change arrived is older than the change. Tests: property-watch.test.ts.
// Specification: org.freedesktop.DBus.Properties (GetAll, PropertiesChanged).
import type { MessageLink } from '../connection/link.js';
import { runListener } from '../connection/signal-taps.js';
import type { InterfaceDefinition } from '../interface/definition.js';
import { checkOptions, FUNCTION, type OptionRules } from '../wire/options.js';
import type { Variant } from '../wire/variant.js';
import { eachFitting } from './fitting-values.js';
import { Follow, FOLLOW_RULES, type FollowedState, type FollowOptions } from './follow.js';
import { propertyCaller, type PropertyFunctions } from './proxy-properties.js';
import { type ProxyReadOptions, type ProxyTarget, READ_RULES } from './proxy-options.js';
import { type ChangedBody, CHANGED_SIGNATURE, changesOf } from './property-watch.js';

/* Values --------------------------------------------------------------------------------------------------------- */

/** A moment in the order of changes. */
export type Moment = number;

/** A budget of memory for values; many interfaces can share one. */
export interface ValueBudget {
  /**
   * Reserves memory, or releases it if `bytes` is negative. Returns false, and reserves nothing, if there is not
   * enough.
   */
  take(bytes: number): boolean;
}

/** The kept values of one interface of one object. */
export class PropertyValues {
  readonly #link: MessageLink<boolean>;
  readonly #definition: InterfaceDefinition;
  readonly #budget: ValueBudget | undefined;
  readonly #values = new Map<string, unknown>();
  /** When each property was last changed or invalidated. */
  readonly #changedAt = new Map<string, Moment>();
  /** When all values were last forgotten: the answer to an earlier request is of a former owner. */
  #clearedAt: Moment = 0;
  #now: Moment = 0;
  #isLive = true;
  #snapshot: Readonly<Record<string, unknown>> | undefined;

  constructor(link: MessageLink<boolean>, definition: InterfaceDefinition, budget?: ValueBudget) {
    this.#link = link;
    this.#definition = definition;
    this.#budget = budget;
  }

  /** All values, as a frozen object: the same one until a value changes. */
  get all(): Readonly<Record<string, unknown>> {
    if (this.#snapshot === undefined) {
      const record = Object.create(null) as Record<string, unknown>; // the name of a property can be `__proto__`
      for (const [name, value] of this.#values) record[name] = value;
      this.#snapshot = Object.freeze(record);
    }
    return this.#snapshot;
  }

  /** The present moment: later changes are newer than a value that is requested now. */
  get now(): Moment {
    return this.#now;
  }

  /** Whether the value of a property is kept, and follows its changes. */
  has(name: string): boolean {
    return this.#isLive && this.#values.has(name);
  }

  get(name: string): unknown {
    return this.#values.get(name);
  }

  /** Whether a property has changed, or all values were forgotten, after a moment. */
  hasChangedSince(name: string, asked: Moment): boolean {
    return (this.#changedAt.get(name) ?? this.#clearedAt) > asked;
  }

  /** Takes a value that was requested at a moment, unless a change is newer. */
  answer(name: string, value: unknown, asked: Moment): void {
    if (this.#keeps(name) && !this.hasChangedSince(name, asked)) this.#set(name, [value]);
  }

  /** Takes all values, which were requested at a moment; returns the names of the properties that have changed. */
  answerAll(variants: ReadonlyMap<string, Variant>, source: string, asked: Moment): string[] {
    const names = new Set<string>();
    for (const name of this.#values.keys()) {
      if (!variants.has(name) && !this.hasChangedSince(name, asked)) names.add(name);
    }
    for (const name of names) this.#set(name, []);
    eachFitting(this.#link, this.#definition, {
      source, variants, take: (name, value) => {
        if (this.hasChangedSince(name, asked) || !this.#keeps(name)) return;
        this.#set(name, value);
        names.add(name);
      },
    });
    return [...names];
  }

  /** Takes PropertiesChanged; returns the names of the readable properties that the definition has. */
  change(changed: ReadonlyMap<string, Variant>, invalidated: readonly string[]): string[] {
    this.#now++;
    const names = new Set<string>();
    eachFitting(this.#link, this.#definition, {
      source: 'PropertiesChanged', variants: changed, take: (name, value) => this.#note(name, value, names),
    });
    for (const name of invalidated) {
      const property = this.#definition.properties[name];
      if (property !== undefined && property.access !== 'write') this.#note(name, [], names);
    }
    return [...names];
  }

  #note(name: string, value: readonly [] | readonly [unknown], names: Set<string>): void {
    this.#changedAt.set(name, this.#now);
    this.#set(name, this.#keeps(name) ? value : []);
    names.add(name);
  }

  /** A property whose changes are not announced is not kept: its value could become outdated unnoticed. */
  #keeps(name: string): boolean {
    return this.#isLive && this.#definition.properties[name]?.emitsChanged !== 'false';
  }

  /** Keeps the values as they are: no change follows. Their memory no longer counts. */
  stop(): void {
    for (const value of this.#values.values()) this.#budget?.take(-weightOf(value));
    this.#isLive = false;
  }

  #set(name: string, value: readonly [] | readonly [unknown]): void {
    this.#snapshot = undefined;
    const budget = this.#budget;
    if (budget !== undefined && this.#values.has(name)) budget.take(-weightOf(this.#values.get(name)));
    const [kept] = value;
    if (value.length > 0 && (budget === undefined || budget.take(weightOf(kept)))) this.#values.set(name, kept);
    else this.#values.delete(name);
  }

  /** Forgets all values; returns the names of those that were known. */
  clear(): string[] {
    this.#clearedAt = ++this.#now;
    this.#changedAt.clear(); // all of these moments are earlier
    const names = [...this.#values.keys()];
    for (const name of names) this.#set(name, []);
    return names;
  }
}

/** The memory of a small value, in bytes: a rough number, as for a string of one letter. */
const SMALL = 24;

/** Roughly the memory of a value that was read, in bytes. */
export function weightOf(value: unknown): number {
  if (typeof value === 'string') return SMALL + 2 * value.length;
  if (typeof value !== 'object' || value === null) return SMALL;
  if (ArrayBuffer.isView(value)) return 4 * SMALL + value.byteLength;
  let sum = 2 * SMALL;
  if (Array.isArray(value)) {
    for (const element of value) sum += weightOf(element);
  } else if (value instanceof Map) {
    for (const [key, element] of value) sum += weightOf(key) + weightOf(element);
  } else if ('value' in value) {
    sum += weightOf(value.value); // a variant
  }
  return sum;
}

/* Proxies -------------------------------------------------------------------------------------------------------- */

/** How properties are kept. `Values` are those that can be read. */
export interface CacheOptions<Values = Readonly<Record<string, unknown>>> extends FollowOptions {
  /**
   * Called when values of the cache change, become known, or become unknown: with the names of these properties, and
   * all values. An exception becomes an uncaught exception of the process.
   */
  readonly changed?: ((
    names: readonly (keyof Values & string)[],
    properties: { readonly [P in keyof Values]?: Values[P] }, // written out: an editor shows the values, not the name
  ) => void) | undefined;
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
