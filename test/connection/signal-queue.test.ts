// The queue of a subscription: its order, its limit, its end, and the reader that waits.
import { describe, expect, test } from 'vitest';
import { SignalQueue } from '../../src/connection/signal-queue.js';
import { expectProportionalWork } from '../support/work.js';
import { startBusLink } from './fake-server.js';
import { queued } from './queued.js';
import { deliver, happened, RULE } from './signals.js';

describe('the queue of a subscription', () => {
  test.each<[limit: number | undefined, sent: number, kept: number]>([
    [undefined, 1_030, 1_024],
    [3, 10, 3],
    [1, 2, 1],
    [0, 2, 0],
    [Infinity, 3_000, 3_000],
  ])('with room for %s of %s signals keeps the newest %s and counts the others', async (queueLimit, sent, kept) => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe(RULE, { queueLimit });
    await subscription.ready;
    await deliver(link, ...Array.from({ length: sent }, (_, i) => happened(i)));
    expect(subscription.dropped).toBe(sent - kept);
    expect(link.bus.dropped.get('queue overflow') ?? 0).toBe(sent - kept);
    expect(await queued(subscription)).toEqual(Array.from({ length: kept }, (_, i) => sent - kept + i));
  });

  test.each<[maxBytes: number, kept: readonly number[]]>([
    [30, [2, 3]],
    [29, [3]],
    [0, [3]],
  ])('with room for %i bytes keeps the newest signals that fit, and at least one: %j', async (maxBytes, kept) => {
    const dropped: unknown[] = [];
    const queue = new SignalQueue({ limit: 10, maxBytes, onDrop: ({ body }) => dropped.push(body[0]) });
    for (const n of [1, 2, 3]) queue.push(happened(n), 15);
    queue.end();
    const read: unknown[] = [];
    for (let next = await queue.next(); next.done !== true; next = await queue.next()) read.push(next.value.body[0]);
    expect([read, dropped, queue.dropped]).toEqual([kept, [1, 2, 3].slice(0, -kept.length), 3 - kept.length]);
  });

  test('of a subscription has room for the bytes of its option', async () => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe(RULE, { queueBytes: 0 });
    await subscription.ready;
    await deliver(link, happened(1), happened(2));
    expect([subscription.dropped, link.bus.dropped.get('queue overflow')]).toEqual([1, 1]);
    expect(await queued(subscription)).toEqual([2]);
  });

  test('is read in a time proportional to its length', async () => {
    const filled = (length: number): SignalQueue => {
      const queue = new SignalQueue({ limit: length, maxBytes: Infinity, onDrop: () => expect.unreachable() });
      for (let n = 0; n < length; n++) queue.push(happened(n), 1);
      queue.end();
      return queue;
    };
    const readAll = async (queue: SignalQueue): Promise<void> => {
      while ((await queue.next()).done !== true);
    };
    await expectProportionalWork(12_500, readAll, filled);
  });

  test('accepts no signals after its end', async () => {
    const queue = new SignalQueue({ limit: 2, maxBytes: 2, onDrop: () => expect.unreachable() });
    queue.push(happened(1), 1);
    queue.end();
    for (const n of [2, 3, 4]) queue.push(happened(n), 1);
    expect((await queue.next()).value.body).toEqual([1]);
    expect([await queue.next(), queue.dropped]).toEqual([{ value: undefined, done: true }, 0]);
  });

  test('gives signals to readers that wait, in the order in which they began to wait', async () => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe(RULE, { queueLimit: 0 });
    const nexts = [subscription.next(), subscription.next()];
    await deliver(link, happened(1), happened(2), happened(3));
    expect((await Promise.all(nexts)).map(({ value }) => value.body)).toEqual([[1], [2]]);
    expect(subscription.dropped).toBe(1);
  });
});
