// From a call to its reply: the method that is found, arguments, results, errors, and the standard interfaces.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { DBusError } from '../../src/protocol/errors.js';
import type { CallContext } from '../../src/interface/definition.js';
import { defineInterface } from '../../src/interface/define.js';
import { TurnEnd } from '../../src/service/turn-end.js';
import { WARNING_PERIOD } from '../../src/service/warning-limit.js';
import { type CallLimits, callLimits } from '../../src/connection/call-limits.js';
import { CallRefusal } from '../../src/connection/call-router.js';
import { Callers } from '../../src/connection/callers.js';
import { standardInterfaces } from '../../src/service/standard-interfaces.js';
import type { Message } from '../../src/wire/messages/message.js';
import { extent, heavyTest } from '../support/extent.js';
import { until } from '../support/waiting.js';
import {
  CALLER, errorNameFor, EXOTIC_ERRORS, incomingCall, recordHandlerErrors, serviceOf, TestDispatcher,
} from './support.js';

const ERROR = 'org.freedesktop.DBus.Error';
const path = '/com/example/Object';
const IFACE = 'com.example.Test1';

const Test1 = defineInterface({
  name: IFACE,
  methods: {
    Nothing: {},
    One: { in: 's', out: 's' },
    Two: { in: 'su', out: 'us' },
    List: { out: 'as' },
    Optional: { in: 'sia{sv}', out: 's', optional: 2 },
    Later: { in: 'u', out: 'u' },
    Context: { in: 's', out: 's' },
    Run: { in: 's', out: 's' },
    toString: { out: 's' },
    constructor: { out: 's' },
    ['__proto__']: { out: 's' }, // in brackets: otherwise it would set the prototype
    hasOwnProperty: { out: 's' },
    then: { out: 's' },
  },
});

/** The handler of the method Run in the current test. */
let run: (text: string, context: CallContext) => unknown = () => '';
const later: ((value: number) => void)[] = [];
const optionalArguments: unknown[][] = [];

const own = (name: string) => () => `my ${name}`;
const implementation = Test1.implement({
  methods: {
    Nothing: () => {},
    One: (text) => text.toUpperCase(),
    Two: (text, number) => [number, text],
    List: () => ['a', 'b'],
    Optional: (...args) => {
      optionalArguments.push(args.slice(0, -1));
      return typeof (args.at(-1) as CallContext).message;
    },
    Later: () => new Promise<number>((resolve) => later.push(resolve)),
    Context: (_, { sender, message, signal }) => [sender, message.member, message.serial, signal.aborted].join(' '),
    Run: (text, context) => run(text, context) as string,
    toString: own('toString'),
    constructor: own('constructor'),
    ['__proto__']: own('__proto__'),
    hasOwnProperty: own('hasOwnProperty'),
    then: own('then'),
  },
});

const Other = defineInterface({ name: 'com.example.Other', methods: { One: { out: 'i' }, Ping: { out: 's' } } });
const other = Other.implement({ methods: { One: () => 1, Ping: () => 'mine' } });

const service = serviceOf({ [path]: [implementation, other] });
const call = (parts: Partial<Parameters<typeof service.call>[0]>): Promise<readonly Message[]> =>
  service.call({ path, member: 'Nothing', ...parts });
/** The one reply, as its type or error name, and its body. */
async function replyTo(parts: Parameters<typeof call>[0]): Promise<unknown[]> {
  const sent = await call(parts);
  expect(sent).toHaveLength(1);
  const [reply] = sent;
  expect(reply).toMatchObject({ replySerial: parts.serial ?? 1, destination: CALLER, flags: 0 });
  return [reply?.errorName ?? reply?.type, ...(reply?.body ?? [])];
}

