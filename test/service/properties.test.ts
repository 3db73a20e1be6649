// Properties: Get, Set, GetAll and PropertiesChanged, with values that cannot be read or sent.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { DBusError } from '../../src/protocol/errors.js';
import type { CallContext } from '../../src/interface/definition.js';
import { defineInterface } from '../../src/interface/define.js';
import { exportedInterface, type ExportedMembers } from '../../src/service/exported-interface.js';
import { PropertyChanges } from '../../src/service/property-changes.js';
import { TurnEnd } from '../../src/service/turn-end.js';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { signal } from '../../src/wire/messages/message.js';
import { type Variant, variant } from '../../src/wire/variant.js';
import { until } from '../support/waiting.js';
import {
  CALLER, errorNameFor, EXOTIC_ERRORS, incomingCall, recordHandlerErrors, revokedProxy, serviceOf,
} from './support.js';

const ERROR = 'org.freedesktop.DBus.Error';
const path = '/com/example/Object';
const Test1 = defineInterface({
  name: 'com.example.Test1',
  properties: {
    Fixed: { type: 's', access: 'read', emitsChanged: 'const' },
    Value: { type: 'u', access: 'readwrite' },
    Later: { type: 'a{sv}', access: 'readwrite' },
    Secret: { type: 's', access: 'write' },
    Bad: { type: 'y', access: 'read' },
    constructor: { type: 's', access: 'read' },
    ['__proto__']: { type: 's', access: 'readwrite' },
  },
});
/** Types whose values may hold a file descriptor, which no connection of ours can send. */
const Descriptors = defineInterface({
  name: 'com.example.Descriptors',
  properties: {
    Good: { type: 's', access: 'read' },
    Handle: { type: 'h', access: 'read' },
    Handles: { type: 'ah', access: 'read' },
    Any: { type: 'v', access: 'read' },
    Last: { type: 's', access: 'read' },
  },
});
const descriptors = () => Descriptors.implement({
  properties: {
    Good: { get: () => 'good' },
    Handle: { get: () => 0 },
    Handles: { get: () => [0, 1] },
    Any: { get: () => variant('h', 0) },
    Last: { get: async () => 'last' },
  },
});
const WITH_DESCRIPTORS = ['Handle', 'Handles', 'Any'];

/** Two values that each fit into a message, but not together. */
const Large = defineInterface({
  name: 'com.example.Large',
  properties: {
    A: { type: 'ay', access: 'read' }, B: { type: 'ay', access: 'read' }, Small: { type: 's', access: 'read' },
  },
});
const large = () => Large.implement({
  properties: {
    A: { get: () => new Uint8Array(2_000) },
    B: { get: () => new Uint8Array(2 ** 26 - 1_000) }, // fits alone
    Small: { get: () => 'small' },
  },
});

/** A property that never answers, and one that does. */
const Hanging = defineInterface({
  name: 'com.example.Hanging',
  properties: { Stuck: { type: 's', access: 'readwrite' }, Fine: { type: 'u', access: 'readwrite' } },
});
const hanging = () => {
  let fine = 1;
  return Hanging.implement({
    properties: {
      Stuck: { get: () => new Promise<string>(() => {}), set: () => {} },
      Fine: { get: async () => fine, set: (value) => void (fine = value) },
    },
  });
};

const Test2 = defineInterface({
  name: 'com.example.Test2',
  properties: { Value: { type: 's', access: 'read' }, Extra: { type: 'b', access: 'read' } },
});

