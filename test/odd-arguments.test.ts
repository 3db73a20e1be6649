// Every function of dbus-wire/wire, dbus-wire/auth, src/interface and src/protocol that users call, with odd values in
// each place of its arguments: it returns, or throws an error of this package that says what was found and what must
// be. Only an error of the caller's own getters passes through. Predicates return false.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as auth from '../src/auth/index.js';
import * as main from '../src/index.js';
import * as wire from '../src/wire/index.js';
import { some } from './support/extent.js';
import { read } from './support/sources.js';
import { ODD_VALUES, OWN, placesIn, replaced } from './support/odd-values.js';

const { defineInterface, variant } = main;
const { encodeMessage, methodCall, signal } = wire;

const SPEC = {
  name: 'com.example.Player1',
  methods: {
    Play: {
      in: 'su', out: 's', inNames: ['song', 'from'], outNames: ['title'], optional: 1, deprecated: true,
      annotations: { 'com.example.Since': '1.2' }, inAnnotations: [{ 'com.example.Unit': 's' }, {}], outAnnotations: [{}],
    },
    Stop: { noReply: true },
  },
  properties: {
    Volume: { type: 'd', access: 'readwrite', emitsChanged: 'true', deprecated: false, annotations: { 'a.b': 'c' } },
  },
  signals: { Ended: { args: 's', argNames: ['song'], deprecated: true, annotations: {}, argAnnotations: [{ 'a.b': 'c' }] } },
  errors: { NoTrack: 'com.example.Error.NoTrack' },
  deprecated: false,
  annotations: { 'com.example.Since': '1.2' },
} as const;
const Player = defineInterface(SPEC);
const HANDLERS = { methods: { Play: () => 'title', Stop: () => {} }, properties: { Volume: { get: () => 1, set: () => {} } } };
const player = Player.implement({ ...HANDLERS, properties: { Volume: 0.5 } });
const parsed = main.parseIntrospection('<node><interface name="a.b"><method name="M"/></interface><arg/></node>');
const PROBLEM = { code: 'NAME_INVALID', problem: 'text', skipped: true, path: ['a', 'b'], offset: 1, line: 1 };
const details = new Map([['title', variant('s', 'x')]]);
const call = methodCall({ path: '/a', interface: 'a.b', member: 'C', signature: 'sa{sv}', body: ['x', { a: variant('u', 1) }] });
const bytes = encodeMessage(call, { serial: 1 });
const text = encodeMessage(signal({ path: '/a', interface: 'a.b', member: 'C', signature: 's', body: ['x'] }), { serial: 1 });

const cookie = { context: 'a', id: '1', secret: 'x' };
const ok = new TextEncoder().encode(`OK ${'0'.repeat(32)}\r\n`);
const begin = new TextEncoder().encode('\0AUTH ANONYMOUS 00\r\nBEGIN\r\n');

type Call = readonly [run: (...args: never[]) => unknown, ...args: readonly unknown[]];

