// Values that a caller in JavaScript can pass by mistake or on purpose, and a function that puts each of them in every
// place of the arguments of a call.

/** The error of the getters and traps below. It is the caller's own: no function may replace it with another. */
export const OWN = new Error('of a getter');

const fail = (): never => {
  throw OWN;
};

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** An object that contains itself, in all ways that a container can. */
function circle(): object {
  const object: Record<string, unknown> = { signature: 'v', interfaces: [], name: 'com.example.A1' };
  object['value'] = object;
  object['children'] = [object];
  return object;
}

function circularArray(): unknown[] {
  const array: unknown[] = [];
  array.push(array);
  return array;
}

/** A value inside of 100,000 others. It is made once, because that takes long. */
function nested(wrap: (inner: unknown) => unknown): () => unknown {
  let value: unknown = 1;
  for (let level = 0; level < 100_000; level++) value = wrap(value);
  return () => value;
}

const KEYS: readonly string[] = [
  'signature', 'value', 'interfaces', 'children', 'name', 'methods', 'type', 'path', 'body', 'length', 'offset', 'get',
];

function withGetters(): object {
  const object = {};
  for (const key of KEYS) Object.defineProperty(object, key, { enumerable: true, get: fail });
  return object;
}

/** Every odd value, with its name. Each is made anew, because a function may keep or change what it gets. */
export const ODD_VALUES: Readonly<Record<string, () => unknown>> = {
  'undefined': () => undefined,
  'null': () => null,
  'false': () => false,
  '-1': () => -1,
  'NaN': () => NaN,
  'a bigint': () => 5n,
  'a symbol': () => Symbol('odd'),
  'an empty text': () => '',
  'a text': () => 'a text that is no name',
  'a text with a lone surrogate': () => 'a\ud800b\u0000c',
  'a long text': () => 'x'.repeat(10_000),
  'a function': () => () => 1,
  'an empty object': () => ({}),
  'an object without a prototype': () => Object.create(null) as object,
  'an empty array': () => [],
  'an array of null': () => [null],
  'an array with holes': () => new Array<unknown>(3),
  'a record of null': () => ({ a: null, 'com.example.A1': null }),
  'a Map with odd keys': () => new Map<unknown, unknown>([[Symbol('odd'), 1], [{}, null], ['a', null]]),
  'a Date': () => new Date(NaN),
  'a promise': () => Promise.resolve(),
  'a value that says that it is a Map': () => ({ [Symbol.toStringTag]: 'Map' }),
  'an object on a Map': () => Object.create(new Map()) as object,
  'a value that says that it is an Object': () => ({ [Symbol.toStringTag]: 'Object', [Symbol.iterator]: undefined }),
  'an object that says that it is a Uint8Array': () => ({ [Symbol.toStringTag]: 'Uint8Array', length: 3 }),
  'an object without a text': () => ({ toString: null, valueOf: null, constructor: null }),
  'a revoked proxy of an object': () => revoked({}),
  'a revoked proxy of an array': () => revoked([]),
  'a revoked proxy of a function': () => revoked(() => {}),
  'an object with a revoked proxy': () => ({ a: revoked({}) }),
  'an array with a revoked proxy': () => [revoked({})],
  'an object on a revoked proxy': () => Object.create(revoked({})) as object,
  'an array on a revoked proxy': () => Object.setPrototypeOf([1], revoked([])) as object,
  'a Map on a revoked proxy': () => Object.setPrototypeOf(new Map([['a', 1]]), revoked({})) as object,
  'bytes on a revoked proxy': () => Object.setPrototypeOf(Uint8Array.of(1, 2, 3), revoked({})) as object,
  'a function on a revoked proxy': () => Object.setPrototypeOf(() => 1, revoked({})) as object,
  'an object with an object on a revoked proxy': () => ({ a: Object.create(revoked({})) as object }),
  'a proxy of a Map': () => new Proxy(new Map([['a', 1]]), {}),
  'an object with getters that throw': withGetters,
  'an array with a getter that throws': () => Object.defineProperty([1, 2], 0, { get: fail, enumerable: true }),
  'a tag that throws': () => Object.defineProperty({}, Symbol.toStringTag, { get: fail }),
  'a class that throws': () => Object.defineProperty({}, 'constructor', { get: fail }),
  'a proxy whose traps throw': () => new Proxy({}, new Proxy({}, { get: () => fail })),
  'an object that contains itself': circle,
  'an array that contains itself': circularArray,
  'a Map that contains itself': () => {
    const map = new Map<unknown, unknown>();
    return map.set('a', map);
  },
  'arrays, 100,000 levels deep': nested((inner) => [inner]),
  'objects, 100,000 levels deep': nested((inner) => ({ a: inner })),
  'sources, 100,000 levels deep': nested((inner) => ({ interfaces: [], children: [inner] })),
  'Maps, 100,000 levels deep': nested((inner) => new Map([['a', inner]])),
  'variants, 100,000 levels deep': nested((inner) => ({ signature: 'v', value: inner })),
};

/** Whether a value is copied so that a part of it can be replaced: an array, or an object without a class. */
function isTree(value: unknown): value is readonly unknown[] | Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

/** A place in a tree of arrays and objects: the keys that lead to it. */
export type Place = readonly string[];

/** All places of a tree, except for the tree itself. */
export function placesIn(tree: unknown, above: Place = []): readonly Place[] {
  if (!isTree(tree)) return [];
  return Object.entries(tree).flatMap(([key, value]) => [[...above, key], ...placesIn(value, [...above, key])]);
}

/** A copy of a tree with another value in one place. */
export function replaced(tree: unknown, [key, ...rest]: Place, odd: unknown): unknown {
  if (key === undefined || !isTree(tree)) return odd;
  const copy: object = Array.isArray(tree) ? [...tree] : Object.create(Object.getPrototypeOf(tree));
  for (const [name, value] of Object.entries(tree)) {
    const written = name === key ? replaced(value, rest, odd) : value;
    Object.defineProperty(copy, name, { value: written, enumerable: true, writable: true, configurable: true });
  }
  return copy;
}
