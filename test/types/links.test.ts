// The types of what arrives on a link: typed arrays for arrays of numbers if the link has the option `typedArrays`, and
// nothing for a call without a reply. `npm test` compiles this file first.

import { expect, onTestFinished, test } from 'vitest';
import {
  type ManagedObject, type ManagedObjects, manageObjects, type ManageOptions, type ObjectChange,
} from '../../src/client/managed-objects.js';
import {
  type CachedMembers, type CachedProxy, type ClosableProxy, createProxy, type Proxy, type ProxyMembers, type WatchFunction,
} from '../../src/client/proxy.js';
import type { ProxyCallOptions } from '../../src/client/proxy-options.js';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus, sessionBus, systemBus } from '../../src/connection/open-bus.js';
import { type Connection, type ConnectOptions, openConnection } from '../../src/connection/connection.js';
import type { MessageLink } from '../../src/connection/link.js';
import { defineInterface } from '../../src/interface/define.js';
import type { Implementation, InterfaceDefinition } from '../../src/interface/definition.js';
import type { SpecOf } from '../../src/interface/definition-types.js';
import type { PropertyValues } from '../../src/interface/infer.js';
import { exportObject } from '../../src/service/export-object.js';
import { startPair } from '../connection/fake-server.js';
import { nextSignal } from '../support/waiting.js';
import { same, type Same } from './support.js';

const Meter = defineInterface({
  name: 'com.example.Meter1',
  methods: {
    Scale: { in: 'adt', out: 'ad', optional: 1 },
    Histogram: { out: 'a{s(ai)}' },
    Rename: { in: 's' },
  },
  properties: { Window: { type: 'ax', access: 'readwrite' } },
  signals: { Measured: { args: 'ayan' } },
});
const Names = defineInterface({ name: 'com.example.Names1', methods: { Join: { in: 'asab', out: 's' } } });

const names = Names.implement({ methods: { Join: (parts) => parts.join() } });
const SCALE = { path: '/meter', interface: Meter.name, member: 'Scale', signature: 'ad' } as const;

/** A link whose two ends read typed arrays or, by default, plain ones. */
async function linked<Typed extends boolean = false>(options: { readonly typedArrays?: Typed } = {}) {
  const pair = await startPair(options);
  onTestFinished(() => pair[Symbol.asyncDispose]());
  return pair;
}

test('a link with the option typedArrays delivers typed arrays, with their types', async () => {
  const { one, other } = await linked({ typedArrays: true });
  let window: BigInt64Array = new BigInt64Array([1n, 2n]);
  const meter = Meter.implementTyped({
    methods: {
      Scale: (samples, factor) => {
        same<Same<typeof samples, Float64Array>>();
        same<Same<typeof factor, bigint | undefined>>();
        return samples.map((sample) => sample * Number(factor ?? 2n));
      },
      Histogram: () => ({ a: [[1, 2]] }),
      Rename: () => {},
    },
    properties: {
      Window: {
        get: () => window,
        set: (value) => {
          same<Same<typeof value, BigInt64Array>>();
          window = value;
        },
      },
    },
  });
  exportObject(other, '/meter', [meter, names]);
  const proxy = createProxy(one, Meter, { path: '/meter' });
  same<Same<typeof one, Connection<true>>>();

  const scaled = await proxy.Scale([1, 2], 3);
  same<Same<typeof scaled, Float64Array>>();
  expect(scaled).toEqual(new Float64Array([3, 6]));
  const histogram = await proxy.Histogram();
  same<Same<typeof histogram, Map<string, [Int32Array]>>>();
  expect(histogram).toEqual(new Map([['a', [new Int32Array([1, 2])]]]));
  await proxy.$set('Window', [5n]);
  const value = await proxy.$get('Window');
  same<Same<typeof value, BigInt64Array>>();
  const all = await proxy.$getAll();
  same<Same<typeof all, { readonly Window?: BigInt64Array }>>();
  expect([value, all.Window]).toEqual([new BigInt64Array([5n]), new BigInt64Array([5n])]);

  await using measured = proxy.$signal('Measured');
  meter.emit('Measured', [1], [2]);
  const signal = await nextSignal(measured);
  same<Same<typeof signal, [Uint8Array, Int16Array]>>();
  expect(signal).toEqual([new Uint8Array([1]), new Int16Array([2])]);

  const body = await one.call({ ...SCALE, body: [[4]], replySignature: 'ad' });
  same<Same<typeof body, [Float64Array]>>();
  expect(body).toEqual([new Float64Array([8])]);
  expect([one.typedArrays, other.typedArrays]).toEqual([true, true]);
});

