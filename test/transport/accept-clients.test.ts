// A server that authenticates its clients: which mechanisms it offers on which stream, whom EXTERNAL accepts, and its
// limits against clients that do not speak, vanish or flood it.
import { chmodSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { parseAddresses } from '../../src/protocol/address.js';
import { acceptClients, type AcceptClientsOptions, type ClientEvents } from '../../src/transport/accept-clients.js';
import type { AcceptedClient } from '../../src/transport/server-handshake.js';
import { bytes, encodedHex } from '../auth/support.js';
import { extent } from '../support/extent.js';
import { scratchDirectory } from '../support/reaper.js';
import { until } from '../support/waiting.js';

const OUR_UID = String(process.getuid?.());
const OTHER_UID = OUR_UID === '0' ? '1000' : '0';
const AS_US = `\0AUTH EXTERNAL ${encodedHex(OUR_UID)}\r\n`;

interface Setup extends AcceptClientsOptions, Partial<Pick<ClientEvents, 'hasRoom'>> {
  readonly address?: string;
}

async function serve({ address = `unix:path=${scratchDirectory()}/a`, hasRoom = () => true, ...options }: Setup = {}) {
  const clients: AcceptedClient[] = [];
  const errors: string[] = [];
  const listener = await acceptClients(address, options, {
    hasRoom,
    onClient: (client) => {
      client.transport.start({ receive: () => {}, end: () => {} });
      clients.push(client);
    },
    onError: (error) => errors.push((error as { code?: string }).code ?? String(error)),
  });
  onTestFinished(async () => {
    await listener.close();
    for (const { transport } of clients) transport.destroy();
  });
  const { keys } = parseAddresses(listener.addresses.join(';'))[0]!; // it listens on one address
  const dial = () => {
    const path = keys.get('path');
    const socket = path === undefined ? connect(Number(keys.get('port')), keys.get('host')) : connect(path);
    onTestFinished(() => void socket.destroy());
    let heard = '';
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => void (heard += chunk.toString('latin1')));
    return { socket, heard: () => heard, say: (words: string) => socket.write(bytes(words)) };
  };
  return { listener, clients, errors, dial };
}

const allClosed = (sockets: readonly Socket[]): Promise<void> => until(() => sockets.every(({ closed }) => closed));

describe('the mechanisms', () => {
  const publicDirectory = (): string => {
    const directory = scratchDirectory();
    chmodSync(directory, 0o755);
    return directory;
  };

  test.each<[string, () => Setup, string]>([
    ['a socket in a private directory', () => ({}), 'EXTERNAL DBUS_COOKIE_SHA1'],
    ['a socket in a directory that others can enter', () => ({ address: `unix:path=${publicDirectory()}/a` }),
      process.platform === 'linux' ? 'EXTERNAL DBUS_COOKIE_SHA1' : 'DBUS_COOKIE_SHA1'],
    ['a socket in a new directory', () => ({ address: `unix:dir=${publicDirectory()}` }), 'EXTERNAL DBUS_COOKIE_SHA1'],
    ['a port', () => ({ address: 'tcp:host=127.0.0.1' }), 'DBUS_COOKIE_SHA1'],
    ['a port, with ANONYMOUS',
      () => ({ address: 'tcp:host=127.0.0.1', mechanisms: ['EXTERNAL', 'ANONYMOUS'] }), 'ANONYMOUS'],
    ['a private socket, with both', () => ({ mechanisms: ['ANONYMOUS', 'EXTERNAL'] }), 'ANONYMOUS EXTERNAL'],
  ])('are offered at %s', async (_, setup, expected) => {
    const { dial } = await serve(setup());
    const { say, heard } = dial();
    say('\0AUTH\r\n');
    await until(() => heard() === `REJECTED ${expected}\r\n`);
  });

  test('accept by EXTERNAL only our own user, with or without an identity', async () => {
    const { dial, clients } = await serve();
    for (const [said, isAccepted] of [
      [AS_US, true],
      ['\0AUTH EXTERNAL\r\nDATA\r\n', true],
      [`\0AUTH EXTERNAL\r\nDATA ${encodedHex(OUR_UID)}\r\n`, true],
      [`\0AUTH EXTERNAL ${encodedHex(OTHER_UID)}\r\n`, false],
      [`\0AUTH EXTERNAL\r\nDATA ${encodedHex(OTHER_UID)}\r\n`, false],
      [`\0AUTH EXTERNAL ${encodedHex(`0${OUR_UID}`)}\r\n`, false],
      [`\0AUTH EXTERNAL ${encodedHex('root')}\r\n`, false],
    ] as const) {
      const { say, heard } = dial();
      say(said);
      await until(() => heard().includes(isAccepted ? 'OK ' : 'REJECTED'), `an answer to ${said}`);
    }
    expect(clients).toEqual([]);
  });

  test('are passed to authorize together with the user and the address of the server', async () => {
    const claims: object[] = [];
    const { listener, clients, dial } = await serve({ authorize: (claim) => claims.push(claim) > 0 });
    dial().say(`${AS_US}BEGIN\r\n`);
    await until(() => clients.length === 1);
    expect(claims).toEqual([{ mechanism: 'EXTERNAL', uid: OUR_UID, address: listener.addresses[0] }]);
    expect(clients[0]?.identity).toEqual({ mechanism: 'EXTERNAL', uid: OUR_UID });
    expect(clients[0]?.transport.guid).toBe(listener.guids[0]);
  });
});

