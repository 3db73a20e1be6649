// The client's handshake with a real dbus-daemon over a real socket. No messages are sent.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { AuthClient } from '../../src/auth/client.js';
import { type ClientMechanism, anonymous, external } from '../../src/auth/mechanisms.js';
import { startPrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { authErrorOf, bytes, text } from './support.js';

const uid = String(process.getuid?.() ?? 0);
const wrongUid = String((process.getuid?.() ?? 0) + 4711);

/** Writes and returns the next chunk that the server sends; undefined when it closes the connection. */
async function ask(socket: Socket, request: Uint8Array | undefined): Promise<Uint8Array | undefined> {
  const answer = Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [undefined])]);
  if (request !== undefined) socket.write(request);
  const [chunk] = (await answer) as [Uint8Array | undefined]; // the argument of 'data', or our own undefined
  return chunk;
}

/** The whole handshake, and the lines in it. */
async function handshake(path: string, mechanisms: readonly ClientMechanism[]) {
  const client = new AuthClient({ mechanisms });
  const socket = connect({ path });
  const said: string[] = [];
  try {
    for (let request: Uint8Array | undefined = client.start(); ; ) {
      said.push(`C: ${text(request)}`);
      const answer = await ask(socket, request);
      if (answer === undefined) throw client.abandon('SERVER_CLOSED');
      said.push(`S: ${text(answer)}`);
      const { send, done } = client.receive(answer);
      if (done !== undefined) return { said, guid: done.guid, rest: text(done.rest) };
      request = send;
    }
  } finally {
    socket.destroy();
  }
}

describeWith('dbus-daemon')('a handshake with dbus-daemon', () => {
  const hex = Buffer.from(uid).toString('hex');
  const wrongHex = Buffer.from(wrongUid).toString('hex');

  test.each([
    ['with our uid: one round trip', [external({ uid })], (ok: string) => [`C: \0AUTH EXTERNAL ${hex}\r\n`, ok]],
    [
      'without a uid: the daemon asks the kernel',
      [external()],
      (ok: string) => ['C: \0AUTH EXTERNAL\r\n', 'S: DATA\r\n', 'C: DATA\r\n', ok],
    ],
    [
      'with a wrong uid first, as in a user namespace',
      [external({ uid: wrongUid }), anonymous()],
      (ok: string) => [
        `C: \0AUTH EXTERNAL ${wrongHex}\r\n`,
        'S: REJECTED EXTERNAL\r\n',
        'C: AUTH EXTERNAL\r\n',
        'S: DATA\r\n',
        'C: DATA\r\n',
        ok,
      ],
    ],
  ])('%s', async (_, mechanisms, expected) => {
    await using bus = await startPrivateBus();
    const { said, guid, rest } = await handshake(bus.socketPath, mechanisms);
    expect(said).toEqual(expected(`S: OK ${bus.guid}\r\n`));
    expect(guid).toBe(bus.guid);
    expect(rest).toBe('');
  });

  test('fails if no offered mechanism can be used, and the error lists the offered ones', async () => {
    await using bus = await startPrivateBus();
    await expect(handshake(bus.socketPath, [anonymous()])).rejects.toMatchObject({
      code: 'REJECTED',
      tried: ['ANONYMOUS'],
      offered: ['EXTERNAL'],
    });
  });

  test('is complete after BEGIN: the daemon waits for messages, and disconnects a client that sends a line', async () => {
    await using bus = await startPrivateBus();
    const client = new AuthClient({ mechanisms: [external({ uid })] });
    const socket = connect({ path: bus.socketPath });
    const answer = await ask(socket, client.start());
    const { send } = client.receive(answer ?? new Uint8Array(0));
    expect(text(send)).toBe('BEGIN\r\n');
    expect(await ask(socket, bytes(`${text(send)}AUTH EXTERNAL ${hex}\r\nDATA\r\n`))).toBeUndefined();
    expect(authErrorOf(() => client.receive(bytes('x'))).code).toBe('OUT_OF_TURN');
    socket.destroy();
  });
});
