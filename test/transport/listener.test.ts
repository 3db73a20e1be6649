// Listening on addresses of each kind: the address that is printed, the place of the socket, stale socket files, the
// nonce, and what is left after the end.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Address, parseAddresses } from '../../src/protocol/address.js';
import { listenStreams, type ListenerOptions, type StreamPeer } from '../../src/transport/listener.js';
import { occupantOf } from '../../src/transport/socket-file.js';
import { chooseUnixPlace } from '../../src/transport/unix.js';
import { heavyTest } from '../support/extent.js';
import { run } from '../support/programs.js';
import { scratchDirectory } from '../support/reaper.js';
import { until } from '../support/waiting.js';

/** A server that notes its clients and what they send. */
async function listen(address: string, options: Partial<ListenerOptions> = {}) {
  const clients: { readonly peer: StreamPeer; received: string; readonly socket: Socket }[] = [];
  const errors: string[] = [];
  const listener = await listenStreams(address, {
    onStream: ({ stream, incoming }, peer) => {
      const client = { peer, received: '', socket: stream as Socket };
      incoming.receive = (chunk) => void (client.received += Buffer.from(chunk).toString('latin1'));
      stream.on('error', () => {});
      clients.push(client);
    },
    onError: (error) => errors.push((error as Error & { code: string }).code),
    ...options,
  });
  onTestFinished(async () => {
    for (const { socket } of clients) socket.destroy();
    await listener.close();
  });
  return { listener, clients, errors, address: parseAddresses(listener.addresses.join(';')) };
}

function connectTo({ keys }: Address): Socket {
  const path = keys.get('path') ?? (keys.has('abstract') ? `\0${keys.get('abstract')}` : undefined);
  const socket = path === undefined ? connect(Number(keys.get('port')), keys.get('host')) : connect(path);
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

const sizesOf = (...values: readonly { readonly length: number }[]): number[] => values.map(({ length }) => length);

describe('a unix address', () => {
  test('with path is printed with a GUID, and accepts clients', async () => {
    const path = join(scratchDirectory(), 'a b');
    const { listener, clients, address: [address] } = await listen(`unix:path=${path.replace(' ', '%20')}`);
    expect(listener.addresses).toEqual([`unix:path=${path.replace(' ', '%20')},guid=${address!.guid}`]);
    expect(listener.guids).toEqual([address!.guid]);
    connectTo(address!).write('hello');
    await until(() => clients[0]?.received === 'hello');
    expect(clients[0]?.peer).toMatchObject({ transport: 'unix', guid: address!.guid, address: listener.addresses[0] });
    await listener.close();
    expect(existsSync(path)).toBe(false);
  });

  test('keeps the GUID that it has', async () => {
    const guid = '00112233445566778899aabbccddeeff';
    const { listener } = await listen(`unix:path=${scratchDirectory()}/a,guid=${guid}`);
    expect(listener.guids).toEqual([guid]);
  });

  test.each(['dir', 'tmpdir'])('with %s gets a new directory that only its user can enter', async (key) => {
    const directory = scratchDirectory();
    chmodSync(directory, 0o755);
    const { listener, clients, address: [address] } = await listen(`unix:${key}=${directory}`);
    const path = address!.keys.get('path')!;
    expect(dirname(dirname(path))).toBe(directory);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    connectTo(address!);
    await until(() => clients.length === 1);
    expect(clients[0]?.peer.isPrivate).toBe(true);
    await listener.close();
    expect(readdirSync(directory)).toEqual([]);
  });

  test('with runtime=yes is the socket "bus" of XDG_RUNTIME_DIR', async () => {
    const directory = scratchDirectory();
    vi.stubEnv('XDG_RUNTIME_DIR', directory);
    onTestFinished(() => void vi.unstubAllEnvs());
    const { address } = await listen('unix:runtime=yes');
    expect(address[0]?.keys).toEqual(new Map([['path', `${directory}/bus`]]));
  });

  test('with path is private; on systems other than Linux only if its directory is', async () => {
    for (const [mode, isPrivate] of [[0o755, process.platform === 'linux'], [0o700, true]] as const) {
      const directory = scratchDirectory();
      chmodSync(directory, mode);
      const { clients, address } = await listen(`unix:path=${directory}/a`);
      connectTo(address[0]!);
      await until(() => clients.length === 1);
      expect(clients[0]?.peer.isPrivate).toBe(isPrivate);
    }
  });

  test('through a symbolic link creates the socket at the target of the link', async () => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, 'real'), { mode: 0o700 });
    symlinkSync('real', join(directory, 'link'));
    const { listener, address } = await listen(`unix:path=${directory}/link/a`);
    expect(address[0]?.keys.get('path')).toBe(`${directory}/link/a`);
    expect(readdirSync(join(directory, 'real'))).toEqual(['a']);
    await listener.close();
    expect(readdirSync(join(directory, 'real'))).toEqual([]);
  });

  test.skipIf(process.platform !== 'linux')('with abstract is not private, and refused if this Node changes it', async () => {
    const name = `unix:abstract=dbus-wire-test-${process.pid}`;
    expect(chooseUnixPlace(parseAddresses(name)[0]!, {}, '1.48.0')).toMatchObject({ key: 'abstract', isPrivate: false });
    if (Number(process.versions.node.split('.')[0]) < 22) {
      return await expect(listen(name)).rejects.toMatchObject({ code: 'ABSTRACT_NOT_SUPPORTED' });
    }
    const { clients, address } = await listen(name);
    connectTo(address[0]!);
    await until(() => clients.length === 1);
    expect(clients[0]?.peer.isPrivate).toBe(false);
  });
});

