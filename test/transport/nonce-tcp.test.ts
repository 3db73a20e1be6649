// The nonce of a nonce-tcp address: sent first, in one piece with the handshake, and the files that cannot have it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ConnectError } from '../../src/transport/errors.js';
import { openTransport } from '../../src/transport/open.js';
import { describeWith, run } from '../support/programs.js';
import { scratchDirectory } from '../support/reaper.js';

const GUID = '00112233445566778899aabbccddeeff';

test('a client sends the 16 bytes of the file first, and then the handshake', async () => {
  const file = join(scratchDirectory(), 'nonce');
  const nonce = Uint8Array.from({ length: 16 }, (_, index) => 255 - index);
  writeFileSync(file, nonce);
  const heard: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {}).on('data', (chunk) => {
      heard.push(chunk);
      const text = chunk.toString('latin1');
      if (text.includes('AUTH ')) socket.write(`OK ${GUID}\r\n`);
      if (text.includes('NEGOTIATE')) socket.write('AGREE_UNIX_FD\r\n');
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  const transport = await openTransport(`nonce-tcp:host=127.0.0.1,port=${port},noncefile=${file}`);
  transport.destroy();
  await new Promise((done) => server.close(done));
  const [first = Buffer.alloc(0)] = heard;
  expect([...first.subarray(0, 16)]).toEqual([...nonce]);
  expect(first.subarray(16).toString('latin1')).toMatch(/^\0AUTH DBUS_COOKIE_SHA1 \w+\r\n$/);
});

async function reasonFor(file: string | undefined): Promise<string> {
  const address = `nonce-tcp:host=127.0.0.1,port=1${file === undefined ? '' : `,noncefile=${file}`}`;
  const error: unknown = await openTransport(address).catch((reason: unknown) => reason);
  if (!(error instanceof ConnectError)) throw error;
  return error.message.replace(`cannot connect to ${address}: `, '');
}

test.each([
  [0, 'noncefile has 0 bytes: it must have exactly 16'],
  [15, 'noncefile has 15 bytes: it must have exactly 16'],
  [17, 'noncefile has more than 16 bytes: it must have exactly 16'],
  [1_000_000, 'noncefile has more than 16 bytes: it must have exactly 16'],
])('a file of %i bytes is not a nonce file', async (length, reason) => {
  const file = join(scratchDirectory(), 'nonce');
  writeFileSync(file, new Uint8Array(length));
  expect(await reasonFor(file)).toBe(reason);
});

test('a missing file or a directory is not a nonce file', async () => {
  const directory = scratchDirectory();
  expect(await reasonFor(join(directory, 'missing'))).toBe('open ENOENT (there is no such file)');
  mkdirSync(join(directory, 'nonce'));
  expect(await reasonFor(join(directory, 'nonce'))).toBe('noncefile is not a file: it must have the 16 bytes of the nonce');
  expect(await reasonFor(undefined)).toBe('noncefile is missing: a nonce-tcp address must have it');
});

describeWith('mkfifo')('a pipe', () => {
  test('is not a nonce file, and the client does not wait for its writer', async () => {
    const file = join(scratchDirectory(), 'nonce');
    await run('mkfifo', [file]);
    expect(await reasonFor(file)).toBe('noncefile is not a file: it must have the 16 bytes of the nonce');
  });
});
