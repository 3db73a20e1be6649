// The type of the proxies of a definition, for the parameters of functions. It contains only types.
// Tests: test/types/definition-types.test.ts.
import type { InterfaceDefinition } from '../interface/definition.js';
import type { Proxy } from './proxy.js';

/**
 * The proxies of a definition: `function play(player: ProxyOf<typeof Player>)`. `Typed` is true for proxies on a link
 * with the option `typedArrays`.
 */
export type ProxyOf<Definition, Typed extends boolean = false> =
  Definition extends InterfaceDefinition<infer Spec> ? Proxy<Spec, Typed> : never;
