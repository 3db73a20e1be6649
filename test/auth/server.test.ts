// The server's side of the handshake: each cell of the table of states, pipelined and hostile clients.
import { describe, expect, test } from 'vitest';
import { AuthClient } from '../../src/auth/client.js';
import { MAX_LINES } from '../../src/auth/command.js';
import { AuthError } from '../../src/auth/errors.js';
import {
  anonymous,
  anonymousServer,
  type ClientMechanism,
  external,
  externalServer,
  type ServerMechanism,
} from '../../src/auth/mechanisms.js';
import { AuthServer, MAX_REJECTIONS, type ServerProgress, type ServerState } from '../../src/auth/server.js';
import { authErrorOf, bytes, chunksOf, GUID, text } from './support.js';

/** Knows user 7, and takes a client that claims nothing for user 1000. */
const knownUsers = externalServer((claimed) => (claimed === undefined ? '1000' : claimed === '7' ? '7' : undefined));

/** Challenges with `a` and then `b`, and wants `1` and `2`; speaks first, so that an initial response is wrong. */
const twoRounds: ServerMechanism = {
  name: 'TWO',
  begin: (initialResponse) =>
    initialResponse !== undefined
      ? { kind: 'rejected' }
      : {
          kind: 'challenge',
          challenge: bytes('a'),
          respond: (first) =>
            text(first) !== '1'
              ? { kind: 'rejected' }
              : {
                  kind: 'challenge',
                  challenge: bytes('b'),
                  respond: (second) => (text(second) === '2' ? { kind: 'ok', identity: 'two' } : { kind: 'rejected' }),
                },
        },
};

const OK = `OK ${GUID}\r\n`;
const REJECTED = 'REJECTED EXTERNAL TWO\r\n';
const BAD_RESPONSE = 'ERROR Initial response is not pairs of hex digits\r\n';
const UNKNOWN = 'ERROR Unknown command\r\n';

function serverIn(state: 'WaitingForNul' | 'WaitingForAuth' | 'WaitingForData' | 'WaitingForBegin'): AuthServer {
  const server = new AuthServer({ guid: GUID, mechanisms: [knownUsers, twoRounds] });
  if (state !== 'WaitingForNul') server.receive(bytes('\0'));
  if (state === 'WaitingForData') server.receive(bytes('AUTH TWO\r\n'));
  if (state === 'WaitingForBegin') server.receive(bytes('AUTH EXTERNAL 37\r\n'));
  expect(server.state).toBe(state);
  return server;
}

