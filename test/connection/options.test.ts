// Options and arguments of connections, buses, exports and proxies that are not valid: each is refused by name before
// anything is sent (call-options.ts and the functions that take options).
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { AuthClient } from '../../src/auth/client.js';
import { anonymous, external } from '../../src/auth/mechanisms.js';
import { AuthServer } from '../../src/auth/server.js';
import { createProxy } from '../../src/client/proxy.js';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus, sessionBus, systemBus } from '../../src/connection/open-bus.js';
import { DBusError } from '../../src/protocol/errors.js';
import { openConnection } from '../../src/connection/connection.js';
import { defineInterface } from '../../src/interface/define.js';
import { exportObject } from '../../src/service/export-object.js';
import { MessageFlag } from '../../src/wire/constants.js';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { methodReturn } from '../../src/wire/messages/message.js';
import { answerAsBus, type FakePeer, startBusLink } from './fake-server.js';

const Counter = defineInterface({
  name: 'com.example.Counter1',
  methods: { Add: { in: 'u', out: 'u' }, Pair: { out: 'uu' }, Forget: { in: 'u', noReply: true } },
  properties: { Limit: { type: 'u', access: 'readwrite' } },
  signals: { Overflow: { args: 'u' } },
});
const counter = () =>
  Counter.implement({
    methods: { Add: () => 1, Pair: () => [1, 2], Forget: () => {} },
    properties: { Limit: { get: () => 1, set: () => {} } },
  });
const target = { destination: 'com.example.Counter', path: '/' } as const;
const METHOD = { path: '/', member: 'Method' } as const;

let bus: Bus;
let peer: FakePeer;
beforeEach(async () => {
  const link = await startBusLink({
    answer: (call, to) => call.member === 'Add' ? methodReturn(call, { signature: 'u', body: [1] })
      : call.member === 'Pair' ? methodReturn(call, { signature: 'uu', body: [1, 2] })
      : call.member === 'Set' ? methodReturn(call)
      : call.member === 'Get' ? methodReturn(call, { signature: 'v', body: [{ signature: 'u', value: 7 }] })
      : call.member === 'GetAll' ? methodReturn(call, { signature: 'a{sv}', body: [{}] })
      : answerAsBus(call, to),
  });
  onTestFinished(() => link[Symbol.asyncDispose]());
  ({ bus, peer } = link);
});

