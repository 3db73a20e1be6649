// Asking a running object what it is, on a link without a bus: an object of ours, and answers that are odd, hostile or
// endless. Real services are asked in test/interop/introspection.test.ts.

import { expect, onTestFinished, test } from 'vitest';
import { introspect } from '../../src/client/introspect.js';
import type { Connection } from '../../src/connection/connection.js';
import { defineInterface } from '../../src/interface/define.js';
import { DefinitionError, IntrospectionError } from '../../src/interface/errors.js';
import { formatDefinitions } from '../../src/interface/format-definitions.js';
import { Introspectable } from '../../src/interface/standard.js';
import { ErrorName } from '../../src/protocol/error-names.js';
import { DBusError } from '../../src/protocol/errors.js';
import { exportObject } from '../../src/service/export-object.js';
import { ArgumentError, InvalidNameError } from '../../src/wire/errors.js';
import { errorReply, methodReturn } from '../../src/wire/messages/message.js';
import { startPair } from '../connection/fake-server.js';
import { extent } from '../support/extent.js';

const Lamp = defineInterface({
  name: 'com.example.Lamp1',
  methods: { Dim: { in: 'y', out: 's', inNames: ['percent'] }, Twice: { in: 'ax', out: 'ax' } },
  properties: { Watts: { type: 'u', access: 'read' } },
  signals: { Dimmed: { args: 'y' } },
});
const lamp = () => Lamp.implement({
  methods: { Dim: (percent) => `${percent} %`, Twice: (values) => values.map((value) => value * 2n) },
  properties: { Watts: { get: () => 5 } },
});

async function linked(): Promise<{ readonly one: Connection; readonly other: Connection }> {
  const pair = await startPair();
  onTestFinished(() => pair[Symbol.asyncDispose]());
  return pair;
}

/** A link whose other end answers Introspect by path; undefined for an error. Gives the paths that were asked too. */
async function answering(answer: (path: string) => string | undefined) {
  const { one, other } = await linked();
  const asked: string[] = [];
  let current = 0;
  const most = { calls: 0 };
  other.handleMethodCalls(async (call) => {
    asked.push(call.path);
    most.calls = Math.max(most.calls, ++current);
    await new Promise((resolve) => void setImmediate(resolve));
    current--;
    const xml = answer(call.path);
    other.send(xml === undefined
      ? errorReply(call, { errorName: ErrorName.UNKNOWN_OBJECT, message: 'gone' })
      : methodReturn(call, { signature: 's', body: [xml] }));
  });
  return { link: one, asked, most };
}

test('an object is returned with its definitions and with proxies that call, read and listen', async () => {
  const { one, other } = await linked();
  const implementation = lamp();
  exportObject(other, '/lamps/one', implementation);
  const object = await introspect(one, { path: '/lamps/one' });
  expect(object.path).toBe('/lamps/one');
  expect(object.complete).toBe(true);
  expect(Object.keys(object.definitions)).toEqual(expect.arrayContaining([Lamp.name, Introspectable.name]));
  expect(object.definitions[Lamp.name]?.methods['Dim']).toEqual(
    { ...Lamp.methods.Dim, outNames: [''] },
  );
  const proxy = object.proxy();
  expect(await proxy['Dim']?.(30)).toBe('30 %');
  expect(await proxy['Dim']?.(30, { timeout: 5_000 })).toBe('30 %');
  expect(await proxy.$get('Watts')).toBe(5);
  expect(await proxy.$getAll()).toEqual({ Watts: 5 });
  const dimmed = proxy.$signal('Dimmed');
  await dimmed.ready;
  implementation.emit('Dimmed', 7);
  for await (const body of dimmed) {
    expect(body).toEqual([7]);
    break;
  }
  expect(proxy['Missing']).toBeUndefined();
  await expect(proxy.$get('Missing')).rejects.toThrow(DefinitionError);
  const again = object.proxy(Introspectable.name);
  expect(await again['Introspect']?.()).toContain(Lamp.name);
});