/** Each function with arguments that it accepts; several times if it has several forms of arguments. */
const CALLS: Readonly<Record<string, readonly Call[]>> = {
  // interfaces
  defineInterface: [[main.defineInterface, SPEC]],
  'a definition: implement': [[Player.implement, HANDLERS], [Player.implement, { ...HANDLERS, properties: { Volume: 0.5 } }]],
  'a definition: implementTyped': [[Player.implementTyped, HANDLERS]],
  'an implementation: emit': [[player.emit, 'Ended', 'song', { path: '/a', destination: 'a.b' }]],
  'an implementation: emitPropertiesChanged': [[player.emitPropertiesChanged, 'Volume', { path: '/a' }]],
  'an implementation: values': [[(value: number) => void (player.values.Volume = value), 1]],
  'a declared error': [[(...args: [string, object]) => new Player.errors.NoTrack(...args), 'text', { body: ['a'], signature: 's' }]],
  parseIntrospection: [[main.parseIntrospection, '<node/>', { strict: true }]],
  formatIntrospection: [[main.formatIntrospection, { interfaces: [Player], children: ['a', 'b'] }]],
  formatDefinitions: [
    [main.formatDefinitions, parsed, { from: 'dbus-wire', origin: 'a', standard: true }],
    [main.formatDefinitions, { interfaces: [Player], children: [{ interfaces: [], problems: [PROBLEM] }], problems: [PROBLEM] }],
    [main.formatDefinitions, { interfaces: [SPEC], children: [{ interfaces: [], children: [] }] }],
  ],
  // values
  isVariantOf: [[main.isVariantOf, variant('s', 'x'), 's']],
  take: [[main.take, details, 'title', 's', 'u'], [main.take, { title: variant('s', 'x') }, 'title', 's']],
  unwrap: [
    [main.unwrap, details], [main.unwrap, { title: variant('s', 'x') }], [main.unwrap, { title: variant('s', 'x') }, { title: 's' }],
  ],
  toPlain: [[main.toPlain, { a: [variant('s', 'x')] }]],
  toJson: [[main.toJson, { a: [variant('s', 'x'), 1] }]],
  variant: [[main.variant, 's', 'x']],
  marshal: [
    [wire.marshal, 's', ['x'], { byteOrder: 'little' }],
    [wire.marshal, 'sa{sv}(uu)avayatas', ['x', { a: variant('u', 1) }, [1, 2], [variant('s', 'x')], [1, 2], [1n], ['x']]],
  ],
  unmarshal: [[wire.unmarshal, 's', Uint8Array.of(1, 0, 0, 0, 65, 0), { byteOrder: 'little' }]],
  // messages
  methodCall: [[wire.methodCall, { path: '/a', interface: 'a.b', member: 'C', destination: 'a.b', flags: 0, signature: 's', body: ['x'] }]],
  methodReturn: [[wire.methodReturn, { serial: 1, sender: ':1.1' }, { signature: 's', body: ['x'] }]],
  errorReply: [[wire.errorReply, { serial: 1, sender: ':1.1' }, { errorName: 'a.b', message: 'x' }]],
  signal: [[wire.signal, { path: '/a', interface: 'a.b', member: 'C', destination: 'a.b', signature: 's', body: ['x'] }]],
  encodeMessage: [
    [wire.encodeMessage, { ...call, sender: ':1.1', destination: ':1.2', unknownFields: [{ code: 200, value: variant('s', 'x') }] },
      { serial: 1, byteOrder: 'big', allowUnixFds: false }],
    [wire.encodeMessage, wire.errorReply({ serial: 1, sender: ':1.1' }, { errorName: 'a.b', message: 'x' }), { serial: 2 }],
  ],
  decodeMessage: [[wire.decodeMessage, bytes, { typedArrays: true }]],
  decodeHeader: [[wire.decodeHeader, bytes]],
  decodeBody: [[wire.decodeBody, wire.decodeHeader(bytes), bytes, { maxValues: 100 }]],
  checkBody: [[wire.checkBody, wire.decodeHeader(bytes), bytes, { maxValues: 100 }]],
  readEnvelope: [[wire.readEnvelope, bytes]],
  readdress: [[wire.readdress, text, { serial: 2, flags: 1, destination: 'a.b', sender: ':1.1', stripUnknownFields: true }]],
  dissect: [[wire.dissect, bytes, { maxParts: 10 }]],
  formatDissection: [[wire.formatDissection, text, wire.dissect(text).slice(0, 2).concat(wire.dissect(text.subarray(0, 17)).slice(-2))]],
  FrameReader: [[(options: object, chunk: Uint8Array) => new wire.FrameReader(options).push(chunk), { maxMessageLength: 100 }, bytes]],
  MessageReader: [
    [(options: object, chunk: Uint8Array) => new wire.MessageReader(options).push(chunk),
      { maxMessageLength: 1_000, onInvalidMessage: () => {} }, bytes],
  ],
  // names and signatures
  ...Object.fromEntries(Object.entries(wire).filter(([name]) => /^(?:is|assert)[A-Z]\w+(?:Name|Path)$/.test(name))
    .map(([name, run]) => [name, [[run as Call[0], name.endsWith('Path') ? '/a' : /Member/.test(name) ? 'a' : /Unique/.test(name) ? ':1.1' : 'a.b']]])),
  parseSignature: [[wire.parseSignature, 's']],
  splitSignature: [[wire.splitSignature, 's']],
  // the rules of a bus
  escapePathElement: [[main.escapePathElement, 'x']],
  unescapePathElement: [[main.unescapePathElement, 'x']],
  parseAddresses: [[main.parseAddresses, 'unix:path=/a']],
  formatAddress: [[main.formatAddress, { transport: 'unix', keys: { path: '/a' }, guid: '0'.repeat(32) }]],
  escapeAddressValue: [[main.escapeAddressValue, 'x']],
  unescapeAddressValue: [[main.unescapeAddressValue, 'x']],
  parseMatchRule: [[main.parseMatchRule, "type='signal'"]],
  formatMatchRule: [[main.formatMatchRule, { type: 'signal', sender: 'a.b', path: '/a', interface: 'a.b', member: 'C', args: { 0: 'x' } }]],
  // authentication
  external: [[auth.external, { uid: '1000' }]],
  anonymous: [[auth.anonymous, { trace: 'x' }]],
  cookieSha1: [[auth.cookieSha1, { uid: '1000', findCookie: () => 'x', sha1: () => 'x', challenge: () => 'x' }]],
  externalServer: [[(check: () => string) => auth.externalServer(check).begin(bytes.subarray(0, 0)), () => '1000']],
  anonymousServer: [[auth.anonymousServer]],
  cookieSha1Server: [[auth.cookieSha1Server, { uid: '1', names: ['me'], takeCookie: () => cookie, sha1: () => 'x', challenge: () => 'x' }]],
  AuthClient: [
    [(options: never, line: Uint8Array) => {
      const client = new auth.AuthClient(options);
      return [client.start(), client.receive(line)];
    }, { mechanisms: [auth.external({ uid: '1000' })], earlyBegin: false, negotiateUnixFds: true }, ok],
  ],
  AuthServer: [
    [(options: never, lines: Uint8Array) => new auth.AuthServer(options).receive(lines),
      { guid: '0'.repeat(32), mechanisms: [auth.anonymousServer()], authorize: () => true, unixFds: true }, begin],
  ],
  DBusError: [[(...args: [string, string, object]) => new main.DBusError(...args), 'a.b', 'text', { body: ['a'], signature: 's' }]],
};

