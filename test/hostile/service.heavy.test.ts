// One hostile caller and the service program with a heap of 96 MiB: it takes nothing from another caller, and
// leaves no memory in use. The tests compare counts of answers, and memory before and after.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import type { DBusError } from '../../src/protocol/errors.js';
import {
  MAX_SLOW_JOBS, MAX_SLOW_JOBS_PER_CALLER, RANDOM_DATA_BUS_NAME, RANDOM_DATA_PATH, RandomData,
} from '../../src/random-data.js';
import { MessageFlag } from '../../src/wire/constants.js';
import { methodCall } from '../../src/wire/messages/message.js';
import { startService } from '../support/built.js';
import { MEMORY_PROBE, memoryInUseBy, MIB } from '../support/memory.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith, type Program } from '../support/programs.js';

const target = { destination: RANDOM_DATA_BUS_NAME, path: RANDOM_DATA_PATH, interface: RandomData.name };
const longest = { ...target, member: 'quick', signature: 'i', body: [65_536] } as const;

describeWith('dbus-daemon')('a hostile caller of the service', () => {
  let bus: PrivateBus;
  let service: Program;
  beforeAll(async () => {
    bus = await startPrivateBus();
    const options = `${MEMORY_PROBE.NODE_OPTIONS} --max-old-space-size=96`;
    service = await startService(bus, ['--interval', '60000'], { env: { NODE_OPTIONS: options } });
  });
  afterAll(async () => {
    expect(await service.stop()).toMatchObject({ code: 0, stderr: '' });
    await bus.stop();
  });

  const usedMemory = async (): Promise<number> => await memoryInUseBy(service) / MIB;
  const errorOf = (call: Promise<unknown>): Promise<string> => call.then(
    () => 'none',
    (error: DBusError) => error.errorName,
  );

  test('that asks for 20,000 long numbers gets few of them before another caller gets its number', async () => {
    await using attacker = await connectToBus(bus.address);
    await using other = await connectToBus(bus.address);
    let answered = 0;
    let refused = 0;
    const all = Promise.all(Array.from({ length: 20_000 }, () => (
      attacker.call({ ...longest, timeout: Infinity }).then(() => answered++, () => refused++)
    )));
    while (answered + refused < 20_000 - 1_024) await new Promise((resolve) => setImmediate(resolve));
    // What is left are the calls in progress, which the service has read: no bus lies between them and those of others.
    const before = answered;
    const [number] = await other.call({ ...longest, replySignature: 's', timeout: Infinity });
    expect(number.length).toBeGreaterThan(19_000);
    expect(answered - before).toBeLessThan(256); // in turns it is 1; the rest are answers on their way
    await all;
    expect(answered + refused).toBe(20_000);
  });

  test('that repeatedly starts jobs and calls and leaves uses no more memory, and others can start jobs',
    async () => {
      const attack = async (): Promise<void> => {
        const attacker = await connectToBus(bus.address);
        for (let index = 0; index < MAX_SLOW_JOBS_PER_CALLER; index++) {
          attacker.send(methodCall({ ...target, member: 'slow', signature: 'i', body: [3_600] }));
        }
        for (let index = 0; index < 1_024; index++) {
          attacker.send(methodCall({ ...longest, flags: MessageFlag.NO_REPLY_EXPECTED }));
        }
        await errorOf(attacker.call({ ...target, member: 'slow_result', signature: 's', body: [''] }));
        await attacker.close();
      };
      for (let round = 0; round < 10; round++) await attack();
      const before = await usedMemory();
      for (let round = 0; round < 30; round++) await attack();
      expect(await usedMemory()).toBeLessThan(before + 8);
      // Others can start as many as before.
      const others: Bus[] = [];
      let started = 0;
      for (let index = 0; index < 4; index++) {
        const other = await connectToBus(bus.address);
        others.push(other);
        for (let job = 0; job < MAX_SLOW_JOBS_PER_CALLER; job++) {
          const slow = other.call({ ...target, member: 'slow', signature: 'i', body: [1] });
          if (await errorOf(slow) === 'none') started++;
        }
      }
      expect(started).toBe(4 * MAX_SLOW_JOBS_PER_CALLER);
      expect(started).toBeLessThan(MAX_SLOW_JOBS);
      await Promise.all(others.map((other) => other.close()));
    });
});
