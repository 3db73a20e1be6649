// One connection and its peer, which is the work of its engine (engine.ts): calls and how they end, output in few
// pieces, and the end of the connection in good order.
import { getEventListeners } from 'node:events';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { CallOptions } from '../../src/connection/call-options.js';
import { type Connection, connectionOn, openConnection } from '../../src/connection/connection.js';
import { StreamTransport } from '../../src/transport/stream-transport.js';
import { MessageFlag } from '../../src/wire/constants.js';
import { MessageReader } from '../../src/wire/messages/framing.js';
import { errorReply, methodCall, type MethodCall, methodReturn, signal } from '../../src/wire/messages/message.js';
import { variant } from '../../src/wire/variant.js';
import { GUID, type Link, startFakeServer, startLink, startPair } from './fake-server.js';
import { rawMessage } from './raw-message.js';
import { nextSignal, until } from '../support/waiting.js';
import { uncaughtException } from './uncaught.js';

const METHOD = { path: '/', member: 'Method' } as const;
const happened = (n = 0) => signal({ path: '/', interface: 'a.B', member: 'Happened', signature: 'u', body: [n] });

/** A call that is answered with the reply that `reply` makes. */
async function answered(
  link: Link,
  options: Partial<CallOptions>,
  reply: (call: MethodCall) => ReturnType<typeof methodReturn> | ReturnType<typeof errorReply>,
): Promise<unknown> {
  const result = link.connection.call({ ...METHOD, ...options });
  link.peer.send(reply(await link.peer.call('Method')));
  return await result;
}