describe('the reply to a call', () => {
  test.each([
    ['has no value', { member: 'Nothing' }, '', []],
    ['has one value', { member: 'One', signature: 's', body: ['abc'] }, 's', ['ABC']],
    ['has several values', { member: 'Two', signature: 'su', body: ['abc', 3] }, 'us', [3, 'abc']],
    ['has one value that is an array', { member: 'List' }, 'as', [['a', 'b']]],
  ])('%s', async (_, parts, signature, body) => {
    const sent = await call({ interface: IFACE, serial: 9, ...parts });
    expect(sent).toMatchObject([{ type: 'method_return', replySerial: 9, destination: CALLER, signature, body }]);
  });

  test('comes from a handler that gets undefined for arguments that the caller leaves out', async () => {
    const options = new Map();
    for (const [signature, body] of [['s', ['a']], ['si', ['a', 1]], ['sia{sv}', ['a', 1, options]]] as const) {
      const reply = await replyTo({ interface: IFACE, member: 'Optional', signature, body });
      expect(reply).toEqual(['method_return', 'object']);
    }
    expect(optionalArguments).toEqual([['a', undefined, undefined], ['a', 1, undefined], ['a', 1, options]]);
  });

  test('comes from a handler that gets the sender and the message', async () => {
    const reply = await replyTo({ interface: IFACE, member: 'Context', serial: 5, signature: 's', body: [''] });
    expect(reply).toEqual(['method_return', `${CALLER} Context 5 false`]);
  });

  test('is sent when its handler finishes; handlers start in the order of arrival', async () => {
    const first = call({ interface: IFACE, member: 'Later', serial: 11, signature: 'u', body: [0] });
    const second = call({ interface: IFACE, member: 'Later', serial: 12, signature: 'u', body: [0] });
    expect(later).toHaveLength(2);
    expect(await replyTo({ interface: IFACE, serial: 13 })).toEqual(['method_return']);
    later[1]?.(2);
    expect(await second).toMatchObject([{ replySerial: 13 }, { replySerial: 12, body: [2] }]);
    later[0]?.(1);
    expect(await first).toMatchObject([{ replySerial: 13 }, { replySerial: 12 }, { replySerial: 11, body: [1] }]);
  });

  test('is sent at once if the handler returns at once', () => {
    const before = service.sink.sent.length;
    expect(service.dispatcher.dispatch(incomingCall({ path, member: 'Nothing' }))).toBeUndefined();
    expect(service.sink.sent).toHaveLength(before + 1);
  });

  test('can come from a promise of another library', async () => {
    run = () => ({ then: (resolve: (value: string) => void) => resolve('thenable') });
    const parts = { interface: IFACE, member: 'Run', signature: 's', body: [''] };
    expect(await replyTo(parts)).toEqual(['method_return', 'thenable']);
  });

  test('has no destination if the caller has no name, as on a connection without a bus', async () => {
    expect(await call({ sender: undefined })).toMatchObject([{ type: 'method_return', destination: undefined }]);
  });
});

describe('a call without an interface', () => {
  test.each([
    ['goes to the first exported interface that has the member', { member: 'One', signature: 's', body: ['x'] }, ['X']],
    ['goes to the exported interfaces before the standard ones', { member: 'Ping' }, ['mine']],
  ])('%s', async (_, parts, body) => {
    expect(await replyTo(parts)).toEqual(['method_return', ...body]);
  });

  test('goes to the standard interfaces if no other has the member', async () => {
    expect(await replyTo({ member: 'Introspect' })).toEqual(['method_return', expect.stringContaining('<node')]);
    const reply = await replyTo({ member: 'Get', signature: 'ss', body: ['', 'None'] });
    expect(reply).toEqual([`${ERROR}.UnknownProperty`, expect.any(String)]);
  });

  test('gets UnknownMethod if no interface has the member', async () => {
    const problem = `no interface of the object ${path} has a method Nope`;
    expect(await replyTo({ member: 'Nope' })).toEqual([`${ERROR}.UnknownMethod`, problem]);
  });
});

