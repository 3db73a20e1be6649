// What follows a remote object on a link without a bus: there are no owners that come and go.
import { expect, onTestFinished, test } from 'vitest';
import { createProxy } from '../../src/client/proxy.js';
import { connectionOver } from '../../src/connection/over-transport.js';
import { defineInterface } from '../../src/interface/define.js';
import { exportObject } from '../../src/service/export-object.js';
import { memoryPair } from '../../src/transport/memory-pair.js';

const Player = defineInterface({
  name: 'com.example.Player1', properties: { Volume: { type: 'd', access: 'read' } },
});

test('a proxy without a bus watches and keeps properties, too', async () => {
  const [one, other] = memoryPair();
  const server = connectionOver(one);
  const connection = connectionOver(other);
  onTestFinished(async () => {
    await connection.close();
  });
  const state = { volume: 1 };
  const player = Player.implement({ properties: { Volume: { get: () => state.volume } } });
  exportObject(server, '/player', player);
  const proxy = createProxy(connection, Player, { path: '/player' });
  const seen: number[] = [];
  const watch = proxy.$watch('Volume', (volume) => seen.push(volume));
  const cached = await proxy.$cache();
  await watch.ready;
  state.volume = 2;
  player.emitPropertiesChanged('Volume');
  await expect.poll(() => seen).toEqual([1, 2]);
  expect(cached.$properties.Volume).toBe(2);
});
