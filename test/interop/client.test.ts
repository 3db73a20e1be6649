// Our client against a service on dbus-python (that is, on libdbus): calls, errors, properties, signals, and
// a service that goes away during a call.

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import {
  type Bus, CallTimeoutError, connectToBus, createProxy, DBusError, defineInterface, ErrorName, type InterfaceSpec,
  Introspectable, ObjectManager, parseIntrospection, Peer, Properties, type SignalStream, type Subscription,
  UnexpectedSignatureError, type Variant, variant,
} from '../../src/index.js';
import { extent, heavyTest } from '../support/extent.js';
import { dbusSend, pythonService } from '../support/foreign.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import { describeWith, type Program } from '../support/programs.js';
import { until } from '../support/waiting.js';
import { type Echo, ECHO_ROWS, ECHOES, UNUSUAL_TEXT } from './echoes.js';

const Types = defineInterface({
  name: 'com.example.Types1',
  methods: {
    ...ECHOES,
    Divide: { in: 'ii', out: 'ii' },
    Extremes: { out: 'ybnqiuxtdsogv' },
    Describe: { in: 'ybnqiuxtdsog', out: 's' },
    DescribeVariant: { in: 'v', out: 's' },
    Nothing: {},
    EmptyContainers: { out: 'asa{sv}a(ix)ay' },
    Bytes: { in: 'u', out: 'ay' },
    Strings: { in: 'u', out: 'as' },
    WhoAmI: { out: 's' },
    Ping: { noReply: true },
    Pings: { out: 'u' },
    Fail: { in: 's' },
    Crash: {},
    Sleep: { in: 'u', out: 'u' },
    Never: {},
    Die: {},
    Quit: {},
    Emit: { in: 'u' },
    EmitOthers: {},
  },
  properties: {
    Version: { type: 'u', access: 'read' },
    Title: { type: 's', access: 'readwrite' },
    Level: { type: 'd', access: 'readwrite', emitsChanged: 'invalidates' },
    Tags: { type: 'as', access: 'readwrite' },
    Details: { type: 'a{sv}', access: 'read' },
    Secret: { type: 's', access: 'write' },
  },
  signals: { Ticked: { args: 'us' }, Emptied: {}, Described: { args: 'a{sv}(xd)' } },
});

/** The same interface with a wrong definition. */
const MistakenTypes = defineInterface({
  name: Types.name,
  methods: {
    EchoInt32: { in: 'i', out: 'x' },
    Nothing: { out: 's' },
    Missing: {},
    EchoByte: { in: 's', out: 'y' },
    Divide: { in: 'i', out: 'ii' },
  },
  properties: {
    Version: { type: 'u', access: 'readwrite' },
    Title: { type: 'as', access: 'readwrite' },
    Secret: { type: 's', access: 'readwrite' },
    Missing: { type: 's', access: 'readwrite' },
  },
  signals: { Ticked: { args: 'su' } },
});

const target = { destination: 'com.example.Types1', path: '/com/example/Types1' };
const there = { ...target, interface: Types.name } as const;
const MORTAL = 'com.example.Mortal1';

/** The next signals of a stream, as many as are asked for. */
async function take<T>(stream: AsyncIterator<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const { done, value } = await stream.next();
    if (done === true) throw new Error(`the stream ended after ${taken.length} of ${count} signals`);
    taken.push(value);
  }
  return taken;
}