function setup() {
  const state = {
    value: 7,
    later: new Map<string, Variant>([['a', variant('u', 1)]]),
    secret: '',
    proto: 'p',
    bad: (): unknown => 1,
    contexts: [] as CallContext[],
    writes: [] as unknown[],
  };
  const service = serviceOf({
    [path]: [
      Test1.implement({
        properties: {
          Fixed: { get: () => 'fixed' },
          Value: {
            get: (context) => {
              state.contexts.push(context);
              return state.value;
            },
            set: (value, context) => {
              if (value === 100) throw new RangeError('stuck');
              if (value > 100) throw new DBusError('com.example.Error.TooMuch', 'too much');
              state.contexts.push(context);
              state.value = value;
            },
          },
          Later: {
            get: async () => {
              await Promise.resolve();
              return state.later;
            },
            set: async (value) => {
              await Promise.resolve();
              state.later = value;
            },
          },
          Secret: { set: (value) => void (state.secret = value) },
          Bad: { get: () => state.bad() as number },
          constructor: { get: () => 'not a function' },
          ['__proto__']: { get: () => state.proto, set: (value) => void (state.proto = value) },
        },
      }),
      Test2.implement({ properties: { Value: { get: () => 'two' }, Extra: { get: () => true } } }),
    ],
  });
  const call = async (member: string, signature: string, body: readonly unknown[]): Promise<unknown[]> => {
    const sent = await service.call({ path, interface: 'org.freedesktop.DBus.Properties', member, signature, body });
    expect(sent).toHaveLength(1);
    const [reply] = sent;
    return [reply?.errorName ?? reply?.signature, ...(reply?.body ?? [])];
  };
  return {
    state,
    get: (name: string, interfaceName = 'com.example.Test1') => call('Get', 'ss', [interfaceName, name]),
    set: (name: string, value: unknown, interfaceName = 'com.example.Test1') =>
      call('Set', 'ssv', [interfaceName, name, value]),
    getAll: (interfaceName: string) => call('GetAll', 's', [interfaceName]),
  };
}

describe('Get', () => {
  test('returns a value with its type, whether the handler returns it or a promise', async () => {
    const { get, state } = setup();
    expect(await get('Fixed')).toEqual(['v', variant('s', 'fixed')]);
    expect(await get('Value')).toEqual(['v', variant('u', 7)]);
    expect(await get('Later')).toEqual(['v', variant('a{sv}', new Map([['a', variant('u', 1)]]))]);
    expect(state.contexts).toMatchObject([{ sender: CALLER, message: { member: 'Get' } }]);
  });

  test('treats an empty interface name as the first interface that has the property', async () => {
    const { get } = setup();
    expect(await get('Value', '')).toEqual(['v', variant('u', 7)]);
    expect(await get('Extra', '')).toEqual(['v', variant('b', true)]);
    expect(await get('None', '')).toEqual([`${ERROR}.UnknownProperty`, `the object ${path} has no property None`]);
  });

  test('finds properties named like members of every object only in the interface that has them', async () => {
    const { get } = setup();
    expect(await get('constructor')).toEqual(['v', variant('s', 'not a function')]);
    expect(await get('__proto__')).toEqual(['v', variant('s', 'p')]);
    for (const name of ['constructor', '__proto__', 'toString', '']) {
      expect(await get(name, 'com.example.Test2')).toMatchObject([`${ERROR}.UnknownProperty`, {}]);
    }
  });

  test.each([
    ['Nope', 'com.example.Test1', 'UnknownProperty', 'the interface com.example.Test1 has no property Nope'],
    ['Value', 'com.example.Nope', 'UnknownInterface', `the object ${path} has no interface com.example.Nope`],
    ['Value', 'not a name', 'UnknownInterface', `the object ${path} has no interface not a name`],
    ['Value', 'org.freedesktop.DBus.Peer', 'UnknownProperty',
      'the interface org.freedesktop.DBus.Peer has no property Value'],
    ['Secret', 'com.example.Test1', 'AccessDenied', 'the property com.example.Test1.Secret cannot be read'],
  ])('of %s in %s is refused with %s', async (name, interfaceName, error, text) => {
    expect(await setup().get(name, interfaceName)).toEqual([`${ERROR}.${error}`, text]);
  });

  test('replies with the error of a get, and reports it unless it is a DBusError', async () => {
    const reports = recordHandlerErrors();
    const { get, state } = setup();
    state.bad = () => {
      throw new Error('broken');
    };
    expect(await get('Bad')).toEqual([`${ERROR}.Failed`, 'broken']);
    state.bad = () => Promise.reject(new DBusError('com.example.Error.No', 'no'));
    expect(await get('Bad')).toEqual(['com.example.Error.No', 'no']);
    const failed = { interface: 'com.example.Test1', member: 'Bad' }; // not the method Get
    expect(reports).toMatchObject([{ error: { message: 'broken' }, ...failed, call: { member: 'Get' } }]);
  });

  test.each([
    [256, 'expected an integer from 0 to 255 (BYTE), got number 256'],
    ['x', 'expected an integer number (BYTE), got string "x"'],
    [null, 'expected an integer number (BYTE), got null'],
  ])('refuses to send a value that does not fit, and names the property and its type: %j', async (value, problem) => {
    const message = `com.example.Test1.Bad: value: ${problem} (the property has type "y")`;
    const reports = recordHandlerErrors();
    const { get, state } = setup();
    state.bad = () => value;
    expect(await get('Bad')).toEqual([`${ERROR}.Failed`, message]);
    const error = { name: 'MarshalError', message, path: 'value', signature: 'y', interface: 'com.example.Test1' };
    expect(reports).toMatchObject([{ error, interface: 'com.example.Test1', member: 'Bad' }]);
  });

  test('names the part of a value that does not fit', async () => {
    const reports = recordHandlerErrors();
    const { get, getAll, state } = setup();
    state.later = new Map([['a', 1 as never]]);
    const message = expect.stringMatching(
      /^com\.example\.Test1\.Later: value\["a"\]: expected .*, got number 1 \(the property has type "a\{sv\}"\)$/,
    ) as string;
    expect(await get('Later')).toEqual([`${ERROR}.Failed`, message]);
    await getAll('com.example.Test1');
    const failed = { error: { message, path: 'value["a"]' }, member: 'Later' };
    expect(reports).toMatchObject([failed, failed]);
  });
});

