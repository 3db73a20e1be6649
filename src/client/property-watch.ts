// Watches one property: its value first, and then each change. The rule is sent before Get is called, and a change that
// arrives before the reply is newer than the reply. Tests: property-watch.test.ts. Specification:
// org.freedesktop.DBus.Properties (PropertiesChanged).
import { countDrop } from '../connection/drops.js';
import { UnexpectedSignatureError } from '../connection/errors.js';
import type { MessageLink } from '../connection/link.js';
import { runListener } from '../connection/signal-taps.js';
import type { InterfaceDefinition } from '../interface/definition.js';
import { DefinitionError, unknownMember } from '../interface/errors.js';
import { Properties } from '../interface/standard.js';
import type { MatchRule } from '../protocol/match-rule.js';
import type { Signal } from '../wire/messages/message.js';
import { checkOptions } from '../wire/options.js';
import type { Variant } from '../wire/variant.js';
import { Follow, FOLLOW_RULES, type FollowedState, type FollowOptions } from './follow.js';
import type { ProxyReadOptions, ProxyTarget } from './proxy-options.js';
import { Pull } from './pull.js';

/**
 * The values of a property, the present one first, for one reader. A reader that is slower than the changes gets the
 * newest value only. Leaving the loop closes it.
 */
export interface PropertyStream<Value> extends AsyncIterableIterator<Value>, AsyncDisposable {
  /**
   * Resolves when the first value is known, or the service is known to be absent. Rejects if the value cannot be read.
   */
  readonly ready: Promise<void>;
  /** Ends the stream and removes its match rule. */
  close(): Promise<void>;
}

/** A property whose values go to a listener. */
export interface PropertyWatch extends AsyncDisposable {
  /**
   * Resolves when the first value is known, or the service is known to be absent. Rejects if the value cannot be read.
   */
  readonly ready: Promise<void>;
  /**
   * Resolves when the watch has ended, and never rejects: with the reason of its AbortSignal, the error by which the
   * property cannot be read, or the end of the connection; with undefined after `close`.
   */
  readonly closed: Promise<unknown>;
  /** Ends the watch and removes its match rule; the listener is no longer called. */
  close(): Promise<void>;
}

/** The signature of PropertiesChanged. */
export const CHANGED_SIGNATURE = Properties.signals.PropertiesChanged.args;

/** The body of PropertiesChanged, by its signature. */
export type ChangedBody = readonly [string, ReadonlyMap<string, Variant>, readonly string[]];

/** The rule for the changes of the properties of an interface: of one object, or of all at a path and below it. */
export function changesOf(
  interfaceName: string, { destination, path, pathNamespace }: {
    readonly destination?: string | undefined;
    readonly path?: string | undefined;
    readonly pathNamespace?: string | undefined;
  },
): MatchRule {
  return {
    sender: destination, path, pathNamespace, interface: Properties.name, member: 'PropertiesChanged',
    args: { 0: interfaceName },
  };
}

type Read = (name: string, options: ProxyReadOptions) => Promise<unknown>;

/** How many reads in a row may be outdated when they arrive, before the last value is used anyway. */
const MAX_ATTEMPTS = 3;

/** The state of one watch: whether the last value that was given is the present one. */
class WatchedProperty implements FollowedState {
  readonly #link: MessageLink<boolean>;
  readonly #definition: InterfaceDefinition;
  readonly #name: string;
  readonly #read: Read;
  readonly #give: (value: unknown) => void;
  readonly #ended: (error?: { readonly reason: unknown }) => void;
  /** Counts the changes; the reply to a Get from before a change is outdated. */
  #changes = 0;
  #isKnown = false;
  /** Whether a read is in progress, or waits for a pause to end. */
  #isLoading = false;
  /** Set by the watch. */
  reload = (): void => {};

  constructor(
    link: MessageLink<boolean>, { definition, name, read, give, ended }: {
      readonly definition: InterfaceDefinition;
      readonly name: string;
      readonly read: Read;
      readonly give: (value: unknown) => void;
      readonly ended: (error?: { readonly reason: unknown }) => void;
    },
  ) {
    this.#link = link;
    this.#definition = definition;
    this.#name = name;
    this.#read = read;
    this.#give = give;
    this.#ended = ended;
  }

