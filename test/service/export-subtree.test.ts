// Subtrees: paths that handlers find at each call, with their introspection, properties and signals.

import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { defineInterface } from '../../src/interface/define.js';
import type { Implementation } from '../../src/interface/definition.js';
import { Peer } from '../../src/interface/standard.js';
import { DBusError } from '../../src/protocol/errors.js';
import { escapePathElement, unescapePathElement } from '../../src/protocol/path-element.js';
import { exportObject } from '../../src/service/export-object.js';
import { exportObjectManager } from '../../src/service/export-object-manager.js';
import { exportSubtree, type SubtreeHandlers } from '../../src/service/export-subtree.js';
import { MAX_WARNINGS, WARNING_PERIOD } from '../../src/service/warning-limit.js';
import { type Variant, variant } from '../../src/wire/variant.js';
import { useBusPair } from '../support/bus-pair.js';
import { describeWith } from '../support/programs.js';
import { recordHandlerErrors } from './support.js';

const suite = describeWith('dbus-daemon');
const ERROR = 'org.freedesktop.DBus.Error';
const User = defineInterface({
  name: 'com.example.User1',
  methods: { Greet: { in: 's', out: 's' }, Where: { out: 'o' }, Fail: {} },
  properties: { Name: { type: 's', access: 'readwrite' } },
  signals: { Left: { args: 's' } },
});
const MANAGER = 'org.freedesktop.DBus.ObjectManager';
const Extra = defineInterface({ name: 'com.example.Extra1' });
const user = (name: string) => User.implement({
  methods: {
    Greet: (text) => `${text} ${name}`,
    Where: ({ message }) => message.path,
    Fail: () => { throw new DBusError('com.example.Error.No', 'no'); },
  },
  properties: { Name: name },
});

let service: Bus;
let client: Bus;
useBusPair((pair) => {
  ({ service, client } = pair);
});

const call = (path: string, member: string, signature = '', body: readonly unknown[] = [], name: string = User.name) =>
  (client.call({ destination: service.uniqueName, path, interface: name, member, signature, body } as never) as
    Promise<unknown[]>).then((values) => values[0], (error: DBusError) => error.errorName);
const names = (xml: unknown, kind: 'node' | 'interface') =>
  [...String(xml).matchAll(new RegExp(`<${kind} name="([^"]*)"`, 'g'))].map(([, name]) => name);
const introspect = (path: string) => call(path, 'Introspect', '', [], 'org.freedesktop.DBus.Introspectable');