describe('a call', () => {
  test('is sent with all its options', async () => {
    await using link = await startLink();
    const result = link.connection.call({
      destination: 'com.example.A', path: '/a', interface: 'a.B', member: 'Method', signature: 'sv',
      body: ['text', variant('u', 7)], noAutoStart: true, allowInteractiveAuthorization: true,
    });
    const call = await link.peer.call('Method');
    expect(call).toMatchObject({
      type: 'method_call', destination: 'com.example.A', path: '/a', interface: 'a.B', signature: 'sv',
      body: ['text', { signature: 'u', value: 7 }], sender: undefined,
      flags: MessageFlag.NO_AUTO_START | MessageFlag.ALLOW_INTERACTIVE_AUTHORIZATION,
    });
    link.peer.send(methodReturn(call, { signature: 'as', body: [['x']] }));
    expect(await result).toEqual([['x']]);
  });

  test('resolves with an empty body if the reply has no body', async () => {
    await using link = await startLink();
    expect(await answered(link, {}, (call) => methodReturn(call))).toEqual([]);
  });

  test.each<[what: string, parts: Parameters<typeof errorReply>[1], expected: object]>([
    [
      'its text', { errorName: 'a.Error', message: 'no' },
      { errorName: 'a.Error', message: 'no', signature: 's', body: ['no'] },
    ],
    ['no text', { errorName: 'a.Error' }, { errorName: 'a.Error', message: 'a.Error', signature: '', body: [] }],
    [
      'other arguments', { errorName: 'a.Error', signature: 'us', body: [7, 'x'] },
      { errorName: 'a.Error', message: 'a.Error', signature: 'us', body: [7, 'x'] },
    ],
  ])('rejects with the error reply, with %s', async (_, parts, expected) => {
    await using link = await startLink();
    await expect(answered(link, {}, (call) => errorReply(call, parts))).rejects.toMatchObject({
      name: 'DBusError', ...expected,
    });
  });

  test('rejects if the reply has another signature than replySignature', async () => {
    await using link = await startLink();
    const result = answered(link, { replySignature: 's' }, (call) => methodReturn(call, { signature: 'u', body: [1] }));
    await expect(result).rejects.toMatchObject({ code: 'UNEXPECTED_SIGNATURE', expected: 's', actual: 'u' });
  });

  test('times out; a later reply is dropped and counted', async () => {
    await using link = await startLink();
    const result = link.connection.call({ ...METHOD, interface: 'a.B', destination: 'a.C', timeout: 20 });
    await expect(result).rejects.toMatchObject({
      code: 'CALL_TIMED_OUT', timeout: 20, message: 'no reply to a.B.Method of / at a.C within 20 ms',
    });
    link.peer.send(methodReturn(await link.peer.call('Method')), happened());
    await nextSignal(link.connection);
    expect([...link.connection.dropped]).toEqual([['unexpected reply', 1]]);
  });

  test('rejects with the reason of its AbortSignal, and leaves no listener on it', async () => {
    await using link = await startLink();
    const abort = new AbortController();
    const results = [1, 2, 3].map(() => link.connection.call({ ...METHOD, signal: abort.signal }));
    await link.peer.call('Method');
    const reason = new Error('enough');
    abort.abort(reason);
    expect(await Promise.allSettled(results)).toEqual(results.map(() => ({ status: 'rejected', reason })));
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
  });

  test.each([{}, { noReply: true }])('is not sent if its AbortSignal has aborted: %j', async (options) => {
    await using link = await startLink();
    const reason = new Error('enough');
    const result = link.connection.call({ ...METHOD, ...options, signal: AbortSignal.abort(reason) });
    await expect(result).rejects.toBe(reason);
    await answered(link, {}, (call) => methodReturn(call));
    expect(link.peer.messages).toHaveLength(1);
  });

  test('with noReply resolves as soon as it is queued', async () => {
    await using link = await startLink();
    expect(await link.connection.call({ ...METHOD, noReply: true })).toEqual([]);
    expect(await link.peer.call('Method')).toMatchObject({ flags: MessageFlag.NO_REPLY_EXPECTED });
    link.peer.send(methodReturn(await link.peer.call('Method')), happened());
    await nextSignal(link.connection);
    expect([...link.connection.dropped]).toEqual([['unexpected reply', 1]]);
  });

  test.each<[what: string, options: object, expected: object]>([
    ['an invalid path', { path: 'a' }, { code: 'NAME_INVALID', kind: 'object path' }],
    ['an invalid member', { member: 'a.b' }, { code: 'NAME_INVALID', kind: 'member name' }],
    ['an invalid destination', { destination: 'a' }, { code: 'NAME_INVALID', kind: 'bus name' }],
    ['an invalid signature', { signature: 'a', body: [[]] }, { code: 'SIGNATURE_INVALID' }],
    ['a value that does not fit', { signature: 'u', body: [-1] }, { code: 'VALUE_OUT_OF_RANGE', path: 'body[0]' }],
    ['a body without a signature', { body: [1] }, { code: 'VALUE_COUNT_MISMATCH' }],
    ['too large an array', { signature: 'ay', body: [new Uint8Array(2 ** 26 + 1)] }, { code: 'ARRAY_TOO_LONG' }],
  ])('with %s rejects, and nothing is sent', async (_, options, expected) => {
    await using link = await startLink();
    await expect(link.connection.call({ ...METHOD, ...options })).rejects.toMatchObject(expected);
    await answered(link, {}, (call) => methodReturn(call));
    expect(link.peer.messages).toHaveLength(1);
  });

  test('gets its own reply, in whatever order the replies arrive', async () => {
    await using link = await startLink();
    const results = ['A', 'B', 'C'].map((member) => link.connection.call({ path: '/', member }));
    const replies = await Promise.all(['C', 'A', 'B'].map((member) => link.peer.call(member)));
    link.peer.send(...replies.map((call) => methodReturn(call, { signature: 's', body: [call.member] })));
    expect(await Promise.all(results)).toEqual([['A'], ['B'], ['C']]);
  });
});

test('the serials of calls cannot be predicted from those of earlier ones', async () => {
  await using link = await startLink({ answer: (call) => methodReturn(call) });
  const { connection, peer } = link;
  for (let i = 0; i < 4; i++) await connection.call(METHOD);
  const serials = peer.messages.map(({ serial }) => serial);
  const differences = serials.slice(1).map((serial, index) => serial - serials[index]!);
  expect(new Set(differences).size).toBe(3);
  expect(Math.max(...serials)).toBeGreaterThan(2 ** 16); // by chance not in one of 2^64 runs
});

