// The server's handshake on a stream: what it answers, its end in each way, decisions that take their time, and that a
// stream that is given up is destroyed after the answers that are due.
import { Duplex } from 'node:stream';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { anonymousServer, externalServer } from '../../src/auth/mechanisms.js';
import type { ServerClaim } from '../../src/auth/server.js';
import { acceptHandshake, type AcceptOptions } from '../../src/transport/server-handshake.js';
import { incomingOf } from '../../src/transport/incoming.js';
import type { Transport } from '../../src/transport/transport.js';
import { bytes, chunksOf, GUID, text } from '../auth/support.js';
import { deferred, until } from '../support/waiting.js';

const OK = `OK ${GUID}\r\n`;
const AS_USER_7 = '\0AUTH EXTERNAL 37\r\n';
const user7 = externalServer((claimed) => (claimed === '7' ? '7' : undefined));

function accept(options: Partial<AcceptOptions> = {}, { isDeaf = false } = {}) {
  let sent = '';
  const stream = new Duplex({
    read: () => {},
    write: (chunk: Uint8Array, _encoding, done) => {
      sent += text(chunk);
      if (!isDeaf) done();
    },
  });
  onTestFinished(() => void stream.destroy());
  const result = acceptHandshake({ stream, incoming: incomingOf(stream) }, {
    guid: GUID, mechanisms: [user7], timeout: Infinity, ...options,
  });
  result.catch(() => {}); // some tests look at it later
  return { stream, result, sent: () => sent, say: (words: string) => stream.push(bytes(words)) };
}

/** What a transport receives until it has as many bytes. */
async function received(transport: Transport, length: number): Promise<string> {
  let all = '';
  await new Promise<void>((resolve) => {
    transport.start({
      receive: (chunk) => {
        all += text(chunk);
        if (all.length >= length) resolve();
      },
      end: () => resolve(),
    });
  });
  return all;
}

describe('a handshake', () => {
  test('returns the transport, the result of the negotiation, and the bytes after BEGIN', async () => {
    const { result, say, sent } = accept();
    say(`${AS_USER_7}NEGOTIATE_UNIX_FD\r\nBEGIN\r\nl\x01`);
    const { transport, identity, unixFds } = await result;
    expect({ identity, unixFds, guid: transport.guid }).toEqual({
      identity: { mechanism: 'EXTERNAL', uid: '7' }, unixFds: false, guid: GUID,
    });
    say('later');
    expect(await received(transport, 7)).toBe('l\x01later');
    expect(sent()).toBe(`${OK}ERROR Descriptors cannot be passed\r\n`);
  });

  test('agrees to descriptors if the stream carries them', async () => {
    const { result, say, sent } = accept({ unixFds: true });
    say(`${AS_USER_7}NEGOTIATE_UNIX_FD\r\nBEGIN\r\n`);
    expect((await result).unixFds).toBe(true);
    expect(sent()).toBe(`${OK}AGREE_UNIX_FD\r\n`);
  });

  test('succeeds byte by byte', async () => {
    const { result, stream } = accept({ authorize: async () => true });
    const said = bytes(`${AS_USER_7}BEGIN\r\nmessages`);
    for (const chunk of chunksOf(said, 1)) stream.push(chunk);
    expect(await received((await result).transport, 8)).toBe('messages');
  });

  const controller = new AbortController();
  const reason = new Error('enough');
  test.each<[title: string, options: Partial<AcceptOptions>, act: (stream: Duplex) => unknown, error: object]>([
    ['the time is over', { timeout: 1 }, () => {}, { code: 'AUTH_TIMED_OUT' }],
    ['the signal aborts', { signal: controller.signal }, () => controller.abort(reason), { message: 'enough' }],
    ['the signal has aborted', { signal: AbortSignal.abort(reason) }, () => {}, { message: 'enough' }],
    ['the stream closes', {}, (stream) => stream.destroy(), { code: 'CLIENT_CLOSED' }],
    ['the client ends its side', {}, (stream) => stream.push(null), {
      code: 'CLIENT_CLOSED',
      message: 'the client closed the connection (state WaitingForNul): it must get to BEGIN first',
    }],
    ['the stream fails', {}, (stream) => stream.destroy(new Error('reset')), { message: 'reset' }],
    ['the client begins too early', {}, (stream) => stream.push(bytes('\0BEGIN\r\n')), { code: 'BEGIN_TOO_EARLY' }],
    ['the client speaks HTTP', {}, (stream) => stream.push(bytes('GET / HTTP/1.1\r\n')), { code: 'NUL_BYTE_MISSING' }],
    ['a mechanism fails', { mechanisms: [externalServer(() => { throw new RangeError('disk'); })] },
      (stream) => stream.push(bytes(AS_USER_7)), { name: 'RangeError' }],
  ])('rejects and destroys the stream if %s', async (_, options, act, error) => {
    const { stream, result } = accept(options);
    act(stream);
    await expect(result).rejects.toMatchObject(error);
    await until(() => stream.destroyed);
    stream.emit('error', new Error('a late error has a listener'));
  });

  test('sends the last REJECTED before it disconnects', async () => {
    const { stream, result, say, sent } = accept();
    say(`\0${'AUTH\r\n'.repeat(7)}`);
    await expect(result).rejects.toMatchObject({ code: 'TOO_MANY_REJECTIONS' });
    expect(sent()).toBe('REJECTED EXTERNAL\r\n'.repeat(6));
    await until(() => stream.destroyed);
  });

  test('disconnects a client that does not read the last answer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const { stream, result, say } = accept({}, { isDeaf: true });
    say(`\0${'AUTH\r\n'.repeat(7)}`);
    await expect(result).rejects.toMatchObject({ code: 'TOO_MANY_REJECTIONS' });
    await until(() => {
      vi.advanceTimersByTime(100);
      return stream.destroyed;
    }, 'the client is disconnected');
  });
});