async function errorOf(promise: Promise<unknown>): Promise<DBusError> {
  const error = await promise.then(
    () => new Error('the call succeeded'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DBusError);
  return error as DBusError; // asserted
}

describeWith('dbus-daemon', 'dbus-send', 'dbus-python')('our client and a service on dbus-python', () => {
  let daemon: PrivateBus;
  let service: Program;
  let bus: Bus;

  beforeAll(async () => {
    daemon = await startPrivateBus();
    service = await pythonService(daemon, 'types_service');
  });
  afterAll(async () => {
    await service?.[Symbol.asyncDispose]();
    await daemon?.stop();
  });
  beforeEach(async () => {
    bus = await connectToBus(daemon.address);
    onTestFinished(() => bus.close());
  });

  const typesOf = (connected: Bus) => createProxy(connected, Types, target);
  const mistakenOf = (connected: Bus) => createProxy(connected, MistakenTypes, target);
  /** A service that a test may end; `again` starts it another time. */
  const mortal = async (): Promise<Program> => {
    const program = await pythonService(daemon, 'types_service', ['--name', MORTAL]);
    onTestFinished(() => program[Symbol.asyncDispose]());
    return program;
  };

  describe('values', () => {
    test('of each kind come back unchanged, through a proxy and by call()', async () => {
      const proxy = typesOf(bus) as unknown as Echo; // the rows are of all types
      const returned = await Promise.all(ECHO_ROWS.map(async ({ member, python, value }) => {
        const { in: signature, out: replySignature } = ECHOES[member] as { readonly in: string; readonly out: string };
        const call = bus.call({ ...there, member, signature, body: [value], replySignature });
        return [member, python, await proxy[member](value), (await call)[0]];
      }));
      expect(returned).toStrictEqual(ECHO_ROWS.map(({ member, python, value }) => [member, python, value, value]));
    });

    test('have the types of the definition', async () => {
      const types = typesOf(bus);
      const half: number = await types.EchoDouble(0.5);
      const big: bigint = await types.EchoInt64(5); // a safe integer is accepted, a bigint is what comes back
      const list: string[] = await types.EchoStrings(['a']);
      const [text, number, flag]: [string, number, boolean] = await types.EchoStruct(['a', 1, true]);
      const dictionary: Map<string, Variant> = await types.EchoDictionary({ k: variant('ay', [1, 2]) });
      expect({ half, big, list, text, number, flag, dictionary }).toStrictEqual({
        half: 0.5, big: 5n, list: ['a'], text: 'a', number: 1, flag: true,
        dictionary: new Map([['k', { signature: 'ay', value: Uint8Array.of(1, 2) }]]),
      });
    });

    test('of type STRING keep every character', async () => {
      expect(await typesOf(bus).EchoString(UNUSUAL_TEXT)).toBe(UNUSUAL_TEXT);
      const inside = [variant('s', UNUSUAL_TEXT)];
      expect(await typesOf(bus).EchoVariants(inside)).toStrictEqual(inside);
    });

    test('of type DICT keep all keys in their order', async () => {
      const keys = ['z', '10', '9', '__proto__', 'toString', '', 'a'];
      const sent = new Map(keys.map((key, index) => [key, String(index)]));
      expect([...(await typesOf(bus).EchoStringDictionary(sent))]).toEqual([...sent]);
      const record = JSON.parse('{"__proto__": "own", "b": "2"}') as Record<string, string>;
      expect([...(await typesOf(bus).EchoStringDictionary(record))]).toEqual([['__proto__', 'own'], ['b', '2']]);
    });

    test('have the same meaning for the service', async () => {
      const types = typesOf(bus);
      const lowest = [0, false, -32768, 0, -(2 ** 31), 0, -(2n ** 63n), 0n, -0, '', '/', ''] as const;
      expect(await types.Describe(...lowest))
        .toBe('0|0|-32768|0|-2147483648|0|-9223372036854775808|0|-0.0||/|');
      const highest = [
        255, true, 32767, 65535, 2 ** 31 - 1, 2 ** 32 - 1, 2n ** 63n - 1n, 2n ** 64n - 1n, NaN, '😀', '/a/b', 'a{sv}',
      ] as const;
      expect(await types.Describe(...highest)).toBe(
        '255|1|32767|65535|2147483647|4294967295|9223372036854775807|18446744073709551615|nan|😀|/a/b|a{sv}',
      );
      expect(await types.DescribeVariant(variant('v', variant('q', 9))))
        .toBe('UInt16 level 2: dbus.UInt16(9, variant_level=2)');
      expect(await types.DescribeVariant(variant('a{yv}', new Map([[1, variant('as', [])]])))).toBe(
        "Dictionary level 1: dbus.Dictionary({dbus.Byte(1): dbus.Array([], signature=dbus.Signature('s'), " +
          "variant_level=1)}, signature=dbus.Signature('yv'), variant_level=1)",
      );
      expect(await types.DescribeVariant(variant('(a(xd))', [[[-1n, -Infinity]]]))).toContain(
        'dbus.Array([dbus.Struct((dbus.Int64(-1), dbus.Double(-inf)), signature=None)]',
      );
    });

    test('of a reply may be several, one or zero', async () => {
      const types = typesOf(bus);
      expect(await types.Divide(-7, 2)).toEqual([-3, -1]);
      expect(await types.Nothing()).toBeUndefined();
      expect(await types.WhoAmI()).toBe(bus.uniqueName);
      expect(await types.EmptyContainers()).toStrictEqual([[], new Map(), [], new Uint8Array(0)]);
      expect(await types.Extremes()).toStrictEqual([
        255, true, -32768, 65535, -(2 ** 31), 2 ** 32 - 1, -(2n ** 63n), 2n ** 64n - 1n, 5e-324, 'é中😀', '/', '',
        { signature: '(yx)', value: [1, 2n] },
      ]);
      const none: [] = await bus.call({ ...there, member: 'Nothing', replySignature: '' });
      expect(none).toEqual([]);
    });

    test('may be thousands in one array', async () => {
      const types = typesOf(bus);
      const [BYTES, STRINGS] = extent([2 ** 17 + 1, 10_000], [8 * 2 ** 20 + 1, 100_000]);
      const sent = Uint8Array.from({ length: extent(2 ** 16, 2 ** 20) }, (_, index) => (index * 31) ^ (index >> 8));
      expect(Buffer.compare(await types.EchoBytes(sent), sent)).toBe(0);
      const bytes = await types.Bytes(BYTES);
      expect(bytes.length).toBe(BYTES);
      expect(bytes.every((byte, index) => byte === (index & 0xff))).toBe(true);
      const strings = await types.Strings(STRINGS);
      expect(strings).toEqual(Array.from({ length: STRINGS }, (_, index) => `string ${index}`));
    });

    test('belong to their call, whichever reply comes first', async () => {
      const types = typesOf(bus);
      const finished: number[] = [];
      const sleep = async (ms: number): Promise<void> => void finished.push(await types.Sleep(ms));
      const echoes = Array.from({ length: 500 }, (_, index) => types.EchoUInt32(index));
      await Promise.all([sleep(250), sleep(1)]);
      expect(finished).toEqual([1, 250]);
      expect(await Promise.all(echoes)).toEqual(Array.from({ length: 500 }, (_, index) => index));
    });
  });

  describe('errors', () => {
    test('have the name and the text of the service', async () => {
      const error = await errorOf(typesOf(bus).Fail('no luck, 😀'));
      expect(error).toMatchObject({
        errorName: 'com.example.Types1.Error.Custom', message: 'no luck, 😀', signature: 's', body: ['no luck, 😀'],
      });
      const zero = await errorOf(typesOf(bus).Divide(1, 0));
      expect(zero).toMatchObject({ errorName: 'com.example.Types1.Error.DivisionByZero', message: 'division by zero' });
    });

    test('without a text have their name as the message', async () => {
      const error = await errorOf(typesOf(bus).Fail(''));
      expect(error).toMatchObject({ errorName: 'com.example.Types1.Error.Custom', body: [''] });
      expect(error.message).toBe('com.example.Types1.Error.Custom');
    });

    test('of Python exceptions have a name', async () => {
      const error = await errorOf(typesOf(bus).Crash());
      expect(error.errorName).toBe('org.freedesktop.DBus.Python.ValueError');
      expect(error.message).toContain('ValueError: not a D-Bus error');
    });

    test('are UnknownMethod for a missing object, interface or method, ServiceUnknown for a missing name', async () => {
      const { UNKNOWN_METHOD, SERVICE_UNKNOWN } = ErrorName;
      const cases = [
        [{ ...there, member: 'Missing' }, UNKNOWN_METHOD],
        [{ ...target, member: 'Missing' }, UNKNOWN_METHOD], // no interface
        [{ ...there, interface: 'com.example.Missing1', member: 'Nothing' }, UNKNOWN_METHOD], // libdbus knows no better
        [{ ...there, path: '/com/example/Missing', member: 'Nothing' }, UNKNOWN_METHOD], // nor here
        [{ ...there, destination: 'com.example.Missing1', member: 'Nothing' }, SERVICE_UNKNOWN],
        [{ ...there, destination: ':1.999999', member: 'Nothing' }, SERVICE_UNKNOWN],
      ] as const;
      const names = await Promise.all(cases.map(async ([call]) => (await errorOf(bus.call(call))).errorName));
      expect(names).toEqual(cases.map(([, name]) => name));
    });

    test('for wrong arguments leave the connection usable', async () => {
      const mistaken = mistakenOf(bus);
      const { errorName } = await errorOf(mistaken.EchoByte('text'));
      expect(errorName).toMatch(/^org\.freedesktop\.DBus\.Python\.\w+Error$/);
      expect((await errorOf(mistaken.Divide(1))).errorName).toBe('org.freedesktop.DBus.Python.TypeError');
      expect((await errorOf(mistaken.Missing())).errorName).toBe(ErrorName.UNKNOWN_METHOD);
      const driver = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus' } as const;
      const asked = bus.call({ ...driver, member: 'GetNameOwner', signature: 'u', body: [1] });
      expect((await errorOf(asked)).errorName).toBe(ErrorName.INVALID_ARGS);
      expect(await typesOf(bus).EchoInt32(1)).toBe(1);
    });

    test('are thrown for replies of other types than in the definition', async () => {
      const mistaken = mistakenOf(bus);
      await expect(mistaken.EchoInt32(1)).rejects.toThrow(UnexpectedSignatureError);
      await expect(mistaken.EchoInt32(1)).rejects.toMatchObject({ expected: 'x', actual: 'i' });
      await expect(mistaken.Nothing()).rejects.toMatchObject({ expected: 's', actual: '' });
      expect(await typesOf(bus).Nothing()).toBeUndefined();
    });
  });

  describe('waiting for a reply', () => {
    test('ends at the timeout, and the late reply is dropped and counted', async () => {
      const types = typesOf(bus);
      await expect(types.Sleep(150, { timeout: 50 })).rejects.toThrow(CallTimeoutError);
      expect(await types.Sleep(150)).toBe(150); // it ends after the late reply
      expect(Object.fromEntries(bus.dropped)).toEqual({ 'unexpected reply': 1 });
      const hasty = createProxy(bus, Types, { ...target, timeout: 50 });
      await expect(hasty.Never()).rejects.toMatchObject({ code: 'CALL_TIMED_OUT', timeout: 50 });
      expect(await hasty.Sleep(75, { timeout: Infinity })).toBe(75);
    });

    test('ends early if its AbortSignal aborts', async () => {
      const types = typesOf(bus);
      const controller = new AbortController();
      const reason = new Error('changed my mind');
      const waiting = [types.Never({ signal: controller.signal }), types.Sleep(100, { signal: controller.signal })];
      const pinged = types.WhoAmI(); // the calls have reached the bus when this one comes back
      expect(await pinged).toBe(bus.uniqueName);
      controller.abort(reason);
      const outcomes = await Promise.allSettled(waiting);
      expect(outcomes).toEqual([{ status: 'rejected', reason }, { status: 'rejected', reason }]);
      await expect(types.Never({ signal: AbortSignal.timeout(20) })).rejects.toThrow(/timeout/i);
      expect(await types.Sleep(100)).toBe(100);
      expect(bus.dropped.get('unexpected reply')).toBe(1); // that of the Sleep nobody waited for
    });
  });

  describe('ways to call', () => {
    test('a call may omit the interface', async () => {
      const call = { ...target, member: 'EchoString', signature: 's', body: ['x'], replySignature: 's' } as const;
      expect(await bus.call(call)).toEqual(['x']);
      const quotient = { ...target, member: 'Divide', signature: 'ii', body: [9, 4], replySignature: 'ii' } as const;
      expect(await bus.call(quotient)).toEqual([2, 1]);
    });

    test('a call may ask for no reply', async () => {
      const types = typesOf(bus);
      const before = await types.Pings();
      await types.Ping(); // by its definition
      expect(await bus.call({ ...there, member: 'Ping', noReply: true })).toEqual([]);
      await bus.call({ ...there, member: 'Fail', signature: 's', body: ['unheard'], noReply: true });
      expect(await bus.call({ ...there, member: 'Ping', replySignature: '' })).toEqual([]);
      expect(await types.Pings()).toBe(before + 3);
      expect(bus.dropped.size).toBe(0);
    });

    test('a call may be sent to the unique name of the owner', async () => {
      const destination = await bus.getNameOwner(target.destination);
      expect(destination).toMatch(/^:1\.\d+$/);
      const types = createProxy(bus, Types, { ...target, destination: destination ?? '' });
      expect(await types.EchoString('direct')).toBe('direct');
    });

    test('the standard interfaces of the library work on the service', async () => {
      const peer = createProxy(bus, Peer, target);
      expect(await peer.Ping()).toBeUndefined();
      expect(await peer.GetMachineId()).toMatch(/^[0-9a-f]{32}$/);
      const objects = await createProxy(bus, ObjectManager, target).GetManagedObjects();
      const item = (index: number): [string, Map<string, Map<string, Variant>>] => [
        `${target.path}/item/${index}`,
        new Map([
          ['com.example.Item1', new Map<string, Variant>([
            ['Index', { signature: 'i', value: index }],
            ['Label', { signature: 's', value: `item ${index}` }],
          ])],
          ['com.example.Empty1', new Map<string, Variant>()],
        ]),
      ];
      expect(objects).toStrictEqual(new Map([item(0), item(1), item(2)]));
    });

    test('a definition from the introspection data of the service works', async () => {
      const xml = await createProxy(bus, Introspectable, target).Introspect();
      const { interfaces } = parseIntrospection(xml);
      expect(interfaces.map(({ name }) => name).sort()).toEqual(
        [Types, Introspectable, ObjectManager, Properties].map(({ name }) => name).sort(),
      );
      const described = interfaces.find(({ name }) => name === Types.name);
      const signatures = (methods: Readonly<Record<string, { in: string; out: string }>> = {}) =>
        Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, [method.in, method.out]]));
      expect(signatures(described?.methods)).toEqual(signatures(Types.methods));
      const args = (signals: Readonly<Record<string, { args: string }>> = {}) =>
        Object.fromEntries(Object.entries(signals).map(([name, signal]) => [name, signal.args]));
      expect(args(described?.signals)).toEqual(args(Types.signals));
      // A definition made of nothing but that is good enough to call with.
      const spec: InterfaceSpec = described ?? { name: '' };
      const untyped = createProxy(bus, defineInterface(spec), target);
      expect(await untyped['Divide']?.(9, 4)).toEqual([2, 1]);
    });
  });

  describe('properties', () => {
    test('are read and written', async () => {
      const types = typesOf(bus);
      expect(await types.$get('Version')).toBe(1);
      expect(await types.$get('Tags')).toEqual(['a', 'b']);
      expect(await types.$get('Details')).toStrictEqual(new Map([['size', { signature: 'x', value: -1n }]]));
      expect(await types.$set('Title', 'grüße')).toBeUndefined();
      await types.$set('Level', -0);
      await types.$set('Tags', []);
      expect(await types.$get('Title')).toBe('grüße');
      expect(await types.$get('Level')).toBe(-0);
      expect(await types.$get('Tags')).toEqual([]);
      await types.$set('Tags', ['a', 'b']);
    });

    test('are read all at once, except those that cannot be read', async () => {
      const types = typesOf(bus);
      await types.$set('Title', 'all');
      await types.$set('Level', 0.25);
      expect({ ...(await types.$getAll()) }).toStrictEqual({
        Version: 1, Title: 'all', Level: 0.25, Tags: ['a', 'b'],
        Details: new Map([['size', { signature: 'x', value: -1n }]]),
      });
    });

    test('are refused by the service if we may not access them', async () => {
      const types = typesOf(bus);
      expect(await types.$set('Secret', 'write only')).toBeUndefined();
      const mistaken = mistakenOf(bus);
      expect(await errorOf(mistaken.$get('Secret')))
        .toMatchObject({ errorName: ErrorName.ACCESS_DENIED, message: 'Secret is write-only' });
      expect(await errorOf(mistaken.$set('Version', 2)))
        .toMatchObject({ errorName: ErrorName.PROPERTY_READ_ONLY, message: 'Version is read-only' });
      expect((await errorOf(mistaken.$get('Missing'))).errorName).toBe(ErrorName.UNKNOWN_PROPERTY);
      expect((await errorOf(mistaken.$set('Title', ['x']))).errorName).toBe(ErrorName.INVALID_ARGS);
      const mine = { ...target, interface: Properties.name, member: 'Get', signature: 'ss' } as const;
      const elsewhere = bus.call({ ...mine, body: ['com.example.Missing1', 'Version'] });
      expect((await errorOf(elsewhere)).errorName).toBe(ErrorName.UNKNOWN_INTERFACE);
    });

    test('of another type than in the definition are refused', async () => {
      const mistaken = mistakenOf(bus);
      await expect(mistaken.$get('Title')).rejects.toMatchObject({ expected: 'as', actual: 's' });
      const before = bus.dropped.get('unexpected signature') ?? 0;
      const others = await mistaken.$getAll(); // left out, and counted
      expect('Title' in others).toBe(false);
      expect(bus.dropped.get('unexpected signature')).toBe(before + 1);
    });

    test('report their changes', async () => {
      const types = typesOf(bus);
      const rule = { sender: target.destination, path: target.path, interface: Properties.name } as const;
      await using all = bus.subscribe({ ...rule, member: 'PropertiesChanged', args: { 0: Types.name } });
      await using none = bus.subscribe({ ...rule, args: { 0: 'com.example.Other1' } });
      await using stream = createProxy(bus, Properties, target).$signal('PropertiesChanged');
      await Promise.all([all.ready, none.ready, stream.ready]);
      await types.$set('Title', 'told');
      await types.$set('Secret', 'not told');
      await types.$set('Level', 7);
      const bodies = [
        [Types.name, new Map([['Title', { signature: 's', value: 'told' }]]), []],
        [Types.name, new Map(), ['Level']],
      ];
      const signals = await take(all, 2);
      expect(signals.map(({ body }) => body)).toStrictEqual(bodies);
      expect(signals[0]).toMatchObject({
        type: 'signal', path: target.path, interface: Properties.name, member: 'PropertiesChanged',
        signature: 'sa{sv}as', destination: undefined, sender: await bus.getNameOwner(target.destination),
      });
      expect(await take(stream, 2)).toStrictEqual(bodies);
      await none.close();
      expect(await none.next()).toEqual({ value: undefined, done: true });
    });
  });

  describe('signals', () => {
    test('arrive completely and in the order of emission', async () => {
      const types = typesOf(bus);
      const COUNT = extent(1_500, 5_000); // more than a queue holds by default
      await using ticks = types.$signal('Ticked', { queueLimit: COUNT });
      await using emptied = types.$signal('Emptied');
      await using described = types.$signal('Described');
      await Promise.all([ticks.ready, emptied.ready, described.ready]);
      await types.Emit(COUNT);
      await types.EmitOthers();
      const bodies = await take(ticks, COUNT);
      expect(bodies).toEqual(Array.from({ length: COUNT }, (_, index) => [index, `tick ${index}`]));
      expect(ticks.dropped).toBe(0);
      expect(await take(emptied, 1)).toEqual([[]]);
      expect(await take(described, 1)).toStrictEqual([[
        new Map([['name', { signature: 's', value: 'x' }], ['size', { signature: 't', value: 2n ** 63n }]]),
        [-1n, 0.25],
      ]]);
    });

    test('arrive from the start of their subscription', async () => {
      const types = typesOf(bus);
      await using early = types.$signal('Ticked');
      await early.ready;
      await types.Emit(2);
      await using late = types.$signal('Ticked');
      await late.ready;
      await types.Emit(1);
      expect(await take(late, 1)).toEqual([[0, 'tick 0']]);
      expect((await take(early, 3)).map(([index]) => index)).toEqual([0, 1, 0]);
    });

    test('from other senders are not delivered, even if their names are the same', async () => {
      const types = typesOf(bus);
      await using ticks = types.$signal('Ticked');
      await ticks.ready;
      const forged = [target.path, `${Types.name}.Ticked`, 'uint32:666', 'string:forged'];
      expect(await dbusSend(daemon, [`--dest=${bus.uniqueName}`, ...forged])).toMatchObject({ code: 0 });
      expect(await dbusSend(daemon, forged)).toMatchObject({ code: 0 });
      await types.Emit(1);
      expect(await take(ticks, 1)).toEqual([[0, 'tick 0']]);
    });

    test('of other types than in the definition are dropped and counted', async () => {
      await using mistaken = mistakenOf(bus).$signal('Ticked');
      await using right = typesOf(bus).$signal('Ticked');
      await Promise.all([mistaken.ready, right.ready]);
      const unread = mistaken.next();
      await typesOf(bus).Emit(2);
      expect(await take(right, 2)).toHaveLength(2);
      await until(() => mistaken.dropped >= 2);
      expect(mistaken.dropped).toBe(2);
      await mistaken.close();
      expect(await unread).toEqual({ value: undefined, done: true });
    });

    test('that are not read are dropped above the limit of the queue', async () => {
      const types = typesOf(bus);
      await using ticks = types.$signal('Ticked', { queueLimit: 10 });
      await ticks.ready;
      await types.Emit(1_000);
      expect(ticks.dropped).toBe(990);
      const kept = (await take(ticks, 10)).map(([index]) => index);
      expect(kept).toEqual([990, 991, 992, 993, 994, 995, 996, 997, 998, 999]);
    });

    test('stop at the end of their subscription', async () => {
      const types = typesOf(bus);
      for await (const [index] of await ready(types.$signal('Ticked'), () => types.Emit(3))) {
        if (index === 1) break;
      }
      const controller = new AbortController();
      await using ticks = types.$signal('Ticked', { signal: controller.signal });
      await ticks.ready;
      controller.abort(new Error('enough'));
      await expect(ticks.next()).rejects.toThrow('enough');
      await using other = await connectToBus(daemon.address);
      await using still = typesOf(other).$signal('Ticked');
      await still.ready;
      await types.Emit(1);
      expect(await take(still, 1)).toHaveLength(1);
    });
  });

  describe('a service that leaves the bus', () => {
    const mortalTarget = { ...target, destination: MORTAL };

    test('fails the calls in progress at once, and later calls', async () => {
      const program = await mortal();
      const types = createProxy(bus, Types, mortalTarget);
      const waiting = [types.Never(), types.Never(), types.Sleep(60_000), types.Die()].map(errorOf);
      for (const error of await Promise.all(waiting)) expect(error.errorName).toBe(ErrorName.NO_REPLY);
      expect((await program.end()).code).toBe(7);
      expect((await errorOf(types.Nothing())).errorName).toBe(ErrorName.SERVICE_UNKNOWN);
    });

    test('keeps its subscriptions when it returns', async () => {
      const first = await mortal();
      const types = createProxy(bus, Types, mortalTarget);
      await using ticks: SignalStream<[number, string]> = types.$signal('Ticked');
      await using emptied: Subscription = bus.subscribe({ sender: MORTAL, interface: Types.name, member: 'Emptied' });
      const owners: (string | undefined)[] = [];
      await using watch = bus.watchOwner(MORTAL, (owner) => owners.push(owner));
      await Promise.all([ticks.ready, emptied.ready, watch.ready]);
      const before = watch.owner;
      await types.Emit(1);
      await errorOf(types.Die());
      await first.end();
      await until(() => watch.owner === undefined);

      await mortal();
      await types.Emit(2);
      await types.EmitOthers();
      expect(await take(ticks, 3)).toEqual([[0, 'tick 0'], [0, 'tick 0'], [1, 'tick 1']]);
      const after = await bus.getNameOwner(MORTAL);
      const [signal] = await take(emptied, 1);
      expect(signal?.sender).toBe(after);
      expect(after).not.toBe(before);
      expect(owners).toEqual([before, undefined, after]);
    });

    heavyTest('can be subscribed to before it starts', async () => {
      await using ticks = createProxy(bus, Types, mortalTarget).$signal('Ticked');
      await ticks.ready;
      await mortal();
      await createProxy(bus, Types, mortalTarget).Emit(1);
      expect(await take(ticks, 1)).toEqual([[0, 'tick 0']]);
    });

    heavyTest('ends with exit code 0 on request', async () => {
      const program = await mortal();
      await createProxy(bus, Types, mortalTarget).Quit();
      expect((await program.end()).code).toBe(0);
    });
  });
});

/** A stream, and the action to run as soon as it is live. */
async function ready<S extends { readonly ready: Promise<void> }>(stream: S, act: () => Promise<void>): Promise<S> {
  await stream.ready;
  await act();
  return stream;
}
