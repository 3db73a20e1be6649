// The client's side of the handshake: each cell of the table of states, whole handshakes, failures, hostile servers.
import { describe, expect, test } from 'vitest';
import { AuthClient, type AuthClientOptions, type ClientState } from '../../src/auth/client.js';
import { MAX_LINE_LENGTH, MAX_LINES } from '../../src/auth/command.js';
import { AuthError, type AuthErrorCode } from '../../src/auth/errors.js';
import { anonymous, type ClientMechanism, external } from '../../src/auth/mechanisms.js';
import { extent } from '../support/extent.js';
import { authErrorOf, bytes, chunksOf, GUID, text } from './support.js';

/** Needs two challenges, `a` and then `b`; refuses every other. */
const twoRounds: ClientMechanism = {
  name: 'TWO',
  exchanges: [
    {
      description: 'TWO',
      initialResponse: bytes('i'),
      respond: (first) =>
        text(first) !== 'a'
          ? undefined
          : {
              response: bytes('1'),
              respond: (second) => (text(second) === 'b' ? { response: bytes('2') } : undefined),
            },
    },
  ],
};

/** A client that is authenticated and has asked for descriptors. */
function negotiating(): AuthClient {
  const client = new AuthClient({ mechanisms: [external({ uid: '7' })], negotiateUnixFds: true });
  client.start();
  client.receive(bytes(`OK ${GUID}\r\n`));
  return client;
}

function started(...mechanisms: ClientMechanism[]): AuthClient {
  const client = new AuthClient({ mechanisms });
  client.start();
  return client;
}

/** A client in the state, with ANONYMOUS left to try. */
const clientIn: Readonly<Record<'WaitingForData' | 'WaitingForOK' | 'WaitingForReject', () => AuthClient>> = {
  WaitingForData: () => started(twoRounds, anonymous({ trace: 't' })),
  WaitingForOK: () => started(external({ uid: '7' }), anonymous({ trace: 't' })),
  WaitingForReject: () => {
    const client = clientIn.WaitingForOK();
    client.receive(bytes('ERROR\r\n'));
    return client;
  },
};

test.each([
  [true, `OK ${GUID}\r\nl\x02\x01\x01\0\0`, 'NEGOTIATE_UNIX_FD'],
  [true, 'B\x02\x01\x01\0\0', 'AUTH (EXTERNAL as user 0)'],
  [false, 'l\x02\x01\x01\0\0', 'AUTH (EXTERNAL as user 0)'],
])('a message instead of an answer is reported as a message (early BEGIN: %s, %j)', (earlyBegin, answer, awaited) => {
  const client = new AuthClient({ mechanisms: [external({ uid: '0' })], earlyBegin, negotiateUnixFds: true });
  client.start();
  const mark = answer.includes('B\x02') ? 'B' : 'l';
  const error = authErrorOf(() => client.receive(bytes(answer)));
  expect(error.code).toBe('LINE_CONTAINS_NUL');
  expect(error.message).toBe(
    `the server sent a message ("${mark}\\u0002\\u0001\\u0001"…) before its answer to ${awaited}: it must answer first`,
  );
});

test('the text of a server is escaped in an error', () => {
  const client = new AuthClient({ mechanisms: [external({ uid: '0' })] });
  client.start();
  const hostile = 'ERROR \x1b[2J\x7f\x08"';
  client.receive(bytes(`${hostile}\r\n`));
  const error = authErrorOf(() => client.receive(bytes('OK \x1b[31m\r\n')));
  expect(error.message).toMatch(/^[ -~]+$/);
  expect(error.message).toContain('\\u001b[31m');
  expect(error.message).toContain('\\u001b[2J\\x7f\\b\\"');
});

