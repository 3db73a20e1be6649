// Connections that outlive their bus: real buses are ended and started again on the same socket, under load. A service
// keeps its name, its objects and its subscribers, and both sides learn how long they were without a bus.
import { describe, expect, onTestFinished, test } from 'vitest';
import { createProxy } from '../../src/client/proxy.js';
import { type Bus, connectToBus } from '../../src/connection/bus.js';
import type { ConnectionChange, ConnectionRestored, Gap } from '../../src/connection/gap.js';
import { defineInterface } from '../../src/interface/define.js';
import { exportObject } from '../../src/service/export-object.js';
import { REAL_BUSES } from '../support/private-broker.js';
import type { PrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { until } from '../support/waiting.js';

const NAME = 'com.example.Ticker';
const PATH = '/com/example/Ticker';
const Ticker = defineInterface({
  name: 'com.example.Ticker1',
  methods: { Add: { in: 'uu', out: 'u' } },
  signals: { Tick: { args: 'u' } },
});

const FAST = { initialDelay: 20, maxDelay: 200 };

interface Program {
  readonly bus: Bus;
  readonly changes: ConnectionChange[];
  restored(): ConnectionRestored[];
}

/** A connection that is restored, and all changes of it. */
async function connect(address: string): Promise<Program> {
  const bus = await connectToBus(address, { reconnect: FAST });
  onTestFinished(() => bus.close());
  const changes: ConnectionChange[] = [];
  bus.watchConnection((change) => changes.push(change));
  return { bus, changes, restored: () => changes.filter((change) => change.state === 'connected') };
}

/** A service that emits a signal every millisecond until the test has finished. */
async function startTicker(daemon: PrivateBus) {
  const service = await connect(daemon.address);
  const ticker = Ticker.implement({ methods: { Add: (a, b) => a + b } });
  exportObject(service.bus, PATH, ticker);
  await service.bus.requestName(NAME);
  let count = 0;
  const timer = setInterval(() => ticker.emit('Tick', ++count), 1);
  onTestFinished(() => clearInterval(timer));
  return { ...service, emitted: () => count };
}

describe.each(REAL_BUSES)('$program', ({ required, startBus }) => {
  describeWith(...required)('that is started again', () => {
    test('three times keeps the name, the objects and the subscribers of a service', async () => {
      await using daemon = await startBus();
      const service = await startTicker(daemon);
      const client = await connect(daemon.address);
      const proxy = createProxy(client.bus, Ticker, { destination: NAME, path: PATH });
      const gaps: Gap[] = [];
      const ticks = proxy.$signal('Tick', { onGap: (gap) => gaps.push(gap) });
      const seen: number[] = [];
      const reading = (async () => {
        for await (const [tick] of ticks) seen.push(tick);
      })();
      await ticks.ready;
      await until(() => seen.length > 20);
      for (const signal of ['SIGTERM', 'SIGKILL', 'SIGKILL'] as const) {
        const before = seen.length;
        const round = service.restored().length + 1;
        await daemon.restart(signal);
        await until(() => service.restored().length === round && client.restored().length === round);
        await until(() => seen.length > before + 20);
        expect(await proxy.Add(round, 1)).toBe(round + 1);
      }
      expect(await client.bus.getNameOwner(NAME)).toBe(service.bus.uniqueName);
      expect(service.restored().map(({ names, errors }) => [...names, errors])).toEqual(
        Array.from({ length: 3 }, () => [[NAME, 'primary owner'], []]),
      );
      expect([gaps.length, ticks.gaps, ticks.dropped]).toEqual([3, 3, 0]);
      for (const gap of [...gaps, ...service.restored()]) {
        expect(gap.downtime).toBeGreaterThan(0);
        expect(gap.attempts).toBeGreaterThan(0);
      }
      expect(seen).toEqual([...seen].sort((a, b) => a - b)); // in order, and none twice
      expect(new Set(seen).size).toBe(seen.length);
      const missed = service.emitted() - seen.length;
      expect(service.bus.dropped.get('undeliverable') ?? 0).toBeLessThanOrEqual(missed);
      await ticks.close();
      await reading;
    });
  });
});
