// A subscription takes effect before the calls that follow it on the same connection: the bus handles the messages of one
// client in order. On all buses, with a service that answers each call with a signal.
// Specification: Message Ordering.
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectToBus, createProxy, defineInterface, exportObject } from '../../src/index.js';
import { extent } from '../support/extent.js';
import { ALL_BUSES } from '../support/private-broker.js';
import { describeWith } from '../support/programs.js';

const Bell = defineInterface({ name: 'com.example.Bell1', methods: { Ring: {} }, signals: { Rang: { args: 'u' } } });

describe.each(ALL_BUSES)('$program:', ({ required, startBus }) => {
  describeWith(...required)('a call made directly after subscribing', () => {
    test.each([
      ['a running service', true],
      ['a service that takes its name at the call', false],
    ])('to %s misses no signal of it', async (_, isRunning) => {
      const daemon = await startBus();
      onTestFinished(() => daemon.stop());
      const service = await connectToBus(daemon.address);
      onTestFinished(() => service.close());
      let count = 0;
      const bell = Bell.implement({
        methods: {
          Ring: async () => {
            await service.requestName('com.example.Bell');
            bell.emit('Rang', ++count);
          },
        },
      });
      exportObject(service, '/bell', bell);
      if (isRunning) await service.requestName('com.example.Bell');
      for (let round = 1; round <= extent(5, 20); round++) {
        await using client = await connectToBus(daemon.address);
        const target = { destination: 'com.example.Bell', path: '/bell' };
        const heard: number[] = [];
        createProxy(client, Bell, target).$signal('Rang', (at) => heard.push(at));
        const signals = createProxy(client, Bell, target).$signals('Rang');
        await createProxy(client, Bell, { ...target, destination: service.uniqueName }).Ring();
        expect((await signals.next()).value).toMatchObject({ args: [round] });
        expect(heard).toEqual([round]);
        if (!isRunning) await service.releaseName('com.example.Bell');
      }
    });
  });
});
