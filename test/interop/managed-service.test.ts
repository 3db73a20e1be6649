// Objects of a service of ours that come and go, plain values and subtrees, as GLib, busctl and dbus-python see them.

import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type Bus, defineInterface, exportObject, exportObjectManager, exportSubtree } from '../../src/index.js';
import { useBusPair } from '../support/bus-pair.js';
import { heavyTest } from '../support/extent.js';
import { busctl } from '../support/foreign.js';
import type { PrivateBus } from '../support/private-bus.js';
import { describeWith, PYTHON, run } from '../support/programs.js';

const Root = defineInterface({ name: 'com.example.Root1', methods: { Mutate: {} } });
const Device = defineInterface({
  name: 'com.example.Device1',
  properties: { Name: { type: 's', access: 'readwrite' }, Level: { type: 'u', access: 'read' } },
});
const NAME = 'com.example.Managed';

let daemon: PrivateBus;
let service: Bus;
useBusPair((pair) => {
  ({ daemon, service } = pair);
});

const Card = defineInterface({
  name: 'com.example.Card1',
  properties: {
    Serial: { type: 's', access: 'read', emitsChanged: 'const' },
    Mode: { type: 's', access: 'read', emitsChanged: 'invalidates' },
  },
});
const LAST = '/com/example/dev0';

async function startManaged(): Promise<void> {
  exportObjectManager(service, '/com/example');
  const device = (name: string) => Device.implement({ properties: { Name: name, Level: 1 } });
  const first = device('first');
  const exported = exportObject(service, LAST, first);
  const users = new Map(['alice', 'bob'].map((name) => [name, device(name)]));
  const tree = exportSubtree(service, '/com/example/users/*', {
    children: () => users.keys(), object: ([element = '']) => users.get(element),
  });
  const slow = (value: string) => () => new Promise<string>((resolve) => void setTimeout(() => resolve(value), 20));
  exportObject(service, '/com/example', Root.implement({
    methods: {
      Mutate: () => {
        const card = Card.implement({ properties: { Serial: { get: slow('s1') }, Mode: { get: slow('m1') } } });
        exportObject(service, '/com/example/dev1', [device('second'), card]); // waits for the values of the card
        first.values.Name = 'renamed';
        first.values.Level = 2;
        users.get('bob')!.values.Name = 'robert'; // it is in the map
        users.set('carol', device('carol'));
        tree.emitAdded('carol');
        users.delete('alice');
        tree.emitRemoved('alice');
        setTimeout(() => exported.unexport(), 100);
      },
    },
  }));
  await service.requestName(NAME);
}

const python = async (script: string, args: readonly string[]): Promise<string[]> => {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const ended = await run(PYTHON, [path, ...args], { env: daemon.env, timeout: 20_000 });
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  return ended.stdout.trimEnd().split('\n');
};

describeWith('dbus-daemon', 'dbus-python')('an object manager of ours', () => {
  test('fills the caches of GLib, and its signals keep them up to date', async () => {
    await startManaged();
    const args = [NAME, '/com/example', '/com/example', Root.name, LAST];
    const device = (path: string, values: string) => `${path} ${Device.name} ${values}`;
    expect(await python('./callers/managed_objects.py', args)).toEqual([
      `present ${device('/com/example/dev0', "Level=1 Name='first'")}`,
      `present ${device('/com/example/users/alice', "Level=1 Name='alice'")}`,
      `present ${device('/com/example/users/bob', "Level=1 Name='bob'")}`,
      `added ${device('/com/example/users/carol', "Level=1 Name='carol'")}`,
      'removed /com/example/users/alice',
      "changed /com/example/dev0 Level=2 Name='renamed'",
      "changed /com/example/users/bob Level=1 Name='robert'",
      "added /com/example/dev1 com.example.Card1 Mode='m1' Serial='s1'",
      `added ${device('/com/example/dev1', "Level=1 Name='second'")}`,
      'removed /com/example/dev0',
    ]);
  });

  heavyTest('is followed by dbus-python in the same way', async () => {
    await startManaged();
    const args = [NAME, '/com/example', '/com/example', Root.name, LAST];
    expect(await python('./callers/managed_python.py', args)).toEqual([
      'present /com/example/dev0 com.example.Device1 Level=1 Name=first',
      'present /com/example/users/alice com.example.Device1 Level=1 Name=alice',
      'present /com/example/users/bob com.example.Device1 Level=1 Name=bob',
      'added /com/example/users/carol com.example.Device1 Level=1 Name=carol',
      'removed /com/example/users/alice com.example.Device1',
      'changed /com/example/dev0 Level=2 Name=renamed',
      'changed /com/example/users/bob Name=robert',
      'added /com/example/dev1 com.example.Card1 Mode=m1 Serial=s1',
      'added /com/example/dev1 com.example.Device1 Level=1 Name=second',
      'removed /com/example/dev0 com.example.Device1',
    ]);
  });
});

