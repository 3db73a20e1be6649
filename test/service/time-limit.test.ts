// The time limit of an answer that waits for handlers: one for all of them, whichever call asks, and however many hang.

import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { defineInterface } from '../../src/interface/define.js';
import { exportObjectManager } from '../../src/service/export-object-manager.js';
import { exportObject } from '../../src/service/export-object.js';
import { exportSubtree } from '../../src/service/export-subtree.js';
import { TimeLimit } from '../../src/service/time-limit.js';
import type { Message } from '../../src/wire/messages/message.js';
import { loopback, recordHandlerErrors } from './support.js';

const LIMIT = 10_000;
const never = (): Promise<never> => new Promise(() => {});
const after = <T>(time: number, value: T): Promise<T> => new Promise((resolve) => setTimeout(() => resolve(value), time));

beforeEach(() => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
});

describe('a time limit', () => {
  test('begins with the first wait, and is over for all waits together', async () => {
    const limit = new TimeLimit();
    await vi.advanceTimersByTimeAsync(LIMIT * 2);
    expect(await limit.wait(Promise.resolve(1), 'late')).toBe(1);
    const ends: string[] = [];
    const wait = (value: PromiseLike<unknown>, name: string) => (
      limit.wait(value, name).then(() => void ends.push(`${name} came`), ({ message }: Error) => void ends.push(message))
    );
    void wait(never(), 'first');
    await vi.advanceTimersByTimeAsync(LIMIT - 1);
    void wait(never(), 'second');
    void wait(Promise.resolve(), 'third');
    await vi.advanceTimersByTimeAsync(0);
    expect([ends, limit.isOver]).toEqual([['third came'], false]);
    await vi.advanceTimersByTimeAsync(1);
    await wait(Promise.reject(new Error('nobody waits for this')), 'fourth');
    expect([ends, limit.isOver]).toEqual([['third came', 'first', 'second', 'fourth'], true]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is over even if nothing waited when it ended', async () => {
    const limit = new TimeLimit();
    await limit.wait(Promise.resolve(), 'late');
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(LIMIT);
    await expect(limit.wait(Promise.resolve(), 'late')).rejects.toThrow('late');
  });
});

const Thing = defineInterface({
  name: 'com.example.Thing1', methods: { Do: {} }, properties: { Size: { type: 'u', access: 'read' } },
});
const thing = (size: () => number | Promise<number> = () => 1) => (
  Thing.implement({ methods: { Do: () => {} }, properties: { Size: { get: size } } })
);
const STANDARD = 'org.freedesktop.DBus';

/** The replies to a call, and the milliseconds until they were sent. */
async function timed(call: Promise<Message[]>): Promise<{ readonly time: number; readonly replies: readonly Message[] }> {
  const start = Date.now();
  let time = Infinity;
  void call.then(() => void (time = Date.now() - start));
  await vi.advanceTimersByTimeAsync(LIMIT * 4);
  expect(time).toBeLessThanOrEqual(LIMIT);
  expect(vi.getTimerCount()).toBe(0);
  return { time, replies: await call };
}

describe('a handler of a subtree that never answers', () => {
  const CALLS: readonly (readonly [text: string, call: Parameters<ReturnType<typeof loopback>['call']>[0]])[] = [
    ['a method', { path: '/a/x', interface: Thing.name, member: 'Do' }],
    ['a method without an interface', { path: '/a/x', member: 'Do' }],
    ['Ping without an interface', { path: '/a/x', member: 'Ping' }],
    ['Introspect', { path: '/a/x', interface: `${STANDARD}.Introspectable`, member: 'Introspect' }],
    ['GetAll', { path: '/a/x', interface: `${STANDARD}.Properties`, member: 'GetAll', signature: 's', body: [''] }],
    ['Get', {
      path: '/a/x', interface: `${STANDARD}.Properties`, member: 'Get', signature: 'ss', body: [Thing.name, 'Size'],
    }],
  ];
  test.each(CALLS)('object: %s gets an error that names the handler', async (_, parts) => {
    const reports = recordHandlerErrors();
    const { link, call } = loopback();
    exportSubtree(link, '/a/*', { object: never });
    const { time, replies } = await timed(call(parts));
    const text = `the handler "object" of the subtree /a/* has not answered within ${LIMIT} ms: it must answer in time`;
    expect(replies).toMatchObject([{ errorName: `${STANDARD}.Error.Failed`, body: [text] }]);
    expect(time).toBe(LIMIT);
    expect(reports).toMatchObject([{ error: { message: text }, member: parts.member }]);
  });

  test('children: Introspect has no children, and the handler is reported', async () => {
    const reports = recordHandlerErrors();
    const { link, call } = loopback();
    exportSubtree(link, '/a/*', { children: never, object: () => thing() });
    const { replies } = await timed(call({ path: '/a', interface: `${STANDARD}.Introspectable`, member: 'Introspect' }));
    expect(replies).toMatchObject([{ type: 'method_return', body: [expect.not.stringContaining('<node name="x"')] }]);
    expect(reports).toMatchObject([{ error: { message: expect.stringContaining('"children" of the subtree /a/*') as unknown } }]);
  });

  test('object, then children, then get: one reply waits for all of them no longer than for one', async () => {
    recordHandlerErrors();
    const { link, call } = loopback();
    exportSubtree(link, '/a/**', { children: never, object: ([name]) => after(9_000, name === 'x' ? thing(never) : undefined) });
    const properties = { interface: `${STANDARD}.Properties`, member: 'GetAll', signature: 's', body: [Thing.name] };
    expect((await timed(call({ path: '/a/x', ...properties }))).replies).toMatchObject([{ body: [new Map()] }]);
    const introspection = { interface: `${STANDARD}.Introspectable`, member: 'Introspect' };
    expect((await timed(call({ path: '/a/x', ...introspection }))).replies).toMatchObject([{ type: 'method_return' }]);
    expect((await timed(call({ path: '/a/y', ...introspection }))).replies).toMatchObject([
      { errorName: `${STANDARD}.Error.UnknownObject` },
    ]);
  });
});

test('Get of a property whose get never returns is an error that says so', async () => {
  const reports = recordHandlerErrors();
  const { link, call } = loopback();
  exportObject(link, '/a', thing(never));
  const { time, replies } = await timed(call({
    path: '/a', interface: `${STANDARD}.Properties`, member: 'Get', signature: 'ss', body: [Thing.name, 'Size'],
  }));
  const message = `no value within ${LIMIT} ms: get must answer in time`;
  expect([time, replies]).toMatchObject([LIMIT, [{ errorName: `${STANDARD}.Error.Failed`, body: [message] }]]);
  expect(reports).toMatchObject([{ error: { message }, interface: Thing.name, member: 'Size' }]);
});

test('InterfacesAdded waits for a value until the time limit, and is then sent without it', async () => {
  const reports = recordHandlerErrors();
  const { link, sent } = loopback();
  exportObjectManager(link, '/');
  const Fixed = defineInterface({
    name: 'com.example.Fixed1', properties: { Id: { type: 's', access: 'read', emitsChanged: 'const' } },
  });
  sent.length = 0;
  exportObject(link, '/a', Fixed.implement({ properties: { Id: { get: never } } }));
  await vi.advanceTimersByTimeAsync(LIMIT - 1);
  expect(sent).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(sent).toMatchObject([{ member: 'InterfacesAdded', body: ['/a', new Map([[Fixed.name, new Map()]])] }]);
  expect(reports).toMatchObject([{ interface: Fixed.name, member: 'Id' }]);
});

describe('GetManagedObjects', () => {
  const request = { path: '/', interface: `${STANDARD}.ObjectManager`, member: 'GetManagedObjects' };
  const pathsOf = ([reply]: readonly Message[]): string[] => [...(reply?.body[0] as Map<string, unknown>).keys()].sort();

  test('leaves out and reports the values that are late, however many objects hang', async () => {
    const reports = recordHandlerErrors();
    const { link, call, sent } = loopback();
    exportObjectManager(link, '/');
    exportObject(link, '/hanging', thing(never));
    const good = Array.from({ length: 20 }, (_, index) => `good${index}`);
    const hanging = Array.from({ length: 100 }, (_, index) => `bad${index}`);
    exportSubtree(link, '/a/*', {
      children: () => [...good, ...hanging], object: ([name = '']) => (name.startsWith('good') ? after(50, thing()) : never()),
    });
    exportSubtree(link, '/b/**', { children: ([name]) => (name === undefined ? ['x'] : never()), object: () => thing() });
    sent.length = 0;
    const { time, replies } = await timed(call(request));
    expect(time).toBe(LIMIT);
    expect(pathsOf(replies)).toEqual(['/b/x', '/hanging', ...good.map((name) => `/a/${name}`)].sort());
    const kinds = reports.filter(({ call: answered }) => answered !== undefined).map(({ error }) => /^\w+ \w+ "?\w+|^\w+ \w+/.exec((error as Error).message)?.[0]);
    const counts: Record<string, number> = {};
    for (const kind of kinds) counts[String(kind)] = (counts[String(kind)] ?? 0) + 1;
    expect(counts).toEqual({
      'no value within': 1, 'the handler "object': 63, 'the handler "children': 1, 'left out 37': 1,
    });
  });

  test('asks 64 handlers at a time, and reports how many paths are left out', async () => {
    const reports = recordHandlerErrors();
    const { link, call } = loopback();
    exportObjectManager(link, '/');
    let running = 0;
    let most = 0;
    exportSubtree(link, '/a/*', {
      children: () => Array.from({ length: 1_000 }, (_, index) => `n${index}`),
      object: async () => {
        most = Math.max(most, ++running);
        await after(1_000, undefined);
        running--;
        return thing();
      },
    });
    const { replies } = await timed(call(request));
    expect(most).toBe(64);
    expect(pathsOf(replies).length).toBeGreaterThanOrEqual(9 * 64);
    expect((reports.at(-1)?.error as Error).message).toMatch(/^left out \d+ paths of subtrees: the time limit of 10000 ms is over$/);
  });

  test('has at most 100,000 objects of subtrees, and reports if there are more', async () => {
    const reports = recordHandlerErrors();
    const { link, call } = loopback();
    exportObjectManager(link, '/');
    const ten = Array.from({ length: 100 }, (_, index) => `n${index}`);
    exportSubtree(link, '/a/**', { children: ({ length }) => (length < 3 ? ten : []), object: () => undefined });
    await timed(call(request));
    expect(reports.map(({ error }) => (error as Error).message)).toEqual([
      'left out objects of subtrees: there must not be more than 100000',
    ]);
  });
});
