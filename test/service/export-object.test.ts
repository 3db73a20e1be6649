// Exported objects on a real bus: one connection exports, another calls.

import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { ConnectionClosedError } from '../../src/connection/errors.js';
import { DBusError } from '../../src/protocol/errors.js';
import { defineInterface } from '../../src/interface/define.js';
import type { Implementation } from '../../src/interface/definition.js';
import type { MessageLink } from '../../src/connection/link.js';
import { exportObject } from '../../src/service/export-object.js';
import { MarshalError } from '../../src/wire/errors.js';
import { variant } from '../../src/wire/variant.js';
import { useBusPair } from '../support/bus-pair.js';
import { heavyTest } from '../support/extent.js';
import type { PrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { until } from '../support/waiting.js';
import { expectProportionalWork } from '../support/work.js';
import { recordHandlerErrors } from './support.js';

const ERROR = 'org.freedesktop.DBus.Error';
const path = '/com/example/Counter';
const Counter = defineInterface({
  name: 'com.example.Counter1',
  methods: { Add: { in: 'u', out: 'u' }, Wait: {} },
  properties: {
    Value: { type: 'u', access: 'readwrite' },
    Label: { type: 's', access: 'readwrite', emitsChanged: 'invalidates' },
    Quiet: { type: 's', access: 'readwrite', emitsChanged: 'false' },
  },
  signals: { Overflow: { args: 'u' }, Empty: {} },
});

const suite = describeWith('dbus-daemon');

let daemon: PrivateBus;
let service: Bus;
let client: Bus;

useBusPair((pair) => {
  ({ daemon, service, client } = pair);
});

function counter(start = 0) {
  let value = start;
  let label = '';
  const waiting: (() => void)[] = [];
  const implementation = Counter.implement({
    methods: {
      Add: (step) => (value += step),
      Wait: () => new Promise<void>((resolve) => waiting.push(resolve)),
    },
    properties: {
      Value: { get: () => value, set: (to) => void (value = to) },
      Label: { get: () => label, set: (to) => void (label = to) },
      Quiet: { get: () => '', set: () => {} },
    },
  });
  return { implementation, waiting };
}

const call = (member: string, signature = '', body: readonly unknown[] = [], at = path): Promise<unknown[]> => {
  const target = { destination: service.uniqueName, path: at, interface: Counter.name, member };
  return client.call({ ...target, signature, body } as never) as Promise<unknown[]>;
};
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error as DBusError).errorName,
  );

