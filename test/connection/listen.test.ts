// A server without a bus: connections by callback and by iterator, objects and signals in both directions, its limits,
// and its end in good order.
import { existsSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createProxy } from '../../src/client/proxy.js';
import { type Connection, openConnection } from '../../src/connection/connection.js';
import { listen, type PeerServerOptions, type Refusal } from '../../src/connection/listen.js';
import { defineInterface } from '../../src/interface/define.js';
import { parseAddresses } from '../../src/protocol/address.js';
import { exportObject } from '../../src/service/export-object.js';
import { ListenError } from '../../src/transport/errors.js';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { methodCall, signal } from '../../src/wire/messages/message.js';
import { encodedHex } from '../auth/support.js';
import { run } from '../support/programs.js';
import { scratchDirectory } from '../support/reaper.js';
import { deferred, until } from '../support/waiting.js';
import { uncaughtException } from './uncaught.js';

const Echo = defineInterface({
  name: 'com.example.Echo1',
  methods: { Say: { in: 's', out: 's' }, Wait: {} },
  properties: { Count: { type: 'u', access: 'read' } },
  signals: { Said: { args: 's' } },
});

const OUR_UID = String(process.getuid?.());

function exportEcho(connection: Connection, wait: () => Promise<void> = async () => {}) {
  let count = 0;
  const echo = Echo.implement({
    methods: {
      Say: (text) => {
        count++;
        echo.emit('Said', text);
        return text;
      },
      Wait: wait,
    },
    properties: { Count: { get: () => count } },
  });
  exportObject(connection, '/echo', echo);
}

const echoOf = (connection: Connection) => createProxy(connection, Echo, { path: '/echo' });

async function start(options: PeerServerOptions = {}, address = `unix:path=${scratchDirectory()}/a`) {
  const server = await listen(address, options);
  onTestFinished(() => server.close({ timeout: 0 }));
  const dial = async (): Promise<Connection> => {
    const connection = await openConnection(server.address);
    onTestFinished(() => connection.close({ timeout: 0 }));
    return connection;
  };
  return { server, dial };
}

test('a proxy with a destination gets the signals of the other side, which have no sender', async () => {
  const { server, dial } = await start({ onConnection: (connection) => exportEcho(connection) });
  const connection = await dial();
  const echo = createProxy(connection, Echo, { destination: 'com.example.Echo', path: '/echo' });
  await using said = echo.$signal('Said');
  await echo.Say('hello');
  expect(await said.next()).toEqual({ value: ['hello'], done: false });

  await using named = connection.subscribe({ type: 'signal', sender: 'com.example.Echo', member: 'Said' });
  const [accepted] = server.connections;
  const other = signal({ path: '/echo', interface: Echo.name, member: 'Said', signature: 's', body: ['other'] });
  accepted?.send({ ...other, sender: 'com.example.Other' }); // a sender that is given must be that of the rule
  await echo.Say('again');
  expect((await named.next()).value).toMatchObject({ body: ['again'] });
});

