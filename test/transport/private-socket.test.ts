// Sockets that only our user can connect to: the permissions of a file while it is made, and the proof that they are.
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { creatingPrivately, isPrivateSocket } from '../../src/transport/private-socket.js';
import { run } from '../support/programs.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dbus-wire-private-'));
  chmodSync(directory, 0o755);
});
afterEach(() => rmSync(directory, { recursive: true }));

async function listen(): Promise<string> {
  const path = join(directory, 'socket');
  const server = createServer((socket) => socket.end('hello'));
  await new Promise<void>((resolve) => creatingPrivately(() => server.listen(path, resolve)));
  onTestFinished(() => void server.close());
  return path;
}

test('a socket is created without permissions for others, and the umask of the process does not change', async () => {
  const before = process.umask();
  const path = await listen();
  expect(statSync(path).mode & 0o077).toBe(0);
  expect(process.umask()).toBe(before);
  expect(() => creatingPrivately(() => { throw new Error('not created'); })).toThrow('not created');
  expect(process.umask()).toBe(before);
});

test.skipIf(process.platform !== 'linux')('a socket is private unless its mode lets others write to it', async () => {
  const path = await listen();
  expect(isPrivateSocket(path)).toBe(true);
  for (const [mode, expected] of [[0o755, true], [0o720, false], [0o702, false], [0o700, true]] as const) {
    chmodSync(path, mode);
    expect(isPrivateSocket(path), mode.toString(8)).toBe(expected);
  }
  expect(isPrivateSocket(path, 'darwin')).toBe(false);
});

test('other files, missing files and abstract names are not private sockets', () => {
  writeFileSync(join(directory, 'file'), '', { mode: 0o600 });
  for (const path of [join(directory, 'file'), join(directory, 'missing'), directory, '\0abstract']) {
    expect(isPrivateSocket(path)).toBe(false);
  }
});

test.skipIf(process.platform !== 'linux' || process.getuid?.() !== 0)('another user cannot connect', async () => {
  const path = await listen();
  const script = `
    const connect = () => {
      const socket = require('node:net').connect(${JSON.stringify(path)});
      socket.on('data', (data) => console.log(String(data)));
      socket.on('error', (error) => console.log(error.code));
      return socket;
    };
    connect().on('close', () => {
      process.setgid(65534);
      process.setuid(65534);
      connect();
    });`;
  expect(await run(process.execPath, ['-e', script])).toMatchObject({ stdout: 'hello\nEACCES\n' });
});
