// Answers that no program waits for: the caller has left, or the link has ended. The work for them stops, unreported.

import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { defineInterface } from '../../src/interface/define.js';
import { exportObject } from '../../src/service/export-object.js';
import { exportObjectManager } from '../../src/service/export-object-manager.js';
import { exportSubtree } from '../../src/service/export-subtree.js';
import { useBusPair } from '../support/bus-pair.js';
import type { PrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { loopback, recordHandlerErrors } from './support.js';

const STANDARD = 'org.freedesktop.DBus';
const never = (): Promise<never> => new Promise(() => {});
const Thing = defineInterface({
  name: 'com.example.Thing1', methods: { Do: {} }, properties: { Size: { type: 'u', access: 'read' } },
});
const thing = (size: () => number | Promise<number>, run = () => {}) => (
  Thing.implement({ methods: { Do: run }, properties: { Size: { get: size } } })
);

describe('the end of the link', () => {
  const properties = { path: '/m/a', interface: `${STANDARD}.Properties` };
  const CALLS: readonly (readonly [text: string, call: Parameters<ReturnType<typeof loopback>['call']>[0]])[] = [
    ['Get', { ...properties, member: 'Get', signature: 'ss', body: [Thing.name, 'Size'] }],
    ['GetAll', { ...properties, member: 'GetAll', signature: 's', body: [Thing.name] }],
    ['Introspect', { path: '/m/s', interface: `${STANDARD}.Introspectable`, member: 'Introspect' }],
    ['GetManagedObjects', { path: '/m', interface: `${STANDARD}.ObjectManager`, member: 'GetManagedObjects' }],
  ];
  test.each(CALLS)('stops the waits of %s', async (_, parts) => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const reports = recordHandlerErrors();
    const { link, call, abort, sent } = loopback();
    exportObject(link, '/m/a', thing(never));
    exportObject(link, '/m/s', thing(() => 1));
    exportSubtree(link, '/m/s/*', { children: never, object: never });
    exportObjectManager(link, '/m');
    const answered = call(parts);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(vi.getTimerCount()).toBeGreaterThan(0);
    abort.abort(new Error('the link has ended'));
    expect(await answered).toEqual([]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(vi.getTimerCount()).toBe(0);
    expect([sent, reports]).toEqual([[], []]);
  });
});

describeWith('dbus-daemon')('the departure of a caller', () => {
  let daemon: PrivateBus;
  let service: Bus;
  useBusPair((pair) => ({ daemon, service } = pair));

  test('ends the search of GetManagedObjects, and nothing is reported', async () => {
    const reports = recordHandlerErrors();
    const caller = await connectToBus(daemon.address);
    let calls = 0;
    let departed = 0;
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    exportObjectManager(service, '/m');
    const object = thing(() => 1);
    exportSubtree(service, '/m/*', {
      children: () => Array.from({ length: 1_000 }, (_, index) => `n${index}`),
      object: async (_, { signal }) => {
        calls++;
        signal.addEventListener('abort', () => departed++);
        await gate;
        return object;
      },
    });
    const request = { destination: service.uniqueName, path: '/m', interface: `${STANDARD}.ObjectManager` };
    const answer = caller.call({ ...request, member: 'GetManagedObjects' });
    answer.catch(() => {}); // the caller closes
    await vi.waitFor(() => expect(calls).toBe(64));
    await caller.close();
    await vi.waitFor(() => expect(departed).toBe(64));
    open();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([calls, reports]).toEqual([64, []]);
  });

  test('does not end the search for the object of a method, which runs', async () => {
    const caller = await connectToBus(daemon.address);
    let departed = false;
    let asked = false;
    let runs = 0;
    exportSubtree(service, '/m/*', {
      object: (_, { signal }) => new Promise((resolve) => {
        asked = true;
        signal.addEventListener('abort', () => {
          departed = true;
          resolve(thing(() => 1, () => void runs++));
        });
      }),
    });
    caller.call({
      destination: service.uniqueName, path: '/m/x', interface: Thing.name, member: 'Do',
    }).catch(() => {}); // the caller closes
    await vi.waitFor(() => expect(asked).toBe(true));
    await caller.close();
    await vi.waitFor(() => expect([departed, runs]).toEqual([true, 1]));
  });
});
