// Connections without a bus, and the mechanisms, with libdbus, GLib and sd-bus as the other side, in both roles. The
// server of libdbus is dbus-daemon. Each test has a home directory, and so a keyring, of its own.
// Specification: Authentication Protocol, Server Addresses.
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import {
  type ClientClaim, connectToBus, createProxy, DBusError, defineInterface, exportObject, listen, type MechanismName,
  openConnection, type PeerServerOptions,
} from '../../src/index.js';
import { extent, some } from '../support/extent.js';
import { describeWith, type Program, PYTHON, run, start } from '../support/programs.js';
import { scratchDirectory } from '../support/reaper.js';

const OUR_UID = String(process.getuid?.());
const script = (name: string): string => fileURLToPath(new URL(`./${name}.py`, import.meta.url));

let home: string;

beforeEach(() => {
  home = scratchDirectory();
  vi.stubEnv('HOME', home);
  onTestFinished(() => void vi.unstubAllEnvs());
});

const Echo = defineInterface({
  name: 'com.example.Echo1',
  methods: { Say: { in: 's', out: 's' }, SayBack: { in: 's', out: 's' } },
  signals: { Said: { args: 's' } },
});
const Back = defineInterface({ name: 'com.example.Back1', methods: { Twice: { in: 's', out: 's' } } });

/** Our server; `claims` has what its clients have proved. */
async function startEcho(address: string, options: PeerServerOptions = {}) {
  const claims: ClientClaim[] = [];
  const server = await listen(address, {
    ...options,
    onConnection: (connection, claim) => {
      claims.push(claim);
      const back = createProxy(connection, Back, { path: '/back' });
      const echo = Echo.implement({
        methods: {
          Say: (text) => text,
          SayBack: async (text) => {
            echo.emit('Said', text);
            return await back.Twice(text);
          },
        },
      });
      exportObject(connection, '/echo', echo);
    },
  });
  onTestFinished(() => server.close({ timeout: 0 }));
  return { server, claims, address: server.address };
}

interface Row {
  readonly address: () => string;
  readonly mechanisms?: readonly MechanismName[];
  readonly expected: MechanismName;
}

/** Where our server listens, what it offers, and what a client of every implementation then takes. */
const SERVERS: readonly (readonly [title: string, row: Row])[] = [
  ['a Unix socket', { address: () => `unix:dir=${scratchDirectory()}`, expected: 'EXTERNAL' }],
  ['a Unix socket, without EXTERNAL',
    { address: () => `unix:dir=${scratchDirectory()}`, mechanisms: ['DBUS_COOKIE_SHA1'], expected: 'DBUS_COOKIE_SHA1' }],
  ['a Unix socket in a directory that others can enter', {
    address: () => {
      const directory = scratchDirectory();
      chmodSync(directory, 0o755);
      return `unix:path=${directory}/a`;
    },
    expected: process.platform === 'linux' ? 'EXTERNAL' : 'DBUS_COOKIE_SHA1',
  }],
  ['tcp', { address: () => 'tcp:host=127.0.0.1', expected: 'DBUS_COOKIE_SHA1' }],
  ['nonce-tcp', { address: () => 'nonce-tcp:host=127.0.0.1', expected: 'DBUS_COOKIE_SHA1' }],
  ['tcp for everybody', { address: () => 'tcp:', mechanisms: ['ANONYMOUS'], expected: 'ANONYMOUS' }],
];

const claimOf = (mechanism: MechanismName, address: string): ClientClaim => ({
  mechanism, uid: mechanism === 'ANONYMOUS' ? undefined : OUR_UID, address,
});

describeWith('dbus-send')('libdbus as the client of our server', () => {
  test.each(SERVERS)('gets a reply on %s', async (_, { address: where, mechanisms, expected }) => {
    const { claims, address } = await startEcho(where(), { mechanisms });
    const words = [`--peer=${address}`, '--print-reply=literal', '/echo', 'com.example.Echo1.Say', 'string:grüße'];
    expect(await run('dbus-send', words)).toMatchObject({ stdout: '   grüße', code: 0 });
    expect(claims).toEqual([claimOf(expected, address)]);
  });

  test('finds the cookie in the keyring that our server has created', async () => {
    const { address } = await startEcho('tcp:');
    await run('dbus-send', [`--peer=${address}`, '--print-reply', '/echo', 'com.example.Echo1.Say', 'string:x']);
    const keyrings = join(home, '.dbus-keyrings');
    expect(readdirSync(keyrings)).toEqual(['org_freedesktop_general']);
    expect(statSync(keyrings).mode & 0o777).toBe(0o700);
  });

  test('is rejected if authorize returns false', async () => {
    const { server, address } = await startEcho('tcp:', { authorize: () => false });
    const { code, stderr } = await run('dbus-send', [
      `--peer=${address}`, '--print-reply', '/echo', 'com.example.Echo1.Say', 'string:x',
    ]);
    expect(code).not.toBe(0);
    expect(stderr).not.toBe('');
    expect([...server.refused.values()]).toEqual([1]);
  });
});

