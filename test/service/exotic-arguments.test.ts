// Arguments of every kind for every public function of services: each call succeeds, or throws an error of this library
// that says what was found. Only an error that a getter of the argument throws passes through unchanged. Handlers that
// return such values are in the second suite.

import { describe, expect, test } from 'vitest';
import { defineInterface } from '../../src/interface/define.js';
import type { Implementation } from '../../src/interface/definition.js';
import { exportObject } from '../../src/service/export-object.js';
import { exportObjectManager } from '../../src/service/export-object-manager.js';
import { exportSubtree } from '../../src/service/export-subtree.js';
import { DBusWireError } from '../../src/wire/errors.js';
import { extent, some } from '../support/extent.js';
import { loopback, recordHandlerErrors, revokedProxy } from './support.js';

const throwing = (trap: keyof ProxyHandler<object>, target: object = {}): object => new Proxy(target, {
  [trap]: () => { throw new Error('hands off'); },
});

/** Values of all kinds, by title; each is created anew. */
const VALUES: readonly (readonly [title: string, create: () => unknown])[] = [
  ['null', () => null],
  ['undefined', () => undefined],
  ['true', () => true],
  ['a number', () => 10],
  ['NaN', () => NaN],
  ['a bigint', () => 10n],
  ['a long bigint', () => 1n << 300n],
  ['a text', () => 'text'],
  ['an empty text', () => ''],
  ['half a surrogate pair', () => '\ud800'],
  ['a symbol', () => Symbol('found')],
  ['a function', () => () => {}],
  ['a class', () => class Found {}],
  ['an object', () => ({})],
  ['an object without prototype', () => Object.create(null) as unknown],
  ['an array', () => []],
  ['an array of holes', () => new Array(3)],
  ['an array of undefined, null and a symbol', () => [undefined, null, Symbol('found')]],
  ['a Map', () => new Map([[1n, Symbol('found')]])],
  ['a Date', () => new Date(NaN)],
  ['a promise', () => Promise.resolve()],
  ['a revoked proxy', revokedProxy],
  ['an array of a revoked proxy', () => [revokedProxy()]],
  ['an array of an object without prototype', () => [Object.create(null)]],
  ...(['get', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor'] as const).flatMap((trap) => [
    [`a proxy that throws on ${trap}`, () => throwing(trap, { methods: {}, object: () => {}, name: 'a.b', path: '/' })],
    [`an array that throws on ${trap}`, () => throwing(trap, [{}])],
  ] as const),
  ...['then', 'name', 'definition', 'emit', 'attach', 'methods', 'properties', 'signals', 'errors', 'children',
    'object', 'fallback', 'path', 'destination', 'constructor'].map((key) => [
    `an object whose ${key} throws`, () => ({ get [key]() { throw new Error('hands off'); } }),
  ] as const),
  ['an object that has emit and attach only', () => ({ emit: () => {}, attach: () => {} })],
  ['an object like an implementation, with a bad method in its definition', () => ({
    emit: () => {}, attach: () => {}, methods: { M: () => {} }, properties: {},
    definition: { name: 'a.B', methods: { M: null }, properties: {}, signals: {} },
  })],
  ['an object like a definition', () => ({ implement: () => {}, name: Symbol('found'), methods: { M: null } })],
  ['an object like an implementation, with a bad definition', () => ({
    emit: () => {}, attach: () => {}, methods: {}, properties: {}, definition: { name: Symbol('found') },
  })],
];

const PROPERTIES_NAME = 'org.freedesktop.DBus.Properties';
const Thing = defineInterface({
  name: 'com.example.Thing1',
  methods: { Do: { in: 's', out: 's' }, Pair: { out: 'ss' } },
  properties: { Size: { type: 'u', access: 'readwrite' }, Any: { type: 'v', access: 'read' } },
  signals: { Done: { args: 'su' } },
});
const HANDLERS = { methods: { Do: (text: string) => text, Pair: () => ['a', 'b'] as never } };
const thing = (): Implementation => Thing.implement({ ...HANDLERS, properties: { Size: 1, Any: { get: () => 1 as never } } });

const link = () => loopback().link;

type Act = (value: never) => unknown;