test('proxies return typed arrays if the link has that option', async () => {
  const pair = await startPair({ typedArrays: true });
  onTestFinished(() => pair[Symbol.asyncDispose]());
  const typed = Lamp.implementTyped({
    methods: { Dim: () => '', Twice: (values) => values.map((value) => value * 2n) },
    properties: { Watts: { get: () => 5 } },
  });
  exportObject(pair.other, '/lamp', typed);
  const object = await introspect(pair.one, { path: '/lamp' });
  expect(await object.proxy()['Twice']?.([1, 2])).toEqual(new BigInt64Array([2n, 4n]));
});

test('proxy() needs an interface of the object, and its name if there are several', async () => {
  const { link } = await answering((path) => path === '/none' ? '<node/>'
    : '<node><interface name="a.B"/><interface name="a.C"/><interface name="org.freedesktop.DBus.Peer"/></node>');
  const object = await introspect(link, { path: '/x' });
  expect(() => object.proxy()).toThrow(
    '2 interfaces at /x: it must be one of a.B, a.C, org.freedesktop.DBus.Peer',
  );
  expect(() => object.proxy('a.D')).toThrow('no interface "a.D" at /x: it must be one of a.B, a.C');
  expect(() => object.proxy('toString')).toThrow(ArgumentError);
  const none = await introspect(link, { path: '/none' });
  expect(() => none.proxy()).toThrow('0 interfaces at /none: the object has none');
});

test('objects below are explored down to the depth, and all of them become one module', async () => {
  const { one, other } = await linked();
  exportObject(other, '/lamps/one', lamp());
  exportObject(other, '/lamps/two/deep', lamp());
  const root = await introspect(one, { path: '/' }, { depth: 2 });
  expect(root.childPaths).toEqual(['/lamps']);
  const [lamps] = root.children;
  expect(lamps?.children.map(({ path }) => path)).toEqual(['/lamps/one', '/lamps/two']);
  expect(lamps?.children.map(({ childPaths }) => childPaths)).toEqual([[], ['/lamps/two/deep']]);
  expect(lamps?.children[1]?.children).toEqual([]);
  expect(root.complete).toBe(true);
  expect(formatDefinitions(root)).toContain('export const Lamp1 = defineInterface({');
  expect((await introspect(one, { path: '/' })).children).toEqual([]);
});

test('an interface that an object lists twice has the members of both', async () => {
  const { link } = await answering(() => `<node>
    <interface name="a.B"><method name="One"/></interface><interface name="a.B"><method name="Two"/></interface></node>`);
  const object = await introspect(link, { path: '/x' });
  expect(Object.keys(object.definitions['a.B']?.methods ?? {})).toEqual(['One', 'Two']);
  expect(object.problems).toMatchObject([{ code: 'NAME_DUPLICATE' }]);
});

test('an interface that an object lists twice in different forms is a problem at the place of the second', async () => {
  const { link } = await answering(() => `<node>
    <interface name="a.B"><method name="One"><arg type="s" direction="in"/></method></interface>
    <interface name="a.B"><method name="One"/><annotation name="a.Note" value="x"/></interface></node>`);
  const object = await introspect(link, { path: '/x' });
  expect(object.definitions['a.B']).toMatchObject({ methods: { One: { in: 's' } }, annotations: { 'a.Note': 'x' } });
  const [twice, conflict, ...others] = object.problems;
  expect(twice).toMatchObject({ code: 'NAME_DUPLICATE', path: ['a.B'], line: 3 });
  const problem = 'a second definition of method One: it must be equal to the first, which is used';
  expect(conflict).toEqual({ ...twice, path: ['a.B', 'One'], problem, skipped: true });
  expect(others).toEqual([]);
  expect(formatDefinitions(object).match(/a second definition of method One/g), 'listed once').toHaveLength(1);
});

test('an object that is not valid does not affect the others', async () => {
  const { link } = await answering((path) => ({
    '/': `<node><node name="good"/><node name="gone"/><node name="bad"/><node name="good"/><node name="a b"/><node name="/abs"/>
      <node/><node name=""/><node name="deep/er"/></node>`,
    '/good': '<node><interface name="a.B"><method name="M"/><method name="odd-one"/></interface></node>',
    '/bad': '<html>',
    '/deep/er': '<node/>',
  })[path]);
  const root = await introspect(link, { path: '/' }, { depth: 5 });
  expect(root.children.map(({ path }) => path)).toEqual(['/good', '/deep/er']);
  expect(root.children[0]?.problems).toMatchObject([{ code: 'NAME_INVALID', path: ['a.B', 'odd-one'] }]);
  expect(root.failures.map(({ path, error }) => [path, (error as Error).constructor])).toEqual([
    ['/a b', InvalidNameError], ['//abs', InvalidNameError], ['/gone', DBusError], ['/bad', IntrospectionError],
  ]);
});