describe('the table of server states', () => {
  type Answering = 'WaitingForAuth' | 'WaitingForData' | 'WaitingForBegin';
  type Cell = readonly [state: Answering, line: string, send: string, next: ServerState];
  const cells: readonly Cell[] = [
    ['WaitingForAuth', 'AUTH', REJECTED, 'WaitingForAuth'],
    ['WaitingForAuth', 'AUTH KERBEROS_V4', REJECTED, 'WaitingForAuth'],
    ['WaitingForAuth', 'AUTH external 37', REJECTED, 'WaitingForAuth'],
    ['WaitingForAuth', 'AUTH EXTERNAL 37', OK, 'WaitingForBegin'],
    ['WaitingForAuth', 'AUTH  EXTERNAL   37 ', OK, 'WaitingForBegin'],
    ['WaitingForAuth', 'AUTH EXTERNAL 38', REJECTED, 'WaitingForAuth'],
    ['WaitingForAuth', 'AUTH EXTERNAL 00', REJECTED, 'WaitingForAuth'],
    ['WaitingForAuth', 'AUTH EXTERNAL ff', REJECTED, 'WaitingForAuth'],
    ['WaitingForAuth', 'AUTH EXTERNAL', 'DATA\r\n', 'WaitingForData'],
    ['WaitingForAuth', 'AUTH EXTERNAL ', 'DATA\r\n', 'WaitingForData'],
    ['WaitingForAuth', 'AUTH TWO', 'DATA 61\r\n', 'WaitingForData'],
    ['WaitingForAuth', 'AUTH TWO 31', REJECTED, 'WaitingForAuth'],
    ['WaitingForAuth', 'AUTH EXTERNAL 7', BAD_RESPONSE, 'WaitingForAuth'],
    ['WaitingForAuth', 'AUTH EXTERNAL 37 37', BAD_RESPONSE, 'WaitingForAuth'],
    ['WaitingForAuth', 'DATA', 'ERROR No data expected\r\n', 'WaitingForAuth'],
    ['WaitingForAuth', 'CANCEL', 'ERROR Nothing to cancel\r\n', 'WaitingForAuth'],
    ['WaitingForAuth', 'ERROR', REJECTED, 'WaitingForAuth'],
    ['WaitingForAuth', 'NEGOTIATE_UNIX_FD', 'ERROR Descriptors cannot be passed\r\n', 'WaitingForAuth'],
    ['WaitingForAuth', 'EXTENSION_COM_EXAMPLE_X', UNKNOWN, 'WaitingForAuth'],
    ['WaitingForAuth', 'OK', UNKNOWN, 'WaitingForAuth'],
    ['WaitingForAuth', '', UNKNOWN, 'WaitingForAuth'],

    ['WaitingForData', 'AUTH', 'ERROR Authentication is in progress\r\n', 'WaitingForData'],
    ['WaitingForData', 'AUTH EXTERNAL 37', 'ERROR Authentication is in progress\r\n', 'WaitingForData'],
    ['WaitingForData', 'DATA 31', 'DATA 62\r\n', 'WaitingForData'],
    ['WaitingForData', 'DATA 32', REJECTED, 'WaitingForAuth'],
    ['WaitingForData', 'DATA', REJECTED, 'WaitingForAuth'],
    ['WaitingForData', 'DATA 3', 'ERROR Data is not pairs of hex digits\r\n', 'WaitingForData'],
    ['WaitingForData', 'CANCEL', REJECTED, 'WaitingForAuth'],
    ['WaitingForData', 'ERROR what?', REJECTED, 'WaitingForAuth'],
    ['WaitingForData', 'NEGOTIATE_UNIX_FD', 'ERROR Descriptors cannot be passed\r\n', 'WaitingForData'],
    ['WaitingForData', 'FOO', UNKNOWN, 'WaitingForData'],

    ['WaitingForBegin', 'AUTH', 'ERROR Authentication is in progress\r\n', 'WaitingForBegin'],
    ['WaitingForBegin', 'AUTH EXTERNAL 38', 'ERROR Authentication is in progress\r\n', 'WaitingForBegin'],
    ['WaitingForBegin', 'DATA', 'ERROR No data expected\r\n', 'WaitingForBegin'],
    ['WaitingForBegin', 'CANCEL', REJECTED, 'WaitingForAuth'],
    ['WaitingForBegin', 'ERROR', REJECTED, 'WaitingForAuth'],
    ['WaitingForBegin', 'NEGOTIATE_UNIX_FD', 'ERROR Descriptors cannot be passed\r\n', 'WaitingForBegin'],
    ['WaitingForBegin', 'FOO', UNKNOWN, 'WaitingForBegin'],
  ];
  test.each(cells)('%s, on %j: %j', (state, line, send, next) => {
    const server = serverIn(state);
    const progress = server.receive(bytes(`${line}\r\n`));
    expect(text(progress.send)).toBe(send);
    expect(progress.done).toBeUndefined();
    expect(progress.disconnect).toBeUndefined();
    expect(server.state).toBe(next);
  });

  test.each(['WaitingForAuth', 'WaitingForData'] as const)('%s, on BEGIN: disconnect', (state) => {
    const server = serverIn(state);
    const { send, done, disconnect } = server.receive(bytes('BEGIN\r\n'));
    expect(send).toBeUndefined();
    expect(done).toBeUndefined();
    expect(disconnect).toMatchObject({ name: 'AuthError', code: 'BEGIN_TOO_EARLY', line: 'BEGIN' });
    expect(server.state).toBe('Failed');
    expect(authErrorOf(() => server.receive(bytes('x'))).code).toBe('OUT_OF_TURN');
  });

  test('WaitingForBegin, on BEGIN: authenticated', () => {
    const server = serverIn('WaitingForBegin');
    const { send, done, disconnect } = server.receive(bytes('BEGIN\r\nl\0\xff'));
    expect(send).toBeUndefined();
    expect(disconnect).toBeUndefined();
    expect(done).toMatchObject({ mechanism: 'EXTERNAL', identity: '7' });
    expect(text(done?.rest)).toBe('l\0\xff');
    expect(server.state).toBe('Authenticated');
    expect(authErrorOf(() => server.receive(bytes('x'))).code).toBe('OUT_OF_TURN');
  });

  test('a CANCEL after OK revokes the identity', () => {
    const server = serverIn('WaitingForBegin');
    const { disconnect } = server.receive(bytes('CANCEL\r\nBEGIN\r\n'));
    expect(disconnect?.code).toBe('BEGIN_TOO_EARLY');
  });
});

