// Handlers that throw what cannot be inspected: the caller gets an error, and the process goes on.
import { expect, test } from 'vitest';
import { connectToBus } from '../../src/connection/open-bus.js';
import { startPrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { startVictim } from './victim.js';

const TARGET = { destination: 'com.example.Victim', path: '/victim', interface: 'com.example.Victim' } as const;

describeWith('dbus-daemon')('a service', () => {
  test('replies with an error if a handler throws a value that cannot be inspected', async () => {
    await using daemon = await startPrivateBus();
    await using bus = await connectToBus(daemon.address);
    await using service = await startVictim('service', { bus: daemon.address });
    const count = await service.ask<number>('strange');
    expect(count).toBeGreaterThan(10);
    for (let i = 0; i < count; i++) {
      const call = bus.call({ ...TARGET, member: 'ThrowStrange', signature: 'u', body: [i] });
      await expect(call).rejects.toMatchObject({ errorName: 'org.freedesktop.DBus.Error.Failed' });
    }
    await service.survives(/HandlerErrorWarning/);
  });
});
