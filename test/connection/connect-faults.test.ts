// Connecting to a server that stops somewhere: after each single byte that it could send, by closing or by silence; and
// after each byte that it has read. Connecting always settles, the next address is tried, and nothing stays open.
import { getEventListeners } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectToBus } from '../../src/connection/open-bus.js';
import { ConnectError } from '../../src/transport/errors.js';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { methodReturn } from '../../src/wire/messages/message.js';
import { extent, heavyTest } from '../support/extent.js';
import { run, start } from '../support/programs.js';
import { scratchDirectory } from '../support/reaper.js';
import { type FakeServer, GUID, startFakeServer, UNIQUE_NAME } from './fake-server.js';

const UID = process.getuid?.().toString() ?? '';
const HANDSHAKE = `OK ${GUID}\r\nAGREE_UNIX_FD\r\n`;

/** The reply to Hello. */
const reply = methodReturn({ serial: 1, sender: undefined }, { signature: 's', body: [UNIQUE_NAME] });
const HELLO_REPLY = encodeMessage({ ...reply, sender: 'org.freedesktop.DBus' }, { serial: 1 }).slice();

/** Everything that a server says after it has heard Hello, which has the serial 1. */
const ANSWERS = Buffer.concat([Buffer.from(HANDSHAKE), HELLO_REPLY]);

/** Waits for all that a client sends in an early handshake, and then calls `answer`. */
function afterHello(socket: Socket, answer: () => void): void {
  let received = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    const begin = received.indexOf('BEGIN\r\n');
    if (begin >= 0 && received.includes('Hello', begin)) answer();
  });
}

/** Sends the first `count` bytes of a good server, and then does `stop`. */
const stopAfter = (count: number, stop: (socket: Socket) => void) => (socket: Socket): void => {
  afterHello(socket, () => socket.write(ANSWERS.subarray(0, count), () => stop(socket)));
};

/**
 * Treats the first socket of a server so, and ends the later ones after their first bytes: a client whose early
 * handshake fails tries again step by step, and waits for answers that this server does not have.
 */
function firstOnly(onSocket: (socket: Socket) => void): (socket: Socket) => void {
  let count = 0;
  return (socket) => (count++ === 0 ? onSocket(socket) : void socket.once('data', () => socket.end()));
}

async function untilClosed(server: FakeServer): Promise<void> {
  for (let i = 0; i < 2_000 && server.sockets.some(({ closed }) => !closed); i++) {
    for (const socket of server.sockets) socket.resume();
    await sleep(5);
  }
  expect(server.sockets.map(({ closed }) => closed)).not.toContain(false);
}

/** More milliseconds than any attempt of a test takes. */
const LONG = 30_000;

let good: FakeServer;
beforeAll(async () => {
  good = await startFakeServer();
});
afterAll(() => good?.[Symbol.asyncDispose]());

/** The numbers of bytes after which the server stops: each in `npm run test:heavy`, otherwise each 14th and each line. */
const COUNTS = Array.from(ANSWERS.keys()).filter((count) => (
  count % extent(14, 1) === 0 || [`OK ${GUID}\r\n`.length, HANDSHAKE.length, ANSWERS.length - 1].includes(count)
));

/** The one reason why the address of the server did not work. */
async function reasonFor(server: FakeServer, connectTimeout: number): Promise<string> {
  const error: unknown = await connectToBus(server.address, { connectTimeout }).catch((reason: unknown) => reason);
  if (!(error instanceof ConnectError)) throw new Error('it connected, or failed otherwise', { cause: error });
  return error.message.replace(`cannot connect to ${server.address}: `, '');
}

describe('a server that stops after a number of bytes', () => {
  const accepted = `accepted as user ${UID}, then the server`;
  /** The reason after `count` bytes, for each way to stop. */
  const expected = (count: number, closed: boolean): string => {
    if (count < `OK ${GUID}\r\n`.length) {
      const auth = `AUTH (EXTERNAL as user ${UID})`;
      return closed ? `the server closed the connection before it answered ${auth}` : `the server did not answer ${auth} in time`;
    }
    if (count < HANDSHAKE.length) {
      return closed
        ? 'the server closed the connection before it answered NEGOTIATE_UNIX_FD'
        : 'the server did not answer NEGOTIATE_UNIX_FD in time';
    }
    return closed ? `${accepted} closed the connection before the reply to Hello` : `${accepted} did not answer Hello in time`;
  };

  test('by closing is an error that names the step, and nothing stays open', async () => {
    for (const count of COUNTS) {
      await using server = await startFakeServer({ onSocket: firstOnly(stopAfter(count, (socket) => socket.end())) });
      const reason = await reasonFor(server, LONG);
      if (count >= HANDSHAKE.length) expect({ count, reason }).toEqual({ count, reason: expected(count, true) });
      else expect(reason).toMatch(/^the server (closed the connection before it answered|did not answer) /);
      await untilClosed(server);
    }
  });

  heavyTest('by silence is given up after connectTimeout, and nothing stays open', async () => {
    await Promise.all(COUNTS.map(async (count) => {
      await using server = await startFakeServer({ onSocket: stopAfter(count, () => {}) });
      expect({ count, reason: await reasonFor(server, 1_500) }).toEqual({ count, reason: expected(count, false) });
      await untilClosed(server);
    }));
  });

  test.each([['closing', (socket: Socket) => void socket.end()], ['cutting', (socket: Socket) => void socket.destroy()]])(
    'by %s does not prevent a connection to the next address', async (_, stop) => {
      await Promise.all(COUNTS.filter((each) => each % 7 === 0).map(async (count) => {
        await using server = await startFakeServer({ onSocket: firstOnly(stopAfter(count, stop)) });
        await using bus = await connectToBus(`${server.address};${good.address}`, { connectTimeout: LONG });
        expect(bus.uniqueName).toBe(UNIQUE_NAME);
      }));
    },
  );

  test('is given up at once if the AbortSignal aborts, and no listener or socket is left', async () => {
    await Promise.all(COUNTS.map(async (count) => {
      const controller = new AbortController();
      const reason = new Error('enough');
      await using server = await startFakeServer({
        onSocket: stopAfter(count, () => setTimeout(() => controller.abort(reason), 5)),
      });
      await expect(connectToBus(server.address, { signal: controller.signal })).rejects.toBe(reason);
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
      await untilClosed(server);
    }));
  });
});