describe('the first byte', () => {
  test.each(['A', 'l', '\r', '\xff'])('must be NUL, not %j', (first) => {
    const server = serverIn('WaitingForNul');
    expect(server.receive(bytes(`${first}UTH\r\n`)).disconnect?.code).toBe('NUL_BYTE_MISSING');
  });

  test('can come alone, after an empty chunk, or together with lines', () => {
    const server = serverIn('WaitingForNul');
    expect(server.receive(new Uint8Array(0))).toEqual({ send: undefined, done: undefined, disconnect: undefined });
    expect(server.state).toBe('WaitingForNul');
    expect(text(server.receive(bytes('\0AUTH\r\n')).send)).toBe(REJECTED);
  });

  test('is the only NUL that is accepted', () => {
    expect(serverIn('WaitingForNul').receive(bytes('\0\0')).disconnect?.code).toBe('LINE_CONTAINS_NUL');
  });
});

/** Feeds the client's bytes in chunks of `size` until the server is through with it. */
function serve(mechanisms: readonly ServerMechanism[], client: string, size: number) {
  const server = new AuthServer({ guid: GUID, mechanisms });
  let said = '';
  const chunks = chunksOf(bytes(client), size);
  for (const [i, chunk] of chunks.entries()) {
    const { send, done, disconnect } = server.receive(chunk);
    said += text(send);
    if (disconnect !== undefined) return { said, end: disconnect.code };
    if (done !== undefined) {
      const rest = text(done.rest) + chunks.slice(i + 1).map(text).join('');
      return { said, end: `${done.mechanism} ${done.identity} ${JSON.stringify(rest)}` };
    }
  }
  return { said, end: undefined };
}

describe('pipelined handshakes', () => {
  const noDescriptors = 'ERROR Descriptors cannot be passed\r\n';
  test.each([
    {
      title: 'as sd-bus writes it, with a message after it',
      client: '\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\nl\x01\r\n',
      said: `DATA\r\n${OK}${noDescriptors}`,
      end: 'EXTERNAL 1000 "l\\u0001\\r\\n"',
    },
    {
      title: 'with the identity in DATA',
      client: '\0AUTH EXTERNAL\r\nDATA 37\r\nBEGIN\r\n',
      said: `DATA\r\n${OK}`,
      end: 'EXTERNAL 7 ""',
    },
    {
      title: 'with a rejection in it: nothing after BEGIN is read',
      client: '\0AUTH EXTERNAL 38\r\nBEGIN\r\nAUTH EXTERNAL 37\r\nBEGIN\r\n',
      said: REJECTED,
      end: 'BEGIN_TOO_EARLY',
    },
    {
      title: 'unknown command, list of mechanisms, cancel and a second try',
      client: '\0FOOBAR\r\nAUTH\r\nAUTH TWO\r\nDATA 31\r\nCANCEL\r\nAUTH TWO\r\nDATA 31\r\nDATA 32\r\nBEGIN\r\n',
      said: `${UNKNOWN}${REJECTED}DATA 61\r\nDATA 62\r\n${REJECTED}DATA 61\r\nDATA 62\r\n${OK}`,
      end: 'TWO two ""',
    },
    {
      title: 'until the last rejection is sent',
      client: `\0${'AUTH\r\n'.repeat(10)}`,
      said: REJECTED.repeat(MAX_REJECTIONS),
      end: 'TOO_MANY_REJECTIONS',
    },
  ])('$title: the same in chunks of every size', ({ client, said, end }) => {
    for (let size = 1; size <= client.length; size++) {
      expect(serve([knownUsers, twoRounds], client, size)).toEqual({ said, end });
    }
  });

  test('ANONYMOUS has no identity, with or without a trace', () => {
    for (const line of ['AUTH ANONYMOUS', 'AUTH ANONYMOUS 74']) {
      const outcome = serve([anonymousServer()], `\0${line}\r\nBEGIN\r\n`, 100);
      expect(outcome).toEqual({ said: OK, end: 'ANONYMOUS undefined ""' });
    }
  });
});