test('a link without that option delivers plain arrays, with their types', async () => {
  const { one, other } = await linked();
  const meter = Meter.implement({
    methods: {
      Scale: (samples) => {
        same<Same<typeof samples, number[]>>();
        return samples.concat(0);
      },
      Histogram: () => ({}),
      Rename: () => {},
    },
    properties: { Window: { get: () => [], set: (value) => void same<Same<typeof value, bigint[]>>() } },
  });
  exportObject(other, '/meter', [meter, names]);
  const scaled = await createProxy(one, Meter, { path: '/meter' }).Scale(new Float64Array([1]));
  same<Same<typeof scaled, number[]>>();
  expect(scaled).toEqual([1, 0]);
  const body = await one.call({ ...SCALE, body: [[4]], replySignature: 'ad' });
  same<Same<typeof body, [number[]]>>();
  expect([body, one.typedArrays]).toEqual([[[4, 0]], false]);
});

test('the option typedArrays determines the types of a bus, a connection and their proxies', async () => {
  same<Same<typeof Meter extends InterfaceDefinition<infer Spec> ? Proxy<Spec> : never,
    ReturnType<typeof proxyOf<false>>>>();
  const opened = {
    plain: () => sessionBus(), empty: () => systemBus({}), limited: () => connectToBus('', { maxValues: 5 }),
    off: () => sessionBus({ typedArrays: false }), kept: (options: ConnectOptions) => connectToBus('', options),
    typed: () => sessionBus({ typedArrays: true, maxValues: 5 }), direct: () => openConnection('', { typedArrays: true }),
    typedKept: (options: ConnectOptions<true>) => systemBus(options),
    either: (typedArrays: boolean) => connectToBus('', { typedArrays }),
  };
  type Opened = { [K in keyof typeof opened]: Awaited<ReturnType<typeof opened[K]>> };
  same<Same<Opened, {
    plain: Bus; empty: Bus; limited: Bus; off: Bus; kept: Bus;
    typed: Bus<true>; direct: Connection<true>; typedKept: Bus<true>;
    either: Bus<boolean>;
  }>>();
  // @ts-expect-error an unknown option
  await expect(sessionBus({ typedArays: true })).rejects.toThrow('typedArays');
});

function proxyOf<Typed extends boolean>(link: MessageLink<Typed>) {
  return createProxy(link, Meter, { path: '/meter' });
}

test('an implementation fits only links of one kind, unless its handlers get no arrays of numbers', async () => {
  const { other } = await linked();
  const typedLink = other as unknown as MessageLink<true>; // only the compiler looks
  const unknownLink = other as MessageLink<boolean>;
  const members = {
    methods: { Scale: () => [], Histogram: () => ({}), Rename: () => {} },
    properties: { Window: { get: () => [], set: () => {} } },
  };
  const plain = Meter.implement(members);
  const typed = Meter.implementTyped(members);
  exportObject(other, '/1', plain);
  exportObject(typedLink, '/2', typed);
  // @ts-expect-error its handlers expect typed arrays
  exportObject(other, '/3', typed);
  // @ts-expect-error its handlers expect plain arrays
  exportObject(typedLink, '/4', [names, plain]);
  // @ts-expect-error its handlers expect plain arrays, and the link may have typed ones
  exportObject(unknownLink, '/5', plain);
  for (const link of [other, typedLink, unknownLink]) exportObject(link, `/${Math.random()}`.replace('.', ''), names);
  const list: readonly Implementation[] = [plain, names];
  expect(list).toHaveLength(2);
});

/** Whether a value of a type can be used for another one. */
type Assignable<From, To> = [From] extends [To] ? true : false;