describe('messages that are sent in one turn of the event loop', () => {
  test('are sent in one write', async () => {
    const writes: Uint8Array[] = [];
    const sink = new Duplex({
      read: () => {},
      write: (chunk: Uint8Array, _, done) => {
        writes.push(Uint8Array.from(chunk));
        setImmediate(done);
      },
    });
    const connection = connectionOn(new StreamTransport(sink, { guid: GUID, rest: new Uint8Array(0) }));
    const turns = [300, 1, 150];
    for (const messages of turns) {
      for (let i = 0; i < messages; i++) connection.send(happened(i));
      await until(() => connection.queuedBytes === 0);
    }
    const counts = writes.map((bytes) => new MessageReader().push(bytes).map(({ body }) => body[0]));
    expect(counts).toEqual(turns.map((messages) => Array.from({ length: messages }, (_, i) => i)));
    await connection.close({ timeout: 0 });
  });

  test('arrive in few chunks', async () => {
    await using link = await startLink();
    const before = link.peer.chunks.length;
    for (let i = 0; i < 1_000; i++) link.connection.send(happened(i));
    expect(link.connection.queuedBytes).toBeGreaterThan(50_000);
    await answered(link, {}, (call) => methodReturn(call));
    expect(link.peer.messages).toHaveLength(1_001);
    expect(link.peer.chunks.length - before).toBeLessThan(6); // of 64 KiB: no reader takes more at once
    expect(link.connection.queuedBytes).toBe(0);
  });

  test('are sent without a further call', async () => {
    await using link = await startLink();
    link.connection.send(happened(7));
    expect(await link.peer.received(({ type }) => type === 'signal')).toMatchObject({ body: [7] });
  });

  test('stay complete if the getter of a value sends another message', async () => {
    await using link = await startLink();
    const { connection, peer } = link;
    const large = 'x'.repeat(5_000); // makes the output buffer grow meanwhile
    const body = (depth: number): unknown[] => [{
      get first() {
        const inner = { ...happened(), signature: 'a{ss}s' };
        if (depth > 0) connection.send({ ...inner, body: [...body(depth - 1), `inner ${depth}`] });
        return large;
      },
      second: 'y',
    }];
    connection.send({ ...happened(), signature: 'a{ss}s', body: [...body(2), 'outer'] });
    connection.send({ ...happened(), signature: 's', body: ['next'] });
    await answered(link, {}, (call) => methodReturn(call));
    const dict = new Map([['first', large], ['second', 'y']]);
    const signals = peer.messages.filter(({ type }) => type === 'signal');
    expect(signals.map(({ body: values }) => values.at(-1)).sort()).toEqual(['inner 1', 'inner 2', 'next', 'outer']);
    const dicts = signals.filter(({ signature }) => signature !== 's').map(({ body: [value] }) => value);
    expect(dicts).toEqual([dict, dict, dict]);
    expect(new Set(signals.map(({ serial }) => serial)).size).toBe(4);
  });

  test('are sent without a refused one, and with those that its getter has sent', async () => {
    await using link = await startLink();
    const { connection, peer } = link;
    connection.send(happened(1));
    const body = [{
      get a() {
        connection.send(happened(2));
        return 'x';
      },
      b: 7,
    }];
    expect(() => connection.send({ ...happened(), signature: 'a{ss}', body })).toThrow(expect.objectContaining({
      code: 'VALUE_TYPE_MISMATCH', path: 'body[0]["b"]',
    }));
    connection.send(happened(3));
    await answered(link, {}, (call) => methodReturn(call));
    expect(peer.messages.map(({ body: [value] }) => value)).toEqual([1, 2, 3, undefined]);
  });

  test('may be a call with a getter that closes the connection', async () => {
    await using link = await startLink();
    let closing: Promise<void> | undefined;
    const body: [Record<string, string>] = [{
      get a() {
        closing = link.connection.close();
        return 'x';
      },
    }];
    const result = link.connection.call({ ...METHOD, signature: 'a{ss}', body });
    await expect(result).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await closing;
  });
});

describe('an exception', () => {
  test.each<[what: string, attach: (connection: Connection) => void]>([
    ['a handler of method calls', (connection) => void connection.handleMethodCalls(() => { throw new Error('ours') })],
    ['a handler that returns a promise', (connection) => void connection.handleMethodCalls(() => Promise.reject(new Error('ours')))],
  ])('of %s becomes an uncaught exception of the process, and the next message is delivered', async (_, attach) => {
    await using link = await startLink();
    attach(link.connection);
    const uncaught = uncaughtException();
    const result = link.connection.call({ path: '/', member: 'Other' });
    const other = await link.peer.call('Other');
    link.peer.send(happened(), { ...methodCall(METHOD), sender: ':1.1' } as MethodCall, methodReturn(other));
    expect(await result).toEqual([]);
    expect(await uncaught).toMatchObject({ message: 'ours' });
  });
});

