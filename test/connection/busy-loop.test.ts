// An event loop that is busy for longer than a timeout: an answer that is in the socket by then counts as in time, both
// for calls and for connecting. The wait for an answer that does not come still ends.
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { openConnection } from '../../src/connection/connection.js';
import { extent, heavyTest } from '../support/extent.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { startFakeServer } from './fake-server.js';

/** Keeps the event loop busy for this many milliseconds. */
function beBusy(duration: number): void {
  const end = performance.now() + duration;
  while (performance.now() < end);
}

const LIST_NAMES = {
  destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus',
  member: 'ListNames', replySignature: 'as',
} as const;

describeWith('dbus-daemon')('a program that is busy for longer than a timeout', () => {
  let daemon: PrivateBus;
  let bus: Bus;
  beforeAll(async () => {
    daemon = await startPrivateBus();
    bus = await connectToBus(daemon.address);
  });
  afterAll(async () => {
    await bus?.close();
    await daemon?.stop();
  });

  heavyTest('gets the replies that arrived meanwhile', async () => {
    const timeouts = [1, 20, 20, 50, 100, 300];
    const calls = timeouts.map((timeout) => bus.call({ ...LIST_NAMES, timeout }));
    await turn(); // the calls leave
    beBusy(extent(500, 1_000));
    for (const [names] of await Promise.all(calls)) expect(names).toContain(bus.uniqueName);
  });

  test('gets the reply that arrived meanwhile, even if it is busy again before it reads', async () => {
    for (let round = 0; round < extent(1, 5); round++) {
      const call = bus.call({ ...LIST_NAMES, timeout: 20 });
      const isSettled = call.then(() => true);
      await turn();
      setTimeout(() => beBusy(60), 15);
      beBusy(60);
      expect(await isSettled).toBe(true);
    }
  });

  heavyTest('connects, whatever step of the handshake is next', async () => {
    for (const turns of extent([0, 3], [0, 1, 2, 3, 4, 5])) {
      const connecting = connectToBus(daemon.address, { connectTimeout: 100 });
      for (let i = 0; i < turns; i++) await turn();
      beBusy(400);
      await (await connecting).close();
    }
    const opening = openConnection(daemon.address, { connectTimeout: 100 });
    await turn();
    beBusy(400);
    await (await opening).close();
  });

  test('rejects a call without a reply, after it has handled the replies to others', async () => {
    await using service = await connectToBus(daemon.address);
    service.handleMethodCalls(() => {});
    const late = bus.call({ destination: service.uniqueName, path: '/', member: 'Late', timeout: 20 });
    const isLate = expect(late).rejects.toMatchObject({ name: 'CallTimeoutError' });
    const good = bus.call({ ...LIST_NAMES, timeout: 20 });
    await turn();
    beBusy(100);
    await good;
    await isLate;
  });
});

test('a program that is busy for longer than connectTimeout gives up a server that sends nothing', async () => {
  await using server = await startFakeServer({ onSocket: (socket) => void socket.resume() });
  const connecting = connectToBus(server.address, { connectTimeout: 20 });
  const isGivenUp = expect(connecting).rejects.toThrow('in time');
  await turn();
  beBusy(40);
  await isGivenUp;
});
