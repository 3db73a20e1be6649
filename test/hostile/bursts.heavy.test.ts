// Bursts among programs that read, on real buses and on ours, and between processes with small heaps: many long calls
// at once, and many short calls whose replies are long. All are answered. If one program never reads, the service
// answers the others. The suite of bursts.test.ts, which needs no bus, runs here with more calls;
// deaf-peers.heavy.test.ts has the peers that never read.
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectToBus } from '../../src/connection/open-bus.js';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { methodCall } from '../../src/wire/messages/message.js';
import { ALL_BUSES } from '../support/private-broker.js';
import type { PrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { startVictim } from './victim.js';
import './bursts.test.js';

const MIB = 2 ** 20;
const TARGET = { destination: 'com.example.Victim', path: '/victim', interface: 'com.example.Victim' } as const;

for (const { program, required, startBus } of ALL_BUSES) {
  describeWith(...required)(`on ${program}`, () => {
    let daemon: PrivateBus;
    beforeAll(async () => {
      daemon = await startBus();
    });
    afterAll(() => daemon.stop());

    test('300 calls of 1 MiB each are answered', async () => {
      await using service = await startVictim('service', { bus: daemon.address });
      await using client = await startVictim('client', { bus: daemon.address });
      expect(await client.ask('many', 300, { member: 'Take' }, MIB)).toEqual({ reply: 300 });
      expect(await client.ask('many', 300, { member: 'Take' }, MIB)).toEqual({ reply: 300 });
      for (const { closed, memory } of [await service.report(), await client.report()]) {
        expect(closed).toBe(false);
        expect(memory).toBeLessThan(32 * MIB);
      }
      await client.survives();
      await service.survives();
    });

    test('560 calls with replies of 500 kB each are answered', async () => {
      await using service = await startVictim('service', { bus: daemon.address });
      await using client = await startVictim('client', { bus: daemon.address }, { heap: 96 });
      const give = { member: 'Give', signature: 'u', body: [500_000] };
      expect(await client.ask('many', 560, give)).toEqual({ reply: 560 });
      const { closed, memory } = await service.report();
      expect(closed).toBe(false);
      expect(memory).toBeLessThan(32 * MIB);
      await client.survives();
      await service.survives();
    });

    test('a caller that never reads its 560 long replies does not delay the replies to others', async () => {
      await using service = await startVictim('service', { bus: daemon.address });
      const deaf = connect(daemon.socketPath);
      const uid = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
      const hello = methodCall({ destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', member: 'Hello' });
      deaf.write(`\0AUTH EXTERNAL ${uid}\r\nBEGIN\r\n`);
      deaf.write(encodeMessage(hello, { serial: 1 }));
      const give = methodCall({ ...TARGET, member: 'Give', signature: 'u', body: [500_000] });
      for (let serial = 2; serial < 562; serial++) deaf.write(encodeMessage(give, { serial }));
      await using other = await connectToBus(daemon.address);
      for (let i = 0; i < 10; i++) {
        const echo = { ...TARGET, member: 'Echo', signature: 's', body: ['other'], timeout: 50_000 };
        expect(await other.call(echo)).toEqual(['other']);
      }
      deaf.destroy();
      const { closed, memory } = await service.report();
      expect(closed).toBe(false);
      expect(memory).toBeLessThan(64 * MIB);
      await service.survives();
    });
  });
}
