import { existsSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Address, formatAddress, parseAddresses } from '../../src/protocol/address.js';
import { AddressError, type AddressErrorCode } from '../../src/protocol/errors.js';
import { sessionBusAddress, systemBusAddress } from '../../src/transport/well-known-buses.js';
import { socketPathOf } from '../../src/transport/unix.js';
import { describeWith, start } from '../support/programs.js';
import { scratchDirectory } from '../support/reaper.js';

const GUID = '00112233445566778899aabbccddeeff';

function address(transport: string, keys: Readonly<Record<string, string>> = {}, guid?: string): Address {
  return { transport, keys: new Map(Object.entries(keys)), guid };
}

function addressErrorOf(act: () => unknown): AddressError {
  try {
    act();
  } catch (error) {
    if (error instanceof AddressError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function only(text: string): Address {
  const [first, ...others] = parseAddresses(text);
  expect(others).toEqual([]);
  return first ?? address('none');
}

describe('an address list', () => {
  it.each<[text: string, expected: readonly Address[]]>([
    // the examples of the specification
    ['unix:path=/tmp/dbus-test', [address('unix', { path: '/tmp/dbus-test' })]],
    [
      'unix:path=/tmp/dbus-test;unix:path=/tmp/dbus-test2',
      [address('unix', { path: '/tmp/dbus-test' }), address('unix', { path: '/tmp/dbus-test2' })],
    ],
    ['tcp:host=127.0.0.1,port=4242', [address('tcp', { host: '127.0.0.1', port: '4242' })]],
    ['tcp:host=127.0.0.1', [address('tcp', { host: '127.0.0.1' })]],
    ['tcp:host=127.0.0.1,port=30958', [address('tcp', { host: '127.0.0.1', port: '30958' })]],
    ['tcp:host=localhost', [address('tcp', { host: 'localhost' })]],
    ['unix:tmpdir=/tmp', [address('unix', { tmpdir: '/tmp' })]],
    ['unix:abstract=/tmp/dbus-U8OSdmf7', [address('unix', { abstract: '/tmp/dbus-U8OSdmf7' })]],
    ['unix:runtime=yes', [address('unix', { runtime: 'yes' })]],
    ['unix:path=/run/user/1234/bus', [address('unix', { path: '/run/user/1234/bus' })]],
    ['unix:runtime=yes;unix:tmpdir=/tmp', [address('unix', { runtime: 'yes' }), address('unix', { tmpdir: '/tmp' })]],
    ['unix:path=/var/run/dbus/system_bus_socket', [address('unix', { path: '/var/run/dbus/system_bus_socket' })]],
    ['autolaunch:', [address('autolaunch')]],
    ['systemd:', [address('systemd')]],
    ['launchd:env=DBUS_LAUNCHD_SESSION_BUS_SOCKET', [address('launchd', { env: 'DBUS_LAUNCHD_SESSION_BUS_SOCKET' })]],
    ['autolaunch:scope=*install-path', [address('autolaunch', { scope: '*install-path' })]],
    // other transports
    [
      'tcp:host=%3a%3a1,port=1,family=ipv6',
      [address('tcp', { host: '::1', port: '1', family: 'ipv6' })],
    ],
    [
      'nonce-tcp:host=localhost,port=1,noncefile=C%3a\\nonce',
      [address('nonce-tcp', { host: 'localhost', port: '1', noncefile: 'C:\\nonce' })],
    ],
    [
      'unixexec:path=ssh,argv1=-xT,argv2=host,argv3=systemd-stdio-bridge',
      [address('unixexec', { path: 'ssh', argv1: '-xT', argv2: 'host', argv3: 'systemd-stdio-bridge' })],
    ],
    ['x-future:a=1;unix:path=/b', [address('x-future', { a: '1' }), address('unix', { path: '/b' })]],
    ['unix:', [address('unix')]],
    // guid
    [`unix:path=/a,guid=${GUID}`, [address('unix', { path: '/a' }, GUID)]],
    [`unix:guid=${GUID.toUpperCase()},path=/a`, [address('unix', { path: '/a' }, GUID)]],
    // what the reference implementation lets pass at the end
    ['unix:path=/a;', [address('unix', { path: '/a' })]],
    ['unix:path=/a,', [address('unix', { path: '/a' })]],
    ['unix:path=/a,;', [address('unix', { path: '/a' })]],
  ])('%s is parsed', (text, expected) => {
    expect(parseAddresses(text)).toEqual(expected);
  });

  it('keeps keys in order, whatever their names', () => {
    const { keys } = only('x:b=1,2=2,1=3,__proto__=4,constructor=5');
    expect([...keys]).toEqual([
      ['b', '1'],
      ['2', '2'],
      ['1', '3'],
      ['__proto__', '4'],
      ['constructor', '5'],
    ]);
  });

  it.each<[text: string, code: AddressErrorCode, offset: number]>([
    ['', 'ADDRESS_EMPTY', 0],
    [';', 'ADDRESS_EMPTY', 0],
    [';unix:path=/a', 'ADDRESS_EMPTY', 0],
    ['unix:path=/a;;', 'ADDRESS_EMPTY', 13],
    ['unix:path=/a;;unix:path=/b', 'ADDRESS_EMPTY', 13],
    ['unix', 'TRANSPORT_INVALID', 0],
    [':path=/a', 'TRANSPORT_INVALID', 0],
    ['/run/user/1000/bus', 'TRANSPORT_INVALID', 0],
    [' unix:path=/a', 'TRANSPORT_INVALID', 0],
    ['unix:path=/a; unix:path=/b', 'TRANSPORT_INVALID', 13],
    ['path=unix:/a', 'TRANSPORT_INVALID', 0],
    ['unix:path', 'KEY_INVALID', 5],
    ['unix:=x', 'KEY_INVALID', 5],
    ['unix:,', 'KEY_INVALID', 5],
    ['unix:,path=/a', 'KEY_INVALID', 5],
    ['unix:path=/a,,guid=1', 'KEY_INVALID', 13],
    ['unix:path=/a,,', 'KEY_INVALID', 13],
    ['unix: path=/a', 'KEY_INVALID', 5],
    ['unix:path=/a,path=/b', 'KEY_DUPLICATE', 13],
    [`x:guid=${GUID},guid=${GUID}`, 'KEY_DUPLICATE', 40],
    ['unix:path=', 'VALUE_EMPTY', 10],
    ['unix:path=,guid=1', 'VALUE_EMPTY', 10],
    ['unix:path=/a b', 'VALUE_NOT_ESCAPED', 12],
    ['unix:path=/a=b', 'VALUE_NOT_ESCAPED', 12],
    ['unix:path=/a:b', 'VALUE_NOT_ESCAPED', 12],
    ['unix:path=/~', 'VALUE_NOT_ESCAPED', 11],
    ['unix:path=/a\n', 'VALUE_NOT_ESCAPED', 12],
    ['unix:path=/\0', 'VALUE_NOT_ESCAPED', 11],
    ['unix:path=/é', 'VALUE_NOT_ESCAPED', 11],
    ['unix:path=/💾', 'VALUE_NOT_ESCAPED', 11],
    ['unix:path=%', 'VALUE_ESCAPE_INVALID', 10],
    ['unix:path=/%2', 'VALUE_ESCAPE_INVALID', 11],
    ['unix:path=/%2,guid=1', 'VALUE_ESCAPE_INVALID', 11],
    ['unix:path=/%2;unix:', 'VALUE_ESCAPE_INVALID', 11],
    ['unix:path=/%zz', 'VALUE_ESCAPE_INVALID', 11],
    ['unix:path=/%+1', 'VALUE_ESCAPE_INVALID', 11],
    ['unix:path=/%%41', 'VALUE_ESCAPE_INVALID', 11],
    ['unix:path=/%0x41', 'VALUE_ESCAPE_INVALID', 11],
    ['unix:path=%00a', 'VALUE_CONTAINS_NUL', 10],
    ['unix:path=/a%00', 'VALUE_CONTAINS_NUL', 12],
    ['unix:path=/%ff', 'VALUE_NOT_UTF8', 10],
    ['unix:path=/%c3', 'VALUE_NOT_UTF8', 10],
    ['unix:path=/%ed%a0%80', 'VALUE_NOT_UTF8', 10],
    ['unix:path=/%c0%af', 'VALUE_NOT_UTF8', 10],
    ['unix:path=/a,guid=xyz', 'GUID_INVALID', 18],
    ['unix:path=/a,guid=1234deadbeef', 'GUID_INVALID', 18],
    ['unix:path=/a;unix:path=/b,guid=0', 'GUID_INVALID', 31],
  ])('%j is refused: %s at %i', (text, code, offset) => {
    const error = addressErrorOf(() => parseAddresses(text));
    expect(error).toMatchObject({ name: 'AddressError', code, address: text, offset });
    expect(error).toMatchObject({ fault: 'caller' });
    expect(error.message).toContain(`(offset ${offset} of address ${JSON.stringify(text)})`);
  });

  it('says how an unescaped character must be written', () => {
    expect(addressErrorOf(() => parseAddresses('unix:path=/💾')).message).toBe(
      '"💾" must be written %f0%9f%92%be (offset 11 of address "unix:path=/💾")',
    );
  });

  it('takes time in proportion to its length', () => {
    const count = 20_000;
    const keys = Array.from({ length: count }, (_, i) => `k${i}=%41`).join(',');
    expect(only(`x:${keys}`).keys.size).toBe(count);
    expect(parseAddresses('x:a=1;'.repeat(count))).toHaveLength(count);
    expect(only(`x:a=${'%41'.repeat(count)}`).keys.get('a')).toBe('A'.repeat(count));
  });
});

describe('escaping', () => {
  it.each([
    ['/a%20b', '/a b'],
    ['%2f%41%2F%62', '/A/b'],
    ['%25', '%'],
    ['%2500', '%00'],
    ['/%c3%a9%E2%82%AC%f0%9f%92%be', '/é€💾'],
    ['%ef%bb%bfa', '\uFEFFa'],
    ['-0-9A-Za-z_/.\\*', '-0-9A-Za-z_/.\\*'],
  ])('%s stands for %j', (escaped, value) => {
    expect(only(`unix:path=${escaped}`).keys.get('path')).toBe(value);
  });

  it('leaves exactly the optionally-escaped bytes alone', () => {
    const plain = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_/.\\*';
    for (let code = 1; code < 128; code++) {
      const character = String.fromCharCode(code);
      const escaped = plain.includes(character) ? character : `%${code.toString(16).padStart(2, '0')}`;
      expect(formatAddress(address('unix', { path: character }))).toBe(`unix:path=${escaped}`);
      expect(only(`unix:path=${escaped}`).keys.get('path')).toBe(character);
    }
  });

  it.each([
    ['unix:path=/tmp/dbus-test', address('unix', { path: '/tmp/dbus-test' })],
    ['tcp:host=%3a%3a1,port=4242,family=ipv6', address('tcp', { host: '::1', port: '4242', family: 'ipv6' })],
    [`unix:path=/a%2c%3b%3d%25,guid=${GUID}`, address('unix', { path: '/a,;=%' }, GUID)],
    ['unix:abstract=%c3%a9%20%0a%7f', address('unix', { abstract: 'é \n\x7f' })],
    ['autolaunch:', address('autolaunch')],
  ])('%s: there and back', (text, parsed) => {
    expect(formatAddress(parsed)).toBe(text);
    expect(only(text)).toEqual(parsed);
  });

  it.each<[Address, AddressErrorCode]>([
    [address(''), 'TRANSPORT_INVALID'],
    [address('unix:path=/a;x'), 'TRANSPORT_INVALID'],
    [address('unix', { 'path=/a,x': '1' }), 'KEY_INVALID'],
    [address('unix', { path: '' }), 'VALUE_EMPTY'],
    [address('unix', { path: '/a\0' }), 'VALUE_CONTAINS_NUL'],
    [address('unix', { path: '/\ud83d' }), 'VALUE_NOT_UTF8'],
    [address('unix', { path: '/a' }, 'xyz'), 'GUID_INVALID'],
  ])('%j is not written: %s', (unfit, code) => {
    expect(addressErrorOf(() => formatAddress(unfit))).toMatchObject({ code, address: undefined, offset: undefined });
  });
});

describe('the socket of an address', () => {
  it.each([
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

  it.each<[text: string, code: AddressErrorCode, message: RegExp]>([
    ['tcp:host=localhost,port=1', 'TRANSPORT_NOT_SUPPORTED', /cannot connect by tcp, only by unix:path= and/],
    ['x-future:', 'TRANSPORT_NOT_SUPPORTED', /cannot connect by x-future/],
    ['unix:runtime=yes', 'NOT_CONNECTABLE', /key runtime is for servers/],
    ['unix:tmpdir=/tmp', 'NOT_CONNECTABLE', /key tmpdir is for servers/],
    ['unix:dir=/tmp', 'NOT_CONNECTABLE', /key dir is for servers/],
    ['unix:path=/a,dir=/tmp', 'NOT_CONNECTABLE', /key dir is for servers/],
    ['unix:', 'NOT_CONNECTABLE', /exactly one of the keys path and abstract/],
    ['unix:path=/a,abstract=b', 'NOT_CONNECTABLE', /exactly one of the keys path and abstract/],
    [`unix:path=/${'p'.repeat(107)}`, 'SOCKET_NAME_TOO_LONG', /108 bytes, more than 107/],
    [`unix:abstract=${'a'.repeat(107)}`, 'SOCKET_NAME_TOO_LONG', /108 bytes, more than 107/],
    [`unix:path=/${'%c3%a9'.repeat(54)}`, 'SOCKET_NAME_TOO_LONG', /109 bytes/],
  ])('%s has none: %s', (text, code, message) => {
    const error = addressErrorOf(() => socketPathOf(only(text), '1.48.0'));
    expect(error).toMatchObject({ code, address: text, offset: undefined });
    expect(error.message).toMatch(message);
  });

  it.each(['0.11.29', '1.46.0', '1.47.0'])('is not told for an abstract name with libuv %s, which pads it', (libuv) => {
    const error = addressErrorOf(() => socketPathOf(only('unix:abstract=a'), libuv));
    expect(error).toMatchObject({ code: 'ABSTRACT_NOT_SUPPORTED', address: 'unix:abstract=a' });
    expect(error.message).toMatch(/Node 22/);
    expect(socketPathOf(only('unix:path=/a'), libuv)).toBe('/a');
  });

  it.each(['1.48.0', '1.51.0', '2.0.0'])('is told for an abstract name with libuv %s', (libuv) => {
    expect(socketPathOf(only('unix:abstract=a'), libuv)).toBe('\0a');
  });
});

describe('the session bus', () => {
  async function withSocket(directory: string, test: () => void): Promise<void> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen({ path: join(directory, 'bus') }, resolve));
    try {
      test();
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  }

  it('is where DBUS_SESSION_BUS_ADDRESS says, unread', () => {
    const list = 'tcp:host=x,port=1;unix:path=/a';
    expect(sessionBusAddress({ DBUS_SESSION_BUS_ADDRESS: list, XDG_RUNTIME_DIR: '/nowhere' })).toBe(list);
  });

  it('is else the socket in XDG_RUNTIME_DIR', async () => {
    const directory = scratchDirectory();
    await withSocket(directory, () => {
      const expected = { path: join(directory, 'bus') };
      for (const DBUS_SESSION_BUS_ADDRESS of ['', undefined, 'autolaunch:']) {
        const found = sessionBusAddress({ DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR: directory });
        expect(only(found)).toEqual(address('unix', expected));
      }
    });
  });

  it.each<[title: string, env: Record<string, string>, message: RegExp]>([
    ['nothing is set', {}, /DBUS_SESSION_BUS_ADDRESS is not set and XDG_RUNTIME_DIR is not set either; set DBUS_SES/],
    ['all is empty', { DBUS_SESSION_BUS_ADDRESS: '', XDG_RUNTIME_DIR: '' }, /XDG_RUNTIME_DIR is not set/],
    ['there is no socket', { XDG_RUNTIME_DIR: '/nowhere' }, /"\/nowhere\/bus" is not a socket.*dbus-run-session/],
    ['only autolaunch is left', { DBUS_SESSION_BUS_ADDRESS: 'autolaunch:' }, /SS is autolaunch: and/],
  ])('is not known where %s, and the error says what to set', (_, env, message) => {
    const error = addressErrorOf(() => sessionBusAddress(env));
    expect(error).toMatchObject({ code: 'SESSION_BUS_NOT_FOUND', address: undefined });
    expect(error.message).toMatch(message);
  });

  it('is not a plain file, nor in a relative directory', async () => {
    expect(addressErrorOf(() => sessionBusAddress({ XDG_RUNTIME_DIR: import.meta.dirname })).code).toBe(
      'SESSION_BUS_NOT_FOUND',
    );
    const directory = scratchDirectory();
    const before = process.cwd();
    await withSocket(directory, () => {
      process.chdir(join(directory, '..'));
      try {
        const env = { XDG_RUNTIME_DIR: directory.slice(directory.lastIndexOf('/') + 1) };
        expect(addressErrorOf(() => sessionBusAddress(env)).code).toBe('SESSION_BUS_NOT_FOUND');
      } finally {
        process.chdir(before);
      }
    });
  });
});

describe('the system bus', () => {
  it('is where DBUS_SYSTEM_BUS_ADDRESS says', () => {
    expect(systemBusAddress({ DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/a' })).toBe('unix:path=/a');
  });

  it('is else at its well-known place', () => {
    const inVar = !existsSync('/run/dbus/system_bus_socket') && existsSync('/var/run/dbus/system_bus_socket');
    const expected = `unix:path=${inVar ? '/var' : ''}/run/dbus/system_bus_socket`;
    expect(systemBusAddress({})).toBe(expected);
    expect(systemBusAddress({ DBUS_SYSTEM_BUS_ADDRESS: '' })).toBe(expected);
  });
});

describeWith('dbus-daemon')('addresses and dbus-daemon', () => {
  /** A daemon that listens where we wrote, and the address that it prints, as we read it. */
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

  /** Settles when the connection stands, or with the error that prevents it. */
  async function reach(path: string): Promise<void> {
    const socket = connect({ path });
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    socket.destroy();
  }

  it('agree about a path with bytes of every kind', async () => {
    const { daemon, read } = await daemonAt({ path: `${scratchDirectory()}/b u,s;=%é\\*` });
    await using _ = daemon;
    await reach(socketPathOf(read));
  });

  it('agree about an abstract name, which is reached exactly if we say so', async () => {
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