describe('the first bytes', () => {
  test.each([
    [external({ uid: '1000' }), '\0AUTH EXTERNAL 31303030\r\n', 'WaitingForOK'],
    [external({ uid: 'S-1-5-18' }), '\0AUTH EXTERNAL 532d312d352d3138\r\n', 'WaitingForOK'],
    [external(), '\0AUTH EXTERNAL\r\n', 'WaitingForData'],
    [external({ uid: undefined }), '\0AUTH EXTERNAL\r\n', 'WaitingForData'],
    [anonymous(), '\0AUTH ANONYMOUS 646275732d77697265\r\n', 'WaitingForOK'],
    [twoRounds, '\0AUTH TWO 69\r\n', 'WaitingForData'],
  ])('are NUL and AUTH: %#', (mechanism, expected, state) => {
    const client = new AuthClient({ mechanisms: [mechanism] });
    expect(client.state).toBe('Initial');
    expect(text(client.start())).toBe(expected);
    expect(client.state).toBe(state);
  });

  test.each(['', 'ä', 'a\n', 'x'.repeat(256)])('cannot have the identity %j', (identity) => {
    expect(authErrorOf(() => external({ uid: identity })).code).toBe('IDENTITY_INVALID');
    expect(authErrorOf(() => anonymous({ trace: identity })).code).toBe('IDENTITY_INVALID');
  });
});

describe('the table of client states', () => {
  type Cell = readonly [state: keyof typeof clientIn, line: string, send: string, next: ClientState];
  const next = 'AUTH ANONYMOUS 74\r\n';
  const data: readonly Cell[] = [
    ['WaitingForData', 'DATA 61', 'DATA 31\r\n', 'WaitingForData'], // CONTINUE
    ['WaitingForData', 'DATA 62', 'ERROR Challenge not understood\r\n', 'WaitingForData'],
    ['WaitingForData', 'DATA', 'ERROR Challenge not understood\r\n', 'WaitingForData'],
    ['WaitingForData', 'DATA 6', 'ERROR Data is not pairs of hex digits\r\n', 'WaitingForData'],
    ['WaitingForData', 'DATA xy', 'ERROR Data is not pairs of hex digits\r\n', 'WaitingForData'],
    ['WaitingForData', `OK ${GUID}`, 'BEGIN\r\n', 'Authenticated'],
    ['WaitingForData', 'REJECTED', next, 'WaitingForOK'],
    ['WaitingForData', 'REJECTED ANONYMOUS TWO', next, 'WaitingForOK'],
    ['WaitingForData', 'ERROR', 'CANCEL\r\n', 'WaitingForReject'],
    ['WaitingForData', 'ERROR some text', 'CANCEL\r\n', 'WaitingForReject'],
    ['WaitingForData', 'AGREE_UNIX_FD', 'ERROR Unknown command\r\n', 'WaitingForData'],
    ['WaitingForData', 'EXTENSION_COM_EXAMPLE_X 1', 'ERROR Unknown command\r\n', 'WaitingForData'],
    ['WaitingForData', '', 'ERROR Unknown command\r\n', 'WaitingForData'],

    ['WaitingForOK', 'DATA', 'CANCEL\r\n', 'WaitingForReject'],
    ['WaitingForOK', 'DATA xy', 'CANCEL\r\n', 'WaitingForReject'],
    ['WaitingForOK', `OK ${GUID}`, 'BEGIN\r\n', 'Authenticated'],
    ['WaitingForOK', 'REJECTED', 'AUTH EXTERNAL\r\n', 'WaitingForData'],
    ['WaitingForOK', 'REJECTED EXTERNAL ANONYMOUS', 'AUTH EXTERNAL\r\n', 'WaitingForData'],
    ['WaitingForOK', 'REJECTED ANONYMOUS', next, 'WaitingForOK'],
    ['WaitingForOK', 'ERROR', 'CANCEL\r\n', 'WaitingForReject'],
    ['WaitingForOK', 'AGREE_UNIX_FD', 'ERROR Unknown command\r\n', 'WaitingForOK'],
    ['WaitingForOK', 'BEGIN', 'ERROR Unknown command\r\n', 'WaitingForOK'],
    ['WaitingForOK', `ok ${GUID}`, 'ERROR Unknown command\r\n', 'WaitingForOK'],

    ['WaitingForReject', 'REJECTED', 'AUTH EXTERNAL\r\n', 'WaitingForData'],
    ['WaitingForReject', 'REJECTED ANONYMOUS', next, 'WaitingForOK'],
  ];
  test.each(data)('%s, on %j: %j', (state, line, send, expected) => {
    const client = clientIn[state]();
    expect(client.state).toBe(state);
    expect(text(client.receive(bytes(`${line}\r\n`)).send)).toBe(send);
    expect(client.state).toBe(expected);
  });

  test.each(['DATA', `OK ${GUID}`, 'ERROR', 'AGREE_UNIX_FD', 'FOO'])('WaitingForReject, on %j: disconnect', (line) => {
    const client = clientIn.WaitingForReject();
    const error = authErrorOf(() => client.receive(bytes(`${line}\r\n`)));
    expect(error).toMatchObject({ code: 'UNEXPECTED_COMMAND', line });
    expect(client.state).toBe('Failed');
  });

  test('WaitingForOK, with descriptors to negotiate: WaitingForAgreeUnixFD, and BEGIN is not sent yet', () => {
    const client = new AuthClient({ mechanisms: [external({ uid: '7' })], negotiateUnixFds: true });
    client.start();
    const { send, done } = client.receive(bytes(`OK ${GUID}\r\n`));
    expect(text(send)).toBe('NEGOTIATE_UNIX_FD\r\n');
    expect(done).toBeUndefined();
    expect(client.state).toBe('WaitingForAgreeUnixFD');
  });

  test.each(['AGREE_UNIX_FD', 'ERROR', 'ERROR not here'])('WaitingForAgreeUnixFD, on %j: BEGIN', (line) => {
    const client = negotiating();
    const { send, done } = client.receive(bytes(`${line}\r\nl\x02`));
    expect(text(send)).toBe('BEGIN\r\n');
    expect(done?.guid).toBe(GUID);
    expect(text(done?.rest)).toBe('l\x02');
    expect(client.state).toBe('Authenticated');
  });

  test.each([`OK ${GUID}`, 'DATA', 'DATA 61', 'REJECTED', 'REJECTED EXTERNAL', 'BEGIN', 'agree_unix_fd', 'FOO', ''])(
    'WaitingForAgreeUnixFD, on %j: disconnect',
    (line) => {
      const client = negotiating();
      const error = authErrorOf(() => client.receive(bytes(`${line}\r\n`)));
      expect(error).toMatchObject({ code: 'UNEXPECTED_COMMAND', line });
      expect(client.state).toBe('Failed');
    },
  );

  test('WaitingForAgreeUnixFD, on the first bytes of a message: disconnect', () => {
    const client = negotiating();
    expect(authErrorOf(() => client.receive(bytes('l\x02\x01\x01\0\0\0\0'))).code).toBe('LINE_CONTAINS_NUL');
  });

  test('WaitingForData, with OK of the mechanism: WaitingForOK', () => {
    const client = clientIn.WaitingForData();
    expect(text(client.receive(bytes('DATA 61\r\n')).send)).toBe('DATA 31\r\n');
    expect(text(client.receive(bytes('DATA 62\r\n')).send)).toBe('DATA 32\r\n');
    expect(client.state).toBe('WaitingForOK');
  });

  test('an ERROR that the client sends does not change the state', () => {
    const client = clientIn.WaitingForData();
    client.receive(bytes('DATA 61\r\nDATA 7a\r\nWHAT\r\n'));
    expect(text(client.receive(bytes('DATA 62\r\n')).send)).toBe('DATA 32\r\n');
  });
});

