// Messages with file descriptors, from a foreign service on both real buses: they are delivered, a value of type `h` is
// the index, the descriptors are closed, and the connection survives.
// Specification: UNIX_FDS, NEGOTIATE_UNIX_FD Command.

import { readdirSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Bus, connectToBus, createProxy, defineInterface, variant } from '../../src/index.js';
import { some } from '../support/extent.js';
import { pythonService } from '../support/foreign.js';
import { REAL_BUSES } from '../support/private-broker.js';
import type { PrivateBus } from '../support/private-bus.js';
import { describeWith, type Program } from '../support/programs.js';
import { scratchDirectory } from '../support/reaper.js';

const Descriptors = defineInterface({
  name: 'com.example.Descriptors1',
  methods: { Open: { out: 'h' }, OpenMany: { out: 'a{sv}ah' }, Emit: { in: 'u' } },
  signals: { Opened: { args: 'h' } },
});
const target = { destination: 'com.example.Descriptors', path: '/com/example/Descriptors' };

const openFiles = (): number => readdirSync('/proc/self/fd').length;

/** A proxy of a bus that delays the bus's bytes until the client has sent `until`, and records the order of chunks. */
async function startHeldBack(bus: PrivateBus, until: string) {
  const turns: ('client' | 'bus')[] = [];
  const speak = (who: 'client' | 'bus'): void => void (turns.at(-1) === who || turns.push(who));
  const sockets: Socket[] = [];
  const path = join(scratchDirectory(), 'way');
  const server = createServer((client) => {
    const upstream = connect({ path: bus.socketPath });
    sockets.push(client, upstream);
    let said = '';
    const held: Buffer[] = [];
    client.on('data', (chunk: Buffer) => {
      speak('client');
      said += chunk.toString('latin1');
      upstream.write(chunk);
      if (said.includes(until)) for (const answer of held.splice(0)) forward(answer);
    });
    const forward = (answer: Buffer): void => {
      speak('bus');
      client.write(answer);
    };
    upstream.on('data', (answer: Buffer) => (said.includes(until) ? forward(answer) : held.push(answer)));
    for (const socket of [client, upstream]) socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    address: `unix:path=${path}`,
    turns,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

for (const { program, required, startBus } of some(REAL_BUSES, 2)) {
  describeWith(...required, 'dbus-python')(`file descriptors on ${program}`, () => {
    let daemon: PrivateBus;
    let service: Program;
    let bus: Bus;
    beforeAll(async () => {
      daemon = await startBus();
      service = await pythonService(daemon, 'descriptors');
      bus = await connectToBus(daemon.address);
    });
    afterAll(async () => {
      await bus?.close();
      await service?.[Symbol.asyncDispose]();
      await daemon?.stop();
    });

    test('arrive in a reply as an index', async () => {
      expect(await createProxy(bus, Descriptors, target).Open()).toBe(0);
    });

    test('arrive in containers as their indexes', async () => {
      const [details, list] = await createProxy(bus, Descriptors, target).OpenMany();
      expect(details).toEqual(new Map([['lock', variant('h', 2)]]));
      expect(list).toEqual([1, 0]);
    });

    test('arrive in a broadcast signal as an index', async () => {
      const proxy = createProxy(bus, Descriptors, target);
      await using opened = proxy.$signal('Opened');
      await opened.ready;
      await proxy.Emit(3);
      for (let index = 0; index < 3; index++) expect((await opened.next()).value).toEqual([0]);
    });

    test('are closed at once: 200 replies leave no descriptor open', async () => {
      const proxy = createProxy(bus, Descriptors, target);
      await proxy.Open();
      const before = openFiles();
      const indexes = await Promise.all(Array.from({ length: 200 }, () => proxy.Open()));
      expect(indexes).toEqual(Array(200).fill(0));
      expect(openFiles()).toBe(before);
      expect(bus.closedSignal.aborted).toBe(false);
      expect([...bus.dropped]).toEqual([]);
    });

    test('cannot be sent by us, and the connection survives', async () => {
      const call = { ...target, interface: Descriptors.name, member: 'Emit', signature: 'h', body: [0] } as const;
      await expect(bus.call(call)).rejects.toMatchObject({ code: 'UNIX_FD_NOT_SENDABLE', path: 'body[0]' });
      expect(await bus.listNames()).toContain(bus.uniqueName);
    });

    test('are negotiated in the one round trip of connecting', async () => {
      await using way = await startHeldBack(daemon, 'Hello');
      await using through = await connectToBus(way.address, { connectTimeout: 30_000 });
      expect(way.turns).toEqual(['client', 'bus']); // and nothing more
      expect(await createProxy(through, Descriptors, target).Open()).toBe(0);
    });

    test('are negotiated step by step if the bus rejects our first claim', async () => {
      await using through = await connectToBus(daemon.address, { uid: '4711', connectTimeout: 30_000 });
      expect(await createProxy(through, Descriptors, target).Open()).toBe(0);
    });
  });
}
