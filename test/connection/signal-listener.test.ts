// Subscriptions with a listener: the order and the types of its calls, how they end, and what an exception does.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { connectToBus } from '../../src/index.js';
import { until } from '../support/waiting.js';
import { startBusLink, startFakeServer, startPair } from './fake-server.js';
import { deliver, happened, owned, ownerChanged, refused, RULE, ruleCalls, SERVICE } from './signals.js';
import { uncaughtException } from './uncaught.js';

describe('a listener', () => {
  test('gets each signal that matches the rule as it arrives, only from the sender of the rule', async () => {
    await using link = await startBusLink({ answer: owned({ [SERVICE]: ':1.9' }) });
    const seen: unknown[] = [];
    const subscription = link.bus.subscribe({ ...RULE, sender: SERVICE }, ({ member, body: [n] }) => seen.push([member, n]));
    await subscription.ready;
    link.bus.watchOwner(SERVICE, (owner) => seen.push(owner ?? 'gone'));
    await deliver(link, happened(1), happened(2, ':1.66'), ownerChanged(SERVICE, ':1.9', ''), happened(3), happened(4, ':1.9'));
    expect(seen).toEqual([':1.9', ['Happened', 1], 'gone']);
    await subscription.close();
    await subscription.close();
    await subscription[Symbol.asyncDispose]();
    expect(await subscription.closed).toBeUndefined();
    expect(ruleCalls(link.peer).filter(([, text]) => String(text).includes("member='Happened'"))).toHaveLength(2);
  });

  test('gets a body with the types of the signature, and other signals are dropped and counted', async () => {
    await using link = await startBusLink();
    const seen: number[] = [];
    const subscription = link.bus.subscribe(RULE, ({ body: [n] }) => seen.push(n), { signature: 'u' });
    link.bus.subscribe(RULE, (signal) => {
      // @ts-expect-error the body has one number
      const [text]: [string] = signal.body;
      void text;
    }, { signature: 'u' });
    // @ts-expect-error the signature is not valid
    expect(() => link.bus.subscribe(RULE, () => {}, { signature: 'k' })).toThrow(expect.objectContaining({ name: 'SignatureError' }) as Error);
    await deliver(link, happened(1), { ...happened(2), signature: 's', body: ['x'] }, happened(3));
    expect([seen, subscription.dropped]).toEqual([[1, 3], 1]);
  });

  test('is called again after it has thrown, and so are the others', async () => {
    await using link = await startBusLink();
    const seen: unknown[] = [];
    link.bus.subscribe(RULE, ({ body: [n] }) => {
      seen.push(n);
      throw new Error(`of the listener, ${String(n)}`);
    });
    link.bus.subscribe(RULE, ({ body: [n] }) => seen.push(n));
    const uncaught = uncaughtException();
    await deliver(link, happened(1));
    expect(await uncaught).toMatchObject({ message: 'of the listener, 1' });
    expect(seen).toEqual([1, 1]);
  });

  test('that closes its own subscription, or another one, is not called again', async () => {
    await using link = await startBusLink();
    const seen: unknown[] = [];
    const first = link.bus.subscribe(RULE, () => {
      seen.push('first');
      void first.close();
      void second.close();
    });
    const second = link.bus.subscribe(RULE, () => seen.push('second'));
    await deliver(link, happened(1), happened(2));
    expect(seen).toEqual(['first']);
  });

  test('that is slow does not delay readers or other listeners', async () => {
    await using link = await startBusLink();
    const seen: unknown[] = [];
    link.bus.subscribe(RULE, async ({ body: [n] }) => {
      await sleep(60_000, undefined, { ref: false });
      seen.push(['slow', n]);
    });
    link.bus.subscribe(RULE, ({ body: [n] }) => seen.push(n));
    const reader = link.bus.subscribe(RULE);
    await deliver(link, happened(1), happened(2));
    expect((await reader.next()).value.body).toEqual([1]);
    expect(seen).toEqual([1, 2]);
  });
});