/** Feeds the server's lines to the client in chunks of `size`; returns what the client has sent, and the result. */
function converse(options: AuthClientOptions, server: string, size: number) {
  const client = new AuthClient(options);
  let said = text(client.start());
  let chunks = chunksOf(bytes(server), size);
  for (const [i, chunk] of chunks.entries()) {
    const { send, done } = client.receive(chunk);
    said += text(send);
    if (done !== undefined) {
      const rest = text(done.rest) + chunks.slice(i + 1).map(text).join('');
      return { said, guid: done.guid, rest };
    }
  }
  throw new Error('the handshake did not end');
}

describe('whole handshakes', () => {
  const conversations = [
    {
      title: 'EXTERNAL with a uid, OK at once',
      mechanisms: [external({ uid: '1000' })],
      server: `OK ${GUID}\r\n`,
      client: '\0AUTH EXTERNAL 31303030\r\nBEGIN\r\n',
      rest: '',
    },
    {
      title: 'messages directly after OK, with bytes that a line must not have',
      mechanisms: [external({ uid: '0' })],
      server: `OK ${GUID.toUpperCase()}\r\nl\x02\x01\x01\0\r\n\n\xff`,
      client: '\0AUTH EXTERNAL 30\r\nBEGIN\r\n',
      rest: 'l\x02\x01\x01\0\r\n\n\xff',
    },
    {
      title: 'EXTERNAL without a uid',
      mechanisms: [external()],
      server: `DATA\r\nOK ${GUID}\r\n`,
      client: '\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n',
      rest: '',
    },
    {
      title: 'a uid of another user namespace',
      mechanisms: [external({ uid: '0' }), anonymous()],
      server: `REJECTED EXTERNAL DBUS_COOKIE_SHA1 ANONYMOUS\r\nDATA\r\nOK ${GUID}\r\n`,
      client: '\0AUTH EXTERNAL 30\r\nAUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n',
      rest: '',
    },
    {
      title: 'a server that offers ANONYMOUS alone',
      mechanisms: [external({ uid: '0' }), anonymous({ trace: 't' })],
      server: `REJECTED ANONYMOUS\r\nOK ${GUID}\r\n`,
      client: '\0AUTH EXTERNAL 30\r\nAUTH ANONYMOUS 74\r\nBEGIN\r\n',
      rest: '',
    },
    {
      title: 'a list of mechanisms that comes with the second REJECTED',
      mechanisms: [external({ uid: '0' }), anonymous({ trace: 't' })],
      server: `REJECTED\r\nREJECTED ANONYMOUS\r\nOK ${GUID}\r\n`,
      client: '\0AUTH EXTERNAL 30\r\nAUTH EXTERNAL\r\nAUTH ANONYMOUS 74\r\nBEGIN\r\n',
      rest: '',
    },
    {
      title: 'a second list of mechanisms, which is ignored',
      mechanisms: [external({ uid: '0' }), anonymous({ trace: 't' })],
      server: `REJECTED EXTERNAL ANONYMOUS\r\nREJECTED OTHER\r\nOK ${GUID}\r\n`,
      client: '\0AUTH EXTERNAL 30\r\nAUTH EXTERNAL\r\nAUTH ANONYMOUS 74\r\nBEGIN\r\n',
      rest: '',
    },
    {
      title: 'an unknown command, an ERROR and an unexpected challenge',
      mechanisms: [external({ uid: '0' }), anonymous({ trace: 't' })],
      server: `EXTENSION_X\r\nERROR no\r\nREJECTED\r\nDATA\r\nDATA\r\nREJECTED\r\nOK ${GUID}\r\n`,
      client:
        '\0AUTH EXTERNAL 30\r\nERROR Unknown command\r\nCANCEL\r\nAUTH EXTERNAL\r\nDATA\r\nCANCEL\r\n' +
        'AUTH ANONYMOUS 74\r\nBEGIN\r\n',
      rest: '',
    },
    {
      title: 'descriptors agreed on, step by step',
      negotiateUnixFds: true,
      mechanisms: [external({ uid: '0' })],
      server: `REJECTED EXTERNAL\r\nDATA\r\nOK ${GUID.toUpperCase()}\r\nAGREE_UNIX_FD\r\nl\x02`,
      client: '\0AUTH EXTERNAL 30\r\nAUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n',
      rest: 'l\x02',
    },
    {
      title: 'descriptors declined, step by step',
      negotiateUnixFds: true,
      mechanisms: [external({ uid: '0' })],
      server: `OK ${GUID}\r\nERROR Descriptors cannot be passed\r\nl\x02`,
      client: '\0AUTH EXTERNAL 30\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n',
      rest: 'l\x02',
    },
    {
      title: 'two challenges',
      mechanisms: [twoRounds],
      server: `DATA 61\r\nDATA 62\r\nOK ${GUID}\r\nB`,
      client: '\0AUTH TWO 69\r\nDATA 31\r\nDATA 32\r\nBEGIN\r\n',
      rest: 'B',
    },
  ];

  test.each(conversations)('$title, in chunks of many sizes', ({ title: _, server, client, rest, ...options }) => {
    for (let size = 1; size <= server.length; size += extent(5, 1)) {
      expect(converse(options, server, size)).toEqual({ said: client, guid: GUID, rest });
    }
  });

  test.each(conversations)('$title, divided at every place', ({ title: _, server, client, rest, ...options }) => {
    const found: unknown[] = [];
    const expected: unknown[] = [];
    for (let cut = 0; cut <= server.length; cut++) {
      const auth = new AuthClient(options);
      let said = text(auth.start());
      const first = auth.receive(bytes(server.slice(0, cut)));
      said += text(first.send);
      const second = first.done === undefined ? auth.receive(bytes(server.slice(cut))) : undefined;
      said += text(second?.send);
      const done = first.done ?? second?.done;
      const arrived = first.done === undefined ? server : server.slice(0, cut);
      found.push({ cut, said, guid: done?.guid, rest: text(done?.rest) });
      expected.push({ cut, said: client, guid: GUID, rest: arrived.slice(server.length - rest.length) });
    }
    expect(found).toEqual(expected);
  });
});