/** The error that an action throws or rejects with. */
async function refusalOf(act: () => unknown): Promise<unknown> {
  try {
    await act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was refused');
}

const wrong = (options: object): never => options as never; // the compiler would not let it through

describe('an option or argument that is not valid is refused by name', () => {
  const proxy = () => createProxy(bus, Counter, target);
  test.each<[text: string, act: () => unknown]>([
    ['call: unknown option "replySig"; did you mean "replySignature"?',
      () => bus.call(wrong({ ...METHOD, replySig: 's' }))],
    ['call: unknown option "timeoutMs"; did you mean "timeout"?',
      () => bus.call(wrong({ ...METHOD, timeoutMs: 5 }))],
    ['call: unknown option "sentAs": it must be one of', () => bus.call(wrong({ ...METHOD, sentAs: 1 }))],
    ['call: unknown option "place": it must be one of', () => bus.call(wrong({ ...METHOD, place: { member: 'Other' } }))],
    ['call: "timeout" must be .*, got number NaN', () => bus.call({ ...METHOD, timeout: NaN })],
    ['call: "timeout" must be .*, got number -1', () => bus.call({ ...METHOD, timeout: -1 })],
    ['call: "timeout" must be .*, got string "5"', () => bus.call(wrong({ ...METHOD, timeout: '5' }))],
    ['call: "timeout" must be .*, got null', () => bus.call(wrong({ ...METHOD, timeout: null }))],
    ['call: "signal" must be an AbortSignal, got an object of class AbortController',
      () => bus.call(wrong({ ...METHOD, signal: new AbortController() }))],
    ['call: "noReply" must be true or false, got number 1', () => bus.call(wrong({ ...METHOD, noReply: 1 }))],
    ['call: "noAutoStart" must be true', () => bus.call(wrong({ ...METHOD, noAutoStart: 'yes' }))],
    ['call: "replySignature" must be a string', () => bus.call(wrong({ ...METHOD, replySignature: ['s'] }))],
    ['call: the options must be an object, got null', () => bus.call(undefined as never)],
    ['call: the options must be an object, got string "M"', () => bus.call('M' as never)],

    ['subscribe: unknown option "limit"; did you mean "queueLimit"?', () => bus.subscribe({}, wrong({ limit: 5 }))],
    ['subscribe: "queueLimit" must be .*, got number -1', () => bus.subscribe({}, { queueLimit: -1 })],
    ['subscribe: "overflow" must be "drop oldest", "drop newest" or "error", got string "drop"', () => bus.subscribe({}, { overflow: 'drop' as never })],
    ['subscribe: "queueBytes" must be .*, got number -1', () => bus.subscribe({}, { queueBytes: -1 })],
    ['subscribe: "queueLimit" must be .*, got number NaN', () => bus.subscribe({}, { queueLimit: NaN })],
    ['subscribe: "signal" must be', () => bus.subscribe({}, wrong({ signal: {} }))],
    ['subscribe: the rule must be an object, got string "type=', () => bus.subscribe(`type='signal'` as never)],
    ['subscribe: the rule must be an object, got undefined', () => bus.subscribe(undefined as never)],
    ['subscribe: the rule must be an object, got an array of 0', () => bus.subscribe([] as never)],
    ['subscribe: the rule must be an object, got an object of class Map', () => bus.subscribe(new Map() as never)],
    ['\\$signal of com.example.Counter1.Overflow: "queueLimit" must be', () => proxy().$signal('Overflow', { queueLimit: -1 })],

    ['requestName: unknown option "replace"; did you mean "replaceExisting"?',
      () => bus.requestName('a.b', wrong({ replace: true }))],
    ['requestName: "doNotQueue" must be true or false, got number 0',
      () => bus.requestName('a.b', wrong({ doNotQueue: 0 }))],
    ['undefined is not a valid bus name', () => bus.requestName(undefined as never)],
    ['releaseName: unknown option "allow"', () => bus.releaseName('a.b', wrong({ allow: true }))],
    ['getNameOwner: "timeout" must be', () => bus.getNameOwner('a.b', { timeout: NaN })],
    ['listNames: the options must be an object, got number 5', () => bus.listNames(wrong(5 as never))],

    ['close: "timeout" must be .*, got number NaN', () => bus.close({ timeout: NaN })],
    ['close: unknown option "timeOut"; did you mean "timeout"?', () => bus.close(wrong({ timeOut: 5 }))],

    ['openConnection: unknown option "maxLength"', () => openConnection('unix:path=/x', wrong({ maxLength: 5 }))],
    ['connectToBus: "connectTimeout" must be .*, got number -5',
      () => connectToBus('unix:path=/x', { connectTimeout: -5 })],
    ['connectToBus: unknown option "timeout"; did you mean "connectTimeout"?',
      () => connectToBus('unix:path=/x', wrong({ timeout: 5 }))],
    ['connectToBus: "maxMessageLength" must be an integer from 16 to 134217728, got number NaN',
      () => connectToBus('unix:path=/x', { maxMessageLength: NaN })],
    ['connectToBus: "maxCalls" must be a number of calls, 1 or more, or Infinity, got number 0',
      () => connectToBus('unix:path=/x', { maxCalls: 0 })],
    ['openConnection: "maxCallsPerCaller" must be a number of calls, .*, got number 1.5',
      () => openConnection('unix:path=/x', { maxCallsPerCaller: 1.5 })],
    ['sessionBus: "maxCallMemory" must be a number of bytes, 0 or more, or Infinity, got string "1 MiB"',
      () => sessionBus({ maxCallMemory: wrong('1 MiB' as never) })],
    ['systemBus: "maxCallMemoryPerCaller" must be a number of bytes, .*, got number -1',
      () => systemBus({ maxCallMemoryPerCaller: -1 })],
    ['connectToBus: "uid" must be a user id as a string, got number 0', () => connectToBus('', wrong({ uid: 0 }))],
    ['sessionBus: the options must be an object, got string "unix:path=/x"',
      () => sessionBus('unix:path=/x' as never)],
    ['systemBus: unknown option "address"', () => systemBus(wrong({ address: 'unix:path=/x' }))],

    ['DBusError: unknown option "details"', () => new DBusError('a.b', '', wrong({ details: 5 }))],
    ['com.example.Counter1: unknown key "method": it must be one of methods, properties',
      () => Counter.implement(wrong({ method: {} }))],
    ['com.example.Counter1: unknown key "signals": it must be one of methods, properties',
      () => Counter.implement(wrong({ signals: {} }))],
    ['com.example.Counter1: implement\\(\\) must get an object of handlers, got null',
      () => Counter.implement(null as never)],

    ['createProxy: unknown option "timeoutMs"', () => createProxy(bus, Counter, wrong({ ...target, timeoutMs: 5 }))],
    ['createProxy: "path" must be the path of the object, got undefined',
      () => createProxy(bus, Counter, wrong({ destination: target.destination }))],
    ['createProxy: "destination" must be the bus name of the service, got undefined',
      () => createProxy(bus, Counter, { path: target.path })],
    ['createProxy: "timeout" must be', () => createProxy(bus, Counter, { ...target, timeout: NaN })],
    ['com.example.Counter1.Add: unknown option "timeoutMs"', () => proxy().Add(1, wrong({ timeoutMs: 5 }))],
    ['com.example.Counter1.Add: "timeout" must be', () => proxy().Add(1, { timeout: NaN })],
    ['com.example.Counter1.Add: the options must be an object, got an object of class AbortSignal',
      () => proxy().Add(1, AbortSignal.abort() as never)],
    ['\\$get of com.example.Counter1.Limit: unknown option "noReply"', () => proxy().$get('Limit', wrong({ noReply: true }))],
    ['\\$set of com.example.Counter1.Limit: "noReply" must be', () => proxy().$set('Limit', 1, wrong({ noReply: 1 }))],
    ['\\$getAll of com.example.Counter1: unknown option "noReply"', () => proxy().$getAll(wrong({ noReply: true }))],

    ['exportObject: .*, got the definition of com.example.Counter1: call its implement',
      () => exportObject(bus, '/', Counter as never)],
    ['exportObject: an implementation must be .*, got undefined', () => exportObject(bus, '/', undefined as never)],
    ['exportObject: an implementation must be .*, got an object of class Object', () => exportObject(bus, '/', [{} as never])],
    ['exportObject: an implementation must be .*, got a promise: await it first',
      () => exportObject(bus, '/', Promise.resolve(counter()) as never)],
    ['exportObject: the link must be a bus or a connection, got a promise: await it first',
      () => exportObject(Promise.resolve(bus) as never, '/', counter())],
    ['exportObject: the link must be a bus or a connection, got undefined',
      () => exportObject(undefined as never, '/', counter())],
    ['exportObject: the link must be a bus or a connection, got string "/"',
      () => exportObject('/' as never, bus as never, counter())],
    ['createProxy: the link must be a Bus or a Connection, got a promise: await it first',
      () => createProxy(Promise.resolve(bus) as never, Counter, target)],
    ['createProxy: the link must be a Bus or a Connection, got string "/"',
      () => createProxy('/' as never, Counter, target)],
    ['createProxy: the definition must .*, got an implementation: pass its definition', () => createProxy(bus, counter() as never, target)],
    ['createProxy: the definition must be .*, got string "a.B"', () => createProxy(bus, 'a.B' as never, target)],
    ['createProxy: the target must be an object, got string "com', () => createProxy(bus, Counter, 'com.example' as never)],
    ['createProxy: the target must be an object, got undefined', () => createProxy(bus, Counter, undefined as never)],

    ['connect: the addresses must be one string, got undefined', () => connectToBus(undefined as never)],
    ['connect: the addresses must be one string, got an array of 0', () => openConnection([] as never)],
    ['watchOwner: the listener must be a function, got undefined', () => bus.watchOwner('a.b', undefined as never)],
    ['handleMethodCalls: the handler must be a function', () => bus.handleMethodCalls(5 as never)],
    ['send: the message must be an object, got undefined', () => bus.send(undefined as never)],
    ['send: the message must be an object, got null', () => bus.send(null as never)],
    ['encodeMessage: the message must be an object, got undefined', () => encodeMessage(undefined as never)],
    ['external: unknown option "user": it must be one of uid', () => external(wrong({ user: '0' }))],
    ['anonymous: "trace" must be a string', () => anonymous(wrong({ trace: 5 }))],
    ['AuthClient: unknown option "mechanism"; did you mean "mechanisms"?',
      () => new AuthClient(wrong({ mechanism: [] }))],
    ['AuthClient: "earlyBegin" must be true or false',
      () => new AuthClient(wrong({ mechanisms: [], earlyBegin: 1 }))],
    ['AuthServer: "mechanisms" must be an array of mechanisms, .*, got string', () => new AuthServer(wrong({ mechanisms: 'EXTERNAL' }))],
  ])('%s', async (text, act) => {
    const { queuedBytes } = bus;
    const before = peer.messages.length;
    expect(String(await refusalOf(act))).toMatch(new RegExp(text.replace(/[?]$/, '\\?')));
    expect([bus.queuedBytes, peer.messages.length]).toEqual([queuedBytes, before]);
  });
});

test('an option that is undefined counts as left out', async () => {
  const none = { timeout: undefined, signal: undefined, noReply: undefined, noAutoStart: undefined } as const;
  const proxy = createProxy(bus, Counter, { ...target, timeout: undefined });
  expect(await proxy.Add(1, none)).toBe(1);
  expect(await proxy.$get('Limit', { timeout: undefined, noAutoStart: undefined })).toBe(7);
  await bus.call({ ...target, interface: 'a.B', member: 'Add', signature: undefined, body: undefined, ...none });
  await bus.subscribe({}, { signal: undefined, queueLimit: undefined }).ready;
  expect(new DBusError('a.b', 'text', { signature: undefined, body: undefined, cause: undefined })).toEqual(
    new DBusError('a.b', 'text'),
  );
  await bus.close({ timeout: undefined });
});

describe('a proxy passes on every option of a call', () => {
  const { NO_REPLY_EXPECTED, NO_AUTO_START, ALLOW_INTERACTIVE_AUTHORIZATION } = MessageFlag;
  const flags = { noAutoStart: true, allowInteractiveAuthorization: true } as const;
  const BOTH = NO_AUTO_START | ALLOW_INTERACTIVE_AUTHORIZATION;

  test('of its methods', async () => {
    const proxy = createProxy(bus, Counter, target);
    expect(await proxy.Add(1, flags)).toBe(1);
    expect(await peer.call('Add')).toMatchObject({ flags: BOTH });
    expect(await proxy.Pair({ noReply: true })).toBeUndefined();
    expect(await peer.call('Pair')).toMatchObject({ flags: NO_REPLY_EXPECTED });
    await proxy.Forget(1, { noAutoStart: true });
    expect(await peer.call('Forget')).toMatchObject({ flags: NO_REPLY_EXPECTED | NO_AUTO_START });
  });

  test('of $get, $set and $getAll', async () => {
    const proxy = createProxy(bus, Counter, target);
    await proxy.$get('Limit', flags);
    expect(await peer.call('Get')).toMatchObject({ flags: BOTH });
    await proxy.$set('Limit', 1, { ...flags, noReply: true });
    expect(await peer.call('Set')).toMatchObject({ flags: BOTH | NO_REPLY_EXPECTED });
    await proxy.$getAll(flags);
    expect(await peer.call('GetAll')).toMatchObject({ flags: BOTH });
    await expect(proxy.$get('Limit', { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });
});