suite('an exported object', () => {
  test('replies to calls', async () => {
    exportObject(service, path, counter().implementation);
    expect(await call('Add', 'u', [2])).toEqual([2]);
    expect(await call('Add', 'u', [3])).toEqual([5]);
  });

  test('replies to calls in their order of arrival', async () => {
    exportObject(service, path, counter().implementation);
    const results = await Promise.all(Array.from({ length: 1000 }, () => call('Add', 'u', [1])));
    expect(results.flat()).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
  });

  test('does not exist after unexport(); calls in progress still get their replies', async () => {
    const { implementation, waiting } = counter();
    const exported = exportObject(service, path, implementation);
    const inProgress = call('Wait');
    await call('Add', 'u', [1]);
    exported.unexport();
    expect(await errorOf(call('Add', 'u', [1]))).toBe(`${ERROR}.UnknownObject`);
    waiting[0]?.();
    expect(await inProgress).toEqual([]);
    exported.unexport();
    exportObject(service, path, counter(100).implementation);
    exported[Symbol.dispose]();
    expect(await call('Add', 'u', [1])).toEqual([101]);
  });

  test('may have several interfaces, exported together or one after another', async () => {
    const interfaceNamed = (name: string): Implementation =>
      defineInterface({ name, methods: { Name: { out: 's' } } }).implement({ methods: { Name: () => name } });
    exportObject(service, path, [interfaceNamed('com.example.A'), interfaceNamed('com.example.B')]);
    const third = exportObject(service, path, interfaceNamed('com.example.C'));
    const nameOf = async (interfaceName: string): Promise<unknown> => {
      const target = { destination: service.uniqueName, path, interface: interfaceName, member: 'Name' };
      return client.call(target).then(([name]) => name, (error: DBusError) => error.errorName);
    };
    expect(await nameOf('com.example.A')).toBe('com.example.A');
    expect(await nameOf('com.example.B')).toBe('com.example.B');
    expect(await nameOf('com.example.C')).toBe('com.example.C');
    third.unexport();
    expect(await nameOf('com.example.C')).toBe(`${ERROR}.UnknownInterface`);
    expect(await nameOf('com.example.B')).toBe('com.example.B');
  });

  test('cannot have an interface twice; then none of the list is exported', async () => {
    exportObject(service, path, counter().implementation);
    const Fresh = defineInterface({ name: 'com.example.Fresh' });
    const again = (): unknown => exportObject(service, path, [Fresh.implement({}), counter().implementation]);
    expect(again).toThrow(expect.objectContaining({ name: 'ExportError', code: 'INTERFACE_EXPORTED', path }));
    exportObject(service, path, Fresh.implement({}));
  });

  test('cannot have an interface that the library implements', () => {
    const Ping = defineInterface({ name: 'org.freedesktop.DBus.Peer', methods: { Ping: {} } });
    const ping = Ping.implement({ methods: { Ping: () => {} } });
    expect(() => exportObject(service, path, ping)).toThrow(
      expect.objectContaining({ code: 'INTERFACE_STANDARD', interface: 'org.freedesktop.DBus.Peer' }),
    );
  });

  test('is refused if it is an object of handlers, and the error refers to implement()', () => {
    const handlers = { methods: { Add: () => 1 } } as never;
    const problem = 'got an object of handlers: pass it to implement()';
    expect(() => exportObject(service, path, handlers)).toThrow(
      expect.objectContaining({ code: 'ARGUMENT_INVALID', message: expect.stringContaining(problem) }),
    );
  });

  test('shares one abort listener on the link with the other objects', () => {
    exportObject(service, path, counter().implementation);
    const before = getEventListeners(service.closedSignal, 'abort').length;
    for (let index = 0; index < 100; index++) exportObject(service, `/n${index}`, counter().implementation);
    expect(getEventListeners(service.closedSignal, 'abort')).toHaveLength(before);
  });

  heavyTest('costs the same however many others there are, even to emit signals and to remove it', async () => {
    const { implementation } = counter();
    const none = { sent: 0 };
    const link: MessageLink = {
      call: () => Promise.reject(new Error('not called')),
      send: () => ++none.sent,
      subscribe: () => { throw new Error('not called'); },
      handleMethodCalls: () => () => {},
      drained: () => Promise.resolve(),
      closed: new Promise(() => {}),
      closedSignal: new AbortController().signal,
    };
    let next = 0;
    await expectProportionalWork(2_000, (size) => {
      const objects = Array.from({ length: size }, () => exportObject(link, `/o/n${next++}`, implementation));
      const before = none.sent;
      implementation.emit('Empty');
      expect(none.sent - before).toBe(size);
      for (const object of objects) object.unexport();
    });
  });

  test('is refused if the application handles the calls of the link itself', () => {
    const remove = service.handleMethodCalls(() => {});
    const refused = expect.objectContaining({ name: 'HandlerInUseError' });
    expect(() => exportObject(service, path, counter().implementation)).toThrow(refused);
    remove();
    exportObject(service, path, counter().implementation);
  });

  test('is refused if the connection has ended', async () => {
    await service.close();
    expect(() => exportObject(service, path, counter().implementation)).toThrow(ConnectionClosedError);
  });

  test('is refused at a path that is not an object path', () => {
    expect(() => exportObject(service, 'com/example', counter().implementation)).toThrow(
      expect.objectContaining({ name: 'InvalidNameError', kind: 'object path' }),
    );
  });

  test('belongs to one connection, but its implementation can be exported on others', async () => {
    const { implementation } = counter();
    exportObject(service, path, implementation);
    exportObject(client, path, implementation);
    const own = { path, interface: Counter.name, member: 'Add', signature: 'u', body: [1] } as const;
    expect(await client.call({ ...own, destination: service.uniqueName })).toEqual([1]);
    expect(await client.call({ ...own, destination: client.uniqueName })).toEqual([2]);
  });
});

