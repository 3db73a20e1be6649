// Opening a list of addresses: what makes an address unusable, and that the next one is tried.
// Addresses of real and fake servers: "address" in test/connection/bus.test.ts.
import { linkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ConnectError } from '../../src/transport/errors.js';
import { openTransport } from '../../src/transport/open.js';
import { startFakeServer } from '../connection/fake-server.js';
import { describeWith, type Program, start } from '../support/programs.js';
import { scratchDirectory } from '../support/reaper.js';

async function failureOf(addresses: string): Promise<ConnectError> {
  const error: unknown = await openTransport(addresses).then(() => undefined, (reason: unknown) => reason);
  if (error instanceof ConnectError) return error;
  throw error;
}

test.each<[address: string, problem: string]>([
  ['x-future:', 'transport "x-future" is not supported: it must be unix, tcp, nonce-tcp or unixexec'],
  ['constructor:', 'transport "constructor" is not supported: it must be unix, tcp, nonce-tcp or unixexec'],
  ['autolaunch:', 'transport autolaunch needs a program that finds or starts a bus for the X11 display: set DBUS_SESSION_'],
  ['launchd:env=A', 'transport launchd needs launchd of macOS: use unix:path= with the path that `launchctl getenv` prints'],
  ['vsock:cid=2,port=1', 'transport vsock needs sockets of the family AF_VSOCK, which Node does not have: use unixexec:'],
  ['systemd:', 'transport systemd is for servers that systemd starts: a client must use the address of the socket'],
])('the transport of %s is not supported', async (address, problem) => {
  const { message, errors } = await failureOf(address);
  const expected = `cannot connect to ${address}: ${problem}`;
  expect(message.slice(0, expected.length)).toBe(expected);
  expect(errors).toMatchObject([{ cause: { name: 'AddressError', code: 'TRANSPORT_NOT_SUPPORTED', address } }]);
});

test('the error for a list has the reason for each address, in order', async () => {
  const missing = `unix:path=${join(scratchDirectory(), 'missing')}`;
  const { message, errors, fault, code } = await failureOf(`vsick:;${missing};unix:dir=/a;unix;tcp:`);
  expect({ fault, code }).toEqual({ fault: 'link', code: 'CONNECT_FAILED' });
  expect(errors).toHaveLength(5);
  expect(message).toBe(`cannot connect to ${errors.map((error) => error.message).join('; ')}`);
  expect(errors.map((error) => error.message)).toEqual([
    'vsick:: transport "vsick" is not supported: it must be unix, tcp, nonce-tcp or unixexec',
    `${missing}: connect ENOENT (there is no such socket)`,
    'unix:dir=/a: key dir is for servers: a client must use the address that the server prints',
    '"unix": found no transport: an address must begin with one, as in unix:path=/tmp/bus (offset 0)',
    'tcp:: port is missing: a client must know it',
  ]);
});

test.each([1, 2])('Node prints each error once if %i addresses fail; the first is the cause too', async (count) => {
  const missing = join(scratchDirectory(), 'missing');
  const error = await failureOf(Array.from({ length: count }, (_, n) => `unix:path=${missing}${n}`).join(';'));
  expect(error.errors).toHaveLength(count);
  expect(error.cause).toBe(error.errors[0]);
  const printed = inspect(error, { depth: 5 });
  for (let n = 0; n < count; n++) expect(printed.split(`Error: connect ENOENT ${missing}${n}\n`)).toHaveLength(2);
});

test.each(['', ';', ';;', ';;;;'])('a list without entries, %j, is an AddressError', async (list) => {
  await expect(async () => openTransport(list)).rejects.toMatchObject({ name: 'AddressError', code: 'ADDRESS_EMPTY', offset: 0 });
});

test('a list without a valid address is an AddressError', async () => {
  await expect(async () => openTransport('unix')).rejects.toMatchObject({ name: 'AddressError', code: 'TRANSPORT_INVALID' });
});

test('a list that is not a string is refused', async () => {
  await expect(async () => openTransport(5 as never)).rejects.toThrow('connect: the addresses must be one string, got number 5');
});

/**
 * A server whose places for waiting clients are taken. It accepts and answers when it gets SIGUSR1, and says how many
 * clients it has then.
 */
const BUSY_SERVER = `
import signal, socket, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(0)
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
print('busy', flush=True)
signal.sigwait([signal.SIGUSR1])
sockets = []
while True:
    sockets.append(server.accept()[0])
    sockets[-1].sendall(b'OK 00112233445566778899aabbccddeeff\\r\\nAGREE_UNIX_FD\\r\\n')
    print('clients', len(sockets), flush=True)
`;

describeWith('python3')('a server with a full queue', () => {
  let path: string;
  let server: Program;
  beforeAll(async () => {
    path = join(scratchDirectory(), 'busy');
    server = await start('python3', ['-c', BUSY_SERVER, path]);
    await server.line('busy');
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  test('is tried until connectTimeout, and the error gives the reason', async () => {
    const message = `unix:path=${path}: connect EAGAIN (too many clients wait to be accepted)`;
    await expect(openTransport(`unix:path=${path}`, { connectTimeout: 30 })).rejects.toThrow(message);
  });

  test('is not tried again after an abort', async () => {
    const controller = new AbortController();
    const opening = openTransport(`unix:path=${path}`, { signal: controller.signal });
    await sleep(20);
    controller.abort(new Error('enough'));
    await expect(opening).rejects.toThrow('enough');
  });

  test('is not waited for if its path vanishes, and the next address is tried', async () => {
    await using good = await startFakeServer();
    const second = `${path}-2`;
    linkSync(path, second); // one server, two paths
    setTimeout(() => rmSync(second), 30);
    const transport = await openTransport(`unix:path=${second};${good.address}`);
    expect(good.sockets).toHaveLength(1);
    transport.destroy();
  });

  // The last test: from then on the server has free places.
  test('is tried again until it has a free place', async () => {
    const opening = openTransport(`unix:path=${path}`);
    await sleep(50);
    server.kill('SIGUSR1');
    const transport = await opening;
    expect(transport.guid).toBe('00112233445566778899aabbccddeeff');
    await server.line('clients 2');
    transport.destroy();
  });
});
