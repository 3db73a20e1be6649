// Managed objects of services that know nothing of us: one on GLib, and BlueZ as python3-dbusmock plays it; and what
// becomes of objects and properties when the connection is lost and restored.

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  connectToBus, createProxy, defineInterface, exportObject, manageObjects, ObjectManager,
} from '../../src/index.js';
import { heavyTest, some } from '../support/extent.js';
import { pythonService } from '../support/foreign.js';
import { REAL_BUSES } from '../support/private-broker.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith, PYTHON, run, start } from '../support/programs.js';
import { scratchDirectory } from '../support/reaper.js';
import { until } from '../support/waiting.js';
import { repository } from '../types/support.js';

const NAME = 'com.example.Devices';
const Device = defineInterface({
  name: 'com.example.Device1', methods: { Connect: {} }, properties: { Name: { type: 's', access: 'read' } },
  signals: { Rang: {} },
});

/** The bus until the test has finished. */
async function use(starting: Promise<PrivateBus>): Promise<PrivateBus> {
  const daemon = await starting;
  onTestFinished(() => daemon.stop());
  return daemon;
}

async function connect(daemon: PrivateBus) {
  const bus = await connectToBus(daemon.address);
  onTestFinished(() => bus.close());
  return bus;
}

describe.each(some(REAL_BUSES, 2))('on $program', ({ required, startBus }) => void describeWith(...required, 'dbus-python')('the objects of a service on GLib', () => {
  async function startDevices(daemon: PrivateBus, count: number) {
    const service = await pythonService(daemon, 'glib_objects', [NAME, String(count)]);
    onTestFinished(() => service[Symbol.asyncDispose]());
    let commands = 0;
    const command = async (text: string): Promise<void> => {
      service.write(`${text}\n`);
      commands++;
      await until(() => service.stdout.split('done').length > commands);
    };
    return { service, command };
  }

  test('are listed, added, changed and removed, and return after a restart', async () => {
    const daemon = await use(startBus());
    const { service, command } = await startDevices(daemon, 2);
    const bus = await connect(daemon);
    const said: string[] = [];
    await using view = manageObjects(bus, { destination: NAME, path: '/com/example' }, { device: Device }, {
      added: ({ path, proxy }) => said.push(`+${path} ${proxy.$properties.Name}`),
      changed: ({ path, proxy }) => said.push(`~${path} ${proxy.$properties.Name}`),
      removed: ({ path }) => said.push(`-${path}`),
    });
    await view.ready;
    expect(said.splice(0).sort()).toEqual(['+/com/example/device0 name0', '+/com/example/device1 name1']);
    await command('add extra one');
    await command('rename extra two');
    await command('remove device0');
    await until(() => said.length === 3);
    expect(said.splice(0)).toEqual(['+/com/example/extra one', '~/com/example/extra two', '-/com/example/device0']);
    service.write('quit\n');
    await until(() => view.objects.size === 0);
    expect(said.splice(0).sort()).toEqual(['-/com/example/device1', '-/com/example/extra']);
    await startDevices(daemon, 1);
    await until(() => view.objects.size === 1);
    expect(said).toEqual(['+/com/example/device0 name0']);
  });

  heavyTest('are complete if hundreds are added while the list of thousands is read', async () => {
    const daemon = await use(startBus());
    const { command } = await startDevices(daemon, 2_000);
    const bus = await connect(daemon);
    await using view = manageObjects(bus, { destination: NAME, path: '/com/example' }, { device: Device });
    const commands = Array.from({ length: 200 }, (_, n) => command(`add late${n} late${n}`));
    await Promise.all([view.ready, ...commands]);
    await until(() => view.objects.size === 2_200);
    expect(view.objects.get('/com/example/late199')?.device?.$properties.Name).toBe('late199');
    expect(view.dropped).toBe(0);
  });
}));

const Device1 = defineInterface({
  name: 'org.bluez.Device1',
  methods: { Connect: {} },
  properties: {
    Alias: { type: 's', access: 'readwrite' }, Connected: { type: 'b', access: 'read' }, Address: { type: 's', access: 'read' },
  },
});
const Adapter1 = defineInterface({
  name: 'org.bluez.Adapter1', properties: { Name: { type: 's', access: 'read' }, Powered: { type: 'b', access: 'readwrite' } },
});
const Mock = defineInterface({
  name: 'org.bluez.Mock',
  methods: {
    AddAdapter: { in: 'ss', out: 's' }, AddDevice: { in: 'sss', out: 's' }, ConnectDevice: { in: 'ss' },
    PairDevice: { in: 'ssi' },
  },
});
const Adapter1Methods = defineInterface({ name: 'org.bluez.Adapter1', methods: { RemoveDevice: { in: 'o' } } });
const MockObject = defineInterface({
  name: 'org.freedesktop.DBus.Mock', methods: { UpdateProperties: { in: 'sa{sv}' } },
});

/** The program for BlueZ of the page, compiled in a directory of its own. */
async function compileProgramOfPage(): Promise<{ readonly file: string; readonly lines: number }> {
  const page = readFileSync(join(repository, 'docs/services-and-clients.md'), 'utf8');
  const code = [...page.matchAll(/^```ts no-run\n(.*?)^```$/gms)].map(([, text = '']) => text)
    .find((text) => text.includes('org.bluez')) ?? '';
  const directory = scratchDirectory();
  mkdirSync(join(directory, 'node_modules'));
  symlinkSync(repository, join(directory, 'node_modules/dbus-wire'));
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(directory, 'bluez.ts'), code);
  const compilerOptions = {
    strict: true, target: 'ES2022', module: 'NodeNext', lib: ['ES2023', 'ESNext.Disposable'], types: ['node'],
    typeRoots: [join(repository, 'node_modules/@types')],
  };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['bluez.ts'] }));
  const compiler = join(repository, 'node_modules/typescript/bin/tsc');
  expect(await run(process.execPath, [compiler, '-p', '.'], { cwd: directory })).toMatchObject({ stdout: '', code: 0 });
  return { file: join(directory, 'bluez.js'), lines: code.trim().split('\n').length };
}