  async load(isCurrent: () => boolean, options: ProxyReadOptions): Promise<boolean> {
    if (this.#isKnown) return this.#endLoad(); // a change has come during the pause before this load
    this.#isLoading = true;
    for (let attempt = 1; ; attempt++) {
      const asked = this.#changes;
      const value = await this.#read(this.#name, options);
      if (!isCurrent()) return false;
      if (this.#isKnown) return this.#endLoad(); // a change with its value is newer
      if (asked === this.#changes) {
        this.#endLoad();
        this.#take(value);
        return false;
      }
      if (attempt < MAX_ATTEMPTS) continue;
      this.#give(value); // outdated, but the newest one there is
      return true;
    }
  }

  #endLoad(): false {
    this.#isLoading = false;
    return false;
  }

  clear(): void {
    this.#changes++;
    this.#isKnown = false;
    this.#isLoading = false;
  }

  take({ body }: Signal): void {
    const [, changed, invalidated] = body as unknown as ChangedBody; // by its signature
    const variant = changed.get(this.#name);
    const { type: expected } = this.#definition.properties[this.#name]!; // the definition has it
    if (variant?.signature === expected) {
      this.#changes++;
      this.#take(variant.value);
    } else if (variant !== undefined) {
      const place = `PropertiesChanged of ${this.#definition.name}.${this.#name}`;
      const error = new UnexpectedSignatureError(place, { expected, actual: variant.signature, isSignal: true });
      countDrop(this.#link, 'unexpected signature', { error });
    } else if (invalidated.includes(this.#name)) {
      this.#changes++;
      this.#isKnown = false;
      if (this.#isLoading) return;
      this.#isLoading = true;
      this.reload();
    }
  }

  #take(value: unknown): void {
    this.#isKnown = true;
    this.#give(value);
  }

  end(error?: { readonly reason: unknown }): void {
    this.#ended(error);
  }
}

/** The function `$watch` of a proxy. */
export type WatchFunction = (
  name: string, how?: FollowOptions | ((value: unknown) => void), options?: FollowOptions,
) => PropertyStream<unknown> | PropertyWatch;

/** Makes the function `$watch` of a proxy; `read` is its `$get`. */
export function watchFunction(
  link: MessageLink<boolean>, definition: InterfaceDefinition,
  { target, read }: { readonly target: ProxyTarget; readonly read: Read },
): WatchFunction {
  const { name: interfaceName } = definition;
  const { destination } = target;
  const rule = changesOf(interfaceName, target);

  const follow = (
    name: string, options: FollowOptions, to: Pick<ConstructorParameters<typeof WatchedProperty>[1], 'give' | 'ended'>,
  ): Follow => {
    const { give, ended } = to;
    const state = new WatchedProperty(link, { definition, name, read, give, ended });
    const signals = { rules: [rule], signature: () => CHANGED_SIGNATURE };
    const made = new Follow(link, { destination, signals, state, options });
    state.reload = () => made.reload();
    return made;
  };

  const check = (name: string, options: FollowOptions): void => {
    const property = typeof name === 'string' ? definition.properties[name] : undefined;
    if (property === undefined) {
      throw unknownMember('property', name, { definition, caller: `$watch of ${interfaceName}`, above: $watch });
    }
    if (property.emitsChanged === 'false' || property.emitsChanged === 'const') {
      const problem = `changes are not announced with emitsChanged '${property.emitsChanged}': `
        + "it must be 'true' or 'invalidates'; $get reads it";
      throw new DefinitionError('PROPERTY_DOES_NOT_SIGNAL', problem, { interface: interfaceName, member: name });
    }
    checkOptions(`$watch of ${interfaceName}.${name}`, options, FOLLOW_RULES);
  };

  const $watch: WatchFunction = (name, how, options = {}) => {
    if (typeof how === 'function') {
      check(name, options);
      return watchWith(how, (to) => follow(name, options, to));
    }
    check(name, how ?? {});
    return streamOf(`${interfaceName}.${name}`, (to) => follow(name, how ?? {}, to));
  };
  return $watch;
}

type Begin = (to: {
  readonly give: (value: unknown) => void;
  readonly ended: (error?: { readonly reason: unknown }) => void;
}) => Follow;

function watchWith(listener: (value: unknown) => void, begin: Begin): PropertyWatch {
  const follow = begin({ give: (value) => runListener(() => listener(value)), ended: () => {} });
  const close = (): Promise<void> => follow.close();
  return Object.freeze({ ready: follow.ready, closed: follow.closed, close, [Symbol.asyncDispose]: close });
}

function streamOf(name: string, begin: Begin): PropertyStream<unknown> {
  let newest: readonly [unknown] | undefined;
  const take = (): readonly [unknown] | undefined => {
    const taken = newest;
    newest = undefined;
    return taken;
  };
  const follow = begin({
    give: (value) => {
      newest = [value];
      pull.wake();
    },
    ended: (error) => pull.end(error),
  });
  const close = (): Promise<void> => {
    newest = undefined;
    return follow.close();
  };
  const pull = new Pull(() => `property ${name}`, take, close);
  const stream: PropertyStream<unknown> = {
    ready: follow.ready,
    next: () => pull.next(),
    return: () => pull.return(),
    close,
    [Symbol.asyncIterator]: () => stream,
    [Symbol.asyncDispose]: close,
  };
  return Object.freeze(stream);
}