describe('limits', () => {
  test('clients that send nothing are disconnected after handshakeTimeout', async () => {
    const { listener, errors, dial } = await serve({ handshakeTimeout: 50 });
    const silent = Array.from({ length: 10 }, () => dial().socket);
    await allClosed(silent);
    await until(() => listener.handshakes === 0);
    expect(new Set(errors)).toEqual(new Set(['AUTH_TIMED_OUT']));
  });

  test('the oldest of too many silent clients are disconnected, and one that speaks is accepted', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }); // a client has a second before it is disconnected
    onTestFinished(() => void vi.useRealTimers());
    const { listener, errors, dial, clients } = await serve({ maxHandshakes: 4, handshakeTimeout: Infinity });
    const silent = Array.from({ length: 10 }, () => dial().socket);
    await until(() => listener.handshakes === 10);
    await until(() => {
      vi.advanceTimersByTime(500);
      return silent.filter(({ closed }) => closed).length === 6;
    }, 'six of the clients are disconnected');
    dial().say(`${AS_US}BEGIN\r\n`);
    await until(() => clients.length === 1);
    expect(listener.handshakes).toBe(4);
    expect(errors).toEqual(Array.from({ length: 6 }, () => 'CLIENT_CUT'));
  });

  test('more clients than maxHandshakes that connect at once are all accepted', async () => {
    const count = extent(100, 200);
    const { errors, dial, clients } = await serve({ maxHandshakes: extent(30, 64) });
    const dialed = Array.from({ length: count }, dial);
    for (const { say } of dialed) say(AS_US);
    await until(() => dialed.every(({ heard }) => heard().startsWith('OK ')));
    for (const { say } of dialed) say('BEGIN\r\n');
    await until(() => clients.length === count);
    expect(errors).toEqual([]);
  });

  test('many clients that vanish leave no handshake open', async () => {
    const count = extent(60, 300);
    const { listener, errors, dial, clients } = await serve();
    const sockets = Array.from({ length: count }, (_, index) => {
      const { socket, say } = dial();
      if (index % 3 === 1) say('\0AUTH EXT');
      if (index % 3 === 2) say(AS_US);
      socket.on('connect', () => (index % 2 === 0 ? socket.destroy() : socket.end()));
      return socket;
    });
    await allClosed(sockets);
    await until(() => errors.length === count);
    expect(listener.handshakes).toBe(0);
    dial().say(`${AS_US}BEGIN\r\n`);
    await until(() => clients.length === 1);
  });

  test.each<[string, string, string]>([
    ['a line without end', `\0${'A'.repeat(20_000)}`, 'LINE_TOO_LONG'],
    ['NULs', '\0'.repeat(9), 'LINE_CONTAINS_NUL'],
    ['AUTH again and again', `\0${'AUTH EXTERNAL 78\r\n'.repeat(1_000)}`, 'TOO_MANY_REJECTIONS'],
    ['BEGIN at once', '\0BEGIN\r\n', 'BEGIN_TOO_EARLY'],
    ['unknown commands', `\0${'HELP\r\n'.repeat(1_000)}`, 'TOO_MANY_LINES'],
    ['a message', 'l\x01\0\x01', 'NUL_BYTE_MISSING'],
  ])('a client that sends %s is disconnected, and others are still accepted', async (_, said, code) => {
    const { errors, dial, clients } = await serve();
    const hostile = dial();
    hostile.say(said);
    await allClosed([hostile.socket]);
    await until(() => errors.length === 1);
    expect(errors).toEqual([code]);
    dial().say(`${AS_US}BEGIN\r\n`);
    await until(() => clients.length === 1);
  });

  test('a client above the limit is disconnected at once, or after its handshake', async () => {
    let rooms = 1;
    const { errors, dial, clients } = await serve({ hasRoom: () => rooms > 0 });
    const [first, second] = [dial(), dial()];
    first.say(AS_US);
    second.say(AS_US);
    await until(() => first.heard() !== '' && second.heard() !== '');
    rooms = 0;
    const third = dial();
    first.say('BEGIN\r\n');
    await allClosed([first.socket, third.socket]);
    rooms = 1;
    second.say('BEGIN\r\n');
    await until(() => clients.length === 1);
    expect(errors).toEqual(['CLIENT_CUT', 'CLIENT_CUT']);
  });

  test('close() ends the handshakes in progress, and keeps the accepted clients', async () => {
    const { listener, errors, dial, clients } = await serve();
    const done = dial();
    done.say(`${AS_US}BEGIN\r\n`);
    const silent = dial();
    await until(() => clients.length === 1 && listener.handshakes === 1);
    await listener.close();
    await allClosed([silent.socket]);
    expect(errors).toEqual(['CLIENT_CUT']); // not after its timeout
    expect(done.socket.closed).toBe(false);
  });
});
