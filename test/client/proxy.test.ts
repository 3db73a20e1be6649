// Proxies and their signal streams on a real bus, for an object of ours and for a service that breaks its definition.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, onTestFinished, test } from 'vitest';
import { createProxy } from '../../src/client/proxy.js';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { DBusError } from '../../src/protocol/errors.js';
import { CallTimeoutError, ConnectionClosedError, UnexpectedSignatureError } from '../../src/connection/errors.js';
import { defineInterface } from '../../src/interface/define.js';
import { Properties } from '../../src/interface/standard.js';
import { exportObject } from '../../src/service/export-object.js';
import { MessageFlag } from '../../src/wire/constants.js';
import { MarshalError } from '../../src/wire/errors.js';
import { type MethodCall, methodReturn, signal } from '../../src/wire/messages/message.js';
import { type Variant, variant } from '../../src/wire/variant.js';
import { useBusPair } from '../support/bus-pair.js';
import type { PrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';

const ERROR = 'org.freedesktop.DBus.Error';
const path = '/com/example/Counter';
const Counter = defineInterface({
  name: 'com.example.Counter1',
  methods: {
    Add: { in: 'u', out: 'u' },
    Nothing: {},
    Pair: { out: 'su' },
    List: { in: 'as', out: 'as' },
    Greet: { in: 'ss', out: 's', optional: 1 },
    Options: { in: 'a{sv}', out: 'a{sv}' },
    Forget: { in: 's', noReply: true },
    Wait: { in: 'u' },
    Fail: {},
    toString: { out: 's' },
    constructor: { out: 's' },
  },
  properties: {
    Value: { type: 'u', access: 'readwrite' },
    Name: { type: 's', access: 'read' },
    Secret: { type: 's', access: 'write' },
    Options: { type: 'a{sv}', access: 'readwrite' },
  },
  signals: { Overflow: { args: 'us' }, Empty: {} },
});

const suite = describeWith('dbus-daemon');

let daemon: PrivateBus;
let service: Bus;
let client: Bus;

useBusPair((pair) => {
  ({ daemon, service, client } = pair);
});

function setup() {
  const state = { value: 0, forgotten: [] as (readonly [string, number])[], secret: '', options: new Map<string, Variant>() };
  const counter = Counter.implement({
    methods: {
      Add: (step) => (state.value += step),
      Nothing: () => {},
      Pair: () => ['pair', 2],
      List: (list) => list.toReversed(),
      Greet: (greeting, whom = 'world') => `${greeting}, ${whom}`,
      Options: (options) => options,
      Forget: (text, { message }) => void state.forgotten.push([text, message.flags]),
      Wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
      Fail: () => {
        throw new DBusError('com.example.Error.No', 'no', { signature: 'su', body: ['no', 3] });
      },
      toString: () => 'remote toString',
      constructor: () => 'remote constructor',
    },
    properties: {
      Value: { get: () => state.value, set: (value) => void (state.value = value) },
      Name: { get: () => 'counter' },
      Secret: { set: (value) => void (state.secret = value) },
      Options: { get: () => state.options, set: (value) => void (state.options = value) },
    },
  });
  exportObject(service, path, counter);
  return { state, counter, proxy: createProxy(client, Counter, { destination: service.uniqueName, path }) };
}

suite('a proxy', () => {
  test('has exactly the methods of its definition and its own functions', () => {
    const { proxy } = setup();
    expect(Object.getPrototypeOf(proxy)).toBeNull();
    expect(Object.isFrozen(proxy)).toBe(true);
    const own = ['$get', '$set', '$getAll', '$signal', '$signals', '$watch', '$cache'];
    expect(Reflect.ownKeys(proxy).sort()).toEqual([...Object.keys(Counter.methods), ...own].sort());
    expect('then' in proxy).toBe(false);
  });

  test('can be awaited without a call', async () => {
    const { proxy } = setup();
    expect(await proxy).toBe(proxy);
    expect(await Promise.all([proxy])).toEqual([proxy]);
  });

  test.each([
    ['a valid destination', { destination: 'no name', path }],
    ['a valid path', { destination: 'com.example.A', path: 'no path' }],
  ])('is refused without %s', (_, target) => {
    expect(() => createProxy(client, Counter, target)).toThrow(expect.objectContaining({ name: 'InvalidNameError' }));
  });

  test.each<readonly [what: string, part: object, text: string]>([
    ['a method that is null', { methods: { Add: null } }, 'com.example.Counter1.Add: the specification must be an object, got null'],
    ['a group that is null', { methods: null }, 'com.example.Counter1: "methods" must be an object, got null'],
    ['a type that is none', { properties: { Value: { type: 'k', access: 'read' } } }, 'com.example.Counter1.Value: "type": unknown type code "k"'],
    ['a name that is a symbol', { name: Symbol('name') }, 'defineInterface: a symbol is not a valid interface name'],
  ])('a definition that was made by hand and has %s is refused', (_, part, text) => {
    const forged = { ...Counter, ...part } as unknown as typeof Counter;
    expect(() => createProxy(client, forged, { destination: 'a.b', path })).toThrow(text);
  });
});

suite('methods of a proxy', () => {
  test('resolve with nothing, a value, or a tuple', async () => {
    const { proxy } = setup();
    const sum: number = await proxy.Add(3);
    expect(sum).toBe(3);
    const nothing: void = await proxy.Nothing();
    expect(nothing).toBeUndefined();
    const pair: [string, number] = await proxy.Pair();
    expect(pair).toEqual(['pair', 2]);
    expect(await proxy.List(['a', 'b'])).toEqual(['b', 'a']);
    expect(await proxy.List([])).toEqual([]);
    expect(await proxy.Options({ depth: variant('d', 0.5) })).toEqual(new Map([['depth', variant('d', 0.5)]]));
  });

  test('are calls even if they are named like keys that every object inherits', async () => {
    const { proxy } = setup();
    expect(await proxy.toString()).toBe('remote toString');
    expect(await proxy.constructor()).toBe('remote constructor');
  });

  test('can omit optional arguments', async () => {
    const { proxy } = setup();
    expect(await proxy.Greet('Hello')).toBe('Hello, world');
    expect(await proxy.Greet('Hello', undefined)).toBe('Hello, world');
    expect(await proxy.Greet('Hello', 'you')).toBe('Hello, you');
    expect(await proxy.Greet('Hello', undefined, { timeout: 5000 })).toBe('Hello, world');
  });

  test('reject wrong arguments before anything is sent', async () => {
    const { proxy, state } = setup();
    await expect(proxy.Add(-1)).rejects.toThrow(MarshalError);
    // @ts-expect-error one argument is missing
    await expect(proxy.Add()).rejects.toThrow(MarshalError);
    // @ts-expect-error not an argument, and no options either
    await expect(proxy.Add(1, 2)).rejects.toThrow('com.example.Counter1.Add: the options must be an object, got number 2');
    // @ts-expect-error one too many
    await expect(proxy.Add(1, {}, {})).rejects.toThrow('com.example.Counter1.Add: got 3 arguments: there must be at most 1, and then options');
    await proxy.Nothing();
    expect(state.value).toBe(0);
  });

  test('reject a missing argument with its name', async () => {
    const properties = createProxy(client, Properties, { destination: service.uniqueName, path });
    // @ts-expect-error the second and the third argument are missing
    await expect(properties.Set('com.example.Counter1')).rejects.toMatchObject({
      name: 'MarshalError', code: 'VALUE_COUNT_MISMATCH', argument: 1, argumentName: 'property_name',
      message: 'org.freedesktop.DBus.Properties.Set: argument 1 (property_name): missing, got 1 argument: '
        + 'there must be 3',
    });
    const { proxy } = setup();
    // @ts-expect-error the first argument is missing
    await expect(proxy.Greet()).rejects.toThrow('argument 0: missing, got 0 arguments: there must be at least 1');
  });

  test('reject options in place of an optional argument', async () => {
    const { proxy } = setup();
    // @ts-expect-error options instead of the second argument
    await expect(proxy.Greet('Hello', { timeout: 5000 })).rejects.toMatchObject({
      name: 'MarshalError', code: 'VALUE_TYPE_MISMATCH', argument: 1,
      message: 'com.example.Counter1.Greet: argument 1: got options instead of an argument of type "s": '
        + 'options must follow all arguments, with undefined for each optional argument that is omitted',
    });
  });

  test('end early by the timeout or the AbortSignal of the call', async () => {
    const { proxy } = setup();
    await expect(proxy.Wait(1000, { timeout: 20 })).rejects.toThrow(CallTimeoutError);
    const abort = new AbortController();
    const waiting = proxy.Wait(1000, { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });

  test('end early by the timeout of the proxy, unless the call has another', async () => {
    setup();
    const hasty = createProxy(client, Counter, { destination: service.uniqueName, path, timeout: 20 });
    await expect(hasty.Wait(1000)).rejects.toThrow(CallTimeoutError);
    await hasty.Wait(100, { timeout: 5000 });
  });

  test('reject with the error of the service, including its arguments', async () => {
    const { proxy } = setup();
    await expect(proxy.Fail()).rejects.toMatchObject({
      name: 'DBusError', errorName: 'com.example.Error.No', message: 'no', signature: 'su', body: ['no', 3],
    });
  });

  test('without a reply resolve when they are sent', async () => {
    const { proxy, state } = setup();
    expect(await proxy.Forget('this')).toBeUndefined();
    expect(await proxy.Add(1, { noReply: true })).toBeUndefined();
    expect(await proxy.Pair({ noReply: true })).toBeUndefined();
    await proxy.Nothing();
    expect(state.forgotten).toEqual([['this', MessageFlag.NO_REPLY_EXPECTED]]);
  });

  test('reject when the connection ends', async () => {
    const { proxy } = setup();
    const waiting = proxy.Wait(1000);
    const closing = client.close();
    await expect(waiting).rejects.toThrow(ConnectionClosedError);
    await closing;
    await expect(proxy.Nothing()).rejects.toThrow(ConnectionClosedError);
  });

  test('go to the present owner of a well-known name', async () => {
    const { state } = setup();
    const proxy = createProxy(client, Counter, { destination: 'com.example.Counter', path });
    await expect(proxy.Add(1)).rejects.toMatchObject({ errorName: `${ERROR}.ServiceUnknown` });
    await service.requestName('com.example.Counter');
    await proxy.Add(1);
    expect(state.value).toBe(1);
  });
});

suite('properties of a proxy', () => {
  test('are read and written', async () => {
    const { proxy, state } = setup();
    await proxy.$set('Value', 5);
    const value: number = await proxy.$get('Value');
    expect(value).toBe(5);
    await proxy.$set('Secret', 'hidden');
    expect(state.secret).toBe('hidden');
    await proxy.$set('Options', { a: variant('u', 1) });
    expect(await proxy.$get('Options')).toEqual(new Map([['a', variant('u', 1)]]));
  });

  test('are read all at once', async () => {
    const { proxy } = setup();
    const all = await proxy.$getAll();
    expect({ ...all }).toEqual({ Value: 0, Name: 'counter', Options: new Map() });
    expect(Object.getPrototypeOf(all)).toBeNull();
  });

  test('that do not exist, or cannot be accessed, are errors', async () => {
    const { proxy } = setup();
    // @ts-expect-error no such property
    await expect(proxy.$get('Nope')).rejects.toMatchObject({
      name: 'DefinitionError', code: 'PROPERTY_UNKNOWN', interface: Counter.name, member: 'Nope',
    });
    // @ts-expect-error no such property
    await expect(proxy.$get('Nope')).rejects.toThrow('com.example.Counter1.Nope: no such property: it must be one of');
    // @ts-expect-error no such property
    await expect(proxy.$set('toString', 1)).rejects.toThrow('com.example.Counter1.toString: no such property');
    // @ts-expect-error cannot be written
    await expect(proxy.$set('Name', 'x')).rejects.toMatchObject({ errorName: `${ERROR}.PropertyReadOnly` });
    // @ts-expect-error cannot be read
    await expect(proxy.$get('Secret')).rejects.toMatchObject({ errorName: `${ERROR}.AccessDenied` });
    // @ts-expect-error not a number
    await expect(proxy.$set('Value', 'x')).rejects.toThrow(MarshalError);
  });
});

suite('functions for properties and signals', () => {
  test('reject a value that does not fit, with the property and its type', async () => {
    const { proxy } = setup();
    // @ts-expect-error not a number
    await expect(proxy.$set('Value', 'x')).rejects.toMatchObject({
      name: 'MarshalError', interface: Counter.name, member: 'Value', argument: undefined,
      message: expect.stringMatching(/^com\.example\.Counter1\.Value: value of type "u": .*string "x"$/) as unknown,
    });
  });

  test('refuse a name that is not a string', async () => {
    const { proxy } = setup();
    const wrong = ['Value'] as never;
    const text = (caller: string, kind: string): string => (
      `${caller} of com.example.Counter1: the name of a ${kind} must be a string, got an array of 1`
    );
    await expect(proxy.$get(wrong)).rejects.toThrow(text('$get', 'property'));
    await expect(proxy.$set(wrong, 1 as never)).rejects.toThrow(text('$set', 'property'));
    expect(() => proxy.$signal(wrong)).toThrow(text('$signal', 'signal'));
  });
});

suite('a service that breaks the definition', () => {
  function answerWith(answer: (call: MethodCall) => { signature: string; body: unknown[] }) {
    service.handleMethodCalls((call) => void service.send(methodReturn(call, answer(call) as never)));
    return createProxy(client, Counter, { destination: service.uniqueName, path });
  }

  test('by a reply of another type makes the call fail', async () => {
    const proxy = answerWith(() => ({ signature: 's', body: ['text'] }));
    await expect(proxy.Add(1)).rejects.toThrow(UnexpectedSignatureError);
    await expect(proxy.Add(1)).rejects.toMatchObject({ expected: 'u', actual: 's' });
    await expect(proxy.Nothing()).rejects.toMatchObject({ expected: '', actual: 's' });
    await expect(proxy.$get('Name')).rejects.toMatchObject({ expected: 'v', actual: 's' });
  });

  test('by a property of another type makes reading fail', async () => {
    const one = answerWith(() => ({ signature: 'v', body: [variant('s', 'text')] }));
    const unexpected = { name: 'UnexpectedSignatureError', expected: 'u', actual: 's' };
    await expect(one.$get('Value')).rejects.toMatchObject(unexpected);
  });

  test('in one property loses only that property, which is counted and published', async () => {
    const values = { Value: variant('s', 'text'), Name: variant('s', 'name'), Options: variant('a{ss}', {}) };
    const proxy = answerWith(() => ({ signature: 'a{sv}', body: [values] }));
    const before = client.dropped.get('unexpected signature') ?? 0;
    const drops: unknown[] = [];
    const listener = (drop: unknown): void => void drops.push(drop);
    subscribe('dbus-wire:drop', listener);
    onTestFinished(() => void unsubscribe('dbus-wire:drop', listener));
    expect({ ...(await proxy.$getAll()) }).toEqual({ Name: 'name' });
    expect(client.dropped.get('unexpected signature')).toBe(before + 2);
    const error = (name: string, expected: string, actual: string) => ({
      name: 'UnexpectedSignatureError', message: expect.stringContaining(`com.example.Counter1.${name}`) as unknown,
      expected, actual,
    });
    expect(drops).toMatchObject([
      { reason: 'unexpected signature', error: error('Value', 'u', 's') },
      { reason: 'unexpected signature', error: error('Options', 'a{sv}', 'a{ss}') },
    ]);
  });

  test('by additional properties loses only those', async () => {
    const extra = { Value: variant('u', 1), Extra: variant('s', ''), toString: variant('s', '') };
    const proxy = answerWith(() => ({ signature: 'a{sv}', body: [extra] }));
    expect({ ...(await proxy.$getAll()) }).toEqual({ Value: 1 });
  });
});

suite('signals of a proxy', () => {
  test('arrive in order, as tuples of their arguments', async () => {
    const { proxy, counter } = setup();
    const overflows = proxy.$signal('Overflow');
    await overflows.ready;
    for (let index = 0; index < 3; index++) counter.emit('Overflow', index, 'text');
    counter.emit('Empty');
    const seen: [number, string][] = [];
    for await (const [value, text] of overflows) {
      seen.push([value, text]);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual([[0, 'text'], [1, 'text'], [2, 'text']]);
    expect(await overflows.next()).toEqual({ value: undefined, done: true });
  });

  test('of another object, interface or sender do not arrive', async () => {
    const { proxy, counter } = setup();
    await service.requestName('com.example.Counter');
    const named = createProxy(client, Counter, { destination: 'com.example.Counter', path });
    const streams = [proxy.$signal('Overflow'), named.$signal('Overflow')];
    await Promise.all(streams.map(({ ready }) => ready));
    const body = [666, 'forged'] as const;
    const forged = { path, interface: Counter.name, member: 'Overflow', signature: 'us', body } as const;
    client.send(signal(forged));
    service.send(signal({ ...forged, path: '/other' }));
    service.send(signal({ ...forged, interface: 'com.example.Other' }));
    await proxy.Nothing(); // by now the forged one has been delivered
    counter.emit('Overflow', 1, 'real');
    for (const stream of streams) expect((await stream.next()).value).toEqual([1, 'real']);
  });

  test('with another signature than in the definition are dropped and counted', async () => {
    const { proxy, counter } = setup();
    const overflows = proxy.$signal('Overflow');
    await overflows.ready;
    const wrong = { path, interface: Counter.name, member: 'Overflow' } as const;
    service.send(signal({ ...wrong, signature: 'u', body: [1] }));
    service.send(signal({ ...wrong, signature: 'usu', body: [1, '', 1] }));
    service.send(signal(wrong));
    counter.emit('Overflow', 2, 'right');
    expect((await overflows.next()).value).toEqual([2, 'right']);
    expect(overflows.dropped).toBe(3);
    expect(client.dropped.get('unexpected signature')).toBe(3);
  });

  test('above the limit of the queue are dropped and counted, the oldest first', async () => {
    const { proxy, counter } = setup();
    const overflows = proxy.$signal('Overflow', { queueLimit: 2 });
    await overflows.ready;
    for (let index = 0; index < 5; index++) counter.emit('Overflow', index, '');
    await proxy.Nothing();
    expect(overflows.dropped).toBe(3);
    expect((await overflows.next()).value).toEqual([3, '']);
  });

  test.each([
    ['drop newest', [0, 1], undefined],
    ['error', [0, 1], 'QUEUE_OVERFLOW'],
  ] as const)('above the limit of the queue follow the policy %s: %j is read, then %s', async (overflow, kept, code) => {
    const { proxy, counter } = setup();
    const overflows = proxy.$signal('Overflow', { queueLimit: 2, overflow });
    await overflows.ready;
    for (let index = 0; index < 5; index++) counter.emit('Overflow', index, '');
    await proxy.Nothing();
    for (const index of kept) expect((await overflows.next()).value).toEqual([index, '']);
    if (code !== undefined) await expect(overflows.next()).rejects.toMatchObject({ code });
    expect(overflows.dropped).toBe(code === undefined ? 3 : 1);
    await overflows.close();
  });

  test('arrive again after a restart of the service', async () => {
    const { counter } = setup();
    await service.requestName('com.example.Counter');
    const proxy = createProxy(client, Counter, { destination: 'com.example.Counter', path });
    const overflows = proxy.$signal('Overflow');
    await overflows.ready;
    counter.emit('Overflow', 1, 'first');
    expect((await overflows.next()).value).toEqual([1, 'first']);
    await service.close();
    const again = await connectToBus(daemon.address);
    exportObject(again, path, counter);
    await again.requestName('com.example.Counter');
    counter.emit('Overflow', 2, 'second');
    expect((await overflows.next()).value).toEqual([2, 'second']);
    await again.close();
  });

  test('end with close(), with an abort, and with the connection', async () => {
    const { proxy } = setup();
    const closed = proxy.$signal('Empty');
    const waiting = closed.next();
    await closed.close();
    expect(await waiting).toEqual({ value: undefined, done: true });

    const abort = new AbortController();
    const aborted = proxy.$signal('Empty', { signal: abort.signal });
    const next = aborted.next();
    abort.abort(new Error('enough'));
    await expect(next).rejects.toThrow('enough');

    const cut = proxy.$signal('Empty');
    await cut.ready;
    const last = cut.next();
    const closing = client.close();
    await expect(last).rejects.toThrow(ConnectionClosedError);
    await closing;
  });

  test('can be disposed of', async () => {
    const { proxy, counter } = setup();
    {
      await using empties = proxy.$signal('Empty');
      await empties.ready;
      counter.emit('Empty');
      expect((await empties.next()).value).toEqual([]);
    }
  });

  test('that the interface does not have are an error', () => {
    const { proxy } = setup();
    // @ts-expect-error no such signal
    expect(() => proxy.$signal('Nope')).toThrow('com.example.Counter1.Nope: no such signal: it must be one of');
  });
});

suite('a proxy on a link of the application', () => {
  test('makes its calls by the call() of the link', async () => {
    setup();
    const members: string[] = [];
    const foreign = {
      call: (options: { readonly member: string; readonly noReply?: boolean }) => {
        members.push(`${options.member} ${options.noReply}`);
        return client.call(options as never);
      },
      send: client.send.bind(client), subscribe: client.subscribe.bind(client),
      handleMethodCalls: client.handleMethodCalls.bind(client),
      closed: client.closed, closedSignal: client.closedSignal,
    } as unknown as Bus;
    const proxy = createProxy(foreign, Counter, { destination: service.uniqueName, path });
    expect([await proxy.Add(2), await proxy.$get('Value'), await proxy.Forget('x')]).toEqual([2, 2, undefined]);
    expect(members).toEqual(['Add false', 'Get false', 'Forget true']);
  });
});
