// The diagnostics channels of connections: what they publish, in which order, and that nothing is published for nobody.
import { Channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { connectToBus, openConnection } from '../../src/index.js';
import { methodReturn } from '../../src/wire/messages/message.js';
import { until } from '../support/waiting.js';
import { GUID, startFakeServer, startLink, UNIQUE_NAME } from './fake-server.js';
import { happened } from './signals.js';
import { uncaughtException } from './uncaught.js';

const CHANNELS = ['message-in', 'message-out', 'connect', 'disconnect', 'reconnect'] as const;

let stop: (() => void)[] = [];

afterEach(() => {
  for (const each of stop) each();
  stop = [];
});

/** What the channels publish from now on, with their names. */
function record(...channels: readonly (typeof CHANNELS)[number][]): [channel: string, event: Readonly<Record<string, unknown>>][] {
  const seen: [string, Readonly<Record<string, unknown>>][] = [];
  for (const name of channels) {
    const listener = (event: unknown): void => void seen.push([name, event as Readonly<Record<string, unknown>>]);
    subscribe(`dbus-wire:${name}`, listener);
    stop.push(() => unsubscribe(`dbus-wire:${name}`, listener));
  }
  return seen;
}

describe('the channels', () => {
  test('publish the events of a connection to a bus: each message, its start, its end', async () => {
    await using server = await startFakeServer();
    const seen = record(...CHANNELS);
    const bus = await connectToBus(server.address);
    await bus.call({ path: '/', member: 'Ping', signature: 's', body: ['x'] });
    await bus.close();
    const [{ connection } = {}] = seen.map(([, event]) => event);
    expect(connection).toEqual(expect.any(Number));
    const brief = seen.map(([name, event]) => {
      expect(event['connection']).toBe(connection);
      const { type, member, body, replySerial } = (event['message'] ?? {}) as Readonly<Record<string, unknown>>;
      return [name, type ?? event['uniqueName'] ?? (event['error'] as Error).name, member ?? replySerial, body];
    });
    const serial = seen.find(([, { message }]) => (message as { member?: string } | undefined)?.member === 'Ping')?.[1]['serial'];
    expect(brief).toEqual([
      ['message-out', 'method_call', 'Hello', []],
      ['message-in', 'method_return', 1, undefined],
      ['connect', UNIQUE_NAME, undefined, undefined],
      ['message-out', 'method_call', 'Ping', ['x']],
      ['message-in', 'method_return', serial, undefined],
      ['disconnect', 'ConnectionClosedError', undefined, undefined],
    ]);
    expect(seen[2]?.[1]).toEqual({ connection, guid: GUID, uniqueName: UNIQUE_NAME });
    expect(seen[1]?.[1]['bytes']).toBeGreaterThan(40);
    expect(seen[5]?.[1]['isRestorable']).toBe(false);
  });

  test('publish the gaps and the end of a connection that is restored, with its number', async () => {
    await using server = await startFakeServer();
    const seen = record('connect', 'disconnect', 'reconnect');
    const bus = await connectToBus(server.address, { reconnect: { initialDelay: 1, maxAttempts: 1 } });
    (await server.peer()).socket.destroy();
    await until(() => seen.length === 3);
    (await server.peer()).socket.destroy();
    await until(() => seen.length === 5); // it has ended again too soon: no attempt is left
    await bus.close();
    const [{ connection } = {}] = seen.map(([, event]) => event);
    const error = expect.objectContaining({ name: 'ConnectionClosedError' }) as Error;
    expect(seen.slice(0, 4)).toEqual([
      ['connect', { connection, guid: GUID, uniqueName: UNIQUE_NAME }],
      ['disconnect', { connection, error, isRestorable: true }],
      ['reconnect', {
        connection, guid: GUID, uniqueName: UNIQUE_NAME, previousUniqueName: UNIQUE_NAME,
        downtime: expect.any(Number) as number, attempts: 1,
      }],
      ['disconnect', { connection, error, isRestorable: true }],
    ]);
    expect(seen.at(-1)).toEqual(['disconnect', { connection, error, isRestorable: false }]);
  });

  test('give each connection a number; one without a bus has no unique name', async () => {
    await using server = await startFakeServer();
    const seen = record('connect');
    const connections = [await openConnection(server.address), await openConnection(server.address)];
    await Promise.all(connections.map((connection) => connection.close()));
    const [first, second] = seen.map(([, event]) => event);
    expect(first).toEqual({ connection: expect.any(Number) as number, guid: GUID, uniqueName: undefined });
    expect(second?.['connection']).not.toBe(first?.['connection']);
  });

  test('publish each message that arrives, even if it has no receiver, before it is delivered', async () => {
    await using link = await startLink();
    const seen = record('message-in');
    const order: unknown[] = [];
    link.connection.subscribe({ member: 'Happened' }, () => order.push(seen.length));
    link.peer.send(happened(1), methodReturn({ serial: 77, sender: undefined }));
    await until(() => seen.length === 2);
    expect(order).toEqual([1]);
    expect(link.connection.dropped.get('unexpected reply')).toBe(1);
    expect(seen[0]?.[1]['message']).not.toHaveProperty('body');
  });

  test('publish nothing about a message that is refused, or a connection that could not be opened', async () => {
    await using link = await startLink();
    const seen = record(...CHANNELS);
    expect(() => link.connection.send({ type: 'signal' } as never)).toThrow();
    await using server = await startFakeServer({ answer: (_, peer) => void peer.socket.end() });
    await expect(connectToBus(server.address)).rejects.toMatchObject({ name: 'ConnectError' });
    expect(seen.map(([name]) => name)).toEqual(['message-out']); // Hello
  });

  test('do not affect the connection if a subscriber throws', async () => {
    await using link = await startLink();
    const fail = (): void => {
      throw new Error('of the subscriber');
    };
    subscribe('dbus-wire:message-in', fail);
    stop.push(() => unsubscribe('dbus-wire:message-in', fail));
    const uncaught = uncaughtException();
    const subscription = link.connection.subscribe({ member: 'Happened' });
    link.peer.send(happened(5));
    expect(await uncaught).toMatchObject({ message: 'of the subscriber' });
    expect((await subscription.next()).value.body).toEqual([5]);
  });

  test('create no event if they have no subscriber', async () => {
    const publish = vi.spyOn(Channel.prototype, 'publish');
    try {
      await using server = await startFakeServer();
      const bus = await connectToBus(server.address);
      await bus.call({ path: '/', member: 'Ping' });
      await bus.close();
      expect(publish).not.toHaveBeenCalled();
    } finally {
      publish.mockRestore();
    }
  });
});
