// An object with a property that cannot be read or has a wrong type: busctl, gdbus and GLib still read its other
// properties, and so do our own proxies if a bus has another type for a property than our definition.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Bus, connectToBus, createProxy, DBusDaemon, defineInterface, exportObject } from '../../src/index.js';
import { recordHandlerErrors } from '../service/support.js';
import { busctl, gdbus } from '../support/foreign.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith, PYTHON, run } from '../support/programs.js';

const name = 'com.example.Broken';
const path = '/com/example/Broken';
const Broken = defineInterface({
  name: 'com.example.Broken1',
  methods: { Change: {} },
  properties: {
    First: { type: 'u', access: 'read' },
    Throws: { type: 's', access: 'read' },
    Rejects: { type: 's', access: 'read' },
    Refuses: { type: 's', access: 'read' },
    Misfits: { type: 'y', access: 'read' },
    Hidden: { type: 's', access: 'write' },
    Last: { type: 'as', access: 'read' },
  },
});
const bad = ['Throws', 'Rejects', 'Refuses', 'Misfits'] as const;

describeWith('dbus-daemon', 'busctl', 'gdbus', 'dbus-python')('an object with properties that cannot be read', () => {
  let daemon: PrivateBus;
  let bus: Bus;

  beforeAll(async () => {
    daemon = await startPrivateBus();
    bus = await connectToBus(daemon.address);
    const broken = Broken.implement({
      methods: { Change: () => broken.emitPropertiesChanged('First', ...bad, 'Last') },
      properties: {
        First: { get: () => 1 },
        Throws: { get: () => { throw new RangeError('no sensor'); } },
        Rejects: { get: () => Promise.reject(new Error('no answer')) },
        Refuses: { get: () => { throw null; } }, // no Error, on purpose
        Misfits: { get: () => 256 },
        Hidden: { set: () => {} },
        Last: { get: async () => ['a', 'b'] },
      },
    });
    exportObject(bus, path, broken);
    await bus.requestName(name);
  });
  afterAll(async () => {
    await bus?.close();
    await daemon?.stop();
  });

  const reported = (reports: readonly { readonly member: string }[]): string[] =>
    reports.map(({ member }) => member).sort();

  test('is introspected by busctl, with the values that can be read', async () => {
    const reports = recordHandlerErrors();
    const { code, stdout, stderr } = await busctl(daemon, ['introspect', name, path, Broken.name]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const rows = stdout.trimEnd().split('\n').map((line) => line.trim().replaceAll(/\s+/g, ' '));
    expect(rows).toEqual(expect.arrayContaining([
      '.Change method - - -', '.First property u 1 emits-change', '.Last property as 2 "a" "b" emits-change',
    ]));
    for (const member of bad) expect(rows.join('\n')).toContain(`.${member} property`);
    expect(new Set(reported(reports))).toEqual(new Set(bad));
  });

  test('is introspected by gdbus, with the values that can be read', async () => {
    recordHandlerErrors();
    const { code, stdout } = await gdbus(daemon, 'introspect', ['--dest', name, '--object-path', path]);
    expect(code).toBe(0);
    expect(stdout).toContain('readonly u First = 1;');
    expect(stdout).toContain("readonly as Last = ['a', 'b'];");
    expect(stdout).toContain('readonly s Throws;');
  });

  test('names the property in the error if busctl asks for it alone', async () => {
    recordHandlerErrors();
    const read = (property: string) => busctl(daemon, ['get-property', name, path, Broken.name, property]);
    expect((await read('First')).stdout).toBe('u 1\n');
    expect((await read('Throws')).stderr).toContain('no sensor');
    expect((await read('Rejects')).stderr).toContain('no answer');
    expect((await read('Refuses')).stderr).toContain('null');
    expect((await read('Misfits')).stderr).toContain('256');
    expect((await read('Hidden')).stderr).toContain('Access denied');
  });

  test('is cached by a GDBusProxy, and the cache follows its changes', async () => {
    const reports = recordHandlerErrors();
    const script = fileURLToPath(new URL('./callers/glib.py', import.meta.url));
    const args = [script, 'cached', name, path, Broken.name];
    const { code, stdout, stderr } = await run(PYTHON, args, { env: daemon.env, timeout: 15_000 });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toEqual([
      'First uint32 1',
      "Last ['a', 'b']",
      `changed {'First': <uint32 1>, 'Last': <['a', 'b']>} [${bad.map((each) => `'${each}'`).join(', ')}]`,
    ]);
    expect(reported(reports)).toEqual([...bad, ...bad].sort());
  });

  test('does not prevent our proxy from reading the other properties of a bus', async () => {
    const { Features } = DBusDaemon.properties;
    const Other = defineInterface({
      name: DBusDaemon.name,
      properties: { Features, Interfaces: { type: 'a{sv}', access: 'read' } }, // the bus has it as "as"
    });
    const proxy = createProxy(bus, Other, { destination: DBusDaemon.name, path: '/org/freedesktop/DBus' });
    const before = bus.dropped.get('unexpected signature') ?? 0;
    expect(Object.keys(await proxy.$getAll())).toEqual(['Features']);
    expect(bus.dropped.get('unexpected signature')).toBe(before + 1);
    await expect(proxy.$get('Interfaces')).rejects.toMatchObject({ expected: 'a{sv}', actual: 'as' });
  });
});