describe('a call that cannot be run gets an error', () => {
  const properties = 'org.freedesktop.DBus.Properties';
  test.each([
    [{ path: '/nowhere', interface: IFACE, member: 'One' }, 'UnknownObject', 'there is no object at /nowhere'],
    [{ path: '/nowhere', member: 'One' }, 'UnknownObject', 'there is no object at /nowhere'],
    [{ path: '/com', interface: IFACE }, 'UnknownInterface', `the object /com has no interface ${IFACE}`],
    [{ path: '/com', interface: properties, member: 'Get' }, 'UnknownInterface',
      `the object /com has no interface ${properties}`],
    [{ interface: 'com.example.Nope' }, 'UnknownInterface', `the object ${path} has no interface com.example.Nope`],
    [{ interface: IFACE, member: 'Nope' }, 'UnknownMethod', `the interface ${IFACE} has no method Nope`],
    [{ interface: IFACE, member: 'one' }, 'UnknownMethod', `the interface ${IFACE} has no method one`],
    [{ interface: properties, member: 'Nope' }, 'UnknownMethod', `the interface ${properties} has no method Nope`],
    [{ member: 'One' }, 'InvalidArgs', `${IFACE}.One must have arguments of signature "s", got ""`],
    [{ member: 'One', signature: 'i', body: [1] }, 'InvalidArgs',
      `${IFACE}.One must have arguments of signature "s", got "i"`],
    [{ member: 'One', signature: 'ss', body: ['', ''] }, 'InvalidArgs',
      `${IFACE}.One must have arguments of signature "s", got "ss"`],
    [{ member: 'Nothing', signature: 's', body: [''] }, 'InvalidArgs',
      `${IFACE}.Nothing must have arguments of signature "", got "s"`],
    [{ member: 'Optional' }, 'InvalidArgs',
      `${IFACE}.Optional must have arguments of signature "sia{sv}" (the last 2 may be left out), got ""`],
    [{ member: 'Optional', signature: 'sa{sv}', body: ['', {}] }, 'InvalidArgs',
      `${IFACE}.Optional must have arguments of signature "sia{sv}" (the last 2 may be left out), got "sa{sv}"`],
    [{ member: 'Get' }, 'InvalidArgs', `${properties}.Get must have arguments of signature "ss", got ""`],
    [{ member: 'GetMachineId', signature: 's', body: [''] }, 'InvalidArgs',
      'org.freedesktop.DBus.Peer.GetMachineId must have arguments of signature "", got "s"'],
  ])('%j: %s', async (parts, name, text) => {
    expect(await replyTo(parts)).toEqual([`${ERROR}.${name}`, text]);
  });

  test('that repeats only the beginning of a very long path', async () => {
    const [name, text] = await replyTo({ path: `/${'a'.repeat(100_000)}` });
    expect(name).toBe(`${ERROR}.UnknownObject`);
    expect(String(text).length).toBeLessThan(300);
  });
});

describe('a member that is named like a member of every object', () => {
  const names = ['toString', 'constructor', '__proto__', 'hasOwnProperty', 'then'];
  test.each(names)('is a method if the interface has it: %s', async (member) => {
    expect(await replyTo({ interface: IFACE, member })).toEqual(['method_return', `my ${member}`]);
  });

  test.each([...names, 'valueOf', 'emit', 'methods', 'implement', 'isPrototypeOf', '__defineGetter__'])(
    'is not a method if the interface does not have it: %s',
    async (member) => {
      expect(await replyTo({ interface: 'com.example.Other', member })).toMatchObject([`${ERROR}.UnknownMethod`, {}]);
    },
  );

  test.each(['__proto__.constructor', 'constructor.prototype'])('is not an interface: %s', async (name) => {
    expect(await replyTo({ interface: name })).toMatchObject([`${ERROR}.UnknownInterface`, {}]);
  });
});

describe('Peer', () => {
  const peer = 'org.freedesktop.DBus.Peer';
  test.each([path, '/', '/com', '/nowhere/at/all'])('replies at %s', async (anyPath) => {
    expect(await replyTo({ path: anyPath, interface: peer, member: 'Ping' })).toEqual(['method_return']);
    const id = await replyTo({ path: anyPath, interface: peer, member: 'GetMachineId' });
    expect(id).toEqual(['method_return', expect.stringMatching(/^[0-9a-f]{32}$/)]);
    const unknown = await replyTo({ path: anyPath, interface: peer, member: 'Nope' });
    expect(unknown).toMatchObject([`${ERROR}.UnknownMethod`, {}]);
  });

  test('replies to a call without an interface at a path without an object', async () => {
    expect(await replyTo({ path: '/nowhere', member: 'Ping' })).toEqual(['method_return']);
  });
});

describe('Introspectable', () => {
  const introspect = (at: string): Promise<unknown[]> =>
    replyTo({ path: at, interface: 'org.freedesktop.DBus.Introspectable', member: 'Introspect' });

  test('lists the interfaces of an object, with those of the library', async () => {
    const [, xml] = await introspect(path);
    const names = [...String(xml).matchAll(/<interface name="([^"]*)"/g)].map(([, name]) => name);
    const standard = ['Peer', 'Introspectable', 'Properties'].map((name) => `org.freedesktop.DBus.${name}`);
    expect(names).toEqual([IFACE, 'com.example.Other', ...standard]);
  });

  const below = [['/', 'com'], ['/com', 'example'], ['/com/example', 'Object']] as const;
  test.each(below)('lists the nodes below %s', async (at, child) => {
    const [, xml] = await introspect(at);
    expect([...String(xml).matchAll(/<node name="([^"]*)"/g)].map(([, name]) => name)).toEqual([child]);
    expect([...String(xml).matchAll(/<interface name="([^"]*)"/g)].map(([, name]) => name)).toEqual([
      'org.freedesktop.DBus.Peer', 'org.freedesktop.DBus.Introspectable',
    ]);
  });

  test('gets UnknownObject for a path without a node', async () => {
    expect(await introspect('/nowhere')).toEqual([`${ERROR}.UnknownObject`, 'there is no object at /nowhere']);
  });
});

