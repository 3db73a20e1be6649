// The queue of a subscription: its order, its limit, its end, and the reader that waits.
import { describe, expect, test } from 'vitest';
import { type OverflowPolicy, SignalQueue } from '../../src/connection/signal-queue.js';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import type { Signal } from '../../src/wire/messages/message.js';
import { extent, heavyTest } from '../support/extent.js';
import { until } from '../support/waiting.js';
import { expectProportionalWork } from '../support/work.js';
import { startBusLink } from './fake-server.js';
import { queued } from './queued.js';
import { deliver, happened, RULE, ruleCalls } from './signals.js';

const bytesOf = (signal: Signal): number => encodeMessage(signal, { serial: 1 }).length;

describe('the queue of a subscription', () => {
  test.each<[limit: number | undefined, sent: number, kept: number]>([
    [undefined, 1_030, 1_024],
    [3, 10, 3],
    [1, 2, 1],
    [0, 2, 0],
    ...extent<[number, number, number][]>([], [[Infinity, 3_000, 3_000]]),
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

  test('has a limit in bytes, which is an option of the subscription', async () => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe(RULE, { queueBytes: 0 });
    await subscription.ready;
    await deliver(link, happened(1), happened(2));
    expect([subscription.dropped, link.bus.dropped.get('queue overflow')]).toEqual([1, 1]);
    expect(await queued(subscription)).toEqual([2]);
  });

  test.each<[policy: OverflowPolicy, kept: readonly number[], dropped: readonly number[], error: string | undefined]>([
    ['drop oldest', [3, 4], [1, 2], undefined],
    ['drop newest', [1, 2], [3, 4], undefined],
    ['error', [1, 2], [3], 'QUEUE_OVERFLOW'],
  ])('obeys its policy if it is full, %s: it keeps %j and drops %j', async (overflow, kept, dropped, code) => {
    await using link = await startBusLink();
    for (const limits of [{ queueLimit: 2 }, { queueBytes: 2 * bytesOf(happened(1)) + 1 }]) {
      const before = link.bus.dropped.get('queue overflow') ?? 0;
      const subscription = link.bus.subscribe(RULE, { ...limits, overflow });
      await subscription.ready;
      await deliver(link, ...[1, 2, 3, 4].map((n) => happened(n)));
      expect(subscription.dropped).toBe(dropped.length);
      expect(link.bus.dropped.get('queue overflow')).toBe(before + dropped.length);
      const read = [(await subscription.next()).value.body[0], (await subscription.next()).value.body[0]];
      expect(read).toEqual(kept);
      if (code !== undefined) {
        await expect(subscription.next()).rejects.toMatchObject({ code });
        expect((await subscription.next()).done).toBe(true);
        await until(() => ruleCalls(link.peer).at(-1)?.[0] === 'RemoveMatch');
      }
      await subscription.close();
      const [added, removed] = ['AddMatch', 'RemoveMatch'].map((member) => link.peer.calls(member).length);
      expect(added).toBe(removed);
    }
  });

  test.each<OverflowPolicy>(['drop oldest', 'drop newest', 'error'])(
    'with the policy %s gives each signal to a reader that waits, whatever its limits are',
    async (overflow) => {
      const queue = new SignalQueue({ limit: 0, maxBytes: 0, overflow, onDrop: () => {} });
      const next = [queue.next(), queue.next()];
      for (const n of [1, 2]) queue.push(happened(n), 100);
      expect((await Promise.all(next)).map(({ value }) => value.body[0])).toEqual([1, 2]);
      queue.push(happened(3), 100);
      expect(queue.dropped).toBe(1);
    },
  );

  test('accepts a single signal that is longer than its limit, whatever its policy is', async () => {
    for (const overflow of ['drop oldest', 'drop newest', 'error'] as const) {
      const queue = new SignalQueue({ limit: 10, maxBytes: 5, overflow, onDrop: () => expect.unreachable() });
      queue.push(happened(1), 100);
      expect((await queue.next()).value.body).toEqual([1]);
    }
  });

  heavyTest('is read in a time proportional to its length', async () => {
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

  test('delivers signals to waiting readers in the order in which they began to wait', async () => {
    await using link = await startBusLink();
    const subscription = link.bus.subscribe(RULE, { queueLimit: 0 });
    const nexts = [subscription.next(), subscription.next()];
    await deliver(link, happened(1), happened(2), happened(3));
    expect((await Promise.all(nexts)).map(({ value }) => value.body)).toEqual([[1], [2]]);
    expect(subscription.dropped).toBe(1);
  });
});