/** Each public function of services and definitions with one argument of any kind. */
const FUNCTIONS: readonly (readonly [title: string, act: Act])[] = [
  ['exportObject(x)', (x) => exportObject(x, '/a', thing())],
  ['exportObject(, x)', (x) => exportObject(link(), x, thing())],
  ['exportObject(, , x)', (x) => exportObject(link(), '/a', x)],
  ['exportObject(, , [x])', (x) => exportObject(link(), '/a', [x])],
  ['exportObjectManager(x)', (x) => exportObjectManager(x, '/a')],
  ['exportObjectManager(, x)', (x) => exportObjectManager(link(), x)],
  ['exportSubtree(x)', (x) => exportSubtree(x, '/a/*', { object: () => undefined })],
  ['exportSubtree(, x)', (x) => exportSubtree(link(), x, { object: () => undefined })],
  ['exportSubtree(, , x)', (x) => exportSubtree(link(), '/a/*', x)],
  ['exportSubtree(, , { children: x })', (x) => exportSubtree(link(), '/a/*', { children: x, object: () => undefined })],
  ['exportSubtree(, , { object: x })', (x) => exportSubtree(link(), '/a/*', { object: x })],
  ['exportSubtree(, , { fallback: x })', (x) => exportSubtree(link(), '/a/*', { fallback: x })],
  ['exportSubtree(, , { fallback: [x] })', (x) => exportSubtree(link(), '/a/*', { fallback: [x] })],
  ['emitAdded(x)', (x) => exportSubtree(link(), '/a/**', { object: () => undefined }).emitAdded('a', x)],
  ['emitRemoved(x)', (x) => exportSubtree(link(), '/a/*', { object: () => undefined }).emitRemoved(x)],
  ['implement(x)', (x) => Thing.implement(x)],
  ['implementTyped(x)', (x) => Thing.implementTyped(x)],
  ['implement({ methods: x })', (x) => Thing.implement({ methods: x, properties: { Size: 1, Any: x } })],
  ['implement({ methods: { Do: x } })', (x) => Thing.implement({ methods: { ...HANDLERS.methods, Do: x }, properties: {} as never })],
  ['implement({ properties: x })', (x) => Thing.implement({ ...HANDLERS, properties: x })],
  ['implement({ properties: { Size: x } })', (x) => Thing.implement({ ...HANDLERS, properties: { Size: x, Any: x } })],
  ['implement({ properties: { Size: { get: x, set: x } } })', (x) => (
    Thing.implement({ ...HANDLERS, properties: { Size: { get: x, set: x }, Any: { get: x } } })
  )],
  ['emit(x)', (x) => thing().emit(x)],
  ['emit(, x)', (x) => thing().emit('Done', x)],
  ['emit(, , , x)', (x) => thing().emit('Done', 'text', 1, x)],
  ['emit(, , , { path: x })', (x) => thing().emit('Done', 'text', 1, { path: x })],
  ['emit(, , , { destination: x })', (x) => thing().emit('Done', 'text', 1, { destination: x })],
  ['emitPropertiesChanged(x)', (x) => thing().emitPropertiesChanged(x)],
  ['emitPropertiesChanged(, x)', (x) => thing().emitPropertiesChanged('Size', x)],
  ['emitPropertiesChanged(, { path: x })', (x) => thing().emitPropertiesChanged('Size', { path: x })],
  ['attach(x)', (x) => thing().attach(x)],
  ['values.Size = x', (x) => void (Thing.implement({ ...HANDLERS, properties: { Size: 1, Any: x } }).values.Size = x)],
  ['defineInterface(x)', (x) => defineInterface(x)],
  ['defineInterface({ methods: x })', (x) => defineInterface({ name: 'a.b', methods: x })],
  ['defineInterface({ methods: { Do: x } })', (x) => defineInterface({ name: 'a.b', methods: { Do: x } })],
  ['defineInterface({ properties: x })', (x) => defineInterface({ name: 'a.b', properties: x })],
  ['defineInterface({ properties: { Size: x } })', (x) => defineInterface({ name: 'a.b', properties: { Size: x } })],
  ['defineInterface({ signals: x })', (x) => defineInterface({ name: 'a.b', signals: x })],
  ['defineInterface({ signals: { Done: x } })', (x) => defineInterface({ name: 'a.b', signals: { Done: x } })],
  ['defineInterface({ errors: x })', (x) => defineInterface({ name: 'a.b', errors: x })],
  ['defineInterface({ errors: { No: x } })', (x) => defineInterface({ name: 'a.b', errors: { No: x } })],
  ['new errors.No(x)', (x) => new (defineInterface({ name: 'a.b', errors: { No: 'a.b.No' } }).errors.No)(x)],
  ['new errors.No(, x)', (x) => new (defineInterface({ name: 'a.b', errors: { No: 'a.b.No' } }).errors.No)('', x)],
];

