// The types for functions that work with one interface, and the labels of arguments. `npm test` compiles this
// file: a `@ts-expect-error` without an error is an error. What an editor shows of them is in hovers.test.ts.

import { expect, test } from 'vitest';
import type { ProxyOf } from '../../src/client/proxy-of.js';
import { defineInterface } from '../../src/interface/define.js';
import type { Implementation, InterfaceDefinition } from '../../src/interface/definition.js';
import type {
  HandlersOf, ImplementationOf, MethodsOf, PropertiesOf, SignalsOf, SpecOf,
} from '../../src/interface/definition-types.js';
import type { CallArguments, CallResult, MethodArguments, MethodResult, SignalBody } from '../../src/interface/infer.js';
import type { InterfaceSpec } from '../../src/interface/spec.js';
import type { Variant } from '../../src/wire/variant.js';
import { same, type Same } from './support.js';

const Player = defineInterface({
  name: 'com.example.Player1',
  methods: {
    Play: { in: 'su', inNames: ['track', 'start'], optional: 1 },
    Seek: { in: 'xs', out: 'tad', inNames: ['to', 'unit'] as [to: string, unit: string], optional: 1 },
  },
  properties: { Volume: { type: 'd', access: 'readwrite' }, Key: { type: 's', access: 'write' } },
  signals: { Started: { args: 'sa{sv}', argNames: ['track', 'details'] }, Stopped: {} },
});
type Player = typeof Player;

test('the proxy, the handlers, the signals and the properties of a definition can be types of parameters', async () => {
  const play = async (player: ProxyOf<Player>, ...[track]: SignalsOf<Player>['Started']): Promise<number> => {
    await player.Play(track);
    // @ts-expect-error no such method
    await player.Pley?.(track);
    const volume = await player.$get('Volume');
    same<Same<typeof volume, PropertiesOf<Player>['Volume']>>();
    return volume;
  };
  const handlers: HandlersOf<Player> = {
    methods: { Play: () => {}, Seek: (to, unit) => [to, [unit?.length ?? 0]] },
    properties: { Volume: { get: () => 0.5, set: () => {} }, Key: { set: () => {} } },
  };
  const implementation: ImplementationOf<Player> = Player.implement(handlers);
  same<Same<ReturnType<Player['implement']>, ImplementationOf<Player>>>();
  implementation.emit('Stopped');
  const proxy = { Play: async () => {}, $get: async () => 0.5 } as unknown as ProxyOf<Player>; // the two that are called
  expect(await play(proxy, 'track', new Map())).toBe(0.5);
});

test('the types of a definition are those of its specification', () => {
  same<Same<SignalsOf<Player>, {
    readonly Started: [string, Map<string, Variant>]; readonly Stopped: [];
  }>>();
  same<Same<PropertiesOf<Player>, { readonly Volume: number; readonly Key: string }>>();
  same<Same<ReturnType<MethodsOf<Player>['Seek']>, [bigint, number[]]>>();
  same<Same<ReturnType<MethodsOf<Player, true>['Seek']>, [bigint, Float64Array]>>();
  same<Same<Parameters<MethodsOf<Player>['Play']>, [string, (number | undefined)?]>>();
  same<Same<SpecOf<Player>['name'], 'com.example.Player1'>>();
  same<Same<SpecOf<InterfaceDefinition>, InterfaceSpec>>();
  same<Same<ProxyOf<string>, never>>();
  same<Same<ImplementationOf<InterfaceDefinition>, Implementation<InterfaceSpec, false>>>();
});

test('labels of arguments do not change types, even if there are none or too few', () => {
  type Spec = SpecOf<Player>;
  same<Same<MethodArguments<Spec, 'Seek'>, [bigint, string | undefined]>>();
  same<Same<CallArguments<Spec, 'Seek'>, [bigint | number, (string | undefined)?]>>();
  same<Same<CallResult<Spec, 'Seek'>, [bigint, number[]]>>();
  same<Same<MethodResult<Spec, 'Seek'>, readonly [bigint | number, readonly number[] | Float64Array]>>();
  same<Same<SignalBody<Spec, 'Started'>, [string, Map<string, Variant>]>>();
  interface Loose {
    readonly name: 'a.b';
    readonly methods: { readonly M: { readonly in: 'su'; readonly inNames: readonly string[] }; readonly N: { readonly in: 'su'; readonly inNames: readonly ['a'] } };
  }
  same<Same<MethodArguments<Loose, 'M'>, [string, number]>>();
  same<Same<MethodArguments<Loose, 'N'>, [string, number]>>();
  expect(Player.methods.Seek.inNames).toEqual(['to', 'unit']);
});