describe('an error of a handler', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    vi.advanceTimersByTime(WARNING_PERIOD); // the next test gets its warnings again
    vi.useRealTimers();
  });


  const throwing = (error: unknown): Promise<unknown[]> => {
    run = () => {
      throw error;
    };
    return replyTo({ interface: IFACE, member: 'Run', signature: 's', body: [''] });
  };
  const rejecting = (error: unknown): Promise<unknown[]> => {
    run = () => Promise.reject(error as Error);
    return replyTo({ interface: IFACE, member: 'Run', signature: 's', body: [''] });
  };
  const ways = [['thrown', throwing], ['rejected', rejecting]] as const;

  describe.each(ways)('%s', (way, fail) => {
    test('reaches the caller unchanged if it is a DBusError, and is not reported', async () => {
      const reports = recordHandlerErrors();
      expect(await fail(new DBusError('com.example.Error.No', 'no'))).toEqual(['com.example.Error.No', 'no']);
      const detailed = new DBusError('com.example.Error.No', 'no', { signature: 'su', body: ['no', 3] });
      expect(await fail(detailed)).toEqual(['com.example.Error.No', 'no', 3]);
      const empty = new DBusError('com.example.Error.No', 'no', { signature: '', body: [] });
      expect(await fail(empty)).toEqual(['com.example.Error.No']);
      expect(reports).toEqual([]);
    });

    test('reaches the caller as Failed with its text, and is reported', async () => {
      const reports = recordHandlerErrors();
      const error = new RangeError('out of cheese');
      expect(await fail(error)).toEqual([`${ERROR}.Failed`, 'out of cheese']);
      const call = { member: 'Run', sender: CALLER };
      expect(reports).toMatchObject([{ error, interface: IFACE, member: 'Run', call }]);
    });

    test.each([
      ['a string', 'oops', 'oops'],
      ['undefined', undefined, 'undefined'],
      ['a symbol', Symbol('s'), 'Symbol(s)'],
      ['an object that cannot be converted to text', Object.create(null), 'the handler failed'],
      ['an error whose text is not valid as a STRING', new Error('a\0b\ud800'), 'a\ufffdb\ufffd'],
      ['an error without a text', new Error(''), ''],
    ])('can be %s', async (_name, error, text) => {
      const reports = recordHandlerErrors();
      expect(await fail(error)).toEqual([`${ERROR}.Failed`, text]);
      expect(reports).toMatchObject([{ error }]);
    });

    test.each(EXOTIC_ERRORS)('can be %s: the caller gets an error, and it is reported once', async (title, thrown) => {
      const reports = recordHandlerErrors();
      expect(await fail(thrown())).toEqual([errorNameFor(title), expect.any(String)]);
      expect(reports).toHaveLength(1);
    });

    test.each(EXOTIC_ERRORS)('can be %s: the caller gets an error, with one warning', async (title, thrown) => {
      const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      expect(await fail(thrown())).toEqual([errorNameFor(title), expect.any(String)]);
      expect(warning).toHaveBeenCalledExactlyOnceWith(
        expect.stringContaining(`${IFACE}.Run: `), expect.objectContaining({ code: 'DBUS_WIRE_HANDLER_ERROR' }),
      );
      warning.mockRestore();
    });

    test('is sent with its text if the body of the DBusError cannot be sent, and the reason is reported', async () => {
      const reports = recordHandlerErrors();
      for (const [error, reason] of [
        [Object.assign(new DBusError('a.b', 'text'), { errorName: 'not a name' }), 'InvalidNameError'],
        [new DBusError('com.example.Error.No', 'text', { signature: 'u', body: ['x'] }), 'MarshalError'],
        [new DBusError('com.example.Error.No', 'text', { signature: '(', body: [] }), 'MarshalError'],
      ] as const) {
        const name = reason === 'InvalidNameError' ? `${ERROR}.Failed` : 'com.example.Error.No';
        expect(await fail(error)).toEqual([name, error.message]);
        const place = { interface: IFACE, member: 'Run' };
        expect(reports.splice(0)).toMatchObject([{ error: { name: reason, ...place } }]);
      }
    });

    type Row = [title: string, error: DBusError, text: string];
    /** A function, so that `npm test` does not make the text. */
    const longest = extent<() => Row[]>(() => [], () => [
      ['is longer than any message', new DBusError('com.example.Error.No', 'x'.repeat(2 ** 27)), `${'x'.repeat(65_536)}…`],
    ]);

    test.each<Row>([
      ['has a NUL', new DBusError('com.example.Error.No', 'te\0xt'), 'te\ufffdxt'],
      ['has a lone surrogate', new DBusError('com.example.Error.No', 'te\ud800xt'), 'te\ufffdxt'],
      ['is empty', new DBusError('com.example.Error.No', ''), ''],
      ['is long and has a NUL', new DBusError('com.example.Error.No', `\0${'x'.repeat(65_536)}`), `\ufffd${'x'.repeat(65_535)}…`],
      ...longest(),
      ['is a number', Object.assign(new DBusError('com.example.Error.No', ''), { message: 42, body: [42] }),
        'the handler failed'],
      ['is of a declared class', new (defineInterface({
        name: 'com.example.Player', errors: { NoTrack: 'com.example.Error.No' },
      }).errors.NoTrack)('no\0track'), 'no\ufffdtrack'],
    ])('that is a DBusError arrives with its name if its text %s', async (_title, error, text) => {
      const reports = recordHandlerErrors();
      expect(await fail(error)).toEqual(['com.example.Error.No', text]);
      expect(reports).toEqual([]);
    });

    (way === 'thrown' ? test : heavyTest)('is sent as Failed if its text is longer than any message', async () => {
      recordHandlerErrors();
      expect(await fail(new Error('x'.repeat(2 ** 27)))).toEqual([`${ERROR}.Failed`, 'the handler failed']);
    });
  });

  test('is emitted as a warning of the process if the channel has no subscriber', async () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    await throwing(new Error('unheard'));
    expect(warning).toHaveBeenCalledExactlyOnceWith(
      `${IFACE}.Run: unheard`,
      expect.objectContaining({ code: 'DBUS_WIRE_HANDLER_ERROR', detail: expect.stringContaining('dispatch.test') }),
    );
    warning.mockRestore();
  });

  test('is emitted as a warning that names the method once, even if the error names it too', async () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    run = () => 5;
    await call({ interface: IFACE, member: 'Run', signature: 's', body: [''] });
    expect(warning.mock.calls.map(([text]) => text)).toEqual([
      `${IFACE}.Run: out-argument 0: expected a string (STRING), got number 5`,
    ]);
    warning.mockRestore();
  });
});