describe('the end of a subscription with a listener', () => {
  test('is reported by `closed`: the reason of its AbortSignal', async () => {
    await using link = await startBusLink();
    const controller = new AbortController();
    const subscription = link.bus.subscribe(RULE, () => expect.unreachable(), { signal: controller.signal });
    controller.abort('enough');
    expect(await subscription.closed).toBe('enough');
    await deliver(link, happened(1));
    await until(() => ruleCalls(link.peer).length === 2);
    expect(() => link.bus.subscribe(RULE, () => {}, { signal: controller.signal })).toThrow('enough');
  });

  test('is reported by `closed`: the error of a bus that refuses the rule', async () => {
    await using link = await startBusLink({ answer: (call, peer) => (call.member === 'AddMatch' ? refused : owned({}))(call, peer) });
    const subscription = link.bus.subscribe(RULE, () => {});
    expect(await subscription.closed).toMatchObject({ name: 'DBusError' });
    await expect(subscription.ready).rejects.toMatchObject({ name: 'DBusError' });
  });

  test('is reported by `closed`: the end of the connection', async () => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe(RULE, () => {});
    await subscription.ready;
    link.peer.socket.destroy();
    expect(await subscription.closed).toMatchObject({ name: 'ConnectionClosedError' });
    expect(await link.bus.subscribe(RULE, () => {}).closed).toMatchObject({ name: 'ConnectionClosedError' });
  });
});

test('a listener on a connection with typed arrays gets them, also in its types', async () => {
  await using server = await startFakeServer();
  await using bus = await connectToBus(server.address, { typedArrays: true });
  const seen: Int32Array[] = [];
  const subscription = bus.subscribe(RULE, ({ body: [numbers] }) => seen.push(numbers), { signature: 'ai' });
  await subscription.ready;
  (await server.peer()).send({ ...happened(0), signature: 'ai', body: [[1, 2]] });
  await until(() => seen.length === 1);
  expect(seen).toEqual([Int32Array.of(1, 2)]);
});

test('a subscription with a listener reports a gap, with a signature or without', async () => {
  await using server = await startFakeServer();
  await using bus = await connectToBus(server.address, { reconnect: { initialDelay: 1 } });
  const seen: unknown[] = [];
  const untyped = bus.subscribe(RULE, ({ body: [n] }) => seen.push(n), { onGap: ({ attempts }) => seen.push(`gap ${attempts}`) });
  const typed = bus.subscribe(RULE, ({ body: [n] }) => seen.push(n + 10), { signature: 'u', onGap: () => seen.push('gap') });
  await Promise.all([untyped.ready, typed.ready]);
  const first = await server.peer();
  first.send(happened(1));
  await until(() => seen.length === 2);
  first.socket.destroy();
  const second = await server.peer();
  await until(() => seen.length === 4);
  second.send(happened(2));
  await until(() => seen.length === 6);
  expect(seen).toEqual([1, 11, 'gap 1', 'gap', 2, 12]);
  expect([untyped.gaps, typed.gaps]).toEqual([1, 1]);
});

test('a listener works without a bus', async () => {
  await using pair = await startPair();
  const seen: unknown[] = [];
  pair.one.subscribe(RULE, ({ body: [n] }) => seen.push(n), { signature: 'u' });
  const { sender: _, ...sent } = happened(7);
  pair.other.send({ ...sent, sender: undefined });
  await until(() => seen.length === 1);
  expect(seen).toEqual([7]);
});

test('a listener has no queue: options of a queue are refused', async () => {
  await using link = await startBusLink();
  const unknown = expect.objectContaining({ code: 'OPTION_UNKNOWN', key: 'queueLimit' }) as Error;
  expect(() => link.bus.subscribe(RULE, () => {}, { queueLimit: 1 } as never)).toThrow(unknown);
  expect(() => link.bus.subscribe(RULE, 5 as never)).toThrow('the options must be an object, got number 5');
  expect(() => link.bus.subscribe({ type: 'method_call' }, () => {})).toThrow('"type" must be "signal"');
});
