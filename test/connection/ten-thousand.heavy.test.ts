// 10,000 connections, each with a subscription, watches and a call, one after the other and some at once: afterwards the
// process has as many descriptors, timers, listeners and bytes as before.
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { connectToBus, ownName } from '../../src/index.js';
import { memoryInUse, MIB } from '../support/memory.js';
import { startPrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';

const COUNT = 10_000;
const AT_ONCE = 50;

/** What the process holds: open files, what keeps it alive, and the listeners of the process. */
function holdings(): unknown {
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const listeners = process.eventNames().map((event) => [String(event), process.listenerCount(event)]);
  return { descriptors: readdirSync('/proc/self/fd').length, resources, listeners };
}

/** Waits until nothing of the last connections is left to happen in this turn. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await sleep(5);
}

describeWith('dbus-daemon')('a process', () => {
  test(`uses no more memory after ${COUNT} connections, subscriptions and calls`, { timeout: 600_000 }, async () => {
    await using daemon = await startPrivateBus();
    const controller = new AbortController();
    let calls = 0;
    let signals = 0;
    const connectOnce = async (index: number): Promise<void> => {
      const bus = await connectToBus(daemon.address);
      const name = `com.example.Held.n${index}`;
      const subscription = bus.subscribe({ interface: 'com.example.Held1' }, { signal: controller.signal });
      const listener = bus.subscribe({ member: 'NameAcquired' }, () => signals++, { signal: controller.signal });
      const watch = bus.watchOwner(name, () => {});
      const all = bus.watchOwner('com.example.Held.*', () => {});
      await Promise.all([subscription.ready, listener.ready, watch.ready, all.ready]);
      const owned = ownName(bus, name, { signal: controller.signal });
      await Promise.all([bus.waitForOwner(name, { signal: controller.signal, timeout: 60_000 }), owned.ready]);
      expect(await bus.nameHasOwner(name, { signal: controller.signal, timeout: 60_000 })).toBe(true);
      calls++;
      if (index % 2 === 0) await Promise.all([owned.close(), subscription.close(), watch.close(), all.close()]);
      await bus.close();
    };
    const run = async (from: number, count: number): Promise<void> => {
      for (let first = from; first < from + count; first += AT_ONCE) {
        await Promise.all(Array.from({ length: AT_ONCE }, (_, offset) => connectOnce(first + offset)));
      }
      await settle();
    };
    await run(0, 500); // caches fill, code is compiled
    const before = { holdings: holdings(), bytes: memoryInUse() };
    await run(500, COUNT - 500);
    expect(holdings()).toEqual(before.holdings);
    expect((memoryInUse() - before.bytes) / MIB).toBeLessThan(2);
    expect([calls, signals >= COUNT]).toEqual([COUNT, true]);
  });
});
