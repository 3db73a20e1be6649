// One caller takes nothing from the others: a service in a process of its own with a small heap, and callers whose
// calls hang, or that leave with calls in progress.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import type { DBusError } from '../../src/protocol/errors.js';
import { methodCall, type Signal } from '../../src/wire/messages/message.js';
import { MessageFlag } from '../../src/wire/constants.js';
import { type Variant, variant } from '../../src/wire/variant.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { nextSignal, until } from '../support/waiting.js';
import { startVictim, type Victim } from './victim.js';

const NAME = 'com.example.Victim';
const TARGET = { destination: NAME, path: '/victim', interface: NAME } as const;
const PROPERTIES = { ...TARGET, interface: 'org.freedesktop.DBus.Properties' } as const;

interface Counts {
  readonly hanging: number;
  readonly aborted: number;
  readonly closed: number;
}

describeWith('dbus-daemon')('one caller', () => {
  let daemon: PrivateBus;
  let service: Victim;
  let other: Bus;
  beforeAll(async () => {
    daemon = await startPrivateBus();
    service = await startVictim('service', { bus: daemon.address });
    other = await connectToBus(daemon.address);
  });
  afterAll(async () => {
    await other.close();
    await service[Symbol.asyncDispose]();
    await daemon.stop();
  });

  const echo = (bus: Bus): Promise<unknown> =>
    bus.call({ ...TARGET, member: 'Echo', signature: 's', body: ['still here'], replySignature: 's' });

  test('whose calls hang gets only its share of the calls in progress, and frees it when it leaves', async () => {
    for (let round = 1; round <= 3; round++) {
      const hog = await connectToBus(daemon.address);
      let refused = 0;
      for (let i = 0; i < 3_000; i++) {
        hog.call({ ...TARGET, member: 'Hang', timeout: Infinity }).catch(({ errorName }: DBusError) => {
          if (errorName === 'org.freedesktop.DBus.Error.LimitsExceeded') refused++;
        });
      }
      await until(() => refused >= 3_000 - 1_024, 'the calls above the share are refused');
      expect(await echo(other)).toEqual(['still here']);
      expect(await service.ask<Counts>('counts')).toMatchObject({ hanging: round * 1_024 });
      await hog.close({ timeout: 0 });
      await until(
        async () => (await service.ask<Counts>('counts')).aborted === round * 1_024,
        'the calls of the caller that has left are aborted',
      );
    }
    const { memory } = await service.report();
    expect(memory).toBeLessThan(32 * 2 ** 20);
  });

  test('that waits for a getter does not delay a Set or the announcement of another property', async () => {
    const hog = await connectToBus(daemon.address);
    for (let i = 0; i < 100; i++) {
      hog.call({ ...PROPERTIES, member: 'Get', signature: 'ss', body: [NAME, 'Stuck'] }).catch(() => {});
      hog.call({ ...PROPERTIES, member: 'GetAll', signature: 's', body: [NAME] }).catch(() => {});
    }
    await service.ask('announce');
    const changes = other.subscribe({ sender: NAME, member: 'PropertiesChanged' });
    await changes.ready;
    for (const text of ['one', 'two', 'three']) {
      const fits = ({ body }: Signal): boolean => (body[1] as Map<string, Variant>).get('Fine')?.value === text;
      const changed = nextSignal(changes, fits);
      await other.call({ ...PROPERTIES, member: 'Set', signature: 'ssv', body: [NAME, 'Fine', variant('s', text)] });
      await service.ask('announce');
      expect((await changed).body).toEqual([NAME, new Map([['Fine', variant('s', text)]]), []]);
    }
    await changes.close();
    await hog.close({ timeout: 0 });
  });

  test('that leaves with thousands of calls in progress leaves no memory in use', async () => {
    const flood = async (): Promise<void> => {
      for (let round = 0; round < 4; round++) {
        const hog = await connectToBus(daemon.address);
        for (let i = 0; i < 1_000; i++) {
          const flags = i % 3 === 0 ? MessageFlag.NO_REPLY_EXPECTED : 0;
          const member = i % 2 === 0 ? 'Hang' : 'Echo';
          const body = member === 'Echo' ? { signature: 's', body: ['x'.repeat(1_000)] } : {};
          hog.send(methodCall({ ...TARGET, member, flags, ...body }));
        }
        await hog.listNames(); // the bus has taken all of them
        await hog.close({ timeout: 0 });
      }
      await echo(other);
    };
    await flood();
    const before = (await service.report()).memory;
    await flood();
    await flood();
    expect((await service.report()).memory).toBeLessThan(before + 4 * 2 ** 20);
  });
});
