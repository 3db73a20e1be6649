// Object managers: the objects below them, and the signals for those that come and go.

import { expect, onTestFinished, test } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { defineInterface } from '../../src/interface/define.js';
import { exportObject } from '../../src/service/export-object.js';
import { exportObjectManager } from '../../src/service/export-object-manager.js';
import { exportSubtree } from '../../src/service/export-subtree.js';
import { variant } from '../../src/wire/variant.js';
import { useBusPair } from '../support/bus-pair.js';
import { heavyTest, some } from '../support/extent.js';
import type { PrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { expectProportionalWork } from '../support/work.js';
import { recordHandlerErrors } from './support.js';

const suite = describeWith('dbus-daemon');
const MANAGER = 'org.freedesktop.DBus.ObjectManager';
const Device = defineInterface({
  name: 'com.example.Device1',
  properties: {
    Name: { type: 's', access: 'read' },
    Key: { type: 's', access: 'write' },
    Level: { type: 'u', access: 'read' },
  },
});
const Card = defineInterface({
  name: 'com.example.Card1',
  properties: {
    Id: { type: 's', access: 'read', emitsChanged: 'const' },
    Owner: { type: 's', access: 'read', emitsChanged: 'false' },
    Size: { type: 's', access: 'read', emitsChanged: 'invalidates' },
    Label: { type: 's', access: 'read' },
  },
  signals: { Moved: { args: 'as' } },
});
/** Its first property comes later, the others soon. */
const card = (id: () => string | Promise<string>) => {
  let latest: string | Promise<string> = '';
  return Card.implement({
    properties: {
      Id: { get: () => (latest = id()) },
      Owner: { get: async () => latest }, Size: { get: async () => latest }, Label: { get: async () => latest },
    },
  });
};
const Extra = defineInterface({ name: 'com.example.Extra1' });
const device = (name: string, level: () => unknown = () => 1) => Device.implement({
  properties: { Name: name, Key: '', Level: { get: () => level() as number } },
});
const valuesOf = (name: string) => new Map<string, unknown>([['Name', variant('s', name)], ['Level', variant('u', 1)]]);

let daemon: PrivateBus;
let service: Bus;
let client: Bus;
useBusPair((pair) => {
  ({ daemon, service, client } = pair);
});

async function managed(path: string): Promise<Map<string, Map<string, Map<string, unknown>>>> {
  const [objects] = await client.call({
    destination: service.uniqueName, path, interface: MANAGER, member: 'GetManagedObjects',
    replySignature: 'a{oa{sa{sv}}}',
  });
  return objects;
}

async function watch(): Promise<(count: number) => Promise<unknown[]>> {
  const signals = client.subscribe({ sender: service.uniqueName, interface: MANAGER });
  await signals.ready;
  return async (count) => {
    const seen = [];
    for (let index = 0; index < count; index++) {
      const { path, member, body } = (await signals.next()).value as { path: string; member: string; body: unknown[] };
      seen.push([path, member, ...body]);
    }
    return seen;
  };
}

suite('an object manager', () => {
  test('lists the objects below its path with their properties, and not itself', async () => {
    exportObject(service, '/com/example/before', device('before'));
    exportObjectManager(service, '/com/example');
    exportObject(service, '/com/example/deep/after', [device('after'), Extra.implement({})]);
    exportObject(service, '/com/elsewhere', device('elsewhere'));
    exportObject(service, '/com/example2', device('similar'));
    expect(await managed('/com/example')).toEqual(new Map([
      ['/com/example/before', new Map([[Device.name, valuesOf('before')]])],
      ['/com/example/deep/after', new Map([[Device.name, valuesOf('after')], [Extra.name, new Map()]])],
    ]));
  });

  test('announces each object and interface that is added or removed', async () => {
    exportObjectManager(service, '/com/example');
    const next = await watch();
    const exported = exportObject(service, '/com/example/a', device('a'));
    const extra = exportObject(service, '/com/example/a', Extra.implement({}));
    exportObject(service, '/elsewhere', device('elsewhere'));
    exported.unexport();
    exported.unexport();
    extra.unexport();
    expect(await next(4)).toEqual([
      ['/com/example', 'InterfacesAdded', '/com/example/a', new Map([[Device.name, valuesOf('a')]])],
      ['/com/example', 'InterfacesAdded', '/com/example/a', new Map([[Extra.name, new Map()]])],
      ['/com/example', 'InterfacesRemoved', '/com/example/a', [Device.name]],
      ['/com/example', 'InterfacesRemoved', '/com/example/a', [Extra.name]],
    ]);
  });

  test('is announced by the manager above it, and both announce the objects below both', async () => {
    exportObjectManager(service, '/');
    const next = await watch();
    const inner = exportObjectManager(service, '/com/example');
    exportObject(service, '/com/example/a', Extra.implement({}));
    inner.unexport();
    exportObject(service, '/com/example/b', Extra.implement({}));
    const extra = new Map([[Extra.name, new Map()]]);
    expect(await next(5)).toEqual([
      ['/', 'InterfacesAdded', '/com/example', new Map([[MANAGER, new Map()]])],
      ['/com/example', 'InterfacesAdded', '/com/example/a', extra],
      ['/', 'InterfacesAdded', '/com/example/a', extra],
      ['/', 'InterfacesRemoved', '/com/example', [MANAGER]],
      ['/', 'InterfacesAdded', '/com/example/b', extra],
    ]);
    expect([...(await managed('/')).keys()].sort()).toEqual(['/com/example/a', '/com/example/b']);
  });

  test('can be exported once at a path, and is shown by introspection', async () => {
    exportObjectManager(service, '/com/example');
    expect(() => exportObjectManager(service, '/com/example')).toThrow(
      expect.objectContaining({ code: 'INTERFACE_EXPORTED', interface: MANAGER }),
    );
    expect(() => exportObjectManager(service, 'x')).toThrow(expect.objectContaining({ name: 'InvalidNameError' }));
    const [xml] = await client.call({
      destination: service.uniqueName, path: '/com/example', interface: 'org.freedesktop.DBus.Introspectable',
      member: 'Introspect', replySignature: 's',
    });
    expect(xml).toContain(`<interface name="${MANAGER}">`);
    expect(xml).toContain('<signal name="InterfacesAdded">');
  });

  test('leaves out properties that cannot be read or sent, from its list and its signals, and reports them', async () => {
    const reports = recordHandlerErrors();
    exportObjectManager(service, '/com/example');
    const next = await watch();
    const bad = [() => { throw new Error('broken'); }, () => 'text', () => undefined];
    bad.forEach((level, index) => exportObject(service, `/com/example/n${index}`, device('n', level)));
    const only = new Map([[Device.name, new Map([['Name', variant('s', 'n')]])]]);
    expect(await next(3)).toEqual(bad.map((_, index) => ['/com/example', 'InterfacesAdded', `/com/example/n${index}`, only]));
    expect(reports.splice(0).map(({ member }) => member)).toEqual(['Level', 'Level', 'Level']);
    expect(await managed('/com/example')).toEqual(new Map(bad.map((_, index) => [`/com/example/n${index}`, only])));
    expect(reports).toHaveLength(3);
  });

  test('does not wait for a property whose get returns a promise: its value follows', async () => {
    exportObjectManager(service, '/com/example');
    const next = await watch();
    const changes = client.subscribe({ sender: service.uniqueName, member: 'PropertiesChanged' });
    await changes.ready;
    exportObject(service, '/com/example/a', device('a', async () => 1));
    const name = new Map([[Device.name, new Map([['Name', variant('s', 'a')]])]]);
    expect(await next(1)).toEqual([['/com/example', 'InterfacesAdded', '/com/example/a', name]]);
    expect((await changes.next()).value).toMatchObject({
      path: '/com/example/a', body: [Device.name, new Map([['Level', variant('u', 1)]]), []],
    });
    expect(await managed('/com/example')).toEqual(new Map([['/com/example/a', new Map([[Device.name, valuesOf('a')]])]]));
  });

  test('waits for later values if no PropertiesChanged would announce them', async () => {
    exportObjectManager(service, '/com/example');
    const next = await watch();
    let finish: (() => void) | undefined;
    exportObject(service, '/com/example/a', card(() => new Promise((resolve) => void (finish = () => resolve('slow')))));
    exportObject(service, '/com/example/b', card(() => 'fast'));
    const all = (id: string) => new Map([[Card.name, new Map([
      ['Id', variant('s', id)], ['Owner', variant('s', id)], ['Size', variant('s', id)], ['Label', variant('s', id)],
    ])]]);
    expect(await next(1)).toEqual([['/com/example', 'InterfacesAdded', '/com/example/b', all('fast')]]);
    finish?.();
    expect(await next(1)).toEqual([['/com/example', 'InterfacesAdded', '/com/example/a', all('slow')]]);
  });

  test('holds the other signals of an object, in order, until its InterfacesAdded is sent', async () => {
    exportObjectManager(service, '/com/example');
    const signals = client.subscribe({ sender: service.uniqueName });
    await signals.ready;
    const seen = async (count: number): Promise<string[]> => {
      const found = [];
      for (let index = 0; index < count; index++) {
        const { member, body } = (await signals.next()).value as { member: string; body: readonly unknown[] };
        found.push(`${member} ${String(body[0])}`);
      }
      return found;
    };
    const started: (() => void)[] = [];
    const finish = (): void => started.forEach((end) => end());
    onTestFinished(finish); // a value that never comes is reported after the test
    const slow = (): Promise<string> => new Promise((resolve) => void started.push(() => resolve('slow')));
    const one = card(slow);
    const exported = exportObject(service, '/com/example/a', one);
    const list = ['first'];
    one.emit('Moved', list);
    list[0] = 'changed later';
    expect(() => one.emit('Moved', [5 as never])).toThrow(expect.objectContaining({ code: 'VALUE_TYPE_MISMATCH' }));
    exportObject(service, '/com/example/a', Extra.implement({})).unexport();
    exportObject(service, '/com/example/b', Extra.implement({}));
    expect(await seen(1)).toEqual(['InterfacesAdded /com/example/b']);
    finish();
    expect(await seen(4)).toEqual([
      'InterfacesAdded /com/example/a', 'Moved first', 'InterfacesAdded /com/example/a', 'InterfacesRemoved /com/example/a',
    ]);
    exported.unexport();
    expect(await seen(1)).toEqual(['InterfacesRemoved /com/example/a']);

    const again = exportObject(service, '/com/example/a', one); // removed before its values have come
    one.emit('Moved', ['second']);
    again.unexport();
    exportObject(service, '/com/example/a', Extra.implement({}));
    expect(await seen(4)).toEqual([
      'InterfacesAdded /com/example/a', 'Moved second', 'InterfacesRemoved /com/example/a', 'InterfacesAdded /com/example/a',
    ]);

    exportObject(service, '/com/example/c', one); // more signals than wait
    for (let index = 0; index < 1_001; index++) one.emit('Moved', [String(index)]);
    expect((await seen(1_002)).filter((_, index) => index < 2 || index === 1_001)).toEqual(
      ['InterfacesAdded /com/example/c', 'Moved 0', 'Moved 1000'],
    );
    exportObject(service, '/com/example/d', one);
    one.emit('Moved', ['last'], { path: '/com/example/d' });
    await service.close();
    expect(await seen(3)).toEqual([ // the first is about the values of c that were left out
      'PropertiesChanged com.example.Card1', 'InterfacesAdded /com/example/d', 'Moved last',
    ]);
  });

  test('lists the objects of the nearest subtree only', async () => {
    exportObjectManager(service, '/');
    exportSubtree(service, '/files/**', {
      children: (elements) => (elements.length === 0 ? ['near', 'far'] : elements.join() === 'near' ? ['x', 'y'] : []),
      object: () => Extra.implement({}),
    });
    const near = exportSubtree(service, '/files/near/*', { children: () => ['y'], object: () => device('near') });
    const objects = await managed('/');
    expect([...objects.keys()].sort()).toEqual(['/files/far', '/files/near', '/files/near/y']);
    expect(objects.get('/files/near/y')).toEqual(new Map([[Device.name, valuesOf('near')]]));
    near.unexport();
    expect([...(await managed('/')).keys()].sort()).toContain('/files/near/x');
  });

  test('lists, after a wait, the objects that its signals have announced, with the values of the time of the answer', async () => {
    let open: (value: string) => void = () => {};
    const gate = new Promise<string>((resolve) => (open = resolve));
    const slow = Card.implement({ properties: { Id: { get: () => gate }, Owner: '', Size: '', Label: 'old' } });
    const users = exportSubtree(service, '/m/users/*', {
      children: () => ['alice', 'bob', 'carol'],
      object: async ([name = '']) => {
        if (name === 'carol') await gate;
        return device(name);
      },
    });
    exportObject(service, '/m/slow', slow);
    const removed = exportObject(service, '/m/removed', device('removed'));
    const again = exportObject(service, '/m/again', [device('again'), Extra.implement({})]);
    exportObjectManager(service, '/m');
    const seen = await watch();
    const answer = managed('/m');
    await client.call({ destination: service.uniqueName, path: '/m', interface: 'org.freedesktop.DBus.Peer', member: 'Ping' });
    await new Promise((resolve) => setTimeout(resolve, 20)); // alice and bob are found
    removed.unexport();
    again.unexport();
    const added = device('added');
    exportObject(service, '/m/again', added);
    users.emitRemoved('alice');
    users.emitRemoved('carol'); // her object is still being looked for
    slow.values.Label = 'new';
    added.values.Name = 'new';
    await new Promise((resolve) => setTimeout(resolve, 20));
    open('now');
    const objects = await answer;
    expect([...objects.keys()].sort()).toEqual(['/m/again', '/m/slow', '/m/users/bob']);
    expect(objects.get('/m/slow')?.get(Card.name)?.get('Label')).toEqual(variant('s', 'new'));
    expect(objects.get('/m/slow')?.get(Card.name)?.get('Id')).toEqual(variant('s', 'now'));
    expect(objects.get('/m/again')).toEqual(new Map([[Device.name, valuesOf('new')]]));
    expect((await seen(4)).map((each) => (each as unknown[]).slice(1, 3))).toEqual([
      ['InterfacesRemoved', '/m/removed'], ['InterfacesRemoved', '/m/again'], ['InterfacesAdded', '/m/again'],
      ['InterfacesRemoved', '/m/users/alice'],
    ]);
  });

  test('below the root of a deep subtree lists the objects of this subtree that are below itself', async () => {
    exportSubtree(service, '/files/**', {
      children: (elements) => (elements.length < 3 ? ['x', 'y'] : []), object: (elements) => device(elements.join()),
    });
    exportObjectManager(service, '/files/x');
    const objects = await managed('/files/x');
    expect([...objects.keys()].sort()).toEqual(
      ['/files/x/x', '/files/x/x/x', '/files/x/x/y', '/files/x/y', '/files/x/y/x', '/files/x/y/y'],
    );
    expect(objects.get('/files/x/x/y')?.get(Device.name)?.get('Name')).toEqual(variant('s', 'x,x,y'));
  });

  const NESTED: readonly (readonly [manager: string, one: string, two: string])[] = [
    ['/', '/**', '/x/*'], ['/n', '/n/**', '/n/x/*'], ['/n', '/n/*', '/n/x/**'], ['/n/x', '/n/**', '/n/x/*'],
    ['/n/x', '/n/**', '/n/x/**'], ['/n/x', '/**', '/n/*'],
  ];
  test.each(some(NESTED, 2))('at %s lists, and introspection shows, exactly the objects that calls reach: %s and %s', async (manager, one, two) => {
    exportObjectManager(service, manager);
    const children = ({ length }: readonly string[]): string[] => (length < 3 ? ['x', 'y'] : []);
    const objectOf = (text: string) => ({ length }: readonly string[]) => (length > 3 ? undefined : device(text));
    exportSubtree(service, one, { children, object: objectOf('one') });
    exportSubtree(service, two, { children, object: objectOf('two') });
    const nameAt = async (path: string): Promise<unknown> => {
      const properties = { destination: service.uniqueName, path, interface: 'org.freedesktop.DBus.Properties' };
      const body = [Device.name, 'Name'] as const;
      const value = client.call({ ...properties, member: 'Get', signature: 'ss', body, replySignature: 'v' });
      return value.then(([name]) => name, () => undefined);
    };
    const shown = async (path: string): Promise<string[]> => {
      const [xml] = await client.call({
        destination: service.uniqueName, path, interface: 'org.freedesktop.DBus.Introspectable', member: 'Introspect',
        replySignature: 's',
      });
      return Array.from(xml.matchAll(/<node name="(\w+)"/g), ([, name = '']) => `${path === '/' ? '' : path}/${name}`);
    };
    const reached = new Map<string, unknown>();
    const visit = async (path: string): Promise<void> => {
      for (const child of ['x', 'y'].map((name) => `${path === '/' ? '' : path}/${name}`)) {
        const name = await nameAt(child);
        if (name !== undefined) reached.set(child, name);
        if (name !== undefined) expect(await shown(path)).toContain(child);
        if (child.split('/').length < 6) await visit(child);
      }
    };
    await visit(manager);
    const listed = [...await managed(manager)].map(([path, each]) => [path, each.get(Device.name)?.get('Name')]);
    expect(listed.sort()).toEqual([...reached].sort());
  });

  test('lists the objects of subtrees, and leaves out and reports those that fail', async () => {
    const reports = recordHandlerErrors();
    exportObjectManager(service, '/com/example');
    exportSubtree(service, '/com/example/users/*', {
      children: async () => ['alice', 'bob', 'broken', 'not/valid', 'nobody'],
      object: ([name = '']) => {
        if (name === 'broken') throw new Error('broken');
        return name === 'nobody' ? undefined : device(name);
      },
    });
    const deep = exportSubtree(service, '/com/example/files/**', {
      children: () => ['a'], // without an end
      object: () => Extra.implement({}),
    });
    const objects = await managed('/com/example');
    expect(objects.get('/com/example/users/alice')).toEqual(new Map([[Device.name, valuesOf('alice')]]));
    expect(objects.size).toBe(2 + 64);
    expect(reports.map(({ member }) => member)).toEqual(['GetManagedObjects', 'GetManagedObjects']);
    deep.unexport();
    expect([...(await managed('/com/example')).keys()]).toEqual(['/com/example/users/alice', '/com/example/users/bob']);
  });

  heavyTest('lists 10,000 objects with work in proportion to their number', async () => {
    const one = device('one');
    await expectProportionalWork(1_250, async (count) => {
      const bus = await connectToBus(daemon.address);
      exportObjectManager(bus, '/com/example');
      const exported = Array.from({ length: count }, (_, index) => exportObject(bus, `/com/example/n${index}`, one));
      const [objects] = await client.call({
        destination: bus.uniqueName, path: '/com/example', interface: MANAGER, member: 'GetManagedObjects',
        replySignature: 'a{oa{sa{sv}}}',
      });
      expect(objects.size).toBe(count);
      for (const each of exported) each.unexport();
      await bus.close();
    });
  }, 60_000);
});
