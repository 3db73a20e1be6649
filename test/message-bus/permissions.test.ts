// What a policy sees of each message, and what is refused. Policies of configuration files are tested on their own.
// Reference: dbus-daemon(1), policy.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { NO_ACTIVATOR } from '../../src/message-bus/activator.js';
import type { ClientPolicy, Passage } from '../../src/message-bus/client.js';
import { MessageBus } from '../../src/message-bus/message-bus.js';
import { ownProcess } from '../../src/message-bus/identity.js';
import { memoryPair } from '../../src/transport/memory-pair.js';
import type { MessageHeader } from '../../src/wire/messages/decode.js';
import { methodReturn } from '../../src/wire/index.js';
import { callTo, RawClient, signalOf } from '../support/raw-client.js';

let asked: string[];
let refused: string;
let bus: MessageBus;

const words = (side: string, { member }: MessageHeader, { peerNames, isEavesdropped }: Passage): string =>
  `${side} ${member} ${[...peerNames].join(',')}${isEavesdropped ? ' copy' : ''}`;

const policy: ClientPolicy = {
  mayOwn: (name) => !name.endsWith('Forbidden'),
  maySend: (message, passage) => {
    asked.push(words('send', message, passage));
    return !asked.at(-1)?.startsWith(refused);
  },
  mayReceive: (message, passage) => {
    asked.push(words('receive', message, passage));
    return !asked.at(-1)?.startsWith(refused);
  },
};

async function connect(): Promise<RawClient> {
  const [ours, theirs] = memoryPair();
  bus.accept(ours, ownProcess());
  const client = new RawClient(theirs);
  await client.hello();
  return client;
}

let one: RawClient;
let other: RawClient;
beforeEach(async () => {
  asked = [];
  refused = 'nothing';
  bus = new MessageBus({ policyFor: () => policy });
  [one, other] = [await connect(), await connect()];
  await other.ask('RequestName', 'su', ['com.example.Name1', 0]);
  asked = [];
});
afterEach(() => bus.close());

test('a name that a client must not own is refused', async () => {
  const reply = await one.ask('RequestName', 'su', ['com.example.Forbidden', 0]);
  const owner = 'Connection ":1.0" is not allowed to own the service "com.example.Forbidden"';
  expect(reply).toMatchObject({
    errorName: 'org.freedesktop.DBus.Error.AccessDenied',
    body: [`${owner} due to security policies in the configuration file`],
  });
});

test('the policies of both sides of a call are asked, with all names of the other side', async () => {
  one.send(callTo('com.example.Name1', { flags: 1 }));
  await other.find(({ member }) => member === 'Do');
  expect(asked).toEqual(['send Do :1.1,com.example.Name1', 'receive Do :1.0']);
});

test.each(['send Do', 'receive Do'])('a call is refused if one side refuses: %s', async (side) => {
  refused = side;
  const reply = await one.request(callTo(':1.1'));
  expect(reply).toMatchObject({ errorName: 'org.freedesktop.DBus.Error.AccessDenied' });
  const text = 'type="method_call" sender=":1.0" interface="com.example.Thing1" member="Do"';
  expect(reply.body[0]).toContain(`Rejected ${side.split(' ')[0]} message by the policy of the bus; ${text}`);
});

test('a call to the bus can be refused', async () => {
  refused = 'send GetId org.freedesktop.DBus';
  expect(await one.ask('GetId')).toMatchObject({ errorName: 'org.freedesktop.DBus.Error.AccessDenied' });
});

test('a broadcast that one side refuses is not delivered, and its sender gets no error', async () => {
  await other.ask('AddMatch', 's', ["member='Secret'"]);
  await one.ask('AddMatch', 's', ["member='Secret'"]);
  refused = 'send Secret :1.1';
  one.send(signalOf('Secret'));
  await one.find(({ member }) => member === 'Secret');
  await other.sync();
  expect(other.summary()).not.toContain('Secret()');
});

test('the policies are asked about a copy for an eavesdropper as a copy', async () => {
  const witness = await connect();
  await witness.ask('AddMatch', 's', ["member='Do',eavesdrop='true'"]);
  asked = [];
  one.send(callTo(':1.1', { flags: 1 }));
  await witness.find(({ member }) => member === 'Do');
  expect(asked.filter((line) => line.endsWith('copy'))).toEqual(['send Do :1.2 copy', 'receive Do :1.0 copy']);
});

test('a refused signal to one client is an error for its sender, as with dbus-daemon', async () => {
  refused = 'send Secret :1.1';
  const serial = one.send(signalOf('Secret', { destination: ':1.1' }));
  expect(await one.replyTo(serial)).toMatchObject({ errorName: 'org.freedesktop.DBus.Error.AccessDenied' });
});

test('monitors see the refusal of a broadcast', async () => {
  const monitor = await connect();
  await monitor.ask('BecomeMonitor', 'asu', [["type='error'"], 0], { interface: 'org.freedesktop.DBus.Monitoring' });
  await other.ask('AddMatch', 's', ["member='Secret'"]);
  refused = 'receive Secret';
  const serial = one.send(signalOf('Secret'));
  const shown = await monitor.find(({ errorName }) => errorName === 'org.freedesktop.DBus.Error.AccessDenied');
  expect(shown).toMatchObject({ sender: 'org.freedesktop.DBus', destination: ':1.0', replySerial: serial });
});

test('the policy can refuse a signal of the bus, but not a reply of the bus', async () => {
  refused = 'receive ';
  await other.ask('RequestName', 'su', ['com.example.Name2', 0]);
  expect(other.summary()).not.toContain('NameAcquired("com.example.Name2")');
});

test('an unrequested reply is dropped; if the policy refuses it, its sender gets an error', async () => {
  const unasked = methodReturn({ serial: 7, sender: ':1.1' });
  one.send(unasked);
  await one.sync();
  await other.sync();
  expect(other.summary()).not.toContain('reply(7)');
  refused = 'send undefined :1.1';
  const serial = one.send(unasked);
  expect(await one.replyTo(serial)).toMatchObject({ errorName: 'org.freedesktop.DBus.Error.AccessDenied' });
});

test('a service is not started for a message that must not be sent to it', async () => {
  const started: string[] = [];
  await bus.close();
  bus = new MessageBus({
    policyFor: () => policy,
    activator: () => ({
      ...NO_ACTIVATOR,
      names: () => ['com.example.Startable'],
      start: (name) => {
        started.push(name);
        return false;
      },
    }),
  });
  const client = await connect();
  refused = 'send Do com.example.';
  expect(await client.request(callTo('com.example.Startable'))).toMatchObject({
    errorName: 'org.freedesktop.DBus.Error.AccessDenied',
  });
  expect(started).toEqual([]);
  expect(await client.request(callTo('com.example.Other'))).toMatchObject({
    errorName: 'org.freedesktop.DBus.Error.ServiceUnknown',
  });
});