describe('a result that cannot be sent', () => {
  test.each([
    ['a value of another type', 'Run', 5],
    ['no value', 'Run', undefined],
    ['a string that is not valid as a STRING', 'Run', '\ud800'],
  ])('is Failed for the caller, and is reported: %s', async (_, member, value) => {
    const reports = recordHandlerErrors();
    for (const result of [value, Promise.resolve(value)]) {
      run = () => result;
      const reply = await replyTo({ interface: IFACE, member, signature: 's', body: [''] });
      const problem = /^the result does not fit signature "s": com\.example.*Run: out-argument 0: /;
      const text = expect.stringMatching(problem) as unknown;
      expect(reply).toEqual([`${ERROR}.Failed`, text]);
      expect(reports.splice(0)).toMatchObject([
        { error: { name: 'MarshalError', interface: IFACE, argument: 0 }, interface: IFACE, member: 'Run' },
      ]);
    }
  });

  test('is reported with the name of the out-argument', async () => {
    const reports = recordHandlerErrors();
    const Pair = defineInterface({
      name: 'com.example.Pair', methods: { Get: { out: 'us', outNames: ['count', 'text'] } },
    });
    const pair = serviceOf({ '/p': [Pair.implement({ methods: { Get: () => [1, 2 as never] } })] });
    await pair.call({ path: '/p', interface: 'com.example.Pair', member: 'Get' });
    expect(reports).toMatchObject([{ error: {
      message: 'com.example.Pair.Get: out-argument 1 (text): expected a string (STRING), got number 2',
      argument: 1, argumentName: 'text',
    } }]);
  });

  test.each([
    ['not an array', 5, /^com\.example\.Pair\.Get: body: expected an array of 2 out-arguments, got number 5$/],
    ['too few values', [1], /does not fit signature "us"/],
    ['too many values', [1, 'a', 2], /does not fit signature "us"/],
    ['values of other types', ['a', 1], /does not fit signature "us"/],
  ])('is Failed for a method with two out-arguments: %s', async (_, value, text) => {
    const reports = recordHandlerErrors();
    const Pair = defineInterface({ name: 'com.example.Pair', methods: { Get: { out: 'us' } } });
    const pair = serviceOf({ '/p': [Pair.implement({ methods: { Get: () => value as [number, string] } })] });
    const sent = await pair.call({ path: '/p', interface: 'com.example.Pair', member: 'Get' });
    expect(sent).toMatchObject([{ errorName: `${ERROR}.Failed`, body: [expect.stringMatching(text)] }]);
    expect(reports).toHaveLength(1);
  });
});

