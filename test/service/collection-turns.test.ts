// The answers of GetManagedObjects that wait for their turn, because others hold many values.

import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { defineInterface } from '../../src/interface/define.js';
import { CollectionTurns, MANY_VALUES } from '../../src/service/collection-turns.js';
import { exportObjectManager } from '../../src/service/export-object-manager.js';
import { exportObject } from '../../src/service/export-object.js';
import { TimeLimit } from '../../src/service/time-limit.js';
import { heavyTest } from '../support/extent.js';
import { loopback } from './support.js';

const LIMIT = 10_000;

beforeEach(() => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
});

/** Collections that end when they are ended; `log` has the names of those that have begun. */
function collections() {
  const turns = new CollectionTurns();
  const log: string[] = [];
  const begin = (name: string, { values = MANY_VALUES, sender = name }: { values?: number; sender?: string } = {}) => {
    const limit = new TimeLimit();
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => (end = resolve));
    const settled = turns.run({
      sender, key: '/', limit,
      run: (turn) => {
        log.push(name);
        turn.add(values);
        return ended;
      },
    });
    return { limit, end, settled };
  };
  return { turns, log, begin };
}
const soon = (): Promise<unknown> => vi.advanceTimersByTimeAsync(1);

describe('a collection', () => {
  test('waits while others hold many values, and begins when they have ended', async () => {
    const { log, begin } = collections();
    const first = begin('first', { values: MANY_VALUES / 2 });
    const second = begin('second', { values: MANY_VALUES / 2 });
    const third = begin('third');
    await soon();
    expect(log).toEqual(['first', 'second']);
    first.end();
    await soon();
    expect(log).toEqual(['first', 'second', 'third']);
    second.end();
    third.end();
    await Promise.all([first, second, third].map(({ settled }) => settled));
    expect(vi.getTimerCount()).toBe(0);
  });

  test('of a caller that has none comes before the second of another caller', async () => {
    const { log, begin } = collections();
    begin('first', { sender: 'greedy', values: MANY_VALUES / 2 });
    const last = begin('last', { values: MANY_VALUES / 2 });
    begin('second', { sender: 'greedy' });
    begin('other');
    last.end();
    await soon();
    expect(log).toEqual(['first', 'last', 'other']);
  });

  test('is expected to be as large as the last one', async () => {
    const { log, begin } = collections();
    const first = begin('first');
    first.end();
    await first.settled;
    begin('second', { values: 0 });
    begin('third', { values: 0 });
    expect(log).toEqual(['first', 'second']);
  });

  test('is refused if its turn does not come in time, and has the whole time limit after its turn has come', async () => {
    const { log, begin } = collections();
    const first = begin('first');
    const second = begin('second');
    const refused = expect(second.settled).rejects.toMatchObject({
      errorName: 'org.freedesktop.DBus.Error.LimitsExceeded',
      message: 'the answers to other calls of GetManagedObjects hold many values: a turn must come within 10000 ms',
    });
    await vi.advanceTimersByTimeAsync(LIMIT - 1);
    const third = begin('third');
    await vi.advanceTimersByTimeAsync(LIMIT - 1);
    await refused;
    first.end();
    await soon();
    expect(log).toEqual(['first', 'third']);
    let isLate = false;
    third.limit.wait(new Promise(() => {}), 'late').catch(() => (isLate = true));
    await vi.advanceTimersByTimeAsync(LIMIT - 1);
    expect(isLate).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(isLate).toBe(true);
  });

  test('never begins if its caller leaves while it waits', async () => {
    const { log, begin } = collections();
    const first = begin('first');
    const second = begin('second');
    const stopped = expect(second.settled).rejects.toThrow('no program waits for the answer');
    second.limit.stop();
    await stopped;
    first.end();
    await soon();
    expect(log).toEqual(['first']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('that throws ends its turn', async () => {
    const { turns, log, begin } = collections();
    const call = { sender: 'a', key: '/', limit: new TimeLimit() };
    const run = (): void => {
      throw new Error('thrown');
    };
    expect(() => turns.run({ ...call, run })).toThrow('thrown');
    const first = begin('first');
    const second = expect(turns.run({ ...call, run })).rejects.toThrow('thrown');
    first.end();
    await soon();
    await second;
    begin('last');
    expect(log).toEqual(['first', 'last']);
  });
});

heavyTest('many calls of GetManagedObjects read the later values of few answers at the same time', async () => {
  vi.useRealTimers();
  const { link, call } = loopback();
  const Slow = defineInterface({ name: 'com.example.Slow1', properties: { Size: { type: 'u', access: 'read' } } });
  let running = 0;
  let most = 0;
  const slow = Slow.implement({
    properties: {
      Size: {
        get: () => {
          most = Math.max(most, ++running);
          return new Promise<number>((resolve) => setTimeout(() => resolve(running--), 20));
        },
      },
    },
  });
  for (let index = 0; index < 10_000; index++) exportObject(link, `/m/o${index}`, slow);
  exportObjectManager(link, '/m');
  const request = { path: '/m', interface: 'org.freedesktop.DBus.ObjectManager', member: 'GetManagedObjects' };
  const calls = Array.from({ length: 12 }, () => call(request));
  const replies = (await Promise.all(calls)).flat();
  expect(replies.map(({ type }) => type)).toEqual(Array.from({ length: 12 }, () => 'method_return'));
  expect((replies[11]?.body[0] as Map<string, unknown>).size).toBe(10_000);
  expect(most).toBeLessThanOrEqual(30_000);
}, 60_000);
