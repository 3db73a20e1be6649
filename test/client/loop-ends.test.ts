// How a `for await` loop ends, for every kind of stream: by `break`, `close()`, an AbortSignal, the program's own
// `bus.close()`, and the end of the bus, with and without `reconnect`. docs/services-and-clients.md has the table.

import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { manageObjects } from '../../src/client/managed-objects.js';
import { createProxy } from '../../src/client/proxy.js';
import type { Bus } from '../../src/connection/bus.js';
import { listen } from '../../src/connection/listen.js';
import { becomeMonitor } from '../../src/connection/monitor.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { defineInterface } from '../../src/interface/define.js';
import { startMessageBus } from '../../src/message-bus/index.js';
import { exportObject } from '../../src/service/export-object.js';
import { exportObjectManager } from '../../src/service/export-object-manager.js';
import { scratchDirectory } from '../support/reaper.js';

const NAME = 'com.example.Lamp';
const Lamp = defineInterface({
  name: 'com.example.Lamp1',
  properties: { Level: { type: 'u', access: 'read' } },
  signals: { Blown: { args: 'u' } },
});

interface Stream extends AsyncIterable<unknown> {
  readonly ready: Promise<unknown>;
  close(): Promise<void>;
}
type Open = (bus: Bus, signal?: AbortSignal) => Stream;

const lampOf = (bus: Bus) => createProxy(bus, Lamp, { destination: NAME, path: '/lamp' });
const rule = { sender: NAME, path: '/lamp' };
const target = { destination: NAME, path: '/' };

/** The streams of a bus, and their names in the error of a loop. */
const STREAMS: readonly (readonly [kind: string, name: string, open: Open])[] = [
  ['$signal', 'signal com.example.Lamp1.Blown', (bus, signal) => lampOf(bus).$signal('Blown', { signal })],
  ['$signals', 'signals of com.example.Lamp1', (bus, signal) => lampOf(bus).$signals({ signal })],
  ['subscribe', "signals of the rule type='signal',sender='com.example.Lamp',path='/lamp'",
    (bus, signal) => bus.subscribe(rule, { signal })],
  ['$watch', 'property com.example.Lamp1.Level', (bus, signal) => lampOf(bus).$watch('Level', { signal })],
  ['manageObjects', 'the objects of com.example.Lamp at /',
    (bus, signal) => manageObjects(bus, target, { lamp: Lamp }, { signal })],
];

/** A bus with a service, and a client; `restart` replaces the bus and the service. */
async function start(options: { reconnect?: boolean } = {}) {
  const address = `unix:path=${join(scratchDirectory(), 'bus')}`;
  const open = async () => {
    const bus = await startMessageBus({ address });
    const service = await bus.connect();
    const lamp = Lamp.implement({ properties: { Level: 1 } });
    exportObjectManager(service, '/');
    exportObject(service, '/lamp', lamp);
    await service.requestName(NAME);
    return { bus, lamp };
  };
  let now = await open();
  onTestFinished(() => now.bus.close());
  const client = await connectToBus(address, options.reconnect === true ? { reconnect: { initialDelay: 1 } } : {});
  onTestFinished(() => client.close());
  const restart = async (): Promise<void> => {
    await now.bus.close();
    now = await open();
  };
  const change = (level: number): void => {
    now.lamp.values.Level = level;
    now.lamp.emit('Blown', level);
  };
  return { address, client, change, restart, stop: () => now.bus.close() };
}

/** The items that a loop has read so far, and its end: `'quietly'`, or an error. */
function read(stream: AsyncIterable<unknown>, count = Infinity) {
  const items: unknown[] = [];
  const loop = async (): Promise<unknown> => {
    try {
      for await (const item of stream) {
        items.push(item);
        if (items.length >= count) break;
      }
      return 'quietly';
    } catch (error) {
      return error;
    }
  };
  return { items, ended: loop() };
}

