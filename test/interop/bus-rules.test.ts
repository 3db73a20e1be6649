// What a message bus does with each message: one table of rules, held against dbus-daemon and our own bus, so that the
// expectations are those of the reference implementation. Where the two differ on purpose, the test says so.
// Specification: Message Bus Specification.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { errorReply, type Message, methodCall, methodReturn, variant } from '../../src/wire/index.js';
import { some } from '../support/extent.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { startPrivateMessageBus } from '../support/private-message-bus.js';
import { describeWith } from '../support/programs.js';
import { callTo, encodeMessage, RawClient, signalOf } from '../support/raw-client.js';

const ERROR = 'org.freedesktop.DBus.Error.';
const NAME = 'com.example.Name1';
const OTHER_NAME = 'com.example.Name2';
const LIMITS = {
  max_names_per_connection: 5, max_match_rules_per_connection: 3, max_replies_per_connection: 4,
  max_completed_connections: 8,
} as const;

const BUSES = some([
  { program: 'our message bus', required: [], startBus: startPrivateMessageBus },
  { program: 'dbus-daemon', required: ['dbus-daemon'], startBus: startPrivateBus },
] as const, 2);

/** The name and the text of an error. */
const errorOf = ({ errorName = '', body }: Message): string => `${errorName.replace(ERROR, '')}: ${String(body[0])}`;

