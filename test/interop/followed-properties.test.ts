// Watched and kept properties of a service on dbus-python, which other programs set, and which ends and comes back.

import { describe, expect, onTestFinished, test } from 'vitest';
import { connectToBus, createProxy, defineInterface } from '../../src/index.js';
import { some } from '../support/extent.js';
import { gdbusCall, pythonService } from '../support/foreign.js';
import { REAL_BUSES } from '../support/private-broker.js';
import type { PrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { until } from '../support/waiting.js';

const NAME = 'com.example.Followed';
const Types = defineInterface({
  name: 'com.example.Types1',
  properties: {
    Version: { type: 'u', access: 'read' },
    Title: { type: 's', access: 'readwrite' },
    Level: { type: 'd', access: 'readwrite', emitsChanged: 'invalidates' },
    Tags: { type: 'as', access: 'readwrite' },
    Details: { type: 's', access: 'read' }, // it is a{sv}
  },
});
const path = '/com/example/Types1';

describe.each(some(REAL_BUSES, 2))('on $program', ({ required, startBus }) => {
  describeWith(...required, 'gdbus', 'dbus-python')('the properties of a service on dbus-python', () => {
    async function setup() {
      const daemon = await startBus();
      onTestFinished(() => daemon.stop());
      const bus = await connectToBus(daemon.address);
      onTestFinished(() => bus.close());
      return { daemon, bus, types: createProxy(bus, Types, { destination: NAME, path }) };
    }

    async function startService(daemon: PrivateBus) {
      const service = await pythonService(daemon, 'types_service', ['--name', NAME]);
      onTestFinished(() => service[Symbol.asyncDispose]());
      return service;
    }

    const set = (daemon: PrivateBus, name: string, value: string) => gdbusCall(
      daemon, { destination: NAME, path, interface: 'org.freedesktop.DBus.Properties' }, 'Set', [Types.name, name, value],
    );

    test('are watched through a restart, whether changes are announced with the value or without it', async () => {
      const { daemon, types } = await setup();
      const titles: string[] = [];
      const levels: number[] = [];
      await using title = types.$watch('Title', (value) => titles.push(value));
      await using level = types.$watch('Level', (value) => levels.push(value));
      await Promise.all([title.ready, level.ready]); // nobody is there
      const service = await startService(daemon);
      await until(() => titles.length === 1 && levels.length === 1);
      await set(daemon, 'Title', "<'one'>");
      await set(daemon, 'Level', '<0.75>');
      await until(() => titles.length === 2 && levels.length === 2);
      await service[Symbol.asyncDispose]();
      await startService(daemon);
      await until(() => titles.length === 3 && levels.length === 3);
      expect([titles, levels]).toEqual([['untitled', 'one', 'untitled'], [0.5, 0.75, 0.5]]);
    });

    test('are cached, and one of another type does not affect the others', async () => {
      const { daemon, bus, types } = await setup();
      const service = await startService(daemon);
      await using cached = await types.$cache();
      expect(cached.$properties).toMatchObject({ Title: 'untitled', Level: 0.5 });
      expect('Details' in cached.$properties).toBe(false);
      expect(bus.dropped.get('unexpected signature')).toBe(1);
      await set(daemon, 'Title', "<'two'>");
      await set(daemon, 'Level', '<0.25>');
      await until(() => cached.$properties.Title === 'two' && !('Level' in cached.$properties));
      expect(await cached.$get('Level')).toBe(0.25);
      expect(cached.$properties.Level).toBe(0.25);
      await service[Symbol.asyncDispose]();
      await until(() => Object.keys(cached.$properties).length === 0);
      await startService(daemon);
      await until(() => cached.$properties.Title === 'untitled');
    });
  });
});