test.each<[string, string, string]>([
  ['NOT_LISTENABLE', 'unix:', 'found no place for the socket: a unix address must have exactly one of path, abstract, dir, tmpdir, runtime'],
  ['NOT_LISTENABLE', 'unix:path=/a,dir=/b', 'path and dir are both given'],
  ['NOT_LISTENABLE', 'unix:runtime=no', 'runtime is "no": it must be yes'],
  ['NOT_LISTENABLE', 'unix:path=a', 'path "a" is relative: it must be absolute'],
  ['SOCKET_NAME_TOO_LONG', `unix:path=/${'a'.repeat(107)}`, 'at most 107'],
  ['NOT_LISTENABLE', 'tcp:port=70000', 'port "70000" is not valid'],
  ['NOT_LISTENABLE', 'tcp:port=x', 'port "x" is not valid'],
  ['NOT_LISTENABLE', 'tcp:family=ipv5', 'family "ipv5" is not valid: it must be ipv4 or ipv6'],
  ['NOT_LISTENABLE', 'nonce-tcp:noncefile=/a', 'key noncefile is for clients'],
  ['TRANSPORT_NOT_SUPPORTED', 'unixexec:path=/bin/cat', 'it must be unix or tcp or nonce-tcp'],
  ['ADDRESS_EMPTY', '', 'found no address'],
  ['LISTEN_FAILED', 'unix:path=/nonexistent-directory/a', 'cannot listen on unix:path=/nonexistent-directory/a: '],
  ['LISTEN_FAILED', 'unix:dir=/nonexistent-directory', 'ENOENT'],
])('an address is refused with %s: %s', async (code, address, problem) => {
  await expect(listen(address)).rejects.toMatchObject({ code, message: expect.stringContaining(problem) });
});

