// A connection without a bus, to a server of GLib, which has its own handshake and messages. Neither side has a name.
// Calls go both ways on the one connection. Specification: Authentication Protocol.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import {
  ConnectError, type Connection, ConnectionClosedError, DBusError, ErrorName, openConnection, variant,
} from '../../src/index.js';
import { methodCall } from '../../src/wire/index.js';
import { describeWith, type Program, PYTHON, start } from '../support/programs.js';
import { scratchDirectory } from '../support/reaper.js';
import { nextSignal } from '../support/waiting.js';
import { ECHO_ROWS, ECHOES } from './echoes.js';
import { exportMirror } from './mirror.js';

const there = { path: '/com/example/Peer', interface: 'com.example.Peer1' } as const;

async function startPeer(address: string): Promise<{ readonly server: Program; readonly guid: string }> {
  const script = fileURLToPath(new URL('./services/glib_peer.py', import.meta.url));
  const server = await start(PYTHON, [script, address]);
  const [, guid = ''] = await server.line(/^ready \S+ ([0-9a-f]{32})$/);
  return { server, guid };
}

describeWith('dbus-python')('a server of GLib without a bus', () => {
  const directory = scratchDirectory();
  const address = `unix:path=${join(directory, 'peer')}`;
  let server: Program;
  let guid: string;
  let connection: Connection;

  beforeAll(async () => {
    ({ server, guid } = await startPeer(address));
  });
  afterAll(() => server?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    connection = await openConnection(address);
    onTestFinished(() => connection.close({ timeout: 0 })); // the other end stays open
  });

  test('must have the GUID of its address', async () => {
    expect(connection.guid).toBe(guid);
    const same = await openConnection(`${address},guid=${guid}`);
    expect(same.guid).toBe(guid);
    await same.close({ timeout: 0 });
    await expect(openConnection(`${address},guid=${'0'.repeat(32)}`)).rejects.toThrow(ConnectError);
  });

  test('returns every value unchanged', async () => {
    for (const { member, value } of ECHO_ROWS) {
      const body = [variant(ECHOES[member].in as string, value)] as const;
      const call = { ...there, member: 'Echo', signature: 'v', body, replySignature: 'v' } as const;
      expect(await connection.call(call)).toStrictEqual(body);
    }
  });

  test('replies with errors', async () => {
    const failed = connection.call({ ...there, member: 'Fail', signature: 's', body: ['grüße'] });
    await expect(failed).rejects.toMatchObject({ errorName: 'com.example.Peer1.Error.Custom', message: 'grüße' });
    const names = await Promise.all([
      connection.call({ ...there, member: 'Missing' }),
      connection.call({ ...there, path: '/missing', member: 'Echo', signature: 'v', body: [variant('y', 1)] }),
      connection.call({ ...there, member: 'Echo', signature: 's', body: ['not a variant'] }),
    ].map((call) => call.then(() => 'no error', (error: DBusError) => error.errorName)));
    expect(names).toEqual([ErrorName.UNKNOWN_METHOD, ErrorName.UNKNOWN_METHOD, ErrorName.INVALID_ARGS]);
  });

  test('has properties that are read and written', async () => {
    const access = { path: there.path, interface: 'org.freedesktop.DBus.Properties' } as const;
    const [first] = await connection.call({
      ...access, member: 'Get', signature: 'ss', body: [there.interface, 'Title'], replySignature: 'v',
    });
    expect(first).toEqual({ signature: 's', value: 'untitled' });
    const set = [there.interface, 'Title', variant('s', 'é')] as const;
    await connection.call({ ...access, member: 'Set', signature: 'ssv', body: set, replySignature: '' });
    const [all] = await connection.call({
      ...access, member: 'GetAll', signature: 's', body: [there.interface], replySignature: 'a{sv}',
    });
    expect(all).toStrictEqual(new Map([['Title', { signature: 's', value: 'é' }]]));
  });

  test('emits signals that need no match rule', async () => {
    await using ticks = connection.subscribe({ member: 'Ticked' });
    await connection.call({ ...there, member: 'Emit', signature: 'u', body: [3] });
    const tick = { ...there, type: 'signal', member: 'Ticked', sender: undefined, destination: undefined };
    for (const index of [0, 1, 2]) expect(await nextSignal(ticks)).toMatchObject({ ...tick, body: [index] });
  });

  test('can call us during our call', async () => {
    const { seen } = exportMirror(connection);
    const asked = connection.call({ ...there, member: 'Ask', signature: 's', body: ['grüße'], replySignature: 's' });
    expect(await asked).toEqual(['grüße']);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ value: 'grüße', call: { sender: undefined, member: 'EchoString' } });
  });

  test('gets an error for a path with no object', async () => {
    const asked = connection.call({ ...there, member: 'Ask', signature: 's', body: ['x'] });
    await expect(asked).rejects.toMatchObject({
      errorName: 'com.example.Peer1.Error.Asked',
      message: expect.stringContaining('this connection exports no objects'),
    });
  });

  test('fails pending calls when it disconnects', async () => {
    const waiting = connection.call({ ...there, member: 'Leave', timeout: Infinity });
    await expect(waiting).rejects.toThrow(ConnectionClosedError);
    expect((await connection.closed).cause).toBeInstanceOf(Error);
    expect(connection.closedSignal.aborted).toBe(true);
  });

  test('does not delay close() if it keeps its own end open', async () => {
    const asked = connection.call({ ...there, member: 'Echo', signature: 'v', body: [variant('y', 1)] });
    connection.send(methodCall({ ...there, member: 'Set', signature: 's', body: ['last words'] }));
    await asked;
    await connection.close({ timeout: Infinity }); // the time limit of close() is not what ends this
    const other = await openConnection(address);
    onTestFinished(() => other.close({ timeout: 0 }));
    expect(await other.call({ ...there, member: 'Title', replySignature: 's' })).toEqual(['last words']);
  });

  // libuv hands over abstract names as they are since 1.48, which came with Node 22.
  test('is reached by an abstract address, if Node supports that', async () => {
    const abstract = `unix:abstract=${join(directory, 'abstract')}`;
    const other = await startPeer(abstract);
    await using program = other.server;
    if (Number(process.versions.node.split('.')[0]) < 22) {
      await expect(openConnection(abstract)).rejects.toThrow('use libuv 1.48 or newer (Node 22)');
    } else {
      const reached = await openConnection(abstract);
      expect(reached.guid).toBe(other.guid);
      await reached.close({ timeout: 0 });
    }
    expect(program.stderr).toBe('');
  });
});