describe('a handshake that fails', () => {
  function rejected(mechanisms: readonly ClientMechanism[], server: string): AuthError {
    const client = started(...mechanisms);
    return authErrorOf(() => client.receive(bytes(server)));
  }

  test('has an error with the mechanisms that were tried and the mechanisms that are offered', () => {
    const error = rejected([external({ uid: '1000' })], 'REJECTED EXTERNAL DBUS_COOKIE_SHA1\r\nREJECTED EXTERNAL\r\n');
    expect(error).toMatchObject({
      name: 'AuthError',
      code: 'REJECTED',
      tried: ['EXTERNAL as user 1000', 'EXTERNAL as the user of the socket'],
      offered: ['EXTERNAL', 'DBUS_COOKIE_SHA1'],
    });
    expect(error.message).toBe(
      'the server rejected EXTERNAL as user 1000, then EXTERNAL as the user of the socket; ' +
        'it offers "EXTERNAL, DBUS_COOKIE_SHA1"',
    );
  });

  test('has not tried the mechanisms that are not offered', () => {
    const error = rejected([external({ uid: '1' }), anonymous()], 'REJECTED DBUS_COOKIE_SHA1\r\n');
    expect(error.tried).toEqual(['EXTERNAL as user 1']);
    expect(error.offered).toEqual(['DBUS_COOKIE_SHA1']);
  });

  test('reports that the server offers no mechanisms, and the last ERROR of the server', () => {
    const error = rejected([anonymous()], 'ERROR go \x1b away\r\nREJECTED\r\n');
    expect(error.offered).toBeUndefined();
    expect(error.message).toBe(
      'the server rejected ANONYMOUS; it offers no mechanisms; its last ERROR was "go \\u001b away"',
    );
  });

  test('throws the same error at each further call', () => {
    const client = started(anonymous());
    const error = authErrorOf(() => client.receive(bytes('REJECTED\r\n')));
    expect(authErrorOf(() => client.receive(bytes(`OK ${GUID}\r\n`)))).toBe(error);
    expect(client.abandon('AUTH_TIMED_OUT')).toBe(error);
  });

  test.each([
    ['SERVER_CLOSED', 'the server closed the connection before it answered AUTH (EXTERNAL as user 1)'],
    ['AUTH_TIMED_OUT', 'the server did not answer AUTH (EXTERNAL as user 1) in time'],
  ] as const)('because of %s has an error that says which answer was missing', (code, message) => {
    const client = started(external({ uid: '1' }));
    client.receive(bytes('OK 001'));
    const error = client.abandon(code);
    expect(error).toMatchObject({ code, message, tried: ['EXTERNAL as user 1'] });
    expect(client.state).toBe('Failed');
    expect(authErrorOf(() => client.receive(bytes('\r\n')))).toBe(error);
  });

  test('during the negotiation of descriptors has an error with that command', () => {
    expect(negotiating().abandon('SERVER_CLOSED').message).toBe(
      'the server closed the connection before it answered NEGOTIATE_UNIX_FD',
    );
  });

  test('before start() has an error that says so', () => {
    const error = new AuthClient({ mechanisms: [anonymous()] }).abandon('SERVER_CLOSED');
    expect(error.message).toBe('the server closed the connection before the handshake');
  });
});