const rows = Object.entries(CALLS).flatMap(([name, calls]) => calls.map(([run, ...args], index) => ({
  title: calls.length > 1 ? `${name} (${index + 1})` : name, run: run as (...args: unknown[]) => unknown, args, // each with its own
})));

/** An error without its class, or the part of an error text that is missing. */
function faultOf(error: unknown, owner: string): string | undefined {
  if (error === OWN) return undefined;
  if (!(error instanceof wire.DBusWireError)) return error instanceof Error ? `${error.name}: ${error.message}` : 'not an error';
  if (typeof error.code !== 'string') return 'an error without a code';
  if (error.message.length > 1_500) return 'an error text that is too long';
  return /must|expected|is not|cannot|did you mean/.test(error.message) ? undefined : `${owner} does not say what must be: ${error.message}`;
}

/** Of this many pairs of a place and a value, one is tested in `npm test`, and all in `npm run test:heavy`. */
const STEP = 29;

const { stackTraceLimit } = Error;
beforeAll(() => {
  Error.stackTraceLimit = 1; // tens of thousands of errors: making their stacks takes most of the time
});
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit;
});

describe('odd values in the arguments of', () => {
  test.each(rows)('$title never cause an error of the engine', ({ title, run, args }) => {
    expect(faultOf(thrownBy(() => run(...args)) ?? OWN, title), 'the arguments of the table are accepted').toBeUndefined();
    // The step and the number of values have no common divisor, so that the places get different values.
    const pairs = placesIn(args).flatMap((place) => Object.entries(ODD_VALUES).map(([odd, make]) => ({ place, odd, make })));
    const faults = some(pairs, STEP).flatMap(({ place, odd, make }) => {
      const changed = replaced(args, place, make()) as unknown[]; // a copy of an array
      const error = thrownBy(() => run(...changed));
      const fault = error === undefined ? undefined : faultOf(error, title);
      return fault === undefined ? [] : [`${place.join('.')} is ${odd}: ${fault}`];
    });
    expect(faults).toEqual([]);
  });
});

/** What a function throws; undefined if it returns. */
function thrownBy(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error ?? 'nothing';
  }
}

test.each(Object.entries(CALLS).filter(([name]) => /^is[A-Z]/.test(name)))('%s is false for every odd value', (_, [first]) => {
  const [run, , ...others] = first!; // each has one row
  const predicate = run as (...args: unknown[]) => unknown;
  expect(Object.entries(ODD_VALUES).filter(([, make]) => predicate(make(), ...others) !== false)).toEqual([]);
});

test('the table has every function of dbus-wire/wire, dbus-wire/auth, src/interface and src/protocol', () => {
  const names = (module: object): readonly string[] => Object.entries(module)
    .filter(([name, value]) => typeof value === 'function' && !/Error$/.test(name)).map(([name]) => name);
  const pure = new Set([...read('src/index.ts').matchAll(/^export \{([^}]*)\} from '\.\/(?:interface|protocol|wire)\/[^']+'/gm)]
    .flatMap(([, list = '']) => list.split(',').map((name) => name.trim())));
  const expected = [...names(wire), ...names(auth), ...names(main).filter((name) => pure.has(name))];
  expect(expected.length).toBeGreaterThan(40);
  expect(expected.filter((name) => !Object.hasOwn(CALLS, name))).toEqual([]);
});