describe('a server', () => {
  test('passes connections to a callback, and objects on them work in both directions', async () => {
    const accepted: Connection[] = [];
    const { server, dial } = await start({
      onConnection: (connection) => {
        exportEcho(connection);
        accepted.push(connection);
      },
    });
    const client = await dial();
    exportEcho(client);
    const echo = echoOf(client);
    const said = echo.$signal('Said');
    expect(await echo.Say('to the server')).toBe('to the server');
    expect((await said.next()).value).toEqual(['to the server']);
    expect(await echo.$get('Count')).toBe(1);

    const [connection] = accepted as [Connection];
    const back = echoOf(connection);
    const heard = connection.subscribe({ interface: Echo.name });
    expect(await back.Say('to the client')).toBe('to the client');
    expect((await heard.next()).value).toMatchObject({ member: 'Said', body: ['to the client'] });
    expect(server.clientOf(connection)).toEqual({
      mechanism: 'EXTERNAL', uid: OUR_UID, address: server.address,
    });
    expect(server.connections).toEqual(new Set([connection]));
    expect(connection.guid).toBe(client.guid);
    await client.close();
    await until(() => server.connections.size === 0);
  });

  test('yields connections in order to an iterator, and none of their first calls is lost', async () => {
    const { server, dial } = await start();
    const clients = await Promise.all([dial(), dial(), dial()]);
    const calls = clients.map((client, index) => echoOf(client).Say(`call ${index}`));
    const iterator = server[Symbol.asyncIterator]();
    for (const _ of clients) {
      const { value } = await iterator.next();
      exportEcho(value!); // it is not at its end
    }
    const next = iterator.next(); // waits
    expect(await Promise.all(calls)).toEqual(['call 0', 'call 1', 'call 2']);
    const late = await dial();
    exportEcho((await next).value!);
    expect(await echoOf(late).Say('late')).toBe('late');
    await server.close();
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
  });

  test.each(['at once', 'in a callback of a timer', 'in a tick'])(
    'read %s passes a call that came with the handshake to the handlers', async (when) => {
      const { server } = await start();
      const path = parseAddresses(server.address)[0]?.keys.get('path') ?? '';
      const socket = connect(path);
      onTestFinished(() => void socket.destroy());
      const call = methodCall({ path: '/echo', interface: Echo.name, member: 'Say', signature: 's', body: ['x'] });
      const hello = `\0AUTH EXTERNAL ${encodedHex(OUR_UID)}\r\nBEGIN\r\n`;
      let heard = '';
      socket.on('data', (chunk: Buffer) => void (heard += chunk.toString('latin1')));
      const read = (): void => void server[Symbol.asyncIterator]().next().then(({ value }) => exportEcho(value!));
      if (when === 'at once') read();
      socket.write(Buffer.concat([Buffer.from(hello), encodeMessage(call, { serial: 1 })]));
      if (when !== 'at once') await until(() => heard.includes('OK'));
      if (when === 'in a callback of a timer') setTimeout(read, 20);
      if (when === 'in a tick') process.nextTick(read);
      await until(() => heard.includes('Said'));
      expect(heard).not.toContain('exports no objects');
    },
  );

  test('prints addresses that lead to it, each with its GUID', async () => {
    const { server, dial } = await start({}, `unix:dir=${scratchDirectory()};unix:path=${scratchDirectory()}/b`);
    const addresses = parseAddresses(server.address);
    expect(addresses).toHaveLength(2);
    expect((await dial()).guid).toBe(addresses[0]?.guid);
  });

  test('refuses a client that is not authorized, and counts it; the next one is accepted', async () => {
    const seen: Refusal[] = [];
    const onRefusal = (message: unknown): void => void seen.push(message as Refusal);
    subscribe('dbus-wire:refusal', onRefusal);
    onTestFinished(() => void unsubscribe('dbus-wire:refusal', onRefusal));
    let isOpen = false;
    const { server, dial } = await start({ authorize: async ({ uid }) => isOpen && uid === OUR_UID });
    await expect(dial()).rejects.toThrow('the server rejected EXTERNAL');
    await until(() => server.refused.size > 0);
    expect([...server.refused.keys()]).toEqual(['CLIENT_CLOSED']);
    expect(seen[0]).toMatchObject({ address: server.address, error: { name: 'AuthError', code: 'CLIENT_CLOSED' } });
    isOpen = true;
    await dial();
  });

  test('has a limit on connections, including those that wait to be read', async () => {
    const { server, dial } = await start({ maxConnections: 2 });
    await dial();
    const second = await dial();
    await expect(dial()).rejects.toThrow();
    expect(server.refused.get('CLIENT_CUT')).toBe(1);
    const iterator = server[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.next();
    await second.close();
    await until(() => server.connections.size === 1);
    await dial();
  });

  test('does not count a client that has left before it was read, unless it has sent something', async () => {
    const { server, dial } = await start({ maxConnections: 1 });
    await (await dial()).close();
    let second: Connection | undefined;
    await until(async () => { // a client that is one too many is connected for a moment
      second = await dial().catch(() => undefined);
      return second !== undefined && await Promise.race([second.closed.then(() => false), sleep(20, true)]);
    });
    second!.send(signal({ path: '/', interface: 'a.B', member: 'Sent' }));
    await second!.close();
    await expect(dial()).rejects.toThrow();
    const members: string[] = [];
    for await (const connection of server) {
      connection.subscribe({}, ({ member }) => members.push(member));
      expect((await connection.closed).code).toBe('CONNECTION_CLOSED');
      break;
    }
    expect(members).toEqual(['Sent']);
  });

  test('continues if a callback throws, and the error becomes an uncaught exception', async () => {
    const { dial } = await start({
      onConnection: (connection) => {
        exportEcho(connection);
        throw new Error('from onConnection');
      },
    });
    const uncaught = uncaughtException();
    const client = await dial();
    expect(await uncaught).toMatchObject({ message: 'from onConnection' });
    expect(await echoOf(client).Say('still here')).toBe('still here');
  });

  test('disconnects only the client that breaks the protocol', async () => {
    const { server, dial } = await start({ onConnection: (connection) => exportEcho(connection), maxMessageLength: 1_000 });
    const [good, bad] = await Promise.all([dial(), dial()]);
    await expect(echoOf(bad).Say('x'.repeat(2_000))).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    expect(await echoOf(good).Say('y')).toBe('y');
    await until(() => server.connections.size === 1);
  });
});

describe('the end', () => {
  test('of a server is orderly: running handlers reply, then everything is closed', async () => {
    const gate = deferred();
    const { server, dial } = await start({ onConnection: (connection) => exportEcho(connection, () => gate.promise) });
    const client = await dial();
    const path = parseAddresses(server.address)[0]?.keys.get('path') ?? '';
    const waited = echoOf(client).Wait();
    await echoOf(client).Say('the call before has come');
    const closed = server.close();
    await expect(openConnection(server.address)).rejects.toThrow();
    gate.resolve();
    expect(await waited).toBeUndefined();
    await closed;
    await server.closed;
    expect((await client.closed).message).toContain('the peer closed the connection');
    expect(existsSync(path)).toBe(false);
    await server.close(); // again
  });

  test('disconnects clients that do not end within the timeout', async () => {
    const never = deferred();
    const { server, dial } = await start({ onConnection: (connection) => exportEcho(connection, () => never.promise) });
    const call = echoOf(await dial()).Wait();
    call.catch(() => {});
    await until(() => server.connections.size === 1);
    await server.close({ timeout: 20 });
    await expect(call).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  });

  test('disconnects clients that no iterator has read', async () => {
    const { server, dial } = await start();
    const client = await dial();
    await server.close();
    expect(await client.closed).toMatchObject({ code: 'CONNECTION_CLOSED' });
  });

  test('comes at the end of a block with await using, or when the AbortSignal aborts', async () => {
    const address = `unix:path=${scratchDirectory()}/a`;
    {
      await using server = await listen(address);
      expect(server.address).toContain(address);
    }
    const abort = new AbortController();
    const server = await listen(address, { signal: abort.signal });
    const rest = (async () => {
      for await (const _ of server) throw new Error('no client came');
    })();
    abort.abort();
    await server.closed;
    await rest;
    await expect(listen(address, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    await using again = await listen(address);
    expect(again.connections.size).toBe(0);
  });
});

test('an unreferenced server does not keep its process running, and leaves no file', async () => {
  const directory = scratchDirectory();
  const library = new URL('../../dist/index.js', import.meta.url).href;
  const code = `import { listen } from '${library}';
    (await listen('unix:path=${directory}/a;unix:dir=${directory};nonce-tcp:host=127.0.0.1')).unref();
    console.log((await import('node:fs')).readdirSync('${directory}').length);`;
  const ended = await run(process.execPath, ['--input-type=module', '--eval', code], { env: { TMPDIR: directory } });
  expect(ended).toMatchObject({ code: 0, stdout: '3\n', stderr: '' });
  expect(readdirSync(directory)).toEqual([]);
});

test('a server accepts an address in parts, as formatAddress does', async () => {
  const path = join(scratchDirectory(), 'a socket');
  await using server = await listen({ transport: 'unix', keys: { path }, guid: 'A'.repeat(32) });
  expect(server.address).toBe(`unix:path=${path.replace(' ', '%20')},guid=${'a'.repeat(32)}`);
});

describe('a mistake of the caller', () => {
  test.each<[string, () => unknown]>([
    ['the address must be a string, or the parts of an address', () => listen(5 as never)],
    ['transport must be a string', () => listen({} as never)],
    ['the value of key path must be a string', () => listen({ transport: 'unix', keys: { path: 5 } } as never)],
    ['unknown option "mechanism"; did you mean "mechanisms"?', () => listen('unix:', { mechanism: [] } as never)],
    ['"mechanisms" must be an array of one or more of EXTERNAL, DBUS_COOKIE_SHA1, ANONYMOUS, got an array of 0',
      () => listen('unix:', { mechanisms: [] })],
    ['"authorize" must be a function', () => listen('unix:', { authorize: true as never })],
    ['"maxConnections" must be an integer from 1 to 1048576, got number 0', () => listen('unix:', { maxConnections: 0 })],
    ['"handshakeTimeout" must be a number of milliseconds', () => listen('unix:', { handshakeTimeout: -1 })],
  ])('%s', async (message, act) => {
    await expect((async () => act())()).rejects.toMatchObject({
      name: 'ArgumentError', message: expect.stringContaining(message),
    });
  });

  test('is an address that cannot be listened on', async () => {
    await expect(listen({ transport: 'unix' })).rejects.toMatchObject({ name: 'AddressError', code: 'NOT_LISTENABLE' });
  });

  test('is to read connections that a callback gets', async () => {
    const { server } = await start({ onConnection: () => {} });
    expect(() => server[Symbol.asyncIterator]()).toThrow('the server must have no onConnection');
  });

  test('is an address that another server has', async () => {
    const { server } = await start();
    await expect(listen(server.address)).rejects.toBeInstanceOf(ListenError);
  });
});
