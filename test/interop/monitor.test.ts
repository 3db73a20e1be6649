// Our messages as monitors of the bus see them: dbus-monitor (libdbus) and busctl monitor (sd-bus) print what we sent,
// and our own reader reads the raw stream of dbus-monitor, message by message.
// Specification: Message Format, Header Fields; Message Bus Messages (BecomeMonitor).

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Bus } from '../../src/connection/bus.js';
import { greetBus } from '../../src/connection/hello.js';
import type { Engine } from '../../src/connection/engine.js';
import type { CallOutcome } from '../../src/connection/pending-call.js';
import {
  connectToBus, createProxy, DBusDaemon, DBusError, type Message, type MethodCall, Properties,
  type Variant, variant,
} from '../../src/index.js';
import {
  encodeMessage, errorReply, FrameReader, marshal, MessageFlag, MessageReader, methodCall, methodReturn, signal,
} from '../../src/wire/index.js';
import { some } from '../support/extent.js';
import { dbusMonitor } from '../support/foreign.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith, type LineOptions, type Program, PYTHON, run, start } from '../support/programs.js';
import { nextSignal, until } from '../support/waiting.js';
import { ECHO_ROWS, ECHOES } from './echoes.js';
import { Mirror, MIRROR, startMirror } from './mirror.js';

const PATH = '/com/example/Observed';
const INTERFACE = 'com.example.Observed1';
const ERROR = 'com.example.Observed1.Error.Custom';
const END = 'TheEnd';

/** One value of every type, so that most types are aligned after another. */
const ALL = {
  signature: 'ybnqiuxtdsogvasaya{sv}(ya(xs))at',
  body: [
    1, true, -2, 3, -4, 5, -(2n ** 63n), 2n ** 64n - 1n, 0.5, 'grüße 😀', '/a', 'a{sv}',
    variant('v', variant('q', 9)), ['', 'b'], Uint8Array.of(1, 0, 255),
    new Map<string, Variant>([['__proto__', variant('(b)', [false])]]), [7, [[-1n, 'x']]], [],
  ],
} as const;

/** The bytes that dbus-monitor writes to a file, so that no decoder of text comes between. */
class Recording implements AsyncDisposable {
  readonly #file: string;
  readonly #program: Program;

  constructor(file: string, program: Program) {
    this.#file = file;
    this.#program = program;
  }