describeWith('dbus-python')('GLib as the client of our server', () => {
  const servers = SERVERS.filter(([title]) => extent(['a Unix socket', 'nonce-tcp', 'tcp for everybody'], [title]).includes(title));
  test.each(servers)('gets a reply and is called back on %s', async (_, { address: where, mechanisms, expected }) => {
    const { claims, address } = await startEcho(where(), { mechanisms });
    const result = await run(PYTHON, [script('callers/glib_peer'), address, 'ab']);
    expect(result).toMatchObject({ stdout: 'signal ab\nreply abab\n', stderr: '' });
    expect(claims).toEqual([claimOf(expected, address)]);
  });
});

describeWith('sd-bus')('sd-bus as the client of our server', () => {
  test('gets a reply on a Unix socket', async () => {
    const { claims, address } = await startEcho(`unix:dir=${scratchDirectory()}`);
    const result = await run(PYTHON, [script('callers/sdbus_peer'), address, 'grüße']);
    expect(result).toMatchObject({ stdout: 'grüße\n', stderr: '' });
    expect(claims).toEqual([claimOf('EXTERNAL', address)]);
  });
});

describeWith('busctl')('busctl, which calls Hello on every server', () => {
  test('fails, because our server is not a bus', async () => {
    const { address } = await startEcho(`unix:dir=${scratchDirectory()}`);
    const { code, stderr } = await run('busctl', [`--address=${address}`, 'call', 'a.b', '/echo', Echo.name, 'Say', 's', 'x']);
    expect(code).not.toBe(0);
    expect(stderr).not.toBe('');
  });
});

async function startGlib(address: string, ...words: readonly string[]): Promise<string> {
  return await startPeer(script('services/glib_peer'), [address, ...words], /^ready (\S+) /);
}

async function startPeer(file: string, words: readonly string[], ready: RegExp): Promise<string> {
  const server: Program = await start(PYTHON, [file, ...words]);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return (await server.line(ready))[1] ?? '';
}

describeWith('dbus-python')('a server of GLib', () => {
  const there = { path: '/com/example/Peer', interface: 'com.example.Peer1', member: 'Title', replySignature: 's' } as const;

  test.each(some<[string, readonly MechanismName[] | undefined, readonly string[]]>([
    ['unix:path=SCRATCH/a', undefined, []],
    ['unix:path=SCRATCH/a', ['DBUS_COOKIE_SHA1'], []],
    ['unix:path=SCRATCH/a', ['ANONYMOUS'], ['anonymous']],
    ['tcp:host=127.0.0.1', undefined, ['anonymous']],
    ['tcp:host=127.0.0.1', ['ANONYMOUS'], ['anonymous']],
    ['nonce-tcp:host=127.0.0.1', undefined, ['anonymous']],
  ], 3))('on %s accepts us by %j', async (where, mechanisms, words) => {
    const address = await startGlib(where.replace('SCRATCH', scratchDirectory()), ...words);
    await using connection = await openConnection(address, { mechanisms });
    expect(await connection.call(there)).toEqual(['untitled']);
    expect(address).toMatch(/^(unix|tcp|nonce-tcp):/);
    if (where.includes('tcp') && mechanisms === undefined) {
      expect(readdirSync(join(home, '.dbus-keyrings'))).toContain('org_gtk_gdbus_general');
    }
  });

  test('rejects ANONYMOUS if it does not allow it, and our error says so', async () => {
    const address = await startGlib(`unix:path=${scratchDirectory()}/a`);
    await expect(openConnection(address, { mechanisms: ['ANONYMOUS'] })).rejects.toThrow('the server rejected ANONYMOUS');
  });

  test('is not accepted with a keyring that others can read, and our error says why', async () => {
    const address = await startGlib('tcp:host=127.0.0.1', 'anonymous');
    await (await openConnection(address)).close({ timeout: 0 });
    chmodSync(join(home, '.dbus-keyrings'), 0o755);
    await expect(openConnection(address, { mechanisms: ['DBUS_COOKIE_SHA1'] })).rejects.toThrow(
      /has mode 755: others must not be able to read or write it|the server rejected DBUS_COOKIE_SHA1/,
    );
  });
});