describeWith('dbus-daemon', 'busctl')('busctl', () => {
  test('shows the tree with the objects of subtrees, and their members', async () => {
    await startManaged();
    const { stdout: tree } = await busctl(daemon, ['tree', '--list', NAME]);
    expect(tree.trim().split('\n')).toEqual([
      '/', '/com', '/com/example', '/com/example/dev0', '/com/example/users', '/com/example/users/alice',
      '/com/example/users/bob',
    ]);
    const { stdout } = await busctl(daemon, ['introspect', NAME, '/com/example/users/alice', Device.name]);
    expect(stdout).toMatch(/^\.Name +property +s +"alice" +emits-change writable$/m);
    await busctl(daemon, ['call', NAME, '/com/example', Root.name, 'Mutate']);
    const { stdout: changed } = await busctl(daemon, ['tree', '--list', NAME]);
    expect(changed.match(/^\/com\/example\/(?:dev1|users\/\w+)$/gm)).toEqual([
      '/com/example/dev1', '/com/example/users/bob', '/com/example/users/carol',
    ]);
    const { stdout: card } = await busctl(daemon, ['introspect', NAME, '/com/example/dev1', Card.name]);
    expect(card).toMatch(/^\.Serial +property +s +"s1" +const$/m);
    const { stdout: manager } = await busctl(daemon, ['introspect', NAME, '/com/example']);
    expect(manager).toMatch(/^\.GetManagedObjects +method +- +a\{oa\{sa\{sv\}\}\} +-$/m);
  });
});

describeWith('dbus-daemon', 'qdbus')('qdbus', () => {
  test('shows the tree with the objects of subtrees, their members and their later values', async () => {
    await startManaged();
    const qdbus = async (...args: readonly string[]): Promise<string[]> => {
      const { code, stdout } = await run('qdbus', args, { env: daemon.env });
      expect(code).toBe(0);
      return stdout.trimEnd().split('\n');
    };
    await qdbus(NAME, '/com/example', `${Root.name}.Mutate`);
    expect((await qdbus(NAME)).filter((path) => path.startsWith('/com/example/') && path !== LAST)).toEqual([
      '/com/example/dev1', '/com/example/users', '/com/example/users/bob', '/com/example/users/carol',
    ]);
    expect(await qdbus(NAME, '/com/example/users/bob')).toContain('property readwrite QString com.example.Device1.Name');
    expect(await qdbus(NAME, '/com/example/users/bob', `${Device.name}.Name`)).toEqual(['robert']);
    expect(await qdbus(NAME, '/com/example/dev1', `${Card.name}.Serial`)).toEqual(['s1']);
    const [objects] = await qdbus('--literal', NAME, '/com/example', 'org.freedesktop.DBus.ObjectManager.GetManagedObjects');
    expect(objects).toContain('"Serial" = [Variant(QString): "s1"]');
  });
});