describe('a call with NO_REPLY_EXPECTED', () => {
  const NO_REPLY = 0x1;
  test.each([
    ['that succeeds', { member: 'Nothing' }],
    ['of an unknown method', { member: 'Nope' }],
    ['with wrong arguments', { member: 'One' }],
    ['of an unknown object', { path: '/nowhere' }],
    ['for the machine ID', { member: 'GetMachineId' }],
  ])('gets no reply: one %s', async (_, parts) => {
    expect(await call({ flags: NO_REPLY, ...parts })).toEqual([]);
    expect(await call({ flags: NO_REPLY | 0xf0, ...parts })).toEqual([]);
  });

  test('runs its handler, and its failure is reported', async () => {
    const reports = recordHandlerErrors();
    const seen: string[] = [];
    for (const fail of [() => { throw new Error('a'); }, () => Promise.reject(new Error('b')), () => 5]) {
      run = (text) => {
        seen.push(text);
        return fail();
      };
      const parts = { interface: IFACE, member: 'Run', signature: 's', body: ['seen'] };
      expect(await call({ flags: NO_REPLY, ...parts })).toEqual([]);
    }
    expect(seen).toEqual(['seen', 'seen', 'seen']);
    expect(reports.map(({ error }) => (error as Error).message)).toEqual(['a', 'b']);
  });

  test('gets no reply, but a call with unknown flags does', async () => {
    expect(await call({ flags: 0xf0 })).toMatchObject([{ type: 'method_return' }]);
  });
});

describe('after the connection has ended', () => {
  test('no call causes an exception', async () => {
    const reports = recordHandlerErrors();
    const closed = serviceOf({ [path]: [implementation] });
    closed.sink.isClosed = true;
    run = () => {
      throw new DBusError('com.example.Error.No', 'no');
    };
    for (const parts of [{ member: 'Nothing' }, { member: 'Nope' }, { member: 'Run', signature: 's', body: [''] }]) {
      expect(await closed.call({ path, ...parts })).toEqual([]);
    }
    run = () => Promise.reject(new Error('late'));
    expect(await closed.call({ path, member: 'Run', signature: 's', body: [''] })).toEqual([]);
    expect(reports.map(({ error }) => (error as Error).message)).toEqual(['late']);
  });

  test('the AbortSignal of the context is aborted', async () => {
    const closing = serviceOf({ [path]: [implementation] });
    let seen: CallContext | undefined;
    run = (_, context) => {
      seen = context;
      return '';
    };
    await closing.call({ path, member: 'Run', signature: 's', body: [''] });
    expect(seen?.signal.aborted).toBe(false);
    closing.abort.abort();
    expect(seen?.signal.aborted).toBe(true);
  });
});

