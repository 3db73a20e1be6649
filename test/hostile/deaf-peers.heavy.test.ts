// Peers that never read, at the real limits: a sender is disconnected, and its memory is bounded.
// test/transport/congestion.test.ts has the same at small limits.
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { openConnection } from '../../src/connection/connection.js';
import { type Signal, signal } from '../../src/wire/messages/message.js';
import { startFakeServer, startLink } from '../connection/fake-server.js';
import { memoryInUse, MIB } from '../support/memory.js';

/** A signal of some size. */
const large = (length: number): Signal =>
  signal({ path: '/', interface: 'a.B', member: 'C', signature: 'ay', body: [new Uint8Array(length)] });

test('a peer that stops reading while messages are sent is disconnected, and memory stays bounded', async () => {
  const sockets: Socket[] = [];
  await using server = await startFakeServer({
    onBegin: (socket) => {
      socket.pause();
      sockets.push(socket);
    },
  });
  await using connection = await openConnection(server.address);
  const before = memoryInUse();
  const pending = connection.call({ path: '/', member: 'Method' });
  pending.catch(() => {});
  const message = large(8 * MIB);
  let sent = 0;
  let most = 0;
  while (!connection.closedSignal.aborted && sent < 100) {
    connection.send(message);
    sent++;
    most = Math.max(most, connection.queuedBytes);
    await new Promise(setImmediate);
  }
  expect(sent).toBeLessThan(70); // 512 MIB and what the socket itself takes
  expect(most).toBeGreaterThan(480 * MIB);
  expect(most).toBeLessThan(540 * MIB);
  const cause = { code: 'OUTPUT_OVERFLOW' };
  expect(await connection.closed).toMatchObject({ code: 'CONNECTION_CLOSED', cause });
  await expect(pending).rejects.toMatchObject({ cause });
  expect(memoryInUse() - before).toBeLessThan(32 * MIB); // what waited is given back
});

test('a peer that does not read is disconnected in the turn in which too many bytes are queued for it', async () => {
  await using link = await startLink();
  const { connection, peer } = link;
  peer.socket.pause();
  const before = memoryInUse();
  const message = large(8 * MIB);
  let most = 0;
  for (let i = 0; i < 100; i++) {
    connection.send(message);
    most = Math.max(most, connection.queuedBytes);
  }
  expect(most).toBeLessThan(540 * MIB);
  expect(await connection.closed).toMatchObject({ cause: { code: 'OUTPUT_OVERFLOW' } });
  expect(memoryInUse() - before).toBeLessThan(32 * MIB); // what waited is given back
});

test('a peer that reads nothing for ten seconds is disconnected, even if few bytes are queued', async () => {
  await using link = await startLink();
  const { connection, peer } = link;
  peer.socket.pause();
  const before = memoryInUse();
  for (let i = 0; i < 10; i++) connection.send(large(MIB));
  expect(await connection.closed).toMatchObject({ cause: { code: 'OUTPUT_STALLED' } });
  expect(memoryInUse() - before).toBeLessThan(8 * MIB);
});
