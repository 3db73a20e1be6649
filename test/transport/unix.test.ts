// The socket of a unix address, and that a real dbus-daemon listens there.
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { formatAddress } from '../../src/protocol/address.js';
import type { AddressErrorCode } from '../../src/protocol/errors.js';
import { socketPathOf } from '../../src/transport/unix.js';
import { address, addressErrorOf, GUID, only } from '../protocol/addresses.js';
import { describeWith, start } from '../support/programs.js';
import { scratchDirectory } from '../support/reaper.js';

describe('the socket of an address', () => {
  test.each([
    ['unix:path=/run/user/1000/bus', '/run/user/1000/bus'],
    ['unix:path=relative', 'relative'],
    [`unix:path=/a%20b,guid=${GUID}`, '/a b'],
    ['unix:abstract=/tmp/dbus-U8OSdmf7', '\0/tmp/dbus-U8OSdmf7'],
    ['unix:path=/a,x-unknown=1', '/a'],
    [`unix:path=/${'p'.repeat(106)}`, `/${'p'.repeat(106)}`],
    [`unix:abstract=${'a'.repeat(106)}`, `\0${'a'.repeat(106)}`],
  ])('%s is %j', (text, path) => {
    expect(socketPathOf(only(text), '1.48.0')).toBe(path);
  });

  test.each<[text: string, code: AddressErrorCode, message: RegExp]>([
    ['unix:runtime=yes', 'NOT_CONNECTABLE', /^key runtime is for servers: a client must use/],
    ['unix:tmpdir=/tmp', 'NOT_CONNECTABLE', /key tmpdir is for servers/],
    ['unix:dir=/tmp', 'NOT_CONNECTABLE', /key dir is for servers/],
    ['unix:path=/a,dir=/tmp', 'NOT_CONNECTABLE', /key dir is for servers/],
    ['unix:', 'NOT_CONNECTABLE', /^neither path nor abstract is given: a unix address must have exactly one/],
    ['unix:path=/a,abstract=b', 'NOT_CONNECTABLE', /^path and abstract are both given: a unix address must/],
    [`unix:path=/${'p'.repeat(107)}`, 'SOCKET_NAME_TOO_LONG', /^the name of the socket has 108 bytes: it must have/],
    [`unix:abstract=${'a'.repeat(107)}`, 'SOCKET_NAME_TOO_LONG', /^the name of the socket has 108 bytes: it must have/],
    [`unix:path=/${'%c3%a9'.repeat(54)}`, 'SOCKET_NAME_TOO_LONG', /109 bytes/],
  ])('%s is refused: %s', (text, code, message) => {
    const error = addressErrorOf(() => socketPathOf(only(text), '1.48.0'));
    expect(error).toMatchObject({ code, address: text, offset: undefined });
    expect(error.message).toMatch(message);
  });

  test.each(['0.11.29', '1.46.0', '1.47.0'])('of an abstract name is refused with libuv %s, which pads it', (libuv) => {
    const error = addressErrorOf(() => socketPathOf(only('unix:abstract=a'), libuv));
    expect(error).toMatchObject({ code: 'ABSTRACT_NOT_SUPPORTED', address: 'unix:abstract=a' });
    expect(error.message).toContain(`libuv ${libuv} changes abstract names: use libuv 1.48 or newer (Node 22), or`);
    expect(socketPathOf(only('unix:path=/a'), libuv)).toBe('/a');
  });

  test.each(['1.48.0', '1.51.0', '2.0.0'])('of an abstract name is returned with libuv %s', (libuv) => {
    expect(socketPathOf(only('unix:abstract=a'), libuv)).toBe('\0a');
  });
});

describeWith('dbus-daemon')('addresses and dbus-daemon', () => {
  /** A daemon that listens at an address that we have formatted, and the address that it prints, parsed. */
  async function daemonAt(keys: Readonly<Record<string, string>>) {
    const wanted = address('unix', keys);
    const flags = ['--session', '--nofork', '--nopidfile', '--nosyslog', '--print-address'];
    const daemon = await start('dbus-daemon', [...flags, `--address=${formatAddress(wanted)}`]);
    const [printed] = await daemon.line(/^unix:.*/);
    const read = only(printed);
    expect(read).toEqual({ ...wanted, guid: read.guid });
    expect(read.guid).toMatch(/^[0-9a-f]{32}$/);
    return { daemon, read };
  }

  /** Connects; rejects with the error of the socket. */
  async function reach(path: string): Promise<void> {
    const socket = connect({ path });
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    socket.destroy();
  }

  test('agree on a path with bytes of every kind', async () => {
    const { daemon, read } = await daemonAt({ path: `${scratchDirectory()}/b u,s;=%é\\*` });
    await using _ = daemon;
    await reach(socketPathOf(read));
  });

  test('agree on an abstract name, which can be used if and only if libuv supports it', async () => {
    const name = `dbus-wire, ${process.pid} é`;
    const { daemon, read } = await daemonAt({ abstract: name });
    await using _ = daemon;
    let path: string | undefined;
    try {
      path = socketPathOf(read);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ABSTRACT_NOT_SUPPORTED' });
    }
    if (path === undefined) await expect(reach(`\0${name}`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    else await reach(path);
  });
});