describe('handlers that have not replied', () => {
  /** The most calls in progress of all callers together: the default, or ten for each of 32 callers. */
  const MOST = extent(320, 32_768);
  const limits = extent({ maxCalls: MOST }, {});
  const Stuck = defineInterface({ name: 'com.example.Stuck', methods: { Wait: { out: 's' }, Quick: { out: 's' } } });
  function stuckService(limits: CallLimits = {}) {
    const waiting: { readonly resolve: (text: string) => void; readonly signal: AbortSignal }[] = [];
    const service = serviceOf({
      '/s': [Stuck.implement({
        methods: {
          Wait: ({ signal }) => new Promise((resolve) => waiting.push({ resolve, signal })),
          Quick: () => 'quick',
        },
      })],
    }, limits);
    const wait = (sender: string | undefined, serial = 1) =>
      service.dispatcher.dispatch(incomingCall({ path: '/s', member: 'Wait', sender, serial })) ?? Promise.resolve();
    const refused = (sender: string) => service.call({ path: '/s', member: 'Wait', sender });
    return { ...service, waiting, wait, refused };
  }

  test('are limited in number for each caller; the other callers are served', async () => {
    const { sink, wait, refused, waiting } = stuckService();
    for (let index = 0; index < 1_024; index++) void wait(':1.1');
    expect(sink.sent).toEqual([]);
    const text = 'this caller has 1024 calls in progress: there must not be more';
    expect(await refused(':1.1')).toMatchObject([{ errorName: `${ERROR}.LimitsExceeded`, body: [text] }]);
    void wait(':1.2');
    expect(waiting).toHaveLength(1_025);
    waiting[0]?.resolve('done');
    await until(() => sink.sent.length === 2);
    void wait(':1.1');
    expect(waiting).toHaveLength(1_026);
  });

  test('are limited in number for all callers together', async () => {
    expect(callLimits()).toMatchObject({ maxCalls: 32_768, maxCallsPerCaller: 1_024 });
    const { wait, refused, waiting } = stuckService(limits);
    for (let index = 0; index < MOST; index++) void wait(`:1.${index % 32}`);
    expect(waiting).toHaveLength(MOST);
    const text = `the link has ${MOST} calls in progress: there must not be more`;
    expect(await refused(':1.99')).toMatchObject([{ errorName: `${ERROR}.LimitsExceeded`, body: [text] }]);
  });

  test('are aborted and no longer counted when their caller leaves, and their replies are not sent', async () => {
    const reports = recordHandlerErrors();
    const { sink, wait, leave, waiting } = stuckService();
    const ended: Promise<void>[] = [];
    for (let index = 0; index < 1_024; index++) ended.push(wait(':1.1'));
    const other = wait(':1.2', 7);
    expect(waiting.map(({ signal }) => signal.aborted)).not.toContain(true);
    leave(':1.1');
    await Promise.all(ended); // the connection need not wait for them if it is closed
    expect(waiting.filter(({ signal }) => signal.aborted)).toHaveLength(1_024);
    expect(waiting[0]?.signal.reason).toMatchObject({ name: 'AbortError', message: 'the caller :1.1 has left the bus' });
    for (const { resolve } of waiting) resolve('too late');
    await other;
    expect(sink.sent).toMatchObject([{ type: 'method_return', replySerial: 7 }]);
    for (let index = 0; index < 1_024; index++) void wait(':1.1');
    expect(waiting).toHaveLength(2 * 1_024 + 1);
    expect(reports).toEqual([]);
  });

  test('that fail because their caller has left are not reported, unless they fail for another reason', async () => {
    const reports = recordHandlerErrors();
    const failing = serviceOf({ [path]: [implementation] });
    const dispatch = () => failing.dispatcher.dispatch(
      incomingCall({ path, interface: IFACE, member: 'Run', signature: 's', body: [''] }),
    );
    run = (_, { signal }) => new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
    const aborted = dispatch();
    run = (_, { signal }) => new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('broken')));
    });
    const broken = dispatch();
    failing.leave(CALLER);
    await Promise.all([aborted, broken]);
    await until(() => reports.length > 0);
    expect(reports).toMatchObject([{ error: { message: 'broken' }, interface: IFACE, member: 'Run' }]);
    expect(failing.sink.sent).toEqual([]);
  });

  test.for(['the caller leaves', 'the connection ends'])(
    'that fail because their AbortSignal aborts are not reported, however they fail: %s', async (how) => {
      const reports = recordHandlerErrors();
      const aborting = serviceOf({ [path]: [implementation] });
      const parts = { path, interface: IFACE, member: 'Run', signature: 's', body: [''] };
      const ended: unknown[] = [];
      const dispatch = () => ended.push(aborting.dispatcher.dispatch(incomingCall(parts)));
      run = async (_, { signal }) => sleep(60_000, '', { signal });
      dispatch();
      run = async (_, { signal }) => sleep(60_000, '', { signal: AbortSignal.any([signal]) });
      dispatch();
      run = async (_, { signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        signal.throwIfAborted();
      };
      dispatch();
      const own = new AbortController();
      run = async () => sleep(60_000, '', { signal: own.signal }); // not the signal of its call
      dispatch();
      if (how === 'the caller leaves') aborting.leave(CALLER);
      else aborting.abort.abort(new Error('the connection was closed'));
      own.abort();
      await Promise.all(ended);
      await until(() => reports.length > 0);
      expect(reports).toMatchObject([{ error: { name: 'AbortError' }, member: 'Run' }]);
    },
  );

  test('make the service watch their callers after 0.1 seconds, or when they read their AbortSignal', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const watching = serviceOf({ [path]: [implementation] });
    const parts = { path, interface: IFACE, member: 'Run', signature: 's', body: [''] };
    run = async () => '';
    await watching.call(parts);
    vi.advanceTimersByTime(1_000);
    expect(watching.isWatching()).toBe(false); // it answered in time
    run = () => new Promise(() => {});
    void watching.dispatcher.dispatch(incomingCall(parts));
    vi.advanceTimersByTime(99);
    expect(watching.isWatching()).toBe(false);
    vi.advanceTimersByTime(1);
    expect(watching.isWatching()).toBe(true);

    const looking = serviceOf({ [path]: [implementation] });
    run = (_, { signal }) => String(signal.aborted);
    await looking.call(parts);
    expect(looking.isWatching()).toBe(true);
  });

  test('have limits on the memory of their arguments, for each caller and for all', () => {
    const MIB = 2 ** 20;
    const Kept = defineInterface({ name: 'com.example.Kept', methods: { Bytes: { in: 'ay' }, Texts: { in: 'as' } } });
    let kept = 0;
    const keep = (_: unknown, { signal }: CallContext): Promise<void> => {
      if (!signal.aborted) kept++; // departures are watched because the signal is read
      return new Promise(() => {});
    };
    const keeping = serviceOf({ '/k': [Kept.implement({ methods: { Bytes: keep, Texts: keep } })] });
    const accepted = (sender: string, member: 'Bytes' | 'Texts', length: number): boolean => {
      const before = kept;
      const signature = member === 'Bytes' ? 'ay' : 'as';
      const call = incomingCall({ path: '/k', member, signature, body: [[]], sender });
      void keeping.dispatcher.dispatch(call, length);
      return kept > before;
    };
    expect(accepted(':1.1', 'Bytes', 200 * MIB)).toBe(true);
    expect(accepted(':1.1', 'Bytes', 100 * MIB)).toBe(false);
    expect(accepted(':1.1', 'Texts', 3 * MIB)).toBe(false);
    expect(accepted(':1.1', 'Texts', MIB)).toBe(true);
    expect(accepted(':1.2', 'Texts', 10 * MIB)).toBe(true); // 250 MiB of memory
    expect(accepted(':1.3', 'Bytes', 100 * MIB)).toBe(false);
    expect(accepted(':1.3', 'Bytes', MIB)).toBe(true);
    keeping.leave(':1.1');
    expect(accepted(':1.3', 'Bytes', 200 * MIB)).toBe(true);
    for (const name of [':1.2', ':1.3']) keeping.leave(name);
    expect(accepted(':1.4', 'Texts', 100 * MIB)).toBe(true); // one call may take as much as a message can
    expect(accepted(':1.5', 'Bytes', 200 * MIB)).toBe(false);
    expect(accepted(':1.5', 'Bytes', 500)).toBe(true); // short calls of others always pass
    expect(accepted(':1.4', 'Bytes', 500)).toBe(false);
    expect(keeping.sink.sent.at(-1)).toMatchObject({ errorName: `${ERROR}.LimitsExceeded` });
  });

  test('without a bus have one limit together, because a peer can claim any sender', () => {
    const { dispatcher, waiting } = (() => {
      const stuck = stuckService();
      const abort = new AbortController();
      const standard = standardInterfaces(stuck.tree, stuck.sink);
      const { tree, sink } = stuck;
      const closedSignal = abort.signal;
      const callers = new Callers(undefined, closedSignal, callLimits(limits));
      return { ...stuck, dispatcher: new TestDispatcher({ tree, standard, sink, closedSignal, callers, turnEnd: new TurnEnd() }) };
    })();
    for (let index = 0; index < MOST + 100; index++) {
      void dispatcher.dispatch(incomingCall({ path: '/s', member: 'Wait', sender: `:1.${index}` }));
    }
    expect(waiting).toHaveLength(MOST);
  });
});

