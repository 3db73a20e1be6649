// Questions to a bus that answers with other types, codes and errors than the specification says, or not at all.
import { describe, expect, test } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import type { WaitOptions } from '../../src/connection/call-options.js';
import { errorReply, type MethodCall, methodReturn } from '../../src/wire/messages/message.js';
import { variant, type Variant } from '../../src/wire/variant.js';
import { type Answer, answerAsBus, startBusLink } from './fake-server.js';

const NAME = 'com.example.Service';
const ERROR = 'org.freedesktop.DBus.Error';

type Asks = (bus: Bus, options?: WaitOptions) => Promise<unknown>;
type AsksAboutName = (bus: Bus, name: string, options?: WaitOptions) => Promise<unknown>;

const ABOUT_NAMES: Readonly<Record<string, AsksAboutName>> = {
  nameHasOwner: (bus, name, options) => bus.nameHasOwner(name, options),
  listQueuedOwners: (bus, name, options) => bus.listQueuedOwners(name, options),
  startServiceByName: (bus, name, options) => bus.startServiceByName(name, options),
  getConnectionCredentials: (bus, name, options) => bus.getConnectionCredentials(name, options),
  getConnectionUnixUser: (bus, name, options) => bus.getConnectionUnixUser(name, options),
  getConnectionUnixProcessId: (bus, name, options) => bus.getConnectionUnixProcessId(name, options),
};
const ALL: Readonly<Record<string, Asks>> = {
  ...Object.fromEntries(Object.entries(ABOUT_NAMES).map(([key, ask]): [string, Asks] => [
    key, (bus, options) => ask(bus, NAME, options),
  ])),
  listActivatableNames: (bus, options) => bus.listActivatableNames(options),
  getId: (bus, options) => bus.getId(options),
  listFeatures: (bus, options) => bus.listFeatures(options),
  listInterfaces: (bus, options) => bus.listInterfaces(options),
};

/** A bus that answers all but its first call in one way. */
const answering = (answer: Answer): Answer => (call, peer) =>
  call.member === 'Hello' ? answerAsBus(call, peer) : answer(call, peer);
const error = (name: string) => (call: MethodCall) => errorReply(call, { errorName: `${ERROR}.${name}`, message: 'no' });

describe.each(Object.entries(ALL))('%s', (_, ask) => {
  test.each<[string, Answer]>([
    ['other types', (call) => methodReturn(call, { signature: 'd', body: [1] })],
    ['nothing', (call) => methodReturn(call)],
    ['too much', (call) => methodReturn(call, { signature: 'ss', body: ['a', 'b'] })],
  ])('rejects if the bus answers with %s', async (_title, answer) => {
    await using link = await startBusLink({ answer: answering(answer) });
    await expect(ask(link.bus)).rejects.toMatchObject({ name: 'UnexpectedSignatureError' });
  });

  test('rejects with the error of a bus that refuses', async () => {
    await using link = await startBusLink({ answer: answering(error('AccessDenied')) });
    await expect(ask(link.bus)).rejects.toMatchObject({ errorName: `${ERROR}.AccessDenied` });
  });

  test('accepts a timeout and a signal, and no other option', async () => {
    await using link = await startBusLink({ answer: answering(() => undefined) });
    await expect(ask(link.bus, { timeout: 1 })).rejects.toMatchObject({ name: 'CallTimeoutError' });
    const signal = AbortSignal.abort('enough');
    const sent = link.peer.messages.length;
    await expect(ask(link.bus, { signal })).rejects.toBe('enough');
    await expect(ask(link.bus, { timeOut: 1 } as never)).rejects.toMatchObject({ code: 'OPTION_UNKNOWN' });
    expect(link.peer.messages).toHaveLength(sent);
  });
});

test.each(Object.entries(ABOUT_NAMES))('%s rejects a name that is not valid, and sends nothing', async (_, ask) => {
  await using link = await startBusLink();
  const sent = link.peer.messages.length;
  for (const name of ['', 'example', 'a..b', 5 as never, undefined as never]) {
    await expect(ask(link.bus, name)).rejects.toMatchObject({ code: 'NAME_INVALID' });
  }
  expect(link.peer.messages).toHaveLength(sent);
});

test.each([['getConnectionUnixUser', 'Failed'], ['getConnectionUnixProcessId', 'UnixProcessIdUnknown']])(
  '%s is undefined if the bus does not know the answer',
  async (query, name) => {
    await using link = await startBusLink({ answer: answering(error(name)) });
    expect(await ALL[query]!(link.bus)).toBeUndefined();
  },
);

test('the reply to startServiceByName must be one of two codes', async () => {
  const answer: Answer = (call) => methodReturn(call, { signature: 'u', body: [call.body[0] === NAME ? 1 : 3] });
  await using link = await startBusLink({ answer: answering(answer) });
  expect(await link.bus.startServiceByName(NAME)).toBe('started');
  const message = 'the bus answered StartServiceByName with 3: it must be 1 or 2';
  await expect(link.bus.startServiceByName('com.example.Other')).rejects.toMatchObject({ name: 'DBusError', message });
});

test('credentials of other types, and unknown credentials, are returned as they are received', async () => {
  const all = new Map<string, Variant>([
    ['UnixUserID', variant('s', '0')], ['UnixGroupIDs', variant('au', [])], ['ProcessID', variant('t', 5n)],
    ['WindowsSID', variant('s', 'S-1-5-18')], ['LinuxSecurityLabel', variant('ay', Uint8Array.of(65, 66, 0))],
    ['com.example.New', variant('b', true)],
  ]);
  const answer: Answer = (call) => methodReturn(call, { signature: 'a{sv}', body: [all] });
  await using link = await startBusLink({ answer: answering(answer) });
  const credentials = await link.bus.getConnectionCredentials(NAME);
  const label = Uint8Array.of(65, 66);
  expect(credentials).toEqual({ unixGroupIds: [], windowsSid: 'S-1-5-18', linuxSecurityLabel: label, all });
});

test.each(['UnknownMethod', 'UnknownInterface', 'UnknownProperty', 'InvalidArgs'])(
  'an old bus without these properties (%s) has no features and no interfaces',
  async (name) => {
    await using link = await startBusLink({ answer: answering(error(name)) });
    expect([await link.bus.listFeatures(), await link.bus.listInterfaces()]).toEqual([[], []]);
  },
);

test('features that are not an array of strings are refused', async () => {
  const answer: Answer = (call) => methodReturn(call, { signature: 'v', body: [variant('au', [1])] });
  await using link = await startBusLink({ answer: answering(answer) });
  await expect(link.bus.listFeatures()).rejects.toMatchObject({ expected: 'as', actual: 'au' });
});
