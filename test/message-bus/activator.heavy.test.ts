// A message of nearly the greatest length to a service that is not running: with the SENDER field that the bus adds, it
// is too long. Specification: Message Bus Starting Services, Message Format (maximum length).

import { expect, test } from 'vitest';
import { NO_ACTIVATOR, type Waiting } from '../../src/message-bus/activator.js';
import { ownProcess } from '../../src/message-bus/identity.js';
import { MessageBus } from '../../src/message-bus/message-bus.js';
import { memoryPair } from '../../src/transport/memory-pair.js';
import { encodeMessage } from '../../src/wire/index.js';
import { callTo, RawClient } from '../support/raw-client.js';

const NAME = 'com.example.Startable1';
const MAX_LENGTH = 2 ** 27;

test.each([
  ['that is too long with its SENDER field disconnects its sender, not the service that takes the name', 0, true],
  ['that has the greatest length with its SENDER field is delivered', 24, false],
])('a message %s', async (_, shorter, isTooLong) => {
  const waiting: Waiting[] = [];
  const bus = new MessageBus({
    activator: () => ({
      ...NO_ACTIVATOR,
      names: () => [NAME],
      start: (_, waiter) => waiting.push(waiter) > 0,
      nameTaken: (name) => {
        if (name === NAME) for (const waiter of waiting.splice(0)) waiter.deliver();
      },
    }),
  });
  const connect = async (): Promise<RawClient> => {
    const [ours, theirs] = memoryPair();
    bus.accept(ours, ownProcess());
    const client = new RawClient(theirs);
    await client.hello();
    return client;
  };
  const [sender, service] = [await connect(), await connect()];
  const longest = (length: number) => callTo(NAME, {
    signature: 'ayay', body: [new Uint8Array(MAX_LENGTH / 2 - 100), new Uint8Array(length)],
  });
  sender.send(longest(MAX_LENGTH - shorter - encodeMessage(longest(0), { serial: 1 }).length));
  await (isTooLong ? sender.ended : sender.sync());
  expect((await service.ask('RequestName', 'su', [NAME, 0])).body).toEqual([1]);
  expect([service.isEnded, service.log.some(({ member }) => member === 'Do')]).toEqual([false, !isTooLong]);
  await bus.close();
});