suite('a subtree', () => {
  test('calls its handlers with the object that has them as this', async () => {
    class Users {
      readonly #names = ['alice', 'bob'];

      children(): readonly string[] {
        return this.#names;
      }

      object([name = '']: readonly string[]): ReturnType<typeof user> | undefined {
        return this.#names.includes(name) ? user(name) : undefined;
      }
    }
    exportSubtree(service, '/com/example/class/*', new Users());
    expect(names(await introspect('/com/example/class'), 'node')).toEqual(['alice', 'bob']);
    expect(await call('/com/example/class/bob', 'Greet', 's', ['Hello'])).toBe('Hello bob');
  });

  const users = new Map<string, Implementation>();
  const exportUsers = (later: boolean) => {
    users.clear();
    for (const name of ['alice', 'bob']) users.set(name, user(name));
    const object = ([element = '']: readonly string[]) => users.get(unescapePathElement(element));
    const children = () => [...users.keys()].map(escapePathElement);
    return exportSubtree(service, '/com/example/users/*', later
      ? { children: async () => children(), object: async (elements) => object(elements) }
      : { children, object });
  };

  test.each([['at once', false], ['later', true]])('has the objects that its handler returns %s', async (_, later) => {
    exportUsers(later);
    expect(await call('/com/example/users/alice', 'Greet', 's', ['hello'])).toBe('hello alice');
    expect(await call('/com/example/users/bob', 'Where')).toBe('/com/example/users/bob');
    expect(await call('/com/example/users/bob', 'Fail')).toBe('com.example.Error.No');
    expect(await call('/com/example/users/bob', 'Greet')).toBe(`${ERROR}.InvalidArgs`);
    expect(await call('/com/example/users/bob', 'Nope')).toBe(`${ERROR}.UnknownMethod`);
    expect(await call('/com/example/users/bob', 'Greet', 's', [''], 'com.example.Nope')).toBe(`${ERROR}.UnknownInterface`);
    expect(await call('/com/example/users/carol', 'Where')).toBe(`${ERROR}.UnknownObject`);
    expect(await call('/com/example/users', 'Where')).toBe(`${ERROR}.UnknownInterface`);
    expect(await call('/com/example/users/bob/more', 'Where')).toBe(`${ERROR}.UnknownObject`);
    users.set('carol', user('carol'));
    expect(await call('/com/example/users/carol', 'Greet', 's', ['hello'])).toBe('hello carol');
  });

  test.each([['at once', false], ['later', true]])('is introspected with the children returned %s', async (_, later) => {
    exportUsers(later);
    exportObject(service, '/com/example/users/root', user('root'));
    expect(names(await introspect('/com/example'), 'node')).toEqual(['users']);
    expect(names(await introspect('/com/example/users'), 'node').sort()).toEqual(['alice', 'bob', 'root']);
    expect(names(await introspect('/com/example/users/alice'), 'interface')).toContain(User.name);
    expect(names(await introspect('/com/example/users/alice'), 'node')).toEqual([]);
    expect(await introspect('/com/example/users/carol')).toBe(`${ERROR}.UnknownObject`);
  });

  test('has properties, and each change is announced once from their path, or together with the next', async () => {
    exportUsers(false);
    const changes = client.subscribe({ sender: service.uniqueName, member: 'PropertiesChanged' });
    await changes.ready;
    const set = (name: string) => client.call({
      destination: service.uniqueName, path: '/com/example/users/alice', interface: 'org.freedesktop.DBus.Properties',
      member: 'Set', signature: 'ssv', body: [User.name, 'Name', variant('s', name)],
    });
    await Promise.all([set('a'), set('b')]);
    expect(await call('/com/example/users/alice', 'Get', 'ss', [User.name, 'Name'], 'org.freedesktop.DBus.Properties'))
      .toEqual(variant('s', 'b'));
    await set('c');
    const announced: unknown[] = [];
    while (announced.at(-1) !== 'c') {
      const { path, body } = (await changes.next()).value as { path: string; body: [string, Map<string, Variant>, []] };
      expect([path, body[0], body[2]]).toEqual(['/com/example/users/alice', User.name, []]);
      announced.push(body[1].get('Name')?.value);
    }
    expect(announced.slice(-2)).toEqual(['b', 'c']);
    expect(['b,c', 'a,b,c']).toContain(announced.join()); // the bus may deliver both Sets in one piece, or not
  });

  test('sends the signals of an object from its path, after that is known', async () => {
    const exported = exportUsers(false);
    const signals = client.subscribe({ sender: service.uniqueName, interface: User.name });
    await signals.ready;
    users.get('alice')?.emit('Left', 'too early');
    users.get('alice')?.emit('Left', 'with a path', { path: '/com/example/users/alice' }); // not known either
    await call('/com/example/users/alice', 'Where');
    users.get('alice')?.emit('Left', 'now');
    users.get('alice')?.emit('Left', 'elsewhere', { path: '/elsewhere' });
    users.get('alice')?.emit('Left', 'as bob', { path: '/com/example/users/bob' });
    exported.unexport();
    users.get('alice')?.emit('Left', 'too late');
    exportObject(service, '/end', users.get('alice')!);
    users.get('alice')?.emit('Left', 'end');
    const seen = [];
    for (let index = 0; index < 3; index++) {
      const { path, body } = (await signals.next()).value as { path: string; body: unknown[] };
      seen.push([path, body[0]]);
    }
    expect(seen).toEqual([
      ['/com/example/users/alice', 'now'], ['/com/example/users/bob', 'as bob'], ['/end', 'end'],
    ]);
  });

  test('has paths of any depth with the pattern **, and of several subtrees the nearest is called', async () => {
    const files = new Map([['a', ['b']], ['a/b', ['c']], ['a/b/c', []]]);
    exportSubtree(service, '/files/**', {
      children: (elements) => (elements.length === 0 ? ['a'] : files.get(elements.join('/')) ?? []),
      object: (elements) => (elements.join('/') === 'a/b/c' ? user('file') : undefined),
    });
    exportSubtree(service, '/files/a/near/*', { object: () => user('near') });
    expect(await call('/files/a/b/c', 'Where')).toBe('/files/a/b/c');
    expect(names(await introspect('/files/a'), 'node').sort()).toEqual(['b', 'near']);
    expect(names(await introspect('/files/a/b'), 'node')).toEqual(['c']);
    expect(await call('/files/a/b', 'Where')).toBe(`${ERROR}.UnknownInterface`); // a parent
    expect(await call('/files/a/x', 'Where')).toBe(`${ERROR}.UnknownObject`);
    expect(await call('/files/a/near/x', 'Greet', 's', ['hi'])).toBe('hi near');
    expect(await call('/files/a/near/x/y', 'Where')).toBe(`${ERROR}.UnknownObject`);
  });

  test('is not attached to its fallback after it has ended', () => {
    const anybody = user('anybody');
    let attached = 0;
    const counted: typeof anybody = {
      ...anybody,
      attach: (sink) => {
        attached++;
        const detach = anybody.attach(sink);
        return () => {
          attached--;
          detach();
        };
      },
    };
    for (let n = 0; n < 5; n++) exportSubtree(service, '/**', { fallback: counted }).unexport();
    expect(attached).toBe(0);
    const exported = exportSubtree(service, '/**', { fallback: counted });
    expect(attached).toBe(1);
    exported.unexport();
  });

  test('has a fallback for paths without an object', async () => {
    exportSubtree(service, '/**', { fallback: user('anybody') });
    exportObject(service, '/a/b', user('static'));
    expect(await call('/x/y/z', 'Greet', 's', ['hi'])).toBe('hi anybody');
    expect(await call('/a', 'Where')).toBe('/a');
    expect(await call('/a/b', 'Greet', 's', ['hi'])).toBe('hi static');
    expect(names(await introspect('/x'), 'interface')).toContain(User.name);
    expect(names(await introspect('/a'), 'node')).toEqual(['b']);
    expect(await call('/', 'Where')).toBe(`${ERROR}.UnknownInterface`);
  });

  test('still sends the signals of its fallback after an object with the same implementation is removed', async () => {
    const anybody = user('anybody');
    const exported = exportSubtree(service, '/people/*', {
      object: ([name]) => (name === 'same' ? anybody : undefined), fallback: anybody,
    });
    const signals = client.subscribe({ sender: service.uniqueName, interface: User.name });
    await signals.ready;
    expect(await call('/people/same', 'Where')).toBe('/people/same');
    exported.emitRemoved('same');
    anybody.emit('Left', 'still', { path: '/people/other' });
    exportObject(service, '/end', anybody);
    anybody.emit('Left', 'end', { path: '/end' });
    expect((await signals.next()).value).toMatchObject({ path: '/people/other', body: ['still'] });
  });

  test('replies at hostile paths, and reports handlers that fail', async () => {
    const reports = recordHandlerErrors();
    const seen: number[] = [];
    const exported = exportSubtree(service, '/deep/**', {
      children: () => { throw new Error('no children'); },
      object: (elements) => {
        seen.push(elements.length);
        if (elements[0] === 'broken') throw new Error('broken');
        if (elements[0] === 'wrong') return 'text' as never;
        return undefined;
      },
    });
    for (const depth of [256, 257, 100_000]) {
      expect(await call(`/deep${'/x'.repeat(depth)}`, 'Where')).toBe(`${ERROR}.UnknownObject`);
    }
    expect(await call('/deep/__proto__', 'Where')).toBe(`${ERROR}.UnknownObject`);
    expect(seen).toEqual([256, 1]); // the handlers do not get paths of more elements
    expect(reports.splice(0)).toMatchObject([{ error: { message: 'no children' } }, { member: 'Where' }]);
    expect(await call('/deep/broken', 'Where')).toBe(`${ERROR}.Failed`);
    expect(await call('/deep/wrong', 'Where')).toBe(`${ERROR}.Failed`);
    expect(reports.splice(0)).toMatchObject([
      { error: { message: 'broken' }, interface: User.name, member: 'Where' }, { error: { name: 'ArgumentError' } },
    ]);
    expect(names(await introspect('/deep'), 'node')).toEqual([]);
    exported.unexport();
    exported.unexport();
    expect(await introspect('/deep')).toBe(`${ERROR}.UnknownObject`);
  });

  test.each<[failing: string, handlers: SubtreeHandlers]>([
    ['object', { object: () => { throw new Error('no database'); } }],
    ['object, later', { object: async () => { throw new Error('no database'); } }],
    ['the result of object', { object: () => ({}) as Implementation }],
    ['children', { object: () => undefined, children: () => { throw new Error('no list'); } }],
  ])('causes five warnings at most, even if each call is for another member: %s fails', async (_, handlers) => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    onTestFinished(() => {
      vi.advanceTimersByTime(WARNING_PERIOD); // the next test gets its warnings again
      vi.useRealTimers();
      warning.mockRestore();
    });
    exportSubtree(service, '/com/example/users/**', handlers);
    await Promise.all(Array.from({ length: 50 }, (__, n) => call('/com/example/users/x', `M${n}`, '', [], `a.B${n}`)));
    expect(warning).toHaveBeenCalledTimes(MAX_WARNINGS);
    vi.advanceTimersByTime(WARNING_PERIOD);
    expect(warning.mock.calls.at(-1)?.[0]).toBe(
      `the handlers of subtrees: ${50 - MAX_WARNINGS} more errors in the last 60 s`,
    );
  });

  test('has each interface once per object: a second implementation is refused, or reported', async () => {
    const reports = recordHandlerErrors();
    const twice = [user('first'), user('second')];
    const message = 'com.example.User1 cannot be exported at /users/*: there are two implementations of it: there must be one';
    expect(() => exportSubtree(service, '/users/*', { fallback: twice })).toThrow(
      expect.objectContaining({ name: 'ExportError', code: 'INTERFACE_EXPORTED', path: '/users/*', message }),
    );
    expect(() => exportObject(service, '/users/a', twice)).toThrow(
      expect.objectContaining({ code: 'INTERFACE_EXPORTED' }),
    );
    exportSubtree(service, '/users/*', { object: async ([name]) => (name === 'a' ? twice : [user('b')]) });
    expect(await call('/users/a', 'Where')).toBe(`${ERROR}.Failed`);
    expect(await introspect('/users/a')).toBe(`${ERROR}.Failed`);
    expect(await call('/users/b', 'Where')).toBe('/users/b');
    expect(reports).toMatchObject([{ error: { message }, member: 'Where' }, { error: { message }, member: 'Introspect' }]);
  });

  test('refuses standard interfaces and objects that are not implementations, as exportObject does', async () => {
    const reports = recordHandlerErrors();
    const peer = Peer.implement({ methods: { Ping: () => {}, GetMachineId: () => '' } });
    const handless = { ...user('x'), methods: {} };
    expect(() => exportSubtree(service, '/users/*', { fallback: peer })).toThrow(
      expect.objectContaining({ code: 'INTERFACE_STANDARD' }),
    );
    expect(() => exportSubtree(service, '/users/*', { fallback: handless })).toThrow(
      expect.objectContaining({ code: 'ARGUMENT_INVALID' }),
    );
    const wrong: Record<string, unknown> = { peer, handless, definition: User, nothing: null };
    exportSubtree(service, '/users/*', { object: ([name = '']) => wrong[name] as never });
    for (const name of Object.keys(wrong)) expect(await call(`/users/${name}`, 'Where')).toBe(`${ERROR}.Failed`);
    expect(reports.map(({ error }) => (error as { code: string }).code)).toEqual(
      ['INTERFACE_STANDARD', 'ARGUMENT_INVALID', 'ARGUMENT_INVALID', 'ARGUMENT_INVALID'],
    );
  });

  test('leaves out the children of a handler that does not return a list, or returns an endless one', async () => {
    const reports = recordHandlerErrors();
    const found: unknown[] = ['text', 5, {}, ['valid', 'not/valid', 7], (function* () { for (;;) yield 'same'; })()];
    exportSubtree(service, '/users/*', { children: () => found.shift() as never, object: () => undefined });
    const seen = [];
    while (found.length > 0) seen.push(names(await introspect('/users'), 'node'));
    expect(seen).toEqual([[], [], [], ['valid'], ['same']]);
    const list = 'children must return an array, or another iterable, of path elements';
    const element = 'children must return path elements, each with one or more of [A-Za-z0-9_]';
    expect(reports.map(({ error }) => (error as Error).message)).toEqual([
      `exportSubtree: ${list}, got string "text"`, `exportSubtree: ${list}, got number 5`,
      `exportSubtree: ${list}, got an object of class Object`, `exportSubtree: ${element}, got string "not/valid"`,
      `exportSubtree: ${element}, got number 7`,
      'exportSubtree: children returned more than 100000 path elements: it must return fewer',
    ]);
  });

  describe('announces its objects through the managers above', () => {
    const watch = async () => {
      const signals = client.subscribe({ sender: service.uniqueName });
      await signals.ready;
      return async (count: number): Promise<unknown[]> => {
        const seen = [];
        for (let index = 0; index < count; index++) {
          const { path, member, body } = (await signals.next()).value as { path: string; member: string; body: unknown[] };
          seen.push([path, member, ...body]);
        }
        return seen;
      };
    };
    const listed = () => call('/com', 'GetManagedObjects', '', [], MANAGER);
    const values = (name: string) => new Map([[User.name, new Map([['Name', variant('s', name)]])]]);
    const at = (name: string) => `/com/example/users/${name}`;

    test.each([['at once', false], ['later', true]])('on request, with handlers that return %s', async (_, later) => {
      exportObjectManager(service, '/com');
      exportObjectManager(service, '/com/example');
      const next = await watch();
      const exported = exportUsers(later);
      await call(at('alice'), 'Where'); // its implementation is known from now on
      exported.emitAdded('alice');
      users.get('alice')?.emit('Left', 'after', { path: at('alice') });
      exported.emitRemoved('alice');
      exported.emitAdded('bob');
      const managers = ['/com/example', '/com'];
      const added = (name: string) => managers.map((path) => [path, 'InterfacesAdded', at(name), values(name)]);
      const removed = (name: string) => managers.map((path) => [path, 'InterfacesRemoved', at(name), [User.name]]);
      expect(await next(7)).toEqual([
        ...added('alice'), [at('alice'), 'Left', 'after'], ...removed('alice'), ...added('bob'),
      ]);
      users.delete('alice');
      users.delete('bob');
      exported.emitRemoved('alice'); // no client knows it any more
      exported.emitRemoved('bob');
      expect(await next(2)).toEqual(removed('bob'));
    });

    test('with the interfaces that were listed or announced before', async () => {
      exportObjectManager(service, '/com');
      const exported = exportUsers(false);
      const next = await watch();
      await listed();
      users.delete('alice');
      exported.emitRemoved('alice'); // only listed
      users.set('carol', user('carol'));
      exported.emitRemoved('carol'); // neither, but the handler has it
      const both = [user('dave'), Extra.implement({})];
      const object = (): Implementation[] => both;
      const others = exportSubtree(service, '/com/example/others/*', { object });
      others.emitAdded('x');
      both.shift();
      others.emitAdded('x');
      others.emitRemoved('x');
      const extra = new Map([[Extra.name, new Map()]]);
      expect(await next(6)).toEqual([
        ['/com', 'InterfacesRemoved', at('alice'), [User.name]],
        ['/com', 'InterfacesRemoved', at('carol'), [User.name]],
        ['/com', 'InterfacesAdded', '/com/example/others/x', new Map([...values('dave'), ...extra])],
        ['/com', 'InterfacesRemoved', '/com/example/others/x', [User.name]],
        ['/com', 'InterfacesAdded', '/com/example/others/x', extra],
        ['/com', 'InterfacesRemoved', '/com/example/others/x', [Extra.name]],
      ]);
      others.emitAdded('y');
      exported.unexport(); // bob was listed
      others.unexport();
      exported.emitAdded('bob');
      exportObject(service, '/com/end', Extra.implement({}));
      expect(await next(4)).toEqual([
        ['/com', 'InterfacesAdded', '/com/example/others/y', extra],
        ['/com', 'InterfacesRemoved', at('bob'), [User.name]],
        ['/com', 'InterfacesRemoved', '/com/example/others/y', [Extra.name]],
        ['/com', 'InterfacesAdded', '/com/end', extra],
      ]);
    });

    test('but not after the subtree has ended', async () => {
      exportObjectManager(service, '/com');
      const next = await watch();
      const exported = exportUsers(true);
      exported.emitAdded('alice');
      exported.unexport();
      exported.emitAdded('bob');
      await listed();
      exportObject(service, '/com/end', Extra.implement({}));
      expect(await next(1)).toEqual([['/com', 'InterfacesAdded', '/com/end', new Map([[Extra.name, new Map()]])]]);
    });

    test('but not those of other handlers, and reports a handler that fails or returns no object', async () => {
      const reports = recordHandlerErrors();
      const exported = exportSubtree(service, '/com/example/**', {
        object: async ([name]) => {
          if (name === 'broken') throw new Error('broken');
          return undefined;
        },
      });
      exported.emitAdded('broken'); // there is no manager yet: the handler is not asked
      exportObjectManager(service, '/com');
      const next = await watch();
      exportSubtree(service, '/com/example/near/*', { object: () => Extra.implement({}) });
      exportObject(service, '/com/example/own', Extra.implement({}));
      exported.emitAdded('near', 'x');
      exported.emitAdded('own');
      exported.emitRemoved('own');
      exported.emitAdded('broken');
      exported.emitAdded('nobody', 'here');
      exported.emitRemoved('nobody');
      await call('/com/example/nobody', 'Where');
      exportObject(service, '/com/end', Extra.implement({}));
      const extra = new Map([[Extra.name, new Map()]]);
      expect(await next(2)).toEqual([
        ['/com', 'InterfacesAdded', '/com/example/own', extra], ['/com', 'InterfacesAdded', '/com/end', extra],
      ]);
      expect(reports).toMatchObject([
        { error: { message: 'broken' }, interface: MANAGER, member: 'InterfacesAdded', call: undefined },
        { error: { message: expect.stringContaining('there is no object at /com/example/nobody/here') as unknown } },
      ]);
      for (const elements of [[], ['a/b'], [''], ['a', 5 as never], [undefined as never], [Symbol('x') as never]]) {
        expect(() => exported.emitAdded(...elements)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
        expect(() => exported.emitRemoved(...elements)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
      }
    });
  });

  test('is refused if its pattern or its handlers are not valid, or if its path is in use', () => {
    const object = () => undefined;
    for (const [pattern, name] of [['/a', 'ArgumentError'], ['/a/***', 'ArgumentError'], ['a/*', 'InvalidNameError'],
      ['/a-b/*', 'InvalidNameError'], [5, 'ArgumentError']] as const) {
      expect(() => exportSubtree(service, pattern as string, { object })).toThrow(expect.objectContaining({ name }));
    }
    const error = expect.objectContaining({ name: 'ArgumentError' });
    // @ts-expect-error neither object nor fallback
    expect(() => exportSubtree(service, '/a/*', {})).toThrow(error);
    // @ts-expect-error neither object nor fallback
    expect(() => exportSubtree(service, '/a/*', { children: () => [] })).toThrow(error);
    // @ts-expect-error neither object nor fallback
    expect(() => exportSubtree(service, '/a/*', { object: undefined, fallback: undefined })).toThrow(error);
    expect(() => exportSubtree(service, '/a/*', { objekt: object } as never)).toThrow(
      expect.objectContaining({ code: 'OPTION_UNKNOWN' }),
    );
    exportSubtree(service, '/a/*', { object });
    expect(() => exportSubtree(service, '/a/**', { object })).toThrow(expect.objectContaining({
      code: 'SUBTREE_EXPORTED', message: 'a subtree cannot be exported at /a: the path has handlers of a subtree already: it must have one subtree',
    }));
  });
});