describe('Set', () => {
  test('stores a value of the right type, whether the handler returns nothing or a promise', async () => {
    const { set, get, state } = setup();
    expect(await set('Value', variant('u', 8))).toEqual(['']);
    expect(state.value).toBe(8);
    expect(state.contexts[0]).toMatchObject({ sender: CALLER, message: { member: 'Set' } });
    expect(await set('Secret', variant('s', 'hidden'))).toEqual(['']);
    expect(state.secret).toBe('hidden');
    expect(await set('Later', variant('a{sv}', {}))).toEqual(['']);
    expect(await get('Later')).toEqual(['v', variant('a{sv}', new Map())]);
    expect(await set('__proto__', variant('s', 'q'))).toEqual(['']);
    expect(state.proto).toBe('q');
    expect(await set('Value', variant('u', 9), '')).toEqual(['']);
    expect(state.value).toBe(9);
  });

  test.each([
    variant('i', 8), variant('s', '8'), variant('v', variant('u', 8)), variant('au', [8]), variant('(u)', [8]),
    variant('y', 8), variant('t', 8n),
  ])('refuses a value of another type: $signature', async (value) => {
    const { set, state } = setup();
    const text = `the property com.example.Test1.Value must have a value of signature "u", got "${value.signature}"`;
    expect(await set('Value', value)).toEqual([`${ERROR}.InvalidArgs`, text]);
    expect(state.value).toBe(7);
  });

  test.each([
    ['Fixed', 'com.example.Test1', 'PropertyReadOnly', 'the property com.example.Test1.Fixed cannot be written'],
    ['Nope', 'com.example.Test1', 'UnknownProperty', 'the interface com.example.Test1 has no property Nope'],
    ['Value', 'com.example.Nope', 'UnknownInterface', `the object ${path} has no interface com.example.Nope`],
  ])('of %s in %s is refused with %s', async (name, interfaceName, error, text) => {
    expect(await setup().set(name, variant('s', 'x'), interfaceName)).toEqual([`${ERROR}.${error}`, text]);
  });

  test('replies with the error of a set, and reports it for the property unless it is a DBusError', async () => {
    const reports = recordHandlerErrors();
    const { set, state } = setup();
    expect(await set('Value', variant('u', 101))).toEqual(['com.example.Error.TooMuch', 'too much']);
    expect(reports).toEqual([]);
    expect(await set('Value', variant('u', 100))).toEqual([`${ERROR}.Failed`, 'stuck']);
    expect(state.value).toBe(7);
    const failed = { interface: 'com.example.Test1', member: 'Value' };
    expect(reports).toMatchObject([{ error: { message: 'stuck' }, ...failed, call: { member: 'Set' } }]);
  });
});

