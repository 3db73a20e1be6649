// Connections over transports that are open already: a pair in memory, and a transport of the application.
import { MessageChannel } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { busOver, connectionOver } from '../../src/connection/over-transport.js';
import { ErrorName } from '../../src/protocol/error-names.js';
import { memoryPair } from '../../src/transport/memory-pair.js';
import type { Transport } from '../../src/transport/transport.js';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { errorReply, type MethodCall, methodReturn } from '../../src/wire/messages/message.js';

type Reply = ReturnType<typeof methodReturn> | ReturnType<typeof errorReply> | undefined;

/** One end of a pair whose other end answers calls. */
function served(answer: (call: MethodCall) => Reply) {
  const [client, server] = memoryPair();
  const connection = connectionOver(server);
  const calls: string[] = [];
  connection.handleMethodCalls((call) => {
    calls.push(call.member);
    const reply = answer(call);
    if (reply !== undefined) connection.send(reply);
  });
  return { client, connection, calls };
}

const asBus = (call: MethodCall): Reply => methodReturn(call, { signature: 's', body: [':1.7'] });

describe('a bus over a transport', () => {
  test('sends Hello first, and has the unique name in its reply', async () => {
    const { client, calls } = served(asBus);
    await using bus = await busOver(client);
    expect(bus.uniqueName).toBe(':1.7');
    expect(bus.guid).toBe(client.guid);
    expect(calls).toEqual(['Hello']);
  });

  test.each<[what: string, answer: (call: MethodCall) => Reply, options: object, error: object]>([
    ['an error', (call) => errorReply(call, { errorName: ErrorName.LIMITS_EXCEEDED, message: 'full' }), {},
      { name: 'DBusError', message: 'full' }],
    ['another type', (call) => methodReturn(call), {}, { name: 'UnexpectedSignatureError' }],
    ['nothing', () => undefined, { timeout: 20 }, { name: 'CallTimeoutError' }],
    ['nothing before the abort', () => undefined, { signal: AbortSignal.timeout(20) }, { name: 'TimeoutError' }],
  ])('fails if the reply to Hello is %s, and the transport ends', async (_, answer, options, error) => {
    const { client, connection } = served(answer);
    await expect(busOver(client, options)).rejects.toMatchObject(error);
    expect(await connection.closed).toMatchObject({ cause: { name: 'EndOfStreamError' } });
  });

  test('fails if its AbortSignal has aborted, and the transport ends without Hello', async () => {
    const { client, connection, calls } = served(asBus);
    const reason = new Error('enough');
    await expect(busOver(client, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await connection.closed;
    expect(calls).toEqual([]);
  });
});

describe('what is not a transport or an option is refused', () => {
  const must = 'the transport must be an object with the methods start, write, flush, drained, end, destroy';
  test.each<[value: unknown, shown: string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    ['unix:path=/a', 'string "unix:path=/a"'],
    [{ start: () => {} }, 'an object of class Object'],
    [[], 'an array of 0'],
    [Promise.resolve(memoryPair()[0]), 'a promise: await it first'],
  ])('%j', async (value, shown) => {
    expect(() => connectionOver(value as never)).toThrow(`${must}, got ${shown}`);
    await expect(busOver(value as never)).rejects.toThrow(`${must}, got ${shown}`);
  });

  test('options', async () => {
    const [transport] = memoryPair();
    expect(() => connectionOver(transport, { timeout: 1 } as never)).toThrow('connectionOver: unknown option "timeout"');
    await expect(busOver(transport, { uid: '0' } as never)).rejects.toThrow('busOver: unknown option "uid"');
    await expect(busOver(transport, { timeout: -1 })).rejects.toThrow('busOver: "timeout" must be a number of');
  });
});

/** The least transport: it sends each message at once, and never counts what waits. */
function portTransport(port: import('node:worker_threads').MessagePort): Transport {
  let cause: Error | undefined;
  return {
    guid: '00112233445566778899aabbccddeeff',
    queuedBytes: 0,
    isCongested: false,
    start: ({ receive, end }) => {
      port.on('message', receive);
      port.on('close', () => end(cause));
    },
    write: (message, { serial }) => port.postMessage(encodeMessage(message, { serial, allowUnixFds: false })),
    flush: () => {},
    drained: () => Promise.resolve(),
    end: () => port.close(),
    destroy: (error) => {
      cause = error;
      port.close();
    },
  };
}

test('a transport of the application over a MessagePort carries calls, and its end ends the connection', async () => {
  const { port1, port2 } = new MessageChannel();
  const client = connectionOver(portTransport(port1));
  const server = connectionOver(portTransport(port2));
  server.handleMethodCalls((call) => void server.send(methodReturn(call, { signature: 's', body: [call.member] })));
  const results = await Promise.all(['A', 'B'].map((member) => client.call({ path: '/', member, replySignature: 's' })));
  expect(results).toEqual([['A'], ['B']]);
  await client.close();
  expect((await server.closed).cause).toBeUndefined();
});