describe('a hostile client', () => {
  test.each([
    ['a line without end', 'LINE_TOO_LONG', 'A'.repeat(1024)],
    ['NULs', 'LINE_CONTAINS_NUL', '\0'],
    ['bytes outside ASCII', 'LINE_NOT_ASCII', 'AUTH \xe9'],
    ['bare line feeds', 'LINE_END_INVALID', 'AUTH\n'],
    ['unknown commands', 'TOO_MANY_LINES', 'FOO\r\n'],
    ['empty lines', 'TOO_MANY_LINES', '\r\n'],
    ['AUTH and CANCEL', 'TOO_MANY_REJECTIONS', 'AUTH TWO\r\nCANCEL\r\n'],
    ['ERROR', 'TOO_MANY_REJECTIONS', 'ERROR\r\n'],
    ['wrong identities', 'TOO_MANY_REJECTIONS', 'AUTH EXTERNAL 30\r\n'],
    ['NEGOTIATE_UNIX_FD', 'TOO_MANY_LINES', 'NEGOTIATE_UNIX_FD\r\n'],
  ])('that sends %s without end is rejected after a bounded effort: %s', (_, code, again) => {
    const server = serverIn('WaitingForAuth');
    let sent = 0;
    let end: AuthError | undefined;
    for (let i = 0; i < 1000 && end === undefined; i++) {
      const progress: ServerProgress = server.receive(bytes(again));
      sent += progress.send?.length ?? 0;
      end = progress.disconnect;
    }
    expect(end?.code).toBe(code);
    expect(sent).toBeLessThan(100 * MAX_LINES);
  });

  test('that claims an identity of ten thousand bytes is checked and rejected', () => {
    const claims: (string | undefined)[] = [];
    const server = new AuthServer({
      guid: GUID,
      mechanisms: [externalServer((claimed) => void claims.push(claimed))],
    });
    expect(text(server.receive(bytes(`\0AUTH EXTERNAL ${'31'.repeat(8000)}\r\n`)).send)).toBe('REJECTED EXTERNAL\r\n');
    expect(claims).toEqual(['1'.repeat(8000)]);
  });
});

describe('a caller', () => {
  test('must have a GUID of 32 hex digits', () => {
    expect(authErrorOf(() => new AuthServer({ guid: 'x', mechanisms: [] })).code).toBe('GUID_INVALID');
  });

  test('gets the error that its check throws, and the handshake fails', () => {
    const broken = externalServer(() => {
      throw new RangeError('no user database');
    });
    const server = new AuthServer({ guid: GUID, mechanisms: [broken] });
    expect(() => server.receive(bytes('\0AUTH EXTERNAL 37\r\n'))).toThrow(RangeError);
    expect(server.state).toBe('Failed');
  });
});

