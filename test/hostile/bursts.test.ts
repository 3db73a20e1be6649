// Bursts among programs that read: many long calls at once, and many short calls whose replies are long. Neither ends a
// connection, and what waits on the side that answers does not grow with the number of calls.
import { expect, test } from 'vitest';
import { type Message, methodCall, methodReturn } from '../../src/wire/messages/message.js';
import { startLink, startPair } from '../connection/fake-server.js';
import { extent, heavyTest } from '../support/extent.js';
import { MIB } from '../support/memory.js';
import { until } from '../support/waiting.js';

const METHOD = { path: '/', interface: 'a.B', member: 'Method' };

test('many calls of 1 MiB each, sent at once, are all answered', async () => {
  await using pair = await startPair();
  const COUNT = extent(40, 300);
  let handled = 0;
  pair.other.handleMethodCalls((call) => {
    handled++;
    pair.other.send(methodReturn(call, { signature: 'u', body: [(call.body[0] as Uint8Array).length] }));
  });
  const body = [new Uint8Array(MIB)] as const;
  const replies = await Promise.all(
    Array.from({ length: COUNT }, () => pair.one.call({ ...METHOD, signature: 'ay', body, replySignature: 'u' })),
  );
  expect(replies.flat()).toEqual(Array.from({ length: COUNT }, () => MIB));
  expect(handled).toBe(COUNT);
});

/** The most that waits on a side that answers `count` calls, which arrive in one chunk, with `length` bytes each. */
async function mostQueued(count: number, length: number): Promise<number> {
  await using link = await startLink();
  const { connection, peer } = link;
  const answer = new Uint8Array(length);
  let most = 0;
  connection.handleMethodCalls(async (call) => {
    for (let i = 0; i < 3; i++) await undefined; // as handlers do that are async functions
    connection.send(methodReturn(call, { signature: 'ay', body: [answer] }));
    most = Math.max(most, connection.queuedBytes);
  });
  let replies = 0;
  peer.receive = (chunk) => {
    replies += chunk.length; // the bytes are enough: decoding them takes longer than sending
  };
  const calls: Message[] = Array.from({ length: count }, () => methodCall(METHOD));
  peer.send(...calls);
  await until(() => replies > count * length);
  expect(connection.closedSignal.aborted).toBe(false);
  return most;
}

heavyTest('calls with long replies are handled only as fast as their replies are sent', async () => {
  const few = await mostQueued(extent(70, 140), 500_000);
  const many = await mostQueued(extent(280, 560), 500_000);
  expect(many).toBeLessThan(64 * MIB);
  expect(many).toBeLessThan(1.5 * few); // of four times as many calls
});