test('a server that closes after it has read some bytes is an error, and the next address is tried', async () => {
  for (const count of extent([0, 1, 30, 150], [0, 1, 2, 10, 20, 30, 60, 100, 150])) {
    const onSocket = (socket: Socket): void => {
      let received = 0;
      if (count === 0) return void socket.destroy();
      socket.on('data', (chunk) => {
        received += chunk.length;
        if (received >= count) socket.destroy();
      });
    };
    await using server = await startFakeServer({ onSocket: firstOnly(onSocket) });
    expect(await reasonFor(server, LONG)).toMatch(/closed the connection|ECONNRESET|EPIPE/);
    await untilClosed(server);
    await using again = await startFakeServer({ onSocket: firstOnly(onSocket) });
    await using bus = await connectToBus(`${again.address};${good.address}`, { connectTimeout: LONG });
    expect(bus.uniqueName).toBe(UNIQUE_NAME);
    await untilClosed(again);
  }
});

test('a client connects to a server that sends its answers one byte at a time', async () => {
  await using server = await startFakeServer({
    onSocket: (socket) => {
      afterHello(socket, () => {
        socket.removeAllListeners('data').resume();
        void (async () => {
          for (const byte of ANSWERS) {
            socket.write(Uint8Array.of(byte));
            await turn();
          }
        })();
      });
    },
  });
  await using bus = await connectToBus(server.address, { connectTimeout: 30_000 });
  expect(bus.uniqueName).toBe(UNIQUE_NAME);
});

test.concurrent('attempts that failed, timed out or were aborted do not keep a process running', async () => {
  const library = new URL('../../dist/index.js', import.meta.url);
  if (!existsSync(library)) throw new Error('dist/ is not there: `npm run build` first');
  await using silent = await startFakeServer({ onSocket: (socket) => void socket.resume() });
  const nonce = join(scratchDirectory(), 'nonce');
  writeFileSync(nonce, new Uint8Array(16));
  const script = `
    import { createServer } from 'node:net';
    import { connectToBus, openConnection } from ${JSON.stringify(library.href)};
    const server = createServer((socket) => socket.on('error', () => {}).resume());
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    server.unref();
    const { port } = server.address();
    const addresses = [
      ${JSON.stringify(silent.address)}, 'tcp:host=127.0.0.1,port=' + port,
      'nonce-tcp:host=127.0.0.1,port=' + port + ',noncefile=' + ${JSON.stringify(nonce)},
      'unixexec:path=sleep,argv1=600', 'unixexec:path=false', 'unixexec:path=/nonexistent', 'unix:path=/nonexistent',
      'tcp:host=127.0.0.1,port=1',
    ];
    const attempts = addresses.flatMap((address) => [connectToBus, openConnection].flatMap((connect) => [
      connect(address, { connectTimeout: 50 }), connect(address, { signal: AbortSignal.timeout(50) }),
      connect(address, { signal: AbortSignal.abort(new Error('before')) }),
    ]));
    const outcomes = await Promise.allSettled(attempts);
    console.log(outcomes.length, new Set(outcomes.map(({ status }) => status)).size, outcomes[0].status);
    setTimeout(() => { console.log('still alive', process.getActiveResourcesInfo()); process.exit(1); }, 10_000).unref();
  `;
  const ended = await run(process.execPath, ['--input-type=module', '-e', script], { timeout: 40_000 });
  expect(ended).toMatchObject({ code: 0, stdout: '48 1 rejected\n', stderr: '' });
  await untilClosed(silent);
});

test.concurrent('an attempt to restore an unreferenced connection does not keep the process running', async () => {
  const library = new URL('../../dist/index.js', import.meta.url);
  const path = join(scratchDirectory(), 'bus');
  const script = `
    import { connectToBus } from ${JSON.stringify(library.href)};
    const bus = await connectToBus('unix:path=${path}', { reconnect: { initialDelay: 1, maxDelay: 1 } });
    bus.unref();
    process.stdin.on('data', () => process.stdin.destroy()); // all that keeps the process alive
    setTimeout(() => { console.log('still alive'); process.exit(1); }, 20_000).unref();
  `;
  const first = await startFakeServer({ path });
  await using program = await start(process.execPath, ['--input-type=module', '-e', script]);
  await first.peer();
  await first[Symbol.asyncDispose]();
  await using silent = await startFakeServer({ path, onSocket: (socket) => void socket.resume() });
  while (silent.sockets.length === 0) await sleep(10);
  program.write('go');
  expect(await program.ended).toMatchObject({ code: 0, stdout: '', stderr: '' });
  await untilClosed(silent);
});

test('a socket path that vanishes after the connection was made does not end it, and a second client cannot connect', async () => {
  await using server = await startFakeServer();
  await using bus = await connectToBus(server.address);
  rmSync(server.path);
  await bus.call({
    destination: 'org.freedesktop.DBus', path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'Ping',
  });
  await expect(connectToBus(server.address)).rejects.toThrow('connect ENOENT (there is no such socket)');
});