describe('a path that exists already', () => {
  /** A socket file whose server was killed. */
  async function staleSocket(): Promise<string> {
    const directory = scratchDirectory();
    const server = createServer().listen(join(directory, 'first'));
    await new Promise((resolve) => server.once('listening', resolve));
    const { linkSync } = await import('node:fs');
    linkSync(join(directory, 'first'), join(directory, 'stale')); // closing removes only the first name
    await new Promise((resolve) => server.close(resolve));
    return join(directory, 'stale');
  }

  test('is used if it is the socket of a server that no longer runs', async () => {
    const path = await staleSocket();
    expect(statSync(path).isSocket()).toBe(true);
    const { clients, address } = await listen(`unix:path=${path}`);
    connectTo(address[0]!);
    await until(() => clients.length === 1);
  });

  test('is left unchanged if a server answers there', async () => {
    const path = join(scratchDirectory(), 'a');
    const first = await listen(`unix:path=${path}`);
    await expect(listen(`unix:path=${path}`)).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: `cannot listen on unix:path=${path}: found the socket of a running server there; the address must be free`,
    });
    const before = first.clients.length;
    connectTo(first.address[0]!);
    await until(() => first.clients.length === before + 1);
  });

  test('is left unchanged if it is a file, a directory or a link', async () => {
    const directory = scratchDirectory();
    writeFileSync(join(directory, 'file'), 'text');
    mkdirSync(join(directory, 'folder'));
    symlinkSync(await staleSocket(), join(directory, 'link'));
    for (const name of ['file', 'folder', 'link']) {
      await expect(listen(`unix:path=${directory}/${name}`)).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
    }
    expect(readFileSync(join(directory, 'file'), 'utf8')).toBe('text');
    expect(readdirSync(directory).sort()).toEqual(['file', 'folder', 'link']);
  });

  test('is not removed at the end if another server has replaced its socket', async () => {
    const path = join(scratchDirectory(), 'a');
    const first = await listen(`unix:path=${path}`);
    rmSync(path);
    const second = await listen(`unix:path=${path}`);
    await first.listener.close();
    expect(readdirSync(dirname(path))).toEqual(['a']);
    connectTo(second.address[0]!);
    await until(() => second.clients.length === 1);
    await second.listener.close();
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  test('has no occupant if it does not exist after all, or if it is an abstract name', async () => {
    expect(await occupantOf(join(scratchDirectory(), 'a'))).toBeUndefined();
    expect(await occupantOf('\0a')).toBeUndefined();
  });
});

describe('a tcp address', () => {
  test.each([
    ['tcp:', 'localhost', undefined],
    ['tcp:host=127.0.0.1', '127.0.0.1', undefined],
    ['tcp:host=localhost,port=0,family=ipv4', 'localhost', 'ipv4'],
    ['tcp:bind=*,host=127.0.0.1', '127.0.0.1', undefined],
    ['tcp:bind=127.0.0.1,host=localhost,family=ipv4', 'localhost', 'ipv4'],
  ])('%s is printed with its real port, and clients find it there', async (text, host, family) => {
    const { clients, address: [address] } = await listen(text);
    expect(address!.keys.get('host')).toBe(host);
    expect(address!.keys.get('family')).toBe(family);
    expect(address!.keys.has('bind')).toBe(false);
    expect(Number(address!.keys.get('port'))).toBeGreaterThan(0);
    connectTo(address!).write('x');
    await until(() => clients[0]?.received === 'x');
    expect(clients[0]?.peer).toMatchObject({ transport: 'tcp', isPrivate: false });
  });

  test('that another server has is refused', async () => {
    const { address: [first] } = await listen('tcp:host=127.0.0.1');
    const again = listen(`tcp:host=127.0.0.1,port=${first!.keys.get('port')}`);
    await expect(again).rejects.toMatchObject({ name: 'ListenError', code: 'ADDRESS_IN_USE' });
  });

  test('of a host that the machine does not have is refused', async () => {
    await expect(listen('tcp:host=192.0.2.1')).rejects.toMatchObject({ name: 'ListenError', code: 'LISTEN_FAILED' });
  });
});

