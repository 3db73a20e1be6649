// A server and clients that do not authenticate: silent, slow, flooding, vanishing. An honest client gets through at any
// time, and the server's memory, timers and descriptors return to where they were.
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { openConnection } from '../../src/connection/connection.js';
import { listen } from '../../src/connection/listen.js';
import { parseAddresses } from '../../src/protocol/address.js';
import { encodedHex } from '../auth/support.js';
import { extent } from '../support/extent.js';
import { memoryInUse, MIB } from '../support/memory.js';
import { scratchDirectory } from '../support/reaper.js';
import { until } from '../support/waiting.js';

const AUTH = `\0AUTH EXTERNAL ${encodedHex(String(process.getuid?.()))}\r\n`;

/** What each hostile client does after it has connected. */
const ATTACKS: Readonly<Record<string, (socket: Socket) => void>> = {
  'says nothing': () => {},
  'says half of a handshake, then nothing': (socket) => void socket.write('\0AUTH EXTER'),
  'is accepted, then says nothing': (socket) => void socket.write(AUTH),
  'vanishes at once': (socket) => void socket.destroy(),
  'vanishes after its first byte': (socket) => void socket.end('\0'),
  'vanishes after AUTH': (socket) => socket.write(AUTH, () => socket.destroy()),
  'begins too early': (socket) => void socket.write('\0BEGIN\r\n'),
  'sends 16 KiB without an end of line': (socket) => void socket.write(`\0${'A'.repeat(17_000)}`),
  'sends NULs': (socket) => void socket.write('\0'.repeat(50_000)),
  'sends AUTH again and again': (socket) => void socket.write(`\0${'AUTH EXTERNAL 78\r\n'.repeat(5_000)}`),
  'sends junk after BEGIN': (socket) => void socket.write(`${AUTH}BEGIN\r\n${'junk'.repeat(5_000)}`),
  'asks for a cookie and does not use it': (socket) => void socket.write('\0AUTH DBUS_COOKIE_SHA1 78\r\n'),
  'asks and never reads': (socket) => {
    socket.pause();
    socket.write(`\0${'AUTH\r\n'.repeat(5)}${'HELP\r\n'.repeat(50)}`);
  },
};

/** What keeps the process busy, by kind, and its open descriptors. */
function resources(): Record<string, number> {
  const counts: Record<string, number> = { descriptors: readdirSync('/proc/self/fd').length };
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind !== 'Immediate' && kind !== 'FSReqPromise') counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

test.runIf(process.platform === 'linux')('hostile clients leave no resources of a server in use', async () => {
  const server = await listen(`unix:path=${scratchDirectory()}/a`, {
    onConnection: () => {},
    handshakeTimeout: 500,
    maxHandshakes: 32,
  });
  onTestFinished(() => server.close({ timeout: 0 }));
  const path = parseAddresses(server.address)[0]?.keys.get('path') ?? '';

  const CROWD = extent(10, 30);

  /** A crowd of clients for each attack at once, and an honest one after them, while they are there. */
  const wave = async (): Promise<void> => {
    const sockets = Object.values(ATTACKS).flatMap((attack) =>
      Array.from({ length: CROWD }, () => {
        const socket = connect(path).resume();
        socket.on('error', () => {});
        socket.on('connect', () => attack(socket));
        return socket;
      }),
    );
    const honest = await openConnection(server.address);
    const peer = honest.call({ path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'Ping' });
    await expect(peer).rejects.toMatchObject({ name: 'DBusError' }); // it exports nothing, and says so
    await honest.close();
    await until(() => server.connections.size === 0 && sockets.every((socket) => socket.closed || socket.isPaused()));
    for (const socket of sockets) socket.destroy();
    await until(() => sockets.every(({ closed }) => closed));
  };

  const before = resources();
  const isOver = (): boolean => Object.entries(resources()).every(([kind, count]) => count <= (before[kind] ?? 0));
  const nothingIsLeft = (): Promise<void> => until(isOver, `no more is left than ${JSON.stringify(before)}`);
  await wave(); // warms up
  await nothingIsLeft();
  const memory = memoryInUse();
  const rounds = extent(0, 3); // growth of memory shows after several waves only
  for (let round = 0; round < rounds; round++) await wave();
  await nothingIsLeft();
  expect(memoryInUse() - memory).toBeLessThan(2 * MIB);
  const refused = [...server.refused.values()].reduce((sum, count) => sum + count, 0);
  expect(refused).toBe((1 + rounds) * CROWD * (Object.keys(ATTACKS).length - 1)); // junk after BEGIN came from an accepted client
});