describe('close', () => {
  test('lets running handlers reply, and refuses calls that arrive meanwhile', async () => {
    await using link = await startLink();
    const { connection, peer } = link;
    let finish!: () => void; // set by the promise below
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    connection.handleMethodCalls(async (call) => {
      await finished;
      connection.send(methodReturn(call, { signature: 'ay', body: [new Uint8Array(2 ** 20).fill(7)] }));
    });
    peer.send({ ...methodCall({ path: '/', member: 'First' }), serial: 70 }, happened());
    await nextSignal(connection);
    const waiting = connection.call(METHOD);
    waiting.catch(() => {});
    const closed = connection.close();
    peer.send(peer.encode({ ...methodCall({ path: '/', member: 'Second' }), serial: 71 }, { serial: 71 }));
    expect(await peer.reply(71)).toMatchObject({ type: 'error', errorName: 'org.freedesktop.DBus.Error.Disconnected' });
    finish();
    const reply = await peer.received(({ signature }) => signature === 'ay');
    expect(Buffer.compare(reply.body[0] as Uint8Array, new Uint8Array(2 ** 20).fill(7))).toBe(0);
    await closed;
    const error = await connection.closed;
    expect(error).toMatchObject({ code: 'CONNECTION_CLOSED' });
    expect(error.cause).toBeUndefined();
    await expect(waiting).rejects.toMatchObject({ code: 'CONNECTION_CLOSED', cause: undefined });
    expect(connection.closedSignal.reason).toBe(error);
    await expect(connection.call(METHOD)).rejects.toMatchObject({ code: 'CONNECTION_CLOSED', cause: undefined });
    await connection.close();
  });

  test('sends everything that was queued before', async () => {
    await using link = await startLink();
    const large = { ...happened(), signature: 'ay', body: [new Uint8Array(50_000)] };
    for (let i = 0; i < 100; i++) link.connection.send(large);
    await link.connection.close();
    expect(link.peer.messages).toHaveLength(100);
  });

  test.each<[what: string, timeout: number]>([
    ['a handler that never ends', 50],
    ['a handler that never ends, for two calls of close()', Infinity],
  ])('is done in time despite %s', async (_, timeout) => {
    await using link = await startLink();
    link.connection.handleMethodCalls(() => new Promise(() => {}));
    link.peer.send(methodCall(METHOD), happened());
    await nextSignal(link.connection);
    const closing = link.connection.close({ timeout });
    if (timeout > 50) await link.connection.close({ timeout: 50 });
    await closing;
    const error = await link.connection.closed;
    expect([error.message, error.cause]).toEqual(['the connection was closed', undefined]);
  });

  test('is done in time despite a peer that reads nothing and never ends its side', async () => {
    await using server = await startFakeServer({ onBegin: (socket) => void socket.pause() });
    const connection = await openConnection(server.address);
    connection.send({ ...happened(), signature: 'ay', body: [new Uint8Array(2 ** 24)] });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const closing = connection.close({ timeout: 50 });
    vi.advanceTimersByTime(50);
    await closing;
  });

  test('delivers nothing that arrives after it', async () => {
    await using link = await startLink();
    const { connection, peer } = link;
    let handed = 0;
    const signals = connection.subscribe({});
    connection.handleMethodCalls(() => void handed++);
    let seen = false;
    peer.socket.prependListener('end', () => {
      seen = true;
      peer.send(happened(), methodCall(METHOD));
    });
    await connection.close();
    await expect(signals.next()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    expect([seen, handed]).toEqual([true, 0]);
  });

  test('may wait without limit', async () => {
    await using link = await startLink();
    const { connection, peer } = link;
    connection.handleMethodCalls(async (call) => {
      await sleep(50);
      connection.send(methodReturn(call));
    });
    peer.send({ ...methodCall(METHOD), serial: 70 }, happened());
    await nextSignal(connection);
    await connection.close({ timeout: Infinity });
    expect(peer.messages.filter(({ type }) => type === 'method_return')).toHaveLength(1);
  });

  test('reports a cause if the peer ends the connection meanwhile', async () => {
    await using link = await startLink();
    link.connection.handleMethodCalls(() => new Promise(() => {}));
    link.peer.send(methodCall(METHOD), happened());
    await nextSignal(link.connection);
    const closing = link.connection.close();
    link.peer.socket.destroy();
    await closing;
    expect(await link.connection.closed).toMatchObject({ cause: { code: expect.any(String) } });
  });

  test('also ends the other side if that is a connection of this library', async () => {
    await using pair = await startPair();
    await pair.one.close();
    expect(await pair.other.closed).toMatchObject({ cause: { code: 'END_OF_STREAM' } });
  });

  test('is called by `await using`', async () => {
    await using server = await startFakeServer();
    let ended: Connection;
    {
      await using connection = await openConnection(server.address);
      ended = connection;
    }
    expect((await ended.closed).message).toBe('the connection was closed');
  });
});

test('many listeners on closedSignal cause no warning about leaks', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  await using link = await startLink();
  for (let i = 0; i < 50; i++) link.connection.closedSignal.addEventListener('abort', () => {});
  await new Promise(setImmediate);
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
});