suite('a caller that leaves the bus', () => {
  const Patient = defineInterface({ name: 'com.example.Patient', methods: { Wait: {}, Look: { out: 'b' }, Ping: {} } });
  function patient() {
    const signals: AbortSignal[] = [];
    exportObject(service, path, Patient.implement({
      methods: {
        Wait: ({ signal }) => {
          signals.push(signal);
          return new Promise(() => {});
        },
        Look: ({ signal }) => {
          signals.push(signal);
          return signal.aborted;
        },
        Ping: () => {},
      },
    }));
    return { signals, target: { destination: service.uniqueName, path, interface: Patient.name } };
  }

  test('aborts the AbortSignal of its calls, and of no others', async () => {
    const { signals, target } = patient();
    client.call({ ...target, member: 'Wait' }).catch(() => {});
    for (let round = 1; round <= 3; round++) {
      const caller = await connectToBus(daemon.address);
      caller.call({ ...target, member: 'Wait' }).catch(() => {});
      expect(await caller.call({ ...target, member: 'Look' })).toEqual([false]);
      await caller.close();
      await until(() => signals.filter(({ aborted }) => aborted).length === 2 * round);
    }
    expect(signals[0]?.aborted).toBe(false);
  });

  test('is noticed even if it leaves before the service watches it', async () => {
    const { signals, target } = patient();
    const caller = await connectToBus(daemon.address);
    caller.call({ ...target, member: 'Wait', noReply: true }).catch(() => {});
    await caller.close(); // without waiting for an answer
    await until(() => signals[0]?.aborted === true);
    expect(signals[0]?.reason).toMatchObject({ name: 'AbortError' });
  });

  test('makes room for the calls of others, and does not delay close()', async () => {
    const { signals, target } = patient();
    const caller = await connectToBus(daemon.address);
    for (let index = 0; index < 1_100; index++) caller.call({ ...target, member: 'Wait' }).catch(() => {});
    await caller.call({ ...target, member: 'Ping' }).catch(() => {}); // refused: too many are in progress
    expect(signals).toHaveLength(1_024);
    await client.call({ ...target, member: 'Ping' });
    await caller.close();
    await until(() => signals.every(({ aborted }) => aborted));
    await service.close({ timeout: Infinity });
  });
});

suite('signals', () => {
  test('are sent from every object of the implementation', async () => {
    const { implementation } = counter();
    exportObject(service, path, implementation);
    const second = exportObject(service, '/other', implementation);
    const signals = client.subscribe({ sender: service.uniqueName, interface: Counter.name });
    await signals.ready;
    implementation.emit('Overflow', 7);
    second.unexport();
    implementation.emit('Empty');
    const seen = [await signals.next(), await signals.next(), await signals.next()].map(({ value }) => value);
    expect(seen).toMatchObject([
      { path, member: 'Overflow', signature: 'u', body: [7] },
      { path: '/other', member: 'Overflow', signature: 'u', body: [7] },
      { path, member: 'Empty', signature: '', body: [] },
    ]);
  });

  test('with arguments that do not fit make emit() throw, and nothing is sent', () => {
    const { implementation } = counter();
    exportObject(service, path, implementation);
    expect(() => implementation.emit('Overflow', -1)).toThrow(MarshalError);
  });

  test('can be sent from one of several objects, and to one receiver', async () => {
    const { implementation } = counter();
    exportObject(service, path, implementation);
    exportObject(service, '/other', implementation);
    const other = await connectToBus(daemon.address);
    const rule = { sender: service.uniqueName, interface: Counter.name };
    const [signals, foreign] = [client.subscribe(rule), other.subscribe(rule)];
    await Promise.all([signals.ready, foreign.ready]);
    implementation.emit('Overflow', 1, { path: '/other' });
    implementation.emit('Overflow', 2, { destination: client.uniqueName, path });
    implementation.emit('Empty', { path: '/nowhere' });
    implementation.emit('Empty', { path });
    const seen = [await signals.next(), await signals.next(), await signals.next()].map(({ value }) => value);
    expect(seen).toMatchObject([
      { path: '/other', body: [1], destination: undefined },
      { path, body: [2], destination: client.uniqueName },
      { path, member: 'Empty' },
    ]);
    const others = [await foreign.next(), await foreign.next()].map(({ value }) => value);
    expect(others).toMatchObject([{ body: [1] }, { member: 'Empty' }]);
    await other.close();
  });

  test('of an implementation whose connection has ended are not sent', async () => {
    const { implementation } = counter();
    const failures: unknown[] = [];
    const emit = (): void => {
      try {
        implementation.emit('Overflow', 1);
        implementation.emitPropertiesChanged('Value');
      } catch (error) {
        failures.push(error);
      }
    };
    service.closedSignal.addEventListener('abort', emit); // runs before the listener of exportObject
    exportObject(service, path, implementation);
    const closing = service.close();
    emit();
    await closing;
    emit();
    expect(failures).toEqual([]);
  });
});