test('values from a link with typed arrays are not assignable to the types of a link without them', () => {
  const Gauge = defineInterface({ name: 'com.example.Gauge1', properties: { Window: { type: 'ai', access: 'read' } } });
  const Bare = defineInterface({ name: 'com.example.Bare1', properties: { Other: { type: 's', access: 'read' } } });
  type M = SpecOf<typeof Meter>;
  type G = SpecOf<typeof Gauge>; // without methods and signals
  same<Same<false, [
    Assignable<Proxy<M, true>, Proxy<M>>, Assignable<Proxy<M>, Proxy<M, true>>,
    Assignable<Proxy<G, true>, Proxy<G>>, Assignable<Proxy<G>, Proxy<G, true>>,
    Assignable<CachedProxy<G, true>, CachedProxy<G>>, Assignable<CachedProxy<G>, CachedProxy<G, true>>,
    Assignable<ClosableProxy<G, true>, ClosableProxy<G>>, Assignable<ClosableProxy<G>, ClosableProxy<G, true>>,
    Assignable<CachedMembers<G, true>, CachedMembers<G>>, Assignable<ProxyMembers<G, true>, ProxyMembers<G>>,
    Assignable<PropertyValues<G, true>, PropertyValues<G>>, Assignable<WatchFunction<G, true>, WatchFunction<G>>,
  ][number]>>();
  type ByMeter = { meter: typeof Meter };
  type ByGauge = { gauge: typeof Gauge };
  same<Same<false, [
    Assignable<ManagedObjects<ByMeter, true>, ManagedObjects<ByMeter>>,
    Assignable<ManagedObjects<ByMeter>, ManagedObjects<ByMeter, true>>,
    Assignable<ManagedObjects<ByGauge, true>, ManagedObjects<ByGauge>>,
    Assignable<ManagedObjects<ByGauge>, ManagedObjects<ByGauge, true>>,
    Assignable<ManagedObject<ByMeter, true>, ManagedObject<ByMeter>>,
    Assignable<ManagedObject<ByGauge>, ManagedObject<ByGauge, true>>,
    Assignable<ObjectChange<ByGauge, true>, ObjectChange<ByGauge>>,
    Assignable<ManageOptions<ByGauge>, ManageOptions<ByGauge, true>>,
    Assignable<ManagedObjects<ByGauge>, ManagedObjects<{ other: typeof Gauge }>>,
    Assignable<ManagedObject<ByGauge>, ManagedObject<{ other: typeof Gauge }>>,
    Assignable<ManagedObjects<ByGauge>, ManagedObjects<{ gauge: typeof Bare }>>,
  ][number]>>();
  // Either can be used if both are expected.
  same<Same<Assignable<CachedProxy<G>, CachedProxy<G, boolean>>, true>>();
  same<Same<Assignable<ManagedObjects<ByGauge, true>, ManagedObjects<ByGauge, boolean>>, true>>();
  const view = (link: MessageLink<true>) => {
    // @ts-expect-error its values have typed arrays
    const plain: ManagedObjects<{ gauge: typeof Gauge }> = manageObjects(link, { path: '/' }, { gauge: Gauge });
    return plain;
  };
  expect(view).toBeTypeOf('function');
});

test('a call without a reply has no result in its type', async () => {
  const { one, other } = await linked();
  other.handleMethodCalls(() => {}); // answers nothing
  const proxy = createProxy(one, Meter, { path: '/meter' });
  const silent = await proxy.Scale([1], undefined, { noReply: true });
  same<Same<typeof silent, void>>();
  const maybe = (options: ProxyCallOptions) => proxy.Scale([1], undefined, options);
  same<Same<ReturnType<typeof maybe>, Promise<number[] | void>>>();
  same<Same<ReturnType<typeof proxy.Scale>, Promise<number[]>>>();
  same<Same<ReturnType<typeof proxy.Rename>, Promise<void>>>();
  const answered = () => proxy.Scale([1], undefined, { noReply: false, timeout: 5 });
  same<Same<ReturnType<typeof answered>, Promise<number[]>>>();
  const scale: (samples: number[]) => Promise<number[]> = proxy.Scale;
  expect(scale).toBe(proxy.Scale);
  await proxy.Rename('x', { noReply: true });
  // @ts-expect-error noReply is a boolean
  await expect(proxy.Scale([1], undefined, { noReply: null })).rejects.toThrow('noReply');

  const empty = await one.call({ ...SCALE, body: [[4]], replySignature: 'ad', noReply: true });
  same<Same<typeof empty, []>>();
  const any = await one.call({ ...SCALE, body: [[4]], noReply: true });
  same<Same<typeof any, []>>();
  expect([silent, await maybe({ noReply: true }), empty, any]).toEqual([undefined, undefined, [], []]);
});