describe.each(STREAMS)('a loop over %s', (kind, name, open) => {
  test('ends quietly by break, and its stream with it unless that is a view of objects', async () => {
    const { client, change } = await start();
    const stream = open(client);
    const { items, ended } = read(stream, 1);
    await stream.ready;
    change(2);
    expect(await ended).toBe('quietly');
    expect(items).toHaveLength(1);
    const again = read(stream, 1);
    expect(await again.ended).toBe('quietly');
    expect(again.items).toHaveLength(kind === 'manageObjects' ? 1 : 0);
  });

  test('ends quietly by close() of its stream', async () => {
    const { client } = await start();
    const stream = open(client);
    const { ended } = read(stream);
    await stream.ready;
    await stream.close();
    expect(await ended).toBe('quietly');
  });

  test('throws the reason of its AbortSignal', async () => {
    const { client } = await start();
    const abort = new AbortController();
    const stream = open(client, abort.signal);
    const { ended } = read(stream);
    await stream.ready;
    abort.abort();
    expect(await ended).toMatchObject({ name: 'AbortError' });
  });

  test('throws an error that names the stream if the program closes its connection', async () => {
    const { client } = await start();
    const stream = open(client);
    const { ended } = read(stream);
    await stream.ready;
    await client.close();
    const error = await ended;
    expect(error).toMatchObject({
      name: 'ConnectionClosedError', code: 'CONNECTION_CLOSED',
      message: `the connection was closed (in a loop over ${name})`,
    });
    expect(Object.hasOwn(error as Error, 'cause')).toBe(false);
  });

  test('throws an error that names the stream if the bus ends, with the cause', async () => {
    const { client, stop } = await start();
    const stream = open(client);
    const { ended } = read(stream);
    await stream.ready;
    await stop();
    expect(await ended).toMatchObject({
      name: 'ConnectionClosedError', code: 'CONNECTION_CLOSED', cause: { code: 'END_OF_STREAM' },
      message: `the connection has ended: the peer closed the connection (in a loop over ${name})`,
    });
  });

  test('throws the same at its next step if it was not waiting', async () => {
    const { client } = await start();
    const stream = open(client);
    await stream.ready;
    await client.close();
    const steps = read(stream);
    expect(await steps.ended).toMatchObject({ message: `the connection was closed (in a loop over ${name})` });
  });

  test('continues on the next bus with reconnect', async () => {
    const { client, change, restart } = await start({ reconnect: true });
    const stream = open(client);
    const { items, ended } = read(stream);
    await stream.ready;
    await restart();
    await client.waitForOwner(NAME);
    const before = items.length;
    for (let level = 2; items.length === before; level++) {
      change(level);
      await client.getId();
    }
    await stream.close();
    expect(await ended).toBe('quietly');
  });
});

describe('a loop over a monitor', () => {
  test('ends quietly by break, and by close()', async () => {
    const { address, client } = await start();
    const first = read(await becomeMonitor([], { addresses: address }), 1);
    await client.getId();
    expect(await first.ended).toBe('quietly');
    const monitor = await becomeMonitor([], { addresses: address });
    const second = read(monitor);
    await monitor.close();
    expect(await second.ended).toBe('quietly');
  });

  test('throws a ConnectionClosedError if the bus ends', async () => {
    const { address, stop } = await start();
    const { ended } = read(await becomeMonitor([], { addresses: address }));
    await stop();
    expect(await ended).toMatchObject({ name: 'ConnectionClosedError', cause: { code: 'END_OF_STREAM' } });
  });
});

describe('a loop over a server', () => {
  test.each(['close()', 'its AbortSignal'])('ends quietly by %s', async (way) => {
    const abort = new AbortController();
    const server = await listen(`unix:dir=${scratchDirectory()}`, { signal: abort.signal });
    const { ended } = read(server);
    if (way === 'close()') await server.close();
    else abort.abort();
    expect(await ended).toBe('quietly');
  });
});