for (const { program, required, startBus } of BUSES) describeWith(...required)(`${program}:`, () => {
  const isOurs = program === 'our message bus';
  let bus: PrivateBus;
  beforeAll(async () => {
    bus = await startBus();
  });
  afterAll(() => bus?.stop());

  async function open(): Promise<RawClient> {
    const client = await RawClient.open(bus.address);
    onTestFinished(() => client[Symbol.asyncDispose]());
    return client;
  }

  async function connect(rule?: string): Promise<RawClient> {
    const client = await open();
    await client.hello();
    if (rule !== undefined) await client.ask('AddMatch', 's', [rule]);
    client.clear();
    return client;
  }

  const NAME_CHANGES = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'";

  describe('Hello', () => {
    test('is answered before the signals of the new name', async () => {
      const watcher = await connect(NAME_CHANGES);
      const client = await open();
      await client.hello();
      const name = client.uniqueName;
      expect(name).toMatch(/^:1\.\d+$/);
      expect(client.summary()).toEqual([`reply("${name}")`, `NameAcquired("${name}")`]);
      await watcher.sync();
      expect(watcher.summary()).toEqual([`NameOwnerChanged("${name}", "", "${name}")`]);
    });

    test('works at any path and without an interface', async () => {
      const client = await open();
      const reply = await client.ask('Hello', '', [], { path: '/any', interface: undefined });
      expect(reply).toMatchObject({ type: 'method_return', signature: 's' });
    });

    test('fails the second time, and the connection stays open', async () => {
      const client = await connect();
      expect(errorOf(await client.ask('Hello'))).toBe('Failed: Already handled an Hello message');
      await client.sync();
    });

    test('assigns unique names in ascending order, and never uses one again', async () => {
      const first = await connect();
      await first[Symbol.asyncDispose]();
      const second = await connect();
      const numberOf = (name: string): number => Number(name.slice(':1.'.length));
      expect(numberOf(second.uniqueName)).toBe(numberOf(first.uniqueName) + 1);
    });
  });

  describe('before Hello', () => {
    test('a call to the bus is denied, and Hello still works', async () => {
      const client = await open();
      const problem = 'Client tried to send a message other than Hello without being registered';
      expect(errorOf(await client.ask('ListNames'))).toBe(`AccessDenied: ${problem}`);
      await client.hello();
    });

    test.each([
      ['a call to somebody else', callTo('com.example.Nobody')],
      ['a call to a unique name', callTo(':1.0')],
      ['a broadcast', signalOf('Early')],
    ])('%s ends the connection', async (_, message) => {
      const client = await open();
      client.send(message);
      await client.expectEnd();
    });

    test('Ping without a destination is answered', async () => {
      const client = await open();
      const ping = methodCall({ path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'Ping' });
      expect(await client.request(ping)).toMatchObject({ type: 'method_return', signature: '' });
    });
  });

  describe('a connection ends', () => {
    const whole = encodeMessage(signalOf('Valid', { signature: 's', body: ['text'] }), { serial: 5 });
    const changed = (at: number, value: number): Uint8Array => {
      const bytes = whole.slice();
      bytes[at] = value;
      return bytes;
    };
    /** The last byte of the message is the NUL after `text`. */
    test.each([
      ['the byte order is not valid', changed(0, 0x78)],
      ['the message type is 0', changed(1, 0)],
      ['the serial is 0', changed(8, 0)],
      ['a text in the body has no NUL', changed(whole.length - 1, 0x41)],
      ['a text in the body is not UTF-8', changed(whole.length - 2, 0xff)],
      ['the path is the reserved one', encodeLocal('/org/freedesktop/DBus/Local', 'com.example.Thing1')],
      ['the interface is the reserved one', encodeLocal('/', 'org.freedesktop.DBus.Local')],
    ])('if %s', async (_, bytes) => {
      const client = await connect();
      const receiver = await connect("member='Valid'");
      client.send(signalOf('Valid')); // comes whole before it
      client.sendBytes(bytes);
      await client.expectEnd();
      await receiver.sync();
      expect(receiver.summary()).toEqual(['Valid()']);
    });

    test('if a message promises descriptors and carries none', async () => {
      const client = await connect();
      const bytes = encodeMessage({ ...signalOf('WithDescriptors'), unixFds: 1 }, { serial: 7 });
      client.sendBytes(bytes);
      await client.expectEnd();
    });
  });

  describe('forwarding', () => {
    test('sets the sender, and leaves the rest of the message unchanged', async () => {
      const callee = await connect();
      await callee.ask('RequestName', 'su', [NAME, 0]);
      const caller = await connect();
      for (const byteOrder of ['little', 'big'] as const) {
        const body = [variant('ay', new Uint8Array([1, 2, 3])), 'text'];
        const call = { ...callTo(NAME, { signature: 'vs', body, flags: 4 }), byteOrder };
        caller.send(call);
        const forged = { ...call, sender: ':1.99999', member: 'Forged', flags: 1 };
        caller.send(forged);
        const received = await callee.find(({ member, byteOrder: order }) => member === 'Do' && order === byteOrder);
        expect(received).toMatchObject({ ...call, serial: received.serial, sender: caller.uniqueName });
        const second = await callee.find(({ member, byteOrder: order }) => member === 'Forged' && order === byteOrder);
        expect(second).toMatchObject({ ...forged, serial: second.serial, sender: caller.uniqueName });
      }
      await callee.ask('ReleaseName', 's', [NAME]);
    });

    test('removes header fields that the bus does not know', async () => {
      const receiver = await connect();
      const sender = await connect();
      const unknownFields = [{ code: 200, value: variant('s', 'x') }];
      sender.send({ ...signalOf('Unknown', { destination: receiver.uniqueName }), unknownFields });
      expect(await receiver.find(({ member }) => member === 'Unknown')).toMatchObject({ unknownFields: [] });
    });

    test('broadcasts a signal once to each connection with a rule for it, including the sender', async () => {
      const receiver = await connect("member='Changed'");
      await receiver.ask('AddMatch', 's', ["interface='com.example.Thing1'"]);
      const other = await connect("member='Other'");
      const sender = await connect("path='/com/example/Thing'");
      receiver.clear();
      sender.send(signalOf('Changed'));
      await Promise.all([receiver.sync(), sender.sync(), other.sync()]);
      await receiver.sync();
      expect(receiver.summary()).toEqual(['Changed()']);
      expect(sender.summary()).toEqual(['Changed()']);
      expect(other.summary()).toEqual([]);
    });

    test('delivers a signal with a destination only to that destination, whatever the rules are', async () => {
      const receiver = await connect();
      const other = await connect("member='Changed'");
      const sender = await connect();
      sender.send(signalOf('Changed', { destination: receiver.uniqueName }));
      await sender.sync();
      await Promise.all([receiver.sync(), other.sync()]);
      expect(receiver.summary()).toEqual(['Changed()']);
      expect(other.summary()).toEqual([]);
    });

    test.each([['com.example.Nobody1'], [':1.99999']])('refuses a call to %s, which has no owner', async (name) => {
      const caller = await connect();
      const unknown = `ServiceUnknown: The name ${name} was not provided by any .service files`;
      expect(errorOf(await caller.request(callTo(name)))).toBe(unknown);
      const noOwner = `NameHasNoOwner: Name "${name}" does not exist`;
      expect(errorOf(await caller.request(callTo(name, { flags: 2 })))).toBe(noOwner);
    });

    test('replies with UnknownMethod to a call without a destination, unless it is for Peer', async () => {
      const caller = await connect();
      const call = methodCall({ path: '/lamp', interface: 'com.example.Lamp1', member: 'On' });
      expect(await caller.request(call)).toMatchObject({ errorName: `${ERROR}UnknownMethod` });
    });

    test('ignores messages of unknown types', async () => {
      const receiver = await connect();
      const sender = await connect();
      sender.send({ ...signalOf('Odd', { destination: receiver.uniqueName }), type: 5 } as unknown as Message);
      await sender.sync();
      await receiver.sync();
      expect(receiver.summary()).toEqual([]);
    });

    test('keeps the order of the messages of one client', async () => {
      const receiver = await connect("member='Broadcast'");
      const sender = await connect();
      for (let i = 0; i < 50; i++) {
        sender.send(signalOf('Direct', { destination: receiver.uniqueName }));
        sender.send(signalOf('Broadcast'));
      }
      await sender.sync();
      await receiver.sync();
      expect(receiver.summary()).toEqual(Array.from({ length: 50 }, () => ['Direct()', 'Broadcast()']).flat());
    });
  });

  describe('replies', () => {
    test('go to the caller, with their sender set', async () => {
      const [caller, callee] = [await connect(), await connect()];
      const serial = caller.send(callTo(callee.uniqueName));
      const call = await callee.find(({ member }) => member === 'Do');
      callee.send(methodReturn(call, { signature: 's', body: ['done'] }));
      const reply = await caller.replyTo(serial);
      expect(reply).toMatchObject({ sender: callee.uniqueName, destination: caller.uniqueName, body: ['done'] });
    });

    test('that are not expected are dropped by our own bus', async () => {
      const [caller, callee, other] = [await connect(), await connect(), await connect()];
      const serial = caller.send(callTo(callee.uniqueName));
      const silent = caller.send(callTo(callee.uniqueName, { flags: 1 }));
      const call = await callee.find((message) => message.serial === serial && message.member === 'Do');
      const silentCall = await callee.find((message) => message.serial === silent && message.member === 'Do');
      const answer = (to: Message, text: string): Message => methodReturn(to, { signature: 's', body: [text] });
      other.send(answer(call, 'from somebody else'));
      await other.sync();
      callee.send(answer(call, 'first'));
      callee.send(answer(call, 'second'));
      callee.send(errorReply(silentCall, { errorName: 'com.example.Error', message: 'not asked for' }));
      await callee.sync();
      await caller.sync();
      // The session configuration of dbus-daemon lets them pass; the private one of these tests does not restrict them.
      if (isOurs) expect(caller.summary()).toEqual(['reply("first")']);
      else expect(caller.summary()).toContain('reply("first")');
    });

    test('are pending once for each serial and callee', async () => {
      const [caller, callee] = [await connect(), await connect()];
      caller.send(callTo(callee.uniqueName), 500);
      caller.send(callTo(callee.uniqueName), 500);
      const problem = 'Message has the same reply serial as a currently-outstanding existing method call';
      expect(errorOf(await caller.replyTo(500))).toBe(`AccessDenied: ${problem}`);
    });

    test('are NoReply if the callee leaves, after the signals about its names', async () => {
      const [caller, callee] = [await connect(NAME_CHANGES), await connect()];
      await callee.ask('RequestName', 'su', [NAME, 0]);
      await callee.ask('RequestName', 'su', [OTHER_NAME, 0]);
      const serial = caller.send(callTo(callee.uniqueName));
      await caller.sync();
      caller.clear();
      await callee[Symbol.asyncDispose]();
      await caller.replyTo(serial);
      const name = callee.uniqueName;
      const text = 'Message recipient disconnected from message bus without replying';
      expect(caller.summary()).toEqual([
        `NameOwnerChanged("${OTHER_NAME}", "${name}", "")`,
        `NameOwnerChanged("${NAME}", "${name}", "")`,
        `NameOwnerChanged("${name}", "${name}", "")`,
        `NoReply(${JSON.stringify(text)})`,
      ]);
    });
  });

  describe('a name', () => {
    test('is announced to its owner and to watchers, before the reply', async () => {
      const client = await connect(NAME_CHANGES);
      const { uniqueName } = client;
      await client.ask('RequestName', 'su', [NAME, 0]);
      await client.ask('ReleaseName', 's', [NAME]);
      expect(client.summary()).toEqual([
        `NameOwnerChanged("${NAME}", "", "${uniqueName}")`, `NameAcquired("${NAME}")`, 'reply(1)',
        `NameLost("${NAME}")`, `NameOwnerChanged("${NAME}", "${uniqueName}", "")`, 'reply(1)',
      ]);
    });

    const results = async (client: RawClient, member: string, ...args: unknown[]): Promise<unknown> => {
      const { body } = await client.ask(member, member === 'RequestName' ? 'su' : 's', args);
      return body[0];
    };

    /** [client, flags, result] of each request, and the queue afterwards. */
    test.each<{ title: string; requests: [number, number, number][]; queue: number[] }>([
      { title: 'a second one waits', requests: [[0, 0, 1], [1, 0, 2]], queue: [0, 1] },
      { title: 'a second one does not wait', requests: [[0, 0, 1], [1, 4, 3]], queue: [0] },
      { title: 'the owner asks again', requests: [[0, 0, 1], [0, 1, 4], [1, 2, 1]], queue: [1, 0] },
      { title: 'replacement is allowed and asked for', requests: [[0, 1, 1], [1, 2, 1]], queue: [1, 0] },
      { title: 'replacement is not asked for', requests: [[0, 1, 1], [1, 0, 2]], queue: [0, 1] },
      { title: 'replacement is not allowed', requests: [[0, 0, 1], [1, 2, 2]], queue: [0, 1] },
      { title: 'a replaced owner does not wait', requests: [[0, 5, 1], [1, 2, 1]], queue: [1] },
      { title: 'one that waits leaves the queue', requests: [[0, 0, 1], [1, 0, 2], [1, 4, 3]], queue: [0] },
      { title: 'one that waits asks again', requests: [[0, 0, 1], [1, 0, 2], [2, 0, 2], [1, 1, 2]], queue: [0, 1, 2] },
      { title: 'one that would replace waits first', requests: [[0, 0, 1], [1, 0, 2], [2, 2, 2]], queue: [0, 2, 1] },
      { title: 'unknown flags', requests: [[0, 0xfff8, 1], [1, 0x10, 2]], queue: [0, 1] },
      { title: 'one that waits replaces', requests: [[0, 1, 1], [1, 0, 2], [2, 0, 2], [2, 2, 1]], queue: [2, 0, 1] },
    ])('has the owner according to the flags: $title', async ({ requests, queue }) => {
      const clients = [await connect(), await connect(), await connect()];
      for (const [client, flags, result] of requests) {
        expect(await results(clients[client]!, 'RequestName', NAME, flags)).toBe(result);
      }
      const names = await results(clients[0]!, 'ListQueuedOwners', NAME);
      expect(names).toEqual(queue.map((index) => clients[index]?.uniqueName));
      for (const client of clients) await client.ask('ReleaseName', 's', [NAME]);
    });

    test('goes to the next in the queue, in the order of the reference implementation', async () => {
      const [owner, next] = [await connect(NAME_CHANGES), await connect(NAME_CHANGES)];
      await owner.ask('RequestName', 'su', [NAME, 0]);
      await next.ask('RequestName', 'su', [NAME, 0]);
      await owner.sync();
      for (const client of [owner, next]) client.clear();
      await owner.ask('ReleaseName', 's', [NAME]);
      await next.sync();
      const changed = `NameOwnerChanged("${NAME}", "${owner.uniqueName}", "${next.uniqueName}")`;
      expect(owner.summary()).toEqual([`NameLost("${NAME}")`, changed, 'reply(1)']);
      expect(next.summary()).toEqual([changed, `NameAcquired("${NAME}")`]);
      await next.ask('ReleaseName', 's', [NAME]);
    });

    test.each([
      ['RequestName', 'su', ['a', 0], 'InvalidArgs: Requested bus name "a" is not valid'],
      ['RequestName', 'su', ['', 0], 'InvalidArgs: Requested bus name "" is not valid'],
      ['RequestName', 'su', [':1.0', 0], `InvalidArgs: Cannot acquire a service starting with ':' such as ":1.0"`],
      ['ReleaseName', 's', ['a'], 'InvalidArgs: Given bus name "a" is not valid'],
      ['ReleaseName', 's', [':1.0'], `InvalidArgs: Cannot release a service starting with ':' such as ":1.0"`],
      [
        'ReleaseName', 's', ['org.freedesktop.DBus'],
        'InvalidArgs: Cannot release the org.freedesktop.DBus service because it is owned by the bus',
      ],
      ['GetNameOwner', 's', ['a.b'], "NameHasNoOwner: Could not get owner of name 'a.b': no such name"],
      ['ListQueuedOwners', 's', ['a.b'], "NameHasNoOwner: Could not get owners of name 'a.b': no such name"],
      ['GetConnectionUnixUser', 's', ['a.b'], "NameHasNoOwner: Could not get UID of name 'a.b': no such name"],
      ['GetConnectionUnixProcessID', 's', ['a.b'], "NameHasNoOwner: Could not get PID of name 'a.b': no such name"],
      [
        'GetConnectionCredentials', 's', ['a.b'],
        "NameHasNoOwner: Could not get credentials of name 'a.b': no such name",
      ],
      [
        'GetAdtAuditSessionData', 's', ['org.freedesktop.DBus'],
        "AdtAuditDataUnknown: Could not determine audit session data for 'org.freedesktop.DBus'",
      ],
      [
        'GetConnectionSELinuxSecurityContext', 's', ['org.freedesktop.DBus'],
        "SELinuxSecurityContextUnknown: Could not determine security context for 'org.freedesktop.DBus'",
      ],
      ['StartServiceByName', 'su', ['a.b', 0], 'ServiceUnknown: The name a.b was not provided by any .service files'],
      ['AddMatch', 's', [`arg0='${'x'.repeat(1020)}'`], 'LimitsExceeded: Match rule text is 1027 bytes, maximum is 1024'],
      [
        'RemoveMatch', 's', ["member='Never'"],
        "MatchRuleNotFound: The given match rule wasn't found and can't be removed",
      ],
      ['RequestName', 's', ['a.b'], 'InvalidArgs: Call to RequestName has wrong args (s, expected su)\n'],
      ['Nope', '', [], 'UnknownMethod: org.freedesktop.DBus does not understand message Nope'],
    ] as const)('%s(%s) %j fails: %s', async (member, signature, body, expected) => {
      const client = await connect();
      expect(errorOf(await client.ask(member, signature, body))).toBe(expected);
    });

    test('of the bus itself cannot be requested', async () => {
      const client = await connect();
      const owner = `Connection "${client.uniqueName}" is not allowed to own the service "org.freedesktop.DBus"`;
      expect(errorOf(await client.ask('RequestName', 'su', ['org.freedesktop.DBus', 0])))
        .toBe(`InvalidArgs: ${owner}because it is reserved for D-Bus' use only`);
    });

    test('has an owner if it is the unique name of a connection or the name of the bus', async () => {
      const client = await connect();
      const { uniqueName } = client;
      expect(await results(client, 'GetNameOwner', uniqueName)).toBe(uniqueName);
      expect(await results(client, 'GetNameOwner', 'org.freedesktop.DBus')).toBe('org.freedesktop.DBus');
      expect(await results(client, 'NameHasOwner', 'org.freedesktop.DBus')).toBe(true);
      expect(await results(client, 'NameHasOwner', uniqueName)).toBe(true);
      expect(await results(client, 'NameHasOwner', 'not a name')).toBe(false);
      expect(await results(client, 'ListQueuedOwners', 'org.freedesktop.DBus')).toEqual(['org.freedesktop.DBus']);
      expect(await results(client, 'ListQueuedOwners', uniqueName)).toEqual([uniqueName]);
    });
  });

  describe('the object of the bus', () => {
    const STATS = 'org.freedesktop.DBus.Debug.Stats';
    const PROPERTIES = 'org.freedesktop.DBus.Properties';
    const DBUS = 'org.freedesktop.DBus';

    test.each([
      [{ interface: 'com.example.Thing1' }, 'GetId', '', [], 'UnknownInterface: org.freedesktop.DBus does not understand message GetId'],
      [{ interface: PROPERTIES, path: '/x' }, 'GetAll', 's', [DBUS], 'UnknownInterface: org.freedesktop.DBus does not understand message GetAll'],
      [{ interface: undefined, path: '/x' }, 'GetAll', 's', [DBUS], 'UnknownMethod: org.freedesktop.DBus does not understand message GetAll'],
      [{ interface: PROPERTIES }, 'Get', 'ss', ['', 'Features'], 'UnknownInterface: Interface "" not found'],
      [{ interface: PROPERTIES }, 'Get', 'ss', [DBUS, 'Nope'], 'UnknownProperty: Property "org.freedesktop.DBus.Nope" not found'],
      [{ interface: PROPERTIES }, 'Set', 'ssv', [DBUS, 'Features', variant('u', 1)], "PropertyReadOnly: Property 'org.freedesktop.DBus.Features' cannot be set"],
      [{ interface: PROPERTIES }, 'GetAll', 's', ['com.example.Thing1'], 'UnknownInterface: Interface "com.example.Thing1" not found'],
      [{ interface: STATS }, 'GetConnectionStats', 's', ['a.b'], "NameHasNoOwner: Could not get statistics of name 'a.b': no such name"],
      [{ interface: STATS }, 'GetConnectionStats', 's', [DBUS], 'InvalidArgs: GetConnectionStats is not meaningful for the message bus "org.freedesktop.DBus" itself'],
      [{ interface: STATS, path: '/x' }, 'GetStats', '', [], 'UnknownInterface: org.freedesktop.DBus does not understand message GetStats'],
      [{ path: '/x' }, 'UpdateActivationEnvironment', 'a{ss}', [{}], "AccessDenied: Method 'UpdateActivationEnvironment' is only available at the canonical object path '/org/freedesktop/DBus'"],
      [{ path: '/x' }, 'UpdateActivationEnvironment', 's', ['wrong'], "AccessDenied: Method 'UpdateActivationEnvironment' is only available at the canonical object path '/org/freedesktop/DBus'"],
      [{ interface: 'org.freedesktop.DBus.Monitoring', path: '/x' }, 'BecomeMonitor', 'asu', [[], 0], 'UnknownInterface: org.freedesktop.DBus does not understand message BecomeMonitor'],
      [{ interface: 'org.freedesktop.DBus.Monitoring' }, 'BecomeMonitor', 'asu', [[], 1], 'InvalidArgs: BecomeMonitor does not support any flags yet'],
    ] as const)('refuses %j %s(%s) %j: %s', async (where, member, signature, body, expected) => {
      const client = await connect();
      expect(errorOf(await client.ask(member, signature, body, where))).toBe(expected);
    });

    test('finds the method of a call without an interface in any of its interfaces', async () => {
      const client = await connect();
      const anywhere = { interface: undefined } as const;
      expect(await client.ask('Ping', '', [], anywhere)).toMatchObject({ type: 'method_return' });
      expect(await client.ask('Introspect', '', [], anywhere)).toMatchObject({ signature: 's' });
      expect(await client.ask('GetAll', 's', [DBUS], anywhere)).toMatchObject({ signature: 'a{sv}' });
    });

    test.each([
      ['/', ['org/freedesktop/DBus']], ['/org', ['freedesktop/DBus']], ['/org/freedesktop', ['DBus']],
      ['/org/freedesktop/DBus', []], ['/elsewhere', []],
    ])('lists at %s the child node that leads to it: %j', async (path, expected) => {
      const client = await connect();
      const introspectable = { interface: 'org.freedesktop.DBus.Introspectable', path } as const;
      const { body } = await client.ask('Introspect', '', [], introspectable);
      expect([...String(body[0]).matchAll(/<node name="([^"]*)"/g)].map(([, name]) => name)).toEqual(expected);
    });

    test('lists its features and its interfaces', async () => {
      const client = await connect();
      const { body } = await client.ask('GetAll', 's', [DBUS], { interface: PROPERTIES });
      expect(body[0]).toEqual(new Map([
        ['Features', variant('as', ['ActivatableServicesChanged', 'HeaderFiltering'])],
        ['Interfaces', variant('as', ['org.freedesktop.DBus.Monitoring', STATS])],
      ]));
    });

    test('lists the match rules of all clients in one form', async () => {
      const client = await connect("sender=com.example.X,  path='/a' ,type='signal'".replace(' ,', ','));
      const { body } = await client.ask('GetAllMatchRules', '', [], { interface: STATS });
      const rules = body[0] as Map<string, string[]>;
      expect(rules.get(client.uniqueName)).toEqual(["type='signal',path='/a',sender='com.example.X'"]);
    });

    test('sends replies with NO_REPLY_EXPECTED, the unique name of the receiver and a serial', async () => {
      const client = await connect();
      const reply = await client.ask('GetId');
      expect(reply).toMatchObject({ sender: DBUS, destination: client.uniqueName, flags: 1 });
      expect(reply.serial).toBeGreaterThan(0);
      expect(reply.body[0]).toMatch(/^[0-9a-f]{32}$/);
      expect((await client.ask('GetId')).body).toEqual(reply.body);
    });
  });

  describe('match rules', () => {
    test('are removed by their meaning and not by their text, as often as they were added', async () => {
      const client = await connect("type='signal',member='X'");
      await client.ask('AddMatch', 's', ["member='X',type='signal'"]);
      const remove = (): Promise<Message> => client.ask('RemoveMatch', 's', ['member=X,  type=signal']);
      expect((await remove()).type).toBe('method_return');
      const sender = await connect();
      sender.send(signalOf('X'));
      await sender.sync();
      await client.sync();
      expect(client.summary()).toEqual(['X()']);
      expect((await remove()).type).toBe('method_return');
      expect(await remove()).toMatchObject({ errorName: `${ERROR}MatchRuleNotFound` });
    });

    test('with eavesdrop match messages to other connections, including calls to the bus', async () => {
      const [sender, receiver] = [await connect(), await connect()];
      const witness = await connect(`sender='${sender.uniqueName}',eavesdrop='true'`);
      sender.send(callTo(receiver.uniqueName));
      sender.send(signalOf('Broadcast'));
      await sender.ask('GetId');
      await witness.sync();
      expect(witness.summary()).toEqual(['Do()', 'Broadcast()', 'GetId()']);
    });

    test('with a well-known sender match messages from the owner of that name at that moment', async () => {
      const receiver = await connect(`sender='${NAME}'`);
      const sender = await connect();
      sender.send(signalOf('Before'));
      await sender.ask('RequestName', 'su', [NAME, 0]);
      sender.send(signalOf('During'));
      await sender.ask('ReleaseName', 's', [NAME]);
      sender.send(signalOf('After'));
      await sender.sync();
      await receiver.sync();
      expect(receiver.summary()).toEqual(['During()']);
    });
  });

  describe('a monitor', () => {
    async function monitor(rules: readonly string[] = []): Promise<RawClient> {
      const client = await connect();
      await client.ask('BecomeMonitor', 'asu', [rules, 0], { interface: 'org.freedesktop.DBus.Monitoring' });
      return client;
    }

    test('loses its names after the reply, and is no longer on the bus', async () => {
      const watcher = await connect(NAME_CHANGES);
      const client = await connect();
      await client.ask('RequestName', 'su', [NAME, 0]);
      await watcher.sync();
      client.clear();
      watcher.clear();
      await client.ask('BecomeMonitor', 'asu', [['member=Never'], 0], { interface: 'org.freedesktop.DBus.Monitoring' });
      const { uniqueName } = client;
      await watcher.sync();
      await client.find(({ member, body }) => member === 'NameLost' && body[0] === NAME);
      expect(client.log.map(({ type }) => type)).toEqual(['method_return', 'signal', 'signal']);
      expect(client.summary()).toEqual([`NameLost("${uniqueName}")`, `NameLost("${NAME}")`]);
      expect(watcher.summary()).toEqual([
        `NameOwnerChanged("${uniqueName}", "${uniqueName}", "")`, `NameOwnerChanged("${NAME}", "${uniqueName}", "")`,
      ]);
      expect((await watcher.ask('NameHasOwner', 's', [uniqueName])).body).toEqual([false]);
    });

    test('sees calls, replies, errors of the bus, broadcasts, and Hello', async () => {
      const witness = await monitor();
      witness.clear();
      const client = await connect();
      client.send(signalOf('Broadcast'));
      await client.request(callTo('com.example.Nobody1'));
      await client.sync();
      await witness.find(({ type }) => type === 'error');
      const seen = witness.log.map(({ type, member, sender, destination }) => ({ type, member, sender, destination }));
      const [me, dbus] = [client.uniqueName, 'org.freedesktop.DBus'];
      expect(seen).toContainEqual({ type: 'method_call', member: 'Hello', sender: me, destination: dbus });
      expect(seen).toContainEqual({ type: 'method_return', member: undefined, sender: dbus, destination: me });
      expect(seen).toContainEqual({ type: 'signal', member: 'NameAcquired', sender: dbus, destination: me });
      expect(seen).toContainEqual({ type: 'signal', member: 'Broadcast', sender: me, destination: undefined });
      expect(seen).toContainEqual({ type: 'method_call', member: 'Do', sender: me, destination: 'com.example.Nobody1' });
      expect(seen).toContainEqual({ type: 'error', member: undefined, sender: dbus, destination: me });
    });

    test('sees ":not.active.yet" as the sender of messages before Hello', async () => {
      const witness = await monitor(["member='GetId'"]);
      const client = await open();
      await client.ask('GetId');
      const { sender } = await witness.find(({ member }) => member === 'GetId');
      expect(sender).toBe(':not.active.yet');
    });

    test('sees only messages that its rules match; a destination matches by any name of its owner', async () => {
      const receiver = await connect();
      await receiver.ask('RequestName', 'su', [NAME, 0]);
      const witness = await monitor([`destination='${NAME}',member='Do'`, "member='Seen'"]);
      const sender = await connect();
      await sender.sync();
      witness.clear();
      sender.send(callTo(receiver.uniqueName, { flags: 1 }));
      sender.send(callTo(NAME, { flags: 1 }));
      sender.send(signalOf('NotSeen'));
      sender.send(signalOf('Seen'));
      await witness.find(({ member }) => member === 'Seen');
      expect(witness.summary()).toEqual(['Do()', 'Do()', 'Seen()']);
      await receiver.ask('ReleaseName', 's', [NAME]);
    });

    test('that sends a message is disconnected', async () => {
      const witness = await monitor(["member='Never'"]);
      witness.send(signalOf('Anything'));
      await witness.expectEnd();
    });

    test('cannot have an invalid rule: the connection stays a client', async () => {
      const client = await connect();
      const where = { interface: 'org.freedesktop.DBus.Monitoring' } as const;
      const reply = await client.ask('BecomeMonitor', 'asu', [["member='X'", 'bad'], 0], where);
      expect(reply).toMatchObject({ errorName: `${ERROR}MatchRuleInvalid` });
      await client.sync();
    });
  });
});

for (const { program, required, startBus } of BUSES) describeWith(...required)(`the limits of ${program}`, () => {
  let bus: PrivateBus;
  beforeAll(async () => {
    bus = await startBus({ limits: LIMITS });
  });
  afterAll(() => bus?.stop());

  async function connect(): Promise<RawClient> {
    const client = await RawClient.registered(bus.address);
    onTestFinished(() => client[Symbol.asyncDispose]());
    return client;
  }

  test('bound the names of a connection', async () => {
    const client = await connect();
    for (let i = 1; i < LIMITS.max_names_per_connection; i++) {
      expect((await client.ask('RequestName', 'su', [`com.example.N${i}`, 0])).type).toBe('method_return');
    }
    const refused = await client.ask('RequestName', 'su', ['com.example.TooMany', 0]);
    expect(refused).toMatchObject({ errorName: `${ERROR}LimitsExceeded` });
    await client.ask('ReleaseName', 's', ['com.example.N1']);
    expect((await client.ask('RequestName', 'su', ['com.example.N9', 0])).type).toBe('method_return');
  });

  test('bound the match rules of a connection', async () => {
    const client = await connect();
    const add = (): Promise<Message> => client.ask('AddMatch', 's', ["member='X'"]);
    for (let i = 0; i < LIMITS.max_match_rules_per_connection; i++) expect((await add()).type).toBe('method_return');
    expect(await add()).toMatchObject({ errorName: `${ERROR}LimitsExceeded` });
    await client.ask('RemoveMatch', 's', ["member='X'"]);
    expect((await add()).type).toBe('method_return');
  });

  test('bound the pending calls of a connection', async () => {
    const [caller, callee] = [await connect(), await connect()];
    for (let i = 0; i < LIMITS.max_replies_per_connection; i++) caller.send(callTo(callee.uniqueName));
    const text = 'The maximum number of pending replies per connection has been reached';
    expect(errorOf(await caller.request(callTo(callee.uniqueName)))).toBe(`LimitsExceeded: ${text}`);
    const first = await callee.find(({ member }) => member === 'Do');
    callee.send(methodReturn(first));
    await callee.sync();
    caller.send(callTo(callee.uniqueName, { member: 'Again' }));
    await callee.find(({ member }) => member === 'Again');
  });

  test('bound the connections: Hello fails, and works after another connection has left', async () => {
    const clients: RawClient[] = [];
    for (let i = 0; i < LIMITS.max_completed_connections; i++) clients.push(await connect());
    const late = await RawClient.open(bus.address);
    onTestFinished(() => late[Symbol.asyncDispose]());
    const text = 'The maximum number of active connections has been reached';
    expect(errorOf(await late.ask('Hello'))).toBe(`LimitsExceeded: ${text}`);
    await clients[0]?.[Symbol.asyncDispose]();
    await clients[1]?.sync();
    await late.hello();
  });
});

/** A signal with a reserved path or interface, which our own encoder refuses: made from one of the same lengths. */
function encodeLocal(path: string, interfaceName: string): Uint8Array {
  const stand = (text: string): string => text.replace('Local', 'Local'.replace('L', 'X'));
  const bytes = encodeMessage(
    signalOf('Local', { path: stand(path), interface: stand(interfaceName) }), { serial: 9 },
  ).slice();
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = text.indexOf('Xocal'); at >= 0; at = text.indexOf('Xocal', at + 1)) text.write('L', at);
  return bytes;
}