  get bytes(): Uint8Array {
    return existsSync(this.#file) ? readFileSync(this.#file) : new Uint8Array();
  }

  /** All messages so far, by our own reader; the last may not be there in full yet. */
  get messages(): readonly Message[] {
    return new MessageReader().push(this.bytes);
  }

  /** Resolves when a message has been recorded that fits. */
  async until(isLast: (message: Message) => boolean): Promise<void> {
    await until(() => this.messages.some(isLast));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}

const isSignal = (member: string) => (message: Message): boolean =>
  message.type === 'signal' && message.member === member;

let daemon: PrivateBus;
let alice: Bus;
let aliceEngine: Engine;
let bob: Bus;
let recordings = 0;

beforeAll(async () => {
  daemon = await startPrivateBus();
});
afterAll(() => daemon?.stop());
beforeEach(async () => {
  const greeted = await greetBus(daemon.address, {});
  aliceEngine = greeted.core.engine; // shows whole replies
  alice = new Bus(greeted);
  bob = await connectToBus(daemon.address);
});
afterEach(async () => {
  const connections = [alice, bob];
  const outcomes = connections.map(({ closedSignal: { aborted }, dropped }) => ({ aborted, dropped: [...dropped] }));
  await Promise.all([alice.close(), bob.close()]);
  expect(outcomes).toEqual([{ aborted: false, dropped: [] }, { aborted: false, dropped: [] }]);
});

async function record(): Promise<Recording> {
  const file = join(daemon.directory, `recording-${recordings++}`);
  const script = 'exec dbus-monitor --binary --address "$1" >"$2"';
  const program = await start('/bin/sh', ['-c', script, 'sh', daemon.address, file], { env: daemon.env });
  const recording = new Recording(file, program);
  await recording.until(isSignal('NameLost')); // a connection that becomes a monitor loses its unique name
  return recording;
}

/** A program that prints a line for each message, once it sees the bus. */
async function observe(
  command: string,
  args: readonly string[],
  ready: LineOptions & { line: string },
): Promise<Program> {
  const program = await start(command, args, { env: daemon.env });
  await program.line(ready.line, ready);
  return program;
}

/** A message, and the serial it got; a conversation has them in the order in which the bus has them. */
interface Sent {
  readonly message: Message;
  readonly serial: number;
  readonly from: Bus;
}

/** Alice calls Bob in every way, and Bob answers in every way; then he sends signals, the last of them {@link END}. */
async function converse(): Promise<readonly Sent[]> {
  const sent: Sent[] = [];
  let wake: (call: MethodCall) => void = () => {};
  bob.handleMethodCalls((call) => wake(call));
  const arrival = (): Promise<MethodCall> => new Promise((resolve) => (wake = resolve));
  const arrived = (message: MethodCall, call: MethodCall): void => {
    expect(call).toStrictEqual({ ...message, serial: call.serial, sender: alice.uniqueName });
    sent.push({ message, serial: call.serial, from: alice });
  };
  const send = (message: Message): void => void sent.push({ message, serial: bob.send(message), from: bob });
  const exchange = async (message: MethodCall, answer: (call: MethodCall) => Message): Promise<void> => {
    const coming = arrival();
    const settled = new Promise<CallOutcome>((resolve) => aliceEngine.request(message, resolve));
    const call = await coming;
    arrived(message, call);
    const reply = answer(call);
    send(reply);
    const serial = sent.at(-1)?.serial;
    expect(await settled).toStrictEqual({ reply: { ...reply, serial, sender: bob.uniqueName } });
  };

  const where = { path: PATH, destination: bob.uniqueName };
  const { NO_REPLY_EXPECTED, NO_AUTO_START, ALLOW_INTERACTIVE_AUTHORIZATION } = MessageFlag;
  const flags = NO_AUTO_START | ALLOW_INTERACTIVE_AUTHORIZATION;
  await exchange(
    methodCall({ ...where, interface: INTERFACE, member: 'Full', flags, ...ALL }),
    (call) => methodReturn(call, ALL),
  );
  await exchange(
    methodCall({ ...where, member: 'Bare' }),
    (call) => errorReply(call, { errorName: ERROR, message: 'no, grüße' }),
  );
  await exchange(
    { ...methodCall({ ...where, interface: INTERFACE, member: 'Big', ...ALL }), byteOrder: 'big' },
    (call) => ({ ...errorReply(call, { errorName: ERROR, signature: 'us', body: [7, 'detail'] }), byteOrder: 'big' }),
  );
  await exchange(
    { ...methodCall({ ...where, interface: INTERFACE, member: 'Empty' }), byteOrder: 'big' },
    (call) => methodReturn(call),
  );
  const quiet = methodCall({ ...where, path: '/', interface: INTERFACE, member: 'Quiet', flags: NO_REPLY_EXPECTED });
  const coming = arrival();
  alice.send(quiet);
  arrived(quiet, await coming);
  const news = { path: PATH, interface: INTERFACE } as const;
  send(signal({ ...news, member: 'ToAlice', destination: alice.uniqueName, signature: 's', body: ['psst'] }));
  send(signal({ ...news, member: 'ToAll', ...ALL }));
  send(signal({ ...news, path: '/', member: END }));
  return sent;
}

describeWith('dbus-daemon', 'dbus-monitor')('the stream of dbus-monitor', () => {
  test('has every message with all header fields, and its body byte for byte', async () => {
    await using recording = await record();
    const sent = await converse();
    await recording.until(isSignal(END));
    const { bytes } = recording;
    const frames = new FrameReader().push(bytes);
    const messages = new MessageReader().push(bytes);
    expect(frames).toHaveLength(messages.length);
    const ours = messages.flatMap((message, index) =>
      [alice, bob].some(({ uniqueName }) => uniqueName === message.sender) ? [{ message, frame: frames[index] }] : []);
    expect(ours.map(({ message }) => message)).toStrictEqual(
      sent.map(({ message, serial, from }) => ({ ...message, serial, sender: from.uniqueName })),
    );
    for (const [index, { message, serial }] of sent.entries()) {
      const body = marshal(message.signature, message.body, { byteOrder: message.byteOrder });
      const whole = encodeMessage(message, { serial });
      expect(Buffer.from(whole.subarray(whole.length - body.length)).equals(body)).toBe(true);
      const seen = ours[index]?.frame ?? new Uint8Array(0);
      expect(Buffer.from(seen.subarray(seen.length - body.length)).equals(body)).toBe(true);
    }
  });

  test('is read in the same way, however it is divided into chunks', async () => {
    await using recording = await record();
    await converse();
    await recording.until(isSignal(END));
    const { bytes, messages } = recording;
    for (const size of [1, 7, 16, 100]) {
      const reader = new MessageReader();
      const pieces: Message[] = [];
      for (let at = 0; at < bytes.length; at += size) pieces.push(...reader.push(bytes.subarray(at, at + size)));
      expect(pieces).toStrictEqual(messages);
    }
  });

  test('has the message without the header field that the bus does not know', async () => {
    await using recording = await record();
    const end = signal({ path: PATH, interface: INTERFACE, member: END, signature: 's', body: ['kept'] });
    alice.send({ ...end, unknownFields: [{ code: 77, value: variant('a{sv}', new Map([['k', variant('t', 1n)]])) }] });
    await recording.until(isSignal(END));
    const [seen] = recording.messages.filter(isSignal(END));
    expect(seen).toStrictEqual({ ...end, serial: expect.any(Number), sender: alice.uniqueName });
  });

  test('has the calls to the bus that our API needs, and no more', async () => {
    await using recording = await record();
    const sender = 'com.example.Watched1';
    const rule = { sender, path: PATH, interface: INTERFACE, member: 'News', args: { 0: "it's" } };
    const one = alice.subscribe(rule);
    const two = alice.subscribe(rule);
    await Promise.all([one.ready, two.ready]);
    await one.close();
    await two.close();
    await alice.requestName('com.example.Alice1', { allowReplacement: true, replaceExisting: true });
    await alice.releaseName('com.example.Alice1');
    const absent = { destination: 'com.example.Absent1', path: PATH };
    await expect(createProxy(alice, Properties, absent).Get(INTERFACE, 'P')).rejects.toThrow(DBusError);
    const peer = { path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'Ping', noAutoStart: true } as const;
    await alice.call({ ...peer, destination: 'org.freedesktop.DBus' });
    alice.send(signal({ path: PATH, interface: INTERFACE, member: END }));
    await recording.until(isSignal(END));
    const calls = recording.messages.filter(({ type }) => type === 'method_call');
    const asked = calls.filter((message) => message.sender === alice.uniqueName);
    const lines = asked.map(({ flags, destination, path, interface: name, member, signature, body }) =>
      [member, flags, destination, path, name, signature, body]);
    const driver = ['org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus'];
    const ownerRule =
      "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged'," +
      "path='/org/freedesktop/DBus',arg0='com.example.Watched1'";
    const newsRule =
      `type='signal',sender='com.example.Watched1',interface='${INTERFACE}',member='News',path='${PATH}',` +
      "arg0='it'\\''s'";
    expect(lines).toHaveLength(9);
    expect(lines).toEqual(expect.arrayContaining([
      ['AddMatch', 0, ...driver, 's', [ownerRule]],
      ['GetNameOwner', 0, ...driver, 's', ['com.example.Watched1']],
      ['AddMatch', 0, ...driver, 's', [newsRule]],
      ['RemoveMatch', 0, ...driver, 's', [newsRule]],
      ['RemoveMatch', 0, ...driver, 's', [ownerRule]],
      ['RequestName', 0, ...driver, 'su', ['com.example.Alice1', 7]],
      ['ReleaseName', 0, ...driver, 's', ['com.example.Alice1']],
      ['Get', 0, 'com.example.Absent1', PATH, Properties.name, 'ss', [INTERFACE, 'P']],
      ['Ping', MessageFlag.NO_AUTO_START, 'org.freedesktop.DBus', '/', 'org.freedesktop.DBus.Peer', '', []],
    ]));
  });

  test('shows that a connection of ours sends Hello, and nothing else that is not asked for', async () => {
    await using recording = await record();
    await using late = await connectToBus(daemon.address);
    late.send(signal({ path: PATH, interface: INTERFACE, member: END }));
    await recording.until(isSignal(END));
    const [hello, ...others] = recording.messages.filter(({ sender }) => sender === late.uniqueName);
    expect(hello).toMatchObject({
      type: 'method_call', member: 'Hello', flags: 0,
      destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus',
    });
    expect(others.map(({ member }) => member)).toEqual([END]);
  });
});

describeWith('dbus-daemon')('a connection of ours that listens to others', () => {
  const driver = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus' } as const;

  test('sends nothing as a monitor, and therefore stays connected', async () => {
    await using monitor = await connectToBus(daemon.address);
    const everything = monitor.subscribe({});
    await everything.ready;
    const monitoring = { ...driver, interface: 'org.freedesktop.DBus.Monitoring', member: 'BecomeMonitor' } as const;
    await monitor.call({ ...monitoring, signature: 'asu', body: [[], 0], replySignature: '' });
    await converse();
    await nextSignal(everything, isSignal(END));
    expect(monitor.closedSignal.aborted).toBe(false);
  });

  // A bus may show calls to a program that they are not for; an answer of that program would be taken for the real one.
  test.each(['unique', 'well-known'])('does not reply to calls of others to a %s name', async (kind) => {
    await using eavesdropper = await connectToBus(daemon.address);
    await createProxy(eavesdropper, DBusDaemon, driver).AddMatch("eavesdrop='true',type='method_call'");
    await startMirror(bob);
    const destination = kind === 'unique' ? bob.uniqueName : MIRROR.destination;
    const mirror = createProxy(alice, Mirror, { destination, path: MIRROR.path });
    for (let index = 0; index < 20; index++) expect(await mirror.WhoAmI()).toBe(alice.uniqueName);
  });

  // Serials are each connection's own: a reply to somebody else may well bear the number of a call of ours.
  test('does not accept replies to others as its own', async () => {
    await using eavesdropper = await connectToBus(daemon.address);
    await createProxy(eavesdropper, DBusDaemon, driver).AddMatch("eavesdrop='true',type='method_return'");
    await startMirror(bob);
    const { destination, path } = MIRROR;
    const slow = createProxy(eavesdropper, Mirror, { destination, path }).Sleep(100);
    const mirror = createProxy(alice, Mirror, { destination, path });
    for (let index = 0; index < 20; index++) await mirror.EchoUInt32(index);
    expect(await slow).toBe(100);
  });
});

describeWith('dbus-daemon', 'dbus-monitor', 'dbus-python')('bodies of foreign callers and of our replies', () => {
  const ask = async (name: string, args: readonly string[]): Promise<void> => {
    const rows = ECHO_ROWS.filter(({ gvariant }) => gvariant !== undefined).map(({ member, gvariant, python }) =>
      ({ member, gvariant, python, signature: ECHOES[member].in }));
    const script = fileURLToPath(new URL(`./callers/${name}.py`, import.meta.url));
    const ended = await run(PYTHON, [script, ...args], { env: daemon.env, input: JSON.stringify(rows) });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
  };
  const asked = ECHO_ROWS.filter(({ gvariant }) => gvariant !== undefined).length;

  test.each(some([
    ['dbus_python', ['echoes'], 'little'],
    ['glib', ['echoes', 'little'], 'little'],
    ['glib', ['echoes', 'big'], 'big'],
  ] as const, 2))('are the same bytes, in each call and in the one METHOD_RETURN for it: %s %j', async (name, args, byteOrder) => {
    await using recording = await record();
    await startMirror(alice);
    await ask(name, args);
    alice.send(signal({ path: PATH, interface: INTERFACE, member: END }));
    await recording.until(isSignal(END));
    const { bytes, messages } = recording;
    const frames = new FrameReader().push(bytes);
    const bodyOf = (message: Message, length: number): string => {
      const frame = frames[messages.indexOf(message)] ?? new Uint8Array(0);
      return Buffer.from(frame.subarray(frame.length - length)).toString('hex');
    };
    const calls = messages.filter((message) => message.type === 'method_call' && message.member.startsWith('Echo'));
    expect(calls).toHaveLength(asked);
    const called = name === 'glib' ? MIRROR.destination : alice.uniqueName; // dbus-python asks for the owner of a name
    expect(new Set(calls.map(({ destination }) => destination))).toEqual(new Set([called]));
    const serials = new Set(calls.map(({ serial }) => serial));
    const replies = messages.filter(({ destination, replySerial }) =>
      destination === calls[0]?.sender && serials.has(replySerial ?? 0));
    expect(replies).toHaveLength(asked);
    for (const call of calls) {
      const reply = messages.find(({ replySerial, destination }) =>
        replySerial === call.serial && destination === call.sender);
      if (reply === undefined) throw new Error(`no reply to ${call.member ?? ''}`);
      expect(call.byteOrder).toBe(byteOrder);
      expect(reply).toMatchObject({ type: 'method_return', sender: alice.uniqueName, signature: call.signature });
      const ours = marshal(reply.signature, reply.body, { byteOrder });
      expect([call.member, bodyOf(call, ours.length)]).toEqual([call.member, Buffer.from(ours).toString('hex')]);
      const sent = marshal(reply.signature, reply.body, { byteOrder: reply.byteOrder });
      expect(bodyOf(reply, sent.length)).toBe(Buffer.from(sent).toString('hex'));
    }
  });
});

describeWith('dbus-daemon', 'dbus-monitor')('the text of dbus-monitor', () => {
  const args = `   byte 1
   boolean true
   int16 -2
   uint16 3
   int32 -4
   uint32 5
   int64 -9223372036854775808
   uint64 18446744073709551615
   double 0.5
   string "grüße 😀"
   object path "/a"
   signature "a{sv}"
   variant       variant          uint16 9
   array [
      string ""
      string "b"
   ]
   array of bytes [
      01 00 ff
   ]
   array [
      dict entry(
         string "__proto__"
         variant             struct {
               boolean false
            }
      )
   ]
   struct {
      byte 7
      array [
         struct {
            int64 -1
            string "x"
         }
      ]
   }
   array [
   ]
`;

  test('prints the messages that we sent, word for word', async () => {
    await using monitor = await dbusMonitor(daemon, [`path='${PATH}'`, "type='error'", "type='method_return'"]);
    const sent = await converse();
    alice.send(signal({ path: PATH, interface: INTERFACE, member: 'Flushed' }));
    await monitor.line('member=Flushed');
    const text = monitor.stdout.replaceAll(/time=[\d.]+ /g, '');
    const [a, b] = [alice.uniqueName, bob.uniqueName];
    const [full, fullReply, bare, , big, , , , , toAlice, toAll] = sent.map(({ serial }) => serial);
    const at = `path=${PATH}; interface=${INTERFACE}`;
    for (const part of [
      `method call sender=${a} -> destination=${b} serial=${full} ${at}; member=Full\n${args}`,
      `method return sender=${b} -> destination=${a} serial=${fullReply} reply_serial=${full}\n${args}`,
      `method call sender=${a} -> destination=${b} serial=${bare} path=${PATH}; interface=(null); member=Bare\n`,
      `error sender=${b} -> destination=${a} error_name=${ERROR} reply_serial=${bare}\n   string "no, grüße"\n`,
      `method call sender=${a} -> destination=${b} serial=${big} ${at}; member=Big\n${args}`,
      `error sender=${b} -> destination=${a} error_name=${ERROR} reply_serial=${big}\n` +
        '   uint32 7\n   string "detail"\n',
      `signal sender=${b} -> destination=${a} serial=${toAlice} ${at}; member=ToAlice\n   string "psst"\n`,
      `signal sender=${b} -> destination=(null destination) serial=${toAll} ${at}; member=ToAll\n${args}`,
    ]) {
      expect(text).toContain(part);
    }
  });

  test('prints one line for each message in its profile', async () => {
    const args = ['--profile', '--address', daemon.address];
    await using profile = await observe('dbus-monitor', args, { line: 'NameLost' });
    const sent = await converse();
    await profile.line(END);
    const lines = profile.stdout.split('\n').map((line) => line.split('\t').filter((_, column) => column !== 1));
    const codes: Readonly<Record<string, string>> =
      { method_call: 'mc', method_return: 'mr', error: 'err', signal: 'sig' };
    const ours = lines.filter(([, , sender]) => sender === alice.uniqueName || sender === bob.uniqueName);
    expect(ours).toEqual(sent.map(({ message, serial, from }) => {
      const { type, destination = '<none>', path = '', interface: name = '<none>', member = '' } = message;
      const rest = message.replySerial === undefined ? [path, name, member] : [String(message.replySerial)];
      return [codes[type], String(serial), from.uniqueName, destination, ...rest];
    }));
  });
});

describeWith('dbus-daemon', 'busctl')('busctl monitor', () => {
  test('prints the messages that we sent as JSON', async () => {
    const args = [`--address=${daemon.address}`, '--json=short', 'monitor'];
    await using monitor = await observe('busctl', args, { line: 'Monitoring bus message stream', stream: 'stderr' });
    const sent = await converse();
    await monitor.line(END);
    const seen = monitor.stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    const ours = seen.filter(({ sender }) => sender === alice.uniqueName || sender === bob.uniqueName);
    const variantJson = (type: string, data: unknown) => ({ type, data });
    // The other monitors show the properties of numbers that JSON cannot express.
    const all = [
      1, true, -2, 3, -4, 5, Number(-(2n ** 63n)), Number(2n ** 64n - 1n), 0.5, 'grüße 😀', '/a', 'a{sv}',
      variantJson('v', variantJson('q', 9)), ['', 'b'], [1, 0, 255], { ['__proto__']: variantJson('(b)', [false]) },
      [7, [[-1, 'x']]], [],
    ];
    expect(ours).toHaveLength(sent.length);
    for (const [index, { message, serial, from }] of sent.entries()) {
      const { 'timestamp-realtime': time, ...printed } = ours[index] ?? {};
      expect(time).toEqual(expect.any(Number));
      const fields = {
        type: message.type, endian: message.byteOrder === 'little' ? 'l' : 'B', flags: message.flags, version: 1,
        cookie: serial, reply_cookie: message.replySerial, sender: from.uniqueName, destination: message.destination,
        path: message.path, interface: message.interface, member: message.member, error_name: message.errorName,
        payload: { type: message.signature, data: message.signature === ALL.signature ? all : message.body },
      };
      expect(printed).toEqual(fields); // the JSON has no key for what is undefined here
    }
  });
});
