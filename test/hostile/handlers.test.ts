// Handlers that throw values that cannot be inspected, and handlers that close the connection: callers get their errors,
// and the process goes on, or ends normally.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { until } from '../support/waiting.js';
import { startVictim, type Victim } from './victim.js';

const TARGET = { destination: 'com.example.Victim', path: '/victim', interface: 'com.example.Victim' } as const;

describeWith('dbus-daemon')('a service', () => {
  let daemon: PrivateBus;
  let bus: Bus;
  let service: Victim;
  beforeAll(async () => {
    daemon = await startPrivateBus();
    [bus, service] = await Promise.all([
      connectToBus(daemon.address), startVictim('service', { bus: daemon.address }),
    ]);
  });
  afterAll(async () => {
    await bus.close();
    await service[Symbol.asyncDispose]();
    await daemon.stop();
  });

  test('replies with an error if a handler throws a value that cannot be inspected', async () => {
    const count = await service.ask<number>('strange');
    expect(count).toBeGreaterThan(10);
    for (let i = 0; i < count; i++) {
      const call = bus.call({ ...TARGET, member: 'ThrowStrange', signature: 'u', body: [i] });
      await expect(call).rejects.toMatchObject({ errorName: 'org.freedesktop.DBus.Error.Failed' });
    }
  });

  test('ends normally after a handler has closed the connection', async () => {
    await bus.call({ ...TARGET, member: 'Close' }).catch(() => {});
    const isOver = async (): Promise<boolean> => (await service.ask<{ readonly closed: number }>('counts')).closed === 1;
    await until(isOver, 'the handler goes on');
    expect((await service.report()).closed).toBe(true);
    await service.survives(/^$|HandlerErrorWarning/); // of the test before
  });
});
