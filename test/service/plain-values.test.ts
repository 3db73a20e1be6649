// Properties that are plain values, on a link whose bus is scripted: the announcements of one turn. Properties with
// handlers: export-object.test.ts, properties.test.ts.
import { expect, test } from 'vitest';
import { defineInterface } from '../../src/interface/define.js';
import { exportObject } from '../../src/service/export-object.js';
import { methodCall } from '../../src/wire/messages/message.js';
import { variant } from '../../src/wire/variant.js';
import { startBusLink } from '../connection/fake-server.js';
import { until } from '../support/waiting.js';

const path = '/com/example/Player';

test('plain values that change in one turn, by callers and by the service, are announced in one PropertiesChanged', async () => {
  const Player = defineInterface({
    name: 'com.example.Player1',
    properties: { Volume: { type: 'd', access: 'readwrite' }, Title: { type: 's', access: 'read' } },
  });
  const player = Player.implement({ properties: { Volume: 0.5, Title: '' } });
  await using link = await startBusLink();
  const { bus, peer } = link;
  exportObject(bus, path, player);
  const call = { path, interface: 'org.freedesktop.DBus.Properties', member: 'Set', signature: 'ssv' } as const;
  const set = (value: number) =>
    peer.encode(methodCall({ ...call, body: [Player.name, 'Volume', variant('d', value)] }), { sender: ':1.9' });
  peer.send(set(0.1), set(0.2), set(0.3)); // in one chunk; a bus could pass them on in several
  await peer.received(({ type }) => type === 'signal');
  player.values.Title = 'a';
  player.values.Title = 'b';
  player.values.Volume = 0.4;
  await bus.close(); // what has changed in the last turn is still announced
  await until(() => peer.isClosed);
  const signals = peer.messages.filter(({ type }) => type === 'signal');
  expect(signals.map(({ member, body }) => [member, body])).toEqual([
    ['PropertiesChanged', [Player.name, new Map([['Volume', variant('d', 0.3)]]), []]],
    ['PropertiesChanged', [
      Player.name, new Map<string, unknown>([['Title', variant('s', 'b')], ['Volume', variant('d', 0.4)]]), [],
    ]],
  ]);
});

test('plain values that a method changes are announced before its reply', async () => {
  const Changing = defineInterface({
    name: 'com.example.Changing', methods: { Change: {} },
    properties: { A: { type: 'u', access: 'read' }, B: { type: 'u', access: 'read' } },
  });
  const changing = Changing.implement({
    methods: {
      Change: () => {
        changing.values.A = 1;
        changing.values.B = 1;
        changing.values.A = 2;
      },
    },
    properties: { A: 0, B: 0 },
  });
  await using link = await startBusLink();
  const { bus, peer } = link;
  exportObject(bus, path, changing);
  const before = peer.messages.length;
  peer.send(peer.encode(methodCall({ path, interface: Changing.name, member: 'Change' }), { sender: ':1.9' }));
  await until(() => peer.messages.length === before + 2);
  expect(peer.messages.slice(before).map(({ type, member, body }) => [type, member, body])).toEqual([
    ['signal', 'PropertiesChanged', [Changing.name, new Map([['A', variant('u', 2)], ['B', variant('u', 1)]]), []]],
    ['method_return', undefined, []],
  ]);
});
