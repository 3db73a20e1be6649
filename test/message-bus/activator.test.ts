// What the bus does for the part that starts services: what waits for a name, in which order it is delivered, and what
// happens if the service cannot be started or the one who waits leaves. The activator is the test's own.
// Specification: Message Bus Starting Services.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { NO_ACTIVATOR, type Waiting } from '../../src/message-bus/activator.js';
import { MessageBus } from '../../src/message-bus/message-bus.js';
import { ownProcess } from '../../src/message-bus/identity.js';
import { memoryPair } from '../../src/transport/memory-pair.js';
import { methodReturn } from '../../src/wire/index.js';
import { memoryInUse, MIB } from '../support/memory.js';
import { callTo, RawClient, signalOf } from '../support/raw-client.js';

const NAME = 'com.example.Startable1';
let bus: MessageBus;
let waiting: Set<Waiting>;
let environment: ReadonlyMap<string, string>;

async function connect(): Promise<RawClient> {
  const [ours, theirs] = memoryPair();
  bus.accept(ours, ownProcess());
  const client = new RawClient(theirs);
  await client.hello();
  return client;
}

beforeEach(() => {
  waiting = new Set();
  bus = new MessageBus({
    activator: () => ({
      ...NO_ACTIVATOR,
      names: () => [NAME],
      start: (name, waiter) => {
        if (name !== NAME) return false;
        waiting.add(waiter);
        waiter.onGone(() => waiting.delete(waiter));
        return true;
      },
      nameTaken: (name) => {
        if (name !== NAME) return;
        for (const waiter of waiting) waiter.deliver();
        waiting.clear();
      },
      updateEnvironment: (variables) => (environment = variables),
      reload: () => true,
    }),
  });
});
afterEach(() => bus.close());

test('messages wait for the name, and arrive after NameAcquired and before the reply to RequestName', async () => {
  const [caller, service] = [await connect(), await connect()];
  const serial = caller.send(callTo(NAME));
  caller.send(signalOf('Greeting', { destination: NAME }));
  const start = caller.ask('StartServiceByName', 'su', [NAME, 0]);
  await caller.sync();
  service.clear();
  await service.ask('RequestName', 'su', [NAME, 0]);
  expect(service.summary()).toEqual([`NameAcquired("${NAME}")`, 'Do()', 'Greeting()', 'reply(1)']);
  expect((await start).body).toEqual([1]);
  const call = await service.find(({ member }) => member === 'Do');
  expect(call).toMatchObject({ sender: caller.uniqueName, destination: NAME, serial });
  service.send(methodReturn(call, { signature: 's', body: ['done'] }));
  expect((await caller.replyTo(serial)).body).toEqual(['done']);
});

test('a failure goes to every client that waits for a reply', async () => {
  const caller = await connect();
  const call = caller.send(callTo(NAME));
  const start = caller.ask('StartServiceByName', 'su', [NAME, 0]);
  await caller.sync();
  for (const waiter of waiting) waiter.fail('org.freedesktop.DBus.Error.Spawn.ChildExited', 'it ended');
  for (const reply of [await caller.replyTo(call), await start]) {
    expect(reply).toMatchObject({ errorName: 'org.freedesktop.DBus.Error.Spawn.ChildExited', body: ['it ended'] });
  }
});

test('a message keeps no unknown header fields while it waits, and arrives without them', async () => {
  const [caller, service] = [await connect(), await connect()];
  const value = { signature: 'ay', value: new Uint8Array(8 * MIB) } as const;
  const before = memoryInUse();
  caller.send({ ...callTo(NAME, { signature: 's', body: ['text'] }), unknownFields: [{ code: 200, value }] });
  await caller.sync();
  expect(waiting.size).toBe(1);
  expect([...waiting][0]?.bytes).toBeLessThan(300);
  expect(memoryInUse() - before).toBeLessThan(4 * MIB);
  await service.ask('RequestName', 'su', [NAME, 0]);
  expect(await service.find(({ member }) => member === 'Do')).toMatchObject({ body: ['text'], unknownFields: [] });
});

test('a message is dropped if its sender leaves while it waits', async () => {
  const [caller, observer] = [await connect(), await connect()];
  caller.send(callTo(NAME));
  await caller.sync();
  expect(waiting.size).toBe(1);
  await caller[Symbol.asyncDispose]();
  await observer.sync();
  expect(waiting.size).toBe(0);
});

test('nothing is started for a call with NO_AUTO_START, or for a unique name', async () => {
  const caller = await connect();
  expect(await caller.request(callTo(NAME, { flags: 2 }))).toMatchObject({
    errorName: 'org.freedesktop.DBus.Error.NameHasNoOwner',
  });
  await caller.request(callTo(':1.999'));
  expect(waiting.size).toBe(0);
});

test('StartServiceByName returns 2 for a service that runs', async () => {
  const client = await connect();
  await client.ask('RequestName', 'su', [NAME, 0]);
  expect((await client.ask('StartServiceByName', 'su', [NAME, 0])).body).toEqual([2]);
});

test('the activator gets the variables for services, lists their names and reloads their files', async () => {
  const client = await connect();
  await client.ask('UpdateActivationEnvironment', 'a{ss}', [{ A: 'b' }]);
  expect(environment).toEqual(new Map([['A', 'b']]));
  expect((await client.ask('ListActivatableNames')).body).toEqual([['org.freedesktop.DBus', NAME]]);
  await client.ask('AddMatch', 's', ["member='ActivatableServicesChanged'"]);
  await client.ask('ReloadConfig');
  expect(client.summary()).toContain('ActivatableServicesChanged()');
});