describeWith('sd-bus')('a server of sd-bus', () => {
  const there = { path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'GetMachineId', replySignature: 's' } as const;

  test.each(some<[MechanismName, readonly string[]]>([['EXTERNAL', []], ['ANONYMOUS', ['anonymous']]], 2))(
    'accepts us by %s', async (mechanism, words) => {
      const path = join(scratchDirectory(), 'a');
      const guid = await startPeer(script('services/sdbus_peer'), [path, ...words], /^ready ([0-9a-f]{32})$/);
      await using connection = await openConnection(`unix:path=${path},guid=${guid}`, { mechanisms: [mechanism] });
      const [id] = await connection.call(there);
      expect(id).toMatch(/^[0-9a-f]{32}$/);
      await expect(connection.call({ ...there, member: 'Missing' })).rejects.toBeInstanceOf(DBusError);
    },
  );
});

/** A bus of the reference implementation that accepts one mechanism. */
async function startBus(listenOn: string, auth: MechanismName): Promise<string> {
  const directory = scratchDirectory();
  const file = join(directory, 'bus.conf');
  writeFileSync(file, `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
    "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
    <busconfig><type>session</type><listen>${listenOn.replace('SCRATCH', directory)}</listen><auth>${auth}</auth>
    ${auth === 'ANONYMOUS' ? '<allow_anonymous/>' : ''}
    <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
    </policy></busconfig>`);
  const flags = [`--config-file=${file}`, '--nofork', '--nopidfile', '--nosyslog', '--print-address'];
  const daemon = await start('dbus-daemon', flags, { env: { DBUS_SESSION_BUS_ADDRESS: undefined } });
  onTestFinished(async () => void (await daemon.stop()));
  return (await daemon.line(/^\S+guid=\S+$/))[0];
}

describeWith('dbus-daemon')('a server of libdbus', () => {
  test.each(some<[string, MechanismName, readonly MechanismName[] | undefined]>([
    ['unix:path=SCRATCH/bus', 'EXTERNAL', undefined],
    ['unix:path=SCRATCH/bus', 'DBUS_COOKIE_SHA1', undefined],
    ['unix:path=SCRATCH/bus', 'DBUS_COOKIE_SHA1', ['DBUS_COOKIE_SHA1']],
    ['unix:path=SCRATCH/bus', 'ANONYMOUS', ['EXTERNAL', 'ANONYMOUS']],
    ['tcp:host=127.0.0.1', 'DBUS_COOKIE_SHA1', undefined],
    ['tcp:host=localhost', 'ANONYMOUS', ['ANONYMOUS']],
    ['nonce-tcp:host=127.0.0.1', 'DBUS_COOKIE_SHA1', undefined],
  ], 3))('on %s with %s only accepts us if we try %j', async (listenOn, auth, mechanisms) => {
    const address = await startBus(listenOn, auth);
    await using bus = await connectToBus(address, { mechanisms });
    expect(bus.uniqueName).toMatch(/^:1\./);
    expect(await bus.listNames()).toContain(bus.uniqueName);
  });

  test('cannot be used with a mechanism that it does not offer: the error lists those that it offers', async () => {
    const address = await startBus('unix:path=SCRATCH/bus', 'DBUS_COOKIE_SHA1');
    const connecting = connectToBus(address, { mechanisms: ['EXTERNAL'] });
    await expect(connecting).rejects.toThrow('it offers "DBUS_COOKIE_SHA1"');
  });

  test('shares its cookie with our server, which reads it from the same file', async () => {
    const bus = await startBus('tcp:host=127.0.0.1', 'DBUS_COOKIE_SHA1');
    await (await connectToBus(bus)).close();
    const file = join(home, '.dbus-keyrings', 'org_freedesktop_general');
    const before = readFileSync(file, 'latin1');
    const { address } = await startEcho('tcp:');
    const words = [`--peer=${address}`, '--print-reply=literal', '/echo', 'com.example.Echo1.Say', 'string:x'];
    expect(await run('dbus-send', words)).toMatchObject({ stdout: '   x' });
    expect(readFileSync(file, 'latin1')).toBe(before); // its cookie is new enough for us
  });
});
