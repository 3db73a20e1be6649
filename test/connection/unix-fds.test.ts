// Messages that refer to file descriptors are refused by the connection they are sent on, and nothing of them is sent.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Connection } from '../../src/connection/connection.js';
import type { Subscription } from '../../src/connection/subscription.js';
import { type Message, methodReturn, signal, variant } from '../../src/wire/index.js';
import { startPair } from './fake-server.js';
import { queuedSignals } from './queued.js';

let pair: Awaited<ReturnType<typeof startPair<false>>>;
let signals: Subscription;
let calls: Message[];
beforeEach(async () => {
  pair = await startPair();
  calls = [];
  signals = pair.other.subscribe({});
  pair.other.handleMethodCalls((call) => {
    calls.push(call);
    pair.other.send(methodReturn(call));
  });
});
afterEach(() => pair[Symbol.asyncDispose]());

const where = { path: '/com/example', interface: 'com.example.Test', member: 'Opened' };
/** The messages that have arrived; all that were sent before the reply to a Ping are there. */
const received = async (): Promise<Message[]> => [...(await queuedSignals(signals)), ...calls];
/** Resolves after everything that was sent before has arrived. */
const ping = (connection: Connection): Promise<unknown> => connection.call({ path: '/', member: 'Ping' });

test('a call with a descriptor rejects with its place, and the connection stays open', async () => {
  const call = { path: '/', member: 'Take', signature: 'a{sv}', body: [{ fd: variant('h', 0) }] } as const;
  await expect(pair.one.call(call)).rejects.toMatchObject({
    name: 'MarshalError', code: 'UNIX_FD_NOT_SENDABLE', path: 'body[0]["fd"]',
  });
  await ping(pair.one);
  expect((await received()).map(({ member }) => member)).toEqual(['Ping']);
});

test('a signal that promises a descriptor is refused', async () => {
  expect(() => pair.one.send({ ...signal(where), unixFds: 1 })).toThrow(/^com\.example\.Test\.Opened: header\.UNIX_FDS: file descriptors cannot/);
  await ping(pair.one);
  expect((await received()).map(({ member }) => member)).toEqual(['Ping']);
});

test('an empty array of descriptors is sent', async () => {
  pair.one.send(signal({ ...where, signature: 'ah', body: [[]] }));
  await ping(pair.one);
  expect((await received())[0]).toMatchObject({ member: 'Opened', signature: 'ah', body: [[]] });
});

test('a message with a descriptor that is sent while another is written is refused too', async () => {
  let refused: unknown;
  const body = [{
    get a() {
      try {
        pair.one.send(signal({ ...where, member: 'Nested', signature: 'h', body: [0] }));
      } catch (error) {
        refused = error;
      }
      pair.one.send(signal({ ...where, member: 'Fine' }));
      return '';
    },
  }] as const;
  pair.one.send(signal({ ...where, signature: 'a{ss}', body }));
  await ping(pair.one);
  expect(refused).toMatchObject({ code: 'UNIX_FD_NOT_SENDABLE', path: 'body[0]' });
  expect((await received()).map(({ member }) => member).sort()).toEqual(['Fine', 'Opened', 'Ping']);
});

test('messages with descriptors are refused, however often the output buffers are exchanged', async () => {
  for (let turn = 0; turn < 8; turn++) {
    pair.one.send(signal({ ...where, signature: 'ay', body: [new Uint8Array(turn * 100_000)] }));
    await ping(pair.one);
    expect(() => pair.one.send(signal({ ...where, signature: 'h', body: [0] }))).toThrow(/^com\.example\.Test\.Opened: argument 0: file desc/);
  }
});
