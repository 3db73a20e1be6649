// The interface that a connection without a bus shares with a bus: proxies, exported objects and subscriptions work on
// two programs that are connected directly, and each link has one handler of method calls.
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { createProxy } from '../../src/client/proxy.js';
import type { Connection } from '../../src/connection/connection.js';
import type { MessageLink } from '../../src/connection/link.js';
import { defineInterface } from '../../src/interface/define.js';
import { exportObject } from '../../src/service/export-object.js';
import { methodReturn, signal } from '../../src/wire/messages/message.js';
import { nextSignal } from '../support/waiting.js';
import { startBusLink, startPair } from './fake-server.js';
import { queued } from './queued.js';

const Counter = defineInterface({
  name: 'com.example.Counter1',
  methods: { Add: { in: 'u', out: 'u', inNames: ['step'] } },
  properties: { Limit: { type: 'u', access: 'readwrite' } },
  signals: { Overflow: { args: 'u' } },
});
const counter = () => {
  let limit = 7;
  return Counter.implement({
    methods: { Add: (step) => step + 1 },
    properties: { Limit: { get: () => limit, set: (value) => void (limit = value) } },
  });
};
const overflow = (body: readonly unknown[], signature = 'u') =>
  signal({ path: '/a', interface: Counter.name, member: 'Overflow', signature, body });

let one: Connection;
let other: Connection;
beforeEach(async () => {
  const pair = await startPair();
  onTestFinished(() => pair[Symbol.asyncDispose]());
  ({ one, other } = pair);
});

/** Resolves after the other side has handled everything that this side has sent. */
const settle = (link: MessageLink): Promise<unknown> =>
  link.call({ path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'Ping' }).catch(() => {});

describe('a proxy on a connection without a bus', () => {
  test('calls methods, and reads and writes properties, without a destination', async () => {
    exportObject(other, '/a', counter());
    const proxy = createProxy(one, Counter, { path: '/a' });
    expect(await proxy.Add(1)).toBe(2);
    await proxy.$set('Limit', 9);
    expect([await proxy.$get('Limit'), { ...(await proxy.$getAll()) }]).toEqual([9, { Limit: 9 }]);
  });

  test('receives the signals of its object, and sends nothing to the other side', async () => {
    const exported = counter();
    exportObject(other, '/a', exported);
    const calls: string[] = [];
    one.handleMethodCalls((call) => {
      calls.push(call.member);
      one.send(methodReturn(call));
    });
    await using signals = createProxy(one, Counter, { path: '/a' }).$signal('Overflow');
    await signals.ready;
    exported.emit('Overflow', 5);
    expect(await nextSignal(signals)).toEqual([5]);
    await settle(other);
    expect(calls).toEqual(['Ping']);
  });

  test('sends a destination in the header, and compares it with the sender of signals that have one', async () => {
    const destinations: unknown[] = [];
    other.handleMethodCalls((call) => {
      destinations.push(call.destination);
      other.send(methodReturn(call, { signature: 'u', body: [1] }));
    });
    const proxy = createProxy(one, Counter, { destination: 'com.example.Counter', path: '/a' });
    const signals = proxy.$signal('Overflow');
    await proxy.Add(1);
    other.send({ ...overflow([1]), sender: 'com.example.Other' });
    other.send({ ...overflow([2]), sender: 'com.example.Counter' });
    other.send(overflow([3]));
    await settle(one);
    await signals[Symbol.asyncDispose]();
    expect(destinations[0]).toBe('com.example.Counter');
    await using byName = one.subscribe({ sender: 'com.example.Counter' });
    other.send({ ...overflow([4]), sender: 'com.example.Other' });
    other.send({ ...overflow([5]), sender: 'com.example.Counter' });
    other.send(overflow([6]));
    await settle(one);
    expect(await queued(byName)).toEqual([5, 6]);
  });

  test('has errors that name the argument that does not fit', async () => {
    const proxy = createProxy(one, Counter, { path: '/a' });
    await expect(proxy.Add(-1)).rejects.toThrow('com.example.Counter1.Add: argument 0 (step): ');
  });

  test('works through a wrapper of the link, and errors name the argument or the property', async () => {
    exportObject(other, '/a', counter());
    const wrapper: MessageLink = {
      call: (options) => one.call(options), send: (message) => one.send(message),
      subscribe: (rule, options) => one.subscribe(rule, options),
      handleMethodCalls: (handler) => one.handleMethodCalls(handler),
      drained: () => one.drained(), closed: one.closed, closedSignal: one.closedSignal,
    };
    const proxy = createProxy(wrapper, Counter, { path: '/a' });
    expect(await proxy.Add(1)).toBe(2);
    await expect(proxy.Add(-1)).rejects.toThrow('com.example.Counter1.Add: argument 0 (step): ');
    await expect(proxy.$set('Limit', -1)).rejects.toThrow('com.example.Counter1.Limit: value of type "u": ');
  });
});

