// The place of a tcp address, and connections to servers that answer, refuse, or cannot be found.
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { anonymousServer } from '../../src/auth/mechanisms.js';
import { AuthServer } from '../../src/auth/server.js';
import { ConnectError } from '../../src/transport/errors.js';
import { openTransport } from '../../src/transport/open.js';
import { tcpPlaceOf } from '../../src/transport/tcp.js';
import { addressErrorOf, only } from '../protocol/addresses.js';
import { describeWith, start } from '../support/programs.js';

const GUID = '00112233445566778899aabbccddeeff';

describe('the host and port of an address', () => {
  test.each([
    ['tcp:host=localhost,port=4242', { host: 'localhost', port: 4242, noDelay: true }],
    ['tcp:port=1', { host: 'localhost', port: 1, noDelay: true }],
    ['tcp:host=127.0.0.1,port=65535,family=ipv4', { host: '127.0.0.1', port: 65_535, noDelay: true, family: 4 }],
    ['tcp:host=%3a%3a1,port=1,family=ipv6', { host: '::1', port: 1, noDelay: true, family: 6 }],
    ['tcp:host=fe80%3a%3a1%25eth0,port=1', { host: 'fe80::1%eth0', port: 1, noDelay: true }],
    ['tcp:host=a,bind=*,port=1,x-unknown=2', { host: 'a', port: 1, noDelay: true }],
  ])('%s', (text, place) => {
    expect(tcpPlaceOf(only(text))).toEqual(place);
  });

  test.each([
    ['tcp:host=a', 'port is missing: a client must know it'],
    ['tcp:host=a,port=0', 'port 0 is for servers: a client must use the address that the server prints'],
    ['tcp:host=a,port=65536', 'port is "65536": it must be a number from 1 to 65535'],
    ['tcp:host=a,port=-1', 'port is "-1": it must be a number from 1 to 65535'],
    ['tcp:host=a,port=1e3', 'port is "1e3": it must be'],
    ['tcp:host=a,port=http', 'port is "http": it must be'],
    ['tcp:host=a,port=1,family=ipx', 'family is "ipx": it must be ipv4 or ipv6'],
    ['tcp:host=%5b%3a%3a1%5d,port=1', 'host "[::1]" has brackets: it must be without them'],
  ])('%s is refused: %s', (text, problem) => {
    const error = addressErrorOf(() => tcpPlaceOf(only(text)));
    expect(error).toMatchObject({ code: 'NOT_CONNECTABLE', address: text });
    expect(error.problem.slice(0, problem.length)).toBe(problem);
  });
});

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((done) => server.close(done))));
});

/** A server on a port of its own that does `serve` with each socket; the port. */
async function listen(host: string, serve: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    serve(socket);
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, host, done));
  return (server.address() as { port: number }).port;
}

/** Accepts everybody. */
function authenticate(socket: Socket): void {
  const auth = new AuthServer({ guid: GUID, mechanisms: [anonymousServer()] });
  socket.on('data', (chunk) => {
    const { send, done } = auth.receive(chunk);
    if (send !== undefined) socket.write(send);
    if (done !== undefined) socket.removeAllListeners('data');
  });
}

async function failureOf(addresses: string, options: object = {}): Promise<ConnectError> {
  const error: unknown = await openTransport(addresses, options).catch((reason: unknown) => reason);
  if (error instanceof ConnectError) return error;
  throw error;
}

describe('a client over TCP', () => {
  test.each([['127.0.0.1', '127.0.0.1', ''], ['127.0.0.1', 'localhost', ',family=ipv4'], ['::1', '%3a%3a1', ',family=ipv6']])(
    'reaches a server that listens at %s by host=%s%s', async (host, name, family) => {
      const port = await listen(host, authenticate);
      const transport = await openTransport(`tcp:host=${name},port=${port}${family}`, { mechanisms: ['ANONYMOUS'] });
      expect(transport.guid).toBe(GUID);
      transport.destroy();
    },
  );

  test('fails at a port without a server, with one reason for all addresses of the host', async () => {
    const port = await listen('127.0.0.1', () => {});
    await new Promise((done) => servers.pop()?.close(done));
    for (const host of ['127.0.0.1', 'localhost']) {
      const { message } = await failureOf(`tcp:host=${host},port=${port}`);
      expect(message).toBe(`cannot connect to tcp:host=${host},port=${port}: connect ECONNREFUSED (no server listens there)`);
    }
  });

  test('fails if the name of the host does not resolve', async () => {
    const { message } = await failureOf('tcp:host=no-such-host.invalid,port=1');
    expect(message).toMatch(/: getaddrinfo (ENOTFOUND \(the host is not known\)|EAI_AGAIN \(the name server does not answer\))$/);
  });

  test('gives up a server that accepts and sends nothing after connectTimeout', async () => {
    const port = await listen('127.0.0.1', () => {});
    const { message } = await failureOf(`tcp:host=127.0.0.1,port=${port}`, { connectTimeout: 50 });
    expect(message).toMatch(/: the server did not answer AUTH \(DBUS_COOKIE_SHA1 as user \d+\) in time$/);
    await new Promise((done) => sockets[0]?.resume().once('close', done));
  });

  test('tries all mechanisms on one connection, and fails if the server rejects them', async () => {
    const port = await listen('127.0.0.1', authenticate);
    const { errors } = await failureOf(`tcp:host=127.0.0.1,port=${port}`);
    expect(errors).toMatchObject([{ cause: { code: 'REJECTED', offered: ['ANONYMOUS'] } }]);
    expect(sockets).toHaveLength(1);
  });
});

/** A server whose queue is full: connections to it are neither accepted nor refused. */
const FULL_SERVER = `
import socket, time
server = socket.socket()
server.bind(('127.0.0.1', 0))
server.listen(0)
place = server.getsockname()
clients = [socket.socket() for _ in range(4)]
for client in clients:
    client.setblocking(False)
    client.connect_ex(place)
time.sleep(0.1)
print(place[1], flush=True)
time.sleep(600)
`;

describeWith('python3')('a server that never accepts', () => {
  test('is given up after connectTimeout, or when the AbortSignal aborts', async () => {
    await using server = await start('python3', ['-c', FULL_SERVER]);
    const [port] = await server.line(/^\d+$/);
    const address = `tcp:host=127.0.0.1,port=${port}`;
    const { message } = await failureOf(address, { connectTimeout: 50 });
    expect(message).toBe(`cannot connect to ${address}: the server did not accept the connection in time`);
    const controller = new AbortController();
    const reason = new Error('enough');
    setTimeout(() => controller.abort(reason), 20);
    await expect(openTransport(address, { signal: controller.signal })).rejects.toBe(reason);
  });
});