describe('a hostile server', () => {
  const endless: readonly (readonly [title: string, code: AuthErrorCode, first: string, again: string])[] = [
    ['a line without end', 'LINE_TOO_LONG', 'OK ', '0'.repeat(1024)],
    ['a line of spaces', 'LINE_TOO_LONG', '', ' '.repeat(1024)],
    ['NULs', 'LINE_CONTAINS_NUL', '', '\0'.repeat(1024)],
    ['bytes outside ASCII', 'LINE_NOT_ASCII', 'ERROR ', '\xe9'.repeat(1024)],
    ['bare line feeds', 'LINE_END_INVALID', 'OK', '\n'],
    ['bare carriage returns', 'LINE_END_INVALID', 'OK', '\r'],
    ['empty lines', 'TOO_MANY_LINES', '', '\r\n'],
    ['unknown commands', 'TOO_MANY_LINES', '', 'FOO bar\r\n'],
    ['a flood of bad challenges', 'TOO_MANY_LINES', '', 'DATA x\r\n'],
    ['a flood of DATA', 'UNEXPECTED_COMMAND', '', 'DATA\r\n'],
    ['a flood of ERROR', 'UNEXPECTED_COMMAND', '', 'ERROR\r\n'],
    ['REJECTED forever', 'REJECTED', '', 'REJECTED EXTERNAL\r\n'],
    ['a bare REJECTED forever', 'REJECTED', '', 'REJECTED\r\n'],
    ['a long list of mechanisms', 'LINE_TOO_LONG', 'REJECTED', ' A'.repeat(1000)],
  ];

  test.each(endless)('that sends %s ends the handshake after a bounded effort: %s', (_, code, first, again) => {
    for (const size of [1, 7, again.length]) {
      const client = started(external());
      const chunks = chunksOf(bytes(again), size);
      let sent = 0;
      const error = authErrorOf(() => {
        client.receive(bytes(first));
        for (let i = 0; i < 1000; i++) {
          for (const chunk of chunks) sent += client.receive(chunk).send?.length ?? 0;
        }
      });
      expect(error.code).toBe(code);
      expect(error.message.length).toBeLessThan(600);
      expect((error.line ?? '').length).toBeLessThanOrEqual(MAX_LINE_LENGTH);
      expect(sent).toBeLessThan(100 * MAX_LINES);
    }
  });

  const badGuids = ['', '1234deadbeef', `${GUID}0`, `${GUID} x`, GUID.replace('0', 'g'), `x ${GUID}`];
  test.each(['OK', ...badGuids.map((guid) => `OK ${guid}`)])(
    'that sends %j gets no answer: GUID_INVALID',
    (line) => {
      const client = started(external({ uid: '0' }));
      expect(authErrorOf(() => client.receive(bytes(`${line}\r\n`)))).toMatchObject({ code: 'GUID_INVALID', line });
      expect(client.state).toBe('Failed');
    },
  );

  test('cannot make one chunk of 8 MiB cost more than its first line', () => {
    const client = started(external({ uid: '0' }));
    const flood = new Uint8Array(2 ** 23).fill(0x20);
    expect(authErrorOf(() => client.receive(flood)).code).toBe('LINE_TOO_LONG');
  });

  test('can send OK and 64 MiB of messages in one chunk, which are returned without a copy', () => {
    const client = started(external({ uid: '0' }));
    const ok = bytes(`OK ${GUID}\r\n`);
    const chunk = new Uint8Array(2 ** 26);
    chunk.set(ok);
    const { done } = client.receive(chunk);
    expect(done?.rest.buffer).toBe(chunk.buffer);
    expect(done?.rest.byteOffset).toBe(ok.length);
    expect(done?.rest.length).toBe(chunk.length - ok.length);
  });

  test('that sends random lines causes success or a documented error, and nothing else', () => {
    const commands = ['OK', 'REJECTED', 'DATA', 'ERROR'];
    const words = [...commands, GUID, 'EXTERNAL', 'TWO', '61', '62', '\r\n', ' ', 'X', '\0', '\x80'];
    const firstSeed = Date.now() >>> 0;
    let seed = firstSeed;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const outcomes = new Set<string>();
    for (let run = 0; run < extent(1_000, 3_000); run++) {
      const client = started(twoRounds, external({ uid: '1' }), anonymous());
      try {
        for (let i = 0; i < 40; i++) {
          // Mostly whole lines, or nothing would get past the first words.
          const word = words[random(words.length)] ?? '';
          const { done } = client.receive(bytes(random(4) > 0 ? `${word} ${words[random(8)] ?? ''}\r\n` : word));
          if (done !== undefined) break;
        }
        outcomes.add(client.state);
      } catch (error) {
        if (!(error instanceof AuthError)) throw new Error(`seed ${firstSeed}, run ${run}`, { cause: error });
        outcomes.add(error.code);
      }
    }
    expect([...outcomes]).toEqual(
      expect.arrayContaining(['Authenticated', 'REJECTED', 'UNEXPECTED_COMMAND', 'LINE_CONTAINS_NUL', 'GUID_INVALID']),
    );
  });
});