describe('client and server together', () => {
  const all = [knownUsers, anonymousServer()];
  test.each<[string, readonly ClientMechanism[], readonly ServerMechanism[], string]>([
    ['a known uid', [external({ uid: '7' })], all, 'EXTERNAL 7'],
    ['no uid', [external()], all, 'EXTERNAL 1000'],
    ['an unknown uid first', [external({ uid: '8' }), anonymous()], all, 'EXTERNAL 1000'],
    ['no EXTERNAL at all', [external({ uid: '8' }), anonymous()], [anonymousServer()], 'ANONYMOUS undefined'],
    ['nothing in common', [external({ uid: '8' })], [anonymousServer()], 'REJECTED'],
    ['no mechanism at all', [external({ uid: '8' })], [], 'REJECTED'],
  ])('%s', (_, mechanisms, offered, expected) => {
    const client = new AuthClient({ mechanisms });
    const server = new AuthServer({ guid: GUID, mechanisms: offered });
    let toServer: Uint8Array | undefined = client.start();
    let outcome: string | undefined;
    while (toServer !== undefined && outcome === undefined) {
      const { send, done }: ServerProgress = server.receive(toServer);
      toServer = undefined;
      if (done !== undefined) outcome = `${done.mechanism} ${done.identity}`;
      if (send === undefined) continue;
      try {
        toServer = client.receive(send).send;
      } catch (error) {
        outcome = error instanceof AuthError ? error.code : String(error);
      }
    }
    expect(outcome).toBe(expected);
  });
});

describe('a decision that is made later', () => {
  const later: ServerMechanism = {
    name: 'LATER',
    begin: (response) =>
      Promise.resolve(
        response === undefined
          ? { kind: 'challenge', challenge: bytes('?'), respond: async () => ({ kind: 'ok', identity: 'late' }) }
          : { kind: 'rejected' },
      ),
  };

  test('is pending, and the lines after it are read then, even if their memory was used again', async () => {
    const server = new AuthServer({ guid: GUID, mechanisms: [later] });
    const chunk = bytes('\0NEGOTIATE_UNIX_FD\r\nAUTH LATER\r\nDATA 61\r\nBEGIN\r\nrest');
    const first = server.receive(chunk);
    expect(text(first.send)).toBe('ERROR Descriptors cannot be passed\r\n');
    expect(server.state).toBe('Deciding');
    expect(authErrorOf(() => server.receive(bytes('x')))).toMatchObject({
      code: 'OUT_OF_TURN', message: 'receive() was called before "pending" was settled: it must be called after that',
    });
    chunk.fill(0);
    const second = await first.pending;
    expect(text(second?.send)).toBe('DATA 3f\r\n');
    const third = await second?.pending;
    expect(text(third?.send)).toBe(OK);
    expect(third?.done).toMatchObject({ mechanism: 'LATER', identity: 'late', unixFds: false });
    expect(text(third?.done?.rest)).toBe('rest');
  });

  test('rejects the client if the result is false', async () => {
    const server = new AuthServer({ guid: GUID, mechanisms: [later] });
    let progress: ServerProgress | undefined = server.receive(bytes(`\0${'AUTH LATER 61\r\n'.repeat(9)}`));
    let said = '';
    for (; progress?.pending !== undefined; progress = await progress.pending) said += text(progress.send);
    expect(said + text(progress?.send)).toBe('REJECTED LATER\r\n'.repeat(MAX_REJECTIONS));
    expect(progress?.disconnect?.code).toBe('TOO_MANY_REJECTIONS');
  });

  test('that fails ends the handshake with its error', async () => {
    const broken: ServerMechanism = { name: 'LATER', begin: () => Promise.reject(new RangeError('no keyring')) };
    const server = new AuthServer({ guid: GUID, mechanisms: [broken] });
    await expect(server.receive(bytes('\0AUTH LATER\r\n')).pending).rejects.toThrow(RangeError);
    expect(server.state).toBe('Failed');
  });
});

describe('descriptors', () => {
  const agreeing = () => new AuthServer({ guid: GUID, mechanisms: [knownUsers], unixFds: true });

  test.each([
    ['before OK are refused', '\0NEGOTIATE_UNIX_FD\r\nAUTH EXTERNAL 37\r\nBEGIN\r\n', false],
    ['after OK are agreed upon', '\0AUTH EXTERNAL 37\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n', true],
    ['are forgotten with the identity',
      '\0AUTH EXTERNAL 37\r\nNEGOTIATE_UNIX_FD\r\nCANCEL\r\nAUTH EXTERNAL 37\r\nBEGIN\r\n', false],
  ])('%s', (_, said, expected) => {
    expect(agreeing().receive(bytes(said)).done?.unixFds).toBe(expected);
  });
});