describeWith('dbus-daemon', 'python-dbusmock')('the devices of BlueZ', () => {
  heavyTest('are followed by the program of the page, which has fewer than 15 lines', async () => {
    const daemon = await use(startPrivateBus());
    const env = { ...daemon.env, DBUS_SYSTEM_BUS_ADDRESS: daemon.address };
    await using _mock = await start(PYTHON, ['-m', 'dbusmock', '--template', 'bluez5'], { env });
    const bus = await connect(daemon);
    await bus.waitForOwner('org.bluez');
    const control = createProxy(bus, Mock, { destination: 'org.bluez', path: '/org/bluez' });
    await control.AddAdapter('hci0', 'my-computer');
    const path = await control.AddDevice('hci0', '11:22:33:44:55:66', 'phone');
    const { file, lines } = await compileProgramOfPage();
    expect(lines).toBeLessThan(15);
    await using program = await start(process.execPath, [file], { env: { ...env, NO_COLOR: '1' } });
    await program.line(`added ${path} phone`);
    const alias = { Alias: { signature: 's', value: 'my phone' } };
    await createProxy(bus, MockObject, { destination: 'org.bluez', path }).UpdateProperties('org.bluez.Device1', alias);
    await program.line(`changed ${path} my phone`);
    await createProxy(bus, Adapter1Methods, { destination: 'org.bluez', path: '/org/bluez/hci0' }).RemoveDevice(path);
    await program.line(`removed ${path} my phone`);
  });

  test('are listed, and their names follow changes', async () => {
    const daemon = await use(startPrivateBus());
    const args = ['-m', 'dbusmock', '--template', 'bluez5'];
    const env = { ...daemon.env, DBUS_SYSTEM_BUS_ADDRESS: daemon.address };
    const mock = await start(PYTHON, args, { env });
    onTestFinished(() => mock[Symbol.asyncDispose]());
    const bus = await connect(daemon);
    await bus.waitForOwner('org.bluez');
    const control = createProxy(bus, Mock, { destination: 'org.bluez', path: '/org/bluez' });
    const adapterPath = await control.AddAdapter('hci0', 'my-computer');
    const first = await control.AddDevice('hci0', '11:22:33:44:55:66', 'phone');

    await using bluez = manageObjects(bus, { destination: 'org.bluez', path: '/' }, { adapter: Adapter1, device: Device1 });
    await bluez.ready;
    expect(bluez.objects.get(adapterPath)?.adapter?.$properties.Name).toBe('my-computer');
    const seen: unknown[] = [];
    for await (const { type, kind, path, proxy } of bluez) {
      if (kind !== 'device') continue;
      seen.push([type, path, proxy.$properties.Alias, proxy.$properties.Connected]);
      if (seen.length === 1) await control.AddDevice('hci0', '11:22:33:44:55:77', 'headset');
      if (seen.length === 2) {
        const object = createProxy(bus, MockObject, { destination: 'org.bluez', path });
        await object.UpdateProperties('org.bluez.Device1', { Alias: { signature: 's', value: 'my headset' } });
      }
      if (seen.length === 3) break;
    }
    expect(seen).toEqual([
      ['added', first, 'phone', false], ['added', '/org/bluez/hci0/dev_11_22_33_44_55_77', 'headset', false],
      ['changed', '/org/bluez/hci0/dev_11_22_33_44_55_77', 'my headset', false],
    ]);
  });
});

describe.each(some(REAL_BUSES, 2))('on $program', ({ required, startBus }) => void describeWith(...required)('a connection that is lost and restored', () => {
  test('restores objects and properties', async () => {
    const daemon = await use(startBus());
    const options = { reconnect: { initialDelay: 20, maxDelay: 200 } };
    const [service, client] = await Promise.all([connectToBus(daemon.address, options), connectToBus(daemon.address, options)]);
    onTestFinished(async () => {
      await Promise.all([service.close(), client.close()]);
    });
    let label = 'one';
    const device = Device.implement({ methods: { Connect: () => {} }, properties: { Name: { get: () => label } } });
    const manager = ObjectManager.implement({
      methods: {
        GetManagedObjects: () => ({ '/device': { [Device.name]: { Name: { signature: 's', value: label } } } }),
      },
    });
    exportObject(service, '/', manager);
    exportObject(service, '/device', device);
    await service.requestName(NAME);
    const said: string[] = [];
    await using view = manageObjects(client, { destination: NAME, path: '/' }, { device: Device }, {
      added: ({ proxy }) => said.push(`+${proxy.$properties.Name}`),
      removed: ({ proxy }) => said.push(`-${proxy.$properties.Name}`),
    });
    const proxy = createProxy(client, Device, { destination: NAME, path: '/device' });
    const seen: string[] = [];
    await using watch = proxy.$watch('Name', (value) => seen.push(value));
    await using cached = await proxy.$cache();
    await using signals = proxy.$signals({ pathNamespace: '/' });
    await Promise.all([watch.ready, view.ready, signals.ready]);
    expect(cached.$properties.Name).toBe('one');
    label = 'two';
    await daemon.restart();
    await until(() => cached.$properties.Name === 'two' && seen.length === 2 && said.length === 3);
    expect(seen).toEqual(['one', 'two']);
    expect(said).toEqual(['+one', '-one', '+two']);
    await until(() => signals.gaps === 1);
  });
}));