describe('a method that is called at the wrong time', () => {
  test('throws an error with a code', () => {
    expect(authErrorOf(() => new AuthClient({ mechanisms: [] }).start()).code).toBe('MECHANISM_MISSING');
    expect(authErrorOf(() => started(anonymous()).start()).code).toBe('OUT_OF_TURN');
    const early = new AuthClient({ mechanisms: [anonymous()] });
    expect(authErrorOf(() => early.receive(bytes('OK'))).code).toBe('OUT_OF_TURN');
    const client = started(anonymous());
    client.receive(bytes(`OK ${GUID}\r\n`));
    expect(authErrorOf(() => client.receive(bytes('x'))).code).toBe('OUT_OF_TURN');
    expect(client.state).toBe('Authenticated');
  });
});

describe('an early BEGIN', () => {
  const early = (): AuthClient =>
    new AuthClient({ mechanisms: [external({ uid: '7' }), anonymous({ trace: 't' })], earlyBegin: true });

  test('is sent with AUTH, and nothing is sent after OK', () => {
    const client = early();
    expect(text(client.start())).toBe('\0AUTH EXTERNAL 37\r\nBEGIN\r\n');
    const { send, done } = client.receive(bytes(`OK ${GUID}\r\nrest`));
    expect(send).toBeUndefined();
    expect(done?.guid).toBe(GUID);
    expect(text(done?.rest ?? new Uint8Array(0))).toBe('rest');
  });

  const negotiating = (): AuthClient => {
    const client = new AuthClient({ mechanisms: [external({ uid: '7' })], earlyBegin: true, negotiateUnixFds: true });
    expect(text(client.start())).toBe('\0AUTH EXTERNAL 37\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n');
    return client;
  };

  test.each(['AGREE_UNIX_FD', 'ERROR', 'ERROR not here'])('is sent with NEGOTIATE_UNIX_FD, and accepts the answer %j', (answer) => {
    const stream = `OK ${GUID}\r\n${answer}\r\nrest`;
    for (let cut = 0; cut < stream.length - 'rest'.length; cut++) {
      const client = negotiating();
      const first = client.receive(bytes(stream.slice(0, cut)));
      expect(first).toEqual({ send: undefined, done: undefined });
      const { send, done } = client.receive(bytes(stream.slice(cut)));
      expect(send).toBeUndefined();
      expect(done?.guid).toBe(GUID);
      expect(text(done?.rest)).toBe('rest');
    }
  });

  test.each([
    ['REJECTED EXTERNAL\r\nERROR\r\n', 'REJECTED'],
    [`AGREE_UNIX_FD\r\nOK ${GUID}\r\n`, 'UNEXPECTED_COMMAND'],
    [`ERROR\r\nOK ${GUID}\r\n`, 'UNEXPECTED_COMMAND'],
    [`OK ${GUID}\r\nOK ${GUID}\r\n`, 'UNEXPECTED_COMMAND'],
    [`OK ${GUID}\r\nREJECTED\r\n`, 'UNEXPECTED_COMMAND'],
    [`OK ${GUID}\r\nDATA\r\n`, 'UNEXPECTED_COMMAND'],
    [`OK ${GUID}\r\n\r\n`, 'UNEXPECTED_COMMAND'],
    [`OK ${GUID}\r\nl\x02\x01\x01\0`, 'LINE_CONTAINS_NUL'],
  ] as const)('with NEGOTIATE_UNIX_FD ends the handshake at %j', (lines, code) => {
    const client = negotiating();
    expect(authErrorOf(() => client.receive(bytes(lines))).code).toBe(code);
    expect(client.state).toBe('Failed');
  });

  test.each([
    ['REJECTED EXTERNAL ANONYMOUS\r\n', 'REJECTED'],
    ['DATA\r\n', 'UNEXPECTED_COMMAND'],
    ['ERROR\r\n', 'UNEXPECTED_COMMAND'],
    ['AGREE_UNIX_FD\r\n', 'UNEXPECTED_COMMAND'],
  ] as const)('ends the handshake at %j, because no more commands can be sent', (line, code) => {
    const client = early();
    client.start();
    expect(authErrorOf(() => client.receive(bytes(line))).code).toBe(code);
  });
});