test('a proxy on a bus needs a destination', async () => {
  await using link = await startBusLink();
  expect(() => createProxy(link.bus, Counter, { path: '/a' })).toThrow(expect.objectContaining({ owner: 'createProxy', key: 'destination' }));
});

describe('a subscription on a connection without a bus', () => {
  test('gets the signals that match every key of its rule', async () => {
    await using subscription = one.subscribe({ pathNamespace: '/a', interface: Counter.name, args: { 0: 'yes' } });
    other.send(overflow(['no'], 's'));
    other.send({ ...overflow(['yes'], 's'), path: '/b' });
    other.send(overflow(['yes'], 's'));
    await settle(one);
    expect(await queued(subscription)).toEqual(['yes']);
  });

  test('drops and counts signals with another signature', async () => {
    await using subscription = one.subscribe({ member: 'Overflow' }, { signature: 'u', queueLimit: 2 });
    for (const [index, signature] of ['u', 's', 'uu', '', 'u'].entries()) {
      other.send(overflow(Array.from(signature, (code) => (code === 's' ? 'x' : index)), signature));
    }
    await settle(one);
    expect(subscription.dropped).toBe(3);
    expect([...one.dropped]).toEqual([['unexpected signature', 3]]);
    expect(await queued(subscription)).toEqual([0, 4]);
  });

  test('refuses a signature that is not valid', () => {
    expect(() => one.subscribe({}, { signature: 'a' })).toThrow(expect.objectContaining({ name: 'SignatureError' }));
  });

  test('ends with the connection, and cannot begin after it', async () => {
    const before = one.subscribe({});
    await one.close();
    const error = await one.closed;
    const named = { code: error.code, message: `${error.message} (in a loop over signals of the rule type='signal')` };
    await expect(before.next()).rejects.toMatchObject(named);
    const after = one.subscribe({});
    await expect(after.ready).rejects.toBe(error);
    await expect(after.next()).rejects.toMatchObject(named);
    await after.close();
  });
});

describe('the handler of method calls', () => {
  const used = expect.objectContaining({ name: 'HandlerInUseError', code: 'HANDLER_IN_USE', fault: 'caller' });

  test('is only one: a second handler is refused until the first is removed', async () => {
    const remove = other.handleMethodCalls((call) => void other.send(methodReturn(call, { signature: 'u', body: [1] })));
    expect(() => other.handleMethodCalls(() => {})).toThrow(used);
    expect(await one.call({ path: '/', member: 'M' })).toEqual([1]);
    remove();
    await expect(one.call({ path: '/', member: 'M' })).rejects.toMatchObject({
      errorName: 'org.freedesktop.DBus.Error.UnknownObject',
    });
    other.handleMethodCalls((call) => void other.send(methodReturn(call, { signature: 'u', body: [2] })));
    remove(); // removes its own handler only
    expect(await one.call({ path: '/', member: 'M' })).toEqual([2]);
  });

  test('prevents objects from being exported on its link', async () => {
    const remove = other.handleMethodCalls(() => {});
    expect(() => exportObject(other, '/a', counter())).toThrow(used);
    remove();
    exportObject(other, '/a', counter());
    exportObject(other, '/b', counter());
    expect(await createProxy(one, Counter, { path: '/b' }).Add(1)).toBe(2);
  });

  test('is refused on a link with exported objects, which are still called', async () => {
    await using link = await startBusLink();
    exportObject(link.bus, '/a', counter());
    expect(() => link.bus.handleMethodCalls(() => {})).toThrow(used);
    exportObject(other, '/a', counter());
    expect(() => other.handleMethodCalls(() => {})).toThrow(used);
    expect(await createProxy(one, Counter, { path: '/a' }).Add(2)).toBe(3);
  });
});
