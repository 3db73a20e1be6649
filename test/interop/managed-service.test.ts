// Objects of a service of ours that come and go, plain values and subtrees, as GLib, busctl and dbus-python see them.

import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type Bus, defineInterface, exportObject, exportObjectManager, exportSubtree } from '../../src/index.js';
import { useBusPair } from '../support/bus-pair.js';
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

async function startManaged(): Promise<void> {
  exportObjectManager(service, '/com/example');
  const device = (name: string) => Device.implement({ properties: { Name: name, Level: 1 } });
  const first = device('first');
  const exported = exportObject(service, '/com/example/dev0', first);
  exportSubtree(service, '/com/example/users/*', {
    children: () => ['alice', 'bob'], object: ([element = '']) => device(element),
  });
  exportObject(service, '/com/example', Root.implement({
    methods: {
      Mutate: () => {
        exportObject(service, '/com/example/dev1', device('second'));
        first.values.Name = 'renamed';
        first.values.Level = 2;
        setTimeout(() => exported.unexport(), 50);
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
    const args = [NAME, '/com/example', '/com/example', Root.name];
    const device = (path: string, values: string) => `${path} ${Device.name} ${values}`;
    expect(await python('./callers/managed_objects.py', args)).toEqual([
      `present ${device('/com/example/dev0', "Level=1 Name='first'")}`,
      `present ${device('/com/example/users/alice', "Level=1 Name='alice'")}`,
      `present ${device('/com/example/users/bob', "Level=1 Name='bob'")}`,
      `added ${device('/com/example/dev1', "Level=1 Name='second'")}`,
      "changed /com/example/dev0 Level=2 Name='renamed'",
      'removed /com/example/dev0',
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
    const { stdout: manager } = await busctl(daemon, ['introspect', NAME, '/com/example']);
    expect(manager).toMatch(/^\.GetManagedObjects +method +- +a\{oa\{sa\{sv\}\}\} +-$/m);
  });
});