/** The error that a call throws, if it is not one of this library with a code and a text. */
function foreignError(act: Act, value: unknown): unknown {
  try {
    act(value as never);
    return undefined;
  } catch (error) {
    if (error instanceof DBusWireError && typeof error.code === 'string' && error.message.length > 10) return undefined;
    if (error instanceof Error && error.message === 'hands off') return undefined;
    return error instanceof Error ? `${error.name}: ${error.message}` : 'a value that is not an Error';
  }
}

describe('a function that gets a value of any kind', () => {
  const functions = FUNCTIONS.map(([title, act], number) => [title, act, number] as const);
  test.each(functions)('%s succeeds, or throws an error of this library', (_, act, number) => {
    const values = VALUES.filter((_value, index) => extent((index + number) % 3 === 0, true)); // other ones for each function
    const foreign = values.map(([title, create]) => [title, foreignError(act, create())]);
    expect(foreign.filter(([, error]) => error !== undefined)).toEqual([]);
  });
});

type Served = (value: unknown) => { readonly link: never; readonly call: ReturnType<typeof loopback>['call'] };
const objectOf = (implementation: Implementation): ReturnType<Served> => {
  const made = loopback();
  exportObject(made.link, '/a/b', implementation);
  return made;
};
const PROPERTIES = { Size: 1, Any: { get: () => 1 as never } };

/** Handlers that return a value of any kind, and the calls that run them. */
const HANDLERS_OF: readonly (readonly [title: string, serve: Served, calls: readonly (readonly [string, string, ...unknown[]])[]])[] = [
  ['a method with one out-argument', (value) => objectOf(Thing.implement({
    methods: { ...HANDLERS.methods, Do: () => value as never }, properties: PROPERTIES,
  })), [[Thing.name, 'Do', 'text']]],
  ['a method with two out-arguments', (value) => objectOf(Thing.implement({
    methods: { ...HANDLERS.methods, Pair: () => value as never }, properties: PROPERTIES,
  })), [[Thing.name, 'Pair']]],
  ['get', (value) => objectOf(Thing.implement({
    ...HANDLERS, properties: { Size: { get: () => value as never, set: () => {} }, Any: { get: () => value as never } },
  })), [[PROPERTIES_NAME, 'GetAll', Thing.name], [PROPERTIES_NAME, 'Get', Thing.name, 'Size'],
    [PROPERTIES_NAME, 'Get', Thing.name, 'Any']]],
  ['children', (value) => {
    const made = loopback();
    exportSubtree(made.link, '/a/**', { children: () => value as never, object: () => undefined });
    return made;
  }, [['org.freedesktop.DBus.Introspectable', 'Introspect'], [Thing.name, 'Do', 'text']]],
  ['object', (value) => {
    const made = loopback();
    exportSubtree(made.link, '/a/*', { object: () => value as never });
    return made;
  }, [['org.freedesktop.DBus.Introspectable', 'Introspect'], [Thing.name, 'Do', 'text'],
    [PROPERTIES_NAME, 'GetAll', Thing.name]]],
];

describe('a handler that returns a value of any kind', () => {
  test.each(HANDLERS_OF)('%s: each call is answered, and reported errors are of this library', async (_, serve, calls) => {
    const reports = recordHandlerErrors();
    const foreign: unknown[] = [];
    for (const [title, create] of some(VALUES, 3)) {
      const { call } = serve(create());
      for (const [name, member, ...body] of calls) {
        const replies = await call({ path: '/a/b', interface: name, member, signature: 's'.repeat(body.length), body });
        if (replies.length !== 1) foreign.push([title, member, `${replies.length} replies`]);
        for (const { error } of reports.splice(0)) {
          const isOwn = error instanceof DBusWireError || /^hands off$|has been revoked$/.test((error as Error).message);
          if (!isOwn) foreign.push([title, member, String(error)]);
        }
      }
    }
    expect(foreign).toEqual([]);
  });
});
