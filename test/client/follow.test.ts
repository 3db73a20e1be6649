// Following a remote object on a link, mostly without a bus, with services that make the follower read repeatedly.
import { expect, onTestFinished, test, type TestContext } from 'vitest';
import { createProxy } from '../../src/client/proxy.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { connectionOver } from '../../src/connection/over-transport.js';
import { defineInterface } from '../../src/interface/define.js';
import { startMessageBus } from '../../src/message-bus/start.js';
import { exportObject } from '../../src/service/export-object.js';
import { memoryPair } from '../../src/transport/memory-pair.js';
import { type MethodCall, methodReturn, signal } from '../../src/wire/messages/message.js';
import { variant } from '../../src/wire/variant.js';
import { answerAsBus, startFakeServer } from '../connection/fake-server.js';

const Player = defineInterface({
  name: 'com.example.Player1', properties: { Volume: { type: 'd', access: 'read' } },
});

test('a proxy without a bus can watch and cache properties', async () => {
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

/** A connection to a program that answers calls by hand, and can invalidate the volume. */
function playerByHand({ onTestFinished }: TestContext, answer: (call: MethodCall) => void) {
  const [one, other] = memoryPair();
  const server = connectionOver(one);
  const connection = connectionOver(other);
  onTestFinished(() => connection.close());
  server.handleMethodCalls(answer);
  const invalidate = (): void => {
    server.send(signal({
      path: '/player', interface: 'org.freedesktop.DBus.Properties', member: 'PropertiesChanged',
      signature: 'sa{sv}as', body: [Player.name, {}, ['Volume']],
    }));
  };
  const announce = (volume: number): void => {
    server.send(signal({
      path: '/player', interface: 'org.freedesktop.DBus.Properties', member: 'PropertiesChanged',
      signature: 'sa{sv}as', body: [Player.name, { Volume: variant('d', volume) }, []],
    }));
  };
  const reply = (call: MethodCall, volume: number): void => {
    server.send(methodReturn(call, { signature: 'v', body: [variant('d', volume)] }));
  };
  return { proxy: createProxy(connection, Player, { path: '/player' }), invalidate, announce, reply };
}

test.concurrent('a watch is ready even if each reply is outdated when it arrives, and it continues to read', async (context) => {
  const { expect } = context;
  let reads = 0;
  let stop = Infinity;
  const { proxy, invalidate, reply } = playerByHand(context, (call) => {
    if (++reads < stop) invalidate();
    reply(call, reads);
  });
  const seen: number[] = [];
  const watch = proxy.$watch('Volume', (volume) => seen.push(volume));
  await watch.ready;
  expect(seen).toEqual([3]);
  expect(reads).toBe(3);
  stop = 6; // the answers from then on are not outdated
  await expect.poll(() => seen).toEqual([3, 6]);
  await watch.close();
});

test.concurrent('a loop gets the values of a property that is invalidated by each read', async (context) => {
  const { expect } = context;
  let reads = 0;
  const { proxy, invalidate, reply } = playerByHand(context, (call) => {
    reply(call, ++reads);
    invalidate();
  });
  const seen: number[] = [];
  for await (const volume of proxy.$watch('Volume')) {
    seen.push(volume);
    if (seen.length === 12) break;
  }
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(reads).toBeLessThanOrEqual(3 * 12); // an answer that is outdated is given at the third attempt
});

test.concurrent('a read that waits is dropped if its value is announced in the meantime', async (context) => {
  const { expect } = context;
  let reads = 0;
  let isAnnounced = false;
  const { proxy, invalidate, reply, announce } = playerByHand(context, (call) => {
    reply(call, ++reads);
    if (!isAnnounced) invalidate();
    if (reads !== 3 * 9) return;
    setTimeout(() => { // the first load and eight more were made at once, and a pause has begun
      isAnnounced = true;
      announce(1_000);
    });
  });
  const seen: number[] = [];
  const watch = proxy.$watch('Volume', (volume) => seen.push(volume));
  await expect.poll(() => seen.at(-1)).toBe(1_000);
  await new Promise((resolve) => setTimeout(resolve, 300)); // longer than the longest pause
  expect(reads).toBe(3 * 9);
  await watch.close();
});

test.concurrent('a read that waits is dropped when its watch ends', async (context) => {
  const { expect } = context;
  let reads = 0;
  const { proxy, invalidate, reply } = playerByHand(context, (call) => {
    reply(call, ++reads);
    invalidate();
  });
  const watch = proxy.$watch('Volume', () => {});
  await expect.poll(() => reads).toBeGreaterThan(3 * 9);
  await watch.close();
  const before = reads;
  await new Promise((resolve) => setTimeout(resolve, 300)); // longer than the longest pause
  expect(reads).toBe(before);
});

test('a name that changes its owner all the time is read at a limited pace, and outdated reads end', async () => {
  const daemon = await startMessageBus();
  onTestFinished(() => daemon.close());
  const [one, two, client] = await Promise.all([daemon.connect(), daemon.connect(), daemon.connect()]);
  let reads = 0;
  const calls: MethodCall[] = [];
  one.handleMethodCalls((call) => void calls.push(call)); // and never an answer in time
  two.handleMethodCalls(() => void reads++);
  const target = { destination: 'com.example.Player', path: '/player' };
  const watch = createProxy(client, Player, target).$watch('Volume', () => {});
  await one.requestName(target.destination, { allowReplacement: true });
  const changes = 200;
  for (let change = 0; change < changes; change++) {
    const [next, last] = change % 2 === 0 ? [two, one] : [one, two];
    await next.requestName(target.destination, { allowReplacement: true, replaceExisting: true });
    await last.nameHasOwner(target.destination);
  }
  await client.nameHasOwner(target.destination); // all changes have arrived
  expect(reads + calls.length).toBeLessThan(changes / 2);
  one.send(methodReturn(calls[0]!, { signature: 'v', body: [variant('d', 1)] }));
  await one.nameHasOwner(target.destination);
  await client.nameHasOwner(target.destination);
  expect(client.dropped.get('unexpected reply')).toBe(1); // nothing waits for it any more
  await watch.close();
});

test('a watch survives the loss of its connection while the first read waits for the service to start', async () => {
  await using server = await startFakeServer({ answer: answerAsBus }); // which does not answer the read
  const bus = await connectToBus(server.address, { reconnect: { initialDelay: 1 } });
  onTestFinished(() => bus.close({ timeout: 0 }));
  const peer = await server.peer();
  const watch = createProxy(bus, Player, { destination: 'com.example.Player', path: '/player' }).$watch('Volume', () => {});
  let isClosed = false;
  void watch.closed.then(() => (isClosed = true));
  await peer.received(({ member }) => member === 'Get');
  peer.socket.destroy();
  await (await server.peer()).received(({ member }) => member === 'GetNameOwner');
  await watch.ready;
  expect(isClosed).toBe(false);
});