suite('PropertiesChanged', () => {
  const changed = (...body: unknown[]) => ({ path, member: 'PropertiesChanged', signature: 'sa{sv}as', body });
  async function watch() {
    const { implementation } = counter();
    exportObject(service, path, implementation);
    const signals = client.subscribe({ sender: service.uniqueName, interface: 'org.freedesktop.DBus.Properties' });
    await signals.ready;
    const set = async (name: string, value: unknown): Promise<void> => {
      const target = { destination: service.uniqueName, path, interface: 'org.freedesktop.DBus.Properties' };
      await client.call({ ...target, member: 'Set', signature: 'ssv', body: [Counter.name, name, value as never] });
    };
    return { implementation, set, next: async () => (await signals.next()).value as unknown };
  }

  test('is sent before the reply to Set, with or without the value, as in the definition', async () => {
    const { set, next } = await watch();
    await set('Quiet', variant('s', 'x'));
    await set('Value', variant('u', 3));
    await set('Label', variant('s', 'x'));
    expect(await next()).toMatchObject(changed(Counter.name, new Map([['Value', variant('u', 3)]]), []));
    expect(await next()).toMatchObject(changed(Counter.name, new Map(), ['Label']));
  });

  test('is sent by emitPropertiesChanged()', async () => {
    const { implementation, next } = await watch();
    await call('Add', 'u', [5]);
    implementation.emitPropertiesChanged('Value', 'Label');
    expect(await next()).toMatchObject(changed(Counter.name, new Map([['Value', variant('u', 5)]]), ['Label']));
  });
});

suite('the context of a handler', () => {
  test('returns the credentials of the caller on demand', async () => {
    const Who = defineInterface({
      name: 'com.example.Who', methods: { Are: { out: 'ub' } },
    });
    exportObject(service, path, Who.implement({
      methods: {
        Are: async (context) => {
          const [first, second] = await Promise.all([context.credentials(), context.credentials()]);
          return [first?.processId ?? 0, first === second];
        },
      },
    }));
    const target = { destination: service.uniqueName, path, interface: Who.name };
    expect(await client.call({ ...target, member: 'Are' })).toEqual([process.pid, true]);
  });
});

suite('a service that closes its connection', () => {
  test('still replies to the calls that it has accepted', async () => {
    const { implementation, waiting } = counter();
    exportObject(service, path, implementation);
    const accepted = call('Wait');
    await call('Add', 'u', [1]);
    const closing = service.close();
    waiting[0]?.();
    expect(await accepted).toEqual([]);
    await closing;
  });

  test.each<[string, () => Promise<void>]>([
    ['at once', () => service.close({ timeout: Infinity })],
    ['after a wait', async () => {
      await until(() => true);
      await service.close({ timeout: Infinity });
    }],
  ])('can do so in a handler that awaits it %s; other handlers still reply', async (_, quit) => {
    const Quitting = defineInterface({ name: 'com.example.Quitting', methods: { Quit: {}, Wait: { out: 's' } } });
    const waiting: ((text: string) => void)[] = [];
    exportObject(service, path, Quitting.implement({
      methods: { Quit: quit, Wait: () => new Promise((resolve) => waiting.push(resolve)) },
    }));
    const target = { destination: service.uniqueName, path, interface: Quitting.name };
    const answer = client.call({ ...target, member: 'Wait' });
    client.call({ ...target, member: 'Quit' }).catch(() => {}); // nobody is left to answer
    await until(() => waiting.length === 1);
    setTimeout(() => waiting[0]?.('answered'), 50);
    expect(await answer).toEqual(['answered']);
    await service.closed;
  });

  test('detaches the implementation', async () => {
    const { implementation } = counter();
    let attached = 0;
    const counted: Implementation = {
      ...implementation,
      attach: (sink) => {
        const detach = implementation.attach(sink);
        attached++;
        return () => {
          attached--;
          detach();
        };
      },
    };
    const bus = await connectToBus(daemon.address);
    exportObject(bus, path, counted);
    exportObject(bus, '/other', counted).unexport();
    expect(attached).toBe(1);
    await bus.close();
    expect(attached).toBe(0);
  });
});

suite('handlers', () => {
  test('that fail do not end the connection', async () => {
    const reports = recordHandlerErrors();
    const Bad = defineInterface({ name: 'com.example.Bad', methods: { Throw: {}, Reject: {}, Lie: { out: 'u' } } });
    exportObject(service, path, Bad.implement({
      methods: {
        Throw: () => {
          throw new Error('thrown');
        },
        Reject: () => Promise.reject(new Error('rejected')),
        Lie: () => 'text' as never,
      },
    }));
    const bad = { destination: service.uniqueName, path, interface: Bad.name };
    for (const member of ['Throw', 'Reject', 'Lie']) {
      expect(await errorOf(client.call({ ...bad, member }))).toBe(`${ERROR}.Failed`);
    }
    const failed = reports.map(({ interface: name, member }) => `${name}.${member}`);
    expect(failed).toEqual(['com.example.Bad.Throw', 'com.example.Bad.Reject', 'com.example.Bad.Lie']);
    expect(service.closedSignal.aborted).toBe(false);
  });
});