test('every message is refused after the end of the connection, and the error names it', async () => {
  await using link = await startLink();
  await link.connection.close();
  const call = { ...methodCall(METHOD), serial: 7 };
  expect(() => link.connection.send(happened())).toThrow('a.B.Happened of / was not sent: the connection was closed');
  expect(() => link.connection.send(methodReturn(call))).toThrow(
    'a message of type method_return, reply to serial 7, was not sent: the connection was closed',
  );
  expect(() => link.connection.send(undefined as never)).toThrow('send: the message must be an object, got undefined');
});

describe('a call that fails while it waits', () => {
  const METHOD_AT = { ...METHOD, interface: 'a.B', destination: 'a.C' } as const;

  /** The error with which a call fails, with the stack of the function that awaits it. */
  async function failureOf(userCode: () => Promise<unknown>): Promise<Error> {
    try {
      await userCode();
    } catch (error) {
      return error as Error; // every error of this library is one
    }
    throw new Error('the call did not fail');
  }

  test.each<[what: string, end: (link: Link) => void, message: string]>([
    ['the peer', ({ peer }) => void peer.socket.destroy(), 'the connection has ended: the peer closed the connection'],
    ['this side', ({ connection }) => void connection.close(), 'the connection was closed'],
  ])('because %s ends the connection names the call, and its stack shows the caller', async (_, end, message) => {
    await using link = await startLink();
    const failure = failureOf(async function userCode() {
      await link.connection.call(METHOD_AT);
    });
    await link.peer.call('Method');
    end(link);
    const error = await failure;
    expect(error.message).toBe(`no reply to a.B.Method of / at a.C: ${message}`);
    expect(error.stack).toContain('userCode');
    expect(error).toMatchObject({ code: 'CONNECTION_CLOSED', cause: (await link.connection.closed).cause });
    const late = await failureOf(async function lateCode() {
      await link.connection.call(METHOD_AT);
    });
    expect(late.message).toBe(`a.B.Method of / at a.C was not sent: ${message}`);
    expect(late.stack).toContain('lateCode');
  });

  test('by an error of the peer names the call, and its stack shows the caller', async () => {
    await using link = await startLink({
      answer: (call) => errorReply(call, { errorName: 'a.Error.Busy', message: 'later' }),
    });
    const error = await failureOf(async function userCode() {
      await link.connection.call(METHOD_AT);
    });
    expect(error).toMatchObject({ errorName: 'a.Error.Busy', message: 'later', call: 'a.B.Method of / at a.C' });
    expect(error.stack).toContain('userCode');
  });

  test('by a reply of another signature rejects without a look at the body', async () => {
    await using link = await startLink();
    const failure = failureOf(async function userCode() {
      await link.connection.call({ ...METHOD_AT, replySignature: 's' });
    });
    const { serial } = await link.peer.call('Method');
    // A BOOLEAN of 2 is not valid.
    link.peer.send(rawMessage({ type: 2, fields: [[5, 'u', serial], [8, 'g', 'b']], body: Uint8Array.of(2, 0, 0, 0) }));
    const error = await failure;
    expect(error).toMatchObject({ code: 'UNEXPECTED_SIGNATURE', expected: 's', actual: 'b' });
    expect(error.stack).toContain('userCode');
    expect([...link.connection.dropped]).toEqual([]);
  });

  test('because its replySignature is not valid sends nothing', async () => {
    await using link = await startLink();
    const error = await failureOf(async function userCode() {
      await link.connection.call({ ...METHOD_AT, replySignature: 'not a sig' as never });
    });
    expect(error).toMatchObject({ name: 'SignatureError', interface: 'a.B', member: 'Method' });
    expect(error.stack).toContain('userCode');
    expect(link.connection.queuedBytes).toBe(0);
  });

  test('by its timeout has the caller in its stack', async () => {
    await using link = await startLink();
    const error = await failureOf(async function userCode() {
      await link.connection.call({ ...METHOD_AT, timeout: 1 });
    });
    expect(error).toMatchObject({ code: 'CALL_TIMED_OUT' });
    expect(error.stack).toContain('userCode');
  });
});
