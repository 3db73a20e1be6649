// How many round trips a connection to a bus costs, seen from the server: one where it takes us as whom we claim to be.
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { MessageReader } from '../../src/wire/messages/framing.js';
import { methodReturn } from '../../src/wire/messages/message.js';
import { scratchDirectory } from '../support/reaper.js';

const GUID = '00112233445566778899aabbccddeeff';
const UID = process.getuid?.().toString() ?? '';
const CLAIM = `AUTH EXTERNAL ${Buffer.from(UID).toString('hex')}\r\n`;

/** Answers each connection by a script: what it waits to have been sent, and what it then says. */
interface Step {
  readonly after: string;
  readonly say: string;
  readonly thenClose?: boolean;
}

const open: (Server | Bus)[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await ('listen' in one ? new Promise((done) => one.close(done)) : one.close());
});

/** Serves one script a connection; `heard` has what each client had sent when its script was through. */
async function serve(scripts: readonly (readonly Step[])[]): Promise<{ address: string; heard: string[] }> {
  const heard: string[] = [];
  let connections = 0;
  const server = createServer((socket) => follow(socket, [...(scripts[connections++] ?? [])]));
  const follow = (socket: Socket, steps: Step[]): void => {
    let received = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      for (let step = steps[0]; step !== undefined && received.includes(step.after); step = steps[0]) {
        steps.shift();
        const hello = received.subarray(received.lastIndexOf('BEGIN\r\n') + 'BEGIN\r\n'.length);
        const call = step.after === 'Hello' ? new MessageReader().push(hello)[0] : undefined;
        const reply = call?.type === 'method_call' ? methodReturn(call, { signature: 's', body: [':1.7'] }) : undefined;
        const sender = 'org.freedesktop.DBus';
        socket.write(reply === undefined ? step.say : Buffer.concat([
          Buffer.from(step.say), encodeMessage({ ...reply, sender }, { serial: 1 }),
        ]));
        if (steps.length === 0) heard.push(received.toString('latin1'));
        if (step.thenClose === true) socket.end();
      }
    });
  };
  const path = join(scratchDirectory(), 'bus');
  await new Promise<void>((done) => server.listen(path, done));
  open.push(server);
  return { address: `unix:path=${path}`, heard };
}

test('a client sends the whole handshake and Hello at once, and gets all answers together', async () => {
  // The server sends nothing before Hello arrives: a client that waited for OK would wait forever.
  const { address, heard } = await serve([[{ after: 'Hello', say: `OK ${GUID}\r\nAGREE_UNIX_FD\r\n` }]]);
  const bus = await connectToBus(address, { connectTimeout: 30_000 });
  open.push(bus);
  expect(bus.uniqueName).toBe(':1.7');
  expect(heard[0]?.startsWith(`\0${CLAIM}NEGOTIATE_UNIX_FD\r\nBEGIN\r\nl`)).toBe(true);
});

test('a server that declines descriptors still gets Hello in one round trip', async () => {
  const { address, heard } = await serve([[{ after: 'Hello', say: `OK ${GUID}\r\nERROR not here\r\n` }]]);
  const bus = await connectToBus(address, { connectTimeout: 30_000 });
  open.push(bus);
  expect(bus.uniqueName).toBe(':1.7');
  expect(heard).toHaveLength(1);
});

test('a server whose answers come out of order is tried again, step by step', async () => {
  const { address, heard } = await serve([
    [{ after: 'Hello', say: `AGREE_UNIX_FD\r\nOK ${GUID}\r\n` }],
    [
      { after: CLAIM, say: `OK ${GUID}\r\n` },
      { after: 'NEGOTIATE_UNIX_FD\r\n', say: 'AGREE_UNIX_FD\r\n' },
      { after: 'Hello', say: '' },
    ],
  ]);
  const bus = await connectToBus(address, { connectTimeout: 30_000 });
  open.push(bus);
  expect(heard).toHaveLength(2);
});

test('a server that rejects the identity, and therefore disconnects, is tried again, step by step', async () => {
  const { address, heard } = await serve([
    [{ after: 'BEGIN', say: 'REJECTED EXTERNAL\r\n', thenClose: true }],
    [
      { after: CLAIM, say: 'REJECTED EXTERNAL\r\n' },
      { after: 'AUTH EXTERNAL\r\n', say: 'DATA\r\n' },
      { after: 'DATA\r\n', say: `OK ${GUID}\r\n` },
      { after: 'NEGOTIATE_UNIX_FD\r\n', say: 'AGREE_UNIX_FD\r\n' },
      { after: 'Hello', say: '' },
    ],
  ]);
  const bus = await connectToBus(address, { connectTimeout: 30_000 });
  open.push(bus);
  expect(bus.uniqueName).toBe(':1.7');
  expect(heard[1]?.startsWith(`\0${CLAIM}AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\nl`)).toBe(true);
});

test('a server that closes at an early BEGIN is tried again, step by step', async () => {
  const { address, heard } = await serve([
    [{ after: 'BEGIN', say: '', thenClose: true }],
    [
      { after: CLAIM, say: `OK ${GUID}\r\n` },
      { after: 'NEGOTIATE_UNIX_FD\r\n', say: 'ERROR\r\n' },
      { after: 'Hello', say: '' },
    ],
  ]);
  const bus = await connectToBus(address, { connectTimeout: 30_000 });
  open.push(bus);
  expect(heard[1]?.startsWith(`\0${CLAIM}NEGOTIATE_UNIX_FD\r\nBEGIN\r\nl`)).toBe(true);
});
