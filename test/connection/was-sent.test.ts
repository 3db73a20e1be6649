// Whether the error of a call says truly that its message had left this process, when the connection ends: engine.ts
// compares where the message ends with what stream-transport.ts has given to its stream.
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { connectionOn } from '../../src/connection/connection.js';
import { StreamTransport } from '../../src/transport/stream-transport.js';
import { GUID } from './fake-server.js';

const METHOD = { path: '/', interface: 'com.example.I', member: 'Method' } as const;

/** A connection whose other side takes chunks until `isStuck` is set. */
function startConnection() {
  const state = { isStuck: false, chunks: 0 };
  const stream = new Duplex({
    read: () => {},
    write: (_chunk, _encoding, done) => {
      state.chunks++;
      if (!state.isStuck) done();
    },
  });
  const connection = connectionOn(new StreamTransport(stream, { guid: GUID, rest: new Uint8Array(0) }));
  const failureOf = (call: Promise<unknown>): Promise<unknown> => call.then(() => 'replied', (error: unknown) => error);
  return { connection, stream, state, failureOf };
}

const sent = expect.objectContaining({ code: 'CONNECTION_CLOSED', wasSent: true });
const notSent = expect.objectContaining({ code: 'CONNECTION_CLOSED', wasSent: false });

test('a call that was written before the connection ends counts as sent', async () => {
  const { connection, stream, failureOf } = startConnection();
  const failure = failureOf(connection.call(METHOD));
  await turn();
  stream.destroy(new Error('the end'));
  expect(await failure).toEqual(sent);
});

test('a call in or after the turn in which the connection ends counts as not sent', async () => {
  const { connection, stream, state, failureOf } = startConnection();
  const early = failureOf(connection.call(METHOD));
  await turn();
  const failures = [failureOf(connection.call(METHOD))];
  stream.destroy(new Error('the end'));
  failures.push(failureOf(connection.call(METHOD)));
  expect(await Promise.all(failures)).toEqual([notSent, notSent]);
  expect([await early, state.chunks]).toEqual([sent, 1]);
  await connection.closed;
  expect(await failureOf(connection.call(METHOD))).toEqual(notSent);
});

test('calls that wait because the other side does not read count as not sent', async () => {
  const { connection, stream, state, failureOf } = startConnection();
  state.isStuck = true;
  const first = failureOf(connection.call(METHOD));
  await turn();
  const body = [new Uint8Array(300_000)] as const; // longer than one piece of 256 KiB
  const second = failureOf(connection.call({ ...METHOD, signature: 'ay', body }));
  await turn();
  stream.destroy(new Error('the end'));
  expect([await first, await second]).toEqual([sent, notSent]);
});

test('a message of which only the first piece is written counts as not sent', async () => {
  const { connection, stream, state, failureOf } = startConnection();
  state.isStuck = true;
  const body = [new Uint8Array(300_000)] as const;
  const failure = failureOf(connection.call({ ...METHOD, signature: 'ay', body }));
  await turn();
  expect(state.chunks).toBe(1);
  stream.destroy(new Error('the end'));
  expect(await failure).toEqual(notSent);
});

test('a call that is queued when close() begins is sent, and counts as sent', async () => {
  const { connection, stream, state, failureOf } = startConnection();
  const failure = failureOf(connection.call(METHOD));
  const closing = connection.close();
  stream.push(null);
  expect(await failure).toEqual(sent);
  await closing;
  expect(state.chunks).toBe(1);
});

test('the error of the connection itself is not about a message', async () => {
  const { connection, stream } = startConnection();
  stream.destroy(new Error('the end'));
  expect(await connection.closed).toMatchObject({ wasSent: undefined, cause: { message: 'the end' } });
});