test('an endless tree is explored only up to the limits, with few calls at a time', async () => {
  const endless = await answering(() => `<node>${Array.from({ length: 40 }, (_, i) => `<node name="n${i}"/>`).join('')}</node>`);
  const root = await introspect(endless.link, { path: '/' }, { depth: 64, maxObjects: 100 });
  expect(endless.asked).toHaveLength(100);
  expect(root.complete).toBe(false);
  expect(root.children).toHaveLength(40);
  expect(endless.most.calls).toBeGreaterThan(1);
  expect(endless.most.calls).toBeLessThanOrEqual(16);
  const chain = await answering(() => '<node><node name="n"/></node>');
  expect((await introspect(chain.link, { path: '/' }, { depth: 64 })).complete).toBe(true);
  expect(chain.asked).toHaveLength(65);
});

test('a service with long paths cannot make a client hold the path of an object thousands of times', async () => {
  const long = 'x'.repeat(1_000_000);
  const children = Array.from({ length: 5_000 }, (_, n) => `<node name="a${n}"/>`).join('');
  const answers: Readonly<Record<string, string>> = {
    '/': `<node><node name="${long}"/><node name="other"/></node>`, [`/${long}`]: `<node>${children}</node>`,
  };
  const { link } = await answering((path) => answers[path] ?? '<node/>');
  const root = await introspect(link, { path: '/' }, { depth: 1 });
  expect(root.complete).toBe(false);
  expect(root.children[0]?.childPaths.length).toBe(15);
  expect(root.childPaths).toEqual([`/${long}`, '/other']);
});

test('introspection data with thousands of invalid names of objects is read, and 1,000 of them are reported', async () => {
  const { link } = await answering(() => `<node>${'<node name="a b"/>'.repeat(extent(2_000, 200_000))}<node name="good"/></node>`);
  const object = await introspect(link, { path: '/' });
  expect(object.childPaths).toEqual(['/good']);
  expect(object.failures).toHaveLength(1_000);
  expect(object.failures[0]?.error).toBeInstanceOf(InvalidNameError);
}, 30_000);

test('introspect() rejects if the object replies with an error, or not with introspection data', async () => {
  const { link } = await answering((path) => path === '/html' ? '<html/>' : undefined);
  await expect(introspect(link, { path: '/gone' })).rejects.toThrow(DBusError);
  await expect(introspect(link, { path: '/html' })).rejects.toThrow(IntrospectionError);
});

test('an abort ends the whole exploration', async () => {
  const abort = new AbortController();
  const { link, asked } = await answering((path) => {
    if (path === '/a') abort.abort();
    return path === '/a' ? undefined : '<node><node name="a"/></node>';
  });
  await expect(introspect(link, { path: '/' }, { depth: 3, signal: abort.signal })).rejects.toThrow(/abort/i);
  expect(asked).toEqual(['/', '/a']);
});

test('wrong arguments are refused', async () => {
  const { one } = await linked();
  const wrong = (target: unknown, options?: unknown): Promise<unknown> => introspect(one, target as never, options as never);
  await expect(wrong({ path: 'x' })).rejects.toThrow(InvalidNameError);
  await expect(wrong({ path: '/', dest: 'a.b' })).rejects.toThrow(ArgumentError);
  await expect(wrong({ path: '/' }, { depth: -1 })).rejects.toThrow('"depth" must be an integer from 0 to 64');
  await expect(wrong({ path: '/' }, { maxObjects: 0 })).rejects.toThrow('"maxObjects" must be an integer from 1 to 100000');
  await expect(wrong({ path: '/' }, { deep: 1 })).rejects.toThrow('unknown option "deep"');
  await expect(introspect('bus' as never, { path: '/' })).rejects.toThrow(ArgumentError);
});