describe('a call is accepted or refused by its header', () => {
  test.each([
    ['the object does not exist', { path: '/nowhere' }, 'UnknownObject'],
    ['the interface does not exist', { interface: 'com.example.Nope' }, 'UnknownInterface'],
    ['the method does not exist', { interface: IFACE, member: 'Nope' }, 'UnknownMethod'],
    ['the signature is another one', { interface: IFACE, member: 'One', signature: 'i', body: [1] }, 'InvalidArgs'],
  ])('and is refused, without a look at the body, if %s', (_, parts, name) => {
    const { body: _body, ...header } = incomingCall({ path, member: 'Nothing', ...parts });
    expect(service.dispatcher.route(header, 0)).toMatchObject({ errorName: `${ERROR}.${name}` });
  });

  test('and is run with its body if it is accepted', () => {
    const { body, ...header } = incomingCall({ path, interface: IFACE, member: 'One', signature: 's', body: ['a'] });
    const before = service.sink.sent.length;
    const runner = service.dispatcher.route(header, 0);
    expect(service.sink.sent).toHaveLength(before);
    expect(runner).not.toBeInstanceOf(CallRefusal);
    if (!(runner instanceof CallRefusal)) void runner.run({ ...header, body });
    expect(service.sink.sent.slice(before)).toMatchObject([{ type: 'method_return', body: ['A'] }]);
  });
});
