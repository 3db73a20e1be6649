// Connections that outlive their bus: real buses are ended and started again on the same socket, under load. A service
// keeps its name, its objects and its subscribers, and both sides learn how long they were without a bus.
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createProxy } from '../../src/client/proxy.js';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus, sessionBus } from '../../src/connection/open-bus.js';
import { ConnectionClosedError } from '../../src/connection/errors.js';
import type { ConnectionChange, ConnectionRestored, Gap } from '../../src/connection/gap.js';
import { defineInterface } from '../../src/interface/define.js';
import { ownName } from '../../src/connection/own-name.js';
import { exportObject } from '../../src/service/export-object.js';
import { extent, some } from '../support/extent.js';
import { REAL_BUSES } from '../support/private-broker.js';
import { PROXIED_BUS } from '../support/private-proxy.js';
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

describe.each(some([...REAL_BUSES, PROXIED_BUS], 3))('$program', ({ required, startBus }) => {
  describeWith(...required)('that is started again', () => {
    test('repeatedly gets back the name, the objects and the subscribers of a service', async () => {
      const ends = extent(['SIGTERM', 'SIGKILL'] as const, ['SIGTERM', 'SIGKILL', 'SIGKILL'] as const);
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
      for (const signal of ends) {
        const before = seen.length;
        const round = service.restored().length + 1;
        await daemon.restart(signal);
        await until(() => service.restored().length === round && client.restored().length === round);
        await until(() => seen.length > before + 20);
        expect(await proxy.Add(round, 1)).toBe(round + 1);
      }
      expect(await client.bus.getNameOwner(NAME)).toBe(service.bus.uniqueName);
      expect(service.restored().map(({ names, errors }) => [...names, errors])).toEqual(
        ends.map(() => [[NAME, 'primary owner'], []]),
      );
      expect([gaps.length, ticks.gaps, ticks.dropped]).toEqual([ends.length, ends.length, 0]);
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

    test('leaves each call under load with one outcome, and handles none that was reported as not sent', async () => {
      await using daemon = await startBus();
      const service = await connect(daemon.address);
      const handled: number[] = [];
      exportObject(service.bus, PATH, Ticker.implement({
        methods: {
          Add: (a, b) => {
            handled.push(a);
            return a + b;
          },
        },
      }));
      await service.bus.requestName(NAME);
      const client = await connect(daemon.address);
      const proxy = createProxy(client.bus, Ticker, { destination: NAME, path: PATH });
      const fulfilled: number[] = [];
      const failed: { readonly id: number; readonly error: unknown }[] = [];
      const calls: Promise<void>[] = [];
      const call = (): void => {
        const id = calls.length + 1;
        calls.push(proxy.Add(id, 1).then((sum) => {
          expect(sum).toBe(id + 1);
          fulfilled.push(id);
        }, (error: unknown) => void failed.push({ id, error })));
      };
      const burst = setInterval(() => {
        for (let i = 0; i < 20; i++) call();
      }, 1);
      await until(() => fulfilled.length > 100);
      process.kill(-daemon.pid, 'SIGSTOP'); // the group: the broker, and its controller
      const stopped = calls.length;
      await until(() => calls.length > stopped + 100);
      clearInterval(burst);
      await daemon.restart('SIGKILL');
      await until(() => service.restored().length === 1 && client.restored().length === 1);
      await client.bus.waitForOwner(NAME);
      for (let i = 0; i < 20; i++) call();
      await Promise.all(calls);
      expect(fulfilled.length + failed.length).toBe(calls.length);
      expect(fulfilled.slice(-20)).toEqual(Array.from({ length: 20 }, (_, index) => calls.length - 19 + index));
      expect(failed.length).toBeGreaterThan(0);
      expect(new Set(handled).size).toBe(handled.length);
      for (const { id, error } of failed) {
        if (error instanceof ConnectionClosedError && error.wasSent === true) continue;
        if (error instanceof ConnectionClosedError) expect(error).toMatchObject({ code: 'CONNECTION_LOST', wasSent: false });
        else expect(error).toMatchObject({ errorName: expect.stringMatching(/ServiceUnknown|NameHasNoOwner/) }); // it came first
        expect(handled).not.toContain(id);
      }
    });

    test('is found, even if its address has the GUID of the previous bus', async () => {
      await using daemon = await startBus();
      const { bus, restored } = await connect(`${daemon.address},guid=${daemon.guid}`);
      await daemon.restart();
      await until(() => restored().length === 1);
      expect(bus.guid).not.toBe(daemon.guid);
      expect(bus.guid).toMatch(/^[0-9a-f]{32}$/);
    });

    test('gives an owned name back, or reports that another program owns it', async () => {
      await using daemon = await startBus();
      const { bus, restored } = await connect(daemon.address);
      const seen: unknown[] = [];
      const names = [NAME, 'com.example.Other'].map((each) => ownName(bus, each, {
        acquired: () => seen.push(['acquired', each]),
        lost: (reason) => seen.push(['lost', each, reason.name]),
      }));
      await Promise.all(names.map(({ ready }) => ready));
      await daemon.restart();
      await until(() => restored().length === 1);
      const acquired = [['acquired', NAME], ['acquired', 'com.example.Other']];
      expect(seen).toEqual([...acquired, ...acquired]);
      expect(names.map(({ state }) => state)).toEqual(['owner', 'owner']);

      const thief = await connect(daemon.address);
      const stop = bus.watchConnection(() => stop()); // both are away at the same time; the thief comes back first
      let hasTaken = false;
      thief.bus.watchConnection((change) => {
        if (change.state === 'connected') void thief.bus.requestName(NAME).then(() => (hasTaken = true), () => (hasTaken = false));
      });
      await daemon.restart('SIGKILL');
      await until(() => restored().length === 2 && thief.restored().length === 1);
      await until(() => names.every(({ state }) => state !== 'requesting'));
      await thief.bus.listNames();
      expect(names[1]?.state).toBe('owner');
      expect(names[0]?.state).toBe(hasTaken ? 'lost' : 'owner');
      const end = ['lost', NAME, 'NameRequestError'];
      if (hasTaken) expect(seen).toContainEqual(end);
      else expect(seen).not.toContainEqual(end);
    });

    test('at another address is found by the variable in the environment', async () => {
      const [first, second] = await Promise.all([startBus(), startBus()]);
      onTestFinished(() => second.stop());
      onTestFinished(() => void vi.unstubAllEnvs());
      vi.stubEnv('DBUS_SESSION_BUS_ADDRESS', first.address);
      await using bus = await sessionBus({ reconnect: FAST });
      vi.stubEnv('DBUS_SESSION_BUS_ADDRESS', second.address);
      await first.stop();
      await until(() => bus.state === 'connected' && bus.guid === second.guid);
      expect(await bus.listNames()).toContain(bus.uniqueName);
    });
  });
});