describe('a nonce-tcp address', () => {
  const setUp = async (options?: Partial<ListenerOptions>) => {
    const server = await listen('nonce-tcp:host=127.0.0.1', options);
    const file = server.address[0]!.keys.get('noncefile')!;
    return { ...server, file, nonce: readFileSync(file) };
  };

  test('has a file of 16 bytes that only its user can read, and removes the file at the end', async () => {
    const { listener, file, nonce } = await setUp();
    expect(nonce).toHaveLength(16);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(file)).mode & 0o777).toBe(0o700);
    await listener.close();
    expect(existsSync(dirname(file))).toBe(false);
  });

  test('accepts a client after its nonce, which may come byte by byte, and keeps the bytes after it', async () => {
    const { clients, address, nonce } = await setUp();
    const slow = connectTo(address[0]!);
    slow.setNoDelay(true);
    for (const byte of nonce) {
      await new Promise((resolve) => slow.write(Uint8Array.of(byte), resolve));
    }
    await until(() => clients.length === 1);
    slow.write('slow');
    connectTo(address[0]!).write(Buffer.concat([nonce, Buffer.from('\0AUTH')]));
    await until(() => clients[1]?.received === '\0AUTH' && clients[0]?.received === 'slow');
  });

  test('refuses a client with a wrong nonce, one that is too slow, and one that disconnects', async () => {
    const { clients, errors, address, nonce } = await setUp({ nonceTimeout: 50 });
    const wrong = connectTo(address[0]!);
    wrong.write(Buffer.concat([nonce.subarray(0, 15), Uint8Array.of(nonce[15]! ^ 1), Buffer.from('x')]));
    const silent = connectTo(address[0]!);
    silent.write(nonce.subarray(0, 15));
    connectTo(address[0]!).end();
    await until(() => wrong.closed && silent.closed && errors.length === 3);
    expect(errors).toEqual(['NONCE_INVALID', 'NONCE_INVALID', 'NONCE_INVALID']);
    expect(sizesOf(clients)).toEqual([0]);
  });

  test('keeps a limited number of clients that send no nonce, and disconnects them at the end', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }); // a client has a second before it is disconnected
    onTestFinished(() => void vi.useRealTimers());
    const { listener, errors, address } = await setUp({ maxNonces: 3, nonceTimeout: Infinity });
    const sockets = Array.from({ length: 10 }, () => connectTo(address[0]!));
    await until(() => {
      vi.advanceTimersByTime(500);
      return sockets.filter(({ closed }) => closed).length === 7;
    }, 'seven of the clients are disconnected');
    expect(errors).toHaveLength(7);
    await listener.close();
    await until(() => sockets.every(({ closed }) => closed));
  });
});

describe('a list of addresses', () => {
  test('gets a socket for each address, each with a GUID', async () => {
    const directory = scratchDirectory();
    const { clients, listener, address } = await listen(`unix:path=${directory}/a;tcp:host=127.0.0.1`);
    expect(address.map(({ transport }) => transport)).toEqual(['unix', 'tcp']);
    expect(new Set(listener.guids).size).toBe(2);
    for (const one of address) connectTo(one);
    await until(() => clients.length === 2);
    expect(clients.map(({ peer }) => peer.guid).sort()).toEqual([...listener.guids].sort());
  });

  test('leaves no socket or file if one of them cannot be used', async () => {
    const directory = scratchDirectory();
    await expect(listen(`unix:path=${directory}/a;unix:dir=${directory};unix:path=/proc/a`)).rejects.toThrow('/proc/a');
    expect(readdirSync(directory)).toEqual([]);
  });
});

heavyTest('a process that exits removes its socket files and nonce files', async () => {
  const directory = scratchDirectory();
  const entry = new URL('../../dist/index.js', import.meta.url).href;
  const script = `import { listen } from '${entry}';
    await listen('unix:path=${directory}/a;unix:dir=${directory};nonce-tcp:host=127.0.0.1');
    console.log((await import('node:fs')).readdirSync('${directory}').length);
    process.exit();`;
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', script], {
    env: { TMPDIR: directory },
  });
  expect({ stdout, stderr }).toEqual({ stdout: '3\n', stderr: '' });
  expect(readdirSync(directory)).toEqual([]);
});
