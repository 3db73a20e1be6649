// The places of the session bus and the system bus: the variables, and the sockets in standard places.
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import {
  addressesOf, sessionBusAddress, starterBusAddress, systemBusAddress,
} from '../../src/transport/well-known-buses.js';
import { address, addressErrorOf, only } from '../protocol/addresses.js';
import { scratchDirectory } from '../support/reaper.js';

describe('the session bus', () => {
  async function withSocket(directory: string, run: () => void): Promise<void> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen({ path: join(directory, 'bus') }, resolve));
    try {
      run();
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  }

  test('is at DBUS_SESSION_BUS_ADDRESS, which is returned as it is', () => {
    const list = 'tcp:host=x,port=1;unix:path=/a';
    expect(sessionBusAddress({ DBUS_SESSION_BUS_ADDRESS: list, XDG_RUNTIME_DIR: '/nowhere' })).toBe(list);
  });

  test('is at the socket in XDG_RUNTIME_DIR if that variable is empty, not set or autolaunch:', async () => {
    const directory = scratchDirectory();
    await withSocket(directory, () => {
      const expected = { path: join(directory, 'bus') };
      for (const DBUS_SESSION_BUS_ADDRESS of ['', undefined, 'autolaunch:']) {
        const found = sessionBusAddress({ DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR: directory });
        expect(only(found)).toEqual(address('unix', expected));
      }
    });
  });

  test.each<[title: string, env: Record<string, string>, message: RegExp]>([
    ['no variable is set', {}, /DBUS_SESSION_BUS_ADDRESS is not set and XDG_RUNTIME_DIR is not set either; set DBUS_/],
    ['all variables are empty', { DBUS_SESSION_BUS_ADDRESS: '', XDG_RUNTIME_DIR: '' }, /XDG_RUNTIME_DIR is not set/],
    ['there is no socket', { XDG_RUNTIME_DIR: '/nowhere' }, /"\/nowhere\/bus" is not a socket.*dbus-run-session/],
    ['DBUS_SESSION_BUS_ADDRESS is autolaunch:', { DBUS_SESSION_BUS_ADDRESS: 'autolaunch:' }, /SS is autolaunch: and/],
  ])('is not found if %s, and the error says which variable to set', (_, env, message) => {
    const error = addressErrorOf(() => sessionBusAddress(env));
    expect(error).toMatchObject({ code: 'SESSION_BUS_NOT_FOUND', address: undefined });
    expect(error.message).toMatch(message);
  });

  test('is not found in a directory without a socket, or in a relative directory', async () => {
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

test("the socket of another user is not the session bus, and the error names its owner", async () => {
  const directory = scratchDirectory();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen({ path: join(directory, 'bus') }, resolve));
  const uid = process.getuid?.() ?? 0;
  const getuid = vi.spyOn(process as { getuid: () => number }, 'getuid').mockReturnValue(uid + 1);
  try {
    const error = addressErrorOf(() => sessionBusAddress({ XDG_RUNTIME_DIR: directory }));
    expect(error.code).toBe('SESSION_BUS_NOT_FOUND');
    expect(error.message).toContain(`${directory}/bus" belongs to user ${uid}: it must belong to user ${uid + 1}; set`);
  } finally {
    getuid.mockRestore();
    await new Promise((resolve) => server.close(resolve));
  }
});

describe('the system bus', () => {
  test('is at DBUS_SYSTEM_BUS_ADDRESS', () => {
    expect(systemBusAddress({ DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/a' })).toBe('unix:path=/a');
  });

  test('is at its standard sockets if that variable is empty or not set', () => {
    const list = systemBusAddress({});
    expect(systemBusAddress({ DBUS_SYSTEM_BUS_ADDRESS: '' })).toBe(list);
    expect(list).toMatch(/^unix:path=(\/var)?\/run\/dbus\/system_bus_socket(;unix:path=\/var\/run\/dbus\/system_bus_socket)?$/);
    if (existsSync('/run/dbus/system_bus_socket')) expect(list).toMatch(/^unix:path=\/run\/dbus\//);
  });
});

describe('the list of standard sockets', () => {
  /** Two directories, and sockets in some of them. */
  async function withSockets(names: readonly string[], run: (paths: readonly [string, string]) => void): Promise<void> {
    const root = scratchDirectory();
    const paths = ['a', 'b'].map((name) => join(root, name, 'bus')) as unknown as readonly [string, string]; // two names
    mkdirSync(join(root, 'a'));
    mkdirSync(join(root, 'b'));
    const servers = names.map((name) => createServer().listen({ path: join(root, name, 'bus') }));
    await Promise.all(servers.map((server) => new Promise((done) => server.once('listening', done))));
    try {
      run(paths);
    } finally {
      await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
    }
  }

  test('has both if both are sockets, or if neither exists', async () => {
    const both = ([one, other]: readonly [string, string]): void => {
      expect(addressesOf([one, other])).toBe(`unix:path=${one};unix:path=${other}`);
    };
    await withSockets(['a', 'b'], both);
    await withSockets([], both);
  });

  test('has only the one that exists', async () => {
    await withSockets(['a'], ([one, other]) => expect(addressesOf([one, other])).toBe(`unix:path=${one}`));
    await withSockets(['b'], ([one, other]) => expect(addressesOf([one, other])).toBe(`unix:path=${other}`));
  });

  test('has a socket with two paths once, under its first path', async () => {
    const root = scratchDirectory();
    mkdirSync(join(root, 'run'));
    symlinkSync(join(root, 'run'), join(root, 'var'));
    const paths = [join(root, 'var', 'bus'), join(root, 'run', 'bus')];
    expect(addressesOf(paths)).toBe(`unix:path=${paths[0]}`);
  });
});

describe('the starter bus', () => {
  test('is at DBUS_STARTER_ADDRESS, whatever its type', () => {
    const DBUS_STARTER_ADDRESS = 'unix:path=/a';
    expect(starterBusAddress({ DBUS_STARTER_ADDRESS })).toBe('unix:path=/a');
    expect(starterBusAddress({ DBUS_STARTER_ADDRESS, DBUS_STARTER_BUS_TYPE: 'system' })).toBe('unix:path=/a');
  });

  test('is the bus of its type if no address is set', () => {
    const env = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/a', DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/b' };
    expect(starterBusAddress({ ...env, DBUS_STARTER_BUS_TYPE: 'session' })).toBe('unix:path=/a');
    expect(starterBusAddress({ ...env, DBUS_STARTER_BUS_TYPE: 'system' })).toBe('unix:path=/b');
  });

  test.each([
    [{}, 'DBUS_STARTER_ADDRESS is not set and DBUS_STARTER_BUS_TYPE is not set; a bus sets both'],
    [{ DBUS_STARTER_ADDRESS: '', DBUS_STARTER_BUS_TYPE: 'user' }, 'DBUS_STARTER_BUS_TYPE is "user", not "session" or'],
    [{ DBUS_SESSION_BUS_ADDRESS: 'unix:path=/a' }, 'found no bus that started this program'],
  ])('is not found with %j', (env, message) => {
    const error = addressErrorOf(() => starterBusAddress(env));
    expect(error.code).toBe('STARTER_BUS_NOT_FOUND');
    expect(error.message).toContain(message);
  });
});
