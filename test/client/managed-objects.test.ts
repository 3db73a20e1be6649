// Managed objects on a real bus: of a service that a test plays by hand, in every order of its messages.

import { expect, onTestFinished, test } from 'vitest';
import { manageObjects } from '../../src/client/managed-objects.js';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { ConnectionClosedError, QueueOverflowError } from '../../src/connection/errors.js';
import { defineInterface } from '../../src/interface/define.js';
import { errorReply, type MethodCall, methodReturn, signal } from '../../src/wire/messages/message.js';
import { type Variant, variant } from '../../src/wire/variant.js';
import { useBusPair } from '../support/bus-pair.js';
import { extent, some } from '../support/extent.js';
import type { PrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { type Same, same } from '../types/support.js';

const NAME = 'com.example.Radio';
const Adapter = defineInterface({
  name: 'com.example.Adapter1', properties: { Powered: { type: 'b', access: 'readwrite' } },
});
const Device = defineInterface({
  name: 'com.example.Device1',
  methods: { Connect: {} },
  properties: { Name: { type: 's', access: 'read' }, Battery: { type: 'y', access: 'read' } },
});
const MANAGER = 'org.freedesktop.DBus.ObjectManager';

const suite = describeWith('dbus-daemon');

let daemon: PrivateBus;
let service: Bus;
let client: Bus;

useBusPair((pair) => {
  ({ daemon, service, client } = pair);
});

type Interfaces = Readonly<Record<string, Readonly<Record<string, Variant>>>>;
type Objects = Readonly<Record<string, Interfaces>>;

const device = (name: string): Interfaces => ({
  'com.example.Device1': { Name: variant('s', name) }, 'com.example.Unknown1': { Any: variant('u', 5) },
});

/** A service whose objects a test sends by hand. `list` makes the answer to GetManagedObjects. */
async function startRadio(bus: Bus, list: (radio: Radio, call: MethodCall) => Objects | undefined): Promise<Radio> {
  const radio = new Radio(bus);
  bus.handleMethodCalls((call) => {
    if (call.member === 'GetManagedObjects') {
      radio.lists++;
      const objects = list(radio, call);
      if (objects !== undefined) radio.answer(call, objects);
    } else if (call.member === 'Get') {
      bus.send(methodReturn(call, { signature: 'v', body: [variant('s', `asked ${call.path}`)] }));
    } else {
      bus.send(methodReturn(call));
    }
  });
  await bus.requestName(NAME);
  return radio;
}

class Radio {
  lists = 0;
  readonly #bus: Bus;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  answer(call: MethodCall, objects: Objects): void {
    this.#bus.send(methodReturn(call, { signature: 'a{oa{sa{sv}}}', body: [objects] }));
  }

  add(path: string, interfaces: Interfaces): void {
    this.#send('/', MANAGER, 'InterfacesAdded', 'oa{sa{sv}}', [path, interfaces]);
  }

  remove(path: string, ...interfaces: readonly string[]): void {
    this.#send('/', MANAGER, 'InterfacesRemoved', 'oas', [path, interfaces]);
  }

  change(path: string, changed: Readonly<Record<string, Variant>>, invalidated: readonly string[] = []): void {
    const body = [Device.name, changed, invalidated];
    this.#send(path, 'org.freedesktop.DBus.Properties', 'PropertiesChanged', 'sa{sv}as', body);
  }

  #send(path: string, interfaceName: string, member: string, signature: string, body: readonly unknown[]): void {
    this.#bus.send(signal<string>({ path, interface: interfaceName, member, signature, body }));
  }
}

const target = { destination: NAME, path: '/' };

/** A view, and everything that its callbacks have said. */
function follow(bus: Bus = client, options: { maxObjects?: number; maxBytes?: number; noAutoStart?: boolean } = {}) {
  const said: string[] = [];
  const view = manageObjects(bus, target, { adapter: Adapter, device: Device }, {
    ...options,
    added: ({ kind, path, proxy }) => said.push(`+${kind} ${path} ${'Name' in proxy.$properties ? proxy.$properties.Name : ''}`),
    changed: ({ path, changed }) => said.push(`~${path} ${changed.join()}`),
    removed: ({ kind, path }) => said.push(`-${kind} ${path}`),
  });
  onTestFinished(() => view.close());
  return { view, said };
}