describe('authorize', () => {
  test('decides with the mechanism and the identity, at once or later', async () => {
    const claims: ServerClaim[] = [];
    for (const answer of [true, Promise.resolve(true)]) {
      const { result, say, sent } = accept({ authorize: (claim) => (claims.push(claim), answer) });
      say(`${AS_USER_7}BEGIN\r\n`);
      await result;
      expect(sent()).toBe(OK);
    }
    expect(claims).toEqual([{ mechanism: 'EXTERNAL', identity: '7' }, { mechanism: 'EXTERNAL', identity: '7' }]);
  });

  test.each<[string, NonNullable<AcceptOptions['authorize']>]>([
    ['returns false', () => false],
    ['returns another value than true', () => 1 as never],
    ['returns a promise of false', async () => false],
    ['throws', () => { throw new Error('no database'); }],
    ['returns a rejected promise', async () => { throw new Error('no database'); }],
  ])('that %s rejects the client, which may try again', async (title, authorize) => {
    const { result, say, sent } = accept({ authorize });
    say(AS_USER_7);
    await until(() => sent() === 'REJECTED EXTERNAL\r\n');
    for (let i = 0; i < 5; i++) say('AUTH EXTERNAL 37\r\n');
    const error: unknown = await result.catch((rejection: unknown) => rejection);
    expect(error).toMatchObject({ code: 'TOO_MANY_REJECTIONS' });
    const hasCause = title === 'throws' || title === 'returns a rejected promise';
    expect((error as Error).cause).toEqual(hasCause ? new Error('no database') : undefined);
  });

  test('pauses reading while it decides, and loses none of the bytes that arrive meanwhile', async () => {
    const decision = deferred<boolean>();
    const { stream, result, say, sent } = accept({ authorize: () => decision.promise });
    say(AS_USER_7);
    await until(() => stream.isPaused());
    say('BEGIN\r\nl\x01');
    decision.resolve(true);
    expect(await received((await result).transport, 2)).toBe('l\x01');
    expect(sent()).toBe(OK);
  });

  test('has no effect if it decides after the end of the handshake', async () => {
    const decision = deferred<boolean>();
    const { stream, result, say, sent } = accept({ authorize: () => decision.promise, timeout: 20 });
    say(AS_USER_7);
    await expect(result).rejects.toMatchObject({ code: 'AUTH_TIMED_OUT' });
    decision.resolve(true);
    await decision.promise;
    expect({ sent: sent(), isDestroyed: stream.destroyed }).toEqual({ sent: '', isDestroyed: true });
  });

  test('is not asked about a client that no mechanism accepts, and is asked about an anonymous one', async () => {
    const claims: ServerClaim[] = [];
    const authorize = (claim: ServerClaim): boolean => claims.push(claim) > 0;
    const { result, say } = accept({ authorize, mechanisms: [user7, anonymousServer()] });
    say('\0AUTH EXTERNAL 38\r\nAUTH ANONYMOUS\r\nBEGIN\r\n');
    expect((await result).identity).toEqual({ mechanism: 'ANONYMOUS', uid: undefined });
    expect(claims).toEqual([{ mechanism: 'ANONYMOUS', identity: undefined }]);
  });
});
