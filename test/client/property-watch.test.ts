// Watching a property and keeping all of them on a real bus: services of ours, and services that answer in any order.

import { expect, onTestFinished, test } from 'vitest';
import { createProxy } from '../../src/client/proxy.js';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { ConnectionClosedError } from '../../src/connection/errors.js';
import { defineInterface } from '../../src/interface/define.js';
import { exportObject } from '../../src/service/export-object.js';
import { errorReply, type MethodCall, methodReturn, signal } from '../../src/wire/messages/message.js';
import { type Variant, variant } from '../../src/wire/variant.js';
import { useBusPair } from '../support/bus-pair.js';
import { heavyTest } from '../support/extent.js';
import type { PrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { type Same, same } from '../types/support.js';

const NAME = 'com.example.Player';
const path = '/player';
const Player = defineInterface({
  name: 'com.example.Player1',
  properties: {
    Volume: { type: 'd', access: 'readwrite' },
    Title: { type: 's', access: 'read' },
    Cover: { type: 'ay', access: 'read', emitsChanged: 'invalidates' },
    Position: { type: 'x', access: 'read', emitsChanged: 'false' },
    Version: { type: 's', access: 'read', emitsChanged: 'const' },
    Secret: { type: 's', access: 'write' },
  },
});

const suite = describeWith('dbus-daemon');

let daemon: PrivateBus;
let service: Bus;
let client: Bus;

useBusPair((pair) => {
  ({ daemon, service, client } = pair);
});

/** A player whose values are those of a record; `set` changes one and announces it. */
async function startPlayer(bus: Bus, start: { volume?: number; title?: string } = {}) {
  const state = { volume: start.volume ?? 0.5, title: start.title ?? 'first', cover: Uint8Array.of(1), reads: 0 };
  const player = Player.implement({
    properties: {
      Volume: { get: () => (state.reads++, state.volume), set: (value) => void (state.volume = value) },
      Title: { get: () => state.title },
      Cover: { get: () => (state.reads++, state.cover) },
      Position: { get: () => (state.reads++, 5n) },
      Version: { get: () => '1' },
      Secret: { set: () => {} },
    },
  });
  exportObject(bus, path, player);
  await bus.requestName(NAME);
  const set = (change: Partial<typeof state>): void => {
    Object.assign(state, change);
    if ('volume' in change) player.emitPropertiesChanged('Volume');
    if ('title' in change) player.emitPropertiesChanged('Title');
    if ('cover' in change) player.emitPropertiesChanged('Cover');
  };
  return { state, set };
}

/** Answers calls of Properties by hand, and sends changes when it wants to. */
async function startByHand(bus: Bus, answer: (call: MethodCall) => void): Promise<(
  changed: Record<string, Variant>, invalidated?: readonly string[]) => void> {
  bus.handleMethodCalls(answer);
  await bus.requestName(NAME);
  return (changed, invalidated = []) => {
    bus.send(signal({
      path, interface: 'org.freedesktop.DBus.Properties', member: 'PropertiesChanged', signature: 'sa{sv}as',
      body: [Player.name, changed, invalidated],
    }));
  };
}

const proxyOf = (bus: Bus) => createProxy(bus, Player, { destination: NAME, path });

/** Another connection, which a test closes as a service that ends. */
async function connect(): Promise<Bus> {
  const bus = await connectToBus(daemon.address);
  onTestFinished(() => bus.close());
  return bus;
}

suite('$watch', () => {
  test('yields the present value, and then each change', async () => {
    const { set } = await startPlayer(service);
    const seen: number[] = [];
    for await (const volume of proxyOf(client).$watch('Volume')) {
      same<Same<typeof volume, number>>();
      seen.push(volume);
      if (seen.length === 4) break;
      set({ volume: volume + 1 });
    }
    expect(seen).toEqual([0.5, 1.5, 2.5, 3.5]);
  });

  test('calls a listener with each value, until it is closed', async () => {
    const { set } = await startPlayer(service);
    const seen: string[] = [];
    const watch = proxyOf(client).$watch('Title', (title) => {
      same<Same<typeof title, string>>();
      seen.push(title);
    });
    await watch.ready;
    expect(seen).toEqual(['first']);
    set({ title: 'second' });
    await expect.poll(() => seen).toEqual(['first', 'second']);
    set({ title: 'third' });
    await expect.poll(() => seen).toEqual(['first', 'second', 'third']);
    await watch.close();
    set({ title: 'fourth' });
    await proxyOf(client).$get('Title');
    expect(seen).toEqual(['first', 'second', 'third']);
    expect(await watch.closed).toBeUndefined();
  });

  test('reads a property again if its change was announced without its value', async () => {
    const { set } = await startPlayer(service);
    const seen: number[] = [];
    for await (const cover of proxyOf(client).$watch('Cover')) {
      seen.push(...cover);
      if (seen.length === 3) break;
      set({ cover: Uint8Array.of(seen.length + 1) });
    }
    expect(seen).toEqual([1, 2, 3]);
  });

  test('yields only the newest value to a slow reader', async () => {
    const { set } = await startPlayer(service);
    const volumes = proxyOf(client).$watch('Volume');
    await volumes.ready;
    for (let volume = 1; volume <= 100; volume++) set({ volume });
    await proxyOf(client).$get('Volume'); // all changes have arrived
    expect(await volumes.next()).toEqual({ value: 100, done: false });
    await volumes.close();
    expect(await volumes.next()).toEqual({ value: undefined, done: true });
  });

  test('is not set back by an answer that is older than a change', async () => {
    const change = await startByHand(service, (call) => {
      change({ Volume: variant('d', 2) });
      service.send(methodReturn(call, { signature: 'v', body: [variant('d', 1)] }));
    });
    const seen: number[] = [];
    const watch = proxyOf(client).$watch('Volume', (volume) => seen.push(volume));
    await watch.ready;
    expect(seen).toEqual([2]);
  });

  test('reads again if the property is invalidated before the reply arrives', async () => {
    let asked = 0;
    const change = await startByHand(service, (call) => {
      if (++asked === 1) change({}, ['Volume']);
      service.send(methodReturn(call, { signature: 'v', body: [variant('d', asked)] }));
    });
    const seen: number[] = [];
    const watch = proxyOf(client).$watch('Volume', (volume) => seen.push(volume));
    await watch.ready;
    expect(seen).toEqual([2]);
    change({}, ['Volume', 'Other']);
    change({}, ['Volume']);
    await expect.poll(() => seen.at(-1)).toBe(4);
  });

  test('ignores changes of another type, of other interfaces and of other objects', async () => {
    const change = await startByHand(service, (call) => {
      service.send(methodReturn(call, { signature: 'v', body: [variant('d', 1)] }));
    });
    const seen: number[] = [];
    const watch = proxyOf(client).$watch('Volume', (volume) => seen.push(volume));
    await watch.ready;
    change({ Volume: variant('s', 'loud'), Other: variant('d', 5) });
    const foreign = { interface: 'org.freedesktop.DBus.Properties', member: 'PropertiesChanged', signature: 'sa{sv}as' } as const;
    service.send(signal({ ...foreign, path, body: ['com.example.Other', { Volume: variant('d', 6) }, []] }));
    service.send(signal({ ...foreign, path: '/other', body: [Player.name, { Volume: variant('d', 7) }, []] }));
    change({ Volume: variant('d', 2) });
    await expect.poll(() => seen).toEqual([1, 2]);
    expect(client.dropped.get('unexpected signature')).toBe(1);
  });

  test('follows the service through a restart, and through the time before its start', async () => {
    const volumes = proxyOf(client).$watch('Volume');
    await volumes.ready; // there is no service
    const first = await connect();
    await startPlayer(first, { volume: 1 });
    expect(await volumes.next()).toEqual({ value: 1, done: false });
    await first.close();
    const second = await connect();
    const { set } = await startPlayer(second, { volume: 2 });
    expect(await volumes.next()).toEqual({ value: 2, done: false });
    set({ volume: 3 });
    expect(await volumes.next()).toEqual({ value: 3, done: false });
    await volumes.close();
  });

  test('continues if the service ends before it replies', async () => {
    const first = await connect();
    await startByHand(first, () => void first.close());
    const volumes = proxyOf(client).$watch('Volume');
    await volumes.ready;
    await startPlayer(service, { volume: 2 });
    expect(await volumes.next()).toEqual({ value: 2, done: false });
  });

  test('reads again if a service owns its name before it exports its objects', async () => {
    const volumes = proxyOf(client).$watch('Volume');
    await volumes.ready; // there is no service
    let asked = 0;
    await startByHand(service, (call) => {
      const errorName = `org.freedesktop.DBus.Error.${asked === 0 ? 'UnknownObject' : 'UnknownMethod'}`;
      service.send(++asked < 3 ? errorReply(call, { errorName, message: 'not yet' })
        : methodReturn(call, { signature: 'v', body: [variant('d', asked)] }));
    });
    expect(await volumes.next()).toEqual({ value: 3, done: false });
    await volumes.close();
  });

  heavyTest('does not read again if the service was running already, and otherwise stops after some attempts', async () => {
    const hopeless = proxyOf(client).$watch('Volume');
    await hopeless.ready; // there is no service
    let asked = 0;
    await startByHand(service, (call) => {
      asked++;
      service.send(errorReply(call, { errorName: 'org.freedesktop.DBus.Error.UnknownMethod', message: 'never' }));
    });
    await expect(hopeless.next()).rejects.toThrow('never');
    expect(asked).toBe(6);
    await expect(proxyOf(client).$watch('Volume').ready).rejects.toThrow('never');
    expect(asked).toBe(7);
  });

  test('ends with the error of a service that refuses', async () => {
    await startByHand(service, (call) => {
      service.send(errorReply(call, { errorName: 'com.example.Error.No', message: 'no' }));
    });
    const volumes = proxyOf(client).$watch('Volume');
    await expect(volumes.ready).rejects.toMatchObject({ errorName: 'com.example.Error.No' });
    await expect(volumes.next()).rejects.toMatchObject({ errorName: 'com.example.Error.No' });
    expect(await volumes.next()).toEqual({ value: undefined, done: true });
    const watch = proxyOf(client).$watch('Volume', () => {});
    expect(await watch.closed).toMatchObject({ errorName: 'com.example.Error.No' });
  });

  test('ends with an error if the value has another type', async () => {
    await startByHand(service, (call) => {
      service.send(methodReturn(call, { signature: 'v', body: [variant('u', 1)] }));
    });
    await expect(proxyOf(client).$watch('Volume').next()).rejects.toMatchObject({ expected: 'd', actual: 'u' });
  });

  test('ends with its AbortSignal, and with the connection', async () => {
    await startPlayer(service);
    const abort = new AbortController();
    const volumes = proxyOf(client).$watch('Volume', { signal: abort.signal });
    const titles = proxyOf(client).$watch('Title');
    await Promise.all([volumes.next(), titles.next()]);
    abort.abort(new Error('enough'));
    await expect(volumes.next()).rejects.toThrow('enough');
    expect(() => proxyOf(client).$watch('Volume', { signal: abort.signal })).toThrow('enough');
    const waiting = expect(titles.next()).rejects.toThrow(ConnectionClosedError);
    await client.close();
    await waiting;
    await expect(proxyOf(client).$watch('Title').next()).rejects.toThrow(ConnectionClosedError);
  });

  heavyTest('removes its match rule', async () => {
    await startPlayer(service);
    const proxy = proxyOf(client);
    for (let round = 0; round < 600; round++) { // more than a bus accepts at once
      for await (const volume of proxy.$watch('Volume')) {
        expect(volume).toBe(0.5);
        break;
      }
    }
  });

  test('refuses properties that it cannot watch', () => {
    const proxy = proxyOf(client);
    // @ts-expect-error no such property
    expect(() => proxy.$watch('Volum')).toThrow('com.example.Player1.Volum: no such property: it must be one of');
    // @ts-expect-error changes that are not announced
    expect(() => proxy.$watch('Position')).toThrow(
      "com.example.Player1.Position: changes are not announced with emitsChanged 'false': it must be 'true' or 'invalidates'; $get reads it",
    );
    // @ts-expect-error a property that cannot be read
    void proxy.$watch('Secret').close();
    // @ts-expect-error an unknown option
    expect(() => proxy.$watch('Volume', { timeout: 5 })).toThrow('$watch of com.example.Player1.Volume: unknown option "timeout"');
  });
});

suite('$cache', () => {
  test('keeps the values of all properties, as they change', async () => {
    const { set, state } = await startPlayer(service);
    const changes: unknown[] = [];
    await using player = await proxyOf(client).$cache({
      changed: (names, { Volume }) => {
        same<Same<typeof names, readonly ('Volume' | 'Title' | 'Cover' | 'Position' | 'Version')[]>>();
        same<Same<typeof Volume, number | undefined>>();
        changes.push([names, Volume]);
      },
    });
    const { Volume: volume } = player.$properties;
    same<Same<typeof volume, number | undefined>>();
    expect({ ...player.$properties }).toEqual({ Volume: 0.5, Title: 'first', Cover: Uint8Array.of(1), Version: '1' });
    expect(player.$properties).toBe(player.$properties);
    expect(Object.isFrozen(player.$properties)).toBe(true);
    const reads = state.reads;
    expect(await player.$get('Volume')).toBe(0.5);
    expect(state.reads).toBe(reads);
    set({ volume: 0.75 });
    await expect.poll(() => player.$properties.Volume).toBe(0.75);
    expect(changes).toEqual([[['Volume'], 0.75]]);
    await player.$set('Volume', 0.5); // it is a proxy as before
  });

  test('reads an invalidated property again when it is used, and caches the answer', async () => {
    const { set, state } = await startPlayer(service);
    await using player = await proxyOf(client).$cache();
    set({ cover: Uint8Array.of(2) });
    await expect.poll(() => 'Cover' in player.$properties).toBe(false);
    const reads = state.reads;
    expect(await player.$get('Cover')).toEqual(Uint8Array.of(2));
    expect(await player.$get('Cover')).toEqual(Uint8Array.of(2));
    expect(state.reads).toBe(reads + 1);
    expect(player.$properties.Cover).toEqual(Uint8Array.of(2));
  });

  test('does not cache a property whose changes are not announced', async () => {
    const { state } = await startPlayer(service);
    await using player = await proxyOf(client).$cache();
    expect('Position' in player.$properties).toBe(false);
    const reads = state.reads;
    expect([await player.$get('Position'), await player.$get('Position')]).toEqual([5n, 5n]);
    expect(state.reads).toBe(reads + 2);
  });

  test('leaves out and counts a property of another type, and caches the others', async () => {
    const change = await startByHand(service, (call) => {
      const all = { Volume: variant('s', 'loud'), Title: variant('s', 'first'), Unknown: variant('s', '') };
      const isAll = call.member === 'GetAll';
      service.send(methodReturn(call, isAll
        ? { signature: 'a{sv}', body: [all] } : { signature: 'v', body: [variant('s', 'loud')] }));
    });
    await using player = await proxyOf(client).$cache();
    expect({ ...player.$properties }).toEqual({ Title: 'first' });
    expect(client.dropped.get('unexpected signature')).toBe(1);
    await expect(player.$get('Volume')).rejects.toThrow(
      'the reply to Get of com.example.Player1.Volume has signature "s": it must have "d"',
    );
    change({ Volume: variant('d', 1), Title: variant('u', 5) });
    await expect.poll(() => ({ ...player.$properties })).toEqual({ Volume: 1 });
  });

  test('is not set back by an answer that is older than a change', async () => {
    const change = await startByHand(service, (call) => {
      change({ Volume: variant('d', 2) }, ['Title']);
      const all = { Volume: variant('d', 1), Title: variant('s', 'old'), Version: variant('s', '1') };
      const isAll = call.member === 'GetAll';
      service.send(methodReturn(call, isAll
        ? { signature: 'a{sv}', body: [all] } : { signature: 'v', body: [variant('s', 'newer')] }));
    });
    await using player = await proxyOf(client).$cache();
    expect({ ...player.$properties }).toEqual({ Volume: 2, Version: '1' });
    expect(await player.$get('Title')).toBe('newer');
  });

  test('does not keep the late answer of a former owner of the name', async () => {
    const calls: MethodCall[] = [];
    const answer = (bus: Bus, call: MethodCall, cover: number): void => {
      const value = variant('ay', Uint8Array.of(cover));
      bus.send(methodReturn(call, call.member === 'GetAll'
        ? { signature: 'a{sv}', body: [{ Cover: value }] } : { signature: 'v', body: [value] }));
    };
    service.handleMethodCalls((call) => (call.member === 'Get' ? void calls.push(call) : answer(service, call, 1)));
    await service.requestName(NAME, { allowReplacement: true });
    const next = await connect();
    next.handleMethodCalls((call) => answer(next, call, 2));
    await using player = await proxyOf(client).$cache();
    service.send(signal({
      path, interface: 'org.freedesktop.DBus.Properties', member: 'PropertiesChanged', signature: 'sa{sv}as',
      body: [Player.name, {}, ['Cover']],
    }));
    await expect.poll(() => 'Cover' in player.$properties).toBe(false);
    const cover = player.$get('Cover'); // it is not known when the owner changes
    await expect.poll(() => calls.length).toBe(1);
    await next.requestName(NAME, { replaceExisting: true });
    await expect.poll(() => player.$properties.Cover).toEqual(Uint8Array.of(2));
    answer(service, calls[0]!, 1);
    expect(await cover).toEqual(Uint8Array.of(2));
    expect(player.$properties.Cover).toEqual(Uint8Array.of(2));
  });

  test('leaves out a property that cannot be read, whatever the service sends', async () => {
    const change = await startByHand(service, (call) => {
      const all = { Secret: variant('s', 'known'), Title: variant('s', 'first') };
      service.send(methodReturn(call, { signature: 'a{sv}', body: [all] }));
    });
    const changes: (readonly string[])[] = [];
    await using player = await proxyOf(client).$cache({ changed: (names) => changes.push(names) });
    expect({ ...player.$properties }).toEqual({ Title: 'first' });
    expect(await proxyOf(client).$getAll()).toEqual({ Title: 'first' });
    change({ Secret: variant('s', 'other') }, ['Secret']);
    change({ Title: variant('s', 'second') }, ['Secret']);
    await expect.poll(() => ({ ...player.$properties })).toEqual({ Title: 'second' });
    expect(changes).toEqual([['Title']]);
  });

  test('is empty while the service does not run, and is filled again', async () => {
    const changes: (readonly string[])[] = [];
    await using player = await proxyOf(client).$cache({ changed: (names) => changes.push(names) });
    expect({ ...player.$properties }).toEqual({});
    const first = await connect();
    await startPlayer(first, { title: 'one' });
    await expect.poll(() => player.$properties.Title).toBe('one');
    await first.close();
    await expect.poll(() => player.$properties.Title).toBeUndefined();
    expect({ ...player.$properties }).toEqual({});
    const second = await connect();
    await startPlayer(second, { title: 'two' });
    await expect.poll(() => player.$properties.Title).toBe('two');
    expect(changes.map((names) => names.length)).toEqual([4, 4, 4]);
  });

  test('is empty after its end, and then reads from the service', async () => {
    const { set } = await startPlayer(service);
    const player = await proxyOf(client).$cache();
    await player.$close();
    expect({ ...player.$properties }).toEqual({});
    set({ volume: 0.75 });
    expect(await player.$get('Volume')).toBe(0.75);
    expect({ ...player.$properties }).toEqual({});
    expect(await player.$closed).toBeUndefined();
    const other = await proxyOf(client).$cache();
    await client.close();
    expect(await other.$closed).toBeInstanceOf(ConnectionClosedError);
  });

  test('rejects with the error of a service that refuses', async () => {
    await startByHand(service, (call) => {
      service.send(errorReply(call, { errorName: 'com.example.Error.No', message: 'no' }));
    });
    await expect(proxyOf(client).$cache()).rejects.toMatchObject({ errorName: 'com.example.Error.No' });
    // @ts-expect-error not a function
    await expect(proxyOf(client).$cache({ changed: 5 })).rejects.toThrow(
      '$cache of com.example.Player1: "changed" must be a function, got number 5',
    );
  });

  test('can be awaited: it has no `then`', async () => {
    await startPlayer(service);
    await using player = await proxyOf(client).$cache();
    expect(await player).toBe(player);
    expect(Object.isFrozen(player)).toBe(true);
  });
});
