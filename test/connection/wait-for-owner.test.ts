// Waiting until a name has an owner: how the wait ends, and that nothing remains of it.
import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { connectToBus } from '../../src/index.js';
import { until } from '../support/waiting.js';
import { type Answer, answerAsBus, startBusLink, startFakeServer } from './fake-server.js';
import { deliver, owned, ownerChanged, refused, ruleCalls, SERVICE } from './signals.js';

/** Answers as a bus on which no name has an owner. */
const nobody: Answer = (call, peer) => (call.member === 'GetNameOwner' ? refused : answerAsBus)(call, peer);

describe('waitForOwner', () => {
  test('resolves with the present owner', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    expect(await link.bus.waitForOwner(SERVICE)).toBe(':1.9');
    await until(() => ruleCalls(link.peer).length === 2);
  });

  test('resolves with the next owner, and not with the owner of another name', async () => {
    await using link = await startBusLink();
    const owner = link.bus.waitForOwner(SERVICE, { timeout: 30_000 });
    await deliver(
      link, ownerChanged('com.example.Other', '', ':1.8'), ownerChanged(SERVICE, '', ':1.9'),
      ownerChanged(SERVICE, ':1.9', ':1.10'),
    );
    expect(await owner).toBe(':1.9');
    await until(() => ruleCalls(link.peer).length === 2);
  });

  test('rejects with the reason of its AbortSignal, at once or later', async () => {
    await using link = await startBusLink();
    const controller = new AbortController();
    const { signal } = controller;
    const owner = link.bus.waitForOwner(SERVICE, { signal });
    controller.abort('enough');
    await expect(owner).rejects.toBe('enough');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    await until(() => ruleCalls(link.peer).length === 2);
    await expect(link.bus.waitForOwner(SERVICE, { signal })).rejects.toBe('enough');
    expect(ruleCalls(link.peer)).toHaveLength(2);
  });

  test('rejects after the timeout, even if the bus never answers', async () => {
    await using link = await startBusLink({ answer: (call, peer) => (call.member === 'Hello' ? owned({})(call, peer) : undefined) });
    const error = { name: 'OwnerTimeoutError', code: 'OWNER_TIMED_OUT', busName: SERVICE, timeout: 5 };
    await expect(link.bus.waitForOwner(SERVICE, { timeout: 5 })).rejects.toMatchObject(error);
  });

  test('rejects if the connection ends, or has ended', async () => {
    await using link = await startBusLink();
    const owner = link.bus.waitForOwner(SERVICE);
    await until(() => ruleCalls(link.peer).length === 1);
    link.peer.socket.destroy();
    await expect(owner).rejects.toMatchObject({ name: 'ConnectionClosedError' });
    await expect(link.bus.waitForOwner(SERVICE)).rejects.toMatchObject({ name: 'ConnectionClosedError' });
    expect(getEventListeners(link.bus.closedSignal, 'abort').length).toBeLessThan(2);
  });

  test('continues while the connection is restored', async () => {
    await using server = await startFakeServer();
    await using bus = await connectToBus(server.address, { reconnect: { initialDelay: 1 } });
    const owner = bus.waitForOwner(SERVICE, { timeout: 30_000 });
    const first = await server.peer();
    await until(() => ruleCalls(first).length === 1);
    first.socket.destroy();
    const second = await server.peer();
    await until(() => ruleCalls(second).length === 1);
    second.send(ownerChanged(SERVICE, '', ':1.9'));
    expect(await owner).toBe(':1.9');
  });

  test('for a unique name ends with the connection, even if that is restored', async () => {
    await using server = await startFakeServer({ answer: nobody });
    await using bus = await connectToBus(server.address, { reconnect: { initialDelay: 1 } });
    const error = {
      code: 'CONNECTION_LOST', message: expect.stringContaining(':1.9 was a name on a connection that has ended') as string,
    };
    const first = await server.peer();
    const unanswered = bus.waitForOwner(':1.9'); // the bus has not answered yet
    const waiting = bus.waitForOwner(':1.9');
    await until(() => ruleCalls(first).length === 1);
    const watch = bus.watchOwner(':1.9', () => {});
    await watch.ready; // the bus has answered that the name has no owner
    const later = bus.waitForOwner(':1.9');
    await bus.watchOwner(':1.9', () => {}).ready;
    first.socket.destroy();
    for (const wait of [unanswered, waiting, later]) await expect(wait).rejects.toMatchObject(error);
    await expect(bus.waitForOwner(':1.9')).rejects.toMatchObject(error); // during the outage
    const second = await server.peer();
    await until(() => bus.state === 'connected');
    expect(ruleCalls(second)).toEqual([]);
  });

  test('rejects if the bus refuses the rule', async () => {
    await using link = await startBusLink({ answer: (call, peer) => (call.member === 'AddMatch' ? refused : owned({}))(call, peer) });
    await expect(link.bus.waitForOwner(SERVICE)).rejects.toMatchObject({ name: 'DBusError' });
  });

  test('refuses invalid names, namespaces and unknown options', async () => {
    await using link = await startBusLink();
    for (const name of ['', 'com.example.*', 5 as never]) {
      await expect(link.bus.waitForOwner(name)).rejects.toMatchObject({ code: 'NAME_INVALID' });
    }
    await expect(link.bus.waitForOwner(SERVICE, { timeout: -1 })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    await expect(link.bus.waitForOwner(SERVICE, { time: 1 } as never)).rejects.toMatchObject({ code: 'OPTION_UNKNOWN' });
    expect(ruleCalls(link.peer)).toEqual([]);
  });
});