describe('GetAll', () => {
  test('returns the properties that can be read', async () => {
    const [signature, values] = await setup().getAll('com.example.Test1');
    expect(signature).toBe('a{sv}');
    expect(values).toEqual(new Map<string, unknown>([
      ['Fixed', variant('s', 'fixed')],
      ['Value', variant('u', 7)],
      ['Later', variant('a{sv}', new Map([['a', variant('u', 1)]]))],
      ['Bad', variant('y', 1)],
      ['constructor', variant('s', 'not a function')],
      ['__proto__', variant('s', 'p')],
    ]));
  });

  test('returns, for an empty interface name, the properties of all interfaces, the first of each name', async () => {
    const [, values] = await setup().getAll('');
    expect([...(values as Map<string, unknown>).keys()]).toEqual([
      'Fixed', 'Value', 'Later', 'Bad', 'constructor', '__proto__', 'Extra',
    ]);
    expect((values as Map<string, unknown>).get('Value')).toEqual(variant('u', 7));
  });

  test('has the values of the time of the reply, except for those that come later', async () => {
    const reports = recordHandlerErrors();
    let open: (value: string) => void = () => {};
    const gate = new Promise<string>((resolve) => (open = resolve));
    const text = { type: 's', access: 'read' } as const;
    const Waiting = defineInterface({
      name: 'com.example.Waiting1', properties: { Plain: text, Slow: text, Broken: text, Soon: text },
    });
    let isBroken = false;
    const waiting = Waiting.implement({
      properties: {
        Plain: 'old', Slow: { get: () => gate },
        Broken: {
          get: () => {
            if (isBroken) throw new Error('broken');
            return 'whole';
          },
        },
        Soon: { get: () => (isBroken ? Promise.reject(new Error('nobody waits for this')) : 'known') },
      },
    });
    const service = serviceOf({ [path]: [waiting] });
    const replies = service.call({
      path, interface: 'org.freedesktop.DBus.Properties', member: 'GetAll', signature: 's', body: [Waiting.name],
    });
    waiting.values.Plain = 'new';
    isBroken = true;
    open('slow');
    const values = new Map(Object.entries({ Plain: 'new', Slow: 'slow', Soon: 'known' }).map(
      ([name, value]) => [name, variant('s', value)],
    ));
    expect((await replies)[0]?.body).toEqual([values]);
    expect(reports).toMatchObject([{ error: { message: 'broken' }, member: 'Broken' }]);
  });

  test('returns nothing for an interface without properties', async () => {
    expect(await setup().getAll('org.freedesktop.DBus.Peer')).toEqual(['a{sv}', new Map()]);
  });

  test('refuses an interface that the object does not have', async () => {
    const text = `the object ${path} has no interface com.example.Nope`;
    expect(await setup().getAll('com.example.Nope')).toEqual([`${ERROR}.UnknownInterface`, text]);
  });

  test.each<[string, () => unknown, unknown]>([
    ['throws', () => { throw new Error('broken'); }, { message: 'broken' }],
    ['rejects', () => Promise.reject(new Error('broken')), { message: 'broken' }],
    ['throws a DBusError', () => { throw new DBusError('com.example.Error.No', 'no'); }, { message: 'no' }],
    ['returns a value out of range', () => 256, { name: 'MarshalError', path: 'value', member: 'Bad' }],
    ['returns a value of another type', () => Promise.resolve('x'), { name: 'MarshalError' }],
    ['returns nothing', () => undefined, { name: 'MarshalError' }],
  ])('leaves out a property whose get %s, and reports it', async (_, get, error) => {
    const reports = recordHandlerErrors();
    const { getAll, state } = setup();
    state.bad = get;
    const [signature, values] = await getAll('com.example.Test1');
    expect(signature).toBe('a{sv}');
    expect([...(values as Map<string, unknown>).keys()]).toEqual(
      ['Fixed', 'Value', 'Later', 'constructor', '__proto__'],
    );
    expect(reports).toHaveLength(1);
    const call = { member: 'GetAll' };
    expect(reports[0]).toMatchObject({ error, interface: 'com.example.Test1', member: 'Bad', call });
  });

  test('leaves out and reports each of several bad properties', async () => {
    const reports = recordHandlerErrors();
    const { getAll, state } = setup();
    state.bad = () => 256;
    state.value = -1;
    state.proto = '\ud800';
    const [, values] = await getAll('com.example.Test1');
    expect([...(values as Map<string, unknown>).keys()]).toEqual(['Fixed', 'Later', 'constructor']);
    expect(reports.map(({ member }) => member)).toEqual(['Value', 'Bad', '__proto__']);
  });

  test('leaves out the properties that hold file descriptors, and reports each', async () => {
    const reports = recordHandlerErrors();
    const service = serviceOf({ [path]: [descriptors()] });
    const target = { path, interface: 'org.freedesktop.DBus.Properties' };
    const body = [Descriptors.name];
    const [reply] = await service.call({ ...target, member: 'GetAll', signature: 's', body });
    expect(reply).toMatchObject({ type: 'method_return', signature: 'a{sv}' });
    expect([...(reply?.body[0] as Map<string, unknown>).keys()]).toEqual(['Good', 'Last']);
    expect(reports.map(({ member }) => member)).toEqual(WITH_DESCRIPTORS);
    expect(reports).toMatchObject(WITH_DESCRIPTORS.map((member) => ({
      error: { code: 'UNIX_FD_NOT_SENDABLE', interface: Descriptors.name, member }, call: { member: 'GetAll' },
    })));
    for (const name of WITH_DESCRIPTORS) {
      const [error] = await service.call({ ...target, member: 'Get', signature: 'ss', body: [Descriptors.name, name] });
      expect(error).toMatchObject({ errorName: `${ERROR}.Failed` });
    }
    const [good] = await service.call({ ...target, member: 'Get', signature: 'ss', body: [Descriptors.name, 'Good'] });
    expect(good).toMatchObject({ body: [variant('s', 'good')] });
  });

  test('leaves out the longest value if all are together too long for a message, and reports it', async () => {
    const reports = recordHandlerErrors();
    const service = serviceOf({ [path]: [large()] });
    const target = { path, interface: 'org.freedesktop.DBus.Properties', member: 'GetAll' };
    const [reply] = await service.call({ ...target, signature: 's', body: [Large.name] });
    expect([...(reply?.body[0] as Map<string, unknown>).keys()]).toEqual(['A', 'Small']);
    const problem = expect.stringContaining('it is the longest value, and the values do not fit') as unknown;
    expect(reports).toMatchObject([{ error: { code: 'ARRAY_TOO_LONG', problem }, interface: Large.name, member: 'B' }]);
  });

  test('leaves out a property whose get does not answer within ten seconds, and reports it', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const reports = recordHandlerErrors();
    const service = serviceOf({ [path]: [hanging()] });
    const target = { path, interface: 'org.freedesktop.DBus.Properties', member: 'GetAll' };
    const reply = service.call({ ...target, signature: 's', body: [Hanging.name] });
    await vi.advanceTimersByTimeAsync(9_999);
    expect(service.sink.sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await reply).toMatchObject([{ body: [new Map([['Fine', variant('u', 1)]])] }]);
    const error = { message: 'no value within 10000 ms: get must answer in time' };
    expect(reports).toMatchObject([{ error, interface: Hanging.name, member: 'Stuck', call: { member: 'GetAll' } }]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each(EXOTIC_ERRORS)('leaves out a property whose get throws %s', async (title, thrown) => {
    const reports = recordHandlerErrors();
    const { get, getAll, state } = setup();
    for (const bad of [() => { throw thrown(); }, () => Promise.reject(thrown())]) { // not an Error, on purpose
      state.bad = bad;
      const [, values] = await getAll('com.example.Test1');
      expect([...(values as Map<string, unknown>).keys()]).not.toContain('Bad');
      expect(await get('Bad')).toEqual([errorNameFor(title), expect.any(String)]);
    }
    expect(reports).toHaveLength(4);
  });
});

describe('PropertiesChanged', () => {
  test('is sent once for all Set calls of a chunk, and before their replies', async () => {
    let value = 0;
    const exported: string[] = [];
    const Level = defineInterface({
      name: 'com.example.Level', properties: { Now: { type: 'u', access: 'readwrite' } },
    });
    for (const set of [(to: number) => void (value = to), async (to: number) => void (value = to)]) {
      exported.length = 0;
      const service = serviceOf({});
      const implementation = Level.implement({ properties: { Now: { get: () => value, set } } });
      service.tree.add(path, [exportedInterface(implementation, (members) => new PropertyChanges(members, {
        send: (changed) => exported.push(`changed ${String(changed.get('Now')?.value)}`),
        contextFor: () => ({}) as CallContext, // the handler does not look at it
        turnEnd: new TurnEnd(),
      }))]);
      const target = { path, interface: 'org.freedesktop.DBus.Properties' };
      const sets = [1, 2, 3].map(async (to) => {
        const body = [Level.name, 'Now', variant('u', to)];
        await service.dispatcher.dispatch(incomingCall({ ...target, member: 'Set', signature: 'ssv', body }));
        exported.push(`replied ${to}`);
      });
      const [got] = await service.call({ ...target, member: 'Get', signature: 'ss', body: [Level.name, 'Now'] });
      expect(got).toMatchObject({ body: [variant('u', 3)] });
      await Promise.all(sets);
      expect(exported).toEqual(['changed 3', 'replied 1', 'replied 2', 'replied 3']);
    }
  });

  const Watched = defineInterface({
    name: 'com.example.Watched',
    properties: {
      Plain: { type: 'u', access: 'read' },
      Slow: { type: 's', access: 'read' },
      Stale: { type: 's', access: 'read', emitsChanged: 'invalidates' },
      Hidden: { type: 's', access: 'write' },
      Const: { type: 's', access: 'read', emitsChanged: 'const' },
      Silent: { type: 's', access: 'read', emitsChanged: 'false' },
    },
  });

  function watch() {
    const state = { plain: (): unknown => 1, slow: (): unknown => 'slow' };
    const exported = exportedInterface(Watched.implement({
      properties: {
        Plain: { get: () => state.plain() as number },
        Slow: { get: () => state.slow() as string },
        Stale: { get: () => 'stale' },
        Hidden: { set: () => {} },
        Const: { get: () => 'const' },
        Silent: { get: () => 'silent' },
      },
    }));
    return { state, ...announcerOf(exported) };
  }

  /** Announces the changes of an interface as a connection would send them. */
  function announcerOf(exported: ExportedMembers) {
    const sent: [changed: Record<string, unknown>, invalidated: readonly string[]][] = [];
    const changes = new PropertyChanges(exported, {
      send: (changed, invalidated) => {
        const body = [changed, invalidated] as const;
        const message = signal({ path, interface: 'a.b', member: 'a', signature: 'a{sv}as', body });
        encodeMessage(message, { serial: 1, allowUnixFds: false });
        sent.push([Object.fromEntries(changed), invalidated]);
      },
      contextFor: () => ({ sender: undefined }) as CallContext, // none of the handlers looks at more
      turnEnd: new TurnEnd(),
    });
    return { sent, changes };
  }

  test('has the value of a property, unless the definition omits it or callers cannot read it', async () => {
    const { sent, changes } = watch();
    await changes.announce(['Plain', 'Stale', 'Hidden', 'Slow']);
    expect(sent).toEqual([[{ Plain: variant('u', 1), Slow: variant('s', 'slow') }, ['Stale', 'Hidden']]]);
  });

  test('is not sent for a property if its definition forbids it', async () => {
    const { sent, changes } = watch();
    expect(changes.announce(['Const', 'Silent', 'Nope'])).toBeUndefined();
    await sleep(1);
    expect(sent).toEqual([]);
  });

  test('is one signal for all changes of a turn, with the values at its end', async () => {
    const { sent, changes, state } = watch();
    void changes.announce(['Plain']);
    state.plain = () => 2;
    void changes.announce(['Stale', 'Plain']);
    await Promise.resolve();
    state.plain = () => 3;
    const last = changes.announce(['Plain', 'Slow', 'Const']);
    expect(sent).toEqual([]);
    await last;
    expect(sent).toEqual([[{ Plain: variant('u', 3), Slow: variant('s', 'slow') }, ['Stale']]]);
    await sleep(1);
    expect(sent).toHaveLength(1);
  });

  test('can be sent before the end of the turn, and is then not sent again', async () => {
    const { sent, changes } = watch();
    const announced = changes.announce(['Plain']);
    changes.announceNow();
    changes.announceNow();
    await announced;
    await sleep(1);
    expect(sent).toEqual([[{ Plain: variant('u', 1) }, []]]);
  });

  test('has together the values that arrive in the same turn of the event loop', async () => {
    const { sent, changes, state } = watch();
    state.slow = async () => 'later';
    await changes.announce(['Slow', 'Plain', 'Stale']);
    expect(sent).toEqual([[{ Slow: variant('s', 'later'), Plain: variant('u', 1) }, ['Stale']]]);
  });

  test('keeps the order of one property if its values arrive later, and merges the changes meanwhile', async () => {
    const { sent, changes, state } = watch();
    const pending: ((value: string) => void)[] = [];
    state.slow = () => new Promise((resolve) => pending.push(resolve));
    const first = changes.announce(['Slow', 'Plain']);
    changes.announceNow();
    void changes.announce(['Plain']);
    changes.announceNow();
    void changes.announce(['Slow', 'Stale']);
    changes.announceNow();
    void changes.announce(['Slow']);
    changes.announceNow();
    expect(pending).toHaveLength(1);
    expect(sent).toEqual([[{ Plain: variant('u', 1) }, []], [{}, ['Stale']]]);
    await first; // does not wait for the value of Slow
    expect(sent[2]).toEqual([{ Plain: variant('u', 1) }, []]);
    pending[0]?.('one');
    await until(() => pending.length === 2);
    expect(sent[3]).toEqual([{ Slow: variant('s', 'one') }, []]);
    pending[1]?.('two');
    await until(() => sent.length === 5);
    expect(sent[4]).toEqual([{ Slow: variant('s', 'two') }, []]);
    expect(pending).toHaveLength(2);
  });

  test('is sent without a value that does not arrive within ten seconds, reports it, and reads it again later',
    async () => {
      vi.useFakeTimers();
      onTestFinished(() => void vi.useRealTimers());
      const reports = recordHandlerErrors();
      const { sent, changes, state } = watch();
      state.slow = () => new Promise(() => {});
      void changes.announce(['Slow']);
      changes.announceNow();
      await vi.advanceTimersByTimeAsync(9_000);
      state.slow = () => 'again';
      void changes.announce(['Slow']);
      changes.announceNow();
      expect(sent).toEqual([]);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(sent).toEqual([[{}, ['Slow']], [{ Slow: variant('s', 'again') }, []]]);
      expect(reports).toMatchObject([{ error: { message: expect.stringContaining('10000 ms') }, member: 'Slow' }]);
      expect(vi.getTimerCount()).toBe(0);
    });

  test('is sent, and Set gets its reply, while the get of a property hangs', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }); // so that no report comes during a later test
    onTestFinished(() => void vi.useRealTimers());
    const reports = recordHandlerErrors();
    let announcer!: ReturnType<typeof announcerOf>; // set by the next line
    const exported = exportedInterface(hanging(), (members) => (announcer = announcerOf(members)).changes);
    const service = serviceOf({});
    service.tree.add(path, [exported]);
    const set = (name: string, value: Variant) => service.call({
      path, interface: 'org.freedesktop.DBus.Properties', member: 'Set', signature: 'ssv',
      body: [Hanging.name, name, value],
    });
    expect(await set('Stuck', variant('s', 'x'))).toMatchObject([{ type: 'method_return' }]);
    for (const value of [7, 8]) {
      expect(await set('Fine', variant('u', value))).toMatchObject([{ type: 'method_return' }]);
    }
    expect(await set('Stuck', variant('s', 'y'))).toMatchObject([{ type: 'method_return' }]);
    expect(announcer.sent).toEqual([[{ Fine: variant('u', 7) }, []], [{ Fine: variant('u', 8) }, []]]);
    await vi.advanceTimersByTimeAsync(20_000); // twice, because it was set twice
    expect(reports.map(({ member }) => member)).toEqual(['Stuck', 'Stuck']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('has no value that contains a file descriptor, but the values of the other properties', async () => {
    const reports = recordHandlerErrors();
    const { sent, changes } = announcerOf(exportedInterface(descriptors()));
    await changes.announce(['Good', ...WITH_DESCRIPTORS, 'Last']);
    expect(sent).toEqual([[{ Good: variant('s', 'good'), Last: variant('s', 'last') }, WITH_DESCRIPTORS]]);
    expect(reports.map(({ member }) => member)).toEqual(WITH_DESCRIPTORS);
  });

  test.each([
    ['throws', () => { throw new Error('broken'); }],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('leaves out the value of a property whose get %s, and the error is reported', async (_, get) => {
    const reports = recordHandlerErrors();
    const { sent, changes, state } = watch();
    state.slow = get;
    await changes.announce(['Slow', 'Plain']);
    expect(sent).toEqual([[{ Plain: variant('u', 1) }, ['Slow']]]);
    const [report, ...others] = reports;
    const failed = { interface: 'com.example.Watched', member: 'Slow' };
    expect(report).toMatchObject({ error: { message: 'broken' }, ...failed, call: undefined });
    expect(others).toEqual([]);
  });

  test.each<[string, () => unknown]>([
    ['is of another type', () => 'x'],
    ['is out of range', () => -1],
    ['is missing', () => undefined],
    ['is of another type, and comes later', () => Promise.resolve('x')],
    ['is a revoked proxy', revokedProxy],
  ])('leaves out a value that %s, which is reported, and has the others', async (_, get) => {
    const reports = recordHandlerErrors();
    const { sent, changes, state } = watch();
    state.plain = get;
    await changes.announce(['Plain', 'Slow']);
    expect(sent).toEqual([[{ Slow: variant('s', 'slow') }, ['Plain']]]);
    expect(reports).toMatchObject([{ interface: 'com.example.Watched', member: 'Plain' }]);
  });

  test.each(EXOTIC_ERRORS)('leaves out the value of a property whose get throws %s', async (_, thrown) => {
    const reports = recordHandlerErrors();
    const { sent, changes, state } = watch();
    for (const bad of [() => { throw thrown(); }, () => Promise.reject(thrown())]) {
      state.slow = bad;
      await changes.announce(['Slow', 'Plain']);
    }
    const announced = [{ Plain: variant('u', 1) }, ['Slow']];
    expect(sent).toEqual([announced, announced]);
    expect(reports).toHaveLength(2);
  });

  test('leaves out a value whose `then` can be read only once', async () => {
    const reports = recordHandlerErrors();
    const { sent, changes, state } = watch();
    state.plain = () => {
      let looks = 0;
      return {
        get then() {
          if (looks++ > 0) throw new Error('only once');
          return () => {};
        },
      };
    };
    await changes.announce(['Plain', 'Slow']);
    expect(sent).toEqual([[{ Slow: variant('s', 'slow') }, ['Plain']]]);
    const failed = { interface: 'com.example.Watched', member: 'Plain' };
    expect(reports).toMatchObject([{ error: { message: 'only once' }, ...failed }]);
  });

  test('leaves out the longest value if all together are too long for a message', async () => {
    const reports = recordHandlerErrors();
    const { sent, changes } = announcerOf(exportedInterface(large()));
    await changes.announce(['A', 'B', 'Small']);
    expect(sent.map(([changed, invalidated]) => [Object.keys(changed), invalidated])).toEqual([[['A', 'Small'], ['B']]]);
    const failed = { interface: Large.name, member: 'B' };
    expect(reports).toMatchObject([{ error: { code: 'ARRAY_TOO_LONG' }, ...failed }]);
  });
});

test('a get or set that fails because its caller has left is not reported', async () => {
  const reports = recordHandlerErrors();
  const Slow = defineInterface({ name: 'com.example.Slow', properties: { Value: { type: 's', access: 'readwrite' } } });
  const service = serviceOf({
    [path]: [Slow.implement({
      properties: {
        Value: {
          get: ({ signal }) => sleep(60_000, '', { signal }),
          set: (_, { signal }) => sleep(60_000, undefined, { signal }),
        },
      },
    })],
  });
  const properties = { path, interface: 'org.freedesktop.DBus.Properties' };
  const ended = [
    incomingCall({ ...properties, member: 'Get', signature: 'ss', body: ['com.example.Slow', 'Value'] }),
    incomingCall({ ...properties, member: 'GetAll', signature: 's', body: ['com.example.Slow'] }),
    incomingCall({
      ...properties, member: 'Set', signature: 'ssv', body: ['com.example.Slow', 'Value', variant('s', 'new')],
    }),
  ].map((call) => service.dispatcher.dispatch(call));
  service.leave(CALLER);
  await Promise.all(ended);
  await sleep(0);
  expect(reports).toEqual([]);
});