/** Resolves when the client has got everything that the service has sent. */
async function arrived(): Promise<void> {
  await client.call({ destination: service.uniqueName, path: '/', member: 'Ping' });
}

async function connect(): Promise<Bus> {
  const bus = await connectToBus(daemon.address);
  onTestFinished(() => bus.close());
  return bus;
}

suite('managed objects', () => {
  test('are the present objects, with typed proxies and their properties', async () => {
    await startRadio(service, () => ({
      '/a': { 'com.example.Adapter1': { Powered: variant('b', true) } },
      '/a/1': device('one'),
      '/other': { 'com.example.Unknown1': {} },
    }));
    const { view, said } = follow();
    await view.ready;
    expect([...view.objects.keys()]).toEqual(['/a', '/a/1']);
    const powered = view.objects.get('/a')?.adapter?.$properties.Powered;
    same<Same<typeof powered, boolean | undefined>>();
    expect(powered).toBe(true);
    expect(view.objects.get('/a')?.device).toBeUndefined();
    expect(view.objects.get('/a/1')?.device?.$properties.Name).toBe('one');
    await view.objects.get('/a/1')?.device?.Connect();
    expect(said).toEqual(['+adapter /a ', '+device /a/1 one']);
  });

  test('are added, changed and removed', async () => {
    const radio = await startRadio(service, () => ({ '/1': device('one') }));
    const { view, said } = follow();
    await view.ready;
    radio.add('/2', device('two'));
    radio.change('/2', { Name: variant('s', 'second') });
    radio.change('/1', {}, ['Name']);
    radio.change('/3', { Name: variant('s', 'nobody') });
    await arrived();
    expect(view.objects.get('/2')?.device?.$properties.Name).toBe('second');
    expect(view.objects.get('/1')?.device?.$properties).toEqual({});
    expect(await view.objects.get('/1')?.device?.$get('Name')).toBe('asked /1');
    expect(view.objects.get('/1')?.device?.$properties.Name).toBe('asked /1');
    radio.remove('/1', 'com.example.Unknown1');
    radio.remove('/2', 'com.example.Device1', 'com.example.Unknown1');
    radio.remove('/9', 'com.example.Device1');
    await arrived();
    expect([...view.objects.keys()]).toEqual(['/1']);
    expect(said).toEqual(['+device /1 one', '+device /2 two', '~/2 Name', '~/1 Name', '-device /2']);
  });

  test('are empty after a callback has closed the view, even if more were in the list', async () => {
    await startRadio(service, () => Object.fromEntries(
      ['/1', '/2', '/3', '/4', '/5'].map((path) => [path, device(path)]),
    ));
    const added: string[] = [];
    const view = manageObjects(client, target, { adapter: Adapter, device: Device }, {
      added: ({ path }) => {
        added.push(path);
        void view.close();
      },
    });
    await expect.poll(() => added.length).toBeGreaterThan(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(view.objects.size).toBe(0);
    expect(added).toEqual(['/1']);
  });

  test('can get and lose single interfaces', async () => {
    const radio = await startRadio(service, () => ({ '/1': device('one') }));
    const { view } = follow();
    await view.ready;
    const first = view.objects.get('/1');
    radio.add('/1', { 'com.example.Adapter1': { Powered: variant('b', false) } });
    radio.remove('/1', 'com.example.Device1');
    await arrived();
    expect(view.objects.get('/1')).toBe(first);
    expect(Object.keys(first ?? {})).toEqual(['adapter']);
  });

  test('are at the path of the manager or below it: others are left out and counted', async () => {
    service.handleMethodCalls((call) => {
      const paths = ['/radio', '/radio/1', '/radios', '/', '/other/1'];
      const objects = Object.fromEntries(paths.map((path) => [path, device(path)]));
      service.send(methodReturn(call, call.member === 'GetManagedObjects'
        ? { signature: 'a{oa{sa{sv}}}', body: [{ ...objects, '/unknown': { 'com.example.Unknown1': {} } }] } : {}));
    });
    await service.requestName(NAME);
    const view = manageObjects(client, { destination: NAME, path: '/radio' }, { device: Device });
    onTestFinished(() => view.close());
    await view.ready;
    expect([...view.objects.keys()]).toEqual(['/radio', '/radio/1']);
    expect(view.dropped).toBe(3);
    for (const path of ['/radio/2', '/elsewhere']) {
      service.send(signal({
        path: '/radio', interface: MANAGER, member: 'InterfacesAdded', signature: 'oa{sa{sv}}', body: [path, device(path)],
      }));
    }
    await arrived();
    expect([...view.objects.keys()]).toEqual(['/radio', '/radio/1', '/radio/2']);
    expect(view.dropped).toBe(4);
    expect(client.dropped.get('unexpected path')).toBe(4);
  });

  test('leave out a property that cannot be read, whatever the service sends', async () => {
    const Lock = defineInterface({
      name: 'com.example.Lock1', properties: { Code: { type: 's', access: 'write' }, Open: { type: 'b', access: 'read' } },
    });
    const lock = { 'com.example.Lock1': { Code: variant('s', '1234'), Open: variant('b', true) } };
    const radio = await startRadio(service, () => ({ '/1': lock }));
    const view = manageObjects(client, target, { lock: Lock });
    onTestFinished(() => view.close());
    await view.ready;
    radio.add('/2', lock);
    await arrived();
    expect([...view.objects.values()].map((object) => ({ ...object.lock?.$properties }))).toEqual([{ Open: true }, { Open: true }]);
    expect(view.dropped).toBe(0);
  });

  test('leave out and count a property of another type', async () => {
    const radio = await startRadio(service, () => ({
      '/1': { 'com.example.Device1': { Name: variant('u', 5), Battery: variant('y', 50), Other: variant('u', 1) } },
    }));
    const { view } = follow();
    await view.ready;
    expect({ ...view.objects.get('/1')?.device?.$properties }).toEqual({ Battery: 50 });
    expect(client.dropped.get('unexpected signature')).toBe(1);
    radio.change('/1', { Name: variant('s', 'one'), Battery: variant('u', 1) });
    await arrived();
    expect({ ...view.objects.get('/1')?.device?.$properties }).toEqual({ Name: 'one' });
  });
});

suite('signals before the list of all objects', () => {
  test('are applied to it in their order', async () => {
    await startRadio(service, (radio) => {
      radio.add('/new', device('new'));
      radio.change('/old', { Name: variant('s', 'renamed') });
      radio.remove('/gone', 'com.example.Device1');
      radio.add('/brief', device('brief'));
      radio.remove('/brief', 'com.example.Device1');
      return { '/old': device('old'), '/gone': device('gone') };
    });
    const { view } = follow();
    await view.ready;
    const names = Array.from(view.objects, ([path, object]) => `${path} ${object.device?.$properties.Name}`);
    expect(names).toEqual(['/old renamed', '/new new']);
  });

  test('are not confused with signals of the service after a restart', async () => {
    const first = await connect();
    const radio = await startRadio(first, () => {
      radio.add('/late', device('late'));
      void first.close(); // it never answers
      return undefined;
    });
    const { view, said } = follow(client, { noAutoStart: true });
    await view.ready;
    expect(view.objects.size).toBe(0);
    await startRadio(service, () => ({ '/1': device('one') }));
    await expect.poll(() => view.objects.size).toBe(1);
    expect(said).toEqual(['+device /1 one']);
  });

  test('are bounded: the list is requested again, and in the end the view fails', { timeout: 60_000 }, async () => {
    let flood = 1;
    const radio = await startRadio(service, () => {
      if (radio.lists > flood) return { '/1': device('one') };
      const all = { 'com.example.Device1': { Picture: variant('ay', new Uint8Array(2 ** 20)) } };
      for (let n = 0; n < 17; n++) radio.add(`/flood/${n}`, all);
      return {};
    });
    const { view } = follow();
    await view.ready;
    expect([...view.objects.keys()]).toEqual(['/1']);
    expect(radio.lists).toBe(2);
    flood = Infinity;
    const hopeless = follow();
    await expect(hopeless.view.ready).rejects.toThrow(QueueOverflowError);
  });
});

suite('a loop over changes', () => {
  test('begins with the present objects, and its types are narrowed by `kind`', async () => {
    const radio = await startRadio(service, () => ({ '/1': device('one') }));
    const { view } = follow();
    await view.ready;
    const seen: unknown[] = [];
    for await (const change of view) {
      same<Same<typeof change.kind, 'adapter' | 'device'>>();
      if (change.kind === 'device') {
        same<Same<typeof change.proxy.$properties.Name, string | undefined>>();
        same<Same<typeof change.changed, readonly ('Name' | 'Battery')[]>>();
        seen.push([change.type, change.path, change.proxy.$properties.Name, change.changed]);
      }
      if (seen.length === 1) radio.change('/1', { Name: variant('s', 'two') });
      if (seen.length === 2) radio.remove('/1', 'com.example.Device1');
      if (seen.length === 3) break;
    }
    expect(seen).toEqual([
      ['added', '/1', 'one', []], ['changed', '/1', 'two', ['Name']], ['removed', '/1', 'two', []],
    ]);
  });

  test('merges the changes that a slow reader has missed', async () => {
    const radio = await startRadio(service, () => ({ '/1': device('one'), '/2': device('two') }));
    const { view } = follow();
    await view.ready;
    const loop = view[Symbol.asyncIterator]();
    await loop.next();
    await loop.next();
    radio.change('/1', { Name: variant('s', 'a') });
    radio.change('/1', { Battery: variant('y', 1) });
    radio.remove('/2', 'com.example.Device1');
    radio.add('/2', device('again'));
    radio.add('/3', device('three'));
    radio.change('/3', { Name: variant('s', 'third') });
    radio.add('/4', device('four'));
    radio.remove('/4', 'com.example.Device1');
    await arrived();
    const seen: unknown[] = [];
    for (let n = 0; n < 4; n++) {
      const { value } = await loop.next();
      seen.push([value.type, value.path, value.proxy.$properties.Name, value.changed]);
    }
    expect(seen).toEqual([
      ['changed', '/1', 'a', ['Name', 'Battery']], ['removed', '/2', 'two', []], ['added', '/2', 'again', []],
      ['added', '/3', 'third', []],
    ]);
    const next = loop.next();
    radio.remove('/1', 'com.example.Device1');
    const { value } = await next;
    expect(Object.keys({ ...value })).toEqual(['type', 'kind', 'path', 'proxy', 'changed']);
    expect(value).toMatchObject({ type: 'removed', path: '/1' });
  });

  test('ends with the view', async () => {
    await startRadio(service, () => ({ '/1': device('one') }));
    const { view } = follow();
    await view.ready;
    const loop = view[Symbol.asyncIterator]();
    await view.close();
    expect(await loop.next()).toEqual({ value: undefined, done: true });
    expect(view.objects.size).toBe(0);
    expect(await view.closed).toBeUndefined();
    expect(await view[Symbol.asyncIterator]().next()).toEqual({ value: undefined, done: true });
  });

  test('ends with the error of the connection', async () => {
    await startRadio(service, () => ({}));
    const { view } = follow();
    await view.ready;
    const waiting = expect(view[Symbol.asyncIterator]().next()).rejects.toThrow(ConnectionClosedError);
    await client.close();
    await waiting;
    expect(await view.closed).toBeInstanceOf(ConnectionClosedError);
  });
});

suite('a service that restarts', () => {
  test('loses its objects, and gets those that it has after the restart', async () => {
    const { view, said } = follow();
    await view.ready; // there is no service yet
    expect(said).toEqual([]);
    const first = await connect();
    await startRadio(first, () => ({ '/1': device('one'), '/2': device('two') }));
    await expect.poll(() => view.objects.size).toBe(2);
    await first.close();
    await expect.poll(() => view.objects.size).toBe(0);
    const second = await connect();
    await startRadio(second, () => ({ '/2': device('new two') }));
    await expect.poll(() => view.objects.get('/2')?.device?.$properties.Name).toBe('new two');
    expect(said).toEqual(['+device /1 one', '+device /2 two', '-device /1', '-device /2', '+device /2 new two']);
  });
});

suite('a service that refuses', () => {
  test('ends the view with its error', async () => {
    await startRadio(service, (_, call) => {
      service.send(errorReply(call, { errorName: 'com.example.Error.No', message: 'no' }));
      return undefined;
    });
    const { view } = follow();
    await expect(view.ready).rejects.toMatchObject({ errorName: 'com.example.Error.No' });
    await expect(view[Symbol.asyncIterator]().next()).rejects.toMatchObject({ errorName: 'com.example.Error.No' });
    expect(await view.closed).toMatchObject({ errorName: 'com.example.Error.No' });
  });
});

suite('the limits of managed objects', () => {
  test('bound their number, whatever the service announces', async () => {
    const radio = await startRadio(service, () => ({}));
    const { view, said } = follow(client, { maxObjects: 10 });
    await view.ready;
    for (let n = 0; n < 200; n++) radio.add(`/endless/${n}`, device('x'));
    await arrived();
    expect(view.objects.size).toBe(10);
    expect(said).toHaveLength(10);
    expect(view.dropped).toBe(190);
    expect(client.dropped.get('too many objects')).toBe(190);
    radio.remove('/endless/0', 'com.example.Device1');
    radio.add('/place', device('x'));
    await arrived();
    expect(view.objects.has('/place')).toBe(true);
  });

  test('bound the memory of their values', async () => {
    const radio = await startRadio(service, () => ({}));
    const { view } = follow(client, { maxBytes: 100_000 });
    await view.ready;
    for (let n = 0; n < 100; n++) radio.add(`/large/${n}`, device('x'.repeat(1_000)));
    await arrived();
    const kept = [...view.objects.values()].filter((object) => object.device?.$properties.Name !== undefined);
    expect(view.objects.size).toBe(100);
    expect(kept.length).toBeGreaterThan(40);
    expect(kept.length).toBeLessThan(50);
    expect(view.dropped).toBe(100 - kept.length);
    for (let n = 0; n < 100; n++) radio.remove(`/large/${n}`, 'com.example.Device1');
    for (let n = 0; n < 40; n++) radio.add(`/next/${n}`, device('x'.repeat(1_000)));
    await arrived();
    expect(view.objects.get('/next/39')?.device?.$properties.Name).toHaveLength(1_000);
  });

  test('bound the memory of long paths', async () => {
    const radio = await startRadio(service, () => ({}));
    const { view } = follow(client, { maxBytes: 100_000 });
    await view.ready;
    const long = (n: number): string => `/${'x'.repeat(10_000)}/${n}`;
    for (let n = 0; n < 10; n++) radio.add(long(n), device('long'));
    for (let n = 0; n < 10; n++) radio.add(`/usual/${n}`, device('usual'));
    await arrived();
    expect([...view.objects.keys()].map((path) => path.length > 1_000)).toEqual([
      ...Array<boolean>(4).fill(true), ...Array<boolean>(10).fill(false),
    ]);
    expect(view.dropped).toBe(6);
    for (let n = 0; n < 4; n++) radio.remove(long(n), 'com.example.Device1');
    for (let n = 4; n < 8; n++) radio.add(long(n), device('long'));
    await arrived();
    expect(view.objects.has(long(7))).toBe(true);
  });

  test('are high enough for more than a thousand objects at once', { timeout: 60_000 }, async () => {
    const COUNT = extent(600, 5_000);
    const radio = await startRadio(service, () => (
      Object.fromEntries(Array.from({ length: COUNT }, (_, n) => [`/list/${n}`, device(`list ${n}`)]))
    ));
    const { view } = follow();
    await view.ready;
    for (let n = 0; n < COUNT; n++) radio.add(`/signal/${n}`, device(`signal ${n}`));
    for (let n = 0; n < COUNT; n++) radio.change(`/list/${n}`, { Name: variant('s', `new ${n}`) });
    await arrived();
    expect(view.objects.size).toBe(2 * COUNT);
    const last = COUNT - 1;
    expect(view.objects.get(`/list/${last}`)?.device?.$properties.Name).toBe(`new ${last}`);
    expect(view.objects.get(`/signal/${last}`)?.device?.$properties.Name).toBe(`signal ${last}`);
    expect(view.dropped).toBe(0);
  });
});

suite('manageObjects', () => {
  test('refuses arguments that are not valid', () => {
    // @ts-expect-error no path
    expect(() => manageObjects(client, { destination: NAME }, { device: Device })).toThrow('"path" must be the path of the object');
    // @ts-expect-error not definitions
    expect(() => manageObjects(client, target, undefined)).toThrow('manageObjects: the definitions must be an object, got undefined');
    // @ts-expect-error not a definition
    expect(() => manageObjects(client, target, { device: { name: 'a.B' } })).toThrow(
      'manageObjects: "device" must be a definition that was made by defineInterface, got an object of class Object',
    );
    const forged = { ...Device, properties: { Name: null } } as unknown as typeof Device;
    expect(() => manageObjects(client, target, { device: forged })).toThrow(
      'com.example.Device1.Name: the specification must be an object, got null',
    );
    expect(() => manageObjects(client, target, { a: Device, b: Device })).toThrow(
      'manageObjects: "a" and "b" define the same interface com.example.Device1: each must define a different one',
    );
    // @ts-expect-error an unknown option
    expect(() => manageObjects(client, target, { device: Device }, { maxObject: 5 })).toThrow(
      'manageObjects: unknown option "maxObject"; did you mean "maxObjects"?',
    );
    expect(() => manageObjects(client, target, { device: Device }, { maxObjects: -1 })).toThrow(
      'manageObjects: "maxObjects" must be a number, 0 or more, or Infinity, got number -1',
    );
  });
});

suite('a random order of messages', () => {
  /** Numbers from 0 to `limit`, the same for the same seed. */
  function below(seed: number): (limit: number) => number {
    let state = seed;
    return (limit) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % limit;
    };
  }

  test.each(some([1, 2, 3, 4, 5, 6], 3))('leads to the objects that the service has, with seed %i', async (seed) => {
    const random = below(seed);
    const objects = new Map<string, string>();
    const act = (radio: Radio): void => {
      const path = `/${random(8)}`;
      const name = `name ${random(1_000)}`;
      if (!objects.has(path)) {
        objects.set(path, name);
        radio.add(path, device(name));
      } else if (random(2) === 0) {
        objects.set(path, name);
        radio.change(path, { Name: variant('s', name) });
      } else {
        objects.delete(path);
        radio.remove(path, 'com.example.Device1');
      }
    };
    const radio = await startRadio(service, (sender) => {
      const before = random(2) === 0 ? snapshot() : undefined; // a list that is older than the signals before it
      for (let n = random(20); n > 0; n--) act(sender);
      return before ?? snapshot();
    });
    const snapshot = (): Objects => Object.fromEntries(Array.from(objects, ([path, name]) => [path, device(name)]));
    for (let n = 0; n < 10; n++) act(radio);
    const { view } = follow();
    const present = () => Array.from(view.objects, ([path, { device: one }]) => [path, one?.$properties.Name]).sort();
    const shown = new Map<string, string | undefined>();
    const loop = view[Symbol.asyncIterator]();
    for (let round = 0; round < 20; round++) {
      if (round === 0) await view.ready;
      else for (let n = random(30); n > 0; n--) act(radio);
      await arrived();
      expect(present(), `in round ${round}`).toEqual([...objects].sort());
      while (random(3) > 0 && shown.size === 0 && objects.size > 0) { // a reader that reads little before the end
        const { value } = await loop.next();
        if (value.type === 'removed') shown.delete(value.path);
        else shown.set(value.path, value.proxy.$properties.Name);
      }
    }
    const expected = [...objects].sort();
    radio.add('/end', device('end'));
    await arrived();
    for (;;) {
      const { value } = await loop.next();
      if (value.path === '/end') break;
      if (value.type === 'removed') shown.delete(value.path);
      else shown.set(value.path, value.proxy.$properties.Name);
    }
    expect([...shown].sort()).toEqual(expected);
    await view.close();
  });
});
